//! What site generators add to Markdown, turned into plain Markdown before it is parsed: front matter, includes,
//! admonitions, components of MDX, heading ids, shortcodes. Each line keeps the number it has in the file.

use super::include::Tree;
use super::language_of;
use super::markdown_include::{include_line, include_mark, read_selected};
use super::markdown_myst::{self, Myst};
use std::collections::HashMap;

/// A page with its includes may grow to this many bytes.
const MAX_EXPANDED: usize = 6 * 1024 * 1024;
/// Includes within includes.
const MAX_DEPTH: u8 = 3;
/// Files that a page may include.
const MAX_INCLUDES: usize = 2_000;
/// Beginnings without an end that are looked for in one line.
const MAX_FAILURES: usize = 100;

/// Plain Markdown and where its lines came from.
#[derive(Debug, Default)]
pub(super) struct Prepared {
    pub(super) title: Option<String>,
    pub(super) description: Option<String>,
    pub(super) text: String,
    /// The line in the file of each line of `text`.
    pub(super) lines: Vec<u32>,
    /// Heading ids, by line of `text`.
    pub(super) anchors: HashMap<usize, String>,
    includes: usize,
}

impl Prepared {
    fn push(&mut self, line: &str, number: u32) {
        if self.text.len() + line.len() < MAX_EXPANDED {
            self.text.push_str(line);
            self.text.push('\n');
            self.lines.push(number);
        }
    }

    fn include(&mut self, tree: &Tree, path: &str, target: &str) -> Option<String> {
        self.includes += 1;
        if self.includes > MAX_INCLUDES { None } else { read_selected(tree, path, target) }
    }

    fn fence(&mut self, language: &str, file_name: &str, code: &str, number: u32) {
        let fence = "`".repeat(longest_run(code).max(2) + 1);
        self.push("", number);
        self.push(&format!("{fence}{language} {file_name}"), number);
        for line in code.lines() {
            self.push(line, number);
        }
        self.push(&fence, number);
        self.push("", number);
    }
}

/// The longest run of backticks.
pub(crate) fn longest_run(code: &str) -> usize {
    code.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

#[derive(Clone, Copy)]
struct Fence {
    mark: char,
    length: usize,
    rust: bool,
}

pub(super) fn prepare(path: &str, text: &str, tree: &Tree) -> Prepared {
    let mut out = Prepared::default();
    let skip = front_matter(text, &mut out);
    expand(path, text, skip, None, tree, 0, &mut out);
    out
}

fn front_matter(text: &str, out: &mut Prepared) -> usize {
    let mark = match text.lines().next().map(str::trim_end) {
        Some("---") => "---",
        Some("+++") => "+++",
        _ => return 0,
    };
    let Some(end) = text.lines().skip(1).take(400).position(|line| line.trim_end() == mark) else { return 0 };
    let separator = if mark == "---" { ':' } else { '=' };
    let lines: Vec<&str> = text.lines().skip(1).take(end).collect();
    // A thematic break at the top of a page is not front matter.
    if mark == "---"
        && !lines.iter().any(|line| line.split_once(':').is_some_and(|(key, _)| !key.is_empty() && !key.contains(' ')))
        && !lines.is_empty()
    {
        return 0;
    }
    for (number, line) in lines.iter().enumerate() {
        let Some((key, value)) = line.split_once(separator) else { continue };
        let mut value = value.trim().trim_matches(['"', '\'']).trim().to_owned();
        if matches!(value.as_str(), "" | ">" | "|" | ">-" | "|-") {
            value = lines[number + 1..].iter().take_while(|l| l.starts_with([' ', '\t'])).map(|l| l.trim()).collect::<Vec<_>>().join(" ");
        }
        match key.trim() {
            "title" | "linkTitle" if out.title.is_none() => out.title = Some(value),
            "description" | "summary" if out.description.is_none() => out.description = Some(value),
            _ => {}
        }
    }
    end + 2
}

#[expect(clippy::too_many_lines, reason = "one line of a page after the other, each dialect in turn")]
fn expand(path: &str, text: &str, skip: usize, fixed: Option<u32>, tree: &Tree, depth: u8, out: &mut Prepared) {
    let mut fence: Option<Fence> = None;
    // Indentation that open containers of MkDocs take away.
    let mut dedents = 0_usize;
    // Fences of MyST whose text is Markdown.
    let mut containers: Vec<Fence> = Vec::new();
    // The id that stands above a heading.
    let mut anchor: Option<String> = None;
    let lines: Vec<&str> = text.lines().collect();
    let mut index = skip;
    while index < lines.len() {
        let number = fixed.unwrap_or_else(|| u32::try_from(index + 1).unwrap_or(u32::MAX));
        let raw = lines[index];
        index += 1;
        if !raw.trim().is_empty() {
            while dedents > 0 && indentation(raw) < dedents * 4 {
                dedents -= 1;
                // A fence cannot outlive its container.
                if let Some(open) = fence.take() {
                    out.push(&open.mark.to_string().repeat(open.length), number);
                }
            }
        }
        let line = strip_columns(raw, dedents * 4);
        let trimmed = line.trim();

        if let Some(open) = &fence {
            if closes(trimmed, open) {
                out.push(line, number);
                fence = None;
            } else if let Some(target) = include_mark(trimmed) {
                // A file that is not in the tree leaves nothing: its name is no code.
                if let Some(code) = out.include(tree, path, target) {
                    code.lines().for_each(|included| out.push(included, number));
                }
            } else if open.rust && (trimmed == "#" || trimmed.starts_with("# ")) {
                // rustdoc compiles these lines and does not show them.
            } else {
                out.push(line, number);
            }
            continue;
        }
        if let Some(open) = containers.last()
            && closes(trimmed, open)
        {
            containers.pop();
            out.push("", number);
            continue;
        }
        if let Some(mark) = opens_fence(trimmed) {
            let info = trimmed.trim_start_matches(mark.mark).trim();
            if let Some((directive, argument)) = markdown_myst::directive(info) {
                let (options, used) = markdown_myst::options(&lines[index..]);
                let option = |key: &str| options.iter().find(|(name, _)| *name == key).map(|(_, value)| *value);
                index += used;
                match markdown_myst::kind(directive) {
                    Myst::Code => {
                        let language = if argument.is_empty() { markdown_myst::default_language(directive) } else { argument };
                        let title = option("filename").or_else(|| option("caption")).unwrap_or("");
                        out.push(
                            &format!("{}{language} title=\"{}\"", mark.mark.to_string().repeat(mark.length), title.replace('"', "'")),
                            number,
                        );
                        fence = Some(mark);
                        continue;
                    }
                    Myst::Include => {
                        let target = option("lines").map_or_else(|| argument.to_owned(), |lines| format!("{argument}[ln:{lines}]"));
                        if let Some(text) = out.include(tree, path, &target) {
                            if directive == "include" && depth < MAX_DEPTH {
                                let skip = front_matter(&text, &mut Prepared::default());
                                expand(path, &text, skip, Some(number), tree, depth + 1, out);
                            } else {
                                out.fence(option("language").unwrap_or_else(|| language_of(argument)), argument, &text, number);
                            }
                        }
                    }
                    Myst::Text => {
                        out.push("", number);
                        out.push(&markdown_myst::label(directive, argument), number);
                        out.push("", number);
                        containers.push(mark);
                        continue;
                    }
                    Myst::Rst => {
                        let end = markdown_myst::end_of(&lines[index..], |line| closes(line.trim(), &mark));
                        let page = super::rst::read(path, &lines[index..index + end].join("\n"), tree);
                        out.push("", number);
                        markdown_myst::rendered(&page).lines().for_each(|line| out.push(line, number));
                    }
                    Myst::Machinery => {}
                }
                index += markdown_myst::end_of(&lines[index..], |line| closes(line.trim(), &mark)) + 1;
                continue;
            }
            let rust = info.starts_with("rust") || info.starts_with("rs");
            fence = Some(Fence { rust, ..mark });
            out.push(line, number);
            continue;
        }
        if trimmed.is_empty() {
            out.push("", number);
            continue;
        }
        if matches!(trimmed, "[[toc]]" | "[TOC]" | "[[_TOC_]]" | "[[TOC]]") {
            continue;
        }
        if let Some(id) = markdown_myst::target(trimmed) {
            anchor = Some(id.to_owned());
            continue;
        }
        if let Some(name) = markdown_myst::identifier(trimmed) {
            // What is generated from the code is not here; its name is.
            out.push("", number);
            out.push(&format!("`{name}`"), number);
            out.push("", number);
            let mut members = Vec::new();
            while let Some(line) = lines.get(index).filter(|line| line.starts_with("    ") && !line.trim().is_empty()) {
                members.extend(line.trim().strip_prefix("- ").map(|member| format!("`{member}`")));
                index += 1;
            }
            if !members.is_empty() {
                out.push(&format!("Members: {}", members.join(", ")), number);
                out.push("", number);
            }
            continue;
        }
        if let Some(consumed) = module_statement(&lines, index - 1) {
            index += consumed - 1;
            continue;
        }
        if let Some(title) = mkdocs_container(trimmed) {
            dedents += 1;
            out.push("", number);
            out.push(&title, number);
            out.push("", number);
            continue;
        }
        if let Some(title) = admonition(trimmed) {
            out.push("", number);
            out.push(&title, number);
            out.push("", number);
            continue;
        }
        if let Some(target) = include_line(trimmed) {
            let file = target.split(['{', '#', '[', '<', ' ', ':']).next().unwrap_or(target).trim();
            if let Some(included) = out.include(tree, path, target) {
                if file.ends_with(".md") && depth < MAX_DEPTH {
                    let skip = front_matter(&included, &mut Prepared::default());
                    expand(path, &included, skip, Some(number), tree, depth + 1, out);
                } else {
                    out.fence(language_of(file), file, &included, number);
                }
                continue;
            }
        }
        if let Some(language) = highlight_shortcode(trimmed) {
            let ends = |line: &&str| line.contains("/highlight") || line.contains("endhighlight");
            if let Some(end) = lines[index..].iter().take(2_000).position(ends) {
                out.fence(language, "", &lines[index..index + end].join("\n"), number);
                index += end + 1;
                continue;
            }
        }
        // A tag that goes on over several lines is taken as one.
        let mut joined = line.to_owned();
        if starts_tag(trimmed) && !tag_is_closed(trimmed) {
            for _ in 0..60 {
                let Some(next) = lines.get(index) else { break };
                if next.trim().is_empty() && !joined.contains('{') {
                    break;
                }
                index += 1;
                joined.push(' ');
                joined.push_str(next.trim());
                if tag_is_closed(joined.trim()) {
                    break;
                }
            }
        }
        let is_heading = heading_level(trimmed).is_some();
        let mut clean = clean_line(&joined);
        if clean.trim().is_empty() {
            out.push("", number);
            continue;
        }
        if is_heading {
            if let Some(anchor) = heading_id(&joined).or_else(|| anchor.take()) {
                out.anchors.insert(out.lines.len(), anchor);
            }
            clean = clean.trim_end().trim_end_matches('#').to_owned();
        }
        out.push(&clean, number);
    }
}

fn indentation(line: &str) -> usize {
    line.chars().take_while(|c| c.is_whitespace()).map(|c| if c == '\t' { 4 } else { 1 }).sum()
}

fn strip_columns(line: &str, columns: usize) -> &str {
    let mut left = columns;
    let mut rest = line;
    while left > 0 {
        match rest.as_bytes().first() {
            Some(b' ') => left -= 1,
            Some(b'\t') => left = left.saturating_sub(4),
            _ => break,
        }
        rest = &rest[1..];
    }
    rest
}

fn opens_fence(trimmed: &str) -> Option<Fence> {
    let mark = trimmed.chars().next().filter(|c| matches!(c, '`' | '~'))?;
    let length = trimmed.chars().take_while(|c| *c == mark).count();
    (length >= 3 && (mark == '~' || !trimmed[length..].contains('`'))).then_some(Fence { mark, length, rust: false })
}

fn closes(trimmed: &str, fence: &Fence) -> bool {
    trimmed.len() >= fence.length && trimmed.chars().all(|c| c == fence.mark)
}

fn heading_level(trimmed: &str) -> Option<usize> {
    let level = trimmed.bytes().take_while(|b| *b == b'#').count();
    ((1..=6).contains(&level) && trimmed[level..].starts_with([' ', '\t'])).then_some(level)
}

/// `{#id}` or `{/*id*/}` at the end of a heading.
fn heading_id(line: &str) -> Option<String> {
    let open = line.rfind("{#").map(|at| (at + 2, "}")).or_else(|| line.rfind("{/*").map(|at| (at + 3, "*/}")))?;
    let rest = line.get(open.0..)?;
    let end = rest.find(open.1)?;
    let id = rest[..end].split_whitespace().next()?;
    Some(id.to_owned())
}

/// `import … from '…'` and `export …` of MDX: how many lines it takes.
fn module_statement(lines: &[&str], at: usize) -> Option<usize> {
    let line = lines[at];
    let import = line.starts_with("import ")
        && (line.ends_with('{')
            || line.contains(" from '")
            || line.contains(" from \"")
            || line.starts_with("import '")
            || line.starts_with("import \""));
    let export = ["export const ", "export default ", "export function ", "export let "].iter().any(|start| line.starts_with(start));
    if !import && !export {
        return None;
    }
    if import && !line.ends_with('{') {
        return Some(1);
    }
    // Until the brackets are balanced, at most 80 lines; a statement that never ends is prose.
    let mut balance = 0_i32;
    for (count, line) in lines[at..].iter().take(80).enumerate() {
        for c in line.chars() {
            match c {
                '{' | '(' | '[' => balance += 1,
                '}' | ')' | ']' => balance -= 1,
                _ => {}
            }
        }
        if balance <= 0 {
            return Some(count + 1);
        }
    }
    None
}

fn label(kind: &str, title: &str) -> String {
    let title = title.trim().trim_matches(['"', '\'']).trim();
    let mut kind: String = kind.replace(['-', '_'], " ");
    if matches!(kind.as_str(), "code group" | "tabs" | "tab" | "details" | "raw" | "container" | "div") {
        kind.clear();
    }
    if let Some(first) = kind.get(..1) {
        kind = first.to_uppercase() + &kind[1..];
    }
    match (kind.is_empty(), title.is_empty()) {
        (true, true) => String::new(),
        (false, true) => format!("**{kind}**"),
        (true, false) => format!("**{title}**"),
        (false, false) => format!("**{kind}: {title}**"),
    }
}

/// `!!! note "Title"`, `??? tip`, `=== "Tab"` of MkDocs; what is indented below belongs to them.
fn mkdocs_container(trimmed: &str) -> Option<String> {
    let rest = ["!!! ", "???+ ", "??? ", "=== "].iter().find_map(|mark| trimmed.strip_prefix(mark))?.trim();
    if trimmed.starts_with("===") {
        return rest.starts_with(['"', '\'']).then(|| label("", rest));
    }
    let (kind, title) = rest.split_once(' ').unwrap_or((rest, ""));
    let title = title.find('"').map_or("", |at| &title[at..]);
    kind.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_').then(|| label(kind, title))
}

/// `::: tip Title`, `:::note[Title]`, `/// note | Title`, and their ends.
fn admonition(trimmed: &str) -> Option<String> {
    if trimmed.starts_with("///") {
        // More slashes for a block within a block.
        let rest = trimmed.trim_start_matches('/');
        if rest.is_empty() {
            return Some(String::new());
        }
        let rest = rest.strip_prefix(' ')?;
        let (kind, title) = rest.split_once('|').unwrap_or((rest, ""));
        let kind = kind.trim();
        return kind.chars().all(|c| c.is_ascii_lowercase() || c == '-' || c == '_').then(|| label(kind, title));
    }
    let rest = trimmed.strip_prefix(":::")?.trim_start_matches(':').trim();
    if let Some((kind, title)) = markdown_myst::directive(rest) {
        return Some(if matches!(markdown_myst::kind(kind), Myst::Machinery) { String::new() } else { markdown_myst::label(kind, title) });
    }
    let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_')).unwrap_or(rest.len());
    let (kind, title) = rest.split_at(end);
    let title = title.trim();
    let title = title.strip_prefix('[').and_then(|t| t.split_once(']')).map_or(title, |(inside, _)| inside);
    let title = title.split('{').next().unwrap_or("");
    Some(label(&kind.to_ascii_lowercase(), title))
}

fn highlight_shortcode(trimmed: &str) -> Option<&str> {
    let rest = trimmed.strip_prefix("{{<").or_else(|| trimmed.strip_prefix("{{%")).or_else(|| trimmed.strip_prefix("{%"))?;
    let rest = rest.trim().strip_prefix("highlight ")?;
    rest.split([' ', '>', '%']).next()
}

fn starts_tag(trimmed: &str) -> bool {
    let rest = trimmed.strip_prefix("</").or_else(|| trimmed.strip_prefix('<'));
    rest.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphabetic()))
}

fn tag_is_closed(trimmed: &str) -> bool {
    tag_end(trimmed).is_some()
}

/// As far as an end is looked for, so that a page of beginnings costs no more than its length times this.
const NEAR: usize = 4_000;

fn near(text: &str) -> &str {
    let mut end = text.len().min(NEAR);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// The end of the tag that `text` starts with, minding quotes and braces.
fn tag_end(text: &str) -> Option<usize> {
    let mut braces = 0_i32;
    let mut quote: Option<char> = None;
    for (at, c) in near(text).char_indices().skip(1) {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '"') => quote = Some(c),
            (None, '\'' | '`') if braces > 0 => quote = Some(c),
            (None, '{') => braces += 1,
            (None, '}') => braces -= 1,
            (None, '>') if braces <= 0 => return Some(at + 1),
            (None, '<') if braces <= 0 => return None,
            _ => {}
        }
    }
    None
}

/// Removes components, expressions, attribute lists and shortcodes from a line, outside code spans.
fn clean_line(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    let mut failures = 0;
    while let Some(at) = rest.find(['`', '<', '{']).filter(|_| failures < MAX_FAILURES) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if rest.starts_with('`') {
            let run = rest.bytes().take_while(|b| *b == b'`').count();
            let end = near(&rest[run..]).find(&rest[..run]);
            failures += usize::from(end.is_none());
            let end = end.map_or(run, |end| end + 2 * run);
            out.push_str(&rest[..end]);
            rest = &rest[end..];
            continue;
        }
        let removed = if rest.starts_with('<') { component(rest, out.chars().last()) } else { braced(rest) };
        match removed {
            Some((length, text)) => {
                out.push_str(&text);
                rest = &rest[length..];
            }
            None => {
                failures += usize::from(rest.len() > 200);
                let first = rest.chars().next().map_or(1, char::len_utf8);
                out.push_str(&rest[..first]);
                rest = &rest[first..];
            }
        }
    }
    out.push_str(rest);
    out
}

/// A JSX component's tag, or an HTML tag with JSX attributes: its length and what is kept of it.
fn component(rest: &str, before: Option<char>) -> Option<(usize, String)> {
    if rest.starts_with("<>") {
        return Some((2, String::new()));
    }
    if rest.starts_with("</>") {
        return Some((3, String::new()));
    }
    let name = rest.strip_prefix("</").or_else(|| rest.strip_prefix('<'))?;
    let upper = name.starts_with(|c: char| c.is_ascii_uppercase());
    if !name.starts_with(|c: char| c.is_ascii_alphabetic())
        || (upper && !rest.starts_with("</") && before.is_some_and(|c| c.is_alphanumeric() || c == '_'))
    {
        return None;
    }
    let end = tag_end(rest)?;
    let tag = &rest[..end];
    if !upper && !tag.contains("={") {
        return None;
    }
    let mut kept = String::new();
    let labelled = tag.contains(" label=");
    let tab = tag.starts_with("<TabItem") || tag.starts_with("<Tab ");
    for key in ["title=\"", "label=\"", "summary=\"", "alt=\"", "titleText=\"", "description=\""] {
        if let Some(value) = tag.find(&format!(" {key}")).and_then(|at| tag[at + key.len() + 1..].split('"').next())
            && !value.is_empty()
        {
            kept.push_str(&if tab { format!("**{value}**") } else { value.to_owned() });
            kept.push(' ');
        }
    }
    // A tab without a label is called by its value.
    if tab
        && !labelled
        && let Some(value) = tag.split(" value=\"").nth(1).and_then(|rest| rest.split('"').next())
    {
        kept.push_str(&format!("**{value}** "));
    }
    Some((end, kept))
}

/// What is kept of a shortcode: the page that it refers to, or the title that it shows.
fn shortcode(inside: &str) -> String {
    let inside = inside.trim();
    let quoted = |text: &str| text.split(['"', '`']).nth(1).map(str::to_owned);
    if inside.starts_with("ref ") || inside.starts_with("relref ") {
        return quoted(inside).unwrap_or_default();
    }
    let word = inside.split([' ', '\t']).next().unwrap_or("");
    if matches!(word, "tab" | "tabitem" | "codetab") && !inside.contains('=') {
        return quoted(inside).map_or_else(String::new, |title| format!("**{title}** "));
    }
    for key in ["title=", "header=", "name=", "summary="] {
        if let Some(at) = inside.find(key)
            && let Some(title) = inside[at..].strip_prefix(key).and_then(|rest| rest.starts_with('"').then(|| quoted(rest)).flatten())
        {
            return format!("**{title}** ");
        }
    }
    String::new()
}

/// `{/* … */}`, `{' '}`, `{#id}`, `{.class}`, `{: …}`, `{{< … >}}`, `{{% … %}}`, `{% … %}`: its length and what is kept.
fn braced(rest: &str) -> Option<(usize, String)> {
    for (open, close) in [("{/*", "*/}"), ("{{<", ">}}"), ("{{%", "%}}"), ("{%", "%}")] {
        if let Some(inside) = rest.strip_prefix(open) {
            let end = open.len() + near(inside).find(close)?;
            return Some((end + close.len(), if open == "{/*" { String::new() } else { shortcode(&rest[open.len()..end]) }));
        }
    }
    if let Some((length, text)) = markdown_myst::role(near(rest)) {
        return Some((length, text));
    }
    if rest.starts_with("{' '}") || rest.starts_with("{\" \"}") {
        return Some((5, " ".to_owned()));
    }
    let inside = rest[1..].trim_start_matches([':', ' ']);
    let listed = inside.starts_with(['.', '#']) && inside[1..].starts_with(|c: char| c.is_ascii_alphabetic());
    let target = ["target=", "width=", "align=", "loading=", "data-"].iter().any(|start| inside.starts_with(start));
    (listed || target).then(|| near(rest).find('}').filter(|at| *at < 200).map(|at| (at + 1, String::new())))?
}
