//! The pages for people: sign-in and what belongs to it. They work without scripts.

pub mod account_form;
pub mod device;
pub mod device_pages;
pub mod first_administrator;
pub mod links;
pub mod pages;
pub mod return_to;
pub mod session;
pub mod set_password;
pub mod sign_in;
pub mod sign_up;

use crate::answer::Refused;
use crate::server::AuthorizationServer;
use crate::visitor;
use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse};
use docent_store::StoreError;
use docent_types::actors::Unavailable;
use docent_types::messages::LedgerError;
use docent_types::oauth::Error;
use pages::ErrorPage;

/// Why a person is shown an error page.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    status: StatusCode,
    title: String,
    message: String,
    what_to_do: String,
    retry_after: Option<u32>,
}

impl Fault {
    /// A page that says what happened and what to do.
    pub fn new(status: StatusCode, title: impl Into<String>, message: impl Into<String>, what_to_do: impl Into<String>) -> Self {
        Self { status, title: title.into(), message: message.into(), what_to_do: what_to_do.into(), retry_after: None }
    }

    /// A request that cannot be right.
    #[must_use]
    pub fn bad_request(message: String) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "This request cannot be answered",
            message,
            "Go back and try again. If it stays so, tell the developer of the application.",
        )
    }

    /// A form that another site sent.
    #[must_use]
    pub fn foreign_form() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "This form did not come from our page",
            "For your safety it was not accepted.",
            "Open the page again and send it from there.",
        )
    }

    /// With `Retry-After`, in seconds.
    #[must_use]
    pub fn retry_after(self, seconds: Option<u32>) -> Self {
        Self { retry_after: seconds, ..self }
    }

    /// Too many attempts.
    #[must_use]
    pub fn slow_down(seconds: u32) -> Self {
        Self {
            retry_after: Some(seconds),
            ..Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "Too many attempts",
                "There were too many attempts in a short time.",
                format!("Wait {seconds} seconds and try again."),
            )
        }
    }

    /// A fault of ours.
    #[must_use]
    pub fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "Something went wrong",
            "The fault is on the server, not yours.",
            "Try again. If it stays so, tell whoever runs this server.",
        )
    }

    fn unavailable(seconds: u32) -> Self {
        Self {
            retry_after: Some(seconds),
            ..Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "The server is not ready",
                "Something that it needs is busy or away.",
                "Try again in a few seconds.",
            )
        }
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "the database could not be asked");
        Self::unavailable(5)
    }
}

impl From<Unavailable> for Fault {
    fn from(unavailable: Unavailable) -> Self {
        match unavailable {
            Unavailable::Busy => Self::unavailable(1),
            Unavailable::Failed => Self::internal(),
        }
    }
}

impl From<LedgerError> for Fault {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Unavailable(unavailable) => unavailable.into(),
            LedgerError::Database => Self::unavailable(5),
        }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::bad_request(error.description)
    }
}

impl From<Refused> for Fault {
    fn from(refused: Refused) -> Self {
        Self { status: refused.status.unwrap_or(StatusCode::BAD_REQUEST), ..refused.error.into() }
    }
}

/// A handler's answer, or the error page for its fault.
pub fn answered(server: &AuthorizationServer, request: &HttpRequest, answer: Result<HttpResponse, Fault>) -> HttpResponse {
    let fault = match answer {
        Ok(answer) => return answer,
        Err(fault) => fault,
    };
    let page = ErrorPage {
        frame: visitor::frame(&server.settings, None),
        status: fault.status.as_u16(),
        title: fault.title,
        message: fault.message,
        what_to_do: fault.what_to_do,
        request_id: visitor::request_id(request),
    };
    let mut answer = pages::html(fault.status, &page).unwrap_or_else(|_| HttpResponse::InternalServerError().finish());
    if let Some(seconds) = fault.retry_after {
        answer.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    answer
}

/// A client's claimed name, made safe to read: nothing invisible, nothing that turns the direction of writing, at most
/// 80 characters (AS14).
#[must_use]
pub fn claimed_name(name: &str) -> String {
    let is_deceptive = |c: char| {
        c.is_control()
            || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
    };
    let visible: String = name.chars().map(|c| if is_deceptive(c) { ' ' } else { c }).collect();
    let words = visible.split_whitespace().collect::<Vec<_>>().join(" ");
    match words.char_indices().nth(80) {
        None if words.is_empty() => "Unnamed application".to_owned(),
        None => words,
        Some(_) => words.chars().take(79).chain(['…']).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// AS14.
    #[test]
    fn a_claimed_name_cannot_hide_or_turn_text() {
        assert_eq!(claimed_name("Claude\u{202e}edoC\u{200b}\nx"), "Claude edoC x");
        assert_eq!(claimed_name("\u{2066}\u{200e}"), "Unnamed application");
        assert_eq!(claimed_name(&"é".repeat(80)), "é".repeat(80));
        assert_eq!(claimed_name(&"é".repeat(81)).chars().count(), 80);
    }
}
