//! Where a person can read a passage.

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
}
