//! Signals to processes that a test started.

use crate::Result;
use anyhow::{Context as _, ensure};
use std::process::{Command, Stdio};

/// Sends a signal, by its name without `SIG`.
///
/// # Errors
/// There is no such process.
pub fn send(process: u32, name: &str) -> Result {
    let status = Command::new("sh")
        .args(["-c", "kill -s \"$0\" \"$1\"", name, &process.to_string()])
        .stderr(Stdio::null())
        .status()
        .context("sh cannot be started")?;
    ensure!(status.success(), "SIG{name} could not be sent to process {process}");
    Ok(())
}
