//! What administrators look up and change. Each change stands in the record with who made it: of accounts in the transaction of the
//! change, of projects, members, invitations and libraries right after it.

use crate::entity::{links, users};
use crate::error::StoreError;
use crate::links::LinkPurpose;
use crate::users::{PERSON, User};
use crate::{Project, Role, Store, clients, record, revocations, sessions, sql};
use docent_types::ids::{ProjectId, UserId};
use docent_types::library_id::LibraryId;
use docent_types::messages::RecordEvent;
use docent_types::registration::Client;
use docent_types::secret::SecretHash;
use docent_types::time::Timestamp;
use sea_orm::{
    ColumnTrait as _, ConnectionTrait as _, EntityTrait as _, FromQueryResult as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
};
use serde_json::json;

/// Who makes a change, and when.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Acting {
    /// The administrator; `None` for a command on the server.
    pub by: Option<UserId>,
    /// The address that the change came from.
    pub from: Option<String>,
    /// Now.
    pub now: Timestamp,
}

impl Acting {
    /// A command on the server.
    #[must_use]
    pub const fn command(now: Timestamp) -> Self {
        Self { by: None, from: None, now }
    }

    /// The entry of the record for a change of this kind.
    pub(crate) fn event(&self, kind: &str, project: Option<ProjectId>, detail: serde_json::Value) -> RecordEvent {
        RecordEvent {
            at: self.now,
            kind: kind.to_owned(),
            user: self.by,
            client: None,
            project,
            grant: None,
            from: self.from.clone(),
            detail,
        }
    }
}

/// An invitation that nobody has used yet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Invitation {
    /// The hash of its secret: what it is called here.
    pub hash: SecretHash,
    /// The address that it is for, if it is for one.
    pub email: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// `%text%` for `LIKE … ESCAPE '\'`.
fn anywhere(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 2);
    pattern.push('%');
    for c in text.trim().to_lowercase().chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

impl Store {
    /// People by address, from `after` on: those whose address or name has `text` in it; at most `limit`.
    ///
    /// # Errors
    /// What the database says.
    pub async fn people(&self, text: &str, after: &str, limit: u64) -> Result<Vec<User>, StoreError> {
        let query = sql::statement(
            self.backend(),
            "SELECT * FROM users WHERE kind = $1 AND email > $2 AND (email LIKE $3 ESCAPE '\\' OR lower(name) LIKE $3 ESCAPE '\\')
             ORDER BY email LIMIT $4",
            [sql::text(PERSON), sql::text(after), sql::text(anywhere(text)), sql::number(sql::count(limit))],
        );
        let rows = self.reader().query_all_raw(query).await?;
        rows.iter().map(|row| Ok(users::Model::from_query_result(row, "")?.into())).collect()
    }

    /// Disables or enables a person. Disabling ends all their sessions and revokes all their grants.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is no such person.
    pub async fn set_user_disabled(&self, user: UserId, disabled: bool, acting: &Acting) -> Result<(), StoreError> {
        let transaction = self.begin().await?;
        let update = sql::statement(
            self.backend(),
            "UPDATE users SET disabled_at = $2 WHERE id = $1 RETURNING email",
            [sql::uuid(user.0), sea_orm::Value::BigInt(disabled.then_some(acting.now.0))],
        );
        let email: String = match transaction.query_one_raw(update).await? {
            Some(row) => row.try_get_by_index(0)?,
            None => return Err(StoreError::NotFound("user")),
        };
        if disabled {
            sessions::end_all(&transaction, user, None).await?;
            let grants = revocations::live_grants_of_user(&transaction, user).await?;
            revocations::revoke(self, &transaction, &grants, "administrator", acting.now).await?;
        }
        let kind = if disabled { "user.disabled" } else { "user.enabled" };
        record::insert_events(&transaction, &[acting.event(kind, None, json!({ "person": email }))]).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Lets a person administer this Docent, or not any more.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is no such person.
    pub async fn set_administrator(&self, user: UserId, is_admin: bool, acting: &Acting) -> Result<(), StoreError> {
        let transaction = self.begin().await?;
        let update = sql::statement(
            self.backend(),
            "UPDATE users SET is_admin = $2 WHERE id = $1 AND kind = $3 RETURNING email",
            [sql::uuid(user.0), sea_orm::Value::Bool(Some(is_admin)), sql::text(PERSON)],
        );
        let email: String = match transaction.query_one_raw(update).await? {
            Some(row) => row.try_get_by_index(0)?,
            None => return Err(StoreError::NotFound("user")),
        };
        let kind = if is_admin { "administrator.added" } else { "administrator.removed" };
        record::insert_events(&transaction, &[acting.event(kind, None, json!({ "person": email }))]).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// The invitations that are good, the newest first.
    ///
    /// # Errors
    /// What the database says.
    pub async fn invitations(&self, now: Timestamp) -> Result<Vec<Invitation>, StoreError> {
        let rows = links::Entity::find()
            .filter(links::Column::Purpose.eq(LinkPurpose::Invite.as_str()))
            .filter(links::Column::ConsumedAt.is_null())
            .filter(links::Column::ExpiresAt.gt(now.0))
            .order_by_desc(links::Column::CreatedAt)
            .limit(500)
            .all(self.reader())
            .await?;
        let invitation = |row: links::Model| {
            let hash = SecretHash::from_slice(&row.hash)?;
            Some(Invitation { hash, email: row.email, created_at: Timestamp(row.created_at), expires_at: Timestamp(row.expires_at) })
        };
        Ok(rows.into_iter().filter_map(invitation).collect())
    }

    /// Writes an invitation; with an address it is only for that.
    ///
    /// # Errors
    /// What the database says.
    pub async fn invite(&self, hash: SecretHash, email: Option<&str>, expires_at: Timestamp, acting: &Acting) -> Result<(), StoreError> {
        self.create_link(LinkPurpose::Invite, hash, None, email, acting.now, expires_at).await?;
        self.append_events(&[acting.event("invitation.created", None, json!({ "for": email.unwrap_or("anybody") }))]).await
    }

    /// Takes an invitation back. Answers whether it was still good.
    ///
    /// # Errors
    /// What the database says.
    pub async fn take_back_invitation(&self, hash: SecretHash, acting: &Acting) -> Result<bool, StoreError> {
        let transaction = self.begin().await?;
        let delete = sql::statement(
            self.backend(),
            "DELETE FROM links WHERE hash = $1 AND purpose = $2 AND consumed_at IS NULL RETURNING email",
            [sql::bytes(hash.to_vec()), sql::text(LinkPurpose::Invite.as_str())],
        );
        let Some(row) = transaction.query_one_raw(delete).await? else { return Ok(false) };
        let email: Option<String> = row.try_get_by_index(0)?;
        let detail = json!({ "for": email.as_deref().unwrap_or("anybody") });
        record::insert_events(&transaction, &[acting.event("invitation.revoked", None, detail)]).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Adds a project, as an administrator.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if the name is taken.
    pub async fn add_project(&self, id: ProjectId, name: &str, acting: &Acting) -> Result<Project, StoreError> {
        let project = self.create_project(id, name, acting.now).await?;
        self.append_events(&[acting.event("project.created", Some(id), json!({ "name": project.name }))]).await?;
        Ok(project)
    }

    /// Adds a person to a project or changes their role in it, as an administrator.
    ///
    /// # Errors
    /// What the database says.
    pub async fn put_member(&self, project: ProjectId, user: &User, role: Role, acting: &Acting) -> Result<(), StoreError> {
        self.add_member(project, user.id, role, acting.now).await?;
        let detail = json!({ "person": user.email, "role": role.as_str() });
        self.append_events(&[acting.event("member.added", Some(project), detail)]).await
    }

    /// Takes a person out of a project, as an administrator. Answers whether they were in it.
    ///
    /// # Errors
    /// What the database says.
    pub async fn take_out_member(&self, project: ProjectId, user: &User, acting: &Acting) -> Result<bool, StoreError> {
        let was_in = self.remove_member(project, user.id).await?;
        if was_in {
            self.append_events(&[acting.event("member.removed", Some(project), json!({ "person": user.email }))]).await?;
        }
        Ok(was_in)
    }

    /// Writes down that an administrator had a library refreshed, stopped or removed: one of the kinds `library.*`.
    ///
    /// # Errors
    /// What the database says.
    pub async fn record_library(&self, kind: &str, id: &LibraryId, acting: &Acting) -> Result<(), StoreError> {
        self.append_events(&[acting.event(kind, None, json!({ "library": id.to_string() }))]).await
    }

    /// The clients whose name, id or host has `text` in it: the last used first, from the `skip`th on; at most `limit`.
    ///
    /// # Errors
    /// What the database says.
    pub async fn clients_with(&self, text: &str, skip: u64, limit: u64) -> Result<Vec<Client>, StoreError> {
        let query = format!(
            "SELECT {} FROM clients c
             WHERE lower(c.name) LIKE $1 ESCAPE '\\' OR lower(c.id) LIKE $1 ESCAPE '\\' OR lower(c.redirect_uris) LIKE $1 ESCAPE '\\'
             ORDER BY COALESCE(c.last_used_at, c.created_at) DESC, c.id LIMIT $2 OFFSET $3",
            clients::PREFIXED
        );
        let values = [sql::text(anywhere(text)), sql::number(sql::count(limit)), sql::number(sql::count(skip))];
        let rows = self.reader().query_all_raw(sql::statement(self.backend(), query, values)).await?;
        rows.iter().map(clients::read).collect()
    }
}
