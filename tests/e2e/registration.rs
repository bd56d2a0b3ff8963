//! Dynamic registration (RFC 7591), with the requests that real clients send.

use anyhow::{Context as _, ensure};
use docent_tests::http::Answer;
use docent_tests::person::Decision;
use docent_tests::{Installation, OAuthClient, Result};
use serde_json::{Value, json};

/// AS13: what real clients send is accepted, and the answer is clean: 201, arrays, integer times, no nulls, no empty strings.
async fn what_real_clients_register_is_accepted(installation: &mut Installation) -> Result {
    let client = OAuthClient::register(installation, "Probe").await?;
    let requests = [
        (
            "mcp-remote",
            json!({"client_name": "mcp-remote", "redirect_uris": ["http://localhost:3334/oauth/callback"], "scope": "openid email profile", "token_endpoint_auth_method": "none"}),
        ),
        (
            "a request with nulls",
            json!({"client_name": "Nulls", "redirect_uris": ["http://localhost/cb"], "client_uri": null, "logo_uri": null, "contacts": null, "scope": null}),
        ),
        ("an empty scope", json!({"client_name": "Empty", "redirect_uris": ["http://localhost/cb"], "scope": ""})),
        (
            "extra grants",
            json!({"redirect_uris": ["http://127.0.0.1:9/cb"], "grant_types": ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"]}),
        ),
        (
            "Cursor",
            json!({"client_name": "Cursor", "redirect_uris": ["cursor://anysphere.cursor-mcp/oauth/callback", "https://www.cursor.com/agents/mcp/oauth/callback", "http://localhost:8787/callback"], "application_type": "native"}),
        ),
        (
            "VS Code",
            json!({"client_name": "VS Code", "redirect_uris": ["https://vscode.dev/redirect", "https://insiders.vscode.dev/redirect", "http://127.0.0.1/", "http://127.0.0.1:33418/"], "token_endpoint_auth_method": "none"}),
        ),
        ("Amazon Q", json!({"client_name": "Amazon Q", "redirect_uris": ["http://127.0.0.1:45001"], "token_endpoint_auth_method": "none"})),
    ];
    for (name, request) in requests {
        let answer = Answer::of(client.http.post(client.endpoint("registration_endpoint")?).json(&request)).await?;
        let body = answer.expect(201).context(name)?;
        ensure!(answer.header("cache-control").contains("no-store"), "{name}: {:?}", answer.headers);
        ensure!(body["redirect_uris"] == request["redirect_uris"], "{name}: {body}");
        ensure!(body["client_id"].as_str().is_some_and(|id| !id.is_empty() && !id.starts_with("https://")), "{name}: {body}");
        ensure!(body["client_id_issued_at"].is_i64(), "{name}: {body}");
        ensure!(body["grant_types"].is_array() && body["response_types"].is_array(), "{name}: {body}");
        let fields = body.as_object().context("no object")?;
        ensure!(fields.values().all(|value| !value.is_null() && *value != json!("")), "{name}: {body}");
    }
    Ok(())
}

/// AS13: the same metadata is the same client, whatever the loopback port, so ten thousand registrations are one row.
async fn the_same_metadata_is_the_same_client(installation: &mut Installation) -> Result {
    let client = OAuthClient::register(installation, "Probe").await?;
    let mut ids = Vec::new();
    for uri in ["http://localhost:1111/callback", "http://127.0.0.1:2222/callback", "http://[::1]:3333/callback"] {
        ids.push(register(&client, &json!({"client_name": "Same", "redirect_uris": [uri], "token_endpoint_auth_method": "none"})).await?["client_id"].clone());
    }
    ensure!(ids[0] == ids[1] && ids[1] == ids[2], "{ids:?}");
    let other = register(
        &client,
        &json!({"client_name": "Different", "redirect_uris": ["http://localhost:1111/callback"], "token_endpoint_auth_method": "none"}),
    )
    .await?;
    ensure!(other["client_id"] != ids[0], "another name is the same client");
    Ok(())
}

/// AS13, AS3: what may not be a redirect URI is refused, and the answer says which one.
async fn a_dangerous_redirect_uri_is_refused_by_name(installation: &mut Installation) -> Result {
    let client = OAuthClient::register(installation, "Probe").await?;
    for uri in [
        "javascript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "blob:https://a.example/x",
        "http://a.example/callback",
        "https://a.example/callback#fragment",
        "https://user:password@a.example/callback",
        "https://*.example.com/callback",
        "/relative",
        "",
    ] {
        let answer = Answer::of(
            client
                .http
                .post(client.endpoint("registration_endpoint")?)
                .json(&json!({"client_name": "Bad", "redirect_uris": ["http://localhost/ok", uri]})),
        )
        .await?;
        ensure!(answer.oauth_error().with_context(|| uri.to_owned())? == "invalid_redirect_uri", "{uri:?}: {}", answer.body);
    }
    Ok(())
}

/// AS13, AS10: a client that asked for a secret gets one, is let in with it, and not with another; if it runs on somebody's machine it
/// is let in without it too, on PKCE.
async fn a_native_client_may_forget_its_secret_but_not_be_wrong(installation: &mut Installation) -> Result {
    let person = installation.add_person("ada@example.com").await?;
    let wanted = json!({"client_name": "Kiro", "redirect_uris": ["http://127.0.0.1:5000/callback"], "token_endpoint_auth_method": "client_secret_basic", "grant_types": ["authorization_code", "refresh_token"]});
    let client = OAuthClient::register_with(installation, &wanted).await?;
    let secret = client.registration["client_secret"].as_str().context("no secret was given")?.to_owned();
    ensure!(client.registration["token_endpoint_auth_method"] == "client_secret_basic", "{}", client.registration);
    ensure!(client.registration["client_secret_expires_at"] == 0, "{}", client.registration);
    ensure!(
        secret.chars().all(|c| c.is_ascii_alphanumeric() || "-._~".contains(c)),
        "the secret would be written differently once encoded"
    );
    let tokens = client.connect(&person, Decision::Allow).await.context("without the secret")?;
    let refresh = |secret: Option<String>| {
        let (client, token) = (client.clone(), tokens.refresh_token.clone());
        async move {
            let mut request = client.http.post(client.endpoint("token_endpoint")?);
            if let Some(secret) = secret {
                request = request.basic_auth(&client.client_id, Some(secret));
            }
            Answer::of(request.form(&[("grant_type", "refresh_token"), ("refresh_token", &token)])).await
        }
    };
    let wrong = refresh(Some("wrong".to_owned())).await?;
    ensure!(wrong.status == 401 && wrong.oauth_error()? == "invalid_client", "{wrong:?}");
    let right = refresh(Some(secret)).await?;
    ensure!(right.status == 200, "{right:?}");
    Ok(())
}

/// AS13, RFC 7592: a client with a secret reads, changes and removes itself; what people allowed it ends at the MCP endpoint too.
async fn a_client_with_a_secret_manages_itself(installation: &mut Installation) -> Result {
    let person = installation.add_person("ada@example.com").await?;
    let wanted = json!({"client_name": "Portal", "redirect_uris": ["http://127.0.0.1:5000/callback"], "token_endpoint_auth_method": "client_secret_post"});
    let client = OAuthClient::register_with(installation, &wanted).await?;
    let tokens = client.connect(&person, Decision::Allow).await?;
    let uri = client.registration["registration_client_uri"].as_str().context("no registration_client_uri")?;
    let token = client.registration["registration_access_token"].as_str().context("no registration_access_token")?;
    let mut read = Answer::of(client.http.get(uri).bearer_auth(token)).await?.expect(200)?;
    ensure!(read["client_name"] == "Portal", "{read}");
    read["client_name"] = json!("Portal 2");
    let changed = Answer::of(client.http.put(uri).bearer_auth(token).json(&read)).await?.expect(200)?;
    ensure!(changed["client_name"] == "Portal 2" && changed["client_id"] == client.client_id.as_str(), "{changed}");
    ensure!(Answer::of(client.http.get(uri).bearer_auth(token)).await?.oauth_error()? == "invalid_token", "the old token still works");
    let token = changed["registration_access_token"].as_str().context("no new token")?;
    ensure!(Answer::of(client.http.delete(uri).bearer_auth(token)).await?.status == 204);
    ensure!(client.refresh(&tokens.refresh_token).await?.oauth_error()? == "invalid_client");
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(5);
    loop {
        let answer = Answer::of(client.http.post(&client.resource).bearer_auth(&tokens.access_token).json(&json!({}))).await?;
        if answer.status == 401 {
            return Ok(());
        }
        ensure!(std::time::Instant::now() < deadline, "the token of a removed client is answered with {}", answer.status);
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

/// RFC 7592 2.3: a `kill -9` in the middle of many removals leaves each client there with its grant, or gone with it.
async fn a_removal_is_whole_or_not_at_all_after_kill_9(installation: &mut Installation) -> Result {
    let person = installation.add_person("ada@example.com").await?;
    let mut clients = Vec::new();
    for number in 0..16 {
        let wanted = json!({"client_name": format!("Portal {number}"), "redirect_uris": ["http://127.0.0.1:5000/callback"], "token_endpoint_auth_method": "client_secret_post"});
        let client = OAuthClient::register_with(installation, &wanted).await?;
        let tokens = client.connect(&person, Decision::Allow).await?;
        clients.push((client, tokens));
    }
    let managed = |client: &OAuthClient| -> Result<(String, String)> {
        let text = |name: &str| client.registration[name].as_str().map(str::to_owned).with_context(|| format!("no {name}"));
        Ok((text("registration_client_uri")?, text("registration_access_token")?))
    };
    let mut running = Vec::new();
    for (client, _) in &clients {
        let ((uri, token), http) = (managed(client)?, client.http.clone());
        running.push(tokio::spawn(async move { http.delete(uri).bearer_auth(token).send().await.map(|answer| answer.status().as_u16()) }));
    }
    while !running.iter().any(tokio::task::JoinHandle::is_finished) {
        tokio::task::yield_now().await;
    }
    installation.auth()?.kill9()?;
    let mut answered = Vec::new();
    for one in running {
        answered.push(one.await?.ok());
    }
    installation.auth()?.start().await?;
    for ((client, tokens), answer) in clients.iter().zip(answered) {
        let (uri, token) = managed(client)?;
        let is_there = Answer::of(client.http.get(uri).bearer_auth(token)).await?.status == 200;
        let refresh = client.refresh(&tokens.refresh_token).await?;
        let is_connected = refresh.status == 200;
        ensure!(is_there == is_connected, "half removed: {is_there} {refresh:?}");
        ensure!(!(answer == Some(204) && is_there), "a removal that was answered is undone");
        let shown = installation.docent(&["client", "show", &client.client_id], "").await?;
        ensure!((shown.code == Some(0)) == is_there, "{shown:?}");
    }
    Ok(())
}

async fn register(client: &OAuthClient, request: &Value) -> Result<Value> {
    Answer::of(client.http.post(client.endpoint("registration_endpoint")?).json(request)).await?.expect(201)
}

docent_tests::together_and_split!(
    what_real_clients_register_is_accepted,
    the_same_metadata_is_the_same_client,
    a_dangerous_redirect_uri_is_refused_by_name,
    a_native_client_may_forget_its_secret_but_not_be_wrong,
    a_client_with_a_secret_manages_itself,
);
docent_tests::in_shape!(one_process, Together, a_removal_is_whole_or_not_at_all_after_kill_9);
docent_tests::in_shape!(one_process_on_postgres, TogetherPostgres, a_removal_is_whole_or_not_at_all_after_kill_9);
