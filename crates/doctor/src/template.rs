//! Placeholders of recorded requests: `{register.client_id}` stands for a value of an earlier answer.
//!
//! Between braces stand alternatives, separated by ` | `; the first that is there counts. An alternative is a path into
//! what was answered (`resource.authorization_servers.0`), `'words'`, or `?`, with which the field is left out. A path may be
//! followed by `joined` (a list as one text with spaces), by `only a b c` (of a list, those; all of those if there is no list), or
//! by `first a b c` (the first of a list that is one of those).

use serde_json::{Map, Value};
use url::form_urlencoded;

/// What is known so far, by the names of the steps that found it.
#[derive(Clone, Debug, Default)]
pub struct Values(Map<String, Value>);

/// What a placeholder came to.
enum Filled {
    Value(Value),
    LeftOut,
}

/// A placeholder that nothing fills.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("nothing so far says what {{{0}}} is")]
pub struct Unknown(pub String);

impl Values {
    /// Remembers a value.
    pub fn set(&mut self, name: &str, value: impl Into<Value>) {
        self.0.insert(name.to_owned(), value.into());
    }

    /// The value at a path.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&Value> {
        let mut parts = path.split('.');
        let mut value = self.0.get(parts.next()?)?;
        for part in parts {
            value = match value {
                Value::Object(fields) => fields.get(part)?,
                Value::Array(items) => items.get(part.parse::<usize>().ok()?)?,
                _ => return None,
            };
        }
        Some(value).filter(|value| !value.is_null())
    }

    /// The text at a path; empty if there is none.
    #[must_use]
    pub fn text(&self, path: &str) -> &str {
        self.get(path).and_then(Value::as_str).unwrap_or_default()
    }

    /// The texts of a list at a path.
    #[must_use]
    pub fn list(&self, path: &str) -> Vec<&str> {
        self.get(path).and_then(Value::as_array).map(|items| items.iter().filter_map(Value::as_str).collect()).unwrap_or_default()
    }

    fn expression(&self, expression: &str) -> Result<Filled, Unknown> {
        for alternative in expression.split(" | ").map(str::trim) {
            if alternative == "?" {
                return Ok(Filled::LeftOut);
            }
            if let Some(words) = alternative.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
                return Ok(Filled::Value(words.into()));
            }
            let (path, operation) = alternative.split_once(' ').unwrap_or((alternative, ""));
            let value = match operation.split_once(' ').unwrap_or((operation, "")) {
                ("joined", _) => {
                    let list = self.list(path);
                    (!list.is_empty()).then(|| Value::from(list.join(" ")))
                }
                ("first", words) => {
                    let list = self.list(path);
                    list.into_iter().find(|item| words.split(' ').any(|word| word == *item)).map(Value::from)
                }
                ("only", words) => {
                    let wanted: Vec<&str> = words.split(' ').collect();
                    let there = self.get(path).is_some();
                    let list = self.list(path);
                    Some(Value::from(wanted.into_iter().filter(|word| !there || list.contains(word)).collect::<Vec<_>>()))
                }
                _ => self.get(path).filter(|value| *value != "").cloned(),
            };
            if let Some(value) = value {
                return Ok(Filled::Value(value));
            }
        }
        Err(Unknown(expression.to_owned()))
    }

    /// A text with its placeholders filled; `None` if it is to be left out.
    ///
    /// # Errors
    /// [`Unknown`].
    pub fn fill(&self, template: &str) -> Result<Option<String>, Unknown> {
        let mut filled = String::new();
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('{') {
            let (expression, tail) = after.split_once('}').ok_or_else(|| Unknown(template.to_owned()))?;
            filled.push_str(before);
            match self.expression(expression)? {
                Filled::LeftOut => return Ok(None),
                Filled::Value(Value::String(text)) => filled.push_str(&text),
                Filled::Value(other) => filled.push_str(&other.to_string()),
            }
            rest = tail;
        }
        filled.push_str(rest);
        Ok(Some(filled))
    }

    /// As [`Self::fill`], for JSON; a text that is one placeholder becomes what that is.
    ///
    /// # Errors
    /// [`Unknown`].
    pub fn fill_json(&self, template: &Value) -> Result<Option<Value>, Unknown> {
        match template {
            Value::String(text) => {
                let whole = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).filter(|inner| !inner.contains(['{', '}']));
                match whole {
                    Some(expression) => match self.expression(expression)? {
                        Filled::LeftOut => Ok(None),
                        Filled::Value(value) => Ok(Some(value)),
                    },
                    None => Ok(self.fill(text)?.map(Value::String)),
                }
            }
            Value::Array(items) => {
                let items: Result<Vec<Option<Value>>, Unknown> = items.iter().map(|item| self.fill_json(item)).collect();
                Ok(Some(Value::Array(items?.into_iter().flatten().collect())))
            }
            Value::Object(fields) => {
                let mut filled = Map::new();
                for (name, value) in fields {
                    if let Some(value) = self.fill_json(value)? {
                        filled.insert(name.clone(), value);
                    }
                }
                Ok(Some(Value::Object(filled)))
            }
            other => Ok(Some(other.clone())),
        }
    }
}

/// A URL with parameters added to its query.
#[must_use]
pub fn with_query(url: &str, parameters: &[(String, String)]) -> String {
    let query: String = form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
    let separator = if url.contains('?') { "&" } else { "?" };
    format!("{url}{separator}{query}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn values() -> Values {
        let mut values = Values::default();
        values.set("issuer", json!({"list": ["a", "b"], "empty": [], "name": "n", "null": null, "deep": {"x": [{"y": 7}]}}));
        values
    }

    #[test]
    fn placeholders_take_the_first_alternative_that_is_there() {
        let fill = |text: &str| values().fill(text);
        assert_eq!(fill("x/{issuer.name}/{issuer.list.1}"), Ok(Some("x/n/b".into())));
        assert_eq!(fill("{issuer.none | issuer.null | 'or this'}"), Ok(Some("or this".into())));
        assert_eq!(fill("{issuer.empty joined | ?}"), Ok(None));
        assert_eq!(fill("{issuer.list joined}"), Ok(Some("a b".into())));
        assert_eq!(fill("{issuer.list first c b | 'd'}{issuer.list first e | 'd'}"), Ok(Some("bd".into())));
        assert_eq!(fill("{issuer.none}"), Err(Unknown("issuer.none".into())));
        assert_eq!(fill("{issuer.deep.x.0.y}"), Ok(Some("7".into())));
        assert!(fill("{broken").is_err());
    }

    #[test]
    fn json_keeps_its_shape_and_leaves_out_what_is_to_be_left_out() {
        let template = json!({"a": "{issuer.list}", "b": "{issuer.none | ?}", "c": ["{issuer.name}"], "d": "{issuer.list only b c}", "e": "{issuer.none only b c}"});
        assert_eq!(values().fill_json(&template).unwrap().unwrap(), json!({"a": ["a", "b"], "c": ["n"], "d": ["b"], "e": ["b", "c"]}));
    }
}
