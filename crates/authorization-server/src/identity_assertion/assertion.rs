//! What an identity assertion must be (draft-ietf-oauth-identity-assertion-authz-grant 3.1 and 4.4.1, RFC 7523 3, RFC 8725). Pure.

use super::issuer::TrustedIssuer;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use docent_types::ids::ClientId;
use docent_types::scope::{Scope, ScopeSet};
use docent_types::time::Timestamp;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;
use serde_json::{Number, Value};
use std::time::Duration;

/// The `typ` of its header.
pub const TYPE: &str = "oauth-id-jag+jwt";
/// Longer ones are not read.
pub const MAXIMUM_LENGTH: usize = 16 * 1024;
/// The longest life that an assertion may give itself: it is handed over at once.
pub const LONGEST_LIFE: Duration = Duration::from_secs(60 * 60);
/// How far the clocks of two machines may differ.
pub const SKEW: Duration = Duration::from_secs(30);
const MAXIMUM_NAME: usize = 512;

/// Why an assertion is not accepted. Each text says what to do; none repeats the assertion.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Fault {
    /// Not a signed JWT, or too long, or with a header that is not understood.
    #[error("The assertion is not a signed JWT (RFC 7515) with a header that is understood here.")]
    Form,
    /// Another `typ`: an ID token or an access token, for example.
    #[error("The assertion's typ must be oauth-id-jag+jwt: exchange the ID token for an ID-JAG at the identity provider.")]
    Type,
    /// An algorithm that this issuer may not use.
    #[error("The assertion is signed with an algorithm that is not accepted of its issuer.")]
    Algorithm,
    /// An issuer that is not trusted.
    #[error("The assertion's issuer is not trusted here: the operator names trusted issuers in auth.trusted_issuers.")]
    Issuer,
    /// A key that the issuer does not publish.
    #[error("The assertion is signed with a key that its issuer does not publish.")]
    Key,
    /// The signature is not that key's.
    #[error("The signature of the assertion is not valid.")]
    Signature,
    /// A required claim is missing, there twice, or of the wrong JSON type.
    #[error("A claim of the assertion is missing or of the wrong type: iss, sub, aud, client_id, jti, exp and iat are required.")]
    Claims,
    /// Not for this authorization server.
    #[error("The assertion's aud must be exactly the issuer of this authorization server.")]
    Audience,
    /// For another client.
    #[error("The assertion's client_id is not the client that presents it.")]
    Client,
    /// Ended.
    #[error("The assertion has expired: get a new one from the identity provider.")]
    Expired,
    /// Issued or valid in the future.
    #[error("The assertion is not valid yet: check the clocks.")]
    NotYet,
    /// Lives too long.
    #[error("The assertion lives longer than an hour: identity providers make them for minutes.")]
    Life,
    /// For a resource that is not served here.
    #[error("The assertion's resource is not one that this server protects.")]
    Resource,
    /// Its scopes are of another server.
    #[error("None of the assertion's scopes is known here.")]
    Scope,
    /// Another tenant of the issuer.
    #[error("The assertion's tenant is not the one that is trusted of its issuer.")]
    Tenant,
    /// Bound to a key by `cnf`, and no proof of that key is understood here.
    #[error("The assertion is bound to a key (cnf), and this server reads no proof of possession.")]
    Bound,
}

/// What an assertion is compared with.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The issuer whose key verified it.
    pub issuer: &'a TrustedIssuer,
    /// The authenticated client.
    pub client: &'a ClientId,
    /// This authorization server.
    pub own_issuer: &'a str,
    /// The resource that is served.
    pub resource: &'a str,
    /// Now.
    pub now: Timestamp,
}

/// An assertion that was verified.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Assertion {
    /// Whom it speaks of, in the issuer's words.
    pub subject: String,
    /// Its id: it counts once.
    pub jti: String,
    /// When it is refused for its age.
    pub refused_from: Timestamp,
    /// What may be granted on it.
    pub scopes: ScopeSet,
    /// The person's e-mail address, if the issuer says that it verified it.
    pub email: Option<String>,
    /// The person's name.
    pub name: Option<String>,
    /// When the person signed in at the issuer.
    pub authenticated_at: Timestamp,
}

/// What is read of a header. Keys that travel in it (`jwk`, `jku`, `x5u`, `x5c`) are not looked at.
#[derive(Deserialize)]
struct RawHeader {
    alg: String,
    typ: Option<String>,
    kid: Option<String>,
    crit: Option<Value>,
}

/// Which key verifies it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Header {
    /// With this algorithm.
    pub algorithm: Algorithm,
    /// The key's id.
    pub kid: Option<String>,
}

fn parts(assertion: &str) -> Result<[&str; 3], Fault> {
    let mut parts = assertion.splitn(4, '.');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(header), Some(claims), Some(signature), None) if assertion.len() <= MAXIMUM_LENGTH => Ok([header, claims, signature]),
        _ => Err(Fault::Form),
    }
}

/// The issuer that an assertion names, unverified: it only says whose keys to try.
///
/// # Errors
/// [`Fault::Form`], [`Fault::Claims`].
pub fn named_issuer(assertion: &str) -> Result<String, Fault> {
    #[derive(Deserialize)]
    struct Named {
        iss: String,
    }
    let claims = URL_SAFE_NO_PAD.decode(parts(assertion)?[1]).map_err(|_| Fault::Form)?;
    serde_json::from_slice::<Named>(&claims).map(|named| named.iss).map_err(|_| Fault::Claims)
}

/// Reads the header. Nothing is verified yet.
///
/// # Errors
/// [`Fault::Form`], [`Fault::Type`], [`Fault::Algorithm`].
pub fn header(assertion: &str, accepted: &[Algorithm]) -> Result<Header, Fault> {
    let bytes = URL_SAFE_NO_PAD.decode(parts(assertion)?[0]).map_err(|_| Fault::Form)?;
    let raw: RawHeader = serde_json::from_slice(&bytes).map_err(|_| Fault::Form)?;
    let typ = raw.typ.unwrap_or_default().to_ascii_lowercase();
    if typ.strip_prefix("application/").unwrap_or(&typ) != TYPE {
        return Err(Fault::Type);
    }
    let algorithm = raw.alg.parse().ok().filter(|algorithm| accepted.contains(algorithm)).ok_or(Fault::Algorithm)?;
    // RFC 7515 4.1.11: an extension that is not understood makes it invalid, and none is.
    if raw.crit.is_some() {
        return Err(Fault::Form);
    }
    Ok(Header { algorithm, kid: raw.kid })
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    fn as_slice(&self) -> &[String] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }
}

/// The claims, each of one JSON type (CVE-2026-25537: a claim of the wrong type is not a missing one).
#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: OneOrMany,
    client_id: String,
    jti: String,
    exp: Number,
    iat: Number,
    nbf: Option<Number>,
    resource: Option<OneOrMany>,
    scope: Option<String>,
    tenant: Option<String>,
    cnf: Option<Value>,
    auth_time: Option<Number>,
    email: Option<String>,
    email_verified: Option<Value>,
    name: Option<String>,
}

/// A NumericDate (RFC 7519 2): whole seconds, or with a fraction, which is left out.
fn moment(number: &Number) -> Result<Timestamp, Fault> {
    const FARTHEST: f64 = 1e12;
    let seconds = match (number.as_i64(), number.as_f64()) {
        (Some(seconds), _) => seconds,
        #[expect(clippy::cast_possible_truncation, reason = "bounded on the same line")]
        (None, Some(seconds)) if seconds.abs() < FARTHEST => seconds.floor() as i64,
        _ => return Err(Fault::Claims),
    };
    Ok(Timestamp::from_seconds(seconds))
}

/// Verifies the signature, then every claim.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn verify(assertion: &str, algorithm: Algorithm, key: &DecodingKey, expected: &Expected<'_>) -> Result<Assertion, Fault> {
    let mut validation = Validation::new(algorithm);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    // The rest is compared below: with the clock that is passed in, and with a reason for each.
    validation.validate_exp = false;
    validation.validate_aud = false;
    let claims = jsonwebtoken::decode::<Claims>(assertion, key, &validation).map_err(|error| match error.kind() {
        ErrorKind::InvalidAlgorithm => Fault::Algorithm,
        ErrorKind::MissingRequiredClaim(_) | ErrorKind::InvalidClaimFormat(_) | ErrorKind::Json(_) | ErrorKind::Utf8(_) => Fault::Claims,
        ErrorKind::Base64(_) | ErrorKind::InvalidToken => Fault::Form,
        // A key of the wrong size, a signature of the wrong length: whatever it is, it was not verified.
        _ => Fault::Signature,
    })?;
    check(&claims.claims, expected)
}

fn check(claims: &Claims, expected: &Expected<'_>) -> Result<Assertion, Fault> {
    if claims.iss != expected.issuer.issuer {
        return Err(Fault::Issuer);
    }
    if claims.aud.as_slice() != [expected.own_issuer] {
        return Err(Fault::Audience);
    }
    let is_named = |name: &str| !name.is_empty() && name.len() <= MAXIMUM_NAME && !name.contains('\0');
    if !is_named(&claims.sub) || !is_named(&claims.jti) {
        return Err(Fault::Claims);
    }
    if !expected.issuer.allows(expected.client, &claims.client_id) {
        return Err(Fault::Client);
    }
    if claims.tenant != expected.issuer.tenant {
        return Err(Fault::Tenant);
    }
    if claims.cnf.is_some() {
        return Err(Fault::Bound);
    }
    let refused_from = times(claims, expected.now)?;
    // A slash at the end is forgiven, as wherever clients name the resource.
    let is_served = |resource: &String| resource.strip_suffix('/').unwrap_or(resource) == expected.resource;
    if claims.resource.as_ref().is_some_and(|named| named.as_slice().is_empty() || !named.as_slice().iter().all(is_served)) {
        return Err(Fault::Resource);
    }
    let auth_time = claims.auth_time.as_ref().map(moment).transpose()?;
    Ok(Assertion {
        subject: claims.sub.clone(),
        jti: claims.jti.clone(),
        refused_from,
        scopes: scopes(claims.scope.as_deref())?,
        email: claims.email.clone().filter(|_| claims.email_verified == Some(Value::Bool(true))),
        name: claims.name.clone().filter(|name| is_named(name) && !name.chars().any(char::is_control)),
        authenticated_at: auth_time.map_or(expected.now, |at| at.min(expected.now)),
    })
}

/// Judges `exp`, `iat` and `nbf`; answers the moment from which the assertion is refused for its age.
fn times(claims: &Claims, now: Timestamp) -> Result<Timestamp, Fault> {
    let (issued, expires) = (moment(&claims.iat)?, moment(&claims.exp)?);
    let not_before = claims.nbf.as_ref().map(moment).transpose()?.unwrap_or(issued);
    let latest = now.after(SKEW);
    if issued > latest || not_before > latest {
        return Err(Fault::NotYet);
    }
    let refused_from = expires.after(SKEW);
    if refused_from <= now {
        return Err(Fault::Expired);
    }
    if expires > issued.after(LONGEST_LIFE) {
        return Err(Fault::Life);
    }
    Ok(refused_from)
}

/// What may be granted: what the assertion names, as far as it is known here; the resource's default if it names nothing. No refresh
/// token is given, so nothing is promised about staying.
fn scopes(named: Option<&str>) -> Result<ScopeSet, Fault> {
    let Some(named) = named.filter(|named| !named.trim().is_empty()) else { return Ok(ScopeSet::resource_default()) };
    let known: ScopeSet = ScopeSet::parse_known(named).iter().filter(|scope| *scope != Scope::OfflineAccess).collect();
    if known.is_empty() { Err(Fault::Scope) } else { Ok(known) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity_assertion::KeySource;
    use crate::signing::SigningKey;
    use proptest::prelude::*;
    use serde_json::json;

    const NOW: i64 = 1_800_000_000;

    fn issuer() -> TrustedIssuer {
        TrustedIssuer::new("https://idp.example", KeySource::Text(String::new()))
    }

    fn claims() -> Value {
        json!({"iss": "https://idp.example", "sub": "U1", "aud": "https://docs.example", "client_id": "c_1", "jti": "j1",
            "iat": NOW, "exp": NOW + 300, "resource": "https://docs.example/mcp", "scope": "docs:read email offline_access",
            "email": "ada@example.com", "email_verified": true, "name": "Ada"})
    }

    fn with(name: &str, value: Value) -> Value {
        let mut claims = claims();
        claims[name] = value;
        claims
    }

    fn judge(issuer: &TrustedIssuer, claims: &Value) -> Result<Assertion, Fault> {
        let (key, _) = SigningKey::generate().unwrap();
        let assertion = key.sign(TYPE, claims).unwrap();
        let verifier = DecodingKey::from_ec_components(&key.public().x, &key.public().y).unwrap();
        let client = ClientId("c_1".into());
        let (own_issuer, resource) = ("https://docs.example", "https://docs.example/mcp");
        let expected = Expected { issuer, client: &client, own_issuer, resource, now: Timestamp::from_seconds(NOW) };
        verify(&assertion, Algorithm::ES256, &verifier, &expected)
    }

    fn fault(claims: &Value) -> Option<Fault> {
        judge(&issuer(), claims).err()
    }

    /// AS20.
    #[test]
    fn a_right_assertion_says_who_and_what() {
        let read = judge(&issuer(), &claims()).unwrap();
        assert_eq!((read.subject.as_str(), read.jti.as_str(), read.scopes.to_string().as_str()), ("U1", "j1", "docs:read email"));
        assert_eq!((read.email.as_deref(), read.name.as_deref()), (Some("ada@example.com"), Some("Ada")));
        assert_eq!(read.refused_from, Timestamp::from_seconds(NOW + 330));
        for same in [
            with("aud", json!(["https://docs.example"])),
            with("resource", json!(["https://docs.example/mcp/"])),
            with("resource", Value::Null),
            with("exp", json!(f64::from(1_800_000_300) + 0.5)),
            with("exp", json!(NOW - 29)),
            with("iat", json!(NOW + 29)),
            with("groups", json!([1, {"a": 2}])),
        ] {
            assert_eq!(fault(&same), None, "{same}");
        }
    }

    /// AS20: each claim, missing, of the wrong type (CVE-2026-25537) and of the wrong value.
    #[test]
    fn whatever_is_wrong_with_a_claim_is_refused() {
        for name in ["iss", "sub", "aud", "client_id", "jti", "exp", "iat"] {
            let mut missing = claims();
            missing.as_object_mut().unwrap().remove(name);
            assert_eq!(fault(&missing), Some(Fault::Claims), "without {name}");
            for wrong in [json!(null), json!(true), json!({}), json!([1]), json!(""), json!(7)] {
                assert!(fault(&with(name, wrong.clone())).is_some(), "{name} = {wrong}");
            }
        }
        for (name, wrong) in [
            ("iss", json!(["https://idp.example"])),
            ("sub", json!("U1\0")),
            ("sub", json!("x".repeat(513))),
            ("exp", json!(1e300)),
            ("exp", json!("never")),
            ("exp", json!("1800000300")),
            ("iat", json!("1800000000")),
            ("nbf", json!("1")),
            ("nbf", json!(true)),
            ("scope", json!(["docs:read"])),
            ("resource", json!(7)),
            ("auth_time", json!("x")),
        ] {
            assert_eq!(fault(&with(name, wrong.clone())), Some(Fault::Claims), "{name} = {wrong}");
        }
        for (name, wrong, why) in [
            ("iss", json!("https://idp.example/"), Fault::Issuer),
            ("aud", json!("https://docs.example/"), Fault::Audience),
            ("aud", json!("https://docs.example/mcp"), Fault::Audience),
            ("aud", json!(["https://docs.example", "https://other.example"]), Fault::Audience),
            ("aud", json!([]), Fault::Audience),
            ("client_id", json!("c_2"), Fault::Client),
            ("tenant", json!("t1"), Fault::Tenant),
            ("cnf", json!({"jkt": "x"}), Fault::Bound),
            ("exp", json!(NOW - 30), Fault::Expired),
            ("exp", json!(NOW + 3601), Fault::Life),
            ("iat", json!(NOW + 31), Fault::NotYet),
            ("nbf", json!(NOW + 31), Fault::NotYet),
            ("resource", json!("https://docs.example"), Fault::Resource),
            ("resource", json!(["https://docs.example/mcp", "https://other.example/mcp"]), Fault::Resource),
            ("resource", json!([]), Fault::Resource),
            ("scope", json!("files.read"), Fault::Scope),
            ("scope", json!("offline_access"), Fault::Scope),
        ] {
            assert_eq!(fault(&with(name, wrong.clone())), Some(why), "{name} = {wrong}");
        }
    }

    /// AS20: an e-mail address that the issuer did not verify is nobody's.
    #[test]
    fn an_unverified_address_is_not_told() {
        for verified in [json!(false), json!(null), json!("true"), json!(1)] {
            assert_eq!(judge(&issuer(), &with("email_verified", verified)).unwrap().email, None);
        }
    }

    /// AS20: of an issuer with several tenants one is trusted.
    #[test]
    fn only_the_trusted_tenant_counts() {
        let one = TrustedIssuer { tenant: Some("t1".into()), ..issuer() };
        assert!(judge(&one, &with("tenant", json!("t1"))).is_ok());
        for other in [json!("t2"), json!("T1"), Value::Null] {
            assert_eq!(judge(&one, &with("tenant", other)), Err(Fault::Tenant));
        }
    }

    fn headed(header: &Value) -> Result<Header, Fault> {
        super::header(&format!("{}.e30.AA", URL_SAFE_NO_PAD.encode(header.to_string())), &issuer().algorithms)
    }

    /// AS20: the header's type, its algorithm, and nothing that it brings along.
    #[test]
    fn a_header_is_read_strictly() {
        let good = json!({"alg": "ES256", "typ": "application/OAuth-ID-JAG+jwt", "kid": "a", "jwk": {}, "jku": "https://evil.example"});
        assert_eq!(headed(&good), Ok(Header { algorithm: Algorithm::ES256, kid: Some("a".into()) }));
        for typ in [json!("JWT"), json!("at+jwt"), json!(""), Value::Null, json!("oauth-id-jag")] {
            assert_eq!(headed(&json!({"alg": "ES256", "typ": typ})), Err(Fault::Type));
        }
        for alg in ["none", "None", "HS256", "ES384", "es256", ""] {
            assert_eq!(headed(&json!({"alg": alg, "typ": TYPE})), Err(Fault::Algorithm), "{alg}");
        }
        for wrong in [json!({"typ": TYPE}), json!({"alg": 1, "typ": TYPE}), json!([]), json!({"alg": "ES256", "typ": TYPE, "kid": 1})] {
            assert_eq!(headed(&wrong), Err(Fault::Form), "{wrong}");
        }
        assert_eq!(headed(&json!({"alg": "ES256", "typ": TYPE, "crit": ["b64"], "b64": false})), Err(Fault::Form));
        let twice = format!("{}.e30.AA", URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":"ES256","alg":"none","typ":"{TYPE}"}}"#)));
        assert_eq!(super::header(&twice, &issuer().algorithms), Err(Fault::Form));
    }

    proptest! {
        /// AS20: no bytes make the reader panic, and what has not three parts of base64url is no assertion.
        #[test]
        fn any_bytes_are_read_or_refused(header in proptest::collection::vec(any::<u8>(), 0..80), claims in proptest::collection::vec(any::<u8>(), 0..200), text in "\\PC{0,80}") {
            let joined = format!("{}.{}.AA", URL_SAFE_NO_PAD.encode(&header), URL_SAFE_NO_PAD.encode(&claims));
            let _ = (named_issuer(&joined), super::header(&joined, &issuer().algorithms));
            if text.bytes().filter(|b| *b == b'.').count() != 2 {
                prop_assert_eq!(named_issuer(&text), Err(Fault::Form));
            }
        }

        /// AS20: bytes that a trusted issuer signed are judged too.
        #[test]
        fn signed_claims_of_any_shape_are_judged(name in "(iss|sub|aud|client_id|jti|exp|iat|nbf|scope|resource)", value in proptest::arbitrary::any::<i64>(), text in "\\PC{0,20}") {
            let _ = judge(&issuer(), &with(&name, json!(value)));
            let _ = judge(&issuer(), &with(&name, json!(text)));
        }
    }
}
