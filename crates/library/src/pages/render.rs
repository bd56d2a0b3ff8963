//! A page as Markdown.

use super::{LARGEST_PAGE, Page};
use crate::answer;
use docent_types::documentation::Snippet;
use docent_types::library_id::LibraryId;
use std::fmt::Write;

/// A page as Markdown: its title, where it comes from, then headings, prose and code in their order. Of a page that is
/// too large the beginning, up to the end of a passage, and a line that says so.
#[must_use]
pub fn render(library: &LibraryId, version: Option<&str>, page: &Page) -> String {
    let url = page.snippets.first().map_or("", |snippet| snippet.url.split('#').next().unwrap_or_default());
    let mut out = format!("# {}\n\nSource: {url}\nLibrary: {library}", page.title);
    if let Some(version) = version {
        // Writing to a String cannot fail.
        let _ = write!(out, ", version {version}");
    }
    let mut length = out.chars().count();
    let mut before: Option<&Snippet> = None;
    for snippet in &page.snippets {
        let part = format!("{}\n\n{}", headings(before, snippet), answer::render_blocks(snippet));
        let own = part.chars().count();
        if length + own > LARGEST_PAGE {
            return cut_short(out);
        }
        length += own;
        out.push_str(&part);
        before = Some(snippet);
    }
    if !page.whole {
        return cut_short(out);
    }
    out.push('\n');
    out
}

fn cut_short(mut page: String) -> String {
    page.push_str(
        "\n\n(The page is longer than what is read at once and was cut here. Its source has the rest; query-docs finds passages in it.)\n",
    );
    page
}

/// The headings that begin between two passages.
fn headings(before: Option<&Snippet>, snippet: &Snippet) -> String {
    let mut out = String::new();
    let known = match before {
        None => 0,
        // Two sections of one name in a row.
        Some(before) if before.headings == snippet.headings && before.anchor != snippet.anchor => snippet.headings.len().saturating_sub(1),
        Some(before) => before.headings.iter().zip(&snippet.headings).take_while(|(a, b)| a == b).count(),
    };
    for (depth, heading) in snippet.headings.iter().enumerate().skip(known) {
        let _ = write!(out, "\n\n{} {heading}", "#".repeat((depth + 2).min(6)));
    }
    out
}
