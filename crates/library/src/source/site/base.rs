//! The part of a web site that is read: everything below one address.

use super::super::http::same_host;
use url::Url;

/// Endings of addresses that are no pages. Others are asked for, and the server says what they are.
const NO_PAGES: [&str; 34] = [
    "css",
    "js",
    "mjs",
    "cjs",
    "ts",
    "json",
    "jsonl",
    "map",
    "xml",
    "rss",
    "atom",
    "yaml",
    "yml",
    "csv",
    "tsv",
    "epub",
    "dmg",
    "deb",
    "rpm",
    "msi",
    "apk",
    "iso",
    "tar",
    "zst",
    "doc",
    "docx",
    "ppt",
    "pptx",
    "xls",
    "xlsx",
    "ps",
    "webmanifest",
    "ics",
    "sig",
];

/// Where reading starts, and the folder that it stays in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base {
    /// The first page, without query and fragment; may have credentials.
    pub start: Url,
    folder: String,
}

impl Base {
    /// The base that an address names: its folder, if it names a page (`….html`), else everything below it.
    #[must_use]
    pub fn new(mut start: Url) -> Self {
        start.set_query(None);
        start.set_fragment(None);
        let path = start.path().to_owned();
        let (parent, last) = path.rsplit_once('/').unwrap_or(("", &path));
        let is_page = [".html", ".htm", ".xhtml", ".md", ".php", ".txt"].iter().any(|ending| last.to_ascii_lowercase().ends_with(ending));
        let folder = if is_page || last.is_empty() { format!("{parent}/") } else { format!("{path}/") };
        Self { start, folder }
    }

    /// Everything on the host of an address.
    #[must_use]
    pub fn host_of(start: Url) -> Self {
        Self { start, folder: "/".to_owned() }
    }

    /// The folder, with a slash at both ends.
    #[must_use]
    pub fn folder(&self) -> &str {
        &self.folder
    }

    /// An address on the same host. `path` starts with a slash.
    #[must_use]
    pub fn at(&self, path: &str) -> Url {
        let mut url = self.start.clone();
        url.set_path(path);
        url
    }

    /// Whether an address lies in the base.
    #[must_use]
    pub fn holds(&self, url: &Url) -> bool {
        let path = url.path();
        url.origin() == self.start.origin() && (path.starts_with(&self.folder) || path == self.folder.trim_end_matches('/'))
    }

    /// A link on a page as the address of another page of the base, without fragment and credentials. A link with a query is
    /// none: it leads to endless variants of the same pages more often than to a page.
    #[must_use]
    pub fn page(&self, from: &Url, link: &str) -> Option<Url> {
        let mut url = from.join(link).ok()?;
        if !matches!(url.scheme(), "http" | "https") || url.query().is_some() || url.as_str().len() > 2_000 {
            return None;
        }
        url.set_fragment(None);
        // A site that moved to https has old links, and one behind a proxy may not know that it did.
        if url.origin() != self.start.origin() && (same_host(&url, &self.start) || same_host(&self.start, &url)) {
            url.set_scheme(self.start.scheme()).ok()?;
        }
        url.set_username("").ok()?;
        url.set_password(None).ok()?;
        let name = url.path().rsplit('/').next().unwrap_or("");
        let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
        let is_file = super::super::git::is_binary_name(name) || ending.is_some_and(|ending| NO_PAGES.contains(&ending.as_str()));
        (self.holds(&url) && !is_file).then_some(url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base(text: &str) -> Base {
        Base::new(Url::parse(text).unwrap())
    }

    #[test]
    fn the_base_is_the_folder_that_the_address_names() {
        for (address, folder) in [
            ("https://e.example", "/"),
            ("https://e.example/docs", "/docs/"),
            ("https://e.example/docs/", "/docs/"),
            ("https://e.example/docs/v1.2", "/docs/v1.2/"),
            ("https://e.example/docs/index.html?x#y", "/docs/"),
            ("https://e.example/a/../docs/%2e%2e/b/", "/b/"),
        ] {
            assert_eq!(base(address).folder(), folder, "{address}");
        }
    }

    #[test]
    fn links_out_of_the_base_are_none() {
        let base = base("https://e.example/docs/");
        let from = Url::parse("https://e.example/docs/a/b").unwrap();
        for (link, page) in [
            ("c#x", Some("https://e.example/docs/a/c")),
            ("../c.html", Some("https://e.example/docs/c.html")),
            ("/docs", Some("https://e.example/docs")),
            ("http://e.example/docs/x", Some("https://e.example/docs/x")),
            ("//u:p@e.example/docs/x", Some("https://e.example/docs/x")),
            ("v1.2", Some("https://e.example/docs/a/v1.2")),
            ("/docsother/x", None),
            ("/", None),
            ("../../x", None),
            ("%2e%2e/%2E%2E/x", None),
            ("https://other.example/docs/x", None),
            ("https://e.example:8443/docs/x", None),
            ("x.png", None),
            ("x.tar.gz", None),
            ("x?page=2", None),
            ("mailto:a@e.example", None),
            ("javascript:void(0)", None),
            ("http://[", None),
        ] {
            assert_eq!(base.page(&from, link).as_ref().map(Url::as_str), page, "{link}");
        }
    }
}
