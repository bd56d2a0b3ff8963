//! Attacks on consent: given by somebody else, for something else, once more, unseen, or to a name that lies.

use anyhow::{Context as _, ensure};
use docent_tests::http::{self, Answer};
use docent_tests::oauth_client::Attempt;
use docent_tests::person::{Decision, Form, visible_text};
use docent_tests::{Installation, OAuthClient, Person, Result};
use serde_json::json;
use url::Url;

/// A client of its own redirect path, so that two of them are two registrations.
async fn client(installation: &Installation, name: &str, path: &str) -> Result<OAuthClient> {
    let redirect = format!("http://127.0.0.1:49152/{path}");
    OAuthClient::register_with(
        installation,
        &json!({"client_name": name, "redirect_uris": [redirect], "token_endpoint_auth_method": "none"}),
    )
    .await
}

/// The page asks: it is shown, and nobody was sent anywhere.
async fn expect_asked(person: &Person, url: &str, what: &str) -> Result {
    let (at, page) = person.open(url).await?;
    ensure!(page.status == 200 && page.body.contains("name=\"decision\""), "{what}: {} at {at}: {}", page.status, page.header("location"));
    Ok(())
}

fn code_of(client: &OAuthClient, attempt: &Attempt, url: &Url) -> Result<String> {
    client.authorization_response(url, attempt)?.get("code").cloned().with_context(|| format!("no code in {url}"))
}

/// CVE-2026-27124: fastmcp's proxy let a consent that the attacker gave in their own browser count in the victim's. Here a form counts in the
/// browser that it was shown to; and a link to the authorization page asks, whatever the victim allowed before and whatever the link says.
async fn cve_2026_27124_the_attackers_consent_in_the_victims_browser(installation: &mut Installation) -> Result {
    let (ada, eve) = (installation.add_person("ada@example.com").await?, installation.add_person("eve@example.com").await?);
    let trusted = client(installation, "Trusted", "trusted").await?;
    trusted.connect(&ada, Decision::Allow).await?;

    let malicious = client(installation, "Trusted", "malicious").await?;
    let attempt = Attempt::new();
    let url = malicious.authorization_url(&attempt, &[])?;
    let (at, _, mut form) = eve.come_to_consent(&url).await?;
    form.press("decision", "allow")?;
    // As it is, and without the attacker's project: who has one project only need not name it.
    for project in [form.value("project").unwrap_or_default().to_owned(), String::new()] {
        form.set("project", &project);
        for answer in [ada.send(&at, &form).await?.1, ada.send_from("https://attacker.example", &at, &form).await?] {
            ensure!((400..500).contains(&answer.status) && answer.header("location").is_empty(), "{} {:?}", answer.status, answer.headers);
        }
    }
    expect_asked(&ada, &url, "a client that calls itself like one that was allowed").await?;
    for more in
        [("prompt", "login consent"), ("prompt", "consent"), ("approval_prompt", "auto"), ("decision", "allow"), ("skip_consent", "true")]
    {
        let url = malicious.authorization_url(&attempt, &[more])?;
        let (to, page) = ada.open(&url).await?;
        ensure!(to.origin() == Url::parse(&installation.issuer)?.origin() && page.status == 200, "{more:?} leads to {to}");
    }
    let (to, _) = ada.open(&malicious.authorization_url(&attempt, &[("prompt", "none")])?).await?;
    let told = malicious.authorization_response(&to, &attempt)?;
    ensure!(told.get("error").map(String::as_str) == Some("interaction_required") && !told.contains_key("code"), "{told:?}");
    Ok(())
}

/// CVE-2026-101062, AS15: what was allowed before stands for nothing else: not for the same client once more, nor for more scopes, another
/// redirect address, or another client; and a token is for the one resource that was consented to.
async fn cve_2026_101062_an_earlier_consent_is_taken_for_more(installation: &mut Installation) -> Result {
    let ada = installation.add_person("ada@example.com").await?;
    let https = json!({"client_name": "Web", "redirect_uris": ["https://app.example/callback", "https://app.example/other"], "token_endpoint_auth_method": "none"});
    for known in [OAuthClient::register_with(installation, &https).await?, client(installation, "Native", "native").await?] {
        known.connect(&ada, Decision::Allow).await?;
        let attempt = Attempt::new();
        for changes in [
            vec![],
            vec![("scope", "docs:read")],
            vec![("scope", "docs:read libraries:write email")],
            vec![("prompt", "")],
            vec![("max_age", "1000000")],
            vec![("login_hint", "ada@example.com")],
        ] {
            expect_asked(&ada, &known.authorization_url(&attempt, &changes)?, &format!("{changes:?}")).await?;
        }
        if known.redirect_uri.starts_with("https") {
            expect_asked(&ada, &known.authorization_url(&attempt, &[("redirect_uri", "https://app.example/other")])?, "another redirect")
                .await?;
        }
        let (to, _) = ada.open(&known.authorization_url(&attempt, &[("resource", "https://elsewhere.example/mcp")])?).await?;
        ensure!(known.authorization_response(&to, &attempt)?.get("error").map(String::as_str) == Some("invalid_target"), "{to}");
    }
    Ok(())
}

/// AS14: no page of ours can be put into a frame under somebody else's page: neither those that ask, nor those that explain.
async fn the_page_is_framed(installation: &mut Installation) -> Result {
    let ada = installation.add_person("ada@example.com").await?;
    let client = client(installation, "Framed", "framed").await?;
    let url = client.authorization_url(&Attempt::new(), &[])?;
    let strangers = Person::new("nobody@example.com", "x", &installation.issuer)?;
    let (_, consent, _) = ada.come_to_consent(&url).await?;
    let mut pages = vec![("consent", consent)];
    for (name, person, address) in [
        ("sign-in", &strangers, url.clone()),
        ("device", &ada, format!("{}/device", installation.issuer)),
        ("unknown client", &ada, client.authorization_url(&Attempt::new(), &[("client_id", "nobody")])?),
        ("libraries", &ada, format!("{}/libraries", installation.issuer)),
        ("set password", &ada, format!("{}/set-password?link=x", installation.issuer)),
    ] {
        pages.push((name, person.open(&address).await?.1));
    }
    for (name, page) in pages {
        ensure!(page.header("content-type").starts_with("text/html"), "{name}: {:?}", page.headers);
        ensure!(page.header("content-security-policy").contains("frame-ancestors 'none'"), "{name}: {:?}", page.headers);
        ensure!(page.header("x-frame-options") == "DENY", "{name}: {:?}", page.headers);
        ensure!(page.header("referrer-policy") == "no-referrer", "{name}: {:?}", page.headers);
        ensure!(!page.header("content-security-policy").contains("unsafe"), "{name}: {:?}", page.headers);
    }
    Ok(())
}

/// AS14: a form says what its page showed. Fields that name another client, address or scope change nothing, and the code is the shown
/// client's alone.
async fn a_consent_is_replayed_for_another_client(installation: &mut Installation) -> Result {
    let ada = installation.add_person("ada@example.com").await?;
    let (shown, other) = (client(installation, "Shown", "shown").await?, client(installation, "Other", "other").await?);
    let attempt = Attempt::new();
    let (at, _, mut form) = ada.come_to_consent(&shown.authorization_url(&attempt, &[("scope", "docs:read")])?).await?;
    for (name, value) in [
        ("client_id", other.client_id.as_str()),
        ("redirect_uri", &other.redirect_uri),
        ("scope", "docs:read libraries:write"),
        ("state", "changed"),
        ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
        ("resource", "https://attacker.example/mcp"),
    ] {
        form.set(name, value);
    }
    form.press("decision", "allow")?;
    let (to, _) = ada.send(&at, &form).await?;
    let code = code_of(&shown, &attempt, &to)?;
    for (thief, changes) in [(&other, vec![]), (&other, vec![("redirect_uri", shown.redirect_uri.as_str())])] {
        ensure!(thief.exchange_with(&code, &attempt, &changes).await?.oauth_error()? == "invalid_grant", "another client has the code");
    }
    let tokens = shown.exchange(&code, &attempt).await?;
    ensure!(tokens.scope == "docs:read", "the form widened the scopes to {}", tokens.scope);
    Ok(())
}

/// AS14: two pages that are open at once are two questions; each answer goes to its own client.
async fn two_tabs(installation: &mut Installation) -> Result {
    let ada = installation.add_person("ada@example.com").await?;
    let (left, right) = (client(installation, "Left", "left").await?, client(installation, "Right", "right").await?);
    let (one, two) = (Attempt::new(), Attempt::new());
    let (at, _, mut lefts) = ada.come_to_consent(&left.authorization_url(&one, &[])?).await?;
    let (_, _, mut rights) = ada.come_to_consent(&right.authorization_url(&two, &[])?).await?;
    ensure!(lefts.value("ticket") != rights.value("ticket"));
    rights.press("decision", "deny")?;
    lefts.press("decision", "allow")?;
    let (to, _) = ada.send(&at, &rights).await?;
    ensure!(right.authorization_response(&to, &two)?.get("error").map(String::as_str) == Some("access_denied"), "{to}");
    let (to, _) = ada.send(&at, &lefts).await?;
    left.exchange(&code_of(&left, &one, &to)?, &one).await?;
    // The same request in two tabs: each page counts once.
    let attempt = Attempt::new();
    let (_, _, mut first) = ada.come_to_consent(&left.authorization_url(&attempt, &[])?).await?;
    let (_, _, mut second) = ada.come_to_consent(&left.authorization_url(&attempt, &[])?).await?;
    for form in [&mut first, &mut second] {
        form.press("decision", "allow")?;
    }
    let codes = [code_of(&left, &attempt, &ada.send(&at, &first).await?.0)?, code_of(&left, &attempt, &ada.send(&at, &second).await?.0)?];
    ensure!(codes[0] != codes[1]);
    Ok(())
}

/// AS14: who goes back and sends the form again decides nothing more: not after Allow, and not after Deny.
async fn the_back_button(installation: &mut Installation) -> Result {
    let ada = installation.add_person("ada@example.com").await?;
    let client = client(installation, "Back", "back").await?;
    for first in ["allow", "deny"] {
        let attempt = Attempt::new();
        let (at, _, form) = ada.come_to_consent(&client.authorization_url(&attempt, &[])?).await?;
        let pressed = |decision: &str| -> Result<Form> {
            let mut form = form.clone();
            form.press("decision", decision)?;
            Ok(form)
        };
        let (to, _) = ada.send(&at, &pressed(first)?).await?;
        ensure!(client.authorization_response(&to, &attempt)?.contains_key("code") == (first == "allow"), "{to}");
        for again in ["allow", "deny"] {
            let (to, page) = ada.send(&at, &pressed(again)?).await?;
            ensure!(page.status == 409 && page.header("location").is_empty(), "{again} after {first}: {} at {to}", page.status);
        }
    }
    // 64 at once: one counts.
    let attempt = Attempt::new();
    let (at, _, mut form) = ada.come_to_consent(&client.authorization_url(&attempt, &[])?).await?;
    form.press("decision", "allow")?;
    let answers = futures_util::future::try_join_all((0..64).map(|_| ada.send(&at, &form))).await?;
    let given = answers.iter().filter(|(to, _)| to.query().is_some_and(|query| query.contains("code="))).count();
    ensure!(given == 1, "{given} codes were given");
    Ok(())
}

/// AS14: a form without its token against forgery, with another session's, or changed anywhere, is refused; nothing reaches the client.
async fn the_form_is_forged(installation: &mut Installation) -> Result {
    let (ada, eve) = (installation.add_person("ada@example.com").await?, installation.add_person("eve@example.com").await?);
    let client = client(installation, "Forged", "forged").await?;
    let url = client.authorization_url(&Attempt::new(), &[])?;
    let (at, _, mut form) = ada.come_to_consent(&url).await?;
    let (_, _, eves) = eve.come_to_consent(&url).await?;
    form.press("decision", "allow")?;
    let ticket = form.value("ticket").context("no ticket")?.to_owned();
    let eves_csrf = eves.value("csrf").context("no csrf")?;
    let (payload, tag) = ticket.split_once('.').context("no signature")?;
    let half = ticket.len() / 2;
    let swapped = format!("{}{}{}", &ticket[..half], if &ticket[half..=half] == "A" { "B" } else { "A" }, &ticket[half + 1..]);
    for (name, value) in [
        ("csrf", ""),
        ("csrf", "guessed"),
        ("csrf", eves_csrf),
        ("ticket", eves.value("ticket").context("no ticket")?),
        ("ticket", &swapped),
        ("ticket", payload),
        ("ticket", &format!("{payload}.")),
        ("ticket", &format!(".{tag}")),
        ("decision", "Allow"),
        ("decision", "true"),
        ("project", "00000000-0000-0000-0000-000000000000"),
        ("project", eves.value("project").context("no project")?),
    ] {
        let mut forged = form.clone();
        forged.set(name, value);
        let (to, answer) = ada.send(&at, &forged).await?;
        ensure!((400..500).contains(&answer.status) && answer.header("location").is_empty(), "{name}={value}: {} at {to}", answer.status);
    }
    // Without a session at all, as a program would send it.
    let fields: Vec<(&str, &str)> =
        ["ticket", "csrf", "project", "decision"].into_iter().filter_map(|name| Some((name, form.value(name)?))).collect();
    let bare = Answer::of(http::client()?.post(client.endpoint("authorization_endpoint")?).form(&fields)).await?;
    ensure!((400..500).contains(&bare.status) && bare.header("location").is_empty(), "{} {:?}", bare.status, bare.headers);
    Ok(())
}

/// AS14: a name is text, whatever is in it: no markup, nothing invisible, nothing that turns the direction of writing; it cannot push what
/// matters off the page, and it stands next to the words that say that it is only claimed.
async fn names_lie(installation: &mut Installation) -> Result {
    let ada = installation.add_person("ada@example.com").await?;
    let long = "Docent ".repeat(28);
    for (at, name) in [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "\"><button name=decision value=allow>",
        "&lt;b&gt; {{ 7*7 }} {% raw %}",
        "Claude\u{202e}tnegA\u{202c}",
        "\u{2066}x\u{2069}\u{200b}\u{200d}\u{feff}",
        "Verified by your administrator",
        "line\nbreak\r\n\r\n\r\nOK",
        "\u{1f600}\u{e0041}\u{e007f} tag",
        &long,
        "ｅｘａｍｐｌｅ\u{00ad}\u{2028}\u{2029}",
    ]
    .iter()
    .enumerate()
    {
        let redirect = format!("http://127.0.0.1:49152/n{at}");
        let metadata = json!({"client_name": name, "redirect_uris": [redirect], "token_endpoint_auth_method": "none", "logo_uri": "https://attacker.example/logo.png", "client_uri": "https://attacker.example"});
        let client = OAuthClient::register_with(installation, &metadata).await?;
        let (_, page, form) = ada.come_to_consent(&client.authorization_url(&Attempt::new(), &[])?).await?;
        let label = || format!("{name:?}: {}", page.body);
        for markup in ["<script>alert", "<img src=x", "<button name=decision"] {
            ensure!(!page.body.contains(markup), "{}", label());
        }
        ensure!(!page.body.contains("attacker.example"), "{}", label());
        let hidden = |c: char| {
            matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{ad}' | '\u{e0000}'..='\u{e007f}')
                || (c.is_control() && c != '\n')
        };
        ensure!(!page.body.contains(hidden), "{}", label());
        let words = visible_text(&page.body);
        ensure!(words.contains("not verified") && words.contains("127.0.0.1"), "{}", label());
        ensure!(words.len() < 1500, "the name is {} bytes of the page: {}", words.len(), label());
        ensure!(page.body.matches("name=\"decision\"").count() == 2 && form.value("decision").is_none(), "{}", label());
    }
    Ok(())
}

docent_tests::together_and_split!(
    cve_2026_27124_the_attackers_consent_in_the_victims_browser,
    cve_2026_101062_an_earlier_consent_is_taken_for_more,
);
docent_tests::in_shape!(
    sqlite,
    Together,
    the_page_is_framed,
    a_consent_is_replayed_for_another_client,
    two_tabs,
    the_back_button,
    the_form_is_forged,
    names_lie
);
