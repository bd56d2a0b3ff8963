//! One running `docent serve`: its log, its readiness, its end.

use crate::{Result, signal};
use anyhow::{Context as _, bail};
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How long a process may take to become ready, or to end. Far more than it needs: the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// A process of an installation.
#[derive(Debug)]
pub struct Process {
    /// What it is, in logs: `docent`, `auth`, `mcp`, `worker`.
    pub name: &'static str,
    /// Where it listens: `http://127.0.0.1:PORT`.
    pub address: String,
    command: Command,
    log: PathBuf,
    child: Option<Child>,
}

impl Process {
    /// A process that is not running yet.
    #[must_use]
    pub fn new(name: &'static str, address: String, command: Command, log: PathBuf) -> Self {
        Self { name, address, command, log, child: None }
    }

    /// Starts it and waits until `/readyz` says yes.
    ///
    /// # Errors
    /// It ends, or does not get ready; its log is in the error.
    pub async fn start(&mut self) -> Result {
        let log = File::options().create(true).append(true).open(&self.log)?;
        self.command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        self.child = Some(self.command.spawn().with_context(|| format!("{:?} cannot be started", self.command))?);
        self.wait_until_ready().await
    }

    /// Waits until `/readyz` says yes.
    ///
    /// # Errors
    /// It ends, or does not get ready; its log is in the error.
    pub async fn wait_until_ready(&mut self) -> Result {
        let deadline = Instant::now() + PATIENCE;
        let http = reqwest::Client::builder().timeout(Duration::from_secs(5)).build()?;
        loop {
            let answer = http.get(format!("{}/readyz", self.address)).send().await;
            if answer.as_ref().is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            if let Some(status) = self.child.as_mut().context("the process was not started")?.try_wait()? {
                self.child = None;
                bail!("{} ended with {status} before it was ready:\n{}", self.name, self.log());
            }
            if Instant::now() > deadline {
                bail!("{} is not ready after {PATIENCE:?} ({answer:?}):\n{}", self.name, self.log());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits for a word in its log.
    ///
    /// # Errors
    /// It does not come; the log is in the error.
    pub async fn wait_for_word(&self, wanted: impl Fn(&str) -> bool) -> Result<String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let log = self.log();
            if let Some(word) = log.split_whitespace().find(|word| wanted(word)) {
                return Ok(word.to_owned());
            }
            if Instant::now() > deadline {
                bail!("the word does not come in the log of {}:\n{log}", self.name);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Its id.
    ///
    /// # Errors
    /// It is not running.
    pub fn id(&self) -> Result<u32> {
        Ok(self.child.as_ref().with_context(|| format!("{} is not running", self.name))?.id())
    }

    /// Whether it runs.
    pub fn is_running(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    /// SIGKILL: nothing is flushed, nobody is asked.
    ///
    /// # Errors
    /// It was not running.
    pub fn kill9(&mut self) -> Result {
        let mut child = self.child.take().with_context(|| format!("{} is not running", self.name))?;
        child.kill()?;
        child.wait()?;
        Ok(())
    }

    /// SIGTERM, and how it ended.
    ///
    /// # Errors
    /// It was not running, or does not end.
    pub async fn terminate(&mut self) -> Result<ExitStatus> {
        let mut child = self.child.take().with_context(|| format!("{} is not running", self.name))?;
        signal::send(child.id(), "TERM")?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok(status);
            }
            if Instant::now() > deadline {
                child.kill()?;
                child.wait()?;
                bail!("{} did not end after SIGTERM:\n{}", self.name, self.log());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// All that it wrote so far.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
