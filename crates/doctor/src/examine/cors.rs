//! What scripts of other sites may do: those of MCP clients that run in a browser, and those of everybody else.

use super::Examination;
use crate::http::{Answer, Request, clean};
use reqwest::Method;

/// The origin of a client in a browser: the Inspector's.
const CLIENT: &str = "http://localhost:6274";
const STRANGER: &str = "https://unknown-site.example";

fn preflight(url: &str, origin: &str, method: &str, headers: &str) -> Request {
    Request::new(Method::OPTIONS, url)
        .header("origin", origin)
        .header("access-control-request-method", method)
        .header("access-control-request-headers", headers)
}

/// Whether a header that lists words has this one, or a star.
fn has(list: &str, word: &str) -> bool {
    list.split(',').map(str::trim).any(|one| one == "*" || one.eq_ignore_ascii_case(word))
}

/// What a browser misses in an answer to a preflight.
fn missing(answer: &Answer, origin: &str, method: &str, headers: &str) -> Option<String> {
    let allowed = answer.header("access-control-allow-origin");
    if !answer.is_success() {
        return Some(format!("the preflight is answered with {}", answer.status));
    }
    if allowed != "*" && allowed != origin {
        return Some("no Access-Control-Allow-Origin for it".to_owned());
    }
    // Simple methods need no permission.
    if !matches!(method, "GET" | "POST") && !has(&answer.header("access-control-allow-methods"), method) {
        return Some(format!("{method} is not in Access-Control-Allow-Methods"));
    }
    let list = answer.header("access-control-allow-headers");
    // A star does not cover Authorization (Fetch standard).
    let lacks = |header: &str| {
        if header == "authorization" { !list.split(',').any(|one| one.trim().eq_ignore_ascii_case(header)) } else { !has(&list, header) }
    };
    headers.split(',').find(|header| lacks(header)).map(|header| format!("{header} is not in Access-Control-Allow-Headers"))
}

impl Examination<'_> {
    /// Preflights as browsers send them.
    pub(super) async fn cors(&mut self, contact: &Answer) {
        let mut requests = vec![("the endpoint", self.endpoint.to_string(), "POST", "authorization,content-type,mcp-protocol-version")];
        let origin = self.endpoint.origin().ascii_serialization();
        if self.resource.is_some() {
            let path = self.endpoint.path().trim_end_matches('/');
            requests.push((
                "the resource metadata",
                format!("{origin}/.well-known/oauth-protected-resource{path}"),
                "GET",
                "mcp-protocol-version",
            ));
        }
        if let Some(issuer) =
            self.issuer.as_ref().and_then(|issuer| issuer["issuer"].as_str()).and_then(|issuer| url::Url::parse(issuer).ok())
        {
            let (base, path) = (issuer.origin().ascii_serialization(), issuer.path().trim_end_matches('/'));
            let url = format!("{base}/.well-known/oauth-authorization-server{path}");
            requests.push(("the issuer's metadata", url, "GET", "mcp-protocol-version"));
        }
        for (name, endpoint) in [("registration", "registration_endpoint"), ("the token endpoint", "token_endpoint")] {
            if let Some(url) = self.issuer_endpoint(endpoint) {
                requests.push((name, url, "POST", "content-type"));
            }
        }
        let mut refused = Vec::new();
        for (name, url, method, headers) in requests {
            let Ok(answer) = self.http.send(&preflight(&url, CLIENT, method, headers)).await else { continue };
            if let Some(why) = missing(&answer, CLIENT, method, headers) {
                refused.push(format!("{name}: {why}"));
            }
        }
        if !refused.is_empty() {
            self.report.find("cors-preflight", format!("from {CLIENT}: {}", refused.join("; ")));
        }
        self.answers(contact).await;
    }

    /// The answers themselves, to a client's origin and to a stranger's.
    async fn answers(&mut self, contact: &Answer) {
        let url = self.endpoint.to_string();
        if let Ok(answer) = self.http.send(&super::endpoint::hello(&url).header("origin", CLIENT)).await {
            let allowed = answer.header("access-control-allow-origin");
            let is_readable = allowed == "*" || allowed == CLIENT;
            if is_readable && contact.status == 401 && !has(&answer.header("access-control-expose-headers"), "www-authenticate") {
                let seen = clean(&answer.header("access-control-expose-headers"), 120);
                self.report.find("cors-challenge-hidden", format!("Access-Control-Expose-Headers is {seen:?}"));
            }
        }
        let Ok(answer) = self.http.send(&super::endpoint::hello(&url).header("origin", STRANGER)).await else { return };
        if answer.header("access-control-allow-origin") == STRANGER && answer.header("access-control-allow-credentials") == "true" {
            self.report
                .find("cors-credentials-any-origin", format!("Origin: {STRANGER} is allowed, with Access-Control-Allow-Credentials: true"));
        }
    }
}
