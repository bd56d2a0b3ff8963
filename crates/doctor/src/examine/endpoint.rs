//! The endpoint without a token, and with one that was made up.

use super::{Examination, Unexaminable};
use crate::http::{Answer, Request, clean};
use crate::recorded::Client;
use crate::replay;
use crate::report::{ClientReport, Outcome};
use reqwest::Method;
use serde_json::{Value, json};

/// The message that opens a session.
fn initialize() -> Value {
    json!({
        "jsonrpc": "2.0", "id": 0, "method": "initialize",
        "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "docent-doctor", "version": env!("CARGO_PKG_VERSION")}},
    })
}

/// The request that opens a session.
pub(super) fn hello(url: &str) -> Request {
    Request::new(Method::POST, url).header("accept", "application/json, text/event-stream").json(&initialize())
}

/// Whether an answer is the result of `initialize`.
pub(super) fn is_result(answer: &Answer) -> bool {
    answer.is_success() && answer.message().is_some_and(|message| message.get("result").is_some())
}

impl Examination<'_> {
    /// `initialize` without a token.
    pub(super) async fn first_contact(&mut self) -> Result<Answer, Unexaminable> {
        let answer = self.http.send(&hello(self.endpoint.as_str())).await?;
        match answer.location() {
            Some(elsewhere) => Err(Unexaminable::Elsewhere(clean(elsewhere.as_str(), 200))),
            None => Ok(answer),
        }
    }

    /// Whether the server wants authorization, or is no MCP server at all.
    pub(super) fn kind(&mut self, contact: &Answer) -> Result<(), Unexaminable> {
        if is_result(contact) {
            let server = contact.message().map(|message| message["result"]["serverInfo"].clone()).unwrap_or_default();
            let name = |field: &str| clean(server[field].as_str().unwrap_or_default(), 60);
            self.report.server = Some(format!("{} {}", name("name"), name("version")).trim().to_owned()).filter(|name| !name.is_empty());
            return Ok(());
        }
        let is_known = self.resource.is_some() || self.issuer.is_some();
        if contact.status != 401 && !is_known {
            return Err(Unexaminable::NotMcp(format!(
                "{} is no MCP endpoint: initialize is answered with {}, and there is no metadata of one",
                self.endpoint,
                contact.words()
            )));
        }
        self.report.is_protected = true;
        Ok(())
    }

    /// The challenge, on every method.
    pub(super) async fn challenges(&mut self, contact: &Answer) {
        if contact.status != 401 {
            self.report.find("not-401", format!("POST initialize is answered with {}", contact.words()));
            return;
        }
        let header = contact.header("www-authenticate");
        if !header.to_ascii_lowercase().contains("bearer") {
            let seen =
                if header.is_empty() { "no WWW-Authenticate".to_owned() } else { format!("WWW-Authenticate: {}", clean(&header, 120)) };
            self.report.find("challenge-missing", seen);
        } else {
            let challenge = replay::challenge(contact);
            if challenge["resource_metadata"].is_null() {
                self.report.find("challenge-without-resource-metadata", format!("WWW-Authenticate: {}", clean(&header, 160)));
            }
            if let Some(error) = challenge["error"].as_str() {
                self.report.find("challenge-error-without-token", format!("error={:?} in the challenge", clean(error, 60)));
            }
            let scopes = challenge["scope"].as_str().unwrap_or_default();
            if scopes.split(' ').any(|scope| scope == "offline_access") {
                self.report.find("resource-scopes-offline-access", format!("scope={:?} in the challenge", clean(scopes, 120)));
            }
        }
        self.other_methods().await;
        self.made_up_token().await;
    }

    async fn other_methods(&mut self) {
        let url = self.endpoint.to_string();
        let get = Request::new(Method::GET, &url).header("accept", "text/event-stream");
        let requests = [
            ("GET", get),
            ("HEAD", Request::new(Method::HEAD, &url)),
            ("DELETE", Request::new(Method::DELETE, &url)),
            ("POST without a body", Request::new(Method::POST, &url)),
        ];
        let mut other = Vec::new();
        for (name, request) in requests {
            match self.http.send(&request).await {
                Ok(answer) if answer.status == 401 && answer.header("www-authenticate").to_ascii_lowercase().contains("bearer") => {}
                Ok(answer) if answer.status == 401 => other.push(format!("{name}: 401 without the challenge")),
                Ok(answer) => other.push(format!("{name}: {}", answer.status)),
                Err(trouble) => other.push(format!("{name}: {trouble}")),
            }
        }
        // If POST itself has none, that was said already.
        if !other.is_empty() && !self.report.has("challenge-missing") {
            self.report.find("challenge-not-on-every-method", other.join("; "));
        }
    }

    async fn made_up_token(&mut self) {
        let token = format!("made-up-{}", self.text(24));
        let request = hello(self.endpoint.as_str()).header("authorization", &format!("Bearer {token}"));
        let Ok(answer) = self.http.send(&request).await else { return };
        if is_result(&answer) {
            self.report.find("bad-token-accepted", "initialize with a token that was made up is answered with a result");
        } else if answer.status != 401 {
            self.report.find("bad-token-not-401", format!("a token that was made up is answered with {}", answer.words()));
        } else if replay::challenge(&answer)["error"] != "invalid_token" && !self.report.has("challenge-missing") {
            let seen = format!("WWW-Authenticate: {}", clean(&answer.header("www-authenticate"), 160));
            self.report
                .find("bad-token-not-401", format!("the challenge for a token that was made up has no error=\"invalid_token\": {seen}"));
        }
    }

    /// What there is to see of a server without authorization.
    pub(super) async fn open_server(&mut self) {
        let evil = hello(self.endpoint.as_str()).header("origin", "https://unknown-site.example");
        if let Ok(answer) = self.http.send(&evil).await
            && is_result(&answer)
        {
            self.report.find("origin-not-checked", "initialize with Origin: https://unknown-site.example is answered with a result");
        }
    }

    /// Everybody connects to an open server.
    pub(super) fn open_clients(&mut self, clients: &[Client]) {
        self.report.clients = clients
            .iter()
            .map(|client| ClientReport {
                id: client.id.clone(),
                name: client.name.clone(),
                outcome: Outcome::Connects,
                reached: "call",
                phase: None,
                rule: None,
                why: None,
                deviates: None,
            })
            .collect();
    }
}
