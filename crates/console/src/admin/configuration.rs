//! `/admin/configuration`: the configuration as it is in force in this process. Secrets are not in it.

use super::page_for_administrators;
use crate::Console;
use crate::answer;
use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use docent_types::page::Frame;

/// A key, its value, where it comes from, and what it means.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Setting {
    /// `section.key`.
    pub key: String,
    /// Its value as text; of a secret only whether there is one.
    pub value: String,
    /// `default`, the file, or the variable.
    pub origin: String,
    /// What it means.
    pub meaning: String,
}

/// The configuration.
#[derive(Template, Clone, PartialEq, Eq, Debug)]
#[template(path = "console/configuration.html")]
pub struct ConfigurationPage {
    /// The frame.
    pub frame: Frame,
    /// By section.
    pub settings: Vec<Setting>,
}

impl ConfigurationPage {
    /// One, for tests.
    #[must_use]
    pub fn samples() -> Vec<Self> {
        let setting = |key: &str, value: &str, origin: &str| Setting {
            key: key.to_owned(),
            value: value.to_owned(),
            origin: origin.to_owned(),
            meaning: "The URL of the authorization server and the pages, as browsers reach it: the *issuer*.".to_owned(),
        };
        let settings = vec![
            setting("auth.public_url", "https://documentation.analytical-engines.example.com", "docent.toml"),
            setting("limits.server", "(set)", "DOCENT__LIMITS__SERVER"),
            setting("site.name", "<b>Docent</b>", "default"),
            setting("mcp.allowed_hosts", "", "default"),
        ];
        vec![Self { frame: crate::visitor::sample(true), settings }]
    }
}

/// Shows it.
pub async fn show(request: HttpRequest, console: Data<Console>) -> HttpResponse {
    page_for_administrators(&request, &console, async |visitor, _| {
        answer::html(StatusCode::OK, &ConfigurationPage { frame: visitor.frame.clone(), settings: console.settings.configuration.clone() })
    })
    .await
}
