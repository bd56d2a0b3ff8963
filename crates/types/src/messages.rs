//! What actors of different crates say to each other. A crate asks for a `Recipient<M>`, never for another crate's
//! actor type: that is what makes *together* and *split* the same code.

mod device;

pub use device::{
    BeginDeviceAuthorization, ClaimDeviceAuthorization, DecideDeviceAuthorization, DeviceDecision, DeviceRequest, PollDeviceAuthorization,
    Waiting,
};

use crate::actors::Unavailable;
use crate::documents::{DocumentError, Read};
use crate::ids::{ClientId, GrantId, JobId, LibraryRowId, ProjectId, UserId, VersionRowId};
use crate::principal::Principal;
use crate::registration::Client;
use crate::scope::ScopeSet;
use crate::secret::{Secret, SecretHash};
use crate::time::Timestamp;
use actix::Message;
use arc_swap::ArcSwap;
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

// ---------------------------------------------------------------- Ledger

/// Why a change was not made. What the *request* did wrong is in each message's own outcome.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum LedgerError {
    /// Not answered.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// The database refused or is away. Details are logged where it happened.
    #[error("the database could not be asked")]
    Database,
}

/// Register a client. The same id again answers with what is stored; it updates nothing, unless the client is its metadata document's,
/// which says today's truth. Answered by `Ledger`.
#[derive(Message, Clone, Debug)]
#[rtype(result = "Result<Client, LedgerError>")]
pub struct RegisterClient {
    /// The client, with its id.
    pub client: Client,
    /// The address that asked, for the record.
    pub from: Option<String>,
}

/// Register a client that asks by itself (RFC 7591, AS13). The same id again updates nothing, uses nothing of an initial access token,
/// and answers with what is stored. Answered by `Ledger`.
#[derive(Message, Clone, Debug)]
#[rtype(result = "Result<Result<Client, NotRegistered>, LedgerError>")]
pub struct RegisterDynamically {
    /// The client, with its id; it is registered at its `created_at`.
    pub client: Client,
    /// The hash of the initial access token that has to permit it; `None` where everybody may register.
    pub initial_access_token: Option<SecretHash>,
    /// The hash of the registration access token (RFC 7592) to write; only for a client whose id is nobody else's.
    pub management: Option<SecretHash>,
    /// The address that asked, for the record.
    pub from: Option<String>,
}

/// Why an initial access token permits no registration. All are `invalid_token` on the wire.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NotRegistered {
    /// No such token, or it was revoked.
    Unknown,
    /// It ended.
    Expired,
    /// As many clients as it is for are registered.
    UsedUp,
}

/// What becomes of a client that stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ClientChange {
    /// Blocked: what people allowed it ends.
    Disable,
    /// Not blocked any more.
    Enable,
    /// Removed, and everything that people allowed it ends.
    Remove,
    /// It has another secret from now on.
    Secret(SecretHash),
    /// Its metadata is replaced by that of this client (RFC 7592 2.2); its id, secret, origin and state stay.
    Replace(Box<Client>),
}

/// Who changes a client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ChangedBy {
    /// The operator.
    Operator,
    /// The client itself, by its registration access token (RFC 7592).
    Itself {
        /// The hash of the token that was sent.
        token: SecretHash,
        /// The hash of the one that it has after a [`ClientChange::Replace`].
        successor: SecretHash,
    },
}

/// Why a client was not changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unchanged {
    /// No such client, or the token is not this client's.
    Unknown,
    /// An administrator blocked it: it may not change itself.
    Blocked,
}

/// Change or remove a client. Answers it as it is now; a removed one as it was. Answered by `Ledger`.
#[derive(Message, Clone, Debug)]
#[rtype(result = "Result<Result<Client, Unchanged>, LedgerError>")]
pub struct ChangeClient {
    /// Which.
    pub client: ClientId,
    /// What.
    pub change: ClientChange,
    /// By whom.
    pub by: ChangedBy,
    /// Now.
    pub now: Timestamp,
    /// The address that asked, for the record.
    pub from: Option<String>,
}

/// A person consented: write the grant and its authorization code. A consent form that was used before is
/// [`Refusal::Reused`]; a person who is disabled or no longer in the project is [`Refusal::Withdrawn`]. Answered by `Ledger`.
#[derive(Message, Clone, Debug)]
#[rtype(result = "Result<Result<(), Refusal>, LedgerError>")]
pub struct IssueCode {
    /// The hash of the consent form's one-use ticket (AS14).
    pub ticket: SecretHash,
    /// The new grant.
    pub grant: GrantId,
    /// The person.
    pub user: UserId,
    /// The client.
    pub client: ClientId,
    /// The project that was chosen.
    pub project: ProjectId,
    /// What was granted.
    pub scopes: ScopeSet,
    /// The resource that tokens are for.
    pub resource: String,
    /// The hash of the code.
    pub code: SecretHash,
    /// [`crate::redirect_uri::key`] of the redirect URI.
    pub redirect_key: String,
    /// The S256 code challenge.
    pub code_challenge: String,
    /// OpenID Connect `nonce`.
    pub nonce: Option<String>,
    /// When the person signed in.
    pub authenticated_at: Timestamp,
    /// Now.
    pub now: Timestamp,
    /// When the code ends.
    pub expires_at: Timestamp,
    /// The address that asked, for the record.
    pub from: Option<String>,
}

/// What a grant says, for the tokens that hang under it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GrantFacts {
    /// The grant.
    pub grant: GrantId,
    /// The person.
    pub user: UserId,
    /// The client.
    pub client: ClientId,
    /// The project.
    pub project: ProjectId,
    /// What was granted.
    pub scopes: ScopeSet,
    /// The resource that tokens are for.
    pub resource: String,
    /// OpenID Connect `nonce`; only after a code.
    pub nonce: Option<String>,
    /// When the person signed in.
    pub authenticated_at: Timestamp,
}

/// Why a code or refresh token was refused. All are `invalid_grant` (or `invalid_target`) on the wire.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// No such code or token.
    Unknown,
    /// It belongs to another client.
    OtherClient,
    /// The redirect URI is not the one of the authorization request.
    RedirectUri,
    /// The verifier does not fit the challenge.
    Verifier,
    /// The resource is not the grant's.
    Resource,
    /// It ended.
    Expired,
    /// It was used before; what it gave is revoked now.
    Reused,
    /// The grant was revoked.
    Revoked,
    /// The person was disabled, left the project, or the project is gone.
    Withdrawn,
}

/// Exchange an authorization code; everything is a condition of one update (AS6, AS8). Answered by `Ledger`.
#[derive(Message, Clone, Debug)]
#[rtype(result = "Result<Result<GrantFacts, Refusal>, LedgerError>")]
pub struct ExchangeCode {
    /// The hash of the code.
    pub code: SecretHash,
    /// The authenticated client.
    pub client: ClientId,
    /// [`crate::redirect_uri::key`] of the redirect URI sent.
    pub redirect_key: String,
    /// S256 of the verifier sent.
    pub code_challenge: String,
    /// The resource sent, if one was.
    pub resource: Option<String>,
    /// The hash of the refresh token to give, if this client may refresh.
    pub refresh: Option<SecretHash>,
    /// When that one ends.
    pub refresh_expires_at: Timestamp,
    /// Now.
    pub now: Timestamp,
}

/// Rotate a refresh token (AS9). Answered by `Ledger`.
#[derive(Message, Clone, Debug)]
#[rtype(result = "Result<Result<GrantFacts, Refusal>, LedgerError>")]
pub struct RotateRefreshToken {
    /// The hash of the token that was sent.
    pub presented: SecretHash,
    /// The authenticated client.
    pub client: ClientId,
    /// The resource sent, if one was.
    pub resource: Option<String>,
    /// The hash of its successor.
    pub successor: SecretHash,
    /// When that one ends.
    pub successor_expires_at: Timestamp,
    /// A token that was used stays usable if it was used after this moment: now less 120 s.
    pub grace_since: Timestamp,
    /// Now.
    pub now: Timestamp,
}

/// Use something that may be used once: the `jti` of a client assertion (AS10) or of an identity assertion (AS20). Answers whether
/// this was the first use; of any number at the same moment, on any number of nodes, one is. Answered by `Ledger`.
#[derive(Message, Clone, Debug)]
#[rtype(result = "Result<bool, LedgerError>")]
pub struct UseOnce {
    /// A hash of what it is, of whom, and its id: different kinds never share a hash.
    pub what: SecretHash,
    /// When it may be forgotten: not before what it stands for is refused for its age.
    pub expires_at: Timestamp,
    /// Now.
    pub now: Timestamp,
}

/// Open a grant that no authorization code leads to: for a machine client (AS19) or on an identity assertion (AS20). If `once` was used
/// before, [`Refusal::Reused`]; if the person is disabled or not in the project, [`Refusal::Withdrawn`]. Without a refresh token, a grant
/// of the last day for the same that lives is answered instead of a new one. Answered by `Ledger`.
#[derive(Message, Clone, Debug)]
#[rtype(result = "Result<Result<GrantFacts, Refusal>, LedgerError>")]
pub struct OpenGrant {
    /// What is used up by it, and when that may be forgotten, as in [`UseOnce`].
    pub once: Option<(SecretHash, Timestamp)>,
    /// The new grant, if there is to be one.
    pub grant: GrantId,
    /// The person, or the client's service account.
    pub user: UserId,
    /// The authenticated client.
    pub client: ClientId,
    /// The project.
    pub project: ProjectId,
    /// What is granted.
    pub scopes: ScopeSet,
    /// The resource that tokens are for.
    pub resource: String,
    /// The hash of a refresh token to give, and when it ends.
    pub refresh: Option<(SecretHash, Timestamp)>,
    /// When the person signed in.
    pub authenticated_at: Timestamp,
    /// Now.
    pub now: Timestamp,
    /// The address that asked, for the record.
    pub from: Option<String>,
    /// The grant type, for the record.
    pub how: &'static str,
}

/// What is to be revoked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Revoke {
    /// A grant, and with it everything under it.
    Grant(GrantId),
    /// The grant of a refresh token, if it is this client's (RFC 7009).
    RefreshToken {
        /// The token's hash.
        token: SecretHash,
        /// The authenticated client.
        client: ClientId,
    },
    /// One access token by its `jti`, already verified to be this client's (RFC 7009).
    AccessToken {
        /// The token's id.
        jti: String,
        /// The grant it hangs under.
        grant: GrantId,
        /// When it ends by itself.
        expires_at: Timestamp,
    },
    /// Every grant of a person.
    User(UserId),
    /// Every grant for a project.
    Project(ProjectId),
    /// Every grant given to a person for a project.
    Membership(UserId, ProjectId),
}

/// Revoke something. Answers how many grants or tokens ended by it. Answered by `Ledger`.
#[derive(Message, Clone, Debug)]
#[rtype(result = "Result<u64, LedgerError>")]
pub struct RevokeAccess {
    /// What.
    pub what: Revoke,
    /// Why, for the record: `client`, `person`, `administrator`, `reuse`.
    pub reason: &'static str,
    /// Now.
    pub now: Timestamp,
}

// ---------------------------------------------------------------- Keys

/// A public signing key (RFC 7517), EC P-256.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PublicKey {
    /// Always `EC`.
    pub kty: String,
    /// Always `P-256`.
    pub crv: String,
    /// base64url.
    pub x: String,
    /// base64url.
    pub y: String,
    /// The key's id.
    pub kid: String,
    /// Always `ES256`.
    pub alg: String,
    /// Always `sig`.
    #[serde(rename = "use")]
    pub usage: String,
}

/// The key set as it is served at `jwks_uri`.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct PublicKeySet {
    /// The keys: those in use, the next one, and old ones until their last token ended.
    pub keys: Vec<PublicKey>,
}

/// The published snapshot of verification keys. Written by `KeyRing` or `RemoteKeys`.
pub type SharedKeys = Arc<ArcSwap<PublicKeySet>>;

/// A token names a key that the snapshot does not have: look for it. Answers whether the snapshot has it now.
/// Answered by `KeyRing` (from the database) or `RemoteKeys` (from the issuer, at most once in a few seconds).
#[derive(Message, Clone, Debug)]
#[rtype(result = "Result<bool, Unavailable>")]
pub struct FindKey {
    /// The key's id.
    pub kid: String,
}

// ---------------------------------------------------------------- Passwords

/// Hash a password with Argon2id. Answered by `PasswordHasher`, with the PHC string.
#[derive(Message, Clone, Debug)]
#[rtype(result = "Result<String, Unavailable>")]
pub struct HashPassword(pub Secret);

/// Check a password. `stored` is `None` for an account that does not exist: as much time is spent, the answer is no.
/// Answered by `PasswordHasher`.
#[derive(Message, Clone, Debug)]
#[rtype(result = "Result<bool, Unavailable>")]
pub struct VerifyPassword {
    /// What was typed.
    pub password: Secret,
    /// The PHC string.
    pub stored: Option<String>,
}

// ---------------------------------------------------------------- Revocations

/// What was revoked and has not ended by itself yet.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Revoked {
    /// Revoked grants.
    pub grants: HashSet<GrantId>,
    /// `jti` of revoked access tokens, with the moment at which they end by themselves.
    pub tokens: HashMap<String, Timestamp>,
}

/// The published snapshot of revocations. Written by `Revocations`.
pub type SharedRevoked = Arc<ArcSwap<Revoked>>;

/// Something was revoked: look now rather than at the next turn. Answers once the snapshot has it. Answered by `Revocations`.
#[derive(Message, Clone, Copy, Debug)]
#[rtype(result = "Result<(), Unavailable>")]
pub struct CatchUp;

// ---------------------------------------------------------------- Documents of clients

/// Read a client ID metadata document (AS12), unless a fresh one is published. Answered by `MetadataDocuments`.
#[derive(Message, Clone, Debug)]
#[rtype(result = "Result<Read<Client>, DocumentError>")]
pub struct ReadClientDocument {
    /// The URL that the client calls itself by.
    pub client_id: ClientId,
}

/// Read the keys of a client (AS10), unless fresh ones are published. Answered by `MetadataDocuments`.
#[derive(Message, Clone, Debug)]
#[rtype(result = "Result<Read<serde_json::Value>, DocumentError>")]
pub struct ReadClientKeys {
    /// Where they stand.
    pub jwks_uri: String,
    /// What was read before this moment does not count: it lacks a key.
    pub since: Timestamp,
}

// ---------------------------------------------------------------- Limits

/// What is limited.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Limit {
    /// Failed and successful sign-ins, by account and by address.
    SignInAccount,
    /// Sign-ins by address.
    SignInAddress,
    /// Registrations by address.
    Registration,
    /// Token requests that failed through the caller's fault, by address.
    Token,
    /// Fetches of documents that a client names, by the address that makes us fetch.
    MetadataDocument,
    /// Device authorizations that were begun, by address.
    DeviceAuthorization,
    /// User codes that were typed, by person.
    UserCode,
    /// User codes that were typed, by address.
    UserCodeAddress,
    /// User codes that were typed, by everybody together.
    UserCodeAnywhere,
}

/// May this be done now? Counts it if so. Answers `Some(seconds to wait)` if not. Answered by `Limiter`.
#[derive(Message, Clone, Debug)]
#[rtype(result = "Result<Option<u32>, Unavailable>")]
pub struct CheckLimit {
    /// Which limit.
    pub limit: Limit,
    /// Whose: an address or an account.
    pub key: String,
}

// ---------------------------------------------------------------- Record

/// An entry of the audit record that does not stand in the transaction of a change.
#[derive(Message, Clone, Debug, PartialEq, Eq)]
#[rtype(result = "Result<(), Unavailable>")]
pub struct RecordEvent {
    /// When.
    pub at: Timestamp,
    /// A word with a dot, for example `sign_in.failed`.
    pub kind: String,
    /// The person, if known.
    pub user: Option<UserId>,
    /// The client, if one took part.
    pub client: Option<ClientId>,
    /// The project, if one took part.
    pub project: Option<ProjectId>,
    /// The grant, if one took part.
    pub grant: Option<GrantId>,
    /// The address it came from.
    pub from: Option<String>,
    /// More, as JSON. No token, no query text.
    pub detail: serde_json::Value,
}

/// A tool was used: count it. Answered by `Recorder`.
#[derive(Message, Clone, Debug, PartialEq, Eq)]
#[rtype(result = "Result<(), Unavailable>")]
pub struct CountUse {
    /// When.
    pub at: Timestamp,
    /// The person.
    pub user: UserId,
    /// The project.
    pub project: ProjectId,
    /// The client.
    pub client: ClientId,
    /// The tool's name.
    pub tool: String,
    /// Whether it answered.
    pub succeeded: bool,
}

impl CountUse {
    /// A use by a verified caller.
    #[must_use]
    pub fn by(caller: &Principal, at: Timestamp, tool: &str, succeeded: bool) -> Self {
        Self { at, user: caller.user, project: caller.project, client: caller.client.clone(), tool: tool.to_owned(), succeeded }
    }
}

// ---------------------------------------------------------------- Documentation

/// Why the catalogue or the ingestor did not do what was asked.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CatalogError {
    /// Not answered.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// No such library, version or job.
    #[error("it is not in the catalogue")]
    NotFound,
    /// The artefact is missing or its bytes are not those that were written. In words for the operator.
    #[error("the index is damaged: {0}")]
    Damaged(String),
    /// The database refused or is away.
    #[error("the database could not be asked")]
    Database,
}

/// Open the index of a version and put it into the published snapshot. Answered by `Catalog`.
#[derive(Message, Clone, Copy, Debug)]
#[rtype(result = "Result<(), CatalogError>")]
pub struct OpenVersion(pub VersionRowId);

/// The catalogue changed: read it again now. Answered by `Catalog`.
#[derive(Message, Clone, Copy, Debug)]
#[rtype(result = "Result<(), CatalogError>")]
pub struct ReloadCatalog;

/// Queue a refresh of a library. Answers the job; a refresh that waits already is that one. Answered by `Ingestor`.
#[derive(Message, Clone, Copy, Debug)]
#[rtype(result = "Result<JobId, CatalogError>")]
pub struct QueueRefresh(pub LibraryRowId);
