//! AsciiDoc, as Asciidoctor reads it.

use super::asciidoc_inline::{alternative, clean};
use super::asciidoc_prepare::{Attributes, Line, option, prepare};
use super::asciidoc_table as table;
use super::include::Tree;
use super::link::Linker;
use super::{Page, PageBuilder};

/// Blocks within blocks deeper than this are read as they stand.
const MAX_DEPTH: u8 = 16;

/// Reads a page.
#[must_use]
pub fn read(path: &str, text: &str, tree: &Tree) -> Page {
    let lines = prepare(path, text, tree);
    let mut reader = Reader {
        builder: PageBuilder::default(),
        linker: Linker { tree, page: path },
        attributes: Attributes::new(),
        style: Style::default(),
        label: String::new(),
        list: None,
        marks: Vec::new(),
    };
    reader.blocks(&lines, 0);
    reader.flush_list();
    reader.flush_label(lines.last().map_or(1, |line| line.number));
    reader.builder.finish(path)
}

/// What the lines above a block say about it.
#[derive(Debug, Default)]
pub(super) struct Style {
    pub(super) title: String,
    pub(super) anchor: Option<String>,
    /// Inside the brackets.
    pub(super) attributes: String,
}

impl Style {
    /// The word before the first comma.
    fn name(&self) -> &str {
        let first = self.attributes.split(',').next().unwrap_or("").trim();
        first.split(['#', '.', '%']).next().unwrap_or("")
    }
    fn second(&self) -> Option<&str> {
        let second = self.attributes.split(',').nth(1)?.trim();
        (!second.is_empty() && !second.contains('=') && !second.starts_with('%')).then_some(second)
    }
}

/// A list that is being read.
struct OpenList {
    text: String,
    first: u32,
    last: u32,
}

struct Reader<'a> {
    builder: PageBuilder,
    linker: Linker<'a>,
    attributes: Attributes,
    style: Style,
    /// Stands before the next prose.
    label: String,
    list: Option<OpenList>,
    /// Marks of the lists that are open, the outermost first, and how many items each has: a mark that is new nests.
    marks: Vec<(String, u32)>,
}

impl Reader<'_> {
    fn clean(&self, text: &str) -> String {
        clean(text, &self.attributes, self.linker)
    }

    fn prose(&mut self, text: &str, first: u32, last: u32) {
        self.flush_list();
        let text = self.clean(text);
        let label = std::mem::take(&mut self.label);
        self.builder.prose(&format!("{label}{text}"), first, last);
    }

    fn flush_label(&mut self, line: u32) {
        let label = std::mem::take(&mut self.label);
        let label = label.trim().trim_end_matches(':').to_owned();
        self.builder.prose(&label, line, line);
    }

    fn flush_list(&mut self) {
        if let Some(list) = self.list.take() {
            self.builder.prose(&list.text, list.first, list.last);
        }
    }

    fn block_title(&mut self, line: u32) {
        let title = std::mem::take(&mut self.style.title);
        if !title.is_empty() {
            let title = self.clean(&title);
            self.flush_list();
            self.builder.prose(&format!("**{title}**"), line, line);
        }
    }

    fn blocks(&mut self, lines: &[Line], depth: u8) {
        if depth > MAX_DEPTH {
            if let (Some(first), Some(last)) = (lines.first(), lines.last()) {
                let text = lines.iter().map(|line| line.text.as_str()).collect::<Vec<_>>().join("\n");
                self.prose(&text, first.number, last.number);
            }
            return;
        }
        let mut at = 0;
        while at < lines.len() {
            let line = &lines[at];
            let text = line.text.as_str();
            let number = line.number;
            if text.trim().is_empty() {
                at += 1;
                continue;
            }
            if let Some(end) = delimited_end(lines, at) {
                // The closing line is not part of it; a block without one goes to the end.
                let body = &lines[at + 1..end.min(lines.len())];
                self.delimited(text, number, body, depth);
                at = end + 1;
                continue;
            }
            if text.starts_with("//") && !text.starts_with("///") || self.attributes.entry(text) {
                at += 1;
                continue;
            }
            if let Some((level, title)) = section_title(text).filter(|_| depth == 0) {
                self.heading(level, title, number);
                at += 1;
                if level == 1 && self.at_header() {
                    at += header_lines(&lines[at..]);
                }
                continue;
            }
            if let Some((level, _)) = underlined(lines, at).filter(|_| depth == 0) {
                self.heading(level, text, number);
                at += 2;
                continue;
            }
            if let Some(inside) = text.strip_prefix("[[").and_then(|rest| rest.strip_suffix("]]")) {
                self.style.anchor = Some(inside.split(',').next().unwrap_or(inside).to_owned());
                at += 1;
                continue;
            }
            if let Some(inside) = block_attributes(text) {
                self.set_attributes(inside);
                at += 1;
                continue;
            }
            if let Some(title) = text.strip_prefix('.').filter(|rest| rest.starts_with(|c: char| !c.is_whitespace() && c != '.')) {
                title.clone_into(&mut self.style.title);
                at += 1;
                continue;
            }
            if let Some((name, rest)) = text
                .split_once("::")
                .filter(|(name, rest)| matches!(*name, "image" | "video" | "audio" | "toc" | "plantuml" | "ditaa") && rest.ends_with(']'))
            {
                self.block_title(number);
                if name != "toc" {
                    let inside = rest.split_once('[').map_or("", |(_, inside)| inside.trim_end_matches(']'));
                    let alternative = alternative(inside);
                    self.prose(&alternative, number, number);
                }
                self.style = Style::default();
                at += 1;
                continue;
            }
            if matches!(text, "'''" | "---" | "***" | "<<<" | "- - -" | "* * *") {
                at += 1;
                continue;
            }
            if text == "+" {
                // What stands outside of a list continues nothing.
                at += 1;
                continue;
            }
            if list_mark(text).is_some() {
                at = self.list(lines, at, depth);
                continue;
            }
            self.marks.clear();
            if text.starts_with(' ') || matches!(self.style.name(), "source" | "listing" | "literal") {
                let end = paragraph_end(lines, at, false);
                self.listing(&lines[at..end], number);
                at = end;
                continue;
            }
            at = self.paragraph(lines, at);
        }
    }

    fn at_header(&self) -> bool {
        self.builder.has_no_prose()
    }

    fn heading(&mut self, level: u8, title: &str, line: u32) {
        self.flush_list();
        self.flush_label(line);
        let style = std::mem::take(&mut self.style);
        let (title, own) = match title.rsplit_once(" [[").and_then(|(title, id)| Some((title, id.strip_suffix("]]")?))) {
            Some((title, id)) => (title, Some(id.to_owned())),
            None => (title, None),
        };
        let text = self.clean(title).replace("**", "").replace('`', "");
        if style.name() == "discrete" || style.name() == "float" {
            self.builder.prose(&format!("**{text}**"), line, line);
            return;
        }
        self.builder.heading(level, &text, own.or(style.anchor), line);
    }

    fn set_attributes(&mut self, inside: &str) {
        let inside = self.attributes.fill(inside);
        if let Some(at) = inside.find('#') {
            let id: String = inside[at + 1..].chars().take_while(|c| !matches!(c, ',' | '.' | '%' | ' ' | '"')).collect();
            if !id.is_empty() && !inside[..at].contains('=') {
                self.style.anchor = Some(id);
            }
        }
        if let Some(id) = option(&inside, "id") {
            self.style.anchor = Some(id);
        }
        if let Some(title) = option(&inside, "title").filter(|_| self.style.title.is_empty()) {
            self.style.title = title;
        }
        if self.style.attributes.is_empty() {
            self.style.attributes = inside;
        } else {
            self.style.attributes.push(',');
            self.style.attributes.push_str(&inside);
        }
    }

    fn listing(&mut self, body: &[Line], number: u32) {
        self.flush_list();
        let style = std::mem::take(&mut self.style);
        let language = match style.name() {
            "source" | "" => style.second().map(str::to_owned).or_else(|| option(&style.attributes, "language")),
            "listing" | "literal" | "verse" => None,
            other => Some(other.to_owned()),
        };
        let has_style = matches!(style.name(), "source");
        let language = language
            .unwrap_or_else(|| if has_style { self.attributes.get("source-language").unwrap_or("").to_owned() } else { String::new() });
        let mut file_name = None;
        if !style.title.is_empty() {
            let title = self.clean(&style.title).replace('`', "");
            let is_file = !title.contains(' ') && title.contains(['.', '/']);
            if is_file {
                file_name = Some(title);
            } else {
                self.builder.prose(&format!("**{title}**"), number, number);
            }
        }
        let label = std::mem::take(&mut self.label);
        self.builder.prose(label.trim(), number, number);
        let (Some(first), Some(last)) = (body.first(), body.last()) else { return };
        let fill = option(&style.attributes, "subs").is_some_and(|subs| subs.contains("attributes") || subs.contains("normal"));
        let indent = if body.iter().all(|line| line.text.starts_with(' ') || line.text.is_empty()) {
            body.iter()
                .filter(|line| !line.text.is_empty())
                .map(|line| line.text.len() - line.text.trim_start_matches(' ').len())
                .min()
                .unwrap_or(0)
        } else {
            0
        };
        let code: Vec<String> = body
            .iter()
            .map(|line| {
                let text = line.text.get(indent..).unwrap_or("");
                if fill { self.attributes.fill(text) } else { text.to_owned() }
            })
            .collect();
        self.builder.code(&language, file_name, &code.join("\n"), first.number, last.number);
    }

    /// A block between two equal lines.
    fn delimited(&mut self, mark: &str, number: u32, body: &[Line], depth: u8) {
        let name = self.style.name().to_owned();
        if let Some(language) = mark.strip_prefix("```") {
            if !language.is_empty() {
                self.style.attributes = format!("source,{}", language.trim());
            }
            return self.listing(body, number);
        }
        match mark.as_bytes()[0] {
            b'/' => {
                self.style = Style::default();
            }
            b'+' => {
                self.flush_list();
                let style = std::mem::take(&mut self.style);
                if !matches!(style.name(), "stem" | "latexmath" | "asciimath") {
                    let text = super::html::strip_tags(&body.iter().map(|line| line.text.as_str()).collect::<Vec<_>>().join("\n"));
                    self.builder.prose(&text, number, body.last().map_or(number, |line| line.number));
                } else if let (Some(first), Some(last)) = (body.first(), body.last()) {
                    let text = body.iter().map(|line| line.text.as_str()).collect::<Vec<_>>().join("\n");
                    self.builder.prose(&text, first.number, last.number);
                }
            }
            b'-' if mark.len() >= 4 => self.listing(body, number),
            b'.' => self.listing(body, number),
            b'_' | b'-' if matches!(name.as_str(), "source" | "listing") => self.listing(body, number),
            b'|' | b',' | b':' | b'!' => {
                self.block_title(number);
                let style = std::mem::take(&mut self.style);
                self.table(mark, body, &style, number, depth);
            }
            _ => {
                let admonition = admonition(&name);
                let title = std::mem::take(&mut self.style.title);
                self.style = Style::default();
                self.flush_list();
                match (admonition, title.is_empty()) {
                    (Some(kind), true) => self.label.push_str(&format!("**{kind}**: ")),
                    (Some(kind), false) => self.builder.prose(&format!("**{kind}: {}**", self.clean(&title)), number, number),
                    (None, false) => self.builder.prose(&format!("**{}**", self.clean(&title)), number, number),
                    (None, true) => {}
                }
                self.blocks(body, depth + 1);
                self.flush_list();
                self.flush_label(number);
            }
        }
    }

    fn table(&mut self, mark: &str, body: &[Line], style: &Style, number: u32, depth: u8) {
        self.flush_list();
        let (Some(first), Some(last)) = (body.first(), body.last()) else { return };
        let table = table::read(mark, body, style, |text| self.clean(text));
        if depth < MAX_DEPTH {
            self.builder.prose(&table.text, first.number, last.number);
        }
        // Cells that hold blocks: their code stays code.
        for code in table.code {
            self.builder.code(&code.0, None, &code.1, number, last.number);
        }
    }

    fn paragraph(&mut self, lines: &[Line], at: usize) -> usize {
        let end = paragraph_end(lines, at, true);
        let (first, last) = (lines[at].number, lines[end - 1].number);
        let mut text = lines[at..end].iter().map(|line| line.text.as_str()).collect::<Vec<_>>().join(" ").replace(" + ", "\n");
        let name = self.style.name().to_owned();
        if name == "comment" {
            self.style = Style::default();
            return end;
        }
        self.block_title(first);
        self.style = Style::default();
        if let Some(kind) = admonition(&name) {
            self.label.push_str(&format!("**{kind}**: "));
        } else if let Some((kind, rest)) = text.split_once(": ")
            && let Some(kind) = admonition(kind)
        {
            text = format!("**{kind}**: {rest}");
        }
        self.prose(&text, first, last);
        end
    }

    /// One item of a list with what is attached to it; answers the line after it.
    fn list(&mut self, lines: &[Line], at: usize, depth: u8) -> usize {
        let number = lines[at].number;
        self.block_title(number);
        if self.style.name() != "qanda" {
            self.style.attributes.clear();
        }
        let Some((mark, text)) = list_mark(&lines[at].text) else { return at + 1 };
        let mut end = at + 1;
        while end < lines.len() && !ends_item(&lines[end].text) {
            end += 1;
        }
        let mut words = vec![text.to_owned()];
        words.extend(lines[at + 1..end].iter().map(|line| line.text.trim().to_owned()));
        let last = lines[end - 1].number;
        let (indent, count) = self.nest(&lines[at].text, mark);
        let bullet = match mark {
            Mark::Bullet(_) => "- ".to_owned(),
            Mark::Numbered(_, number) => format!("{}. ", number.unwrap_or(count)),
            Mark::Callout(number) => format!("<{}> ", if number == 0 { count } else { number }),
            Mark::Term(_) => {
                let term = std::mem::take(&mut words[0]);
                let (term, rest) = split_term(&term);
                words[0] = rest;
                format!("- **{}**: ", self.clean(&term).replace("**", ""))
            }
        };
        let body = self.clean(words.join(" ").trim());
        let indent = if self.list.is_some() { indent } else { 0 };
        let item = format!("{}{bullet}{body}", "  ".repeat(indent.min(8)));
        let item = item.trim_end().trim_end_matches(if body.is_empty() { ":" } else { "" }).to_owned();
        let label = std::mem::take(&mut self.label);
        match &mut self.list {
            Some(list) => {
                list.text.push('\n');
                list.text.push_str(&item);
                list.last = last;
            }
            None => self.list = Some(OpenList { text: format!("{label}{item}"), first: number, last }),
        }
        // A term may have its text after an empty line, and be followed by blocks.
        let mut next = end;
        loop {
            let after = next + lines[next..].iter().take_while(|line| line.text.trim().is_empty()).count();
            let Some(line) = lines.get(next) else { break };
            if line.text == "+" {
                next = self.attached(lines, next + 1, depth);
                continue;
            }
            // An empty line and an indented literal belong to the item; another item of the list goes on in it.
            if let Some(line) = lines.get(after) {
                if list_mark(&line.text).is_some() {
                    return after;
                }
                if after > next && line.text.starts_with(' ') && matches!(mark, Mark::Bullet(_) | Mark::Numbered(..)) {
                    let stop = paragraph_end(lines, after, false);
                    if line.text.trim_start().starts_with(['*', '.', '-']) {
                        return after;
                    }
                    self.listing(&lines[after..stop], line.number);
                    next = stop;
                    continue;
                }
                if matches!(mark, Mark::Term(_)) && body.is_empty() && after > next && !ends_term(&line.text) {
                    let stop = paragraph_end(lines, after, true);
                    let text = lines[after..stop].iter().map(|line| line.text.trim()).collect::<Vec<_>>().join(" ");
                    let text = self.clean(&text);
                    if let Some(list) = &mut self.list {
                        list.text.push_str(": ");
                        list.text.push_str(&text);
                        list.last = lines[stop - 1].number;
                    }
                    return stop;
                }
            }
            break;
        }
        if lines.get(next).is_none_or(|line| list_mark(&line.text).is_none()) {
            self.flush_list();
        }
        next
    }

    /// How deep an item with this mark stands, and which one of its list it is.
    fn nest(&mut self, text: &str, mark: Mark) -> (usize, u32) {
        let key = match mark {
            Mark::Bullet(level) => format!("{}{level}", text.trim_start().get(..1).unwrap_or("")),
            Mark::Numbered(level, written) => format!("{level}{}", if written.is_some() { "1" } else { "." }),
            Mark::Callout(_) => "<".to_owned(),
            Mark::Term(level) => format!(":{level}"),
        };
        match self.marks.iter().position(|(known, _)| *known == key) {
            Some(at) => self.marks.truncate(at + 1),
            None => self.marks.push((key, 0)),
        }
        let depth = self.marks.len() - 1;
        self.marks[depth].1 += 1;
        (depth, self.marks[depth].1)
    }

    /// The block after a `+`.
    fn attached(&mut self, lines: &[Line], at: usize, depth: u8) -> usize {
        let mut end = at;
        // Lines that say something about the block come first.
        while let Some(line) = lines.get(end) {
            let about = block_attributes(&line.text).is_some()
                || (line.text.starts_with('.')
                    && line.text.len() > 1
                    && !line.text.starts_with(". ")
                    && delimited_end(lines, end).is_none());
            if !about {
                break;
            }
            end += 1;
        }
        end = match lines.get(end) {
            None => end,
            Some(_) => match delimited_end(lines, end) {
                Some(stop) => (stop + 1).min(lines.len()),
                None => {
                    let ends = |line: &Line| line.text.trim().is_empty() || line.text == "+" || list_mark(&line.text).is_some();
                    lines[end + 1..].iter().position(ends).map_or(lines.len(), |n| end + 1 + n)
                }
            },
        };
        // A paragraph goes on in the item.
        let goes_on = self.list.is_some()
            && lines.get(at).is_some_and(|line| {
                list_mark(&line.text).is_none()
                    && !line.text.starts_with([' ', '.', '['])
                    && section_title(&line.text).is_none()
                    && delimited_end(lines, at).is_none()
                    && !line.text.contains("::")
            });
        if goes_on {
            let text = lines[at..end].iter().map(|line| line.text.trim()).collect::<Vec<_>>().join(" ");
            let text = self.clean(&text);
            if let Some(open) = &mut self.list {
                open.text.push_str("\n  ");
                open.text.push_str(&text);
                open.last = lines[end - 1].number;
            }
        } else {
            let marks = std::mem::take(&mut self.marks);
            self.blocks(lines.get(at..end).unwrap_or_default(), depth + 1);
            self.marks = marks;
        }
        end.max(at)
    }
}

fn admonition(name: &str) -> Option<&'static str> {
    Some(match name {
        "NOTE" => "Note",
        "TIP" => "Tip",
        "IMPORTANT" => "Important",
        "WARNING" => "Warning",
        "CAUTION" => "Caution",
        _ => return None,
    })
}

/// `== Title` and, as some write it, `## Title`: its level and text.
fn section_title(text: &str) -> Option<(u8, &str)> {
    let mark = text.chars().next().filter(|c| matches!(c, '=' | '#'))?;
    let level = text.bytes().take_while(|b| char::from(*b) == mark).count();
    let title = text[level..].strip_prefix(' ')?.trim();
    let title = title.trim_end_matches(mark).trim_end();
    ((1..=6).contains(&level) && !title.is_empty()).then_some((u8::try_from(level).unwrap_or(6), title))
}

/// A title with a line of the same length below it.
fn underlined(lines: &[Line], at: usize) -> Option<(u8, ())> {
    let (title, under) = (lines[at].text.as_str(), lines.get(at + 1)?.text.as_str());
    let mark = under.chars().next()?;
    let level = match mark {
        '=' => 1,
        '-' => 2,
        '~' => 3,
        '^' => 4,
        '+' => 5,
        _ => return None,
    };
    let length = title.chars().count();
    let fits = under.len() >= 3 && under.chars().all(|c| c == mark) && under.len().abs_diff(length) <= 1;
    (fits && title.starts_with(|c: char| c.is_alphanumeric())).then_some((level, ()))
}

/// Author and revision below the title.
fn header_lines(lines: &[Line]) -> usize {
    let author = lines.first().is_some_and(|line| line.text.contains('@') && line.text.contains('<') && line.text.ends_with('>'));
    let revision =
        |line: &Line| line.text.starts_with('v') && line.text[1..].starts_with(|c: char| c.is_ascii_digit()) && line.text.len() < 60;
    match (author, lines.get(usize::from(author)).is_some_and(revision)) {
        (true, true) => 2,
        (true, false) | (false, true) => 1,
        (false, false) => 0,
    }
}

/// What stands in the brackets of a line of attributes.
fn block_attributes(text: &str) -> Option<&str> {
    let inside = text.strip_prefix('[')?.strip_suffix(']')?;
    (!inside.starts_with(' ') && !inside.starts_with('[') && !inside.contains("](")).then_some(inside)
}

/// For a line that opens a block, the line that closes it (or the end).
fn delimited_end(lines: &[Line], at: usize) -> Option<usize> {
    let text = lines[at].text.as_str();
    let close = if let Some(language) = text.strip_prefix("```") {
        if language.contains('`') || language.contains(' ') && language.len() > 30 {
            return None;
        }
        "```"
    } else {
        let first = text.chars().next()?;
        let all = text.chars().all(|c| c == first);
        let table = matches!(text, "|===" | ",===" | ":===" | "!===");
        let fits = table || text == "--" || all && text.len() >= 4 && matches!(first, '-' | '.' | '=' | '*' | '_' | '+' | '/');
        if !fits {
            return None;
        }
        text
    };
    Some(lines[at + 1..].iter().position(|line| line.text == close).map_or(lines.len(), |n| at + 1 + n))
}

fn paragraph_end(lines: &[Line], at: usize, strict: bool) -> usize {
    let mut end = at + 1;
    while let Some(line) = lines.get(end) {
        let text = line.text.as_str();
        if text.trim().is_empty()
            || text == "+"
            || strict
                && (is_delimiter(text)
                    || block_attributes(text).is_some() && !text.contains(' ')
                    || text.starts_with("//") && !text.starts_with("///"))
        {
            break;
        }
        end += 1;
    }
    end
}

fn is_delimiter(text: &str) -> bool {
    text.starts_with("```")
        || text == "--"
        || matches!(text, "|===" | ",===" | "!===")
        || text.len() >= 4
            && text.bytes().all(|b| b == text.as_bytes()[0])
            && matches!(text.as_bytes()[0], b'-' | b'.' | b'=' | b'*' | b'_' | b'+' | b'/')
}

fn ends_item(text: &str) -> bool {
    text.trim().is_empty() || text == "+" || list_mark(text).is_some() || is_delimiter(text) || block_attributes(text).is_some()
}

fn ends_term(text: &str) -> bool {
    list_mark(text).is_some() || section_title(text).is_some() || is_delimiter(text) || block_attributes(text).is_some()
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Mark {
    Bullet(usize),
    Numbered(usize, Option<u32>),
    Callout(u32),
    Term(usize),
}

/// The mark of a list item and its text.
fn list_mark(text: &str) -> Option<(Mark, &str)> {
    let text = text.trim_start();
    if text.starts_with("//") {
        return None;
    }
    for (sign, numbered) in [('*', false), ('.', true), ('-', false)] {
        let level = text.chars().take(7).take_while(|c| *c == sign).count();
        if (1..=6).contains(&level)
            && (sign != '-' || level == 1)
            && let Some(rest) = text[level..].strip_prefix([' ', '\t'])
        {
            let mark = if numbered { Mark::Numbered(level - 1, None) } else { Mark::Bullet(level - 1) };
            return (!rest.trim().is_empty()).then(|| (mark, rest.trim()));
        }
    }
    let digits = text.bytes().take(4).take_while(u8::is_ascii_digit).count();
    if digits > 0
        && let Some(rest) = text[digits..].strip_prefix(". ")
    {
        return Some((Mark::Numbered(0, text[..digits].parse().ok()), rest.trim()));
    }
    if let Some(rest) = text.strip_prefix('<')
        && let Some((number, rest)) = rest.split_once('>').filter(|(number, _)| number.len() <= 3)
        && let Ok(number) = number.parse()
        && let Some(rest) = rest.strip_prefix(' ')
    {
        return Some((Mark::Callout(number), rest.trim()));
    }
    if let Some(rest) = text.strip_prefix("<.> ") {
        return Some((Mark::Callout(0), rest.trim()));
    }
    term(text).map(|(level, _)| (Mark::Term(level), text))
}

/// `term:: text`: the level, and where the mark begins.
fn term(text: &str) -> Option<(usize, usize)> {
    let mut from = 0;
    for _ in 0..4 {
        let at = from + text.get(from..)?.bytes().take(200).position(|b| b == b':' || b == b';')?;
        let rest = &text[at..];
        let sign = rest.as_bytes()[0];
        let length = rest.bytes().take_while(|b| *b == sign).count();
        let after = rest.as_bytes().get(length);
        if at > 0
            && (2..=4).contains(&length)
            && (sign == b':' || length == 2)
            && after.is_none_or(|b| *b == b' ')
            && !text[..at].ends_with(' ')
        {
            return Some((if sign == b';' { 1 } else { length - 2 }, at));
        }
        from = at + length;
    }
    None
}

fn split_term(text: &str) -> (String, String) {
    match term(text) {
        Some((_, at)) => (text[..at].to_owned(), text[at..].trim_start_matches([':', ';']).trim().to_owned()),
        None => (text.to_owned(), String::new()),
    }
}
