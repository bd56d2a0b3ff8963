//! `POST /libraries/{owner}/{name}/held`: an administrator decides on what a refresh found and held back.

use crate::Console;
use crate::error::{PageError, page_for};
use crate::visitor::Visitor;
use actix_web::http::header::{CACHE_CONTROL, LOCATION};
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use docent_store::StoreError;
use docent_types::ids::VersionRowId;
use docent_types::library_id::LibraryId;
use url::form_urlencoded;

/// No form of this page is longer.
const LIMIT: usize = 4 * 1024;

/// What the form says.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Decision {
    csrf: String,
    version: Option<String>,
    confirms: Option<bool>,
}

impl Decision {
    fn parse(body: &[u8]) -> Self {
        let mut decision = Self::default();
        for (name, value) in form_urlencoded::parse(body) {
            match (name.as_ref(), value.as_ref()) {
                ("csrf", value) => decision.csrf = value.to_owned(),
                ("version", value) => decision.version = Some(value.to_owned()).filter(|version| !version.is_empty()),
                ("decision", "confirm") => decision.confirms = Some(true),
                ("decision", "reject") => decision.confirms = Some(false),
                _ => {}
            }
        }
        decision
    }
}

/// Whether the form was sent from a page of this session. A browser that tells where it comes from is believed.
fn is_own(request: &HttpRequest, visitor: &Visitor, decision: &Decision) -> bool {
    let site = request.headers().get("sec-fetch-site").map(|value| value.to_str().unwrap_or("?"));
    let is_ours = site.is_none_or(|site| matches!(site, "same-origin" | "none"));
    is_ours && !visitor.frame.csrf.is_empty() && verify_slices_are_equal(decision.csrf.as_bytes(), visitor.frame.csrf.as_bytes()).is_ok()
}

/// Takes the decision.
pub async fn decide(request: HttpRequest, console: Data<Console>, path: Path<(String, String)>, payload: Payload) -> HttpResponse {
    let body = payload.to_bytes_limited(LIMIT).await;
    page_for(&request, &console, async |visitor: &Visitor| {
        let Ok(Ok(body)) = &body else { return Err(PageError::ForeignForm) };
        let decision = Decision::parse(body);
        let id = LibraryId::new(&path.0, &path.1).map_err(|_| PageError::NotFound)?;
        if !visitor.frame.is_admin {
            return Err(PageError::NotFound);
        }
        let library = console.store.library(&id).await?.filter(|library| visitor.view.sees(library.entry.visibility));
        let library = library.ok_or(PageError::NotFound)?;
        if !is_own(&request, visitor, &decision) {
            return Err(PageError::ForeignForm);
        }
        let Some(confirms) = decision.confirms else { return Err(PageError::ForeignForm) };
        let (row, version, now) = (library.entry.row, decision.version.as_deref(), console.clock.now());
        let done = if confirms {
            let new_row = VersionRowId::generate(now, &*console.randomness);
            console.store.confirm_held(row, version, new_row, now).await.map(drop)
        } else {
            console.store.reject_held(row, version).await
        };
        match done {
            // Somebody else was quicker: the page shows what holds now.
            Ok(()) | Err(StoreError::NotFound(_)) => {}
            Err(error) => return Err(error.into()),
        }
        tracing::info!(library = %id, confirms, "it was decided on a held refresh");
        Ok(HttpResponse::SeeOther()
            .insert_header((LOCATION, format!("/libraries{id}")))
            .insert_header((CACHE_CONTROL, "no-store"))
            .finish())
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_says_what_is_decided() {
        let decision = Decision::parse(b"csrf=a&version=v1&decision=confirm");
        assert_eq!(decision, Decision { csrf: "a".to_owned(), version: Some("v1".to_owned()), confirms: Some(true) });
        assert_eq!(Decision::parse(b"version=&decision=reject").version, None);
        assert_eq!(Decision::parse(b"decision=perhaps").confirms, None);
    }
}
