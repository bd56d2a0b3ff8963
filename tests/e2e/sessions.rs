//! Sign-in, sign-out, and the first administrator.

use anyhow::ensure;
use docent_tests::http::Answer;
use docent_tests::person::{Form, visible_text};
use docent_tests::{Installation, Person, Result};

/// *Sign-in*: a wrong password and an unknown account get the same answer.
async fn an_unknown_account_is_answered_like_a_wrong_password(installation: &mut Installation) -> Result {
    let person = installation.add_person("ada@example.com").await?;
    let mut answers = Vec::new();
    for (email, password) in [("ada@example.com", "wrong password"), ("nobody@example.com", "wrong password")] {
        let visitor = Person::new(email, password, &installation.issuer)?;
        let (url, page) = visitor.open(&format!("{}/sign-in", installation.issuer)).await?;
        let mut form = Form::with_control(&page.body, "password")?;
        form.set("email", email);
        form.set("password", password);
        let (_, answer) = visitor.send(&url, &form).await?;
        ensure!((400..500).contains(&answer.status), "{email}: {}", answer.status);
        answers.push((answer.status, words(&answer, email)));
    }
    ensure!(answers[0] == answers[1], "{answers:#?}");
    person.sign_in().await
}

/// The page's words, without what differs from one request to the next.
fn words(answer: &Answer, email: &str) -> String {
    let id = answer.header("x-request-id");
    let words = visible_text(&answer.body).replace(email, "EMAIL");
    if id.is_empty() { words } else { words.replace(id, "ID") }
}

/// *Sign-in*: cookies cannot be read by scripts nor sent from elsewhere, and a form of another site is refused.
async fn a_session_cookie_is_out_of_reach_of_scripts(installation: &mut Installation) -> Result {
    let person = installation.add_person("ada@example.com").await?;
    let (url, page) = person.open(&format!("{}/sign-in", installation.issuer)).await?;
    for cookie in page.headers.get_all("set-cookie").iter().filter_map(|value| value.to_str().ok()) {
        ensure!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax") && cookie.contains("Path=/"), "{cookie}");
        ensure!(!cookie.contains("Domain="), "{cookie}");
    }
    let mut form = Form::with_control(&page.body, "password")?;
    form.set("email", &person.email);
    form.set("password", &person.password);
    let forged = person.send_from("https://attacker.example", &url, &form).await?;
    ensure!(forged.status == 403, "a form of another site is answered with {}", forged.status);
    Ok(())
}

/// The one-time link that a first start prints makes the first administrator, once.
async fn the_first_administrator_is_made_by_a_link_that_works_once(installation: &mut Installation) -> Result {
    let issuer = installation.issuer.clone();
    let link = installation.auth()?.wait_for_word(|word| word.starts_with(&format!("{issuer}/")) && word.len() > issuer.len() + 30).await?;
    let visitor = Person::new("first@example.com", "a long enough password", &installation.issuer)?;
    let (url, page) = visitor.open(&link).await?;
    ensure!(page.status == 200, "{}: {} {}", link, page.status, page.body);
    let mut form = Form::with_control(&page.body, "password")?;
    form.set("email", &visitor.email);
    form.set("password", &visitor.password);
    if form.value("name").is_some() {
        form.set("name", "First");
    }
    let (_, answer) = visitor.send(&url, &form).await?;
    ensure!(answer.status < 400, "{} {}", answer.status, answer.body);
    let users = installation.run(&["user", "list"]).await?;
    ensure!(users.contains("first@example.com"), "{users}");
    let (_, again) = visitor.elsewhere()?.open(&link).await?;
    ensure!((400..500).contains(&again.status), "the link works again: {}", again.status);
    visitor.elsewhere()?.sign_in().await
}

docent_tests::together_and_split!(
    an_unknown_account_is_answered_like_a_wrong_password,
    a_session_cookie_is_out_of_reach_of_scripts,
    the_first_administrator_is_made_by_a_link_that_works_once,
);
