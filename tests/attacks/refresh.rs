//! Refresh tokens: how often they work, who may use them, and what ends them (AS9).

use crate::parties::{
    AT_ONCE, call, confidential, expect_error, expect_invalid_grant, expect_refused_soon, expect_status, refresh, secret, signed_in,
};
use crate::verdicts::Verdicts;
use anyhow::{Context as _, ensure};
use docent_tests::http::Answer;
use docent_tests::oauth_client::Attempt;
use docent_tests::person::Decision;
use docent_tests::{Installation, OAuthClient, Result, Tokens};
use futures_util::future::join_all;

/// AS9: at better-auth concurrent uses of one refresh token each began a family of their own, and none of them was ever missed. Here all
/// that is given within the grace is one family: when the token comes back after a successor was used, every branch ends.
async fn cve_2026_53517_concurrent_refreshes_fork_the_family(installation: &mut Installation) -> Result {
    let person = signed_in(installation, "ada@example.com").await?;
    let client = OAuthClient::register(installation, "Fork").await?;
    let first = client.connect(&person, Decision::Allow).await?;
    let answers = join_all((0..AT_ONCE).map(|_| client.refresh(&first.refresh_token))).await;
    let branches: Vec<Tokens> = answers.into_iter().map(|answer| Tokens::of(&answer?)).collect::<Result<_>>()?;
    let used = Tokens::of(&client.refresh(&branches[0].refresh_token).await?)?;
    expect_invalid_grant(&client.refresh(&first.refresh_token).await?).context("the first token works beside its successors")?;
    let mut verdicts = Verdicts::new();
    for (number, branch) in branches.iter().chain([&used]).enumerate() {
        verdicts.add(format_args!("refresh token of branch {number}"), expect_invalid_grant(&client.refresh(&branch.refresh_token).await?));
        verdicts.add(format_args!("access token of branch {number}"), expect_refused_soon(&client, &branch.access_token).await);
    }
    verdicts.end()
}

/// AS9: Keycloak counted the uses of a refresh token after it had looked at the count, so a spent token worked when it was sent many times
/// at once. Here a spent token gives nothing however many come, and its return ends the grant.
async fn cve_2026_1035_a_spent_refresh_token_many_times_at_once(installation: &mut Installation) -> Result {
    let person = signed_in(installation, "ada@example.com").await?;
    let client = OAuthClient::register(installation, "Spent").await?;
    for round in 0..4 {
        let first = client.connect(&person, Decision::Allow).await?;
        let second = Tokens::of(&client.refresh(&first.refresh_token).await?)?;
        let third = Tokens::of(&client.refresh(&second.refresh_token).await?)?;
        let answers = join_all((0..AT_ONCE).map(|_| client.refresh(&first.refresh_token))).await;
        for answer in answers {
            expect_invalid_grant(&answer?).with_context(|| format!("round {round}"))?;
        }
        expect_invalid_grant(&client.refresh(&third.refresh_token).await?).context("the family lives on")?;
        expect_refused_soon(&client, &third.access_token).await?;
    }
    Ok(())
}

/// What a client shows of itself, as form parameters.
type Credentials<'a> = &'a [(&'a str, &'a str)];

/// AS9, AS10: better-auth's `oidc-provider` and `mcp` plugins did not ask a client for its secret at refresh. Here the token endpoint knows
/// who asks before it looks at anything else, for every grant type.
async fn cve_2026_53512_a_refresh_without_client_authentication(installation: &mut Installation) -> Result {
    let person = signed_in(installation, "ada@example.com").await?;
    let client = confidential(installation, "Confidential").await?;
    let other = confidential(installation, "Other").await?;
    let attempt = Attempt::new();
    let code = client.code(&person, &attempt, Decision::Allow).await?;
    let tokens = Tokens::of(&client.exchange_with(&code, &attempt, &[("client_secret", secret(&client))]).await?)?;
    let id = client.client_id.as_str();
    let upper = secret(&client).to_ascii_uppercase();
    let cases: [(&str, Credentials<'_>, &str); 9] = [
        ("nobody", &[], "invalid_request"),
        ("no secret", &[("client_id", id)], "invalid_client"),
        ("an empty secret", &[("client_id", id), ("client_secret", "")], "invalid_client"),
        ("a wrong secret", &[("client_id", id), ("client_secret", "wrong")], "invalid_client"),
        ("another letter case", &[("client_id", id), ("client_secret", &upper)], "invalid_client"),
        ("another client's secret", &[("client_id", id), ("client_secret", secret(&other))], "invalid_client"),
        ("another client", &[("client_id", &other.client_id), ("client_secret", secret(&other))], "invalid_grant"),
        ("an unknown client", &[("client_id", "nobody"), ("client_secret", secret(&client))], "invalid_client"),
        (
            "an assertion that is none",
            &[
                ("client_id", id),
                ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
                ("client_assertion", "x"),
            ],
            "invalid_client",
        ),
    ];
    let mut verdicts = Verdicts::new();
    for (label, credentials, error) in cases {
        let answer = refresh(&client, &tokens.refresh_token, credentials).await?;
        let status = if error == "invalid_client" { 401 } else { 400 };
        verdicts.add(
            label,
            expect_error(&answer, &[error]).and_then(|()| {
                ensure!(answer.status == status, "{}", answer.status);
                Ok(())
            }),
        );
    }
    let own = refresh(&client, &tokens.refresh_token, &[("client_id", id), ("client_secret", secret(&client))]).await?;
    Tokens::of(&own).context("the refresh token was used up")?;
    verdicts.end()
}

/// AS8, AS9: after a restart Keycloak took refresh tokens again that had been replaced before it. Here what was used is in the database
/// before the answer is given: a kill changes nothing.
async fn cve_2026_9802_a_restart_forgets_what_was_used(installation: &mut Installation) -> Result {
    let person = signed_in(installation, "ada@example.com").await?;
    let client = OAuthClient::register(installation, "Restart").await?;
    let attempt = Attempt::new();
    let code = client.code(&person, &attempt, Decision::Allow).await?;
    let by_code = client.exchange(&code, &attempt).await?;
    let first = client.connect(&person, Decision::Allow).await?;
    let second = Tokens::of(&client.refresh(&first.refresh_token).await?)?;
    let third = Tokens::of(&client.refresh(&second.refresh_token).await?)?;
    let given_back = client.connect(&person, Decision::Allow).await?;
    let revocation = client
        .http
        .post(client.endpoint("revocation_endpoint")?)
        .form(&[("token", &given_back.refresh_token), ("client_id", &client.client_id)]);
    ensure!(Answer::of(revocation).await?.status == 200, "not revoked");
    installation.kill9_and_restart().await?;
    let mut verdicts = Verdicts::new();
    verdicts.add("a revoked grant", expect_invalid_grant(&client.refresh(&given_back.refresh_token).await?));
    verdicts.add("its access token", expect_refused_soon(&client, &given_back.access_token).await);
    verdicts.add("the code", expect_invalid_grant(&client.exchange_with(&code, &attempt, &[]).await?));
    verdicts.add("what the code gave", expect_invalid_grant(&client.refresh(&by_code.refresh_token).await?));
    verdicts.add("a spent refresh token", expect_invalid_grant(&client.refresh(&first.refresh_token).await?));
    verdicts.add("its family", expect_invalid_grant(&client.refresh(&third.refresh_token).await?));
    verdicts.end()
}

/// AS8, AS9: Pocket ID went on refreshing for people who had been disabled, had lost their group, or had taken their consent back. Here each
/// refresh and each exchange asks the grant, the account and the project again.
async fn cve_2026_43983_a_refresh_after_access_was_withdrawn(installation: &mut Installation) -> Result {
    let client = OAuthClient::register(installation, "Withdrawn").await?;
    installation.run(&["project", "add", "Harbour"]).await?;
    let mut verdicts = Verdicts::new();
    for how in ["disabled", "removed from the project", "refresh token given back", "access token's grant given back"] {
        let email = format!("{}@example.com", how.replace([' ', '\''], "-"));
        let person = signed_in(installation, &email).await?;
        installation.run(&["project", "member", "add", "Harbour", &email]).await?;
        let attempt = Attempt::new();
        let code = client.code(&person, &attempt, Decision::AllowFor("Harbour")).await?;
        let tokens = client.connect(&person, Decision::AllowFor("Harbour")).await?;
        let give_back = |token: String| {
            let client = &client;
            async move {
                let form = [("token", token), ("client_id", client.client_id.clone())];
                let answer = Answer::of(client.http.post(client.endpoint("revocation_endpoint")?).form(&form)).await?;
                ensure!(answer.status == 200, "{} {}", answer.status, answer.body);
                Ok(())
            }
        };
        let ends_the_person = match how {
            "disabled" => installation.run(&["user", "disable", &email]).await.map(|_| true)?,
            "removed from the project" => installation.run(&["project", "member", "remove", "Harbour", &email]).await.map(|_| true)?,
            "refresh token given back" => give_back(tokens.refresh_token.clone()).await.map(|()| false)?,
            _ => give_back(tokens.access_token.clone()).await.map(|()| false)?,
        };
        verdicts.add(format_args!("{how}: access token"), expect_refused_soon(&client, &tokens.access_token).await);
        if how != "access token's grant given back" {
            verdicts.add(format_args!("{how}: refresh"), expect_invalid_grant(&client.refresh(&tokens.refresh_token).await?));
        }
        if ends_the_person {
            verdicts.add(format_args!("{how}: code"), expect_invalid_grant(&client.exchange_with(&code, &attempt, &[]).await?));
        }
    }
    verdicts.end()
}

/// RS3, RS5: a refresh token, a code or an ID token in the `Authorization` header opens nothing, at no endpoint that takes a bearer.
async fn a_refresh_token_as_a_bearer(installation: &mut Installation) -> Result {
    let person = signed_in(installation, "ada@example.com").await?;
    let client = OAuthClient::register(installation, "Bearer").await?;
    let attempt = Attempt::new();
    let code = client.code_with(&person, &attempt, Decision::Allow, &[("scope", "openid email docs:read offline_access")]).await?;
    let answer = client.exchange_with(&code, &attempt, &[]).await?;
    let tokens = Tokens::of(&answer)?;
    ensure!(!tokens.refresh_token.is_empty(), "no refresh token");
    let id_token = answer.json()?["id_token"].as_str().context("no ID token")?.to_owned();
    ensure!(call(&client, &tokens.access_token).await?.status == 200, "the access token itself does not work");
    let mut verdicts = Verdicts::new();
    for (kind, token) in
        [("refresh token", &tokens.refresh_token), ("code", &code), ("ID token", &id_token), ("client id", &client.client_id)]
    {
        for (place, url) in [("/mcp", client.resource.clone()), ("userinfo", client.endpoint("userinfo_endpoint")?)] {
            for method in [reqwest::Method::GET, reqwest::Method::POST] {
                let request =
                    client.http.request(method.clone(), &url).header("accept", "application/json, text/event-stream").bearer_auth(token);
                let answer = Answer::of(request).await?;
                let is_refused = answer.status == 401 && answer.header("www-authenticate").contains("error=\"invalid_token\"");
                verdicts.add(
                    format_args!("{kind} at {method} {place}"),
                    if is_refused { Ok(()) } else { Err(anyhow::anyhow!("{} {:?}", answer.status, answer.headers)) },
                );
            }
        }
    }
    for (place, url) in [("/mcp", client.resource.clone()), ("userinfo", client.endpoint("userinfo_endpoint")?)] {
        for name in ["access_token", "token", "authorization"] {
            let answer = Answer::of(client.http.get(&url).query(&[(name, &tokens.access_token)])).await?;
            verdicts.add(format_args!("{name} in the query at {place}"), expect_status(&answer, 401));
            let answer = Answer::of(client.http.post(&url).form(&[(name, &tokens.access_token)])).await?;
            verdicts.add(format_args!("{name} in a form at {place}"), expect_status(&answer, 401));
        }
    }
    verdicts.end()
}

docent_tests::in_shape!(
    together,
    Together,
    cve_2026_53517_concurrent_refreshes_fork_the_family,
    cve_2026_1035_a_spent_refresh_token_many_times_at_once,
    cve_2026_53512_a_refresh_without_client_authentication,
    cve_2026_9802_a_restart_forgets_what_was_used,
    cve_2026_43983_a_refresh_after_access_was_withdrawn,
    a_refresh_token_as_a_bearer
);
docent_tests::in_shape!(
    together_postgres,
    TogetherPostgres,
    cve_2026_53517_concurrent_refreshes_fork_the_family,
    cve_2026_1035_a_spent_refresh_token_many_times_at_once
);
