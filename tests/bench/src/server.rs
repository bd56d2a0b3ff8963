//! A Docent of our own to measure: the release binary, on a free port of loopback, pinned to a core.

use anyhow::{Context as _, bail};
use std::io::{BufRead as _, BufReader, Lines};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// A running server, killed when dropped.
pub struct Server {
    child: Child,
    _output: Lines<BufReader<ChildStdout>>,
    /// Where it listens.
    pub address: SocketAddr,
    /// From the start of the process to the first answer of `/readyz`.
    pub start: Duration,
}

/// The binary that is measured.
///
/// # Errors
/// It was not built.
pub fn binary() -> anyhow::Result<PathBuf> {
    let path = std::env::current_exe()?.with_file_name("docent");
    if !path.exists() {
        bail!("{} is missing: cargo build --release -p docent", path.display());
    }
    Ok(path)
}

impl Server {
    /// Starts it on core 0 with `data`, on Postgres if a URL is given.
    ///
    /// # Errors
    /// It did not start.
    pub fn start(data: &Path, postgres: Option<&str>, guide: bool) -> anyhow::Result<Self> {
        Self::start_with(data, postgres, guide, &[])
    }

    /// As [`Server::start`], with further configuration.
    ///
    /// # Errors
    /// It did not start.
    pub fn start_with(data: &Path, postgres: Option<&str>, guide: bool, variables: &[(&str, &str)]) -> anyhow::Result<Self> {
        let mut command = Command::new("taskset");
        command.args(["-c", "0"]).arg(binary()?).arg("--data").arg(data).args(["serve", "--listen", "127.0.0.1:0"]);
        command
            .env("DOCENT__SERVER__WORKERS", "1")
            .env("DOCENT__LOG__LEVEL", "error")
            // Counted as always, and never reached.
            .env("DOCENT__LIMITS__USER", "1000000000")
            .env("DOCENT__LIMITS__PROJECT", "1000000000")
            .env("DOCENT__LIMITS__KEY", "1000000000")
            .env("DOCENT__LIBRARY__GUIDE", if guide { "true" } else { "false" });
        command.envs(variables.iter().copied());
        if let Some(url) = postgres {
            command.env("DOCENT__DATABASE__URL", url);
        }
        let started = Instant::now();
        let mut child = command.stdout(Stdio::piped()).stdin(Stdio::null()).spawn().context("taskset is missing (Debian: util-linux)")?;
        let mut lines = BufReader::new(child.stdout.take().context("no output")?).lines();
        let line = lines.next().context("the server ended")??;
        let address: SocketAddr = line.rsplit("http://").next().context("no address")?.parse()?;
        let mut answer = String::new();
        {
            use std::io::{Read as _, Write as _};
            let mut stream = std::net::TcpStream::connect(address)?;
            write!(stream, "GET /readyz HTTP/1.1\r\nHost: localhost:{}\r\nConnection: close\r\n\r\n", address.port())?;
            stream.read_to_string(&mut answer)?;
        }
        let start = started.elapsed();
        if !answer.starts_with("HTTP/1.1 200") {
            bail!("not ready: {answer}");
        }
        Ok(Self { child, _output: lines, address, start })
    }

    /// Resident memory in MiB.
    ///
    /// # Errors
    /// The process is gone.
    pub fn memory(&self) -> anyhow::Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        Ok(line.trim().trim_end_matches(" kB").parse::<f64>()? / 1024.0)
    }

    /// `localhost:PORT`, as the Host header has it.
    #[must_use]
    pub fn host(&self) -> String {
        format!("localhost:{}", self.address.port())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.child.kill().is_ok() {
            drop(self.child.wait());
        }
    }
}
