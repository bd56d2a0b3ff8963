//! How much each person, project and API key may ask of the tools and the REST API: so many requests a minute, all at once or spread out
//! (GCRA). Held in this process, or together with the other nodes in Valkey or Redis.
//!
//! A request is counted by all three or, where one is used up and they are shared, by none.

mod local;
pub(crate) mod refusal;
mod shared;

pub use local::Local;
pub use shared::{Shared, SharedError};

use docent_types::api_key;
use docent_types::principal::Principal;
use std::num::NonZeroU32;
use std::time::Duration;

/// Requests a minute; `None` for as many as come.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Rates {
    /// Of each person, through whichever app or key.
    pub user: Option<NonZeroU32>,
    /// Of each project, by all of its people.
    pub project: Option<NonZeroU32>,
    /// Of each API key.
    pub key: Option<NonZeroU32>,
}

/// Whose requests a limit counts.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Whose {
    /// A person's.
    User,
    /// A project's.
    Project,
    /// An API key's.
    Key,
}

impl Whose {
    /// In words, for whoever meets the limit.
    #[must_use]
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::User => "this account",
            Self::Project => "this project",
            Self::Key => "this API key",
        }
    }
}

/// One count: whose, and the id.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Cell {
    /// Whose.
    pub whose: Whose,
    /// The id of the person, project or key.
    pub id: uuid::Uuid,
    /// Requests a minute.
    pub rate: NonZeroU32,
}

/// The period that rates are for.
pub(crate) const PERIOD: Duration = Duration::from_secs(60);

impl Cell {
    /// After which time there is one more.
    fn interval(&self) -> Duration {
        PERIOD / self.rate.get()
    }
}

/// What was counted, or why not: of the limit that is nearest to its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Counted {
    /// Whose limit it is.
    pub whose: Whose,
    /// Requests a minute.
    pub limit: u32,
    /// How many may come at once from now on.
    pub remaining: u32,
    /// Seconds until all of them may.
    pub reset: u32,
    /// If the request is one too many: seconds until one is not.
    pub wait: Option<u32>,
}

impl Counted {
    /// The one that a caller has to know of: a refusal before all, then what is left least.
    fn tightest(all: impl IntoIterator<Item = Self>) -> Option<Self> {
        all.into_iter().min_by_key(|one| (one.wait.map_or(i64::MAX, |wait| -i64::from(wait)), one.remaining))
    }
}

/// Counts requests.
pub struct Limits {
    rates: Rates,
    local: Local,
    shared: Option<Shared>,
}

impl Limits {
    /// Counts in this process.
    #[must_use]
    pub fn new(rates: Rates) -> Self {
        Self { rates, local: Local::new(rates), shared: None }
    }

    /// Counts together with all that use the same server; while it is away, in this process.
    #[must_use]
    pub fn shared(rates: Rates, shared: Shared) -> Self {
        Self { shared: Some(shared), ..Self::new(rates) }
    }

    fn cells(&self, caller: &Principal) -> impl Iterator<Item = Cell> + use<> {
        let Rates { user, project, key } = self.rates;
        let is_key = caller.client.as_str() == api_key::CLIENT;
        let ids = [
            (Whose::User, user, caller.user.0),
            (Whose::Project, project, caller.project.0),
            (Whose::Key, key.filter(|_| is_key), caller.grant.0),
        ];
        ids.into_iter().filter_map(|(whose, rate, id)| rate.map(|rate| Cell { whose, id, rate }))
    }

    /// Counts a request; `None` if this caller has no limit.
    pub async fn count(&self, caller: &Principal) -> Option<Counted> {
        if let Some(shared) = &self.shared {
            let cells: Vec<Cell> = self.cells(caller).collect();
            if cells.is_empty() {
                return None;
            }
            if let Some(counted) = shared.count(&cells).await {
                return Counted::tightest(counted);
            }
        }
        Counted::tightest(self.cells(caller).map(|cell| self.local.count(cell)))
    }
}

/// Seconds, rounded up.
fn seconds(time: Duration) -> u32 {
    u32::try_from(time.as_millis().div_ceil(1000)).unwrap_or(u32::MAX)
}
