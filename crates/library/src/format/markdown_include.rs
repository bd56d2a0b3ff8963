//! Includes of Markdown's dialects: how they are written, and what of a file they take.

use super::include::{Tree, select_lines, select_region};

/// `{!> file !}` and `--8<-- "file"` inside a fence.
pub(super) fn include_mark(trimmed: &str) -> Option<&str> {
    if let Some(rest) = trimmed.strip_prefix("{!") {
        return Some(rest.strip_suffix("!}")?.trim_start_matches('>').trim());
    }
    for start in ["{{#include ", "{{#rustdoc_include ", "{{#playground ", "{{#playpen "] {
        if let Some(rest) = trimmed.strip_prefix(start) {
            return rest.strip_suffix("}}").map(|rest| rest.trim().split(' ').next().unwrap_or(rest));
        }
    }
    if let Some(file) = shortcode_file(trimmed) {
        return Some(file);
    }
    trimmed.strip_prefix("--8<--").map(|rest| rest.trim().trim_matches(['"', '\'']))
}

/// An include that stands alone outside a fence.
pub(super) fn include_line(trimmed: &str) -> Option<&str> {
    if let Some(rest) = trimmed.strip_prefix("{*") {
        return Some(rest.strip_suffix("*}")?.trim());
    }
    if let Some(rest) = trimmed.strip_prefix("<<<") {
        return Some(rest.trim());
    }
    if let Some(rest) = trimmed.strip_prefix("<!--") {
        let rest = rest.trim_start().strip_prefix("@include:")?;
        return rest.trim_end().strip_suffix("-->").map(str::trim);
    }
    include_mark(trimmed)
}

/// Reads `file`, `file{1,3-5}`, `file#region`, `file[ln:3-9]`, `file:region`, `file hl[2] ln[3:9]`.
pub(super) fn read_selected(tree: &Tree, page: &str, target: &str) -> Option<String> {
    let end = target.find(['{', '#', '[', '<', ' ']).unwrap_or(target.len());
    let (file, selection) = target.split_at(end);
    // What follows the first colon of the file's name: a region, a line, or a range with a colon of its own.
    let name = file.rfind('/').map_or(0, |at| at + 1);
    let (file, region) = file[name..].find(':').map_or((file, ""), |at| (&file[..name + at], &file[name + at + 1..]));
    let text = tree.read(page, file)?;
    if let Some(lines) = bracketed(selection, "ln[", ']').or_else(|| bracketed(selection, "[ln:", ']')) {
        return Some(select_lines(&text, lines));
    }
    let region = selection.strip_prefix('#').map_or(region, |rest| rest.split(['{', ' ', '[']).next().unwrap_or(rest));
    if region.is_empty() {
        return Some(without_marks(&text));
    }
    if region.starts_with(|c: char| c.is_ascii_digit() || c == ':') {
        return Some(select_lines(&text, region));
    }
    Some(without_marks(&select_region(&text, region).unwrap_or(text)))
}

/// A file without the marks of regions that others include.
fn without_marks(text: &str) -> String {
    if !text.contains("ANCHOR") && !text.contains("--8<--") {
        return text.to_owned();
    }
    let is_mark = |line: &str| {
        ["ANCHOR: ", "ANCHOR_END: "].iter().any(|mark| line.contains(mark))
            || line.contains("--8<-- [start:")
            || line.contains("--8<-- [end:")
    };
    text.lines().filter(|line| !is_mark(line)).collect::<Vec<_>>().join("\n")
}

/// The file of Hugo's `{{< include "file" >}}`, `{{% readfile file="file" %}}` and the like.
fn shortcode_file(trimmed: &str) -> Option<&str> {
    let rest = trimmed.strip_prefix("{{<").or_else(|| trimmed.strip_prefix("{{%"))?;
    let rest = rest.strip_suffix(">}}").or_else(|| rest.strip_suffix("%}}"))?.trim();
    let (name, arguments) = rest.split_once(' ')?;
    if !matches!(name, "include" | "readfile" | "code" | "codeinclude" | "code_sample" | "codenew" | "include-md" | "embed-code") {
        return None;
    }
    let arguments = arguments.split("file=").nth(1).unwrap_or(arguments).trim_start();
    let quote = arguments.chars().next().filter(|c| matches!(c, '"' | '\'' | '`'))?;
    arguments[1..].split(quote).next().filter(|file| file.contains('.'))
}

fn bracketed<'a>(text: &'a str, open: &str, close: char) -> Option<&'a str> {
    let rest = &text[text.find(open)? + open.len()..];
    rest.split_once(close).map(|(inside, _)| inside)
}
