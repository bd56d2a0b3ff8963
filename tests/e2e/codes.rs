//! Authorization codes.

use anyhow::ensure;
use docent_tests::http::Answer;
use docent_tests::mcp::{Era, Mcp};
use docent_tests::oauth_client::Attempt;
use docent_tests::person::Decision;
use docent_tests::{Installation, OAuthClient, Result, Tokens};
use futures_util::future::join_all;

const ROUNDS: usize = 4;
const CALLERS: usize = 64;

/// AS8: of 64 exchanges of one code at once, exactly one is answered with tokens; and since the others proved the right
/// client and verifier, what that one gave is revoked.
async fn one_of_64_parallel_exchanges_of_a_code_wins(installation: &mut Installation) -> Result {
    let person = installation.add_person("ada@example.com").await?;
    let client = OAuthClient::register(installation, "Race").await?;
    for round in 0..ROUNDS {
        let attempt = Attempt::new();
        let code = client.code(&person, &attempt, Decision::Allow).await?;
        let answers: Vec<Answer> =
            join_all((0..CALLERS).map(|_| client.exchange_with(&code, &attempt, &[]))).await.into_iter().collect::<Result<_>>()?;
        let (won, lost): (Vec<&Answer>, Vec<&Answer>) = answers.iter().partition(|answer| answer.status == 200);
        ensure!(won.len() == 1, "round {round}: {} of {CALLERS} won", won.len());
        for answer in lost {
            ensure!(answer.oauth_error()? == "invalid_grant", "round {round}: {answer:?}");
        }
        let tokens = Tokens::of(won[0])?;
        ensure!(
            client.refresh(&tokens.refresh_token).await?.oauth_error()? == "invalid_grant",
            "round {round}: the refresh token survived"
        );
        let call =
            Answer::of(Mcp::new(&client.resource, &tokens.access_token, Era::Stateless)?.request("tools/list", serde_json::json!({})))
                .await?;
        ensure!(call.status == 401, "round {round}: the access token survived: {} {}", call.status, call.body);
    }
    Ok(())
}

/// AS8: who guesses at a used code without its verifier, or as another client, does not revoke what it gave.
async fn a_second_use_without_the_verifier_revokes_nothing(installation: &mut Installation) -> Result {
    let person = installation.add_person("ada@example.com").await?;
    let client = OAuthClient::register(installation, "Bystander").await?;
    let attempt = Attempt::new();
    let code = client.code(&person, &attempt, Decision::Allow).await?;
    let tokens = client.exchange(&code, &attempt).await?;
    let wrong = Attempt::new();
    ensure!(client.exchange_with(&code, &wrong, &[]).await?.oauth_error()? == "invalid_grant");
    let mut other = OAuthClient::register(installation, "Other").await?;
    other.redirect_uri.clone_from(&client.redirect_uri);
    ensure!(other.exchange_with(&code, &attempt, &[]).await?.oauth_error()? == "invalid_grant");
    let answer = client.refresh(&tokens.refresh_token).await?;
    ensure!(answer.status == 200, "the tokens were revoked: {} {}", answer.status, answer.body);
    Ok(())
}

/// AS2, AS3, AS6, AS8: a code is bound to verifier, redirect URI, resource and client; an attempt that fails on one of them
/// does not use it up.
async fn a_failed_exchange_does_not_use_the_code_up(installation: &mut Installation) -> Result {
    let person = installation.add_person("ada@example.com").await?;
    let client = OAuthClient::register(installation, "Bound").await?;
    let attempt = Attempt::new();
    let code = client.code(&person, &attempt, Decision::Allow).await?;
    let long = "a".repeat(129);
    let cases = [
        (("code_verifier", ""), "invalid_request"),
        (("code_verifier", "short"), "invalid_grant"),
        (("code_verifier", long.as_str()), "invalid_grant"),
        (("redirect_uri", "http://127.0.0.1:49152/other"), "invalid_grant"),
        (("resource", "https://elsewhere.example/mcp"), "invalid_target"),
        (("client_id", "nobody"), "invalid_client"),
        (("code", "guess"), "invalid_grant"),
        (("grant_type", "password"), "unsupported_grant_type"),
    ];
    for (change, expected) in cases {
        let error = client.exchange_with(&code, &attempt, &[change]).await?.oauth_error()?;
        ensure!(error == expected, "{change:?}: {error}");
    }
    client.exchange(&code, &attempt).await?;
    Ok(())
}

docent_tests::in_every_shape!(
    one_of_64_parallel_exchanges_of_a_code_wins,
    a_second_use_without_the_verifier_revokes_nothing,
    a_failed_exchange_does_not_use_the_code_up,
);
