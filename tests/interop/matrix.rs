//! What came of a story: a row of the matrix, which must be the row that `docs/interop.md` has.

use crate::clients::Client;
use crate::page;
use crate::seen::Seen;
use anyhow::{Context as _, ensure};
use docent_tests::{Result, binary};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What every client goes through.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Phase {
    Discovery,
    Registration,
    Consent,
    Token,
    Call,
    Refresh,
    Relogin,
    Parallel,
}

impl Phase {
    /// All, in the page's order.
    pub(crate) const ALL: [Self; 8] =
        [Self::Discovery, Self::Registration, Self::Consent, Self::Token, Self::Call, Self::Refresh, Self::Relogin, Self::Parallel];

    /// The column's heading.
    pub(crate) const fn heading(self) -> &'static str {
        match self {
            Self::Discovery => "discovery",
            Self::Registration => "registration",
            Self::Consent => "consent",
            Self::Token => "token",
            Self::Call => "call",
            Self::Refresh => "refresh",
            Self::Relogin => "re-login",
            Self::Parallel => "parallel refresh",
        }
    }
}

/// The columns of a table.
pub(crate) fn phases(table: &str) -> &'static [Phase] {
    if table == "together" { &Phase::ALL } else { &Phase::ALL[..6] }
}

/// A client's row in one of the tables.
#[derive(Debug)]
pub(crate) struct Row {
    client: Client,
    table: &'static str,
    label: String,
    cells: BTreeMap<Phase, String>,
    sent: [String; 7],
}

impl Row {
    /// Nothing is known yet.
    pub(crate) fn new(client: Client, table: &'static str) -> Result<Self> {
        let label = format!("{} {}", client.name, client.version()?);
        Ok(Self { client, table, label, cells: BTreeMap::new(), sent: Default::default() })
    }

    /// What came of a phase.
    pub(crate) fn set(&mut self, phase: Phase, words: &str) {
        self.cells.insert(phase, words.to_owned());
    }

    /// What was peculiar when it connected; `wanted` is the registration that it asked for.
    pub(crate) fn sends(&mut self, seen: &Seen, wanted: &Value) -> Result {
        let first = seen.first()?;
        let agent = first.header("user-agent").map_or("none", |agent| agent.split(['/', ' ']).next().unwrap_or_default());
        let authorization = seen.authorization()?;
        let uri = authorization.query("redirect_uri").unwrap_or_default();
        let resource = seen.tokens("authorization_code").iter().all(|one| one.form("resource").is_some());
        self.sent[0] = format!("`{} {}`", first.method, first.path());
        self.sent[1] = format!("`{agent}`");
        self.sent[2] = format!("`{}`", without_port(&uri));
        self.sent[3] = format!("`{}`", wanted["token_endpoint_auth_method"].as_str().unwrap_or("not said"));
        self.sent[4] = authorization.query("scope").map_or_else(|| "none".to_owned(), |scope| format!("`{scope}`"));
        self.sent[5] = if resource { "code" } else { "never" }.to_owned();
        Ok(())
    }

    /// What was peculiar when it called.
    pub(crate) fn speaks(&mut self, seen: &Seen) {
        let revisions = seen.revisions();
        self.sent[6] = if revisions.is_empty() { "not said in a header".to_owned() } else { revisions.join(", ") };
    }

    /// What was peculiar when it refreshed.
    pub(crate) fn refreshes(&mut self, seen: &Seen) {
        if seen.tokens("refresh_token").iter().all(|one| one.form("resource").is_some()) {
            self.sent[5] = if self.sent[5] == "code" { "code, refresh" } else { "refresh" }.to_owned();
        }
    }

    fn line(&self) -> Result<String> {
        let cells = phases(self.table).iter().map(|phase| {
            let words = self.cells.get(phase).with_context(|| format!("{}: nothing is known of {phase:?}", self.label))?;
            Ok(words.as_str())
        });
        Ok(format!("| {} | {} |", self.label, cells.collect::<Result<Vec<_>>>()?.join(" | ")))
    }

    /// Writes the row down; it must be the page's, unless the page is being made.
    pub(crate) fn finish(self) -> Result {
        let mut lines = vec![(self.table, self.line()?)];
        if self.table == "together" && !self.sent[0].is_empty() {
            lines.push(("sent", format!("| {} | {} |", self.label, self.sent.join(" | "))));
        }
        let page = page::stands()?;
        for (table, line) in lines {
            let file = row_file(table, self.client.key)?;
            std::fs::create_dir_all(file.parent().context("no folder")?)?;
            std::fs::write(file, json!({ "line": line }).to_string())?;
            let stands = page::row(&page, table, &self.label);
            ensure!(
                page::is_being_made() || stands == Some(&line),
                "docs/interop.md says otherwise; scripts/interop makes it anew\nseen:  {line}\nstands: {}",
                stands.unwrap_or("no such row")
            );
        }
        Ok(())
    }
}

/// Where a row is written down.
pub(crate) fn row_file(table: &str, key: &str) -> Result<PathBuf> {
    Ok(binary::target_folder()?.join("tests/interop/rows").join(format!("{table}-{key}.json")))
}

/// A port that is another one each time says nothing.
fn without_port(uri: &str) -> String {
    let Ok(mut parsed) = url::Url::parse(uri) else { return uri.to_owned() };
    match parsed.port() {
        Some(19876 | 6274 | 6276) | None => uri.to_owned(),
        Some(port) => {
            let _ = parsed.set_port(None);
            let host = parsed.host_str().unwrap_or_default();
            uri.replacen(&format!("{host}:{port}"), &format!("{host}:PORT"), 1)
        }
    }
}
