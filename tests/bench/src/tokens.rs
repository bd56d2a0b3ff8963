//! The token endpoint: code exchanges and refreshes with 64 callers, durable commits.

use crate::load::{self, Answer, Figures, post};
use crate::server::Server;
use actix::prelude::*;
use anyhow::Context as _;
use docent_store::actors::Ledger;
use docent_store::{Database, NewUser, Store};
use docent_types::ids::{ClientId, GrantId, ProjectId, UserId};
use docent_types::messages::{IssueCode, RegisterClient};
use docent_types::random::SystemRandomness;
use docent_types::registration::Client;
use docent_types::scope::ScopeSet;
use docent_types::secret::Secret;
use docent_types::time::{Clock as _, SystemClock};
use docent_types::{pkce, redirect_uri};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// How many ask at once.
pub const CALLERS: usize = 64;
const REDIRECT: &str = "http://localhost:7777/callback";
pub(crate) const VERIFIER: &str = "a-verifier-of-the-benchmark-that-has-enough-characters";
pub(crate) const FORM: &str = "Content-Type: application/x-www-form-urlencoded\r\n";

/// What was measured.
pub struct Measured {
    /// `authorization_code`.
    pub exchange: Figures,
    /// `refresh_token`.
    pub refresh: Figures,
}

/// Whom a code is for.
#[derive(Clone)]
pub struct Party {
    /// The person.
    pub user: UserId,
    /// Their project.
    pub project: ProjectId,
    /// The client.
    pub client: ClientId,
}

/// A new person and client.
async fn newcomers(store: &Store, ledger: &Addr<Ledger>) -> anyhow::Result<Party> {
    let now = SystemClock.now();
    let (user, project) = (UserId::generate(now, &SystemRandomness), ProjectId::generate(now, &SystemRandomness));
    let new = NewUser {
        id: user,
        email: format!("{user}@bench.invalid"),
        name: String::new(),
        password_hash: None,
        is_admin: false,
        now,
        project,
    };
    store.create_user(new).await?;
    let client = Client::public(&format!("c_bench_{user}"), &[REDIRECT], now);
    let id = client.id.clone();
    ledger.send(RegisterClient { client, from: None }).await??;
    Ok(Party { user, project, client: id })
}

/// Codes, written through a ledger of this process: for the party of each number, or all for a new person and client. Each is the code,
/// NUL, and the client.
///
/// # Errors
/// The database cannot be asked, or a code was refused.
pub async fn codes(database: &Database, resource: &str, count: usize, of: Option<&dyn Fn(usize) -> Party>) -> anyhow::Result<Vec<String>> {
    let store = Store::connect(database, 4).await?;
    let ledger = Ledger::new(store.clone(), None, Arc::new(SystemClock)).start();
    let only = match of {
        Some(_) => None,
        None => Some(newcomers(&store, &ledger).await?),
    };
    let now = SystemClock.now();
    let mut codes = Vec::with_capacity(count);
    while codes.len() < count {
        let from = codes.len();
        let batch: Vec<_> = (from..count.min(from + 256))
            .filter_map(|number| of.map(|of| of(number)).or_else(|| only.clone()))
            .map(|Party { user, project, client }| {
                let code = Secret::generate(&SystemRandomness, "");
                let message = IssueCode {
                    ticket: Secret::generate(&SystemRandomness, "").hash(),
                    grant: GrantId::generate(now, &SystemRandomness),
                    user,
                    client: client.clone(),
                    project,
                    scopes: ScopeSet::resource_default(),
                    resource: resource.to_owned(),
                    code: code.hash(),
                    redirect_key: redirect_uri::key(REDIRECT),
                    code_challenge: pkce::s256(VERIFIER),
                    nonce: None,
                    authenticated_at: now,
                    now,
                    expires_at: now.after(Duration::from_secs(3600)),
                    from: None,
                };
                codes.push(format!("{}\u{0}{}", code.expose(), client));
                ledger.send(message)
            })
            .collect();
        for answer in batch {
            answer.await??.ok().context("a code was refused")?;
        }
    }
    Ok(codes)
}

/// Somebody who asks for tokens.
pub struct Caller {
    host: String,
    codes: Vec<String>,
    refresh: Vec<String>,
    access: String,
    client: String,
}

/// Takes the tokens from an answer.
pub fn learn(caller: &mut Caller, answer: &Answer) -> bool {
    let Ok(body) = serde_json::from_slice::<serde_json::Value>(&answer.body) else { return false };
    match (body["refresh_token"].as_str(), body["access_token"].as_str()) {
        (Some(refresh), Some(access)) => {
            caller.refresh.push(refresh.to_owned());
            access.clone_into(&mut caller.access);
            true
        }
        _ => {
            eprintln!("{} {body}", answer.status);
            false
        }
    }
}

fn exchange(caller: &mut Caller) -> Option<Vec<u8>> {
    let line = caller.codes.pop()?;
    let (code, client) = line.split_once('\u{0}')?;
    client.clone_into(&mut caller.client);
    let body = format!(
        "grant_type=authorization_code&code={code}&client_id={client}&code_verifier={VERIFIER}&redirect_uri=http%3A%2F%2Flocalhost%3A7777%2Fcallback"
    );
    Some(post("/oauth/token", &caller.host, FORM, &body))
}

/// The next refresh of a caller.
pub fn refresh(caller: &mut Caller) -> Option<Vec<u8>> {
    // The newest token of this caller: each answer gives its successor.
    let token = caller.refresh.pop()?;
    Some(post("/oauth/token", &caller.host, FORM, &format!("grant_type=refresh_token&refresh_token={token}&client_id={}", caller.client)))
}

/// An access token of a running server.
///
/// # Errors
/// The server did not give one.
pub async fn one(server: &Server, database: &Database) -> anyhow::Result<String> {
    let host = server.host();
    let codes = codes(database, &format!("http://{host}/mcp"), 1, None).await?;
    let mut caller = Caller { host, codes, refresh: Vec::new(), access: String::new(), client: String::new() };
    let request = exchange(&mut caller).context("no code")?;
    let answer = load::Connection::open(server.address).await?.ask(&request).await?;
    anyhow::ensure!(learn(&mut caller, &answer), "the exchange failed");
    Ok(caller.access)
}

/// Callers that have a refresh token each.
///
/// # Errors
/// The server did not give them.
pub async fn connected(server: &Server, database: &Database) -> anyhow::Result<Vec<Caller>> {
    let host = server.host();
    let mut callers = Vec::with_capacity(CALLERS);
    let mut connection = load::Connection::open(server.address).await?;
    for code in codes(database, &format!("http://{host}/mcp"), CALLERS, None).await? {
        let mut caller =
            Caller { host: host.clone(), codes: vec![code], refresh: Vec::new(), access: String::new(), client: String::new() };
        let request = exchange(&mut caller).context("no code")?;
        let answer = connection.ask(&request).await?;
        anyhow::ensure!(learn(&mut caller, &answer), "an exchange failed");
        callers.push(caller);
    }
    Ok(callers)
}

/// Measures both on a server with `data` or Postgres.
///
/// # Errors
/// The server did not start, or did not answer.
pub async fn measure(data: &Path, postgres: Option<&str>, seconds: u64) -> anyhow::Result<Measured> {
    let server = Server::start(data, postgres, false)?;
    let database = match postgres {
        Some(url) => Database::Postgres(url.to_owned()),
        None => Database::Sqlite(data.join("docent.sqlite")),
    };
    let host = server.host();
    let all = codes(&database, &format!("http://{host}/mcp"), 9_000 * usize::try_from(seconds)?, None).await?;
    let share = all.len() / CALLERS;
    let callers = |all: &[String]| -> Vec<Caller> {
        all.chunks(share)
            .take(CALLERS)
            .map(|codes| Caller {
                host: host.clone(),
                codes: codes.to_vec(),
                refresh: Vec::new(),
                access: String::new(),
                client: String::new(),
            })
            .collect()
    };
    // One caller of each kind first, so that both measures start with open connections and filled caches.
    let mut seeds = Vec::new();
    let mut client = String::new();
    for code in &all[all.len() - CALLERS..] {
        let mut caller =
            Caller { host: host.clone(), codes: vec![code.clone()], refresh: Vec::new(), access: String::new(), client: String::new() };
        let mut connection = load::Connection::open(server.address).await?;
        let request = exchange(&mut caller).context("no code")?;
        let answer = connection.ask(&request).await?;
        anyhow::ensure!(learn(&mut caller, &answer), "an exchange failed");
        client.clone_from(&caller.client);
        seeds.push(caller.refresh);
    }
    let exchanged = load::run(server.address, callers(&all[..all.len() - CALLERS]), Duration::from_secs(seconds), exchange, learn).await?;
    let refreshing: Vec<Caller> = seeds
        .into_iter()
        .map(|refresh| Caller { host: host.clone(), codes: Vec::new(), refresh, access: String::new(), client: client.clone() })
        .collect();
    let refreshed = load::run(server.address, refreshing, Duration::from_secs(seconds), refresh, learn).await?;
    Ok(Measured { exchange: exchanged, refresh: refreshed })
}
