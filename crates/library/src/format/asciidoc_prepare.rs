//! AsciiDoc before its blocks are read: includes, conditions and attributes.

use super::include::{Tree, select_lines};
use std::collections::HashMap;

/// Includes within includes.
const MAX_DEPTH: u8 = 5;
/// Files that a page may include.
const MAX_INCLUDES: usize = 2_000;
/// A page with its includes may have this many lines.
const MAX_LINES: usize = 200_000;
/// Attributes that a page may set.
const MAX_ATTRIBUTES: usize = 2_000;
/// Values of attributes within values of attributes are put in up to this length.
const MAX_VALUE: usize = 2_000;

/// A line and where it came from.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) number: u32,
    pub(super) text: String,
}

/// Names and their values.
#[derive(Clone, Debug)]
pub(super) struct Attributes(HashMap<String, String>);

impl Attributes {
    pub(super) fn new() -> Self {
        let built_in = [
            ("empty", ""),
            ("blank", ""),
            ("sp", " "),
            ("nbsp", " "),
            ("zwsp", ""),
            ("wj", ""),
            ("apos", "'"),
            ("quot", "\""),
            ("lsquo", "‘"),
            ("rsquo", "’"),
            ("ldquo", "“"),
            ("rdquo", "”"),
            ("deg", "°"),
            ("plus", "+"),
            ("brvbar", "¦"),
            ("vbar", "|"),
            ("amp", "&"),
            ("lt", "<"),
            ("gt", ">"),
            ("startsb", "["),
            ("endsb", "]"),
            ("caret", "^"),
            ("asterisk", "*"),
            ("tilde", "~"),
            ("backslash", "\\"),
            ("backtick", "`"),
            ("two-colons", "::"),
            ("two-semicolons", ";;"),
            ("cpp", "C++"),
            ("pp", "++"),
            ("backend", "html5"),
            ("backend-html5", ""),
            ("basebackend-html", ""),
            ("idprefix", "_"),
        ];
        Self(built_in.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// `:name: value`, `:name!:`, `:!name:`. Whether the line was one.
    pub(super) fn entry(&mut self, line: &str) -> bool {
        let Some((name, value)) = line.strip_prefix(':').and_then(|rest| rest.split_once(':')) else { return false };
        let (unset, name) = match (name.strip_prefix('!'), name.strip_suffix('!')) {
            (Some(name), _) | (_, Some(name)) => (true, name),
            _ => (false, name),
        };
        if name.is_empty()
            || !name.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_'))
            || !(value.is_empty() || value.starts_with([' ', '\t']))
        {
            return false;
        }
        if unset {
            self.0.remove(&name.to_lowercase());
        } else if self.0.len() < MAX_ATTRIBUTES {
            let value: String = self.fill(value.trim().trim_end_matches(['\\', '+']).trim_end()).chars().take(MAX_VALUE).collect();
            self.0.insert(name.to_lowercase(), value);
        }
        true
    }

    /// Puts values in the place of `{name}`; a name that is not known stays.
    pub(super) fn fill(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find('{') {
            let escaped = rest[..at].ends_with('\\');
            out.push_str(rest[..at].strip_suffix('\\').unwrap_or(&rest[..at]));
            rest = &rest[at..];
            let end = rest.bytes().take(80).position(|b| b == b'}');
            let value = end.filter(|_| !escaped).and_then(|end| self.get(&rest[1..end].to_lowercase()));
            match (value, end) {
                (Some(value), Some(end)) => {
                    out.push_str(value);
                    rest = &rest[end + 1..];
                }
                _ => {
                    out.push('{');
                    rest = &rest[1..];
                }
            }
        }
        out.push_str(rest);
        out
    }
}

/// The lines of a page with its includes and without what its conditions leave out.
pub(super) fn prepare(path: &str, text: &str, tree: &Tree) -> Vec<Line> {
    let mut expander = Expander { tree, attributes: Attributes::new(), out: Vec::new(), includes: 0 };
    let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
    for (name, value) in [("docname", file.rsplit_once('.').map_or(file, |(stem, _)| stem)), ("docdir", folder), ("docfile", path)] {
        expander.attributes.0.insert(name.to_owned(), value.to_owned());
    }
    expander.expand(path, text, None, 0, 0);
    expander.out
}

struct Expander<'a> {
    tree: &'a Tree,
    attributes: Attributes,
    out: Vec<Line>,
    includes: usize,
}

impl Expander<'_> {
    fn expand(&mut self, path: &str, text: &str, fixed: Option<u32>, offset: i8, depth: u8) {
        // For each open condition, whether its lines are read.
        let mut conditions: Vec<bool> = Vec::new();
        let mut verbatim: Option<String> = None;
        for (index, line) in text.lines().enumerate() {
            if self.out.len() > MAX_LINES {
                return;
            }
            let number = fixed.unwrap_or_else(|| u32::try_from(index + 1).unwrap_or(u32::MAX));
            let line = line.trim_end();
            if let Some(directive) = directive(line) {
                match directive {
                    Directive::End => {
                        conditions.pop();
                    }
                    Directive::If(met, inline) => {
                        let met = met(&self.attributes);
                        match inline {
                            Some(text) if met && conditions.iter().all(|read| *read) => {
                                self.out.push(Line { number, text: text.to_owned() });
                            }
                            Some(_) => {}
                            None => conditions.push(met),
                        }
                    }
                    Directive::Include(target, options) => {
                        if conditions.iter().all(|read| *read) {
                            self.include(path, target, options, number, offset, depth);
                        }
                    }
                }
                continue;
            }
            if !conditions.iter().all(|read| *read) {
                continue;
            }
            match &verbatim {
                Some(open) if open == line => verbatim = None,
                None if is_verbatim(line) => verbatim = Some(line.to_owned()),
                None => {
                    self.attributes.entry(line);
                }
                Some(_) => {}
            }
            let text = line.strip_prefix('\\').filter(|rest| directive(rest).is_some()).unwrap_or(line);
            let text = if verbatim.is_none() && offset != 0 { shifted(text, offset) } else { text.to_owned() };
            self.out.push(Line { number, text });
        }
    }

    fn include(&mut self, path: &str, target: &str, options: &str, number: u32, offset: i8, depth: u8) {
        // Antora's names for folders beside the pages.
        let target = self.attributes.fill(target).replace("partial$", "../partials/").replace("example$", "../examples/");
        self.includes += 1;
        if depth >= MAX_DEPTH || self.includes > MAX_INCLUDES || target.contains("://") {
            return;
        }
        let Some(text) = self.tree.read(path, &target) else { return };
        let option = |name: &str| option(options, name).map(|value| self.attributes.fill(&value));
        let mut text = match (option("tags").or_else(|| option("tag")), option("lines")) {
            (Some(tags), _) => select_tags(&text, &tags),
            (None, Some(lines)) => select_lines(&text, &lines.replace("..-1", "-").replace("..", "-").replace(';', ",")),
            (None, None) => without_tags(&text),
        };
        if let Some(indent) = option("indent").and_then(|value| value.parse::<usize>().ok()) {
            text = reindented(&text, indent.min(40));
        }
        let own = option("leveloffset").and_then(|value| value.trim_start_matches('+').parse::<i8>().ok()).unwrap_or(0);
        let page = [".adoc", ".asciidoc", ".asc", ".ad"].iter().any(|ending| target.to_lowercase().ends_with(ending));
        if page {
            // What a page includes is relative to itself.
            let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
            let inner = if folder.is_empty() { target.clone() } else { format!("{folder}/{target}") };
            self.expand(&inner, &text, Some(number), offset.saturating_add(own).clamp(-5, 5), depth + 1);
        } else {
            self.out.extend(text.lines().take(MAX_LINES).map(|line| Line { number, text: line.trim_end().to_owned() }));
        }
    }
}

fn is_verbatim(line: &str) -> bool {
    line.len() >= 4 && ["----", "....", "++++", "////"].iter().any(|mark| line.starts_with(mark)) && {
        let first = line.as_bytes()[0];
        line.bytes().all(|b| b == first)
    } || line.starts_with("```")
}

fn shifted(line: &str, offset: i8) -> String {
    let level = line.bytes().take_while(|b| *b == b'=').count();
    if level == 0 || level > 6 || !line[level..].starts_with(' ') {
        return line.to_owned();
    }
    let level = i8::try_from(level).unwrap_or(1).saturating_add(offset).clamp(1, 6);
    "=".repeat(usize::try_from(level).unwrap_or(1)) + line.trim_start_matches('=')
}

type Condition = Box<dyn Fn(&Attributes) -> bool>;

enum Directive<'a> {
    If(Condition, Option<&'a str>),
    End,
    Include(&'a str, &'a str),
}

fn directive(line: &str) -> Option<Directive<'_>> {
    let (name, rest) = line.split_once("::")?;
    if !matches!(name, "ifdef" | "ifndef" | "ifeval" | "endif" | "include") {
        return None;
    }
    let (target, options) = rest.split_once('[').filter(|(_, options)| options.ends_with(']'))?;
    let options = &options[..options.len() - 1];
    match name {
        "endif" => Some(Directive::End),
        "include" => (!target.is_empty()).then_some(Directive::Include(target, options)),
        "ifeval" => {
            let expression = options.to_owned();
            Some(Directive::If(Box::new(move |attributes| evaluate(&attributes.fill(&expression))), None))
        }
        _ => {
            let names = target.to_lowercase();
            let wanted = name == "ifdef";
            let met = move |attributes: &Attributes| {
                let any = if names.contains('+') {
                    names.split('+').all(|name| attributes.has(name))
                } else {
                    names.split(',').any(|name| attributes.has(name))
                };
                any == wanted
            };
            Some(Directive::If(Box::new(met), (!options.is_empty()).then_some(options)))
        }
    }
}

/// `"a" == "b"` and the like, of texts or numbers.
fn evaluate(expression: &str) -> bool {
    for sign in ["==", "!=", "<=", ">=", "<", ">"] {
        if let Some((left, right)) = expression.split_once(sign) {
            let clean = |text: &str| text.trim().trim_matches(['"', '\'']).to_owned();
            let (left, right) = (clean(left), clean(right));
            let order = match (left.parse::<f64>(), right.parse::<f64>()) {
                (Ok(left), Ok(right)) => left.partial_cmp(&right),
                _ => Some(left.cmp(&right)),
            };
            return order.is_some_and(|order| match sign {
                "==" => order.is_eq(),
                "!=" => order.is_ne(),
                "<=" => order.is_le(),
                ">=" => order.is_ge(),
                "<" => order.is_lt(),
                _ => order.is_gt(),
            });
        }
    }
    false
}

/// The value of `name=value` or `name="value"` in a list of attributes.
pub(super) fn option(options: &str, name: &str) -> Option<String> {
    let mut rest = options;
    while let Some(at) = rest.find(name) {
        let before = rest[..at].chars().next_back();
        let after = &rest[at + name.len()..];
        if before.is_none_or(|c| matches!(c, ',' | ' ' | ';'))
            && let Some(value) = after.strip_prefix('=')
        {
            return Some(match value.strip_prefix('"') {
                Some(quoted) => quoted.split('"').next().unwrap_or("").to_owned(),
                None => value.split(',').next().unwrap_or("").trim().to_owned(),
            });
        }
        rest = after;
    }
    None
}

/// `tag::name[]` or `end::name[]`: whether it opens, and the name.
fn tag_mark(line: &str) -> Option<(bool, &str)> {
    let (opens, at) = match (line.find("tag::"), line.find("end::")) {
        (Some(at), _) => (true, at),
        (None, Some(at)) => (false, at),
        _ => return None,
    };
    let name = line[at + 5..].split_once("[]")?.0;
    (!name.is_empty() && !name.contains([' ', '\t'])).then_some((opens, name))
}

fn without_tags(text: &str) -> String {
    if !text.contains("[]") {
        return text.to_owned();
    }
    text.lines().filter(|line| tag_mark(line).is_none()).collect::<Vec<_>>().join("\n")
}

/// The lines between the marks of some tags: `a`, `a;b`, `*`, `**`, `!a`.
fn select_tags(text: &str, tags: &str) -> String {
    let wanted: Vec<&str> = tags.split([';', ',']).map(str::trim).filter(|tag| !tag.is_empty()).collect();
    let everything = wanted.contains(&"**") || wanted.iter().all(|tag| tag.starts_with('!'));
    let mut open: Vec<&str> = Vec::new();
    let mut out = Vec::new();
    for line in text.lines() {
        if let Some((opens, name)) = tag_mark(line) {
            if opens {
                if open.len() < 64 {
                    open.push(name);
                }
            } else if let Some(at) = open.iter().rposition(|known| *known == name) {
                open.remove(at);
            }
            continue;
        }
        let refused = open.iter().any(|name| wanted.iter().any(|tag| tag.strip_prefix('!') == Some(name)));
        let chosen = open.iter().any(|name| wanted.iter().any(|tag| tag == name || *tag == "*"));
        if !refused && (everything || chosen) {
            out.push(line);
        }
    }
    out.join("\n")
}

fn reindented(text: &str, indent: usize) -> String {
    let common =
        text.lines().filter(|line| !line.trim().is_empty()).map(|line| line.bytes().take_while(|b| *b == b' ').count()).min().unwrap_or(0);
    text.lines().map(|line| " ".repeat(indent) + line.get(common..).unwrap_or("")).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_and_conditions_are_understood() {
        let text = "a\n// tag::one[]\nb\n# tag::two[]\nc\n# end::two[]\n// end::one[]\nd";
        assert_eq!(select_tags(text, "one"), "b\nc");
        assert_eq!(select_tags(text, "two"), "c");
        assert_eq!(select_tags(text, "one;!two"), "b");
        assert_eq!(select_tags(text, "**"), "a\nb\nc\nd");
        assert!(evaluate("\"a\" == \"a\"") && evaluate("3 > 2") && !evaluate("1 >= 2") && !evaluate("?"));
        let page = ":x: 1\nifdef::x[]\nyes\nendif::[]\nifndef::x[]\nno\nendif::[]\nifdef::y[no]\nifdef::x[also {x}]\n";
        let lines: Vec<String> = prepare("a.adoc", page, &Tree::none()).into_iter().map(|line| line.text).collect();
        assert_eq!(lines, [":x: 1", "yes", "also {x}"]);
    }
}
