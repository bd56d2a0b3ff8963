//! `docent usage` and `docent audit`.

use super::client_token::duration;
use crate::command_line::{Audit, Usage, UsageBy};
use crate::installation::Installation;
use anyhow::{Context as _, bail};
use docent_console::admin::audit::as_json;
use docent_store::{EventFilter, RecordedEvent, UsageFilter, UsageRow, Uses};
use docent_types::event_kind;
use docent_types::ids::ClientId;
use docent_types::time::Timestamp;
use serde_json::json;
use std::collections::{BTreeMap, HashMap};
use std::io::Write as _;

/// Entries that are read at a time.
const AT_A_TIME: u64 = 1000;

/// The moment that `--since` names: a date, or how long ago.
fn since(text: &str, now: Timestamp) -> anyhow::Result<Timestamp> {
    match Timestamp::of_date(text) {
        Some(day) => Ok(day),
        None => Ok(now.before(duration(text).map_err(|wrong| anyhow::anyhow!("--since: {wrong}, or a date such as 2026-11-27"))?)),
    }
}

/// `docent usage`.
///
/// # Errors
/// In words for the operator.
pub async fn usage(installation: &Installation, command: Usage) -> anyhow::Result<()> {
    let store = &installation.store;
    let mut filter = UsageFilter::default();
    if let Some(email) = &command.person {
        filter.user = Some(store.user_by_email(email).await?.with_context(|| format!("there is nobody with the address {email}"))?.id);
    }
    if let Some(name) = &command.project {
        filter.project = Some(store.project_by_name(name).await?.with_context(|| format!("there is no project \"{name}\""))?.id);
    }
    let rows = store.usage(since(&command.since, installation.clock.now())?, &filter).await?;
    let names = names(installation, &rows, command.by).await?;
    let mut sums: BTreeMap<String, Uses> = BTreeMap::new();
    for row in &rows {
        *sums.entry(key(row, command.by)).or_default() += row.uses;
    }
    let mut sums: Vec<(String, Uses)> = sums.into_iter().collect();
    if matches!(command.by, UsageBy::Day) {
        sums.reverse();
    } else {
        sums.sort_by_key(|(_, uses)| std::cmp::Reverse(uses.all()));
    }
    let name = |id: &String| names.get(id).cloned().unwrap_or_else(|| id.clone());
    if command.json {
        let rows = sums.iter().map(|(id, uses)| json!({ "id": id, "name": name(id), "succeeded": uses.succeeded, "failed": uses.failed }));
        println!("{:#}", serde_json::Value::from_iter(rows));
    } else if sums.is_empty() {
        println!("Nothing was used since {}.", command.since);
    } else {
        let rows: Vec<Vec<String>> =
            sums.iter().map(|(id, uses)| vec![name(id), uses.all().to_string(), uses.failed.to_string()]).collect();
        super::print_table(&[command.by.head(), "REQUESTS", "WITHOUT AN ANSWER"], &rows);
    }
    Ok(())
}

fn key(row: &UsageRow, by: UsageBy) -> String {
    match by {
        UsageBy::Day => row.day.to_rfc3339().chars().take(10).collect(),
        UsageBy::Person => row.user.to_string(),
        UsageBy::Project => row.project.to_string(),
        UsageBy::Client => row.client.to_string(),
        UsageBy::Tool => row.tool.clone(),
    }
}

/// The names of the ids that stand in a column.
async fn names(installation: &Installation, rows: &[UsageRow], by: UsageBy) -> anyhow::Result<HashMap<String, String>> {
    let mut names = HashMap::new();
    for row in rows {
        let id = key(row, by);
        if names.contains_key(&id) {
            continue;
        }
        let name = match by {
            UsageBy::Day | UsageBy::Tool => return Ok(names),
            UsageBy::Person => installation.store.user(row.user).await?.map(|user| user.email),
            UsageBy::Project => installation.store.project(row.project).await?.map(|project| project.name),
            UsageBy::Client => installation.store.client(&row.client).await?.map(|client| client.name),
        };
        names.insert(id.clone(), name.unwrap_or(id));
    }
    Ok(names)
}

/// `docent audit`.
///
/// # Errors
/// In words for the operator.
pub async fn audit(installation: &Installation, command: Audit) -> anyhow::Result<()> {
    let store = &installation.store;
    let mut filter = EventFilter { client: command.client.map(ClientId), ..EventFilter::default() };
    if let Some(kind) = command.kind {
        if !event_kind::is_known(&kind) {
            let kinds: Vec<&str> = event_kind::KINDS.iter().map(|(kind, _)| *kind).collect();
            bail!("there is no kind \"{kind}\". There are: {}", kinds.join(", "));
        }
        filter.kind = Some(kind);
    }
    if let Some(email) = &command.person {
        filter.user = Some(store.user_by_email(email).await?.with_context(|| format!("there is nobody with the address {email}"))?.id);
    }
    if let Some(name) = &command.project {
        filter.project = Some(store.project_by_name(name).await?.with_context(|| format!("there is no project \"{name}\""))?.id);
    }
    filter.since = command.since.as_deref().map(|text| since(text, installation.clock.now())).transpose()?;
    let mut output = std::io::stdout().lock();
    let (mut left, mut place, mut any) = (command.limit, None, false);
    while left > 0 {
        let found = store.events(&filter, place, left.min(AT_A_TIME)).await?;
        let Some(last) = found.last() else { break };
        place = Some(last.place());
        any = true;
        for event in &found {
            let line = if command.json { as_json(event).to_string() } else { in_a_line(event) };
            writeln!(output, "{line}")?;
        }
        left = left.saturating_sub(found.len() as u64);
    }
    if !any && !command.json {
        writeln!(output, "Nothing of that is recorded.")?;
    }
    Ok(())
}

fn in_a_line(recorded: &RecordedEvent) -> String {
    let event = &recorded.event;
    let mut line = format!("{}  {}", event.at, event.kind);
    let client = recorded.client_name.clone().or_else(|| event.client.as_ref().map(ToString::to_string));
    for (name, value) in [("person", &recorded.email), ("client", &client), ("project", &recorded.project_name), ("from", &event.from)] {
        if let Some(value) = value {
            // A name is a stranger's words: it stays in its line.
            line.push_str(&format!("  {name}={}", value.escape_debug()));
        }
    }
    if event.detail.as_object().is_some_and(|detail| !detail.is_empty()) {
        line.push_str(&format!("  {}", event.detail));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since_is_a_date_or_how_long_ago() {
        let now = Timestamp::of_date("2026-11-27").unwrap();
        assert_eq!(since("2026-11-01", now).unwrap().to_rfc3339(), "2026-11-01T00:00:00Z");
        assert_eq!(since("7d", now).unwrap().to_rfc3339(), "2026-11-20T00:00:00Z");
        assert!(since("yesterday", now).unwrap_err().to_string().contains("2026-11-27"));
    }
}
