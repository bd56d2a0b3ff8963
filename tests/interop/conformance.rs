//! The official conformance suite: its findings must be those that `tests/interop/conformance.md` explains, no more and no fewer.

use crate::clients::CONFORMANCE;
use crate::matrix::{Phase, Row};
use crate::seen::Seen;
use crate::session::Session;
use anyhow::{Context as _, ensure};
use docent_tests::person::Decision;
use docent_tests::{Installation, OAuthClient, Result, Shape, program, source_tree};
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::process::Command;

const LIMIT: Duration = Duration::from_secs(400);

/// Both scenarios for an authorization server, with a real browser at the consent page.
fn authorization(shape: Shape) -> Result {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let installation = Installation::start_recorded(shape, &[]).await?;
        let (issuer, resource) = (installation.issuer.clone(), installation.resource.clone());
        let report = run(&installation, "conformance-authorization", &["authorization", &issuer, &resource]).await?;
        ensure!(failed(&report)?.is_empty(), "{report:#}");
        ensure!(report["passed"].as_array().is_some_and(|passed| passed.len() == 2), "{report:#}");
        let seen = Seen::since(&installation, 0);
        ensure!(seen.codes() == 1 && seen.given("authorization_code") == 1, "{}", seen.lines());
        let mut row = Row::new(CONFORMANCE, if shape == Shape::Split { "split" } else { "together" })?;
        for phase in [Phase::Discovery, Phase::Consent, Phase::Token] {
            row.set(phase, "yes");
        }
        row.set(Phase::Registration, "n/a: it is told a client id");
        row.set(Phase::Call, "n/a: it asks the server with a token that we add");
        for phase in [Phase::Refresh, Phase::Relogin, Phase::Parallel] {
            row.set(phase, "n/a: it has no such scenario");
        }
        row.finish()
    })
}

mod together {
    /// AS1, AS5.
    #[test]
    fn the_authorization_scenarios_pass() -> docent_tests::Result {
        super::authorization(docent_tests::Shape::Together)
    }
}

mod split {
    /// AS1, AS5.
    #[test]
    fn the_authorization_scenarios_pass() -> docent_tests::Result {
        super::authorization(docent_tests::Shape::Split)
    }
}

/// RS11: the scenarios of 2026-07-28 that a server with its own tools can pass.
async fn the_server_scenarios_of_2026_07_28(installation: &mut Installation) -> Result {
    server(installation, "2026-07-28").await
}

/// RS11: the scenarios of 2025-11-25 that a server with its own tools can pass.
async fn the_server_scenarios_of_2025_11_25(installation: &mut Installation) -> Result {
    server(installation, "2025-11-25").await
}

async fn server(installation: &Installation, revision: &str) -> Result {
    let person = installation.add_person("bob@example.com").await?;
    let client = OAuthClient::register(installation, "Conformance").await?;
    let tokens = client.connect(&person, Decision::Allow).await?;
    let report =
        run(installation, &format!("conformance-{revision}"), &["server", &installation.resource, &tokens.access_token, revision]).await?;
    let (failed, documented) = (failed(&report)?, documented(revision)?);
    // A scenario may pass in most of its checks: each that fails is compared.
    let new: Vec<_> = failed.difference(&documented).collect();
    let gone: Vec<_> = documented.difference(&failed).collect();
    ensure!(
        new.is_empty() && gone.is_empty(),
        "{revision}: fail without being documented: {new:?}; documented, but pass or do not run: {gone:?}\n{report:#}"
    );
    ensure!(report["passed"].as_array().is_some_and(|passed| !passed.is_empty()), "{report:#}");
    Ok(())
}

async fn run(installation: &Installation, name: &str, arguments: &[&str]) -> Result<Value> {
    let session = Session::open(installation, name).await?;
    let mut command = Command::new("node");
    session.tell(&mut command);
    command.arg("conformance/run.mjs").args(arguments);
    let output = program::run(command, "", LIMIT).await?;
    std::fs::write(session.file("suite.log"), &output.stderr)?;
    let report = output.success()?;
    serde_json::from_str(report.lines().last().unwrap_or_default()).with_context(|| report.clone())
}

/// `scenario check` for each check that failed.
fn failed(report: &Value) -> Result<BTreeSet<String>> {
    let scenarios = report["failed"].as_object().with_context(|| report.to_string())?;
    let checks = scenarios
        .iter()
        .flat_map(|(scenario, checks)| checks.as_object().into_iter().flatten().map(move |(check, _)| format!("{scenario} {check}")));
    Ok(checks.collect())
}

/// What the page's table for a revision lists: the scenario in the first column, its checks in the second.
fn documented(revision: &str) -> Result<BTreeSet<String>> {
    let page = std::fs::read_to_string(source_tree::root().join("tests/interop/conformance.md"))?;
    let heading = format!("## {revision}");
    let section = page.split_once(&heading).with_context(|| format!("no section {heading:?}"))?.1;
    let section = section.split("\n## ").next().unwrap_or_default();
    let mut found = BTreeSet::new();
    for row in section.lines().filter(|line| line.starts_with("| `")) {
        let mut columns = row.split('|').skip(1);
        let scenario = columns.next().unwrap_or_default().trim().trim_matches('`');
        let checks = columns.next().unwrap_or_default().split_whitespace().map(|check| check.trim_matches('`'));
        found.extend(checks.map(|check| format!("{scenario} {check}")));
    }
    Ok(found)
}

docent_tests::in_shape!(sqlite, Together, the_server_scenarios_of_2026_07_28, the_server_scenarios_of_2025_11_25);
