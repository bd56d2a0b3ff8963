//! `docent key …`

use crate::command_line::Key;
use crate::installation::Installation;
use anyhow::{Context as _, bail};
use docent_store::{ApiKey, ApiKeyHolder, StoreError};
use docent_types::api_key;
use docent_types::scope::{Scope, ScopeSet};
use docent_types::time::Timestamp;
use serde_json::json;

/// What a key may permit: the rest of the scopes is for people who sign in.
const PERMITS: [Scope; 2] = [Scope::DocsRead, Scope::LibrariesWrite];

/// Runs the command.
///
/// # Errors
/// In words for the operator.
pub async fn run(installation: &Installation, command: Key) -> anyhow::Result<()> {
    match command {
        Key::Add { email, name, project, scope, expires, json } => {
            add(installation, &email, name.trim(), project.as_deref(), &scope, &expires, json).await
        }
        Key::List { email, json } => list(installation, email.as_deref(), json).await,
        Key::Revoke { id } => {
            if !installation.store.revoke_api_key(id, None, installation.clock.now(), None).await? {
                bail!("there is no key {id} that can be revoked; docent key list shows them");
            }
            println!("Revoked {id}.");
            Ok(())
        }
    }
}

fn scopes(text: &str) -> anyhow::Result<ScopeSet> {
    let mut scopes = Vec::new();
    for word in text.split_whitespace() {
        match Scope::parse(word).filter(|scope| PERMITS.contains(scope)) {
            Some(scope) => scopes.push(scope),
            None => bail!("a key permits {} and nothing else, not \"{word}\"", PERMITS.map(Scope::as_str).join(" or ")),
        }
    }
    if scopes.is_empty() {
        bail!("a key that permits nothing is of no use: --scope {}", Scope::DocsRead.as_str());
    }
    Ok(ScopeSet::from_iter(scopes))
}

async fn add(
    installation: &Installation,
    email: &str,
    name: &str,
    project: Option<&str>,
    scope: &str,
    expires: &str,
    as_json: bool,
) -> anyhow::Result<()> {
    if !api_key::is_name(name) {
        bail!("a key's name has 1 to 100 characters, on one line");
    }
    let scopes = scopes(scope)?;
    let now = installation.clock.now();
    let expires_at = match expires {
        "never" => None,
        text => Some(now.after(super::client_token::duration(text).map_err(|wrong| anyhow::anyhow!("--expires: {wrong}, or never"))?)),
    };
    let store = &installation.store;
    let user = store.user_by_email(email).await?.with_context(|| format!("there is nobody with the address {email}"))?;
    let projects = store.projects_of(user.id).await?;
    let chosen = match project {
        Some(name) => {
            let wanted = store.project_by_name(name).await?.with_context(|| format!("there is no project \"{name}\""))?;
            projects.into_iter().find(|(project, _)| project.id == wanted.id).map(|(project, _)| project)
        }
        None => projects.into_iter().map(|(project, _)| project).find(|project| project.personal_of == Some(user.id)),
    };
    let project = chosen.with_context(|| format!("{} is not a member of that project", user.email))?;
    let secret = api_key::generate(&*installation.randomness);
    let key = ApiKey { expires_at, ..ApiKey::new(name, &secret, (user.id, project.id), scopes, now, &*installation.randomness) };
    match store.create_api_key(&key, secret.hash(), None).await {
        Err(StoreError::Conflict(_)) => bail!("{} is disabled, or has too many keys: revoke some", user.email),
        other => other?,
    }
    if as_json {
        let mut shown = as_value(&ApiKeyHolder { key, email: user.email, project_name: project.name }, now);
        shown["api_key"] = secret.expose().into();
        println!("{shown:#}");
    } else {
        let until = expires_at.map_or_else(|| "until it is revoked".to_owned(), |at| format!("until {at}"));
        println!(
            "This key speaks for {} in the project \"{}\" {until}. It is not shown again:\n  {}",
            user.email,
            project.name,
            secret.expose()
        );
    }
    Ok(())
}

fn as_value(holder: &ApiKeyHolder, now: Timestamp) -> serde_json::Value {
    let key = &holder.key;
    json!({
        "id": key.id,
        "name": key.name,
        "hint": key.hint,
        "email": holder.email,
        "project": holder.project_name,
        "scope": key.scopes.to_string(),
        "state": state(key, now),
        "created_at": key.created_at.seconds(),
        "expires_at": key.expires_at.map(Timestamp::seconds),
        "last_used_at": key.last_used_at.map(Timestamp::seconds),
    })
}

fn state(key: &ApiKey, now: Timestamp) -> &'static str {
    if key.has_ended(now) { "expired" } else { "good" }
}

async fn list(installation: &Installation, email: Option<&str>, as_json: bool) -> anyhow::Result<()> {
    let of = match email {
        Some(email) => {
            Some(installation.store.user_by_email(email).await?.with_context(|| format!("there is nobody with the address {email}"))?.id)
        }
        None => None,
    };
    let (keys, now) = (installation.store.api_keys(of).await?, installation.clock.now());
    if as_json {
        println!("{:#}", serde_json::Value::from_iter(keys.iter().map(|key| as_value(key, now))));
        return Ok(());
    }
    if keys.is_empty() {
        println!("There are no keys. Make one with: docent key add EMAIL NAME");
        return Ok(());
    }
    let rows: Vec<Vec<String>> = keys
        .iter()
        .map(|holder| {
            let key = &holder.key;
            let time = |at: Option<Timestamp>, none: &str| at.map_or_else(|| none.to_owned(), |at| at.to_string());
            vec![
                key.id.to_string(),
                key.name.clone(),
                format!("{}…", key.hint),
                holder.email.clone(),
                holder.project_name.clone(),
                key.scopes.to_string(),
                if state(key, now) == "good" { time(key.expires_at, "never") } else { "expired".to_owned() },
                time(key.last_used_at, "never"),
            ]
        })
        .collect();
    super::print_table(&["ID", "NAME", "KEY", "PERSON", "PROJECT", "SCOPE", "EXPIRES", "LAST USED"], &rows);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_permits_what_keys_may() {
        assert_eq!(scopes("docs:read libraries:write").unwrap().to_string(), "docs:read libraries:write");
        for wrong in ["", "openid", "docs:read email", "everything"] {
            assert!(scopes(wrong).is_err(), "{wrong}");
        }
    }
}
