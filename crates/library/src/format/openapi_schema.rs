//! Schemas of OpenAPI as compact declarations that read like TypeScript.

use super::collapse;
use super::value::Value;
use std::collections::{HashMap, HashSet, VecDeque};

/// References that lead to references.
const MAX_HOPS: usize = 16;
/// Objects written inside objects.
const MAX_DEPTH: usize = 8;
/// Declarations of one block of code may take this many characters.
const MAX_DECLARED: usize = 1_800;
/// A schema in a section of its own may take this many.
const MAX_ALONE: usize = 60_000;
/// Referred schemas that are looked at for one block of code.
const MAX_OTHERS: usize = 24;
/// Of an enumeration this many values are written.
const MAX_VALUES: usize = 40;
/// Of a property's description this many characters are written.
const MAX_REMARK: usize = 140;

/// The parts of a document that others refer to.
#[derive(Debug)]
pub(super) struct Components<'a> {
    parts: HashMap<String, &'a Value>,
}

impl<'a> Components<'a> {
    pub(super) fn of(root: &'a Value) -> Self {
        let mut parts = HashMap::new();
        for (kind, values) in root.entries("components") {
            if let Value::Map(entries) = values {
                parts.extend(entries.iter().map(|(name, value)| (format!("#/components/{kind}/{name}"), value)));
            }
        }
        for kind in ["paths", "webhooks"] {
            parts.extend(root.entries(kind).iter().map(|(name, value)| (format!("#/{kind}/{name}"), value)));
        }
        Self { parts }
    }

    /// What a reference within the file leads to, and the value itself if it is none. `None` if it leads nowhere.
    pub(super) fn resolve(&self, value: &'a Value) -> Option<&'a Value> {
        let mut value = value;
        for _ in 0..MAX_HOPS {
            match reference(value) {
                Some(target) => value = self.target(target)?,
                None => return Some(value),
            }
        }
        None
    }

    fn target(&self, reference: &str) -> Option<&'a Value> {
        let pointer = if reference.contains(['~', '%']) { decoded(reference) } else { reference.to_owned() };
        self.parts.get(&pointer).copied()
    }

    /// A declaration of a schema, `with_others` with those that it refers to, as far as they fit; and how many characters of
    /// work it was. `None` if the schema leads nowhere.
    pub(super) fn declare(&self, name: &str, schema: &'a Value, with_others: bool) -> Option<(String, usize)> {
        let limit = if with_others { 2 * MAX_DECLARED } else { MAX_ALONE };
        let mut writer = Writer { waiting: Vec::new(), spent: 0, limit };
        let mut out = declaration(&mut writer, name, self.resolve(schema)?);
        let mut work = writer.spent + out.len();
        let mut waiting: VecDeque<&str> = std::mem::take(&mut writer.waiting).into();
        let mut seen: HashSet<&str> = HashSet::from([name]);
        while let Some(reference) = waiting.pop_front().filter(|_| with_others && seen.len() < MAX_OTHERS) {
            let name = name_of(reference);
            if !seen.insert(name) {
                continue;
            }
            let Some(schema) = self.target(reference) else { continue };
            let mut writer = Writer { waiting: Vec::new(), spent: 0, limit: MAX_DECLARED };
            let next = declaration(&mut writer, name, schema);
            work += writer.spent + next.len();
            if out.len() + next.len() <= MAX_DECLARED {
                waiting.extend(writer.waiting);
                out.push_str("\n\n");
                out.push_str(&next);
            }
        }
        Some((out, work))
    }
}

/// The target of a reference.
pub(super) fn reference(value: &Value) -> Option<&str> {
    value.text("$ref")
}

/// The last part of a reference.
pub(super) fn name_of(reference: &str) -> &str {
    reference.rsplit('/').next().unwrap_or(reference)
}

fn decoded(reference: &str) -> String {
    let mut bytes = Vec::with_capacity(reference.len());
    let mut rest = reference.as_bytes();
    while let Some((first, more)) = rest.split_first() {
        let hex = (*first == b'%').then(|| more.get(..2).and_then(|hex| std::str::from_utf8(hex).ok())).flatten();
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &more[2..];
            }
            None => {
                bytes.push(*first);
                rest = more;
            }
        }
    }
    String::from_utf8_lossy(&bytes).replace("~1", "/").replace("~0", "~")
}

struct Writer<'a> {
    /// References that were written by their names.
    waiting: Vec<&'a str>,
    /// Characters written so far, about.
    spent: usize,
    /// Where writing stops.
    limit: usize,
}

fn declaration<'a>(writer: &mut Writer<'a>, name: &str, schema: &'a Value) -> String {
    let mut remark = String::new();
    if let Some(title) = schema.text("title").filter(|title| *title != name) {
        remark = format!("// {}\n", shortened(title));
    }
    let body = writer.kind(schema, 0);
    let own = remarks(schema, false);
    let own = if own.is_empty() || body.contains('\n') { String::new() } else { format!(" // {own}") };
    format!("{remark}type {name} = {body}{own}")
}

/// The short name of a schema's type, for a list: `Pet[]`, `string`.
pub(super) fn summary(schema: &Value) -> String {
    let mut writer = Writer { waiting: Vec::new(), spent: 0, limit: MAX_DECLARED };
    let kind = writer.kind(schema, MAX_DEPTH);
    kind.chars().take(200).collect()
}

impl<'a> Writer<'a> {
    fn kind(&mut self, schema: &'a Value, depth: usize) -> String {
        let mut kind = self.base(schema, depth);
        if schema.flag("nullable") && !kind.ends_with("| null") {
            kind.push_str(" | null");
        }
        kind
    }

    fn base(&mut self, schema: &'a Value, depth: usize) -> String {
        self.spent += 8;
        if self.spent > self.limit {
            return "…".to_owned();
        }
        if let Some(target) = reference(schema) {
            self.waiting.push(target);
            return name_of(target).to_owned();
        }
        if let Some(value) = schema.get("const") {
            return value.compact();
        }
        let values = schema.list("enum");
        if !values.is_empty() {
            let mut shown: Vec<String> = values.iter().take(MAX_VALUES).map(Value::compact).collect();
            if values.len() > MAX_VALUES {
                shown.push(format!("… {} more", values.len() - MAX_VALUES));
            }
            return shown.join(" | ");
        }
        for (key, sign) in [("oneOf", " | "), ("anyOf", " | "), ("allOf", " & ")] {
            let parts = schema.list(key);
            if parts.is_empty() || depth > MAX_DEPTH {
                continue;
            }
            let mut kinds: Vec<String> = parts.iter().take(MAX_VALUES).map(|part| self.kind(part, depth)).collect();
            if !schema.entries("properties").is_empty() {
                kinds.push(self.object(schema, depth));
            }
            kinds.retain(|kind| kind != "any");
            kinds.dedup();
            if kinds.is_empty() {
                continue;
            }
            let grouped = kinds.len() > 1 && sign == " & ";
            return kinds
                .into_iter()
                .map(|kind| if grouped && kind.contains(" | ") && !kind.starts_with('{') { format!("({kind})") } else { kind })
                .collect::<Vec<_>>()
                .join(sign);
        }
        let names: Vec<&str> = match schema.get("type") {
            Some(Value::Text(name)) => vec![name.as_str()],
            Some(Value::List(names)) => {
                names.iter().filter_map(|name| if let Value::Text(name) = name { Some(name.as_str()) } else { None }).take(8).collect()
            }
            _ if schema.get("properties").is_some() || schema.get("additionalProperties").is_some() => vec!["object"],
            _ if schema.get("items").is_some() => vec!["array"],
            _ => return "any".to_owned(),
        };
        names
            .into_iter()
            .map(|name| match name {
                "object" => self.object(schema, depth),
                "array" => self.array(schema, depth),
                other => other.to_owned(),
            })
            .collect::<Vec<_>>()
            .join(" | ")
    }

    fn array(&mut self, schema: &'a Value, depth: usize) -> String {
        let Some(items) = schema.get("items").filter(|_| depth <= MAX_DEPTH) else { return "any[]".to_owned() };
        let kind = self.kind(items, depth + 1);
        if kind.contains([' ', '\n']) && !kind.starts_with('{') { format!("({kind})[]") } else { format!("{kind}[]") }
    }

    fn object(&mut self, schema: &'a Value, depth: usize) -> String {
        let properties = schema.entries("properties");
        let more = match schema.get("additionalProperties") {
            Some(values @ Value::Map(_)) if depth < MAX_DEPTH => Some(self.kind(values, depth + 1)),
            Some(Value::Bool(true)) => Some("any".to_owned()),
            _ => None,
        };
        if properties.is_empty() {
            return more.map_or_else(|| "object".to_owned(), |kind| format!("{{ [key: string]: {kind} }}"));
        }
        if depth >= MAX_DEPTH {
            return "object".to_owned();
        }
        let required: HashSet<&str> = schema
            .list("required")
            .iter()
            .filter_map(|name| if let Value::Text(name) = name { Some(name.as_str()) } else { None })
            .collect();
        let indent = "  ".repeat(depth + 1);
        let mut out = String::from("{\n");
        for (name, property) in properties {
            if self.spent > self.limit {
                out.push_str(&format!("{indent}…\n"));
                break;
            }
            let mark = if required.contains(name.as_str()) { "" } else { "?" };
            let kind = self.kind(property, depth + 1);
            out.push_str(&format!("{indent}{}{mark}: {kind}", key(name)));
            if let Some(value) = property.get("default") {
                let value: String = value.compact().chars().take(80).collect();
                out.push_str(&format!(" = {value}"));
            }
            let remark = remarks(property, true);
            self.spent += name.len() + remark.len();
            if !remark.is_empty() {
                out.push_str(&format!(" // {remark}"));
            }
            out.push('\n');
        }
        if let Some(kind) = more {
            out.push_str(&format!("{indent}[key: string]: {kind}\n"));
        }
        out.push_str(&"  ".repeat(depth));
        out.push('}');
        out
    }
}

fn key(name: &str) -> String {
    if !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '$' | '-' | '.')) {
        name.to_owned()
    } else {
        format!("{name:?}")
    }
}

/// Format, limits and description of a property on one line.
pub(super) fn remarks(schema: &Value, with_description: bool) -> String {
    let mut parts: Vec<String> = Vec::new();
    if let Some(format) = schema.text("format") {
        parts.push(format.to_owned());
    }
    for (key, word) in [
        ("minimum", "at least"),
        ("exclusiveMinimum", "more than"),
        ("maximum", "at most"),
        ("exclusiveMaximum", "less than"),
        ("minLength", "min length"),
        ("maxLength", "max length"),
        ("minItems", "min items"),
        ("maxItems", "max items"),
        ("multipleOf", "multiple of"),
        ("pattern", "pattern"),
    ] {
        if let Some(value) = schema.get(key).filter(|value| !matches!(value, Value::Bool(_))).and_then(Value::plain) {
            parts.push(format!("{word} {}", value.chars().take(80).collect::<String>()));
        }
    }
    for (key, word) in [("uniqueItems", "unique"), ("readOnly", "read-only"), ("writeOnly", "write-only"), ("deprecated", "deprecated")] {
        if schema.flag(key) {
            parts.push(word.to_owned());
        }
    }
    let mut out = parts.join(", ");
    if with_description && let Some(description) = schema.text("description") {
        if !out.is_empty() {
            out.push_str(": ");
        }
        out.push_str(&shortened(description));
    }
    out
}

/// The beginning of a text on one line.
pub(super) fn shortened(text: &str) -> String {
    let flat = collapse(&text.chars().take(MAX_REMARK * 4).collect::<String>());
    if flat.chars().count() <= MAX_REMARK {
        return flat;
    }
    let cut: String = flat.chars().take(MAX_REMARK).collect();
    match cut.rfind(". ") {
        Some(end) if end > MAX_REMARK / 3 => cut[..=end].to_owned(),
        _ => format!("{}…", cut.rsplit_once(' ').map_or(cut.as_str(), |(head, _)| head)),
    }
}
