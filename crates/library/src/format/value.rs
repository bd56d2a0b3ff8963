//! JSON and YAML as one tree whose keys keep the order of the file.

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use std::collections::{HashMap, HashSet};
use std::fmt;
use yaml_rust2::parser::{Event, Parser};
use yaml_rust2::scanner::TScalarStyle;

/// Deeper documents are refused.
const MAX_DEPTH: usize = 120;
/// Nodes that one document may have, with what its aliases repeat.
const MAX_NODES: usize = 2_000_000;
/// Keys at this depth and above have their lines kept.
const LOCATED_DEPTH: usize = 3;

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Null,
    Bool(bool),
    /// As it is written.
    Number(String),
    Text(String),
    List(Vec<Value>),
    Map(Vec<(String, Value)>),
}

/// A document with the lines of its outer keys.
#[derive(Debug)]
pub(super) struct Located {
    pub(super) root: Value,
    lines: HashMap<Vec<String>, u32>,
}

impl Located {
    /// The line of a key, given the keys on the way to it; else that of the nearest key above.
    pub(super) fn line(&self, keys: &[&str]) -> u32 {
        (1..=keys.len())
            .rev()
            .find_map(|length| self.lines.get(&keys[..length].iter().map(|key| (*key).to_owned()).collect::<Vec<_>>()).copied())
            .unwrap_or(1)
    }
}

impl Value {
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Map(entries) => entries.iter().find(|(name, _)| name == key).map(|(_, value)| value),
            _ => None,
        }
    }

    /// Text, not empty.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        match self.get(key) {
            Some(Self::Text(text)) if !text.trim().is_empty() => Some(text.trim()),
            _ => None,
        }
    }

    pub(super) fn flag(&self, key: &str) -> bool {
        matches!(self.get(key), Some(Self::Bool(true)))
    }

    pub(super) fn list(&self, key: &str) -> &[Self] {
        match self.get(key) {
            Some(Self::List(values)) => values,
            _ => &[],
        }
    }

    pub(super) fn entries(&self, key: &str) -> &[(String, Self)] {
        match self.get(key) {
            Some(Self::Map(entries)) => entries,
            _ => &[],
        }
    }

    /// A text, number or truth value as it is written.
    pub(super) fn plain(&self) -> Option<String> {
        match self {
            Self::Bool(value) => Some(value.to_string()),
            Self::Number(value) | Self::Text(value) => Some(value.clone()),
            Self::Null => Some("null".to_owned()),
            Self::List(_) | Self::Map(_) => None,
        }
    }

    /// The value as JSON on one line.
    pub(super) fn compact(&self) -> String {
        let mut out = String::new();
        self.write(&mut out, None);
        out
    }

    /// The value as JSON with two spaces of indentation.
    pub(super) fn pretty(&self) -> String {
        let mut out = String::new();
        self.write(&mut out, Some(0));
        out
    }

    fn write(&self, out: &mut String, indent: Option<usize>) {
        let separate = |out: &mut String, depth: Option<usize>| {
            if let Some(depth) = depth {
                out.push('\n');
                out.push_str(&"  ".repeat(depth));
            }
        };
        let inner = indent.map(|depth| depth + 1);
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Self::Number(value) => out.push_str(value),
            Self::Text(value) => out.push_str(&quoted(value)),
            Self::List(values) if values.is_empty() => out.push_str("[]"),
            Self::Map(entries) if entries.is_empty() => out.push_str("{}"),
            Self::List(values) => {
                out.push('[');
                for (at, value) in values.iter().enumerate() {
                    if at > 0 {
                        out.push_str(if indent.is_some() { "," } else { ", " });
                    }
                    separate(out, inner);
                    value.write(out, inner);
                }
                separate(out, indent);
                out.push(']');
            }
            Self::Map(entries) => {
                out.push('{');
                for (at, (key, value)) in entries.iter().enumerate() {
                    if at > 0 {
                        out.push_str(if indent.is_some() { "," } else { ", " });
                    }
                    separate(out, inner);
                    out.push_str(&quoted(key));
                    out.push_str(": ");
                    value.write(out, inner);
                }
                separate(out, indent);
                out.push('}');
            }
        }
    }
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default()
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }
    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.to_string()))
    }
    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.to_string()))
    }
    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Number(value.to_string()))
    }
    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }
    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::Text(value))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = access.next_element()? {
            values.push(value);
        }
        Ok(Value::List(values))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = access.next_entry()? {
            entries.push(entry);
        }
        Ok(Value::Map(entries))
    }
}

/// Reads JSON.
///
/// # Errors
/// In words, with the line.
pub(super) fn json(text: &str) -> Result<Located, String> {
    let root: Value = serde_json::from_str(text.trim_start_matches('\u{feff}')).map_err(|error| format!("line {}", error.line()))?;
    Ok(Located { root, lines: key_lines(text) })
}

/// The lines of the outer keys of a JSON text that is known to be well formed.
fn key_lines(text: &str) -> HashMap<Vec<String>, u32> {
    let bytes = text.as_bytes();
    let mut lines = HashMap::new();
    let mut line = 1_u32;
    let mut depth = 0_usize;
    let mut keys: Vec<String> = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'\n' => line += 1,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                keys.truncate(depth);
            }
            b'"' => {
                let start = at;
                at += 1;
                while at < bytes.len() && bytes[at] != b'"' {
                    at += if bytes[at] == b'\\' { 2 } else { 1 };
                }
                let after = bytes.get(at + 1..).unwrap_or_default();
                let is_key = depth <= LOCATED_DEPTH && after.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b':');
                if is_key && keys.len() + 1 >= depth {
                    keys.truncate(depth.saturating_sub(1));
                    let key = text.get(start..=at).and_then(|raw| serde_json::from_str(raw).ok()).unwrap_or_default();
                    keys.push(key);
                    lines.entry(keys.clone()).or_insert(line);
                }
            }
            _ => {}
        }
        at += 1;
    }
    lines
}

/// What is open while YAML is read.
enum Open {
    List(Vec<Value>, usize),
    Map(Vec<(String, Value)>, Option<String>, usize),
}

/// Reads the first document of a YAML text.
///
/// # Errors
/// In words, with the line.
pub(super) fn yaml(text: &str) -> Result<Located, String> {
    let mut parser = Parser::new_from_str(text);
    let mut open: Vec<Open> = Vec::new();
    let mut anchors: HashMap<usize, (Value, usize)> = HashMap::new();
    let mut lines = HashMap::new();
    let mut nodes = 0_usize;
    loop {
        let (event, mark) = parser.next_token().map_err(|error| format!("line {}", error.marker().line()))?;
        let line = u32::try_from(mark.line()).unwrap_or(u32::MAX);
        let (value, anchor) = match event {
            Event::Scalar(text, style, anchor, _) => {
                if let Some(Open::Map(_, key @ None, _)) = open.last_mut() {
                    *key = Some(text);
                    if open.len() <= LOCATED_DEPTH {
                        lines.entry(keys(&open)).or_insert(line);
                    }
                    continue;
                }
                (if matches!(style, TScalarStyle::Plain) { plain(text) } else { Value::Text(text) }, anchor)
            }
            Event::Alias(anchor) => {
                let (value, size) = anchors.get(&anchor).cloned().unwrap_or((Value::Null, 1));
                nodes += size;
                if let (Some(Open::Map(_, key @ None, _)), Value::Text(text)) = (open.last_mut(), &value) {
                    *key = Some(text.clone());
                    continue;
                }
                (value, 0)
            }
            Event::SequenceStart(anchor, _) => {
                open.push(Open::List(Vec::new(), anchor));
                if open.len() > MAX_DEPTH {
                    return Err(format!("line {line}: it nests too deeply"));
                }
                continue;
            }
            Event::MappingStart(anchor, _) => {
                open.push(Open::Map(Vec::new(), None, anchor));
                if open.len() > MAX_DEPTH {
                    return Err(format!("line {line}: it nests too deeply"));
                }
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                Some(Open::List(values, anchor)) => (Value::List(values), anchor),
                Some(Open::Map(entries, _, anchor)) => (Value::Map(entries), anchor),
                None => return Err(format!("line {line}")),
            },
            Event::StreamEnd => return Err("it is empty".to_owned()),
            _ => continue,
        };
        nodes += 1;
        if nodes > MAX_NODES {
            return Err("it is too large, or its aliases make it so".to_owned());
        }
        if anchor > 0 {
            let size = size(&value);
            nodes += size;
            anchors.insert(anchor, (value.clone(), size));
        }
        match open.last_mut() {
            None => return Ok(Located { root: value, lines }),
            Some(Open::List(values, _)) => values.push(value),
            Some(Open::Map(entries, key, _)) => match key.take() {
                Some(name) if name == "<<" => {
                    nodes += entries.len();
                    merge(entries, value);
                }
                Some(name) => entries.push((name, value)),
                // A list or map as a key.
                None => *key = Some(value.compact()),
            },
        }
    }
}

fn keys(open: &[Open]) -> Vec<String> {
    open.iter()
        .map(|open| match open {
            Open::Map(_, key, _) => key.clone().unwrap_or_default(),
            Open::List(..) => String::new(),
        })
        .collect()
}

fn size(value: &Value) -> usize {
    match value {
        Value::List(values) => 1 + values.iter().map(size).sum::<usize>(),
        Value::Map(entries) => 1 + entries.iter().map(|(_, value)| size(value)).sum::<usize>(),
        _ => 1,
    }
}

/// What a map takes over from others; its own keys so far win.
fn merge(entries: &mut Vec<(String, Value)>, value: Value) {
    let mut known: HashSet<String> = entries.iter().map(|(name, _)| name.clone()).collect();
    let others = match value {
        Value::List(values) => values,
        other => vec![other],
    };
    for other in others {
        if let Value::Map(more) = other {
            entries.extend(more.into_iter().filter(|(name, _)| known.insert(name.clone())));
        }
    }
}

fn plain(text: String) -> Value {
    match text.as_str() {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        number if number.parse::<f64>().is_ok_and(f64::is_finite) && number.ends_with(|c: char| c.is_ascii_digit()) => Value::Number(text),
        _ => Value::Text(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_and_yaml_give_the_same_tree_in_the_order_of_the_file() {
        let json = json("{\"b\": 1,\n \"a\": [true, null, \"x\"],\n \"c\": {\n  \"d\": \"2\"}}").unwrap();
        let yaml = yaml("b: 1\na: [true, ~, x]\nc:\n  d: \"2\"\n").unwrap();
        assert_eq!(json.root, yaml.root);
        assert_eq!(json.root.compact(), r#"{"b": 1, "a": [true, null, "x"], "c": {"d": "2"}}"#);
        assert_eq!((json.line(&["c", "d"]), yaml.line(&["c", "d"]), yaml.line(&["a", "none"])), (4, 4, 2));
    }

    #[test]
    fn aliases_and_merges_are_resolved_and_a_bomb_of_them_is_refused() {
        let merged = yaml("a: &a {x: 1}\nb:\n  <<: *a\n  y: 2\n").unwrap();
        assert_eq!(merged.root.get("b").unwrap().compact(), r#"{"x": 1, "y": 2}"#);
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for n in 1..12 {
            bomb.push_str(&format!("a{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 10].join(", ")));
        }
        assert!(yaml(&bomb).is_err());
    }
}
