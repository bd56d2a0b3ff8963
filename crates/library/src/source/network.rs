//! What reading from the network may cost, where the registries are, and what time it is there.

use docent_types::time::{SharedClock, SystemClock};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Waits; a test does not.
pub type Pause = Arc<dyn Fn(Duration) + Send + Sync>;

/// Everything that sources need of the world, passed in.
#[derive(Clone)]
pub struct Network {
    /// Bounds.
    pub limits: Limits,
    /// Registries of packages.
    pub registries: Registries,
    /// The clock.
    pub clock: SharedClock,
    /// How to wait between requests.
    pub pause: Pause,
}

impl Default for Network {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            registries: Registries::default(),
            clock: Arc::new(SystemClock),
            pause: Arc::new(std::thread::sleep),
        }
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network").field("limits", &self.limits).field("registries", &self.registries).finish_non_exhaustive()
    }
}

/// Bounds of one source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Pages of a web site.
    pub pages: usize,
    /// Bytes of all pages of a web site.
    pub bytes: u64,
    /// Links between the first page and the last one.
    pub depth: usize,
    /// For one crawl; what is missing then is read by the next.
    pub time: Duration,
    /// Between the starts of two requests to a web site, unless its `robots.txt` wants more.
    pub delay: Duration,
    /// Requests to a web site at once.
    pub connections: usize,
    /// Bytes of an archive or another single file that is downloaded.
    pub download: u64,
    /// Bytes that an archive may unpack to.
    pub unpacked: u64,
    /// How many times its own size an archive may unpack to, once that is more than 64 MiB.
    pub ratio: u64,
    /// Entries of an archive.
    pub entries: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            pages: 10_000,
            bytes: 1 << 30,
            depth: 30,
            time: Duration::from_secs(3 * 60 * 60),
            delay: Duration::from_millis(200),
            connections: 2,
            download: 1 << 30,
            unpacked: super::selection::MAX_TOTAL,
            ratio: 200,
            entries: super::selection::MAX_FILES * 2,
        }
    }
}

/// Base addresses of registries, without a slash at the end. Empty: packages of that kind cannot be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Registries {
    /// Of npm packages: answers `/NAME/VERSION`.
    pub npm: String,
    /// Of Python packages: answers `/pypi/NAME/json`.
    pub pypi: String,
    /// A sparse index of Cargo packages: answers `/config.json`.
    pub cargo: String,
}
