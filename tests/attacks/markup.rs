//! Markup in whatever a stranger may write: it stays text, on every page and in every answer (AS4, AS11, AS14).

use crate::pages::{skeleton, ways_out};
use crate::parties::{WEB, signed_in};
use crate::verdicts::Verdicts;
use anyhow::{Context as _, ensure};
use docent_tests::http::Answer;
use docent_tests::oauth_client::Attempt;
use docent_tests::person::{Form, visible_text};
use docent_tests::{Installation, OAuthClient, Person, Result};
use serde_json::{Value, json};

const PAYLOADS: [&str; 21] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' autofocus onfocus='alert(1)",
    "\" autofocus onfocus=\"alert(1)",
    "</title></head><body><script>alert(1)</script>",
    "</form><form action=\"https://attacker.example\" method=post><button name=decision>Allow",
    "<svg/onload=alert(1)>",
    "<iframe src=\"https://attacker.example\">",
    "<base href=\"https://attacker.example/\">",
    "<meta http-equiv=\"refresh\" content=\"0;url=https://attacker.example\">",
    "<a href=\"javascript:alert(1)\">Allow</a>",
    "<style>*{display:none}</style><link rel=stylesheet href=https://attacker.example/x.css>",
    "<!-- ",
    "--> ]]> <![CDATA[<script>alert(1)</script>",
    "<plaintext>",
    "<bdo dir=rtl>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#x3c;script&#x3e;alert(1)&#x3c;/script&#x3e;",
    "{{7*7}}{% include \"/etc/passwd\" %}${7*7}#{7*7}<%= 7*7 %>",
    "\u{ff1c}script\u{ff1e}alert(1)\u{ff1c}/script\u{ff1e}",
    "<scr<script>ipt>alert(1)</scr</script>ipt>",
];

const HARMLESS: &str = "Harmless";

/// The page has the elements that it has with a harmless text, leads nowhere, and may not run anything.
fn expect_same_page(page: &Answer, harmless: &Answer) -> Result {
    ensure!(page.status == harmless.status, "{} instead of {}", page.status, harmless.status);
    ensure!(page.header("content-type").starts_with("text/html"), "{:?}", page.headers);
    let (found, expected) = (skeleton(&page.body), skeleton(&harmless.body));
    ensure!(found == expected, "the page is made of something else:\n{}", page.body);
    let ways = ways_out(&page.body);
    ensure!(ways.is_empty(), "the page leads to {ways:?}");
    let policy = page.header("content-security-policy");
    let is_strict = ["default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"].iter().all(|rule| policy.contains(rule));
    ensure!(is_strict && !policy.contains("unsafe") && !policy.contains("http") && !policy.contains('*'), "{policy:?}");
    ensure!(page.header("x-content-type-options") == "nosniff", "{:?}", page.headers);
    Ok(())
}

/// JSON that no browser takes for anything else.
fn expect_json(answer: &Answer) -> Result<Value> {
    ensure!(answer.header("content-type").starts_with("application/json"), "{:?}", answer.headers);
    ensure!(answer.header("x-content-type-options") == "nosniff", "{:?}", answer.headers);
    answer.json()
}

/// Every text of the metadata that a client may write freely.
fn metadata(text: &str) -> Value {
    json!({
        "client_name": text, "redirect_uris": [WEB], "token_endpoint_auth_method": "none", "client_uri": format!("https://app.example/{text}"),
        "logo_uri": format!("https://app.example/{text}"), "tos_uri": text, "policy_uri": text, "scope": format!("docs:read {text}"), "contacts": [text],
        "software_id": text, "software_version": text, "application_type": text,
    })
}

async fn consent(person: &Person, client: &OAuthClient, text: &str) -> Result<Answer> {
    let changes = [
        ("state", text),
        ("nonce", text),
        ("scope", &format!("docs:read {text}")),
        ("ui_locales", text),
        ("login_hint", text),
        ("error", text),
        ("error_description", text),
        ("display", text),
    ];
    let (_, page, _) = person.come_to_consent(&client.authorization_url(&Attempt::new(), &changes)?).await?;
    Ok(page)
}

/// AS14: on the consent page the client's own words and the parameters of its request are text.
async fn markup_on_the_consent_page(installation: &mut Installation) -> Result {
    let person = signed_in(installation, "ada@example.com").await?;
    let client = OAuthClient::register_with(installation, &metadata(HARMLESS)).await?;
    let harmless = consent(&person, &client, HARMLESS).await?;
    let mut verdicts = Verdicts::new();
    for payload in PAYLOADS {
        let registration = Answer::of(client.http.post(client.endpoint("registration_endpoint")?).json(&metadata(payload))).await?;
        verdicts.add(format_args!("registration, {payload:?}"), expect_json(&registration).map(drop));
        let body = registration.expect(201)?;
        ensure!(body["client_name"] == payload.trim(), "the name is not given back as it was: {body}");
        let evil = OAuthClient { client_id: body["client_id"].as_str().context("no client_id")?.to_owned(), ..client.clone() };
        let page = consent(&person, &evil, payload).await?;
        let outcome = expect_same_page(&page, &harmless).and_then(|()| {
            ensure!(payload.is_ascii() != page.body.contains(payload), "it is on the page as it was");
            ensure!(
                !payload.contains("7*7") || visible_text(&page.body).contains("{{7*7}}"),
                "it was computed: {}",
                visible_text(&page.body)
            );
            Ok(())
        });
        verdicts.add(format_args!("consent page, {payload:?}"), outcome);
    }
    verdicts.end()
}

/// AS4: on the pages of the sign-in, of errors and of search, what came in the URL or the form is text.
async fn markup_on_other_pages(installation: &mut Installation) -> Result {
    let person = installation.add_person("ada@example.com").await?;
    let client = OAuthClient::register_with(installation, &metadata(HARMLESS)).await?;
    let issuer = installation.issuer.clone();
    let mut verdicts = Verdicts::new();
    let mut expected: Vec<Answer> = Vec::new();
    for payload in [HARMLESS].into_iter().chain(PAYLOADS) {
        let query = |path: &str, name: &str| reqwest::Url::parse_with_params(&format!("{issuer}{path}"), [(name, payload)]);
        let path = |start: &str| {
            let mut url = reqwest::Url::parse(&issuer)?;
            url.path_segments_mut().map_err(|()| anyhow::anyhow!("no path"))?.extend([start, payload]);
            anyhow::Ok(url)
        };
        let urls = [
            query("/sign-in", "return_to")?,
            query("/sign-in", "error")?,
            query("/libraries", "q")?,
            query("/set-password", "link")?,
            query("/oauth/authorize", "client_id")?,
            query("/oauth/authorize", payload)?,
            reqwest::Url::parse(&client.authorization_url(&Attempt::new(), &[("redirect_uri", payload)])?)?,
            reqwest::Url::parse(&client.authorization_url(&Attempt::new(), &[("redirect_uri", &format!("{WEB}?{payload}"))])?)?,
            path("no")?,
            path("libraries")?,
        ];
        let mut pages = Vec::new();
        for url in &urls {
            pages.push(person.open(url.as_str()).await?.1);
        }
        pages.push(wrong_password(&issuer, payload).await?);
        if expected.is_empty() {
            expected = pages;
        } else {
            for (number, page) in pages.iter().enumerate() {
                let label = urls.get(number).map_or("a wrong password", |url| url.path());
                verdicts.add(format_args!("page {number} ({label:.40}), {payload:?}"), expect_same_page(page, &expected[number]));
            }
        }
    }
    verdicts.end()
}

/// The page of somebody who typed this as their e-mail address.
async fn wrong_password(issuer: &str, email: &str) -> Result<Answer> {
    let visitor = Person::new(email, "wrong password", issuer)?;
    let (url, page) = visitor.open(&format!("{issuer}/sign-in")).await?;
    let mut form = Form::with_control(&page.body, "password")?;
    form.set("email", email);
    form.set("password", "wrong password");
    form.set("return_to", email);
    Ok(visitor.send(&url, &form).await?.1)
}

/// AS4, AS11: in answers for programs it is a string in JSON, in a redirect it is percent-encoded and comes back as it was, and words of
/// ours about it keep to the characters that the RFC allows.
async fn markup_in_answers_for_programs(installation: &mut Installation) -> Result {
    let client = OAuthClient::register_with(installation, &metadata(HARMLESS)).await?;
    let mut verdicts = Verdicts::new();
    for payload in PAYLOADS {
        for name in [
            "grant_type",
            "client_id",
            "code",
            "redirect_uri",
            "code_verifier",
            "refresh_token",
            "scope",
            "resource",
            "client_secret",
            payload,
        ] {
            let mut form = vec![
                ("grant_type", "authorization_code"),
                ("client_id", client.client_id.as_str()),
                ("code", "x"),
                ("code_verifier", "x"),
                ("redirect_uri", WEB),
            ];
            form.retain(|(one, _)| *one != name);
            form.extend([(name, payload), (name, payload)]);
            for repeated in [true, false] {
                if !repeated {
                    form.pop();
                }
                let answer = client.token(&form).await?;
                verdicts
                    .add(format_args!("token, {name} is {payload:?}"), answer.oauth_error().and_then(|_| expect_json(&answer).map(drop)));
            }
        }
        for (field, value) in [
            ("redirect_uris", json!([payload])),
            ("client_name", json!([payload])),
            ("grant_types", json!(payload)),
            ("response_types", json!([payload])),
            ("token_endpoint_auth_method", json!(payload)),
        ] {
            let mut wanted = json!({"redirect_uris": [WEB]});
            wanted[field] = value;
            let answer = Answer::of(client.http.post(client.endpoint("registration_endpoint")?).json(&wanted)).await?;
            ensure!(answer.status != 429, "more registrations than are let through at once");
            verdicts.add(
                format_args!("registration, {field} is {payload:?}"),
                answer.oauth_error().and_then(|_| expect_json(&answer).map(drop)),
            );
        }
        let mut below = reqwest::Url::parse(&client.endpoint("token_endpoint")?)?;
        below.path_segments_mut().map_err(|()| anyhow::anyhow!("no path"))?.push(payload);
        let answer = Answer::of(client.http.get(below)).await?;
        verdicts.add(format_args!("unknown path {payload:?}"), answer.oauth_error().and_then(|_| expect_json(&answer).map(drop)));

        let state = format!("{payload}&code=attacker#x");
        for (name, value) in [
            ("prompt", "none"),
            ("scope", payload),
            ("response_type", payload),
            ("code_challenge_method", payload),
            ("resource", payload),
            ("max_age", payload),
        ] {
            let answer =
                Answer::of(client.http.get(client.authorization_url(&Attempt::new(), &[("state", &state), (name, value)])?)).await?;
            verdicts.add(format_args!("redirect for {name}, {payload:?}"), expect_clean_redirect(&answer, &state));
        }
    }
    verdicts.end()
}

/// The error goes to the client's own address, `state` as it was, once, and in characters that a header may have.
fn expect_clean_redirect(answer: &Answer, state: &str) -> Result {
    ensure!(answer.status == 303, "{} {}", answer.status, answer.body);
    let location = answer.header("location");
    ensure!(location.bytes().all(|byte| byte.is_ascii_alphanumeric() || b":/?=&%-._*".contains(&byte)), "{location}");
    let url = reqwest::Url::parse(location)?;
    ensure!(location.starts_with(&format!("{WEB}?")) && url.fragment().is_none(), "{location}");
    let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    let names: Vec<&str> = pairs.iter().map(|(name, _)| name.as_str()).collect();
    ensure!(names == ["error", "error_description", "state", "iss"], "{names:?}");
    ensure!(pairs[2].1 == state, "state is {:?}", pairs[2].1);
    ensure!(pairs[1].1.chars().all(|c| matches!(c, ' '..='~') && c != '"' && c != '\\'), "{:?}", pairs[1].1);
    Ok(())
}

docent_tests::in_shape!(together, Together, markup_on_the_consent_page, markup_on_other_pages, markup_in_answers_for_programs);
