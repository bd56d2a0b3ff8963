//! Keys of an issuer that runs elsewhere.

use super::fixture::Signer;
use crate::remote_keys::{RemoteKeys, RemoteKeysError};
use actix::prelude::*;
use actix_web::web::{self, Data};
use actix_web::{App, HttpResponse, HttpServer};
use docent_types::messages::{FindKey, PublicKey, SharedKeys};
use docent_types::time::{ManualClock, Timestamp};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// An issuer on a free port. What it answers is set by the test.
struct Issuer {
    url: String,
    state: Data<State>,
}

#[derive(Default)]
struct State {
    metadata: Mutex<Value>,
    key_set: Mutex<(u16, String)>,
    reads: AtomicUsize,
}

async fn metadata(state: Data<State>) -> HttpResponse {
    HttpResponse::Ok().json(&*state.metadata.lock().unwrap())
}

async fn key_set(state: Data<State>) -> HttpResponse {
    state.reads.fetch_add(1, Ordering::SeqCst);
    let (status, body) = state.key_set.lock().unwrap().clone();
    let status = actix_web::http::StatusCode::from_u16(status).unwrap();
    HttpResponse::build(status).insert_header(("location", "/elsewhere")).content_type("application/json").body(body)
}

/// A key set that may not be reached: redirects are not followed.
async fn elsewhere() -> HttpResponse {
    HttpResponse::Ok().json(json!({ "keys": [Signer::new("elsewhere").public] }))
}

impl Issuer {
    fn start() -> Self {
        let state = Data::new(State::default());
        let shared = state.clone();
        let server = HttpServer::new(move || {
            App::new()
                .app_data(shared.clone())
                .route("/.well-known/oauth-authorization-server/tenant", web::get().to(metadata))
                .route("/keys", web::get().to(key_set))
                .route("/elsewhere", web::get().to(elsewhere))
        })
        .workers(1)
        .bind(("127.0.0.1", 0))
        .unwrap();
        let url = format!("http://{}/tenant", server.addrs()[0]);
        actix_web::rt::spawn(server.run());
        let issuer = Self { url, state };
        *issuer.state.metadata.lock().unwrap() = json!({ "issuer": issuer.url, "jwks_uri": issuer.jwks_uri() });
        issuer
    }

    fn jwks_uri(&self) -> String {
        self.url.replace("/tenant", "/keys")
    }

    fn publish(&self, keys: &[&PublicKey]) {
        let mut keys: Vec<Value> = keys.iter().map(|key| serde_json::to_value(key).unwrap()).collect();
        keys.push(json!({ "kty": "RSA", "kid": "another-kind", "n": "x", "e": "AQAB" }));
        *self.state.key_set.lock().unwrap() = (200, json!({ "keys": keys }).to_string());
    }

    fn reads(&self) -> usize {
        self.state.reads.load(Ordering::SeqCst)
    }
}

fn follow(issuer: &Issuer) -> (RemoteKeys, SharedKeys, Arc<ManualClock>) {
    let keys = SharedKeys::default();
    let clock = Arc::new(ManualClock::new(Timestamp::from_seconds(1_795_305_600)));
    let remote = RemoteKeys::new(issuer.url.clone(), None, Arc::clone(&keys), Arc::clone(&clock) as _).unwrap();
    (remote, keys, clock)
}

fn kids(keys: &SharedKeys) -> Vec<String> {
    keys.load().keys.iter().map(|key| key.kid.clone()).collect()
}

/// RS6: the keys are those that the issuer's own metadata leads to; other kinds of keys are left out.
#[actix_web::test]
async fn the_issuers_keys_are_found_through_its_metadata() {
    let issuer = Issuer::start();
    issuer.publish(&[&Signer::new("one").public]);
    let (remote, keys, _) = follow(&issuer);
    remote.load().await.unwrap();
    assert_eq!(kids(&keys), ["one"]);
    let before = keys.load_full();
    remote.load().await.unwrap();
    assert!(Arc::ptr_eq(&before, &keys.load_full()), "the same keys were published again");
}

/// RS6: metadata of another issuer leads nowhere.
#[actix_web::test]
async fn the_metadata_of_another_issuer_is_not_followed() {
    let issuer = Issuer::start();
    issuer.publish(&[&Signer::new("one").public]);
    *issuer.state.metadata.lock().unwrap() = json!({ "issuer": format!("{}/", issuer.url), "jwks_uri": issuer.jwks_uri() });
    let (remote, keys, _) = follow(&issuer);
    assert!(matches!(remote.load().await, Err(RemoteKeysError::Unusable { .. })));
    assert!(kids(&keys).is_empty());
}

/// RS6: an issuer that is away, redirects, answers with too much or with nothing usable takes no key away.
#[actix_web::test]
async fn the_old_keys_stay_while_the_issuer_fails() {
    let issuer = Issuer::start();
    issuer.publish(&[&Signer::new("one").public]);
    let (remote, keys, _) = follow(&issuer);
    remote.load().await.unwrap();
    let large = json!({ "keys": [Signer::new("large").public], "padding": "x".repeat(64 * 1024) }).to_string();
    for answer in
        [(500, "{}".to_owned()), (302, String::new()), (200, "<html>".to_owned()), (200, r#"{"keys":[]}"#.to_owned()), (200, large)]
    {
        *issuer.state.key_set.lock().unwrap() = answer;
        assert!(remote.load().await.is_err());
        assert_eq!(kids(&keys), ["one"]);
    }
}

/// RS6: an unknown key is looked for at once, and then at most once in five seconds however many ask.
#[actix_web::test]
async fn unknown_keys_cannot_make_us_ask_often() {
    let issuer = Issuer::start();
    let (one, two) = (Signer::new("one"), Signer::new("two"));
    issuer.publish(&[&one.public]);
    let (remote, keys, clock) = follow(&issuer);
    remote.load().await.unwrap();
    let before = issuer.reads();
    let forged: Vec<String> = (0..20).map(|number| format!("forged-{number}")).collect();
    assert_eq!(futures_util::future::join_all(forged.iter().map(|kid| remote.find(kid))).await, [false; 20]);
    assert_eq!(issuer.reads(), before + 1);
    issuer.publish(&[&one.public, &two.public]);
    assert!(!remote.find("two").await);
    clock.advance(Duration::from_secs(5));
    assert!(remote.find("two").await);
    assert_eq!((issuer.reads(), kids(&keys)), (before + 2, vec!["one".to_owned(), "two".to_owned()]));
}

#[actix_web::test]
async fn the_actor_reads_the_keys_when_it_starts() {
    let issuer = Issuer::start();
    issuer.publish(&[&Signer::new("one").public]);
    let (remote, keys, _) = follow(&issuer);
    let actor = remote.start();
    // Its own reading and this question are both answered by the same document, whichever comes first.
    assert_eq!(actor.send(FindKey { kid: "one".into() }).await.unwrap(), Ok(true));
    assert_eq!(kids(&keys), ["one"]);
}
