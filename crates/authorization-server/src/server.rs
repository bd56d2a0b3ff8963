//! Everything that a handler may reach.

use crate::client_metadata_document::DocumentSource;
use crate::identity_assertion::TrustedIssuers;
use crate::settings::Settings;
use crate::signing::SharedSigner;
use actix::Recipient;
use docent_store::Store;
use docent_types::ids::{ClientId, UserId};
use docent_types::messages::{
    BeginDeviceAuthorization, ChangeClient, CheckLimit, ClaimDeviceAuthorization, DecideDeviceAuthorization, ExchangeCode, HashPassword,
    IssueCode, OpenGrant, PollDeviceAuthorization, RecordEvent, RegisterClient, RegisterDynamically, RevokeAccess, RotateRefreshToken,
    SharedKeys, SharedRevoked, UseOnce, VerifyPassword,
};
use docent_types::random::SharedRandomness;
use docent_types::sealing::MasterKey;
use docent_types::time::{SharedClock, Timestamp};
use std::sync::Arc;

/// Whom this crate asks for changes.
#[derive(Clone)]
pub struct Asks {
    /// `Ledger`.
    pub register_client: Recipient<RegisterClient>,
    /// `Ledger`.
    pub register_dynamically: Recipient<RegisterDynamically>,
    /// `Ledger`.
    pub change_client: Recipient<ChangeClient>,
    /// `Ledger`.
    pub issue_code: Recipient<IssueCode>,
    /// `Ledger`.
    pub exchange_code: Recipient<ExchangeCode>,
    /// `Ledger`.
    pub rotate: Recipient<RotateRefreshToken>,
    /// `Ledger`.
    pub use_once: Recipient<UseOnce>,
    /// `Ledger`.
    pub open_grant: Recipient<OpenGrant>,
    /// `Ledger`.
    pub begin_device: Recipient<BeginDeviceAuthorization>,
    /// `Ledger`.
    pub claim_device: Recipient<ClaimDeviceAuthorization>,
    /// `Ledger`.
    pub decide_device: Recipient<DecideDeviceAuthorization>,
    /// `Ledger`.
    pub poll_device: Recipient<PollDeviceAuthorization>,
    /// `Ledger`.
    pub revoke: Recipient<RevokeAccess>,
    /// `PasswordHasher`.
    pub hash_password: Recipient<HashPassword>,
    /// `PasswordHasher`.
    pub verify_password: Recipient<VerifyPassword>,
    /// `Limiter`.
    pub check_limit: Recipient<CheckLimit>,
    /// `Recorder`.
    pub record: Recipient<RecordEvent>,
}

/// The authorization server, as its handlers see it.
pub struct AuthorizationServer {
    /// What the operator decided.
    pub settings: Settings,
    /// For reading, and for what only people change about themselves.
    pub store: Store,
    /// The time.
    pub clock: SharedClock,
    /// For secrets.
    pub randomness: SharedRandomness,
    /// The key from which those for tickets are derived.
    pub master: Arc<MasterKey>,
    /// The key that signs now.
    pub signer: SharedSigner,
    /// For changes.
    pub asks: Asks,
    /// What clients publish about themselves; `None` if nothing is fetched.
    pub documents: Option<DocumentSource>,
    /// What was revoked.
    pub revoked: SharedRevoked,
    /// The public keys.
    pub keys: SharedKeys,
    /// The issuers whose identity assertions are grants, with their keys.
    pub trusted_issuers: TrustedIssuers,
}

impl AuthorizationServer {
    /// Now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Writes an entry of the audit record; nobody waits for it.
    pub(crate) fn record(
        &self,
        kind: &str,
        user: Option<UserId>,
        client: Option<&ClientId>,
        from: Option<String>,
        detail: serde_json::Value,
    ) {
        self.asks.record.do_send(RecordEvent {
            at: self.now(),
            kind: kind.to_owned(),
            user,
            client: client.cloned(),
            project: None,
            grant: None,
            from,
            detail,
        });
    }
}
