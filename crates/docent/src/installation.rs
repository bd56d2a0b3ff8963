//! What every command stands on: the data folder, the configuration, the database and the master key.

use crate::command_line::CommandLine;
use crate::configuration::{self, Configuration, Effective};
use anyhow::{Context as _, bail};
use docent_library::ArtefactStore;
use docent_library::artefact_store::S3;
use docent_library::source::network::{Limits, Network, Registries};
use docent_store::{Database, Store};
use docent_types::random::{Randomness as _, SharedRandomness, SystemRandomness};
use docent_types::sealing::MasterKey;
use docent_types::time::{SharedClock, SystemClock};
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// A Docent on this machine.
pub struct Installation {
    /// The data folder.
    pub data: PathBuf,
    /// The configuration in force.
    pub configuration: Configuration,
    /// The same, key by key, with where each comes from.
    pub effective: Vec<Effective>,
    /// The database.
    pub store: Store,
    /// Where indexes are kept.
    pub artefacts: ArtefactStore,
    /// Encrypts what must be read back.
    pub master: Arc<MasterKey>,
    /// The machine's clock.
    pub clock: SharedClock,
    /// The machine's randomness.
    pub randomness: SharedRandomness,
}

/// Reads the configuration as the command line and the environment give it.
///
/// # Errors
/// See [`configuration::load`].
pub fn read_configuration(command_line: &CommandLine) -> anyhow::Result<(Configuration, Vec<Effective>)> {
    let variables: Vec<(String, String)> =
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))).collect();
    configuration::load(command_line.config.as_deref(), &variables)
}

impl Installation {
    /// Makes the data folder if it is missing, connects to the database and brings it up to date.
    ///
    /// # Errors
    /// In words for the operator.
    pub async fn open(command_line: &CommandLine, (configuration, effective): (Configuration, Vec<Effective>)) -> anyhow::Result<Self> {
        let data = command_line.data.clone();
        fs::create_dir_all(&data).with_context(|| format!("cannot make the data folder {}", data.display()))?;
        let master = Arc::new(master_key(&data, &configuration.secrets.master_key)?);
        let database = match configuration.database.url.as_str() {
            "" => Database::Sqlite(data.join("docent.sqlite")),
            url if url.starts_with("postgres://") || url.starts_with("postgresql://") => Database::Postgres(url.to_owned()),
            _ => bail!("database.url must start with postgres:// (or be empty for SQLite in the data folder)"),
        };
        let store = Store::connect(&database, configuration.database.max_connections).await.context("cannot open the database")?;
        store.migrate().await.context("cannot bring the database up to date")?;
        let store = store.with_sealer(master.clone());
        let artefacts = artefacts(&data, &configuration)?;
        let (clock, randomness) = (Arc::new(SystemClock), Arc::new(SystemRandomness));
        Ok(Self { data, configuration, effective, store, artefacts, master, clock, randomness })
    }

    /// What reading sources from the network may cost, and where registries are.
    #[must_use]
    pub fn network(&self) -> Network {
        let library = &self.configuration.library;
        Network {
            limits: Limits { pages: library.site_pages, delay: Duration::from_millis(library.site_delay), ..Limits::default() },
            registries: Registries {
                npm: library.npm_registry.clone(),
                pypi: library.pypi_registry.clone(),
                cargo: library.cargo_registry.clone(),
            },
            clock: self.clock.clone(),
            ..Network::default()
        }
    }

    /// Where sources are fetched to while they are read.
    #[must_use]
    pub fn work_folder(&self) -> PathBuf {
        self.data.join("work")
    }
}

/// Where indexes are kept: in a folder, or in an object store with the folder as its cache.
fn artefacts(data: &Path, configuration: &Configuration) -> anyhow::Result<ArtefactStore> {
    let folder = match configuration.library.index_folder.as_str() {
        "" => data.join("index"),
        folder => PathBuf::from(folder),
    };
    let settings = &configuration.artefacts;
    if settings.url.is_empty() {
        return Ok(ArtefactStore::folder(folder));
    }
    let place = S3 {
        url: settings.url.clone(),
        endpoint: settings.endpoint.clone(),
        region: settings.region.clone(),
        access_key_id: settings.access_key_id.clone(),
        secret_access_key: settings.secret_access_key.clone(),
        path_style: settings.path_style,
    };
    let remote = place.connect().context("artefacts.url, artefacts.endpoint and the keys beside them")?;
    Ok(ArtefactStore::remote(folder, remote, settings.cache_size.saturating_mul(1024 * 1024)))
}

/// The master key: from the configuration, or from `master.key` in the data folder, which is made at the first start.
fn master_key(data: &Path, configured: &str) -> anyhow::Result<MasterKey> {
    if !configured.is_empty() {
        return from_hex(configured)
            .map(MasterKey::from_bytes)
            .context("secrets.master_key must be 64 hexadecimal digits (make one with: openssl rand -hex 32)");
    }
    let path = data.join("master.key");
    match fs::read_to_string(&path) {
        Ok(text) => from_hex(text.trim())
            .map(MasterKey::from_bytes)
            .with_context(|| format!("{} is damaged: it must hold 64 hexadecimal digits", path.display())),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let mut bytes = [0_u8; 32];
            SystemRandomness.fill(&mut bytes);
            write_new_key(&path, &bytes).with_context(|| format!("cannot write {}", path.display()))?;
            // Another process may have been first: what stands in the file is the key.
            let text = fs::read_to_string(&path)?;
            from_hex(text.trim()).map(MasterKey::from_bytes).with_context(|| format!("{} is damaged", path.display()))
        }
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

/// Writes the key whole or not at all, readable by this user only; an existing file wins.
fn write_new_key(path: &Path, bytes: &[u8; 32]) -> std::io::Result<()> {
    let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let temporary = path.with_extension(format!("key.{}", std::process::id()));
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&temporary)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    let linked = fs::hard_link(&temporary, path);
    fs::remove_file(&temporary)?;
    match linked {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    let mut bytes = [0_u8; 32];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

/// Holds the data folder for one server; let go when the process ends, however it ends.
pub struct DataFolderLock(#[expect(dead_code, reason = "the lock lives as long as the file is open")] File);

impl DataFolderLock {
    /// Takes the lock.
    ///
    /// # Errors
    /// Another server runs on this folder.
    pub fn take(data: &Path) -> anyhow::Result<Self> {
        let path = data.join("docent.lock");
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .with_context(|| format!("cannot open {}", path.display()))?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(fs::TryLockError::WouldBlock) => bail!(
                "another docent serves from the data folder {} already. Stop it first, or choose another folder with --data. (Commands like `docent library add` work while it runs.)",
                data.display()
            ),
            Err(fs::TryLockError::Error(error)) => Err(error).with_context(|| format!("cannot lock {}", path.display())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_master_key_is_made_once_and_only_its_owner_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let first = master_key(folder.path(), "").unwrap();
        let second = master_key(folder.path(), "").unwrap();
        assert_eq!(first.derive("x"), second.derive("x"));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(fs::metadata(folder.path().join("master.key")).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn a_damaged_key_is_refused() {
        assert!(from_hex("zz").is_none() && from_hex(&"g".repeat(64)).is_none() && from_hex(&"0a".repeat(32)).is_some());
    }

    #[test]
    fn a_second_server_on_the_same_folder_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let _held = DataFolderLock::take(folder.path()).unwrap();
        let error = DataFolderLock::take(folder.path()).err().unwrap().to_string();
        assert!(error.contains("another docent"), "{error}");
    }
}
