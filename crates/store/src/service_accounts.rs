//! Service accounts: on whose behalf a machine client acts (AS19). Each is the account of one client and a member of one project. It
//! has no password and no address, and goes when its client goes.

use crate::projects::Role;
use crate::{Store, StoreError, sql};
use docent_types::ids::{ClientId, ProjectId, UserId};
use docent_types::time::Timestamp;
use sea_orm::ConnectionTrait as _;
use uuid::Uuid;

/// A machine client's account.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ServiceAccount {
    /// The `sub` of its tokens.
    pub user: UserId,
    /// The project that it acts for.
    pub project: ProjectId,
}

impl Store {
    /// Gives a client its account.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if it has one; an unknown client or project is refused by the database.
    pub async fn create_service_account(
        &self,
        client: &ClientId,
        name: &str,
        account: ServiceAccount,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let transaction = self.begin().await?;
        let user = sql::statement(
            self.backend(),
            // Not an e-mail address: no form can name it.
            "INSERT INTO users (id, email, name, password_hash, is_admin, disabled_at, created_at, kind)
             VALUES ($1, 'client:' || $2, $3, NULL, FALSE, NULL, $4, 'service')",
            [sql::uuid(account.user.0), sql::text(client.as_str()), sql::text(name), sql::number(now.0)],
        );
        transaction.execute_raw(user).await.map_err(|error| StoreError::taken(error, "service account"))?;
        let owned = sql::statement(
            self.backend(),
            "INSERT INTO service_accounts (client_id, user_id, project_id) VALUES ($1, $2, $3)",
            [sql::text(client.as_str()), sql::uuid(account.user.0), sql::uuid(account.project.0)],
        );
        transaction.execute_raw(owned).await.map_err(|error| StoreError::taken(error, "service account"))?;
        let member = sql::statement(
            self.backend(),
            "INSERT INTO project_members (project_id, user_id, role, created_at) VALUES ($1, $2, $3, $4)",
            [sql::uuid(account.project.0), sql::uuid(account.user.0), sql::text(Role::Member.as_str()), sql::number(now.0)],
        );
        transaction.execute_raw(member).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// The account of a client, if it is a machine's.
    ///
    /// # Errors
    /// What the database says.
    pub async fn service_account(&self, client: &ClientId) -> Result<Option<ServiceAccount>, StoreError> {
        let query = sql::statement(
            self.backend(),
            "SELECT user_id, project_id FROM service_accounts WHERE client_id = $1",
            [sql::text(client.as_str())],
        );
        let row = self.reader().query_one_raw(query).await?;
        row.map(|row| {
            Ok(ServiceAccount { user: UserId(row.try_get_by_index::<Uuid>(0)?), project: ProjectId(row.try_get_by_index::<Uuid>(1)?) })
        })
        .transpose()
    }
}
