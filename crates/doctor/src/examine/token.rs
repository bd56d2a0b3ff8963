//! The token endpoint's errors: clients act by them.

use super::Examination;
use super::registration::Registered;
use crate::http::{Answer, Request};
use reqwest::Method;
use serde_json::json;

fn error(answer: &Answer) -> Option<String> {
    answer.json()?["error"].as_str().map(str::to_owned)
}

impl Examination<'_> {
    /// A bad code, a client that does not exist, and a body that is none.
    pub(super) async fn token(&mut self, registered: Option<&Registered>) {
        let (code, verifier) = (self.text(32), self.text(64));
        if let Some(registered) = registered {
            let fields = [
                ("grant_type", "authorization_code"),
                ("code", &code),
                ("client_id", &registered.client_id),
                ("redirect_uri", &registered.redirect_uri),
                ("code_verifier", &verifier),
            ];
            if let Some(answer) = self.post_form(&fields).await
                && (error(&answer).as_deref() != Some("invalid_grant") || !(400..500).contains(&answer.status))
            {
                self.report.find("token-error-shape", format!("a code that was made up is answered with {}", answer.words()));
            }
        }
        let unknown = format!("docent-doctor-{}", self.text(16));
        let fields = [("grant_type", "refresh_token"), ("refresh_token", code.as_str()), ("client_id", unknown.as_str())];
        if let Some(answer) = self.post_form(&fields).await {
            if error(&answer).as_deref() != Some("invalid_client") {
                self.report.find("token-unknown-client", format!("a client_id that was made up is answered with {}", answer.words()));
            } else if answer.status != 401 {
                self.report.find("token-unknown-client-status", format!("status {}", answer.status));
            }
        }
        let Some(url) = self.issuer_endpoint("token_endpoint") else { return };
        let requests = [
            ("a JSON body", Request::new(Method::POST, &url).json(&json!({"grant_type": "authorization_code"}))),
            ("an empty body", Request::new(Method::POST, &url)),
        ];
        for (what, request) in requests {
            if let Ok(answer) = self.http.send(&request).await
                && answer.status >= 500
            {
                self.report.find("token-server-error", format!("{what} is answered with {}", answer.words()));
            }
        }
    }
}
