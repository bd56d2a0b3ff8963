//! The keys of a trusted issuer: read from where the operator said, kept, and read again when they are old or one is missing.

use super::issuer::KeySource;
use arc_swap::ArcSwap;
use docent_types::compat::Compat;
use docent_types::time::{SharedClock, Timestamp};
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

/// Keys that were read this long ago are read again before they are used.
const FRESH: Duration = Duration::from_secs(600);
/// Keys that could not be read again for this long are not used any more: the issuer may have withdrawn them.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
/// The issuer is asked at most this often.
const RETRY: Duration = Duration::from_secs(5);
const TIMEOUT: Duration = Duration::from_secs(5);
const LARGEST: usize = 256 * 1024;

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
pub enum IssuerKeysError {
    /// A configured key set is none, or has no key that could be used.
    #[error("the key set is not JSON with at least one public key for signatures (RFC 7517)")]
    KeySet,
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
    /// There is no usable TLS set-up.
    #[error("no HTTP client: {0}")]
    Client(String),
}

/// Keys are read one by one: one of a kind that is not ours does not take the others away.
#[derive(Deserialize)]
struct Document {
    keys: Vec<serde_json::Value>,
}

fn is_for_signatures(key: &Jwk) -> bool {
    let is_public = !matches!(key.algorithm, AlgorithmParameters::OctetKey(_) | AlgorithmParameters::Other(_));
    is_public && matches!(key.common.public_key_use, None | Some(PublicKeyUse::Signature))
}

fn parse(text: &[u8]) -> Option<Vec<Jwk>> {
    let document: Document = serde_json::from_slice(text).ok()?;
    let keys: Vec<Jwk> = document.keys.into_iter().filter_map(|key| serde_json::from_value(key).ok()).filter(is_for_signatures).collect();
    (!keys.is_empty()).then_some(keys)
}

/// Whether a key is one that `algorithm` signs with. Its own `alg`, if it has one, must say so too.
fn fits(key: &Jwk, algorithm: Algorithm) -> bool {
    let by_name = match key.common.key_algorithm {
        None => true,
        Some(KeyAlgorithm::UNKNOWN_ALGORITHM) => false,
        Some(named) => named.to_string().parse::<Algorithm>().is_ok_and(|named| named == algorithm),
    };
    let by_kind = match &key.algorithm {
        AlgorithmParameters::RSA(_) => matches!(
            algorithm,
            Algorithm::RS256 | Algorithm::RS384 | Algorithm::RS512 | Algorithm::PS256 | Algorithm::PS384 | Algorithm::PS512
        ),
        AlgorithmParameters::EllipticCurve(parameters) => match parameters.curve {
            EllipticCurve::P256 => algorithm == Algorithm::ES256,
            EllipticCurve::P384 => algorithm == Algorithm::ES384,
            _ => false,
        },
        AlgorithmParameters::OctetKeyPair(parameters) => parameters.curve == EllipticCurve::Ed25519 && algorithm == Algorithm::EdDSA,
        _ => false,
    };
    by_name && by_kind
}

/// The key that a header names; or the only one that fits, if it names none.
fn choose<'a>(keys: &'a [Jwk], kid: Option<&str>, algorithm: Algorithm) -> Option<&'a Jwk> {
    let mut fitting = keys.iter().filter(|key| fits(key, algorithm));
    match kid {
        Some(_) => fitting.find(|key| key.common.key_id.as_deref() == kid),
        None => match (fitting.next(), fitting.next()) {
            (Some(only), None) => {
                Compat::AssertionWithoutKid.tolerate("");
                Some(only)
            }
            _ => None,
        },
    }
}

#[derive(Default)]
struct Snapshot {
    keys: Vec<Jwk>,
    read_at: Option<Timestamp>,
}

/// The keys of one issuer.
pub struct IssuerKeys {
    /// Where they are read; `None` for those that are configured.
    remote: Option<(String, reqwest::Client)>,
    snapshot: ArcSwap<Snapshot>,
    clock: SharedClock,
    /// When the issuer was asked last. Held while asking: who has to wait gets that answer.
    asked: Mutex<Option<Timestamp>>,
}

impl IssuerKeys {
    /// The keys of this source. Nothing is read yet.
    ///
    /// # Errors
    /// A configured set that cannot be used, or a machine without usable TLS.
    pub fn new(source: &KeySource, clock: SharedClock) -> Result<Self, IssuerKeysError> {
        let (remote, keys) = match source {
            KeySource::Text(text) => (None, parse(text.as_bytes()).ok_or(IssuerKeysError::KeySet)?),
            KeySource::Uri(uri) => {
                let http = reqwest::Client::builder()
                    .timeout(TIMEOUT)
                    .connect_timeout(TIMEOUT)
                    .redirect(reqwest::redirect::Policy::none())
                    .user_agent(concat!("docent/", env!("CARGO_PKG_VERSION")))
                    .build()
                    .map_err(|error| IssuerKeysError::Client(error.to_string()))?;
                (Some((uri.clone(), http)), Vec::new())
            }
        };
        let snapshot = ArcSwap::from_pointee(Snapshot { keys, read_at: None });
        Ok(Self { remote, snapshot, clock, asked: Mutex::new(None) })
    }

    fn age(&self) -> Option<Duration> {
        let read_at = self.snapshot.load().read_at?;
        u64::try_from(self.clock.now().0.saturating_sub(read_at.0)).ok().map(Duration::from_millis)
    }

    /// The key by which an assertion is verified. The issuer is asked if its keys are old or lack this one, at most once in a few
    /// seconds; while it is asked, those whose key is there go on with what there is.
    ///
    /// # Errors
    /// [`IssuerKeysError`] if the keys cannot be had at this moment.
    pub async fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Result<Option<DecodingKey>, IssuerKeysError> {
        let Some((uri, http)) = &self.remote else { return Ok(self.known(kid, algorithm)) };
        let is_known = self.known(kid, algorithm).is_some();
        if !(is_known && self.age().is_some_and(|age| age < FRESH)) {
            let asked = if is_known { self.asked.try_lock().ok() } else { Some(self.asked.lock().await) };
            if let Some(mut asked) = asked
                && asked.is_none_or(|before| self.clock.now() >= before.after(RETRY))
                && (!is_known || self.age().is_none_or(|age| age >= FRESH))
            {
                let read = read(uri, http).await;
                *asked = Some(self.clock.now());
                match read {
                    Ok(keys) => self.snapshot.store(Arc::new(Snapshot { keys, read_at: *asked })),
                    Err(error) => tracing::warn!(%error, "a trusted issuer's keys could not be read; the old ones stay for a day"),
                }
            }
        }
        match self.age() {
            Some(age) if age < LONGEST => Ok(self.known(kid, algorithm)),
            _ => Err(IssuerKeysError::Unreachable { url: uri.clone(), reason: "it was not read for too long".to_owned() }),
        }
    }

    fn known(&self, kid: Option<&str>, algorithm: Algorithm) -> Option<DecodingKey> {
        let snapshot = self.snapshot.load();
        DecodingKey::from_jwk(choose(&snapshot.keys, kid, algorithm)?).ok()
    }
}

async fn read(url: &str, http: &reqwest::Client) -> Result<Vec<Jwk>, IssuerKeysError> {
    let unreachable = |error: reqwest::Error| IssuerKeysError::Unreachable { url: url.to_owned(), reason: error.without_url().to_string() };
    let unusable = |what: String| IssuerKeysError::Unusable { url: url.to_owned(), what };
    let mut response = http.get(url).header("accept", "application/jwk-set+json, application/json").send().await.map_err(unreachable)?;
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
    parse(&body).ok_or_else(|| unusable("something that is no key set with a usable key".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn ec(kid: &str) -> Value {
        // The example key of RFC 7517 appendix A.1.
        json!({"kty": "EC", "crv": "P-256", "kid": kid, "use": "sig",
            "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"})
    }

    fn set(keys: &[Value]) -> Option<Vec<Jwk>> {
        parse(json!({ "keys": keys }).to_string().as_bytes())
    }

    /// AS20: keys of other kinds and for other uses are left out, and do not take the good ones away.
    #[test]
    fn a_key_set_is_read_key_by_key() {
        let mut encryption = ec("enc");
        encryption["use"] = json!("enc");
        let secret = json!({"kty": "oct", "kid": "s", "k": "AAAA"});
        let keys = set(&[json!({"kty": "XYZ"}), json!(7), secret.clone(), encryption.clone(), ec("a")]).unwrap();
        assert_eq!(keys.len(), 1);
        assert!(set(&[secret, encryption]).is_none() && set(&[]).is_none() && parse(b"{}").is_none() && parse(b"x").is_none());
    }

    /// AS20: the algorithm is the key's, never the assertion's choice alone.
    #[test]
    fn a_key_is_used_only_with_its_own_algorithm() {
        let keys = set(&[ec("a"), ec("b")]).unwrap();
        assert!(choose(&keys, Some("a"), Algorithm::ES256).is_some());
        for algorithm in [Algorithm::ES384, Algorithm::RS256, Algorithm::EdDSA, Algorithm::HS256] {
            assert!(choose(&keys, Some("a"), algorithm).is_none(), "{algorithm:?}");
        }
        assert!(choose(&keys, Some("c"), Algorithm::ES256).is_none());
        assert!(choose(&keys, None, Algorithm::ES256).is_none(), "which of two is meant is not guessed");
        assert!(choose(&keys[..1], None, Algorithm::ES256).is_some());
        let mut named = ec("a");
        named["alg"] = json!("RS256");
        assert!(choose(&set(&[named]).unwrap(), Some("a"), Algorithm::ES256).is_none());
    }
}
