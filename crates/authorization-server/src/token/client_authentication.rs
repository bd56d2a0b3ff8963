//! Who is at the token endpoint (AS10): `none`, `client_secret_basic`, `client_secret_post`, `private_key_jwt`. Nothing is consumed
//! before this is known, since some clients try one method after the other.

use super::client_assertion::{ASSERTION_TYPE, Assertion};
use super::client_keys;
use crate::answer::Refused;
use crate::parameters::{Parameters, decode};
use crate::server::AuthorizationServer;
use crate::visitor;
use actix_web::HttpRequest;
use actix_web::http::header;
use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use docent_types::actors::ask;
use docent_types::compat::Compat;
use docent_types::ids::ClientId;
use docent_types::messages::UseOnce;
use docent_types::oauth::{Error, ErrorCode};
use docent_types::registration::{AuthMethod, Client};
use docent_types::secret::{Secret, SecretHash};
use subtle::{Choice, ConstantTimeEq as _};

const BASE64: GeneralPurpose =
    GeneralPurpose::new(&STANDARD, GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent));

/// What `WWW-Authenticate` says when Basic was tried.
const CHALLENGE: &str = r#"Basic realm="docent", charset="UTF-8""#;

/// What was presented.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Presented {
    /// Who it says it is.
    pub client_id: ClientId,
    /// The readings of the secret, if one was sent: as it stands, and percent-decoded.
    pub secrets: Vec<Secret>,
    /// Whether it came by HTTP Basic.
    pub by_basic: bool,
}

fn invalid(words: &str) -> Error {
    Error::new(ErrorCode::InvalidRequest, words)
}

fn unauthenticated(words: &str) -> Error {
    Error::new(ErrorCode::InvalidClient, words)
}

/// Reads the client's id and secret from the header and the form.
///
/// # Errors
/// `invalid_request` or `invalid_client`.
pub fn presented(authorization: Option<&str>, form: &Parameters) -> Result<Presented, Error> {
    let in_form = form.get("client_secret").map(|secret| Secret::new(secret.to_owned()));
    let Some(authorization) = authorization else {
        let client_id = form.get("client_id").ok_or_else(|| invalid("client_id is missing."))?;
        return Ok(Presented { client_id: ClientId(client_id.to_owned()), secrets: in_form.into_iter().collect(), by_basic: false });
    };
    let (client_id, secrets) = basic(authorization)?;
    if form.get("client_id").is_some_and(|other| other != client_id.as_str()) {
        return Err(invalid("The client_id of the form is not the one of the Authorization header."));
    }
    if in_form.is_some_and(|secret| !secrets.contains(&secret)) {
        return Err(invalid("The client_secret of the form is not the one of the Authorization header. Use one of the two."));
    }
    Ok(Presented { client_id, secrets, by_basic: true })
}

/// Reads HTTP Basic. RFC 6749 2.3.1 wants both parts form-encoded; many clients send them raw. Both readings are kept.
fn basic(authorization: &str) -> Result<(ClientId, Vec<Secret>), Error> {
    let wrong = || unauthenticated("The Authorization header is not HTTP Basic with a client_id and a client_secret.");
    let (scheme, credentials) = authorization.split_once(' ').ok_or_else(wrong)?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(wrong());
    }
    let text = BASE64.decode(credentials.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(wrong)?;
    let (id, secret) = text.split_once(':').ok_or_else(wrong)?;
    let id = decode(id.as_bytes()).filter(|id| !id.is_empty()).ok_or_else(wrong)?;
    let mut readings: Vec<Secret> =
        [Some(secret.to_owned()), decode(secret.as_bytes())].into_iter().flatten().filter(|one| !one.is_empty()).map(Secret::new).collect();
    readings.dedup();
    Ok((ClientId(id), readings))
}

/// Whether what was presented proves this client.
///
/// A native client that registered for a secret cannot keep one: it is accepted without (PKCE holds it), and refused
/// with a wrong one.
///
/// # Errors
/// `invalid_client`.
pub fn prove(client: &Client, presented: &Presented) -> Result<(), Error> {
    if client.disabled {
        return Err(unauthenticated("This client was blocked by an administrator."));
    }
    if client.auth_method == AuthMethod::PrivateKeyJwt {
        return Err(unauthenticated("This client registered private_key_jwt: it must send client_assertion (RFC 7523)."));
    }
    match (&client.secret_hash, presented.secrets.as_slice()) {
        (None, []) => Ok(()),
        (None, _) => Err(unauthenticated("This client has no secret: send client_id alone.")),
        (Some(_), []) if client.is_native() => {
            Compat::SecretNotSent.tolerate(client.id.as_str());
            Ok(())
        }
        (Some(_), []) => Err(unauthenticated("This client has a secret and must send it.")),
        (Some(stored), sent) => {
            let matches = sent.iter().fold(Choice::from(0), |found, one| found | SecretHash::of(one.expose()).0.ct_eq(&stored.0));
            if bool::from(matches) { Ok(()) } else { Err(unauthenticated("The client_secret is wrong.")) }
        }
    }
}

/// A client that proved itself.
#[derive(Clone, Debug)]
pub struct Authenticated {
    /// Which.
    pub client: Client,
    /// Whether it proved itself by its secret or its key; a public client and a native one that left its secret out did not.
    pub by_secret: bool,
}

fn unknown() -> Error {
    unauthenticated(
        "This client is not known here. Register it again: remove what the application stored for this server and connect anew.",
    )
}

/// The client of a request with an assertion (RFC 7523). Its id is used up last: an assertion that fails proves nothing and costs nothing.
async fn asserted(server: &AuthorizationServer, request: &HttpRequest, form: &Parameters) -> Result<Authenticated, Refused> {
    if form.get("client_assertion_type") != Some(ASSERTION_TYPE) {
        return Err(unauthenticated(&format!("client_assertion_type must be {ASSERTION_TYPE}.")).into());
    }
    let text = form.get("client_assertion").ok_or_else(|| unauthenticated("client_assertion is missing."))?;
    let assertion = Assertion::read(text)?;
    if form.get("client_id").is_some_and(|sent| sent != assertion.client_id()) {
        return Err(unauthenticated("The client_id of the form is not the sub of client_assertion.").into());
    }
    let client = server.store.client(&ClientId(assertion.client_id().to_owned())).await?.ok_or_else(unknown)?;
    if client.disabled {
        return Err(unauthenticated("This client was blocked by an administrator.").into());
    }
    if client.secret_hash.is_some() {
        return Err(unauthenticated("This client registered a secret, not keys: it must send its secret.").into());
    }
    client_keys::verify(server, &client, &assertion, visitor::address(request, &server.settings)).await?;
    let (issuer, now) = (&server.settings.urls.issuer, server.now());
    let one_use = assertion.judge(issuer, &format!("{issuer}/oauth/token"), now)?;
    if one_use.names_endpoint {
        Compat::AssertionForTheTokenEndpoint.tolerate(client.id.as_str());
    }
    let first = ask(&server.asks.use_once, UseOnce { what: one_use.what, expires_at: one_use.expires_at, now }).await?;
    if !first {
        return Err(
            unauthenticated("This client_assertion was used before: make a new one, with a jti of its own, for each request.").into()
        );
    }
    Ok(Authenticated { client, by_secret: true })
}

/// The client of a request.
///
/// # Errors
/// [`Refused`] when it is not known or does not prove itself.
pub async fn authenticate(server: &AuthorizationServer, request: &HttpRequest, form: &Parameters) -> Result<Authenticated, Refused> {
    let authorization = match request.headers().get(header::AUTHORIZATION) {
        Some(value) => Some(value.to_str().map_err(|_| invalid("The Authorization header is not plain text."))?),
        None => None,
    };
    let challenged = |error: Error| {
        let by_header = authorization.is_some() && error.code == ErrorCode::InvalidClient;
        if by_header { Refused::from(error).with_challenge(CHALLENGE) } else { error.into() }
    };
    if form.get("client_assertion").is_some() || form.get("client_assertion_type").is_some() {
        if authorization.is_some() || form.get("client_secret").is_some() {
            return Err(invalid("client_assertion stands beside another proof. Use one of the two.").into());
        }
        return asserted(server, request, form).await;
    }
    let presented = presented(authorization, form).map_err(challenged)?;
    let client = server.store.client(&presented.client_id).await?.ok_or_else(|| challenged(unknown()))?;
    prove(&client, &presented).map_err(challenged)?;
    Ok(Authenticated { client, by_secret: !presented.secrets.is_empty() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parameters::encode;
    use docent_types::time::Timestamp;
    use proptest::prelude::*;

    fn client(secret: Option<&str>, redirect_uri: &str) -> Client {
        Client {
            auth_method: if secret.is_some() { AuthMethod::ClientSecretBasic } else { AuthMethod::None },
            secret_hash: secret.map(SecretHash::of),
            ..Client::public("c_1", &[redirect_uri], Timestamp(0))
        }
    }

    fn form(text: &str) -> Parameters {
        Parameters::parse(text.as_bytes()).unwrap()
    }

    fn header(id: &str, secret: &str) -> String {
        format!("Basic {}", BASE64.encode(format!("{id}:{secret}")))
    }

    /// AS10.
    #[test]
    fn secrets_are_read_from_the_header_or_the_form_but_not_from_both_when_they_differ() {
        let by_form = presented(None, &form("client_id=c_1&client_secret=s")).unwrap();
        assert!(prove(&client(Some("s"), "https://a.example/"), &by_form).is_ok());
        let by_header = presented(Some(&header("c_1", "s")), &form("")).unwrap();
        assert!(by_header.by_basic && prove(&client(Some("s"), "https://a.example/"), &by_header).is_ok());
        assert!(presented(Some(&header("c_1", "s")), &form("client_id=c_1&client_secret=s")).is_ok());
        assert_eq!(presented(Some(&header("c_1", "s")), &form("client_secret=t")).unwrap_err().code, ErrorCode::InvalidRequest);
        assert_eq!(presented(Some(&header("c_1", "s")), &form("client_id=c_2")).unwrap_err().code, ErrorCode::InvalidRequest);
        assert_eq!(presented(Some("Bearer x"), &form("client_id=c_1")).unwrap_err().code, ErrorCode::InvalidClient);
        assert_eq!(presented(Some("Basic !"), &form("")).unwrap_err().code, ErrorCode::InvalidClient);
        assert_eq!(presented(None, &form("")).unwrap_err().code, ErrorCode::InvalidRequest);
    }

    /// AS10 and *Registration*.
    #[test]
    fn a_native_client_may_leave_its_secret_out_but_a_wrong_one_is_refused() {
        let none = presented(None, &form("client_id=c_1")).unwrap();
        let wrong = presented(None, &form("client_id=c_1&client_secret=x")).unwrap();
        let native = client(Some("s"), "http://localhost/callback");
        assert!(prove(&native, &none).is_ok() && prove(&native, &wrong).is_err());
        let web = client(Some("s"), "https://a.example/");
        assert!(prove(&web, &none).is_err() && prove(&web, &wrong).is_err());
        let public = client(None, "http://localhost/callback");
        assert!(prove(&public, &none).is_ok() && prove(&public, &wrong).is_err());
        let empty = presented(Some(&header("c_1", "")), &form("")).unwrap();
        assert!(prove(&public, &empty).is_ok());
        assert!(prove(&Client { disabled: true, ..public.clone() }, &none).is_err());
        let keyed = Client { auth_method: AuthMethod::PrivateKeyJwt, ..public };
        assert!(prove(&keyed, &none).is_err() && prove(&keyed, &wrong).is_err(), "who registered keys must use them");
    }

    proptest! {
        /// `interop.md`: Codex percent-encodes the secret, Claude Code sends it raw.
        #[test]
        fn raw_and_encoded_secrets_are_both_read(secret in "[A-Za-z0-9._~%+-]{1,60}") {
            let confidential = client(Some(&secret), "https://a.example/");
            for sent in [secret.clone(), encode(&secret)] {
                let read = presented(Some(&header("c_1", &sent)), &form("")).unwrap();
                prop_assert!(prove(&confidential, &read).is_ok());
            }
        }

        #[test]
        fn any_header_is_read_or_refused(text in "\\PC{0,60}") {
            let _ = presented(Some(&text), &Parameters::default());
            let _ = presented(Some(&format!("Basic {}", BASE64.encode(&text))), &Parameters::default());
        }
    }
}
