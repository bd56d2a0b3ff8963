//! What the handlers stand on.

use crate::error::ApiError;
use actix::Recipient;
use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest};
use docent_library::Reader;
use docent_store::Store;
use docent_types::documentation::View;
use docent_types::messages::CountUse;
use docent_types::principal::Principal;
use docent_types::time::SharedClock;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::time::Duration;

/// No request takes longer.
pub const TIME: Duration = Duration::from_secs(10);

/// Shared by all requests.
pub struct Api {
    /// Reads documentation.
    pub reader: Reader,
    /// For the state of libraries and their jobs.
    pub store: Store,
    /// Is told of each use.
    pub count: Recipient<CountUse>,
    /// The clock.
    pub clock: SharedClock,
}

impl Api {
    /// Counting may be late or lost; an answer may not wait for it.
    pub(crate) fn count(&self, what: &'static str, succeeded: bool, caller: &Principal) {
        let counted = self.count.try_send(CountUse::by(caller, self.clock.now(), what, succeeded));
        if counted.is_err() {
            tracing::warn!(what, "a use was not counted: too many wait");
        }
    }
}

/// The verified caller, as the guard left it in the request.
pub(crate) struct Caller(pub(crate) Arc<Principal>);

impl Caller {
    /// What exists for the caller.
    pub(crate) fn view(&self) -> View {
        View::of_project(self.0.project)
    }
}

impl FromRequest for Caller {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let principal = request.extensions().get::<Arc<Principal>>().cloned();
        ready(principal.map(Self).ok_or_else(|| {
            tracing::error!(path = request.path(), "a route of the API does not stand behind the guard");
            ApiError::Failed
        }))
    }
}
