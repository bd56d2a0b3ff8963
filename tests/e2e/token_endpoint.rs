//! Client authentication, revocation, introspection, keys, userinfo.

use anyhow::{Context as _, ensure};
use docent_tests::http::Answer;
use docent_tests::mcp::{Era, Mcp};
use docent_tests::oauth_client::Attempt;
use docent_tests::person::Decision;
use docent_tests::{Installation, OAuthClient, Result, Tokens};
use serde_json::json;

const SERVER_CLIENT: &str = "https://client.example/callback";

/// AS10: a confidential client on a server must authenticate, by Basic or in the body; failing costs 401 and not the code.
async fn a_confidential_client_must_authenticate(installation: &mut Installation) -> Result {
    let person = installation.add_person("ada@example.com").await?;
    for method in ["client_secret_basic", "client_secret_post"] {
        let wanted = json!({"client_name": method, "redirect_uris": [SERVER_CLIENT], "token_endpoint_auth_method": method});
        let client = OAuthClient::register_with(installation, &wanted).await?;
        let secret = client.registration["client_secret"].as_str().context("no secret")?.to_owned();
        let attempt = Attempt::new();
        let code = client.code(&person, &attempt, Decision::Allow).await?;
        for wrong in ["", "wrong"] {
            let answer = client.exchange_with(&code, &attempt, &[("client_secret", wrong)]).await?;
            ensure!(answer.status == 401 && answer.oauth_error()? == "invalid_client", "{method}, {wrong:?}: {answer:?}");
        }
        let form =
            [("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", SERVER_CLIENT), ("code_verifier", &attempt.verifier)]
                .map(|(name, value)| (name, value.to_owned()));
        let request = client.http.post(client.endpoint("token_endpoint")?);
        let answer = if method == "client_secret_basic" {
            Answer::of(request.basic_auth(&client.client_id, Some(&secret)).form(&form)).await?
        } else {
            let mut form = form.to_vec();
            form.extend([("client_id", client.client_id.clone()), ("client_secret", secret)]);
            Answer::of(request.form(&form)).await?
        };
        Tokens::of(&answer).context(method)?;
    }
    Ok(())
}

/// AS18, RS3: a client that gives its refresh token back ends the grant: the access token is refused at once.
async fn a_revoked_grant_is_refused_at_once(installation: &mut Installation) -> Result {
    let person = installation.add_person("ada@example.com").await?;
    let client = OAuthClient::register(installation, "Revoke").await?;
    let other = OAuthClient::register(installation, "Somebody else").await?;
    let tokens = client.connect(&person, Decision::Allow).await?;
    let mcp = Mcp::new(&client.resource, &tokens.access_token, Era::Stateless)?;
    mcp.tools().await?;
    let revoke = |client_id: String| {
        let (client, token) = (client.clone(), tokens.refresh_token.clone());
        async move {
            Answer::of(client.http.post(client.endpoint("revocation_endpoint")?).form(&[("token", token), ("client_id", client_id)])).await
        }
    };
    revoke(other.client_id.clone()).await?;
    mcp.tools().await.context("another client's revocation took effect")?;
    let answer = revoke(client.client_id.clone()).await?;
    ensure!(answer.status == 200, "{answer:?}");
    ensure!(client.refresh(&tokens.refresh_token).await?.oauth_error()? == "invalid_grant");
    // The processes of a split deployment hear of it through the database: soon, not in the same instant.
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    loop {
        let call = Answer::of(mcp.request("tools/list", json!({}))).await?;
        if call.status == 401 {
            ensure!(call.header("www-authenticate").contains("error=\"invalid_token\""), "{:?}", call.headers);
            break;
        }
        ensure!(std::time::Instant::now() < deadline, "the access token is accepted still: {} {}", call.status, call.body);
    }
    let unknown = Answer::of(
        client.http.post(client.endpoint("revocation_endpoint")?).form(&[("token", "unknown"), ("client_id", &client.client_id)]),
    )
    .await?;
    ensure!(unknown.status == 200, "an unknown token: {unknown:?}");
    Ok(())
}

/// AS18: introspection is for those who authenticate; it tells about a token that lives, and of any other only that it does not.
async fn introspection_needs_authentication(installation: &mut Installation) -> Result {
    let person = installation.add_person("ada@example.com").await?;
    let wanted = json!({"client_name": "Resource", "redirect_uris": [SERVER_CLIENT], "token_endpoint_auth_method": "client_secret_basic"});
    let client = OAuthClient::register_with(installation, &wanted).await?;
    let secret = client.registration["client_secret"].as_str().context("no secret")?;
    let attempt = Attempt::new();
    let code = client.code(&person, &attempt, Decision::Allow).await?;
    let exchange =
        [("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", SERVER_CLIENT), ("code_verifier", &attempt.verifier)];
    let tokens = Tokens::of(
        &Answer::of(client.http.post(client.endpoint("token_endpoint")?).basic_auth(&client.client_id, Some(secret)).form(&exchange))
            .await?,
    )?;
    let endpoint = client.endpoint("introspection_endpoint")?;
    let refused = Answer::of(client.http.post(&endpoint).form(&[("token", &tokens.access_token)])).await?;
    ensure!(matches!(refused.status, 400 | 401) && !refused.body.contains("active"), "{refused:?}");
    let refused =
        Answer::of(client.http.post(&endpoint).form(&[("token", &tokens.access_token), ("client_id", &client.client_id)])).await?;
    ensure!(refused.status == 401 && refused.oauth_error()? == "invalid_client", "{refused:?}");
    let ask = |token: String| {
        let request = client.http.post(&endpoint).basic_auth(&client.client_id, Some(secret)).form(&[("token", token)]);
        async move { Answer::of(request).await?.expect(200) }
    };
    let living = ask(tokens.access_token.clone()).await?;
    ensure!(living["active"] == true && living["client_id"] == client.client_id.as_str(), "{living}");
    ensure!(ask("unknown".to_owned()).await? == json!({"active": false}));
    Ok(())
}

/// AS17, AS18: the keys by which tokens are checked are published with ids, without private parts, and one of them is the token's.
async fn published_keys_are_public_and_fit_the_token(installation: &mut Installation) -> Result {
    use base64::Engine as _;
    let person = installation.add_person("ada@example.com").await?;
    let client = OAuthClient::register(installation, "Keys").await?;
    let tokens = client.connect(&person, Decision::Allow).await?;
    let keys = Answer::of(client.http.get(client.endpoint("jwks_uri")?)).await?.expect(200)?;
    let keys = keys["keys"].as_array().context("no keys")?;
    ensure!(keys.iter().all(|key| key["d"].is_null() && key["kid"].is_string() && key["alg"] != "none"), "{keys:?}");
    let header = tokens.access_token.split('.').next().context("no header")?;
    let header: serde_json::Value = serde_json::from_slice(&base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(header)?)?;
    ensure!(header["typ"] == "at+jwt", "{header}");
    ensure!(keys.iter().any(|key| key["kid"] == header["kid"]), "{header} is signed by none of {keys:?}");
    Ok(())
}

/// AS18: userinfo tells who the person is, as far as the scopes go, and asks a stranger for a token.
async fn userinfo_tells_what_the_scopes_allow(installation: &mut Installation) -> Result {
    let person = installation.add_person("ada@example.com").await?;
    let client = OAuthClient::register(installation, "Userinfo").await?;
    let attempt = Attempt::new();
    let code = client.code_with(&person, &attempt, Decision::Allow, &[("scope", "openid email docs:read")]).await?;
    let tokens = client.exchange(&code, &attempt).await?;
    let url = client.endpoint("userinfo_endpoint")?;
    let told = Answer::of(client.http.get(&url).bearer_auth(&tokens.access_token)).await?.expect(200)?;
    ensure!(told["email"] == "ada@example.com" && told["sub"] == tokens.claims()?["sub"], "{told}");
    let stranger = Answer::of(client.http.get(&url)).await?;
    ensure!(stranger.status == 401 && stranger.header("www-authenticate").starts_with("Bearer"), "{stranger:?}");
    Ok(())
}

docent_tests::together_and_split!(
    a_confidential_client_must_authenticate,
    a_revoked_grant_is_refused_at_once,
    introspection_needs_authentication,
    published_keys_are_public_and_fit_the_token,
    userinfo_tells_what_the_scopes_allow,
);
