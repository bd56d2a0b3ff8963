//! `GET /api/v2/libs/search`: which library a name means.

use crate::api::{Api, Caller};
use crate::error::{ApiError, ErrorBody};
use crate::parameters::Parameters;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use docent_types::documentation::LibraryEntry;
use serde::Serialize;
use utoipa::ToSchema;

/// Libraries in an answer.
const MOST: usize = 20;

/// The libraries that a name may mean, best first.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SearchResults {
    /// Best first.
    results: Vec<Library>,
    /// Always false: what the caller may not see does not exist.
    search_filter_applied: bool,
}

/// A library.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Library {
    /// `/owner/name`.
    id: String,
    title: String,
    description: String,
    /// Empty: branches are not told.
    branch: &'static str,
    /// When it was indexed, RFC 3339. Empty while it is not.
    last_update_date: String,
    /// `finalized`, or `initial` while nothing is indexed.
    state: &'static str,
    total_tokens: u64,
    total_snippets: u64,
    /// -1: not known.
    stars: i64,
    /// -1: not known.
    trust_score: f64,
    /// 0: not known.
    benchmark_score: f64,
    /// The versions that can be asked for, besides the default one.
    versions: Vec<String>,
    /// Where it comes from, without credentials.
    source: String,
}

impl Library {
    fn of(entry: &LibraryEntry) -> Self {
        let version = entry.default_version();
        Self {
            id: entry.id.to_string(),
            title: entry.title.clone(),
            description: entry.description.clone(),
            branch: "",
            last_update_date: version.map(|version| version.indexed_at.to_string()).unwrap_or_default(),
            state: if version.is_some() { "finalized" } else { "initial" },
            total_tokens: version.map_or(0, |version| version.tokens),
            total_snippets: version.map_or(0, |version| version.snippets),
            stars: -1,
            trust_score: -1.0,
            benchmark_score: 0.0,
            versions: entry.versions.iter().filter_map(|version| version.version.clone()).collect(),
            source: entry.source.clone(),
        }
    }
}

/// Which libraries a name may mean.
#[utoipa::path(
    get,
    path = "/api/v2/libs/search",
    params(
        ("libraryName" = String, Query, description = "The library's name as a person would say it; 1 to 500 characters."),
        ("query" = Option<String>, Query, description = "What is to be done with the library: an ecosystem that it names decides between libraries of the same name."),
        ("fast" = Option<bool>, Query, description = "Accepted; every answer is fast."),
    ),
    responses(
        (status = 200, body = SearchResults),
        (status = 400, description = "validation_error", body = ErrorBody),
        (status = 401, description = "No credential, or one that is not accepted", body = ErrorBody),
        (status = 403, description = "The credential does not permit docs:read", body = ErrorBody),
    ),
    security(("bearer" = []), ("key" = [])),
)]
pub(crate) async fn search(api: Data<Api>, caller: Caller, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let found = answer(&api, &caller, &Parameters::of(request.query_string()));
    api.count("rest:search", found.is_ok(), &caller.0);
    Ok(HttpResponse::Ok().json(found?))
}

fn answer(api: &Api, caller: &Caller, parameters: &Parameters) -> Result<SearchResults, ApiError> {
    let name = parameters.text("libraryName")?;
    let query = parameters.text_or_nothing("query")?;
    parameters.one_of("fast", &["false", "true"])?;
    let found = api.reader.resolve(&caller.view(), query, name, MOST);
    Ok(SearchResults { results: found.iter().map(|entry| Library::of(entry)).collect(), search_filter_applied: false })
}
