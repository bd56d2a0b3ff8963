//! What the authorization endpoint has to know before it shows its page.

use crate::error::StoreError;
use crate::projects::{self, Project, Role};
use crate::{Store, clients, sessions, sql};
use docent_types::ids::{ClientId, ProjectId};
use docent_types::registration::Client;
use docent_types::scope::ScopeSet;
use docent_types::secret::SecretHash;
use docent_types::session::SignedIn;
use docent_types::time::Timestamp;
use sea_orm::ConnectionTrait as _;

/// The client that asks, the person in front of it, and what they may choose.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ConsentFacts {
    /// The client, if it is stored.
    pub client: Option<Client>,
    /// Who is signed in: nobody if the session ended or the person is disabled.
    pub person: Option<SignedIn>,
    /// The person's projects, their own first.
    pub projects: Vec<(Project, Role)>,
    /// What the person granted this client last and what lives, for each project.
    pub granted: Vec<(ProjectId, ScopeSet)>,
}

impl Store {
    /// What the consent page needs, in one round trip.
    ///
    /// # Errors
    /// What the database says.
    pub async fn consent_facts(&self, client: &ClientId, cookie: Option<SecretHash>, now: Timestamp) -> Result<ConsentFacts, StoreError> {
        let text = format!(
            "SELECT {}, {}, {},
                (SELECT g.scopes FROM grants g WHERE g.user_id = u.id AND g.client_id = $1 AND g.project_id = m.project_id AND g.revoked_at IS NULL
                 ORDER BY g.created_at DESC, g.id DESC LIMIT 1) AS granted
             FROM (SELECT 1 AS one) o
             LEFT JOIN clients c ON c.id = $1
             LEFT JOIN (sessions s JOIN users u ON u.id = s.user_id AND u.disabled_at IS NULL) ON s.cookie_hash = $2 AND s.expires_at > $3
             LEFT JOIN project_members m ON m.user_id = u.id
             LEFT JOIN projects p ON p.id = m.project_id
             ORDER BY {}",
            clients::PREFIXED,
            sessions::SIGNED_IN,
            projects::MEMBERSHIP,
            projects::PERSONAL_FIRST
        );
        let cookie = sea_orm::Value::Bytes(cookie.map(SecretHash::to_vec));
        let query = sql::statement(self.backend(), text, [sql::text(client.as_str()), cookie, sql::number(now.0)]);
        let rows = self.reader().query_all_raw(query).await?;
        let Some(first) = rows.first() else { return Ok(ConsentFacts::default()) };
        let mut facts = ConsentFacts {
            client: first.try_get::<Option<String>>("", "c_id")?.is_some().then(|| clients::read(first)).transpose()?,
            person: sessions::signed_in(first)?,
            ..ConsentFacts::default()
        };
        for row in &rows {
            let Some((project, role)) = projects::membership(row)? else { continue };
            if let Some(scopes) = row.try_get::<Option<String>>("", "granted")? {
                facts.granted.push((project.id, ScopeSet::parse_known(&scopes)));
            }
            facts.projects.push((project, role));
        }
        Ok(facts)
    }
}
