//! Markdown in the dialects of MkDocs, VitePress, Docusaurus, Hugo, rustdoc and MDX.

use super::include::Tree;
use super::link::Linker;
use super::markdown_dialect::{Prepared, prepare};
use super::{Page, PageBuilder, html};
use pulldown_cmark::{BlockQuoteKind, CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd};

/// Lists within lists are indented this often.
const MAX_INDENT: usize = 20;

/// Reads a page.
#[must_use]
pub fn read(path: &str, text: &str, tree: &Tree) -> Page {
    let mut builder = PageBuilder::default();
    read_into(&mut builder, path, text, tree, 0);
    builder.finish(path)
}

/// Reads Markdown into a page that has begun; `line_offset` is added to every line number.
pub(super) fn read_into(builder: &mut PageBuilder, path: &str, text: &str, tree: &Tree, line_offset: u32) {
    let prepared = prepare(path, text, tree);
    if let Some(title) = &prepared.title {
        builder.title(title.clone());
    }
    if let Some(description) = &prepared.description {
        builder.description(description.clone());
    }
    Writer::new(builder, &prepared, line_offset, Linker { tree, page: path }).run();
}

struct Writer<'a> {
    builder: &'a mut PageBuilder,
    prepared: &'a Prepared,
    line_offset: u32,
    linker: Linker<'a>,
    /// Open links: where their text begins, and what they lead to.
    links: Vec<(usize, String)>,
    /// Where each line of the prepared text begins.
    starts: Vec<usize>,
    /// Prose that waits for the end of its block.
    text: String,
    first: Option<u32>,
    last: u32,
    /// Open lists: the number of the next item, if numbered.
    lists: Vec<Option<u64>>,
    quotes: usize,
    fresh_item: bool,
    heading: Option<(u8, usize)>,
    code: Option<(String, String)>,
    html: Option<String>,
    row: Option<usize>,
    muted: Option<&'static str>,
}

impl<'a> Writer<'a> {
    fn new(builder: &'a mut PageBuilder, prepared: &'a Prepared, line_offset: u32, linker: Linker<'a>) -> Self {
        let mut starts = vec![0];
        starts.extend(prepared.text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(at, _)| at + 1));
        Self {
            builder,
            prepared,
            line_offset,
            linker,
            links: Vec::new(),
            starts,
            text: String::new(),
            first: None,
            last: 1,
            lists: Vec::new(),
            quotes: 0,
            fresh_item: false,
            heading: None,
            code: None,
            html: None,
            row: None,
            muted: None,
        }
    }

    fn index(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset).saturating_sub(1)
    }

    fn line(&self, offset: usize) -> u32 {
        let index = self.index(offset).min(self.prepared.lines.len().saturating_sub(1));
        self.prepared.lines.get(index).copied().unwrap_or(1) + self.line_offset
    }

    fn run(mut self) {
        let options = Options::ENABLE_TABLES
            | Options::ENABLE_FOOTNOTES
            | Options::ENABLE_STRIKETHROUGH
            | Options::ENABLE_TASKLISTS
            | Options::ENABLE_GFM;
        for (event, range) in Parser::new_ext(&self.prepared.text, options).into_offset_iter() {
            let first = self.line(range.start);
            let last = self.line(range.end.saturating_sub(1).max(range.start));
            self.event(event, first, last, range.start);
        }
        self.flush();
    }

    fn top(&self) -> bool {
        self.lists.is_empty() && self.quotes == 0
    }

    fn flush(&mut self) {
        let text = std::mem::take(&mut self.text);
        if let Some(first) = self.first.take() {
            self.builder.prose(&text, first, self.last.max(first));
        }
    }

    fn open(&mut self, first: u32, last: u32) {
        self.first.get_or_insert(first);
        self.last = self.last.max(last);
    }

    fn new_line(&mut self, blank: bool) {
        if self.fresh_item {
            self.fresh_item = false;
            return;
        }
        if !self.text.is_empty() {
            while self.text.ends_with([' ', '\n']) {
                self.text.pop();
            }
            self.text.push_str(if blank { "\n\n" } else { "\n" });
            self.text.push_str(&"  ".repeat(self.lists.len().min(MAX_INDENT)));
        }
    }

    fn event(&mut self, event: Event<'_>, first: u32, last: u32, offset: usize) {
        match event {
            Event::Start(tag) => self.start(tag, first, last, offset),
            Event::End(tag) => self.end(tag, first, last),
            Event::Text(text) => {
                if let Some((_, code)) = &mut self.code {
                    code.push_str(&text);
                } else if self.muted.is_none() {
                    let text = if self.row.is_some() { text.replace('|', "\\|").into() } else { text };
                    self.text.push_str(&text);
                }
            }
            Event::Code(code) => {
                let mark = "`".repeat(super::markdown_dialect::longest_run(&code) + 1);
                let code = if self.row.is_some() { code.replace('|', "\\|").into() } else { code };
                self.text.push_str(&format!("{mark}{code}{mark}"));
            }
            Event::InlineMath(math) | Event::DisplayMath(math) => self.text.push_str(&math),
            Event::Html(html) => match &mut self.html {
                Some(buffer) => buffer.push_str(&html),
                None => self.html = Some(html.to_string()),
            },
            Event::InlineHtml(tag) => self.inline_html(&tag),
            Event::SoftBreak => self.text.push(' '),
            Event::HardBreak => self.new_line(false),
            Event::TaskListMarker(done) => self.text.push_str(if done { "[x] " } else { "[ ] " }),
            Event::Rule | Event::FootnoteReference(_) => {}
        }
    }

    fn inline_html(&mut self, tag: &str) {
        let name: String =
            tag.trim_start_matches(['<', '/']).chars().take_while(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
        match name.as_str() {
            "br" => self.new_line(false),
            "script" => self.muted = (!tag.starts_with("</")).then_some("script"),
            "style" => self.muted = (!tag.starts_with("</")).then_some("style"),
            _ => {}
        }
    }

    fn start(&mut self, tag: Tag<'_>, first: u32, last: u32, offset: usize) {
        match tag {
            Tag::Paragraph => {
                if self.top() {
                    self.flush();
                }
                self.new_line(true);
                self.open(first, last);
            }
            Tag::Heading { level, .. } => {
                if self.top() {
                    self.flush();
                    self.heading = Some((heading_number(level), offset));
                    self.first = Some(first);
                } else {
                    self.new_line(true);
                    self.open(first, last);
                    self.text.push_str("**");
                }
            }
            Tag::BlockQuote(kind) => {
                if self.top() {
                    self.flush();
                }
                self.quotes += 1;
                if let Some(kind) = kind {
                    self.new_line(true);
                    self.open(first, first);
                    self.text.push_str(alert(kind));
                }
            }
            Tag::CodeBlock(kind) => {
                self.flush();
                let info = match kind {
                    CodeBlockKind::Fenced(info) => info.to_string(),
                    CodeBlockKind::Indented => String::new(),
                };
                self.code = Some((info, String::new()));
            }
            Tag::List(number) => {
                if self.top() {
                    self.flush();
                }
                self.lists.push(number);
                self.open(first, first);
            }
            Tag::Item => {
                self.open(first, first);
                self.fresh_item = false;
                let depth = self.lists.len().saturating_sub(1);
                if !self.text.is_empty() {
                    while self.text.ends_with([' ', '\n']) {
                        self.text.pop();
                    }
                    self.text.push('\n');
                }
                self.text.push_str(&"  ".repeat(depth.min(MAX_INDENT)));
                match self.lists.last_mut() {
                    Some(Some(number)) => {
                        self.text.push_str(&format!("{number}. "));
                        *number += 1;
                    }
                    _ => self.text.push_str("- "),
                }
                self.fresh_item = true;
            }
            Tag::Table(_) => {
                if self.top() {
                    self.flush();
                }
                self.new_line(true);
                self.open(first, last);
            }
            Tag::TableHead | Tag::TableRow => {
                if !self.text.ends_with('\n') && !self.text.is_empty() {
                    self.text.push('\n');
                }
                self.text.push('|');
                self.row = Some(0);
            }
            Tag::TableCell => self.text.push(' '),
            Tag::HtmlBlock => {
                if self.top() {
                    self.flush();
                }
                self.html = Some(String::new());
                self.open(first, last);
            }
            Tag::Strong => self.text.push_str("**"),
            Tag::Link { dest_url, .. } if self.heading.is_none() => self.links.push((self.text.len(), dest_url.to_string())),
            Tag::FootnoteDefinition(_) => {
                if self.top() {
                    self.flush();
                }
                self.open(first, last);
            }
            _ => {}
        }
        self.last = self.last.max(last.min(self.last.max(first)));
    }

    fn end(&mut self, tag: TagEnd, first: u32, last: u32) {
        match tag {
            TagEnd::Heading(_) => match self.heading.take() {
                Some((level, offset)) => {
                    let text = std::mem::take(&mut self.text).replace('`', "").replace("**", "");
                    self.first = None;
                    let anchor = self.prepared.anchors.get(&self.index(offset)).cloned();
                    self.builder.heading(level, &text, anchor, first);
                    self.last = last;
                }
                None => self.text.push_str("**"),
            },
            TagEnd::CodeBlock => {
                if let Some((info, code)) = self.code.take() {
                    let (language, file_name) = fence_info(&info);
                    self.builder.code(&language, file_name, &code, first, last);
                    self.last = last;
                    self.fresh_item = false;
                }
            }
            TagEnd::HtmlBlock => {
                let html = self.html.take().unwrap_or_default();
                if html.contains("<pre") {
                    self.flush();
                    html::read_fragment(self.builder, &html, first, self.linker);
                } else {
                    let text = html::strip_tags(&html);
                    if !text.trim().is_empty() {
                        self.new_line(true);
                        self.text.push_str(text.trim());
                    }
                }
                self.last = last;
            }
            TagEnd::List(_) => {
                self.lists.pop();
                self.fresh_item = false;
            }
            TagEnd::Item => self.fresh_item = false,
            TagEnd::BlockQuote(_) => self.quotes = self.quotes.saturating_sub(1),
            TagEnd::TableCell => {
                self.text.push_str(" |");
                self.row = self.row.map(|cells| cells + 1);
            }
            TagEnd::TableHead => {
                let cells = self.row.take().unwrap_or(1);
                self.text.push('\n');
                self.text.push('|');
                self.text.push_str(&" --- |".repeat(cells));
            }
            TagEnd::Strong => self.text.push_str("**"),
            TagEnd::Link => {
                if let Some((start, target)) = self.links.pop()
                    && let Some(text) = self.text.get(start..)
                {
                    let linked = self.linker.link(text, &target);
                    self.text.truncate(start);
                    self.text.push_str(&linked);
                }
            }
            TagEnd::Paragraph => self.last = self.last.max(last),
            _ => {}
        }
        if self.top()
            && matches!(
                tag,
                TagEnd::Paragraph
                    | TagEnd::List(_)
                    | TagEnd::BlockQuote(_)
                    | TagEnd::Table
                    | TagEnd::HtmlBlock
                    | TagEnd::FootnoteDefinition
            )
        {
            self.last = self.last.max(last);
            self.flush();
        }
    }
}

const fn heading_number(level: HeadingLevel) -> u8 {
    match level {
        HeadingLevel::H1 => 1,
        HeadingLevel::H2 => 2,
        HeadingLevel::H3 => 3,
        HeadingLevel::H4 => 4,
        HeadingLevel::H5 => 5,
        HeadingLevel::H6 => 6,
    }
}

const fn alert(kind: BlockQuoteKind) -> &'static str {
    match kind {
        BlockQuoteKind::Note => "**Note**",
        BlockQuoteKind::Tip => "**Tip**",
        BlockQuoteKind::Important => "**Important**",
        BlockQuoteKind::Warning => "**Warning**",
        BlockQuoteKind::Caution => "**Caution**",
    }
}

/// The language and the file name that a fence's info string gives.
#[must_use]
pub(super) fn fence_info(info: &str) -> (String, Option<String>) {
    let info = info.trim();
    let attributes = info.strip_prefix('{').map(|rest| rest.trim_start().trim_start_matches('.'));
    let start = attributes.unwrap_or(info);
    let end = start.find(|c: char| c.is_whitespace() || matches!(c, ',' | '{' | '[' | ':' | '}')).unwrap_or(start.len());
    let mut language = start[..end].to_lowercase();
    let rest = &start[end..];
    if language.contains('=') {
        language.clear();
    }
    let quoted = ["title=\"", "filename=\"", "title='", "file=\"", "name=\""].iter().find_map(|key| {
        let quote = key.chars().last()?;
        rest.find(key).and_then(|at| rest[at + key.len()..].split_once(quote)).map(|(name, _)| name.to_owned())
    });
    // `[[1, 5, "x"]]` names what is highlighted.
    let bracketed = || {
        let (name, _) = rest[rest.find('[')? + 1..].split_once(']')?;
        (!name.contains(['[', '"', ','])).then(|| name.to_owned())
    };
    let word = || {
        rest.split_whitespace()
            .find(|word| (word.contains('.') || word.contains('/')) && !word.contains(['=', '{', '}', '"', '[', ',']) && word.len() < 120)
            .map(str::to_owned)
    };
    let file_name = quoted.or_else(bracketed).or_else(word).filter(|name| !name.is_empty());
    (language, file_name)
}
