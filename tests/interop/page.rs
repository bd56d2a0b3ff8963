//! `docs/interop.md`: the text of `page.md`, and the tables of what was seen.

use crate::clients::{CLIENTS, Client, Document};
use crate::matrix::{phases, row_file};
use anyhow::{Context as _, ensure};
use docent_tests::{Result, source_tree};
use serde_json::Value;
use std::path::PathBuf;

/// The tables: name in `page.md`, and heading of the section.
const TABLES: [(&str, &str); 5] = [
    ("together", "## One process"),
    ("split", "## Issuer and resource on two origins"),
    ("document", "## Client ID metadata documents"),
    ("split-document", "## Client ID metadata documents on two origins"),
    ("sent", "## What they send"),
];

const SENT: &str =
    "first request | `User-Agent` | redirect URI | auth method | scope asked for | `resource` at the token endpoint | revisions spoken";

fn file() -> PathBuf {
    source_tree::root().join("docs/interop.md")
}

/// Whether the page is being made, so that rows may differ from it.
pub(crate) fn is_being_made() -> bool {
    std::env::var_os("UPDATE_DOCS").is_some()
}

/// The page as it stands; empty if there is none.
pub(crate) fn stands() -> Result<String> {
    Ok(std::fs::read_to_string(file()).unwrap_or_default())
}

/// A client's row in a table of the page.
pub(crate) fn row<'a>(page: &'a str, table: &str, label: &str) -> Option<&'a str> {
    let heading = TABLES.iter().find(|(name, _)| *name == table)?.1;
    let section = page.split_once(&format!("{heading}\n"))?.1;
    let section = section.split("\n## ").next()?;
    section.lines().find(|line| line.starts_with(&format!("| {label} |")))
}

fn table(name: &str, lines: &[String]) -> String {
    let columns =
        if name == "sent" { SENT.to_owned() } else { phases(name).iter().map(|phase| phase.heading()).collect::<Vec<_>>().join(" | ") };
    let rule = "|---".repeat(columns.split(" | ").count() + 1);
    format!("| client | {columns} |\n{rule}|\n{}", lines.join("\n"))
}

fn compose(line: impl Fn(&str, &Client, &str) -> Result<Option<String>>) -> Result<String> {
    let mut page = std::fs::read_to_string(source_tree::root().join("tests/interop/page.md"))?;
    for (name, _) in TABLES {
        let mut lines = Vec::new();
        for client in &CLIENTS {
            lines.extend(line(name, client, &format!("{} {}", client.name, client.version()?))?);
        }
        page = page.replace(&format!("{{{{{name}}}}}"), &table(name, &lines));
    }
    Ok(page)
}

/// The page has a row for each client at the version of its lock file, and the text of `page.md` around them.
#[test]
fn the_interop_page_is_whole() -> Result {
    let stands = stands()?;
    let page = compose(|name, client, label| {
        if let ("document" | "split-document", Document::None(why)) = (name, client.document) {
            return Ok(Some(format!("| {label} | | n/a: {why} | | | | |")));
        }
        let written = std::fs::read_to_string(row_file(name, client.key)?).ok();
        let written = written.filter(|_| is_being_made()).and_then(|text| serde_json::from_str::<Value>(&text).ok());
        let line = match &written {
            Some(row) => row["line"].as_str(),
            None => row(&stands, name, label),
        };
        // The conformance suite is not a client that sends things of its own.
        ensure!(line.is_some() || (name == "sent" && client.key == "conformance"), "{name}: {label} was not run: scripts/interop runs it");
        Ok(line.map(str::to_owned))
    })?;
    if is_being_made() {
        std::fs::write(file(), page).context("docs/interop.md")?;
    } else {
        ensure!(page == stands, "docs/interop.md is not what tests/interop/page.md and the rows make: run scripts/interop");
    }
    Ok(())
}
