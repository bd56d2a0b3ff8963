//! The verified caller, as tools see it: never a token.

use crate::ids::{ClientId, GrantId, ProjectId, UserId};
use crate::scope::ScopeSet;
use crate::time::Timestamp;

/// Who calls, for which project, through which client, with what permission.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Principal {
    /// The person.
    pub user: UserId,
    /// The project that the grant was given for.
    pub project: ProjectId,
    /// The client that the person allowed.
    pub client: ClientId,
    /// The grant; revoking it ends this.
    pub grant: GrantId,
    /// What was granted.
    pub scopes: ScopeSet,
    /// When the credential ends.
    pub expires_at: Timestamp,
}
