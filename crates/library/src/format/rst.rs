//! reStructuredText, as Sphinx projects write it.

use super::include::Tree;
use super::link::Linker;
use super::rst_inline::{clean, linked};
use super::{Page, PageBuilder, collapse};
use std::collections::HashMap;

/// Blocks within blocks deeper than this are read as they stand.
const MAX_DEPTH: u8 = 24;
/// Lines that includes may add to a page.
pub(super) const MAX_INCLUDED_LINES: usize = 60_000;

/// A line without its block's indentation, and its number in the file.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) number: u32,
    pub(super) text: String,
}

impl Line {
    pub(super) fn indent(&self) -> usize {
        self.text.bytes().take_while(|b| *b == b' ').count()
    }
    pub(super) fn blank(&self) -> bool {
        self.text.trim().is_empty()
    }
}

/// Whether a `.txt` file is reStructuredText: it has directives, or several titles with underlines.
#[must_use]
pub fn looks_like_rst(text: &str) -> bool {
    let lines: Vec<&str> = text.lines().take(3000).collect();
    let directives = lines.iter().filter(|line| line.trim_start().starts_with(".. ") && line.contains("::")).count();
    let titles = lines.windows(2).filter(|pair| is_underline(pair[1], pair[0])).count();
    let labels = lines.iter().filter(|line| line.starts_with(".. _")).count();
    directives + labels >= 1 && titles >= 1 || directives >= 3 || titles >= 3
}

fn adornment(line: &str) -> Option<char> {
    let line = line.trim_end();
    let first = line.chars().next().filter(char::is_ascii_punctuation)?;
    (line.len() >= 2 && line.chars().all(|c| c == first)).then_some(first)
}

fn is_underline(under: &str, title: &str) -> bool {
    let title = title.trim_end();
    !title.is_empty()
        && !title.starts_with(' ')
        && adornment(title).is_none()
        && adornment(under).is_some_and(|c| !matches!(c, '|' | '`') || under.len() > 3)
        && under.trim_end().len() + 2 >= title.chars().count()
        && under.trim_end().len() >= 3
}

/// Reads a page.
#[must_use]
pub fn read(path: &str, text: &str, tree: &Tree) -> Page {
    let lines = lines_of(text, None);
    let mut reader = Reader {
        builder: PageBuilder::default(),
        path,
        tree,
        styles: Vec::new(),
        anchor: None,
        prefix: String::new(),
        substitutions: substitutions(&lines),
        language: "python".to_owned(),
        included: 0,
    };
    reader.blocks(&lines, 0);
    reader.builder.finish(path)
}

pub(super) fn lines_of(text: &str, fixed: Option<u32>) -> Vec<Line> {
    text.lines()
        .enumerate()
        .map(|(index, line)| Line {
            number: fixed.unwrap_or_else(|| u32::try_from(index + 1).unwrap_or(u32::MAX)),
            text: line.replace('\t', "        ").trim_end().to_owned(),
        })
        .collect()
}

pub(super) fn substitutions(lines: &[Line]) -> HashMap<String, String> {
    let mut out = HashMap::new();
    for line in lines {
        if let Some(rest) = line.text.strip_prefix(".. |")
            && let Some((name, rest)) = rest.split_once('|')
            && let Some(value) = rest.trim().strip_prefix("replace::")
        {
            // A substitution may have roles, but no substitutions in its turn.
            out.insert(name.to_owned(), clean(value.trim(), &HashMap::new()));
        }
    }
    out
}

pub(super) struct Reader<'a> {
    pub(super) builder: PageBuilder,
    pub(super) path: &'a str,
    pub(super) tree: &'a Tree,
    /// Title styles in the order in which they first occur: over- and underlined, and the mark.
    styles: Vec<(bool, char)>,
    anchor: Option<String>,
    /// Stands before the next prose: a bullet, a term, a label.
    pub(super) prefix: String,
    pub(super) substitutions: HashMap<String, String>,
    pub(super) language: String,
    pub(super) included: usize,
}

impl Reader<'_> {
    pub(super) fn clean(&self, text: &str) -> String {
        linked(text, &self.substitutions, Some(Linker { tree: self.tree, page: self.path }))
    }

    pub(super) fn prose(&mut self, text: &str, first: u32, last: u32) {
        let prefix = std::mem::take(&mut self.prefix);
        let text = self.clean(text);
        if text.trim().is_empty() && prefix.trim().is_empty() {
            return;
        }
        self.builder.prose(&format!("{prefix}{text}"), first, last);
    }

    /// A label or bullet that no prose followed stands for itself.
    pub(super) fn flush_prefix(&mut self, line: u32) {
        let prefix = std::mem::take(&mut self.prefix);
        let text = prefix.trim();
        if !text.is_empty() && !matches!(text, "-" | "*") {
            self.builder.prose(text.trim_end_matches(':'), line, line);
        }
    }

    pub(super) fn code(&mut self, language: &str, lines: &[Line]) {
        self.named_code(language, None, lines);
    }

    pub(super) fn named_code(&mut self, language: &str, file_name: Option<String>, lines: &[Line]) {
        let (Some(first), Some(last)) = (lines.first(), lines.last()) else { return };
        self.flush_prefix(first.number);
        let code = lines.iter().map(|l| l.text.as_str()).collect::<Vec<_>>().join("\n");
        self.builder.code(language, file_name, &code, first.number, last.number);
    }

    pub(super) fn blocks(&mut self, lines: &[Line], depth: u8) {
        if depth > MAX_DEPTH {
            if let (Some(first), Some(last)) = (lines.first(), lines.last()) {
                let text = lines.iter().map(|l| l.text.trim()).collect::<Vec<_>>().join("\n");
                self.prose(&text, first.number, last.number);
            }
            return;
        }
        let mut at = 0;
        while at < lines.len() {
            let line = &lines[at];
            if line.blank() {
                at += 1;
                continue;
            }
            if line.indent() > 0 {
                let end = block_end(lines, at, line.indent());
                let inner = dedent(&lines[at..end]);
                self.blocks(&inner, depth + 1);
                at = end.max(at + 1);
                continue;
            }
            if let Some(used) = self.title(lines, at) {
                at += used;
                continue;
            }
            if line.text == ".." || line.text.starts_with(".. ") {
                at += self.explicit(lines, at, depth);
                continue;
            }
            if line.text.starts_with("__ ") {
                at += 1;
                continue;
            }
            if line.text.starts_with(">>> ") {
                let end = lines[at..].iter().position(Line::blank).map_or(lines.len(), |n| at + n);
                self.code("pycon", &lines[at..end]);
                at = end;
                continue;
            }
            if adornment(&line.text).is_some_and(|_| line.text.len() >= 4) && lines.get(at + 1).is_none_or(Line::blank) {
                at += 1;
                continue;
            }
            if let Some(end) = table_end(lines, at) {
                let text = lines[at..end]
                    .iter()
                    .filter(|l| adornment(&l.text.replace([' ', '+', '|'], "")).is_none())
                    .map(|l| l.text.trim_end())
                    .collect::<Vec<_>>()
                    .join("\n");
                self.prose(&text, line.number, lines[end - 1].number);
                at = end;
                continue;
            }
            if let Some(width) = bullet(&line.text) {
                let end = item_end(lines, at, width);
                // What is indented more than the item's text is a block of its own.
                let mut inner = dedent_by(&lines[at + 1..end], width);
                let mark =
                    if line.text.starts_with(['-', '*', '+']) { "- ".to_owned() } else { line.text[..width].trim_end().to_owned() + " " };
                inner.insert(0, Line { number: line.number, text: line.text.get(width..).unwrap_or("").to_owned() });
                self.prefix.push_str(&mark);
                self.blocks(&inner, depth + 1);
                self.prefix.clear();
                at = end;
                continue;
            }
            at = self.paragraph(lines, at, depth);
        }
    }

    fn title(&mut self, lines: &[Line], at: usize) -> Option<usize> {
        let line = lines[at].text.as_str();
        let next = lines.get(at + 1)?.text.as_str();
        let (over, mark, text, used) = match (adornment(line), lines.get(at + 2)) {
            (Some(mark), Some(third))
                if line.len() >= 3
                    && adornment(&third.text) == Some(mark)
                    && third.text.len() >= 3
                    && !next.trim().is_empty()
                    && adornment(next).is_none()
                    && !line.contains("::") =>
            {
                (true, mark, next.trim(), 3)
            }
            _ if is_underline(next, line) && !line.starts_with(".. ") => (false, adornment(next)?, line.trim(), 2),
            _ => return None,
        };
        let style = (over, mark);
        let level = self.styles.iter().position(|known| *known == style).unwrap_or_else(|| {
            self.styles.push(style);
            self.styles.len() - 1
        });
        self.flush_prefix(lines[at].number);
        let text = clean(text, &self.substitutions).replace('`', "").replace("**", "");
        let anchor = self.anchor.take();
        self.builder.heading(u8::try_from(level + 1).unwrap_or(u8::MAX), &text, anchor, lines[at].number);
        Some(used)
    }

    fn paragraph(&mut self, lines: &[Line], at: usize, depth: u8) -> usize {
        let first = &lines[at];
        let mut end = at + 1;
        let fields = field(&first.text).is_some();
        while end < lines.len()
            && !lines[end].blank()
            && lines[end].indent() == 0
            && !is_section(lines, end)
            // Fields stand one below the other.
            && !(fields && field(&lines[end].text).is_some())
        {
            end += 1;
        }
        let followed = lines.get(end).is_some_and(|l| !l.blank() && l.indent() > 0);
        let text = lines[at..end].iter().map(|l| l.text.trim_end()).collect::<Vec<_>>().join(" ");
        let last = lines[end - 1].number;
        if let Some(before) = text.strip_suffix("::") {
            let before = if before.is_empty() || before.ends_with(' ') { before.trim_end().to_owned() } else { format!("{before}:") };
            self.prose(&before, first.number, last);
            let start = lines[end..].iter().position(|l| !l.blank()).map_or(lines.len(), |n| end + n);
            if start < lines.len() && lines[start].indent() > 0 {
                let stop = block_end(lines, start, 1);
                let language = self.language.clone();
                self.code(&language, &dedent(&lines[start..stop]));
                return stop;
            }
            // A quoted literal block has no indentation but a mark on each line.
            return end;
        }
        if followed && end == at + 1 {
            // A term and its definition, or a field and its body.
            let term = self.clean(text.trim());
            self.prefix.push_str(&field(&term).unwrap_or_else(|| format!("**{}**: ", term.replace("**", ""))));
            let stop = block_end(lines, end, 1);
            let inner = dedent(&lines[end..stop]);
            self.blocks(&inner, depth + 1);
            self.flush_prefix(last);
            return stop;
        }
        match field(&text) {
            // `:orphan:` and the like are for the site's generator.
            Some(name) if name.trim_end_matches([':', ' ']).eq_ignore_ascii_case(text.trim_matches(':')) => {}
            Some(name) => {
                let value = text[1..].split_once(':').map_or("", |(_, value)| value).trim().to_owned();
                self.prose(&format!("{name}{value}"), first.number, last);
            }
            None => self.prose(&text, first.number, last),
        }
        end
    }

    /// `.. something`; answers how many lines it takes.
    fn explicit(&mut self, lines: &[Line], at: usize, depth: u8) -> usize {
        let line = &lines[at];
        let end = block_end(lines, at + 1, 1).max(at + 1);
        let rest = line.text.get(3..).unwrap_or("").trim();
        if let Some(target) = rest.strip_prefix('_') {
            if let Some(name) = target.strip_suffix(':') {
                self.anchor = Some(collapse(name.trim_matches('`')).to_lowercase().replace([' ', '_'], "-"));
            }
            return end - at;
        }
        let body = dedent(&lines[at + 1..end]);
        if rest.starts_with('[') && rest.contains(']') {
            let mut inner = body;
            inner.insert(0, Line { number: line.number, text: rest.to_owned() });
            self.blocks(&inner, depth + 1);
            return end - at;
        }
        if let Some((name, arguments)) = rest.split_once("::")
            && !name.is_empty()
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b':' | b'.' | b'+'))
        {
            self.directive(&name.to_ascii_lowercase(), arguments.trim(), line.number, body, depth);
        }
        end - at
    }
}

/// A field's name as a label: `:param x: …`.
fn field(text: &str) -> Option<String> {
    let (name, value) = text.strip_prefix(':')?.split_once(':')?;
    let fits = !name.is_empty() && name.len() < 60 && !name.contains('`') && (value.is_empty() || value.starts_with(' '));
    fits.then(|| format!("{name}: "))
}

fn is_section(lines: &[Line], at: usize) -> bool {
    lines.get(at + 1).is_some_and(|next| is_underline(&next.text, &lines[at].text))
}

/// The end of the indented block that begins at `at`: blank lines at its end are not part of it.
fn block_end(lines: &[Line], at: usize, indent: usize) -> usize {
    let mut end = at;
    for (index, line) in lines.iter().enumerate().skip(at) {
        if line.blank() {
            continue;
        }
        // Less indented than the block began is still in it, as long as it is indented at all.
        if line.indent() < indent.min(1) || line.indent() == 0 {
            break;
        }
        end = index + 1;
    }
    end
}

fn dedent(lines: &[Line]) -> Vec<Line> {
    let common = lines.iter().filter(|l| !l.blank()).map(Line::indent).min().unwrap_or(0);
    lines.iter().map(|l| Line { number: l.number, text: l.text.get(common..).unwrap_or("").to_owned() }).collect()
}

/// Takes at most so many columns away.
fn dedent_by(lines: &[Line], columns: usize) -> Vec<Line> {
    let common = lines.iter().filter(|l| !l.blank()).map(Line::indent).min().unwrap_or(0).min(columns);
    lines.iter().map(|l| Line { number: l.number, text: l.text.get(common..).unwrap_or("").to_owned() }).collect()
}

/// The width of a list item's mark.
fn bullet(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    if matches!(bytes.first()?, b'-' | b'*' | b'+') && bytes.get(1) == Some(&b' ') {
        return Some(2 + bytes[2..].iter().take_while(|b| **b == b' ').count());
    }
    let digits = bytes.iter().take_while(|b| b.is_ascii_digit() || **b == b'#').count();
    if (1..=3).contains(&digits) && matches!(bytes.get(digits), Some(b'.' | b')')) && bytes.get(digits + 1) == Some(&b' ') {
        return Some(digits + 2);
    }
    None
}

fn item_end(lines: &[Line], at: usize, width: usize) -> usize {
    let mut end = at + 1;
    for (index, line) in lines.iter().enumerate().skip(at + 1) {
        if line.blank() {
            continue;
        }
        if line.indent() < width.min(2) {
            break;
        }
        end = index + 1;
    }
    end
}

/// The end of a grid or simple table.
fn table_end(lines: &[Line], at: usize) -> Option<usize> {
    let first = lines[at].text.as_str();
    if first.starts_with("+-") && first.ends_with('+') {
        return Some(lines[at..].iter().position(|l| !l.text.starts_with(['+', '|'])).map_or(lines.len(), |n| at + n));
    }
    let border = |text: &str| text.contains("==") && text.contains(' ') && text.chars().all(|c| c == '=' || c == ' ');
    if !border(first) {
        return None;
    }
    let mut end = None;
    for (index, line) in lines.iter().enumerate().skip(at + 1) {
        if border(&line.text) {
            end = Some(index + 1);
            if lines.get(index + 1).is_none_or(Line::blank) {
                break;
            }
        }
        if index > at + 2000 {
            break;
        }
    }
    end
}
