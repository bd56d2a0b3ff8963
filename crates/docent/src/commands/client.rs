//! `docent client …`

use crate::command_line::{AddClient, Client as Command, ClientAuthMethod};
use crate::installation::Installation;
use actix::prelude::*;
use anyhow::{Context as _, bail};
use docent_authorization_server::registration::metadata::NAME_LIMIT;
use docent_authorization_server::token::{client_credentials, jwt_bearer};
use docent_store::ServiceAccount;
use docent_store::actors::Ledger;
use docent_types::device;
use docent_types::ids::{ClientId, ProjectId, UserId, uuid_v7};
use docent_types::messages::{ChangeClient, ChangedBy, ClientChange, RegisterClient, Unchanged};
use docent_types::redirect_uri;
use docent_types::registration::{AuthMethod, Client, ClientOrigin};
use docent_types::scope::Scope;
use docent_types::secret::Secret;
use serde_json::{Value, json};
use std::path::Path;

/// The grant types that an operator may give: as typed, and as on the wire.
const GRANTS: [(&str, &str); 5] = [
    ("authorization_code", "authorization_code"),
    ("refresh_token", "refresh_token"),
    ("client_credentials", client_credentials::NAME),
    ("jwt-bearer", jwt_bearer::NAME),
    ("device_code", device::GRANT_TYPE),
];

/// Runs the command.
///
/// # Errors
/// In words for the operator.
pub async fn run(installation: &Installation, command: Command) -> anyhow::Result<()> {
    match command {
        Command::Add(wanted) => add(installation, wanted).await,
        Command::List { limit, json } => list(installation, limit, json).await,
        Command::Show { id, json } => show(installation, id, json).await,
        Command::Disable { id } => {
            let client = change(installation, id, ClientChange::Disable).await?;
            println!("Blocked {} (\"{}\"). What people allowed it is revoked.", client.id, shown(&client.name));
            Ok(())
        }
        Command::Enable { id } => {
            let client = change(installation, id, ClientChange::Enable).await?;
            println!("{} (\"{}\") may connect again. People have to allow it anew.", client.id, shown(&client.name));
            Ok(())
        }
        Command::Secret { id, json } => new_secret(installation, id, json).await,
        Command::Remove { id } => {
            let client = change(installation, id, ClientChange::Remove).await?;
            println!("Removed {} (\"{}\"). What people allowed it is revoked.", client.id, shown(&client.name));
            if client.origin == ClientOrigin::Dynamic {
                println!("It registered by itself and may do so again. To keep it out: docent client disable");
            }
            Ok(())
        }
        Command::Token(command) => super::client_token::run(installation, command).await,
    }
}

async fn add(installation: &Installation, wanted: AddClient) -> anyhow::Result<()> {
    let as_json = wanted.json;
    let named = wanted.project.clone();
    let client = draft(installation, wanted)?;
    let project = project(installation, named.as_deref(), client.may_use(client_credentials::NAME)).await?;
    let secret = matches!(client.auth_method, AuthMethod::ClientSecretBasic | AuthMethod::ClientSecretPost)
        .then(|| Secret::generate(&*installation.randomness, ""));
    let client = Client { secret_hash: secret.as_ref().map(Secret::hash), ..client };
    let client = ledger(installation).send(RegisterClient { client, from: None }).await??;
    if let Some(project) = project {
        let now = installation.clock.now();
        let account = ServiceAccount { user: UserId::generate(now, &*installation.randomness), project };
        installation.store.create_service_account(&client.id, &client.name, account, now).await?;
    }
    if as_json {
        let mut registration = as_value(&client);
        if let Some(secret) = &secret {
            registration["client_secret"] = secret.expose().into();
        }
        println!("{registration:#}");
        return Ok(());
    }
    println!("Added \"{}\".\n  client_id:     {}", client.name, client.id);
    if let Some(secret) = &secret {
        println!("  client_secret: {}\nThe secret is not shown again.", secret.expose());
    }
    Ok(())
}

/// The project that a machine client acts for; only such a client has one.
async fn project(installation: &Installation, named: Option<&str>, is_machine: bool) -> anyhow::Result<Option<ProjectId>> {
    match named {
        None if is_machine => bail!("--grant client_credentials needs --project: the project that the client acts for"),
        Some(_) if !is_machine => {
            bail!("--project goes with --grant client_credentials: people choose the project when they allow a client")
        }
        None => Ok(None),
        Some(name) => {
            let found = installation.store.project_by_name(name).await?;
            let found = found.with_context(|| format!("there is no project \"{name}\"; docent project list shows them"))?;
            if found.personal_of.is_some() {
                bail!("\"{name}\" is somebody's own project; add a shared one with: docent project add NAME");
            }
            Ok(Some(found.id))
        }
    }
}

/// What is asked for, as a client without a secret.
fn draft(installation: &Installation, wanted: AddClient) -> anyhow::Result<Client> {
    let name = wanted.name.trim();
    if name.is_empty() || name.chars().count() > NAME_LIMIT || name.chars().any(char::is_control) {
        bail!("a client's name has 1 to {NAME_LIMIT} characters, on one line");
    }
    for uri in &wanted.redirect_uris {
        redirect_uri::check(uri).map_err(|why| anyhow::anyhow!("--redirect-uri {uri} {why}"))?;
    }
    let grant_types = grants(&wanted)?;
    let auth_method = auth_method(&wanted, &grant_types)?;
    let scope = wanted.scope.as_deref().map(scopes).transpose()?;
    let now = installation.clock.now();
    Ok(Client {
        name: name.to_owned(),
        redirect_uris: wanted.redirect_uris,
        grant_types,
        auth_method,
        scope,
        jwks: wanted.jwks.as_deref().map(key_set).transpose()?,
        jwks_uri: wanted.jwks_uri,
        origin: ClientOrigin::Operator,
        ..Client::public(&format!("c_{}", uuid_v7(now, &*installation.randomness).simple()), &[], now)
    })
}

fn grants(wanted: &AddClient) -> anyhow::Result<Vec<String>> {
    let is_named = |grant: &(&str, &str), wanted: &str| wanted == grant.0 || wanted == grant.1;
    if let Some(unknown) = wanted.grants.iter().find(|wanted| !GRANTS.iter().any(|grant| is_named(grant, wanted))) {
        bail!("--grant {unknown}: it must be one of {}", GRANTS.map(|(typed, _)| typed).join(", "));
    }
    let grants: Vec<String> = match wanted.grants.as_slice() {
        [] => vec!["authorization_code".to_owned(), "refresh_token".to_owned()],
        some => {
            let given = GRANTS.iter().filter(|grant| some.iter().any(|wanted| is_named(grant, wanted)));
            given.map(|(_, on_the_wire)| (*on_the_wire).to_owned()).collect()
        }
    };
    let asks_people = grants.iter().any(|grant| grant == "authorization_code");
    if asks_people && wanted.redirect_uris.is_empty() {
        bail!("a client that asks people needs at least one --redirect-uri");
    }
    if !asks_people && !wanted.redirect_uris.is_empty() {
        bail!("--redirect-uri is of no use without --grant authorization_code");
    }
    Ok(grants)
}

fn auth_method(wanted: &AddClient, grants: &[String]) -> anyhow::Result<AuthMethod> {
    let is_machine = grants.iter().any(|grant| grant == client_credentials::NAME || grant == jwt_bearer::NAME);
    let has_keys = wanted.jwks.is_some() || wanted.jwks_uri.is_some();
    let method = match wanted.auth_method {
        Some(ClientAuthMethod::None) => AuthMethod::None,
        Some(ClientAuthMethod::ClientSecretBasic) => AuthMethod::ClientSecretBasic,
        Some(ClientAuthMethod::ClientSecretPost) => AuthMethod::ClientSecretPost,
        Some(ClientAuthMethod::PrivateKeyJwt) => AuthMethod::PrivateKeyJwt,
        None if has_keys => AuthMethod::PrivateKeyJwt,
        None if is_machine => AuthMethod::ClientSecretBasic,
        None => AuthMethod::None,
    };
    if (method == AuthMethod::PrivateKeyJwt) != has_keys {
        bail!("--auth-method private_key_jwt goes with --jwks FILE or --jwks-uri URL, and they with it");
    }
    if method == AuthMethod::None && is_machine {
        bail!("client_credentials and jwt-bearer need a client that proves itself: --auth-method client_secret_basic or private_key_jwt");
    }
    if let Some(uri) = &wanted.jwks_uri
        && !url::Url::parse(uri).is_ok_and(|url| url.scheme() == "https" && url.username().is_empty() && url.fragment().is_none())
    {
        bail!("--jwks-uri must be an https URL");
    }
    Ok(method)
}

fn scopes(text: &str) -> anyhow::Result<String> {
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    let known = || Scope::ALL.map(Scope::as_str).join(", ");
    if let Some(unknown) = words.iter().find(|word| Scope::parse(word).is_none()) {
        bail!("there is no scope {unknown}; there are {}", known());
    }
    if words.is_empty() {
        bail!("--scope names none of {}", known());
    }
    Ok(words.join(" "))
}

/// A file with public keys, and nothing secret in it.
fn key_set(path: &Path) -> anyhow::Result<Value> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let set: Value = serde_json::from_str(&text).with_context(|| format!("{} is not JSON", path.display()))?;
    let keys = set["keys"].as_array().filter(|keys| !keys.is_empty() && keys.iter().all(Value::is_object));
    let Some(keys) = keys else { bail!("{} is not a JSON Web Key Set: an object with \"keys\", a list of keys", path.display()) };
    if keys.iter().any(|key| ["d", "k", "p", "q"].iter().any(|member| key.get(member).is_some())) {
        bail!("{} has a private or symmetric key in it: give the public keys only", path.display());
    }
    Ok(json!({ "keys": keys }))
}

fn ledger(installation: &Installation) -> Addr<Ledger> {
    Ledger::new(installation.store.clone(), None, installation.clock.clone()).start()
}

/// Changes a client through a ledger of this process; a running server sees it within its next turn.
async fn change(installation: &Installation, id: String, change: ClientChange) -> anyhow::Result<Client> {
    let message = ChangeClient { client: ClientId(id.clone()), change, by: ChangedBy::Operator, now: installation.clock.now(), from: None };
    match ledger(installation).send(message).await?? {
        Ok(client) => Ok(client),
        Err(Unchanged::Unknown | Unchanged::Blocked) => bail!("there is no client {id}; docent client list shows them"),
    }
}

async fn new_secret(installation: &Installation, id: String, as_json: bool) -> anyhow::Result<()> {
    let client = find(installation, &id).await?;
    if client.secret_hash.is_none() {
        bail!("{id} has no secret: it proves itself with {}", client.auth_method.as_str());
    }
    let secret = Secret::generate(&*installation.randomness, "");
    change(installation, id.clone(), ClientChange::Secret(secret.hash())).await?;
    if as_json {
        println!("{:#}", json!({ "client_id": id, "client_secret": secret.expose() }));
    } else {
        println!("The new secret of {id}; the old one is refused from now on. It is not shown again:\n  {}", secret.expose());
    }
    Ok(())
}

async fn find(installation: &Installation, id: &str) -> anyhow::Result<Client> {
    let found = installation.store.client(&ClientId(id.to_owned())).await?;
    found.with_context(|| format!("there is no client {id}; docent client list shows them"))
}

async fn list(installation: &Installation, limit: u64, as_json: bool) -> anyhow::Result<()> {
    let clients = installation.store.clients(limit).await?;
    if as_json {
        println!("{:#}", Value::from_iter(clients.iter().map(as_value)));
        return Ok(());
    }
    if clients.is_empty() {
        println!("There are no clients yet. They register by themselves, or add one with: docent client add NAME --redirect-uri URI");
        return Ok(());
    }
    let rows: Vec<Vec<String>> = clients
        .iter()
        .map(|client| {
            vec![
                client.id.to_string(),
                shown(&client.name),
                client.origin.as_str().to_owned(),
                client.auth_method.as_str().to_owned(),
                if client.disabled { "blocked" } else { "good" }.to_owned(),
                client.last_used_at.map_or_else(|| "never".to_owned(), |at| at.to_string()),
            ]
        })
        .collect();
    super::print_table(&["CLIENT_ID", "NAME", "ORIGIN", "PROVES ITSELF BY", "STATE", "LAST USED"], &rows);
    Ok(())
}

async fn show(installation: &Installation, id: String, as_json: bool) -> anyhow::Result<()> {
    let value = as_value(&find(installation, &id).await?);
    if as_json {
        println!("{value:#}");
        return Ok(());
    }
    for (field, value) in value.as_object().into_iter().flatten() {
        let text = match value {
            Value::String(text) => shown(text),
            Value::Array(items) if items.iter().all(Value::is_string) => {
                items.iter().filter_map(Value::as_str).map(shown).collect::<Vec<_>>().join("\n                              ")
            }
            other => other.to_string(),
        };
        println!("{field:28}  {text}");
    }
    Ok(())
}

/// What strangers wrote does not steer the terminal.
fn shown(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// In the words of RFC 7591, and ours for what it has none for.
fn as_value(client: &Client) -> Value {
    let mut value = json!({
        "client_id": client.id.as_str(),
        "client_name": client.name,
        "redirect_uris": client.redirect_uris,
        "grant_types": client.grant_types,
        "token_endpoint_auth_method": client.auth_method.as_str(),
        "client_id_issued_at": client.created_at.seconds(),
        "origin": client.origin.as_str(),
        "disabled": client.disabled,
    });
    let optional = [
        ("scope", client.scope.clone().map(Value::from)),
        ("client_uri", client.client_uri.clone().map(Value::from)),
        ("software_id", client.software_id.clone().map(Value::from)),
        ("software_version", client.software_version.clone().map(Value::from)),
        ("application_type", client.application_type.clone().map(Value::from)),
        ("jwks", client.jwks.clone()),
        ("jwks_uri", client.jwks_uri.clone().map(Value::from)),
        ("last_used_at", client.last_used_at.map(|at| at.seconds().into())),
    ];
    for (field, some) in optional {
        if let Some(some) = some {
            value[field] = some;
        }
    }
    value
}
