//! Where one client lives: its own home, and what it is told.

use anyhow::ensure;
use docent_tests::documents::{EXPECT, LIBRARY, NAME, QUESTION};
use docent_tests::program::Output;
use docent_tests::{Installation, Result, binary, source_tree};
use std::ffi::OsString;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::process::Command;

/// A client's home and its variables.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    /// Its home: also where pictures and logs are left.
    pub(crate) home: PathBuf,
    /// The MCP endpoint.
    pub(crate) url: String,
    /// The URL of its metadata document, if it is to use one.
    pub(crate) document: Option<String>,
    variables: Vec<(&'static str, OsString)>,
}

impl Session {
    /// An empty home, a person, and a library to ask about.
    pub(crate) async fn open(installation: &Installation, name: &str) -> Result<Self> {
        let home = binary::target_folder()?.join("tests/interop").join(format!("{name}-{:?}", installation.shape).to_lowercase());
        if home.exists() {
            std::fs::remove_dir_all(&home)?;
        }
        std::fs::create_dir_all(&home)?;
        let person = installation.add_person("ada@example.com").await?;
        installation.add_library(None).await?;
        let variables = vec![
            ("DOCENT_TEST_MCP_URL", installation.resource.clone().into()),
            ("DOCENT_TEST_LIBRARY", LIBRARY.into()),
            ("DOCENT_TEST_NAME", NAME.into()),
            ("DOCENT_TEST_QUESTION", QUESTION.into()),
            ("DOCENT_TEST_EXPECT", EXPECT.into()),
            ("DOCENT_TEST_EMAIL", person.email.clone().into()),
            ("DOCENT_TEST_PASSWORD", person.password.clone().into()),
            ("DOCENT_TEST_OUT", home.clone().into()),
            ("BROWSER", source_tree::root().join("tests/browser/browser").into()),
            ("HOME", home.clone().into()),
        ];
        Ok(Self { home, url: installation.resource.clone(), document: None, variables })
    }

    /// The client is told the URL of its metadata document.
    pub(crate) fn publish(&mut self, url: &str) {
        self.variables.push(("DOCENT_TEST_METADATA_URL", url.into()));
        self.document = Some(url.to_owned());
    }

    /// The same client with a copy of what it stored, in a home of its own.
    pub(crate) fn elsewhere(&self, number: usize) -> Result<Self> {
        let home = self.home.join(format!("elsewhere-{number}"));
        std::fs::create_dir_all(&home)?;
        let copied = std::process::Command::new("cp").arg("-a").arg(self.home.join(".mcp-auth")).arg(&home).status()?;
        ensure!(copied.success(), "{copied}");
        let mut this = Self { home: home.clone(), ..self.clone() };
        this.variables.push(("HOME", home.into()));
        Ok(this)
    }

    /// Tells a program what `README.md` says that it is told.
    pub(crate) fn tell(&self, command: &mut Command) {
        command.current_dir(source_tree::root().join("tests/interop")).envs(self.variables.iter().cloned());
        for name in ["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "XDG_CONFIG_HOME", "XDG_DATA_HOME"] {
            command.env_remove(name);
        }
    }

    /// The browser, told where to go.
    pub(crate) fn browser(&self, url: &str) -> Command {
        let mut command = Command::new(source_tree::root().join("tests/browser/browser"));
        self.tell(&mut command);
        command.arg(url);
        command
    }

    /// Keeps what a client printed.
    pub(crate) fn keep(&self, command: &str, output: &Output) -> Result {
        let mut log = std::fs::File::options().create(true).append(true).open(self.home.join("client.log"))?;
        writeln!(log, "== {command}: {:?}\n{}\n{}", output.code, output.stdout, output.stderr)?;
        Ok(())
    }

    /// Waits until the browser has allowed and arrived at the client so often: the client may be done before the browser has said so.
    pub(crate) async fn wait_for_consents(&self, wanted: usize) -> Result {
        let until = Instant::now() + Duration::from_secs(30);
        loop {
            let log = std::fs::read_to_string(self.home.join("consent.log")).unwrap_or_default();
            let (allowed, arrived) = (log.matches("clicked allow").count(), log.matches("arrived at").count());
            if allowed == wanted && arrived == wanted {
                return Ok(());
            }
            ensure!(allowed <= wanted && Instant::now() < until, "allowed {allowed} times, arrived {arrived} times, not {wanted}:\n{log}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// A file in the home.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        Path::new(&self.home).join(name)
    }
}
