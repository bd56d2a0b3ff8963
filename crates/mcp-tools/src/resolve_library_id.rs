//! `resolve-library-id`: which library a name means.

use crate::arguments::{ArgumentError, Arguments};
use docent_library::{Reader, answer};
use docent_types::documentation::View;

/// Libraries in an answer.
const MOST: usize = 10;

/// The libraries that a name may mean, as text. That nothing matches is an answer too.
///
/// # Errors
/// What is wrong with the arguments.
pub fn answer(reader: &Reader, view: &View, arguments: Arguments<'_>) -> Result<String, ArgumentError> {
    let name = arguments.text(&["libraryName"], "Give the name of the library to look for, for example: next.js")?;
    let query = arguments.text(&["query", "userQuery", "question"], "Say in a sentence what the user wants to know about the library.")?;
    let found = reader.resolve(view, query, name, MOST);
    if found.is_empty() {
        return Ok(format!(
            "No library matches \"{name}\". Try its other names: the package, the repository, or the framework that it is part of. \
             If there is still none, its documentation was not added to this server: tell the user so, and do not guess an id."
        ));
    }
    Ok(answer::render_libraries(found.iter().map(AsRef::as_ref)))
}
