//! A resource server with a signing key of its own, a clock to move and a record to read.

use crate::api_keys::ApiKeys;
use crate::authorized::Authorized;
use crate::server::ResourceServer;
use crate::settings::Settings;
use actix::prelude::*;
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use arc_swap::ArcSwap;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use docent_store::Store;
use docent_types::actors::Unavailable;
use docent_types::ids::{GrantId, ProjectId, UserId};
use docent_types::messages::{FindKey, PublicKey, PublicKeySet, RecordEvent, Revoked, SharedKeys, SharedRevoked};
use docent_types::metadata::PublicUrls;
use docent_types::scope::{DocsRead, LibrariesWrite};
use docent_types::time::{Clock as _, ManualClock, Timestamp};
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use uuid::Uuid;

pub const ISSUER: &str = "https://auth.example.com";
pub const RESOURCE: &str = "https://docs.example.com/mcp";
pub const HOST: (&str, &str) = ("host", "docs.example.com");
pub const USER: UserId = UserId(Uuid::from_u128(1));
pub const PROJECT: ProjectId = ProjectId(Uuid::from_u128(2));
pub const GRANT: GrantId = GrantId(Uuid::from_u128(3));

/// A signing key of the issuer.
pub struct Signer {
    pub public: PublicKey,
    private: EncodingKey,
}

impl Signer {
    pub fn new(kid: &str) -> Self {
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref()).unwrap();
        let point = pair.public_key().as_ref();
        let public = PublicKey {
            kty: "EC".into(),
            crv: "P-256".into(),
            x: URL_SAFE_NO_PAD.encode(&point[1..33]),
            y: URL_SAFE_NO_PAD.encode(&point[33..]),
            kid: kid.into(),
            alg: "ES256".into(),
            usage: "sig".into(),
        };
        Self { public, private: EncodingKey::from_ec_der(document.as_ref()) }
    }

    pub fn header(&self) -> Value {
        json!({ "alg": "ES256", "typ": "at+jwt", "kid": self.public.kid })
    }

    pub fn sign(&self, claims: &Value) -> String {
        self.sign_with(&self.header(), &claims.to_string())
    }

    /// Any header over any text, signed with ES256 whatever the header says.
    pub fn sign_with(&self, header: &Value, claims: &str) -> String {
        let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims));
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &self.private, Algorithm::ES256).unwrap();
        format!("{message}.{signature}")
    }
}

/// Answers `FindKey` by publishing what it was given.
struct Finder {
    keys: SharedKeys,
    publishes: Option<PublicKey>,
    asked: Arc<AtomicUsize>,
}

impl Actor for Finder {
    type Context = Context<Self>;
}

impl Handler<FindKey> for Finder {
    type Result = Result<bool, Unavailable>;

    fn handle(&mut self, message: FindKey, _: &mut Self::Context) -> Self::Result {
        self.asked.fetch_add(1, Ordering::SeqCst);
        if message.kid == "busy" {
            return Err(Unavailable::Busy);
        }
        let Some(key) = self.publishes.clone().filter(|key| key.kid == message.kid) else { return Ok(false) };
        let mut all = (**self.keys.load()).clone();
        all.keys.push(key);
        self.keys.store(Arc::new(all));
        Ok(true)
    }
}

struct Record(Arc<Mutex<Vec<RecordEvent>>>);

impl Actor for Record {
    type Context = Context<Self>;
}

impl Handler<RecordEvent> for Record {
    type Result = Result<(), Unavailable>;

    fn handle(&mut self, message: RecordEvent, _: &mut Self::Context) -> Self::Result {
        self.0.lock().unwrap().push(message);
        Ok(())
    }
}

/// Everything a test touches.
pub struct World {
    pub server: Data<ResourceServer>,
    pub signer: Signer,
    pub clock: Arc<ManualClock>,
    pub keys: SharedKeys,
    pub revoked: SharedRevoked,
    pub recorded: Arc<Mutex<Vec<RecordEvent>>>,
    pub asked: Arc<AtomicUsize>,
}

impl World {
    pub fn new() -> Self {
        Self::with(None, |_| {})
    }

    /// With a key that is published once it is asked for, and other settings.
    pub fn with(publishes: Option<PublicKey>, change: impl FnOnce(&mut Settings)) -> Self {
        Self::over(None, publishes, change)
    }

    /// With API keys of a database.
    pub fn with_api_keys(store: &Store) -> Self {
        Self::over(Some(store.clone()), None, |_| {})
    }

    fn over(store: Option<Store>, publishes: Option<PublicKey>, change: impl FnOnce(&mut Settings)) -> Self {
        let signer = Signer::new("current");
        let clock = Arc::new(ManualClock::new(Timestamp::from_seconds(1_795_305_600)));
        let keys: SharedKeys = Arc::new(ArcSwap::from_pointee(PublicKeySet { keys: vec![signer.public.clone()] }));
        let revoked: SharedRevoked = Arc::new(ArcSwap::from_pointee(Revoked::default()));
        let (recorded, asked) = (Arc::default(), Arc::default());
        let finder = Finder { keys: Arc::clone(&keys), publishes, asked: Arc::clone(&asked) }.start();
        let record = Record(Arc::clone(&recorded)).start();
        let mut settings = Settings::new(PublicUrls { issuer: ISSUER.into(), resource: RESOURCE.into() }, "Docent");
        change(&mut settings);
        let server = ResourceServer::new(
            settings,
            Arc::clone(&clock) as _,
            Arc::clone(&keys),
            finder.recipient(),
            Arc::clone(&revoked),
            record.recipient(),
        );
        let server = match store {
            Some(store) => server.with_api_keys(ApiKeys::new(store, Arc::clone(&clock) as _)),
            None => server,
        };
        Self { server: Data::new(server), signer, clock, keys, revoked, recorded, asked }
    }

    /// Claims of a token that is good for 15 minutes.
    pub fn claims(&self) -> Value {
        let now = self.clock.now().seconds();
        json!({
            "iss": ISSUER, "sub": USER, "aud": RESOURCE, "exp": now + 900, "iat": now, "nbf": now, "jti": "token-1",
            "client_id": "c_test", "scope": "docs:read", "project": PROJECT, "grant_id": GRANT,
        })
    }

    /// These claims with one of them replaced, or taken out by `null`.
    pub fn claims_with(&self, name: &str, value: Value) -> Value {
        let mut claims = self.claims();
        let object = claims.as_object_mut().unwrap();
        if value.is_null() {
            object.remove(name);
        } else {
            object.insert(name.to_owned(), value);
        }
        claims
    }

    pub fn token(&self) -> String {
        self.signer.sign(&self.claims())
    }

    pub fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// The routes, with two handlers behind the guard.
    pub fn routes(&self) -> impl FnOnce(&mut ServiceConfig) + use<> {
        let server = self.server.clone();
        move |config| {
            let protected = |behind: &mut ServiceConfig| {
                behind.route("", web::post().to(read)).route("/write", web::post().to(write)).route("/bare", web::post().to(bare));
            };
            let open = |config: &mut ServiceConfig| {
                config.route("/open", web::get().to(bare));
            };
            let api = |config: &mut ServiceConfig| {
                config.route("/read", web::get().to(read));
            };
            crate::routes::configure(config, server, protected, open, api);
        }
    }
}

async fn read(request: HttpRequest, caller: Authorized<DocsRead>) -> HttpResponse {
    let token_seen = ["authorization", "x-api-key", "x-context7-api-key"].iter().any(|name| request.headers().contains_key(*name));
    HttpResponse::Ok().json(json!({ "user": caller.0.user, "project": caller.0.project, "token_seen": token_seen }))
}

async fn write(_: Authorized<LibrariesWrite>) -> HttpResponse {
    HttpResponse::Ok().json(json!({ "written": true }))
}

/// States no scope of its own, as the protocol's transport does.
async fn bare() -> HttpResponse {
    HttpResponse::Ok().finish()
}
