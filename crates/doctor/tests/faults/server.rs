//! A small MCP server with its own authorization server that does everything right, except for the faults it is given.

use actix_web::http::{Method, StatusCode};
use actix_web::web::{Bytes, Data};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use serde_json::{Value, json};
use std::collections::{BTreeSet, HashMap};
use std::sync::Mutex;

/// The server's memory.
#[derive(Default)]
struct State {
    origin: String,
    faults: BTreeSet<String>,
    memory: Mutex<Memory>,
}

#[derive(Default)]
struct Memory {
    count: usize,
    clients: HashMap<String, Client>,
    /// Code to verifier's challenge.
    codes: HashMap<String, String>,
    used: BTreeSet<String>,
    refresh: BTreeSet<String>,
    tokens: BTreeSet<String>,
    removed: usize,
}

#[derive(Clone, Default)]
struct Client {
    redirect_uris: Vec<String>,
    secret: Option<String>,
}

/// A running server.
pub struct Server {
    /// Its MCP endpoint.
    pub url: String,
    state: Data<State>,
    handle: actix_web::dev::ServerHandle,
}

impl Server {
    /// Starts one with these faults.
    pub fn start(faults: &[&str]) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let origin = format!("http://127.0.0.1:{}", listener.local_addr().unwrap().port());
        let faults = faults.iter().map(|&fault| fault.to_owned()).collect();
        let state = Data::new(State { origin: origin.clone(), faults, memory: Mutex::default() });
        let data = state.clone();
        let server = HttpServer::new(move || App::new().app_data(data.clone()).default_service(web::to(answer)))
            .workers(1)
            .listen(listener)
            .unwrap()
            .run();
        let handle = server.handle();
        actix_web::rt::spawn(server);
        Self { url: format!("{origin}/mcp"), state, handle }
    }

    /// How many registrations were removed.
    pub fn removed(&self) -> usize {
        self.state.memory.lock().unwrap().removed
    }

    /// A token that it accepts.
    pub fn token(&self) -> String {
        let claims = if self.state.has("audience-missing") { json!({"aud": "https://other.example"}) } else { json!({"aud": self.url}) };
        let token = format!("e30.{}.x", base64(&claims.to_string()));
        self.state.memory.lock().unwrap().tokens.insert(token.clone());
        token
    }

    /// Ends it.
    pub async fn stop(self) {
        self.handle.stop(false).await;
    }
}

fn base64(text: &str) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut out = String::new();
    for chunk in text.as_bytes().chunks(3) {
        let bits = chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for at in 0..=chunk.len() {
            out.push(char::from(LETTERS[(bits >> (18 - 6 * at) & 63) as usize]));
        }
    }
    out
}

type Fields = HashMap<String, String>;

fn fields(text: &str) -> Fields {
    url::form_urlencoded::parse(text.as_bytes()).into_owned().collect()
}

impl State {
    fn has(&self, fault: &str) -> bool {
        self.faults.contains(fault)
    }

    fn next(&self, what: &str) -> String {
        let mut memory = self.memory.lock().unwrap();
        memory.count += 1;
        format!("{what}-{}", memory.count)
    }

    fn json(&self, status: u16, body: &Value) -> HttpResponse {
        let mut answer = HttpResponse::build(StatusCode::from_u16(status).unwrap());
        answer.insert_header(("cache-control", "no-store"));
        answer.json(body)
    }

    fn error(&self, status: u16, error: &str) -> HttpResponse {
        let words = if self.has("escapes") { "it is so\u{1b}[2J\u{202e}\r\n" } else { "it is so" };
        self.json(status, &json!({"error": error, "error_description": words}))
    }

    fn with_cors(&self, request: &HttpRequest, mut answer: HttpResponse) -> HttpResponse {
        let origin = request.headers().get("origin").cloned();
        let headers = answer.headers_mut();
        let mut set = |name: &'static str, value: &str| {
            headers.insert(actix_web::http::header::HeaderName::from_static(name), value.parse().unwrap());
        };
        if self.has("cors-preflight") && request.method() == Method::OPTIONS {
            return answer;
        }
        match origin {
            Some(origin) if self.has("cors-credentials-any-origin") => {
                set("access-control-allow-origin", origin.to_str().unwrap());
                set("access-control-allow-credentials", "true");
            }
            _ => set("access-control-allow-origin", "*"),
        }
        set("access-control-allow-methods", "GET, POST, DELETE");
        set("access-control-allow-headers", "authorization, content-type, mcp-protocol-version");
        if !self.has("cors-challenge-hidden") {
            set("access-control-expose-headers", "WWW-Authenticate");
        }
        answer
    }
}

async fn answer(state: Data<State>, request: HttpRequest, body: Bytes) -> HttpResponse {
    let answer = if request.method() == Method::OPTIONS {
        HttpResponse::NoContent().finish()
    } else {
        route(&state, &request, &String::from_utf8_lossy(&body))
    };
    state.with_cors(&request, answer)
}

fn route(state: &State, request: &HttpRequest, body: &str) -> HttpResponse {
    let path = request.path();
    match path {
        "/mcp" => endpoint(state, request, body),
        "/moved" => HttpResponse::PermanentRedirect().insert_header(("location", "/mcp")).finish(),
        "/as/register" => register(state, body),
        "/as/authorize" => authorize(state, &fields(request.query_string())),
        "/as/token" => token(state, request, body),
        _ if path.starts_with("/as/client/") => {
            state.memory.lock().unwrap().removed += 1;
            HttpResponse::NoContent().finish()
        }
        _ if path.starts_with("/.well-known/")
            || path.ends_with("/openid-configuration")
            || path.ends_with("/oauth-authorization-server") =>
        {
            well_known(state, path)
        }
        _ => state.error(404, "not_found"),
    }
}

fn well_known(state: &State, path: &str) -> HttpResponse {
    let resource_paths: &[&str] = match () {
        () if state.has("resource-metadata-missing") || state.has("open") => &[],
        () if state.has("resource-metadata-path-form-missing") => &["/.well-known/oauth-protected-resource"],
        () if state.has("resource-metadata-root-form-missing") => &["/.well-known/oauth-protected-resource/mcp"],
        () => &["/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/mcp"],
    };
    let issuer_paths: &[&str] = match () {
        () if state.has("issuer-metadata-missing") || state.has("open") => &[],
        () if state.has("issuer-path-form-missing") => {
            &["/tenant/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"]
        }
        () if state.has("origin-metadata-missing") => {
            &["/.well-known/oauth-authorization-server/tenant", "/.well-known/openid-configuration/tenant"]
        }
        () => &["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"],
    };
    if resource_paths.contains(&path) {
        return state.json(200, &resource_document(state));
    }
    if issuer_paths.contains(&path) {
        let mut document = issuer_document(state);
        if state.has("issuer-forms-differ") && path.ends_with("openid-configuration") {
            document["token_endpoint"] = format!("{}/as/elsewhere", state.origin).into();
        }
        if state.has("metadata-content-type") {
            return HttpResponse::Ok().content_type("text/plain").body(document.to_string());
        }
        return state.json(200, &document);
    }
    if state.has("metadata-not-json") {
        return HttpResponse::Ok().content_type("text/html").body("<!doctype html>");
    }
    if state.has("well-known-error-status") {
        return HttpResponse::InternalServerError().body("oh");
    }
    state.error(404, "not_found")
}

fn issuer(state: &State) -> String {
    let path = if state.has("issuer-path-form-missing") || state.has("origin-metadata-missing") { "/tenant" } else { "" };
    format!("{}{path}", state.origin)
}

fn resource_document(state: &State) -> Value {
    let mut document = json!({
        "resource": format!("{}/mcp", state.origin), "authorization_servers": [issuer(state)], "scopes_supported": ["docs"],
    });
    if state.has("resource-mismatch") {
        document["resource"] = "https://other.example/mcp".into();
    }
    if state.has("authorization-servers-missing") {
        document["authorization_servers"] = json!([]);
    }
    if state.has("resource-scopes-offline-access") {
        document["scopes_supported"] = json!(["docs", "offline_access"]);
    }
    document
}

fn issuer_document(state: &State) -> Value {
    let at = |path: &str| format!("{}/as/{path}", state.origin);
    let mut document = json!({
        "issuer": issuer(state), "authorization_endpoint": at("authorize"), "token_endpoint": at("token"),
        "registration_endpoint": at("register"), "response_types_supported": ["code"],
        "grant_types_supported": ["authorization_code", "refresh_token"], "scopes_supported": ["docs", "offline_access"],
        "token_endpoint_auth_methods_supported": ["none", "client_secret_basic", "client_secret_post"],
        "code_challenge_methods_supported": ["S256"], "authorization_response_iss_parameter_supported": true,
    });
    let changes: &[(&str, &str, Value)] = &[
        ("issuer-mismatch", "issuer", format!("{}/", state.origin).into()),
        ("issuer-metadata-incomplete", "response_types_supported", Value::Null),
        ("s256-not-advertised", "code_challenge_methods_supported", Value::Null),
        ("plain-advertised", "code_challenge_methods_supported", json!(["S256", "plain"])),
        ("none-not-advertised", "token_endpoint_auth_methods_supported", json!(["client_secret_basic"])),
        ("none-not-first", "token_endpoint_auth_methods_supported", json!(["client_secret_basic", "none"])),
        ("iss-not-advertised", "authorization_response_iss_parameter_supported", Value::Null),
        ("offline-access-not-advertised", "scopes_supported", json!(["docs"])),
        ("endpoint-plain-http", "revocation_endpoint", Value::Null),
        ("registration-not-offered", "registration_endpoint", Value::Null),
        ("metadata-document-refused", "client_id_metadata_document_supported", true.into()),
    ];
    for (_, name, value) in changes.iter().filter(|(fault, _, _)| state.has(fault)) {
        document[*name] = value.clone();
    }
    if state.has("endpoint-plain-http") {
        document["registration_endpoint"] = "http://registration.example/register".into();
    }
    if let Some(fields) = document.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    document
}

fn result(state: &State) -> HttpResponse {
    state.json(200, &json!({"jsonrpc": "2.0", "id": 0, "result": {"protocolVersion": "2025-11-25", "capabilities": {}, "serverInfo": {"name": "fake", "version": "1"}}}))
}

fn challenge(state: &State, error: Option<&str>) -> HttpResponse {
    let mut header = format!("Bearer resource_metadata=\"{}/.well-known/oauth-protected-resource/mcp\", scope=\"docs\"", state.origin);
    if state.has("challenge-without-resource-metadata")
        || state.has("resource-metadata-path-form-missing")
        || state.has("resource-metadata-missing")
    {
        header = "Bearer scope=\"docs\"".to_owned();
    }
    let error = error.or(state.has("challenge-error-without-token").then_some("invalid_token"));
    if let Some(error) = error.filter(|_| !state.has("bad-token-not-401")) {
        header.push_str(&format!(", error=\"{error}\""));
    }
    let mut answer = state.error(401, "unauthorized");
    if !state.has("challenge-missing") {
        answer.headers_mut().insert(actix_web::http::header::WWW_AUTHENTICATE, header.parse().unwrap());
    }
    answer
}

fn endpoint(state: &State, request: &HttpRequest, body: &str) -> HttpResponse {
    let origin = request.headers().get("origin").and_then(|origin| origin.to_str().ok()).unwrap_or_default();
    if state.has("open") {
        let is_stranger = !origin.is_empty() && !state.has("origin-not-checked");
        return if is_stranger { state.error(403, "origin") } else { result(state) };
    }
    let header = request.headers().get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let query = fields(request.query_string());
    let token = match (header.strip_prefix("Bearer "), query.get("access_token")) {
        (Some(token), _) => Some(token.to_owned()),
        (None, Some(token)) if state.has("token-in-query-accepted") => Some(token.clone()),
        _ => None,
    };
    let Some(token) = token else {
        if state.has("challenge-not-on-every-method") && (request.method() != Method::POST || body.is_empty()) {
            return state.error(405, "method_not_allowed");
        }
        return if state.has("not-401") { state.error(403, "forbidden") } else { challenge(state, None) };
    };
    let is_known = state.memory.lock().unwrap().tokens.contains(&token);
    let is_accepted = (is_known && !state.has("call-refused")) || state.has("bad-token-accepted");
    if is_accepted { result(state) } else { challenge(state, Some("invalid_token")) }
}

fn is_loopback(uri: &url::Url) -> bool {
    uri.scheme() == "http" && matches!(uri.host_str(), Some("localhost" | "127.0.0.1"))
}

/// Whether a redirect URI may be registered.
fn is_safe(state: &State, uri: &str) -> bool {
    let Ok(parsed) = url::Url::parse(uri) else { return false };
    match parsed.scheme() {
        "https" => !uri.contains('*') || state.has("wildcard-redirect-match"),
        "http" => is_loopback(&parsed) || state.has("plain-http-redirect-registered"),
        "cursor" => true,
        "javascript" => state.has("dangerous-redirect-registered"),
        _ => false,
    }
}

fn register(state: &State, body: &str) -> HttpResponse {
    if state.has("registration-redirected") {
        return HttpResponse::Found().insert_header(("location", "/elsewhere")).finish();
    }
    let Ok(sent) = serde_json::from_str::<Value>(body) else { return state.error(400, "invalid_client_metadata") };
    let uris: Vec<String> =
        sent["redirect_uris"].as_array().into_iter().flatten().filter_map(|uri| uri.as_str().map(str::to_owned)).collect();
    let refuses_cursor = state.has("registration-refused") && uris.iter().any(|uri| uri.starts_with("cursor:"));
    if uris.is_empty() || !uris.iter().all(|uri| is_safe(state, uri)) || refuses_cursor {
        return if state.has("registration-error-shape") {
            HttpResponse::BadRequest().body("no")
        } else {
            state.error(400, "invalid_redirect_uri")
        };
    }
    let method = sent["token_endpoint_auth_method"].as_str().unwrap_or("none").to_owned();
    let id = if state.has("shared") { format!("c-{}", base64(body)) } else { state.next("client") };
    let secret = (method != "none").then(|| state.next("secret"));
    state.memory.lock().unwrap().clients.insert(id.clone(), Client { redirect_uris: uris.clone(), secret: secret.clone() });
    let mut reply = json!({
        "client_id": id, "client_id_issued_at": 1, "redirect_uris": uris, "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"], "token_endpoint_auth_method": method,
    });
    if let Some(secret) = secret.filter(|_| !state.has("registration-no-secret")) {
        reply["client_secret"] = secret.into();
        reply["client_secret_expires_at"] = 0.into();
    }
    if state.has("removable") {
        reply["registration_client_uri"] = format!("{}/as/client/{id}", state.origin).into();
        reply["registration_access_token"] = "t".into();
    }
    let changes: &[(&str, &str, Value)] = &[
        ("registration-null", "logo_uri", Value::Null),
        ("registration-empty-string", "client_uri", "".into()),
        ("registration-wrong-type", "client_id_issued_at", "today".into()),
        ("registration-redirect-uris", "redirect_uris", json!(["http://127.0.0.1/other"])),
        ("registration-secret-for-none", "client_secret", "s".into()),
    ];
    for (fault, name, value) in changes.iter().filter(|(fault, _, _)| state.has(fault)) {
        let _ = fault;
        reply[*name] = value.clone();
    }
    if state.has("registration-not-json") {
        return HttpResponse::Created().body("ok");
    }
    state.json(if state.has("registration-status") { 200 } else { 201 }, &reply)
}

/// Whether a request's redirect URI is one of those that are registered.
fn is_registered(state: &State, requested: &str, registered: &[String]) -> bool {
    let Ok(wanted) = url::Url::parse(requested) else { return false };
    registered.iter().filter_map(|uri| url::Url::parse(uri).ok()).any(|one| {
        if is_loopback(&one) && is_loopback(&wanted) {
            let same_host = one.host_str() == wanted.host_str() || !state.has("loopback-host-fixed");
            let same_port = one.port() == wanted.port() || !state.has("loopback-port-fixed");
            let prefix = state.has("redirect-prefix-match") && wanted.path().starts_with(one.path());
            let other = state.has("redirect-variant-refused") && one.query() != wanted.query();
            return same_host && same_port && !other && (one.path() == wanted.path() || prefix);
        }
        let wildcard = state.has("wildcard-redirect-match") && one.as_str().contains('*');
        one == wanted || (wildcard && wanted.as_str().ends_with(one.as_str().trim_start_matches("https://*")))
    })
}

fn send_back(uri: &str, parameters: &[(&str, String)]) -> HttpResponse {
    let mut url = url::Url::parse(uri).unwrap();
    url.query_pairs_mut().extend_pairs(parameters);
    HttpResponse::Found().insert_header(("location", url.as_str())).finish()
}

fn authorize(state: &State, query: &Fields) -> HttpResponse {
    let get = |name: &str| query.get(name).cloned().unwrap_or_default();
    let uri = get("redirect_uri");
    let client = state.memory.lock().unwrap().clients.get(&get("client_id")).cloned();
    let Some(client) = client else {
        if state.has("redirects-unknown-client") {
            return send_back(&uri, &[("error", "unauthorized_client".to_owned())]);
        }
        return HttpResponse::BadRequest().content_type("text/html").body("who?");
    };
    if !is_registered(state, &uri, &client.redirect_uris) {
        if state.has("redirects-to-unregistered") && get("response_type").is_empty() {
            return send_back(&uri, &[("error", "invalid_request".to_owned())]);
        }
        return HttpResponse::BadRequest().content_type("text/html").body("where?");
    }
    if state.has("authorization-refused") {
        return HttpResponse::BadRequest().content_type("text/html").body("no");
    }
    let mut back = vec![("state", if state.has("state-lost") { "other".to_owned() } else { get("state") })];
    if !state.has("iss-missing-in-answer") {
        back.push(("iss", issuer(state)));
    }
    let needs_challenge = !state.has("pkce-not-enforced") && !state.has("pkce-missing-not-refused");
    if get("code_challenge").is_empty() && needs_challenge {
        back.push(("error", "invalid_request".to_owned()));
        return send_back(&uri, &back);
    }
    if state.has("auto") {
        let code = state.next("code");
        state.memory.lock().unwrap().codes.insert(code.clone(), get("code_challenge"));
        back.push(("code", code));
        return send_back(&uri, &back);
    }
    let mut page = HttpResponse::Ok();
    if !state.has("authorize-frameable") {
        page.insert_header(("content-security-policy", "frame-ancestors 'none'"));
    }
    page.content_type("text/html").body("sign in")
}

/// The client of a token request; `None` if it is not known.
fn who(state: &State, request: &HttpRequest, form: &Fields) -> Option<String> {
    let basic = request.headers().get("authorization").and_then(|value| value.to_str().ok()?.strip_prefix("Basic ").map(str::to_owned));
    let id = match basic {
        // Good enough for ids that are letters, digits and a minus sign.
        Some(basic) => decode(&basic).split(':').next().unwrap_or_default().to_owned(),
        None => form.get("client_id").cloned().unwrap_or_default(),
    };
    let memory = state.memory.lock().unwrap();
    memory.clients.get(&id).map(|client| client.secret.clone().unwrap_or_default()).map(|_| id)
}

fn decode(text: &str) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bits, mut count, mut out) = (0_u32, 0, Vec::new());
    for value in text.bytes().filter_map(|letter| LETTERS.iter().position(|one| *one == letter)) {
        bits = bits << 6 | u32::try_from(value).unwrap();
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count & 0xff) as u8);
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn token(state: &State, request: &HttpRequest, body: &str) -> HttpResponse {
    let is_form = request.headers().get("content-type").is_some_and(|kind| kind == "application/x-www-form-urlencoded");
    if !is_form {
        return if state.has("token-server-error") {
            HttpResponse::InternalServerError().body("oh")
        } else {
            state.error(400, "invalid_request")
        };
    }
    let form = fields(body);
    if who(state, request, &form).is_none() {
        return match () {
            () if state.has("token-unknown-client") => state.error(400, "invalid_grant"),
            () if state.has("token-unknown-client-status") => state.error(400, "invalid_client"),
            () => state.error(401, "invalid_client"),
        };
    }
    let refuse = || if state.has("token-error-shape") { HttpResponse::BadRequest().body("no") } else { state.error(400, "invalid_grant") };
    let get = |name: &str| form.get(name).cloned().unwrap_or_default();
    let mut memory = state.memory.lock().unwrap();
    if get("grant_type") == "refresh_token" {
        if !memory.refresh.contains(&get("refresh_token")) {
            return refuse();
        }
    } else {
        let Some(challenge) = memory.codes.get(&get("code")).cloned() else { return refuse() };
        let fits = challenge == docent_types::pkce::s256(&get("code_verifier")) || state.has("pkce-not-enforced");
        let is_new = memory.used.insert(get("code")) || state.has("code-reusable");
        if !fits || !is_new || state.has("token-refused") {
            return refuse();
        }
    }
    drop(memory);
    let (access, refresh) =
        (state.next("access"), if state.has("refresh-not-rotated") { "same".to_owned() } else { state.next("refresh") });
    let mut memory = state.memory.lock().unwrap();
    memory.tokens.insert(access.clone());
    memory.refresh.insert(refresh.clone());
    let mut reply = json!({"access_token": access, "token_type": "Bearer", "expires_in": 900, "refresh_token": refresh, "scope": "docs"});
    if state.has("token-type-missing") {
        reply["token_type"] = "mac".into();
    }
    if state.has("access-token-too-short") {
        reply["expires_in"] = 60.into();
    }
    if state.has("token-cacheable") { HttpResponse::Ok().json(reply) } else { state.json(200, &reply) }
}
