//! `private_key_jwt` (RFC 7523, AS10): a client proves itself by a JWT that it signs with a key of its own. What is read here comes from
//! a stranger: nothing in it chooses a key by anything but its name, and nothing in it is fetched.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use docent_types::oauth::{Error, ErrorCode};
use docent_types::secret::SecretHash;
use docent_types::time::Timestamp;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey, crypto};
use serde::Deserialize;
use serde_json::Value;

/// What `client_assertion_type` must be (RFC 7523 2.2).
pub const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// The algorithms that count. All are asymmetric.
pub const ALGORITHMS: [&str; 4] = ["ES256", "RS256", "PS256", "EdDSA"];
/// The longest assertion.
const LONGEST: usize = 8 * 1024;
/// How far ahead an assertion may end, in seconds. Its `jti` is remembered for as long.
const LIFE: i64 = 3600;
/// How far clocks may differ, in seconds.
const LEEWAY: i64 = 60;
/// Keys of a set that are looked at.
const KEYS: usize = 50;

/// The header, as far as it matters. `jku`, `x5u`, `jwk` and `x5c` name keys of the sender's choice: they are not read.
#[derive(Deserialize, Debug)]
struct Header {
    alg: String,
    typ: Option<String>,
    kid: Option<String>,
    crit: Option<Value>,
}

/// One audience or several.
#[derive(Deserialize, Clone, PartialEq, Eq, Debug)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

/// The claims. One that is there twice or of another type refuses the whole.
#[derive(Deserialize, Clone, PartialEq, Debug)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    exp: serde_json::Number,
    nbf: Option<serde_json::Number>,
    iat: Option<serde_json::Number>,
    jti: String,
}

/// An assertion that was read and not verified yet.
#[derive(Debug)]
pub struct Assertion<'a> {
    signed: &'a str,
    signature: &'a str,
    algorithm: Algorithm,
    kid: Option<String>,
    claims: Claims,
}

/// An assertion that counts, if it was not used before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OneUse {
    /// Under which its use is remembered.
    pub what: SecretHash,
    /// Until when.
    pub expires_at: Timestamp,
    /// Whether its audience is the token endpoint, as RFC 7523 3 allowed, and not the issuer.
    pub names_endpoint: bool,
}

fn refused(words: impl AsRef<str>) -> Error {
    Error::new(ErrorCode::InvalidClient, words)
}

fn algorithm(name: &str) -> Option<Algorithm> {
    match name {
        "ES256" => Some(Algorithm::ES256),
        "RS256" => Some(Algorithm::RS256),
        "PS256" => Some(Algorithm::PS256),
        "EdDSA" => Some(Algorithm::EdDSA),
        _ => None,
    }
}

/// NumericDate (RFC 7519 2): seconds, perhaps with a fraction.
fn seconds(number: &serde_json::Number) -> Option<i64> {
    let whole = number.as_i64().or_else(|| number.as_f64().filter(|value| value.abs() < 1e12).map(|value| value.floor() as i64))?;
    (0..=i64::from(u32::MAX) * 4).contains(&whole).then_some(whole)
}

fn part<T: for<'de> Deserialize<'de>>(text: &str, what: &str) -> Result<T, Error> {
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| refused(format!("The {what} of client_assertion is not base64url.")))?;
    serde_json::from_slice(&bytes).map_err(|error| refused(format!("The {what} of client_assertion cannot be read: {error}.")))
}

impl<'a> Assertion<'a> {
    /// Takes an assertion apart.
    ///
    /// # Errors
    /// `invalid_client`.
    pub fn read(text: &'a str) -> Result<Self, Error> {
        if text.len() > LONGEST {
            return Err(refused(format!("client_assertion is longer than {LONGEST} bytes.")));
        }
        let (signed, signature) = text.rsplit_once('.').ok_or_else(|| refused("client_assertion is not a JWT."))?;
        let (header, payload) = signed.split_once('.').ok_or_else(|| refused("client_assertion is not a signed JWT."))?;
        let header: Header = part(header, "header")?;
        let algorithm = algorithm(&header.alg)
            .ok_or_else(|| refused(format!("The algorithm of client_assertion must be one of {}.", ALGORITHMS.join(", "))))?;
        if header.crit.is_some() {
            return Err(refused("client_assertion has a crit header that is not understood."));
        }
        let kind = header.typ.as_deref().map(str::to_ascii_lowercase);
        let kind = kind.as_deref().map(|kind| kind.strip_prefix("application/").unwrap_or(kind));
        if !matches!(kind, None | Some("jwt" | "client-authentication+jwt")) {
            return Err(refused("client_assertion is a JWT of another type: typ must be JWT or client-authentication+jwt."));
        }
        let claims: Claims = part(payload, "payload")?;
        if claims.iss != claims.sub {
            return Err(refused("iss and sub of client_assertion must both be the client_id."));
        }
        if claims.sub.is_empty() || claims.sub.chars().any(char::is_control) {
            return Err(refused("sub of client_assertion is no client_id."));
        }
        Ok(Self { signed, signature, algorithm, kid: header.kid, claims })
    }

    /// Whose it says it is.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.claims.sub
    }

    /// Whether a key of the set verifies it.
    #[must_use]
    pub fn is_signed_by(&self, keys: &Value) -> bool {
        let keys = keys.get("keys").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        keys.iter().take(KEYS).filter(|key| self.may_be_signed_by(key)).any(|key| {
            let key = Jwk::deserialize(key).ok().and_then(|jwk| DecodingKey::from_jwk(&jwk).ok());
            key.is_some_and(|key| crypto::verify(self.signature, self.signed.as_bytes(), &key, self.algorithm).unwrap_or(false))
        })
    }

    fn may_be_signed_by(&self, key: &Value) -> bool {
        let says = |name: &str| key.get(name).and_then(Value::as_str);
        let (kind, curve) = match self.algorithm {
            Algorithm::ES256 => ("EC", Some("P-256")),
            Algorithm::EdDSA => ("OKP", Some("Ed25519")),
            _ => ("RSA", None),
        };
        let alg = match self.algorithm {
            Algorithm::ES256 => "ES256",
            Algorithm::RS256 => "RS256",
            Algorithm::PS256 => "PS256",
            _ => "EdDSA",
        };
        says("kty") == Some(kind)
            && curve.is_none_or(|curve| says("crv") == Some(curve))
            && says("use").is_none_or(|usage| usage == "sig")
            && says("alg").is_none_or(|one| one == alg || (alg == "EdDSA" && one == "Ed25519"))
            && (self.kid.is_none() || says("kid") == self.kid.as_deref())
    }

    /// Judges what a verified assertion says, for the issuer and its token endpoint.
    ///
    /// # Errors
    /// `invalid_client`.
    pub fn judge(&self, issuer: &str, token_endpoint: &str, now: Timestamp) -> Result<OneUse, Error> {
        let audience = match &self.claims.aud {
            Audience::One(one) => one,
            Audience::Several(several) => match several.as_slice() {
                [one] => one,
                // An assertion for several servers is one that each of them can use at the others.
                _ => return Err(refused(format!("aud of client_assertion must be {issuer} alone."))),
            },
        };
        let names_endpoint = audience == token_endpoint;
        if audience != issuer && !names_endpoint {
            return Err(refused(format!("aud of client_assertion must be {issuer}.")));
        }
        let now = now.seconds();
        let time = |number: &serde_json::Number, name: &str| {
            seconds(number).ok_or_else(|| refused(format!("{name} of client_assertion is not a time in seconds since 1970.")))
        };
        let exp = time(&self.claims.exp, "exp")?;
        if exp.saturating_add(LEEWAY) <= now {
            return Err(refused("client_assertion has expired."));
        }
        if exp > now.saturating_add(LIFE + LEEWAY) {
            return Err(refused(format!("exp of client_assertion is too far ahead: at most {LIFE} s.")));
        }
        for (number, name) in [(&self.claims.nbf, "nbf"), (&self.claims.iat, "iat")] {
            if let Some(number) = number
                && time(number, name)? > now.saturating_add(LEEWAY)
            {
                return Err(refused(format!("{name} of client_assertion is in the future.")));
            }
        }
        if self.claims.jti.is_empty() || self.claims.jti.len() > 512 {
            return Err(refused("jti of client_assertion must have 1 to 512 characters."));
        }
        let what = SecretHash::of(&format!("client-assertion\0{}\0{}", self.claims.sub, self.claims.jti));
        Ok(OneUse { what, expires_at: Timestamp::from_seconds(exp.saturating_add(LEEWAY + 1)), names_endpoint })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signing::SigningKey;
    use proptest::prelude::*;
    use serde_json::json;

    const ISSUER: &str = "https://a.example";
    const ENDPOINT: &str = "https://a.example/oauth/token";
    const NOW: i64 = 1_800_000_000;

    fn claims(more: Value) -> Value {
        let mut claims = json!({"iss": "c_1", "sub": "c_1", "aud": ISSUER, "exp": NOW + 300, "jti": "one"});
        for (name, value) in more.as_object().unwrap() {
            if value.is_null() {
                claims.as_object_mut().unwrap().remove(name);
            } else {
                claims[name] = value.clone();
            }
        }
        claims
    }

    fn set(key: &SigningKey) -> Value {
        json!({"keys": [key.public()]})
    }

    fn encoded(header: &str, payload: &str) -> String {
        format!("{}.{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload), URL_SAFE_NO_PAD.encode("signature"))
    }

    fn judged(text: &str) -> Result<OneUse, String> {
        Assertion::read(text).and_then(|read| read.judge(ISSUER, ENDPOINT, Timestamp::from_seconds(NOW))).map_err(|error| error.description)
    }

    /// AS10.
    #[test]
    fn an_assertion_is_verified_by_the_key_that_signed_it_and_no_other() {
        let (key, _) = SigningKey::generate().unwrap();
        let (other, _) = SigningKey::generate().unwrap();
        let text = key.sign("JWT", &claims(json!({}))).unwrap();
        let read = Assertion::read(&text).unwrap();
        assert_eq!(read.client_id(), "c_1");
        assert!(read.is_signed_by(&set(&key)) && !read.is_signed_by(&set(&other)));
        let mut both = set(&other);
        both["keys"].as_array_mut().unwrap().push(json!(key.public()));
        assert!(read.is_signed_by(&both), "one key of several");
        for nonsense in [json!(null), json!({}), json!({"keys": 1}), json!({"keys": [1, {}, {"kty": "EC"}]})] {
            assert!(!read.is_signed_by(&nonsense));
        }
        // The key's own words are heeded: another name, another use, another algorithm.
        for (name, value) in [("kid", "other"), ("use", "enc"), ("alg", "ES384"), ("kty", "RSA"), ("crv", "P-384")] {
            let mut keys = set(&key);
            keys["keys"][0][name] = json!(value);
            assert!(!read.is_signed_by(&keys), "{name}");
        }
        let forged = text.replace(text.split('.').nth(1).unwrap(), &URL_SAFE_NO_PAD.encode(claims(json!({"jti": "two"})).to_string()));
        assert!(!Assertion::read(&forged).unwrap().is_signed_by(&set(&key)));
    }

    /// AS10: `none`, keyed hashes under a public key, other types, keys that the sender names, duplicates, wrong types.
    #[test]
    fn headers_and_claims_that_mislead_are_refused() {
        let good = claims(json!({})).to_string();
        for header in [
            r#"{"alg":"none"}"#,
            r#"{"alg":"None"}"#,
            r#"{"alg":"HS256"}"#,
            r#"{"alg":"HS512"}"#,
            r#"{"alg":""}"#,
            r#"{"alg":["ES256"]}"#,
            r#"{"typ":"JWT"}"#,
            r#"{"alg":"ES256","alg":"none"}"#,
            r#"{"alg":"ES256","crit":["exp"]}"#,
            r#"{"alg":"ES256","typ":"at+jwt"}"#,
            r#"{"alg":"ES256","typ":"oauth-id-jag+jwt"}"#,
            r#"{"alg":"ES256","kid":7}"#,
            "[]",
            "",
        ] {
            assert!(Assertion::read(&encoded(header, &good)).is_err(), "{header}");
        }
        for payload in [
            format!(r#"{{"iss":"c_1","sub":"c_1","sub":"c_2","aud":"{ISSUER}","exp":1800000300,"jti":"x"}}"#),
            format!(r#"{{"iss":"c_1","sub":"c_1","aud":"{ISSUER}","exp":1800000300,"exp":9999999999,"jti":"x"}}"#),
            claims(json!({"iss": "c_2"})).to_string(),
            claims(json!({"iss": null})).to_string(),
            claims(json!({"sub": null})).to_string(),
            claims(json!({"aud": null})).to_string(),
            claims(json!({"exp": null})).to_string(),
            claims(json!({"jti": null})).to_string(),
            claims(json!({"exp": "1800000300"})).to_string(),
            claims(json!({"exp": [1_800_000_300]})).to_string(),
            claims(json!({"jti": 7})).to_string(),
            claims(json!({"aud": {"a": ISSUER}})).to_string(),
            claims(json!({"nbf": "0"})).to_string(),
            claims(json!({"iss": "c\u{0}", "sub": "c\u{0}"})).to_string(),
            "[]".to_owned(),
            String::new(),
        ] {
            assert!(Assertion::read(&encoded(r#"{"alg":"ES256"}"#, &payload)).is_err(), "{payload}");
        }
        assert!(
            Assertion::read(&encoded(
                r#"{"alg":"ES256","jku":"https://evil.example/","x5u":"https://evil.example/","jwk":{"kty":"EC"}}"#,
                &good
            ))
            .is_ok(),
            "not read"
        );
        assert!(Assertion::read(&encoded(r#"{"alg":"ES256"}"#, &claims(json!({"x": "y".repeat(9000)})).to_string())).is_err(), "huge");
        for text in ["", ".", "..", "...", "a.b", "a.b.c", &format!("{}.{}", "x".repeat(50), "y".repeat(50))] {
            assert!(Assertion::read(text).is_err(), "{text}");
        }
    }

    /// AS10: for this issuer alone, for a short time, with an id.
    #[test]
    fn an_assertion_counts_for_this_issuer_and_for_an_hour_at_most() {
        let of = |more: Value| judged(&encoded(r#"{"alg":"ES256"}"#, &claims(more).to_string()));
        let one = of(json!({})).unwrap();
        assert!(!one.names_endpoint && one.expires_at > Timestamp::from_seconds(NOW + 300 + LEEWAY), "remembered for as long as it counts");
        assert!(of(json!({"aud": ENDPOINT})).unwrap().names_endpoint);
        assert!(of(json!({"aud": [ISSUER]})).is_ok());
        assert_ne!(one.what, of(json!({"jti": "two"})).unwrap().what);
        assert_ne!(one.what, of(json!({"iss": "c_2", "sub": "c_2"})).unwrap().what, "each client has its own ids");
        assert!(
            of(json!({"exp": NOW + LIFE + LEEWAY})).is_ok()
                && of(json!({"exp": NOW - LEEWAY + 1})).is_ok()
                && of(json!({"exp": NOW as f64 + 0.5})).is_ok()
        );
        for (more, word) in [
            (json!({"aud": "https://b.example"}), "aud"),
            (json!({"aud": "https://a.example/"}), "aud"),
            (json!({"aud": [ISSUER, "https://b.example"]}), "alone"),
            (json!({"aud": []}), "aud"),
            (json!({"exp": NOW - LEEWAY}), "expired"),
            (json!({"exp": NOW + LIFE + LEEWAY + 1}), "far ahead"),
            (json!({"exp": 9_999_999_999_999_i64}), "exp"),
            (json!({"exp": -1}), "exp"),
            (json!({"exp": 1e300}), "exp"),
            (json!({"nbf": NOW + LEEWAY + 1}), "nbf"),
            (json!({"iat": NOW + LEEWAY + 1}), "iat"),
            (json!({"jti": ""}), "jti"),
            (json!({"jti": "x".repeat(513)}), "jti"),
        ] {
            let error = of(more.clone()).unwrap_err();
            assert!(error.contains(word), "{more}: {error}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_an_assertion_or_not(text in "\\PC{0,80}", header in prop::collection::vec(any::<u8>(), 0..60), payload in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = judged(&text);
            let raw = format!("{}.{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(&payload), URL_SAFE_NO_PAD.encode("s"));
            let _ = judged(&raw);
            let with_header = format!("{}.{}.{}", URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256"}"#), URL_SAFE_NO_PAD.encode(payload), text);
            let _ = judged(&with_header);
        }

        /// AS10: no change to a signed assertion is verified.
        #[test]
        fn a_changed_assertion_is_not_verified(at in any::<prop::sample::Index>(), to in "[A-Za-z0-9_-]") {
            let (key, _) = SigningKey::generate().unwrap();
            let text = key.sign("JWT", &claims(json!({}))).unwrap();
            let at = at.index(text.rfind('.').unwrap());
            let changed = format!("{}{to}{}", &text[..at], &text[at + 1..]);
            let is_verified = Assertion::read(&changed).is_ok_and(|read| read.is_signed_by(&set(&key)));
            prop_assert!(changed == text || !is_verified);
        }
    }
}
