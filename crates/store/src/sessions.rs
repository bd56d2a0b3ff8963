//! Browser sessions.

use crate::entity::sessions;
use crate::error::StoreError;
use crate::{Acting, Store, record, sql, users};
use docent_types::ids::{SessionId, UserId};
use docent_types::secret::SecretHash;
use docent_types::session::SignedIn;
use docent_types::time::Timestamp;
use sea_orm::{ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _, QueryOrder as _, QueryResult, QuerySelect as _, Set};

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

/// A browser in which a person is signed in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// What the browser calls itself.
    pub user_agent: Option<String>,
    /// The address that it began at.
    pub from: Option<String>,
    /// When it began.
    pub created_at: Timestamp,
}

/// Ends all sessions of a person, but for `keep`.
pub(crate) async fn end_all<C: ConnectionTrait>(connection: &C, user: UserId, keep: Option<SessionId>) -> Result<(), StoreError> {
    let mut ending = sessions::Entity::delete_many().filter(sessions::Column::UserId.eq(user.0));
    if let Some(keep) = keep {
        ending = ending.filter(sessions::Column::Id.ne(keep.0));
    }
    ending.exec(connection).await?;
    Ok(())
}

impl Store {
    /// The sessions of a person that have not ended, the newest first; at most 200.
    ///
    /// # Errors
    /// What the database says.
    pub async fn sessions_of(&self, user: UserId, now: Timestamp) -> Result<Vec<Session>, StoreError> {
        let rows = sessions::Entity::find()
            .filter(sessions::Column::UserId.eq(user.0))
            .filter(sessions::Column::ExpiresAt.gt(now.0))
            .order_by_desc(sessions::Column::CreatedAt)
            .order_by_desc(sessions::Column::Id)
            .limit(200)
            .all(self.reader())
            .await?;
        let session = |row: sessions::Model| Session {
            id: SessionId(row.id),
            user_agent: row.user_agent,
            from: row.from_address,
            created_at: Timestamp(row.created_at),
        };
        Ok(rows.into_iter().map(session).collect())
    }

    /// Ends a session of this person. Answers whether it was theirs and there.
    ///
    /// # Errors
    /// What the database says.
    pub async fn end_session_of(&self, user: UserId, session: SessionId, acting: &Acting) -> Result<bool, StoreError> {
        let own = sessions::Entity::delete_many().filter(sessions::Column::UserId.eq(user.0));
        let transaction = self.begin().await?;
        let ended = own.filter(sessions::Column::Id.eq(session.0)).exec(&transaction).await?.rows_affected > 0;
        if ended {
            record::insert_events(&transaction, &[acting.event("session.ended", None, serde_json::Value::Null)]).await?;
        }
        transaction.commit().await?;
        Ok(ended)
    }

    /// Ends all sessions of a person but one.
    ///
    /// # Errors
    /// What the database says.
    pub async fn end_other_sessions(&self, user: UserId, keep: SessionId, acting: &Acting) -> Result<(), StoreError> {
        let transaction = self.begin().await?;
        end_all(&transaction, user, Some(keep)).await?;
        record::insert_events(&transaction, &[acting.event("session.ended", None, serde_json::json!({ "which": "all others" }))]).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Changes a person's own password, and ends all of their sessions but the one that it was changed in.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the person is gone.
    pub async fn change_own_password(&self, user: UserId, keep: SessionId, hash: &str, acting: &Acting) -> Result<(), StoreError> {
        let transaction = self.begin().await?;
        users::change_password(&transaction, user, hash, Some(keep)).await?;
        record::insert_events(&transaction, &[acting.event("password.changed", None, serde_json::Value::Null)]).await?;
        transaction.commit().await?;
        Ok(())
    }

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
