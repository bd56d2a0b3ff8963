//! `/admin/apps`: the registered clients, and a switch that blocks each.

use super::{ON_A_PAGE, form_of_administrators, link, page_for_administrators};
use crate::Console;
use crate::answer::{self, see_other};
use crate::confirm::{self, Question};
use crate::error::PageError;
use crate::figures::Moment;
use crate::form::Form;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use docent_types::actors::ask;
use docent_types::ids::ClientId;
use docent_types::messages::{ChangeClient, ChangedBy, ClientChange};
use docent_types::page::Frame;
use docent_types::redirect_uri;
use docent_types::registration::{Client, ClientOrigin};
use docent_types::time::Timestamp;

const PATH: &str = "/admin/apps";

/// The clients.
#[derive(Template, Clone, PartialEq, Eq, Debug)]
#[template(path = "console/clients.html")]
pub struct ClientsPage {
    /// The frame.
    pub frame: Frame,
    /// What their name, id or redirect URI must have in it.
    pub filter: String,
    /// The last used first.
    pub clients: Vec<Registered>,
    /// The next page, if there is one.
    pub next: Option<String>,
}

/// A client.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Registered {
    /// Its id.
    pub id: String,
    /// What it calls itself.
    pub name: String,
    /// How it came here, in words.
    pub origin: &'static str,
    /// Where it sends people back to.
    pub hosts: Vec<String>,
    /// When it came.
    pub created: Moment,
    /// When it was used last, to the hour.
    pub used: Option<Moment>,
    /// Whether it is blocked.
    pub is_blocked: bool,
}

impl From<Client> for Registered {
    fn from(client: Client) -> Self {
        let mut hosts: Vec<String> = client.redirect_uris.iter().map(|uri| redirect_uri::display_host(uri)).collect();
        hosts.dedup();
        hosts.truncate(3);
        Self {
            id: client.id.as_str().to_owned(),
            name: client.name,
            origin: match client.origin {
                ClientOrigin::Operator => "added by an operator",
                ClientOrigin::Dynamic => "registered itself",
                ClientOrigin::MetadataDocument => "known by its document",
            },
            hosts,
            created: client.created_at.into(),
            used: client.last_used_at.map(Into::into),
            is_blocked: client.disabled,
        }
    }
}

impl ClientsPage {
    /// One of each kind, for tests.
    #[must_use]
    pub fn samples() -> Vec<Self> {
        let moment = |seconds| Moment::from(Timestamp::from_seconds(seconds));
        let client = |id: &str, name: &str, origin| Registered {
            id: id.to_owned(),
            name: name.to_owned(),
            origin,
            hosts: vec!["this computer".to_owned(), "app.example.com".to_owned()],
            created: moment(1_790_000_000),
            used: None,
            is_blocked: false,
        };
        let clients = vec![
            Registered {
                used: Some(moment(1_790_100_000)),
                ..client("c_01890a5dac96774bbcceb302099a8057", "Claude Code", "registered itself")
            },
            Registered {
                is_blocked: true,
                ..client(
                    "https://a-very-long-host-name.example.com/oauth/client-metadata-document.json",
                    "<b>An app</b>",
                    "known by its document",
                )
            },
        ];
        let page =
            Self { frame: crate::visitor::sample(true), filter: String::new(), clients, next: Some("/admin/apps?skip=50".to_owned()) };
        vec![
            page.clone(),
            Self { clients: Vec::new(), next: None, ..page.clone() },
            Self { filter: "x".to_owned(), clients: Vec::new(), next: None, ..page },
        ]
    }
}

/// Shows it.
pub async fn show(request: HttpRequest, console: Data<Console>) -> HttpResponse {
    page_for_administrators(&request, &console, async |visitor, _| {
        let asked = Form::of_query(&request);
        let (filter, skip) = (asked.text("q"), asked.text("skip").parse().unwrap_or(0_u32));
        let mut clients = console.store.clients_with(filter, u64::from(skip), ON_A_PAGE as u64 + 1).await?;
        let has_more = clients.len() > ON_A_PAGE;
        clients.truncate(ON_A_PAGE);
        let next = has_more.then(|| link(PATH, &[("q", filter), ("skip", &skip.saturating_add(50).to_string())]));
        let clients = clients.into_iter().map(Registered::from).collect();
        answer::html(StatusCode::OK, &ClientsPage { frame: visitor.frame.clone(), filter: filter.to_owned(), clients, next })
    })
    .await
}

/// Blocks, unblocks or removes one.
pub async fn change(request: HttpRequest, console: Data<Console>, payload: Payload) -> HttpResponse {
    form_of_administrators(&request, &console, payload, async |sent| {
        let client = ClientId(sent.form.text("client").to_owned());
        let known = console.store.client(&client).await?.ok_or(PageError::NotFound)?;
        let sure = |title: &str, message: &str, button: &str| {
            confirm::unless_sure(sent.form, sent.visitor, Question { title, message, button, path: PATH })
        };
        let change = match sent.form.text("do") {
            "block" => {
                let message =
                    "Everybody who connected it has to connect it again after it was unblocked; until then it is refused at once.";
                if let Some(question) = sure(&format!("Block {}?", known.name), message, "Block")? {
                    return Ok(question);
                }
                ClientChange::Disable
            }
            "unblock" => ClientChange::Enable,
            "remove" => {
                let message = "Everybody's connections with it end. If it registered itself, it can register itself again.";
                if let Some(question) = sure(&format!("Remove {}?", known.name), message, "Remove")? {
                    return Ok(question);
                }
                ClientChange::Remove
            }
            _ => return Err(PageError::ForeignForm),
        };
        let ask_for = ChangeClient { client, change, by: ChangedBy::Operator, now: sent.acting.now, from: sent.acting.from.clone() };
        let changed = ask(&console.change_client, ask_for).await;
        changed.map_err(|error| PageError::Unavailable(format!("a client could not be changed: {error:?}")))?.ok();
        Ok(see_other(PATH))
    })
    .await
}
