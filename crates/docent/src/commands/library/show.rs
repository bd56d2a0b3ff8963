//! What an operator is told about libraries.

use crate::installation::Installation;
use docent_library::embedding::making;
use docent_store::{Job, JobState, StoredLibrary};
use docent_types::documentation::{Finding, Skipped, Visibility};
use docent_types::time::Timestamp;

/// A time that has passed, in its largest unit.
pub(super) fn age(from: Timestamp, now: Timestamp) -> String {
    let minutes = now.0.saturating_sub(from.0).max(0) / 60_000;
    let (count, unit) = match minutes {
        0..120 => (minutes, "minute"),
        120..2880 => (minutes / 60, "hour"),
        _ => (minutes / 1440, "day"),
    };
    if count == 1 { format!("1 {unit}") } else { format!("{count} {unit}s") }
}

/// How far a job is: `reading 43%`.
fn progress(job: &Job) -> String {
    let stage = if job.stage.is_empty() { "beginning" } else { &job.stage };
    format!("{stage} {}%", job.percent().unwrap_or(0))
}

/// Where a library stands, in few words: whether it answers, and what happens to it or went wrong.
fn state(library: &StoredLibrary, now: Timestamp) -> String {
    let answers = !library.entry.versions.is_empty();
    let also = |what: String| if answers { format!("ready, {what}") } else { what };
    let Some(job) = &library.last_job else { return library.state.clone() };
    match job.state {
        JobState::Running => also(progress(job)),
        JobState::Waiting if job.error.is_some() => also("waiting to be tried again".to_owned()),
        JobState::Waiting => also("waiting".to_owned()),
        JobState::Failed if answers => {
            let seen = library.seen_at.map(|seen| format!(" of {} ago", age(seen, now))).unwrap_or_default();
            format!("failing, serves the state{seen}")
        }
        _ if !library.held.is_empty() => also("held".to_owned()),
        _ => library.state.clone(),
    }
}

/// How often a library is refreshed, in a sentence.
pub(super) fn schedule(id: &str, every: Option<u64>, configured: &str) -> String {
    let words = |seconds: u64| match seconds {
        seconds if seconds % 86_400 == 0 => format!("{}d", seconds / 86_400),
        seconds if seconds % 3_600 == 0 => format!("{}h", seconds / 3_600),
        seconds => format!("{}m", seconds / 60),
    };
    match every {
        None if configured == "off" => format!("{id} is not refreshed by schedule (library.refresh_every is off)."),
        None => format!("{id} is refreshed every {configured}, as library.refresh_every says."),
        Some(0) => format!("{id} is not refreshed by schedule."),
        Some(seconds) => format!("{id} is refreshed every {}.", words(seconds)),
    }
}

pub(super) fn print_skipped(skipped: &[Skipped]) {
    const SHOWN: usize = 40;
    if skipped.is_empty() {
        return;
    }
    println!("  left out  {} {}", skipped.len(), if skipped.len() == 1 { "file" } else { "files" });
    for one in skipped.iter().take(SHOWN) {
        println!("    {}: {}", one.path, one.reason);
    }
    if skipped.len() > SHOWN {
        println!("    … and {} more (all are on the library's page)", skipped.len() - SHOWN);
    }
}

/// What was found in the text that is no documentation; the same words as on the library's page.
pub(super) fn print_findings(findings: &[Finding]) {
    const SHOWN: usize = 40;
    if findings.is_empty() {
        return;
    }
    println!("  found     {} in the text that {} no documentation", findings.len(), if findings.len() == 1 { "is" } else { "are" });
    for one in findings.iter().take(SHOWN) {
        println!("    {}:{}: {}: {} ({}): {}", one.path, one.line, one.kind.in_words(), one.what, one.handling.in_words(), one.excerpt);
    }
    if findings.len() > SHOWN {
        println!("    … and {} more (all are on the library's page)", findings.len() - SHOWN);
    }
}

/// `docent library list`.
pub(super) async fn list(installation: &Installation) -> anyhow::Result<()> {
    let libraries = installation.store.libraries().await?;
    if libraries.is_empty() {
        println!("There are no libraries yet. Add one with: docent library add SOURCE");
        return Ok(());
    }
    let now = installation.clock.now();
    let rows: Vec<Vec<String>> = libraries
        .into_iter()
        .map(|library| {
            let snippets: u64 = library.entry.default_version().map_or(0, |one| one.snippets);
            let versions: Vec<String> =
                library.entry.versions.iter().map(|one| one.version.clone().unwrap_or_else(|| "default".to_owned())).collect();
            let visibility = match library.entry.visibility {
                Visibility::Public => "public",
                Visibility::Private(_) => "private",
            };
            let state = state(&library, now);
            vec![
                library.entry.id.to_string(),
                library.entry.title,
                visibility.to_owned(),
                state,
                snippets.to_string(),
                versions.join(","),
                library.entry.source,
            ]
        })
        .collect();
    crate::commands::print_table(&["ID", "TITLE", "VISIBLE", "STATE", "SNIPPETS", "VERSIONS", "SOURCE"], &rows);
    Ok(())
}

/// `docent library show`.
pub(super) async fn one(installation: &Installation, library: &StoredLibrary) -> anyhow::Result<()> {
    let (entry, now) = (&library.entry, installation.clock.now());
    println!("{}: {}", entry.id, entry.title);
    println!("  description  {}", entry.description);
    println!("  source       {}", entry.source);
    println!("  state        {}", state(library, now));
    match entry.visibility {
        Visibility::Public => println!("  visible      to everybody"),
        Visibility::Private(project) => println!("  visible      to the members of project {project}"),
    }
    println!("  schedule     {}", schedule("it", library.refresh_every, &installation.configuration.library.refresh_every));
    if library.has_webhook {
        println!("  webhook      {}", super::webhook::url(installation, &entry.id)?);
    }
    if let Some(error) = &library.last_error {
        println!("  last error   {error}");
        if let Some(seen) = library.seen_at {
            println!("               The source was last read {} ago ({seen}); what was read then is served.", age(seen, now));
        }
    }
    if let Some(again) = library.last_job.as_ref().filter(|job| job.state == JobState::Waiting).and_then(|job| job.not_before) {
        println!("               It is tried again at {again}.");
    }
    for held in &library.held {
        let version = held.version.as_deref().unwrap_or("default");
        println!("  held         version {version}, since {}: {}", held.held_at, held.reason);
        println!("               `docent library confirm {0}` serves it, `docent library reject {0}` keeps what is served.", entry.id);
    }
    let has = |name: &String| entry.versions.iter().any(|one| one.version.as_ref() == Some(name));
    let offered: Vec<&str> = library.offered_versions.iter().filter(|name| !has(name)).map(String::as_str).collect();
    if !offered.is_empty() {
        println!("  offered      {} (docent library versions {} --named adds them)", offered.join(", "), entry.id);
    }
    for version in &entry.versions {
        println!("  version {}", version.version.as_deref().unwrap_or("default"));
        println!("  commit    {}", version.commit.as_deref().unwrap_or("-"));
        println!("  pages     {}", version.pages);
        println!("  snippets  {}", version.snippets);
        println!("  tokens    {}", version.tokens);
        if let Some(model) = crate::embedding::name(&installation.configuration.embedding)? {
            let made = making::made(installation.artefacts.root(), &model, &version.artefact);
            println!("  meaning   {}", crate::commands::model::in_words(made, version.snippets));
        }
        println!("  indexed   {}", version.indexed_at);
        print_skipped(&installation.store.skipped(version.id).await?);
        print_findings(&installation.store.inspection(version.id).await?.findings);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_told_in_their_largest_unit() {
        for (minutes, words) in
            [(0, "0 minutes"), (1, "1 minute"), (119, "119 minutes"), (120, "2 hours"), (2879, "47 hours"), (2880, "2 days")]
        {
            assert_eq!(age(Timestamp(0), Timestamp(minutes * 60_000)), words);
        }
        assert_eq!(age(Timestamp(9_000_000), Timestamp(0)), "0 minutes", "of clocks that differ");
    }

    #[test]
    fn a_schedule_is_told_in_a_sentence() {
        assert!(schedule("/a/b", None, "1d").contains("every 1d"));
        assert!(schedule("/a/b", None, "off").contains("not refreshed"));
        assert!(schedule("/a/b", Some(0), "1d").contains("not refreshed"));
        assert!(schedule("/a/b", Some(21_600), "1d").contains("every 6h"));
        assert!(schedule("/a/b", Some(5_400), "1d").contains("every 90m"));
    }
}
