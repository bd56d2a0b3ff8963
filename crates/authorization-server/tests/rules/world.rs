//! An authorization server over a real database with the real ledger, a clock moved by hand, and a browser's habits.

use crate::web::Web;
use actix::prelude::*;
use actix_web::body::to_bytes;
use actix_web::http::header::{self, HeaderMap};
use actix_web::http::{Method, StatusCode};
use actix_web::{App, test, web};
use docent_authorization_server::identity_assertion::TrustedIssuers;
use docent_authorization_server::{
    Asks, AuthorizationServer, DocumentSource, KeyRing, KeyRingOptions, PasswordHasher, Settings, SharedSigner, SignUp, configure,
};
use docent_store::actors::{Ledger, Revocations};
use docent_store::testing::TestDatabase;
use docent_store::{NewUser, Store, User};
use docent_types::actors::{Guardian, Unavailable};
use docent_types::ids::{ProjectId, UserId};
use docent_types::messages::{CatchUp, CheckLimit, Limit, RecordEvent, SharedKeys, SharedRevoked};
use docent_types::metadata::PublicUrls;
use docent_types::pkce;
use docent_types::random::SystemRandomness;
use docent_types::sealing::MasterKey;
use docent_types::time::{ManualClock, SharedClock, Timestamp};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub const ISSUER: &str = "http://localhost:8080";
pub const RESOURCE: &str = "http://localhost:8080/mcp";
pub const REDIRECT: &str = "http://127.0.0.1:5000/callback";
pub const PASSWORD: &str = "correct horse battery staple";
pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

/// Refuses what is in `full`; remembers what was recorded.
#[derive(Default, Clone)]
pub struct Outside {
    pub full: Arc<Mutex<Option<Limit>>>,
    pub events: Arc<Mutex<Vec<RecordEvent>>>,
}

impl Actor for Outside {
    type Context = Context<Self>;
}

impl Handler<CheckLimit> for Outside {
    type Result = Result<Option<u32>, Unavailable>;
    fn handle(&mut self, check: CheckLimit, _: &mut Self::Context) -> Self::Result {
        Ok((*self.full.lock().unwrap() == Some(check.limit)).then_some(7))
    }
}

impl Handler<RecordEvent> for Outside {
    type Result = Result<(), Unavailable>;
    fn handle(&mut self, event: RecordEvent, _: &mut Self::Context) -> Self::Result {
        self.events.lock().unwrap().push(event);
        Ok(())
    }
}

/// Publishes what is revoked when it is told to, from the database: no waiting for a turn.
struct Rereading(Store, SharedRevoked, SharedClock);

impl Actor for Rereading {
    type Context = Context<Self>;
}

impl Handler<CatchUp> for Rereading {
    type Result = ResponseFuture<Result<(), Unavailable>>;
    fn handle(&mut self, _: CatchUp, _: &mut Self::Context) -> Self::Result {
        let (store, revoked, clock) = (self.0.clone(), Arc::clone(&self.1), self.2.clone());
        Box::pin(async move { Revocations::load(&store, &revoked, &clock).await.map_err(|_| Unavailable::Failed) })
    }
}

pub struct World {
    pub server: web::Data<AuthorizationServer>,
    pub clock: Arc<ManualClock>,
    pub outside: Outside,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("not JSON: {} {}", self.status, self.body))
    }

    pub fn header(&self, name: impl header::AsHeaderName) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub fn location(&self) -> String {
        assert_eq!(self.status, StatusCode::SEE_OTHER, "{}", self.body);
        self.header(header::LOCATION).to_owned()
    }

    /// The parameters of the redirect.
    pub fn redirected(&self) -> HashMap<String, String> {
        let location = self.location();
        form_urlencoded::parse(location.split_once('?').unwrap_or(("", "")).1.as_bytes()).into_owned().collect()
    }

    /// An OAuth error in the RFC's shape.
    pub fn assert_error(&self, status: u16, code: &str) {
        assert_eq!((self.status.as_u16(), self.json()["error"].as_str().unwrap_or_default()), (status, code), "{}", self.body);
        assert!(self.json()["error_description"].as_str().is_some_and(|words| words.len() > 10), "{}", self.body);
        assert_eq!(self.header(header::CACHE_CONTROL), "no-store");
        assert!(self.header(header::CONTENT_TYPE).starts_with("application/json"));
        assert!(!self.headers.contains_key(header::LOCATION));
    }
}

/// The value of a hidden or other input.
pub fn field(html: &str, name: &str) -> String {
    let at = html.find(&format!("name=\"{name}\"")).unwrap_or_else(|| panic!("no field {name} in {html}"));
    let value = html[at..].split_once("value=\"").unwrap().1.split_once('"').unwrap().0;
    value.replace("&amp;", "&").replace("&#38;", "&")
}

pub fn form(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

pub fn settings() -> Settings {
    Settings {
        sign_up: SignUp::Open,
        registration_refusal_delay: Duration::ZERO,
        ..Settings::new(PublicUrls { issuer: ISSUER.into(), resource: RESOURCE.into() })
    }
}

impl World {
    pub async fn new(database: &TestDatabase) -> Self {
        Self::with(database, settings()).await
    }

    pub async fn with(database: &TestDatabase, settings: Settings) -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp::from_seconds(1_800_000_000)));
        Self::at(database, settings, clock).await
    }

    pub async fn at(database: &TestDatabase, settings: Settings, clock: Arc<ManualClock>) -> Self {
        Self::on(database.store.clone(), settings, clock).await
    }

    pub async fn on(store: Store, settings: Settings, clock: Arc<ManualClock>) -> Self {
        Self::build(store, settings, clock, None).await
    }

    /// In which clients publish documents.
    pub async fn with_web(database: &TestDatabase, web: &Web) -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp::from_seconds(1_800_000_000)));
        let documents = web.source(clock.clone());
        Self::build(database.store.clone(), Settings { metadata_documents: true, ..settings() }, clock, Some(documents)).await
    }

    async fn build(store: Store, settings: Settings, clock: Arc<ManualClock>, documents: Option<DocumentSource>) -> Self {
        let shared: SharedClock = clock.clone();
        let (keys, signer, revoked) = (SharedKeys::default(), SharedSigner::default(), SharedRevoked::default());
        let master = Arc::new(MasterKey::from_bytes([7; 32]));
        KeyRing::new(store.clone(), Arc::clone(&master), shared.clone(), Arc::clone(&signer), Arc::clone(&keys), KeyRingOptions::default())
            .load()
            .await
            .unwrap();
        let revocations = Rereading(store.clone(), Arc::clone(&revoked), shared.clone()).start();
        let (ledger_store, ledger_clock) = (store.clone(), shared.clone());
        let ledger = Guardian::start("Ledger", 2048, move || {
            Ledger::new(ledger_store.clone(), Some(revocations.clone().recipient()), ledger_clock.clone()).start()
        });
        let hasher = SyncArbiter::start(1, || PasswordHasher::new(Arc::new(SystemRandomness)));
        let outside = Outside::default();
        let other = outside.clone().start();
        let asks = Asks {
            register_client: ledger.clone().recipient(),
            register_dynamically: ledger.clone().recipient(),
            change_client: ledger.clone().recipient(),
            issue_code: ledger.clone().recipient(),
            exchange_code: ledger.clone().recipient(),
            rotate: ledger.clone().recipient(),
            use_once: ledger.clone().recipient(),
            open_grant: ledger.clone().recipient(),
            begin_device: ledger.clone().recipient(),
            claim_device: ledger.clone().recipient(),
            decide_device: ledger.clone().recipient(),
            poll_device: ledger.clone().recipient(),
            revoke: ledger.recipient(),
            hash_password: hasher.clone().recipient(),
            verify_password: hasher.recipient(),
            check_limit: other.clone().recipient(),
            record: other.recipient(),
        };
        let trusted_issuers = TrustedIssuers::new(&settings.trusted_issuers, &shared).unwrap();
        let server = AuthorizationServer {
            trusted_issuers,
            settings,
            store,
            clock: shared,
            randomness: Arc::new(SystemRandomness),
            master,
            signer,
            asks,
            documents,
            revoked,
            keys,
        };
        Self { server: web::Data::new(server), clock, outside }
    }

    pub fn now(&self) -> Timestamp {
        self.server.now()
    }

    pub fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    pub async fn send(&self, request: test::TestRequest) -> Answer {
        let app = test::init_service(App::new().configure(configure(self.server.clone()))).await;
        let request = request.peer_addr(SocketAddr::from(([203, 0, 113, 5], 4000)));
        let answer = test::call_service(&app, request.to_request()).await;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let body = to_bytes(answer.into_body()).await.unwrap_or_default();
        Answer { status, headers, body: String::from_utf8(body.to_vec()).unwrap() }
    }

    pub async fn get(&self, uri: &str, cookie: &str) -> Answer {
        self.send(test::TestRequest::get().uri(uri).insert_header((header::COOKIE, cookie))).await
    }

    pub async fn call(&self, method: Method, uri: &str) -> Answer {
        self.send(test::TestRequest::with_uri(uri).method(method)).await
    }

    pub async fn post(&self, uri: &str, cookie: &str, pairs: &[(&str, &str)]) -> Answer {
        self.send(Self::form_request(uri, &form(pairs)).insert_header((header::COOKIE, cookie))).await
    }

    pub fn form_request(uri: &str, body: &str) -> test::TestRequest {
        test::TestRequest::post()
            .uri(uri)
            .insert_header((header::CONTENT_TYPE, "application/x-www-form-urlencoded"))
            .set_payload(body.to_owned())
    }

    pub async fn register(&self, body: &Value) -> Answer {
        self.send(
            test::TestRequest::post()
                .uri("/oauth/register")
                .insert_header((header::CONTENT_TYPE, "application/json"))
                .set_payload(body.to_string()),
        )
        .await
    }

    /// A public client of a program on the person's machine.
    pub async fn client(&self) -> String {
        self.client_with(&json!({"client_name": "Test", "redirect_uris": [REDIRECT], "token_endpoint_auth_method": "none"})).await["client_id"].as_str().unwrap().to_owned()
    }

    pub async fn client_with(&self, body: &Value) -> Value {
        let answer = self.register(body).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
        answer.json()
    }

    /// A person with a personal project, without a page.
    pub async fn user(&self, email: &str) -> User {
        let hash = self
            .server
            .asks
            .hash_password
            .send(docent_types::messages::HashPassword(docent_types::secret::Secret::new(PASSWORD.into())))
            .await
            .unwrap()
            .unwrap();
        let now = self.now();
        let new = NewUser {
            id: UserId::generate(now, &SystemRandomness),
            email: email.into(),
            name: "Ada".into(),
            password_hash: Some(hash),
            is_admin: false,
            now,
            project: ProjectId::generate(now, &SystemRandomness),
        };
        self.server.store.create_user(new).await.unwrap()
    }

    /// Signs in and gives the `Cookie` header.
    pub async fn sign_in(&self, email: &str) -> String {
        let answer = self.post("/sign-in", "", &[("email", email), ("password", PASSWORD)]).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
        cookie_of(&answer)
    }

    /// A new person, signed in.
    pub async fn person(&self) -> String {
        self.user("ada@example.com").await;
        self.sign_in("ada@example.com").await
    }

    pub fn authorize_uri(client: &str, more: &[(&str, &str)]) -> String {
        let challenge = pkce::s256(VERIFIER);
        let mut pairs = vec![
            ("response_type", "code"),
            ("client_id", client),
            ("redirect_uri", REDIRECT),
            ("state", "the state"),
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", "S256"),
        ];
        for (name, value) in more {
            pairs.retain(|(one, _)| one != name);
            pairs.push((name, value));
        }
        format!("/oauth/authorize?{}", form(&pairs))
    }

    /// The consent page.
    pub async fn consent_page(&self, cookie: &str, client: &str, more: &[(&str, &str)]) -> String {
        let answer = self.get(&Self::authorize_uri(client, more), cookie).await;
        assert_eq!(answer.status, StatusCode::OK, "{} {}", answer.header(header::LOCATION), answer.body);
        answer.body
    }

    pub async fn answer_consent(&self, cookie: &str, page: &str, decision: &str) -> Answer {
        let (ticket, csrf, project) = (field(page, "ticket"), field(page, "csrf"), field(page, "project"));
        self.post("/oauth/authorize", cookie, &[("ticket", &ticket), ("csrf", &csrf), ("project", &project), ("decision", decision)]).await
    }

    /// Consents and gives the code.
    pub async fn code(&self, cookie: &str, client: &str, more: &[(&str, &str)]) -> String {
        let page = self.consent_page(cookie, client, more).await;
        let answer = self.answer_consent(cookie, &page, "allow").await;
        answer.redirected().get("code").unwrap_or_else(|| panic!("{}", answer.location())).clone()
    }

    pub async fn exchange(&self, client: &str, code: &str, more: &[(&str, &str)]) -> Answer {
        let mut pairs = vec![
            ("grant_type", "authorization_code"),
            ("client_id", client),
            ("code", code),
            ("redirect_uri", REDIRECT),
            ("code_verifier", VERIFIER),
        ];
        for (name, value) in more {
            pairs.retain(|(one, _)| one != name);
            pairs.push((name, value));
        }
        self.post("/oauth/token", "", &pairs).await
    }

    pub async fn refresh(&self, client: &str, token: &str, more: &[(&str, &str)]) -> Answer {
        let mut pairs = vec![("grant_type", "refresh_token"), ("client_id", client), ("refresh_token", token)];
        pairs.extend_from_slice(more);
        self.post("/oauth/token", "", &pairs).await
    }

    /// The whole way: tokens for a client.
    pub async fn tokens(&self, cookie: &str, client: &str, more: &[(&str, &str)]) -> Value {
        let code = self.code(cookie, client, more).await;
        let answer = self.exchange(client, &code, &[]).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        answer.json()
    }

    /// Whether an access token is revoked, as a resource server would judge.
    pub fn is_live(&self, access_token: &str) -> bool {
        docent_authorization_server::access_token::read_live(access_token, &self.server).is_some()
    }
}

pub fn cookie_of(answer: &Answer) -> String {
    answer.header(header::SET_COOKIE).split(';').next().unwrap().to_owned()
}

/// The claims of a token, unverified.
pub fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    let bytes = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, payload).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

pub fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("no {name} in {value}"))
}
