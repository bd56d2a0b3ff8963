//! Device authorization (RFC 8628, AS21): what a device, and the person in front of it, may have.

use crate::ledger::batch::Batch;
use crate::ledger::decide::{GrantRow, State, resource_fits};
use docent_types::ids::{GrantId, SessionId, UserId};
use docent_types::messages::{
    BeginDeviceAuthorization, ClaimDeviceAuthorization, DecideDeviceAuthorization, DeviceDecision, DeviceRequest, GrantFacts,
    PollDeviceAuthorization, RecordEvent, Refusal, Waiting,
};
use docent_types::secret::SecretHash;
use docent_types::time::Timestamp;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Duration;

/// By how much a device that asks too often has to wait longer (RFC 8628 3.5).
const SLOWER: u32 = 5;
/// A device that waits as long as it was told may seem a little early: networks and clocks are not exact.
const LENIENCE: Duration = Duration::from_secs(1);

/// A request to the ledger.
#[derive(Clone, Debug)]
pub(crate) enum Ask {
    Begin(BeginDeviceAuthorization),
    Claim(ClaimDeviceAuthorization),
    Decide(DecideDeviceAuthorization),
    Poll(PollDeviceAuthorization),
}

/// What it is answered with.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Begun(bool),
    Claimed(Option<DeviceRequest>),
    Decided(Result<(), Refusal>),
    Polled(Result<GrantFacts, Waiting>),
}

/// A device authorization as it is stored.
#[derive(Clone, Debug)]
pub(super) struct DeviceRow {
    pub(super) asked: DeviceRequest,
    pub(super) code_challenge: Option<String>,
    pub(super) interval: u32,
    pub(super) expires_at: Timestamp,
    pub(super) polled_at: Option<Timestamp>,
    /// The session that typed the user code, and its person if it has not ended.
    pub(super) claimed: Option<(SessionId, Option<UserId>)>,
    pub(super) grant: Option<GrantId>,
    pub(super) denied_at: Option<Timestamp>,
    pub(super) consumed_at: Option<Timestamp>,
}

impl DeviceRow {
    fn is_open(&self, now: Timestamp) -> bool {
        self.grant.is_none() && self.denied_at.is_none() && self.consumed_at.is_none() && self.expires_at > now
    }

    fn may_be_claimed(&self, user: UserId, session: SessionId) -> bool {
        match self.claimed {
            None | Some((_, None)) => true,
            Some((by, Some(person))) => by == session || person == user,
        }
    }
}

/// The device authorizations that a batch is about.
#[derive(Debug, Default)]
pub(super) struct Devices {
    /// By the hash of the device code.
    pub(super) rows: HashMap<SecretHash, DeviceRow>,
    /// Device codes by user code.
    pub(super) by_user_code: HashMap<SecretHash, SecretHash>,
    /// Device codes that this batch wrote.
    pub(super) begun: HashSet<SecretHash>,
    /// Which rows have to be written.
    pub(super) changed: BTreeSet<[u8; 32]>,
}

impl Devices {
    fn of_user_code(&mut self, user_code: &SecretHash) -> Option<(SecretHash, &mut DeviceRow)> {
        let hash = *self.by_user_code.get(user_code)?;
        self.rows.get_mut(&hash).map(|row| (hash, row))
    }

    /// CVE-2026-45337: the first person who types a code has it.
    fn claim(&mut self, ask: &ClaimDeviceAuthorization) -> Option<DeviceRequest> {
        let (hash, row) = self.of_user_code(&ask.user_code)?;
        if !row.is_open(ask.now) || !row.may_be_claimed(ask.user, ask.session) {
            return None;
        }
        row.claimed = Some((ask.session, Some(ask.user)));
        let asked = row.asked.clone();
        self.changed.insert(hash.0);
        Some(asked)
    }

    /// Answers the grant that is to be written, with the address of the device.
    fn decide(&mut self, ask: &DecideDeviceAuthorization, state: &mut State) -> Result<(DeviceRequest, Option<GrantFacts>), Refusal> {
        if !state.use_once(&ask.ticket) {
            return Err(Refusal::Reused);
        }
        let (hash, row) = self.of_user_code(&ask.user_code).ok_or(Refusal::Unknown)?;
        if !row.is_open(ask.now) || row.claimed.is_none_or(|(by, _)| by != ask.session) {
            return Err(Refusal::Unknown);
        }
        let facts = match ask.decision {
            DeviceDecision::Deny => {
                row.denied_at = Some(ask.now);
                None
            }
            DeviceDecision::Allow { project, .. } if !state.admitted.contains(&(ask.user, project)) => return Err(Refusal::Withdrawn),
            DeviceDecision::Allow { grant, project } => {
                row.grant = Some(grant);
                let facts = GrantFacts {
                    grant,
                    user: ask.user,
                    client: row.asked.client.clone(),
                    project,
                    scopes: row.asked.scopes.clone(),
                    resource: row.asked.resource.clone(),
                    nonce: None,
                    authenticated_at: ask.authenticated_at,
                };
                state.grants.insert(grant, GrantRow { facts: facts.clone(), revoked: false, admitted: true });
                Some(facts)
            }
        };
        let asked = row.asked.clone();
        self.changed.insert(hash.0);
        Ok((asked, facts))
    }

    /// Whether a device has its tokens. A second use of its code revokes what the first gave if it proves the verifier, as with an
    /// authorization code (AS8); a client that sent no challenge proves nothing by it and ends nothing.
    fn poll(&mut self, ask: &PollDeviceAuthorization, state: &mut State) -> Result<GrantFacts, Waiting> {
        let row = self.rows.get_mut(&ask.device_code).ok_or(Refusal::Unknown)?;
        if row.asked.client != ask.client {
            return Err(Refusal::OtherClient.into());
        }
        // A verifier that no challenge asked for is refused as well: it is a sign that somebody took the challenge away.
        if row.code_challenge != ask.code_challenge {
            return Err(Refusal::Verifier.into());
        }
        if row.consumed_at.is_some() {
            return match (row.grant, &row.code_challenge) {
                (Some(grant), Some(_)) => {
                    state.betray(grant);
                    Err(Refusal::Reused.into())
                }
                _ => Err(Refusal::Unknown.into()),
            };
        }
        resource_fits(ask.resource.as_deref(), &row.asked.resource)?;
        if row.denied_at.is_some() {
            return Err(Waiting::Denied);
        }
        if row.expires_at <= ask.now {
            return Err(Refusal::Expired.into());
        }
        if let Some(grant) = row.grant {
            let grant = state.grants.get(&grant).ok_or(Refusal::Unknown)?;
            grant.check()?;
            row.consumed_at = Some(ask.now);
            self.changed.insert(ask.device_code.0);
            return Ok(grant.facts.clone());
        }
        let wait = Duration::from_secs(row.interval.into()).saturating_sub(LENIENCE);
        let is_early = row.polled_at.is_some_and(|at| at.after(wait) > ask.now);
        row.polled_at = Some(ask.now);
        if is_early {
            row.interval = row.interval.saturating_add(SLOWER);
        }
        self.changed.insert(ask.device_code.0);
        Err(if is_early { Waiting::SlowDown } else { Waiting::Pending })
    }
}

impl Batch<'_> {
    /// Decides a request of device authorization, and notes what has to be written.
    pub(super) fn device(&mut self, ask: &Ask) -> Answer {
        match ask {
            Ask::Begin(ask) => Answer::Begun(self.devices.begun.contains(&ask.device_code)),
            Ask::Claim(ask) => Answer::Claimed(self.devices.claim(ask)),
            Ask::Decide(ask) => Answer::Decided(self.decide_device(ask)),
            Ask::Poll(ask) => Answer::Polled(self.poll_device(ask)),
        }
    }

    fn decide_device(&mut self, ask: &DecideDeviceAuthorization) -> Result<(), Refusal> {
        let (asked, facts) = self.devices.decide(ask, &mut self.state)?;
        let detail = serde_json::json!({
            "scopes": asked.scopes.to_string(), "resource": asked.resource, "how": "device_code", "asked_from": asked.from
        });
        let of_grant = |kind: &str, facts: Option<&GrantFacts>| RecordEvent {
            at: ask.now,
            kind: kind.to_owned(),
            user: Some(ask.user),
            client: Some(asked.client.clone()),
            project: facts.map(|facts| facts.project),
            grant: facts.map(|facts| facts.grant),
            from: ask.from.clone(),
            detail,
        };
        match facts {
            None => self.events.push(of_grant("consent.denied", None)),
            Some(facts) => {
                self.events.push(of_grant("grant.created", Some(&facts)));
                self.used.insert(facts.client.clone(), ask.now);
                self.opened.push((facts, ask.now));
            }
        }
        Ok(())
    }

    fn poll_device(&mut self, ask: &PollDeviceAuthorization) -> Result<GrantFacts, Waiting> {
        let facts = self.devices.poll(ask, &mut self.state).inspect_err(|_| self.note_reuse("device_code", ask.now))?;
        self.token_issued(&facts, ask.refresh.map(|hash| (hash, ask.refresh_expires_at)), ask.now);
        Ok(facts)
    }
}
