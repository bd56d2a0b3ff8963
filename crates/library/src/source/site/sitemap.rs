//! Sitemaps: the pages that a site names itself (sitemaps.org), as XML, compressed XML, or a list of addresses.

use flate2::read::MultiGzDecoder;
use std::io::Read;

/// Unpacked, by the protocol.
pub const MAX: u64 = 50 * 1024 * 1024;
/// Addresses in one file, by the protocol.
const MAX_ENTRIES: usize = 50_000;

/// An address and when it changed, as the site says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// As written.
    pub location: String,
    /// As written.
    pub modified: Option<String>,
}

/// What a sitemap lists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sitemap {
    /// Pages.
    pub pages: Vec<Entry>,
    /// Further sitemaps.
    pub sitemaps: Vec<Entry>,
}

impl Sitemap {
    /// Reads a sitemap. What is no sitemap lists nothing.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Self {
        let mut unpacked = Vec::new();
        let bytes = if bytes.starts_with(&[0x1F, 0x8B]) {
            // A file that is cut short is read as far as it goes.
            let _ = MultiGzDecoder::new(bytes).take(MAX).read_to_end(&mut unpacked);
            unpacked.as_slice()
        } else {
            bytes
        };
        let text = String::from_utf8_lossy(bytes);
        let text = text.trim_start_matches('\u{feff}').trim_start();
        if text.starts_with('<') { xml(text) } else { lines(text) }
    }
}

fn lines(text: &str) -> Sitemap {
    let addresses = text.lines().map(str::trim).filter(|line| line.starts_with("http://") || line.starts_with("https://"));
    let pages = addresses.take(MAX_ENTRIES).map(|line| Entry { location: line.to_owned(), modified: None }).collect();
    Sitemap { pages, sitemaps: Vec::new() }
}

/// Reads `<loc>` and `<lastmod>` inside of `<url>` and `<sitemap>`. Other elements (pictures, languages) are passed over.
fn xml(text: &str) -> Sitemap {
    let mut out = Sitemap::default();
    let mut open: Option<(bool, Entry)> = None;
    let mut field: Option<(&str, String)> = None;
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        if let Some((_, value)) = &mut field {
            value.push_str(&decode(&rest[..at]));
        }
        rest = &rest[at + 1..];
        if let Some(comment) = rest.strip_prefix("!--") {
            rest = comment.split_once("-->").map_or("", |(_, rest)| rest);
            continue;
        }
        if let Some(data) = rest.strip_prefix("![CDATA[") {
            let (data, after) = data.split_once("]]>").unwrap_or((data, ""));
            if let Some((_, value)) = &mut field {
                value.push_str(data);
            }
            rest = after;
            continue;
        }
        let Some((tag, after)) = rest.split_once('>') else { break };
        rest = after;
        let name = tag.split([' ', '\t', '\n', '\r', '/']).find(|part| !part.is_empty()).unwrap_or("");
        match (tag.starts_with('/'), name) {
            (false, "url" | "sitemap") => open = Some((name == "sitemap", Entry { location: String::new(), modified: None })),
            (false, "loc" | "lastmod") if open.is_some() && !tag.ends_with('/') => field = Some((name, String::new())),
            (true, "loc" | "lastmod") => {
                if let (Some((name, value)), Some((_, entry))) = (field.take(), &mut open) {
                    let value: String = value.trim().chars().take(2_100).collect();
                    match name {
                        "loc" => entry.location = value,
                        _ => entry.modified = Some(value).filter(|value| !value.is_empty()),
                    }
                }
            }
            (true, "url" | "sitemap") => {
                field = None;
                if let Some((is_sitemap, entry)) = open.take().filter(|(_, entry)| !entry.location.is_empty()) {
                    let list = if is_sitemap { &mut out.sitemaps } else { &mut out.pages };
                    if list.len() < MAX_ENTRIES {
                        list.push(entry);
                    }
                }
            }
            _ => {}
        }
    }
    out
}

fn decode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = rest.bytes().take(12).position(|byte| byte == b';');
        let character = end.and_then(|end| match &rest[1..end] {
            "amp" => Some('&'),
            "lt" => Some('<'),
            "gt" => Some('>'),
            "quot" => Some('"'),
            "apos" => Some('\''),
            number => number
                .strip_prefix('#')
                .and_then(|number| number.strip_prefix('x').map_or_else(|| number.parse().ok(), |hex| u32::from_str_radix(hex, 16).ok()))
                .and_then(char::from_u32),
        });
        match (character, end) {
            (Some(character), Some(end)) => {
                out.push(character);
                rest = &rest[end + 1..];
            }
            _ => {
                out.push('&');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Write;

    const XML: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" xmlns:image="x">
  <!-- <url><loc>https://e.example/hidden</loc></url> -->
  <url><loc>
     https://e.example/a?x=1&amp;y=2 </loc><lastmod>2026-01-01</lastmod>
     <image:image><image:loc>https://e.example/a.png</image:loc></image:image></url>
  <url><loc><![CDATA[https://e.example/b]]></loc><priority>1</priority><lastmod/></url>
  <url></url>
</urlset>"#;

    #[test]
    fn pages_are_read_from_xml_gzip_and_lines() {
        let sitemap = Sitemap::parse(XML.as_bytes());
        let found: Vec<(&str, Option<&str>)> = sitemap.pages.iter().map(|e| (e.location.as_str(), e.modified.as_deref())).collect();
        assert_eq!(found, [("https://e.example/a?x=1&y=2", Some("2026-01-01")), ("https://e.example/b", None)]);
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        packed.write_all(XML.as_bytes()).unwrap();
        assert_eq!(Sitemap::parse(&packed.finish().unwrap()), sitemap);
        let lines = Sitemap::parse(b"\xEF\xBB\xBFhttps://e.example/a\r\nhttps://e.example/b\nnot an address\n");
        assert_eq!(lines.pages.len(), 2);
    }

    #[test]
    fn an_index_names_sitemaps() {
        let index = Sitemap::parse(b"<sitemapindex><sitemap><loc>https://e.example/1.xml</loc><lastmod>2026</lastmod></sitemap><sitemap><loc>https://e.example/2.xml.gz</loc></sitemap></sitemapindex>");
        assert_eq!((index.pages.len(), index.sitemaps.len()), (0, 2));
        assert_eq!(Sitemap::parse(b"<!doctype html><html><body>Not found</body></html>"), Sitemap::default());
    }

    #[test]
    fn large_and_broken_files_take_linear_time() {
        for text in
            ["<".repeat(10 << 20), "<!--".repeat(2 << 20), "<url><loc>".repeat(1 << 20), "<url><loc>&".to_owned() + &"&".repeat(10 << 20)]
        {
            let _ = Sitemap::parse(text.as_bytes());
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..400), text in "(<url>|<loc>|</loc>|</url>|<!--|-->|&|;|é|x|>|<){0,60}") {
            let _ = Sitemap::parse(&bytes);
            let _ = Sitemap::parse(text.as_bytes());
        }
    }
}
