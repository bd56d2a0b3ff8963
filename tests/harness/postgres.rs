//! A private Postgres for one test: Debian's binaries, a temporary folder, a free port, durable commits.
//!
//! `initdb` takes a second, so it is run once for each version into the target folder and copied from there.

use crate::{Result, binary, port, signal};
use anyhow::{Context as _, bail, ensure};
use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const PASSWORD: &str = "only-for-this-test";
const MISSING: &str = "NO POSTGRES WAS FOUND, and this test does not pass without one. Debian has it in the package postgresql; scripts/install-test-tools installs it. \
                       Looked in PATH and in /usr/lib/postgresql/*/bin.";

/// A running server. It ends when this value does.
#[derive(Debug)]
pub struct Postgres {
    folder: TempDir,
    programs: PathBuf,
    port: u16,
    server: Option<Child>,
}

impl Postgres {
    /// Starts a server with an empty data folder.
    ///
    /// # Errors
    /// Postgres is not installed or does not start; its log is in the error.
    pub fn start() -> Result<Self> {
        let programs = programs()?;
        let folder = tempfile::Builder::new().prefix("docent-postgres-").tempdir()?;
        // The user postgres has to pass through it.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
        let template = template(&programs)?;
        copy(&template, &folder.path().join("data"))?;
        let mut this = Self { folder, programs, port: port::free()?, server: None };
        this.resume()?;
        Ok(this)
    }

    /// The URL of the database that each server has.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgres://postgres:{PASSWORD}@127.0.0.1:{}/postgres", self.port)
    }

    /// Starts it again after [`Self::stop`], on the same port and data.
    ///
    /// # Errors
    /// It does not answer within half a minute; its log is in the error.
    pub fn resume(&mut self) -> Result {
        let log = self.folder.path().join("log");
        let output = File::options().create(true).append(true).open(&log)?;
        let mut command = as_postgres(&self.programs.join("postgres"));
        command
            .arg("-D")
            .arg(self.folder.path().join("data"))
            .args(["-p", &self.port.to_string()])
            .args(["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "fsync=on", "-c", "synchronous_commit=on"])
            .args(["-c", "max_connections=200", "-c", "shared_buffers=32MB", "-c", "timezone=UTC"])
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output);
        let mut server = command.spawn().context("postgres cannot be started")?;
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let ready = Command::new(self.programs.join("pg_isready"))
                .args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()])
                .status()
                .context("pg_isready cannot be started")?;
            if ready.success() {
                self.server = Some(server);
                return Ok(());
            }
            if let Some(status) = server.try_wait()? {
                bail!("postgres ended with {status}:\n{}", fs::read_to_string(&log)?);
            }
            if Instant::now() > deadline {
                let _ = server.kill();
                bail!("postgres does not answer:\n{}", fs::read_to_string(&log)?);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Ends it at once, as a lost machine does. What was committed is there after [`Self::resume`].
    ///
    /// # Errors
    /// It was not running.
    pub fn stop(&mut self) -> Result {
        let mut server = self.server.take().context("postgres is not running")?;
        signal::send(server.id(), "QUIT")?;
        server.wait()?;
        Ok(())
    }

    /// What `psql` answers to a statement, unaligned and without headers.
    ///
    /// # Errors
    /// The statement fails; the message is psql's.
    pub fn query(&self, statement: &str) -> Result<String> {
        let output = Command::new("psql").args(["-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", statement, &self.url()]).output()?;
        ensure!(output.status.success(), "{statement}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let _ = self.stop();
    }
}

/// The folder of the newest installed version's programs.
fn programs() -> Result<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|entry| entry.path().join("bin"));
    let on_path = std::env::var_os("PATH").into_iter().flat_map(|path| std::env::split_paths(&path).collect::<Vec<_>>());
    let found = versions.chain(on_path).filter(|folder| folder.join("initdb").is_file() && folder.join("postgres").is_file());
    found.max_by_key(|folder| version(folder)).context(MISSING)
}

fn version(programs: &Path) -> u32 {
    programs.parent().and_then(Path::file_name).and_then(|name| name.to_str()).and_then(|name| name.parse().ok()).unwrap_or(0)
}

/// A program as the user postgres, since Postgres refuses root.
fn as_postgres(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]).arg(program);
    command
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

/// The user and group id of the user postgres.
fn postgres_user() -> Result<(u32, u32)> {
    let users = fs::read_to_string("/etc/passwd")?;
    let fields: Vec<&str> =
        users.lines().find(|line| line.starts_with("postgres:")).context("there is no user postgres")?.split(':').collect();
    let (user, group) = (fields.get(2).context("no user id")?, fields.get(3).context("no group id")?);
    Ok((user.parse()?, group.parse()?))
}

/// A data folder as `initdb` left it.
fn template(programs: &Path) -> Result<PathBuf> {
    let home = binary::target_folder()?.join("tests");
    let template = home.join(format!("postgres-{}", version(programs)));
    if template.is_dir() {
        return Ok(template);
    }
    fs::create_dir_all(&home)?;
    let folder = tempfile::Builder::new().prefix("docent-initdb-").tempdir()?;
    let password = folder.path().join("password");
    fs::write(&password, PASSWORD)?;
    if is_root() {
        let (user, group) = postgres_user()?;
        chown(folder.path(), Some(user), Some(group))?;
        chown(&password, Some(user), Some(group))?;
    }
    let data = folder.path().join("data");
    let output = as_postgres(&programs.join("initdb"))
        .current_dir("/")
        .args(["-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8", "--auth=scram-sha-256", "--pwfile"])
        .arg(&password)
        .arg("-D")
        .arg(&data)
        .stdin(Stdio::null())
        .output()
        .context("initdb cannot be started")?;
    ensure!(
        output.status.success(),
        "initdb failed:\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    // Several tests may come here at once: each makes its own, and one rename wins.
    let draft = home.join(format!("postgres-draft-{}", std::process::id()));
    copy(&data, &draft)?;
    if fs::rename(&draft, &template).is_err() {
        fs::remove_dir_all(&draft)?;
    }
    Ok(template)
}

fn copy(from: &Path, to: &Path) -> Result {
    let status = Command::new("cp").args(["-a", "--reflink=auto"]).arg(from).arg(to).status().context("cp cannot be started")?;
    ensure!(status.success(), "{} could not be copied", from.display());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_committed_is_there_after_a_stop_at_once() {
        let mut postgres = Postgres::start().unwrap();
        postgres.query("CREATE TABLE kept (word text); INSERT INTO kept VALUES ('here')").unwrap();
        postgres.stop().unwrap();
        assert!(postgres.query("SELECT 1").is_err());
        postgres.resume().unwrap();
        assert_eq!(postgres.query("SELECT word FROM kept").unwrap(), "here");
        assert_eq!(postgres.query("SHOW fsync").unwrap(), "on");
    }
}
