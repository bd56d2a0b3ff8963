//! `POST /libraries/{owner}/{name}/held`: an administrator decides on what a refresh found and held back.

use crate::Console;
use crate::answer::see_other;
use crate::error::{PageError, page_for};
use crate::form::Form;
use crate::visitor::Visitor;
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use docent_store::StoreError;
use docent_types::ids::VersionRowId;
use docent_types::library_id::LibraryId;

/// Takes the decision.
pub async fn decide(request: HttpRequest, console: Data<Console>, path: Path<(String, String)>, payload: Payload) -> HttpResponse {
    let form = Form::read(payload).await;
    page_for(&request, &console, async |visitor: &Visitor| {
        let form = form.as_ref().map_err(Clone::clone)?;
        let id = LibraryId::new(&path.0, &path.1).map_err(|_| PageError::NotFound)?;
        if !visitor.frame.is_admin {
            return Err(PageError::NotFound);
        }
        let library = console.store.library(&id).await?.filter(|library| visitor.view.sees(library.entry.visibility));
        let library = library.ok_or(PageError::NotFound)?;
        form.is_of(&request, visitor)?;
        let confirms = match form.text("decision") {
            "confirm" => true,
            "reject" => false,
            _ => return Err(PageError::ForeignForm),
        };
        let version = Some(form.text("version")).filter(|version| !version.is_empty());
        let (row, now) = (library.entry.row, console.clock.now());
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
        Ok(see_other(&format!("/libraries{id}")))
    })
    .await
}
