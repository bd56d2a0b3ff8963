//! A web site as a source: the pages of its sitemap, else those that its pages link to, below one address.

pub mod base;
pub mod crawl;
pub mod links;
pub mod memory;
pub mod pages;
pub mod robots;
pub mod sitemap;

use super::http::{AGENT, Client, Failure, Validators, same_host};
use super::network::Network;
use super::{Progress, SourceError, Tree, digest};
use base::Base;
use crawl::{Crawl, Plan};
use memory::{Finished, Listing, Memory};
use robots::Robots;
use sitemap::{Entry, Sitemap};
use std::path::Path;
use url::Url;

/// Sitemaps that are read of one site.
const MAX_SITEMAPS: usize = 100;
/// Pages in all of them, about.
const MAX_PAGES: usize = 200_000;
/// A sitemap of fewer pages lists entrances: the rest is found by links.
const FEW: usize = 2;

/// The key under which a source is remembered: with its credentials, since what they opened is not for others.
#[must_use]
pub fn key(url: &Url) -> String {
    digest(url.as_str().as_bytes())[..40].to_owned()
}

/// Reads a site.
///
/// # Errors
/// [`SourceError`]. What was read before an interruption is remembered in `workdir`.
pub fn fetch(url: &Url, display: &str, network: &Network, workdir: &Path, progress: &dyn Progress) -> Result<Tree, SourceError> {
    let base = Base::new(url.clone());
    let client = Client::new(url, display, network, progress)?;
    let robots = robots(&client, &base)?;
    let memory = Memory::open(workdir, &key(url), display, &*network.clock)?;
    let site = sitemaps(&client, &base, &robots)?;
    let start = base.page(&base.start, base.start.as_str()).unwrap_or_else(|| base.start.clone());
    let (plan, listing) = if site.pages.len() >= FEW {
        (Plan::List(site.pages), site.listing)
    } else {
        (Plan::Follow(std::iter::once(start).chain(site.pages).collect()), None)
    };
    read(&Crawl { client: &client, base: &base, robots: &robots, network, memory: &memory, progress }, &plan, listing, workdir)
}

/// Crawls, remembers, and writes the tree.
///
/// # Errors
/// [`SourceError`]; also if there is no page.
pub(super) fn read(crawl: &Crawl<'_>, plan: &Plan, listing: Option<Listing>, workdir: &Path) -> Result<Tree, SourceError> {
    let display = crawl.client.display();
    let crawled = crawl.run(plan)?;
    let (records, skipped, first, complete) = (crawled.records, crawled.skipped, crawled.first, crawled.complete);
    let pages = pages::kept(crawled.pages);
    if pages.is_empty() {
        let forbidden = skipped.iter().any(|one| one.reason.contains("robots.txt"));
        return Err(match first {
            Some(error) => error,
            None if forbidden => SourceError::Forbidden(display.to_owned()),
            None => SourceError::Empty(display.to_owned()),
        });
    }
    let tree = pages::tree(&pages, crawl.base, crawl.memory, workdir, skipped)?;
    // Where pages are missing, the sitemap's word that nothing changed is not enough.
    let finished = Finished { revision: pages::revision(&pages), listing: listing.filter(|_| complete) };
    crawl.memory.finish(&records, &finished)?;
    Ok(tree)
}

/// The revision of the last crawl, if the site's sitemap says by one request that nothing changed since.
///
/// # Errors
/// The site does not answer.
pub fn revision(
    url: &Url,
    display: &str,
    network: &Network,
    workdir: &Path,
    progress: &dyn Progress,
) -> Result<Option<String>, SourceError> {
    let Some(Finished { revision, listing: Some(listing) }) = Memory::finished(workdir, &key(url)) else { return Ok(None) };
    let client = Client::new(url, display, network, progress)?;
    let Ok(at) = Url::parse(&listing.url) else { return Ok(None) };
    let answer = client.file(&at, &listing.validators, "application/xml, text/xml, */*;q=0.1")?;
    if answer.status == 304 {
        return Ok(Some(revision));
    }
    let bytes = answer.read(sitemap::MAX).map_err(|failure| failure.of(display))?;
    Ok((digest(&bytes) == listing.digest).then_some(revision))
}

/// What the site lets us read.
///
/// # Errors
/// The site does not answer. Then nothing is known to be allowed (RFC 9309 2.3.1.4).
pub(super) fn robots(client: &Client<'_>, base: &Base) -> Result<Robots, SourceError> {
    let url = base.at("/robots.txt");
    let answer = match client.get(&url, &Validators::default(), "text/plain, */*;q=0.1", &|to| same_host(&base.start, to)) {
        Ok(answer) => answer,
        // A site whose rules are elsewhere has none here.
        Err(Failure::Elsewhere(_)) => return Ok(Robots::default()),
        Err(failure) => return Err(failure.of(client.display())),
    };
    match answer.status {
        200 => {
            let bytes = answer.read_start(robots::MAX).map_err(|failure| failure.of(client.display()))?;
            Ok(Robots::parse(&bytes, AGENT))
        }
        status @ (429 | 500..) => Err(SourceError::Unreachable {
            display: client.display().to_owned(),
            reason: format!("its robots.txt, which says what may be read, was answered with status {status}"),
        }),
        _ => Ok(Robots::default()),
    }
}

#[derive(Default)]
struct Listed {
    pages: Vec<Url>,
    /// The sitemap, if it says of every page or further sitemap when that changed.
    listing: Option<Listing>,
}

/// The pages of the first sitemap that has any in the base.
fn sitemaps(client: &Client<'_>, base: &Base, robots: &Robots) -> Result<Listed, SourceError> {
    let mut candidates: Vec<Url> =
        robots.sitemaps.iter().filter_map(|at| base.start.join(at).ok()).filter(|at| same_host(&base.start, at)).collect();
    // Those that `robots.txt` names may be read; where one may be is asked only where anything may be read.
    let usual = [base.at(&format!("{}sitemap.xml", base.folder())), base.at("/sitemap.xml")];
    candidates.extend(usual.into_iter().filter(|at| robots.allows(at.path())));
    let mut tried: Vec<Url> = Vec::new();
    for at in candidates {
        if tried.contains(&at) || tried.len() >= MAX_SITEMAPS {
            continue;
        }
        tried.push(at.clone());
        let Some((listing, found)) = sitemap(client, base, &at)? else { continue };
        let dated = |entries: &[Entry]| entries.iter().all(|entry| entry.modified.is_some());
        let is_dated = dated(&found.pages) && dated(&found.sitemaps);
        let in_base =
            |entries: &[Entry]| -> Vec<Url> { entries.iter().filter_map(|entry| base.page(&base.start, &entry.location)).collect() };
        let mut pages = in_base(&found.pages);
        for child in found.sitemaps {
            if let Ok(child) = base.start.join(&child.location)
                && same_host(&base.start, &child)
                && !tried.contains(&child)
                && tried.len() < MAX_SITEMAPS
                && pages.len() < MAX_PAGES
            {
                tried.push(child.clone());
                pages.extend(sitemap(client, base, &child)?.map(|(_, found)| in_base(&found.pages)).unwrap_or_default());
            }
        }
        pages.sort_unstable();
        pages.dedup();
        if !pages.is_empty() {
            return Ok(Listed { pages, listing: is_dated.then_some(listing) });
        }
    }
    Ok(Listed::default())
}

/// One sitemap, if it is there.
fn sitemap(client: &Client<'_>, base: &Base, at: &Url) -> Result<Option<(Listing, Sitemap)>, SourceError> {
    let answer = match client.get(at, &Validators::default(), "application/xml, text/xml, */*;q=0.1", &|to| same_host(&base.start, to)) {
        Ok(answer) if answer.status == 200 => answer,
        Err(Failure::Cancelled) => return Err(SourceError::Cancelled(client.display().to_owned())),
        // Without it, links are followed.
        Ok(_) | Err(_) => return Ok(None),
    };
    let (url, validators) = (answer.url.as_str().to_owned(), answer.validators());
    match answer.read(sitemap::MAX) {
        Ok(bytes) => Ok(Some((Listing { url, digest: digest(&bytes), validators }, Sitemap::parse(&bytes)))),
        Err(Failure::Cancelled) => Err(SourceError::Cancelled(client.display().to_owned())),
        Err(_) => Ok(None),
    }
}
