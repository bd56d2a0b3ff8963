//! Where a person can read a passage.

use std::borrow::Cow;
use std::collections::BTreeMap;

/// Makes links to lines of files of one source.
#[derive(Clone, Debug)]
pub struct Links {
    base: String,
    style: Style,
    pages: BTreeMap<String, String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Style {
    GitHub,
    Bitbucket,
    Plain,
}

impl Links {
    /// For a source as it is shown (without credentials) and the commit that was read.
    #[must_use]
    pub fn new(source: &str, commit: Option<&str>) -> Self {
        let plain = source.split('#').next().unwrap_or(source).trim_end_matches('/');
        let web = web_address(plain);
        let (Some(web), Some(commit)) = (web, commit) else {
            return Self { base: plain.to_owned(), style: Style::Plain, pages: BTreeMap::new() };
        };
        let host = web.split('/').nth(2).unwrap_or("").to_ascii_lowercase();
        let (base, style) = if host.contains("gitlab") {
            (format!("{web}/-/blob/{commit}"), Style::GitHub)
        } else if host.contains("bitbucket") {
            (format!("{web}/src/{commit}"), Style::Bitbucket)
        } else if host.contains("gitea") || host.contains("codeberg") || host.contains("forgejo") {
            (format!("{web}/src/commit/{commit}"), Style::GitHub)
        } else {
            (format!("{web}/blob/{commit}"), Style::GitHub)
        };
        Self { base, style, pages: BTreeMap::new() }
    }

    /// Files that have addresses of their own, by their paths.
    #[must_use]
    pub fn with_pages(mut self, pages: BTreeMap<String, String>) -> Self {
        self.pages = pages;
        self
    }

    /// The link to a passage: to its heading on a page that has an address, else to its lines.
    #[must_use]
    pub fn to(&self, path: &str, anchor: Option<&str>, lines: (u32, u32)) -> String {
        let Some(page) = self.pages.get(path) else { return self.url(path, lines) };
        match anchor.filter(|anchor| !anchor.is_empty() && !anchor.contains(|c: char| c.is_whitespace() || c.is_control())) {
            Some(anchor) => format!("{}#{anchor}", page.split('#').next().unwrap_or(page)),
            None => page.clone(),
        }
    }

    /// Prose with the paths of its links made absolute; they stay paths from the source's root if it has no address.
    #[must_use]
    pub fn absolute(&self, text: String) -> String {
        if self.style == Style::Plain || !text.contains("](/") {
            return text;
        }
        let mut out = String::with_capacity(text.len() + 100);
        let mut from = 0;
        for (_, target) in links_in(&text) {
            let start = target.start + 2;
            if text[start..].starts_with('/') {
                out.push_str(&text[from..start]);
                out.push_str(&self.base);
                from = start;
            }
        }
        out.push_str(&text[from..]);
        out
    }

    /// The link to some lines of a file.
    #[must_use]
    pub fn url(&self, path: &str, (first, last): (u32, u32)) -> String {
        let mut encoded = String::with_capacity(path.len());
        for byte in path.bytes() {
            if byte.is_ascii_alphanumeric()
                || matches!(byte, b'/' | b'-' | b'_' | b'.' | b'~' | b'+' | b'@' | b'(' | b')' | b'[' | b']' | b',')
                || (self.style == Style::Plain && byte != b'#' && byte > b' ')
            {
                encoded.push(char::from(byte));
            } else {
                encoded.push_str(&format!("%{byte:02X}"));
            }
        }
        // Bytes of other scripts stay readable in a path that is not a link.
        let encoded = if self.style == Style::Plain { path.replace('#', "%23") } else { encoded };
        let lines = match self.style {
            Style::Bitbucket => format!("#lines-{first}:{last}"),
            _ if first == last => format!("#L{first}"),
            _ => format!("#L{first}-L{last}"),
        };
        format!("{}/{encoded}{lines}", self.base)
    }
}

/// The links of a text: where `[`, and where `](target)` stands. Code is not looked into.
fn links_in(text: &str) -> Vec<(usize, std::ops::Range<usize>)> {
    // As far as the end of code is looked for.
    const NEAR: usize = 2_000;
    let bytes = text.as_bytes();
    let mut out = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'`' => {
                let run = bytes[at..].iter().take_while(|b| **b == b'`').count();
                let inside = &bytes[at + run..(at + run + NEAR).min(bytes.len())];
                let end = inside.windows(run).position(|window| window == &bytes[at..at + run]).filter(|_| run < 8);
                at += run + end.map_or(0, |end| end + run);
                continue;
            }
            b'[' => {
                if open.len() > 16 {
                    open.clear();
                }
                open.push(at);
            }
            b']' => {
                if let (Some(start), Some(b'(')) = (open.pop(), bytes.get(at + 1)) {
                    let target = &bytes[at + 2..(at + 402).min(bytes.len())];
                    if let Some(end) = target.iter().position(|b| b.is_ascii_whitespace() || *b == b')').filter(|end| target[*end] == b')')
                        && (target.starts_with(b"/") || target.starts_with(b"http"))
                    {
                        out.push((start, at..at + 3 + end));
                        at += 3 + end;
                        continue;
                    }
                }
            }
            _ => {}
        }
        at += 1;
    }
    out
}

/// Prose as a reader sees it: links without what they lead to.
#[must_use]
pub fn without_targets(text: &str) -> Cow<'_, str> {
    if !text.contains("](") {
        return Cow::Borrowed(text);
    }
    let mut cuts: Vec<std::ops::Range<usize>> = links_in(text).into_iter().flat_map(|(open, end)| [open..open + 1, end]).collect();
    cuts.sort_unstable_by_key(|cut| cut.start);
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    for cut in cuts {
        out.push_str(&text[from..cut.start]);
        from = cut.end;
    }
    out.push_str(&text[from..]);
    Cow::Owned(out)
}

/// `https://host/owner/repo` for the forms in which a hosted repository is named.
fn web_address(source: &str) -> Option<String> {
    let without_scheme = source
        .strip_prefix("https://")
        .or_else(|| source.strip_prefix("http://"))
        .or_else(|| source.strip_prefix("ssh://").map(|rest| rest.split_once('@').map_or(rest, |(_, rest)| rest)));
    let path = match without_scheme {
        Some(rest) => rest.to_owned(),
        None => {
            let (user_host, path) = source.split_once(':')?;
            if path.starts_with("//") || user_host.contains('/') || !user_host.contains('@') {
                return None;
            }
            format!("{}/{path}", user_host.split_once('@')?.1)
        }
    };
    let scheme = if source.starts_with("http://") { "http" } else { "https" };
    let path = path.strip_suffix(".git").unwrap_or(&path);
    // An ssh port is not the web's.
    let (host, rest) = path.split_once('/')?;
    let host = if source.starts_with("http") { host } else { host.split(':').next().unwrap_or(host) };
    rest.contains('/').then(|| format!("{scheme}://{host}/{rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosted_repositories_get_permanent_links_and_others_a_path() {
        for (source, url) in [
            ("https://github.com/o/r.git", "https://github.com/o/r/blob/abc/docs/a%20b.md#L2-L5"),
            ("git@github.com:o/r.git", "https://github.com/o/r/blob/abc/docs/a%20b.md#L2-L5"),
            ("ssh://git@git.example.org:2222/o/r#main", "https://git.example.org/o/r/blob/abc/docs/a%20b.md#L2-L5"),
            ("https://gitlab.com/o/sub/r", "https://gitlab.com/o/sub/r/-/blob/abc/docs/a%20b.md#L2-L5"),
            ("https://codeberg.org/o/r", "https://codeberg.org/o/r/src/commit/abc/docs/a%20b.md#L2-L5"),
            ("https://bitbucket.org/o/r", "https://bitbucket.org/o/r/src/abc/docs/a%20b.md#lines-2:5"),
            ("/srv/docs", "/srv/docs/docs/a b.md#L2-L5"),
            ("file:///srv/r.git", "file:///srv/r.git/docs/a b.md#L2-L5"),
        ] {
            assert_eq!(Links::new(source, Some("abc")).url("docs/a b.md", (2, 5)), url, "{source}");
        }
        assert_eq!(Links::new("docs", None).url("a.md", (3, 3)), "docs/a.md#L3");
    }

    #[test]
    fn pages_of_a_site_are_linked_by_their_own_address() {
        let pages = BTreeMap::from([("a.html".to_owned(), "https://e.example/a".to_owned())]);
        let links = Links::new("site:https://e.example/", None).with_pages(pages);
        assert_eq!(links.to("a.html", Some("install"), (1, 2)), "https://e.example/a#install");
        assert_eq!(links.to("a.html", None, (1, 2)), "https://e.example/a");
        assert_eq!(links.to("a.html", Some("a b"), (1, 2)), "https://e.example/a");
        assert_eq!(links.to("b.html", Some("x"), (1, 2)), "site:https://e.example/b.html#L1-L2");
    }

    #[test]
    fn links_in_prose_become_absolute_and_can_be_left_out() {
        let text = "See [the `x` guide](/docs/x.md#a), [site](https://e.org/%28a%29), `a[0](/b)` and f[1](2).";
        assert_eq!(
            Links::new("https://github.com/o/r", Some("abc")).absolute(text.to_owned()),
            "See [the `x` guide](https://github.com/o/r/blob/abc/docs/x.md#a), [site](https://e.org/%28a%29), `a[0](/b)` and f[1](2)."
        );
        assert_eq!(Links::new("/srv/docs", None).absolute(text.to_owned()), text);
        assert_eq!(without_targets(text), "See the `x` guide, site, `a[0](/b)` and f[1](2).");
    }
}
