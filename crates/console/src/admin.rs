//! The administration area: people and invitations, projects and their members, apps, libraries and their jobs, what happened, what was
//! used, and the configuration in force. For everybody else nothing is there.

pub mod apps;
pub mod audit;
pub mod configuration;
pub mod libraries;
pub mod people;
pub mod projects;
pub mod usage;

use crate::Console;
use crate::account::{address, to_sign_in};
use crate::answer::see_other;
use crate::error::{PageError, page_for};
use crate::form::Form;
use crate::visitor::Visitor;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use docent_store::Acting;
use docent_types::ids::UserId;

/// Rows on a page of a list.
pub(crate) const ON_A_PAGE: usize = 50;

/// Shows a page to an administrator.
async fn page_for_administrators(
    request: &HttpRequest,
    console: &Console,
    page: impl AsyncFnOnce(&Visitor, UserId) -> Result<HttpResponse, PageError>,
) -> HttpResponse {
    page_for(request, console, async |visitor: &Visitor| match visitor.user {
        None => Ok(to_sign_in(request)),
        Some(_) if !visitor.frame.is_admin => Err(PageError::NotFound),
        Some(user) => page(visitor, user).await,
    })
    .await
}

/// An administrator's form, who sent it, and for the record.
struct Sent<'a> {
    form: &'a Form,
    visitor: &'a Visitor,
    user: UserId,
    acting: Acting,
}

/// Reads a form that only an administrator may send.
async fn form_of_administrators(
    request: &HttpRequest,
    console: &Console,
    payload: Payload,
    change: impl AsyncFnOnce(Sent<'_>) -> Result<HttpResponse, PageError>,
) -> HttpResponse {
    let form = Form::read(payload).await;
    page_for_administrators(request, console, async |visitor, user| {
        let form = form.as_ref().map_err(Clone::clone)?;
        form.is_of(request, visitor)?;
        let from = address(request, &console.settings.trusted_proxies);
        change(Sent { form, visitor, user, acting: Acting { by: Some(user), from, now: console.clock.now() } }).await
    })
    .await
}

/// `/admin` is the first of these pages.
pub async fn to_the_first(request: HttpRequest, console: Data<Console>) -> HttpResponse {
    page_for_administrators(&request, &console, async |_, _| Ok(see_other("/admin/people"))).await
}

/// An address with what is asked for, for links to other pages of a list.
fn link(path: &str, fields: &[(&str, &str)]) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(fields.iter().filter(|(_, value)| !value.is_empty()));
    let query = query.finish();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}
