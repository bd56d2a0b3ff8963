//! Identifiers. UUIDv7 where Docent makes them, so that they sort by the time of their making.

use crate::random::Randomness;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

/// A UUIDv7 (RFC 9562 5.7) from a passed-in clock and randomness.
#[must_use]
pub fn uuid_v7(now: Timestamp, randomness: &dyn Randomness) -> Uuid {
    let mut bytes = [0_u8; 10];
    randomness.fill(&mut bytes);
    uuid::Builder::from_unix_timestamp_millis(u64::try_from(now.0).unwrap_or(0), &bytes).into_uuid()
}

macro_rules! id {
    ($(#[$doc:meta] $name:ident),+ $(,)?) => {$(
        #[$doc]
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new id.
            #[must_use]
            pub fn generate(now: Timestamp, randomness: &dyn Randomness) -> Self {
                Self(uuid_v7(now, randomness))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { fmt::Display::fmt(&self.0, f) }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { write!(f, concat!(stringify!($name), "({})"), self.0) }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(value: &str) -> Result<Self, Self::Err> { Uuid::parse_str(value).map(Self) }
        }
    )+};
}

id! {
    /// A person.
    UserId,
    /// A team space, or a person's own.
    ProjectId,
    /// What a person allowed a client to do for a project.
    GrantId,
    /// A browser session.
    SessionId,
    /// A documentation library.
    LibraryRowId,
    /// One indexed version of a library.
    VersionRowId,
    /// A job of the ingestor.
    JobId,
    /// An API key.
    ApiKeyId,
    /// One request over HTTP, shown to the person on an error page and found in the log.
    RequestId,
}

/// An OAuth client's identifier: a string of the RFC, ours start with `c_`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Debug)]
#[serde(transparent)]
pub struct ClientId(pub String);

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl ClientId {
    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
