//! MyST: directives and roles of Sphinx in Markdown; and what mkdocstrings leaves in pages.

use super::rst_inline;
use super::{BlockContent, Page};
use std::collections::HashMap;

/// As far as the end of a directive is looked for.
const MAX_LINES: usize = 5_000;

/// What a directive's body is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Myst {
    /// Code as it stands.
    Code,
    /// The name of a file.
    Include,
    /// Markdown.
    Text,
    /// reStructuredText.
    Rst,
    /// The generator's own.
    Machinery,
}

/// `{name} argument` of a fence.
pub(super) fn directive(info: &str) -> Option<(&str, &str)> {
    let (name, argument) = info.strip_prefix('{')?.split_once('}')?;
    let name = name.trim();
    let fits = !name.is_empty()
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b':'));
    fits.then_some((name, argument.trim()))
}

pub(super) fn kind(name: &str) -> Myst {
    match name.rsplit(':').next().unwrap_or(name) {
        "code-block" | "code" | "sourcecode" | "code-cell" | "ipython" | "ipython3" | "prompt" | "math" | "mermaid" | "graphviz"
        | "parsed-literal" | "doctest" | "testcode" | "testoutput" | "csv-table" | "raw" | "productionlist" => Myst::Code,
        "literalinclude" | "include" => Myst::Include,
        "eval-rst" => Myst::Rst,
        "toctree" | "tableofcontents" | "contents" | "index" | "bibliography" | "image" | "currentmodule" | "module" | "highlight"
        | "default-role" | "sectionauthor" | "autosummary" => Myst::Machinery,
        _ => Myst::Text,
    }
}

/// The language of code whose directive names none.
pub(super) fn default_language(name: &str) -> &str {
    match name {
        "code-cell" | "ipython" | "ipython3" | "doctest" | "testcode" => "python",
        "mermaid" | "math" => name,
        _ => "",
    }
}

/// What stands in place of a directive's first line.
pub(super) fn label(name: &str, argument: &str) -> String {
    let short = name.rsplit(':').next().unwrap_or(name);
    let title = |kind: &str| if argument.is_empty() { format!("**{kind}**") } else { format!("**{kind}: {argument}**") };
    match short {
        "note" | "tip" | "important" | "warning" | "caution" | "danger" | "attention" | "hint" | "error" | "todo" => {
            title(&(short[..1].to_uppercase() + &short[1..]))
        }
        "seealso" => title("See also"),
        "versionadded" => format!("**Added in version {argument}**"),
        "versionchanged" => format!("**Changed in version {argument}**"),
        "deprecated" => format!("**Deprecated since version {argument}**"),
        "tab-set" | "grid" | "tabs" | "container" | "div" | "figure" | "glossary" | "only" | "compound" => String::new(),
        _ if argument.is_empty() => String::new(),
        _ if short.starts_with("auto")
            || name.contains(':')
            || matches!(short, "function" | "class" | "method" | "option" | "envvar" | "confval") =>
        {
            format!("`{argument}`")
        }
        _ => format!("**{argument}**"),
    }
}

/// `:key: value` lines at the head of a directive's body, or the same as YAML between `---`; and how many lines they take.
pub(super) fn options<'a>(lines: &[&'a str]) -> (Vec<(&'a str, &'a str)>, usize) {
    let mut out = Vec::new();
    if lines.first().is_some_and(|line| line.trim() == "---") {
        if let Some(end) = lines.iter().skip(1).take(40).position(|line| line.trim() == "---") {
            out.extend(lines[1..=end].iter().filter_map(|line| line.split_once(':')).map(|(key, value)| (key.trim(), value.trim())));
            return (out, end + 2);
        }
        return (out, 0);
    }
    let mut used = 0;
    for line in lines.iter().take(40) {
        let Some((key, value)) = line.trim().strip_prefix(':').and_then(|rest| rest.split_once(':')) else { break };
        if key.is_empty() || key.contains(' ') || !(value.is_empty() || value.starts_with(' ')) {
            break;
        }
        out.push((key, value.trim()));
        used += 1;
    }
    (out, used)
}

/// How many lines stand before the end of a directive.
pub(super) fn end_of(lines: &[&str], closes: impl Fn(&str) -> bool) -> usize {
    lines.iter().take(MAX_LINES).position(|line| closes(line)).unwrap_or(lines.len().min(MAX_LINES))
}

/// `(name)=`: the id of the heading below.
pub(super) fn target(trimmed: &str) -> Option<&str> {
    let name = trimmed.strip_prefix('(')?.strip_suffix(")=")?;
    (!name.is_empty() && name.len() < 120 && !name.contains([' ', '(', ')'])).then_some(name)
}

/// `::: package.module.Name` of mkdocstrings.
pub(super) fn identifier(trimmed: &str) -> Option<&str> {
    let name = trimmed.strip_prefix("::: ")?.trim();
    let fits = name.contains('.') && name.split('.').all(|part| !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || c == '_'));
    fits.then_some(name)
}

/// ``{ref}`text <target>` ``: its length and its text.
pub(super) fn role(rest: &str) -> Option<(usize, String)> {
    let end = rest.bytes().take(40).position(|b| b == b'}')?;
    let name = &rest[1..end];
    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b':')) {
        return None;
    }
    let inside = rest[end + 1..].strip_prefix('`').filter(|inside| !inside.starts_with('`'))?;
    let close = inside.find('`')?;
    let text = rst_inline::clean(&format!(":{name}:`{}`", &inside[..close]), &HashMap::new());
    Some((end + close + 3, text))
}

/// A page as Markdown.
pub(super) fn rendered(page: &Page) -> String {
    let mut out = String::new();
    for section in &page.sections {
        if let Some(heading) = section.headings.last() {
            out.push_str(&format!("**{heading}**\n\n"));
        }
        for block in &section.blocks {
            match &block.content {
                BlockContent::Prose(text) => out.push_str(&format!("{text}\n\n")),
                BlockContent::Code { language, code, .. } => {
                    let fence = "`".repeat(super::markdown_dialect::longest_run(code).max(2) + 1);
                    out.push_str(&format!("{fence}{language}\n{code}\n{fence}\n\n"));
                }
            }
        }
    }
    out
}
