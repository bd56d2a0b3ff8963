//! HTML pages: the main content, without navigation and scripts.

use super::{Page, PageBuilder, collapse};
use scraper::{ElementRef, Html, Node, Selector};

/// Trees deeper than this are read as plain text: building them is where hostile pages cost most.
const MAX_DEPTH: usize = 800;

/// Reads a page.
#[must_use]
pub fn read(path: &str, text: &str) -> Page {
    let mut builder = PageBuilder::default();
    if too_deep(text) {
        builder.prose(&strip_tags(text), 1, line_count(text));
        return builder.finish(path);
    }
    let document = Html::parse_document(text);
    if let Some(title) = select(&document, "title") {
        let title = collapse(&title.text().collect::<String>());
        // "Page — Site" names the site in every title.
        let title = title.split(" — ").next().unwrap_or(&title);
        builder.title(title.split(" | ").next().unwrap_or(title).to_owned());
    }
    let main = ["main", "article", "[role=main]", "body"]
        .iter()
        .find_map(|selector| select(&document, selector).filter(|e| e.text().any(|t| !t.trim().is_empty())));
    if let Some(main) = main {
        let mut lines = LineFinder::new(text);
        walk(&mut builder, main, &mut lines);
    }
    builder.finish(path)
}

/// Reads a piece of HTML into a page that has begun.
pub(super) fn read_fragment(builder: &mut PageBuilder, text: &str, line: u32) {
    if too_deep(text) {
        builder.prose(&strip_tags(text), line, line);
        return;
    }
    let fragment = Html::parse_fragment(text);
    let mut lines = LineFinder::fixed(line);
    walk(builder, fragment.root_element(), &mut lines);
}

fn select<'a>(document: &'a Html, selector: &str) -> Option<ElementRef<'a>> {
    let selector = Selector::parse(selector).ok()?;
    document.select(&selector).next()
}

fn too_deep(text: &str) -> bool {
    let mut depth = 0_usize;
    let bytes = text.as_bytes();
    for (at, _) in text.match_indices('<') {
        match bytes.get(at + 1) {
            Some(b'/') => depth = depth.saturating_sub(1),
            Some(b) if b.is_ascii_alphabetic() => {
                let name: String =
                    text[at + 1..].chars().take(8).take_while(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
                // These need no end tag.
                if !matches!(
                    name.as_str(),
                    "br" | "img"
                        | "hr"
                        | "input"
                        | "meta"
                        | "link"
                        | "col"
                        | "area"
                        | "base"
                        | "wbr"
                        | "source"
                        | "p"
                        | "li"
                        | "td"
                        | "tr"
                        | "th"
                        | "dt"
                        | "dd"
                        | "option"
                ) {
                    depth += 1;
                }
            }
            _ => {}
        }
        if depth > MAX_DEPTH {
            return true;
        }
    }
    false
}

fn line_count(text: &str) -> u32 {
    u32::try_from(text.lines().count().max(1)).unwrap_or(u32::MAX)
}

/// Finds the line of a text in the source; the parser does not keep positions.
struct LineFinder<'a> {
    source: &'a str,
    position: usize,
    line: u32,
}

impl<'a> LineFinder<'a> {
    const fn new(source: &'a str) -> Self {
        Self { source, position: 0, line: 1 }
    }

    const fn fixed(line: u32) -> Self {
        Self { source: "", position: 0, line }
    }

    /// The line at which `text` next occurs; the last known one if it does not occur nearby.
    fn find(&mut self, text: &str) -> u32 {
        let needle = text.trim().lines().next().unwrap_or("").trim();
        let mut length = needle.len().min(40);
        while !needle.is_char_boundary(length) {
            length -= 1;
        }
        let needle = needle[..length].split('&').next().unwrap_or("");
        if needle.len() >= 3 {
            let mut end = (self.position + 20_000).min(self.source.len());
            while !self.source.is_char_boundary(end) {
                end += 1;
            }
            if let Some(at) = self.source[self.position..end].find(needle) {
                let skipped = self.source[self.position..self.position + at].bytes().filter(|b| *b == b'\n').count();
                self.line += u32::try_from(skipped).unwrap_or(0);
                self.position += at;
            }
        }
        self.line
    }
}

const SKIPPED: [&str; 14] =
    ["nav", "header", "footer", "script", "style", "noscript", "template", "svg", "aside", "button", "form", "iframe", "head", "select"];

fn is_skipped(element: &scraper::node::Element) -> bool {
    let name = element.name();
    if SKIPPED.contains(&name) {
        // A heading may stand in a <header> inside an article.
        return !(name == "header" && element.attr("class").is_none() && element.attr("id").is_none());
    }
    let class = element.attr("class").unwrap_or("");
    class.split_whitespace().any(|c| {
        matches!(
            c,
            "navheader"
                | "navfooter"
                | "toc"
                | "sidebar"
                | "breadcrumbs"
                | "headerlink"
                | "sphinxsidebar"
                | "related"
                | "highlight-lineno"
                | "linenos"
                | "anchor"
                | "hash-link"
                | "skip-link"
        )
    }) || matches!(element.attr("role"), Some("navigation" | "search" | "banner" | "contentinfo"))
        || element.attr("hidden").is_some()
}

fn heading_level(name: &str) -> Option<u8> {
    match name.as_bytes() {
        [b'h', level @ b'1'..=b'6'] => Some(level - b'0'),
        _ => None,
    }
}

/// Walks the tree without recursion.
fn walk(builder: &mut PageBuilder, root: ElementRef<'_>, lines: &mut LineFinder<'_>) {
    use ego_tree::iter::Edge;
    let mut text = String::new();
    let mut skip_until = None;
    let mut lists: Vec<Option<u32>> = Vec::new();
    for edge in root.traverse() {
        match edge {
            Edge::Open(node) => {
                if skip_until.is_some() {
                    continue;
                }
                match node.value() {
                    Node::Text(piece) => push_text(&mut text, piece),
                    Node::Element(element) => {
                        let name = element.name();
                        if is_skipped(element) && node.id() != root.id() {
                            skip_until = Some(node.id());
                            continue;
                        }
                        if let (Some(level), Some(heading)) = (heading_level(name), ElementRef::wrap(node)) {
                            flush(builder, &mut text, lines);
                            let title = collapse(&own_text(heading)).trim_end_matches(['¶', '#']).trim().to_owned();
                            let anchor = element
                                .attr("id")
                                .or_else(|| node.parent().and_then(|p| p.value().as_element().and_then(|e| e.attr("id"))))
                                .map(str::to_owned);
                            let line = lines.find(&title);
                            builder.heading(level, &title, anchor, line);
                            skip_until = Some(node.id());
                            continue;
                        }
                        match name {
                            "pre" => {
                                if let Some(pre) = ElementRef::wrap(node) {
                                    flush(builder, &mut text, lines);
                                    let code: String = pre.text().collect();
                                    let first = lines.find(&code);
                                    let count = line_count(&code);
                                    builder.code(
                                        &language(pre),
                                        None,
                                        &code,
                                        first,
                                        if lines.source.is_empty() { first } else { first + count - 1 },
                                    );
                                }
                                skip_until = Some(node.id());
                            }
                            "code" | "tt" | "kbd" | "samp" => text.push('`'),
                            "li" => {
                                break_line(&mut text);
                                text.push_str(&"  ".repeat(lists.len().saturating_sub(1)));
                                match lists.last_mut() {
                                    Some(Some(number)) => {
                                        text.push_str(&format!("{number}. "));
                                        *number += 1;
                                    }
                                    _ => text.push_str("- "),
                                }
                            }
                            "ul" => lists.push(None),
                            "ol" => lists.push(Some(1)),
                            "br" => break_line(&mut text),
                            "td" | "th" => text.push_str("| "),
                            "tr" | "dt" | "dd" => break_line(&mut text),
                            "p" | "div" | "section" | "table" | "blockquote" | "dl" | "details" | "summary" => {
                                if lists.is_empty() && !in_table(node) {
                                    flush(builder, &mut text, lines);
                                } else if !text.ends_with(['-', ' ', '|']) {
                                    break_line(&mut text);
                                }
                            }
                            "img" => {
                                if let Some(alt) = element.attr("alt") {
                                    push_text(&mut text, alt);
                                }
                            }
                            _ => {}
                        }
                    }
                    _ => {}
                }
            }
            Edge::Close(node) => {
                if let Some(id) = skip_until {
                    if id == node.id() {
                        skip_until = None;
                    }
                    continue;
                }
                let Some(element) = node.value().as_element() else { continue };
                match element.name() {
                    "code" | "tt" | "kbd" | "samp" => {
                        if text.ends_with('`') {
                            text.pop();
                        } else {
                            text.push('`');
                        }
                    }
                    "ul" | "ol" => {
                        lists.pop();
                        if lists.is_empty() && !in_table(node) {
                            flush(builder, &mut text, lines);
                        }
                    }
                    "td" | "th" => text.push(' '),
                    "tr" => {
                        text.push('|');
                        break_line(&mut text);
                    }
                    "p" | "div" | "section" | "table" | "blockquote" | "dl" if lists.is_empty() && !in_table(node) => {
                        flush(builder, &mut text, lines);
                    }
                    _ => {}
                }
            }
        }
    }
    flush(builder, &mut text, lines);
}

fn in_table(node: ego_tree::NodeRef<'_, Node>) -> bool {
    // A page laid out as one big table would have no paragraphs: only near cells count.
    node.ancestors().take(4).any(|n| n.value().as_element().is_some_and(|e| matches!(e.name(), "td" | "th" | "dl")))
}

fn own_text(element: ElementRef<'_>) -> String {
    element
        .descendants()
        .filter(|node| {
            !node.ancestors().take(4).any(|a| {
                a.value().as_element().is_some_and(|e| {
                    e.attr("class").is_some_and(|c| c.contains("headerlink") || c.contains("hash-link") || c.contains("header-anchor"))
                })
            })
        })
        .filter_map(|node| node.value().as_text().map(|text| text.to_string()))
        .collect()
}

fn language(pre: ElementRef<'_>) -> String {
    let own = pre.value().attr("class").into_iter();
    let inner = pre.children().filter_map(|c| c.value().as_element().and_then(|e| e.attr("class")));
    let outer = pre.ancestors().take(2).filter_map(|c| c.value().as_element().and_then(|e| e.attr("class")));
    for class in own.chain(inner).chain(outer).flat_map(str::split_whitespace) {
        for start in ["language-", "lang-", "highlight-", "brush:"] {
            if let Some(language) = class.strip_prefix(start) {
                return language.to_lowercase();
            }
        }
    }
    String::new()
}

fn push_text(out: &mut String, piece: &str) {
    if piece.starts_with(char::is_whitespace) && !out.ends_with(char::is_whitespace) && !out.is_empty() {
        out.push(' ');
    }
    let mut first = true;
    for word in piece.split_whitespace() {
        if !first {
            out.push(' ');
        }
        out.push_str(word);
        first = false;
    }
    if !first && piece.ends_with(char::is_whitespace) {
        out.push(' ');
    }
}

fn break_line(out: &mut String) {
    while out.ends_with(' ') {
        out.pop();
    }
    if !out.is_empty() && !out.ends_with('\n') {
        out.push('\n');
    }
}

fn flush(builder: &mut PageBuilder, text: &mut String, lines: &mut LineFinder<'_>) {
    let block = std::mem::take(text);
    if block.trim().trim_matches('|').trim().is_empty() {
        return;
    }
    let first = lines.find(&block);
    builder.prose(block.trim(), first, first);
}

/// The text of a piece of HTML: tags, comments, scripts and styles removed, entities read.
#[must_use]
pub fn strip_tags(html: &str) -> String {
    let mut out = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(comment) = rest.strip_prefix("<!--") {
            rest = comment.find("-->").map_or("", |end| &comment[end + 3..]);
            continue;
        }
        let name: String =
            rest[1..].chars().take(12).take_while(|c| c.is_ascii_alphanumeric() || *c == '/').collect::<String>().to_ascii_lowercase();
        if name.is_empty() {
            out.push('<');
            rest = &rest[1..];
            continue;
        }
        if matches!(name.as_str(), "script" | "style") {
            match find_ignoring_case(rest, &format!("</{name}")) {
                Some(end) => rest = &rest[end..],
                None => break,
            }
        }
        match name.trim_matches('/') {
            "br" | "p" | "div" | "li" | "tr" | "h1" | "h2" | "h3" | "h4" | "ul" | "ol" | "table" | "section" | "summary" | "details" => {
                if !out.ends_with('\n') {
                    out.push('\n');
                }
                if name == "li" {
                    out.push_str("- ");
                }
            }
            "td" | "th" => out.push_str(if name.starts_with('/') { " " } else { "| " }),
            _ => {}
        }
        rest = rest.find('>').map_or("", |end| &rest[end + 1..]);
    }
    if !rest.starts_with('<') {
        out.push_str(rest);
    }
    let decoded = entities(&out);
    decoded.lines().map(str::trim).filter(|line| !line.is_empty() && *line != "-").collect::<Vec<_>>().join("\n")
}

fn find_ignoring_case(text: &str, needle: &str) -> Option<usize> {
    text.as_bytes().windows(needle.len()).position(|window| window.eq_ignore_ascii_case(needle.as_bytes()))
}

fn entities(text: &str) -> String {
    if !text.contains('&') {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = rest.bytes().take(12).position(|b| b == b';');
        let decoded = end.and_then(|end| match &rest[1..end] {
            "amp" => Some('&'),
            "lt" => Some('<'),
            "gt" => Some('>'),
            "quot" => Some('"'),
            "apos" | "#39" => Some('\''),
            "nbsp" => Some(' '),
            "mdash" => Some('—'),
            "ndash" => Some('–'),
            "hellip" => Some('…'),
            "copy" => Some('©'),
            number => number
                .strip_prefix('#')
                .and_then(|n| n.strip_prefix(['x', 'X']).map_or_else(|| n.parse().ok(), |hex| u32::from_str_radix(hex, 16).ok()))
                .and_then(char::from_u32),
        });
        match (decoded, end) {
            (Some(c), Some(end)) => {
                out.push(c);
                rest = &rest[end + 1..];
            }
            _ => {
                out.push('&');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    out
}
