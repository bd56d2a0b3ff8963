//! Which tool answers a call, and which page a read, within their time, counted.

use crate::arguments::Arguments;
use crate::definition::{Definition, Operation};
use crate::resources::{self, ReadError};
use crate::{query_docs, resolve_library_id};
use actix::Recipient;
use docent_library::Reader;
use docent_library::pages::Completion;
use docent_types::documentation::View;
use docent_types::messages::CountUse;
use docent_types::principal::Principal;
use docent_types::time::SharedClock;
use rmcp::model::{JsonObject, ResourceContents};
use std::time::Duration;

/// No call takes longer.
const TIME: Duration = Duration::from_secs(10);

/// What the tools stand on. Shared by all requests.
pub struct Tools {
    reader: Reader,
    count: Recipient<CountUse>,
    clock: SharedClock,
    site_name: String,
    version: &'static str,
}

/// What a tool says: documentation, or what went wrong and what to do next.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Said {
    /// The text.
    pub text: String,
    /// Whether it is an answer.
    pub answered: bool,
}

impl Tools {
    /// Tools that read through `reader` and tell `count` of each use.
    #[must_use]
    pub const fn new(reader: Reader, count: Recipient<CountUse>, clock: SharedClock, site_name: String) -> Self {
        Self { reader, count, clock, site_name, version: env!("CARGO_PKG_VERSION") }
    }

    /// The name for people.
    #[must_use]
    pub fn site_name(&self) -> &str {
        &self.site_name
    }

    /// The server's version.
    #[must_use]
    pub const fn version(&self) -> &'static str {
        self.version
    }

    /// Calls a tool for a caller. `old_form` is the tool's earlier name.
    pub async fn call(&self, tool: &Definition, old_form: bool, arguments: Option<&JsonObject>, caller: &Principal) -> Said {
        let said = if caller.scopes.permits(tool.scope) {
            self.answer(tool, old_form, Arguments::new(arguments), &View::of_project(caller.project)).await
        } else {
            Err(format!(
                "{} needs the permission {}, which was not granted. Ask the user to connect again and to grant it.",
                tool.name,
                tool.scope.as_str()
            ))
        };
        self.count(tool.name, said.is_ok(), caller);
        match said {
            Ok(text) => Said { text, answered: true },
            Err(text) => Said { text, answered: false },
        }
    }

    /// Counting may be late or lost; an answer may not wait for it.
    fn count(&self, tool: &'static str, succeeded: bool, caller: &Principal) {
        let counted = self.count.try_send(CountUse::by(caller, self.clock.now(), tool, succeeded));
        if counted.is_err() {
            tracing::warn!(tool, "a use was not counted: too many wait");
        }
    }

    /// Reads a page for a caller.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn read(&self, uri: &str, caller: &Principal) -> Result<ResourceContents, ReadError> {
        let read = if caller.scopes.permits(resources::SCOPE) {
            let view = View::of_project(caller.project);
            let reading = resources::read(&self.reader, &view, uri);
            tokio::time::timeout(TIME, reading).await.unwrap_or(Err(ReadError::TooSlow))
        } else {
            Err(ReadError::NotPermitted)
        };
        self.count(resources::COUNTED_AS, read.is_ok(), caller);
        read
    }

    /// Completes a variable of the template of pages; to nothing if that takes too long.
    pub async fn complete(&self, variable: &str, typed: &str, library: Option<&str>, caller: &Principal) -> Completion {
        if !caller.scopes.permits(resources::SCOPE) {
            return Completion::default();
        }
        let view = View::of_project(caller.project);
        let completing = resources::complete(&self.reader, &view, variable, typed, library);
        tokio::time::timeout(TIME, completing).await.unwrap_or_default()
    }

    async fn answer(&self, tool: &Definition, old_form: bool, arguments: Arguments<'_>, view: &View) -> Result<String, String> {
        let answered = async {
            match tool.operation {
                Operation::ResolveLibraryId => resolve_library_id::answer(&self.reader, view, arguments).map_err(|error| error.to_string()),
                Operation::QueryDocs => {
                    query_docs::answer(&self.reader, view, arguments, old_form).await.map_err(|error| error.to_string())
                }
            }
        };
        tokio::time::timeout(TIME, answered).await.unwrap_or_else(|_| {
            tracing::error!(tool = tool.name, "a call took too long and was given up");
            Err("The server took too long to answer. Try again in a few seconds; if it happens again, ask a narrower question.".to_owned())
        })
    }
}
