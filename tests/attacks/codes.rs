//! Authorization codes: whose they are, how often they work, and what they are not (AS8).

use crate::parties::{
    AT_ONCE, call, confidential, expect_error, expect_invalid_grant, expect_refused_soon, expect_status, public, refresh, secret, signed_in,
};
use crate::verdicts::Verdicts;
use anyhow::{Context as _, ensure};
use docent_tests::http::Answer;
use docent_tests::oauth_client::Attempt;
use docent_tests::person::Decision;
use docent_tests::{Installation, OAuthClient, Result, Tokens};
use futures_util::future::join_all;

/// AS8, AS9, AS10: ZITADEL did not compare the client of a code or refresh token with the client that brought it. Here both are bound
/// to their client, whatever else fits, and an attempt does not use them up.
async fn cve_2026_55672_another_clients_code_and_refresh_token(installation: &mut Installation) -> Result {
    let person = signed_in(installation, "ada@example.com").await?;
    let mut verdicts = Verdicts::new();
    let clients = [
        public(installation, "Public").await?,
        public(installation, "Other public").await?,
        confidential(installation, "Confidential").await?,
        confidential(installation, "Other confidential").await?,
    ];
    for owner in &clients {
        let attempt = Attempt::new();
        let code = owner.code(&person, &attempt, Decision::Allow).await?;
        for thief in clients.iter().filter(|thief| thief.client_id != owner.client_id) {
            let label = format!("{} by {}", owner.registration["client_name"], thief.registration["client_name"]);
            let answer = thief.exchange_with(&code, &attempt, &[("client_secret", secret(thief))]).await?;
            verdicts.add(format_args!("code of {label}"), expect_invalid_grant(&answer));
        }
        let tokens = Tokens::of(&owner.exchange_with(&code, &attempt, &[("client_secret", secret(owner))]).await?)
            .context("the code was used up")?;
        for thief in clients.iter().filter(|thief| thief.client_id != owner.client_id) {
            let label = format!("{} by {}", owner.registration["client_name"], thief.registration["client_name"]);
            let answer =
                refresh(thief, &tokens.refresh_token, &[("client_id", &thief.client_id), ("client_secret", secret(thief))]).await?;
            verdicts.add(format_args!("refresh token of {label}"), expect_invalid_grant(&answer));
        }
        let own = refresh(owner, &tokens.refresh_token, &[("client_id", &owner.client_id), ("client_secret", secret(owner))]).await?;
        Tokens::of(&own).context("the refresh token was used up")?;
    }
    verdicts.end()
}

/// AS8, *Data*: Keycloak kept everything that may be used once in one place without saying what it is, so one thing could be redeemed as
/// another, up to forged codes. Here each kind is looked up in its own table: no other secret is a code, a refresh token or a session.
async fn cve_2026_4282_one_kind_of_secret_used_as_another(installation: &mut Installation) -> Result {
    let person = signed_in(installation, "ada@example.com").await?;
    let client = OAuthClient::register(installation, "Kinds").await?;
    let attempt = Attempt::new();
    let (_, _, form) = person.come_to_consent(&client.authorization_url(&attempt, &[])?).await?;
    let code = client.code(&person, &attempt, Decision::Allow).await?;
    let tokens = client.connect(&person, Decision::Allow).await?;
    let link = installation.docent(&["user", "link", "ada@example.com"], "").await?.success()?;
    let link = link.split_whitespace().find_map(|word| word.split_once("link=")).context("no link")?.1.to_owned();
    let cookies = person.cookies()?;
    let (cookie, session) = cookies.split(';').find_map(|cookie| cookie.trim().split_once('=')).context("no session cookie")?;
    let claims = tokens.claims()?;
    let of_claims = |name: &str| claims[name].as_str().unwrap_or_default().to_owned();
    let secrets = [
        ("code", code.clone()),
        ("refresh token", tokens.refresh_token.clone()),
        ("access token", tokens.access_token.clone()),
        ("session cookie", session.to_owned()),
        ("form token", form.value("csrf").context("no csrf")?.to_owned()),
        ("consent ticket", form.value("ticket").context("no ticket")?.to_owned()),
        ("link for the password", link),
        ("client id", client.client_id.clone()),
        ("token id", of_claims("jti")),
        ("grant id", of_claims("grant_id")),
        ("person's id", of_claims("sub")),
        ("state", attempt.state.clone()),
        ("challenge", attempt.challenge()),
    ];
    let mut verdicts = Verdicts::new();
    for (kind, value) in &secrets {
        if *kind != "code" {
            verdicts.add(format_args!("{kind} as code"), expect_invalid_grant(&client.exchange_with(value, &attempt, &[]).await?));
        }
        if *kind != "refresh token" {
            verdicts.add(format_args!("{kind} as refresh token"), expect_invalid_grant(&client.refresh(value).await?));
        }
        if *kind != "access token" {
            let answer = call(&client, value).await?;
            verdicts.add(
                format_args!("{kind} as bearer"),
                if matches!(answer.status, 400 | 401) { Ok(()) } else { Err(anyhow::anyhow!("{}", answer.status)) },
            );
        }
        if *kind != "session cookie" {
            let page =
                Answer::of(client.http.get(format!("{}/", installation.issuer)).header("cookie", format!("{cookie}={value}"))).await?;
            verdicts.add(
                format_args!("{kind} as session"),
                if page.body.contains("ada@example.com") { Err(anyhow::anyhow!("signed in")) } else { Ok(()) },
            );
        }
        if *kind != "link for the password" {
            let page = Answer::of(client.http.get(format!("{}/set-password", installation.issuer)).query(&[("link", value)])).await?;
            verdicts.add(
                format_args!("{kind} as link"),
                if page.body.contains("name=\"password\"") { Err(anyhow::anyhow!("{}", page.status)) } else { Ok(()) },
            );
        }
    }
    client.exchange(&code, &attempt).await.context("the code was used up")?;
    Tokens::of(&client.refresh(&tokens.refresh_token).await?).context("the refresh token was used up")?;
    verdicts.end()
}

/// AS8. Class: a code gives more than once when it is used at once. Here one conditional update decides, also when some of the attempts
/// come as another client or without the verifier; and what the winner got ends, since somebody else has the code.
async fn cve_2026_110862_a_code_used_many_times_at_once(installation: &mut Installation) -> Result {
    let person = signed_in(installation, "ada@example.com").await?;
    let client = OAuthClient::register(installation, "Race").await?;
    let other = OAuthClient::register(installation, "Other").await?;
    for round in 0..4 {
        let (attempt, wrong) = (Attempt::new(), Attempt::new());
        let code = client.code(&person, &attempt, Decision::Allow).await?;
        let answers = join_all((0..AT_ONCE).map(|number| {
            let (client, attempt) = match number % 4 {
                0 => (&other, &attempt),
                1 => (&client, &wrong),
                _ => (&client, &attempt),
            };
            client.exchange_with(&code, attempt, &[])
        }))
        .await;
        let answers: Vec<Answer> = answers.into_iter().collect::<Result<_>>()?;
        let won: Vec<&Answer> = answers.iter().filter(|answer| answer.status == 200).collect();
        ensure!(won.len() == 1, "round {round}: {} of {AT_ONCE} were given tokens", won.len());
        for answer in answers.iter().filter(|answer| answer.status != 200) {
            expect_invalid_grant(answer).with_context(|| format!("round {round}"))?;
        }
        let tokens = Tokens::of(won[0])?;
        expect_invalid_grant(&client.refresh(&tokens.refresh_token).await?).context("the winner's refresh token lives on")?;
        expect_refused_soon(&client, &tokens.access_token).await?;
    }
    Ok(())
}

/// AS10: authentik let the deactivated service account of a client authenticate. Here a client that was blocked proves nothing any more: no
/// page, no exchange, no refresh, no introspection.
async fn cve_2025_64521_a_blocked_client_authenticates(installation: &mut Installation) -> Result {
    let person = signed_in(installation, "ada@example.com").await?;
    let mut verdicts = Verdicts::new();
    for client in [OAuthClient::register(installation, "Public").await?, confidential(installation, "Confidential").await?] {
        let name = client.registration["client_name"].clone();
        let secret = secret(&client).to_owned();
        let attempt = Attempt::new();
        let code = client.code(&person, &attempt, Decision::Allow).await?;
        let other = Attempt::new();
        let unused = client.code(&person, &other, Decision::Allow).await?;
        let tokens = Tokens::of(&client.exchange_with(&code, &attempt, &[("client_secret", &secret)]).await?)?;
        installation.postgres()?.query(&format!("UPDATE clients SET disabled = true WHERE id = '{}'", client.client_id))?;
        let answer = refresh(&client, &tokens.refresh_token, &[("client_id", &client.client_id), ("client_secret", &secret)]).await?;
        verdicts.add(format_args!("{name}: refresh"), expect_error(&answer, &["invalid_client"]));
        let answer = client.exchange_with(&unused, &other, &[("client_secret", &secret)]).await?;
        verdicts.add(format_args!("{name}: code"), expect_error(&answer, &["invalid_client"]));
        for endpoint in ["introspection_endpoint", "revocation_endpoint"] {
            let form = [("token", tokens.access_token.as_str()), ("client_id", &client.client_id), ("client_secret", &secret)];
            let answer = Answer::of(client.http.post(client.endpoint(endpoint)?).form(&form)).await?;
            verdicts.add(format_args!("{name}: {endpoint}"), expect_error(&answer, &["invalid_client"]));
        }
        let (_, page) = person.open(&client.authorization_url(&Attempt::new(), &[])?).await?;
        verdicts.add(
            format_args!("{name}: authorization"),
            if page.status == 400 && !page.body.contains("name=\"decision\"") { Ok(()) } else { Err(anyhow::anyhow!("{}", page.status)) },
        );
    }
    verdicts.end()
}

/// AS8, AS9, AS18: nobody ends another's connection by guessing or by what can be seen in a browser's history: not with the code but without
/// the verifier, not as another client, not by revoking, not by a flood of wrong tokens.
async fn killing_somebody_elses_grant_by_guessing(installation: &mut Installation) -> Result {
    let person = signed_in(installation, "ada@example.com").await?;
    let client = OAuthClient::register(installation, "Victim").await?;
    let attacker = OAuthClient::register(installation, "Attacker").await?;
    let attempt = Attempt::new();
    let code = client.code(&person, &attempt, Decision::Allow).await?;
    // Before its owner uses it.
    for _ in 0..20 {
        expect_invalid_grant(&client.exchange_with(&code, &Attempt::new(), &[]).await?)?;
        expect_invalid_grant(&attacker.exchange_with(&code, &attempt, &[]).await?)?;
    }
    let first = client.exchange(&code, &attempt).await.context("guessing used the code up")?;
    let mut tokens = Tokens::of(&client.refresh(&first.refresh_token).await?)?;
    // After it: the code, the spent token and the live one are known, the verifier is not, and the attacker is another client.
    let mut verdicts = Verdicts::new();
    let revoke = |token: String| {
        let attacker = &attacker;
        async move {
            let form = [("token", token), ("client_id", attacker.client_id.clone())];
            Answer::of(attacker.http.post(attacker.endpoint("revocation_endpoint")?).form(&form)).await
        }
    };
    for round in 0..3 {
        let attacks = [
            ("code without the verifier", client.exchange_with(&code, &Attempt::new(), &[]).await?),
            (
                "code with another redirect",
                client.exchange_with(&code, &attempt, &[("redirect_uri", "http://127.0.0.1:49152/other")]).await?,
            ),
            ("code as another client", attacker.exchange_with(&code, &attempt, &[]).await?),
            ("spent token as another client", attacker.refresh(&first.refresh_token).await?),
            ("live token as another client", attacker.refresh(&tokens.refresh_token).await?),
            (
                "live token for another resource",
                refresh(&client, &tokens.refresh_token, &[("client_id", &client.client_id), ("resource", "https://elsewhere.example/mcp")])
                    .await?,
            ),
            ("revoking the live token as another client", revoke(tokens.refresh_token.clone()).await?),
            ("revoking the access token as another client", revoke(tokens.access_token.clone()).await?),
            ("revoking the code", revoke(code.clone()).await?),
        ];
        for (label, answer) in attacks {
            verdicts.add(
                format_args!("round {round}, {label}"),
                if label.starts_with("revoking") { expect_status(&answer, 200) } else { expect_status(&answer, 400) },
            );
        }
        for answer in join_all((0..AT_ONCE).map(|number| client.refresh(if number % 2 == 0 { "dr_guess" } else { "guess" }))).await {
            verdicts.add(format_args!("round {round}, guessing"), expect_invalid_grant(&answer?));
        }
        let answer = call(&client, &tokens.access_token).await?;
        ensure!(answer.status == 200, "round {round}: the access token was killed: {} {}", answer.status, answer.body);
        tokens =
            Tokens::of(&client.refresh(&tokens.refresh_token).await?).with_context(|| format!("round {round}: the grant was killed"))?;
    }
    verdicts.end()
}

docent_tests::in_shape!(
    together,
    Together,
    cve_2026_55672_another_clients_code_and_refresh_token,
    cve_2026_4282_one_kind_of_secret_used_as_another,
    cve_2026_110862_a_code_used_many_times_at_once,
    killing_somebody_elses_grant_by_guessing
);
docent_tests::in_shape!(
    together_postgres,
    TogetherPostgres,
    cve_2026_110862_a_code_used_many_times_at_once,
    cve_2025_64521_a_blocked_client_authenticates
);
