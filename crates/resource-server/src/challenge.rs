//! How a request is refused: the status, the challenge (RFC 6750 3, RFC 9728 5.1) and a JSON body.

use crate::token::TokenError;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header;
use docent_types::metadata::PublicUrls;
use docent_types::scope::ScopeSet;
use serde::Serialize;

/// Why a request does not pass.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refusal {
    /// Nothing was shown (RS2).
    #[error("sign in first: this resource needs an access token, and the challenge says where to get one")]
    NoCredentials,
    /// What was shown cannot be read, or there is too much of it (RS5).
    #[error("{0}")]
    Malformed(&'static str),
    /// The token is not accepted (RS3).
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The token is good and does not allow this (RS4). What the operation needs.
    #[error("this needs a permission that was not granted: {0}")]
    Scope(ScopeSet),
    /// `Host` is not ours (RS8).
    #[error("this server is not reached under that Host; the operator may add it to mcp.allowed_hosts")]
    Host,
    /// `Origin` is not allowed (RS8).
    #[error("scripts of that Origin may not call this server; the operator may add it to mcp.allowed_origins")]
    Origin,
    /// The keys could not be asked for.
    #[error("the server cannot verify tokens at this moment: try again")]
    Unavailable,
}

/// What every challenge of this resource says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Challenge {
    resource_metadata: String,
    scope: String,
}

#[derive(Serialize)]
struct Body<'a> {
    error: &'a str,
    error_description: &'a str,
    /// The same, where programs for the REST API look.
    message: &'a str,
}

impl Challenge {
    /// The challenge of this deployment. The first one names all that a normal session needs.
    #[must_use]
    pub fn new(urls: &PublicUrls) -> Self {
        Self { resource_metadata: urls.resource_metadata(), scope: ScopeSet::resource_default().to_string() }
    }

    fn header(&self, scope: &str, error: Option<(&str, &str)>) -> String {
        let mut value = format!("Bearer resource_metadata=\"{}\", scope=\"{scope}\"", self.resource_metadata);
        if let Some((code, description)) = error {
            value.push_str(&format!(", error=\"{code}\", error_description=\"{}\"", quotable(description)));
        }
        value
    }

    /// The whole answer.
    #[must_use]
    pub fn refuse(&self, refusal: &Refusal) -> HttpResponse {
        let description = refusal.to_string();
        let (status, code) = refusal.status_and_code();
        let challenge = match refusal {
            Refusal::NoCredentials => Some(self.header(&self.scope, None)),
            Refusal::Malformed(_) | Refusal::Token(_) => Some(self.header(&self.scope, Some((code, &description)))),
            Refusal::Scope(needed) => Some(self.header(&needed.to_string(), Some((code, &description)))),
            Refusal::Host | Refusal::Origin | Refusal::Unavailable => None,
        };
        let mut response = HttpResponse::build(status);
        response.insert_header((header::CACHE_CONTROL, "no-store"));
        if let Some(challenge) = challenge {
            response.insert_header((header::WWW_AUTHENTICATE, challenge));
        }
        if matches!(refusal, Refusal::Unavailable) {
            response.insert_header((header::RETRY_AFTER, "1"));
        }
        response.json(Body { error: code, error_description: &description, message: &description })
    }
}

impl Refusal {
    const fn status_and_code(&self) -> (StatusCode, &'static str) {
        match self {
            Self::NoCredentials => (StatusCode::UNAUTHORIZED, "unauthorized"),
            Self::Malformed(_) => (StatusCode::BAD_REQUEST, "invalid_request"),
            Self::Token(_) => (StatusCode::UNAUTHORIZED, "invalid_token"),
            Self::Scope(_) => (StatusCode::FORBIDDEN, "insufficient_scope"),
            Self::Host => (StatusCode::FORBIDDEN, "host_not_allowed"),
            Self::Origin => (StatusCode::FORBIDDEN, "origin_not_allowed"),
            Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable"),
        }
    }
}

/// The characters that RFC 6750 3 allows in `error_description`.
fn quotable(text: &str) -> String {
    text.chars().map(|c| if matches!(c, ' '..='~') && c != '"' && c != '\\' { c } else { '\'' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::HeaderValue;
    use proptest::prelude::*;

    #[test]
    fn a_description_never_breaks_out_of_its_quotes() {
        assert_eq!(quotable("say \"x\" \\ \r\n é"), "say 'x' ' '' '");
    }

    /// The parameters of a challenge, read by the grammar of RFC 9110 11.6.1 alone.
    fn parameters(header: &str) -> Option<Vec<(String, String)>> {
        let mut rest = header.strip_prefix("Bearer ")?;
        let mut found = Vec::new();
        loop {
            let (name, after) = rest.split_once("=\"")?;
            let (value, after) = after.split_once('"')?;
            found.push((name.to_owned(), value.to_owned()));
            match after.strip_prefix(", ") {
                Some(more) => rest = more,
                None => return after.is_empty().then_some(found),
            }
        }
    }

    proptest! {
        /// RS2, RS3: whatever is said, a challenge is a header with exactly its four parameters.
        #[test]
        fn no_text_adds_a_parameter_or_a_line(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let urls = PublicUrls { issuer: "https://a.example".into(), resource: "https://a.example/mcp".into() };
            let header = Challenge::new(&urls).header("docs:read", Some(("invalid_token", &String::from_utf8_lossy(&bytes))));
            prop_assert!(HeaderValue::from_str(&header).is_ok());
            let found = parameters(&header).unwrap_or_default();
            let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
            prop_assert_eq!(names, ["resource_metadata", "scope", "error", "error_description"]);
        }
    }
}
