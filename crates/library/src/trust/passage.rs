//! Passages: what is judged, and cut, as one. A paragraph, an item of a list, a row of a table; in code a run of comment lines.

use super::OMISSION;
use std::ops::Range;

/// Cuts prose into passages.
#[must_use]
pub fn of_prose(text: &str) -> Vec<Range<usize>> {
    let mut out: Vec<Range<usize>> = Vec::new();
    let mut open: Option<usize> = None;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let trimmed = line.trim();
        let begins = trimmed.is_empty() || is_item(trimmed) || trimmed.starts_with('|');
        if begins && let Some(start) = open.take() {
            out.push(start..at);
        }
        if !trimmed.is_empty() && open.is_none() {
            open = Some(at);
        }
        at += line.len();
    }
    out.extend(open.map(|start| start..text.len()));
    out.into_iter().map(|range| trim(text, range)).collect()
}

fn is_item(trimmed: &str) -> bool {
    if ["- ", "* ", "+ ", "• "].iter().any(|mark| trimmed.starts_with(mark)) {
        return true;
    }
    let digits = trimmed.bytes().take_while(u8::is_ascii_digit).count();
    (1..=4).contains(&digits) && trimmed.as_bytes().get(digits).is_some_and(|byte| matches!(byte, b'.' | b')'))
}

fn trim(text: &str, range: Range<usize>) -> Range<usize> {
    let inside = &text[range.clone()];
    let start = range.start + (inside.len() - inside.trim_start().len());
    start..start + inside.trim().len()
}

/// What a line of code is read as.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Line {
    Code,
    /// A comment from here.
    Comment(usize),
    Blank,
}

/// The comments of a piece of code: runs of comment lines, and what stands behind a line of code.
#[must_use]
pub fn comments(code: &str) -> Vec<Range<usize>> {
    let mut out: Vec<Range<usize>> = Vec::new();
    let mut run: Option<Range<usize>> = None;
    let mut block_end: Option<&str> = None;
    let mut at = 0;
    for line in code.split_inclusive('\n') {
        let kind = match block_end {
            Some(end) => {
                if line.contains(end) {
                    block_end = None;
                }
                Line::Comment(0)
            }
            None => line_kind(line, &mut block_end),
        };
        let content_end = at + line.trim_end().len();
        match kind {
            Line::Comment(0) => match &mut run {
                Some(run) => run.end = content_end,
                None => run = Some(at..content_end),
            },
            Line::Comment(from) => {
                out.extend(run.take());
                out.push(at + from..content_end);
            }
            Line::Code | Line::Blank => out.extend(run.take()),
        }
        at += line.len();
    }
    out.extend(run);
    out
}

/// Code without its comments.
#[must_use]
pub fn without_comments(code: &str) -> String {
    let mut out = String::with_capacity(code.len());
    let mut from = 0;
    for comment in comments(code) {
        out.push_str(&code[from..comment.start]);
        from = comment.end;
    }
    out.push_str(&code[from..]);
    out
}

fn line_kind(line: &str, block_end: &mut Option<&str>) -> Line {
    let trimmed = line.trim();
    if trimmed.is_empty() {
        return Line::Blank;
    }
    for (open, close) in
        [("/*", "*/"), ("<!--", "-->"), ("\"\"\"", "\"\"\""), ("'''", "'''"), ("=begin", "=end"), ("(*", "*)"), ("{-", "-}")]
    {
        if let Some(rest) = trimmed.strip_prefix(open) {
            if !rest.contains(close) {
                *block_end = Some(close);
            }
            return Line::Comment(0);
        }
    }
    if ["//", "#", "--", ";", "%", "* ", "REM ", "rem ", "' ", "\" "].iter().any(|mark| trimmed.starts_with(mark)) {
        return Line::Comment(0);
    }
    let behind = [" // ", " # ", " -- ", " ; ", "\t// ", "\t# ", " /* ", " <!-- "].iter().filter_map(|mark| line.find(mark)).min();
    behind.map_or(Line::Code, |at| Line::Comment(at + 1))
}

/// A text in which passages are replaced by the sign of an omission, with the mark of their item, row or comment kept.
#[must_use]
pub fn without(text: &str, cuts: &[Range<usize>]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    for cut in cuts {
        if cut.start < from {
            continue;
        }
        out.push_str(&text[from..cut.start]);
        let passage = &text[cut.clone()];
        let indentation = passage.len() - passage.trim_start().len();
        let (space, rest) = passage.split_at(indentation);
        out.push_str(space);
        out.push_str(mark(rest));
        out.push_str(OMISSION);
        if rest.starts_with('|') {
            out.push_str(" |");
        } else if rest.starts_with("/*") {
            out.push_str(" */");
        } else if rest.starts_with("<!--") {
            out.push_str(" -->");
        } else if rest.starts_with("\"\"\"") {
            out.push_str("\"\"\"");
        }
        from = cut.end;
    }
    out.push_str(&text[from..]);
    out
}

fn mark(passage: &str) -> &str {
    let marks = ["- ", "* ", "+ ", "| ", "// ", "/// ", "//! ", "# ", "-- ", "; ", "/* ", "<!-- ", "\"\"\"", "> "];
    if let Some(mark) = marks.iter().find(|mark| passage.starts_with(**mark)) {
        return &passage[..mark.len()];
    }
    if is_item(passage) {
        return passage.find(' ').map_or("", |at| &passage[..=at]);
    }
    ""
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts<'a>(text: &'a str, ranges: &[Range<usize>]) -> Vec<&'a str> {
        ranges.iter().map(|range| &text[range.clone()]).collect()
    }

    #[test]
    fn prose_falls_into_paragraphs_items_and_rows() {
        let text = "One\ngoes on.\n\n- a\n  more\n- b\n\n| x | y |\n| --- | --- |\n\n2. two\n";
        assert_eq!(parts(text, &of_prose(text)), ["One\ngoes on.", "- a\n  more", "- b", "| x | y |", "| --- | --- |", "2. two"]);
        assert!(of_prose("\n \n").is_empty());
    }

    #[test]
    fn comments_are_found_as_runs_and_behind_code() {
        let text = "# one\n# two\nx = 1 # three\n/* four\n   five */\ny\n\"\"\"six\nseven\"\"\"\nz\n";
        assert_eq!(parts(text, &comments(text)), ["# one\n# two", "# three", "/* four\n   five */", "\"\"\"six\nseven\"\"\""]);
    }

    #[test]
    fn what_is_cut_leaves_its_mark() {
        let text = "- a\n- b\n\nlast";
        let ranges = of_prose(text);
        assert_eq!(without(text, &ranges[1..]), "- a\n- […]\n\n[…]");
        let code = "  // a\n  // b\nx";
        assert_eq!(without(code, &comments(code)), "  // […]\nx");
    }
}
