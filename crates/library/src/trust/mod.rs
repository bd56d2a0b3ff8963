//! Trust: what the text of a library tries on whoever reads it, found when it is read and dealt with by policy.
//!
//! The text of a library is data. Five things in it are not documentation: words aimed at an assistant, characters that nobody
//! sees, direction marks that show a text in another order than it has, data in URLs, and credentials that were forgotten in
//! an example. Everything here is a function of text and [`Policy`]; nothing is changed without a [`Finding`] that says so.
//! What is kept, what is taken out and why: `docs/decisions/0009-text-of-libraries-is-data.md`.
//!
//! - [`invisible`]: characters that are not seen, and direction marks.
//! - [`instruction`]: what a passage asks for, and whether that is aimed at an assistant; on folded text ([`fold`]).
//! - [`passage`]: the passages of prose and code that are judged, and cut, one by one.
//! - [`credential`], [`data_url`]: secrets and blobs in examples.
//! - [`hidden`]: comments and front matter, which no answer contains anyway.

pub mod credential;
pub mod data_url;
pub mod fold;
pub mod hidden;
pub mod instruction;
pub mod invisible;
pub mod passage;
mod section;

use crate::format::{BlockContent, Page, title_from_path};
use docent_types::documentation::{Finding, FindingKind, Handling};
use instruction::{Judge, Place};
use serde::Deserialize;

/// Counted up when what is found or how it is dealt with changes: what was read before is then read again.
pub const RULES: u32 = 1;
/// Findings that are kept of one version.
pub const MAX_FINDINGS: usize = 1_000;
/// Characters of an excerpt.
const EXCERPT: usize = 120;
/// Stands where a passage was left out.
pub const OMISSION: &str = "[…]";

/// What is done with what is found.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    /// Passages aimed at assistants are cut out, the unseen is removed, credentials and data URLs are shortened.
    #[default]
    Neutralise,
    /// As `Neutralise`, and a page with a passage aimed at assistants is left out as a whole.
    LeaveOut,
    /// Everything stays as it is; it is only told.
    Report,
}

impl Policy {
    /// As it is written in the configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Neutralise => "neutralise",
            Self::LeaveOut => "leave_out",
            Self::Report => "report",
        }
    }

    /// The policy with the rules that it stands on: what was read under another mark is read again.
    #[must_use]
    pub fn mark(self) -> String {
        format!("{}/{RULES}", self.name())
    }

    const fn changes(self) -> bool {
        !matches!(self, Self::Report)
    }

    const fn handling(self, handling: Handling) -> Handling {
        if self.changes() { handling } else { Handling::Kept }
    }
}

/// A page after it was looked through.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Treated {
    /// The page as it may be shown; `None` if the policy leaves it out.
    pub page: Option<Page>,
    /// What was found in it.
    pub findings: Vec<Finding>,
}

/// Looks a page through, and deals with what is found.
#[must_use]
pub fn treat_page(mut page: Page, policy: Policy) -> Treated {
    let mut findings = std::mem::take(&mut page.findings);
    if let Some(reason) = instruction::in_path(&page.path) {
        findings.push(finding(FindingKind::Instruction, &page.path, 1, reason, &page.path, policy.handling(Handling::LeftOut)));
        return Treated { page: if policy.changes() { None } else { Some(page) }, findings };
    }
    if let Some(title) = treat_line(&page.title, &page.path, 1, policy, &mut findings) {
        page.title = if title.trim() == OMISSION { title_from_path(&page.path) } else { title };
    }
    if let Some(description) = page.description.as_mut()
        && let Some(treated) = treat_line(description, &page.path, 1, policy, &mut findings)
    {
        *description = treated;
    }
    let path = page.path.clone();
    let title = page.title.clone();
    for section in &mut page.sections {
        section::treat(section, &title, &path, policy, &mut findings);
    }
    let aimed = findings.iter().any(|one| one.kind == FindingKind::Instruction);
    if aimed && policy == Policy::LeaveOut {
        for one in &mut findings {
            one.handling = Handling::LeftOut;
        }
        return Treated { page: None, findings };
    }
    // A page of which nothing is left says nothing.
    let empty = page.sections.iter().all(|section| {
        section
            .blocks
            .iter()
            .all(|block| matches!(&block.content, BlockContent::Prose(text) if text.trim().is_empty() || text.trim() == OMISSION))
    });
    let had_text = findings.iter().any(|one| one.handling == Handling::LeftOut);
    Treated { page: if empty && had_text { None } else { Some(page) }, findings }
}

/// Looks one line through that stands by itself: a title, a heading, a description. `None` if it stays as it is.
pub fn treat_line(text: &str, path: &str, line: u32, policy: Policy, findings: &mut Vec<Finding>) -> Option<String> {
    let cleaned = invisible::clean(text, false);
    let mut shown = cleaned.as_ref().map(|cleaned| cleaned.text.clone());
    if let Some(cleaned) = cleaned {
        cleaned.tell(path, |_| line, policy, findings);
    }
    let current = shown.as_deref().unwrap_or(text);
    if let Some(reason) = Judge::new("", false).judge(current, Place::Prose) {
        findings.push(finding(FindingKind::Instruction, path, line, reason, current, policy.handling(Handling::LeftOut)));
        shown = Some(OMISSION.to_owned());
    } else if let Some(masked) = credential::mask(current) {
        for one in &masked.found {
            findings.push(finding(FindingKind::Credential, path, line, one.what, &one.shown, policy.handling(Handling::Removed)));
        }
        shown = Some(masked.text);
    }
    shown.filter(|_| policy.changes())
}

/// Looks the owner's notes through. What an owner writes there is meant for assistants to read, so each note is measured more
/// strictly than a passage of a page; `source` is the file that they stand in.
#[must_use]
pub fn treat_notes(notes: Vec<String>, path: &str, source: &str, policy: Policy, findings: &mut Vec<Finding>) -> Vec<String> {
    let mut out = Vec::with_capacity(notes.len());
    for note in notes {
        let line = line_of(source, &note);
        let cleaned = invisible::clean(&note, false);
        let clear = cleaned.as_ref().map_or(note.as_str(), |cleaned| cleaned.text.as_str()).to_owned();
        if let Some(cleaned) = cleaned {
            cleaned.tell(path, |_| line, policy, findings);
        }
        if let Some(reason) = Judge::new("", false).judge(&clear, Place::Note) {
            findings.push(finding(FindingKind::Instruction, path, line, reason, &clear, policy.handling(Handling::LeftOut)));
            if policy.changes() {
                continue;
            }
        }
        let masked = credential::mask(&clear);
        for one in masked.iter().flat_map(|masked| &masked.found) {
            findings.push(finding(FindingKind::Credential, path, line, one.what, &one.shown, policy.handling(Handling::Removed)));
        }
        out.push(if policy.changes() { masked.map_or(clear, |masked| masked.text) } else { note });
    }
    out
}

/// The line of a source in which a text begins, from 1.
fn line_of(source: &str, text: &str) -> u32 {
    let start: String = text.chars().take_while(|c| !matches!(c, '"' | '\\' | '\n' | '\t')).take(40).collect();
    if start.is_empty() {
        return 1;
    }
    source.find(&start).map_or(1, |at| line_at(source, at, 1))
}

fn line_at(text: &str, at: usize, first: u32) -> u32 {
    let breaks = text.as_bytes().get(..at).unwrap_or_default().iter().filter(|byte| **byte == b'\n').count();
    first.saturating_add(u32::try_from(breaks).unwrap_or(u32::MAX))
}

fn finding(kind: FindingKind, path: &str, line: u32, what: impl Into<String>, text: &str, handling: Handling) -> Finding {
    Finding { kind, path: path.to_owned(), line, what: what.into(), excerpt: excerpt(text), handling }
}

/// A short piece of a text that is safe to show: one line, nothing unseen, no credentials.
#[must_use]
pub fn excerpt(text: &str) -> String {
    let near: String = text.chars().take(4 * EXCERPT).collect();
    let masked = credential::mask(&near).map_or(near, |masked| masked.text);
    let mut out = String::new();
    let mut length = 0;
    let mut space = false;
    for c in masked.chars() {
        if length >= EXCERPT {
            out.push('…');
            break;
        }
        if c.is_whitespace() {
            space = !out.is_empty();
            continue;
        }
        if std::mem::take(&mut space) {
            out.push(' ');
            length += 1;
        }
        if c.is_control() || invisible::is_unseen(c) {
            out.push_str(&format!("\\u{{{:x}}}", u32::from(c)));
            length += 8;
        } else {
            out.push(c);
            length += 1;
        }
    }
    out
}

/// The findings of a version: the gravest first, then by path and line; at most [`MAX_FINDINGS`].
#[derive(Debug, Default)]
pub struct Findings {
    kept: Vec<Finding>,
    more: usize,
}

impl Findings {
    /// Further findings.
    pub fn extend(&mut self, findings: impl IntoIterator<Item = Finding>) {
        self.kept.extend(findings);
        if self.kept.len() > 8 * MAX_FINDINGS {
            self.shorten();
        }
    }

    fn shorten(&mut self) {
        self.kept.sort_by(|a, b| (a.kind, &a.path, a.line, &a.what, &a.excerpt).cmp(&(b.kind, &b.path, b.line, &b.what, &b.excerpt)));
        self.kept.dedup();
        self.more += self.kept.len().saturating_sub(MAX_FINDINGS);
        self.kept.truncate(MAX_FINDINGS);
    }

    /// All of them in their order; the last says how many are not listed.
    #[must_use]
    pub fn finish(mut self) -> Vec<Finding> {
        self.shorten();
        if self.more > 0
            && let Some(last) = self.kept.last_mut()
        {
            last.what.push_str(&format!(" (and {} more findings that are not listed)", self.more));
        }
        self.kept
    }
}
