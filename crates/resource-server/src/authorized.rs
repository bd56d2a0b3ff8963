//! What a handler needs, as a type in its signature.

use crate::challenge::{Challenge, Refusal};
use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest, HttpResponse, ResponseError};
use docent_types::principal::Principal;
use docent_types::scope::{RequiredScope, ScopeSet};
use std::future::{Ready, ready};
use std::marker::PhantomData;
use std::sync::Arc;

/// The verified caller, who holds the scope `S` (RS4).
#[derive(Debug, Clone)]
pub struct Authorized<S: RequiredScope>(pub Arc<Principal>, PhantomData<S>);

/// Why a handler is not run.
#[derive(Debug, thiserror::Error)]
pub enum NotAuthorized {
    /// The caller lacks the scope.
    #[error("{refusal}")]
    Refused {
        /// Why.
        refusal: Refusal,
        /// How it is said.
        challenge: Arc<Challenge>,
    },
    /// The route does not stand behind the guard: a mistake of ours that must not open a door.
    #[error("the route is not guarded")]
    Unguarded,
}

impl ResponseError for NotAuthorized {
    fn status_code(&self) -> StatusCode {
        self.error_response().status()
    }

    fn error_response(&self) -> HttpResponse {
        match self {
            Self::Refused { refusal, challenge } => challenge.refuse(refusal),
            Self::Unguarded => HttpResponse::InternalServerError().json(serde_json::json!({ "error": "server_error" })),
        }
    }
}

impl<S: RequiredScope> FromRequest for Authorized<S> {
    type Error = NotAuthorized;
    type Future = Ready<Result<Self, NotAuthorized>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let extensions = request.extensions();
        let (Some(principal), Some(challenge)) = (extensions.get::<Arc<Principal>>(), extensions.get::<Arc<Challenge>>()) else {
            tracing::error!(path = request.path(), "a route that needs authorization does not stand behind the guard");
            return ready(Err(NotAuthorized::Unguarded));
        };
        ready(if principal.scopes.permits(S::SCOPE) {
            Ok(Self(Arc::clone(principal), PhantomData))
        } else {
            let refusal = Refusal::Scope(ScopeSet::from_iter([S::SCOPE]));
            Err(NotAuthorized::Refused { refusal, challenge: Arc::clone(challenge) })
        })
    }
}
