//! Attacks on device authorization (AS21): somebody else's code, somebody else's decision, guessing, replaying.

use anyhow::{Context as _, ensure};
use docent_tests::device_client::{DeviceClient, DeviceCodes};
use docent_tests::http::{self, Answer};
use docent_tests::person::{Form, visible_text};
use docent_tests::{Installation, Person, Result, Tokens};
use serde_json::Value;
use url::Url;

const WITH_EMAIL: &[(&str, &str)] = &[("scope", "docs:read openid email")];

/// What the page says of a code that leads nowhere, without the code itself.
fn words(page: &Answer, code: &str) -> String {
    let id = page.header("x-request-id");
    let words = visible_text(&page.body).replace(code, "CODE");
    if id.is_empty() { words } else { words.replace(id, "ID") }
}

async fn tokens(device: &DeviceClient, codes: &DeviceCodes) -> Result<Value> {
    device.poll(codes, &[]).await?.expect(200)
}

/// CVE-2026-45337, AS21: better-auth let every signed-in session approve or deny a code that somebody else had opened. Here the first person
/// who types a code has it: another learns nothing of it, decides nothing about it, and cannot use the first one's form.
async fn cve_2026_45337_another_session_decides(installation: &mut Installation) -> Result {
    let (ada, eve) = (installation.add_person("ada@example.com").await?, installation.add_person("eve@example.com").await?);
    let device = DeviceClient::register(installation, "Builder").await?;
    let codes = device.begin(WITH_EMAIL).await?;
    let (url, _, form) = ada.come_to_device_consent(&codes).await?;

    // Eve saw the code over Ada's shoulder.
    let (_, seen) = eve.type_code(&codes.verification_uri, &codes.user_code).await?;
    let (_, unknown) = eve.type_code(&codes.verification_uri, "BBBB-BBBB").await?;
    ensure!(seen.status == unknown.status && (400..500).contains(&seen.status), "{} and {}", seen.status, unknown.status);
    ensure!(words(&seen, &codes.user_code) == words(&unknown, "BBBB-BBBB"), "the page tells that the code is somebody's");
    // And she has a copy of Ada's form: as it is, and with her own token against forgery and her own project.
    let own = device.begin(&[]).await?;
    let (_, _, eves) = eve.come_to_device_consent(&own).await?;
    for decision in ["allow", "deny"] {
        let mut copied = form.clone();
        copied.press("decision", decision)?;
        ensure!((400..500).contains(&eve.send(&url, &copied).await?.1.status), "{decision}, as it is");
        for name in ["csrf", "project"] {
            copied.set(name, eves.value(name).context("no such field")?);
        }
        ensure!((400..500).contains(&eve.send(&url, &copied).await?.1.status), "{decision}, with her own token");
    }
    ensure!(device.poll_error(&codes).await? == "authorization_pending", "Eve decided");
    let mut allowed = form;
    allowed.press("decision", "allow")?;
    ensure!(ada.send(&url, &allowed).await?.1.status == 200, "Ada cannot decide any more");
    let given = tokens(&device, &codes).await?;
    ensure!(device.email_of(&given).await? == "ada@example.com", "the device is signed in as somebody else");
    Ok(())
}

/// The same within one account: a form counts in the browser that it was shown to.
async fn the_form_of_another_browser_of_the_same_person(installation: &mut Installation) -> Result {
    let ada = installation.add_person("ada@example.com").await?;
    let phone = ada.elsewhere()?;
    let device = DeviceClient::register(installation, "Builder").await?;
    let codes = device.begin(&[]).await?;
    let (url, _, mut form) = ada.come_to_device_consent(&codes).await?;
    form.press("decision", "allow")?;
    phone.sign_in().await?;
    ensure!((400..500).contains(&phone.send(&url, &form).await?.1.status), "the other browser's form counts");
    ensure!(device.poll_error(&codes).await? == "authorization_pending", "it was decided");
    Ok(())
}

/// CVE-2024-38371, AS21: authentik did not ask in this flow whether the person may have access at all. Here each thing that keeps somebody out
/// elsewhere does so at the page and again when the device asks for its tokens.
async fn cve_2024_38371_who_may_not_have_access(installation: &mut Installation) -> Result {
    let ada = installation.add_person("ada@example.com").await?;
    installation.run(&["project", "add", "Harbour"]).await?;
    let member = ["project", "member", "add", "Harbour", "ada@example.com", "--role", "member"];
    installation.run(&member).await?;
    let device = DeviceClient::register(installation, "Builder").await?;

    let left = device.begin(&[]).await?;
    let (url, _, mut form) = ada.come_to_device_consent(&left).await?;
    form.choose("project", "Harbour")?;
    form.press("decision", "allow")?;
    let harbour = form.value("project").context("no project")?.to_owned();
    ensure!(ada.send(&url, &form).await?.1.status == 200);
    installation.run(&["project", "member", "remove", "Harbour", "ada@example.com"]).await?;
    ensure!(device.poll_error(&left).await? == "invalid_grant", "who left the project gets a token for it");

    let foreign = device.begin(&[]).await?;
    let (url, _, mut form) = ada.come_to_device_consent(&foreign).await?;
    form.set("project", &harbour);
    form.press("decision", "allow")?;
    ensure!((400..500).contains(&ada.send(&url, &form).await?.1.status), "a project of somebody else is taken");

    let disabled = device.begin(&[]).await?;
    ada.decide_device(&disabled, "allow").await?;
    installation.run(&["user", "disable", "ada@example.com"]).await?;
    ensure!(device.poll_error(&disabled).await? == "invalid_grant", "a disabled person's device gets a token");
    Ok(())
}

/// CVE-2024-38371, for the client: one that an administrator blocked connects no device, at no step.
async fn cve_2024_38371_a_client_that_was_blocked(installation: &mut Installation) -> Result {
    let ada = installation.add_person("ada@example.com").await?;
    let device = DeviceClient::register(installation, "Builder").await?;
    let (typed, shown, allowed) = (device.begin(&[]).await?, device.begin(&[]).await?, device.begin(&[]).await?);
    let (url, _, mut form) = ada.come_to_device_consent(&shown).await?;
    form.press("decision", "allow")?;
    ada.decide_device(&allowed, "allow").await?;
    installation.run(&["client", "disable", &device.client.client_id]).await?;
    ensure!((400..500).contains(&ada.type_code(&typed.verification_uri, &typed.user_code).await?.1.status), "its code is taken");
    ensure!((400..500).contains(&ada.send(&url, &form).await?.1.status), "its form is taken");
    for codes in [&typed, &shown, &allowed] {
        ensure!(device.poll(codes, &[]).await?.oauth_error()? == "invalid_client", "it gets an answer");
    }
    ensure!(device.ask(&[]).await?.oauth_error()? == "invalid_client", "it gets another code");
    Ok(())
}

/// RFC 8628 5.1, AS21: user codes are short, so nobody tries many of them: not with another session of the same account either, and the right
/// code does not help any more then. Another person is not locked out.
async fn user_codes_are_guessed(installation: &mut Installation) -> Result {
    let (eve, ada) = (installation.add_person("eve@example.com").await?, installation.add_person("ada@example.com").await?);
    let device = DeviceClient::register(installation, "Builder").await?;
    let codes = device.begin(&[]).await?;
    let letters: Vec<char> = "BCDFGHJKLMNPQRST".chars().collect();
    let mut refused = None;
    for (at, letter) in letters.iter().enumerate() {
        let (_, page) = eve.type_code(&codes.verification_uri, &letter.to_string().repeat(8)).await?;
        if page.status == 429 {
            ensure!(page.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds > 0), "{:?}", page.headers);
            refused = Some(at);
            break;
        }
        ensure!(page.status == 422, "a wrong code is answered with {}: {}", page.status, page.body);
    }
    ensure!(refused == Some(10), "refused after {refused:?} guesses");
    let again = eve.elsewhere()?;
    for somebody in [&eve, &again] {
        let (_, page) = somebody.type_code(&codes.verification_uri, &codes.user_code).await?;
        ensure!(page.status == 429, "the right code is answered with {}", page.status);
    }
    ada.decide_device(&codes, "allow").await?;
    ensure!(device.poll(&codes, &[]).await?.status == 200);
    Ok(())
}

/// RFC 8628 5.1: no oracle. Unknown, used, denied, and somebody else's: one answer.
async fn a_code_is_asked_about(installation: &mut Installation) -> Result {
    let (ada, eve) = (installation.add_person("ada@example.com").await?, installation.add_person("eve@example.com").await?);
    let device = DeviceClient::register(installation, "Builder").await?;
    let (used, denied, others) = (device.begin(&[]).await?, device.begin(&[]).await?, device.begin(&[]).await?);
    ada.decide_device(&used, "allow").await?;
    ada.decide_device(&denied, "deny").await?;
    ada.come_to_device_consent(&others).await?;
    let mut answers = Vec::new();
    for code in ["BBBB-BBBB", &used.user_code, &denied.user_code, &others.user_code] {
        let (_, page) = eve.type_code(&used.verification_uri, code).await?;
        answers.push((page.status, words(&page, code)));
    }
    ensure!(answers.iter().all(|answer| *answer == answers[0]), "{answers:#?}");
    // A stranger who is not signed in learns nothing at all.
    let stranger = http::client()?;
    for code in ["BBBB-BBBB", &others.user_code] {
        let page = Answer::of(stranger.get(&used.verification_uri).query(&[("user_code", code)])).await?;
        ensure!(page.status == 303 && page.header("location").contains("/sign-in"), "{} {:?}", page.status, page.headers);
    }
    Ok(())
}

/// RFC 8628 3.5, AS21: a device that asks all the time gets nothing sooner.
async fn a_device_polls_faster(installation: &mut Installation) -> Result {
    let ada = installation.add_person("ada@example.com").await?;
    let device = DeviceClient::register(installation, "Builder").await?;
    let codes = device.begin(&[]).await?;
    ensure!(device.poll_error(&codes).await? == "authorization_pending");
    for _ in 0..5 {
        ensure!(device.poll_error(&codes).await? == "slow_down", "it is not slowed down");
    }
    ada.decide_device(&codes, "allow").await?;
    ensure!(device.poll(&codes, &[]).await?.status == 200, "it never gets its answer");
    Ok(())
}

/// AS8, AS21: a device code in another client's hands is worth nothing and ends nothing; nor is it any other kind of credential.
async fn a_device_code_is_stolen(installation: &mut Installation) -> Result {
    let ada = installation.add_person("ada@example.com").await?;
    let (device, thief) = (DeviceClient::register(installation, "Builder").await?, DeviceClient::register(installation, "Thief").await?);
    ensure!(device.client.client_id != thief.client.client_id);
    let codes = device.begin(&[]).await?;
    ada.decide_device(&codes, "allow").await?;
    ensure!(thief.poll_error(&codes).await? == "invalid_grant", "another client gets tokens");
    let swapped = DeviceCodes { device_code: codes.user_code.clone(), ..codes.clone() };
    ensure!(device.poll_error(&swapped).await? == "invalid_grant", "the user code is a device code");
    let id = device.client.client_id.as_str();
    for parameters in [
        [("grant_type", "refresh_token"), ("refresh_token", codes.device_code.as_str()), ("client_id", id)],
        [("grant_type", "authorization_code"), ("code", codes.device_code.as_str()), ("client_id", id)],
    ] {
        let answer = device.client.token(&parameters).await?;
        ensure!((400..500).contains(&answer.status), "{parameters:?}: {}", answer.body);
    }
    let bearer = Answer::of(device.client.http.post(&device.client.resource).bearer_auth(&codes.device_code)).await?;
    ensure!(bearer.status == 401, "the device code opens the resource: {}", bearer.status);
    let given = Tokens::of(&device.poll(&codes, &[]).await?)?;
    // Used again, by its client and by the thief: nothing is given, and nothing is taken from who has it.
    ensure!(device.poll_error(&codes).await? == "invalid_grant" && thief.poll_error(&codes).await? == "invalid_grant");
    ensure!(device.client.refresh(&given.refresh_token).await?.status == 200, "a second use ended the connection");
    Ok(())
}

/// AS14, AS21: the form counts once, and what was decided stays so.
async fn the_approval_form_is_replayed(installation: &mut Installation) -> Result {
    let ada = installation.add_person("ada@example.com").await?;
    let device = DeviceClient::register(installation, "Builder").await?;
    for (first, second, told) in [("deny", "allow", "access_denied"), ("allow", "deny", "")] {
        let codes = device.begin(&[]).await?;
        let (url, _, form) = ada.come_to_device_consent(&codes).await?;
        let mut sent = form.clone();
        sent.press("decision", first)?;
        ensure!(ada.send(&url, &sent).await?.1.status == 200);
        for decision in [first, second] {
            let mut again = form.clone();
            again.press("decision", decision)?;
            ensure!((400..500).contains(&ada.send(&url, &again).await?.1.status), "{decision} after {first}");
        }
        if told.is_empty() {
            ensure!(device.poll(&codes, &[]).await?.status == 200);
        } else {
            ensure!(device.poll_error(&codes).await? == told, "{second} after {first} counted");
        }
    }
    Ok(())
}

/// AS14, AS21: a ticket that was changed anywhere is no ticket, and one form's ticket does not decide about another code.
async fn the_ticket_is_tampered_with(installation: &mut Installation) -> Result {
    let ada = installation.add_person("ada@example.com").await?;
    let device = DeviceClient::register(installation, "Builder").await?;
    let codes = device.begin(&[]).await?;
    let (url, _, mut form) = ada.come_to_device_consent(&codes).await?;
    form.press("decision", "allow")?;
    let ticket = form.value("ticket").context("no ticket")?.to_owned();
    let (payload, tag) = ticket.split_once('.').context("no signature")?;
    let changed: Vec<String> = (0..ticket.len())
        .step_by(7)
        .map(|at| {
            let other = if ticket.as_bytes()[at] == b'A' { 'B' } else { 'A' };
            format!("{}{other}{}", &ticket[..at], &ticket[at + 1..])
        })
        .chain([
            payload.to_owned(),
            format!("{payload}."),
            format!(".{tag}"),
            format!("{tag}.{payload}"),
            "e30.".to_owned(),
            "%00".to_owned(),
        ])
        .collect();
    for ticket in &changed {
        form.set("ticket", ticket);
        let (_, page) = ada.send(&url, &form).await?;
        ensure!((400..500).contains(&page.status), "{ticket} is answered with {}", page.status);
    }
    ensure!(device.poll_error(&codes).await? == "authorization_pending", "a ticket that was changed counted");
    Ok(())
}

/// RFC 8628 3.3.1, 5.4, AS14: a link that carries a code does nothing by itself, whatever else it carries; no other site sends the form or
/// frames the page.
async fn a_link_is_sent_to_the_victim(installation: &mut Installation) -> Result {
    let ada = installation.add_person("ada@example.com").await?;
    ada.sign_in().await?;
    let device = DeviceClient::register(installation, "<b>Trusted</b> \u{202e}Update").await?;
    let codes = device.begin(&[]).await?;
    for more in ["", "&decision=allow", "&decision=allow&project=&csrf=&ticket=x", "&user_code=BBBB-BBBB"] {
        let (_, page) = ada.open(&format!("{}{more}", codes.verification_uri_complete)).await?;
        ensure!(page.status < 500 && !page.body.contains("name=\"decision\""), "{more}: {} {}", page.status, page.body);
    }
    let (url, page) = ada.open(&codes.verification_uri_complete).await?;
    let form = Form::with_control(&page.body, "user_code")?;
    ensure!(form.value("user_code") == Some(&codes.user_code), "the link's code is not shown");
    ensure!(ada.send_from("https://attacker.example", &url, &form).await?.status == 403, "another site types the code");
    let (url, page, mut form) = ada.come_to_device_consent(&codes).await?;
    for name in ["content-security-policy", "x-frame-options"] {
        ensure!(
            page.header(name).contains(if name == "x-frame-options" { "DENY" } else { "frame-ancestors 'none'" }),
            "{:?}",
            page.headers
        );
    }
    ensure!(!page.body.contains("<b>Trusted") && !page.body.contains('\u{202e}'), "the name is markup: {}", page.body);
    form.press("decision", "allow")?;
    ensure!(ada.send_from("https://attacker.example", &url, &form).await?.status == 403, "another site allows it");
    ensure!(device.poll_error(&codes).await? == "authorization_pending", "it was allowed");
    Ok(())
}

/// AS13, AS21: a client that did not ask for this flow when it registered does not get it.
async fn a_client_without_the_grant_type(installation: &mut Installation) -> Result {
    let client = docent_tests::OAuthClient::register(installation, "Browser").await?;
    let device = DeviceClient { client };
    ensure!(device.ask(&[]).await?.oauth_error()? == "unauthorized_client");
    let other = DeviceClient::register(installation, "Builder").await?;
    let codes = other.begin(&[]).await?;
    ensure!(device.poll_error(&codes).await? == "unauthorized_client");
    Ok(())
}

/// Everything that a page of this flow leads to stays here.
async fn the_pages_lead_nowhere_else(installation: &mut Installation) -> Result {
    let ada: Person = installation.add_person("ada@example.com").await?;
    let device = DeviceClient::register(installation, "Builder").await?;
    let codes = device.begin(&[]).await?;
    let (url, page, _) = ada.come_to_device_consent(&codes).await?;
    ensure!(url.origin() == Url::parse(&installation.issuer)?.origin());
    for part in page.body.split(['"', '\'']) {
        ensure!(!part.starts_with("http://") && !part.starts_with("https://") && !part.starts_with("//"), "the page leads to {part}");
    }
    Ok(())
}

docent_tests::together_and_split!(
    cve_2026_45337_another_session_decides,
    cve_2024_38371_who_may_not_have_access,
    cve_2024_38371_a_client_that_was_blocked
);
docent_tests::in_shape!(
    sqlite,
    Together,
    the_form_of_another_browser_of_the_same_person,
    user_codes_are_guessed,
    a_code_is_asked_about,
    a_device_polls_faster,
    a_device_code_is_stolen,
    the_approval_form_is_replayed,
    the_ticket_is_tampered_with,
    a_link_is_sent_to_the_victim,
    a_client_without_the_grant_type,
    the_pages_lead_nowhere_else
);
