//! What a person connected: the grants that they gave and that are in force.

use crate::error::StoreError;
use crate::{Store, sql};
use docent_types::ids::{ClientId, GrantId, ProjectId, UserId};
use docent_types::scope::ScopeSet;
use docent_types::time::Timestamp;
use sea_orm::ConnectionTrait as _;

/// A grant, as its giver sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConnectedApp {
    /// The grant.
    pub grant: GrantId,
    /// The client.
    pub client: ClientId,
    /// What the client calls itself.
    pub client_name: String,
    /// Where it may send people back to.
    pub redirect_uris: Vec<String>,
    /// The project that it acts for.
    pub project: ProjectId,
    /// The project's name.
    pub project_name: String,
    /// What was granted.
    pub scopes: ScopeSet,
    /// When it was connected.
    pub created_at: Timestamp,
    /// When it renewed its access last, if it did.
    pub renewed_at: Option<Timestamp>,
    /// The address that it was connected from, if the record still has it.
    pub from: Option<String>,
}

impl Store {
    /// The grants of a person that are in force and have a refresh token that is still good, the newest first; at most 500.
    ///
    /// # Errors
    /// What the database says.
    pub async fn connected_apps(&self, user: UserId, now: Timestamp) -> Result<Vec<ConnectedApp>, StoreError> {
        let query = sql::statement(
            self.backend(),
            "SELECT g.id, g.client_id, c.name, c.redirect_uris, g.project_id, p.name, g.scopes, g.created_at,
                (SELECT MAX(t.created_at) FROM refresh_tokens t WHERE t.grant_id = g.id AND t.parent_hash IS NOT NULL) AS renewed_at,
                (SELECT e.from_address FROM audit_events e WHERE e.user_id = g.user_id AND e.at = g.created_at AND e.grant_id = g.id
                    AND e.from_address IS NOT NULL ORDER BY e.id LIMIT 1) AS from_address
             FROM grants g JOIN clients c ON c.id = g.client_id JOIN projects p ON p.id = g.project_id
             WHERE g.user_id = $1 AND g.revoked_at IS NULL
                AND EXISTS (SELECT 1 FROM refresh_tokens t WHERE t.grant_id = g.id AND t.expires_at > $2)
             ORDER BY g.created_at DESC, g.id DESC LIMIT 500",
            [sql::uuid(user.0), sql::number(now.0)],
        );
        let rows = self.reader().query_all_raw(query).await?;
        rows.iter()
            .map(|row| {
                let (uris, scopes): (String, String) = (row.try_get_by_index(3)?, row.try_get_by_index(6)?);
                Ok(ConnectedApp {
                    grant: GrantId(row.try_get_by_index(0)?),
                    client: ClientId(row.try_get_by_index(1)?),
                    client_name: row.try_get_by_index(2)?,
                    redirect_uris: serde_json::from_str(&uris)
                        .map_err(|_| StoreError::Database("a client's redirect_uris cannot be read".to_owned()))?,
                    project: ProjectId(row.try_get_by_index(4)?),
                    project_name: row.try_get_by_index(5)?,
                    scopes: ScopeSet::parse_known(&scopes),
                    created_at: Timestamp(row.try_get_by_index(7)?),
                    renewed_at: row.try_get_by_index::<Option<i64>>(8)?.map(Timestamp),
                    from: row.try_get_by_index(9)?,
                })
            })
            .collect()
    }
}
