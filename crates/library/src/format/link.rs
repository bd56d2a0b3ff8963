//! Links within a page's prose: `[text](target)`, where a target is an address or `/` and a path in the source.
//!
//! A page of the source is found by the ways in which site generators write links to it. What leads nowhere keeps its text
//! and loses its target. [`Links`](crate::snippet::Links) makes paths absolute when a page is cut into snippets.

use super::include::Tree;
use std::borrow::Cow;

/// Longer targets are left out.
const MAX_TARGET: usize = 300;
/// Endings of pages that a link may leave out.
const ENDINGS: [&str; 10] = [".md", ".mdx", ".rst", ".adoc", ".html", "/index.md", "/index.mdx", "/README.md", "/_index.md", "/index.rst"];

/// Links of one page.
#[derive(Clone, Copy, Debug)]
pub(super) struct Linker<'a> {
    pub(super) tree: &'a Tree,
    pub(super) page: &'a str,
}

impl Linker<'_> {
    /// A text with its target, if that leads somewhere.
    pub(super) fn link(&self, text: &str, target: &str) -> String {
        let plain = text.trim();
        if plain.is_empty() || plain.contains("](") || plain.contains('\n') {
            return text.to_owned();
        }
        match self.target(target) {
            Some(target) if target != plain && target.strip_prefix("https://").is_none_or(|rest| rest != plain) => {
                let start = text.len() - text.trim_start().len();
                format!("{}[{plain}]({target}){}", &text[..start], &text[start + plain.len()..])
            }
            _ => text.to_owned(),
        }
    }

    /// An address, or `/` and the path of a file of the source with the fragment.
    pub(super) fn target(&self, target: &str) -> Option<String> {
        let target = target.trim().trim_matches(['<', '>']);
        if target.is_empty() || target.len() > MAX_TARGET || target.contains(char::is_whitespace) || target.contains(['{', '}', '`', '"']) {
            return None;
        }
        if target.starts_with("https://") || target.starts_with("http://") {
            return Some(escaped(target));
        }
        if target.starts_with(['#', '?']) || target.starts_with("//") || target.split('/').next().is_some_and(|first| first.contains(':')) {
            return None;
        }
        let (path, fragment) = target.split_once('#').map_or((target, None), |(path, fragment)| (path, Some(fragment)));
        let path = path.split('?').next().unwrap_or(path);
        let found = self.page_of(&decoded(path))?;
        let fragment = fragment.filter(|fragment| !fragment.is_empty()).map_or_else(String::new, |fragment| format!("#{fragment}"));
        Some(escaped(&format!("/{found}{fragment}")))
    }

    fn page_of(&self, path: &str) -> Option<String> {
        let folder = self.page.rsplit_once('/').map_or("", |(folder, _)| folder);
        if !path.starts_with('/') {
            let path = path.strip_prefix("@/").unwrap_or(path);
            return joined(folder, path).and_then(|path| self.existing(&path));
        }
        // A site's root is one of the folders above the page.
        let mut above = folder;
        loop {
            if let Some(found) = joined(above, path.trim_start_matches('/')).and_then(|path| self.existing(&path)) {
                return Some(found);
            }
            if above.is_empty() {
                return None;
            }
            above = above.rsplit_once('/').map_or("", |(above, _)| above);
        }
    }

    fn existing(&self, path: &str) -> Option<String> {
        let path = path.trim_end_matches('/');
        if self.tree.has(path) {
            return Some(path.to_owned());
        }
        let stem = path.strip_suffix(".html").or_else(|| path.strip_suffix(".htm")).unwrap_or(path);
        ENDINGS
            .iter()
            .map(|ending| if stem.is_empty() { ending.trim_start_matches('/').to_owned() } else { format!("{stem}{ending}") })
            .find(|path| self.tree.has(path))
    }
}

/// A path relative to a folder. `None` if it climbs out.
fn joined(folder: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

fn decoded(path: &str) -> Cow<'_, str> {
    if !path.contains('%') {
        return Cow::Borrowed(path);
    }
    Cow::Owned(path.replace("%20", " ").replace("%28", "(").replace("%29", ")"))
}

/// Parentheses and spaces would end the target.
fn escaped(target: &str) -> String {
    target.replace('(', "%28").replace(')', "%29").replace(' ', "%20")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_found_as_site_generators_write_them() {
        let pages = ["docs/guide/start.md", "docs/guide/index.md", "docs/api/b.rst", "README.md"];
        let tree = Tree::none().with_files(pages.iter().map(|page| (*page).to_owned()));
        let linker = Linker { tree: &tree, page: "docs/guide/a.md" };
        for (target, found) in [
            ("https://example.org/a_(b)", Some("https://example.org/a_%28b%29")),
            ("./start.md#x", Some("/docs/guide/start.md#x")),
            ("start", Some("/docs/guide/start.md")),
            ("/guide/start.html", Some("/docs/guide/start.md")),
            ("/guide/", Some("/docs/guide/index.md")),
            ("../api/b", Some("/docs/api/b.rst")),
            ("../../README.md", Some("/README.md")),
            ("../../../etc/passwd", None),
            ("missing.md", None),
            ("#here", None),
            ("javascript:alert(1)", None),
            ("mailto:a@example.org", None),
        ] {
            assert_eq!(linker.target(target).as_deref(), found, "{target}");
        }
        assert_eq!(linker.link("the *start*", "start"), "[the *start*](/docs/guide/start.md)");
        assert_eq!(linker.link("https://example.org", "https://example.org"), "https://example.org");
    }
}
