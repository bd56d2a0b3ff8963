//! Indexes and vectors in an object store: processes that share no folder.

use crate::embedding;
use anyhow::{bail, ensure};
use docent_tests::mcp::Mcp;
use docent_tests::s3::S3Server;
use docent_tests::{Installation, Result, Shape};
use std::path::Path;
use std::time::{Duration, Instant};

/// Files below a folder.
fn files(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| if entry.path().is_dir() { files(&entry.path()) } else { 1 }).sum()
}

/// One process reads a library, another makes its vectors, a third answers with both; when the object store is away, it goes on.
#[test]
fn an_index_and_its_vectors_reach_the_node_that_answers() -> Result {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let server = S3Server::start()?;
        let folder = tempfile::tempdir()?;
        let model = embedding::installed(folder.path()).await?;
        let mut variables = server.variables();
        variables.extend(model);
        let variables: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let mut installation = Installation::start_with(Shape::Split, &variables).await?;
        let mcp = embedding::connected(&installation).await?;
        found_by_meaning(&installation, &mcp).await?;
        let listed = server.request("GET", "/docs?list-type=2")?;
        ensure!(listed.contains("manifest.json") && listed.contains("vectors"), "{listed}");
        let index = |role: &str| installation.folder().join(role).join("index");
        ensure!(files(&index("mcp")) > 3 && index("auth") != index("mcp"), "the node has nothing of its own");

        drop(server);
        installation.kill9_and_restart().await?;
        found_by_meaning(&installation, &mcp).await
    })
}

/// Asks until the model is loaded and the vectors are there.
async fn found_by_meaning(installation: &Installation, mcp: &Mcp) -> Result {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !embedding::first_page(mcp).await?.contains("cancelling.md") {
        if Instant::now() > deadline {
            installation.print_logs();
            bail!("it is not found by meaning");
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    Ok(())
}
