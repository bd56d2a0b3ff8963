//! The grant type `urn:ietf:params:oauth:grant-type:device_code` (RFC 8628 3.4, AS21): a device asks whether its person decided.

use super::issue::{self, TokenAnswer};
use super::{refused, resource};
use crate::answer::Refused;
use crate::parameters::Parameters;
use crate::server::AuthorizationServer;
use actix_web::http::StatusCode;
use docent_types::actors::ask;
use docent_types::messages::{PollDeviceAuthorization, Refusal, Waiting};
use docent_types::oauth::{Error, ErrorCode};
use docent_types::pkce;
use docent_types::registration::Client;
use docent_types::secret::{Secret, SecretHash};

/// What the form says, in the form that the ledger compares.
#[derive(PartialEq, Eq, Debug)]
struct Poll {
    device_code: SecretHash,
    code_challenge: Option<String>,
}

fn read(form: &Parameters) -> Result<Poll, Error> {
    let device_code = form.get("device_code").ok_or_else(|| Error::new(ErrorCode::InvalidRequest, "device_code is missing."))?;
    let code_challenge = match form.get("code_verifier") {
        Some(verifier) if !pkce::verifier_is_valid(verifier) => {
            return Err(Error::new(
                ErrorCode::InvalidGrant,
                "code_verifier must be 43 to 128 characters of A-Z a-z 0-9 - . _ ~ (RFC 7636 4.1).",
            ));
        }
        verifier => verifier.map(pkce::s256),
    };
    Ok(Poll { device_code: SecretHash::of(device_code), code_challenge })
}

/// What a device is told that has no tokens. RFC 8628 3.5 answers each with the status of any other fault.
fn waiting(why: Waiting) -> Refused {
    let error = match why {
        Waiting::Pending => Error::new(ErrorCode::AuthorizationPending, "The person has not decided yet. Ask again after the interval."),
        Waiting::SlowDown => {
            Error::new(ErrorCode::PollingTooFast, "This is faster than the interval allows. From now on wait 5 seconds longer each time.")
        }
        Waiting::Denied => Error::new(ErrorCode::AccessDenied, "The person did not allow it."),
        Waiting::Refused(Refusal::Expired) => {
            Error::new(ErrorCode::ExpiredToken, "The device_code has expired. Start again with a new one.")
        }
        Waiting::Refused(refusal) => refused(refusal, "device_code"),
    };
    Refused { status: Some(StatusCode::BAD_REQUEST), ..error.into() }
}

/// Answers a poll.
///
/// # Errors
/// [`Refused`].
pub async fn poll(server: &AuthorizationServer, client: &Client, form: &Parameters) -> Result<TokenAnswer, Refused> {
    let wanted = read(form)?;
    let resource = resource(form, server)?;
    let signer = issue::signer(server)?;
    let now = server.now();
    let refresh = client.may_use("refresh_token").then(|| issue::new_refresh_token(server));
    let message = PollDeviceAuthorization {
        device_code: wanted.device_code,
        client: client.id.clone(),
        code_challenge: wanted.code_challenge,
        resource,
        refresh: refresh.as_ref().map(Secret::hash),
        refresh_expires_at: now.after(server.settings.refresh_token_lifetime),
        now,
    };
    let facts = ask(&server.asks.poll_device, message).await?.map_err(waiting)?;
    let scopes = facts.scopes.clone();
    let access = issue::access_token(server, &signer, &facts, &scopes, now)?;
    let id_token = issue::id_token(server, &signer, &facts, &access, now).await?;
    Ok(issue::answer(server, access, &scopes, refresh, id_token))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// AS21, RFC 8628 3.5: each answer to a device that has no tokens is a 400 with its own word.
    #[test]
    fn a_device_that_waits_is_told_in_the_words_of_the_rfc() {
        for (why, word) in [
            (Waiting::Pending, "authorization_pending"),
            (Waiting::SlowDown, "slow_down"),
            (Waiting::Denied, "access_denied"),
            (Waiting::Refused(Refusal::Expired), "expired_token"),
            (Waiting::Refused(Refusal::Unknown), "invalid_grant"),
            (Waiting::Refused(Refusal::Withdrawn), "invalid_grant"),
            (Waiting::Refused(Refusal::Resource), "invalid_target"),
        ] {
            let told = waiting(why);
            assert_eq!((told.error.code.as_str(), told.status), (word, Some(StatusCode::BAD_REQUEST)), "{why:?}");
        }
    }

    /// AS2, AS21.
    #[test]
    fn a_verifier_of_the_wrong_form_is_refused_before_the_code_is_touched() {
        let read = |form: &str| read(&Parameters::parse(form.as_bytes()).unwrap()).map_err(|error| error.code);
        assert_eq!(read(""), Err(ErrorCode::InvalidRequest));
        assert_eq!(read("device_code=x&code_verifier=short"), Err(ErrorCode::InvalidGrant));
        assert_eq!(read("device_code=x"), Ok(Poll { device_code: SecretHash::of("x"), code_challenge: None }));
        let verifier = "v".repeat(43);
        assert_eq!(
            read(&format!("device_code=x&code_verifier={verifier}")),
            Ok(Poll { device_code: SecretHash::of("x"), code_challenge: Some(pkce::s256(&verifier)) })
        );
    }
}
