//! Dynamic registration as RFC 7591 has it, and what must not be registered.

use super::Examination;
use crate::http::{Answer, Request, clean};
use crate::needs::{lists, wrong_type};
use reqwest::Method;
use serde_json::{Value, json};
use url::Url;

/// The examiner's own client.
#[derive(Clone, Debug)]
pub(super) struct Registered {
    pub(super) client_id: String,
    pub(super) redirect_uri: String,
}

/// A redirect URI on the web that nobody answers at.
pub(super) const WEB: &str = "https://client.example/callback";

impl Examination<'_> {
    async fn register(&mut self, metadata: &Value) -> Option<Answer> {
        let url = self.issuer_endpoint("registration_endpoint")?;
        let answer = self.http.send(&Request::new(Method::POST, &url).header("accept", "application/json").json(metadata)).await.ok()?;
        if answer.is_success()
            && let Some(body) = answer.json().filter(|body| body["client_id"].is_string())
        {
            self.registrations.push(body);
        }
        Some(answer)
    }

    /// Registers as the RFC says and judges the answer; returns the client.
    pub(super) async fn registration(&mut self) -> Option<Registered> {
        let redirect_uri = self.values().fill("http://127.0.0.1:{port}/callback").ok()??;
        let metadata = json!({
            "client_name": "docent doctor", "redirect_uris": [redirect_uri], "token_endpoint_auth_method": "none",
            "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"], "application_type": "native",
        });
        let answer = self.register(&metadata).await?;
        if answer.location().is_some() {
            self.report.find("registration-redirected", format!("POST is answered with {}", answer.status));
            return None;
        }
        if !answer.is_success() {
            self.report.find("registration-refused", format!("a public client by the letter: {}", answer.words()));
            self.judge_refusal(&answer);
            return None;
        }
        let body = answer.json().unwrap_or_default();
        self.judge_answer(&answer, &body, &metadata);
        let client_id = body["client_id"].as_str().map(str::to_owned);
        let again = self.register(&metadata).await.and_then(|answer| answer.json());
        self.shares_clients = client_id.is_some() && again.is_some_and(|again| again["client_id"].as_str() == client_id.as_deref());
        self.judge_confidential().await;
        self.judge_unsafe().await;
        Some(Registered { client_id: client_id?, redirect_uri })
    }

    fn judge_answer(&mut self, answer: &Answer, body: &Value, sent: &Value) {
        if answer.status != 201 {
            self.report.find("registration-status", format!("status {}", answer.status));
        }
        let Some(fields) = body.as_object().filter(|fields| fields.get("client_id").is_some_and(Value::is_string)) else {
            self.report.find("registration-not-json", format!("status {}, and no JSON object with a client_id", answer.status));
            return;
        };
        let nulls: Vec<String> = fields.iter().filter(|(_, value)| value.is_null()).map(|(name, _)| clean(name, 40)).collect();
        if !nulls.is_empty() {
            self.report.find("registration-null", format!("null: {}", nulls.join(", ")));
        }
        let empty: Vec<String> = fields.iter().filter(|(_, value)| *value == "").map(|(name, _)| clean(name, 40)).collect();
        if !empty.is_empty() {
            self.report.find("registration-empty-string", format!("empty: {}", empty.join(", ")));
        }
        if let Some(seen) = wrong_type(body) {
            self.report.find("registration-wrong-type", seen);
        }
        let uris = &body["redirect_uris"];
        if (uris.is_array() || uris.is_null()) && *uris != sent["redirect_uris"] {
            let seen = clean(&uris.to_string(), 160);
            self.report.find("registration-redirect-uris", format!("{} came back as {seen}", sent["redirect_uris"]));
        }
        let method = body["token_endpoint_auth_method"].as_str().unwrap_or("none");
        let has_secret = body["client_secret"].as_str().is_some_and(|secret| !secret.is_empty());
        if has_secret {
            self.report.find(
                "registration-secret-for-none",
                format!("token_endpoint_auth_method none was sent, {method} and a client_secret came back"),
            );
        }
        let advertised = self.issuer.as_ref().is_some_and(|issuer| lists(issuer, "token_endpoint_auth_methods_supported", "none"));
        if method == "none" && !has_secret && !advertised {
            self.report.find("none-not-advertised", "a client was registered with token_endpoint_auth_method none");
        }
    }

    /// A refusal is read by people.
    fn judge_refusal(&mut self, answer: &Answer) {
        let is_error = answer.json().is_some_and(|body| body["error"].is_string());
        if !is_error || answer.status >= 500 {
            self.report.find("registration-error-shape", answer.words());
        }
    }

    async fn judge_confidential(&mut self) {
        let metadata = json!({"client_name": "docent doctor", "redirect_uris": [WEB], "token_endpoint_auth_method": "client_secret_basic"});
        let Some(answer) = self.register(&metadata).await else { return };
        let Some(body) = answer.json().filter(|_| answer.is_success()) else { return };
        let method = body["token_endpoint_auth_method"].as_str().unwrap_or("client_secret_basic");
        if method.starts_with("client_secret") && body["client_secret"].as_str().is_none_or(str::is_empty) {
            self.report.find(
                "registration-no-secret",
                format!("token_endpoint_auth_method is {}, and there is no client_secret", clean(method, 40)),
            );
        }
    }

    async fn judge_unsafe(&mut self) {
        let bad = [
            ("dangerous-redirect-registered", "javascript:alert(1)"),
            ("dangerous-redirect-registered", "data:text/html,x"),
            ("plain-http-redirect-registered", "http://client.example/callback"),
        ];
        for (rule, uri) in bad {
            let metadata = json!({"client_name": "docent doctor", "redirect_uris": [uri], "token_endpoint_auth_method": "none"});
            let Some(answer) = self.register(&metadata).await else { continue };
            let echoed =
                answer.json().is_some_and(|body| body["redirect_uris"].as_array().is_none_or(|uris| uris.iter().any(|one| one == uri)));
            if answer.is_success() && echoed {
                self.report.find(rule, format!("{uri} is answered with {}", answer.status));
            } else if !answer.is_success() {
                self.judge_refusal(&answer);
            }
        }
    }

    /// A registration with these redirect URIs, for a test; `None` if it is refused.
    pub(super) async fn register_with(&mut self, redirect_uri: &str) -> Option<String> {
        let metadata = json!({"client_name": "docent doctor", "redirect_uris": [redirect_uri], "token_endpoint_auth_method": "none"});
        let answer = self.register(&metadata).await.filter(Answer::is_success)?;
        answer.json()?["client_id"].as_str().map(str::to_owned)
    }

    /// RFC 7592: what was registered is removed, where the server offers it. A server that gives the same client to
    /// everybody with the same metadata would lose other people's.
    pub(super) async fn clean_up(&mut self) {
        let registrations = std::mem::take(&mut self.registrations);
        self.report.registered = registrations.len();
        if self.shares_clients {
            self.report.kept = Some("the same metadata is the same client there, so they are not ours to remove".to_owned());
            return;
        }
        let issuer = self.issuer_endpoint("registration_endpoint").and_then(|url| Url::parse(&url).ok());
        for registration in registrations {
            let (Some(uri), Some(token)) =
                (registration["registration_client_uri"].as_str(), registration["registration_access_token"].as_str())
            else {
                continue;
            };
            let is_theirs = Url::parse(uri).is_ok_and(|uri| issuer.as_ref().is_some_and(|issuer| issuer.origin() == uri.origin()));
            if !is_theirs {
                continue;
            }
            let request = Request::new(Method::DELETE, uri).header("authorization", &format!("Bearer {token}"));
            if self.http.send(&request).await.is_ok_and(|answer| answer.is_success()) {
                self.report.removed += 1;
            }
        }
    }
}
