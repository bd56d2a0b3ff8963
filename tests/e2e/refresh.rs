//! Refresh tokens: rotation, the grace of parallel processes, reuse.

use anyhow::{Context as _, ensure};
use docent_tests::http::Answer;
use docent_tests::mcp::{Era, Mcp};
use docent_tests::person::Decision;
use docent_tests::{Installation, OAuthClient, Result, Tokens};
use futures_util::future::join_all;
use serde_json::json;

/// AS9: each use gives another refresh token, and the access token of each works.
async fn a_refresh_token_is_rotated_at_every_use(installation: &mut Installation) -> Result {
    let person = installation.add_person("ada@example.com").await?;
    let client = OAuthClient::register(installation, "Rotation").await?;
    let mut tokens = client.connect(&person, Decision::Allow).await?;
    for _ in 0..5 {
        let next = Tokens::of(&client.refresh(&tokens.refresh_token).await?)?;
        ensure!(next.refresh_token != tokens.refresh_token && next.access_token != tokens.access_token, "not rotated");
        ensure!(next.scope == tokens.scope, "scope became {}", next.scope);
        Mcp::new(&client.resource, &next.access_token, Era::Stateless)?.tools().await?;
        tokens = next;
    }
    Ok(())
}

/// AS9: several processes of one person refresh the same token at once: each gets tokens of one family that work.
async fn parallel_uses_of_one_token_all_get_tokens(installation: &mut Installation) -> Result {
    let person = installation.add_person("ada@example.com").await?;
    let client = OAuthClient::register(installation, "Parallel").await?;
    let tokens = client.connect(&person, Decision::Allow).await?;
    let answers: Vec<Answer> = join_all((0..16).map(|_| client.refresh(&tokens.refresh_token))).await.into_iter().collect::<Result<_>>()?;
    for answer in &answers {
        let given = Tokens::of(answer)?;
        Mcp::new(&client.resource, &given.access_token, Era::Stateless)?.tools().await?;
    }
    let last = Tokens::of(answers.last().context("no answer")?)?;
    Tokens::of(&client.refresh(&last.refresh_token).await?)?;
    Ok(())
}

/// AS9: once a successor was used, the use of the old token means that somebody has copied it: the whole family ends.
async fn reuse_of_a_replaced_token_ends_the_family(installation: &mut Installation) -> Result {
    let person = installation.add_person("ada@example.com").await?;
    let client = OAuthClient::register(installation, "Reuse").await?;
    let first = client.connect(&person, Decision::Allow).await?;
    let second = Tokens::of(&client.refresh(&first.refresh_token).await?)?;
    let third = Tokens::of(&client.refresh(&second.refresh_token).await?)?;
    ensure!(client.refresh(&first.refresh_token).await?.oauth_error()? == "invalid_grant", "the first token works still");
    ensure!(client.refresh(&third.refresh_token).await?.oauth_error()? == "invalid_grant", "the family lives on");
    let call = Answer::of(Mcp::new(&client.resource, &third.access_token, Era::Stateless)?.request("tools/list", json!({}))).await?;
    ensure!(
        call.status == 401 && call.header("www-authenticate").contains("invalid_token"),
        "the access token lives on: {} {}",
        call.status,
        call.body
    );
    Ok(())
}

/// AS9: a disabled person's and another client's use is `invalid_grant`.
async fn a_disabled_person_gets_no_tokens(installation: &mut Installation) -> Result {
    let person = installation.add_person("ada@example.com").await?;
    let client = OAuthClient::register(installation, "Disabled").await?;
    let tokens = client.connect(&person, Decision::Allow).await?;
    let other = OAuthClient::register(installation, "Another client").await?;
    ensure!(other.refresh(&tokens.refresh_token).await?.oauth_error()? == "invalid_grant", "another client may use it");
    Tokens::of(&client.refresh(&tokens.refresh_token).await?)?;
    installation.run(&["user", "disable", "ada@example.com"]).await?;
    ensure!(client.refresh(&tokens.refresh_token).await?.oauth_error()? == "invalid_grant", "a disabled person's token works");
    Ok(())
}

/// AS9: a scope may be narrowed at refresh, never widened.
async fn a_refresh_may_narrow_the_scope_only(installation: &mut Installation) -> Result {
    let person = installation.add_person("ada@example.com").await?;
    let client = OAuthClient::register(installation, "Narrow").await?;
    let tokens = client.connect(&person, Decision::Allow).await?;
    let with_scope = |scope: &'static str, token: String| {
        let client = client.clone();
        async move {
            client
                .token(&[("grant_type", "refresh_token"), ("refresh_token", &token), ("client_id", &client.client_id), ("scope", scope)])
                .await
        }
    };
    let widened = with_scope("docs:read libraries:write", tokens.refresh_token.clone()).await?;
    let granted = if widened.status == 200 { Tokens::of(&widened)?.scope } else { String::new() };
    ensure!(!granted.contains("libraries:write"), "the scope was widened to {granted}");
    Ok(())
}

docent_tests::in_every_shape!(
    a_refresh_token_is_rotated_at_every_use,
    parallel_uses_of_one_token_all_get_tokens,
    reuse_of_a_replaced_token_ends_the_family,
    a_disabled_person_gets_no_tokens,
    a_refresh_may_narrow_the_scope_only,
);
