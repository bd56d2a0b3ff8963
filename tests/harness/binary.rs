//! Where the built binary is.

use crate::Result;
use anyhow::{Context as _, bail};
use std::path::PathBuf;

/// The binary under test: `DOCENT_BIN`, or `docent` in the folder that cargo built this test into.
///
/// # Errors
/// It is not there: `cargo build --workspace` makes it.
pub fn docent() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("DOCENT_BIN") {
        return Ok(PathBuf::from(path));
    }
    // target/debug/deps/name-hash -> target/debug/docent
    let test = std::env::current_exe()?;
    let folder = test.parent().and_then(|deps| deps.parent()).context("the test executable stands in no folder")?;
    let binary = folder.join("docent");
    if !binary.is_file() {
        bail!("{} is missing: run `cargo build --workspace` first, as scripts/test does, or set DOCENT_BIN", binary.display());
    }
    Ok(binary)
}

/// The target folder of the build.
///
/// # Errors
/// The test executable stands in no such folder.
pub fn target_folder() -> Result<PathBuf> {
    let test = std::env::current_exe()?;
    let folder = test.ancestors().nth(3).context("the test executable stands in no target folder")?;
    Ok(folder.to_owned())
}
