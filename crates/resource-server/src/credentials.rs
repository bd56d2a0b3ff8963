//! What a request shows to be let in: at the MCP endpoint one bearer token in the `Authorization` header, and nothing else (RS5); at the
//! REST API that, or an API key in one of the headers that programs for Context7 use.

use crate::challenge::Refusal;
use crate::token::TokenError;
use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use docent_types::api_key::{self, NotAKey};
use docent_types::compat::Compat;
use url::form_urlencoded;

/// Where API keys are sent by clients that know them. A key is not a token of this endpoint.
pub(crate) const KEY_HEADERS: [&str; 4] = ["x-context7-api-key", "context7-api-key", "x-api-key", "context7_api_key"];

/// Finds the bearer token of a request. It is not verified here.
///
/// # Errors
/// [`Refusal::NoCredentials`] if there is none, [`Refusal::Malformed`] if it cannot be read or stands beside another
/// credential, [`TokenError::ApiKey`] for an API key.
pub fn bearer_token<'a>(headers: &'a HeaderMap, query: &str) -> Result<&'a str, Refusal> {
    let token = authorization(headers)?;
    let key = KEY_HEADERS.iter().any(|name| headers.contains_key(*name));
    let in_query = form_urlencoded::parse(query.as_bytes()).any(|(name, _)| name == "access_token");
    match token {
        Some(_) if key || in_query => Err(Refusal::Malformed("send one credential only: the access token in the Authorization header")),
        Some(token) => Ok(token),
        None if key => Err(TokenError::ApiKey.into()),
        None => {
            if in_query {
                Compat::TokenInQuery.tolerate("");
            }
            Err(Refusal::NoCredentials)
        }
    }
}

/// What a request to the REST API shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Credential<'a> {
    /// An access token.
    Token(&'a str),
    /// An API key.
    Key(&'a str),
}

/// Finds the credential of a request to the REST API. It is not verified here.
///
/// # Errors
/// As [`bearer_token`]; the same key in several headers is one key.
pub fn api_credential<'a>(headers: &'a HeaderMap, query: &str) -> Result<Credential<'a>, Refusal> {
    let mut found = authorization(headers)?;
    for name in KEY_HEADERS {
        for value in headers.get_all(name) {
            let value = value.to_str().map_err(|_| Refusal::Malformed("the API key has characters that are not ASCII"))?.trim();
            // Some programs write the scheme here too.
            let value = value.strip_prefix("Bearer ").unwrap_or(value).trim();
            if value.is_empty() {
                continue;
            }
            match found {
                Some(one) if one == value => {}
                Some(_) => return Err(Refusal::Malformed("send one credential only: an access token or an API key")),
                None if !api_key::looks_like_one(value) => return Err(TokenError::NotAKey(NotAKey::Form).into()),
                None => found = Some(value),
            }
        }
    }
    let in_query = form_urlencoded::parse(query.as_bytes()).any(|(name, _)| name == "access_token");
    match found {
        Some(_) if in_query => Err(Refusal::Malformed("send one credential only: an access token or an API key, in a header")),
        Some(text) if api_key::looks_like_one(text) => Ok(Credential::Key(text)),
        Some(text) => Ok(Credential::Token(text)),
        None => Err(Refusal::NoCredentials),
    }
}

/// `None` where there is no header, or one of a scheme that is not ours: a proxy's `Basic` is not a credential here.
fn authorization(headers: &HeaderMap) -> Result<Option<&str>, Refusal> {
    let mut values = headers.get_all(AUTHORIZATION);
    let value = match (values.next(), values.next()) {
        (None, _) => return Ok(None),
        (Some(value), None) => value,
        _ => return Err(Refusal::Malformed("there is more than one Authorization header")),
    };
    let value =
        value.to_str().map_err(|_| Refusal::Malformed("the Authorization header has characters that are not ASCII"))?.trim_matches(' ');
    let (scheme, rest) = value.split_once(' ').unwrap_or((value, ""));
    if scheme.is_empty() || !scheme.bytes().all(is_token_character) {
        return Err(Refusal::Malformed("the Authorization header has the form: Bearer TOKEN"));
    }
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Ok(None);
    }
    let token = rest.trim_start_matches(' ');
    let body = token.trim_end_matches('=');
    if body.is_empty() || !body.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~+/".contains(&b)) {
        return Err(Refusal::Malformed("the Authorization header has the form: Bearer TOKEN, with one token that is not empty"));
    }
    Ok(Some(token))
}

/// RFC 9110 5.6.2.
const fn is_token_character(b: u8) -> bool {
    b.is_ascii_alphanumeric()
        || matches!(b, b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~')
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::{HeaderName, HeaderValue};
    use proptest::prelude::*;

    fn headers(entries: &[(&'static str, &[u8])]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in entries {
            map.append(HeaderName::from_static(name), HeaderValue::from_bytes(value).unwrap());
        }
        map
    }

    /// RS5: one token, in the header, in the RFC's form; the scheme's case does not matter.
    #[test]
    fn a_bearer_token_is_read_in_its_one_form() {
        for value in ["Bearer a.b-c_d~e+f/g==", "bearer a.b-c_d~e+f/g==", "BEARER   a.b-c_d~e+f/g=="] {
            assert_eq!(bearer_token(&headers(&[("authorization", value.as_bytes())]), ""), Ok("a.b-c_d~e+f/g=="), "{value}");
        }
    }

    /// RS5: a malformed Authorization header is refused with 400.
    #[test]
    fn malformed_authorization_headers_are_refused() {
        for value in [
            &b"Bearer"[..],
            b"Bearer ",
            b"Bearer a b",
            b"Bearer a, Bearer b",
            b"Bearer \xff",
            b"Bearer ==",
            b"Bearer=a",
            b"",
            b"Bearer a\"",
            b"\"Bearer\" a",
        ] {
            let headers = headers(&[("authorization", value)]);
            let found = bearer_token(&headers, "");
            assert!(matches!(found, Err(Refusal::Malformed(_))), "{value:?}: {found:?}");
        }
    }

    /// RS5: two credentials are refused, wherever they stand.
    #[test]
    fn two_credentials_are_refused() {
        let two = headers(&[("authorization", b"Bearer a"), ("authorization", b"Bearer a")]);
        let key = headers(&[("authorization", b"Bearer a"), ("x-api-key", b"k")]);
        let one = headers(&[("authorization", b"Bearer a")]);
        for (headers, query) in [(two, ""), (key, ""), (one, "x=1&access_token=a")] {
            assert!(matches!(bearer_token(&headers, query), Err(Refusal::Malformed(_))));
        }
    }

    /// RS5, at the REST API: a key in any of its headers, or a token; one of them, in a header.
    #[test]
    fn a_key_or_a_token_is_found_at_the_rest_api() {
        const KEY: &str = "docent_k";
        for name in ["x-context7-api-key", "context7-api-key", "x-api-key", "context7_api_key"] {
            assert_eq!(api_credential(&headers(&[(name, KEY.as_bytes())]), ""), Ok(Credential::Key(KEY)), "{name}");
            let both = headers(&[(name, KEY.as_bytes()), ("authorization", b"Bearer docent_k")]);
            assert_eq!(api_credential(&both, ""), Ok(Credential::Key(KEY)), "{name}");
            let beside = headers(&[(name, KEY.as_bytes()), ("authorization", b"Basic dXNlcjpwYXNz")]);
            assert_eq!(api_credential(&beside, ""), Ok(Credential::Key(KEY)), "a proxy's Basic is no credential");
            let other = headers(&[(name, b"docent_other"), ("authorization", b"Bearer docent_k")]);
            assert!(matches!(api_credential(&other, ""), Err(Refusal::Malformed(_))), "{name}");
            let foreign = headers(&[(name, b"ctx7sk-x")]);
            assert_eq!(api_credential(&foreign, ""), Err(TokenError::NotAKey(NotAKey::Form).into()));
        }
        assert_eq!(api_credential(&headers(&[("authorization", b"Bearer a.b.c")]), ""), Ok(Credential::Token("a.b.c")));
        assert_eq!(api_credential(&headers(&[("x-api-key", b"")]), "key=docent_k"), Err(Refusal::NoCredentials));
        let key = headers(&[("x-api-key", b"docent_k")]);
        assert!(matches!(api_credential(&key, "access_token=x"), Err(Refusal::Malformed(_))));
    }

    /// RS5: a token in the query string is not a credential, however it is written.
    #[test]
    fn a_token_in_the_query_string_is_never_accepted() {
        for query in ["access_token=a", "%61ccess_token=a", "a=1&access_token"] {
            assert_eq!(bearer_token(&HeaderMap::new(), query), Err(Refusal::NoCredentials), "{query}");
        }
    }

    /// RS2, RS3: a proxy's `Basic` is no credential of ours; an API key is one that this endpoint does not take.
    #[test]
    fn other_credentials_are_told_apart() {
        assert_eq!(bearer_token(&headers(&[("authorization", b"Basic YTpi")]), ""), Err(Refusal::NoCredentials));
        for name in KEY_HEADERS {
            assert_eq!(bearer_token(&headers(&[(name, b"ctx7sk-1")]), ""), Err(Refusal::Token(TokenError::ApiKey)), "{name}");
        }
        assert_eq!(bearer_token(&headers(&[("authorization", b"Basic YTpi"), ("x-api-key", b"k")]), ""), Err(TokenError::ApiKey.into()));
    }

    proptest! {
        /// RS5: no bytes make the parser panic, and what it accepts has the RFC's form.
        #[test]
        fn raw_bytes_are_refused_or_are_a_token(bytes in proptest::collection::vec(any::<u8>(), 0..64), bearer in any::<bool>()) {
            let mut value = if bearer { b"Bearer ".to_vec() } else { Vec::new() };
            value.extend(bytes);
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                let mut map = HeaderMap::new();
                map.append(AUTHORIZATION, value);
                if let Ok(token) = bearer_token(&map, "") {
                    prop_assert!(!token.is_empty() && token.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~+/=".contains(&b)));
                }
            }
        }
    }
}
