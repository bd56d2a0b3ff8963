//! The elements of a page as headings, prose and code.

use super::html::LineFinder;
use super::html_site::{
    code_text, implementations, is_caption, is_code_table, is_note_title, is_signature, is_skipped, is_tab, language, object_language,
    tab_labels, visible_text,
};
use super::link::Linker;
use super::{PageBuilder, collapse};
use ego_tree::iter::Edge;
use ego_tree::{NodeId, NodeRef};
use scraper::{ElementRef, Node, node::Element};
use std::collections::VecDeque;

/// Headings of objects stand below those of the page, at most this deep.
const MAX_LEVEL: u8 = 12;

/// Walks the tree without recursion.
pub(super) fn walk(builder: &mut PageBuilder, root: ElementRef<'_>, lines: &mut LineFinder<'_>, linker: Linker<'_>) {
    let mut walker = Walker {
        builder,
        lines,
        linker,
        text: String::new(),
        lists: Vec::new(),
        links: Vec::new(),
        tabs: Vec::new(),
        caption: None,
        level: 0,
        language: "",
        code: false,
    };
    let mut skip_until = None;
    for edge in root.traverse() {
        match edge {
            Edge::Open(node) if skip_until.is_none() => match node.value() {
                Node::Text(piece) => push_text(&mut walker.text, piece),
                Node::Element(element)
                    if node.id() != root.id() && is_skipped(element) && !holds_labels(node) || walker.open(node, element) == Then::Skip =>
                {
                    skip_until = Some(node.id());
                }
                _ => {}
            },
            Edge::Close(node) if skip_until == Some(node.id()) => skip_until = None,
            Edge::Close(node) if skip_until.is_none() => {
                if let Some(element) = node.value().as_element() {
                    walker.close(node, element);
                }
            }
            _ => {}
        }
    }
    walker.flush();
}

/// Tabs are made of buttons.
fn holds_labels(node: NodeRef<'_, Node>) -> bool {
    tab_labels(node).is_some()
}

/// What folds may be a heading with what stands below it.
fn holds_heading(element: ElementRef<'_>) -> bool {
    element.descendants().filter_map(|node| node.value().as_element()).any(|inner| heading_level(inner.name()).is_some())
}

#[derive(PartialEq, Eq)]
enum Then {
    GoOn,
    Skip,
}

struct Walker<'a, 'b> {
    builder: &'a mut PageBuilder,
    lines: &'a mut LineFinder<'b>,
    linker: Linker<'a>,
    /// Prose that waits for the end of its block.
    text: String,
    /// Open lists: the number of the next item, if numbered.
    lists: Vec<Option<u32>>,
    /// Open links: where their text begins, and what they lead to.
    links: Vec<(NodeId, usize, String)>,
    /// Labels of the tabs that come.
    tabs: Vec<VecDeque<String>>,
    /// Title of the code that comes.
    caption: Option<String>,
    /// Of the last heading.
    level: u8,
    /// Of code that names none.
    language: &'static str,
    /// Within code in a line.
    code: bool,
}

impl Walker<'_, '_> {
    fn open(&mut self, node: NodeRef<'_, Node>, element: &Element) -> Then {
        let name = element.name();
        let Some(wrapped) = ElementRef::wrap(node) else { return Then::GoOn };
        if let Some(labels) = tab_labels(node) {
            self.tabs.retain(|labels| !labels.is_empty());
            self.tabs.push(labels.into());
            return Then::Skip;
        }
        if let Some(list) = implementations(wrapped) {
            self.flush();
            let line = self.lines.find("trait-implementations-list");
            self.builder.prose(&list.iter().map(|item| format!("- `{item}`")).collect::<Vec<_>>().join("\n"), line, line);
            return Then::Skip;
        }
        if is_note_title(element) || name == "summary" && wrapped.text().count() < 40 && !holds_heading(wrapped) {
            self.flush();
            let title = visible_text(wrapped);
            let line = self.lines.find(&title);
            if !title.is_empty() {
                self.builder.prose(&format!("**{title}**"), line, line);
            }
            return Then::Skip;
        }
        if is_caption(element) {
            self.caption = Some(visible_text(wrapped)).filter(|caption| !caption.is_empty());
            return Then::Skip;
        }
        if is_tab(node) {
            self.tab();
        }
        if is_signature(element) {
            self.flush();
            let code = collapse(&code_text(wrapped));
            self.language = "java";
            self.code("java", &code);
            return Then::Skip;
        }
        if let Some(level) = heading_level(name) {
            self.flush();
            // A generator may write its page as a list; what stands below a heading is no item.
            self.lists.clear();
            let title = visible_text(wrapped);
            let anchor = element
                .attr("id")
                .or_else(|| node.parent().and_then(|parent| parent.value().as_element().and_then(|e| e.attr("id"))))
                .map(str::to_owned);
            let line = self.lines.find(&title);
            self.level = level;
            self.builder.heading(level, &title, anchor, line);
            return Then::Skip;
        }
        match name {
            "pre" => {
                self.flush();
                let code = code_text(wrapped);
                let language = language(wrapped);
                self.code(if language.is_empty() { self.language } else { &language }, &code);
                return Then::Skip;
            }
            "dt" => {
                if let Some(language) = node.parent().and_then(|list| list.value().as_element()).and_then(object_language) {
                    self.object(node, wrapped, language);
                    return Then::Skip;
                }
                break_line(&mut self.text);
            }
            "dd" => {
                if self.text.ends_with(':') {
                    self.text.push(' ');
                } else if !in_object(node) && !self.text.is_empty() && !self.text.ends_with(['\n', ' ']) {
                    self.text.push_str(": ");
                }
            }
            "code" | "tt" | "kbd" | "samp" => {
                self.code = true;
                self.text.push('`');
            }
            // A link within code would be read as code.
            "a" if !self.code => {
                if let Some(target) = element.attr("href").filter(|target| !target.starts_with('#')) {
                    self.links.push((node.id(), self.text.len(), target.to_owned()));
                }
            }
            "li" => {
                break_line(&mut self.text);
                self.text.push_str(&"  ".repeat(self.lists.len().saturating_sub(1).min(20)));
                match self.lists.last_mut() {
                    Some(Some(number)) => {
                        self.text.push_str(&format!("{number}. "));
                        *number += 1;
                    }
                    _ => self.text.push_str("- "),
                }
            }
            "ul" => self.lists.push(None),
            "ol" => self.lists.push(Some(1)),
            "td" | "th" | "tr" if is_code_table(node) => {}
            "br" | "tr" => break_line(&mut self.text),
            "td" | "th" => self.text.push_str("| "),
            "p" | "div" | "section" | "table" | "blockquote" | "dl" | "details" | "summary" => {
                if self.lists.is_empty() && !in_table(node) {
                    self.flush();
                } else if !self.text.ends_with(['-', ' ', '|']) {
                    break_line(&mut self.text);
                }
            }
            "img" => {
                if let Some(alternative) = element.attr("alt") {
                    push_text(&mut self.text, alternative);
                }
            }
            _ => {}
        }
        Then::GoOn
    }

    fn close(&mut self, node: NodeRef<'_, Node>, element: &Element) {
        match element.name() {
            "code" | "tt" | "kbd" | "samp" => {
                self.code = false;
                if self.text.ends_with('`') {
                    self.text.pop();
                } else {
                    self.text.push('`');
                }
            }
            "a" => self.link(node.id()),
            "ul" | "ol" => {
                self.lists.pop();
                if self.lists.is_empty() && !in_table(node) {
                    self.flush();
                }
            }
            "td" | "th" | "tr" if is_code_table(node) => {}
            "td" | "th" => self.text.push(' '),
            "tr" => {
                self.text.push('|');
                break_line(&mut self.text);
                self.head_of_table(node);
            }
            "p" | "div" | "section" | "table" | "blockquote" | "dl" if self.lists.is_empty() && !in_table(node) => self.flush(),
            _ => {}
        }
    }

    fn link(&mut self, id: NodeId) {
        if self.links.last().is_none_or(|(open, ..)| *open != id) {
            return;
        }
        let Some((_, start, target)) = self.links.pop() else { return };
        // Where a block ended in between, the text of the link is gone.
        if start <= self.text.len() && self.text.is_char_boundary(start) && !self.text[start..].contains(['|', '\n']) {
            let linked = self.linker.link(&self.text[start..], &target);
            self.text.truncate(start);
            self.text.push_str(&linked);
        }
    }

    /// The line between the head of a table and its rows.
    fn head_of_table(&mut self, row: NodeRef<'_, Node>) {
        let cells = row.children().filter_map(|cell| cell.value().as_element()).collect::<Vec<_>>();
        let is_first = row.prev_siblings().all(|other| !other.value().is_element());
        let in_head = row.parent().and_then(|parent| parent.value().as_element()).is_some_and(|parent| {
            parent.name() == "thead"
                || row.parent().is_some_and(|parent| {
                    parent
                        .prev_siblings()
                        .all(|other| other.value().as_element().is_none_or(|e| e.name() == "caption" || e.name() == "colgroup"))
                })
        });
        if is_first && in_head && cells.len() < 100 && !cells.is_empty() && cells.iter().all(|cell| cell.name() == "th") {
            self.text.push('|');
            self.text.push_str(&" --- |".repeat(cells.len()));
            self.text.push('\n');
        }
    }

    /// What Sphinx describes: a heading of its own, with its declaration.
    fn object(&mut self, node: NodeRef<'_, Node>, wrapped: ElementRef<'_>, language: &str) {
        self.flush();
        self.lists.clear();
        let depth = node.ancestors().filter(|above| above.value().as_element().is_some_and(|e| object_language(e).is_some())).count();
        let level = u8::try_from(depth).unwrap_or(MAX_LEVEL).saturating_add(self.level.max(1)).min(MAX_LEVEL);
        let id = wrapped.value().attr("id");
        let declaration = visible_text(wrapped);
        let heading = id.filter(|id| id.contains('.') || declaration.contains(*id)).unwrap_or(&declaration);
        let line = self.lines.find(declaration.split(['(', ' ']).next().unwrap_or(""));
        let heading: String = heading.chars().take(120).collect();
        self.builder.heading(level, &heading, id.map(str::to_owned), line);
        self.builder.code(language, None, &declaration, line, line);
    }

    fn tab(&mut self) {
        while self.tabs.last().is_some_and(VecDeque::is_empty) {
            self.tabs.pop();
        }
        if let Some(label) = self.tabs.last_mut().and_then(VecDeque::pop_front).filter(|label| !label.is_empty()) {
            self.flush();
            let line = self.lines.find(&label);
            self.builder.prose(&format!("**{label}**"), line, line);
        }
    }

    fn code(&mut self, language: &str, code: &str) {
        let first = self.lines.find(code);
        let mut file_name = None;
        if let Some(caption) = self.caption.take() {
            if !caption.contains(' ') && caption.contains(['.', '/']) {
                file_name = Some(caption);
            } else {
                self.builder.prose(&caption, first, first);
            }
        }
        self.builder.code(language, file_name, code, first, self.lines.last(first, code));
    }

    fn flush(&mut self) {
        let block = std::mem::take(&mut self.text);
        self.links.iter_mut().for_each(|(_, start, _)| *start = usize::MAX);
        // Cells and items that hold nothing but blocks.
        if block.chars().all(|c| c.is_whitespace() || matches!(c, '|' | '-')) {
            return;
        }
        let first = self.lines.find(&block);
        self.builder.prose(block.trim(), first, first);
    }
}

fn heading_level(name: &str) -> Option<u8> {
    match name.as_bytes() {
        [b'h', level @ b'1'..=b'6'] => Some(level - b'0'),
        _ => None,
    }
}

fn in_object(node: NodeRef<'_, Node>) -> bool {
    node.parent().and_then(|list| list.value().as_element()).and_then(object_language).is_some()
}

fn in_table(node: NodeRef<'_, Node>) -> bool {
    // A page laid out as one big table would have no paragraphs: only near cells count.
    node.ancestors().take(4).any(|above| {
        above.value().as_element().is_some_and(|e| match e.name() {
            "td" | "th" => true,
            "dl" => object_language(e).is_none(),
            _ => false,
        })
    })
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
