//! What a client that knows only the URL finds out.

use anyhow::{Context as _, ensure};
use docent_tests::http::{Answer, client};
use docent_tests::oauth_client::challenge_parameter;
use docent_tests::{Installation, Result};
use reqwest::Method;
use serde_json::{Value, json};

/// RS2: no token, whatever the method: 401 with a challenge that names the metadata and the scope, and no `error`.
async fn every_method_without_a_token_is_challenged(installation: &mut Installation) -> Result {
    let http = client()?;
    for method in [Method::GET, Method::HEAD, Method::POST, Method::DELETE] {
        let answer = Answer::of(http.request(method.clone(), &installation.resource)).await?;
        ensure!(answer.status == 401, "{method}: {} {}", answer.status, answer.body);
        let challenge = answer.header("www-authenticate");
        let expected = format!("{}/.well-known/oauth-protected-resource/mcp", installation.mcp_origin);
        ensure!(challenge_parameter(challenge, "resource_metadata") == Some(expected), "{method}: {challenge}");
        ensure!(challenge_parameter(challenge, "scope").is_some_and(|scope| scope.contains("docs:read")), "{method}: {challenge}");
        ensure!(!challenge.contains("error"), "{method}: {challenge}");
        if method != Method::HEAD {
            answer.json()?;
        }
    }
    Ok(())
}

/// RS1: the resource's metadata stands at both paths, with exactly our issuer, and without `offline_access`.
async fn resource_metadata_stands_at_both_paths(installation: &mut Installation) -> Result {
    let http = client()?;
    let mut found = Vec::new();
    for path in ["/.well-known/oauth-protected-resource/mcp", "/.well-known/oauth-protected-resource"] {
        let metadata = Answer::of(http.get(format!("{}{path}", installation.mcp_origin))).await?.expect(200)?;
        ensure!(metadata["resource"] == installation.resource.as_str(), "{path}: {metadata}");
        ensure!(metadata["authorization_servers"] == json!([installation.issuer]), "{path}: {metadata}");
        let scopes = metadata["scopes_supported"].as_array().context("no scopes_supported")?;
        ensure!(scopes.contains(&json!("docs:read")) && !scopes.contains(&json!("offline_access")), "{path}: {metadata}");
        found.push(metadata);
    }
    ensure!(found[0] == found[1], "the two differ: {found:?}");
    Ok(())
}

/// AS1: the issuer's metadata stands at both well-known paths, calls itself what the resource calls it, and advertises S256
/// only, `none` among the methods, and `iss`.
async fn issuer_metadata_is_the_same_at_both_paths(installation: &mut Installation) -> Result {
    let http = client()?;
    let mut found = Vec::new();
    for path in ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"] {
        found.push(Answer::of(http.get(format!("{}{path}", installation.issuer))).await?.expect(200)?);
    }
    let metadata = &found[0];
    ensure!(found[0] == found[1], "the two differ: {found:?}");
    ensure!(metadata["issuer"] == installation.issuer.as_str(), "issuer is {}", metadata["issuer"]);
    ensure!(metadata["code_challenge_methods_supported"] == json!(["S256"]), "{metadata}");
    ensure!(metadata["response_types_supported"] == json!(["code"]), "{metadata}");
    ensure!(metadata["token_endpoint_auth_methods_supported"][0] == "none", "{metadata}");
    ensure!(metadata["authorization_response_iss_parameter_supported"] == true, "{metadata}");
    ensure!(metadata["scopes_supported"].as_array().is_some_and(|scopes| scopes.contains(&json!("offline_access"))), "{metadata}");
    ensure!(no_nulls(metadata), "{metadata}");
    Ok(())
}

/// AS1: nothing is advertised that does not answer.
async fn every_advertised_endpoint_answers(installation: &mut Installation) -> Result {
    let http = client()?;
    let metadata = Answer::of(http.get(format!("{}/.well-known/oauth-authorization-server", installation.issuer))).await?.expect(200)?;
    for (name, url) in metadata.as_object().context("no object")? {
        let Some(url) = url.as_str().filter(|_| name.ends_with("_endpoint") || name.ends_with("_uri")) else { continue };
        ensure!(url.starts_with(&installation.issuer), "{name} is elsewhere: {url}");
        let answer = if matches!(name.as_str(), "jwks_uri" | "userinfo_endpoint" | "authorization_endpoint") {
            Answer::of(http.get(url)).await?
        } else {
            Answer::of(http.post(url)).await?
        };
        ensure!(!matches!(answer.status, 404 | 405) && answer.status < 500, "{name} answers {} {}", answer.status, answer.body);
    }
    Ok(())
}

/// AS22: a client of 2025-03-26 knows only the endpoint's origin: where that is also the issuer's, the default paths work,
/// and the issuer's metadata is found there in any case.
async fn a_client_of_2025_03_26_finds_its_way_from_the_origin(installation: &mut Installation) -> Result {
    let http = client()?;
    let origin = &installation.mcp_origin;
    if *origin != installation.issuer {
        return Ok(());
    }
    let metadata = Answer::of(http.get(format!("{origin}/.well-known/oauth-authorization-server"))).await?.expect(200)?;
    ensure!(metadata["issuer"] == installation.issuer.as_str(), "{metadata}");
    let registered = Answer::of(http.post(format!("{origin}/register")).json(&json!({"redirect_uris": ["http://127.0.0.1:1/cb"]})))
        .await?
        .expect(201)?;
    let client_id = registered["client_id"].as_str().context("no client_id")?;
    let refused = Answer::of(http.post(format!("{origin}/token")).form(&[
        ("grant_type", "authorization_code"),
        ("client_id", client_id),
        ("code", "x"),
    ]))
    .await?;
    ensure!(refused.oauth_error()?.starts_with("invalid_"), "{refused:?}");
    let page = Answer::of(http.get(format!("{origin}/authorize"))).await?;
    ensure!(page.status == 400, "/authorize without parameters answers {}", page.status);
    Ok(())
}

/// `interop.md`: a well-known path that is not ours is a plain 404 in JSON, never HTML, never a server error.
async fn an_unknown_well_known_path_is_a_404_in_json(installation: &mut Installation) -> Result {
    let http = client()?;
    for origin in [&installation.issuer, &installation.mcp_origin] {
        for path in
            ["/.well-known/unknown", "/.well-known/oauth-authorization-server/elsewhere", "/.well-known/oauth-protected-resource/elsewhere"]
        {
            Answer::of(http.get(format!("{origin}{path}"))).await?.expect(404)?;
        }
    }
    Ok(())
}

/// RS9: a client in a browser may read the endpoint, the metadata and the OAuth endpoints, and sees the challenge.
async fn a_client_in_a_browser_may_read_the_answers(installation: &mut Installation) -> Result {
    let http = client()?;
    let metadata = Answer::of(http.get(format!("{}/.well-known/oauth-authorization-server", installation.issuer))).await?.expect(200)?;
    let named = |name: &str| metadata[name].as_str().unwrap_or_default().to_owned();
    let endpoints = [
        (Method::POST, installation.resource.clone()),
        (Method::GET, format!("{}/.well-known/oauth-protected-resource/mcp", installation.mcp_origin)),
        (Method::GET, format!("{}/.well-known/oauth-authorization-server", installation.issuer)),
        (Method::POST, named("registration_endpoint")),
        (Method::POST, named("token_endpoint")),
        (Method::POST, named("revocation_endpoint")),
    ];
    let origin = "http://localhost:6274";
    for (method, url) in endpoints {
        let preflight = http
            .request(Method::OPTIONS, &url)
            .header("origin", origin)
            .header("access-control-request-method", method.as_str())
            .header("access-control-request-headers", "authorization,content-type,mcp-protocol-version,mcp-method,mcp-name");
        let preflight = Answer::of(preflight).await?;
        ensure!(preflight.status < 300, "OPTIONS {url}: {} {}", preflight.status, preflight.body);
        let allowed = preflight.header("access-control-allow-headers").to_ascii_lowercase();
        ensure!(allowed == "*" || allowed.contains("content-type"), "OPTIONS {url}: allowed headers {allowed:?}");
        let answer = Answer::of(http.request(method.clone(), &url).header("origin", origin)).await?;
        ensure!(
            matches!(answer.header("access-control-allow-origin"), "*" | "http://localhost:6274"),
            "{method} {url}: {:?}",
            answer.headers
        );
        if url == installation.resource {
            let exposed = answer.header("access-control-expose-headers").to_ascii_lowercase();
            ensure!(exposed.contains("www-authenticate"), "{exposed:?}");
        }
    }
    let page = Answer::of(http.get(named("authorization_endpoint")).header("origin", origin)).await?;
    ensure!(page.header("access-control-allow-origin").is_empty(), "the authorization page may be read by scripts of another origin");
    Ok(())
}

fn no_nulls(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Array(items) => items.iter().all(no_nulls),
        Value::Object(fields) => fields.values().all(no_nulls),
        _ => true,
    }
}

docent_tests::together_and_split!(
    every_method_without_a_token_is_challenged,
    resource_metadata_stands_at_both_paths,
    issuer_metadata_is_the_same_at_both_paths,
    every_advertised_endpoint_answers,
    a_client_of_2025_03_26_finds_its_way_from_the_origin,
    an_unknown_well_known_path_is_a_404_in_json,
    a_client_in_a_browser_may_read_the_answers,
);
