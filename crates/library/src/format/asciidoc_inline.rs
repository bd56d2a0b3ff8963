//! Inline markup of AsciiDoc as plain Markdown.

use super::asciidoc_prepare::{Attributes, option};
use super::link::Linker;

/// As far as an end is looked for, so that a text of beginnings costs no more than its length times this.
const NEAR: usize = 600;

/// Beginnings without an end that are looked for in one text.
const MAX_FAILURES: usize = 200;

/// The text of a line or paragraph.
pub(super) fn clean(text: &str, attributes: &Attributes, linker: Linker<'_>) -> String {
    let text = attributes.fill(text);
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_str();
    let mut failures = 0;
    let mut after_role = false;
    while let Some(at) = rest.find(['`', '*', '_', '#', '+', '<', '[', '(', ':', '\\', '{']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        // A role begins a word.
        let before = out.chars().next_back().filter(|_| !(after_role && at == 0));
        let (used, piece) = match rest.as_bytes()[0] {
            b'\\' => (1, if rest[1..].starts_with(['*', '_', '`', '#', '{', '<', '[', '+']) { String::new() } else { "\\".to_owned() }),
            b'`' => code(rest, before),
            b'*' => marked(rest, "*", before)
                .map_or_else(|| one(rest), |(used, inside)| (used, format!("**{}**", clean(inside, attributes, linker)))),
            b'_' => marked(rest, "_", before).map_or_else(|| one(rest), |(used, inside)| (used, clean(inside, attributes, linker))),
            b'#' => marked(rest, "#", before).map_or_else(|| one(rest), |(used, inside)| (used, clean(inside, attributes, linker))),
            b'+' => literal(rest, before),
            b'{' => (1, "{".to_owned()),
            b'<' | b'[' | b'(' if failures > MAX_FAILURES => one(rest),
            b'<' => reference(rest, linker),
            b'[' => role(rest),
            b'(' => index_term(rest),
            _ => named_macro(rest, &mut out, attributes, linker),
        };
        if rest.starts_with('\\') && piece.is_empty() {
            // The mark after a backslash stands for itself.
            let mark = rest[1..].chars().next().map_or(0, char::len_utf8);
            out.push_str(&rest[1..=mark]);
            rest = &rest[1 + mark..];
            continue;
        }
        after_role = rest.starts_with('[') && used > 1;
        failures += usize::from(used == 1 && rest.starts_with(['<', '[', '(']));
        out.push_str(&piece);
        rest = &rest[used..];
    }
    out.push_str(rest);
    out
}

fn near(text: &str) -> &str {
    let mut end = text.len().min(NEAR);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

fn one(rest: &str) -> (usize, String) {
    let length = rest.chars().next().map_or(1, char::len_utf8);
    (length, rest[..length].to_owned())
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// `x…x` at the bounds of words, or `xx…xx` anywhere: its length and what is inside.
fn marked<'a>(rest: &'a str, mark: &str, before: Option<char>) -> Option<(usize, &'a str)> {
    let double = mark.repeat(2);
    if let Some(inside) = rest.strip_prefix(double.as_str()) {
        let end = near(inside).find(double.as_str())?;
        return (end > 0).then(|| (end + 4, &inside[..end]));
    }
    let inside = rest.strip_prefix(mark)?;
    if before.is_some_and(is_word) || inside.starts_with(char::is_whitespace) {
        return None;
    }
    let searched = near(inside);
    let mut from = 0;
    while let Some(at) = searched[from..].find(mark) {
        let end = from + at;
        let after = inside[end + mark.len()..].chars().next();
        if end > 0 && !inside[..end].ends_with(char::is_whitespace) && !after.is_some_and(is_word) {
            return Some((end + 2 * mark.len(), &inside[..end]));
        }
        from = end + mark.len();
    }
    None
}

fn code(rest: &str, before: Option<char>) -> (usize, String) {
    // "`quotes`" by marks.
    match marked(rest, "`", before) {
        Some((used, inside)) => {
            let inside = inside.strip_prefix('+').and_then(|inside| inside.strip_suffix('+')).unwrap_or(inside);
            if matches!(before, Some('"' | '\'')) && rest[used..].starts_with(['"', '\'']) {
                return (used, inside.to_owned());
            }
            (used, if inside.contains('`') { format!("`` {inside} ``") } else { format!("`{inside}`") })
        }
        None => one(rest),
    }
}

/// `+literal+`, `++literal++`, `+++raw+++`.
fn literal(rest: &str, before: Option<char>) -> (usize, String) {
    if let Some(inside) = rest.strip_prefix("+++") {
        return match near(inside).find("+++") {
            Some(end) => (end + 6, inside[..end].to_owned()),
            None => one(rest),
        };
    }
    match marked(rest, "+", before) {
        Some((used, inside)) => (used, inside.to_owned()),
        None => one(rest),
    }
}

/// `<<id>>` and `<<id,text>>`.
fn reference(rest: &str, linker: Linker<'_>) -> (usize, String) {
    let inside = rest.strip_prefix("<<").and_then(|inside| near(inside).find(">>").map(|end| &inside[..end]));
    match inside {
        Some(inside) if !inside.is_empty() && !inside.contains('\n') => {
            let (target, text) = inside.split_once(',').map_or((inside, ""), |(target, text)| (target, text.trim()));
            let text = if text.is_empty() { readable(target) } else { text.to_owned() };
            (inside.len() + 4, linker.link(&text, target))
        }
        _ => one(rest),
    }
}

fn readable(target: &str) -> String {
    let (file, id) = target.split_once('#').unwrap_or((target, ""));
    let name = if id.is_empty() { file.rsplit('/').next().unwrap_or(file).split('.').next().unwrap_or(file) } else { id };
    name.trim_start_matches('_').replace(['_', '-'], " ")
}

/// `[.role]#text#` and `[[id]]`: the list of attributes says nothing.
fn role(rest: &str) -> (usize, String) {
    if rest.starts_with("[[") {
        if let Some(end) = near(rest).find("]]") {
            let bibliography = rest.strip_prefix("[[[").is_some();
            return (end + 2 + usize::from(bibliography), String::new());
        }
        return one(rest);
    }
    if let Some(end) = near(rest).find(']')
        && rest[1..end].starts_with(['.', '#', '%'])
        && rest[end + 1..].starts_with(['#', '*', '_', '`'])
    {
        return (end + 1, String::new());
    }
    one(rest)
}

/// `((shown))` and `(((not,shown)))`.
fn index_term(rest: &str) -> (usize, String) {
    if rest.starts_with("(((") {
        if let Some(end) = near(rest).find(")))") {
            return (end + 3, String::new());
        }
    } else if let Some(inside) = rest.strip_prefix("((")
        && let Some(end) = near(inside).find("))")
    {
        return (end + 4, inside[..end].to_owned());
    }
    one(rest)
}

/// `name:target[text]`; `rest` begins with the colon, the name is the end of `out`.
fn named_macro(rest: &str, out: &mut String, attributes: &Attributes, linker: Linker<'_>) -> (usize, String) {
    let start = out.char_indices().rev().take(14).take_while(|(_, c)| c.is_ascii_alphabetic()).last().map_or(out.len(), |(at, _)| at);
    let name = out[start..].to_ascii_lowercase();
    let known = matches!(
        name.as_str(),
        "link"
            | "xref"
            | "image"
            | "kbd"
            | "btn"
            | "menu"
            | "footnote"
            | "pass"
            | "stem"
            | "latexmath"
            | "asciimath"
            | "anchor"
            | "indexterm"
            | "icon"
            | "mailto"
            | "https"
            | "http"
            | "ftp"
            | "irc"
            | "footnoteref"
            | "indexterm2"
            | "video"
            | "audio"
    );
    if !known || out[..start].ends_with(is_word) {
        return one(rest);
    }
    let body = &rest[1..];
    let end = near(body).find(|c: char| c == '[' || c.is_whitespace());
    let address = matches!(name.as_str(), "https" | "http" | "ftp" | "irc");
    let Some((target, inside, used)) = end.filter(|end| body[*end..].starts_with('[')).and_then(|end| {
        let length = bracketed(&body[end..])?;
        Some((&body[..end], &body[end + 1..end + length - 1], 1 + end + length))
    }) else {
        return one(rest);
    };
    if target.is_empty() && matches!(name.as_str(), "link" | "xref" | "image" | "https" | "http") || target.starts_with(':') {
        return one(rest);
    }
    out.truncate(start);
    let text = inside.split_once(",window=").map_or(inside, |(text, _)| text);
    let text = text.split(",role=").next().unwrap_or(text).trim_matches(['"', '^']);
    let text = match name.as_str() {
        "image" | "icon" | "video" | "audio" => inside.split(',').next().unwrap_or("").trim_matches('"').to_owned(),
        "kbd" | "btn" => format!("`{inside}`"),
        "menu" => format!("{target} > {inside}"),
        "footnote" | "footnoteref" => format!(" ({})", clean(inside, attributes, linker)),
        "anchor" | "indexterm" => String::new(),
        "indexterm2" | "pass" | "stem" | "latexmath" | "asciimath" => inside.to_owned(),
        _ if text.is_empty() && name == "xref" => linker.link(&readable(target), target),
        _ if text.is_empty() && address => format!("{name}:{target}"),
        _ if text.is_empty() => target.to_owned(),
        "link" | "https" | "http" | "xref" | "mailto" | "ftp" | "irc" => {
            let target = if address { format!("{name}:{target}") } else { target.to_owned() };
            linker.link(&clean(text, attributes, linker), &target)
        }
        _ => text.to_owned(),
    };
    (used, text)
}

/// The length of `[…]`, minding brackets within.
fn bracketed(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, byte) in near(text).bytes().enumerate() {
        match byte {
            b'[' => depth += 1,
            b']' => {
                depth -= 1;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
    }
    None
}

/// The alternative text of a block image's attributes.
pub(super) fn alternative(options: &str) -> String {
    option(options, "alt").unwrap_or_else(|| {
        let first = options.split(',').next().unwrap_or("").trim().trim_matches('"');
        if first.contains('=') { String::new() } else { first.to_owned() }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::include::Tree;

    #[test]
    fn marks_references_and_macros_become_their_text() {
        let mut attributes = Attributes::new();
        attributes.entry(":version: 2.0");
        let tree = Tree::none().with_files(["guide.adoc".to_owned()]);
        let linker = Linker { tree: &tree, page: "a.adoc" };
        for (markup, text) in [
            ("*bold* and _not_ `code` `+lit+`", "**bold** and not `code` `lit`"),
            ("see <<install,Install>> or <<first-steps>>", "see Install or first steps"),
            ("xref:guide.adoc#x[The guide] {version} {unknown}", "[The guide](/guide.adoc#x) 2.0 {unknown}"),
            ("https://example.org[Site] snake_case_name a*b*c", "[Site](https://example.org) snake_case_name a*b*c"),
            ("https://example.org/a_b_c bare", "https://example.org/a_b_c bare"),
            ("press kbd:[Ctrl+C] ((term))(((x,y)))[.lead]#now#", "press `Ctrl+C` termnow"),
            ("note footnote:[Small _print_.]", "note  (Small print.)"),
            ("a \\*b* std::vector time: now", "a *b* std::vector time: now"),
            ("\"`quoted`\"", "\"quoted\""),
        ] {
            assert_eq!(clean(markup, &attributes, linker), text, "{markup}");
        }
    }
}
