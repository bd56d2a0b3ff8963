//! A private Redis for one test: Debian's binary, a free port, nothing on disk.

use crate::{Result, port};
use anyhow::{Context as _, bail};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const MISSING: &str = "NO REDIS WAS FOUND, and this test does not pass without one. Debian has it in the package redis-server; scripts/install-test-tools installs it.";

/// A running server. It ends when this value does.
#[derive(Debug)]
pub struct Redis {
    port: u16,
    server: Option<Child>,
}

impl Redis {
    /// Starts a server.
    ///
    /// # Errors
    /// Redis is not installed or does not start.
    pub fn start() -> Result<Self> {
        let mut this = Self { port: port::free()?, server: None };
        this.resume()?;
        Ok(this)
    }

    /// Its address.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Starts it again after [`Self::stop`], on the same port, empty.
    ///
    /// # Errors
    /// It does not answer within ten seconds.
    pub fn resume(&mut self) -> Result {
        let mut command = Command::new("redis-server");
        command.args(["--port", &self.port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--daemonize", "no"]);
        let server = command.current_dir(std::env::temp_dir()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        self.server = Some(server.context(MISSING)?);
        let begun = Instant::now();
        while self.ping().is_err() {
            if begun.elapsed() > Duration::from_secs(10) {
                bail!("redis-server does not answer at port {}", self.port);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    fn ping(&self) -> Result {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        stream.write_all(b"PING\r\n")?;
        let mut answer = [0; 5];
        stream.read_exact(&mut answer)?;
        if &answer == b"+PONG" { Ok(()) } else { bail!("redis-server answered {answer:?}") }
    }

    /// Kills it.
    ///
    /// # Errors
    /// It cannot be killed.
    pub fn stop(&mut self) -> Result {
        if let Some(mut server) = self.server.take() {
            server.kill()?;
            server.wait()?;
        }
        Ok(())
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.stop();
    }
}
