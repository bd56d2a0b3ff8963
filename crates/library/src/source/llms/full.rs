//! `llms-full.txt`: many pages in one file, each begun as one of the generators begins it.
//!
//! - a heading with the page's address below it: `# Title`, then `Source: https://…` or `URL: /path`;
//! - front matter with an address: `---`, `url: …` (or `source`, `source_url`, `permalink`), `---`;
//! - an element: `<page>`, `<doc title="…" href="…">` or `<document>`;
//! - only a heading: `# Title`.
//!
//! The first of these that occurs twice is how the file is written. One with a single heading is cut at its sections.

use crate::source::digest;
use crate::source::selection::MAX_FILE;
use docent_types::documentation::Skipped;
use std::collections::HashMap;
use url::Url;

/// A page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// A path for it, from its address or title.
    pub path: String,
    /// Where a person can read it: its own address if the file gives one, else the file's.
    pub url: String,
    /// Markdown.
    pub text: String,
}

/// The file's pages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Full {
    /// What the file is called.
    pub title: Option<String>,
    /// What the file says of itself.
    pub description: Option<String>,
    /// In the file's order.
    pub pages: Vec<Page>,
    /// Pages that are too large.
    pub skipped: Vec<Skipped>,
}

/// How the file's pages begin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Style {
    Address,
    FrontMatter,
    Element,
    Heading,
    Section,
}

/// Lines below a heading in which the page's address may stand.
const NEAR: usize = 4;

struct Lines<'a> {
    lines: Vec<&'a str>,
    /// Whether a line is inside of a fence.
    code: Vec<bool>,
}

impl<'a> Lines<'a> {
    fn new(text: &'a str) -> Self {
        let lines: Vec<&str> = text.lines().collect();
        let mut code = Vec::with_capacity(lines.len());
        let mut open: Option<(char, usize)> = None;
        for line in &lines {
            let trimmed = line.trim_start();
            let mark = trimmed.chars().next().unwrap_or(' ');
            let length = trimmed.chars().take_while(|c| *c == mark).count();
            let is_fence = matches!(mark, '`' | '~') && length >= 3;
            code.push(open.is_some() || is_fence);
            open = match open {
                Some((character, least)) if is_fence && mark == character && length >= least && trimmed[length..].trim().is_empty() => None,
                None if is_fence => Some((mark, length)),
                other => other,
            };
        }
        // A fence that nobody closes would swallow every page after it: then there is none.
        if open.is_some() {
            code.iter_mut().for_each(|inside| *inside = false);
        }
        Self { lines, code }
    }

    fn get(&self, at: usize) -> Option<&'a str> {
        (!*self.code.get(at)?).then(|| self.lines[at])
    }

    fn heading(&self, at: usize, mark: &str) -> Option<&'a str> {
        self.get(at)?.strip_prefix(mark).map(str::trim).filter(|title| !title.is_empty())
    }

    /// The address in one of the next lines that have text.
    fn address_below(&self, at: usize) -> Option<&'a str> {
        let near = at + 1..self.lines.len().min(at + 1 + 3 * NEAR);
        let below = near.filter_map(|at| self.get(at)).filter(|line| !line.trim().is_empty()).take(NEAR);
        below.take_while(|line| !line.starts_with('#')).find_map(address_of)
    }

    /// The address in the front matter that begins here, and the line after it.
    fn front_matter(&self, at: usize) -> Option<(Option<&'a str>, usize)> {
        if self.get(at)?.trim_end() != "---" {
            return None;
        }
        let mut address = None;
        for line in at + 1..self.lines.len().min(at + 60) {
            let text = self.get(line)?;
            if text.trim_end() == "---" {
                return (line > at + 1).then_some((address, line + 1));
            }
            let Some((key, value)) = text.split_once(':') else {
                // An item of a list, or a value that goes on.
                if text.trim().is_empty() || text.starts_with([' ', '-']) {
                    continue;
                }
                return None;
            };
            let key = key.trim().trim_start_matches("- ");
            if key.is_empty() || key.contains(' ') && !text.starts_with(' ') {
                return None;
            }
            if matches!(key, "url" | "source" | "source_url" | "permalink" | "canonical" | "html" | "link") && address.is_none() {
                address = Some(unquoted(value)).filter(|value| !value.is_empty());
            }
        }
        None
    }

    /// The address and title of the element that begins here.
    fn element(&self, at: usize) -> Option<(Option<&'a str>, Option<&'a str>)> {
        let rest = self.get(at)?.strip_prefix('<')?;
        let name_end = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
        let (name, attributes) = rest.split_at(name_end);
        if !matches!(name, "page" | "doc" | "document") || !attributes.trim_end().ends_with('>') {
            return None;
        }
        let get = |wanted: &str| {
            let (_, after) = attributes.split_once(wanted)?;
            after.strip_prefix("=\"")?.split_once('"').map(|(value, _)| value)
        };
        Some((get("href").or_else(|| get("url")).or_else(|| get("src")), get("title")))
    }
}

/// `Source: …`, `URL: …`, in bold or not.
fn address_of(line: &str) -> Option<&str> {
    let line = line.trim().trim_start_matches(['*', '_', '>', ' ']);
    let (key, value) = line.split_once(':')?;
    let key = key.trim_end_matches(['*', '_', ' ']);
    if !["source", "url", "source url", "link", "page url"].iter().any(|known| key.eq_ignore_ascii_case(known)) {
        return None;
    }
    let value = value.trim_matches(['*', '_', ' ', '<', '>', '`']);
    let value = value.strip_prefix('[').and_then(|text| text.split_once("](")).map_or(value, |(_, target)| target.trim_end_matches(')'));
    (value.starts_with('/') || value.starts_with("https://") || value.starts_with("http://")).then_some(value).filter(|v| !v.contains(' '))
}

fn unquoted(value: &str) -> &str {
    value.trim().trim_matches(['"', '\''])
}

/// The beginning of a page.
struct Start<'a> {
    line: usize,
    /// The first line of the page's text.
    text: usize,
    address: Option<&'a str>,
    title: Option<&'a str>,
}

fn starts<'a>(lines: &Lines<'a>, style: Style) -> Vec<Start<'a>> {
    let mut out = Vec::new();
    let mut at = 0;
    while at < lines.lines.len() {
        let start = match style {
            Style::Address => lines
                .heading(at, "# ")
                .and_then(|title| Some((title, lines.address_below(at)?)))
                .map(|(title, address)| Start { line: at, text: at, address: Some(address), title: Some(title) }),
            Style::FrontMatter => lines.front_matter(at).filter(|(address, _)| address.is_some()).map(|(address, text)| Start {
                line: at,
                text,
                address,
                title: None,
            }),
            Style::Element => lines.element(at).map(|(address, title)| {
                let (inner, text) = lines.front_matter(at + 1).unwrap_or((None, at + 1));
                Start { line: at, text, address: address.or(inner), title }
            }),
            Style::Heading => lines.heading(at, "# ").map(|title| Start { line: at, text: at, address: None, title: Some(title) }),
            Style::Section => lines.heading(at, "## ").map(|title| Start { line: at, text: at, address: None, title: Some(title) }),
        };
        at = start.as_ref().map_or(at + 1, |start| start.text.max(at + 1));
        out.extend(start);
    }
    out
}

/// Splits the file that was read from `file`.
#[must_use]
pub fn split(text: &str, file: &Url) -> Full {
    let lines = Lines::new(text);
    let styles = [Style::Address, Style::FrontMatter, Style::Element, Style::Heading, Style::Section];
    let found = styles.into_iter().map(|style| (style, starts(&lines, style))).find(|(_, starts)| starts.len() >= 2);
    let mut out = Full::default();
    let mut names: HashMap<String, usize> = HashMap::new();
    let Some((style, starts)) = found else {
        out.page(whole(&lines, 0, lines.lines.len()), None, None, file, &mut names);
        return out;
    };
    preamble(&lines, starts[0].line, file, style, &mut out, &mut names);
    for (number, start) in starts.iter().enumerate() {
        let end = starts.get(number + 1).map_or(lines.lines.len(), |next| next.line);
        let mut body = whole(&lines, start.text.min(end), end);
        if let (Style::FrontMatter | Style::Element, Some(title)) = (style, start.title)
            && !body.trim_start().starts_with("# ")
        {
            body = format!("# {title}\n\n{body}");
        }
        let title = start.title.or_else(|| body.lines().find_map(|line| line.strip_prefix("# "))).map(str::to_owned);
        out.page(body, start.address, title.as_deref(), file, &mut names);
    }
    out
}

/// What stands before the first page: the file's title and summary, and a page of its own if it says more.
fn preamble(lines: &Lines<'_>, end: usize, file: &Url, style: Style, out: &mut Full, names: &mut HashMap<String, usize>) {
    let text = whole(lines, 0, end);
    let head = super::index::read(&text);
    out.description = head.description;
    if style != Style::Heading {
        out.title = head.title;
    }
    let says_much = text.split_whitespace().filter(|word| !word.starts_with(['#', '<', '-'])).count() >= 20;
    if says_much {
        out.page(text, None, Some("Overview"), file, names);
    }
}

/// Some lines, without the marks between pages and without where the page came from.
fn whole(lines: &Lines<'_>, first: usize, end: usize) -> String {
    let mut out = String::new();
    let mut near = 0;
    for at in first..end {
        let line = lines.lines[at];
        let is_text = !lines.code[at];
        let trimmed = line.trim();
        let is_mark = is_text
            && (matches!(trimmed, "</page>" | "</doc>" | "</document>")
                || (trimmed.starts_with("<SYSTEM>") && trimmed.ends_with("</SYSTEM>"))
                || (near <= NEAR && address_of(trimmed).is_some() && near > 0));
        if !trimmed.is_empty() {
            near += 1;
        }
        if !is_mark {
            out.push_str(line);
            out.push('\n');
        }
    }
    let mut trimmed = out.trim();
    // The line between two pages.
    while let Some((before, last)) = trimmed.rsplit_once('\n').filter(|(_, last)| last.len() >= 3 && last.bytes().all(|b| b == b'-')) {
        trimmed = before.strip_suffix(last).unwrap_or(before).trim_end();
    }
    if trimmed.is_empty() { String::new() } else { format!("{trimmed}\n") }
}

impl Full {
    fn page(&mut self, text: String, address: Option<&str>, title: Option<&str>, file: &Url, names: &mut HashMap<String, usize>) {
        if text.trim().is_empty() {
            return;
        }
        let address = address.and_then(|address| file.join(address).ok()).filter(|url| matches!(url.scheme(), "http" | "https"));
        let name = match &address {
            Some(url) => slug(url.path().trim_matches('/').trim_end_matches(".md").trim_end_matches(".html"), true),
            None => slug(title.unwrap_or("page"), false),
        };
        let count = names.entry(name.to_lowercase()).or_insert(0);
        *count += 1;
        let path = if *count == 1 { format!("{name}.md") } else { format!("{name}-{count}.md") };
        if text.len() as u64 > MAX_FILE {
            self.skipped.push(Skipped { path, reason: format!("it is larger than {} MiB", MAX_FILE >> 20) });
            return;
        }
        let url = address.map_or_else(|| crate::source::shown(file.as_str()), |url| crate::source::shown(url.as_str()));
        self.pages.push(Page { path, url, text });
    }
}

/// Letters and digits of a title or path, with `-` between them.
fn slug(text: &str, keep_slashes: bool) -> String {
    let mut out = String::new();
    for character in text.chars().take(200) {
        match character {
            '/' if keep_slashes => {
                let end = out.trim_end_matches('-').len();
                out.truncate(end);
                if !out.is_empty() && !out.ends_with('/') {
                    out.push('/');
                }
            }
            '_' | '.' if keep_slashes => out.push(character),
            c if c.is_alphanumeric() => out.extend(c.to_lowercase()),
            _ if out.ends_with(['-', '/']) || out.is_empty() => {}
            _ => out.push('-'),
        }
    }
    let slug: Vec<&str> = out.split('/').map(|part| part.trim_matches(['-', '.'])).filter(|part| !part.is_empty()).collect();
    let slug = slug.join("/");
    match slug.len() {
        0 if text.is_empty() => "index".to_owned(),
        0 => digest(text.as_bytes())[..12].to_owned(),
        length if length > 180 => {
            format!("{}-{}", slug.chars().take(40).collect::<String>().replace('/', "-"), &digest(text.as_bytes())[..12])
        }
        _ => slug,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn split_at(text: &str) -> Full {
        split(text, &Url::parse("https://e.example/docs/llms-full.txt").unwrap())
    }

    fn pages(text: &str) -> Vec<(String, String)> {
        split_at(text).pages.into_iter().map(|page| (page.path, page.url)).collect()
    }

    fn owned(pages: &[(&str, &str)]) -> Vec<(String, String)> {
        pages.iter().map(|(path, url)| ((*path).to_owned(), (*url).to_owned())).collect()
    }

    #[test]
    fn headings_with_an_address_begin_pages_and_others_do_not() {
        let text = "# One\nSource: https://e.example/docs/one\n\nFirst text.\n\n# Not a page\n\n```py\n# Two\n# Source: no\n```\n\n# Three\nURL: /docs/three.md\n\nThird.\n";
        let full = split_at(text);
        assert_eq!(
            pages(text),
            owned(&[("docs/one.md", "https://e.example/docs/one"), ("docs/three.md", "https://e.example/docs/three.md")])
        );
        assert_eq!(full.pages[0].text, "# One\n\nFirst text.\n\n# Not a page\n\n```py\n# Two\n# Source: no\n```\n");
        assert_eq!(full.pages[1].text, "# Three\n\nThird.\n");
    }

    #[test]
    fn front_matter_with_an_address_begins_pages() {
        let text = "---\nurl: /guide/a.md\ndescription: x\n---\n\n# A\n\nText --- with a line.\n\n---\n\nMore of A.\n\n---\nurl: 'https://e.example/guide/b'\n---\n# B\n\nText of B.\n";
        let full = split_at(text);
        assert_eq!(pages(text), owned(&[("guide/a.md", "https://e.example/guide/a.md"), ("guide/b.md", "https://e.example/guide/b")]));
        assert_eq!(full.pages[0].text, "# A\n\nText --- with a line.\n\n---\n\nMore of A.\n");
    }

    #[test]
    fn elements_begin_pages() {
        let text = "<page>\n---\ntitle: A\nsource_url:\n  html: https://e.example/a/\n  md: https://e.example/a/index.md\n---\n\n# A\n\nText of A.\n\n</page>\n\n<page>\n---\ntitle: B\nsource_url:\n  html: https://e.example/b/\n---\n\nText of B.\n\n</page>\n";
        assert_eq!(pages(text), owned(&[("a.md", "https://e.example/a/"), ("b.md", "https://e.example/b/")]));
        let text = "<doc title=\"One\" href=\"/one\">\nText.\n</doc>\n<doc title=\"Two\" href=\"/two\">\n# Two\nText.\n</doc>\n";
        assert_eq!(split_at(text).pages[0].text, "# One\n\nText.\n");
        assert_eq!(pages(text), owned(&[("one.md", "https://e.example/one"), ("two.md", "https://e.example/two")]));
    }

    #[test]
    fn without_addresses_headings_begin_pages_and_without_those_sections_do() {
        let file = "https://e.example/docs/llms-full.txt";
        let text = "<SYSTEM>This is the full developer documentation for X</SYSTEM>\n\n# Getting started\n\n> Begin here\n\ntext\n\n# API & more\n\ntext\n\n# Getting Started\n\nagain\n";
        assert_eq!(pages(text), owned(&[("getting-started.md", file), ("api-more.md", file), ("getting-started-2.md", file)]));
        let full = split_at("# Widgets\n\n> Parts.\n\n## One\n\ntext\n\n## Two\n\ntext\n");
        assert_eq!((full.title.as_deref(), full.description.as_deref(), full.pages.len()), (Some("Widgets"), Some("Parts."), 2));
        assert_eq!(split_at("Just a text.\n").pages.len(), 1);
        assert_eq!(split_at("\n\n").pages.len(), 0);
    }

    #[test]
    fn a_page_that_is_too_large_is_named() {
        let full = split_at(&format!("# A\n\n{}\n\n# B\n\ntext\n", "x".repeat(3 << 20)));
        assert_eq!((full.pages.len(), full.skipped[0].path.as_str()), (1, "a.md"));
    }

    #[test]
    fn large_files_take_linear_time() {
        for text in [
            "# a\n".repeat(1 << 20),
            "---\n".repeat(1 << 20),
            "---\na: b\n".repeat(1 << 19),
            "<page>\n".repeat(1 << 19),
            "```\n".repeat(1 << 20),
            format!("# a\n{}", "\n".repeat(4 << 20)),
            "[".repeat(10 << 20),
        ] {
            split_at(&text);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_split_and_paths_stay_below_the_root(text in "(# |## |Source: |URL: |/a/../b|https://e.example/x|\n|---\n|url: |<page>|<doc title=\"|\">|```|é|x|\\.\\.){0,60}") {
            for page in split_at(&text).pages {
                prop_assert!(!page.path.starts_with('/') && page.path.split('/').all(|part| part != ".." && !part.is_empty()));
            }
        }
    }
}
