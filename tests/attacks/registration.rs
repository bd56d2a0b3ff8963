//! Registration (AS13): strangers write what they like, about themselves and about others.

use crate::pages::ways_out;
use crate::verdicts::Verdicts;
use anyhow::{Context as _, ensure};
use docent_tests::http::Answer;
use docent_tests::oauth_client::Attempt;
use docent_tests::person::{Decision, visible_text};
use docent_tests::{Installation, OAuthClient, Result, Shape};
use scraper::Html;
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

const LOOPBACK: &str = "http://127.0.0.1:49152/callback";
const WEB: &str = "https://app.example/callback";

async fn post(client: &OAuthClient, body: &Value) -> Result<Answer> {
    Answer::of(client.http.post(client.endpoint("registration_endpoint")?).json(body)).await
}

fn text<'a>(value: &'a Value, name: &str) -> Result<&'a str> {
    value[name].as_str().with_context(|| format!("no {name} in {value}"))
}

fn refused(answer: &Answer, status: u16, error: &str) -> Result {
    ensure!(answer.status == status && answer.oauth_error()? == error, "{} {}", answer.status, answer.body);
    Ok(())
}

/// AS10, AS13: Doorkeeper's registration gave every client a secret and stored it as public, so whoever knew the `client_id` was the client,
/// with `client_credentials` too. Here a client that has a secret has to send it, `none` never gets one, and a native client that
/// may leave it out is held by PKCE and gets nothing by itself.
async fn cve_2026_44476_a_registered_secret_that_nobody_checks(installation: &mut Installation) -> Result {
    let person = installation.add_person("ada@example.com").await?;
    let wanted = json!({
        "client_name": "Portal", "redirect_uris": [WEB], "token_endpoint_auth_method": "client_secret_post",
        "grant_types": ["authorization_code", "refresh_token", "client_credentials"],
    });
    let client = OAuthClient::register_with(installation, &wanted).await?;
    let secret = text(&client.registration, "client_secret")?;
    let attempt = Attempt::new();
    let code = client.code(&person, &attempt, Decision::Allow).await?;
    let mut verdicts = Verdicts::new();
    for (label, sent) in [("no secret", ""), ("a wrong secret", "wrong"), ("a space", " "), ("null", "null")] {
        let answer = client.exchange_with(&code, &attempt, &[("client_secret", sent)]).await?;
        verdicts.add(format_args!("exchange with {label}"), refused(&answer, 401, "invalid_client"));
        let machine =
            [("grant_type", "client_credentials"), ("client_id", &client.client_id), ("client_secret", sent), ("scope", "docs:read")];
        let machine: Vec<(&str, &str)> = machine.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        verdicts.add(format_args!("client_credentials with {label}"), refused(&client.token(&machine).await?, 401, "invalid_client"));
    }
    let answer = client.exchange_with(&code, &attempt, &[("client_secret", secret)]).await?;
    ensure!(answer.status == 200, "the code was used up by an attack: {}", answer.body);

    let public = OAuthClient::register(installation, "Public").await?;
    let native = json!({"client_name": "Kiro", "redirect_uris": [LOOPBACK], "token_endpoint_auth_method": "client_secret_basic",
        "grant_types": ["authorization_code", "client_credentials"]});
    let native = OAuthClient::register_with(installation, &native).await?;
    for (label, one) in [("a public client", &public), ("a native client without its secret", &native)] {
        let answer = one.token(&[("grant_type", "client_credentials"), ("client_id", &one.client_id)]).await?;
        let outcome = answer.oauth_error().and_then(|error| {
            ensure!(matches!(error.as_str(), "unauthorized_client" | "unsupported_grant_type" | "invalid_client"), "{error}");
            Ok(())
        });
        verdicts.add(format_args!("client_credentials of {label}"), outcome);
    }
    let introspect =
        client.http.post(native.endpoint("introspection_endpoint")?).form(&[("client_id", native.client_id.as_str()), ("token", "x")]);
    verdicts.add("introspection of a native client without its secret", refused(&Answer::of(introspect).await?, 401, "invalid_client"));
    let granted = native.registration["grant_types"].to_string();
    verdicts.add(
        "the answer",
        (|| {
            ensure!(!granted.contains("client_credentials"), "client_credentials was registered: {granted}");
            ensure!(public.registration.get("client_secret").is_none(), "a secret for none");
            Ok(())
        })(),
    );
    verdicts.end()
}

/// AS13, AS7: Apache CXF stored the `scope` of a registration as it came, and gave it. Here scopes that do not exist are not registered,
/// and those that do are given by a person only.
async fn cve_2026_61466_scopes_that_a_client_gives_itself(installation: &mut Installation) -> Result {
    let person = installation.add_person("ada@example.com").await?;
    let mut verdicts = Verdicts::new();
    for scope in ["admin root docs:admin *", "docs:read docs:* LIBRARIES:WRITE users:write", "libraries:write openid admin"] {
        let wanted = json!({"client_name": "Climber", "redirect_uris": [LOOPBACK], "token_endpoint_auth_method": "none", "scope": scope});
        let client = OAuthClient::register_with(installation, &wanted).await?;
        let registered = client.registration["scope"].as_str().unwrap_or_default().to_owned();
        let known = ["docs:read", "libraries:write", "openid", "profile", "email", "offline_access"];
        let unknown: Vec<&str> = registered.split(' ').filter(|word| !word.is_empty() && !known.contains(word)).collect();
        verdicts
            .add(format_args!("registration of {scope:?}"), if unknown.is_empty() { Ok(()) } else { Err(anyhow::anyhow!("{unknown:?}")) });
        let attempt = Attempt::new();
        let url = client.authorization_url(&attempt, &[("scope", "admin root *")])?;
        let (at, page) = person.open(&url).await?;
        let error = at.query_pairs().find(|(name, _)| name == "error").map(|(_, value)| value.into_owned());
        verdicts.add(
            "authorization for scopes that are not there",
            match error.as_deref() {
                Some("invalid_scope") => Ok(()),
                other => Err(anyhow::anyhow!("{other:?} {}", page.status)),
            },
        );
        let code = client.code_with(&person, &attempt, Decision::Allow, &[("scope", "docs:read admin")]).await?;
        let tokens = client.exchange(&code, &attempt).await?;
        verdicts.add("the token", if tokens.scope == "docs:read" { Ok(()) } else { Err(anyhow::anyhow!("{}", tokens.scope)) });
    }
    verdicts.end()
}

/// AS13, AS7: `Punk::OAuth2` registered scopes and grant types of a client and never read them again. Here what the operator wrote is the
/// most that a client gets, a grant type that was not registered is refused, and a client that registered by itself gets
/// no scope that its person did not see.
async fn cve_2026_75866_scopes_and_grant_types_that_were_not_registered(installation: &mut Installation) -> Result {
    let person = installation.add_person("ada@example.com").await?;
    let arguments =
        ["client", "add", "Reader", "--redirect-uri", LOOPBACK, "--scope", "docs:read", "--grant", "authorization_code", "--json"];
    let registration: Value = serde_json::from_str(&installation.run(&arguments).await?)?;
    let template = OAuthClient::register(installation, "Template").await?;
    let reader = OAuthClient { client_id: text(&registration, "client_id")?.to_owned(), registration, ..template };
    let mut verdicts = Verdicts::new();
    let attempt = Attempt::new();
    let wide = [("scope", "docs:read libraries:write openid email")];
    let code = reader.code_with(&person, &attempt, Decision::Allow, &wide).await?;
    let answer = reader.exchange_with(&code, &attempt, &[]).await?.expect(200)?;
    verdicts.add("scopes beyond the operator's", if answer["scope"] == "docs:read" { Ok(()) } else { Err(anyhow::anyhow!("{answer}")) });
    verdicts.add(
        "a refresh token without the grant type",
        if answer.get("refresh_token").is_none() { Ok(()) } else { Err(anyhow::anyhow!("{answer}")) },
    );
    for grant in ["refresh_token", "client_credentials", "urn:ietf:params:oauth:grant-type:jwt-bearer", "password"] {
        let answer = reader
            .token(&[("grant_type", grant), ("client_id", &reader.client_id), ("refresh_token", "x"), ("scope", "libraries:write")])
            .await?;
        let outcome = answer.oauth_error().and_then(|error| {
            ensure!(matches!(error.as_str(), "unauthorized_client" | "unsupported_grant_type" | "invalid_client"), "{error}");
            Ok(())
        });
        verdicts.add(format_args!("the grant type {grant}"), outcome);
    }
    let only = reader.authorization_url(&Attempt::new(), &[("scope", "libraries:write")])?;
    let (at, _) = person.open(&only).await?;
    verdicts.add(
        "only scopes beyond the operator's",
        if at.as_str().contains("error=invalid_scope") { Ok(()) } else { Err(anyhow::anyhow!("{at}")) },
    );

    let wanted = json!({"client_name": "Modest", "redirect_uris": [LOOPBACK], "token_endpoint_auth_method": "none", "scope": "docs:read"});
    let modest = OAuthClient::register_with(installation, &wanted).await?;
    let (_, page, _) = person.come_to_consent(&modest.authorization_url(&Attempt::new(), &wide)?).await?;
    let shown = visible_text(&page.body);
    verdicts
        .add("what its person sees", if shown.contains("Add documentation libraries") { Ok(()) } else { Err(anyhow::anyhow!("{shown}")) });
    verdicts.end()
}

/// One request as bytes; the status of its answer.
fn raw_status(origin: &str, head: &[u8], body: &[u8]) -> Result<(u16, String)> {
    let mut stream = TcpStream::connect(origin.trim_start_matches("http://"))?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    stream.write_all(head)?;
    stream.write_all(body)?;
    let mut answer = Vec::new();
    // A server that closes with a reset has answered before.
    let _ = stream.read_to_end(&mut answer);
    let text = String::from_utf8_lossy(&answer).into_owned();
    let status = text.split(' ').nth(1).and_then(|code| code.parse().ok()).with_context(|| format!("no answer: {text:?}"))?;
    Ok((status, text))
}

/// The `Authorization` headers of CVE-2026-9803 and their kin.
const MALFORMED: [&[u8]; 16] = [
    b"Bearer",
    b"Bearer ",
    b"Bearer  ",
    b"bearer\t",
    b"BearerBearer",
    b"Bearer Bearer Bearer",
    b"Bearer \xff\xfe\xfd",
    b"Bearer =",
    b"Bearer ..",
    b"Bearer a.b.c",
    b"Bearer \"",
    b"Bearer ,",
    b"",
    b" ",
    b":",
    b"Negotiate AAAA",
];

async fn malformed_headers(installation: &mut Installation, expected: u16) -> Result {
    let origin = installation.auth()?.address.clone();
    let body = json!({"client_name": "X", "redirect_uris": [LOOPBACK], "token_endpoint_auth_method": "none"}).to_string();
    let mut verdicts = Verdicts::new();
    let long = [b"Bearer ".as_slice(), &[b'a'; 6000]].concat();
    for header in MALFORMED.into_iter().chain([long.as_slice()]) {
        for (method, path, expected) in [
            ("POST", "/oauth/register", expected),
            ("GET", "/oauth/register/c_x", 401),
            ("PUT", "/oauth/register/c_x", 401),
            ("DELETE", "/oauth/register/c_x", 401),
        ] {
            let mut head = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\nAuthorization: ", body.len()).into_bytes();
            head.extend_from_slice(header);
            head.extend_from_slice(b"\r\n\r\n");
            let (status, answer) = raw_status(&origin, &head, body.as_bytes())?;
            let outcome = if status == expected && (status < 400 || answer.contains("error_description")) {
                Ok(())
            } else {
                Err(anyhow::anyhow!("{status}: {answer}"))
            };
            verdicts.add(format_args!("{method} {path} with {:?}", String::from_utf8_lossy(header)), outcome);
        }
    }
    verdicts.end()?;
    ensure!(installation.auth()?.is_running(), "the server is gone");
    Ok(())
}

/// AS13, AS11: Keycloak's registration took the second word of `Authorization: Bearer` without looking whether there is one: 500. Here
/// every header is read or refused, whether registration is open and needs none, or needs one.
async fn cve_2026_9803_malformed_bearer_headers(installation: &mut Installation) -> Result {
    malformed_headers(installation, 201).await
}

/// AS13: the same where registration needs an initial access token.
#[test]
fn cve_2026_9803_malformed_bearer_headers_where_a_token_is_needed() -> Result {
    alone(&[("DOCENT__CLIENTS__DYNAMIC_REGISTRATION", "token")], |installation| Box::pin(malformed_headers(installation, 401)))
}

type Story<'a> = std::pin::Pin<Box<dyn Future<Output = Result> + 'a>>;

/// A story in a server that is configured otherwise.
fn alone(variables: &[(&str, &str)], story: impl for<'a> FnOnce(&'a mut Installation) -> Story<'a>) -> Result {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let mut installation = Installation::start_with(Shape::Together, variables).await?;
        let outcome = story(&mut installation).await;
        if outcome.is_err() {
            installation.print_logs();
        }
        outcome
    })
}

/// AS13, RFC 7592: the same metadata is the same client, so whoever sends the metadata of an assistant that everybody uses stands before its
/// row. No token of theirs reads, changes or removes it.
async fn a_stranger_registers_everybodys_client_and_removes_it(installation: &mut Installation) -> Result {
    let person = installation.add_person("ada@example.com").await?;
    let victim = OAuthClient::register(installation, "Claude Code").await?;
    let tokens = victim.connect(&person, Decision::Allow).await?;
    let stranger = OAuthClient::register(installation, "Claude Code").await?;
    ensure!(stranger.client_id == victim.client_id, "the same metadata is another client");
    ensure!(
        stranger.registration.get("registration_access_token").is_none(),
        "a stranger manages everybody's client: {}",
        stranger.registration
    );
    let own = json!({"client_name": "Own", "redirect_uris": [WEB], "token_endpoint_auth_method": "client_secret_post"});
    let own = OAuthClient::register_with(installation, &own).await?;
    let uri = format!("{}/{}", victim.endpoint("registration_endpoint")?, victim.client_id);
    let evil = json!({"client_id": victim.client_id, "client_name": "Claude Code", "redirect_uris": ["https://attacker.example/"]});
    let initial: Value = serde_json::from_str(&installation.run(&["client", "token", "create", "--json"]).await?)?;
    let mut verdicts = Verdicts::new();
    for (label, token) in [
        ("its own registration access token", text(&own.registration, "registration_access_token")?),
        ("its own secret", text(&own.registration, "client_secret")?),
        ("an initial access token", text(&initial, "initial_access_token")?),
        ("the victim's access token", &tokens.access_token),
        ("the victim's refresh token", &tokens.refresh_token),
        ("the client's id", &victim.client_id),
    ] {
        for request in [victim.http.get(&uri), victim.http.put(&uri).json(&evil), victim.http.delete(&uri)] {
            verdicts.add(label, refused(&Answer::of(request.bearer_auth(token)).await?, 401, "invalid_token"));
        }
    }
    // Nor does the path lead to another row.
    let mine = text(&own.registration, "registration_client_uri")?;
    let token = text(&own.registration, "registration_access_token")?;
    let base = victim.endpoint("registration_endpoint")?;
    for path in [
        format!("{mine}/../{}", victim.client_id),
        format!("{base}/{}%2f..%2f{}", own.client_id, victim.client_id),
        format!("{base}//{}", victim.client_id),
        format!("{mine}?client_id={}", victim.client_id),
        format!("{base}/{}%00", victim.client_id),
    ] {
        let answer = Answer::of(victim.http.put(&path).json(&evil).bearer_auth(token)).await?;
        verdicts.add(
            &path,
            if (400..500).contains(&answer.status) { answer.oauth_error().map(drop) } else { Err(anyhow::anyhow!("{answer:?}")) },
        );
    }
    verdicts.end()?;
    let refreshed = victim.refresh(&tokens.refresh_token).await?;
    ensure!(refreshed.status == 200, "the victim was disconnected: {refreshed:?}");
    Ok(())
}

const MARKUP: [&str; 7] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "'-alert(1)-'",
    "</title></h1><meta http-equiv=refresh content=0;url=https://attacker.example/>",
    "{{ 7*7 }}${7*7}<%= 7*7 %>",
    "<a href=https://attacker.example/>Allow</a>",
    "&lt;script&gt;<svg/onload=alert(1)>",
];

/// Elements that none of our pages for an authorization has, and attributes that run.
fn foreign_elements(page: &str) -> Vec<String> {
    let html = Html::parse_document(page);
    let elements = html.tree.root().descendants().filter_map(|node| node.value().as_element());
    elements
        .filter(|element| {
            let is_ours = element.attr("src").is_some_and(|source| source.starts_with("/assets/")) && element.attr("onerror").is_none();
            (matches!(element.name(), "script" | "img" | "svg" | "iframe" | "object" | "base") && !is_ours)
                || (element.name() == "meta" && element.attr("http-equiv").is_some())
                || element.attrs().any(|(name, _)| name.starts_with("on"))
        })
        .map(|element| format!("{element:?}"))
        .collect()
}

/// AS14, AS4: markup in everything that a stranger writes is text on every page and in every answer.
async fn markup_in_everything_that_a_stranger_writes(installation: &mut Installation) -> Result {
    let person = installation.add_person("ada@example.com").await?;
    person.sign_in().await?;
    let mut verdicts = Verdicts::new();
    for markup in MARKUP {
        let wanted = json!({
            "client_name": markup, "redirect_uris": [LOOPBACK], "token_endpoint_auth_method": "none", "client_uri": format!("javascript:{markup}"),
            "logo_uri": format!("https://attacker.example/{markup}"), "tos_uri": markup, "policy_uri": markup, "scope": format!("docs:read {markup}"),
            "software_id": markup, "software_version": markup, "contacts": [markup],
        });
        let client = OAuthClient::register_with(installation, &wanted).await?;
        ensure!(client.registration.get("client_uri").is_none() && client.registration["scope"] == "docs:read", "{}", client.registration);
        let attempt = Attempt { state: markup.to_owned(), ..Attempt::new() };
        let url = client.authorization_url(&attempt, &[("scope", &format!("docs:read {markup}")), ("nonce", markup)])?;
        let (_, page, _) = person.come_to_consent(&url).await?;
        let mut found = foreign_elements(&page.body);
        found.extend(ways_out(&page.body));
        let outcome = if found.is_empty() { Ok(()) } else { Err(anyhow::anyhow!("{found:?}")) };
        verdicts.add(format_args!("the consent page of {markup}"), outcome);
        // The answer to the client carries the state as it came, and nothing of it becomes a header or a parameter.
        let target = person.authorize(&url, Decision::Deny).await?;
        verdicts.add(format_args!("state {markup}"), client.authorization_response(&target, &attempt).map(drop));
        for (name, value) in [("client_id", markup), ("redirect_uri", markup)] {
            let url = client.authorization_url(&Attempt::new(), &[(name, value)])?;
            let (_, page) = person.open(&url).await?;
            let mut found = foreign_elements(&page.body);
            found.extend(ways_out(&page.body));
            let outcome = if found.is_empty() && page.status == 400 { Ok(()) } else { Err(anyhow::anyhow!("{} {found:?}", page.status)) };
            verdicts.add(format_args!("the page for {name} {markup}"), outcome);
        }
        let url = client.authorization_url(&Attempt::new(), &[("response_type", markup)])?;
        let (at, _) = person.open(&url).await?;
        let description = at.query_pairs().find(|(name, _)| name == "error_description").map(|(_, value)| value.into_owned());
        verdicts.add(
            "error_description",
            match description {
                Some(words) if !words.contains('<') && !words.contains("alert") => Ok(()),
                other => Err(anyhow::anyhow!("{other:?}")),
            },
        );
        let json = post(&client, &json!({"redirect_uris": [markup]})).await?;
        verdicts.add(
            "a failed registration",
            json.oauth_error().map(drop).and_then(|()| {
                ensure!(
                    json.header("content-type").starts_with("application/json") && json.header("x-content-type-options") == "nosniff",
                    "{:?}",
                    json.headers
                );
                Ok(())
            }),
        );
    }
    verdicts.end()
}

/// AS14: names that hide or turn text, and names of 10 KB.
async fn names_that_hide_turn_or_flood(installation: &mut Installation) -> Result {
    let person = installation.add_person("ada@example.com").await?;
    person.sign_in().await?;
    let mut verdicts = Verdicts::new();
    for name in [
        "Docent\u{202e}tset\u{202c}",
        "\u{2066}\u{2067}\u{2068}Claude\u{2069}",
        "Claude\u{200b}\u{200e}\u{200f}\u{feff} Code",
        "Claude\r\nAllowed by your administrator",
        "\u{1b}[2J\u{7}Claude\u{8}\u{8}",
        "\u{e0043}\u{e0061}tags",
        "\u{61c}\u{180e}",
    ] {
        let wanted = json!({"client_name": name, "redirect_uris": [LOOPBACK], "token_endpoint_auth_method": "none"});
        let client = OAuthClient::register_with(installation, &wanted).await?;
        let (_, page, _) = person.come_to_consent(&client.authorization_url(&Attempt::new(), &[])?).await?;
        for (place, text) in [("answer", text(&client.registration, "client_name")?.to_owned()), ("consent page", visible_text(&page.body))]
        {
            let bad: Vec<char> = text.chars().filter(|c| is_deceptive(*c)).collect();
            verdicts.add(format_args!("{name:?} in the {place}"), if bad.is_empty() { Ok(()) } else { Err(anyhow::anyhow!("{bad:?}")) });
        }
        let listed = installation.run(&["client", "list"]).await?;
        verdicts.add(
            format_args!("{name:?} in the list"),
            if listed.chars().all(|c| c == '\n' || !is_deceptive(c)) { Ok(()) } else { Err(anyhow::anyhow!("{listed:?}")) },
        );
    }
    let template = OAuthClient::register(installation, "Template").await?;
    for name in ["x".repeat(10_240), "é".repeat(201), "e\u{301}".repeat(5_000)] {
        let answer = post(&template, &json!({"client_name": name, "redirect_uris": [LOOPBACK]})).await?;
        verdicts.add(
            format_args!("a name of {} bytes", name.len()),
            refused(&answer, 400, "invalid_client_metadata").and_then(|()| {
                ensure!(answer.body.contains("client_name") && answer.body.len() < 1000, "{}", answer.body);
                Ok(())
            }),
        );
    }
    verdicts.end()
}

fn is_deceptive(c: char) -> bool {
    (c.is_control() && c != '\n')
        || matches!(c, '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

/// AS13, AS11: bodies that are meant to cost time or memory, or to mean two things.
async fn bodies_that_are_too_much_or_mean_two_things(installation: &mut Installation) -> Result {
    let client = OAuthClient::register(installation, "Template").await?;
    let endpoint = client.endpoint("registration_endpoint")?;
    let many: Vec<String> = (0..2000).map(|number| format!("https://a.example/{number}")).collect();
    let long: Vec<String> = (0..20).map(|number| format!("https://a.example/{number}/{}", "x".repeat(1900))).collect();
    let deep = |open: &str, close: &str, count: usize| format!("{}{}", open.repeat(count), close.repeat(count));
    let cases: Vec<(&str, String, u16)> = vec![
        ("thousands of redirect URIs", json!({"redirect_uris": many}).to_string(), 400),
        ("long redirect URIs", json!({"redirect_uris": long}).to_string(), 400),
        ("deep lists", deep("[", "]", 30_000), 400),
        ("deep objects", deep("{\"a\":", "}", 9_000), 400),
        ("deep lists in a field", format!(r#"{{"redirect_uris":["{LOOPBACK}"],"jwks":{}}}"#, deep("[", "]", 20_000)), 400),
        ("a field twice", format!(r#"{{"redirect_uris":["{LOOPBACK}"],"redirect_uris":["https://attacker.example/"]}}"#), 400),
        (
            "a field twice, once escaped",
            format!(r#"{{"redirect_uris":["{LOOPBACK}"],"redirect\u005furis":["https://attacker.example/"]}}"#),
            400,
        ),
        ("a number beyond all numbers", format!(r#"{{"redirect_uris":["{LOOPBACK}"],"x":1e99999}}"#), 400),
        ("a NUL", format!(r#"{{"redirect_uris":["{LOOPBACK}"],"client_name":"a\u0000b"}}"#), 400),
        ("half a surrogate", format!(r#"{{"redirect_uris":["{LOOPBACK}"],"client_name":"\ud800"}}"#), 400),
        ("65 KB", format!(r#"{{"redirect_uris":["{LOOPBACK}"],"x":"{}"}}"#, "x".repeat(65 * 1024)), 413),
        ("10 MB", "x".repeat(10 * 1024 * 1024), 413),
        ("nothing", String::new(), 400),
        ("no object", "[]".to_owned(), 400),
        ("two objects", format!(r#"{{"redirect_uris":["{LOOPBACK}"]}}{{"redirect_uris":["https://attacker.example/"]}}"#), 400),
    ];
    let mut verdicts = Verdicts::new();
    for (label, body, expected) in cases {
        let request = client.http.post(&endpoint).header("content-type", "application/json").body(body);
        let outcome = match Answer::of(request).await {
            Ok(answer) if answer.status == expected && answer.body.len() < 2000 => answer.oauth_error().map(drop),
            Ok(answer) => Err(anyhow::anyhow!("{}: {:.300}", answer.status, answer.body)),
            // The server answered and closed before all was sent.
            Err(_) if expected == 413 => Ok(()),
            Err(error) => Err(error),
        };
        verdicts.add(label, outcome);
    }
    verdicts.end()?;
    ensure!(post(&client, &json!({"redirect_uris": [LOOPBACK]})).await?.status == 201, "nothing is registered any more");
    Ok(())
}

/// Registers `count` clients, 32 at once; answers how many were answered with each status.
async fn flood(client: &OAuthClient, count: usize, is_same: bool, is_one_address: bool) -> Result<std::collections::BTreeMap<u16, usize>> {
    use futures_util::StreamExt as _;
    let endpoint = client.endpoint("registration_endpoint")?;
    let answers = futures_util::stream::iter(0..count).map(|number| {
        let name = if is_same { "The same".to_owned() } else { format!("Flood {number}") };
        let address = if is_one_address { "198.51.100.7".to_owned() } else { format!("10.{}.{}.{}", number / 65_536, number / 256 % 256, number % 256) };
        let body = json!({"client_name": name, "redirect_uris": [format!("http://127.0.0.1:{}/callback", 1024 + number % 60_000)], "token_endpoint_auth_method": "none"});
        let request = client.http.post(&endpoint).header("x-forwarded-for", address).json(&body);
        async move { request.send().await.map(|answer| answer.status().as_u16()) }
    });
    let mut statuses = std::collections::BTreeMap::new();
    let mut answers = answers.buffer_unordered(32);
    while let Some(status) = answers.next().await {
        *statuses.entry(status?).or_default() += 1;
    }
    Ok(statuses)
}

async fn count_of_clients(installation: &Installation) -> Result<usize> {
    let listed: Value = serde_json::from_str(&installation.run(&["client", "list", "--limit", "100000", "--json"]).await?)?;
    Ok(listed.as_array().context("no list")?.len())
}

fn bytes_of_database(installation: &Installation) -> u64 {
    let size = |name: &str| std::fs::metadata(installation.folder().join("data").join(name)).map_or(0, |file| file.len());
    size("docent.sqlite") + size("docent.sqlite-wal")
}

/// *Registration*: a flood of registrations. One address gets as far as its limit; ten thousand of the same client are one row, whoever sends
/// them; and of different ones from everywhere each costs a row of a few hundred bytes, of which the newest
/// 100,000 are kept (`of_clients_that_were_never_used_the_newest_are_kept`).
#[test]
fn a_flood_of_registrations_fills_neither_disk_nor_memory() -> Result {
    alone(&[("DOCENT__SERVER__TRUSTED_PROXIES", "127.0.0.1")], |installation| Box::pin(a_flood(installation)))
}

async fn a_flood(installation: &mut Installation) -> Result {
    let person = installation.add_person("ada@example.com").await?;
    let client = OAuthClient::register(installation, "Bystander").await?;
    let tokens = client.connect(&person, Decision::Allow).await?;

    let one = flood(&client, 300, false, true).await?;
    let registered = one.get(&201).copied().unwrap_or_default();
    ensure!((100..=150).contains(&registered) && one.get(&429).copied() == Some(300 - registered), "one address: {one:?}");
    let before = count_of_clients(installation).await?;
    ensure!(before == registered + 1, "{before} clients after {registered}");

    let same = flood(&client, 10_000, true, false).await?;
    ensure!(same.len() == 1 && same.contains_key(&201), "the same client: {same:?}");
    ensure!(count_of_clients(installation).await? == before + 1, "the same client is several");

    let bytes = bytes_of_database(installation);
    let different = flood(&client, 5_000, false, false).await?;
    ensure!(different.keys().all(|status| matches!(status, 201 | 503)), "different clients: {different:?}");
    let rows = count_of_clients(installation).await? - before - 1;
    ensure!(rows > 4_000, "{rows} of {different:?}");
    let each = (bytes_of_database(installation).saturating_sub(bytes)) / rows as u64;
    ensure!(each < 4_000, "each client takes {each} bytes");
    ensure!(client.refresh(&tokens.refresh_token).await?.status == 200, "the bystander was disconnected");
    println!("one address: {one:?}; the same: {same:?}; different: {different:?}; {each} bytes for each");
    Ok(())
}

docent_tests::together_and_split!(a_stranger_registers_everybodys_client_and_removes_it, cve_2026_9803_malformed_bearer_headers);
docent_tests::in_shape!(
    alone_in_one_process,
    Together,
    cve_2026_44476_a_registered_secret_that_nobody_checks,
    cve_2026_61466_scopes_that_a_client_gives_itself,
    cve_2026_75866_scopes_and_grant_types_that_were_not_registered,
    markup_in_everything_that_a_stranger_writes,
    names_that_hide_turn_or_flood,
    bodies_that_are_too_much_or_mean_two_things
);
