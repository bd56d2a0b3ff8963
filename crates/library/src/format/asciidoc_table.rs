//! Tables of AsciiDoc as tables of Markdown.

use super::asciidoc::Style;
use super::asciidoc_prepare::{Line, option};
use super::collapse;

/// More columns than this are no table.
const MAX_COLUMNS: usize = 60;

/// A table's text and the code in its cells.
pub(super) struct Table {
    pub(super) text: String,
    pub(super) code: Vec<(String, String)>,
}

pub(super) fn read(mark: &str, body: &[Line], style: &Style, clean: impl Fn(&str) -> String) -> Table {
    let separator = match mark.chars().next() {
        Some(',') => ',',
        Some(':') => ':',
        Some('!') => '!',
        _ => match option(&style.attributes, "format").as_deref() {
            Some("csv") => ',',
            Some("dsv") => ':',
            Some("tsv") => '\t',
            _ => option(&style.attributes, "separator").and_then(|value| value.chars().next()).unwrap_or('|'),
        },
    };
    let mut code = Vec::new();
    let mut cells: Vec<String> = Vec::new();
    let mut first_row = 0;
    let mut header = style.attributes.contains("header");
    let data = matches!(separator, ',' | ':' | '\t');
    let mut block: Option<(String, Vec<&str>)> = None;
    let mut language = String::new();
    for (index, line) in body.iter().enumerate() {
        let text = line.text.as_str();
        if let Some((mark, lines)) = &mut block {
            if text == mark {
                let lines = std::mem::take(lines);
                code.push((std::mem::take(&mut language), lines.join("\n")));
                block = None;
            } else {
                lines.push(text);
            }
            continue;
        }
        if !data && (text == "----" || text == "....") {
            block = Some((text.to_owned(), Vec::new()));
            continue;
        }
        if let Some(rest) = text.strip_prefix("[source").filter(|_| !data) {
            language = rest.trim_start_matches([',', ' ']).split([',', ']']).next().unwrap_or("").to_owned();
            continue;
        }
        if text.trim().is_empty() {
            // A first row that stands alone is the head.
            header |= index > 0 && first_row > 0 && cells.len() == first_row && !data;
            continue;
        }
        let row = if data { values(text, separator) } else { split_cells(text, separator, cells.last_mut()) };
        for (cell, repeat) in row {
            for _ in 0..repeat.times.min(MAX_COLUMNS) {
                cells.push(cell.clone());
                cells.extend((1..repeat.columns.min(MAX_COLUMNS)).map(|_| String::new()));
            }
        }
        if first_row == 0 {
            first_row = cells.len();
        }
    }
    let columns = option(&style.attributes, "cols").map(|cols| columns(&cols)).filter(|n| *n > 0);
    let columns = columns.unwrap_or(first_row).clamp(1, MAX_COLUMNS);
    let rows: Vec<String> = cells
        .chunks(columns)
        .map(|row| format!("| {} |", row.iter().map(|cell| collapse(&clean(cell)).replace('|', "\\|")).collect::<Vec<_>>().join(" | ")))
        .collect();
    let mut text = String::new();
    for (at, row) in rows.iter().enumerate() {
        if at == 0 && !header {
            text.push_str(&format!("|{}\n|{}", "  |".repeat(columns), " --- |".repeat(columns)));
        }
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(row);
        if at == 0 && header {
            text.push_str(&format!("\n|{}", " --- |".repeat(columns)));
        }
    }
    Table { text, code }
}

fn columns(cols: &str) -> usize {
    cols.split([',', ';'])
        .map(|part| part.trim().split_once('*').and_then(|(times, _)| times.parse::<usize>().ok()).unwrap_or(1).min(MAX_COLUMNS))
        .sum()
}

/// How often a cell is there, and over how many columns.
#[derive(Clone, Copy)]
struct Repeat {
    times: usize,
    columns: usize,
}

const ONCE: Repeat = Repeat { times: 1, columns: 1 };

fn values(text: &str, separator: char) -> Vec<(String, Repeat)> {
    text.split(separator).map(|value| (value.trim().trim_matches('"').to_owned(), ONCE)).collect()
}

/// Cells of a line. What stands before the first mark goes on in the cell above, unless it says how the next one is written.
fn split_cells(text: &str, separator: char, above: Option<&mut String>) -> Vec<(String, Repeat)> {
    let mut parts: Vec<String> = Vec::new();
    let mut open = String::new();
    let mut escaped = false;
    for c in text.chars() {
        if c == separator && !escaped {
            parts.push(std::mem::take(&mut open));
        } else {
            if escaped && c != separator {
                open.push('\\');
            }
            if c != '\\' || escaped {
                open.push(c);
            }
        }
        escaped = c == '\\' && !escaped;
    }
    parts.push(open);
    let mut out: Vec<(String, Repeat)> = Vec::new();
    let last = parts.len() - 1;
    let mut repeat = ONCE;
    let mut above = above;
    for (at, part) in parts.into_iter().enumerate() {
        let (content, next) = if at == last { (part.as_str(), None) } else { specifier(&part) };
        if at == 0 {
            if let Some(above) = above.as_deref_mut().filter(|_| !content.trim().is_empty()) {
                above.push(' ');
                above.push_str(content.trim());
            }
        } else {
            out.push((content.trim().to_owned(), repeat));
        }
        repeat = next.unwrap_or(ONCE);
        above = None;
    }
    out
}

/// The end of a cell's text may say how the next cell is written: `2+`, `.3+^.>s`, `3*`, `a`. Its text, and how often the next one is there.
fn specifier(part: &str) -> (&str, Option<Repeat>) {
    let start = part.char_indices().rfind(|(_, c)| c.is_whitespace()).map_or(0, |(at, c)| at + c.len_utf8());
    let word = &part[start..];
    let digits: String = word.chars().take_while(char::is_ascii_digit).collect();
    let rest = &word[digits.len()..];
    let number = digits.parse::<usize>().unwrap_or(1);
    let repeat =
        Repeat { times: if rest.starts_with('*') { number } else { 1 }, columns: if rest.starts_with(['+', '.']) { number } else { 1 } };
    let is_specifier = !word.is_empty()
        && word.len() <= 10
        && word
            .chars()
            .all(|c| c.is_ascii_digit() || matches!(c, '+' | '*' | '.' | '<' | '>' | '^' | 'a' | 'd' | 'e' | 'h' | 'l' | 'm' | 's' | 'v'))
        && (word.len() == 1 && !word.starts_with(|c: char| c.is_ascii_digit() || c == '.') || word.contains(['+', '*', '<', '>', '^']));
    if is_specifier { (&part[..start], Some(repeat)) } else { (part, None) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_written_in_a_line_or_over_several() {
        let lines =
            |text: &str| -> Vec<Line> { text.lines().zip(1..).map(|(text, number)| Line { number, text: text.to_owned() }).collect() };
        let style = Style { attributes: "cols=\"1,2a\"".to_owned(), ..Style::default() };
        let table = read("|===", &lines("|Name |Text\n\n|a\n|one\ntwo\n|b a|x \\| y"), &style, str::to_owned);
        assert_eq!(table.text, "| Name | Text |\n| --- | --- |\n| a | one two |\n| b | x \\| y |");
        let style = Style::default();
        assert_eq!(read("|===", &lines("2+|a |b\n3*|c"), &style, str::to_owned).text.lines().count(), 4);
        assert_eq!(read(",===", &lines("a,b\n1,\"2\""), &style, str::to_owned).text, "|  |  |\n| --- | --- |\n| a | b |\n| 1 | 2 |");
    }
}
