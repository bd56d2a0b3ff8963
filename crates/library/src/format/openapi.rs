//! OpenAPI 3.0 and 3.1: operations under their tags, and schemas.

use super::openapi_schema::{Components, name_of, reference, remarks, shortened, summary};
use super::value::{self, Located, Value};
use super::{BlockContent, FormatError, Page, PageBuilder, include::Tree, markdown};
use std::collections::{HashMap, HashSet};

const METHODS: [&str; 9] = ["get", "put", "post", "delete", "options", "head", "patch", "trace", "query"];
/// An example is cut after this many characters.
const MAX_EXAMPLE: usize = 2_500;
/// Examples that one body or response shows.
const MAX_EXAMPLES: usize = 3;
/// What all schemas of a page may take; later ones are named only.
const MAX_RENDERED: usize = 16 * 1024 * 1024;

/// Whether a JSON or YAML text says that it is an OpenAPI 3 document. Looks at keys only: [`read`] decides.
#[must_use]
pub fn looks_like_openapi(text: &str) -> bool {
    let version = |rest: &str| {
        let rest = rest.trim_start().strip_prefix(['"', '\'']).unwrap_or(rest.trim_start());
        rest.trim_start().strip_prefix(':').is_some_and(|rest| rest.trim_start().trim_start_matches(['"', '\'']).starts_with("3."))
    };
    if text.trim_start_matches('\u{feff}').trim_start().starts_with('{') {
        return text.match_indices("\"openapi\"").take(20).any(|(at, key)| version(&text[at + key.len()..]));
    }
    text.lines().any(|line| line.trim_start_matches(['"', '\'']).strip_prefix("openapi").is_some_and(version))
}

/// Reads a page.
///
/// # Errors
/// [`FormatError::Malformed`] if it is no OpenAPI 3 document.
pub fn read(path: &str, text: &str) -> Result<Page, FormatError> {
    if !looks_like_openapi(text) {
        return Err(FormatError::Malformed("OpenAPI 3", not_openapi(text).to_owned()));
    }
    let json = text.trim_start_matches('\u{feff}').trim_start().starts_with('{');
    let document = if json { value::json(text) } else { value::yaml(text) };
    let document = document.map_err(|reason| FormatError::Malformed(if json { "JSON" } else { "YAML" }, reason))?;
    if !document.root.text("openapi").is_some_and(|version| version.starts_with("3."))
        && !matches!(document.root.get("openapi"), Some(Value::Number(version)) if version.starts_with('3'))
    {
        return Err(FormatError::Malformed("OpenAPI 3", not_openapi(text).to_owned()));
    }
    let mut writer =
        Writer { builder: PageBuilder::default(), document: &document, components: Components::of(&document.root), path, rendered: 0 };
    writer.run();
    Ok(writer.builder.finish(path))
}

/// What a JSON or YAML file is instead, in words.
#[must_use]
pub fn not_openapi(text: &str) -> &'static str {
    let swagger = text.match_indices("swagger").take(20).any(|(at, key)| {
        text[at + key.len()..]
            .trim_start_matches(['"', '\''])
            .trim_start()
            .strip_prefix(':')
            .is_some_and(|rest| rest.trim_start().trim_start_matches(['"', '\'']).starts_with("2."))
    });
    if swagger { "it is Swagger 2.0; OpenAPI 3.0 and 3.1 are read" } else { "it has no top-level \"openapi: 3…\"" }
}

struct Writer<'a> {
    builder: PageBuilder,
    document: &'a Located,
    components: Components<'a>,
    path: &'a str,
    rendered: usize,
}

struct Operation<'a> {
    method: &'a str,
    route: &'a str,
    shared: &'a Value,
    value: &'a Value,
    line: u32,
}

impl<'a> Writer<'a> {
    fn run(&mut self) {
        let root = &self.document.root;
        self.about(root);
        let tags: Vec<(&str, &Value)> = root.list("tags").iter().filter_map(|tag| Some((tag.text("name")?, tag))).collect();
        let mut order: Vec<&str> = tags.iter().map(|(name, _)| *name).collect();
        let mut known: HashSet<&str> = order.iter().copied().collect();
        let described: HashMap<&str, &Value> = tags.into_iter().collect();
        let mut by_tag: HashMap<&str, Vec<Operation<'a>>> = HashMap::new();
        for kind in ["paths", "webhooks"] {
            for (route, shared) in root.entries(kind) {
                let Some(shared) = self.components.resolve(shared) else { continue };
                let Value::Map(operations) = shared else { continue };
                for (method, value) in operations.iter().filter(|(method, _)| METHODS.contains(&method.as_str())) {
                    let tag = match value.list("tags").first() {
                        Some(Value::Text(tag)) => tag.as_str(),
                        _ if kind == "webhooks" => "Webhooks",
                        _ => "Operations",
                    };
                    if known.insert(tag) {
                        order.push(tag);
                    }
                    let line = self.document.line(&[kind, route, method]);
                    by_tag.entry(tag).or_default().push(Operation { method, route, shared, value, line });
                }
            }
        }
        for tag in order {
            let Some(operations) = by_tag.remove(tag) else { continue };
            let line = operations.first().map_or(1, |operation| operation.line);
            self.builder.heading(1, tag, None, line);
            if let Some(description) = described.get(tag).and_then(|tag| tag.text("description")) {
                self.markdown(description, self.document.line(&["tags"]));
            }
            for operation in operations {
                self.operation(&operation);
            }
        }
        self.schemas(root);
    }

    fn about(&mut self, root: &'a Value) {
        let line = self.document.line(&["info"]);
        if let Some(info) = root.get("info") {
            if let Some(title) = info.text("title") {
                self.builder.title(title.to_owned());
            }
            if let Some(summary) = info.text("summary") {
                self.builder.prose(summary, line, line);
            }
            if let Some(description) = info.text("description") {
                // Headings of the description stand above its parts.
                markdown::read_into(&mut self.builder, self.path, description, &Tree::none(), line.saturating_sub(1));
            }
            if let Some(version) = info.get("version").and_then(Value::plain) {
                self.builder.prose(&format!("Version {version} of the API."), line, line);
            }
        }
        let servers: Vec<String> = root
            .list("servers")
            .iter()
            .filter_map(|server| {
                let url = server.text("url")?;
                Some(server.text("description").map_or_else(|| format!("- `{url}`"), |text| format!("- `{url}`: {}", shortened(text))))
            })
            .collect();
        if !servers.is_empty() {
            let line = self.document.line(&["servers"]);
            self.builder.heading(1, "Servers", None, line);
            self.builder.prose(&servers.join("\n"), line, line);
        }
        let schemes = root.get("components").map(|parts| parts.entries("securitySchemes")).unwrap_or_default();
        if !schemes.is_empty() {
            let line = self.document.line(&["components", "securitySchemes"]);
            self.builder.heading(1, "Authentication", None, line);
            let lines: Vec<String> =
                schemes.iter().filter_map(|(name, scheme)| Some(security_scheme(name, self.components.resolve(scheme)?))).collect();
            self.builder.prose(&lines.join("\n"), line, line);
        }
    }

    fn operation(&mut self, operation: &Operation<'a>) {
        let Operation { method, route, shared, value, line } = *operation;
        let id = value.text("operationId");
        self.builder.heading(2, &format!("{} {route}", method.to_uppercase()), id.map(str::to_owned), line);
        let mut facts = value.text("summary").or_else(|| shared.text("summary")).map(str::to_owned).into_iter().collect::<Vec<_>>();
        if value.flag("deprecated") {
            facts.push("**Deprecated.**".to_owned());
        }
        if let Some(id) = id {
            facts.push(format!("Operation `{id}`."));
        }
        if let Some(first) = facts.first_mut().filter(|first| !first.ends_with(['.', '!', '?', '*'])) {
            first.push('.');
        }
        self.builder.prose(&facts.join(" "), line, line);
        if let Some(description) = value.text("description").or_else(|| shared.text("description")) {
            self.markdown(description, line);
        }
        self.parameters(operation);
        if let Some(body) = value.get("requestBody").and_then(|body| self.components.resolve(body)) {
            let required = if body.flag("required") { ", required" } else { "" };
            let description = body.text("description").map_or_else(String::new, |text| format!(": {}", super::collapse(text)));
            let kinds = media_names(body);
            self.builder.prose(&format!("**Request body**{kinds}{required}{description}"), line, line);
            self.content(body, "Body", line);
        }
        self.responses(value, line);
        self.security(value, line);
        let callbacks: Vec<&str> = value.entries("callbacks").iter().map(|(name, _)| name.as_str()).take(50).collect();
        if !callbacks.is_empty() {
            self.builder.prose(&format!("Callbacks: {}", callbacks.join(", ")), line, line);
        }
    }

    fn parameters(&mut self, operation: &Operation<'a>) {
        let mut rows: Vec<(String, String)> = Vec::new();
        // An operation's own parameter replaces the shared one of the same name and place.
        for parameter in operation.value.list("parameters").iter().chain(operation.shared.list("parameters")) {
            let Some(parameter) = self.components.resolve(parameter) else {
                continue;
            };
            let (Some(name), place) = (parameter.text("name"), parameter.text("in").unwrap_or("query")) else { continue };
            let key = format!("{place} {name}");
            if rows.len() >= 400 || rows.iter().any(|(known, _)| *known == key) {
                continue;
            }
            let media = parameter.entries("content").first().map(|(_, media)| media);
            let schema = parameter.get("schema").or_else(|| media.and_then(|media| media.get("schema")));
            let kind = schema.map_or_else(|| "any".to_owned(), |schema| summary(self.components.resolve(schema).unwrap_or(schema)));
            let mut said = parameter.text("description").map(shortened).unwrap_or_default();
            let limits = schema.and_then(|schema| self.components.resolve(schema)).map(|schema| remarks(schema, false)).unwrap_or_default();
            for extra in [
                limits,
                schema
                    .and_then(|schema| schema.get("default"))
                    .map(|value| format!("default `{}`", cut(&value.compact(), 80)))
                    .unwrap_or_default(),
                parameter.get("example").map(|value| format!("example `{}`", cut(&value.compact(), 80))).unwrap_or_default(),
                if parameter.flag("deprecated") { "deprecated".to_owned() } else { String::new() },
            ] {
                if !extra.is_empty() {
                    said = if said.is_empty() { extra } else { format!("{} ({extra})", said.trim_end_matches('.')) };
                }
            }
            let required = if parameter.flag("required") { "yes" } else { "no" };
            let cell = |text: &str| text.replace('|', "\\|").replace('\n', " ");
            rows.push((key, format!("| `{name}` | {place} | {} | {required} | {} |", cell(&format!("`{kind}`")), cell(&said))));
        }
        if !rows.is_empty() {
            let rows: Vec<String> = rows.into_iter().map(|(_, row)| row).collect();
            let table = format!("| parameter | in | type | required | description |\n| --- | --- | --- | --- | --- |\n{}", rows.join("\n"));
            self.builder.prose(&table, operation.line, operation.line);
        }
    }

    fn responses(&mut self, operation: &'a Value, line: u32) {
        let mut list = vec!["**Responses**".to_owned()];
        let mut shown = None;
        let succeeds = operation.entries("responses").iter().any(|(status, _)| status.starts_with('2'));
        for (status, response) in operation.entries("responses").iter().take(100) {
            let Some(response) = self.components.resolve(response) else {
                list.push(format!("- {status}"));
                continue;
            };
            let schema = response.entries("content").first().and_then(|(_, media)| media.get("schema"));
            let kind = schema.map_or_else(String::new, |schema| format!(" `{}`", summary(schema)));
            let said = response.text("description").map_or_else(String::new, |text| format!(": {}", shortened(text)));
            list.push(format!("- {status}{}{kind}{said}", media_names(response)));
            let headers: Vec<&str> = response.entries("headers").iter().map(|(name, _)| name.as_str()).take(20).collect();
            if !headers.is_empty() {
                list.push(format!("  - headers: {}", headers.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")));
            }
            if shown.is_none() && (status.starts_with('2') || status == "default" && !succeeds) && !response.entries("content").is_empty() {
                shown = Some(response);
            }
        }
        if list.len() > 1 {
            self.builder.prose(&list.join("\n"), line, line);
        }
        if let Some(response) = shown {
            self.content(response, "Response", line);
        }
    }

    /// The schema and the examples of a body.
    fn content(&mut self, body: &'a Value, name: &str, line: u32) {
        let Some((kind, media)) = body.entries("content").first() else { return };
        if let Some(schema) = media.get("schema") {
            self.schema(name, schema, true, line);
        }
        let schema = media.get("schema").and_then(|schema| self.components.resolve(schema));
        let single = media.get("example").or_else(|| schema.and_then(|schema| schema.get("example")));
        let first = schema.and_then(|schema| schema.list("examples").first());
        let mut examples: Vec<(&str, &Value)> = single.or(first).map(|value| ("", value)).into_iter().collect();
        for (name, example) in media.entries("examples").iter().take(MAX_EXAMPLES) {
            if let Some(value) = self.components.resolve(example).and_then(|example| example.get("value")) {
                examples.push((name, value));
            }
        }
        for (name, value) in examples.into_iter().take(MAX_EXAMPLES) {
            let (language, text) = match value {
                Value::Text(text) => (
                    if kind.contains("xml") {
                        "xml"
                    } else if kind.contains("json") {
                        "json"
                    } else {
                        ""
                    },
                    text.clone(),
                ),
                other => ("json", other.pretty()),
            };
            let label = if name.is_empty() { "Example:".to_owned() } else { format!("Example `{name}`:") };
            self.builder.prose(&label, line, line);
            self.builder.code(language, None, &cut(&text, MAX_EXAMPLE), line, line);
        }
    }

    fn schema(&mut self, fallback: &str, schema: &'a Value, with_others: bool, line: u32) {
        if self.rendered > MAX_RENDERED {
            return;
        }
        let name = reference(schema).map_or(fallback, name_of);
        if with_others && is_simple(schema) {
            // The list of responses says it already.
            return;
        }
        if let Some((code, work)) = self.components.declare(name, schema, with_others) {
            self.rendered += work;
            self.builder.code("typescript", None, &code, line, line);
        }
    }

    fn security(&mut self, operation: &'a Value, line: u32) {
        let own = operation.get("security").or_else(|| self.document.root.get("security"));
        let Some(Value::List(ways)) = own else { return };
        let ways: Vec<String> = ways
            .iter()
            .filter_map(|way| if let Value::Map(schemes) = way { Some(schemes) } else { None })
            .filter(|schemes| !schemes.is_empty())
            .take(20)
            .map(|schemes| {
                schemes
                    .iter()
                    .map(|(name, scopes)| match scopes {
                        Value::List(scopes) if !scopes.is_empty() => {
                            format!("`{name}` ({})", scopes.iter().filter_map(Value::plain).collect::<Vec<_>>().join(", "))
                        }
                        _ => format!("`{name}`"),
                    })
                    .collect::<Vec<_>>()
                    .join(" and ")
            })
            .collect();
        if !ways.is_empty() {
            self.builder.prose(&format!("Authentication: {}", ways.join(" or ")), line, line);
        }
    }

    fn schemas(&mut self, root: &'a Value) {
        let schemas = root.get("components").map(|parts| parts.entries("schemas")).unwrap_or_default();
        if schemas.is_empty() {
            return;
        }
        self.builder.heading(1, "Schemas", None, self.document.line(&["components", "schemas"]));
        for (name, schema) in schemas {
            let line = self.document.line(&["components", "schemas", name]);
            self.builder.heading(2, name, None, line);
            if let Some(description) = schema.text("description") {
                self.markdown(description, line);
            }
            self.schema(name, schema, false, line);
            if let Some(example) = schema.get("example") {
                self.builder.prose("Example:", line, line);
                self.builder.code("json", None, &cut(&example.pretty(), MAX_EXAMPLE), line, line);
            }
        }
    }

    /// A description's Markdown as blocks of the section that is open; its headings become bold lines.
    fn markdown(&mut self, text: &str, line: u32) {
        let mut inner = PageBuilder::default();
        markdown::read_into(&mut inner, self.path, text, &Tree::none(), 0);
        for section in inner.finish("").sections {
            if let Some(heading) = section.headings.last() {
                self.builder.prose(&format!("**{heading}**"), line, line);
            }
            for block in section.blocks {
                match block.content {
                    BlockContent::Prose(text) => self.builder.prose(&text, line, line),
                    BlockContent::Code { language, file_name, code } => self.builder.code(&language, file_name, &code, line, line),
                }
            }
        }
    }
}

fn media_names(body: &Value) -> String {
    let kinds: Vec<&str> = body.entries("content").iter().map(|(kind, _)| kind.as_str()).take(6).collect();
    if kinds.is_empty() { String::new() } else { format!(" ({})", kinds.join(", ")) }
}

fn security_scheme(name: &str, scheme: &Value) -> String {
    let kind = scheme.text("type").unwrap_or("");
    let how = match kind {
        "apiKey" => {
            format!("API key in the {} `{}`", scheme.text("in").unwrap_or("header"), scheme.text("name").unwrap_or(""))
        }
        "http" => format!("HTTP {}", scheme.text("scheme").unwrap_or("authentication")),
        "oauth2" => {
            let flows: Vec<String> = scheme
                .entries("flows")
                .iter()
                .map(|(flow, value)| {
                    let scopes: Vec<&str> = value.entries("scopes").iter().map(|(scope, _)| scope.as_str()).take(60).collect();
                    let address = value.text("tokenUrl").or_else(|| value.text("authorizationUrl")).unwrap_or("");
                    format!("{flow} at {address} with scopes {}", scopes.join(", "))
                })
                .collect();
            format!("OAuth 2 ({})", flows.join("; "))
        }
        "openIdConnect" => format!("OpenID Connect, {}", scheme.text("openIdConnectUrl").unwrap_or("")),
        other => other.to_owned(),
    };
    let said = scheme.text("description").map_or_else(String::new, |text| format!(". {}", shortened(text)));
    format!("- `{name}`: {how}{said}")
}

/// Whether a schema is but a text or a number.
fn is_simple(schema: &Value) -> bool {
    reference(schema).is_none()
        && matches!(schema.text("type"), Some("string" | "number" | "integer" | "boolean" | "null"))
        && schema.get("enum").is_none()
}

fn cut(text: &str, limit: usize) -> String {
    if text.chars().count() <= limit {
        return text.to_owned();
    }
    let head: String = text.chars().take(limit).collect();
    format!("{}…", head.trim_end())
}
