//! Device authorization (RFC 8628, AS21): from the device's question to its tokens. All are answered by `Ledger`.

use super::{GrantFacts, LedgerError, Refusal};
use crate::ids::{ClientId, GrantId, ProjectId, SessionId, UserId};
use crate::scope::ScopeSet;
use crate::secret::SecretHash;
use crate::time::Timestamp;
use actix::Message;

/// A device asks. Answers whether the user code was free. Answered by `Ledger`.
#[derive(Message, Clone, Debug)]
#[rtype(result = "Result<bool, LedgerError>")]
pub struct BeginDeviceAuthorization {
    /// The hash of the device code.
    pub device_code: SecretHash,
    /// The hash of the user code.
    pub user_code: SecretHash,
    /// What is asked.
    pub asked: DeviceRequest,
    /// The S256 code challenge, if the client sent one.
    pub code_challenge: Option<String>,
    /// Seconds between two polls.
    pub interval: u32,
    /// When both codes end.
    pub expires_at: Timestamp,
}

/// What a device asks for, as the person is shown it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeviceRequest {
    /// The client.
    pub client: ClientId,
    /// Whether it proved to be that client. A public client did not: anybody may use its id.
    pub is_proved: bool,
    /// What is asked for.
    pub scopes: ScopeSet,
    /// The resource that tokens are for.
    pub resource: String,
    /// The address that asked.
    pub from: Option<String>,
    /// When.
    pub asked_at: Timestamp,
}

/// A person typed a user code. From now on it is theirs: only this session decides about it (CVE-2026-45337), until that session ends or the
/// same person types it at another browser. `None` if it is unknown, ended, decided or somebody else's: which, is not told.
/// Answered by `Ledger`.
#[derive(Message, Clone, Debug)]
#[rtype(result = "Result<Option<DeviceRequest>, LedgerError>")]
pub struct ClaimDeviceAuthorization {
    /// The hash of the user code.
    pub user_code: SecretHash,
    /// Who typed it.
    pub user: UserId,
    /// At which browser.
    pub session: SessionId,
    /// Now.
    pub now: Timestamp,
}

/// The person who claimed a user code decided. [`Refusal::Reused`] if the form was sent before, [`Refusal::Unknown`] if the code is not
/// theirs, ended or decided, [`Refusal::Withdrawn`] if they are disabled or not in the project. Answered by `Ledger`.
#[derive(Message, Clone, Debug)]
#[rtype(result = "Result<Result<(), Refusal>, LedgerError>")]
pub struct DecideDeviceAuthorization {
    /// The hash of the form's one-use ticket.
    pub ticket: SecretHash,
    /// The hash of the user code.
    pub user_code: SecretHash,
    /// Who decides.
    pub user: UserId,
    /// At which browser.
    pub session: SessionId,
    /// What.
    pub decision: DeviceDecision,
    /// When the person signed in.
    pub authenticated_at: Timestamp,
    /// Now.
    pub now: Timestamp,
    /// The address that decided, for the record.
    pub from: Option<String>,
}

/// What the person decided.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DeviceDecision {
    /// A grant for this project.
    Allow {
        /// The new grant.
        grant: GrantId,
        /// The project.
        project: ProjectId,
    },
    /// Nothing.
    Deny,
}

/// The device asks whether the person decided. Everything is a condition of one update. Answered by `Ledger`.
#[derive(Message, Clone, Debug)]
#[rtype(result = "Result<Result<GrantFacts, Waiting>, LedgerError>")]
pub struct PollDeviceAuthorization {
    /// The hash of the device code.
    pub device_code: SecretHash,
    /// The authenticated client.
    pub client: ClientId,
    /// S256 of the verifier sent, if one was.
    pub code_challenge: Option<String>,
    /// The resource sent, if one was.
    pub resource: Option<String>,
    /// The hash of the refresh token to give, if this client may refresh.
    pub refresh: Option<SecretHash>,
    /// When that one ends.
    pub refresh_expires_at: Timestamp,
    /// Now.
    pub now: Timestamp,
}

/// Why a device has no tokens (yet): RFC 8628 3.5.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Waiting {
    /// The person has not decided.
    Pending,
    /// And the device asks too often: from now on it has to wait longer.
    SlowDown,
    /// The person said no.
    Denied,
    /// It will not get any: [`Refusal::Expired`] is `expired_token` here.
    Refused(Refusal),
}

impl From<Refusal> for Waiting {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}
