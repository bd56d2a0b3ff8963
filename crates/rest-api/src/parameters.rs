//! What a request says in its query.

use crate::error::ApiError;
use std::collections::HashMap;
use url::form_urlencoded;

/// Characters of a text.
const LONGEST: usize = 500;
/// Tokens that may be asked for.
const TOKENS: std::ops::RangeInclusive<usize> = 500..=50_000;

/// The parameters of one request, each once. Those that nobody asks for are not looked at.
#[derive(Debug)]
pub struct Parameters(HashMap<String, Vec<String>>);

impl Parameters {
    /// Reads a query.
    #[must_use]
    pub fn of(query: &str) -> Self {
        let mut values: HashMap<String, Vec<String>> = HashMap::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            values.entry(name.into_owned()).or_default().push(value.into_owned());
        }
        Self(values)
    }

    fn get(&self, name: &str) -> Result<Option<&str>, ApiError> {
        match self.0.get(name).map(Vec::as_slice) {
            None => Ok(None),
            Some([one]) => Ok(Some(one.trim()).filter(|one| !one.is_empty())),
            Some(_) => Err(ApiError::Parameter(format!("The parameter {name} is there more than once."))),
        }
    }

    /// A text of 1 to 500 characters.
    ///
    /// # Errors
    /// [`ApiError::Parameter`].
    pub fn text(&self, name: &str) -> Result<&str, ApiError> {
        match self.text_or_nothing(name)? {
            "" => Err(ApiError::Parameter(format!("The parameter {name} is missing or empty."))),
            text => Ok(text),
        }
    }

    /// A text of up to 500 characters; nothing if it is not there.
    ///
    /// # Errors
    /// [`ApiError::Parameter`].
    pub fn text_or_nothing(&self, name: &str) -> Result<&str, ApiError> {
        let text = self.get(name)?.unwrap_or_default();
        let length = text.chars().count();
        if length > LONGEST {
            return Err(ApiError::Parameter(format!("The parameter {name} has {length} characters; at most {LONGEST} are read.")));
        }
        Ok(text)
    }

    /// One of some words; the first is meant if nothing is said.
    ///
    /// # Errors
    /// [`ApiError::Parameter`].
    pub fn one_of<'a>(&self, name: &str, words: &[&'a str]) -> Result<&'a str, ApiError> {
        let said = self.get(name)?;
        match said {
            None => Ok(words.first().copied().unwrap_or_default()),
            Some(said) => words
                .iter()
                .copied()
                .find(|word| *word == said)
                .ok_or_else(|| ApiError::Parameter(format!("The parameter {name} is one of: {}.", words.join(", ")))),
        }
    }

    /// How many tokens are wanted, within bounds.
    ///
    /// # Errors
    /// [`ApiError::Parameter`] if it is no number.
    pub fn tokens(&self) -> Result<Option<usize>, ApiError> {
        let Some(said) = self.get("tokens")? else { return Ok(None) };
        let number: u64 = said.parse().map_err(|_| ApiError::Parameter("The parameter tokens is a whole number.".to_owned()))?;
        Ok(Some(usize::try_from(number).unwrap_or(usize::MAX).clamp(*TOKENS.start(), *TOKENS.end())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_a_parameter_is_said() {
        let wrong = |query: &str, name: &str| Parameters::of(query).text(name).unwrap_err().to_string();
        assert_eq!(wrong("", "query"), "The parameter query is missing or empty.");
        assert_eq!(wrong("query=%20", "query"), "The parameter query is missing or empty.");
        assert_eq!(wrong("query=a&query=b", "query"), "The parameter query is there more than once.");
        assert!(wrong(&format!("query={}", "x".repeat(501)), "query").contains("501 characters"));
        assert_eq!(Parameters::of("query=a%20b&x=1&x=2").text("query"), Ok("a b"));
        assert_eq!(Parameters::of("type=json").one_of("type", &["txt", "json"]), Ok("json"));
        assert_eq!(Parameters::of("").one_of("type", &["txt", "json"]), Ok("txt"));
        assert!(Parameters::of("type=xml").one_of("type", &["txt", "json"]).is_err());
        assert_eq!(Parameters::of("tokens=7").tokens(), Ok(Some(500)));
        assert_eq!(Parameters::of("tokens=99999999999999").tokens(), Ok(Some(50_000)));
        assert!(Parameters::of("tokens=-1").tokens().is_err());
    }
}
