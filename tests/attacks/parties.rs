//! Who takes part in an attack, and what their requests are answered with.

use anyhow::ensure;
use docent_tests::http::Answer;
use docent_tests::mcp::{Era, Mcp};
use docent_tests::{Installation, OAuthClient, Person, Result};
use serde_json::json;
use std::time::{Duration, Instant};

/// How many come at once in a race.
pub const AT_ONCE: usize = 64;

/// The redirect URI of clients on the web.
pub const WEB: &str = "https://app.example/callback";

/// A person who is signed in.
pub async fn signed_in(installation: &Installation, email: &str) -> Result<Person> {
    let person = installation.add_person(email).await?;
    person.sign_in().await?;
    Ok(person)
}

/// A client on the web that has no secret.
pub async fn public(installation: &Installation, name: &str) -> Result<OAuthClient> {
    let wanted = json!({"client_name": name, "redirect_uris": [WEB], "token_endpoint_auth_method": "none"});
    OAuthClient::register_with(installation, &wanted).await
}

/// A client on the web that has a secret and can keep it.
pub async fn confidential(installation: &Installation, name: &str) -> Result<OAuthClient> {
    let wanted = json!({"client_name": name, "redirect_uris": [WEB], "token_endpoint_auth_method": "client_secret_post"});
    OAuthClient::register_with(installation, &wanted).await
}

/// The client's secret, empty if it has none: an empty parameter is no parameter.
pub fn secret(client: &OAuthClient) -> &str {
    client.registration["client_secret"].as_str().unwrap_or_default()
}

/// A refresh with these parameters besides the token.
pub async fn refresh(client: &OAuthClient, token: &str, credentials: &[(&str, &str)]) -> Result<Answer> {
    let mut form = vec![("grant_type", "refresh_token"), ("refresh_token", token)];
    form.extend_from_slice(credentials);
    client.token(&form).await
}

/// A call of the MCP endpoint.
pub async fn call(client: &OAuthClient, access_token: &str) -> Result<Answer> {
    Answer::of(Mcp::new(&client.resource, access_token, Era::Stateless)?.request("tools/list", json!({}))).await
}

/// The answer has this status.
pub fn expect_status(answer: &Answer, status: u16) -> Result {
    ensure!(answer.status == status, "{} {}", answer.status, answer.body);
    Ok(())
}

/// The answer is one of these errors in the RFC's shape.
pub fn expect_error(answer: &Answer, expected: &[&str]) -> Result {
    let error = answer.oauth_error()?;
    ensure!(expected.contains(&error.as_str()), "{error}: {}", answer.body);
    Ok(())
}

/// The answer is `invalid_grant`.
pub fn expect_invalid_grant(answer: &Answer) -> Result {
    expect_error(answer, &["invalid_grant"])
}

/// The access token is refused with `invalid_token`, at the latest when the change has come round.
pub async fn expect_refused_soon(client: &OAuthClient, access_token: &str) -> Result {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let answer = call(client, access_token).await?;
        if answer.status == 401 {
            ensure!(answer.header("www-authenticate").contains("error=\"invalid_token\""), "{:?}", answer.headers);
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "the access token is accepted still: {}", answer.status);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
