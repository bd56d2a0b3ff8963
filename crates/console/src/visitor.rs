//! Who is looking, and what exists for them.

use crate::Console;
use crate::error::PageError;
use actix_web::HttpRequest;
use docent_types::documentation::{View, Visibility};
use docent_types::ids::{ProjectId, SessionId, UserId};
use docent_types::page::Frame;
use docent_types::secret::SecretHash;
use docent_types::session::cookie_name;

/// A person who looks at a page, signed in or not.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Visitor {
    /// Who it is, if somebody is signed in.
    pub user: Option<UserId>,
    /// Their session.
    pub session: Option<SessionId>,
    /// The frame of their pages.
    pub frame: Frame,
    /// What exists for them.
    pub view: View,
    /// Their projects, with the names that badges show.
    pub projects: Vec<(ProjectId, String)>,
}

impl Visitor {
    /// Somebody who is not signed in.
    #[must_use]
    pub fn stranger(console: &Console) -> Self {
        Self { frame: Frame::new(&console.settings.site_name, None), ..Self::default() }
    }

    /// Who the session cookie says; a cookie that has ended is as none.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn of(request: &HttpRequest, console: &Console) -> Result<Self, PageError> {
        let secure = console.settings.urls.issuer.starts_with("https://");
        let Some(cookie) = request.cookie(cookie_name(secure)) else { return Ok(Self::stranger(console)) };
        let hash = SecretHash::of(cookie.value());
        let Some(person) = console.store.signed_in(hash, console.clock.now()).await? else { return Ok(Self::stranger(console)) };
        let projects: Vec<(ProjectId, String)> =
            console.store.projects_of(person.user).await?.into_iter().map(|(project, _)| (project.id, project.name)).collect();
        Ok(Self {
            user: Some(person.user),
            session: Some(person.session),
            frame: Frame::new(&console.settings.site_name, Some((&person, cookie.value()))),
            view: View { projects: projects.iter().map(|(id, _)| *id).collect(), everything: false },
            projects,
        })
    }

    /// Whether somebody is signed in.
    #[must_use]
    pub const fn is_signed_in(&self) -> bool {
        self.frame.account.is_some()
    }

    /// The name of the project to which a library is private; `None` for a public one.
    #[must_use]
    pub fn project_of(&self, visibility: Visibility) -> Option<String> {
        let Visibility::Private(project) = visibility else { return None };
        let name = self.projects.iter().find(|(id, _)| *id == project).map(|(_, name)| name.clone());
        Some(name.unwrap_or_else(|| "private".to_owned()))
    }
}

/// The frame of somebody with a long address, for samples of pages.
#[must_use]
pub(crate) fn sample(is_admin: bool) -> Frame {
    Frame {
        site_name: "Docent".to_owned(),
        account: Some("ada.lovelace+documentation@analytical-engines.example.com".to_owned()),
        csrf: "token".to_owned(),
        is_admin,
    }
}
