//! The pages as types: what a template may show.

use super::Fault;
use super::account_form::AccountForm;
use actix_web::HttpResponse;
use actix_web::http::{StatusCode, header};
use askama::Template;
use docent_types::page::{Frame, SECURITY_HEADERS};

/// Renders a page with the headers that every page has.
///
/// # Errors
/// [`Fault`] when the template cannot be rendered.
pub fn html(status: StatusCode, page: &impl Template) -> Result<HttpResponse, Fault> {
    let text = page.render().map_err(|error| {
        tracing::error!(%error, "a page could not be rendered");
        Fault::internal()
    })?;
    let mut answer = HttpResponse::build(status);
    for header in SECURITY_HEADERS {
        answer.insert_header(header);
    }
    Ok(answer.insert_header((header::CACHE_CONTROL, "no-store")).content_type("text/html; charset=utf-8").body(text))
}

/// An error page.
#[derive(Template, Clone, Debug)]
#[template(path = "error.html")]
pub struct ErrorPage {
    /// The frame.
    pub frame: Frame,
    /// The HTTP status.
    pub status: u16,
    /// In a few words.
    pub title: String,
    /// What happened.
    pub message: String,
    /// What the person can do; may be empty.
    pub what_to_do: String,
    /// Under which it stands in the log.
    pub request_id: String,
}

/// The sign-in page.
#[derive(Template, Clone, Debug)]
#[template(path = "authorization-server/sign-in.html")]
pub struct SignInPage {
    /// The frame.
    pub frame: Frame,
    /// Where the form goes.
    pub action: String,
    /// Where an account is made, if everybody may.
    pub sign_up: Option<String>,
    /// Where the person goes then.
    pub return_to: String,
    /// What was typed.
    pub email: String,
    /// What is wrong; empty if nothing.
    pub error: String,
}

/// A new account: by sign-up, by invitation, or the first one.
#[derive(Template, Clone, Debug)]
#[template(path = "authorization-server/new-account.html")]
pub struct NewAccountPage {
    /// The frame.
    pub frame: Frame,
    /// The heading.
    pub title: &'static str,
    /// What the account is for.
    pub lead: &'static str,
    /// Where the form goes.
    pub action: String,
    /// The one-time link's secret; may be empty.
    pub link: String,
    /// Where the person goes then.
    pub return_to: String,
    /// Whether an invitation names the address.
    pub email_is_fixed: bool,
    /// What was typed.
    pub form: AccountForm,
}

/// A new password.
#[derive(Template, Clone, Debug)]
#[template(path = "authorization-server/set-password.html")]
pub struct SetPasswordPage {
    /// The frame.
    pub frame: Frame,
    /// Where the form goes.
    pub action: String,
    /// The one-time link's secret.
    pub link: String,
    /// Whose password.
    pub email: String,
    /// What is wrong; empty if nothing.
    pub error: String,
}

/// A project to choose.
#[derive(Clone, Debug)]
pub struct ProjectChoice {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Whether it is the person's own.
    pub is_personal: bool,
    /// Whether it is chosen to begin with.
    pub is_first: bool,
}

/// The consent page (AS14).
#[derive(Template, Clone, Debug)]
#[template(path = "authorization-server/consent.html")]
pub struct ConsentPage {
    /// The frame.
    pub frame: Frame,
    /// Where the form goes.
    pub action: String,
    /// Where sign-out goes.
    pub sign_out: String,
    /// This page again, after another person signed in.
    pub return_to: String,
    /// As the client claims, made safe to read.
    pub client_name: String,
    /// Whether the operator registered the client.
    pub is_verified: bool,
    /// The host at which the client's metadata document stands.
    pub publisher: Option<String>,
    /// Where the person is sent back to.
    pub redirect_host: String,
    /// Whether any program on the person's machine could be this client.
    pub is_loopback_only: bool,
    /// The signed-in account.
    pub account: String,
    /// Personal first.
    pub projects: Vec<ProjectChoice>,
    /// In plain words.
    pub scopes: Vec<&'static str>,
    /// The signed request.
    pub ticket: String,
    /// Against forms of other sites.
    pub csrf: String,
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::account_form::Field;
    use super::*;

    pub(in super::super) const HOSTILE: &str = "\"><script>alert('x')</script><b>&";

    pub(in super::super) fn frame() -> Frame {
        Frame { site_name: HOSTILE.into(), account: Some(HOSTILE.into()), csrf: "csrf".into(), is_admin: false }
    }

    pub(in super::super) fn choice(id: &str, is_personal: bool) -> ProjectChoice {
        ProjectChoice { id: id.into(), name: HOSTILE.into(), is_personal, is_first: is_personal }
    }

    impl ConsentPage {
        fn sample(projects: Vec<ProjectChoice>, is_loopback_only: bool) -> Self {
            Self {
                frame: frame(),
                action: "/oauth/authorize".into(),
                sign_out: "/sign-out".into(),
                return_to: "/oauth/authorize?a=1&b=2".into(),
                client_name: HOSTILE.into(),
                is_verified: !is_loopback_only,
                publisher: None,
                redirect_host: HOSTILE.into(),
                is_loopback_only,
                account: HOSTILE.into(),
                projects,
                scopes: vec!["Search and read the documentation of this project"],
                ticket: "ticket".into(),
                csrf: "csrf".into(),
            }
        }
    }

    /// Every page in every shape that it has.
    fn samples() -> Vec<(&'static str, String)> {
        let hostile = || HOSTILE.to_owned();
        let form = AccountForm {
            email: Field { value: hostile(), error: hostile() },
            name: Field { value: hostile(), error: hostile() },
            password_error: hostile(),
        };
        let account = |email_is_fixed, form| NewAccountPage {
            frame: Frame::default(),
            title: "Make an account",
            lead: "x",
            action: "/sign-up".into(),
            link: hostile(),
            return_to: "/".into(),
            email_is_fixed,
            form,
        };
        let sign_in = |sign_up, error: &str| SignInPage {
            frame: frame(),
            action: "/sign-in".into(),
            sign_up,
            return_to: "/a?b=1&c=2".into(),
            email: hostile(),
            error: error.into(),
        };
        vec![
            (
                "error",
                ErrorPage {
                    frame: frame(),
                    status: 400,
                    title: hostile(),
                    message: hostile(),
                    what_to_do: hostile(),
                    request_id: "-".into(),
                }
                .render()
                .unwrap(),
            ),
            ("sign-in", sign_in(None, "").render().unwrap()),
            ("sign-in with an error", sign_in(Some("/sign-up".into()), HOSTILE).render().unwrap()),
            ("new account", account(false, form).render().unwrap()),
            ("invited account", account(true, AccountForm::default()).render().unwrap()),
            (
                "set password",
                SetPasswordPage { frame: frame(), action: "/set-password".into(), link: hostile(), email: hostile(), error: hostile() }
                    .render()
                    .unwrap(),
            ),
            ("consent, one project", ConsentPage::sample(vec![choice("1", true)], true).render().unwrap()),
            (
                "consent, with a document",
                ConsentPage { publisher: Some(HOSTILE.into()), ..ConsentPage::sample(vec![choice("1", true)], true) }.render().unwrap(),
            ),
            ("consent, two projects", ConsentPage::sample(vec![choice("1", true), choice("2", false)], false).render().unwrap()),
        ]
    }

    /// Elements are closed in the order in which they were opened.
    fn well_formed(html: &str) -> Result<(), String> {
        const VOID: [&str; 6] = ["meta", "link", "input", "img", "br", "!doctype"];
        let mut open: Vec<String> = Vec::new();
        let mut rest = html;
        while let Some(start) = rest.find('<') {
            let tag_end = rest[start..].find('>').ok_or("an unclosed tag")? + start;
            let tag = &rest[start + 1..tag_end];
            if !tag.matches('"').count().is_multiple_of(2) {
                return Err(format!("an unclosed attribute in <{tag}>"));
            }
            let name = tag.trim_start_matches('/').split([' ', '\n', '/']).next().unwrap_or_default().to_ascii_lowercase();
            if tag.starts_with('/') {
                let last = open.pop();
                if last.as_deref() != Some(name.as_str()) {
                    return Err(format!("</{name}> closes {last:?}"));
                }
            } else if !VOID.contains(&name.as_str()) {
                open.push(name);
            }
            rest = &rest[tag_end + 1..];
        }
        if open.is_empty() { Ok(()) } else { Err(format!("left open: {open:?}")) }
    }

    /// Whether a page in which all that strangers say is [`HOSTILE`] is well-formed, small, and takes it as text.
    pub(in super::super) fn is_fit_for_people(name: &str, html: &str) {
        assert_eq!(well_formed(html), Ok(()), "{name}\n{html}");
        assert!(!html.contains("<script>alert") && !html.contains("<b>&"), "{name}\n{html}");
        assert!(html.len() < 30_000, "{name} has {} bytes", html.len());
        assert!(!html.contains("style=") && !html.contains("onclick"), "{name}: the policy forbids inline styles and scripts");
    }

    #[test]
    fn every_page_is_well_formed_and_shows_strangers_text_as_text() {
        for (name, html) in samples() {
            is_fit_for_people(name, &html);
        }
        assert!(well_formed("<p><b></p></b>").is_err(), "the check can fail");
    }

    /// AS14.
    #[test]
    fn the_consent_page_says_who_asks_and_where_the_answer_goes() {
        let mut page = ConsentPage::sample(vec![choice("1", true)], true);
        page.client_name = "Codex".into();
        page.redirect_host = "127.0.0.1:5000".into();
        page.account = "ada@example.com".into();
        let html = page.render().unwrap();
        for text in [
            "Codex",
            "127.0.0.1:5000",
            "ada@example.com",
            "Search and read",
            "claims",
            "name=\"ticket\"",
            "name=\"csrf\"",
            "value=\"allow\"",
            "value=\"deny\"",
            "notice warning",
        ] {
            assert!(html.contains(text), "{text}\n{html}");
        }
        let published = ConsentPage { publisher: Some("app.example".into()), ..ConsentPage::sample(vec![choice("1", true)], true) };
        let published = published.render().unwrap();
        assert!(published.contains("<strong>app.example</strong>") && !published.contains("It is not verified"), "{published}");
        assert!(!html.contains("type=\"radio\""), "one project is stated, not asked");
        assert!(!html.contains("src=\"http"), "nothing remote");
        let two = ConsentPage::sample(vec![choice("1", true), choice("2", false)], false).render().unwrap();
        assert_eq!(two.matches("type=\"radio\"").count(), 2);
        assert_eq!(two.matches(" checked").count(), 1);
    }
}
