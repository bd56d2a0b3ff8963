//! Throw-away databases for tests: a SQLite file, and a database in a private Postgres that is started once and shared by all test
//! processes of this user. It says loudly when it cannot.
//!
//! The server is left running for the next test; `scripts/test` stops it: `pg_ctl -D <folder>/data stop`, see [`postgres_folder`].

use crate::{Database, Store};
use std::fs::File;
use std::hash::{BuildHasher as _, Hasher as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A database of its own, brought up to date, removed when this is dropped.
pub struct TestDatabase {
    /// Connected to it, with a key for sealed values.
    pub store: Store,
    /// Where it is.
    pub database: Database,
    /// `sqlite` or `postgres`.
    pub name: &'static str,
    #[expect(dead_code, reason = "held for its drop")]
    removed_at_drop: Remove,
}

enum Remove {
    Folder { _folder: tempfile::TempDir },
    PostgresDatabase { server: Server, name: String },
}

impl Drop for Remove {
    fn drop(&mut self) {
        if let Self::PostgresDatabase { server, name } = self {
            let _ = server.client("dropdb").args(["--if-exists", "--force", name]).status();
        }
    }
}

/// A private Postgres.
#[derive(Clone, Debug)]
pub struct Server {
    bin: PathBuf,
    port: u16,
}

impl Server {
    fn client(&self, program: &str) -> Command {
        let mut command = Command::new(self.bin.join(program));
        command.args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-U", "postgres"]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// The URL of one of its databases.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    fn answers(&self) -> bool {
        self.client("pg_isready").status().is_ok_and(|status| status.success())
    }
}

/// Stops the test with words that help.
#[expect(clippy::panic, reason = "a test without its database must fail")]
fn fail(what: &str) -> ! {
    panic!(
        "tests need a private Postgres and it cannot be started: {what}\non Debian: apt-get install postgresql (its programs are used from /usr/lib/postgresql/*/bin; no running cluster is needed)"
    )
}

fn uid() -> u32 {
    std::fs::metadata("/proc/self").map_or(0, |process| process.uid())
}

/// The folder of the shared server: `data` in it is the cluster, `port` names its port.
#[must_use]
pub fn postgres_folder() -> PathBuf {
    std::env::temp_dir().join(format!("docent-postgres-{}", uid()))
}

/// Postgres refuses to run as root.
fn as_postgres(program: &Path) -> Command {
    let mut command = if uid() == 0 {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    command.stdin(Stdio::null()).stdout(Stdio::null()).current_dir("/");
    command
}

fn run(command: &mut Command) {
    let program = format!("{command:?}");
    match command.stderr(Stdio::piped()).output() {
        Ok(output) if output.status.success() => {}
        Ok(output) => fail(&format!("{program}: {}", String::from_utf8_lossy(&output.stderr))),
        Err(error) => fail(&format!("{program}: {error}")),
    }
}

fn newest_programs() -> PathBuf {
    let mut versions: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let version = path.file_name()?.to_str()?.parse().ok()?;
            path.join("bin/initdb").exists().then(|| (version, path.join("bin")))
        })
        .collect();
    versions.sort();
    versions.pop().map_or_else(|| fail("there is no /usr/lib/postgresql/*/bin/initdb"), |(_, bin)| bin)
}

/// The shared server, started if it does not run.
pub fn postgres_server() -> Server {
    let folder = postgres_folder();
    let lock = File::options().create(true).append(true).open(folder.with_extension("lock"));
    let lock = lock.unwrap_or_else(|error| fail(&format!("{}: {error}", folder.display())));
    if let Err(error) = lock.lock() {
        fail(&format!("the lock: {error}"));
    }
    let bin = newest_programs();
    let port_file = folder.join("port");
    let known = std::fs::read_to_string(&port_file).ok().and_then(|port| port.trim().parse().ok());
    if let Some(server) = known.map(|port| Server { bin: bin.clone(), port })
        && server.answers()
    {
        return server;
    }
    run(as_postgres(Path::new("rm")).arg("-rf").arg(&folder));
    run(as_postgres(Path::new("mkdir")).args(["-m", "0755"]).arg(&folder));
    let data = folder.join("data");
    run(as_postgres(&bin.join("initdb")).arg("-D").arg(&data).args([
        "-U",
        "postgres",
        "--auth=trust",
        "--no-sync",
        "--encoding=UTF8",
        "--locale=C",
    ]));
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|free| free.local_addr())
        .map_or_else(|error| fail(&error.to_string()), |at| at.port());
    let settings = format!(
        "-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories='' -c fsync=off -c full_page_writes=off -c max_connections=400 -c shared_buffers=64MB"
    );
    run(as_postgres(&bin.join("pg_ctl"))
        .arg("-D")
        .arg(&data)
        .arg("-l")
        .arg(folder.join("log"))
        .args(["-w", "-t", "60", "-o", &settings, "start"]));
    // Written as the server's user; its content is only a number.
    run(as_postgres(Path::new("sh")).args(["-c", "printf %s \"$1\" > \"$2\"", "sh", &port.to_string()]).arg(&port_file));
    let server = Server { bin, port };
    if !server.answers() {
        fail("it was started and does not answer");
    }
    server
}

fn unique_name() -> String {
    let random = std::hash::RandomState::new().build_hasher().finish();
    format!("test_{}_{random:016x}", std::process::id())
}

async fn prepared(database: Database, name: &'static str, remove: Remove) -> TestDatabase {
    let store = match Store::connect(&database, 8).await {
        Ok(store) => store,
        Err(error) => fail(&format!("connecting to {name}: {error}")),
    };
    if let Err(error) = store.migrate().await {
        fail(&format!("the schema on {name}: {error}"));
    }
    let sealer = docent_types::sealing::MasterKey::from_bytes([42; 32]);
    TestDatabase { store: store.with_sealer(std::sync::Arc::new(sealer)), database, name, removed_at_drop: remove }
}

/// A new SQLite database.
pub async fn sqlite() -> TestDatabase {
    let folder = tempfile::tempdir().unwrap_or_else(|error| fail(&format!("a temporary folder: {error}")));
    let database = Database::Sqlite(folder.path().join("docent.sqlite"));
    prepared(database, "sqlite", Remove::Folder { _folder: folder }).await
}

/// A Postgres database without any table, removed when this is dropped.
pub struct EmptyPostgres {
    /// Its URL.
    pub url: String,
    removed_at_drop: Remove,
}

/// A new Postgres database without any table.
#[must_use]
pub fn empty_postgres() -> EmptyPostgres {
    let server = postgres_server();
    let name = unique_name();
    run(server.client("createdb").arg(&name));
    EmptyPostgres { url: server.url(&name), removed_at_drop: Remove::PostgresDatabase { server, name } }
}

/// A new Postgres database.
pub async fn postgres() -> TestDatabase {
    let EmptyPostgres { url, removed_at_drop } = empty_postgres();
    prepared(Database::Postgres(url), "postgres", removed_at_drop).await
}

/// One of each.
pub async fn databases() -> Vec<TestDatabase> {
    vec![sqlite().await, postgres().await]
}

/// Makes of each function a test on SQLite and one on Postgres. The argument is a `&TestDatabase`.
#[macro_export]
macro_rules! on_each_database {
    ($($(#[$meta:meta])* async fn $name:ident($database:ident) $body:block)+) => {$(
        async fn $name($database: &$crate::testing::TestDatabase) $body

        mod $name {
            $(#[$meta])*
            #[::actix::test]
            async fn sqlite() {
                super::$name(&$crate::testing::sqlite().await).await;
            }

            $(#[$meta])*
            #[::actix::test]
            async fn postgres() {
                super::$name(&$crate::testing::postgres().await).await;
            }
        }
    )+};
}
