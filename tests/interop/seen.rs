//! What of a story was seen on the wire.

use anyhow::{Context as _, ensure};
use docent_tests::wire::Exchange;
use docent_tests::{Installation, Result};
use serde_json::Value;

/// What was seen since a moment.
#[derive(Debug)]
pub(crate) struct Seen {
    all: Vec<Exchange>,
}

impl Seen {
    /// Since [`wire::now`](docent_tests::wire::now) was `mark`.
    pub(crate) fn since(installation: &Installation, mark: u64) -> Self {
        // A process of a split deployment reads the issuer's keys over the same wire.
        let own = |exchange: &Exchange| exchange.path() == "/oauth/jwks";
        Self { all: installation.exchanges_since(mark).into_iter().filter(|exchange| !own(exchange)).collect() }
    }

    /// Each request and its status, for errors.
    pub(crate) fn lines(&self) -> String {
        let line = |exchange: &Exchange| {
            let shown = if exchange.status >= 400 { exchange.answer.as_str() } else { "" };
            format!("{} {} -> {} {shown}", exchange.method, exchange.target, exchange.status)
        };
        self.all.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    /// The very first request.
    pub(crate) fn first(&self) -> Result<&Exchange> {
        self.all.first().context("nothing was sent")
    }

    /// Both documents were read.
    pub(crate) fn discovery(&self) -> Result {
        for name in ["oauth-protected-resource", "oauth-authorization-server"] {
            let found = self.all.iter().any(|one| one.path().starts_with(&format!("/.well-known/{name}")) && one.status == 200);
            ensure!(found, "{name} was not read:\n{}", self.lines());
        }
        Ok(())
    }

    /// Registrations that were accepted.
    pub(crate) fn registrations(&self) -> Vec<&Exchange> {
        self.all.iter().filter(|one| one.method == "POST" && one.path().ends_with("/register") && one.status == 201).collect()
    }

    /// The last authorization request.
    pub(crate) fn authorization(&self) -> Result<&Exchange> {
        let asks = |one: &&Exchange| one.method == "GET" && one.path().ends_with("/authorize") && one.status == 200;
        self.all.iter().rfind(asks).with_context(|| format!("nobody came to the consent page:\n{}", self.lines()))
    }

    /// Consent forms that were answered with a code.
    pub(crate) fn codes(&self) -> usize {
        let gives = |one: &&Exchange| {
            one.method == "POST"
                && one.path().ends_with("/authorize")
                && (one.answer_header("location").is_some_and(|to| to.contains("code=")) || one.answer.contains("code="))
        };
        self.all.iter().filter(gives).count()
    }

    /// Token requests of a grant type.
    pub(crate) fn tokens(&self, grant_type: &str) -> Vec<&Exchange> {
        let asks = |one: &&Exchange| one.path().ends_with("/token") && one.form("grant_type").as_deref() == Some(grant_type);
        self.all.iter().filter(asks).collect()
    }

    /// Those of them that were answered with tokens.
    pub(crate) fn given(&self, grant_type: &str) -> usize {
        self.tokens(grant_type).iter().filter(|one| one.status == 200).count()
    }

    /// Whether the server said that it does not know the client (any more).
    pub(crate) fn unknown_client(&self) -> bool {
        let refused = |one: &Exchange| one.status == 401 && one.path().ends_with("/token") && one.answer.contains("invalid_client");
        self.all.iter().any(|one| refused(one) || (one.path().ends_with("/authorize") && one.status == 400))
    }

    /// Calls of a tool that were let in and answered.
    pub(crate) fn calls(&self, tool: &str) -> usize {
        let calls = |one: &&Exchange| {
            one.status == 200
                && one.header("authorization").is_some_and(|value| value.starts_with("Bearer "))
                && one.body.contains("\"tools/call\"")
                && one.body.contains(tool)
        };
        self.all.iter().filter(calls).count()
    }

    /// The revisions that were spoken to `/mcp`, oldest first.
    pub(crate) fn revisions(&self) -> Vec<String> {
        let mut found: Vec<String> = self
            .all
            .iter()
            .filter(|one| one.path() == "/mcp" && one.status == 200)
            .filter_map(|one| one.header("mcp-protocol-version").map(str::to_owned))
            .collect();
        found.sort();
        found.dedup();
        found
    }
}

/// The body of a registration.
pub(crate) fn registration(exchange: &Exchange) -> Result<(Value, Value)> {
    Ok((serde_json::from_str(&exchange.body)?, serde_json::from_str(&exchange.answer)?))
}
