//! What an examination found, and its JSON form (`docs/doctor.md` documents it).

use crate::http::clean;
use crate::rules::{Rule, Severity};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// A rule that is broken.
#[derive(Clone, Debug)]
pub struct Finding {
    /// Which.
    pub rule: &'static Rule,
    /// The rule's, or worse where a client cannot connect for it.
    pub severity: Severity,
    /// What was seen, each thing once.
    pub evidence: BTreeSet<String>,
    /// The ids of the clients that stumble over it.
    pub clients: BTreeSet<String>,
}

/// What comes of a client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// As far as can be seen.
    Connects,
    /// Not.
    Stumbles,
    /// It was not tried to the end: registration was not wanted.
    NotTried,
}

impl Outcome {
    /// As it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connects => "connects",
            Self::Stumbles => "stumbles",
            Self::NotTried => "not tried",
        }
    }
}

/// A client's line.
#[derive(Clone, Debug)]
pub struct ClientReport {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What comes of it.
    pub outcome: Outcome,
    /// The last phase that went well.
    pub reached: &'static str,
    /// The phase in which it stumbles.
    pub phase: Option<&'static str>,
    /// Over which rule.
    pub rule: Option<&'static str>,
    /// What came instead.
    pub why: Option<String>,
    /// That it is the client that deviates, and how.
    pub deviates: Option<String>,
}

/// Everything.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The endpoint that was examined.
    pub url: String,
    /// Whether it wants authorization.
    pub is_protected: bool,
    /// The issuer, if one was found.
    pub issuer: Option<String>,
    /// What the endpoint calls itself.
    pub server: Option<String>,
    /// How many requests were sent.
    pub requests: usize,
    /// How many clients were registered, and how many of these were removed again.
    pub registered: usize,
    /// See above.
    pub removed: usize,
    /// Why not all were removed.
    pub kept: Option<String>,
    /// Each client.
    pub clients: Vec<ClientReport>,
    findings: BTreeMap<usize, Finding>,
}

impl Report {
    /// Nothing yet.
    #[must_use]
    pub fn new(url: &str) -> Self {
        Self { url: url.to_owned(), ..Self::default() }
    }

    /// Adds what was seen to the finding of a rule. A name that is no rule is a fault of this crate; a test finds it.
    pub fn find(&mut self, id: &str, evidence: impl Into<String>) {
        self.find_for(id, evidence, None, Severity::Note);
    }

    /// As [`Self::find`], with the client that stumbles, and how bad it is for it.
    pub fn find_for(&mut self, id: &str, evidence: impl Into<String>, client: Option<&str>, at_least: Severity) {
        let Some(at) = crate::rules::RULES.iter().position(|rule| rule.id == id) else { return };
        let rule = &crate::rules::RULES[at];
        let finding = self.findings.entry(at).or_insert_with(|| Finding {
            rule,
            severity: rule.severity,
            evidence: BTreeSet::new(),
            clients: BTreeSet::new(),
        });
        // Every client says the same in other words; a handful shows enough.
        // A server's words are shown on terminals.
        let evidence = clean(&evidence.into(), 600);
        if finding.evidence.len() < 4 && !evidence.is_empty() {
            finding.evidence.insert(evidence);
        }
        finding.severity = finding.severity.min(at_least);
        if let Some(client) = client {
            finding.clients.insert(client.to_owned());
        }
    }

    /// Takes back what something worse makes plain.
    pub fn forget(&mut self, id: &str) {
        self.findings.retain(|_, finding| finding.rule.id != id);
    }

    /// What is wrong, the worst first.
    #[must_use]
    pub fn findings(&self) -> Vec<&Finding> {
        let mut found: Vec<&Finding> = self.findings.values().filter(|finding| finding.severity != Severity::Note).collect();
        found.sort_by_key(|finding| finding.severity);
        found
    }

    /// What is worth knowing.
    #[must_use]
    pub fn notes(&self) -> Vec<&Finding> {
        self.findings.values().filter(|finding| finding.severity == Severity::Note).collect()
    }

    /// Whether a rule is broken.
    #[must_use]
    pub fn has(&self, id: &str) -> bool {
        self.findings.values().any(|finding| finding.rule.id == id)
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.findings().is_empty() && self.clients.iter().all(|client| client.outcome != Outcome::Stumbles)
    }

    /// The JSON form.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let finding = |finding: &&Finding| {
            json!({
                "id": finding.rule.id, "severity": finding.severity.as_str(), "title": finding.rule.title, "evidence": finding.evidence,
                "clients": finding.clients, "rule": finding.rule.rule, "section": finding.rule.section, "remedy": finding.rule.remedy,
            })
        };
        let client = |client: &ClientReport| {
            let mut line = json!({"id": client.id, "name": client.name, "outcome": client.outcome.as_str(), "reached": client.reached});
            for (name, value) in [
                ("phase", client.phase),
                ("finding", client.rule),
                ("why", client.why.as_deref()),
                ("deviates", client.deviates.as_deref()),
            ] {
                if let Some(value) = value {
                    line[name] = value.into();
                }
            }
            line
        };
        let mut report = json!({
            "format": 1, "url": self.url, "protected": self.is_protected, "requests": self.requests,
            "registered": self.registered, "removed": self.removed,
            "clients": self.clients.iter().map(client).collect::<Vec<_>>(),
            "findings": self.findings().iter().map(finding).collect::<Vec<_>>(),
            "notes": self.notes().iter().map(finding).collect::<Vec<_>>(),
        });
        for (name, value) in [("issuer", &self.issuer), ("server", &self.server)] {
            if let Some(value) = value {
                report[name] = value.as_str().into();
            }
        }
        report
    }
}
