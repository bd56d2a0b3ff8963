//! `llms.txt` (llmstxt.org): a title, a summary, and lists of links.

/// What the file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Index {
    /// Its first heading.
    pub title: Option<String>,
    /// Its first quote.
    pub description: Option<String>,
    /// Links as written, each once, in the file's order.
    pub links: Vec<String>,
}

/// More links than this are no list for a reader.
const MAX_LINKS: usize = 50_000;

/// Reads the file.
#[must_use]
pub fn read(text: &str) -> Index {
    let mut out = Index::default();
    let mut seen = std::collections::HashSet::new();
    let mut fence: Option<&str> = None;
    for line in text.lines() {
        let trimmed = line.trim();
        if let Some(open) = fence {
            if trimmed.starts_with(open) {
                fence = None;
            }
            continue;
        }
        if trimmed.starts_with("```") || trimmed.starts_with("~~~") {
            fence = Some(&trimmed[..3]);
            continue;
        }
        let said = |text: &str, limit: usize| Some(text.trim().chars().take(limit).collect::<String>()).filter(|text| !text.is_empty());
        if let Some(heading) = trimmed.strip_prefix("# ") {
            out.title = out.title.take().or_else(|| said(heading, 200));
        } else if let Some(quote) = trimmed.strip_prefix('>') {
            out.description = out.description.take().or_else(|| said(quote, 1_000));
        }
        for link in links(trimmed) {
            if out.links.len() < MAX_LINKS && seen.insert(link.to_owned()) {
                out.links.push(link.to_owned());
            }
        }
    }
    out
}

/// The targets of `[text](target)` and `<https://…>` in a line.
fn links(line: &str) -> Vec<&str> {
    let mut out = Vec::new();
    let mut rest = line;
    while let Some(at) = rest.find("](") {
        rest = &rest[at + 2..];
        let Some(end) = end_of_target(rest) else { continue };
        let target = rest[..end].trim();
        let target = target.strip_prefix('<').and_then(|target| target.split_once('>')).map_or(target, |(target, _)| target);
        // A title may follow.
        let target = target.split_whitespace().next().unwrap_or("");
        if !target.is_empty() {
            out.push(target);
        }
        rest = &rest[end..];
    }
    if out.is_empty() {
        let bare = line.trim_start_matches(['-', '*', '+', ' ', '<']);
        if bare.starts_with("https://") || bare.starts_with("http://") {
            out.extend(bare.split(|c: char| c.is_whitespace() || c == '>').next().map(|link| link.trim_end_matches([':', ','])));
        }
    }
    out
}

/// The closing bracket of a target, which may have brackets inside.
fn end_of_target(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, byte) in text.bytes().enumerate().take(2_100) {
        match byte {
            b'(' => depth += 1,
            b')' if depth == 0 => return Some(at),
            b')' => depth -= 1,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn title_summary_and_links_are_read() {
        let index = read(
            "# Widgets\n\n> Parts that are put together.\n\nMore: [home](/)\n\n## Docs\n\n- [One](https://e.example/one.md): first (really)\n* [Two](two_(x).md \"t\"), [Three](<three.md>)\n- [One again](https://e.example/one.md)\n- https://e.example/four: bare\n```\n[no](no.md)\n```\n## Optional\n- [Five](/five)\n[broken](\n",
        );
        assert_eq!((index.title.as_deref(), index.description.as_deref()), (Some("Widgets"), Some("Parts that are put together.")));
        assert_eq!(index.links, ["/", "https://e.example/one.md", "two_(x).md", "three.md", "https://e.example/four", "/five"]);
    }

    #[test]
    fn long_lines_take_linear_time() {
        for text in ["[".repeat(10 << 20), "](".repeat(1 << 20), "a](b)".repeat(1 << 20)] {
            let _ = read(&text);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "(\\[|\\]\\(|\\)|<|>|#|```|~~~|\n| |é|x|https://){0,60}") {
            let _ = read(&text);
        }
    }
}
