//! HTML pages: the main content, without navigation and scripts.

use super::html_site::visible_text;
pub use super::html_text::strip_tags;
use super::html_walk::walk;
use super::include::Tree;
use super::link::Linker;
use super::{Page, PageBuilder, collapse};
use scraper::{ElementRef, Html, Selector};
use std::collections::HashMap;

/// Trees deeper than this are read as plain text: building them is where hostile pages cost most.
const MAX_DEPTH: usize = 800;

/// Where generators put the page itself, the surest first: MkDocs Material, Docusaurus, VitePress, Docsy, rustdoc, Sphinx,
/// Asciidoctor, and what everybody may use.
const MAIN: [&str; 15] = [
    "article.md-content__inner",
    ".theme-doc-markdown",
    ".vp-doc",
    ".td-content",
    "section#main-content",
    "main #content-area",
    "div.body[role=main]",
    "article[role=main]",
    "[role=main]",
    "main article",
    "main",
    "article",
    "div.document",
    "#content",
    "body",
];

/// Reads a page.
#[must_use]
pub fn read(path: &str, text: &str, tree: &Tree) -> Page {
    let mut builder = PageBuilder::default();
    if too_deep(text) {
        builder.prose(&strip_tags(text), 1, line_count(text));
        return builder.finish(path);
    }
    let document = Html::parse_document(text);
    let main = MAIN.iter().find_map(|selector| main_of(&document, selector));
    if let Some(title) = select(&document, "title") {
        let title = collapse(&title.text().collect::<String>());
        let first = main.and_then(|main| Selector::parse("h1").ok().and_then(|h1| main.select(&h1).next())).map(visible_text);
        builder.title(page_title(&title, first.as_deref().unwrap_or("")).to_owned());
    }
    if let Some(main) = main {
        let mut lines = LineFinder::new(text);
        walk(&mut builder, main, &mut lines, Linker { tree, page: path });
    }
    builder.finish(path)
}

/// An element that is the page, unless there are several of its kind or it is empty.
fn main_of<'a>(document: &'a Html, selector: &str) -> Option<ElementRef<'a>> {
    let selector = Selector::parse(selector).ok()?;
    let mut found = document.select(&selector);
    let first = found.next().filter(|element| element.text().any(|text| !text.trim().is_empty()))?;
    let another = found.take(50).any(|other| !other.ancestors().any(|above| above.id() == first.id()));
    (!another || matches!(first.value().name(), "body" | "main")).then_some(first)
}

/// A title without the site's name, which stands in every title.
fn page_title<'a>(title: &'a str, heading: &'a str) -> &'a str {
    if !heading.is_empty() && title.starts_with(heading) {
        return heading;
    }
    let title = title.split(" — ").next().unwrap_or(title);
    let title = title.split(" | ").next().unwrap_or(title);
    title.strip_suffix(" - Rust").unwrap_or(title)
}

/// Reads a piece of HTML into a page that has begun.
pub(super) fn read_fragment(builder: &mut PageBuilder, text: &str, line: u32, linker: Linker<'_>) {
    if too_deep(text) {
        builder.prose(&strip_tags(text), line, line);
        return;
    }
    let fragment = Html::parse_fragment(text);
    let mut lines = LineFinder::fixed(line);
    walk(builder, fragment.root_element(), &mut lines, linker);
}

fn select<'a>(document: &'a Html, selector: &str) -> Option<ElementRef<'a>> {
    let selector = Selector::parse(selector).ok()?;
    document.select(&selector).next()
}

/// Whether elements nest deeper than [`MAX_DEPTH`], as far as that can be told without building the tree.
fn too_deep(text: &str) -> bool {
    // These need no end tag.
    const ALONE: [&str; 18] =
        ["br", "img", "hr", "input", "meta", "link", "col", "area", "base", "wbr", "source", "p", "li", "td", "tr", "th", "dt", "dd"];
    let mut depth = 0_usize;
    // An end tag closes only what is open.
    let mut open: HashMap<String, usize> = HashMap::new();
    for (at, _) in text.match_indices('<') {
        let rest = &text[at + 1..];
        let (closes, rest) = rest.strip_prefix('/').map_or((false, rest), |rest| (true, rest));
        if !rest.starts_with(|c: char| c.is_ascii_alphabetic()) {
            continue;
        }
        let name: String = rest.chars().take(12).take_while(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
        if closes {
            if let Some(count) = open.get_mut(&name).filter(|count| **count > 0) {
                *count -= 1;
                depth = depth.saturating_sub(1);
            }
        } else if !ALONE.contains(&name.as_str()) && name != "option" {
            depth += 1;
            *open.entry(name).or_insert(0) += 1;
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
pub(super) struct LineFinder<'a> {
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
    pub(super) fn find(&mut self, text: &str) -> u32 {
        let line = text.trim().lines().next().unwrap_or("").trim();
        // Marks of Markdown and characters that are written as entities are not in the source.
        let mut runs =
            line.split(['&', '`', '[', ']', '*', '|', '<', '>', '"', '\u{a0}']).map(str::trim).filter(|run| run.len() >= 3).take(8);
        let needle =
            runs.next().map_or("", |first| if first.len() >= 8 { first } else { runs.find(|run| run.len() >= 8).unwrap_or(first) });
        let mut length = needle.len().min(40);
        while !needle.is_char_boundary(length) {
            length -= 1;
        }
        let needle = &needle[..length];
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

    /// The last line of a text of several lines that begins at `first`.
    pub(super) fn last(&self, first: u32, text: &str) -> u32 {
        if self.source.is_empty() { first } else { first + line_count(text) - 1 }
    }
}
