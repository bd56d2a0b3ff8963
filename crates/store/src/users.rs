//! People.

use crate::Store;
use crate::entity::{project_members, projects, users};
use crate::error::StoreError;
use crate::links::{self, LinkPurpose};
use crate::projects::Role;
use crate::sql::Lock;
use docent_types::ids::{ProjectId, SessionId, UserId};
use docent_types::secret::SecretHash;
use docent_types::time::Timestamp;
use sea_orm::{
    ActiveModelTrait as _, ColumnTrait as _, ConnectionTrait, DatabaseTransaction, EntityTrait as _, PaginatorTrait as _, QueryFilter as _,
    QueryOrder as _, Set,
};

/// A person.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct User {
    /// Their id.
    pub id: UserId,
    /// Their e-mail address, trimmed and in lower case.
    pub email: String,
    /// Their name; empty if they gave none.
    pub name: String,
    /// The PHC string of their password; `None` until they set one.
    pub password_hash: Option<String>,
    /// Whether they administer this Docent.
    pub is_admin: bool,
    /// When they were disabled.
    pub disabled_at: Option<Timestamp>,
    /// When they came.
    pub created_at: Timestamp,
}

/// A person to be, with the personal project that comes with them.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// Their id.
    pub id: UserId,
    /// Their e-mail address, as typed.
    pub email: String,
    /// Their name; may be empty.
    pub name: String,
    /// The PHC string of their password, if they have one already.
    pub password_hash: Option<String>,
    /// Whether they administer this Docent.
    pub is_admin: bool,
    /// Now.
    pub now: Timestamp,
    /// The id of their personal project.
    pub project: ProjectId,
}

/// The `kind` of somebody who signs in. Everything else is a machine's account, which no page and no list of people shows.
pub(crate) const PERSON: &str = "person";

/// How an e-mail address is stored and compared.
#[must_use]
pub fn normalise_email(email: &str) -> String {
    email.trim().to_lowercase()
}

impl From<users::Model> for User {
    fn from(row: users::Model) -> Self {
        Self {
            id: UserId(row.id),
            email: row.email,
            name: row.name,
            password_hash: row.password_hash,
            is_admin: row.is_admin,
            disabled_at: row.disabled_at.map(Timestamp),
            created_at: Timestamp(row.created_at),
        }
    }
}

/// Writes the person, their personal project, and their place in it.
pub(crate) async fn insert(transaction: &DatabaseTransaction, new: NewUser) -> Result<User, StoreError> {
    let email = normalise_email(&new.email);
    let row = users::ActiveModel {
        id: Set(new.id.0),
        email: Set(email),
        name: Set(new.name.trim().to_owned()),
        password_hash: Set(new.password_hash),
        is_admin: Set(new.is_admin),
        disabled_at: Set(None),
        created_at: Set(new.now.0),
        kind: Set(PERSON.to_owned()),
    };
    let user = row.insert(transaction).await.map_err(|error| StoreError::taken(error, "email"))?;
    let project = projects::ActiveModel {
        id: Set(new.project.0),
        name: Set("Personal".to_owned()),
        name_key: Set("personal".to_owned()),
        personal_of: Set(Some(new.id.0)),
        created_at: Set(new.now.0),
    };
    project.insert(transaction).await?;
    let member = project_members::ActiveModel {
        project_id: Set(new.project.0),
        user_id: Set(new.id.0),
        role: Set(Role::Owner.as_str().to_owned()),
        created_at: Set(new.now.0),
    };
    member.insert(transaction).await?;
    Ok(user.into())
}

/// Writes a new password and ends every session that the old one opened, but for `keep`.
pub(crate) async fn change_password<C: ConnectionTrait>(
    connection: &C,
    user: UserId,
    hash: &str,
    keep: Option<SessionId>,
) -> Result<(), StoreError> {
    let changed = users::Entity::update_many()
        .set(users::ActiveModel { password_hash: Set(Some(hash.to_owned())), ..Default::default() })
        .filter(users::Column::Id.eq(user.0))
        .exec(connection)
        .await?;
    if changed.rows_affected == 0 {
        return Err(StoreError::NotFound("user"));
    }
    crate::sessions::end_all(connection, user, keep).await
}

impl Store {
    /// Adds a person and their personal project.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if the e-mail address is taken.
    pub async fn create_user(&self, new: NewUser) -> Result<User, StoreError> {
        let transaction = self.begin().await?;
        let user = insert(&transaction, new).await?;
        transaction.commit().await?;
        Ok(user)
    }

    /// Adds the first administrator, if nobody is there yet and the link is good. The link is used up by it.
    ///
    /// # Errors
    /// What the database says.
    pub async fn create_first_admin(&self, new: NewUser, link: SecretHash) -> Result<Option<User>, StoreError> {
        let transaction = self.begin().await?;
        self.lock(&transaction, Lock::FirstAdministrator).await?;
        if users::Entity::find().filter(users::Column::Kind.eq(PERSON)).count(&transaction).await? > 0 {
            return Ok(None);
        }
        if links::consume(&transaction, LinkPurpose::FirstAdmin, link, new.now).await?.is_none() {
            return Ok(None);
        }
        let user = insert(&transaction, NewUser { is_admin: true, ..new }).await?;
        transaction.commit().await?;
        Ok(Some(user))
    }

    /// How many people there are.
    ///
    /// # Errors
    /// What the database says.
    pub async fn count_users(&self) -> Result<u64, StoreError> {
        Ok(users::Entity::find().filter(users::Column::Kind.eq(PERSON)).count(self.reader()).await?)
    }

    /// Everybody, by e-mail address.
    ///
    /// # Errors
    /// What the database says.
    pub async fn users(&self) -> Result<Vec<User>, StoreError> {
        let people = users::Entity::find().filter(users::Column::Kind.eq(PERSON)).order_by_asc(users::Column::Email);
        let rows = people.all(self.reader()).await?;
        Ok(rows.into_iter().map(User::from).collect())
    }

    /// A person, or a machine's account.
    ///
    /// # Errors
    /// What the database says.
    pub async fn user(&self, id: UserId) -> Result<Option<User>, StoreError> {
        Ok(users::Entity::find_by_id(id.0).one(self.reader()).await?.map(User::from))
    }

    /// A person by e-mail address, as typed.
    ///
    /// # Errors
    /// What the database says.
    pub async fn user_by_email(&self, email: &str) -> Result<Option<User>, StoreError> {
        let found = users::Entity::find().filter(users::Column::Email.eq(normalise_email(email))).filter(users::Column::Kind.eq(PERSON));
        Ok(found.one(self.reader()).await?.map(User::from))
    }

    /// Sets a password. Ends all sessions of the person.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is no such person.
    pub async fn set_password(&self, user: UserId, hash: &str, _now: Timestamp) -> Result<(), StoreError> {
        let transaction = self.begin().await?;
        change_password(&transaction, user, hash, None).await?;
        transaction.commit().await?;
        Ok(())
    }
}
