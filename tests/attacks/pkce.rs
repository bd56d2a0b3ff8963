//! Proof that whoever exchanges a code is who asked for it (AS2).

use crate::parties::{WEB, confidential, expect_error, public, signed_in};
use crate::verdicts::Verdicts;
use anyhow::{Context as _, ensure};
use docent_tests::http::Answer;
use docent_tests::oauth_client::Attempt;
use docent_tests::person::Decision;
use docent_tests::{Installation, OAuthClient, Person, Result, Tokens};
use serde_json::json;

/// A client of each kind: public on the own machine, public on the web, with a secret on the web.
async fn clients(installation: &Installation) -> Result<Vec<(&'static str, OAuthClient)>> {
    Ok(vec![
        ("native", OAuthClient::register(installation, "Native").await?),
        ("public", public(installation, "Public").await?),
        ("confidential", confidential(installation, "Confidential").await?),
    ])
}

/// Exchanges a code, with the client's secret if it has one.
async fn exchange(client: &OAuthClient, code: &str, attempt: &Attempt, changes: &[(&str, &str)]) -> Result<Answer> {
    let mut changes = changes.to_vec();
    if let Some(secret) = client.registration["client_secret"].as_str() {
        changes.push(("client_secret", secret));
    }
    client.exchange_with(code, attempt, &changes).await
}

/// The request comes back to the client as `invalid_request`, without asking the person.
async fn expect_refused(client: &OAuthClient, person: &Person, changes: &[(&str, &str)]) -> Result {
    let attempt = Attempt::new();
    let (url, page) = person.open(&client.authorization_url(&attempt, changes)?).await?;
    ensure!(page.status == 303, "answered with {} at {url}", page.status);
    let answer = client.authorization_response(&url, &attempt)?;
    ensure!(answer.get("error").is_some_and(|error| error == "invalid_request") && !answer.contains_key("code"), "{answer:?}");
    Ok(())
}

/// AS2: Cloudflare's workers-oauth-provider skipped the check of the verifier when the token request had none. Here a code without a
/// challenge does not exist, and a token request without a verifier is refused before the code is looked at.
async fn cve_2025_4144_no_verifier_skips_the_check(installation: &mut Installation) -> Result {
    let person = signed_in(installation, "ada@example.com").await?;
    let mut verdicts = Verdicts::new();
    for (label, client) in clients(installation).await? {
        let attempt = Attempt::new();
        let code = client.code(&person, &attempt, Decision::Allow).await?;
        let answer = exchange(&client, &code, &attempt, &[("code_verifier", "")]).await?;
        verdicts.add(format_args!("{label}, absent"), expect_error(&answer, &["invalid_request"]));
        let form = [
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("client_id", &client.client_id),
            ("redirect_uri", &client.redirect_uri),
            ("code_verifier", ""),
        ];
        let mut form = form.to_vec();
        let secret = client.registration["client_secret"].as_str().unwrap_or_default();
        if !secret.is_empty() {
            form.push(("client_secret", secret));
        }
        verdicts.add(format_args!("{label}, empty"), expect_error(&client.token(&form).await?, &["invalid_request"]));
        for name in ["code_verifier[]", "Code_verifier", "code-verifier", "code_verifier ", "verifier"] {
            let answer = exchange(&client, &code, &attempt, &[("code_verifier", ""), (name, &attempt.verifier)]).await?;
            verdicts.add(format_args!("{label}, as {name:?}"), expect_error(&answer, &["invalid_request"]));
        }
        Tokens::of(&exchange(&client, &code, &attempt, &[]).await?).context("the code was used up")?;
    }
    verdicts.end()
}

/// AS2: authentik checked the verifier only if the token request brought one. Here any other text in its place is refused too, and a
/// client secret does not stand in for it.
async fn cve_2023_48228_the_verifier_is_left_out(installation: &mut Installation) -> Result {
    let person = signed_in(installation, "ada@example.com").await?;
    let mut verdicts = Verdicts::new();
    for (label, client) in clients(installation).await? {
        let attempt = Attempt::new();
        let code = client.code(&person, &attempt, Decision::Allow).await?;
        let long = "a".repeat(129);
        for verifier in
            ["null", "undefined", "false", "0", "{}", "[]", "%00", " ", &long, &"a".repeat(42), &"a".repeat(43), &"ä".repeat(50)]
        {
            let answer = exchange(&client, &code, &attempt, &[("code_verifier", verifier)]).await?;
            verdicts.add(format_args!("{label}, {verifier:.12?}"), expect_error(&answer, &["invalid_grant", "invalid_request"]));
        }
        Tokens::of(&exchange(&client, &code, &attempt, &[]).await?).context("the code was used up")?;
    }
    verdicts.end()
}

/// AS2: at authentik an attacker could take `code_challenge` out of the authorization request, and the token endpoint did not mind a
/// verifier without one. Here the request without a challenge gets no code.
async fn cve_2024_23647_the_challenge_is_taken_out(installation: &mut Installation) -> Result {
    let person = signed_in(installation, "ada@example.com").await?;
    let mut verdicts = Verdicts::new();
    let (short, long) = ("a".repeat(42), "a".repeat(44));
    for (label, client) in clients(installation).await? {
        let cases: [&[(&str, &str)]; 9] = [
            &[("code_challenge", ""), ("code_challenge_method", "")],
            &[("code_challenge", "")],
            &[("code_challenge", " ")],
            &[("code_challenge", "null")],
            &[("code_challenge", &short)],
            &[("code_challenge", &long)],
            &[("code_challenge", ""), ("code_challenge[]", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM")],
            // What a SHA-256 cannot be: the last character has bits that no byte has.
            &[("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cN")],
            &[("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw+cM")],
        ];
        for changes in cases {
            verdicts.add(format_args!("{label}, {changes:?}"), expect_refused(&client, &person, changes).await);
        }
    }
    verdicts.end()
}

/// AS2: Spring Authorization Server let clients with a secret go without PKCE, even those that had begun with it. Here a secret
/// changes nothing: neither the challenge nor the verifier may be missing or wrong.
async fn cve_2024_22258_a_confidential_client_is_downgraded(installation: &mut Installation) -> Result {
    let person = signed_in(installation, "ada@example.com").await?;
    let mut verdicts = Verdicts::new();
    for method in ["client_secret_basic", "client_secret_post"] {
        let wanted = json!({"client_name": "Confidential", "redirect_uris": [WEB], "token_endpoint_auth_method": method});
        let client = OAuthClient::register_with(installation, &wanted).await?;
        verdicts.add(
            format_args!("{method}, no challenge"),
            expect_refused(&client, &person, &[("code_challenge", ""), ("code_challenge_method", "")]).await,
        );
        let attempt = Attempt::new();
        let code = client.code(&person, &attempt, Decision::Allow).await?;
        let (other, secret) = (Attempt::new(), client.registration["client_secret"].as_str().context("no secret")?);
        for (label, verifier) in [("no verifier", ""), ("another verifier", other.verifier.as_str())] {
            let mut form = vec![("grant_type", "authorization_code"), ("code", code.as_str()), ("redirect_uri", WEB)];
            if !verifier.is_empty() {
                form.push(("code_verifier", verifier));
            }
            let request = client.http.post(client.endpoint("token_endpoint")?).basic_auth(&client.client_id, Some(secret)).form(&form);
            verdicts
                .add(format_args!("{method}, {label}"), expect_error(&Answer::of(request).await?, &["invalid_request", "invalid_grant"]));
        }
        Tokens::of(&exchange(&client, &code, &attempt, &[]).await?).context("the code was used up")?;
    }
    verdicts.end()
}

/// AS1, AS2: better-auth announced the algorithm `none` and took `plain` for the default method, where the challenge, which anybody can
/// see, is the verifier. Here `S256` is the only method, has to be named, and nothing unsigned is announced.
async fn cve_2026_67336_plain_is_the_default(installation: &mut Installation) -> Result {
    let person = signed_in(installation, "ada@example.com").await?;
    let mut verdicts = Verdicts::new();
    for (label, client) in clients(installation).await? {
        for method in ["", "plain", "PLAIN", "s256", "S256 ", "none", "S512", "plain S256", "S256,plain"] {
            verdicts.add(
                format_args!("{label}, method {method:?}"),
                expect_refused(&client, &person, &[("code_challenge_method", method)]).await,
            );
        }
        let attempt = Attempt::new();
        let code = client.code(&person, &attempt, Decision::Allow).await?;
        for changes in [
            vec![("code_verifier", attempt.challenge())],
            vec![("code_verifier", attempt.challenge()), ("code_challenge_method", "plain".to_owned())],
            vec![
                ("code_verifier", attempt.challenge()),
                ("code_challenge", attempt.challenge()),
                ("code_challenge_method", "plain".to_owned()),
            ],
        ] {
            let changes: Vec<(&str, &str)> = changes.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let answer = exchange(&client, &code, &attempt, &changes).await?;
            verdicts.add(
                format_args!("{label}, the challenge as verifier, {} parameters", changes.len()),
                expect_error(&answer, &["invalid_grant"]),
            );
        }
        let methods = &client.metadata["code_challenge_methods_supported"];
        verdicts.add("metadata", if *methods == json!(["S256"]) { Ok(()) } else { Err(anyhow::anyhow!("{methods}")) });
        let announced = client.metadata.as_object().context("no object")?.iter().filter(|(name, _)| name.contains("alg_values"));
        for (name, values) in announced {
            let has_none = values.as_array().is_some_and(|values| values.iter().any(|value| value == "none"));
            verdicts.add(name, if has_none { Err(anyhow::anyhow!("{values}")) } else { Ok(()) });
        }
    }
    verdicts.end()
}

/// AS2, AS8. Class: a verifier that is compared loosely, or that belongs to another authorization. Here the SHA-256 of the very bytes
/// has to be the code's own challenge.
async fn cve_2026_123542_a_verifier_that_nearly_fits(installation: &mut Installation) -> Result {
    let person = signed_in(installation, "ada@example.com").await?;
    let mut verdicts = Verdicts::new();
    for (label, client) in clients(installation).await? {
        let (attempt, other) = (Attempt::new(), Attempt::new());
        let code = client.code(&person, &attempt, Decision::Allow).await?;
        let foreign = client.code(&person, &other, Decision::Allow).await?;
        let right = attempt.verifier.clone();
        let near = [
            right[..right.len() - 1].to_owned(),
            format!("{right}a"),
            format!("{right}="),
            format!("{right}\n"),
            format!(" {right}"),
            format!("{right}\0"),
            format!("{right}{right}"),
            right.chars().map(|c| if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() }).collect(),
            right.chars().rev().collect(),
            other.verifier.clone(),
            attempt.challenge(),
            attempt.state.repeat(2),
        ];
        for verifier in near {
            let answer = exchange(&client, &code, &attempt, &[("code_verifier", &verifier)]).await?;
            verdicts.add(format_args!("{label}, {verifier:?}"), expect_error(&answer, &["invalid_grant", "invalid_request"]));
        }
        // A code that was stolen from another authorization of the same client, brought in with one's own verifier.
        let answer = exchange(&client, &foreign, &attempt, &[]).await?;
        verdicts.add(format_args!("{label}, another authorization's code"), expect_error(&answer, &["invalid_grant"]));
        Tokens::of(&exchange(&client, &code, &attempt, &[]).await?).context("the code was used up")?;
        Tokens::of(&exchange(&client, &foreign, &other, &[]).await?).context("the other code was used up")?;
    }
    verdicts.end()
}

docent_tests::in_shape!(
    together,
    Together,
    cve_2025_4144_no_verifier_skips_the_check,
    cve_2023_48228_the_verifier_is_left_out,
    cve_2024_23647_the_challenge_is_taken_out,
    cve_2024_22258_a_confidential_client_is_downgraded,
    cve_2026_67336_plain_is_the_default,
    cve_2026_123542_a_verifier_that_nearly_fits
);
