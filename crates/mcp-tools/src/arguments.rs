//! What a call brings: the arguments of the table, and the names that models use for them.

use docent_types::compat::Compat;
use rmcp::model::JsonObject;
use serde_json::Value;

/// No argument is longer, in characters.
pub const LONGEST: usize = 2_000;
/// The bounds of `tokens`.
const TOKENS: std::ops::RangeInclusive<usize> = 500..=50_000;
const PAGES: std::ops::RangeInclusive<usize> = 1..=10;

/// Why a call cannot be answered as it is. Each text says what to do.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ArgumentError {
    /// It is not there, or has nothing in it.
    #[error("The argument `{name}` is missing or empty. {next}")]
    Missing {
        /// Which.
        name: &'static str,
        /// What to put there.
        next: &'static str,
    },
    /// It is of another JSON type.
    #[error("The argument `{name}` must be a {expected}, and was {found}. Call again with a {expected}.")]
    Type {
        /// Which, as it was written.
        name: &'static str,
        /// What it has to be.
        expected: &'static str,
        /// What it was.
        found: &'static str,
    },
    /// It is too long.
    #[error(
        "The argument `{name}` has {length} characters, and at most {LONGEST} are read. Call again with one short question; leave code and logs out."
    )]
    TooLong {
        /// Which, as it was written.
        name: &'static str,
        /// How long it was.
        length: usize,
    },
}

/// The arguments of one call.
#[derive(Clone, Copy, Debug)]
pub struct Arguments<'a>(Option<&'a JsonObject>);

impl<'a> Arguments<'a> {
    /// The arguments as they came.
    #[must_use]
    pub const fn new(values: Option<&'a JsonObject>) -> Self {
        Self(values)
    }

    fn get(self, name: &str) -> Option<&'a Value> {
        self.0?.get(name).filter(|value| !value.is_null())
    }

    /// A text under the first of these names that has one. The first name is the advertised one; `next` says what
    /// belongs there.
    ///
    /// # Errors
    /// [`ArgumentError`].
    pub fn text(self, names: &[&'static str], next: &'static str) -> Result<&'a str, ArgumentError> {
        for (position, name) in names.iter().copied().enumerate() {
            let Some(value) = self.get(name) else { continue };
            let Value::String(text) = value else {
                return Err(ArgumentError::Type { name, expected: "string", found: kind(value) });
            };
            let text = text.trim();
            if text.is_empty() {
                continue;
            }
            let length = text.chars().count();
            if length > LONGEST {
                return Err(ArgumentError::TooLong { name, length });
            }
            if position > 0 {
                Compat::ArgumentAlias.tolerate("");
            }
            return Ok(text);
        }
        Err(ArgumentError::Missing { name: names.first().copied().unwrap_or_default(), next })
    }

    /// How many tokens are wanted, within bounds. `None` if nothing is said.
    ///
    /// # Errors
    /// [`ArgumentError::Type`] if it is no number.
    pub fn tokens(self) -> Result<Option<usize>, ArgumentError> {
        Ok(self.number("tokens")?.map(|tokens| tokens.clamp(*TOKENS.start(), *TOKENS.end())))
    }

    /// Which page of the answer is wanted, from 1, within bounds.
    ///
    /// # Errors
    /// [`ArgumentError::Type`] if it is no number.
    pub fn page(self) -> Result<usize, ArgumentError> {
        Ok(self.number("page")?.unwrap_or(1).clamp(*PAGES.start(), *PAGES.end()))
    }

    fn number(self, name: &'static str) -> Result<Option<usize>, ArgumentError> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let number = match value {
            Value::Number(number) => number.as_f64(),
            // Some models write every argument as a string.
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        let number = number.filter(|number: &f64| number.is_finite());
        let number = number.ok_or(ArgumentError::Type { name, expected: "number", found: kind(value) })?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to what fits")]
        Ok(Some(number.clamp(0.0, 1e9) as usize))
    }
}

const fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn object(value: Value) -> JsonObject {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn an_alias_is_read_where_the_advertised_name_has_nothing() {
        let values = object(json!({ "query": "  ", "userQuery": null, "question": " how? " }));
        assert_eq!(Arguments::new(Some(&values)).text(&["query", "userQuery", "question"], ""), Ok("how?"));
        let both = object(json!({ "query": "this", "question": "that" }));
        assert_eq!(Arguments::new(Some(&both)).text(&["query", "question"], ""), Ok("this"));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let values = object(json!({ "query": 7, "long": "é".repeat(2_001), "just": "é".repeat(2_000) }));
        let arguments = Arguments::new(Some(&values));
        let error = |name| arguments.text(&[name], "Say it.").unwrap_err().to_string();
        assert_eq!(error("query"), "The argument `query` must be a string, and was a number. Call again with a string.");
        assert!(error("long").contains("2001 characters"));
        assert_eq!(error("nothing"), "The argument `nothing` is missing or empty. Say it.");
        assert!(arguments.text(&["just"], "").is_ok());
        assert!(Arguments::new(None).text(&["query"], "").is_err());
    }

    #[test]
    fn tokens_and_pages_are_kept_within_bounds() {
        for (value, expected) in
            [(json!(1), 500), (json!(-3), 500), (json!("8000"), 8_000), (json!(1e300), 50_000), (json!(6_000.7), 6_000)]
        {
            let values = object(json!({ "tokens": value }));
            assert_eq!(Arguments::new(Some(&values)).tokens(), Ok(Some(expected)), "{value}");
        }
        for bad in [json!("many"), json!(true), json!([1]), json!("NaN")] {
            let values = object(json!({ "tokens": bad, "page": bad }));
            assert!(Arguments::new(Some(&values)).tokens().is_err() && Arguments::new(Some(&values)).page().is_err());
        }
        assert_eq!((Arguments::new(None).tokens(), Arguments::new(None).page()), (Ok(None), Ok(1)));
    }

    proptest! {
        #[test]
        fn a_text_that_is_read_is_one_that_may_be_asked(text in ".{0,60}") {
            let values = object(json!({ "query": text }));
            if let Ok(read) = Arguments::new(Some(&values)).text(&["query"], "") {
                prop_assert!(!read.trim().is_empty() && text.contains(read));
            }
        }
    }
}
