//! The guard over HTTP.

use super::fixture::{HOST, ISSUER, PROJECT, RESOURCE, Signer, USER, World};
use actix_web::http::{Method, StatusCode, header};
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::{App, body::to_bytes};
use serde_json::{Value, json};
use std::sync::Arc;

const FIRST_CHALLENGE: &str =
    "Bearer resource_metadata=\"https://docs.example.com/.well-known/oauth-protected-resource/mcp\", scope=\"docs:read\"";

struct Answer {
    status: StatusCode,
    headers: header::HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn json(&self) -> Value {
        assert!(self.header("content-type").starts_with("application/json"), "{}", self.header("content-type"));
        serde_json::from_slice(&self.body).unwrap()
    }
}

async fn ask(world: &World, request: TestRequest) -> Answer {
    let app = init_service(App::new().configure(world.routes())).await;
    let response = call_service(&app, request.insert_header(HOST).to_request()).await;
    let (status, headers) = (response.status(), response.headers().clone());
    Answer { status, headers, body: read_body(response).await.to_vec() }
}

fn with_token(token: &str) -> TestRequest {
    TestRequest::post().uri("/mcp").insert_header(("authorization", format!("Bearer {token}")))
}

/// RS1: the metadata stands at the path form and at the root form, with exactly what it has to say.
#[actix_web::test]
async fn the_metadata_is_served_in_both_forms() {
    let world = World::new();
    for path in ["/.well-known/oauth-protected-resource/mcp", "/.well-known/oauth-protected-resource"] {
        let answer = ask(&world, TestRequest::get().uri(path).insert_header(("origin", "https://any.example"))).await;
        assert_eq!(answer.status, StatusCode::OK);
        let expected = json!({
            "resource": RESOURCE, "authorization_servers": [ISSUER], "scopes_supported": ["docs:read"],
            "bearer_methods_supported": ["header"], "resource_name": "Docent",
        });
        assert_eq!(answer.json(), expected);
        assert_eq!(answer.header("access-control-allow-origin"), "*");
        assert_eq!(ask(&world, TestRequest::default().method(Method::HEAD).uri(path)).await.status, StatusCode::OK);
        let wrong = ask(&world, TestRequest::post().uri(path)).await;
        assert_eq!((wrong.status, wrong.header("allow")), (StatusCode::METHOD_NOT_ALLOWED, "GET, HEAD, OPTIONS"));
        wrong.json();
    }
}

/// RS1: a well-known path that is not ours is a plain 404 in JSON, also where it would stand behind the guard.
#[actix_web::test]
async fn other_well_known_paths_are_not_found_in_json() {
    let world = World::new();
    for path in ["/mcp/.well-known/oauth-protected-resource", "/mcp/.well-known/openid-configuration"] {
        let answer = ask(&world, TestRequest::get().uri(path)).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(answer.json()["error"], "not_found");
    }
}

/// RS2: without a token every method gets the same 401 and the challenge, without an `error` parameter.
#[actix_web::test]
async fn without_a_token_every_method_is_challenged() {
    let world = World::new();
    for method in [Method::GET, Method::HEAD, Method::POST, Method::DELETE, Method::PUT, Method::PATCH, Method::OPTIONS] {
        let request = TestRequest::default().method(method.clone()).uri("/mcp").set_payload(&b"\xff not json"[..]);
        let answer = ask(&world, request).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{method}");
        assert_eq!(answer.header("www-authenticate"), FIRST_CHALLENGE, "{method}");
        assert_eq!(answer.json()["error"], "unauthorized");
    }
    assert_eq!(ask(&world, TestRequest::get().uri("/mcp/anything/below")).await.status, StatusCode::UNAUTHORIZED);
}

/// RS3: a token that is not accepted is a 401 with `invalid_token` and words that help, which do not repeat the token.
#[actix_web::test]
async fn a_bad_token_is_answered_with_what_to_do() {
    let world = World::new();
    let now = world.claims()["iat"].as_i64().unwrap();
    let table = [
        (world.signer.sign(&world.claims_with("exp", json!(now - 30))), "the token expired 30 seconds ago: refresh it"),
        (world.signer.sign(&world.claims_with("aud", json!("https://other.example/mcp"))), "issued for another resource"),
        (world.signer.sign(&world.claims_with("iss", json!("https://evil.example"))), "issued by another issuer"),
        ("opaque-refresh-token".to_owned(), "not an access token of this server"),
        (Signer::new("gone").sign(&world.claims()), "a key that is not in use any more"),
        ("undefined".to_owned(), "not an access token of this server"),
    ];
    for (token, words) in table {
        let answer = ask(&world, with_token(&token)).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{words}");
        let challenge = answer.header("www-authenticate");
        assert!(challenge.starts_with(FIRST_CHALLENGE) && challenge.contains("error=\"invalid_token\""), "{challenge}");
        assert!(challenge.contains(words), "{challenge}");
        let body = answer.json();
        assert_eq!(body["error"], "invalid_token");
        assert!(!challenge.contains(&token) && !body.to_string().contains(&token));
        assert_eq!(answer.header("cache-control"), "no-store");
    }
}

/// RS3: an API key is told that this endpoint takes access tokens.
#[actix_web::test]
async fn an_api_key_is_an_invalid_token() {
    let world = World::new();
    let answer = ask(&world, TestRequest::post().uri("/mcp").insert_header(("x-context7-api-key", "ctx7sk-x"))).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert!(answer.header("www-authenticate").contains("API keys are not accepted here"));
}

/// RS4: a permission that was not granted is a 403 that names it; a broader scope implies the narrower one.
#[actix_web::test]
async fn a_missing_scope_is_named() {
    let world = World::new();
    let narrow = world.token();
    let broad = world.signer.sign(&world.claims_with("scope", json!("libraries:write")));
    let none = world.signer.sign(&world.claims_with("scope", json!("openid offline_access")));
    let table = [
        (&narrow, "/mcp", StatusCode::OK, ""),
        (&broad, "/mcp", StatusCode::OK, ""),
        (&broad, "/mcp/write", StatusCode::OK, ""),
        (&narrow, "/mcp/write", StatusCode::FORBIDDEN, "libraries:write"),
        (&none, "/mcp", StatusCode::FORBIDDEN, "docs:read"),
        (&none, "/mcp/bare", StatusCode::FORBIDDEN, "docs:read"),
    ];
    for (token, path, status, scope) in table {
        let answer = ask(&world, with_token(token).uri(path)).await;
        assert_eq!(answer.status, status, "{path} {scope}");
        if status == StatusCode::FORBIDDEN {
            let challenge = answer.header("www-authenticate");
            assert!(challenge.contains("error=\"insufficient_scope\"") && challenge.contains(&format!("scope=\"{scope}\"")), "{challenge}");
            assert!(challenge.contains("resource_metadata=\"https://docs.example.com/.well-known/"), "{challenge}");
            assert_eq!(answer.json()["error"], "insufficient_scope");
        }
    }
}

/// RS5: a malformed header and two credentials are a 400; a token in the query string does not count.
#[actix_web::test]
async fn credentials_come_in_one_form_only() {
    let world = World::new();
    let token = world.token();
    let malformed = TestRequest::post().uri("/mcp").insert_header(("authorization", format!("Bearer {token} {token}")));
    let twice = with_token(&token).append_header(("authorization", format!("Bearer {token}")));
    let also_in_query = with_token(&token).uri(&format!("/mcp?access_token={token}"));
    for request in [malformed, twice, also_in_query] {
        let answer = ask(&world, request).await;
        assert_eq!((answer.status, &answer.json()["error"]), (StatusCode::BAD_REQUEST, &json!("invalid_request")));
        assert!(answer.header("www-authenticate").contains("error=\"invalid_request\""));
    }
    let query = ask(&world, TestRequest::post().uri(&format!("/mcp?access_token={token}"))).await;
    assert_eq!((query.status, query.header("www-authenticate")), (StatusCode::UNAUTHORIZED, FIRST_CHALLENGE));
}

/// RS7: what stands behind the guard sees who calls, and not the token.
#[actix_web::test]
async fn the_token_goes_no_further() {
    let world = World::new();
    let answer = ask(&world, with_token(&world.token())).await;
    assert_eq!(answer.json(), json!({ "user": USER, "project": PROJECT, "token_seen": false }));
}

/// RS8: another `Host` or `Origin` is a 403 before anything else is looked at, token or not.
#[actix_web::test]
async fn other_hosts_and_origins_are_forbidden() {
    let world = World::new();
    let app = init_service(App::new().configure(world.routes())).await;
    for (name, value) in [("host", "rebound.example"), ("origin", "https://evil.example"), ("origin", "null")] {
        let mut request = with_token(&world.token()).insert_header(HOST);
        request = request.insert_header((name, value));
        let response = call_service(&app, request.to_request()).await;
        assert_eq!(response.status(), StatusCode::FORBIDDEN, "{name}: {value}");
        assert!(!response.headers().contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN));
        let body: Value = serde_json::from_slice(&to_bytes(response.into_body()).await.unwrap_or_default()).unwrap();
        assert_eq!(body["error"], format!("{name}_not_allowed"));
    }
    let without = call_service(&app, TestRequest::post().uri("/mcp").to_request()).await;
    assert_eq!(without.status(), StatusCode::FORBIDDEN);
}

/// RS9: a browser client may ask, and may read the challenge and the protocol's headers.
#[actix_web::test]
async fn browser_clients_may_ask_and_read() {
    let world = World::new();
    let preflight = TestRequest::default()
        .method(Method::OPTIONS)
        .uri("/mcp")
        .insert_header(("origin", "http://localhost:6274"))
        .insert_header(("access-control-request-method", "POST"));
    let answer = ask(&world, preflight).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    assert_eq!(answer.header("access-control-allow-origin"), "http://localhost:6274");
    for name in ["Authorization", "Content-Type", "Mcp-Protocol-Version", "Mcp-Session-Id", "Mcp-Method", "Mcp-Name", "Last-Event-ID"] {
        assert!(answer.header("access-control-allow-headers").contains(name), "{name}");
    }
    for token in [None, Some(world.token())] {
        let mut request = TestRequest::post().uri("/mcp").insert_header(("origin", "http://localhost:6274"));
        if let Some(token) = token {
            request = request.insert_header(("authorization", format!("Bearer {token}")));
        }
        let answer = ask(&world, request).await;
        assert_eq!(answer.header("access-control-allow-origin"), "http://localhost:6274");
        for name in ["WWW-Authenticate", "Mcp-Session-Id", "Mcp-Protocol-Version", "Retry-After"] {
            assert!(answer.header("access-control-expose-headers").contains(name), "{name}");
        }
        assert!(!answer.headers.contains_key("access-control-allow-credentials"));
    }
    let document = TestRequest::default().method(Method::OPTIONS).uri("/.well-known/oauth-protected-resource");
    assert_eq!(ask(&world, document).await.header("access-control-allow-origin"), "*");
}

/// RS9: with `*` every origin may, and the answer does not depend on it.
#[actix_web::test]
async fn a_star_opens_the_endpoint_to_every_origin() {
    let world = World::with(None, |settings| settings.allowed_origins = vec!["*".to_owned()]);
    let answer = ask(&world, with_token(&world.token()).insert_header(("origin", "https://app.example"))).await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (StatusCode::OK, "*"));
}

#[actix_web::test]
async fn a_server_that_cannot_find_keys_says_when_to_come_back() {
    let world = World::new();
    let answer = ask(&world, with_token(&Signer::new("busy").sign(&world.claims()))).await;
    assert_eq!((answer.status, answer.header("retry-after")), (StatusCode::SERVICE_UNAVAILABLE, "1"));
}

#[actix_web::test]
async fn tokens_that_no_honest_client_sends_are_recorded_within_bounds() {
    let world = World::with(None, |settings| {
        settings.trusted_proxies = docent_types::client_address::TrustedProxies::parse(&["127.0.0.1".to_owned()]).unwrap()
    });
    let forged = Signer::new("current").sign(&world.claims());
    let app = init_service(App::new().configure(world.routes())).await;
    for _ in 0..50 {
        let request = with_token(&forged).insert_header(HOST).insert_header(("x-forwarded-for", "198.51.100.7"));
        let response = call_service(&app, request.peer_addr(([127, 0, 0, 1], 1).into()).to_request()).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    }
    call_service(&app, with_token("undefined").insert_header(HOST).to_request()).await;
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    let recorded = Arc::clone(&world.recorded);
    let recorded = recorded.lock().unwrap();
    assert!((1..=10).contains(&recorded.len()), "{}", recorded.len());
    assert_eq!((recorded[0].kind.as_str(), &recorded[0].detail), ("access_token.refused", &json!({ "reason": "signature" })));
    assert_eq!(recorded[0].from.as_deref(), Some("198.51.100.7"));
}
