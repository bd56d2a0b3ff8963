//! Refresh tokens, as introspection reads them (RFC 7662). They are changed by the ledger.

use crate::{Store, StoreError, sql};
use docent_types::ids::{ClientId, UserId};
use docent_types::scope::ScopeSet;
use docent_types::secret::SecretHash;
use docent_types::time::Timestamp;
use sea_orm::ConnectionTrait as _;
use uuid::Uuid;

/// A refresh token that gives a successor now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RefreshTokenFacts {
    /// Whose it is.
    pub client: ClientId,
    /// Who allowed it.
    pub user: UserId,
    /// What was granted.
    pub scopes: ScopeSet,
    /// When it was given.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
}

impl Store {
    /// A refresh token, if its use would be accepted (AS9): it has not ended, nothing above it was withdrawn, and it was not used, or was
    /// used first after `grace_since` and none of its successors was.
    ///
    /// # Errors
    /// What the database says.
    pub async fn live_refresh_token(
        &self,
        token: SecretHash,
        grace_since: Timestamp,
        now: Timestamp,
    ) -> Result<Option<RefreshTokenFacts>, StoreError> {
        let query = sql::statement(
            self.backend(),
            "SELECT g.client_id, g.user_id, g.scopes, t.created_at, t.expires_at
             FROM refresh_tokens t JOIN grants g ON g.id = t.grant_id JOIN users u ON u.id = g.user_id
             JOIN project_members m ON m.project_id = g.project_id AND m.user_id = g.user_id
             WHERE t.hash = $1 AND t.expires_at > $2 AND g.revoked_at IS NULL AND u.disabled_at IS NULL
               AND (t.rotated_at IS NULL OR (t.superseded_at IS NULL AND t.rotated_at > $3))",
            [sql::bytes(token.0), sql::number(now.0), sql::number(grace_since.0)],
        );
        let Some(row) = self.reader().query_one_raw(query).await? else { return Ok(None) };
        Ok(Some(RefreshTokenFacts {
            client: ClientId(row.try_get_by_index(0)?),
            user: UserId(row.try_get_by_index::<Uuid>(1)?),
            scopes: ScopeSet::parse_known(&row.try_get_by_index::<String>(2)?),
            created_at: Timestamp(row.try_get_by_index(3)?),
            expires_at: Timestamp(row.try_get_by_index(4)?),
        }))
    }
}
