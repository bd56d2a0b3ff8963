//! What an authorization request must be, as a list in the order in which it is checked. By now the client is known and
//! the redirect URI is its own, so each failure goes back to the client (AS4).

use super::request::{Interaction, permitted, scopes};
use crate::parameters::Parameters;
use docent_types::metadata::PublicUrls;
use docent_types::oauth::{Error, ErrorCode};
use docent_types::pkce;
use docent_types::registration::Client;

/// What a check looks at.
#[derive(Clone, Copy)]
pub struct Facts<'a> {
    /// The request.
    pub parameters: &'a Parameters,
    /// Who asks.
    pub client: &'a Client,
    /// Where this deployment is.
    pub urls: &'a PublicUrls,
}

/// A check.
pub type Check = fn(&Facts<'_>) -> Result<(), Error>;

/// Every check, in order.
pub const CHECKS: [(&str, Check); 11] = [
    ("parameters are there once", parameters_are_there_once),
    ("there is no request object", there_is_no_request_object),
    ("the response type is code", the_response_type_is_code),
    ("the response mode is query", the_response_mode_is_query),
    ("the client may use codes", the_client_may_use_codes),
    ("there is an S256 challenge", there_is_an_s256_challenge),
    ("the resource is served here", the_resource_is_served_here),
    ("some scope remains", some_scope_remains),
    ("prompt=none stands alone", prompt_none_stands_alone),
    ("max_age is a number", max_age_is_a_number),
    ("state and nonce are of sensible length", state_and_nonce_are_of_sensible_length),
];

fn fail(code: ErrorCode, words: &str) -> Result<(), Error> {
    Err(Error::new(code, words))
}

fn parameters_are_there_once(facts: &Facts<'_>) -> Result<(), Error> {
    match facts.parameters.repeated() {
        Some(name) => fail(ErrorCode::InvalidRequest, &format!("The parameter {name} is there more than once.")),
        None => Ok(()),
    }
}

fn there_is_no_request_object(facts: &Facts<'_>) -> Result<(), Error> {
    match ["request", "request_uri"].into_iter().find(|name| facts.parameters.get(name).is_some()) {
        Some(name) => fail(ErrorCode::InvalidRequest, &format!("{name} is not supported: send the parameters themselves.")),
        None => Ok(()),
    }
}

fn the_response_type_is_code(facts: &Facts<'_>) -> Result<(), Error> {
    match facts.parameters.get("response_type") {
        Some("code") => Ok(()),
        Some(_) => fail(ErrorCode::UnsupportedResponseType, "response_type must be code."),
        None => fail(ErrorCode::InvalidRequest, "response_type is missing: it must be code."),
    }
}

fn the_response_mode_is_query(facts: &Facts<'_>) -> Result<(), Error> {
    match facts.parameters.get("response_mode") {
        None | Some("query") => Ok(()),
        Some(_) => fail(ErrorCode::InvalidRequest, "response_mode must be query."),
    }
}

fn the_client_may_use_codes(facts: &Facts<'_>) -> Result<(), Error> {
    if facts.client.may_use("authorization_code") {
        Ok(())
    } else {
        fail(ErrorCode::UnauthorizedClient, "This client did not register the grant type authorization_code.")
    }
}

/// AS2: of every client, S256 only, and a missing method would mean `plain` (RFC 7636 4.3).
fn there_is_an_s256_challenge(facts: &Facts<'_>) -> Result<(), Error> {
    match (facts.parameters.get("code_challenge"), facts.parameters.get("code_challenge_method")) {
        (None, _) => fail(ErrorCode::InvalidRequest, "code_challenge is missing: PKCE is required (RFC 7636)."),
        (Some(_), None) => fail(ErrorCode::InvalidRequest, "code_challenge_method is missing: it must be S256."),
        (Some(challenge), Some("S256")) if pkce::challenge_is_valid(challenge) => Ok(()),
        (Some(_), Some("S256")) => {
            fail(ErrorCode::InvalidRequest, "code_challenge must be the base64url form of a SHA-256, 43 characters without padding.")
        }
        (Some(_), Some(_)) => fail(ErrorCode::InvalidRequest, "code_challenge_method must be S256."),
    }
}

/// AS6.
fn the_resource_is_served_here(facts: &Facts<'_>) -> Result<(), Error> {
    match facts.parameters.all("resource").find(|resource| !facts.urls.is_resource(resource)) {
        Some(_) => fail(ErrorCode::InvalidTarget, &format!("The resource must be {}.", facts.urls.resource)),
        None => Ok(()),
    }
}

/// AS7.
fn some_scope_remains(facts: &Facts<'_>) -> Result<(), Error> {
    if permitted(facts.client, scopes(facts.parameters.get("scope"))).is_empty() {
        fail(
            ErrorCode::InvalidScope,
            "None of these scopes is known here, or this client may have none of them. Leave scope out, or see scopes_supported in the metadata.",
        )
    } else {
        Ok(())
    }
}

fn prompt_none_stands_alone(facts: &Facts<'_>) -> Result<(), Error> {
    let alone = facts.parameters.get("prompt").is_none_or(|prompt| prompt.split_ascii_whitespace().count() == 1);
    if Interaction::of(facts.parameters).none && !alone {
        fail(ErrorCode::InvalidRequest, "prompt=none cannot be combined with other values.")
    } else {
        Ok(())
    }
}

fn max_age_is_a_number(facts: &Facts<'_>) -> Result<(), Error> {
    match facts.parameters.get("max_age") {
        Some(age) if age.parse::<u32>().is_err() => fail(ErrorCode::InvalidRequest, "max_age must be a whole number of seconds."),
        _ => Ok(()),
    }
}

fn state_and_nonce_are_of_sensible_length(facts: &Facts<'_>) -> Result<(), Error> {
    match [("state", 4096), ("nonce", 512)]
        .into_iter()
        .find(|(name, limit)| facts.parameters.get(name).is_some_and(|value| value.len() > *limit))
    {
        Some((name, limit)) => fail(ErrorCode::InvalidRequest, &format!("{name} is longer than {limit} bytes.")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::request::{NoRedirect, read, redirect_uri};
    use super::*;
    use docent_types::time::Timestamp;

    const GOOD: &str =
        "response_type=code&client_id=c_1&code_challenge_method=S256&state=s&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    fn client(redirect_uris: &[&str], grant_types: &[&str]) -> Client {
        let grant_types = grant_types.iter().map(|&one| one.to_owned()).collect();
        Client { grant_types, ..Client::public("c_1", redirect_uris, Timestamp(0)) }
    }

    fn urls() -> PublicUrls {
        PublicUrls { issuer: "https://a.example".into(), resource: "https://a.example/mcp".into() }
    }

    fn outcome(query: &str) -> Result<String, ErrorCode> {
        let parameters = Parameters::parse(query.as_bytes()).unwrap();
        read(&parameters, &client(&["http://localhost/cb"], &["authorization_code"]), "http://localhost/cb".into(), &urls())
            .map(|request| request.scopes.to_string())
            .map_err(|error| error.code)
    }

    /// AS2, AS6, AS7.
    #[test]
    fn each_fault_has_its_error_code() {
        assert_eq!(outcome(GOOD), Ok("docs:read".into()));
        assert_eq!(
            outcome(&format!("{GOOD}&resource=https://a.example/mcp/&resource=https://a.example/mcp&prompt=&response_mode=query")),
            Ok("docs:read".into())
        );
        for (query, code) in [
            (format!("{GOOD}&state=t"), ErrorCode::InvalidRequest),
            (format!("{GOOD}&request=eyJ"), ErrorCode::InvalidRequest),
            (format!("{GOOD}&request_uri=https://a.example"), ErrorCode::InvalidRequest),
            (GOOD.replace("response_type=code", "response_type=token"), ErrorCode::UnsupportedResponseType),
            (GOOD.replace("response_type=code&", ""), ErrorCode::InvalidRequest),
            (format!("{GOOD}&response_mode=fragment"), ErrorCode::InvalidRequest),
            (GOOD.replace("=S256", "=plain"), ErrorCode::InvalidRequest),
            (GOOD.replace("code_challenge_method=S256&", ""), ErrorCode::InvalidRequest),
            (GOOD.replace("E9Mel", ""), ErrorCode::InvalidRequest),
            (GOOD.replace("E9Mel", "E9+el"), ErrorCode::InvalidRequest),
            (GOOD.replace("&code_challenge=", "&x="), ErrorCode::InvalidRequest),
            (format!("{GOOD}&resource=https://b.example/mcp"), ErrorCode::InvalidTarget),
            (format!("{GOOD}&resource=https://a.example/mcp&resource=https://b.example/mcp"), ErrorCode::InvalidTarget),
            (format!("{GOOD}&scope=mcp"), ErrorCode::InvalidScope),
            (format!("{GOOD}&prompt=none%20login"), ErrorCode::InvalidRequest),
            (format!("{GOOD}&max_age=-1"), ErrorCode::InvalidRequest),
            (format!("{GOOD}&nonce={}", "n".repeat(513)), ErrorCode::InvalidRequest),
        ] {
            assert_eq!(outcome(&query), Err(code), "{query}");
            assert!(code.may_redirect(), "{query}");
        }
        let without_codes = read(
            &Parameters::parse(GOOD.as_bytes()).unwrap(),
            &client(&["http://localhost/cb"], &["refresh_token"]),
            String::new(),
            &urls(),
        );
        assert_eq!(without_codes.unwrap_err().code, ErrorCode::UnauthorizedClient);
    }

    /// AS3, AS4.
    #[test]
    fn a_redirect_uri_is_one_that_is_registered() {
        let of = |query: &str, registered: &[&str]| redirect_uri(&Parameters::parse(query.as_bytes()).unwrap(), &client(registered, &[]));
        let loopback: &[&str] = &["http://localhost:3000/cb"];
        assert_eq!(of("redirect_uri=http://127.0.0.1:9999/cb", loopback).unwrap(), "http://127.0.0.1:9999/cb");
        assert_eq!(of("redirect_uri=http://127.0.0.1:9999/other", loopback), Err(NoRedirect::NotRegistered));
        assert_eq!(of("redirect_uri=https://a.example/cb/", &["https://a.example/cb"]), Err(NoRedirect::NotRegistered));
        assert_eq!(of("redirect_uri=https://a.example.evil/cb", &["https://a.example/cb"]), Err(NoRedirect::NotRegistered));
        assert_eq!(of("", loopback).unwrap(), "http://localhost:3000/cb");
        assert_eq!(of("", &["https://a.example/cb", "https://a.example/cc"]), Err(NoRedirect::Missing));
    }
}
