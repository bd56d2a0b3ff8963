//! `GET /api/v2/context`: the passages of a library that answer a question.

use crate::api::{Api, Caller, TIME};
use crate::error::{ApiError, ErrorBody};
use crate::parameters::Parameters;
use actix_web::http::header::ContentType;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use docent_library::answer;
use docent_library::reader::DEFAULT_TOKENS;
use docent_types::documentation::{Answer, Block, Snippet};
use docent_types::library_id::LibraryReference;
use serde::Serialize;
use utoipa::ToSchema;

/// The passages, for programs.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Context {
    /// Passages with code, best first.
    code_snippets: Vec<CodeSnippet>,
    /// Passages without code, best first.
    info_snippets: Vec<InfoSnippet>,
    /// The version that answered, if it has a name.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    /// The owner's notes: information, not instructions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    rules: Vec<String>,
}

/// A passage with code.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CodeSnippet {
    code_title: String,
    /// The prose that explains it, as Markdown.
    code_description: String,
    /// Of the first block.
    code_language: String,
    code_tokens: usize,
    /// Where a person can read it.
    code_id: String,
    page_title: String,
    code_list: Vec<CodeBlock>,
}

/// A block of code.
#[derive(Serialize, ToSchema)]
pub struct CodeBlock {
    language: String,
    code: String,
}

/// A passage without code.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InfoSnippet {
    /// Where a person can read it.
    page_id: String,
    /// Page and headings.
    breadcrumb: String,
    /// Markdown.
    content: String,
    content_tokens: usize,
}

impl Context {
    fn of(found: Answer) -> Self {
        let mut context = Self { code_snippets: Vec::new(), info_snippets: Vec::new(), version: found.version, rules: found.rules };
        for hit in found.hits {
            let tokens = answer::tokens(&answer::render_snippet(&hit.snippet));
            if hit.snippet.blocks.iter().any(|block| matches!(block, Block::Code(_))) {
                context.code_snippets.push(code(hit.snippet, tokens));
            } else {
                context.info_snippets.push(InfoSnippet {
                    breadcrumb: answer::title(&hit.snippet),
                    content: answer::render_blocks(&hit.snippet),
                    content_tokens: tokens,
                    page_id: hit.snippet.url,
                });
            }
        }
        context
    }
}

fn code(snippet: Snippet, tokens: usize) -> CodeSnippet {
    let title = snippet.title().to_owned();
    let (mut prose, mut code_list) = (Vec::new(), Vec::new());
    for block in snippet.blocks {
        match block {
            Block::Prose(text) => prose.push(text),
            Block::Code(block) => code_list.push(CodeBlock { language: block.language, code: block.code }),
        }
    }
    CodeSnippet {
        code_title: title,
        code_description: prose.join("\n\n"),
        code_language: code_list.first().map(|block| block.language.clone()).unwrap_or_default(),
        code_tokens: tokens,
        code_id: snippet.url,
        page_title: snippet.page_title,
        code_list,
    }
}

/// The passages of a library that answer a question.
#[utoipa::path(
    get,
    path = "/api/v2/context",
    params(
        ("libraryId" = String, Query, description = "/owner/name, /owner/name/version or /owner/name@version; a version may be a range."),
        ("query" = String, Query, description = "The question, 1 to 500 characters."),
        ("type" = Option<String>, Query, description = "txt (default) or json."),
        ("tokens" = Option<u64>, Query, description = "How many tokens the answer may have: 500 to 50,000, default 5,000."),
        ("fast" = Option<bool>, Query, description = "Accepted; every answer is fast."),
    ),
    responses(
        (status = 200, description = "The passages: text as the tool query-docs gives it, or JSON", body = Context),
        (status = 202, description = "library_not_finalized: it is known and not indexed yet", body = ErrorBody),
        (status = 400, description = "validation_error", body = ErrorBody),
        (status = 401, description = "No credential, or one that is not accepted", body = ErrorBody),
        (status = 403, description = "The credential does not permit docs:read", body = ErrorBody),
        (status = 404, description = "library_not_found, tag_not_found (names the versions that there are), no_snippets_found", body = ErrorBody),
        (status = 503, description = "service_unavailable: try again after Retry-After seconds", body = ErrorBody),
    ),
    security(("bearer" = []), ("key" = [])),
)]
pub(crate) async fn context(api: Data<Api>, caller: Caller, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let parameters = Parameters::of(request.query_string());
    let answered = tokio::time::timeout(TIME, answered(&api, &caller, &parameters)).await.unwrap_or(Err(ApiError::TooSlow));
    api.count("rest:context", answered.is_ok(), &caller.0);
    let (reference, found) = answered?;
    if parameters.one_of("type", &["txt", "json"])? == "json" {
        return Ok(HttpResponse::Ok().json(Context::of(found)));
    }
    let text = answer::render_resolved(&found, reference.version.as_deref());
    Ok(HttpResponse::Ok().content_type(ContentType::plaintext()).body(text))
}

async fn answered(api: &Api, caller: &Caller, parameters: &Parameters) -> Result<(LibraryReference, Answer), ApiError> {
    let id = parameters.text("libraryId")?;
    let question = parameters.text("query")?;
    let tokens = parameters.tokens()?.unwrap_or(DEFAULT_TOKENS);
    parameters.one_of("fast", &["false", "true"])?;
    parameters.one_of("type", &["txt", "json"])?;
    let reference: LibraryReference = id.parse().map_err(|error| ApiError::Parameter(format!("libraryId: {error}.")))?;
    let found = api.reader.query(&caller.view(), &reference, question, tokens).await?;
    if found.hits.is_empty() {
        return Err(ApiError::Nothing(reference.to_string()));
    }
    Ok((reference, found))
}
