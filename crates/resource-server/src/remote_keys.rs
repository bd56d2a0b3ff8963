//! The keys of an issuer that runs elsewhere: read from its metadata and JWKS, and published as `KeyRing` would.

use actix::prelude::*;
use docent_types::actors::Unavailable;
use docent_types::messages::{FindKey, PublicKey, PublicKeySet, SharedKeys};
use docent_types::metadata::PublicUrls;
use docent_types::time::{SharedClock, Timestamp};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

const REGULARLY: Duration = Duration::from_secs(300);
const RETRY: Duration = Duration::from_secs(5);
const TIMEOUT: Duration = Duration::from_secs(5);
const LARGEST: usize = 64 * 1024;

/// Why the keys could not be read. The old ones stay.
#[derive(Debug, thiserror::Error)]
pub enum RemoteKeysError {
    /// No answer, or not in time.
    #[error("{url} could not be read: {reason}")]
    Unreachable {
        /// Where.
        url: String,
        /// In words.
        reason: String,
    },
    /// The answer is not what it should be.
    #[error("{url} answered with {what}")]
    Unusable {
        /// Where.
        url: String,
        /// In words.
        what: String,
    },
}

#[derive(Deserialize)]
struct IssuerMetadata {
    issuer: String,
    jwks_uri: String,
}

/// Keys are read one by one: one of a kind that is not ours does not take the others away.
#[derive(Deserialize)]
struct KeySetDocument {
    keys: Vec<serde_json::Value>,
}

struct Source {
    issuer: String,
    jwks_uri: Option<String>,
    keys: SharedKeys,
    clock: SharedClock,
    http: reqwest::Client,
    /// When the issuer was last asked because of an unknown key. Held while asking: who waits gets that answer.
    asked: Mutex<Option<Timestamp>>,
}

/// The actor that answers [`FindKey`] from the issuer's JWKS, and reads it again every five minutes.
#[derive(Clone)]
pub struct RemoteKeys {
    source: Arc<Source>,
}

impl RemoteKeys {
    /// Follows this issuer. Without `jwks_uri`, its metadata tells it.
    ///
    /// # Errors
    /// If the machine has no usable TLS set-up.
    pub fn new(issuer: String, jwks_uri: Option<String>, keys: SharedKeys, clock: SharedClock) -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .connect_timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("docent/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { source: Arc::new(Source { issuer, jwks_uri, keys, clock, http, asked: Mutex::new(None) }) })
    }

    /// Reads the keys once, for the start.
    ///
    /// # Errors
    /// Why they could not be read.
    pub async fn load(&self) -> Result<(), RemoteKeysError> {
        self.source.refresh().await
    }

    /// Whether the key is published; the issuer is asked if it is not, at most once in a few seconds.
    pub async fn find(&self, kid: &str) -> bool {
        self.source.find(kid).await
    }

    fn refresh_later(&self, context: &mut Context<Self>, after: Duration) {
        context.run_later(after, |actor, context| actor.refresh_now(context));
    }

    fn refresh_now(&self, context: &mut Context<Self>) {
        let source = Arc::clone(&self.source);
        let refreshed = async move { source.refresh().await }.into_actor(self);
        context.spawn(refreshed.map(|refreshed, actor, context| {
            let next = match refreshed {
                Ok(()) => REGULARLY,
                Err(error) => {
                    tracing::warn!(%error, "the issuer's keys could not be read; the old ones stay");
                    RETRY
                }
            };
            actor.refresh_later(context, next);
        }));
    }
}

impl Source {
    fn has(&self, kid: &str) -> bool {
        self.keys.load().keys.iter().any(|key| key.kid == kid)
    }

    async fn find(&self, kid: &str) -> bool {
        if self.has(kid) {
            return true;
        }
        let mut asked = self.asked.lock().await;
        if self.has(kid) {
            return true;
        }
        let now = self.clock.now();
        if asked.is_some_and(|before| now < before.after(RETRY)) {
            return false;
        }
        *asked = Some(now);
        if let Err(error) = self.refresh().await {
            tracing::warn!(%error, "the issuer's keys could not be read; the old ones stay");
        }
        self.has(kid)
    }

    async fn refresh(&self) -> Result<(), RemoteKeysError> {
        let jwks_uri = match &self.jwks_uri {
            Some(uri) => uri.clone(),
            None => self.discover().await?,
        };
        let document: KeySetDocument = self.read(&jwks_uri).await?;
        let keys: Vec<PublicKey> = document.keys.into_iter().filter_map(|key| serde_json::from_value(key).ok()).collect();
        if keys.is_empty() {
            return Err(RemoteKeysError::Unusable { url: jwks_uri, what: "no ES256 signing key".to_owned() });
        }
        let found = PublicKeySet { keys };
        // The same set stays the same snapshot: what was made of it stays ready.
        if **self.keys.load() != found {
            tracing::info!(keys = found.keys.len(), "the issuer's keys changed");
            self.keys.store(Arc::new(found));
        }
        Ok(())
    }

    async fn discover(&self) -> Result<String, RemoteKeysError> {
        let urls = PublicUrls { issuer: self.issuer.clone(), resource: String::new() };
        let url = format!("{}/.well-known/oauth-authorization-server{}", urls.issuer_origin(), urls.issuer_path());
        let metadata: IssuerMetadata = self.read(&url).await?;
        if metadata.issuer != self.issuer {
            return Err(RemoteKeysError::Unusable { url, what: "the metadata of another issuer".to_owned() });
        }
        Ok(metadata.jwks_uri)
    }

    async fn read<T: DeserializeOwned>(&self, url: &str) -> Result<T, RemoteKeysError> {
        let unreachable =
            |error: reqwest::Error| RemoteKeysError::Unreachable { url: url.to_owned(), reason: error.without_url().to_string() };
        let unusable = |what: String| RemoteKeysError::Unusable { url: url.to_owned(), what };
        let mut response = self.http.get(url).header("accept", "application/json").send().await.map_err(unreachable)?;
        if response.status() != reqwest::StatusCode::OK {
            return Err(unusable(format!("status {}", response.status().as_u16())));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            if body.len() + chunk.len() > LARGEST {
                return Err(unusable(format!("more than {LARGEST} bytes")));
            }
            body.extend_from_slice(&chunk);
        }
        serde_json::from_slice(&body).map_err(|_| unusable("something that is not the expected JSON".to_owned()))
    }
}

impl Actor for RemoteKeys {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        self.refresh_now(context);
    }
}

impl Handler<FindKey> for RemoteKeys {
    type Result = ResponseFuture<Result<bool, Unavailable>>;

    fn handle(&mut self, message: FindKey, _: &mut Self::Context) -> Self::Result {
        let keys = self.clone();
        Box::pin(async move { Ok(keys.find(&message.kid).await) })
    }
}
