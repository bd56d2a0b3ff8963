//! Every attack of the catalogue has its test, and the guide's table is made of it.

use anyhow::{Context as _, ensure};
use docent_tests::{Result, source_tree};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;

#[derive(Deserialize)]
struct Catalogue {
    attack: Vec<Attack>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Attack {
    class: String,
    id: String,
    what: String,
    source: String,
    rule: String,
    /// `module::function` below `tests/attacks`.
    test: String,
}

fn catalogue() -> Result<Vec<Attack>> {
    let text = fs::read_to_string(source_tree::root().join("tests/attacks/catalogue.toml"))?;
    Ok(toml::from_str::<Catalogue>(&text)?.attack)
}

/// Whether `function` is a test in this module: it is defined, with a comment that names what it tries, and handed to a macro that
/// runs stories, or marked as a test.
fn is_test(module: &str, function: &str, words: &str) -> bool {
    let Some(at) = module.find(&format!("fn {function}(")) else { return false };
    let (before, after) = module.split_at(at);
    let before = before.strip_suffix("async ").unwrap_or(before);
    let comment: Vec<&str> = before.lines().rev().take_while(|line| line.starts_with("///") || line.starts_with("#[")).collect();
    let runs = comment.iter().any(|line| line.starts_with("#[") && line.contains("test"))
        || after[1..].contains(&format!("{function},"))
        || after[1..].contains(&format!("{function}\n"));
    let runs = runs || after[1..].contains(&format!("{function})"));
    comment.iter().any(|line| line.starts_with("///"))
        && runs
        && (!words.starts_with("CVE") || function.starts_with(&words.to_lowercase().replace('-', "_")))
}

#[test]
fn every_attack_of_the_catalogue_has_a_test() -> Result {
    let folder = source_tree::root().join("tests/attacks");
    let attacks = catalogue()?;
    let mut missing = Vec::new();
    for Attack { id, test, .. } in &attacks {
        let (module, function) = test.split_once("::").with_context(|| format!("{id}: {test:?} is no module::function"))?;
        let text = fs::read_to_string(folder.join(format!("{module}.rs"))).with_context(|| format!("{id}: no module {module}"))?;
        if !is_test(&text, function, id) {
            missing.push(format!("{id}: {test}"));
        }
    }
    ensure!(missing.is_empty(), "no test for:\n{}", missing.join("\n"));
    let tests: BTreeSet<&str> = attacks.iter().map(|attack| attack.test.as_str()).collect();
    ensure!(tests.len() == attacks.len(), "two entries name one test");
    Ok(())
}

/// `docs/attacks.md` is this table; `UPDATE_DOCS=1` writes it.
#[test]
fn documentation_lists_every_attack() -> Result {
    let mut text = "# Attacks that are tried\n\nEach of these worked on somebody else's server, or is an old trick. Before each release they are tried on the running binary \
        (`tests/attacks`); none may get through. Rules are those of [Security](security.md).\n"
        .to_owned();
    let attacks = catalogue()?;
    let mut classes: Vec<&str> = Vec::new();
    for attack in &attacks {
        if !classes.contains(&attack.class.as_str()) {
            classes.push(&attack.class);
        }
    }
    let cell = |text: &str| text.replace('|', "\\|");
    for class in classes {
        write!(text, "\n## {class}\n\n| attack | what went wrong | at | rule | test |\n|---|---|---|---|---|\n")?;
        for attack in attacks.iter().filter(|attack| attack.class == class) {
            let Attack { id, what, source, rule, test, .. } = attack;
            writeln!(text, "| {} | {} | {} | {rule} | `{test}` |", cell(id), cell(what), cell(source))?;
        }
    }
    let path = source_tree::root().join("docs/attacks.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, &text)?;
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    ensure!(written == text, "run: UPDATE_DOCS=1 cargo nextest run --workspace -E 'test(documentation_lists)'");
    Ok(())
}

#[test]
fn a_name_in_a_comment_is_no_test() {
    let module = "/// CVE-2026-1: what\nasync fn cve_2026_1_what() {}\n\n/// x\nasync fn forgotten() {}\n\n// other,\nasync fn other() {}\ndocent_tests::in_shape!(together, Together, cve_2026_1_what, other);\n";
    assert!(is_test(module, "cve_2026_1_what", "CVE-2026-1"));
    assert!(!is_test(module, "forgotten", "x"), "nothing runs it");
    assert!(!is_test(module, "other", "x"), "it has no comment");
    assert!(!is_test(module, "cve_2026_1_what", "CVE-2026-2") && !is_test(module, "missing", "x"));
}
