//! The guard of the MCP endpoint.

use anyhow::{Context as _, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use docent_tests::http::{Answer, client};
use docent_tests::mcp::{Era, Mcp};
use docent_tests::oauth_client::challenge_parameter;
use docent_tests::person::Decision;
use docent_tests::process::Process;
use docent_tests::{Installation, OAuthClient, Result, Tokens};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::Mutex;

async fn connected(installation: &Installation) -> Result<(OAuthClient, Tokens, Mcp)> {
    let person = installation.add_person("ada@example.com").await?;
    let client = OAuthClient::register(installation, "Guard").await?;
    let tokens = client.connect(&person, Decision::Allow).await?;
    let mcp = Mcp::new(&client.resource, &tokens.access_token, Era::Stateless)?;
    Ok((client, tokens, mcp))
}

/// The token with other claims or another header, and the old signature.
fn altered(token: &str, part: usize, change: impl FnOnce(&mut Value)) -> Result<String> {
    let mut parts: Vec<String> = token.split('.').map(str::to_owned).collect();
    let text = parts.get(part).context("not a JWT")?;
    let mut value: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text)?)?;
    change(&mut value);
    parts[part] = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&value)?);
    Ok(parts.join("."))
}

/// RS3, RS6: whatever is wrong with a token: 401 and `invalid_token` with words that help, never an apology with status 200.
async fn a_token_that_is_not_ours_is_invalid(installation: &mut Installation) -> Result {
    let (_, tokens, mcp) = connected(installation).await?;
    mcp.tools().await?;
    let token = &tokens.access_token;
    let unsigned = altered(token, 0, |header| header["alg"] = json!("none"))?;
    let unsigned = unsigned.rsplit_once('.').map(|(front, _)| format!("{front}.")).context("not a JWT")?;
    let cases = [
        ("no JWT", "not-a-token".to_owned()),
        ("a refresh token", tokens.refresh_token.clone()),
        ("another audience", altered(token, 1, |claims| claims["aud"] = json!("https://elsewhere.example/mcp"))?),
        ("another issuer", altered(token, 1, |claims| claims["iss"] = json!("https://elsewhere.example"))?),
        ("a longer life", altered(token, 1, |claims| claims["exp"] = json!(4_102_444_800_u64))?),
        ("a life that is text", altered(token, 1, |claims| claims["exp"] = json!("4102444800"))?),
        ("another type", altered(token, 0, |header| header["typ"] = json!("JWT"))?),
        ("another key", altered(token, 0, |header| header["kid"] = json!("unknown"))?),
        ("a symmetric algorithm", altered(token, 0, |header| header["alg"] = json!("HS256"))?),
        ("no algorithm", unsigned),
        ("a broken signature", format!("{token}AA")),
    ];
    for (what, token) in cases {
        let answer = Answer::of(Mcp::new(&mcp.url, &token, Era::Stateless)?.request("tools/list", json!({}))).await?;
        let challenge = answer.header("www-authenticate");
        ensure!(answer.status == 401, "{what}: {} {}", answer.status, answer.body);
        ensure!(challenge_parameter(challenge, "error").as_deref() == Some("invalid_token"), "{what}: {challenge}");
        ensure!(challenge_parameter(challenge, "error_description").is_some_and(|words| words.len() > 10), "{what}: {challenge}");
        ensure!(challenge_parameter(challenge, "resource_metadata").is_some(), "{what}: {challenge}");
    }
    Ok(())
}

/// RS5: a malformed Authorization header, two of them, or a token in the URL is never accepted.
async fn a_token_in_the_wrong_place_is_never_accepted(installation: &mut Installation) -> Result {
    let (_, tokens, mcp) = connected(installation).await?;
    let token = &tokens.access_token;
    let http = client()?;
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}});
    let post = |url: &str| http.post(url).header("accept", "application/json, text/event-stream").json(&body);
    let cases = [
        ("in the URL", post(&format!("{}?access_token={token}", mcp.url))),
        (
            "two headers",
            post(&mcp.url).header("authorization", format!("Bearer {token}")).header("authorization", format!("Bearer {token}x")),
        ),
        ("a header and the URL", post(&format!("{}?access_token={token}", mcp.url)).header("authorization", "Bearer x")),
        ("without a scheme", post(&mcp.url).header("authorization", token)),
        ("Basic", post(&mcp.url).basic_auth("user", Some(token))),
        ("two tokens", post(&mcp.url).header("authorization", format!("Bearer {token} {token}"))),
        ("nothing after the scheme", post(&mcp.url).header("authorization", "Bearer ")),
    ];
    for (what, request) in cases {
        let answer = Answer::of(request).await?;
        ensure!(matches!(answer.status, 400 | 401), "{what}: {} {}", answer.status, answer.body);
    }
    Ok(())
}

/// RS4: a token without the scope of an operation: 403, `insufficient_scope`, and all scopes that it needs.
async fn a_narrow_token_is_told_which_scope_it_needs(installation: &mut Installation) -> Result {
    let person = installation.add_person("ada@example.com").await?;
    let client = OAuthClient::register(installation, "Narrow").await?;
    let attempt = docent_tests::oauth_client::Attempt::new();
    let code = client.code_with(&person, &attempt, Decision::Allow, &[("scope", "openid docs:read offline_access")]).await?;
    let wide = client.exchange(&code, &attempt).await?;
    // A client may ask for less than it was granted (RFC 6749 6).
    let request =
        [("grant_type", "refresh_token"), ("refresh_token", &wide.refresh_token), ("client_id", &client.client_id), ("scope", "openid")];
    let tokens = Tokens::of(&client.token(&request).await?)?;
    ensure!(!tokens.scope.contains("docs:read"), "granted {}", tokens.scope);
    let answer = Answer::of(Mcp::new(&client.resource, &tokens.access_token, Era::Stateless)?.request("tools/list", json!({}))).await?;
    let challenge = answer.header("www-authenticate");
    ensure!(answer.status == 403, "{} {}", answer.status, answer.body);
    ensure!(challenge_parameter(challenge, "error").as_deref() == Some("insufficient_scope"), "{challenge}");
    ensure!(challenge_parameter(challenge, "scope").is_some_and(|scope| scope.contains("docs:read")), "{challenge}");
    ensure!(challenge_parameter(challenge, "resource_metadata").is_some(), "{challenge}");
    Ok(())
}

/// RS8: a Host that is not ours, or an Origin that is not allowed: 403, so that no page of another site reaches a server on localhost.
async fn a_foreign_host_or_origin_is_refused(installation: &mut Installation) -> Result {
    let (_, _, mcp) = connected(installation).await?;
    for (name, value) in [("host", "attacker.example"), ("origin", "https://attacker.example"), ("origin", "null")] {
        let answer = Answer::of(mcp.request("tools/list", json!({})).header(name, value)).await?;
        ensure!(answer.status == 403, "{name}: {value}: {} {}", answer.status, answer.body);
    }
    let own = Answer::of(mcp.request("tools/list", json!({})).header("origin", &installation.mcp_origin)).await?;
    ensure!(own.status == 200, "our own origin: {} {}", own.status, own.body);
    let by_address = installation.resource.replace("localhost", "127.0.0.1");
    let answer = Answer::of(Mcp::new(&by_address, &mcp.token, Era::Stateless)?.request("tools/list", json!({}))).await?;
    ensure!(answer.status == 200, "by address: {} {}", answer.status, answer.body);
    Ok(())
}

/// RS7: all that the process behind the endpoint sends anywhere is a question for the issuer's keys, without the client's token;
/// nor does a token, a code or a password appear in a log.
async fn a_token_is_passed_on_to_nobody(installation: &mut Installation) -> Result {
    let (client, tokens, mcp) = connected(installation).await?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let keys_url = format!("http://{}/keys", listener.local_addr()?);
    let keys = Answer::of(client.http.get(client.endpoint("jwks_uri")?)).await?.body;
    let heard = Arc::new(Mutex::new(String::new()));
    tokio::spawn(record(listener, keys, Arc::clone(&heard)));

    let first = installation.processes.get_mut(1).context("no mcp process")?;
    first.kill9()?;
    let address = first.address.clone();
    let mut command = installation.command()?;
    command.env("DOCENT__MCP__KEYS_URL", &keys_url).args(["serve", "--role", "mcp", "--listen", address.trim_start_matches("http://")]);
    let mut second = Process::new("mcp", address, command, installation.folder().join("mcp-recorded.log"));
    second.start().await?;

    mcp.tools().await?;
    mcp.ask_lighthouse().await?;
    let unknown_key = altered(&tokens.access_token, 0, |header| header["kid"] = json!("unknown"))?;
    let refused = Answer::of(Mcp::new(&mcp.url, &unknown_key, Era::Stateless)?.request("tools/list", json!({}))).await?;
    ensure!(refused.status == 401, "{} {}", refused.status, refused.body);

    let heard = heard.lock().await.clone();
    ensure!(heard.starts_with("GET /keys "), "the issuer's keys were not asked for: {heard:?}");
    let logs: String = installation.processes.iter().map(|process| process.log()).collect::<String>() + &second.log();
    ensure!(!heard.to_ascii_lowercase().contains("authorization"), "{heard}");
    let signature = |token: &str| token.rsplit('.').next().unwrap_or_default().to_owned();
    for secret in [signature(&tokens.access_token), signature(&unknown_key), tokens.refresh_token, "correct horse".to_owned()] {
        ensure!(!heard.contains(&secret) && !logs.contains(&secret), "a secret left the process");
    }
    Ok(())
}

/// Answers every request with the same keys, and keeps what was asked.
async fn record(listener: TcpListener, keys: String, heard: Arc<Mutex<String>>) -> Result {
    loop {
        let (mut stream, _) = listener.accept().await?;
        let mut buffer = vec![0; 16 * 1024];
        let length = stream.read(&mut buffer).await?;
        heard.lock().await.push_str(&String::from_utf8_lossy(&buffer[..length]));
        let head =
            format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", keys.len());
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(keys.as_bytes()).await?;
    }
}

/// The session cookie of a page and the token of a client are different things: neither opens the other's door.
async fn a_session_opens_no_endpoint_and_a_token_no_page(installation: &mut Installation) -> Result {
    let (_, tokens, mcp) = connected(installation).await?;
    let person = docent_tests::Person::new("ada@example.com", "correct horse of ada@example.com", &installation.issuer)?;
    person.sign_in().await?;
    let (_, answer) = person.open(&mcp.url).await?;
    ensure!(answer.status == 401, "a session at the endpoint: {} {}", answer.status, answer.body);
    let signed_out = Answer::of(client()?.get(format!("{}/sign-in", installation.issuer)).bearer_auth(&tokens.access_token)).await?;
    ensure!(signed_out.body.contains("name=\"password\""), "a token signed somebody in: {}", signed_out.body);
    Ok(())
}

docent_tests::together_and_split!(
    a_token_that_is_not_ours_is_invalid,
    a_token_in_the_wrong_place_is_never_accepted,
    a_narrow_token_is_told_which_scope_it_needs,
    a_foreign_host_or_origin_is_refused,
    a_session_opens_no_endpoint_and_a_token_no_page,
);
docent_tests::in_shape!(recorded, Split, a_token_is_passed_on_to_nobody);
