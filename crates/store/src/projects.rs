//! Projects: team spaces, and the personal one of each person.

use crate::entity::{projects, users};
use crate::error::StoreError;
use crate::users::User;
use crate::{Store, sql};
use docent_types::ids::{ProjectId, UserId};
use docent_types::time::Timestamp;
use sea_orm::{ColumnTrait as _, ConnectionTrait as _, EntityTrait as _, FromQueryResult as _, QueryFilter as _, QueryResult, Set};
use uuid::Uuid;

/// A project.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Project {
    /// Its id.
    pub id: ProjectId,
    /// Its name.
    pub name: String,
    /// The person whose own it is.
    pub personal_of: Option<UserId>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What a member may do in a project.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// Everything.
    Owner,
    /// Members and libraries.
    Admin,
    /// Use it.
    Member,
}

impl Role {
    /// As stored and typed.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Member => "member",
        }
    }

    /// From what is stored or typed.
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        [Self::Owner, Self::Admin, Self::Member].into_iter().find(|role| role.as_str() == value)
    }
}

impl From<projects::Model> for Project {
    fn from(row: projects::Model) -> Self {
        Self { id: ProjectId(row.id), name: row.name, personal_of: row.personal_of.map(UserId), created_at: Timestamp(row.created_at) }
    }
}

/// Reads the columns `p_id`, `p_name`, `p_personal_of`, `p_created_at`, `role`. `None` if they are null.
pub(crate) fn membership(row: &QueryResult) -> Result<Option<(Project, Role)>, StoreError> {
    let Some(id) = row.try_get::<Option<Uuid>>("", "p_id")? else { return Ok(None) };
    let role: String = row.try_get("", "role")?;
    let project = Project {
        id: ProjectId(id),
        name: row.try_get("", "p_name")?,
        personal_of: row.try_get::<Option<Uuid>>("", "p_personal_of")?.map(UserId),
        created_at: Timestamp(row.try_get("", "p_created_at")?),
    };
    Ok(Some((project, Role::parse(&role).unwrap_or(Role::Member))))
}

pub(crate) const MEMBERSHIP: &str =
    "p.id AS p_id, p.name AS p_name, p.personal_of AS p_personal_of, p.created_at AS p_created_at, m.role AS role";
pub(crate) const PERSONAL_FIRST: &str = "CASE WHEN p.personal_of IS NULL THEN 1 ELSE 0 END, p.name_key, p.id";

impl Store {
    /// Adds a project.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if the name is taken; case does not make a difference.
    pub async fn create_project(&self, id: ProjectId, name: &str, now: Timestamp) -> Result<Project, StoreError> {
        let name = name.trim();
        let row = projects::ActiveModel {
            id: Set(id.0),
            name: Set(name.to_owned()),
            name_key: Set(name.to_lowercase()),
            personal_of: Set(None),
            created_at: Set(now.0),
        };
        projects::Entity::insert(row)
            .exec_without_returning(self.writer())
            .await
            .map_err(|error| StoreError::taken(error, "project name"))?;
        Ok(Project { id, name: name.to_owned(), personal_of: None, created_at: now })
    }

    /// The team projects by name, with the number of their members.
    ///
    /// # Errors
    /// What the database says.
    pub async fn projects(&self) -> Result<Vec<(Project, u64)>, StoreError> {
        let query = sql::statement(
            self.backend(),
            "SELECT p.id, p.name, p.name_key, p.personal_of, p.created_at,
                (SELECT COUNT(*) FROM project_members m JOIN users u ON u.id = m.user_id WHERE m.project_id = p.id AND u.kind = 'person') AS members
             FROM projects p WHERE p.personal_of IS NULL ORDER BY p.name_key",
            [],
        );
        let rows = self.reader().query_all_raw(query).await?;
        rows.iter()
            .map(|row| Ok((projects::Model::from_query_result(row, "")?.into(), sql::as_count(row.try_get("", "members")?))))
            .collect()
    }

    /// A team project by its name or id; a personal one by its id.
    ///
    /// # Errors
    /// What the database says.
    pub async fn project_by_name(&self, name: &str) -> Result<Option<Project>, StoreError> {
        if let Ok(id) = Uuid::parse_str(name.trim())
            && let Some(found) = projects::Entity::find_by_id(id).one(self.reader()).await?
        {
            return Ok(Some(found.into()));
        }
        let found = projects::Entity::find()
            .filter(projects::Column::NameKey.eq(name.trim().to_lowercase()))
            .filter(projects::Column::PersonalOf.is_null())
            .one(self.reader())
            .await?;
        Ok(found.map(Project::from))
    }

    /// A project.
    ///
    /// # Errors
    /// What the database says.
    pub async fn project(&self, id: ProjectId) -> Result<Option<Project>, StoreError> {
        Ok(projects::Entity::find_by_id(id.0).one(self.reader()).await?.map(Project::from))
    }

    /// The projects of a person: their own first, then by name.
    ///
    /// # Errors
    /// What the database says.
    pub async fn projects_of(&self, user: UserId) -> Result<Vec<(Project, Role)>, StoreError> {
        let text = format!(
            "SELECT {MEMBERSHIP} FROM project_members m JOIN projects p ON p.id = m.project_id WHERE m.user_id = $1 ORDER BY {PERSONAL_FIRST}"
        );
        let rows = self.reader().query_all_raw(sql::statement(self.backend(), text, [sql::uuid(user.0)])).await?;
        rows.iter().filter_map(|row| membership(row).transpose()).collect()
    }

    /// Adds a person to a project, or changes their role in it.
    ///
    /// # Errors
    /// What the database says; an unknown project or person is refused by it.
    pub async fn add_member(&self, project: ProjectId, user: UserId, role: Role, now: Timestamp) -> Result<(), StoreError> {
        let insert = sql::statement(
            self.backend(),
            "INSERT INTO project_members (project_id, user_id, role, created_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (project_id, user_id) DO UPDATE SET role = excluded.role",
            [sql::uuid(project.0), sql::uuid(user.0), sql::text(role.as_str()), sql::number(now.0)],
        );
        self.writer().execute_raw(insert).await?;
        Ok(())
    }

    /// Takes a person out of a project. Answers whether they were in it. Nobody leaves their own. What they granted for it gives no token
    /// from now on; tokens that are out end by `RevokeAccess`.
    ///
    /// # Errors
    /// What the database says.
    pub async fn remove_member(&self, project: ProjectId, user: UserId) -> Result<bool, StoreError> {
        let delete = sql::statement(
            self.backend(),
            "DELETE FROM project_members WHERE project_id = $1 AND user_id = $2
             AND NOT EXISTS (SELECT 1 FROM projects WHERE id = $1 AND personal_of = $2)",
            [sql::uuid(project.0), sql::uuid(user.0)],
        );
        Ok(self.writer().execute_raw(delete).await?.rows_affected() > 0)
    }

    /// The people in a project, by e-mail address.
    ///
    /// # Errors
    /// What the database says.
    pub async fn members(&self, project: ProjectId) -> Result<Vec<(User, Role)>, StoreError> {
        let query = sql::statement(
            self.backend(),
            "SELECT u.*, m.role AS role FROM project_members m JOIN users u ON u.id = m.user_id
             WHERE m.project_id = $1 AND u.kind = 'person' ORDER BY u.email",
            [sql::uuid(project.0)],
        );
        let rows = self.reader().query_all_raw(query).await?;
        rows.iter()
            .map(|row| {
                let role: String = row.try_get("", "role")?;
                Ok((users::Model::from_query_result(row, "")?.into(), Role::parse(&role).unwrap_or(Role::Member)))
            })
            .collect()
    }
}
