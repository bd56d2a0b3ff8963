//! `GET /api/v2/libs/status`: where a library stands, and how far the work on it is.

use crate::api::{Api, Caller};
use crate::error::{ApiError, ErrorBody};
use crate::parameters::Parameters;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use docent_store::{Job, StoredLibrary};
use docent_types::documentation::QueryError;
use docent_types::library_id::{LibraryId, LibraryReference};
use serde::Serialize;
use utoipa::ToSchema;

/// Where a library stands.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// `/owner/name`.
    id: String,
    /// `finalized` if it answers, else `initial`.
    state: &'static str,
    versions: Vec<Version>,
    /// The job that says most: one that runs or waits, else the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    job: Option<Work>,
}

/// A version that answers.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Version {
    /// Not there for the default version.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    /// What was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    commit: Option<String>,
    pages: u64,
    snippets: u64,
    tokens: u64,
    /// RFC 3339.
    indexed_at: String,
}

/// A job.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Work {
    id: String,
    /// Not there for the default version.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    /// `waiting`, `running`, `done`, `failed`, `held`, `cancelled`.
    state: &'static str,
    /// `fetching`, `selecting`, `reading`, `indexing`; empty before.
    stage: String,
    /// How much of the stage is done, of how much; a total of 0 is not known.
    done: u64,
    total: u64,
    /// How much of the whole is done, while it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    percent: Option<u64>,
    /// How often it was begun.
    attempts: i32,
    /// RFC 3339.
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    finished_at: Option<String>,
}

impl Work {
    fn of(job: Job) -> Self {
        Self {
            id: job.id.to_string(),
            state: job.state.as_str(),
            percent: job.percent(),
            version: job.version,
            stage: job.stage,
            done: job.done,
            total: job.total,
            attempts: job.attempts,
            created_at: job.created_at.to_string(),
            finished_at: job.finished_at.map(|at| at.to_string()),
        }
    }
}

impl Status {
    fn of(library: StoredLibrary) -> Self {
        let entry = library.entry;
        Self {
            id: entry.id.to_string(),
            state: if entry.versions.is_empty() { "initial" } else { "finalized" },
            versions: entry
                .versions
                .into_iter()
                .map(|one| Version {
                    version: one.version,
                    commit: one.commit,
                    pages: one.pages,
                    snippets: one.snippets,
                    tokens: one.tokens,
                    indexed_at: one.indexed_at.to_string(),
                })
                .collect(),
            job: library.last_job.map(Work::of),
        }
    }
}

/// Where a library stands, and how far the work on it is.
#[utoipa::path(
    get,
    path = "/api/v2/libs/status",
    params(("libraryId" = String, Query, description = "/owner/name; a version is not looked at.")),
    responses(
        (status = 200, body = Status),
        (status = 400, description = "validation_error", body = ErrorBody),
        (status = 401, description = "No credential, or one that is not accepted", body = ErrorBody),
        (status = 404, description = "library_not_found", body = ErrorBody),
        (status = 503, description = "service_unavailable: try again after Retry-After seconds", body = ErrorBody),
    ),
    security(("bearer" = []), ("key" = [])),
)]
pub(crate) async fn status(api: Data<Api>, caller: Caller, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let parameters = Parameters::of(request.query_string());
    let reference: LibraryReference =
        parameters.text("libraryId")?.parse().map_err(|error| ApiError::Parameter(format!("libraryId: {error}.")))?;
    Ok(HttpResponse::Ok().json(Status::of(library(&api, &caller, &reference.id).await?)))
}

/// A library that exists for the caller.
async fn library(api: &Api, caller: &Caller, id: &LibraryId) -> Result<StoredLibrary, ApiError> {
    let found = api.store.library(id).await.map_err(|error| {
        tracing::error!(%error, "a library could not be looked up");
        ApiError::Unavailable
    })?;
    let not_found = || ApiError::Query(QueryError::LibraryNotFound { id: id.to_string(), suggestions: Vec::new() });
    found.filter(|library| caller.view().sees(library.entry.visibility)).ok_or_else(not_found)
}
