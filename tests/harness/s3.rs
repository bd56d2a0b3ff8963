//! A real S3 server: `moto`, in a virtual environment that `scripts/install-test-tools` makes.

use crate::{Result, binary};
use anyhow::{Context as _, ensure};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

/// A server with one empty bucket, `docs`. Ends when it is dropped.
#[derive(Debug)]
pub struct S3Server {
    process: Child,
    /// `HOST:PORT`.
    pub address: String,
}

impl S3Server {
    /// Starts a server and makes the bucket.
    ///
    /// # Errors
    /// The server is not installed, or does not start.
    pub fn start() -> Result<Self> {
        let program = binary::target_folder()?.join("interop/server-s3/bin/moto_server");
        let mut process = Command::new(&program)
            .args(["-H", "127.0.0.1", "-p", "0"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("{}: scripts/install-test-tools installs it", program.display()))?;
        let mut lines = BufReader::new(process.stderr.take().context("its errors are not piped")?);
        let mut said = String::new();
        let address = loop {
            let mut line = String::new();
            ensure!(lines.read_line(&mut line)? > 0, "the S3 server ended: {said}");
            if let Some((_, address)) = line.trim().split_once("Running on http://") {
                break address.to_owned();
            }
            said.push_str(&line);
        };
        // What it logs is read until it ends, so that it never waits for a reader.
        std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        let server = Self { process, address };
        let answer = server.request("PUT", "/docs")?;
        ensure!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        Ok(server)
    }

    /// Sends a request without a body; answers with head and body as they came.
    ///
    /// # Errors
    /// There is no connection.
    pub fn request(&self, method: &str, path: &str) -> Result<String> {
        let mut connection = TcpStream::connect(&self.address)?;
        let host = &self.address;
        write!(connection, "{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        connection.read_to_string(&mut answer)?;
        Ok(answer)
    }

    /// What a `docent` is configured with to use it.
    #[must_use]
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        vec![
            ("DOCENT__ARTEFACTS__URL", "s3://docs/indexes".to_owned()),
            ("DOCENT__ARTEFACTS__ENDPOINT", format!("http://{}", self.address)),
            ("DOCENT__ARTEFACTS__ACCESS_KEY_ID", "tester".to_owned()),
            ("DOCENT__ARTEFACTS__SECRET_ACCESS_KEY", "secret".to_owned()),
        ]
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
