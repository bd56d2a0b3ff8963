//! `docent client …` while the server runs.

use anyhow::{Context as _, ensure};
use docent_tests::http::{self, Answer};
use docent_tests::mcp::{Era, Mcp};
use docent_tests::person::Decision;
use docent_tests::{Installation, OAuthClient, Result};
use serde_json::Value;

const REDIRECT: &str = "http://127.0.0.1:49152/callback";

/// A client as `docent client add` printed it.
async fn added(installation: &Installation, registration: Value) -> Result<OAuthClient> {
    let http = http::client()?;
    let metadata = Answer::of(http.get(format!("{}/.well-known/oauth-authorization-server", installation.issuer))).await?.expect(200)?;
    Ok(OAuthClient {
        client_id: registration["client_id"].as_str().context("no client_id")?.to_owned(),
        metadata,
        resource: installation.resource.clone(),
        redirect_uri: REDIRECT.to_owned(),
        registration,
        http,
    })
}

/// AS13: a client of the operator connects without registering; blocking it ends its tokens at once, removing it too.
async fn an_operators_client_connects_and_is_blocked_and_removed(installation: &mut Installation) -> Result {
    let person = installation.add_person("ada@example.com").await?;
    let printed = installation.run(&["client", "add", "Our portal", "--redirect-uri", REDIRECT, "--json"]).await?;
    let client = added(installation, serde_json::from_str(&printed)?).await?;
    ensure!(client.registration.get("client_secret").is_none() && client.registration["origin"] == "operator", "{printed}");
    let tokens = client.connect(&person, Decision::Allow).await?;
    let mcp = Mcp::new(&client.resource, &tokens.access_token, Era::Stateless)?;
    ensure!(mcp.ask_lighthouse().await.is_ok());

    let id = client.client_id.clone();
    let listed: Value = serde_json::from_str(&installation.run(&["client", "list", "--json"]).await?)?;
    ensure!(listed[0]["client_id"] == id.as_str() && listed[0]["last_used_at"].is_i64(), "{listed}");
    let text = installation.run(&["client", "show", &id]).await?;
    ensure!(text.contains("Our portal") && text.contains(REDIRECT), "{text}");

    installation.run(&["client", "disable", &id]).await?;
    let refused = client.refresh(&tokens.refresh_token).await?;
    ensure!(refused.status == 401 && refused.oauth_error()? == "invalid_client", "{refused:?}");
    let mut answered = 200;
    for _ in 0..50 {
        answered =
            Answer::of(client.http.post(&client.resource).bearer_auth(&tokens.access_token).json(&serde_json::json!({}))).await?.status;
        if answered == 401 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    ensure!(answered == 401, "the access token of a blocked client is answered with {answered}");

    installation.run(&["client", "enable", &id]).await?;
    ensure!(client.refresh(&tokens.refresh_token).await?.oauth_error()? == "invalid_grant", "people have to allow it anew");
    let again = client.connect(&person, Decision::Allow).await?;
    installation.run(&["client", "remove", &id]).await?;
    ensure!(client.refresh(&again.refresh_token).await?.oauth_error()? == "invalid_client");
    let gone = installation.docent(&["client", "show", &id], "").await?;
    ensure!(gone.code == Some(1) && gone.stderr.contains("docent client list"), "{gone:?}");
    Ok(())
}

/// AS10: the secret that is printed is the one that counts, and only the last.
async fn an_operators_secret_is_printed_once_and_replaced(installation: &mut Installation) -> Result {
    let arguments =
        ["client", "add", "Portal", "--redirect-uri", "https://portal.example/cb", "--auth-method", "client_secret_post", "--json"];
    let registration: Value = serde_json::from_str(&installation.run(&arguments).await?)?;
    let first = registration["client_secret"].as_str().context("no secret")?.to_owned();
    let client = added(installation, registration).await?;
    let asked = |secret: String| {
        let client = client.clone();
        async move {
            client
                .token(&[
                    ("grant_type", "refresh_token"),
                    ("refresh_token", "x"),
                    ("client_id", &client.client_id),
                    ("client_secret", &secret),
                ])
                .await?
                .oauth_error()
        }
    };
    ensure!(asked(first.clone()).await? == "invalid_grant");
    let printed: Value = serde_json::from_str(&installation.run(&["client", "secret", &client.client_id, "--json"]).await?)?;
    ensure!(asked(first).await? == "invalid_client");
    ensure!(asked(printed["client_secret"].as_str().context("no secret")?.to_owned()).await? == "invalid_grant");
    let shown = installation.run(&["client", "show", &client.client_id, "--json"]).await?;
    ensure!(!shown.contains("secret_hash") && !shown.contains("\"client_secret\""), "{shown}");
    Ok(())
}

/// What cannot work is refused with the reason, and nothing is written.
async fn a_client_that_cannot_work_is_refused_with_the_reason(installation: &mut Installation) -> Result {
    let keys = installation.folder().join("keys.json");
    std::fs::write(&keys, r#"{"keys":[{"kty":"EC","crv":"P-256","x":"a","y":"b","d":"private"}]}"#)?;
    let keys = keys.display().to_string();
    for (arguments, word) in [
        (vec!["X"], "--redirect-uri"),
        (vec!["X", "--redirect-uri", "javascript:alert(1)"], "javascript"),
        (vec!["X", "--redirect-uri", "http://a.example/"], "https"),
        (vec!["X", "--grant", "password"], "password"),
        (vec!["X", "--grant", "client_credentials", "--auth-method", "none"], "proves itself"),
        (vec!["X", "--redirect-uri", REDIRECT, "--auth-method", "private_key_jwt"], "--jwks"),
        (vec!["X", "--redirect-uri", REDIRECT, "--jwks", &keys], "private"),
        (vec!["X", "--redirect-uri", REDIRECT, "--jwks-uri", "http://a.example/keys"], "https"),
        (vec!["X", "--redirect-uri", REDIRECT, "--scope", "root"], "root"),
        (vec!["", "--redirect-uri", REDIRECT], "name"),
    ] {
        let all: Vec<&str> = ["client", "add"].into_iter().chain(arguments).collect();
        let output = installation.docent(&all, "").await?;
        ensure!(output.code == Some(1) && output.stderr.contains(word), "{all:?}: {output:?}");
    }
    ensure!(installation.run(&["client", "list"]).await?.contains("no clients"));
    Ok(())
}

/// AS13.
async fn an_initial_access_token_is_made_listed_and_revoked(installation: &mut Installation) -> Result {
    let arguments = ["client", "token", "create", "--expires", "2d", "--uses", "3", "--label", "for the build", "--json"];
    let made: Value = serde_json::from_str(&installation.run(&arguments).await?)?;
    let token = made["initial_access_token"].as_str().context("no token")?;
    let id = made["id"].as_str().context("no id")?;
    let list = installation.run(&["client", "token", "list"]).await?;
    ensure!(list.contains("for the build") && list.contains("0 of 3") && list.contains("good") && !list.contains(token), "{list}");
    installation.run(&["client", "token", "revoke", id]).await?;
    ensure!(installation.run(&["client", "token", "list"]).await?.contains("revoked"));
    ensure!(installation.docent(&["client", "token", "revoke", id], "").await?.code == Some(1));
    for wrong in [["--expires", "0d"], ["--expires", "soon"], ["--uses", "0"]] {
        let output = installation.docent(&["client", "token", "create", wrong[0], wrong[1]], "").await?;
        ensure!(output.code == Some(2), "{wrong:?}: {output:?}");
    }
    Ok(())
}

docent_tests::together_and_split!(an_operators_client_connects_and_is_blocked_and_removed);
docent_tests::in_shape!(
    alone,
    Together,
    an_operators_secret_is_printed_once_and_replaced,
    a_client_that_cannot_work_is_refused_with_the_reason,
    an_initial_access_token_is_made_listed_and_revoked
);
