//! All processes of one shape, and the command line that goes with them.

use crate::document_server::DocumentServer;
use crate::postgres::Postgres;
use crate::process::Process;
use crate::program::{self, Output};
use crate::wire::{Exchange, Wire};
use crate::{Person, Result, binary, documents, port};
use anyhow::{Context as _, ensure};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

/// The shapes of `design.md` that run on one machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shape {
    /// One process, SQLite.
    Together,
    /// One process, Postgres.
    TogetherPostgres,
    /// Three processes, Postgres; the issuer is another origin than the resource.
    Split,
}

/// A running Docent.
#[derive(Debug)]
pub struct Installation {
    /// Its shape.
    pub shape: Shape,
    /// The issuer, and the origin of the pages.
    pub issuer: String,
    /// The origin of the MCP endpoint.
    pub mcp_origin: String,
    /// The MCP endpoint.
    pub resource: String,
    /// Its processes, in the order in which they start.
    pub processes: Vec<Process>,
    /// Its database server, unless it is on SQLite.
    pub postgres: Option<Postgres>,
    /// What clients publish, in stories with documents.
    pub published: Option<DocumentServer>,
    /// What stands before the processes and listens, if it was started so.
    pub wires: Vec<Wire>,
    data: PathBuf,
    variables: Vec<(String, String)>,
    // Last, so that it is removed when nobody uses it any more.
    folder: TempDir,
}

const COMMAND_LIMIT: Duration = Duration::from_secs(120);

/// Runs a story in a fresh installation, and prints the logs if it fails.
///
/// # Errors
/// Those of the story.
pub fn tell<F>(shape: Shape, story: F) -> Result
where
    F: for<'a> FnOnce(&'a mut Installation) -> Pin<Box<dyn Future<Output = Result> + 'a>>,
{
    tell_in(async move { Installation::start(shape).await }, story)
}

/// As [`tell`], with a server for what clients publish that the installation may ask.
///
/// # Errors
/// Those of the story.
pub fn tell_with_documents<F>(shape: Shape, story: F) -> Result
where
    F: for<'a> FnOnce(&'a mut Installation) -> Pin<Box<dyn Future<Output = Result> + 'a>>,
{
    let start = async move {
        let documents = DocumentServer::start().await?;
        let variables = documents.variables();
        let variables: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let mut installation = Installation::start_with(shape, &variables).await?;
        installation.published = Some(documents);
        Ok(installation)
    };
    tell_in(start, story)
}

/// Runs a story in the installation that `start` gives, and prints the logs if it fails.
///
/// # Errors
/// Those of the start and of the story.
pub fn tell_in<F>(start: impl Future<Output = Result<Installation>>, story: F) -> Result
where
    F: for<'a> FnOnce(&'a mut Installation) -> Pin<Box<dyn Future<Output = Result> + 'a>>,
{
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let mut installation = start.await?;
        let outcome = story(&mut installation).await;
        if outcome.is_err() {
            installation.print_logs();
        }
        outcome
    })
}

impl Installation {
    /// Starts a shape with an empty data folder and nothing configured that it does not need.
    ///
    /// # Errors
    /// A process does not get ready; its log is in the error.
    pub async fn start(shape: Shape) -> Result<Self> {
        Self::start_with(shape, &[]).await
    }

    /// As [`Self::start`], with further configuration variables.
    ///
    /// # Errors
    /// A process does not get ready; its log is in the error.
    pub async fn start_with(shape: Shape, variables: &[(&str, &str)]) -> Result<Self> {
        Self::start_as(shape, variables, false).await
    }

    /// As [`Self::start_with`], with a [`Wire`] before each process that clients talk to: its public URL is the wire's.
    ///
    /// # Errors
    /// A process does not get ready; its log is in the error.
    pub async fn start_recorded(shape: Shape, variables: &[(&str, &str)]) -> Result<Self> {
        Self::start_as(shape, variables, true).await
    }

    async fn start_as(shape: Shape, variables: &[(&str, &str)], recorded: bool) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("docent-test-").tempdir()?;
        let postgres = if shape == Shape::Together { None } else { Some(Postgres::start()?) };
        let mut all: Vec<(String, String)> = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        if let Some(postgres) = &postgres {
            all.push(("DOCENT__DATABASE__URL".to_owned(), postgres.url()));
        }
        let ports = [port::free()?, port::free()?, port::free()?];
        let mut wires = Vec::new();
        if recorded {
            for port in &ports[..if shape == Shape::Split { 2 } else { 1 }] {
                wires.push(Wire::before(*port).await?);
            }
        }
        let public: Vec<u16> = ports.iter().enumerate().map(|(at, port)| wires.get(at).map_or(*port, |wire| wire.port)).collect();
        let url = |port: u16| format!("http://localhost:{port}");
        let (issuer, mcp_origin) = match shape {
            Shape::Together | Shape::TogetherPostgres => {
                if recorded {
                    all.push(("DOCENT__AUTH__PUBLIC_URL".to_owned(), url(public[0])));
                }
                (url(public[0]), url(public[0]))
            }
            Shape::Split => {
                // What processes on several machines share: the database, the indexes (a folder or an object store), the master key, the two URLs.
                all.push(("DOCENT__AUTH__PUBLIC_URL".to_owned(), url(public[0])));
                all.push(("DOCENT__MCP__PUBLIC_URL".to_owned(), url(public[1])));
                if !variables.iter().any(|(name, _)| *name == "DOCENT__ARTEFACTS__URL") {
                    all.push(("DOCENT__LIBRARY__INDEX_FOLDER".to_owned(), folder.path().join("index").display().to_string()));
                }
                all.push(("DOCENT__SECRETS__MASTER_KEY".to_owned(), "5a".repeat(32)));
                (url(public[0]), url(public[1]))
            }
        };
        let data = folder.path().join(if shape == Shape::Split { "auth" } else { "docent" });
        let resource = format!("{mcp_origin}/mcp");
        let (processes, published) = (Vec::new(), None);
        let mut this = Self { shape, issuer, mcp_origin, resource, processes, postgres, published, wires, data, variables: all, folder };
        let roles: &[(&'static str, &[&str])] = match shape {
            Shape::Together | Shape::TogetherPostgres => &[("docent", &[])],
            Shape::Split => &[("auth", &["--role", "auth"]), ("mcp", &["--role", "mcp"]), ("worker", &["--role", "worker"])],
        };
        for ((name, arguments), port) in roles.iter().zip(ports) {
            let mut command = this.command_in(&this.folder.path().join(name))?;
            command.arg("serve").args(*arguments).args(["--listen", &format!("127.0.0.1:{port}")]);
            let log = this.folder.path().join(format!("{name}.log"));
            let mut process = Process::new(name, format!("http://127.0.0.1:{port}"), command, log);
            process.start().await?;
            this.processes.push(process);
        }
        Ok(this)
    }

    /// A folder of this test's own, removed at its end.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The binary on this installation's data and configuration; the caller adds what it is to do.
    ///
    /// # Errors
    /// The binary is not built.
    pub fn command(&self) -> Result<Command> {
        self.command_in(&self.data)
    }

    fn command_in(&self, data: &Path) -> Result<Command> {
        let mut command = Command::new(binary::docent()?);
        // Nothing of the developer's own configuration gets in.
        command.env_clear().envs(self.variables.iter().cloned()).env("HOME", self.folder.path()).current_dir(self.folder.path());
        for name in ["PATH", "TMPDIR", "RUST_BACKTRACE", "LLVM_PROFILE_FILE"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command.arg("--data").arg(data);
        Ok(command)
    }

    /// Runs a command of the command line to its end.
    ///
    /// # Errors
    /// It cannot be started, or takes too long. A failure of its own is in the output.
    pub async fn docent(&self, arguments: &[&str], stdin: &str) -> Result<Output> {
        let mut command = self.command()?;
        command.args(arguments);
        program::run(command.into(), stdin, COMMAND_LIMIT).await
    }

    /// As [`Self::docent`], for commands that must succeed.
    ///
    /// # Errors
    /// It failed; what it printed is in the error.
    pub async fn run(&self, arguments: &[&str]) -> Result<String> {
        self.docent(arguments, "").await?.success().with_context(|| format!("docent {}", arguments.join(" ")))
    }

    /// Adds a person with a password.
    ///
    /// # Errors
    /// The command failed.
    pub async fn add_person(&self, email: &str) -> Result<Person> {
        let password = format!("correct horse of {email}");
        self.docent(&["user", "add", email, "--name", "Test Person", "--password-stdin"], &format!("{password}\n")).await?.success()?;
        Person::new(email, &password, &self.issuer)
    }

    /// Adds the library that stories ask about ([`documents::LIBRARY`]), for everybody or for one project.
    ///
    /// # Errors
    /// The command failed.
    pub async fn add_library(&self, private: Option<&str>) -> Result {
        let source = documents::write(self.folder.path())?.display().to_string();
        let mut arguments = vec!["library", "add", &source, "--id", documents::LIBRARY, "--title", "Lighthouse"];
        arguments.extend(private.iter().flat_map(|project| ["--private", project]));
        self.run(&arguments).await.map(drop)
    }

    /// The process that serves the authorization server.
    ///
    /// # Errors
    /// The installation has none.
    pub fn auth(&mut self) -> Result<&mut Process> {
        self.processes.first_mut().context("no process")
    }

    /// SIGKILL to every process, then a start of each.
    ///
    /// # Errors
    /// One does not come back; its log is in the error.
    pub async fn kill9_and_restart(&mut self) -> Result {
        for process in &mut self.processes {
            process.kill9()?;
        }
        for process in &mut self.processes {
            process.start().await?;
        }
        Ok(())
    }

    /// The database server.
    ///
    /// # Errors
    /// The installation is on SQLite.
    pub fn postgres(&mut self) -> Result<&mut Postgres> {
        self.postgres.as_mut().context("this shape has no Postgres")
    }

    /// What clients publish.
    ///
    /// # Errors
    /// The story is not one with documents.
    pub fn documents(&self) -> Result<&DocumentServer> {
        self.published.as_ref().context("this story is told without documents: list it in with_documents!")
    }

    /// What went over all wires since [`wire::now`](crate::wire::now) was `mark`, in the order in which the requests came.
    #[must_use]
    pub fn exchanges_since(&self, mark: u64) -> Vec<Exchange> {
        let mut all: Vec<Exchange> = self.wires.iter().flat_map(Wire::exchanges).filter(|exchange| exchange.at > mark).collect();
        all.sort_by_key(|exchange| exchange.at);
        all
    }

    /// The rows that a statement gives, their columns separated by `|`: asked past the product, in its database.
    ///
    /// # Errors
    /// The statement fails.
    pub async fn query(&self, statement: &str) -> Result<Vec<String>> {
        const SQLITE: &str = "import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], timeout=30)
connection.execute('PRAGMA foreign_keys = ON')
for row in connection.execute(sys.argv[2]).fetchall(): print(*row, sep='|')
connection.commit()";
        let rows = match &self.postgres {
            Some(postgres) => postgres.query(statement)?,
            None => {
                let mut command = Command::new("python3");
                command.arg("-c").arg(SQLITE).arg(self.data.join("docent.sqlite")).arg(statement);
                program::run(command.into(), "", COMMAND_LIMIT).await?.success()?
            }
        };
        Ok(rows.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect())
    }

    /// Prints what the processes wrote.
    pub fn print_logs(&self) {
        for process in &self.processes {
            eprintln!("=== log of {} ===\n{}", process.name, process.log());
        }
    }

    /// Ends all processes by SIGTERM; each must exit with 0.
    ///
    /// # Errors
    /// One did not.
    pub async fn terminate(&mut self) -> Result {
        for process in &mut self.processes {
            let status = process.terminate().await?;
            ensure!(status.success(), "{} ended with {status}:\n{}", process.name, process.log());
        }
        Ok(())
    }
}

impl Drop for Installation {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.print_logs();
        }
    }
}
