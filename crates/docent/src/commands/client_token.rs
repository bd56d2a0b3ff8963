//! `docent client token …`

use crate::command_line::ClientToken;
use crate::installation::Installation;
use anyhow::bail;
use docent_store::InitialAccessToken;
use docent_types::ids::uuid_v7;
use docent_types::secret::Secret;
use docent_types::time::Timestamp;
use serde_json::json;
use std::time::Duration;

const LONGEST: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// Reads `30m`, `12h`, `7d`.
///
/// # Errors
/// What is expected.
pub fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "write a number and m, h or d: 30m, 12h, 7d (at most 366d)".to_owned();
    let unit = match text.chars().last() {
        Some('m') => 60,
        Some('h') => 60 * 60,
        Some('d') => 24 * 60 * 60,
        _ => return Err(wrong()),
    };
    let count: u64 = text[..text.len() - 1].parse().map_err(|_| wrong())?;
    let duration = Duration::from_secs(count.saturating_mul(unit));
    if duration.is_zero() || duration > LONGEST { Err(wrong()) } else { Ok(duration) }
}

/// Runs the command.
///
/// # Errors
/// In words for the operator.
pub async fn run(installation: &Installation, command: ClientToken) -> anyhow::Result<()> {
    match command {
        ClientToken::Create { expires, uses, label, json } => create(installation, expires, uses, label.trim(), json).await,
        ClientToken::List { json } => list(installation, json).await,
        ClientToken::Revoke { id } => {
            if !installation.store.revoke_initial_access_token(id, installation.clock.now()).await? {
                bail!("there is no initial access token {id} that can be revoked; docent client token list shows them");
            }
            println!("Revoked {id}. The clients that it registered stay.");
            Ok(())
        }
    }
}

async fn create(installation: &Installation, expires: Duration, uses: u32, label: &str, as_json: bool) -> anyhow::Result<()> {
    if label.chars().count() > 100 || label.chars().any(char::is_control) {
        bail!("a label has at most 100 characters, on one line");
    }
    let now = installation.clock.now();
    let secret = Secret::generate(&*installation.randomness, "iat_");
    let token = InitialAccessToken {
        id: uuid_v7(now, &*installation.randomness),
        label: label.to_owned(),
        uses: u64::from(uses),
        used: 0,
        created_at: now,
        expires_at: now.after(expires),
        last_used_at: None,
        revoked_at: None,
    };
    installation.store.create_initial_access_token(&token, secret.hash()).await?;
    if as_json {
        let mut shown = as_value(&token, now);
        shown["initial_access_token"] = secret.expose().into();
        println!("{shown:#}");
    } else {
        let clients = if uses == 1 { "one client".to_owned() } else { format!("{uses} clients") };
        println!("This initial access token registers {clients} until {}. It is not shown again:\n  {}", token.expires_at, secret.expose());
    }
    Ok(())
}

fn state(token: &InitialAccessToken, now: Timestamp) -> &'static str {
    match token {
        one if one.revoked_at.is_some() => "revoked",
        one if one.expires_at <= now => "expired",
        one if one.used >= one.uses => "used up",
        _ => "good",
    }
}

fn as_value(token: &InitialAccessToken, now: Timestamp) -> serde_json::Value {
    json!({
        "id": token.id,
        "label": token.label,
        "state": state(token, now),
        "uses": token.uses,
        "used": token.used,
        "created_at": token.created_at.seconds(),
        "expires_at": token.expires_at.seconds(),
    })
}

async fn list(installation: &Installation, as_json: bool) -> anyhow::Result<()> {
    let (tokens, now) = (installation.store.initial_access_tokens().await?, installation.clock.now());
    if as_json {
        println!("{:#}", serde_json::Value::from_iter(tokens.iter().map(|token| as_value(token, now))));
        return Ok(());
    }
    if tokens.is_empty() {
        println!("There are no initial access tokens. Make one with: docent client token create");
        return Ok(());
    }
    let rows: Vec<Vec<String>> = tokens
        .iter()
        .map(|token| {
            vec![
                token.id.to_string(),
                token.label.clone(),
                format!("{} of {}", token.used, token.uses),
                state(token, now).to_owned(),
                token.expires_at.to_string(),
            ]
        })
        .collect();
    super::print_table(&["ID", "LABEL", "USED", "STATE", "EXPIRES"], &rows);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_number_and_a_unit() {
        assert_eq!(duration("30m"), Ok(Duration::from_secs(1800)));
        assert_eq!(duration("7d"), Ok(Duration::from_secs(7 * 86_400)));
        for wrong in ["", "7", "d", "0h", "-1d", "1w", "99999999999999999999d", "367d", "1é"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
