//! The authorization response: always by redirect, always with `iss` (AS5).

use crate::parameters::{decode, encode};
use actix_web::HttpResponse;
use actix_web::http::header;
use docent_types::compat::Compat;
use docent_types::oauth::Error;
use docent_types::page::SECURITY_HEADERS;

/// What a response carries. A redirect URI whose own query has one of them would make two, of which a client may read the
/// wrong one (CVE-2026-9689).
const RESPONSE_PARAMETERS: [&str; 6] = ["code", "state", "iss", "error", "error_description", "error_uri"];

/// The redirect URI without what only a response may carry; the rest of its query stays as it is (RFC 6749 3.1.2).
fn own_part(redirect_uri: &str) -> String {
    let Some((base, query)) = redirect_uri.split_once('?') else { return redirect_uri.to_owned() };
    let is_ours = |pair: &str| {
        let name = decode(pair.split('=').next().unwrap_or_default().as_bytes());
        name.is_some_and(|name| RESPONSE_PARAMETERS.contains(&name.as_str()))
    };
    if !query.split('&').any(is_ours) {
        return redirect_uri.to_owned();
    }
    Compat::ResponseParameterInRedirectUri.tolerate("");
    let kept: Vec<&str> = query.split('&').filter(|pair| !pair.is_empty() && !is_ours(pair)).collect();
    if kept.is_empty() { base.to_owned() } else { format!("{base}?{}", kept.join("&")) }
}

/// The redirect URI with what is added to its query.
#[must_use]
pub fn location(redirect_uri: &str, parameters: &[(&str, Option<&str>)]) -> String {
    let mut location = own_part(redirect_uri);
    let mut separator = match location.split_once('?') {
        None => "?",
        Some((_, query)) if query.is_empty() || query.ends_with('&') => "",
        Some(_) => "&",
    };
    for (name, value) in parameters {
        if let Some(value) = value {
            location.push_str(separator);
            location.push_str(name);
            location.push('=');
            location.push_str(&encode(value));
            separator = "&";
        }
    }
    location
}

/// 303: a browser that follows it forgets the form that it answered.
fn redirect(location: String) -> HttpResponse {
    let mut answer = HttpResponse::SeeOther();
    for header in SECURITY_HEADERS {
        answer.insert_header(header);
    }
    answer.insert_header((header::CACHE_CONTROL, "no-store")).insert_header((header::LOCATION, location)).finish()
}

/// The person allowed it.
pub fn code(redirect_uri: &str, code: &str, state: Option<&str>, issuer: &str) -> HttpResponse {
    redirect(location(redirect_uri, &[("code", Some(code)), ("state", state), ("iss", Some(issuer))]))
}

/// It failed, or the person did not allow it.
pub fn error(redirect_uri: &str, error: &Error, state: Option<&str>, issuer: &str) -> HttpResponse {
    let parameters = [
        ("error", Some(error.code.as_str())),
        ("error_description", Some(error.description.as_str())),
        ("state", state),
        ("iss", Some(issuer)),
    ];
    redirect(location(redirect_uri, &parameters))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parameters::Parameters;
    use proptest::prelude::*;

    #[test]
    fn parameters_join_the_query_that_is_there() {
        let add = |uri: &str| location(uri, &[("code", Some("a b&c")), ("state", None), ("iss", Some("https://a.example"))]);
        assert_eq!(add("http://localhost:1/cb"), "http://localhost:1/cb?code=a%20b%26c&iss=https%3A%2F%2Fa.example");
        assert_eq!(add("https://a.example/cb?x=1"), "https://a.example/cb?x=1&code=a%20b%26c&iss=https%3A%2F%2Fa.example");
        assert_eq!(add("cursor://app/cb?"), "cursor://app/cb?code=a%20b%26c&iss=https%3A%2F%2Fa.example");
    }

    /// CVE-2026-9689: nothing that is in the redirect URI can be taken for a part of the response.
    #[test]
    fn a_parameter_of_the_response_is_there_once() {
        let add = |uri: &str| location(uri, &[("code", Some("c"))]);
        assert_eq!(add("http://localhost/?state=x"), "http://localhost/?code=c");
        assert_eq!(add("https://a.example/cb?a=1&%63ode=x&b&error=&iss"), "https://a.example/cb?a=1&b&code=c");
        assert_eq!(add("https://a.example/cb?codes=1&code%ff=2"), "https://a.example/cb?codes=1&code%ff=2&code=c");
    }

    proptest! {
        /// AS4: `state` comes back as it was and breaks out of nothing.
        #[test]
        fn any_state_comes_back_as_it_was(state in "\\PC{1,60}") {
            let location = location("https://a.example/cb", &[("error", Some("x")), ("state", Some(&state))]);
            let query = location.split_once('?').unwrap().1;
            let read = Parameters::parse(query.as_bytes()).unwrap();
            prop_assert_eq!(read.get("state"), Some(state.as_str()));
            prop_assert!(location.bytes().all(|byte| byte.is_ascii_graphic()));
        }
    }
}
