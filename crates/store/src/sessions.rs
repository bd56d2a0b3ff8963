//! Browser sessions.

use crate::entity::sessions;
use crate::error::StoreError;
use crate::{Store, sql};
use docent_types::ids::{SessionId, UserId};
use docent_types::secret::SecretHash;
use docent_types::session::SignedIn;
use docent_types::time::Timestamp;
use sea_orm::{ConnectionTrait as _, EntityTrait as _, QueryResult, Set};

/// The columns of who is signed in, of a session `s` and a user `u`.
pub(crate) const SIGNED_IN: &str = "s.id AS s_id, u.id AS u_id, u.email AS u_email, u.name AS u_name, u.is_admin AS u_is_admin,
    s.created_at AS s_created_at";

/// Reads [`SIGNED_IN`]; `None` where a join found nobody.
pub(crate) fn signed_in(row: &QueryResult) -> Result<Option<SignedIn>, StoreError> {
    let Some(session) = row.try_get::<Option<uuid::Uuid>>("", "s_id")? else { return Ok(None) };
    Ok(Some(SignedIn {
        session: SessionId(session),
        user: UserId(row.try_get("", "u_id")?),
        email: row.try_get("", "u_email")?,
        name: row.try_get("", "u_name")?,
        is_admin: row.try_get("", "u_is_admin")?,
        authenticated_at: Timestamp(row.try_get("", "s_created_at")?),
    }))
}

impl Store {
    /// Opens a session.
    ///
    /// # Errors
    /// What the database says.
    #[expect(clippy::too_many_arguments, reason = "the columns of a session; a struct would only repeat them")]
    pub async fn create_session(
        &self,
        id: SessionId,
        cookie: SecretHash,
        user: UserId,
        now: Timestamp,
        expires_at: Timestamp,
        user_agent: Option<&str>,
        from: Option<&str>,
    ) -> Result<(), StoreError> {
        let row = sessions::ActiveModel {
            id: Set(id.0),
            cookie_hash: Set(cookie.to_vec()),
            user_id: Set(user.0),
            user_agent: Set(user_agent.map(|agent| agent.chars().take(300).collect())),
            from_address: Set(from.map(str::to_owned)),
            created_at: Set(now.0),
            expires_at: Set(expires_at.0),
        };
        sessions::Entity::insert(row).exec_without_returning(self.writer()).await?;
        Ok(())
    }

    /// Who is signed in with this cookie. Nobody, if the session ended or the person is disabled.
    ///
    /// # Errors
    /// What the database says.
    pub async fn signed_in(&self, cookie: SecretHash, now: Timestamp) -> Result<Option<SignedIn>, StoreError> {
        let query = sql::statement(
            self.backend(),
            format!(
                "SELECT {SIGNED_IN} FROM sessions s JOIN users u ON u.id = s.user_id
                 WHERE s.cookie_hash = $1 AND s.expires_at > $2 AND u.disabled_at IS NULL"
            ),
            [sql::bytes(cookie.to_vec()), sql::number(now.0)],
        );
        let Some(row) = self.reader().query_one_raw(query).await? else { return Ok(None) };
        signed_in(&row)
    }

    /// Ends a session.
    ///
    /// # Errors
    /// What the database says.
    pub async fn end_session(&self, id: SessionId) -> Result<(), StoreError> {
        sessions::Entity::delete_by_id(id.0).exec(self.writer()).await?;
        Ok(())
    }
}
