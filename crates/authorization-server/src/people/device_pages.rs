//! The pages of device authorization as types: what a template may show.

use super::pages::ProjectChoice;
use crate::server::AuthorizationServer;
use crate::visitor::{self, Person};
use askama::Template;
use docent_types::page::Frame;
use docent_types::time::Timestamp;

/// Where a person types the code.
#[derive(Template, Clone, Debug)]
#[template(path = "authorization-server/device.html")]
pub struct DeviceCodePage {
    /// The frame.
    pub frame: Frame,
    /// Where the form goes.
    pub action: String,
    /// What was typed, or what a link carried.
    pub user_code: String,
    /// What is wrong; empty if nothing.
    pub error: &'static str,
    /// Against forms of other sites.
    pub csrf: String,
}

impl DeviceCodePage {
    /// The page for this person.
    #[must_use]
    pub fn new(server: &AuthorizationServer, person: &Person, user_code: String, error: &'static str) -> Self {
        let frame = visitor::frame(&server.settings, Some(person));
        Self { csrf: frame.csrf.clone(), frame, action: server.settings.path("/device"), user_code, error }
    }
}

/// The consent page of a device (AS14, AS21): nobody is sent back anywhere, so it shows the code and where the device is.
#[derive(Template, Clone, Debug)]
#[template(path = "authorization-server/device-consent.html")]
pub struct DeviceConsentPage {
    /// The frame.
    pub frame: Frame,
    /// Where the form goes.
    pub action: String,
    /// Where sign-out goes.
    pub sign_out: String,
    /// The first page again, after another person signed in.
    pub return_to: String,
    /// The code.
    pub user_code: String,
    /// As the client claims, made safe to read.
    pub client_name: String,
    /// Whether the operator registered the client and it proved to be that one.
    pub is_verified: bool,
    /// The address that asked; may be empty.
    pub asked_from: String,
    /// Whether that is this browser's address.
    pub is_same_address: bool,
    /// When it asked, in words.
    pub asked_ago: String,
    /// The signed-in account.
    pub account: String,
    /// Personal first.
    pub projects: Vec<ProjectChoice>,
    /// In plain words.
    pub scopes: Vec<&'static str>,
    /// The signed code.
    pub ticket: String,
    /// Against forms of other sites.
    pub csrf: String,
}

/// What became of it.
#[derive(Template, Clone, Debug)]
#[template(path = "authorization-server/device-done.html")]
pub struct DeviceDonePage {
    /// The frame.
    pub frame: Frame,
    /// Whether the person allowed it.
    pub is_allowed: bool,
    /// As the client claims, made safe to read; empty if it was denied.
    pub client_name: String,
}

/// How long ago something was, in words.
#[must_use]
pub fn ago(then: Timestamp, now: Timestamp) -> String {
    match now.seconds().saturating_sub(then.seconds()) / 60 {
        ..=0 => "less than a minute ago".to_owned(),
        1 => "a minute ago".to_owned(),
        minutes => format!("{minutes} minutes ago"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::pages::tests::{HOSTILE, choice, frame, is_fit_for_people};
    use super::*;

    fn consent(projects: Vec<ProjectChoice>, is_verified: bool) -> DeviceConsentPage {
        DeviceConsentPage {
            frame: frame(),
            action: "/device".into(),
            sign_out: "/sign-out".into(),
            return_to: "/device?user_code=BCDF-GHJK".into(),
            user_code: "BCDF-GHJK".into(),
            client_name: HOSTILE.into(),
            is_verified,
            asked_from: HOSTILE.into(),
            is_same_address: is_verified,
            asked_ago: "a minute ago".into(),
            account: HOSTILE.into(),
            projects,
            scopes: vec!["Search and read the documentation of this project"],
            ticket: "ticket".into(),
            csrf: "csrf".into(),
        }
    }

    #[test]
    fn every_page_is_well_formed_and_shows_strangers_text_as_text() {
        let code = |user_code: &str, error| DeviceCodePage {
            frame: frame(),
            action: "/device".into(),
            user_code: user_code.into(),
            error,
            csrf: "csrf".into(),
        };
        let done = |is_allowed| DeviceDonePage { frame: frame(), is_allowed, client_name: HOSTILE.into() };
        let nowhere = DeviceConsentPage { asked_from: String::new(), ..consent(vec![choice("1", true)], false) };
        for (name, html) in [
            ("empty", code("", "").render()),
            ("wrong", code(HOSTILE, "This code is not known.").render()),
            ("one project", consent(vec![choice("1", true)], false).render()),
            ("two projects", consent(vec![choice("1", true), choice("2", false)], true).render()),
            ("no address", nowhere.render()),
            ("allowed", done(true).render()),
            ("denied", done(false).render()),
        ] {
            is_fit_for_people(name, &html.unwrap());
        }
    }

    /// AS14, AS21.
    #[test]
    fn the_consent_page_shows_the_code_and_warns_of_a_device_that_is_not_ones_own() {
        let mut page = consent(vec![choice("1", true)], false);
        page.client_name = "Builder".into();
        page.asked_from = "203.0.113.9".into();
        page.account = "ada@example.com".into();
        let html = page.render().unwrap();
        for text in [
            "BCDF-GHJK",
            "Builder",
            "203.0.113.9",
            "another address than this browser",
            "a minute ago",
            "ada@example.com",
            "Search and read",
            "claims",
            "notice warning",
            "value=\"allow\"",
            "value=\"deny\"",
        ] {
            assert!(html.contains(text), "{text}\n{html}");
        }
        let own = DeviceConsentPage { is_same_address: true, is_verified: true, ..page }.render().unwrap();
        assert!(!own.contains("another address") && !own.contains("claims"), "{own}");
    }

    #[test]
    fn moments_are_told_in_words() {
        let ago = |seconds: i64| ago(Timestamp::from_seconds(1000), Timestamp::from_seconds(1000 + seconds));
        assert_eq!(
            (ago(-5).as_str(), ago(59).as_str(), ago(60).as_str()),
            ("less than a minute ago", "less than a minute ago", "a minute ago")
        );
        assert_eq!(ago(599), "9 minutes ago");
    }
}
