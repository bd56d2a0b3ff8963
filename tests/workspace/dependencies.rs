//! Dependencies point one way (`docs/decisions`, the design's map): a crate that may not know another does not depend on it.

use anyhow::{Context as _, ensure};
use docent_tests::{Result, source_tree};
use serde_json::Value;
use std::collections::BTreeMap;
use std::process::Command;

/// Each package, and those of ours that it may know.
const MAY_KNOW: &[(&str, &[&str])] = &[
    ("docent-types", &[]),
    ("docent-migrations", &[]),
    // Of any server, so that it knows nothing of ours.
    ("docent-doctor", &["docent-types"]),
    ("docent-store", &["docent-types", "docent-migrations"]),
    ("docent-library", &["docent-types"]),
    ("docent-authorization-server", &["docent-types", "docent-store"]),
    ("docent-resource-server", &["docent-types", "docent-store"]),
    ("docent-mcp-tools", &["docent-types", "docent-library"]),
    ("docent-rest-api", &["docent-types", "docent-store", "docent-library"]),
    ("docent-console", &["docent-types", "docent-store", "docent-library"]),
    (
        "docent",
        &[
            "docent-types",
            "docent-doctor",
            "docent-store",
            "docent-migrations",
            "docent-library",
            "docent-authorization-server",
            "docent-resource-server",
            "docent-mcp-tools",
            "docent-rest-api",
            "docent-console",
        ],
    ),
    // From outside only: tests/harness says why.
    ("docent-tests", &[]),
    // What reads bytes from strangers, for a fuzzer.
    ("docent-fuzz", &["docent-types", "docent-authorization-server", "docent-resource-server", "docent-doctor", "docent-library"]),
    // Measures parts as well as the whole.
    ("docent-bench", &["docent-types", "docent-store", "docent-library", "docent-resource-server"]),
];

/// Who may name a dependency that belongs to one layer.
const OWNED: &[(&str, &[&str])] = &[
    ("sea-orm", &["docent-store", "docent-migrations"]),
    ("sea-orm-migration", &["docent-migrations", "docent-store"]),
    ("sqlx", &["docent-store"]),
    ("tantivy", &["docent-library"]),
    ("gix", &["docent-library"]),
    ("rmcp", &["docent-mcp-tools", "docent-tests"]),
    ("rmcp-actix-web", &["docent-mcp-tools"]),
    ("argon2", &["docent-authorization-server"]),
    ("askama", &["docent-authorization-server", "docent-console"]),
];

fn packages() -> Result<Vec<Value>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(source_tree::root())
        .output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    Ok(metadata["packages"].as_array().context("no packages")?.clone())
}

/// Whether a dependency is part of the program, not of its tests.
fn is_real(dependency: &Value) -> bool {
    dependency["kind"].is_null()
}

#[test]
fn every_crate_depends_only_on_those_it_may_know() -> Result {
    let allowed: BTreeMap<&str, &[&str]> = MAY_KNOW.iter().copied().collect();
    let packages = packages()?;
    ensure!(packages.len() >= allowed.len(), "only {} packages were found", packages.len());
    for package in &packages {
        let name = package["name"].as_str().context("no name")?;
        let may_know = allowed.get(name).with_context(|| format!("{name} is not in the list of who may know whom"))?;
        for dependency in package["dependencies"].as_array().context("no dependencies")?.iter().filter(|one| is_real(one)) {
            let other = dependency["name"].as_str().context("no name")?;
            ensure!(!allowed.contains_key(other) || may_know.contains(&other), "{name} may not know {other}");
        }
    }
    Ok(())
}

#[test]
fn every_layer_keeps_its_own_tools() -> Result {
    for package in packages()? {
        let name = package["name"].as_str().context("no name")?.to_owned();
        for dependency in package["dependencies"].as_array().context("no dependencies")?.iter().filter(|one| is_real(one)) {
            let other = dependency["name"].as_str().context("no name")?;
            let owners = OWNED.iter().find(|(tool, _)| *tool == other).map(|(_, owners)| *owners);
            ensure!(owners.is_none_or(|owners| owners.contains(&name.as_str())), "{name} may not use {other}: that is for {owners:?}");
        }
    }
    Ok(())
}

#[test]
fn every_crate_takes_the_workspace_lints() -> Result {
    for package in packages()? {
        let manifest = std::fs::read_to_string(package["manifest_path"].as_str().context("no manifest")?)?;
        ensure!(manifest.contains("[lints]\nworkspace = true"), "{} does not", package["name"]);
    }
    Ok(())
}
