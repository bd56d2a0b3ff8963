//! Tokens for one resource at another (RFC 8707, RS6, AS6).

use crate::access_tokens::OwnIssuer;
use crate::verdicts::Verdicts;
use anyhow::{Context as _, ensure};
use docent_tests::oauth_client::Attempt;
use docent_tests::person::Decision;
use docent_tests::{Installation, OAuthClient, Result, Tokens};
use serde_json::{Value, json};

/// CVE-2025-69196 (FastMCP before 2.14.2 ignored `resource` and issued every token for its base URL), AS6: the audience is the MCP URL
/// that was asked for, and asking for the origin or for another URL gives nothing.
async fn cve_2025_69196_a_token_is_for_the_resource_that_was_asked_for(installation: &mut Installation) -> Result {
    let person = installation.add_person("ada@example.com").await?;
    let client = OAuthClient::register(installation, "Audience").await?;
    let attempt = Attempt::new();
    let code = client.code(&person, &attempt, Decision::Allow).await?;
    let claims = client.exchange(&code, &attempt).await?.claims()?;
    ensure!(claims["aud"] == installation.resource.as_str(), "the audience is {}", claims["aud"]);
    let mut verdicts = Verdicts::new();
    for resource in strangers(installation) {
        let (url, _) = person.open(&client.authorization_url(&attempt, &[("resource", &resource)])?).await?;
        let refused = client.authorization_response(&url, &attempt).and_then(|answer| {
            ensure!(answer.get("error").map(String::as_str) == Some("invalid_target"), "{url}");
            ensure!(!answer.contains_key("code"), "{url}");
            Ok(())
        });
        verdicts.add(format!("resource={resource}"), refused);
    }
    verdicts.end()
}

fn strangers(installation: &Installation) -> Vec<String> {
    let resource = &installation.resource;
    vec![
        installation.mcp_origin.clone(),
        format!("{}/", installation.mcp_origin),
        format!("{resource}/../mcp2"),
        format!("{resource}2"),
        format!("{resource}?x=1"),
        format!("{resource}#x"),
        format!("{resource}//"),
        resource.to_uppercase(),
        resource.replace("localhost", "127.0.0.1"),
        resource.replace("://", "://u@"),
        "https://other.example/mcp".to_owned(),
        "urn:other".to_owned(),
    ]
}

/// CVE-2026-67332 (`@better-auth/oauth-provider` before 1.7 gave a token for any known resource, whatever the grant was for), AS6: neither
/// exchange nor refresh leads to another resource than the grant's; a wrong one among right ones is refused, and uses nothing up.
async fn cve_2026_67332_the_token_endpoint_gives_the_grants_resource_only(installation: &mut Installation) -> Result {
    let person = installation.add_person("ada@example.com").await?;
    let client = OAuthClient::register(installation, "Audience").await?;
    let attempt = Attempt::new();
    let code = client.code(&person, &attempt, Decision::Allow).await?;
    let mut verdicts = Verdicts::new();
    let judged = |answer: docent_tests::http::Answer| -> Result {
        ensure!(answer.status == 400 && answer.oauth_error()? == "invalid_target", "{answer:?}");
        Ok(())
    };
    for resource in strangers(installation) {
        verdicts.add(format!("exchange for {resource}"), judged(client.exchange_with(&code, &attempt, &[("resource", &resource)]).await?));
    }
    let tokens = client.exchange(&code, &attempt).await.context("a refused exchange used the code up")?;
    for resource in strangers(installation) {
        let base = [("grant_type", "refresh_token"), ("refresh_token", &tokens.refresh_token), ("client_id", &client.client_id)];
        let mut form = base.to_vec();
        form.push(("resource", &resource));
        verdicts.add(format!("refresh for {resource}"), judged(client.token(&form).await?));
        form.push(("resource", &client.resource));
        verdicts.add(format!("refresh for {resource} and ours"), judged(client.token(&form).await?));
    }
    verdicts.end()?;
    let refreshed = Tokens::of(&client.refresh(&tokens.refresh_token).await?).context("a refused refresh used the token up")?;
    ensure!(refreshed.claims()?["aud"] == installation.resource.as_str());
    Ok(())
}

/// CVE-2026-101062 (Obot before 0.23 checked the issuer of a token and not its audience; its authorization endpoint completed by itself for
/// whoever was signed in), RS6, AS14: with a right signature and issuer, only exactly this resource is accepted.
#[tokio::test(flavor = "multi_thread")]
async fn cve_2026_101062_the_right_issuer_is_not_enough() -> Result {
    let issuer = OwnIssuer::start().await?;
    let claims = issuer.claims()?;
    issuer.accept(&claims).await.context("the token that the attacks start from")?;
    let resource = issuer.installation.resource.clone();
    let mut audiences: Vec<Value> = strangers(&issuer.installation).into_iter().map(Value::from).collect();
    audiences.extend([
        json!(format!("{resource}/")),
        json!(issuer.installation.issuer),
        json!(""),
        json!("*"),
        json!([]),
        json!([resource, "https://other.example/mcp"]),
        json!([resource, resource]),
        json!([[resource]]),
        json!({"aud": resource}),
        json!(null),
    ]);
    let mut verdicts = Verdicts::new();
    for audience in audiences {
        let mut other = claims.clone();
        other["aud"] = audience.clone();
        verdicts.add(format!("aud {audience}"), issuer.refuse(&issuer.key.sign(&issuer.key.header("at+jwt"), &other)?).await);
    }
    verdicts.end()
}

/// CVE-2026-101062, AS14: somebody who is signed in and is led to an authorization URL of a client that was never seen gives nothing away by
/// opening it.
async fn cve_2026_101062_opening_a_url_completes_nothing(installation: &mut Installation) -> Result {
    let person = installation.add_person("ada@example.com").await?;
    person.sign_in().await?;
    let wanted = json!({"client_name": "Attacker", "redirect_uris": ["https://attacker.example/cb"], "token_endpoint_auth_method": "none"});
    let client = OAuthClient::register_with(installation, &wanted).await?;
    for more in [&[][..], &[("prompt", "none")], &[("prompt", "consent")], &[("approval_prompt", "auto")], &[("decision", "allow")]] {
        let (url, answer) = person.open(&client.authorization_url(&Attempt::new(), more)?).await?;
        ensure!(!url.as_str().contains("code="), "{more:?}: {url}");
        if url.host_str() == Some("attacker.example") {
            ensure!(url.as_str().contains("error="), "{more:?}: {url}");
        } else {
            ensure!(answer.body.contains("name=\"decision\""), "{more:?}: no consent page but {}", answer.body);
        }
    }
    Ok(())
}

docent_tests::together_and_split!(
    cve_2025_69196_a_token_is_for_the_resource_that_was_asked_for,
    cve_2026_67332_the_token_endpoint_gives_the_grants_resource_only,
);
docent_tests::in_shape!(sqlite, Together, cve_2026_101062_opening_a_url_completes_nothing);
