//! Every rule of the authorization chapter stands where it is enforced and in the doc comment of a test that tries it.
//! `docs/security-rules.md` is made of both; `UPDATE_DOCS=1` writes it.

use crate::rule_table::{RULES, Rule};
use anyhow::ensure;
use docent_tests::{Result, source_tree};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// What a file says about rules: id to the names of the items whose comment says it.
#[derive(Default, PartialEq, Eq, Debug)]
struct Mentions {
    enforced: BTreeMap<String, BTreeSet<String>>,
    tried: BTreeMap<String, BTreeSet<String>>,
}

/// How a file's functions count.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A function is a test if an attribute says so, or if it stands in a macro that makes tests.
    Source,
    /// Every documented function is a test: `tests/e2e` and `tests/attacks` make them by macros.
    Stories,
}

/// Macros whose functions are tests.
const TEST_MACROS: [&str; 6] =
    ["on_each_database! {", "in_every_shape! {", "together_and_split! {", "in_shape! {", "in_postgres_shapes! {", "proptest! {"];

/// Where a comment belongs that stands before no item.
const MODULE: &str = "module";

fn ids(words: &str) -> impl Iterator<Item = String> {
    words.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| RULES.iter().any(|rule| rule.id == *word)).map(str::to_owned)
}

/// The name that a line declares.
fn declared(line: &str) -> Option<&str> {
    let mut words = line.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).filter(|word| !word.is_empty());
    loop {
        match words.next()? {
            "pub" | "crate" | "async" | "unsafe" | "super" => {}
            "const" | "static" | "fn" | "struct" | "enum" | "trait" | "type" | "mod" => return words.next(),
            _ => return None,
        }
    }
}

/// What a file says. A comment before an item is that item's; one within a function is the function's; `//!` is the file's.
fn mentions(text: &str, kind: Kind) -> Mentions {
    let mut found = Mentions::default();
    let (mut comment, mut is_test, mut in_tests, mut in_macro) = (String::new(), false, kind == Kind::Stories, false);
    let mut current = MODULE.to_owned();
    for line in text.lines() {
        in_tests |= line.starts_with("#[cfg(test)]");
        in_macro |= TEST_MACROS.contains(&line.trim_end());
        in_macro &= line != "}";
        let line = line.trim();
        if let Some(words) = line.strip_prefix("///") {
            comment.push_str(words);
            comment.push(' ');
        } else if let Some(words) = line.strip_prefix("//!") {
            for id in ids(words).filter(|_| !in_tests) {
                found.enforced.entry(id).or_default().insert(MODULE.to_owned());
            }
        } else if line.starts_with("#[") {
            is_test |= line.contains("test");
        } else {
            if let Some(name) = declared(line) {
                let is_function = line.contains("fn ");
                if is_function && (is_test || in_macro || kind == Kind::Stories) {
                    for id in ids(&comment) {
                        found.tried.entry(id).or_default().insert(name.to_owned());
                    }
                } else if !in_tests {
                    for id in ids(&comment) {
                        found.enforced.entry(id).or_default().insert(name.to_owned());
                    }
                }
                if is_function || line.starts_with("const ") || line.starts_with("struct ") {
                    name.clone_into(&mut current);
                }
            } else if !in_tests {
                // A comment on a field, a variant or a step.
                let beside = line.split_once("//").map_or("", |(_, words)| words);
                for id in ids(&comment).chain(ids(beside)) {
                    found.enforced.entry(id).or_default().insert(current.clone());
                }
            }
            comment.clear();
            is_test = false;
        }
    }
    found
}

/// Where a rule is enforced and what tries it, as `path: names`.
#[derive(Default)]
struct Places {
    enforced: BTreeMap<String, BTreeSet<String>>,
    tried: BTreeMap<String, BTreeSet<String>>,
}

fn places() -> Result<BTreeMap<String, Places>> {
    let root = source_tree::root();
    let mut all: BTreeMap<String, Places> = BTreeMap::new();
    for folder in ["crates", "tests"] {
        for file in source_tree::files(&root.join(folder), ".rs")? {
            let path = file.strip_prefix(&root)?.to_string_lossy().into_owned();
            let is_test_code = path.starts_with("tests/") || path.contains("/tests/");
            let is_story = ["tests/e2e/", "tests/attacks/", "tests/interop/"].iter().any(|folder| path.starts_with(folder));
            let kind = if is_story { Kind::Stories } else { Kind::Source };
            let said = mentions(&std::fs::read_to_string(&file)?, kind);
            for (id, names) in said.tried {
                all.entry(id).or_default().tried.entry(path.clone()).or_default().extend(names);
            }
            for (id, names) in said.enforced.into_iter().filter(|_| !is_test_code) {
                all.entry(id).or_default().enforced.entry(path.clone()).or_default().extend(names);
            }
        }
    }
    Ok(all)
}

fn list(places: &BTreeMap<String, BTreeSet<String>>) -> String {
    let mut text = String::new();
    for (path, names) in places {
        let names: Vec<String> =
            names.iter().map(|name| if name == MODULE { "the module".to_owned() } else { format!("`{name}`") }).collect();
        let _ = writeln!(text, "- `{path}`: {}", names.join(", "));
    }
    text
}

fn page(all: &BTreeMap<String, Places>) -> String {
    let mut text = "# Security rules\n\nWhat Docent's authorization promises, where the code keeps each promise, and which tests try to break it. This page is made from the \
        comments in the source by the tests themselves: a rule that nothing enforces, or that no test tries, fails the build. `RS` is the resource server, `AS` the \
        authorization server. What is known to have gone wrong elsewhere, and is tried on Docent, stands on the page of [attacks](attacks.md).\n\n"
        .to_owned();
    text.push_str("| rule | what | source | enforced in | tests |\n|---|---|---|---|---|\n");
    let count = |places: &BTreeMap<String, BTreeSet<String>>| places.values().map(BTreeSet::len).sum::<usize>();
    for Rule { id, what, source } in RULES {
        let (enforced, tried) = all.get(*id).map_or((0, 0), |places| (places.enforced.len(), count(&places.tried)));
        let files = if enforced == 1 { "file" } else { "files" };
        let _ = writeln!(text, "| [{id}](#{}) | {what} | {source} | {enforced} {files} | {tried} |", id.to_lowercase());
    }
    for Rule { id, what, source } in RULES {
        let Some(places) = all.get(*id) else { continue };
        let _ = write!(
            text,
            "\n## {id}\n\n{what} ({source})\n\nEnforced in:\n\n{}\nTried by:\n\n{}",
            list(&places.enforced),
            list(&places.tried)
        );
    }
    text
}

#[test]
fn every_rule_is_enforced_somewhere_and_tried_by_a_test() -> Result {
    let all = places()?;
    let lacks =
        |what: fn(&Places) -> bool| -> Vec<&str> { RULES.iter().map(|rule| rule.id).filter(|id| all.get(*id).is_none_or(what)).collect() };
    let (untried, unenforced) = (lacks(|places| places.tried.is_empty()), lacks(|places| places.enforced.is_empty()));
    ensure!(untried.is_empty(), "no test's doc comment names {untried:?}");
    ensure!(unenforced.is_empty(), "no comment of the code names {unenforced:?}");
    Ok(())
}

#[test]
fn the_page_of_security_rules_is_current() -> Result {
    let path = source_tree::root().join("docs/security-rules.md");
    let wanted = page(&places()?);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &wanted)?;
    }
    ensure!(
        std::fs::read_to_string(&path).unwrap_or_default() == wanted,
        "docs/security-rules.md is out of date: UPDATE_DOCS=1 cargo nextest run --workspace -E 'test(page_of_security_rules)'"
    );
    Ok(())
}

#[test]
fn an_id_counts_where_its_comment_stands() {
    let text = "//! RS1: a file\n\n/// RS2: an item\npub(crate) fn item() {\n    // RS3: a step\n    let x = 1; // RS4\n}\n\n#[cfg(test)]\nmod tests {\n    /// RS5: a helper\n    fn helper() {}\n\n    /// RS6, AS7: a test\n    #[test]\n    fn test() {}\n}\n";
    let found = mentions(text, Kind::Source);
    let one = |names: &BTreeMap<String, BTreeSet<String>>, id: &str| {
        names.get(id).map(|names| names.iter().cloned().collect::<Vec<_>>().join(","))
    };
    assert_eq!(one(&found.enforced, "RS1").as_deref(), Some(MODULE));
    assert_eq!(one(&found.enforced, "RS2").as_deref(), Some("item"));
    assert_eq!(one(&found.enforced, "RS3").as_deref(), Some("item"));
    assert_eq!(one(&found.enforced, "RS4").as_deref(), Some("item"));
    assert!(!found.tried.contains_key("RS5") && !found.enforced.contains_key("RS5"));
    assert_eq!(one(&found.tried, "RS6").as_deref(), Some("test"));
    assert_eq!(one(&found.tried, "AS7").as_deref(), Some("test"));
    assert!(!found.tried.contains_key("RS2"));
    let story = mentions("/// AS8: a story\nasync fn story(shape: Shape) {}\n", Kind::Stories);
    assert_eq!(one(&story.tried, "AS8").as_deref(), Some("story"));
    let each = mentions("on_each_database! {\n    /// AS9.\n    async fn rotates(database) {}\n}\n/// AS10\nfn code() {}\n", Kind::Source);
    assert_eq!(one(&each.tried, "AS9").as_deref(), Some("rotates"));
    assert_eq!(one(&each.enforced, "AS10").as_deref(), Some("code"));
}
