//! Every rule of the authorization chapter that is claimed stands in the doc comment of a test.

use anyhow::ensure;
use docent_tests::{Result, source_tree};
use std::collections::BTreeSet;

fn claimed() -> Vec<String> {
    let resource_server = (1..=11).map(|number| format!("RS{number}"));
    let authorization_server = (1..=18).chain([21, 22]).map(|number| format!("AS{number}"));
    resource_server.chain(authorization_server).collect()
}

/// The rule ids in the doc comments of a file's tests. In `tests/e2e` and `tests/attacks` every documented function is a story;
/// elsewhere a test is what has an attribute that says so.
fn ids_in_tests(text: &str, is_story: bool) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let (mut comment, mut is_test) = (String::new(), false);
    for line in text.lines().map(str::trim) {
        if let Some(words) = line.strip_prefix("///") {
            comment.push_str(words);
            comment.push(' ');
        } else if line.starts_with("#[") {
            is_test |= line.contains("test");
        } else {
            let is_function = line.starts_with("fn ") || line.starts_with("async fn ");
            if is_function && (is_test || is_story) {
                found.extend(comment.split(|c: char| !c.is_ascii_alphanumeric()).map(str::to_owned));
            }
            comment.clear();
            is_test = false;
        }
    }
    found
}

#[test]
fn every_claimed_rule_has_a_test() -> Result {
    let root = source_tree::root();
    let mut found = BTreeSet::new();
    for folder in ["crates", "migrations", "tests"] {
        for file in source_tree::files(&root.join(folder), ".rs")? {
            let is_story = ["tests/e2e", "tests/attacks"].iter().any(|folder| file.starts_with(root.join(folder)));
            found.extend(ids_in_tests(&std::fs::read_to_string(&file)?, is_story));
        }
    }
    let missing: Vec<String> = claimed().into_iter().filter(|id| !found.contains(id)).collect();
    ensure!(missing.is_empty(), "no test's doc comment names {missing:?}");
    Ok(())
}

#[test]
fn an_id_counts_only_in_the_comment_of_a_test() {
    let text = "/// RS1: a helper\nfn helper() {}\n\n/// RS2: a test\n#[test]\nfn test() {}\n// RS3\n#[test]\nfn other() {}\n";
    let found = ids_in_tests(text, false);
    assert!(found.contains("RS2") && !found.contains("RS1") && !found.contains("RS3"));
    assert!(ids_in_tests(text, true).contains("RS1"));
}
