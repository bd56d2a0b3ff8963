//! What a request may have. No database here: rows come in, a decision goes out, and the rows are as they will be.

use docent_types::ids::{ClientId, GrantId, ProjectId, UserId};
use docent_types::messages::{ExchangeCode, GrantFacts, IssueCode, OpenGrant, Refusal, RotateRefreshToken};
use docent_types::scope::ScopeSet;
use docent_types::secret::SecretHash;
use docent_types::time::Timestamp;
use std::collections::{HashMap, HashSet};

/// A grant, with what makes it live.
#[derive(Clone, Debug)]
pub struct GrantRow {
    /// What it says; without a nonce.
    pub facts: GrantFacts,
    /// Whether it was revoked.
    pub revoked: bool,
    /// Whether its person is enabled and still in its project.
    pub admitted: bool,
}

impl GrantRow {
    pub(super) fn check(&self) -> Result<(), Refusal> {
        if self.revoked {
            return Err(Refusal::Revoked);
        }
        if !self.admitted {
            return Err(Refusal::Withdrawn);
        }
        Ok(())
    }
}

/// An authorization code.
#[derive(Clone, Debug)]
pub struct CodeRow {
    /// The grant that it gives.
    pub grant: GrantId,
    /// What it is bound to (AS8).
    pub redirect_key: String,
    /// What it is bound to (AS2).
    pub code_challenge: String,
    /// OpenID Connect `nonce`.
    pub nonce: Option<String>,
    /// When it ends.
    pub expires_at: Timestamp,
    /// When it was exchanged.
    pub consumed_at: Option<Timestamp>,
}

/// A refresh token.
#[derive(Clone, Debug)]
pub struct TokenRow {
    /// The grant that it hangs under.
    pub grant: GrantId,
    /// The token that it was given for.
    pub parent: Option<SecretHash>,
    /// When it ends.
    pub expires_at: Timestamp,
    /// When it was used first.
    pub rotated_at: Option<Timestamp>,
    /// When a successor of it was used first.
    pub superseded_at: Option<Timestamp>,
}

/// The rows that a batch is about, and what its requests change in them.
#[derive(Debug, Default)]
pub struct State {
    /// The grants of the codes and tokens below.
    pub grants: HashMap<GrantId, GrantRow>,
    /// Codes by hash.
    pub codes: HashMap<SecretHash, CodeRow>,
    /// Tokens by hash, and their parents.
    pub tokens: HashMap<SecretHash, TokenRow>,
    /// Of what may be used once: what this batch is the first to use.
    pub fresh: HashSet<SecretHash>,
    /// Which person is enabled and in which project, of those that a grant is asked for.
    pub admitted: HashSet<(UserId, ProjectId)>,
    /// Grants that live and may be given again to who asks for the same: a client that asks each quarter of an hour does not fill the table.
    pub reusable: HashMap<Opened, GrantFacts>,
    /// Grants that are to be revoked because a code or token of theirs was used again.
    pub betrayed: Vec<GrantId>,
}

/// What makes two grants without a code the same.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Opened {
    /// The person, or the service account.
    pub user: UserId,
    /// The client.
    pub client: ClientId,
    /// The project.
    pub project: ProjectId,
    /// What was granted.
    pub scopes: ScopeSet,
    /// The resource that tokens are for.
    pub resource: String,
}

impl Opened {
    /// What a request would open, if it may be given a grant that is there. One that wants a refresh token gets a grant of its own:
    /// ending that family must end nothing else.
    #[must_use]
    pub fn of(ask: &OpenGrant) -> Option<Self> {
        ask.refresh.is_none().then(|| Self {
            user: ask.user,
            client: ask.client.clone(),
            project: ask.project,
            scopes: ask.scopes.clone(),
            resource: ask.resource.clone(),
        })
    }
}

pub(super) fn resource_fits(asked: Option<&str>, granted: &str) -> Result<(), Refusal> {
    match asked {
        Some(asked) if asked != granted => Err(Refusal::Resource),
        _ => Ok(()),
    }
}

impl State {
    pub(super) fn betray(&mut self, grant: GrantId) {
        if let Some(row) = self.grants.get_mut(&grant)
            && !row.revoked
        {
            row.revoked = true;
            self.betrayed.push(grant);
        }
    }

    /// Whether a consent becomes a grant (AS14: each form once).
    ///
    /// # Errors
    /// [`Refusal::Reused`], [`Refusal::Withdrawn`].
    pub fn issue(&mut self, ask: &IssueCode) -> Result<(), Refusal> {
        if !self.use_once(&ask.ticket) {
            return Err(Refusal::Reused);
        }
        if !self.admitted.contains(&(ask.user, ask.project)) {
            return Err(Refusal::Withdrawn);
        }
        Ok(())
    }

    /// Whether this is the first use.
    pub fn use_once(&mut self, what: &SecretHash) -> bool {
        self.fresh.remove(what)
    }

    /// Whether a grant is opened that no code leads to (AS19, AS20); the same one as before, if that lives.
    ///
    /// # Errors
    /// [`Refusal::Reused`], [`Refusal::Withdrawn`].
    pub fn open(&mut self, ask: &OpenGrant) -> Result<GrantFacts, Refusal> {
        if let Some((what, _)) = &ask.once
            && !self.use_once(what)
        {
            return Err(Refusal::Reused);
        }
        if !self.admitted.contains(&(ask.user, ask.project)) {
            return Err(Refusal::Withdrawn);
        }
        let opened = Opened::of(ask);
        if let Some(facts) = opened.as_ref().and_then(|opened| self.reusable.get(opened)) {
            return Ok(facts.clone());
        }
        let facts = GrantFacts {
            grant: ask.grant,
            user: ask.user,
            client: ask.client.clone(),
            project: ask.project,
            scopes: ask.scopes.clone(),
            resource: ask.resource.clone(),
            nonce: None,
            authenticated_at: ask.authenticated_at,
        };
        if let Some(opened) = opened {
            self.reusable.insert(opened, facts.clone());
        }
        Ok(facts)
    }

    /// Whether a code gives its tokens (AS6, AS8). A second use revokes what the first gave, but only if it proves the right client and
    /// verifier: else anybody who sees a code pass by could end the connection.
    ///
    /// # Errors
    /// Why not.
    pub fn exchange(&mut self, ask: &ExchangeCode) -> Result<GrantFacts, Refusal> {
        let code = self.codes.get(&ask.code).ok_or(Refusal::Unknown)?;
        let grant = self.grants.get(&code.grant).ok_or(Refusal::Unknown)?;
        if grant.facts.client != ask.client {
            return Err(Refusal::OtherClient);
        }
        if code.redirect_key != ask.redirect_key {
            return Err(Refusal::RedirectUri);
        }
        if code.code_challenge != ask.code_challenge {
            return Err(Refusal::Verifier);
        }
        if code.consumed_at.is_some() {
            let grant = code.grant;
            self.betray(grant);
            return Err(Refusal::Reused);
        }
        resource_fits(ask.resource.as_deref(), &grant.facts.resource)?;
        if code.expires_at <= ask.now {
            return Err(Refusal::Expired);
        }
        grant.check()?;
        let facts = GrantFacts { nonce: code.nonce.clone(), ..grant.facts.clone() };
        if let Some(code) = self.codes.get_mut(&ask.code) {
            code.consumed_at = Some(ask.now);
        }
        Ok(facts)
    }

    /// Whether a refresh token gives a successor (AS9). It does while it was never used; and after its first use until the grace ends or
    /// one of its successors is used. After that its use revokes the family.
    ///
    /// # Errors
    /// Why not.
    pub fn rotate(&mut self, ask: &RotateRefreshToken) -> Result<GrantFacts, Refusal> {
        let token = self.tokens.get(&ask.presented).ok_or(Refusal::Unknown)?;
        let grant = self.grants.get(&token.grant).ok_or(Refusal::Unknown)?;
        if grant.facts.client != ask.client {
            return Err(Refusal::OtherClient);
        }
        resource_fits(ask.resource.as_deref(), &grant.facts.resource)?;
        grant.check()?;
        if token.expires_at <= ask.now {
            return Err(Refusal::Expired);
        }
        let usable = match token.rotated_at {
            None => true,
            Some(at) => token.superseded_at.is_none() && at > ask.grace_since,
        };
        if !usable {
            let grant = token.grant;
            self.betray(grant);
            return Err(Refusal::Reused);
        }
        let (facts, parent) = (grant.facts.clone(), token.parent);
        if let Some(token) = self.tokens.get_mut(&ask.presented) {
            token.rotated_at.get_or_insert(ask.now);
        }
        if let Some(parent) = parent.and_then(|parent| self.tokens.get_mut(&parent)) {
            parent.superseded_at.get_or_insert(ask.now);
        }
        Ok(facts)
    }
}
