//! Manual pages: roff with the macros of man and of mdoc.

use super::include::Tree;
use super::man_escape::{Font, Runs, runs};
use super::man_mdoc::{Mdoc, arguments};
use super::{Page, PageBuilder, collapse};
use std::collections::HashMap;

/// Pages that a page may refer to with `.so`.
const MAX_INCLUDES: usize = 8;

/// Whether a text is a manual page: one of its first lines is `.TH`, `.Dd`, `.Dt` or `.so`.
#[must_use]
pub fn looks_like_man(text: &str) -> bool {
    text.lines().take(400).any(|line| {
        let request = line.strip_prefix(['.', '\'']).and_then(|request| request.split([' ', '\t']).next());
        matches!(request, Some("TH" | "Dd" | "Dt" | "so"))
    })
}

/// Reads a page.
#[must_use]
pub fn read(path: &str, text: &str, tree: &Tree) -> Page {
    let mut reader = Reader {
        builder: PageBuilder::default(),
        strings: HashMap::new(),
        mdoc: Mdoc::default(),
        font: Font::Roman,
        text: String::new(),
        first: 1,
        line: 1,
        verbatim: None,
        synopsis: false,
        next: Next::Text,
        lists: Vec::new(),
        skip: Skip::Nothing,
        otherwise: Vec::new(),
        table: None,
        link: None,
    };
    let mut lines: Vec<(u32, String)> = numbered(text, None);
    let mut at = 0;
    let mut includes = 0;
    while at < lines.len() {
        let (number, mut line) = std::mem::take(&mut lines[at]);
        at += 1;
        // A backslash at the end joins the next line.
        while line.ends_with('\\') && !line.ends_with("\\\\") && at < lines.len() {
            line.pop();
            line.push_str(&lines[at].1);
            at += 1;
        }
        if let Some(target) = line.strip_prefix(".so ") {
            let folder_free = target.rsplit('/').next().unwrap_or(target);
            if includes < MAX_INCLUDES
                && let Some(included) = tree.read(path, target).or_else(|| tree.read(path, folder_free))
            {
                includes += 1;
                lines.splice(at..at, numbered(&included, Some(number)));
            }
            continue;
        }
        reader.line = number;
        reader.one(&line);
    }
    reader.paragraph();
    reader.end_verbatim();
    reader.builder.finish(path)
}

fn numbered(text: &str, fixed: Option<u32>) -> Vec<(u32, String)> {
    let number = |index: usize| fixed.unwrap_or_else(|| u32::try_from(index + 1).unwrap_or(u32::MAX));
    text.lines().enumerate().map(|(index, line)| (number(index), without_comment(line).to_owned())).collect()
}

fn without_comment(line: &str) -> &str {
    let mut from = 0;
    while let Some(at) = line[from..].find("\\\"") {
        let before = line[..from + at].bytes().rev().take_while(|b| *b == b'\\').count();
        if before.is_multiple_of(2) {
            return &line[..from + at];
        }
        from += at + 2;
    }
    line
}

/// What the next text is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    Text,
    /// The tag of a paragraph.
    Tag,
    /// One more tag of it.
    OtherTag,
    Heading(u8),
}

/// Lines that are not read.
enum Skip {
    Nothing,
    /// The definition of a macro, until `..`.
    Definition,
    /// A condition that is not met, with the braces that are open.
    Braces(usize),
    /// An equation or picture.
    Until(&'static str),
}

/// A list of mdoc.
struct List {
    kind: String,
    number: u32,
}

struct Reader {
    builder: PageBuilder,
    strings: HashMap<String, String>,
    mdoc: Mdoc,
    font: Font,
    text: String,
    first: u32,
    line: u32,
    /// Lines of code and where they begin.
    verbatim: Option<(u32, Vec<String>)>,
    synopsis: bool,
    next: Next,
    lists: Vec<List>,
    skip: Skip,
    /// For each `.ie`: whether its `.el` is read.
    otherwise: Vec<bool>,
    /// Rows of a table, and whether its format has been read.
    table: Option<(bool, char, Vec<String>)>,
    link: Option<String>,
}

impl Reader {
    fn one(&mut self, line: &str) {
        match &mut self.skip {
            Skip::Nothing => {}
            Skip::Definition => {
                if line.trim_end() == ".." || line.trim_end() == ". ." {
                    self.skip = Skip::Nothing;
                }
                return;
            }
            Skip::Braces(open) => {
                *open += line.matches("\\{").count();
                *open = open.saturating_sub(line.matches("\\}").count());
                if *open == 0 {
                    self.skip = Skip::Nothing;
                }
                return;
            }
            Skip::Until(end) => {
                if line.trim_end() == *end {
                    self.skip = Skip::Nothing;
                }
                return;
            }
        }
        if self.table.is_some() && !line.starts_with(".TE") {
            return self.table_line(line);
        }
        match line.strip_prefix(['.', '\'']) {
            Some(request) => self.request(request.trim_start()),
            None => self.plain_line(line),
        }
    }

    fn plain_line(&mut self, line: &str) {
        if line.trim().is_empty() {
            match &mut self.verbatim {
                Some((_, lines)) => lines.push(String::new()),
                None => self.paragraph(),
            }
            return;
        }
        if line.starts_with(' ') && self.verbatim.is_none() {
            self.break_line();
        }
        let runs = runs(line.trim_end(), &mut self.font, &self.strings);
        self.put(&runs);
    }

    /// Text of a line, where the next text goes.
    fn put(&mut self, runs: &Runs) {
        if let Some((_, lines)) = &mut self.verbatim {
            lines.push(runs.plain().trim_end().to_owned());
            return;
        }
        if runs.is_blank() {
            return;
        }
        match self.next {
            Next::Heading(level) => return self.heading(level, &runs.plain()),
            Next::Tag => {
                self.next = Next::Text;
                self.start();
                self.text.push_str(&format!("- {}: ", runs.markdown().trim()));
                return;
            }
            Next::OtherTag => {
                self.next = Next::Text;
                let before = self.text.trim_end().trim_end_matches(':').to_owned();
                self.text = format!("{before}, {}: ", runs.markdown().trim());
                return;
            }
            Next::Text => {}
        }
        self.start();
        let text = if self.synopsis { runs.plain() } else { runs.markdown() };
        if !self.text.is_empty() && !self.text.ends_with([' ', '\n']) {
            self.text.push(' ');
        }
        self.text.push_str(text.trim());
    }

    fn start(&mut self) {
        if self.text.is_empty() {
            self.first = self.line;
        }
    }

    fn break_line(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with('\n') {
            self.text.push('\n');
        }
    }

    /// Ends the paragraph that is open.
    fn paragraph(&mut self) {
        let text = std::mem::take(&mut self.text);
        self.font = Font::Roman;
        if text.trim().is_empty() {
            return;
        }
        let last = self.line.saturating_sub(1).max(self.first);
        if self.synopsis {
            self.builder.code("", None, &text, self.first, last);
        } else {
            // A tag without text needs no colon.
            let text = text.trim_end();
            let text = if text.starts_with("- ") { text.trim_end_matches(':') } else { text };
            self.builder.prose(text, self.first, last);
        }
    }

    fn end_verbatim(&mut self) {
        if let Some((first, lines)) = self.verbatim.take() {
            let last = self.line.max(first);
            self.builder.code("", None, &dedent(&lines), first, last);
        }
    }

    fn begin_verbatim(&mut self) {
        if self.verbatim.is_none() {
            self.verbatim = Some((self.line, Vec::new()));
            let text = std::mem::take(&mut self.text);
            if self.synopsis {
                if let Some((_, lines)) = &mut self.verbatim {
                    lines.extend(text.lines().map(str::to_owned));
                }
            } else if !text.trim().is_empty() {
                let text = text.trim_end();
                let text = if text.starts_with("- ") { text.trim_end_matches(':') } else { text };
                self.builder.prose(text, self.first, self.line.saturating_sub(1).max(self.first));
            }
        }
    }

    fn heading(&mut self, level: u8, text: &str) {
        self.next = Next::Text;
        self.paragraph();
        self.font = Font::Roman;
        let text = collapse(text);
        self.builder.heading(level, &text, None, self.line);
        if level == 1 {
            self.synopsis = text.eq_ignore_ascii_case("synopsis");
        }
    }

    fn request(&mut self, request: &str) {
        let (name, rest) = match request.find([' ', '\t']) {
            Some(end) => (&request[..end], request[end..].trim_start()),
            None => (request, ""),
        };
        let name = name.trim_end_matches("\\}");
        match name {
            "" | "\\\"" => {}
            "if" | "ie" | "el" => self.condition(name, rest),
            "de" | "de1" | "am" | "ig" => self.skip = Skip::Definition,
            "ds" => {
                if let Some((key, value)) = rest.split_once(' ').filter(|_| self.strings.len() < 500) {
                    let value: String = value.trim_start().trim_start_matches('"').chars().take(200).collect();
                    let value = runs(&value, &mut Font::Roman, &HashMap::new()).plain();
                    self.strings.insert(key.to_owned(), value);
                }
            }
            "EQ" => self.skip = Skip::Until(".EN"),
            "PS" => self.skip = Skip::Until(".PE"),
            "TS" => {
                self.paragraph();
                self.table = Some((false, '\t', Vec::new()));
            }
            "TE" => self.end_table(),
            _ if self.man(name, rest) || self.mdoc_block(name, rest) => {}
            _ if Mdoc::knows(name) => {
                let words = arguments(rest);
                if self.verbatim.is_none() && name == "Nm" && self.mdoc.name.is_empty() {
                    self.mdoc.name = words.first().cloned().unwrap_or_default();
                }
                if self.synopsis && matches!(name, "Nm" | "Fn" | "In" | "Fd" | "Ft" | "Vt") && self.verbatim.is_none() {
                    self.break_line();
                }
                let out = self.mdoc.line(name, &words, &self.strings);
                self.put(&out);
                if self.synopsis && matches!(name, "In" | "Fd" | "Fn" | "Ft") {
                    self.break_line();
                }
            }
            _ => {}
        }
    }

    fn condition(&mut self, name: &str, rest: &str) {
        let (met, body) = if name == "el" {
            (self.otherwise.pop().unwrap_or(false), rest)
        } else {
            let (met, body) = condition(rest);
            if name == "ie" && self.otherwise.len() < 64 {
                self.otherwise.push(!met);
            }
            (met, body)
        };
        let body = body.trim_start();
        if met {
            let body = body.strip_prefix("\\{").unwrap_or(body).trim_end_matches("\\}");
            let body = body.trim_start().trim_end_matches('\\');
            // Conditions within one line nest no deeper than the line has words; each step takes one off.
            if !body.is_empty() && !body.starts_with(".if") && !body.starts_with(".ie") {
                self.one(body);
            }
        } else {
            let open = body.matches("\\{").count().saturating_sub(body.matches("\\}").count());
            if open > 0 {
                self.skip = Skip::Braces(open);
            }
        }
    }

    /// Macros of man. Whether it was one.
    fn man(&mut self, name: &str, rest: &str) -> bool {
        match name {
            "TH" => {
                let words = arguments(rest);
                let title = words.first().map(|word| self.plain(word)).unwrap_or_default();
                self.title(&title, words.get(1).map_or("", String::as_str));
            }
            "SH" | "SS" => {
                self.end_verbatim();
                self.paragraph();
                self.lists.clear();
                let level = if name == "SH" { 1 } else { 2 };
                let text = arguments(rest).iter().map(|word| self.plain(word)).collect::<Vec<_>>().join(" ");
                if text.trim().is_empty() { self.next = Next::Heading(level) } else { self.heading(level, &text) }
            }
            "PP" | "P" | "LP" | "HP" | "sp" | "Sp" | "RS" | "RE" | "YS" => match &mut self.verbatim {
                Some((_, lines)) => lines.push(String::new()),
                None if self.synopsis => self.break_line(),
                None => self.paragraph(),
            },
            "TP" => {
                self.paragraph();
                self.next = Next::Tag;
            }
            "TQ" => self.next = Next::OtherTag,
            "IP" => {
                let words = arguments(rest);
                let tag = words.first().map(|word| runs(word, &mut Font::Roman, &self.strings)).unwrap_or_default();
                if self.synopsis || self.verbatim.is_some() {
                    self.put(&tag);
                    return true;
                }
                self.paragraph();
                if !tag.is_blank() {
                    self.start();
                    let plain = tag.plain();
                    let mark = plain.trim().trim_end_matches(['.', ')']);
                    self.text = if matches!(plain.trim(), "•" | "*" | "-" | "o" | "–" | "—" | "+") {
                        "- ".to_owned()
                    } else if !mark.is_empty() && mark.len() <= 3 && mark.bytes().all(|b| b.is_ascii_digit()) {
                        format!("{mark}. ")
                    } else {
                        format!("- {}: ", tag.markdown().trim())
                    };
                }
            }
            "br" | "ti" => self.break_line(),
            "nf" | "EX" | "Vb" | "DS" => self.begin_verbatim(),
            "fi" | "EE" | "Ve" | "DE" => {
                if self.synopsis {
                    if let Some((_, lines)) = self.verbatim.take() {
                        self.start();
                        self.break_line();
                        self.text.push_str(&dedent(&lines));
                        self.text.push('\n');
                    }
                } else {
                    self.end_verbatim();
                }
            }
            "B" | "I" | "SM" | "SB" | "R" | "CW" => {
                let font = match name {
                    "B" | "SB" | "CW" => Font::Bold,
                    "I" => Font::Italic,
                    _ => Font::Roman,
                };
                let words = arguments(rest).join(" ");
                if words.is_empty() {
                    self.font = font;
                } else {
                    let runs = runs(&words, &mut { font }, &self.strings);
                    self.put(&runs);
                }
            }
            "BR" | "RB" | "BI" | "IB" | "IR" | "RI" => {
                let fonts: Vec<Font> = name
                    .chars()
                    .map(|c| match c {
                        'B' => Font::Bold,
                        'I' => Font::Italic,
                        _ => Font::Roman,
                    })
                    .collect();
                let mut out = Runs::default();
                for (word, font) in arguments(rest).iter().zip(fonts.iter().cycle()) {
                    out.extend(runs(word, &mut { *font }, &self.strings));
                }
                self.put(&out);
            }
            "UR" | "MT" => self.link = Some(rest.trim().to_owned()),
            "UE" | "ME" => {
                if let Some(url) = self.link.take().filter(|url| !url.is_empty()) {
                    let mut out = Runs::default();
                    out.push(Font::Roman, &format!("({url})"));
                    self.put(&out);
                }
            }
            "SY" => {
                self.break_line();
                let runs = runs(rest, &mut { Font::Bold }, &self.strings);
                self.put(&runs);
            }
            "OP" => {
                let words = arguments(rest).iter().map(|word| self.plain(word)).collect::<Vec<_>>().join(" ");
                let mut out = Runs::default();
                out.push(Font::Roman, &format!("[{words}]"));
                self.put(&out);
            }
            "ft" => {
                self.font = match rest.trim() {
                    "B" | "CW" | "C" | "3" | "CB" => Font::Bold,
                    "I" | "2" => Font::Italic,
                    _ => Font::Roman,
                }
            }
            _ => return false,
        }
        true
    }

    /// Block macros of mdoc. Whether it was one.
    fn mdoc_block(&mut self, name: &str, rest: &str) -> bool {
        match name {
            "Dd" | "Os" | "Bk" | "Ek" | "Rs" | "Re" => {}
            "Dt" => {
                let words = arguments(rest);
                let section = words.get(1).cloned().unwrap_or_default();
                self.title(words.first().map_or("", String::as_str), &section);
            }
            "Sh" | "Ss" => {
                self.end_verbatim();
                self.paragraph();
                self.lists.clear();
                let text = arguments(rest).iter().map(|word| self.plain(word)).collect::<Vec<_>>().join(" ");
                self.heading(if name == "Sh" { 1 } else { 2 }, &text);
            }
            "Pp" | "Lp" => match &mut self.verbatim {
                Some((_, lines)) => lines.push(String::new()),
                None if self.synopsis => self.break_line(),
                None => self.paragraph(),
            },
            "Nd" => {
                let mut out = Runs::default();
                out.push(Font::Roman, "— ");
                out.extend(runs(rest, &mut { Font::Roman }, &self.strings));
                self.put(&out);
            }
            "Bl" => {
                self.paragraph();
                let kind = arguments(rest).into_iter().next().unwrap_or_default();
                if self.lists.len() < 32 {
                    self.lists.push(List { kind, number: 0 });
                }
            }
            "El" => {
                self.paragraph();
                self.next = Next::Text;
                self.lists.pop();
            }
            "It" => self.item(rest),
            "Bd" => {
                self.paragraph();
                if rest.contains("-literal") || rest.contains("-unfilled") {
                    self.begin_verbatim();
                }
            }
            "Ed" => self.end_verbatim(),
            "D1" | "Dl" => {
                self.begin_verbatim();
                let words = arguments(rest);
                let out = match words.split_first() {
                    Some((first, others)) if Mdoc::knows(first) => self.mdoc.line(first, others, &self.strings),
                    _ => runs(&words.join(" "), &mut { Font::Roman }, &self.strings),
                };
                self.put(&out);
                self.end_verbatim();
            }
            "Fo" => {
                self.break_line();
                let runs = runs(&format!("{}(", rest.trim()), &mut { Font::Bold }, &self.strings);
                self.put(&runs);
            }
            "Fc" => {
                let text = self.text.trim_end().to_owned();
                self.text = format!("{text})");
                self.break_line();
            }
            _ => return false,
        }
        true
    }

    fn item(&mut self, rest: &str) {
        self.end_verbatim();
        self.paragraph();
        self.start();
        let indent = "  ".repeat(self.lists.len().saturating_sub(1));
        let words = arguments(rest);
        let Some(list) = self.lists.last_mut() else { return };
        match list.kind.as_str() {
            "-bullet" | "-dash" | "-hyphen" => self.text = format!("{indent}- "),
            "-enum" => {
                list.number += 1;
                self.text = format!("{indent}{}. ", list.number);
            }
            "-item" => {}
            "-column" => {
                let cells: Vec<String> = words
                    .split(|word| word == "Ta")
                    .map(|cell| match cell.split_first() {
                        Some((first, others)) if Mdoc::knows(first) => self.mdoc.line(first, others, &self.strings).markdown(),
                        _ => runs(&cell.join(" "), &mut { Font::Roman }, &self.strings).markdown(),
                    })
                    .collect();
                self.text = format!("| {} |", cells.join(" | "));
            }
            _ => {
                let tag = match words.split_first() {
                    Some((first, others)) if Mdoc::knows(first) => self.mdoc.line(first, others, &self.strings),
                    _ => runs(&words.join(" "), &mut { Font::Roman }, &self.strings),
                };
                self.text = format!("{indent}- {}: ", tag.markdown().trim());
            }
        }
    }

    fn title(&mut self, name: &str, section: &str) {
        let lower = if name.chars().any(char::is_lowercase) { name.to_owned() } else { name.to_lowercase() };
        if !lower.is_empty() {
            self.builder.title(if section.is_empty() { lower } else { format!("{lower}({section})") });
        }
    }

    fn plain(&self, text: &str) -> String {
        runs(text, &mut Font::Roman, &self.strings).plain()
    }

    fn table_line(&mut self, line: &str) {
        let strings = &self.strings;
        let Some((formatted, tab, rows)) = &mut self.table else { return };
        if !*formatted {
            if let Some(mark) = line.split("tab").nth(1).and_then(|rest| rest.trim_start_matches([' ', '(']).chars().next())
                && line.trim_end().ends_with(';')
            {
                *tab = mark;
            }
            *formatted = line.trim_end().ends_with('.');
            return;
        }
        if line.starts_with('.') || line.trim().is_empty() || line.chars().all(|c| matches!(c, '_' | '=' | '-')) {
            return;
        }
        let row = runs(line, &mut Font::Roman, strings).markdown();
        // A cell over several lines: T{ … T}.
        match rows.last_mut() {
            Some(open) if open.matches("T{").count() > open.matches("T}").count() && open.len() < 4_000 => {
                open.push(' ');
                open.push_str(row.trim());
            }
            _ => rows.push(row),
        }
    }

    fn end_table(&mut self) {
        let Some((_, tab, rows)) = self.table.take() else { return };
        let rows: Vec<String> = rows
            .iter()
            .map(|row| {
                let row = row.replace("T{", "").replace("T}", "");
                format!("| {} |", row.split(tab).map(collapse_cell).collect::<Vec<_>>().join(" | "))
            })
            .collect();
        if let Some((first, others)) = rows.split_first() {
            let columns = first.matches(" | ").count() + 1;
            let mut out = format!("{first}\n|{}", " --- |".repeat(columns));
            others.iter().for_each(|row| {
                out.push('\n');
                out.push_str(row);
            });
            self.builder.prose(&out, self.line, self.line);
        }
    }
}

fn collapse_cell(cell: &str) -> String {
    collapse(cell).replace('|', "\\|")
}

/// Whether a condition holds for a terminal, and what stands after it.
fn condition(text: &str) -> (bool, &str) {
    let (negated, text) = match text.strip_prefix('!') {
        Some(rest) => (true, rest.trim_start()),
        None => (false, text),
    };
    let end = text.find([' ', '\t']).unwrap_or(text.len());
    let end = text.find("\\{").map_or(end, |brace| brace.min(end));
    let (met, rest) = match text.chars().next() {
        Some('n') => (true, &text[1..]),
        Some('t' | 'v') => (false, &text[1..]),
        // Registers of groff: a page that asks for it is meant for it.
        _ => (text[..end].contains("(.g"), &text[end..]),
    };
    (met != negated, rest)
}

fn dedent(lines: &[String]) -> String {
    let indent =
        lines.iter().filter(|line| !line.trim().is_empty()).map(|line| line.bytes().take_while(|b| *b == b' ').count()).min().unwrap_or(0);
    lines.iter().map(|line| line.get(indent..).unwrap_or("")).collect::<Vec<_>>().join("\n").trim_matches('\n').to_owned()
}
