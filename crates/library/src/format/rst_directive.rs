//! Directives of reStructuredText and Sphinx: which are text, which are code, which are the generator's own.

use super::include::select_lines;
use super::language_of;
use super::rst::{Line, MAX_INCLUDED_LINES, Reader, lines_of, substitutions};

impl Reader<'_> {
    pub(super) fn directive(&mut self, full_name: &str, arguments: &str, number: u32, body: Vec<Line>, depth: u8) {
        let name = full_name.rsplit(':').next().unwrap_or(full_name);
        let (options, body) = options(body);
        let option = |key: &str| options.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str());
        match name {
            "code-block" | "sourcecode" | "code" | "testcode" | "testsetup" | "doctest" | "ipython" | "prompt" | "parsed-literal"
            | "console" | "testoutput" | "highlight-code" | "codeblock" => {
                let language = match (name, arguments.split_whitespace().next()) {
                    ("parsed-literal" | "testoutput", _) => "",
                    ("testcode" | "testsetup" | "doctest" | "ipython", _) => "python",
                    ("console", _) => "console",
                    (_, Some(language)) => language.split('+').next().unwrap_or(language),
                    (_, None) => &self.language.clone(),
                };
                let caption = option("caption").unwrap_or_default().to_owned();
                let is_file = !caption.contains(' ') && caption.contains(['.', '/']);
                if !is_file {
                    self.prose(&caption, number, number);
                }
                let body: Vec<Line> = if name == "parsed-literal" {
                    body.iter().map(|l| Line { number: l.number, text: self.clean(&l.text).replace('`', "") }).collect()
                } else {
                    body
                };
                self.named_code(language, is_file.then_some(caption), &body);
            }
            "literalinclude" => {
                if let Some(text) = self.tree.read(self.path, arguments) {
                    let text = option("lines").map_or(text.clone(), |lines| select_lines(&text, lines));
                    let text = match (option("start-after"), option("end-before")) {
                        (None, None) => text,
                        (start, end) => between(&text, start, end),
                    };
                    let language = option("language").unwrap_or_else(|| language_of(arguments)).to_owned();
                    self.flush_prefix(number);
                    self.builder.code(&language, Some(arguments.to_owned()), &text, number, number);
                }
            }
            "include" => {
                if let Some(text) = self.tree.read(self.path, arguments)
                    && depth < 4
                    && self.included < MAX_INCLUDED_LINES
                {
                    let lines = lines_of(&text, Some(number));
                    self.included += lines.len().max(10);
                    self.substitutions.extend(substitutions(&lines));
                    self.blocks(&lines, depth + 1);
                }
            }
            "highlight" => {
                if let Some(language) = arguments.split_whitespace().next() {
                    self.language = language.to_ascii_lowercase();
                }
            }
            "toctree"
            | "index"
            | "contents"
            | "currentmodule"
            | "module"
            | "meta"
            | "raw"
            | "default-domain"
            | "sectionauthor"
            | "moduleauthor"
            | "codeauthor"
            | "rst-class"
            | "tabularcolumns"
            | "role"
            | "title"
            | "sectnum"
            | "changelog_imports"
            | "inheritance-diagram"
            | "replace"
            | "target-notes" => {}
            "image" => {
                let text = option("alt").unwrap_or_default().to_owned();
                self.prose(&text, number, number);
            }
            "figure" => self.blocks(&body, depth + 1),
            "glossary" => self.blocks(&terms(body), depth + 1),
            "only" | "ifconfig" | "container" | "compound" | "tabs" | "tab-set" | "hlist" | "grid" | "centered" | "highlights"
            | "epigraph" | "pull-quote" | "productionlist" => {
                if matches!(name, "centered") {
                    self.prose(arguments, number, number);
                }
                self.blocks(&body, depth + 1);
            }
            "versionadded" | "versionchanged" | "deprecated" | "versionremoved" => {
                let word = match name {
                    "versionadded" => "Added in version",
                    "versionchanged" => "Changed in version",
                    "deprecated" => "Deprecated since version",
                    _ => "Removed in version",
                };
                let (version, text) = arguments.split_once(' ').unwrap_or((arguments, ""));
                self.prefix.push_str(&format!("**{word} {version}**: "));
                let mut inner = body;
                inner.insert(0, Line { number, text: text.trim().to_owned() });
                self.blocks(&inner, depth + 1);
                self.flush_prefix(number);
            }
            _ if name.starts_with("auto") => {
                // What is generated from the code is not here; its name is.
                self.prose(&format!("`{arguments}`"), number, number);
                if let Some(members) = option("members").filter(|members| !members.is_empty()) {
                    self.prose(&format!("Members: {members}"), number, number);
                }
                self.blocks(&body, depth + 1);
            }
            "function" | "class" | "method" | "attribute" | "data" | "exception" | "staticmethod" | "classmethod" | "decorator"
            | "property" | "option" | "cmdoption" | "envvar" | "confval" | "describe" | "setting" | "fieldlookup" | "templatetag"
            | "templatefilter" | "django-admin" | "macro" | "type" | "struct" | "member" | "var" | "opcode" => {
                self.flush_prefix(number);
                self.prose(&format!("``{arguments}``"), number, number);
                self.blocks(&body, depth + 1);
            }
            "math" => {
                let text = std::iter::once(arguments).chain(body.iter().map(|l| l.text.as_str())).collect::<Vec<_>>().join("\n");
                self.prose(&text, number, body.last().map_or(number, |l| l.number));
            }
            "note" | "warning" | "tip" | "important" | "seealso" | "attention" | "caution" | "danger" | "error" | "hint" | "todo" => {
                let label = match name {
                    "seealso" => "See also".to_owned(),
                    other => other[..1].to_uppercase() + &other[1..],
                };
                self.flush_prefix(number);
                self.prefix.push_str(&format!("**{label}**: "));
                let mut inner = body;
                inner.insert(0, Line { number, text: arguments.to_owned() });
                self.blocks(&inner, depth + 1);
                self.flush_prefix(number);
            }
            "list-table" | "csv-table" => {
                self.flush_prefix(number);
                if !arguments.is_empty() {
                    self.prose(&format!("**{arguments}**"), number, number);
                }
                let table = if name == "list-table" { self.list_table(&body) } else { self.value_table(option("header"), &body) };
                match table {
                    // It is clean already.
                    Some(table) => self.builder.prose(&table, number, body.last().map_or(number, |line| line.number)),
                    None => self.blocks(&body, depth + 1),
                }
            }
            "rubric" | "topic" | "sidebar" | "admonition" | "table" | "dropdown" | "card" | "tab" | "tab-item" | "collapse" => {
                self.flush_prefix(number);
                if !arguments.is_empty() {
                    self.prose(&format!("**{arguments}**"), number, number);
                }
                self.blocks(&body, depth + 1);
            }
            _ => {
                let mut text = arguments.to_owned();
                for (key, value) in &options {
                    if matches!(key.as_str(), "tags" | "versions" | "title" | "released") && !value.is_empty() {
                        text.push_str(&format!("\n{key}: {value}"));
                    }
                }
                self.flush_prefix(number);
                self.prose(text.trim(), number, number);
                self.blocks(&body, depth + 1);
            }
        }
    }
}

/// Terms that share an explanation, in one line.
fn terms(body: Vec<Line>) -> Vec<Line> {
    let mut out: Vec<Line> = Vec::with_capacity(body.len());
    for line in body {
        match out.last_mut() {
            Some(before) if !before.blank() && before.indent() == 0 && !line.blank() && line.indent() == 0 => {
                before.text.push_str(", ");
                before.text.push_str(&line.text);
            }
            _ => out.push(line),
        }
    }
    out
}

/// The lines after one that has a text, up to one that has another.
fn between(text: &str, start: Option<&str>, end: Option<&str>) -> String {
    let from = start.and_then(|start| text.lines().position(|line| line.contains(start))).map_or(0, |at| at + 1);
    text.lines().skip(from).take_while(|line| !end.is_some_and(|end| line.contains(end))).collect::<Vec<_>>().join("\n")
}

/// `:name: value` at the head of a directive's body.
fn options(body: Vec<Line>) -> (Vec<(String, String)>, Vec<Line>) {
    let mut options: Vec<(String, String)> = Vec::new();
    let mut used = 0;
    for line in &body {
        let text = line.text.as_str();
        let pair = text.strip_prefix(':').and_then(|rest| rest.split_once(':')).filter(|(key, value)| {
            !key.is_empty()
                && (value.is_empty() || value.starts_with(' '))
                && key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
        });
        match pair {
            Some((key, value)) => options.push((key.to_owned(), value.trim().to_owned())),
            None if used > 0 && !line.blank() && line.indent() > 0 => {
                if let Some((_, value)) = options.last_mut() {
                    value.push(' ');
                    value.push_str(text.trim());
                }
            }
            None => break,
        }
        used += 1;
    }
    let rest: Vec<Line> = body.into_iter().skip(used).skip_while(Line::blank).collect();
    (options, rest)
}
