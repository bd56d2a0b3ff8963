//! What a caller is told of its limit: headers on every answer, and a refusal that a program and an assistant understand.

use super::Counted;
use actix_web::dev::{Payload, ServiceRequest};
use actix_web::http::header::{CACHE_CONTROL, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use actix_web::{FromRequest as _, HttpResponse, web};
use futures_util::stream;
use serde_json::{Value, json};

/// A call is short: the transport behind the guard takes no more either.
const LARGEST_CALL: usize = 256 * 1024;
/// The methods that are use. Listing, initializing and notifications go on, so that a client does not take the server for dead.
const USES: [&str; 3] = ["tools/call", "resources/read", "completion/complete"];
/// The code of a JSON-RPC error that this server defines: [-32099, -32000].
const TOO_MANY: i32 = -32029;

impl Counted {
    /// Writes `RateLimit-*`.
    pub(crate) fn tell(&self, headers: &mut HeaderMap) {
        let numbers = [("ratelimit-limit", self.limit), ("ratelimit-remaining", self.remaining), ("ratelimit-reset", self.reset)];
        for (name, number) in numbers {
            headers.insert(HeaderName::from_static(name), HeaderValue::from(number));
        }
    }

    fn in_words(&self) -> String {
        let Self { whose, limit, wait, .. } = self;
        let wait = wait.unwrap_or(1);
        let seconds = if wait == 1 { "second" } else { "seconds" };
        format!("The limit of {limit} requests a minute for {} is reached. Wait {wait} {seconds}, then ask again.", whose.in_words())
    }
}

/// The refusal at the REST API.
pub(crate) fn at_the_api(counted: &Counted) -> HttpResponse {
    too_many(counted, &json!({ "error": "rate_limited", "message": counted.in_words() }))
}

/// The refusal at the MCP endpoint, as an error to the call, unless the request is no use of anything: then it goes on.
///
/// The body is read here and only here, so that a caller within its limit is not read twice.
pub(crate) async fn at_the_mcp_endpoint(counted: &Counted, request: &mut ServiceRequest) -> Option<HttpResponse> {
    let (http, payload) = request.parts_mut();
    let payload = web::Payload::from_request(http, payload).await;
    let read = match payload {
        Ok(payload) => payload.to_bytes_limited(LARGEST_CALL).await.ok().and_then(Result::ok),
        Err(_) => None,
    };
    // Too long, or broken off: nothing that could be called.
    let Some(body) = read else { return Some(answer(counted, &Value::Null)) };
    let message: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
    if message["method"].as_str().is_some_and(|method| USES.contains(&method)) {
        let id = message.get("id").filter(|id| id.is_string() || id.is_number()).unwrap_or(&Value::Null);
        return Some(answer(counted, id));
    }
    request.set_payload(Payload::Stream { payload: Box::pin(stream::once(std::future::ready(Ok(body)))) });
    None
}

fn answer(counted: &Counted, id: &Value) -> HttpResponse {
    let error = json!({ "code": TOO_MANY, "message": counted.in_words(), "data": { "retryAfter": counted.wait } });
    too_many(counted, &json!({ "jsonrpc": "2.0", "id": id, "error": error }))
}

fn too_many(counted: &Counted, body: &Value) -> HttpResponse {
    HttpResponse::TooManyRequests()
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((RETRY_AFTER, counted.wait.unwrap_or(1).to_string()))
        .json(body)
}
