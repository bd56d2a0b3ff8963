//! One-time links: for the first administrator, for setting a password, for invitations. A table of their own, so that a link can never
//! be taken for a code or a token.

use crate::entity::links;
use crate::error::StoreError;
use crate::users::{self, NewUser, User};
use crate::{Store, sql};
use docent_types::ids::UserId;
use docent_types::secret::SecretHash;
use docent_types::time::Timestamp;
use sea_orm::{ActiveModelTrait as _, ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _, Set};
use uuid::Uuid;

/// What a link is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LinkPurpose {
    /// Making the first administrator.
    FirstAdmin,
    /// Setting a password.
    SetPassword,
    /// Making an account.
    Invite,
}

impl LinkPurpose {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::FirstAdmin => "first_admin",
            Self::SetPassword => "set_password",
            Self::Invite => "invite",
        }
    }
}

/// A link that can be used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Link {
    /// The person it is for, if there is one already.
    pub user: Option<UserId>,
    /// The e-mail address it is for, if it names one.
    pub email: Option<String>,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// Uses a link up. One conditional update decides.
pub(crate) async fn consume<C: ConnectionTrait>(
    connection: &C,
    purpose: LinkPurpose,
    hash: SecretHash,
    now: Timestamp,
) -> Result<Option<Link>, StoreError> {
    let update = sql::statement(
        connection.get_database_backend(),
        "UPDATE links SET consumed_at = $1 WHERE hash = $2 AND purpose = $3 AND consumed_at IS NULL AND expires_at > $1
         RETURNING user_id, email, expires_at",
        [sql::number(now.0), sql::bytes(hash.to_vec()), sql::text(purpose.as_str())],
    );
    let Some(row) = connection.query_one_raw(update).await? else { return Ok(None) };
    Ok(Some(Link {
        user: row.try_get_by_index::<Option<Uuid>>(0)?.map(UserId),
        email: row.try_get_by_index(1)?,
        expires_at: Timestamp(row.try_get_by_index(2)?),
    }))
}

impl Store {
    /// Writes a link. A link for the first administrator replaces those made before.
    ///
    /// # Errors
    /// What the database says.
    pub async fn create_link(
        &self,
        purpose: LinkPurpose,
        hash: SecretHash,
        user: Option<UserId>,
        email: Option<&str>,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> Result<(), StoreError> {
        let transaction = self.begin().await?;
        let mut old = links::Entity::delete_many().filter(links::Column::Purpose.eq(purpose.as_str()));
        if let (LinkPurpose::SetPassword, Some(user)) = (purpose, user) {
            old = old.filter(links::Column::UserId.eq(user.0));
        }
        if purpose != LinkPurpose::Invite {
            old.exec(&transaction).await?;
        }
        let row = links::ActiveModel {
            hash: Set(hash.to_vec()),
            purpose: Set(purpose.as_str().to_owned()),
            user_id: Set(user.map(|user| user.0)),
            email: Set(email.map(users::normalise_email)),
            created_at: Set(now.0),
            expires_at: Set(expires_at.0),
            consumed_at: Set(None),
        };
        row.insert(&transaction).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Looks a link up without using it.
    ///
    /// # Errors
    /// What the database says.
    pub async fn link(&self, purpose: LinkPurpose, hash: SecretHash, now: Timestamp) -> Result<Option<Link>, StoreError> {
        let row = links::Entity::find_by_id(hash.to_vec())
            .filter(links::Column::Purpose.eq(purpose.as_str()))
            .filter(links::Column::ConsumedAt.is_null())
            .filter(links::Column::ExpiresAt.gt(now.0))
            .one(self.reader())
            .await?;
        Ok(row.map(|row| Link { user: row.user_id.map(UserId), email: row.email, expires_at: Timestamp(row.expires_at) }))
    }

    /// Uses a link up.
    ///
    /// # Errors
    /// What the database says.
    pub async fn consume_link(&self, purpose: LinkPurpose, hash: SecretHash, now: Timestamp) -> Result<Option<Link>, StoreError> {
        consume(self.writer(), purpose, hash, now).await
    }

    /// Uses a link up and sets the password of its person. `None` if the link is not good any more.
    ///
    /// # Errors
    /// What the database says.
    pub async fn set_password_by_link(&self, link: SecretHash, password_hash: &str, now: Timestamp) -> Result<Option<UserId>, StoreError> {
        let transaction = self.begin().await?;
        let Some(user) = consume(&transaction, LinkPurpose::SetPassword, link, now).await?.and_then(|link| link.user) else {
            return Ok(None);
        };
        users::change_password(&transaction, user, password_hash, None).await?;
        transaction.commit().await?;
        Ok(Some(user))
    }

    /// Uses an invitation up and adds the person. If the invitation names an address, that one counts. `None` if it is not good any more.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if the e-mail address is taken; the invitation stays good then.
    pub async fn create_user_by_invite(&self, link: SecretHash, new: NewUser) -> Result<Option<User>, StoreError> {
        let transaction = self.begin().await?;
        let Some(link) = consume(&transaction, LinkPurpose::Invite, link, new.now).await? else { return Ok(None) };
        let email = link.email.unwrap_or(new.email);
        let user = users::insert(&transaction, NewUser { email, is_admin: false, ..new }).await?;
        transaction.commit().await?;
        Ok(Some(user))
    }
}
