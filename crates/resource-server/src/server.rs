//! The resource server: all checks of a request as one decision.

use crate::api_keys::ApiKeys;
use crate::challenge::{Challenge, Refusal};
use crate::credentials::{Credential, api_credential, bearer_token};
use crate::keys::VerificationKeys;
use crate::limits::{Limits, Rates};
use crate::settings::Settings;
use crate::site::Site;
use crate::token::{TokenError, Verifier, key_id};
use crate::verified::{Entry, VerifiedTokens};
use actix::Recipient;
use actix_web::dev::ServiceRequest;
use docent_types::actors::ask;
use docent_types::messages::{FindKey, RecordEvent, SharedKeys, SharedRevoked};
use docent_types::principal::Principal;
use docent_types::scope::{Scope, ScopeSet};
use docent_types::secret::SecretHash;
use docent_types::time::SharedClock;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use std::num::NonZeroU32;
use std::sync::Arc;

/// Entries a second that refused tokens may add to the record: an attacker may not fill it.
const RECORDED_A_SECOND: NonZeroU32 = match NonZeroU32::new(5) {
    Some(number) => number,
    None => NonZeroU32::MIN,
};

/// What the guard of one process knows. Shared by its workers.
pub struct ResourceServer {
    settings: Settings,
    site: Site,
    challenge: Arc<Challenge>,
    verifier: Verifier,
    keys: VerificationKeys,
    verified: VerifiedTokens,
    clock: SharedClock,
    find_key: Recipient<FindKey>,
    revoked: SharedRevoked,
    record: Recipient<RecordEvent>,
    recorded: DefaultDirectRateLimiter,
    api_keys: Option<ApiKeys>,
    limits: Limits,
}

/// Which part of the resource a request is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Door {
    /// The MCP endpoint.
    Mcp,
    /// The REST API.
    Api,
}

impl ResourceServer {
    /// A guard that reads the published snapshots, asks `find_key` for keys that are not in them, and tells `record`
    /// of refused tokens that are worth it.
    #[must_use]
    pub fn new(
        settings: Settings,
        clock: SharedClock,
        keys: SharedKeys,
        find_key: Recipient<FindKey>,
        revoked: SharedRevoked,
        record: Recipient<RecordEvent>,
    ) -> Self {
        Self {
            site: Site::new(&settings),
            challenge: Arc::new(Challenge::new(&settings.urls)),
            verifier: Verifier::new(&settings.urls, settings.clock_leeway),
            keys: VerificationKeys::new(keys),
            verified: VerifiedTokens::new(settings.verified_cache),
            clock,
            find_key,
            revoked,
            record,
            recorded: RateLimiter::direct(Quota::per_second(RECORDED_A_SECOND)),
            settings,
            api_keys: None,
            limits: Limits::new(Rates::default()),
        }
    }

    /// The same, which accepts API keys at the REST API.
    #[must_use]
    pub fn with_api_keys(mut self, api_keys: ApiKeys) -> Self {
        self.api_keys = Some(api_keys);
        self
    }

    /// The same, which counts requests.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// How much each caller may ask.
    #[must_use]
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// How the guard stands in its deployment.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Which hosts and origins are ours.
    #[must_use]
    pub const fn site(&self) -> &Site {
        &self.site
    }

    /// How requests are refused.
    #[must_use]
    pub const fn challenge(&self) -> &Arc<Challenge> {
        &self.challenge
    }

    /// How many verified tokens are remembered now.
    #[must_use]
    pub fn remembered(&self) -> usize {
        self.verified.len()
    }

    /// Who makes this request, if it may be made at all: everything behind either door needs `docs:read`.
    ///
    /// # Errors
    /// Why not.
    pub async fn admit(&self, door: Door, request: &ServiceRequest) -> Result<Arc<Principal>, Refusal> {
        let credential = match door {
            Door::Mcp => Credential::Token(bearer_token(request.headers(), request.query_string())?),
            Door::Api => api_credential(request.headers(), request.query_string())?,
        };
        let authenticated = match credential {
            Credential::Token(token) => self.authenticate(token).await,
            Credential::Key(key) => match &self.api_keys {
                Some(keys) => keys.authenticate(key).await,
                None => Err(TokenError::ApiKey.into()),
            },
        };
        let principal = match authenticated {
            Ok(principal) => principal,
            Err(refusal) => {
                self.note(&refusal, request);
                return Err(refusal);
            }
        };
        if !principal.scopes.permits(Scope::DocsRead) {
            return Err(Refusal::Scope(ScopeSet::from_iter([Scope::DocsRead])));
        }
        Ok(principal)
    }

    /// Whom a token speaks for.
    ///
    /// # Errors
    /// Why it is not accepted.
    pub async fn authenticate(&self, token: &str) -> Result<Arc<Principal>, Refusal> {
        let hash = SecretHash::of(token);
        let known = self.verified.find(&hash);
        let entry = match known {
            Some(entry) if self.clock.now() < entry.principal.expires_at && self.keys.still_has(&entry.key) => entry,
            _ => {
                if known.is_some() {
                    self.verified.forget(&hash);
                }
                let entry = self.verify(token).await?;
                self.verified.remember(hash, entry.clone());
                entry
            }
        };
        let revoked = self.revoked.load();
        if revoked.grants.contains(&entry.principal.grant) || revoked.tokens.contains_key(&*entry.jti) {
            return Err(TokenError::Revoked.into());
        }
        Ok(entry.principal)
    }

    async fn verify(&self, token: &str) -> Result<Entry, Refusal> {
        let kid = key_id(token)?;
        let mut key = self.keys.find(&kid);
        if key.is_none() {
            ask(&self.find_key, FindKey { kid: kid.clone() }).await.map_err(|_| Refusal::Unavailable)?;
            key = self.keys.find(&kid);
        }
        let key = key.ok_or(TokenError::Key)?;
        let verified = self.verifier.verify(token, &key, self.clock.now())?;
        Ok(Entry::new(verified, key))
    }

    fn note(&self, refusal: &Refusal, request: &ServiceRequest) {
        let Refusal::Token(error) = refusal else { return };
        tracing::debug!(reason = ?error, "an access token was refused");
        let Some(reason) = error.of_note() else { return };
        if self.recorded.check().is_err() {
            return;
        }
        let forwarded: Vec<&str> = request.headers().get_all("x-forwarded-for").filter_map(|value| value.to_str().ok()).collect();
        let from = request.peer_addr().map(|peer| self.settings.trusted_proxies.client_address(peer.ip(), &forwarded));
        let recorded = self.record.try_send(RecordEvent {
            at: self.clock.now(),
            kind: "access_token.refused".to_owned(),
            user: None,
            client: None,
            project: None,
            grant: None,
            from: from.map(|address| address.to_string()),
            detail: serde_json::json!({ "reason": reason }),
        });
        if recorded.is_err() {
            tracing::warn!(reason, "a refused token was not recorded: too many events wait");
        }
    }
}
