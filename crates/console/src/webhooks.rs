//! `POST /webhooks/{owner}/{name}`: a forge tells of a push, and the versions that come from what was pushed are refreshed.
//!
//! It stands on the people's origin, which is the one that knows libraries and queues jobs; no cookie is read here. A library that does
//! not exist, one without a webhook and a wrong signature are one answer.

use crate::Console;
use crate::webhook_signature::Proof;
use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use docent_library::source::Source;
use docent_store::{StoreError, Webhook};
use docent_types::ids::JobId;
use docent_types::library_id::LibraryId;
use serde_json::{Value, json};

/// No body is longer. A push names its commits, and a forge leaves out what is too much.
pub const LIMIT: usize = 2 * 1024 * 1024;

/// Against what a signature is checked where there is no secret, so that it takes as long.
const NO_SECRET: &str = "there is no webhook here, and nobody can know this";

/// A push, as far as it is used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Push {
    /// `refs/heads/…` or `refs/tags/…`.
    pub reference: String,
    /// The repository's default branch, if the forge says which it is.
    pub default_branch: Option<String>,
    /// Whether the branch or tag was removed.
    pub is_removal: bool,
}

impl Push {
    /// From the body: JSON, or a form with it as `payload` (as GitHub sends by default). `None` if it tells of something else.
    #[must_use]
    pub fn parse(content_type: &str, body: &[u8]) -> Option<Self> {
        let value: Value = if content_type.trim_start().starts_with("application/x-www-form-urlencoded") {
            let (_, payload) = url::form_urlencoded::parse(body).find(|(name, _)| name == "payload")?;
            serde_json::from_str(&payload).ok()?
        } else {
            serde_json::from_slice(body).ok()?
        };
        let reference = value["ref"].as_str()?.to_owned();
        let default_branch = value["repository"]["default_branch"].as_str().or_else(|| value["project"]["default_branch"].as_str());
        let after = value["after"].as_str().unwrap_or_default();
        let is_nothing = !after.is_empty() && after.bytes().all(|digit| digit == b'0');
        Some(Self {
            reference,
            default_branch: default_branch.map(str::to_owned),
            is_removal: is_nothing || value["deleted"].as_bool().unwrap_or(false),
        })
    }

    /// Whether a source is another since this push. One that is no repository may be a copy of it.
    #[must_use]
    pub fn changes(&self, source: &str) -> bool {
        if self.is_removal {
            return false;
        }
        let Ok(Source::Git { reference, .. }) = Source::parse(source) else { return true };
        let (branch, tag) = (self.reference.strip_prefix("refs/heads/"), self.reference.strip_prefix("refs/tags/"));
        match (&reference, &self.default_branch) {
            (Some(wanted), _) => branch == Some(wanted) || tag == Some(wanted),
            (None, Some(default)) => branch == Some(default),
            (None, None) => branch.is_some(),
        }
    }
}

/// Whether the request's headers say that it is about a push: forges send other events to the same address.
fn is_push(request: &HttpRequest) -> bool {
    let events = ["x-github-event", "x-gitea-event", "x-forgejo-event", "x-gitlab-event"];
    let event = events.iter().find_map(|name| request.headers().get(*name)).and_then(|value| value.to_str().ok());
    event.is_none_or(|event| matches!(event, "push" | "Push Hook" | "Tag Push Hook"))
}

fn answer(status: StatusCode, body: Value) -> HttpResponse {
    HttpResponse::build(status).insert_header((CACHE_CONTROL, "no-store")).json(body)
}

fn refused() -> HttpResponse {
    let message = "There is no webhook here, or the request is not signed with its secret (X-Hub-Signature-256, X-Gitea-Signature or X-Gitlab-Token). The operator makes the secret with: docent library webhook";
    let mut response = answer(StatusCode::UNAUTHORIZED, json!({ "error": "invalid_signature", "message": message }));
    // RFC 9110 15.5.2 wants a challenge; there is no registered scheme for what forges do.
    response.headers_mut().insert(WWW_AUTHENTICATE, actix_web::http::header::HeaderValue::from_static("Webhook"));
    response
}

fn ignored(reason: &str) -> HttpResponse {
    answer(StatusCode::ACCEPTED, json!({ "status": "ignored", "reason": reason }))
}

fn failed(error: &StoreError) -> HttpResponse {
    tracing::warn!(%error, "a webhook could not be followed");
    let message = "The server cannot take this at the moment. Send it again in a few seconds.";
    let mut response = answer(StatusCode::SERVICE_UNAVAILABLE, json!({ "error": "temporarily_unavailable", "message": message }));
    response.headers_mut().insert(RETRY_AFTER, actix_web::http::header::HeaderValue::from_static("5"));
    response
}

/// Takes a push.
pub async fn receive(request: HttpRequest, console: Data<Console>, path: Path<(String, String)>, payload: Payload) -> HttpResponse {
    let proof = Proof::of(request.headers());
    if proof.is_missing() {
        return refused();
    }
    let Ok(Ok(body)) = payload.to_bytes_limited(LIMIT).await else {
        let message = format!("The body has more than {LIMIT} bytes, or did not come whole.");
        return answer(StatusCode::PAYLOAD_TOO_LARGE, json!({ "error": "payload_too_large", "message": message }));
    };
    let id = LibraryId::new(&path.0, &path.1).ok();
    let webhook = match &id {
        Some(id) => console.store.webhook(id).await,
        None => Ok(None),
    };
    let webhook = match webhook {
        Ok(webhook) => webhook,
        Err(error) => return failed(&error),
    };
    let holds = proof.holds(webhook.as_ref().map_or(NO_SECRET, |webhook| webhook.secret.expose()), &body);
    let (Some(id), Some(webhook), true) = (id, webhook, holds) else { return refused() };
    if !is_push(&request) {
        return ignored("only pushes are followed");
    }
    let content_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let Some(push) = Push::parse(content_type, &body) else { return ignored("it names no branch and no tag") };
    match follow(&console, &id, &webhook, &push).await {
        Ok(versions) if versions.is_empty() => ignored("no version comes from this branch or tag"),
        Ok(versions) => {
            tracing::info!(library = %id, reference = push.reference, "a push was told by webhook");
            answer(StatusCode::ACCEPTED, json!({ "status": "queued", "versions": versions }))
        }
        Err(error) => failed(&error),
    }
}

/// Queues a refresh of each version that comes from what was pushed; one that waits already is that one. Answers which.
async fn follow(console: &Console, id: &LibraryId, webhook: &Webhook, push: &Push) -> Result<Vec<String>, StoreError> {
    let store = &console.store;
    let Some(library) = store.library(id).await? else { return Ok(Vec::new()) };
    let now = console.clock.now();
    let mut queued = Vec::new();
    for version in store.versions_to_refresh(webhook.library).await? {
        let own = store.version_source(webhook.library, version.as_deref()).await?;
        if push.changes(own.as_ref().unwrap_or(&library.source)) {
            let job = JobId::generate(now, &*console.randomness);
            store.queue_job(job, webhook.library, version.as_deref(), now).await?;
            queued.push(version.unwrap_or_else(|| "default".to_owned()));
        }
    }
    Ok(queued)
}

/// What this address answers to another method: 405.
pub async fn only_post() -> HttpResponse {
    let message = "A forge sends its pushes here by POST.";
    let mut response = answer(StatusCode::METHOD_NOT_ALLOWED, json!({ "error": "method_not_allowed", "message": message }));
    response.headers_mut().insert(ALLOW, actix_web::http::header::HeaderValue::from_static("POST"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(reference: &str, default_branch: Option<&str>) -> Push {
        Push { reference: reference.to_owned(), default_branch: default_branch.map(str::to_owned), is_removal: false }
    }

    #[test]
    fn pushes_of_each_forge_are_read() {
        let github = br#"{"ref":"refs/heads/main","before":"1","after":"2f","deleted":false,"repository":{"default_branch":"main"}}"#;
        let gitlab =
            br#"{"object_kind":"push","ref":"refs/heads/main","after":"2f","project":{"default_branch":"main"},"repository":{"name":"x"}}"#;
        for body in [&github[..], &gitlab[..]] {
            assert_eq!(Push::parse("application/json", body), Some(push("refs/heads/main", Some("main"))));
        }
        let form: String =
            url::form_urlencoded::Serializer::new(String::new()).append_pair("payload", std::str::from_utf8(github).unwrap()).finish();
        assert_eq!(Push::parse("application/x-www-form-urlencoded", form.as_bytes()), Some(push("refs/heads/main", Some("main"))));
        for other in [&b"{}"[..], b"[]", b"null", b"", b"{\"ref\":7}", b"\xff", b"{\"zen\":\"x\"}"] {
            assert_eq!(Push::parse("application/json", other), None);
        }
        let removed = br#"{"ref":"refs/heads/main","after":"0000000000000000000000000000000000000000"}"#;
        assert!(Push::parse("", removed).unwrap().is_removal);
    }

    #[test]
    fn a_push_changes_what_comes_from_its_branch_or_tag() {
        let (plain, branch, tag) = ("https://u:p@example.com/a/b.git", "https://example.com/a/b.git#next", "git@example.com:a/b#v1.0");
        for (reference, default, source, changes) in [
            ("refs/heads/main", Some("main"), plain, true),
            ("refs/heads/next", Some("main"), plain, false),
            ("refs/heads/anything", None, plain, true),
            ("refs/tags/v1.0", Some("main"), plain, false),
            ("refs/tags/v1.0", None, plain, false),
            ("refs/heads/next", Some("main"), branch, true),
            ("refs/heads/main", Some("main"), branch, false),
            ("refs/tags/v1.0", Some("main"), tag, true),
            ("refs/tags/v1.0.1", Some("main"), tag, false),
            ("refs/heads/x/next", Some("main"), branch, false),
            ("refs/heads/main", Some("main"), "/srv/docs", true),
        ] {
            assert_eq!(push(reference, default).changes(source), changes, "{reference} {default:?} {source}");
        }
        assert!(!Push { is_removal: true, ..push("refs/heads/main", None) }.changes(plain));
    }
}
