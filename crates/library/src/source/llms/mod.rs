//! Files that sites write for language models: `llms.txt`, a list of pages, and `llms-full.txt`, all of them in one file.

pub mod full;
pub mod index;

use super::archive::unchanged;
use super::http::{Client, Validators};
use super::network::Network;
use super::seen::Seen;
use super::site::base::Base;
use super::site::crawl::{Crawl, Plan};
use super::site::memory::Memory;
use super::site::{key, read, robots};
use super::{Progress, SourceError, Tree, digest, fresh_folder};
use crate::format::decode;
use docent_types::documentation::Skipped;
use std::collections::BTreeMap;
use std::path::Path;
use url::Url;

/// Larger files are none of these.
const MAX: u64 = 64 << 20;
const ACCEPT: &str = "text/markdown, text/plain, */*;q=0.5";

/// The address of such a file: `llms.txt`, `llms-full.txt`, `llms-small.txt` and the like.
#[must_use]
pub fn address(text: &str) -> Option<Url> {
    let mut url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
    let name = url.path().rsplit('/').next().unwrap_or("").to_ascii_lowercase();
    let is_one = name == "llms.txt" || (name.starts_with("llms-") && name.ends_with(".txt"));
    url.set_fragment(None);
    is_one.then_some(url)
}

fn is_list(url: &Url) -> bool {
    url.path().rsplit('/').next().is_some_and(|name| name.eq_ignore_ascii_case("llms.txt"))
}

/// Reads the file, and the pages that it lists.
///
/// # Errors
/// [`SourceError`].
pub fn fetch(url: &Url, display: &str, network: &Network, workdir: &Path, progress: &dyn Progress) -> Result<Tree, SourceError> {
    let client = Client::new(url, display, network, progress)?;
    let answer = client.file(url, &Validators::default(), ACCEPT)?;
    let (validators, content_type) = (answer.validators(), answer.content_type());
    let bytes = answer.read(MAX.min(network.limits.download)).map_err(|failure| failure.of(display))?;
    let not_understood = |reason: &str| SourceError::NotUnderstood { display: display.to_owned(), reason: reason.to_owned() };
    let text = decode(&bytes).ok_or_else(|| not_understood("it is not text"))?;
    // A site that answers everything with its own page.
    if content_type.contains("html") || text.trim_start().to_ascii_lowercase().starts_with("<!doctype html") {
        return Err(not_understood("it is a page of HTML instead of a text file"));
    }
    if !is_list(url) {
        let tree = pages(&full::split(&text, url), &digest(&bytes), workdir)?;
        Seen { validators, revision: digest(&bytes) }.write(workdir, &key(url));
        return Ok(tree);
    }
    let list = index::read(&text);
    let base = Base::host_of(url.clone());
    let listed: Vec<Url> = list.links.iter().filter_map(|link| base.page(url, link)).collect();
    let elsewhere = list.links.len() - listed.len();
    if listed.is_empty() {
        let host = url.host_str().unwrap_or("its host");
        return Err(not_understood(&format!("of its {} links none leads to a page on {host}", list.links.len())));
    }
    let robots = robots(&client, &base)?;
    let memory = Memory::open(workdir, &key(url), display, &*network.clock)?;
    let crawl = Crawl { client: &client, base: &base, robots: &robots, network, memory: &memory, progress };
    let mut tree = read(&crawl, &Plan::List(listed), None, workdir)?;
    (tree.title, tree.description) = (list.title, list.description);
    if elsewhere > 0 {
        let reason = format!("{elsewhere} of its links lead to other hosts or to what is no page, and were not followed");
        tree.skipped.push(Skipped { path: url.path().to_owned(), reason });
    }
    Ok(tree)
}

/// The digest of a file that has everything in it, if the server says that it did not change. Of a list, the pages may have
/// changed without it.
///
/// # Errors
/// [`SourceError`].
pub fn revision(
    url: &Url,
    display: &str,
    network: &Network,
    workdir: &Path,
    progress: &dyn Progress,
) -> Result<Option<String>, SourceError> {
    if is_list(url) {
        return Ok(None);
    }
    unchanged(url, display, network, workdir, progress)
}

fn pages(file: &full::Full, revision: &str, workdir: &Path) -> Result<Tree, SourceError> {
    let (temporary, root) = fresh_folder(workdir)?;
    let mut urls = BTreeMap::new();
    for page in &file.pages {
        let io = |error: std::io::Error| SourceError::Io { path: page.path.clone(), reason: error.to_string() };
        let target = root.join(&page.path);
        target.parent().map_or(Ok(()), std::fs::create_dir_all).map_err(io)?;
        std::fs::write(&target, &page.text).map_err(io)?;
        urls.insert(page.path.clone(), page.url.clone());
    }
    Ok(Tree {
        commit: Some(revision.to_owned()),
        skipped: file.skipped.clone(),
        urls,
        title: file.title.clone(),
        description: file.description.clone(),
        ..Tree::new(root, Some(temporary))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_such_files_are_taken() {
        for (text, taken) in [
            ("https://e.example/llms.txt", true),
            ("https://e.example/docs/llms-full.txt?x=1", true),
            ("https://e.example/LLMS-small.txt", true),
            ("https://e.example/llms.txt/", false),
            ("https://e.example/allms.txt", false),
            ("llms.txt", false),
            ("file:///srv/llms.txt", false),
        ] {
            assert_eq!(address(text).is_some(), taken, "{text}");
        }
    }
}
