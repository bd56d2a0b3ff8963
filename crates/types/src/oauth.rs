//! The one table of OAuth errors: code, HTTP status, and whether it may be sent by redirect.

use serde::Serialize;

/// An error code of RFC 6749, 6750, 7009, 7591, 8707 or OpenID Connect, as it goes over the wire.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum ErrorCode {
    /// A parameter is missing, repeated, malformed or of the wrong kind.
    InvalidRequest,
    /// Client authentication failed, or the client is unknown.
    InvalidClient,
    /// The code or refresh token is wrong, used, expired, or somebody else's.
    InvalidGrant,
    /// This client may not use this grant type.
    UnauthorizedClient,
    /// This server does not have this grant type.
    UnsupportedGrantType,
    /// This server does not have this response type.
    UnsupportedResponseType,
    /// No scope that this server knows remains.
    InvalidScope,
    /// The `resource` is not one that this issuer serves (RFC 8707).
    InvalidTarget,
    /// The person said no.
    AccessDenied,
    /// A person would have to act, and `prompt=none` forbids to ask.
    InteractionRequired,
    /// The person would have to sign in, and `prompt=none` forbids to ask.
    LoginRequired,
    /// A redirect URI may not be registered (RFC 7591).
    InvalidRedirectUri,
    /// Another field of the client's metadata may not be registered (RFC 7591).
    InvalidClientMetadata,
    /// The access token is not valid (RFC 6750).
    InvalidToken,
    /// The access token does not permit this (RFC 6750).
    InsufficientScope,
    /// `token_type_hint` names a kind that this server cannot revoke (RFC 7009).
    UnsupportedTokenType,
    /// Too many requests.
    SlowDown,
    /// The person has not decided yet (RFC 8628).
    AuthorizationPending,
    /// A device polls faster than it was told (RFC 8628).
    PollingTooFast,
    /// The device code ended before the person decided (RFC 8628).
    ExpiredToken,
    /// Busy, or something that we need is away: try again.
    TemporarilyUnavailable,
    /// A fault of ours.
    ServerError,
    /// There is nothing at this path.
    NotFound,
    /// The path exists, the method does not.
    MethodNotAllowed,
}

impl ErrorCode {
    /// As on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.row().0
    }

    /// The HTTP status where the error is the answer's body.
    #[must_use]
    pub const fn status(self) -> u16 {
        self.row().1
    }

    /// Whether it may be sent to the client by redirect from the authorization endpoint (RFC 6749 4.1.2.1).
    #[must_use]
    pub const fn may_redirect(self) -> bool {
        self.row().2
    }

    const fn row(self) -> (&'static str, u16, bool) {
        match self {
            Self::InvalidRequest => ("invalid_request", 400, true),
            Self::InvalidClient => ("invalid_client", 401, false),
            Self::InvalidGrant => ("invalid_grant", 400, false),
            Self::UnauthorizedClient => ("unauthorized_client", 400, true),
            Self::UnsupportedGrantType => ("unsupported_grant_type", 400, false),
            Self::UnsupportedResponseType => ("unsupported_response_type", 400, true),
            Self::InvalidScope => ("invalid_scope", 400, true),
            Self::InvalidTarget => ("invalid_target", 400, true),
            Self::AccessDenied => ("access_denied", 403, true),
            Self::InteractionRequired => ("interaction_required", 400, true),
            Self::LoginRequired => ("login_required", 400, true),
            Self::InvalidRedirectUri => ("invalid_redirect_uri", 400, false),
            Self::InvalidClientMetadata => ("invalid_client_metadata", 400, false),
            Self::InvalidToken => ("invalid_token", 401, false),
            Self::InsufficientScope => ("insufficient_scope", 403, false),
            Self::UnsupportedTokenType => ("unsupported_token_type", 400, false),
            Self::SlowDown => ("slow_down", 429, false),
            Self::AuthorizationPending => ("authorization_pending", 400, false),
            Self::PollingTooFast => ("slow_down", 400, false),
            Self::ExpiredToken => ("expired_token", 400, false),
            Self::TemporarilyUnavailable => ("temporarily_unavailable", 503, true),
            Self::ServerError => ("server_error", 500, true),
            Self::NotFound => ("not_found", 404, false),
            Self::MethodNotAllowed => ("method_not_allowed", 405, false),
        }
    }
}

/// An OAuth error with words that help whoever caused it.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{}: {description}", code.as_str())]
pub struct Error {
    /// The code.
    pub code: ErrorCode,
    /// What is wrong and what to do, in the characters that RFC 6749 5.2 allows.
    pub description: String,
    /// Seconds after which it makes sense to try again.
    pub retry_after: Option<u32>,
}

/// The JSON body of an OAuth error.
#[derive(Serialize, Debug)]
pub struct ErrorBody<'a> {
    /// The code.
    pub error: &'static str,
    /// The words.
    pub error_description: &'a str,
}

impl Error {
    /// An error with its words. Characters that `error_description` may not carry (RFC 6749 5.2: only %x20-21,
    /// %x23-5B, %x5D-7E) are replaced.
    pub fn new(code: ErrorCode, description: impl AsRef<str>) -> Self {
        let description = description
            .as_ref()
            .chars()
            .map(|c| match c {
                '"' => '\'',
                '\\' => '/',
                ' '..='~' => c,
                _ => '?',
            })
            .take(600)
            .collect();
        Self { code, description, retry_after: None }
    }

    /// Busy: come back after `seconds`.
    #[must_use]
    pub fn busy(seconds: u32) -> Self {
        Self { retry_after: Some(seconds), ..Self::new(ErrorCode::TemporarilyUnavailable, "The server is busy. Try again shortly.") }
    }

    /// A fault of ours; the details are in the log under the request id.
    #[must_use]
    pub fn internal() -> Self {
        Self::new(ErrorCode::ServerError, "Something went wrong on the server. The operator finds it in the log under this request's id.")
    }

    /// The body.
    #[must_use]
    pub fn body(&self) -> ErrorBody<'_> {
        ErrorBody { error: self.code.as_str(), error_description: &self.description }
    }
}
