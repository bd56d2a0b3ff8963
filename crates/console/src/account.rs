//! What a signed-in person gave, and takes back: the apps that they connected, and their API keys. What was used in their name, and what
//! the record has on them.

pub mod activity;
pub mod apps;
pub mod keys;
pub mod security;
pub mod usage;

use crate::Console;
use crate::answer::see_other;
use crate::error::{PageError, page_for};
use crate::visitor::Visitor;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use docent_types::client_address::TrustedProxies;
use url::form_urlencoded;

/// Leads somebody who is not signed in to signing in and back.
pub(crate) fn to_sign_in(request: &HttpRequest) -> HttpResponse {
    let back: String = form_urlencoded::byte_serialize(request.path().as_bytes()).collect();
    see_other(&format!("/sign-in?return_to={back}"))
}

/// Where a request comes from, for the record.
pub(crate) fn address(request: &HttpRequest, proxies: &TrustedProxies) -> Option<String> {
    let forwarded: Vec<&str> = request.headers().get_all("x-forwarded-for").filter_map(|value| value.to_str().ok()).collect();
    request.peer_addr().map(|peer| proxies.client_address(peer.ip(), &forwarded).to_string())
}

/// `/account` is the first of these pages.
pub async fn to_the_first(request: HttpRequest, console: Data<Console>) -> HttpResponse {
    page_for(&request, &console, async |_: &Visitor| Ok::<_, PageError>(see_other("/account/apps"))).await
}
