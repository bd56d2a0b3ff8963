//! Where the answer to an authorization goes (AS3, AS4).

use crate::pages::expect_dead_end;
use crate::parties::{WEB, expect_invalid_grant, signed_in};
use crate::verdicts::Verdicts;
use anyhow::{Context as _, ensure};
use docent_tests::http::Answer;
use docent_tests::oauth_client::Attempt;
use docent_tests::person::Decision;
use docent_tests::{Installation, OAuthClient, Person, Result};
use serde_json::json;

const LOOPBACK: &str = "http://127.0.0.1:49152/callback";

/// A public client with these redirect URIs, of which it uses the first.
async fn client(installation: &Installation, redirect_uris: &[&str]) -> Result<OAuthClient> {
    let wanted = json!({"client_name": "Target", "redirect_uris": redirect_uris, "token_endpoint_auth_method": "none"});
    OAuthClient::register_with(installation, &wanted).await
}

/// An authorization URL whose `redirect_uri` is written as it stands here.
fn raw(client: &OAuthClient, query: &str) -> Result<String> {
    Ok(format!("{}&{query}", client.authorization_url(&Attempt::new(), &[("redirect_uri", "")])?))
}

/// Each of these is asked for at authorization and refused there; and at the token endpoint with a code that the victim allowed
/// for the registered one, where it is refused without using the code up.
async fn expect_none_matches(verdicts: &mut Verdicts, person: &Person, client: &OAuthClient, foreign: &[&str]) -> Result {
    let attempt = Attempt::new();
    let code = client.code(person, &attempt, Decision::Allow).await?;
    for uri in foreign {
        let change = [("redirect_uri", *uri)];
        let url = client.authorization_url(&Attempt::new(), &change)?;
        verdicts.add(format_args!("authorization, {uri:?}"), expect_dead_end(person, &url).await.map(drop));
        verdicts.add(format_args!("token, {uri:?}"), expect_invalid_grant(&client.exchange_with(&code, &attempt, &change).await?));
    }
    client.exchange(&code, &attempt).await.context("the code was used up by an attack")?;
    Ok(())
}

/// Each of these cannot be registered, not even beside a good one.
async fn expect_not_registrable(verdicts: &mut Verdicts, client: &OAuthClient, uris: &[&str]) -> Result {
    let endpoint = client.endpoint("registration_endpoint")?;
    for uri in uris {
        let wanted = json!({"client_name": "Evil", "redirect_uris": [WEB, uri], "token_endpoint_auth_method": "none"});
        let answer = Answer::of(client.http.post(&endpoint).json(&wanted)).await?;
        let outcome = answer.oauth_error().and_then(|error| {
            ensure!(error == "invalid_redirect_uri" && answer.status == 400, "{error}");
            Ok(())
        });
        verdicts.add(format_args!("registration, {uri:?}"), outcome);
    }
    Ok(())
}

/// AS3, AS4: Cloudflare's workers-oauth-provider compared `redirect_uri` with the registered ones at the token endpoint only, so a
/// link with the attacker's address took the code of whoever had allowed the client before. Here both endpoints compare.
async fn cve_2025_4143_redirect_uri_not_checked_at_authorization(installation: &mut Installation) -> Result {
    let person = signed_in(installation, "ada@example.com").await?;
    let mut verdicts = Verdicts::new();
    for registered in [WEB, LOOPBACK] {
        let client = client(installation, &[registered]).await?;
        client.connect(&person, Decision::Allow).await?;
        let foreign = [
            "https://attacker.example/callback",
            "https://attacker.example/",
            "cursor://attacker/callback",
            "http://127.0.0.1:49152/other",
        ];
        expect_none_matches(&mut verdicts, &person, &client, &foreign).await?;
    }
    verdicts.end()
}

/// AS3, AS4: Keycloak let a registered wildcard match too much when `response_mode=form_post.jwt` was asked for. Here nothing is a
/// wildcard, and `query` is the only response mode: another one is an error that goes to the registered address.
async fn cve_2023_6927_wildcards_and_response_modes(installation: &mut Installation) -> Result {
    let person = signed_in(installation, "ada@example.com").await?;
    let client = client(installation, &[WEB]).await?;
    let mut verdicts = Verdicts::new();
    let wildcards =
        ["https://app.example/*", "https://*.example/callback", "https://*/", "*", "http://localhost:*/callback", "http://127.0.0.1/*"];
    expect_not_registrable(&mut verdicts, &client, &wildcards).await?;
    for mode in ["form_post.jwt", "form_post", "fragment", "fragment.jwt", "query.jwt", "jwt", "web_message", "FORM_POST"] {
        let attempt = Attempt::new();
        let away = [("response_mode", mode), ("redirect_uri", "https://attacker.example/callback")];
        verdicts.add(
            format_args!("{mode} to the attacker"),
            expect_dead_end(&person, &client.authorization_url(&attempt, &away)?).await.map(drop),
        );
        let (url, page) = person.open(&client.authorization_url(&attempt, &[("response_mode", mode)])?).await?;
        let outcome = client.authorization_response(&url, &attempt).and_then(|answer| {
            ensure!(
                answer.get("error").is_some_and(|error| error == "invalid_request") && page.body.is_empty(),
                "{answer:?} {}",
                page.body
            );
            Ok(())
        });
        verdicts.add(format_args!("{mode} to the client"), outcome);
    }
    verdicts.end()
}

/// AS3: where `http://localhost` or `http://127.0.0.1` was registered, Keycloak took any address that began so, the user part
/// `http://localhost@attacker` included. Here user information is refused and the host is the one that is written.
async fn cve_2024_8883_localhost_before_an_at_sign(installation: &mut Installation) -> Result {
    let person = signed_in(installation, "ada@example.com").await?;
    let mut verdicts = Verdicts::new();
    for registered in ["http://localhost", "http://127.0.0.1"] {
        let client = client(installation, &[registered]).await?;
        let foreign: Vec<String> = [
            "@attacker.example",
            "@attacker.example/",
            ":80@attacker.example/",
            ".attacker.example/",
            ":password@attacker.example:8080/",
            "%40attacker.example/",
            "/@attacker.example",
            "@@attacker.example/",
            "%2f@attacker.example/",
            "\\@attacker.example/",
            ":@attacker.example/",
            "attacker.example/",
            "-attacker.example/",
            "?@attacker.example/",
            "#@attacker.example/",
            ";@attacker.example/",
        ]
        .iter()
        .map(|tail| format!("{registered}{tail}"))
        .collect();
        expect_none_matches(&mut verdicts, &person, &client, &foreign.iter().map(String::as_str).collect::<Vec<_>>()).await?;
    }
    verdicts.end()
}

/// AS3: Keycloak compared paths without their `;parameters`, so `/callback/..;/evil` was below the registered path and the server
/// behind it resolved the dots. Here the path is compared as text, and one that resolves to another cannot be registered.
async fn cve_2026_3872_dots_and_semicolons_in_the_path(installation: &mut Installation) -> Result {
    let person = signed_in(installation, "ada@example.com").await?;
    let mut verdicts = Verdicts::new();
    for (origin, path) in [("https://app.example", "/callback"), ("http://127.0.0.1:49152", "/callback")] {
        let client = client(installation, &[&format!("{origin}{path}")]).await?;
        let foreign: Vec<String> = [
            "/callback/..;/evil",
            "/callback/..;x=y/evil",
            "/callback;/../evil",
            "/callback;",
            "/callback;x",
            "/callback/../evil",
            "/callback/./",
            "/evil/../callback",
            "/./callback",
            "//callback",
            "/callback//",
            "/callback/..",
            "/callback/%2e%2e/evil",
            "/evil/%2e%2e/callback",
            "/callback/.%2e/evil",
            "/callback/..%3b/evil",
            "/callback..;/",
        ]
        .iter()
        .map(|path| format!("{origin}{path}"))
        .collect();
        expect_none_matches(&mut verdicts, &person, &client, &foreign.iter().map(String::as_str).collect::<Vec<_>>()).await?;
    }
    let dotted = [
        "https://app.example/callback/../evil",
        "https://app.example/./callback",
        "https://app.example/%2e%2e/callback",
        "https://app.example/a/.%2E/b",
    ];
    let client = client(installation, &[WEB]).await?;
    expect_not_registrable(&mut verdicts, &client, &dotted).await?;
    verdicts.end()
}

/// AS3: authentik read registered addresses as regular expressions, where `.` is any character. Here they are text.
async fn cve_2024_52289_a_dot_is_any_character(installation: &mut Installation) -> Result {
    let person = signed_in(installation, "ada@example.com").await?;
    let mut verdicts = Verdicts::new();
    let client =
        client(installation, &["https://foo.example.com/call.back", "http://127.0.0.1/call.back", "https://foo.example.com/a+b(c)$"])
            .await?;
    let foreign = [
        "https://fooaexample.com/call.back",
        "https://foo.exampleacom/call.back",
        "https://foo.example.com/callxback",
        "https://foo-example.com/call.back",
        "http://127a0.0.1/call.back",
        "http://127.0.0.1/callxback",
        "http://127x0x0x1/call.back",
        "https://foo.example.com/aab(c)$",
        "https://foo.example.com/a+bc",
        "https://attacker.example/?https://foo.example.com/call.back",
        "https://foo.example.com/call.back.evil",
    ];
    expect_none_matches(&mut verdicts, &person, &client, &foreign).await?;
    verdicts.end()
}

/// AS3: for loopback addresses fosite let not only the port differ but host and query too. Here the port is free and the three
/// spellings of the own machine are one; scheme, path and query are compared.
async fn cve_2020_15233_more_than_the_port_of_a_loopback_redirect(installation: &mut Installation) -> Result {
    let person = signed_in(installation, "ada@example.com").await?;
    let mut verdicts = Verdicts::new();
    let client = client(installation, &[LOOPBACK]).await?;
    let foreign = [
        "http://127.0.0.1:49152/callback?injected=1",
        "http://127.0.0.1:49152/callback?",
        "http://127.0.0.1:49152/callback/",
        "http://127.0.0.1:49152/other",
        "http://127.0.0.1:49152",
        "https://127.0.0.1:49152/callback",
        "ws://127.0.0.1:49152/callback",
        "http://127.0.0.2:49152/callback",
        "http://0.0.0.0:49152/callback",
        "http://192.168.0.1:49152/callback",
        "http://attacker.example:49152/callback",
        "http://[::2]:49152/callback",
        "http://127.0.0.1:65536/callback",
        "http://127.0.0.1:-1/callback",
        "http://127.0.0.1:/callback#",
        "http://127.0.0.1:8 0/callback",
        "http://127.0.0.1:49152:1/callback",
        "http://127.0.0.1:a/callback",
    ];
    expect_none_matches(&mut verdicts, &person, &client, &foreign).await?;
    verdicts.end()
}

/// AS3: fosite compared redirect addresses without regard to letter case, though paths differ by it. Here every letter counts.
async fn cve_2020_15234_letter_case(installation: &mut Installation) -> Result {
    let person = signed_in(installation, "ada@example.com").await?;
    let mut verdicts = Verdicts::new();
    let web = client(installation, &[WEB]).await?;
    let foreign = [
        "https://app.example/Callback",
        "https://app.example/WEB",
        "https://APP.example/callback",
        "HTTPS://app.example/callback",
        "https://app.EXAMPLE/callback",
    ];
    expect_none_matches(&mut verdicts, &person, &web, &foreign).await?;
    let native = client(installation, &["http://localhost:49152/callback"]).await?;
    let foreign = [
        "http://localhost:49152/Callback",
        "HTTP://localhost:49152/callback",
        "http://LOCALHOST:49152/callback",
        "http://LocalHost:49152/callback",
    ];
    expect_none_matches(&mut verdicts, &person, &native, &foreign).await?;
    verdicts.end()
}

/// AS3, AS4: Keycloak appended its response to a redirect address that carried `code`, `state` or `iss` already, so a client could
/// read the attacker's. Here each is there once and is ours; and a parameter of a request that is there twice is refused.
async fn cve_2026_9689_repeated_parameters(installation: &mut Installation) -> Result {
    let person = signed_in(installation, "ada@example.com").await?;
    let mut verdicts = Verdicts::new();
    for query in [
        "?code=attacker&state=attacker&iss=https://attacker.example",
        "?keep=1&code=attacker",
        "?%63ode=attacker&error=x",
        "?state=attacker&",
        "?iss",
    ] {
        let carrying = client(installation, &[&format!("{WEB}{query}")]).await?;
        let attempt = Attempt::new();
        let url = person.authorize(&carrying.authorization_url(&attempt, &[])?, Decision::Allow).await?;
        let count = |name: &str| url.query_pairs().filter(|(one, _)| one == name).count();
        let value = |name: &str| url.query_pairs().find(|(one, _)| one == name).map(|(_, value)| value.into_owned());
        let is_ours = count("code") == 1 && count("state") == 1 && count("iss") == 1 && count("error") == 0;
        let is_ours = is_ours && value("state") == Some(attempt.state.clone()) && value("iss") == Some(installation.issuer.clone());
        let is_ours = is_ours && value("code").is_some_and(|code| code != "attacker") && (count("keep") == 1) == query.contains("keep");
        verdicts.add(format_args!("a redirect URI with {query:?}"), if is_ours { Ok(()) } else { Err(anyhow::anyhow!("{url}")) });
    }

    let client = client(installation, &[WEB]).await?;
    let encoded = |uri: &str| uri.replace(':', "%3A").replace('/', "%2F");
    let (good, bad) = (encoded(WEB), encoded("https://attacker.example/callback"));
    for query in [
        format!("redirect_uri={good}&redirect_uri={bad}"),
        format!("redirect_uri={bad}&redirect_uri={good}"),
        format!("redirect_uri={good}&%72edirect_uri={bad}"),
        format!("redirect_uri={good}&redirect_uri={good}"),
        format!("redirect_uri={good},{bad}"),
        format!("redirect_uri={good}%20{bad}"),
        format!("redirect_uri=&redirect_uri={bad}"),
        format!("redirect_uri={good}&client_id={}", client.client_id),
        format!("redirect_uri={good}&client_id=other"),
    ] {
        verdicts.add(&query, expect_dead_end(&person, &raw(&client, &query)?).await.map(drop));
    }
    for name in ["state", "scope", "code_challenge", "code_challenge_method", "response_type"] {
        let url = format!("{}&{name}=attacker", client.authorization_url(&Attempt::new(), &[])?);
        let (to, _) = person.open(&url).await?;
        let refused = to.as_str().starts_with(WEB) && to.query_pairs().any(|(name, value)| name == "error" && value == "invalid_request");
        verdicts.add(format_args!("{name} twice"), if refused { Ok(()) } else { Err(anyhow::anyhow!("{to}")) });
    }
    let attempt = Attempt::new();
    let code = client.code(&person, &attempt, Decision::Allow).await?;
    let form = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("client_id", &client.client_id),
        ("redirect_uri", WEB),
        ("code_verifier", &attempt.verifier),
    ];
    for (name, value) in form {
        for other in [value, "attacker"] {
            let mut twice = form.to_vec();
            twice.push((name, other));
            let outcome = client.token(&twice).await?.oauth_error().and_then(|error| {
                ensure!(error == "invalid_request", "{error}");
                Ok(())
            });
            verdicts.add(format_args!("token with {name} twice, then {other:?}"), outcome);
        }
    }
    client.exchange(&code, &attempt).await.context("the code was used up")?;
    verdicts.end()
}

/// AS4: Authlib sent an error to the requested `redirect_uri` before it had compared it, when `scope` had no `openid`. Here the
/// client and the address are judged before anything else, whatever else is wrong.
async fn cve_2026_44681_errors_before_the_redirect_uri_is_checked(installation: &mut Installation) -> Result {
    let person = signed_in(installation, "ada@example.com").await?;
    let client = client(installation, &[WEB]).await?;
    let mut verdicts = Verdicts::new();
    let long = "s".repeat(5_000);
    let faults: [&[(&str, &str)]; 20] = [
        &[("response_type", "id_token")],
        &[("response_type", "id_token token"), ("scope", "profile")],
        &[("response_type", "code id_token"), ("scope", "profile")],
        &[("response_type", "token")],
        &[("response_type", "none")],
        &[("response_type", "")],
        &[("scope", "profile")],
        &[("scope", "no:such")],
        &[("prompt", "none")],
        &[("prompt", "none login")],
        &[("code_challenge", "")],
        &[("code_challenge_method", "plain")],
        &[("resource", "https://attacker.example/mcp")],
        &[("max_age", "-1")],
        &[("request", "eyJhbGciOiJub25lIn0.e30.")],
        &[("request_uri", "https://attacker.example/request")],
        &[("response_mode", "form_post")],
        &[("state", &long)],
        &[("client_id", "nobody")],
        &[("client_id", "")],
    ];
    for fault in faults {
        let mut changes = fault.to_vec();
        changes.push(("redirect_uri", "https://attacker.example/callback"));
        let url = client.authorization_url(&Attempt::new(), &changes)?;
        verdicts.add(format_args!("{fault:?}"), expect_dead_end(&person, &url).await.map(drop));
        let (endpoint, query) = url.split_once('?').context("no query")?;
        let by_form = client.http.post(endpoint).header("content-type", "application/x-www-form-urlencoded").body(query.to_owned());
        let answer = Answer::of(by_form).await?;
        let stays = answer.header("location").is_empty() || answer.header("location").starts_with("/oauth/authorize?");
        verdicts
            .add(format_args!("by form, {fault:?}"), if stays { Ok(()) } else { Err(anyhow::anyhow!("{}", answer.header("location"))) });
    }
    verdicts.end()
}

/// AS3: better-auth let `javascript:` addresses be registered, and its consent page ran them in its own origin. Here a scheme that
/// a browser runs or opens by itself cannot be registered and is never written as a link.
async fn cve_2026_67333_a_javascript_redirect_is_registered(installation: &mut Installation) -> Result {
    let person = signed_in(installation, "ada@example.com").await?;
    let client = client(installation, &[WEB]).await?;
    let mut verdicts = Verdicts::new();
    let scripts = [
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        " javascript:alert(1)",
        "\u{1}javascript:alert(1)",
        "java\tscript:alert(1)",
        "java\nscript:alert(1)",
        "javascript://app.example/%0aalert(1)",
        "javascript:/callback",
        "javascript&colon;alert(1)",
        "javascript%3aalert(1)",
        "view-source:javascript:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "data:text/html;base64,PHNjcmlwdD4=",
        "vbscript:msgbox(1)",
        "blob:https://app.example/1",
        "file:///etc/passwd",
        "about:blank",
        "filesystem:https://app.example/x",
        "chrome://settings",
        "intent://scan/#Intent;scheme=http;end",
        "jar:https://attacker.example/x.jar!/",
        "feed:javascript:alert(1)",
        "mailto:eve@attacker.example",
        "tel:1",
        "ftp://attacker.example/",
        "ws://attacker.example/",
        "urn:ietf:wg:oauth:2.0:oob",
        "livescript:x",
        "mocha:x",
        "ms-msdt:/id",
    ];
    expect_not_registrable(&mut verdicts, &client, &scripts).await?;
    for uri in scripts {
        let url = client.authorization_url(&Attempt::new(), &[("redirect_uri", uri)])?;
        verdicts.add(format_args!("authorization, {uri:?}"), expect_dead_end(&person, &url).await.map(drop));
    }
    verdicts.end()
}

/// AS3, AS4: authentik answered `response_mode=form_post` with a page whose form was sent to a `javascript:` address by itself. Here
/// there is no such response mode, and no page whose form leads elsewhere.
async fn cve_2024_21637_a_javascript_redirect_with_form_post(installation: &mut Installation) -> Result {
    let person = signed_in(installation, "ada@example.com").await?;
    let client = client(installation, &[WEB]).await?;
    let mut verdicts = Verdicts::new();
    for uri in
        ["javascript:alert(document.cookie)", "javascript://app.example/callback%0aalert(1)", "data:text/html,<script>alert(1)</script>"]
    {
        for prompt in ["", "none", "consent"] {
            let changes = [("redirect_uri", uri), ("response_mode", "form_post"), ("prompt", prompt)];
            let page = expect_dead_end(&person, &client.authorization_url(&Attempt::new(), &changes)?).await;
            let outcome = page.and_then(|page| {
                ensure!(!page.body.contains("method=\"post\" action=\"javascript") && !page.body.contains("<script"), "{}", page.body);
                Ok(())
            });
            verdicts.add(format_args!("{uri:?}, prompt={prompt:?}"), outcome);
        }
    }
    verdicts.end()
}

/// AS3: an address that two parsers read differently, or that only looks like the registered one, is another one: encodings of
/// `/`, `.` and `@`, backslashes, control characters, Unicode that maps to ASCII.
async fn encodings_that_parsers_read_differently(installation: &mut Installation) -> Result {
    let person = signed_in(installation, "ada@example.com").await?;
    let mut verdicts = Verdicts::new();
    let web = client(installation, &[WEB]).await?;
    let foreign = [
        "https://app.example/callback%2f..",
        "https://app.example/callback%2F..%2Fevil",
        "https://app.example/callback%252f",
        "https://app.example/%63allback",
        "https://app.example//callback",
        "https://app.example\\callback",
        "https://app.example/callback\\",
        "https:\\\\app.example\\callback",
        "https:/app.example/callback",
        "https:app.example/callback",
        "https:///app.example/callback",
        "https:////app.example/callback",
        "//app.example/callback",
        "/callback",
        "callback",
        "https://app.example/call\tback",
        "https://app.example/callback\t",
        "https://app.example/callback\n",
        "https://app.example/callback\r\n",
        " https://app.example/callback",
        "https://app.example/callback ",
        "https://app.example/callback%00",
        "https://app.example/callback%0d%0aSet-Cookie:%20a=b",
        "https://app.example/callback#",
        "https://app.example/callback?",
        "https://app.example/callback?x",
        "https://user@app.example/callback",
        "https://:@app.example/callback",
        "https://@app.example/callback",
        "https://app.example@attacker.example/callback",
        "https://app.example:443@attacker.example/callback",
        "https://attacker.example\\@app.example/callback",
        "https://attacker.example#@app.example/callback",
        "https://attacker.example?@app.example/callback",
        "https://attacker.example/@app.example/callback",
        "https://app.example:443/callback",
        "https://app.example:0443/callback",
        "https://app.example:/callback",
        "https://app.example:444/callback",
        "https://app.example./callback",
        "https://app%2eexample/callback",
        "https://app。example/callback",
        "https://ａpp.example/callback",
        "https://app.example/\u{202e}kcabllac",
        "https://app.example/c\u{430}llback",
        "https://app.example.attacker.example/callback",
        "https://attackerapp.example/callback",
        "http://app.example/callback",
        "https://[::ffff:1.2.3.4]/callback",
    ];
    expect_none_matches(&mut verdicts, &person, &web, &foreign).await?;
    verdicts.end()
}

/// AS3, RFC 8252 8.3: of the own machine only `localhost`, `127.0.0.1` and `[::1]` are meant, in this spelling. Other forms of these
/// addresses, and addresses that come to the same place by another way, are read differently by different systems.
async fn other_spellings_of_the_own_machine(installation: &mut Installation) -> Result {
    let person = signed_in(installation, "ada@example.com").await?;
    let mut verdicts = Verdicts::new();
    let native = client(installation, &[LOOPBACK]).await?;
    let hosts = [
        "127.1",
        "127.0.1",
        "2130706433",
        "0x7f000001",
        "0x7f.0.0.1",
        "0x7f.1",
        "017700000001",
        "0177.0.0.1",
        "127.000.000.001",
        "0127.0.0.1",
        "127.0.0.1.",
        "localhost.",
        "127.0.0.1%00",
        "127.0.0.1%2eattacker.example",
        "%31%32%37.0.0.1",
        "%6cocalhost",
        "①②⑦.⓪.⓪.①",
        "１２７.0.0.1",
        "ⓛocalhost",
        "loc\u{ad}alhost",
        "0",
        "0.0.0.0",
        "127.0.0.2",
        "127.255.255.255",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[0:0:0:0:0:0:0:1]",
        "[0000::1]",
        "[::0001]",
        "[::1%25lo]",
        "[::1%lo]",
        "[::1",
        "::1",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "[::ffff:0:127.0.0.1]",
        "localhost.localdomain",
        "localhost6",
        "ip6-localhost",
        "127.0.0.1.nip.io",
        "localtest.me",
        "lvh.me",
        "foo.localhost",
        "a@127.0.0.1",
        "127.0.0.1,attacker.example",
        "attacker.example;127.0.0.1",
        "[127.0.0.1]",
        "127.0.0.1\\attacker.example",
        "4294967296",
        "[v1.127.0.0.1]",
    ];
    let uris: Vec<String> = hosts.iter().map(|host| format!("http://{host}:49152/callback")).collect();
    let uris: Vec<&str> = uris.iter().map(String::as_str).collect();
    expect_none_matches(&mut verdicts, &person, &native, &uris).await?;
    expect_not_registrable(&mut verdicts, &native, &uris).await?;
    verdicts.end()
}

docent_tests::in_shape!(
    together,
    Together,
    cve_2025_4143_redirect_uri_not_checked_at_authorization,
    cve_2023_6927_wildcards_and_response_modes,
    cve_2024_8883_localhost_before_an_at_sign,
    cve_2026_3872_dots_and_semicolons_in_the_path,
    cve_2024_52289_a_dot_is_any_character,
    cve_2020_15233_more_than_the_port_of_a_loopback_redirect,
    cve_2020_15234_letter_case,
    cve_2026_9689_repeated_parameters,
    cve_2026_44681_errors_before_the_redirect_uri_is_checked,
    cve_2026_67333_a_javascript_redirect_is_registered,
    cve_2024_21637_a_javascript_redirect_with_form_post,
    encodings_that_parsers_read_differently,
    other_spellings_of_the_own_machine
);
