//! Who a subject of another issuer is here (AS20). Nothing but a row of this table makes somebody's assertion an account's: never an
//! e-mail address.

use crate::users::{self, NewUser, User};
use crate::{Role, Store, StoreError, sql};
use docent_types::ids::{ProjectId, UserId};
use docent_types::time::Timestamp;
use sea_orm::{ConnectionTrait, Statement};
use uuid::Uuid;

/// A subject of another issuer, linked to an account.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LinkedIdentity {
    /// The issuer, byte for byte as in its assertions.
    pub issuer: String,
    /// What the issuer calls the person.
    pub subject: String,
    /// The e-mail address of the account here.
    pub email: String,
    /// When it was linked.
    pub created_at: Timestamp,
}

impl Store {
    fn link_statement(&self, issuer: &str, subject: &str, user: UserId, now: Timestamp) -> Statement {
        sql::statement(
            self.backend(),
            "INSERT INTO federated_identities (issuer, subject, user_id, created_at) VALUES ($1, $2, $3, $4)",
            [sql::text(issuer), sql::text(subject), sql::uuid(user.0), sql::number(now.0)],
        )
    }

    /// Links a subject to an account.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if it is linked already, to whomever.
    pub async fn link_identity(&self, issuer: &str, subject: &str, user: UserId, now: Timestamp) -> Result<(), StoreError> {
        let insert = self.link_statement(issuer, subject, user, now);
        self.writer().execute_raw(insert).await.map_err(|error| StoreError::taken(error, "identity"))?;
        Ok(())
    }

    /// Makes an account for a subject, in a project, and links it: all or nothing.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if the subject is linked or the e-mail address is taken.
    pub async fn create_user_with_identity(
        &self,
        new: NewUser,
        issuer: &str,
        subject: &str,
        member_of: ProjectId,
    ) -> Result<User, StoreError> {
        let (now, transaction) = (new.now, self.begin().await?);
        let user = users::insert(&transaction, new).await?;
        let link = self.link_statement(issuer, subject, user.id, now);
        transaction.execute_raw(link).await.map_err(|error| StoreError::taken(error, "identity"))?;
        let member = sql::statement(
            self.backend(),
            "INSERT INTO project_members (project_id, user_id, role, created_at) VALUES ($1, $2, $3, $4)",
            [sql::uuid(member_of.0), sql::uuid(user.id.0), sql::text(Role::Member.as_str()), sql::number(now.0)],
        );
        transaction.execute_raw(member).await?;
        transaction.commit().await?;
        Ok(user)
    }

    /// Whose account a subject is linked to.
    ///
    /// # Errors
    /// What the database says.
    pub async fn user_by_identity(&self, issuer: &str, subject: &str) -> Result<Option<UserId>, StoreError> {
        let query = sql::statement(
            self.backend(),
            "SELECT user_id FROM federated_identities WHERE issuer = $1 AND subject = $2",
            [sql::text(issuer), sql::text(subject)],
        );
        let row = self.reader().query_one_raw(query).await?;
        Ok(row.map(|row| row.try_get_by_index::<Uuid>(0)).transpose()?.map(UserId))
    }

    /// Every linked subject, by account.
    ///
    /// # Errors
    /// What the database says.
    pub async fn identities(&self) -> Result<Vec<LinkedIdentity>, StoreError> {
        let query = sql::statement(
            self.backend(),
            "SELECT i.issuer, i.subject, u.email, i.created_at FROM federated_identities i JOIN users u ON u.id = i.user_id
             ORDER BY u.email, i.issuer, i.subject",
            [],
        );
        let rows = self.reader().query_all_raw(query).await?;
        rows.iter()
            .map(|row| {
                Ok(LinkedIdentity {
                    issuer: row.try_get_by_index(0)?,
                    subject: row.try_get_by_index(1)?,
                    email: row.try_get_by_index(2)?,
                    created_at: Timestamp(row.try_get_by_index(3)?),
                })
            })
            .collect()
    }

    /// Takes a link away. Answers whose it was.
    ///
    /// # Errors
    /// What the database says.
    pub async fn unlink_identity(&self, issuer: &str, subject: &str) -> Result<Option<UserId>, StoreError> {
        let delete = sql::statement(
            self.backend(),
            "DELETE FROM federated_identities WHERE issuer = $1 AND subject = $2 RETURNING user_id",
            [sql::text(issuer), sql::text(subject)],
        );
        let row = self.writer().query_one_raw(delete).await?;
        Ok(row.map(|row| row.try_get_by_index::<Uuid>(0)).transpose()?.map(UserId))
    }
}
