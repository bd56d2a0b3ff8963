//! What was crawled, as a tree of files with the address of each.

use super::base::Base;
use super::crawl::Page;
use super::memory::{Kind, Memory};
use crate::source::{SourceError, Tree, digest};
use docent_types::documentation::Skipped;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::Path;
use url::Url;

/// Longer names and paths are cut.
const MAX_NAME: usize = 150;
const MAX_PATH: usize = 800;

/// The pages that are kept: those that may be listed, each under its own address, each text once.
#[must_use]
pub fn kept(pages: Vec<Page>) -> Vec<Page> {
    let own: HashSet<String> =
        pages.iter().filter(|page| page.canonical.is_none() && page.index).map(|page| page.record.url.clone()).collect();
    let mut pages: Vec<Page> = pages
        .into_iter()
        .filter(|page| page.index && page.canonical.as_ref().is_none_or(|canonical| !own.contains(canonical.as_str())))
        .collect();
    pages.sort_by(|a, b| (a.record.url.len(), &a.record.url).cmp(&(b.record.url.len(), &b.record.url)));
    let mut seen = HashSet::new();
    pages.retain(|page| page.record.body.as_ref().is_some_and(|body| seen.insert(body.digest.clone())));
    pages.sort_by(|a, b| a.record.url.cmp(&b.record.url));
    pages
}

/// A digest of all pages and their addresses.
#[must_use]
pub fn revision(pages: &[Page]) -> String {
    let mut all = Sha256::new();
    for page in pages {
        all.update(page.record.url.as_bytes());
        all.update([0]);
        all.update(page.record.body.as_ref().map_or("", |body| &body.digest).as_bytes());
        all.update([0]);
    }
    crate::snippet::identity::hex(&all.finalize())
}

/// Writes the pages into a fresh folder under `workdir`.
///
/// # Errors
/// The disk.
pub fn tree(pages: &[Page], base: &Base, memory: &Memory, workdir: &Path, mut skipped: Vec<Skipped>) -> Result<Tree, SourceError> {
    let (temporary, root) = crate::source::fresh_folder(workdir)?;
    let mut urls = BTreeMap::new();
    for page in pages {
        let (Some(body), Ok(url)) = (&page.record.body, Url::parse(&page.record.url)) else { continue };
        let mut path = path_of(&url, base, body.kind);
        if urls.contains_key(&path) {
            let (stem, ending) = path.rsplit_once('.').unwrap_or((&path, ""));
            path = format!("{stem}-{}.{ending}", &digest(page.record.url.as_bytes())[..8]);
        }
        let target = root.join(&path);
        let made = target.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::copy(memory.path(body), &target));
        match made {
            Ok(_) => {
                urls.insert(path, page.record.url.clone());
            }
            Err(error) => skipped.push(Skipped { path: url.path().to_owned(), reason: error.to_string() }),
        }
    }
    Ok(Tree { commit: Some(revision(pages)), skipped, urls, ..Tree::new(root, Some(temporary)) })
}

/// The file of an address: its path below the base, with an ending that says what it is.
fn path_of(url: &Url, base: &Base, kind: Kind) -> String {
    let path = url.path();
    let below = path.strip_prefix(base.folder()).unwrap_or("");
    let mut parts: Vec<String> = below.split('/').map(part).collect();
    if let Some(last) = parts.last_mut() {
        if last.is_empty() {
            "index".clone_into(last);
        }
        let endings: &[&str] = match kind {
            Kind::Html => &[".html", ".htm"],
            Kind::Markdown => &[".md", ".mdx", ".markdown"],
            Kind::Rst => &[".rst"],
            Kind::Text => &[".txt"],
        };
        if !endings.iter().any(|ending| last.to_ascii_lowercase().ends_with(ending)) {
            last.push_str(endings[0]);
        }
    }
    let path = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/");
    if path.len() <= MAX_PATH {
        return path;
    }
    let ending = path.rsplit_once('.').map_or("", |(_, ending)| ending);
    format!("long/{}.{ending}", &digest(path.as_bytes())[..32])
}

/// A part of a path as a file's name: readable where that is safe.
fn part(encoded: &str) -> String {
    let decoded = crate::source::git::form_decode(encoded);
    let is_safe = !decoded.contains(['/', '\\', '\0', '\u{fffd}', ':']) && !decoded.chars().any(char::is_control);
    let name = if is_safe { decoded } else { encoded.replace(['\\', '\0', ':'], "_") };
    if name == "." || name == ".." {
        return "_".to_owned();
    }
    if name.len() <= MAX_NAME {
        return name;
    }
    let start: String = name.chars().take(40).collect();
    format!("{start}-{}", &digest(name.as_bytes())[..16])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::site::memory::{Body, Record};

    #[test]
    fn every_address_becomes_a_file_below_the_root() {
        let base = Base::new(Url::parse("https://e.example/docs/").unwrap());
        let long = format!("https://e.example/docs/{}", "x".repeat(300));
        for (url, kind, path) in [
            ("https://e.example/docs/", Kind::Html, "index.html"),
            ("https://e.example/docs", Kind::Html, "index.html"),
            ("https://e.example/docs/a/", Kind::Html, "a/index.html"),
            ("https://e.example/docs/a/b", Kind::Html, "a/b.html"),
            ("https://e.example/docs/v1.2", Kind::Html, "v1.2.html"),
            ("https://e.example/docs/a.htm", Kind::Html, "a.htm"),
            ("https://e.example/docs/a.md", Kind::Markdown, "a.md"),
            ("https://e.example/docs/a.md", Kind::Html, "a.md.html"),
            ("https://e.example/docs/caf%C3%A9", Kind::Text, "café.txt"),
            ("https://e.example/docs/a%2F..%2F..%2Fb", Kind::Html, "a%2F..%2F..%2Fb.html"),
            ("https://e.example/docs/%5C..%5Cb", Kind::Html, "%5C..%5Cb.html"),
            ("https://e.example/docs//a", Kind::Html, "a.html"),
        ] {
            assert_eq!(path_of(&Url::parse(url).unwrap(), &base, kind), path, "{url}");
        }
        assert!(path_of(&Url::parse(&long).unwrap(), &base, Kind::Html).len() < 80);
    }

    #[test]
    fn copies_are_left_out_and_two_pages_that_name_each_other_stay() {
        let page = |url: &str, text: &str, canonical: Option<&str>| Page {
            record: Record {
                url: url.to_owned(),
                body: Some(Body { digest: digest(text.as_bytes()), kind: Kind::Html, size: 1 }),
                ..Record::default()
            },
            canonical: canonical.map(|url| Url::parse(url).unwrap()),
            index: true,
        };
        let (a, b, c) = ("https://e.example/a", "https://e.example/b", "https://e.example/c");
        let urls = |pages: Vec<Page>| kept(pages).into_iter().map(|page| page.record.url).collect::<Vec<_>>();
        assert_eq!(urls(vec![page(a, "1", Some(b)), page(b, "2", None), page(c, "3", Some("https://e.example/gone"))]), [b, c]);
        assert_eq!(urls(vec![page(a, "1", Some(b)), page(b, "2", Some(a))]), [a, b]);
        assert_eq!(
            urls(vec![page("https://e.example/a/index.html", "1", None), page("https://e.example/a/", "1", None)]),
            ["https://e.example/a/"]
        );
        let hidden = Page { index: false, ..page(a, "1", None) };
        assert_eq!(urls(vec![hidden, page(b, "2", Some(a))]), [b]);
    }
}
