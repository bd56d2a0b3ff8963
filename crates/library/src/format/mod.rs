//! Pages: what a file says, whatever its format, as headings, prose and code in the order of the file.

pub mod asciidoc;
mod asciidoc_inline;
mod asciidoc_prepare;
mod asciidoc_table;
pub mod html;
mod html_site;
mod html_text;
mod html_walk;
pub mod include;
mod link;
pub mod man;
mod man_escape;
mod man_mdoc;
pub mod markdown;
mod markdown_dialect;
mod markdown_include;
mod markdown_myst;
pub mod notebook;
pub mod openapi;
mod openapi_schema;
pub mod rst;
mod rst_directive;
mod rst_inline;
mod rst_table;
pub mod text;
mod value;

use crate::trust;
use docent_types::documentation::Finding;
use include::Tree;
use serde::{Deserialize, Serialize};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What a block is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum BlockContent {
    /// A paragraph, list item or table as plain Markdown.
    Prose(String),
    /// Code.
    Code {
        /// Lower case, empty if unknown.
        language: String,
        /// The file the block says it is.
        file_name: Option<String>,
        /// Without fence and final line break.
        code: String,
    },
}

/// A block of a page with the lines it came from (from 1).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PageBlock {
    /// What it says.
    pub content: BlockContent,
    /// First line in the file.
    pub first_line: u32,
    /// Last line in the file.
    pub last_line: u32,
}

/// The blocks under one heading.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Section {
    /// Outermost first, without markup. Empty before the first heading.
    pub headings: Vec<String>,
    /// The heading's anchor, if the file names one.
    pub anchor: Option<String>,
    /// The heading's line.
    pub line: u32,
    /// In the order of the file.
    pub blocks: Vec<PageBlock>,
}

/// A page.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Page {
    /// In the source, with `/`.
    pub path: String,
    /// From the front matter, else its first heading, else the file's name.
    pub title: String,
    /// From the front matter.
    pub description: Option<String>,
    /// In the order of the file.
    pub sections: Vec<Section>,
    /// What was found in the parts of the file that are not shown.
    pub findings: Vec<Finding>,
}

/// Why a page could not be read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum FormatError {
    /// The file is not what its name says.
    #[error("not a readable {0} file: {1}")]
    Malformed(&'static str, String),
    /// The parser gave up.
    #[error("its markup could not be parsed")]
    Parser,
    /// It has neither prose nor code.
    #[error("it has no text")]
    Empty,
}

/// Collects a page while a format is read.
#[derive(Debug, Default)]
pub(crate) struct PageBuilder {
    title: Option<String>,
    description: Option<String>,
    stack: Vec<(u8, String)>,
    sections: Vec<Section>,
}

impl PageBuilder {
    /// Whether nothing but one heading has been read.
    pub(crate) fn has_no_prose(&self) -> bool {
        self.sections.len() <= 1 && self.sections.iter().all(|section| section.blocks.is_empty())
    }

    pub(crate) fn title(&mut self, title: String) {
        if !title.trim().is_empty() {
            self.title = Some(title.trim().to_owned());
        }
    }

    pub(crate) fn description(&mut self, description: String) {
        if !description.trim().is_empty() {
            self.description = Some(description.trim().to_owned());
        }
    }

    pub(crate) fn heading(&mut self, level: u8, text: &str, anchor: Option<String>, line: u32) {
        let text = collapse(text);
        if text.is_empty() {
            return;
        }
        while self.stack.last().is_some_and(|(above, _)| *above >= level) {
            self.stack.pop();
        }
        self.stack.push((level, text.chars().take(300).collect()));
        self.sections.push(Section {
            headings: self.stack.iter().map(|(_, text)| text.clone()).collect(),
            anchor,
            line,
            blocks: Vec::new(),
        });
    }

    fn section(&mut self, line: u32) -> Option<&mut Section> {
        if self.sections.is_empty() {
            self.sections.push(Section { line, ..Section::default() });
        }
        self.sections.last_mut()
    }

    pub(crate) fn prose(&mut self, text: &str, first_line: u32, last_line: u32) {
        let text = text.trim_end().trim_start_matches('\n');
        if text.trim().is_empty() {
            return;
        }
        if let Some(section) = self.section(first_line) {
            section.blocks.push(PageBlock { content: BlockContent::Prose(text.to_owned()), first_line, last_line });
        }
    }

    pub(crate) fn code(&mut self, language: &str, file_name: Option<String>, code: &str, first_line: u32, last_line: u32) {
        let code = code.trim_end().trim_start_matches(['\n', '\r']);
        if code.trim().is_empty() {
            return;
        }
        if let Some(section) = self.section(first_line) {
            section.blocks.push(PageBlock {
                content: BlockContent::Code { language: language.to_lowercase(), file_name, code: code.to_owned() },
                first_line,
                last_line,
            });
        }
    }

    pub(crate) fn finish(mut self, path: &str) -> Page {
        let title = self
            .title
            .take()
            .or_else(|| self.sections.iter().find_map(|section| section.headings.first().cloned()))
            .unwrap_or_else(|| title_from_path(path));
        let title: String = title.chars().take(300).collect();
        // A heading that only repeats the page's title says nothing about the passage.
        for section in &mut self.sections {
            if section.headings.first().is_some_and(|first| first.eq_ignore_ascii_case(&title)) {
                section.headings.remove(0);
            }
        }
        if let Some(description) = &self.description {
            let known = self.sections.iter().flat_map(|s| &s.blocks).take(3).any(|block| match &block.content {
                BlockContent::Prose(text) => crate::snippet::without_targets(text).contains(description.as_str()),
                BlockContent::Code { .. } => false,
            });
            if !known {
                let block = PageBlock { content: BlockContent::Prose(description.clone()), first_line: 1, last_line: 1 };
                match self.sections.first_mut() {
                    Some(first) if first.headings.is_empty() => first.blocks.insert(0, block),
                    _ => self.sections.insert(0, Section { line: 1, blocks: vec![block], ..Section::default() }),
                }
            }
        }
        Page { path: path.to_owned(), title, description: self.description, sections: self.sections, findings: Vec::new() }
    }
}

/// White space as single spaces.
pub(crate) fn collapse(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A readable name from a file's name; an index file is named after its folder.
#[must_use]
pub fn title_from_path(path: &str) -> String {
    let mut parts = path.rsplit('/');
    let file = parts.next().unwrap_or(path);
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    let name =
        if matches!(stem.to_ascii_lowercase().as_str(), "index" | "readme" | "_index") { parts.next().unwrap_or(stem) } else { stem };
    collapse(&name.replace(['-', '_'], " "))
}

/// The language that a file's extension stands for, as fences name it.
#[must_use]
pub fn language_of(path: &str) -> &str {
    let extension = path.rsplit('/').next().and_then(|file| file.rsplit_once('.')).map_or("", |(_, extension)| extension);
    match extension {
        "py" | "pyi" => "python",
        "rs" => "rust",
        "yml" => "yaml",
        "md" => "markdown",
        "sh" => "bash",
        "rb" => "ruby",
        "txt" => "",
        other => other,
    }
}

/// Bytes as text: UTF-8 with or without a mark, UTF-16 with one, else Windows-1252. `None` if they are not text.
#[must_use]
pub fn decode(bytes: &[u8]) -> Option<String> {
    if let Some(rest) = bytes.strip_prefix(&[0xEF, 0xBB, 0xBF]) {
        return Some(normalise(&String::from_utf8_lossy(rest)));
    }
    for (mark, big) in [([0xFF, 0xFE], false), ([0xFE, 0xFF], true)] {
        if let Some(rest) = bytes.strip_prefix(&mark) {
            let units = rest.chunks_exact(2).map(|pair| {
                let pair = [pair[0], pair[1]];
                if big { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) }
            });
            let text: String = char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
            return Some(normalise(&text));
        }
    }
    if bytes.contains(&0) {
        return None;
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Some(normalise(text));
    }
    // Old single-byte text has no control characters and is mostly ASCII.
    let controls = bytes.iter().filter(|b| **b < 0x20 && !matches!(**b, b'\n' | b'\r' | b'\t' | 0x0C)).count();
    let high = bytes.iter().filter(|b| **b >= 0x80).count();
    if controls > 0 || high * 10 > bytes.len() * 4 {
        return None;
    }
    Some(normalise(&bytes.iter().map(|b| windows_1252(*b)).collect::<String>()))
}

fn normalise(text: &str) -> String {
    if text.contains('\r') { text.replace("\r\n", "\n").replace('\r', "\n") } else { text.to_owned() }
}

fn windows_1252(byte: u8) -> char {
    const HIGH: [char; 32] = [
        '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}', '‘', '’', '“', '”', '•',
        '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
    ];
    match byte {
        0x80..=0x9F => HIGH[usize::from(byte - 0x80)],
        other => char::from(other),
    }
}

/// Whether an extension is a section of the manual: `1` to `9`, with a letter or two as in `3p` and `1ssl`.
#[must_use]
pub fn is_man_section(extension: &str) -> bool {
    let mut characters = extension.chars();
    characters.next().is_some_and(|c| ('1'..='9').contains(&c)) && extension.len() <= 4 && characters.all(|c| c.is_ascii_lowercase())
}

/// Reads a page by its file's extension. A parser's panic is this page's error, not the ingest's.
///
/// # Errors
/// [`FormatError`] when nothing can be read from it.
pub fn read_page(path: &str, bytes: &[u8], tree: &Tree) -> Result<Page, FormatError> {
    let text = decode(bytes).ok_or_else(|| FormatError::Malformed("text", "it is binary or in an unknown encoding".to_owned()))?;
    let extension = path.rsplit_once('.').map_or(String::new(), |(_, extension)| extension.to_ascii_lowercase());
    let read = || match extension.as_str() {
        "md" | "markdown" | "mdx" => Ok(markdown::read(path, &text, tree)),
        "rst" | "rest" => Ok(rst::read(path, &text, tree)),
        "ipynb" => notebook::read(path, &text, tree),
        "html" | "htm" => Ok(html::read(path, &text, tree)),
        "adoc" | "asciidoc" | "asc" => Ok(asciidoc::read(path, &text, tree)),
        "json" | "yaml" | "yml" => openapi::read(path, &text),
        section if is_man_section(section) => {
            if man::looks_like_man(&text) {
                Ok(man::read(path, &text, tree))
            } else {
                Err(FormatError::Malformed("manual page", "it has no .TH or .Dd".to_owned()))
            }
        }
        "txt" if rst::looks_like_rst(&text) => Ok(rst::read(path, &text, tree)),
        _ => Ok(text::read(path, &text)),
    };
    let mut page = catch_unwind(AssertUnwindSafe(read)).map_err(|_| FormatError::Parser)??;
    page.findings = trust::hidden::inspect(path, &text);
    if page.sections.iter().all(|section| section.blocks.is_empty() && section.headings.is_empty()) {
        return Err(FormatError::Empty);
    }
    Ok(page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_encodings_are_read_and_binaries_are_not() {
        assert_eq!(decode(b"\xEF\xBB\xBFhi\r\nyou").as_deref(), Some("hi\nyou"));
        assert_eq!(decode(&[0xFF, 0xFE, b'h', 0, 0xE9, 0]).as_deref(), Some("hé"));
        assert_eq!(decode(&[0xFE, 0xFF, 0, b'h']).as_deref(), Some("h"));
        assert_eq!(decode(b"caf\xE9 \x93quoted\x94").as_deref(), Some("café “quoted”"));
        assert_eq!(decode(b"\x7FELF\x02\x01\x00"), None);
        assert_eq!(decode(&[0x89, 0x90, 0xAB, 0xFE, 0xCC, 0x99]), None);
    }

    #[test]
    fn an_index_file_is_named_after_its_folder() {
        assert_eq!(title_from_path("docs/getting-started/index.md"), "getting started");
        assert_eq!(title_from_path("docs/a_b.rst"), "a b");
    }

    #[test]
    fn a_page_without_text_is_an_error() {
        assert_eq!(read_page("a.md", b"\n\n<!-- nothing -->\n", &Tree::none()), Err(FormatError::Empty));
    }
}
