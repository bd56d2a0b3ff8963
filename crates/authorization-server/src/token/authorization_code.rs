//! The grant type `authorization_code` (OAuth 2.1 4.1.3).

use super::issue::{self, TokenAnswer};
use super::{refused, resource};
use crate::answer::Refused;
use crate::parameters::Parameters;
use crate::server::AuthorizationServer;
use docent_types::actors::ask;
use docent_types::messages::ExchangeCode;
use docent_types::oauth::{Error, ErrorCode};
use docent_types::registration::Client;
use docent_types::secret::SecretHash;
use docent_types::{pkce, redirect_uri};

/// What the form says, in the form that the ledger compares.
#[derive(PartialEq, Eq, Debug)]
struct Exchange {
    code: SecretHash,
    redirect_key: String,
    code_challenge: String,
}

/// Reads the form. Nothing is consumed by a form that cannot be right (AS2, AS3).
fn read(form: &Parameters, client: &Client) -> Result<Exchange, Error> {
    let invalid = |words: &str| Error::new(ErrorCode::InvalidRequest, words);
    let code = form.get("code").ok_or_else(|| invalid("code is missing."))?;
    let verifier = form.get("code_verifier").ok_or_else(|| invalid("code_verifier is missing: PKCE is required."))?;
    if !pkce::verifier_is_valid(verifier) {
        return Err(Error::new(
            ErrorCode::InvalidGrant,
            "code_verifier must be 43 to 128 characters of A-Z a-z 0-9 - . _ ~ (RFC 7636 4.1).",
        ));
    }
    let redirect = match (form.get("redirect_uri"), client.redirect_uris.as_slice()) {
        (Some(sent), _) => sent,
        // OAuth 2.1 leaves it out of the token request; with one registered there is no doubt which is meant.
        (None, [only]) => only,
        (None, _) => return Err(invalid("redirect_uri is missing.")),
    };
    Ok(Exchange { code: SecretHash::of(code), redirect_key: redirect_uri::key(redirect), code_challenge: pkce::s256(verifier) })
}

/// Exchanges a code.
///
/// # Errors
/// [`Refused`].
pub async fn exchange(server: &AuthorizationServer, client: &Client, form: &Parameters) -> Result<TokenAnswer, Refused> {
    let wanted = read(form, client)?;
    let resource = resource(form, server)?;
    let signer = issue::signer(server)?;
    let now = server.now();
    let refresh = client.may_use("refresh_token").then(|| issue::new_refresh_token(server));
    let message = ExchangeCode {
        code: wanted.code,
        client: client.id.clone(),
        redirect_key: wanted.redirect_key,
        code_challenge: wanted.code_challenge,
        resource,
        refresh: refresh.as_ref().map(docent_types::secret::Secret::hash),
        refresh_expires_at: now.after(server.settings.refresh_token_lifetime),
        now,
    };
    let facts = ask(&server.asks.exchange_code, message).await?.map_err(|refusal| refused(refusal, "code"))?;
    let scopes = facts.scopes.clone();
    let access = issue::access_token(server, &signer, &facts, &scopes, now)?;
    let id_token = issue::id_token(server, &signer, &facts, &access, now).await?;
    Ok(issue::answer(server, access, &scopes, refresh, id_token))
}

#[cfg(test)]
mod tests {
    use super::*;
    use docent_types::time::Timestamp;

    fn client(redirect_uris: &[&str]) -> Client {
        Client::public("c_1", redirect_uris, Timestamp(0))
    }

    /// AS2.
    #[test]
    fn a_verifier_that_is_missing_or_of_the_wrong_form_is_refused_before_the_code_is_touched() {
        let client = client(&["http://localhost/cb"]);
        let code = |verifier: &str| {
            read(&Parameters::parse(format!("code=x&code_verifier={verifier}").as_bytes()).unwrap(), &client).map_err(|error| error.code)
        };
        assert_eq!(code(""), Err(ErrorCode::InvalidRequest));
        assert_eq!(code(&"a".repeat(42)), Err(ErrorCode::InvalidGrant));
        assert_eq!(code(&"a".repeat(129)), Err(ErrorCode::InvalidGrant));
        assert_eq!(code(&format!("{}%20", "a".repeat(50))), Err(ErrorCode::InvalidGrant));
        assert_eq!(code(&"a~".repeat(64)).unwrap().code_challenge, pkce::s256(&"a~".repeat(64)));
    }

    /// AS3: the loopback port is free at the token endpoint too.
    #[test]
    fn the_redirect_uri_is_compared_as_at_authorization() {
        let read = |redirect: &str, client: &Client| {
            read(&Parameters::parse(format!("code=x&code_verifier={}{redirect}", "a".repeat(43)).as_bytes()).unwrap(), client)
        };
        let one = client(&["http://localhost:3000/cb"]);
        let expected = read("&redirect_uri=http://127.0.0.1:5555/cb", &one).unwrap();
        assert_eq!(expected.redirect_key, redirect_uri::key("http://localhost:3000/cb"));
        assert_eq!(read("", &one).unwrap(), expected);
        assert!(read("", &client(&["http://localhost/cb", "https://a.example/cb"])).is_err());
    }
}
