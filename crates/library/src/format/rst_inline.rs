//! Inline markup of reStructuredText as plain Markdown.

use super::link::Linker;
use std::collections::HashMap;

/// Roles whose text is code.
fn is_code_role(role: &str) -> bool {
    let name = role.rsplit(':').next().unwrap_or(role);
    matches!(
        name,
        "class"
            | "func"
            | "meth"
            | "attr"
            | "mod"
            | "data"
            | "exc"
            | "obj"
            | "const"
            | "paramref"
            | "option"
            | "envvar"
            | "file"
            | "samp"
            | "command"
            | "program"
            | "code"
            | "setting"
            | "djadmin"
            | "lookup"
            | "ticket"
            | "kbd"
            | "type"
            | "macro"
            | "member"
            | "param"
    )
}

/// The text of a line or paragraph, without what its links lead to.
pub(super) fn clean(text: &str, substitutions: &HashMap<String, String>) -> String {
    linked(text, substitutions, None)
}

/// The text of a line or paragraph.
pub(super) fn linked(text: &str, substitutions: &HashMap<String, String>, linker: Option<Linker<'_>>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['`', ':', '|', '\\', '[']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let (used, piece) = match rest.as_bytes()[0] {
            b'`' => backquoted(rest, linker),
            b':' => role(rest, &out, linker),
            b'|' => substitution(rest, substitutions),
            b'\\' => escape(rest),
            _ => footnote(rest),
        };
        out.push_str(&piece);
        rest = &rest[used..];
    }
    out.push_str(rest);
    out
}

fn literal(text: &str) -> String {
    let text = text.trim();
    if text.is_empty() {
        return String::new();
    }
    if text.contains('`') { format!("`` {text} ``") } else { format!("`{text}`") }
}

/// A literal, a reference or interpreted text; its length and its text.
fn backquoted(rest: &str, linker: Option<Linker<'_>>) -> (usize, String) {
    if let Some(inside) = rest.strip_prefix("``") {
        return match inside.find("``") {
            Some(end) => (end + 4, literal(&inside[..end])),
            None => (2, "``".to_owned()),
        };
    }
    let inside = &rest[1..];
    match inside.find('`') {
        Some(end) if end > 0 => {
            let tail = inside[end + 1..].bytes().take(2).take_while(|b| *b == b'_').count();
            let (text, _) = titled(&inside[..end]);
            if tail > 0
                && let (Some(linker), Some(address)) = (linker, target(&inside[..end]))
            {
                return (end + 2 + tail, linker.link(&text, address));
            }
            // A default role (no underscore) names something, most often code.
            let text = if tail > 0 || text.contains(' ') { text } else { literal(&text) };
            (end + 2 + tail, text)
        }
        _ => (1, "`".to_owned()),
    }
}

/// `Title <target>` as its title, else the target made readable; and whether it had a title.
fn titled(inside: &str) -> (String, bool) {
    if let Some(open) = inside.rfind('<')
        && inside.ends_with('>')
        && open > 0
    {
        return (inside[..open].trim().replace('\n', " "), true);
    }
    (inside.trim_matches(['<', '>']).to_owned(), false)
}

/// The target in `Title <target>`.
fn target(inside: &str) -> Option<&str> {
    inside.strip_suffix('>').and_then(|inside| inside.rfind('<').map(|open| inside[open + 1..].trim()))
}

fn role(rest: &str, before: &str, linker: Option<Linker<'_>>) -> (usize, String) {
    let plain = (1, ":".to_owned());
    if before.ends_with(|c: char| c.is_alphanumeric()) {
        return plain;
    }
    let end = rest[1..]
        .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, ':' | '-' | '_' | '+' | '.')))
        .map_or(rest.len(), |end| end + 1);
    let name = &rest[..end];
    if name.len() < 3 || !name.ends_with(':') || !rest[end..].starts_with('`') {
        return plain;
    }
    let inside = &rest[end + 1..];
    let Some(close) = inside.find('`') else { return plain };
    let used = end + close + 2;
    let role = name.trim_matches(':');
    let (text, has_title) = titled(&inside[..close]);
    if role == "doc"
        && let Some(linker) = linker
    {
        let page = target(&inside[..close]).unwrap_or(&inside[..close]);
        let text = if has_title { text } else { page.trim_start_matches('/').replace(['_', '\n'], " ") };
        return (used, linker.link(&text, page));
    }
    if has_title {
        return (used, if is_code_role(role) { literal(&text) } else { text });
    }
    let text = text.trim_start_matches('!');
    if is_code_role(role) {
        let shortened = text.strip_prefix('~').map(|full| full.rsplit('.').next().unwrap_or(full));
        // A leading private module (`_schema.Column`) is not how a reader writes the name.
        let text = shortened.unwrap_or_else(|| match text.split_once('.') {
            Some((first, rest)) if first.starts_with('_') && !rest.is_empty() => rest,
            _ => text,
        });
        return (used, literal(text.trim_start_matches('.')));
    }
    (used, text.trim_start_matches(['~', '/']).replace(['_', '\n'], " "))
}

fn substitution(rest: &str, substitutions: &HashMap<String, String>) -> (usize, String) {
    if let Some(end) = rest[1..].find('|')
        && end > 0
        && end < 80
        && let Some(text) = substitutions.get(&rest[1..=end])
    {
        return (end + 2, text.clone());
    }
    (1, "|".to_owned())
}

fn escape(rest: &str) -> (usize, String) {
    match rest[1..].chars().next() {
        Some(c) if c.is_whitespace() => (1 + c.len_utf8(), String::new()),
        Some(c) if matches!(c, '*' | '`' | '|' | '_' | '\\') => (1 + c.len_utf8(), c.to_string()),
        _ => (1, "\\".to_owned()),
    }
}

/// A footnote's mark says nothing without its note.
fn footnote(rest: &str) -> (usize, String) {
    if let Some(end) = rest.as_bytes()[..rest.len().min(42)].windows(2).position(|pair| pair == b"]_")
        && end > 1
        && rest[1..end].chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '#' | '*' | '_' | '-' | '.'))
    {
        return (end + 2, String::new());
    }
    (1, "[".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_references_and_literals_become_their_text() {
        let substitutions = HashMap::from([("version".to_owned(), "2.0".to_owned())]);
        for (markup, text) in [
            (":ref:`ORM guide <orm_guide>`", "ORM guide"),
            (":ref:`orm_guide`", "orm guide"),
            (":class:`~sqlalchemy.orm.Session`", "`Session`"),
            (":paramref:`_schema.Column.default`", "`Column.default`"),
            (":py:func:`!open`", "`open`"),
            ("``a | b``", "`a | b`"),
            ("`the site <https://example.org>`_ here", "the site here"),
            ("|version| of it", "2.0 of it"),
            ("note [1]_ there", "note  there"),
            ("a\\ b \\*c", "ab *c"),
            ("12:30 and x: `y`", "12:30 and x: `y`"),
            (":meth:`.Session.execute`", "`Session.execute`"),
        ] {
            assert_eq!(clean(markup, &substitutions), text, "{markup}");
        }
    }
}
