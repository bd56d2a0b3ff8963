//! Other programs that tests run: with a time limit, and with everything they printed in the error.

use crate::Result;
use anyhow::{Context as _, bail};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// What a program printed.
#[derive(Clone, Debug)]
pub struct Output {
    /// Its exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Output {
    /// Standard output, if it exited with 0.
    ///
    /// # Errors
    /// It did not; all that it printed is in the error.
    pub fn success(self) -> Result<String> {
        if self.code == Some(0) {
            Ok(self.stdout)
        } else {
            bail!("exit code {:?}\n--- stdout\n{}\n--- stderr\n{}", self.code, self.stdout, self.stderr)
        }
    }
}

/// Runs a program to its end.
///
/// # Errors
/// It cannot be started, or takes longer than `limit`.
pub async fn run(mut command: Command, stdin: &str, limit: Duration) -> Result<Output> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let shown = format!("{:?}", command.as_std());
    let mut child = command.spawn().with_context(|| format!("{shown} cannot be started"))?;
    if let Some(mut pipe) = child.stdin.take() {
        // A program that does not read its input has closed it: that is no fault.
        let _ = pipe.write_all(stdin.as_bytes()).await;
    }
    let output =
        tokio::time::timeout(limit, child.wait_with_output()).await.with_context(|| format!("{shown} takes longer than {limit:?}"))??;
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ok(Output { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) })
}
