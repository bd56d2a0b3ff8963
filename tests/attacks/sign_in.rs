//! Attacks on sign-in: whose account exists, whose password it is, whose session this is, and where it leads.

use anyhow::{Context as _, ensure};
use docent_tests::http::{self, Answer};
use docent_tests::person::{Form, visible_text};
use docent_tests::{Installation, OAuthClient, Person, Result, Shape};
use std::time::{Duration, Instant};
use url::Url;

/// A sign-in as a program sends it: without a browser's headers, with these.
async fn sign_in(at: &str, email: &str, password: &str, more: &[(&str, &str)], headers: &[(&str, &str)]) -> Result<Answer> {
    let mut form = vec![("email", email), ("password", password)];
    form.extend_from_slice(more);
    let mut request = http::client()?.post(format!("{at}/sign-in")).form(&form);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    Answer::of(request).await
}

/// The cookie that an answer sets, as a browser sends it back.
fn cookie(answer: &Answer) -> Result<String> {
    let cookie = answer.header("set-cookie");
    Ok(cookie.split(';').next().filter(|pair| pair.contains('=')).with_context(|| format!("no cookie: {:?}", answer.headers))?.to_owned())
}

/// Whether somebody with this cookie is signed in: only they are shown the page for device codes.
async fn is_signed_in(at: &str, cookie: &str) -> Result<bool> {
    let page = Answer::of(http::client()?.get(format!("{at}/device")).header("cookie", cookie)).await?;
    ensure!(page.status == 200 || page.status == 303, "{} {}", page.status, page.body);
    Ok(page.status == 200)
}

/// *Sign-in*: an account that exists, one that is disabled and one that does not exist are answered alike, in text and headers.
async fn accounts_are_enumerated_by_text(installation: &mut Installation) -> Result {
    let (ada, bob) = (installation.add_person("ada@example.com").await?, installation.add_person("bob@example.com").await?);
    installation.run(&["user", "disable", "bob@example.com"]).await?;
    let mut answers = Vec::new();
    for (email, password) in
        [("ada@example.com", "wrong password"), ("eve@example.com", "wrong password"), ("bob@example.com", &bob.password)]
    {
        let answer = sign_in(&installation.issuer, email, password, &[], &[]).await?;
        let mut headers: Vec<String> = answer
            .headers
            .iter()
            .filter(|(name, _)| !["date", "x-request-id"].contains(&name.as_str()))
            .map(|pair| format!("{pair:?}"))
            .collect();
        headers.sort();
        answers.push((answer.status, visible_text(&answer.body).replace(email, "EMAIL"), headers));
    }
    ensure!(answers.iter().all(|answer| *answer == answers[0]) && answers[0].0 == 422, "{answers:#?}");
    ensure!(sign_in(&installation.issuer, &ada.email, &ada.password, &[], &[]).await?.status == 303);
    Ok(())
}

/// *Sign-in*: an account that does not exist costs as much time as one that does. What is compared is the fastest of several answers, which the
/// rest of a busy machine touches least; without the hash there would be a factor of ten or more.
async fn accounts_are_enumerated_by_time(installation: &mut Installation) -> Result {
    installation.add_person("ada@example.com").await?;
    installation.add_person("bob@example.com").await?;
    installation.run(&["user", "disable", "bob@example.com"]).await?;
    let mut fastest = [Duration::MAX; 3];
    for _ in 0..8 {
        for (at, email) in ["ada@example.com", "eve@example.com", "bob@example.com"].into_iter().enumerate() {
            let start = Instant::now();
            let answer = sign_in(&installation.issuer, email, "wrong password", &[], &[]).await?;
            ensure!(answer.status == 422, "{} {}", answer.status, answer.body);
            fastest[at] = fastest[at].min(start.elapsed());
        }
    }
    let [known, unknown, disabled] = fastest;
    ensure!(unknown * 5 > known * 2 && known * 5 > unknown * 2, "known {known:?}, unknown {unknown:?}");
    ensure!(disabled * 5 > known * 2 && known * 5 > disabled * 2, "known {known:?}, disabled {disabled:?}");
    Ok(())
}

/// *Sign-in*: ten attempts for an account, however its address is written and wherever they say that they come from; then the right password
/// does not help either. An account that does not exist is limited in the same way.
async fn passwords_are_tried_one_after_the_other(installation: &mut Installation) -> Result {
    let ada = installation.add_person("ada@example.com").await?;
    for address in ["ada@example.com", "eve@example.com"] {
        let written = [address.to_owned(), address.to_uppercase(), format!("  {address} "), address.replace('a', "A")];
        for attempt in 0..10 {
            let forwarded = format!("198.51.100.{attempt}");
            let headers = [("x-forwarded-for", forwarded.as_str()), ("forwarded", "for=198.51.100.7"), ("x-real-ip", &forwarded)];
            let answer = sign_in(&installation.issuer, &written[attempt % written.len()], "wrong password", &[], &headers).await?;
            ensure!(answer.status == 422, "attempt {attempt} at {address}: {} {}", answer.status, answer.body);
        }
        for email in &written {
            let answer = sign_in(&installation.issuer, email, &ada.password, &[], &[("x-forwarded-for", "198.51.100.99")]).await?;
            ensure!(answer.status == 429 && answer.header("set-cookie").is_empty(), "{email}: {}", answer.status);
            ensure!(answer.header("retry-after").parse::<u32>().is_ok_and(|seconds| (1..=90).contains(&seconds)), "{:?}", answer.headers);
        }
    }
    Ok(())
}

/// CVE-2024-7341: Keycloak's adapter kept the session's id at sign-in, so that who planted it had the session. Here a cookie that was planted is
/// worth nothing afterwards, whether it was invented or somebody else's real session.
async fn cve_2024_7341_a_session_is_planted(installation: &mut Installation) -> Result {
    let (ada, eve) = (installation.add_person("ada@example.com").await?, installation.add_person("eve@example.com").await?);
    let issuer = installation.issuer.clone();
    let eves = cookie(&sign_in(&issuer, &eve.email, &eve.password, &[], &[]).await?)?;
    ensure!(is_signed_in(&issuer, &eves).await?);
    for planted in [format!("docent_session={}", "A".repeat(43)), eves] {
        let signed_in = sign_in(&issuer, &ada.email, &ada.password, &[], &[("cookie", &planted)]).await?;
        let fresh = cookie(&signed_in)?;
        ensure!(fresh != planted && fresh.len() > 43, "the cookie stays {fresh}");
        ensure!(is_signed_in(&issuer, &fresh).await?);
        ensure!(!is_signed_in(&issuer, &planted).await?, "what was planted is signed in");
        for both in [format!("{planted}; {planted}"), format!("docent_session=; {planted}")] {
            ensure!(!is_signed_in(&issuer, &both).await?, "{both}");
        }
    }
    Ok(())
}

/// *Sign-in*: on https the cookie has the `__Host-` prefix, with which no neighbour can plant it; one without the prefix is no session.
async fn cookies_are_planted_by_a_neighbour_on_https(_: &mut Installation) -> Result {
    let url = "https://docent.example";
    let variables = [("DOCENT__AUTH__PUBLIC_URL", url), ("DOCENT__MCP__PUBLIC_URL", url)];
    let installation = Installation::start_with(Shape::Together, &variables).await?;
    let ada = installation.add_person("ada@example.com").await?;
    let at = installation.issuer.clone();
    let answer = sign_in(&at, &ada.email, &ada.password, &[], &[]).await?;
    ensure!(answer.status == 303, "{} {}", answer.status, answer.body);
    let set = answer.header("set-cookie");
    ensure!(set.starts_with("__Host-docent_session="), "{set}");
    for attribute in ["; Secure", "; HttpOnly", "; SameSite=Lax", "; Path=/"] {
        ensure!(set.contains(attribute), "{attribute} is missing: {set}");
    }
    ensure!(!set.to_lowercase().contains("domain="), "{set}");
    let real = cookie(&answer)?;
    ensure!(is_signed_in(&at, &real).await?, "its own cookie does not sign in");
    let value = real.strip_prefix("__Host-docent_session=").context("no prefix")?;
    for name in ["docent_session", "__host-docent_session", "__Secure-docent_session", " docent_session"] {
        ensure!(!is_signed_in(&at, &format!("{name}={value}")).await?, "{name} is a session");
    }
    Ok(())
}

/// *Sign-in*: when somebody else signs in at the same browser, the first person's session is over, and a page that they left open does nothing
/// in the second one's name.
async fn another_person_signs_in_at_the_same_browser(installation: &mut Installation) -> Result {
    let (ada, eve) = (installation.add_person("ada@example.com").await?, installation.add_person("eve@example.com").await?);
    let issuer = installation.issuer.clone();
    let adas = cookie(&sign_in(&issuer, &ada.email, &ada.password, &[], &[]).await?)?;
    let client = OAuthClient::register(installation, "Left open").await?;
    let url = client.authorization_url(&docent_tests::oauth_client::Attempt::new(), &[])?;
    let page = Answer::of(http::client()?.get(&url).header("cookie", &adas)).await?;
    let mut form = Form::with_control(&page.body, "decision")?;
    form.press("decision", "allow")?;
    let eves = cookie(&sign_in(&issuer, &eve.email, &eve.password, &[], &[("cookie", &adas)]).await?)?;
    ensure!(!is_signed_in(&issuer, &adas).await?, "the first session goes on");
    let fields: Vec<(&str, &str)> =
        ["ticket", "csrf", "project", "decision"].into_iter().filter_map(|name| Some((name, form.value(name)?))).collect();
    ensure!(fields.len() == 4, "{fields:?}");
    let endpoint = client.endpoint("authorization_endpoint")?;
    for cookie in [&eves, &adas] {
        let answer = Answer::of(http::client()?.post(&endpoint).header("cookie", cookie).form(&fields)).await?;
        ensure!((400..500).contains(&answer.status) && answer.header("location").is_empty(), "{} {:?}", answer.status, answer.headers);
    }
    Ok(())
}

/// *Sign-in*, CVE-2025-4143's cousin for people: after signing in or out a person stays on this origin, whatever `return_to` says and however a
/// browser reads it.
async fn return_to_leads_to_another_site(installation: &mut Installation) -> Result {
    let ada = installation.add_person("ada@example.com").await?;
    let issuer = Url::parse(&installation.issuer)?;
    let evil = [
        "https://attacker.example/",
        "//attacker.example",
        "///attacker.example",
        "/\\attacker.example",
        "\\\\attacker.example",
        "/\t/attacker.example",
        "/\n/attacker.example",
        "\t//attacker.example",
        " //attacker.example",
        "http:attacker.example",
        "javascript:alert(1)",
        "data:text/html,x",
        "/%09/attacker.example\r\nLocation: https://attacker.example",
        "@attacker.example",
        ".attacker.example",
        ":80@attacker.example",
        "",
    ];
    // Ten sign-ins for an account, so each session tries several of them by signing out.
    for some in evil.chunks(3) {
        let signed_in = sign_in(&installation.issuer, &ada.email, &ada.password, &[("return_to", some[0])], &[]).await?;
        stays(&issuer, some[0], &signed_in)?;
        let browser = ada.elsewhere()?;
        for return_to in some {
            let (url, page) = browser.open(&format!("{}/sign-in?return_to={}", installation.issuer, encoded(return_to))).await?;
            let form = Form::with_control(&page.body, "password")?;
            let kept = url.join(form.value("return_to").unwrap_or_default())?;
            ensure!(kept.origin() == issuer.origin(), "{return_to:?} stands on the page as {kept}");
            let answer = Answer::of(http::client()?.post(issuer.join("/sign-out")?).form(&[("return_to", *return_to)])).await?;
            stays(&issuer, return_to, &answer)?;
        }
    }
    Ok(())
}

fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

fn stays(issuer: &Url, return_to: &str, answer: &Answer) -> Result {
    ensure!(answer.status == 303, "{return_to:?}: {} {}", answer.status, answer.body);
    let to = issuer.join(answer.header("location"))?;
    ensure!(to.origin() == issuer.origin(), "{return_to:?} leads to {to}");
    ensure!(answer.headers.get_all("location").iter().count() == 1, "{return_to:?}: {:?}", answer.headers);
    Ok(())
}

/// *Sign-in*: what is sent to people and clients is built from the configured URL; a `Host` of the attacker's is in none of it.
async fn the_host_header_gets_into_links(installation: &mut Installation) -> Result {
    let ada = installation.add_person("ada@example.com").await?;
    let issuer = installation.issuer.clone();
    let headers = [
        ("x-forwarded-host", "attacker.example"),
        ("x-forwarded-proto", "https"),
        ("forwarded", "host=attacker.example"),
        ("x-original-host", "attacker.example"),
    ];
    let http = http::client()?;
    for path in [
        "/sign-in",
        "/sign-in?return_to=/libraries",
        "/device",
        "/",
        "/.well-known/oauth-authorization-server",
        "/oauth/authorize",
        "/no/such/page",
    ] {
        for host in ["attacker.example", "localhost:1", "attacker.example:80@localhost"] {
            let mut request = http.get(format!("{issuer}{path}")).header("host", host);
            for (name, value) in headers {
                request = request.header(name, value);
            }
            let answer = Answer::of(request).await?;
            ensure!(!answer.body.contains("attacker.example"), "{path} with Host {host}: {}", answer.body);
            ensure!(!format!("{:?}", answer.headers).contains("attacker.example"), "{path} with Host {host}: {:?}", answer.headers);
        }
    }
    let signed_in =
        sign_in(&issuer, &ada.email, &ada.password, &[], &[("host", "attacker.example"), ("x-forwarded-host", "attacker.example")]).await?;
    ensure!(!format!("{:?}", signed_in.headers).contains("attacker.example"), "{:?}", signed_in.headers);
    let link = installation.run(&["user", "link", "ada@example.com"]).await?;
    // A command line that is told no URL knows none but the default.
    let configured = if installation.shape == Shape::Split { issuer.as_str() } else { "http://localhost:8080" };
    ensure!(link.contains(&format!("{configured}/set-password?link=")), "{link}");
    Ok(())
}

/// *Sign-in*: another site cannot sign a person in to the attacker's account (login CSRF), nor out of their own.
async fn another_site_signs_a_person_in(installation: &mut Installation) -> Result {
    let eve = installation.add_person("eve@example.com").await?;
    let issuer = installation.issuer.clone();
    for headers in [
        vec![("origin", "https://attacker.example")],
        vec![("origin", "null")],
        vec![("sec-fetch-site", "cross-site")],
        vec![("sec-fetch-site", "same-site"), ("origin", issuer.as_str())],
        vec![("origin", "https://attacker.example"), ("sec-fetch-site", "same-origin")],
    ] {
        let answer = sign_in(&issuer, &eve.email, &eve.password, &[], &headers).await?;
        ensure!(answer.status == 403 && answer.header("set-cookie").is_empty(), "{headers:?}: {} {:?}", answer.status, answer.headers);
    }
    let victim: Person = installation.add_person("ada@example.com").await?;
    let session = cookie(&sign_in(&issuer, &victim.email, &victim.password, &[], &[]).await?)?;
    for csrf in ["", "guessed"] {
        let request = http::client()?.post(format!("{issuer}/sign-out")).header("cookie", &session).form(&[("csrf", csrf)]);
        ensure!(Answer::of(request).await?.status == 403);
    }
    ensure!(is_signed_in(&issuer, &session).await?, "another site signed the person out");
    Ok(())
}

docent_tests::together_and_split!(cve_2024_7341_a_session_is_planted, the_host_header_gets_into_links);
docent_tests::in_shape!(
    sqlite,
    Together,
    accounts_are_enumerated_by_text,
    accounts_are_enumerated_by_time,
    passwords_are_tried_one_after_the_other,
    cookies_are_planted_by_a_neighbour_on_https,
    another_person_signs_in_at_the_same_browser,
    return_to_leads_to_another_site,
    another_site_signs_a_person_in
);
