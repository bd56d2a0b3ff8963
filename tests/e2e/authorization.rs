//! The authorization endpoint: what it asks, what it shows, and how it answers.

use anyhow::{Context as _, ensure};
use docent_tests::documents::{EXPECT, LIBRARY, NAME, QUESTION};
use docent_tests::mcp::{ERAS, Mcp};
use docent_tests::oauth_client::Attempt;
use docent_tests::person::Decision;
use docent_tests::{Installation, OAuthClient, Person, Result};
use serde_json::json;
use url::Url;

/// AS5, AS16, RS11: the whole story in both eras: discovery, registration, sign-in, consent, token, tools.
async fn a_new_client_gets_documentation_for_a_question(installation: &mut Installation) -> Result {
    let person = installation.add_person("ada@example.com").await?;
    installation.add_library(None).await?;
    let client = OAuthClient::register(installation, "Story").await?;
    let tokens = client.connect(&person, Decision::Allow).await?;
    ensure!(tokens.scope.split(' ').any(|scope| scope == "docs:read"), "scope is {}", tokens.scope);
    ensure!(!tokens.refresh_token.is_empty(), "no refresh token");
    let claims = tokens.claims()?;
    ensure!(claims["iss"] == installation.issuer.as_str() && claims["client_id"] == client.client_id.as_str(), "{claims}");
    for name in ["sub", "aud", "exp", "iat", "nbf", "jti", "scope", "project", "grant_id"] {
        ensure!(!claims[name].is_null(), "no {name} in {claims}");
    }
    let lifetime = claims["exp"].as_i64().zip(claims["iat"].as_i64()).map(|(end, start)| end - start);
    ensure!(lifetime == Some(900), "lives {lifetime:?} seconds");
    for era in ERAS {
        let mcp = Mcp::new(&client.resource, &tokens.access_token, era)?;
        mcp.ask_until_served().await?;
        let found = mcp.tool("resolve-library-id", json!({"query": QUESTION, "libraryName": NAME})).await?;
        ensure!(!found.is_error && found.text.contains(LIBRARY), "{era:?}: {found:?}");
        let answer = mcp.ask_lighthouse().await?;
        ensure!(!answer.is_error && answer.text.contains(EXPECT), "{era:?}: {answer:?}");
    }
    Ok(())
}

/// AS2: without PKCE, with `plain`, without a method, or with a challenge of the wrong length or alphabet: `invalid_request`.
async fn a_request_without_s256_is_refused(installation: &mut Installation) -> Result {
    let person = installation.add_person("ada@example.com").await?;
    let client = OAuthClient::register(installation, "PKCE").await?;
    let (short, long, alphabet) = ("a".repeat(42), "a".repeat(129), format!("{}+/=", "a".repeat(40)));
    let cases: [&[(&str, &str)]; 6] = [
        &[("code_challenge", ""), ("code_challenge_method", "")],
        &[("code_challenge_method", "plain")],
        &[("code_challenge_method", "")],
        &[("code_challenge", &short)],
        &[("code_challenge", &long)],
        &[("code_challenge", &alphabet)],
    ];
    for changes in cases {
        expect_redirected_error(&client, &person, changes, "invalid_request").await?;
    }
    Ok(())
}

/// AS4, AS5: every fault but an unknown client or a bad redirect URI goes back to the client with `error`, `state`, `iss`.
async fn faults_go_back_to_the_client(installation: &mut Installation) -> Result {
    let person = installation.add_person("ada@example.com").await?;
    let client = OAuthClient::register(installation, "Faults").await?;
    let cases: [(&[(&str, &str)], &str); 5] = [
        (&[("response_type", "token")], "unsupported_response_type"),
        (&[("response_type", "")], "invalid_request"),
        (&[("resource", "https://elsewhere.example/mcp")], "invalid_target"),
        (&[("scope", "no:such another:one")], "invalid_scope"),
        (&[("prompt", "none")], "login_required"),
    ];
    for (changes, error) in cases {
        expect_redirected_error(&client, &person, changes, error).await?;
    }
    Ok(())
}

async fn expect_redirected_error(client: &OAuthClient, person: &Person, changes: &[(&str, &str)], error: &str) -> Result {
    let attempt = Attempt::new();
    let (url, page) = person.open(&client.authorization_url(&attempt, changes)?).await?;
    ensure!((300..400).contains(&page.status), "{changes:?} is answered with {}: {}", page.status, page.body);
    let answer = client.authorization_response(&url, &attempt)?;
    ensure!(answer.get("error").map(String::as_str) == Some(error), "{changes:?}: {answer:?}");
    ensure!(!answer.contains_key("code"), "{changes:?}: {answer:?}");
    Ok(())
}

/// AS4: an unknown client or a redirect URI that it has not registered gets a page, and never a redirect.
async fn an_unknown_client_or_redirect_uri_is_never_redirected(installation: &mut Installation) -> Result {
    let person = installation.add_person("ada@example.com").await?;
    let client = OAuthClient::register(installation, "Pages").await?;
    let cases: [&[(&str, &str)]; 7] = [
        &[("client_id", "nobody")],
        &[("client_id", "")],
        &[("redirect_uri", "https://attacker.example/callback")],
        &[("redirect_uri", "http://127.0.0.1:49152/callback/../other")],
        &[("redirect_uri", "http://127.0.0.1.attacker.example:49152/callback")],
        &[("redirect_uri", "http://user@127.0.0.1:49152/callback")],
        &[("redirect_uri", "javascript:alert(1)")],
    ];
    for changes in cases {
        let (url, page) = person.open(&client.authorization_url(&Attempt::new(), changes)?).await?;
        ensure!(page.status == 400, "{changes:?} is answered with {} at {url}", page.status);
        ensure!(page.header("content-type").starts_with("text/html"), "{changes:?}: {:?}", page.headers);
        // The page may name the address, so that people can compare; it must not lead there.
        ensure!(page.header("location").is_empty() && !page.body.contains("=\"https://attacker"), "{changes:?}: {}", page.body);
        ensure!(!page.body.contains("=\"javascript:") && !page.body.contains("http-equiv"), "{changes:?}: {}", page.body);
    }
    Ok(())
}

/// AS3: of a loopback redirect the port is free and the three hosts are one, here and at the token endpoint.
async fn the_port_and_host_of_a_loopback_redirect_are_free(installation: &mut Installation) -> Result {
    let person = installation.add_person("ada@example.com").await?;
    let mut client = OAuthClient::register(installation, "Loopback").await?;
    for used in ["http://localhost:50001/callback", "http://127.0.0.1:50002/callback", "http://[::1]:50003/callback"] {
        client.redirect_uri = used.to_owned();
        let attempt = Attempt::new();
        let code = client.code(&person, &attempt, Decision::Allow).await?;
        let swapped = used.replace("localhost", "127.0.0.1");
        let answer = client.exchange_with(&code, &attempt, &[("redirect_uri", &swapped)]).await?;
        ensure!(answer.status == 200, "{used}, then {swapped}: {} {}", answer.status, answer.body);
    }
    Ok(())
}

/// AS7: unknown scopes are dropped and the answer says what was granted; without `scope` the defaults are granted.
async fn unknown_scopes_are_dropped_and_missing_ones_are_the_default(installation: &mut Installation) -> Result {
    let person = installation.add_person("ada@example.com").await?;
    let client = OAuthClient::register(installation, "Scopes").await?;
    for (asked, granted) in [("docs:read mcp:everything", "docs:read"), ("", "docs:read")] {
        let attempt = Attempt::new();
        let code = client.code_with(&person, &attempt, Decision::Allow, &[("scope", asked)]).await?;
        let tokens = client.exchange(&code, &attempt).await?;
        let scopes: Vec<&str> = tokens.scope.split(' ').collect();
        ensure!(scopes.contains(&granted) && !scopes.contains(&"mcp:everything"), "asked {asked:?}, granted {scopes:?}");
    }
    Ok(())
}

/// AS6: without `resource` the token is for the default resource.
async fn a_client_that_names_no_resource_gets_the_default_one(installation: &mut Installation) -> Result {
    let person = installation.add_person("ada@example.com").await?;
    let client = OAuthClient::register(installation, "Resource").await?;
    let attempt = Attempt::new();
    let code = client.code_with(&person, &attempt, Decision::Allow, &[("resource", "")]).await?;
    let answer = client.exchange_with(&code, &attempt, &[("resource", "")]).await?;
    let tokens = docent_tests::Tokens::of(&answer)?;
    let audience = tokens.claims()?["aud"].clone();
    ensure!(audience == client.resource.as_str() || audience == json!([client.resource]), "aud is {audience}");
    Ok(())
}

/// AS14: the consent page says who asks, where to, as whom, for what; it cannot be framed and loads nothing from elsewhere.
async fn the_consent_page_says_who_asks_for_what(installation: &mut Installation) -> Result {
    let person = installation.add_person("ada@example.com").await?;
    installation.run(&["project", "add", "Harbour"]).await?;
    installation.run(&["project", "member", "add", "Harbour", "ada@example.com", "--role", "member"]).await?;
    let client = OAuthClient::register(installation, "<b>Clever</b> & Co").await?;
    let (_, page, form) = person.come_to_consent(&client.authorization_url(&Attempt::new(), &[])?).await?;
    for words in ["&lt;b&gt;Clever&lt;/b&gt;", "127.0.0.1", "ada@example.com", "Harbour"] {
        ensure!(
            page.body.contains(words) || page.body.replace("&#60;", "&lt;").replace("&#62;", "&gt;").contains(words),
            "{words:?} is not on the page: {}",
            page.body
        );
    }
    ensure!(!page.body.contains("<b>Clever"), "the client's name is markup: {}", page.body);
    ensure!(form.choices("project").len() == 2, "projects are {:?}", form.choices("project"));
    let policy = page.header("content-security-policy");
    ensure!(policy.contains("frame-ancestors 'none'") && policy.contains("default-src 'none'"), "{policy}");
    // Chrome applies form-action to the redirect that answers the form, and blocks it.
    ensure!(!policy.contains("form-action"), "{policy}");
    ensure!(!policy.contains("unsafe") && !policy.contains("http"), "{policy}");
    ensure!(page.header("cache-control").contains("no-store"), "{:?}", page.headers);
    ensure!(page.body.len() < 30_000, "{} bytes", page.body.len());
    Ok(())
}

/// AS14: a consent form works once, in the browser that it was shown to, and not without its token against forgery.
async fn a_consent_form_works_once_and_in_its_own_browser(installation: &mut Installation) -> Result {
    let person = installation.add_person("ada@example.com").await?;
    let client = OAuthClient::register(installation, "Once").await?;
    let attempt = Attempt::new();
    let (url, _, mut form) = person.come_to_consent(&client.authorization_url(&attempt, &[])?).await?;
    form.press("decision", "allow")?;

    let stranger = installation.add_person("eve@example.com").await?;
    stranger.sign_in().await?;
    let (_, refused) = stranger.send(&url, &form).await?;
    ensure!((400..500).contains(&refused.status), "another browser's consent is answered with {}", refused.status);

    let (to, answer) = person.send(&url, &form).await?;
    ensure!(
        client.authorization_response(&to, &attempt).is_ok_and(|answer| answer.contains_key("code")),
        "{} at {to}: {}",
        answer.status,
        answer.body
    );
    let (to, again) = person.send(&url, &form).await?;
    ensure!((400..500).contains(&again.status), "the second use is answered with {} at {to}", again.status);
    Ok(())
}

/// AS14, AS5: Deny is one click and tells the client so.
async fn deny_is_told_to_the_client(installation: &mut Installation) -> Result {
    let person = installation.add_person("ada@example.com").await?;
    let client = OAuthClient::register(installation, "Denied").await?;
    let attempt = Attempt::new();
    let url = person.authorize(&client.authorization_url(&attempt, &[])?, Decision::Deny).await?;
    let answer = client.authorization_response(&url, &attempt)?;
    ensure!(answer.get("error").map(String::as_str) == Some("access_denied"), "{answer:?}");
    Ok(())
}

/// AS15: a client whose redirect leads to a program on the machine is asked about again, every time.
async fn a_loopback_client_is_asked_about_every_time(installation: &mut Installation) -> Result {
    let person = installation.add_person("ada@example.com").await?;
    let client = OAuthClient::register(installation, "Again").await?;
    client.connect(&person, Decision::Allow).await?;
    person.come_to_consent(&client.authorization_url(&Attempt::new(), &[])?).await.context("the second authorization did not ask")?;
    Ok(())
}

/// `interop.md`: fastmcp looks at the authorization URL without a browser first; looking changes nothing.
async fn looking_at_the_authorization_url_changes_nothing(installation: &mut Installation) -> Result {
    let person = installation.add_person("ada@example.com").await?;
    let client = OAuthClient::register(installation, "Looking").await?;
    let attempt = Attempt::new();
    let url = client.authorization_url(&attempt, &[])?;
    for _ in 0..3 {
        let answer = docent_tests::http::Answer::of(client.http.get(&url)).await?;
        ensure!(answer.status < 400, "{} {}", answer.status, answer.body);
    }
    let to: Url = person.authorize(&url, Decision::Allow).await?;
    ensure!(client.authorization_response(&to, &attempt)?.contains_key("code"), "{to}");
    Ok(())
}

docent_tests::in_every_shape!(
    a_new_client_gets_documentation_for_a_question,
    a_consent_form_works_once_and_in_its_own_browser,
    faults_go_back_to_the_client,
);
docent_tests::in_shape!(
    sqlite,
    Together,
    a_request_without_s256_is_refused,
    an_unknown_client_or_redirect_uri_is_never_redirected,
    the_port_and_host_of_a_loopback_redirect_are_free,
    unknown_scopes_are_dropped_and_missing_ones_are_the_default,
    a_client_that_names_no_resource_gets_the_default_one,
    the_consent_page_says_who_asks_for_what,
    deny_is_told_to_the_client,
    a_loopback_client_is_asked_about_every_time,
    looking_at_the_authorization_url_changes_nothing
);
