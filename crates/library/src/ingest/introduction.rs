//! What a library is called and is about, if its source says so or one of its pages does.

use crate::format::{self, BlockContent, Page};
use crate::snippet;
use crate::source::Tree;
use crate::source::context7::Context7;
use docent_types::library_id::LibraryId;
use std::collections::BTreeMap;

/// What a page that may introduce its library says of it.
pub(super) struct Introduction {
    /// The lower, the likelier.
    rank: (usize, usize),
    title: String,
    description: Option<String>,
    first_sentence: Option<String>,
}

impl Introduction {
    /// `None` if the page is not called like one.
    pub(super) fn of(page: &Page) -> Option<Self> {
        let name = page.path.rsplit('/').next().unwrap_or("").to_ascii_lowercase();
        let kind = if name.starts_with("readme.") {
            0
        } else if name.starts_with("index.") || name.starts_with("_index.") {
            1
        } else if name.starts_with("intro") || name.starts_with("overview") || name.starts_with("getting-started") {
            2
        } else {
            return None;
        };
        Some(Self {
            rank: (page.path.matches('/').count(), kind),
            title: page.title.clone(),
            description: page.description.clone(),
            first_sentence: first_sentence(page),
        })
    }
}

/// The likeliest introduction of a library, and how many pages lie in which folder.
#[derive(Default)]
pub(super) struct Introductions {
    best: Option<(String, Introduction)>,
    pages: u64,
    folders: BTreeMap<String, u64>,
}

impl Introductions {
    pub(super) fn add(&mut self, path: &str, introduction: Option<Introduction>) {
        self.pages += 1;
        *self.folders.entry(folder_of(path).to_owned()).or_default() += 1;
        if let Some(introduction) = introduction
            && self.best.as_ref().is_none_or(|(_, best)| introduction.rank < best.rank)
        {
            self.best = Some((path.to_owned(), introduction));
        }
    }

    /// Title and description: from `context7.json`, else the source, else the page that introduces the library.
    pub(super) fn about(self, rules: &Context7, tree: &Tree, id: &LibraryId) -> (String, String) {
        let introduced = self.best.as_ref().filter(|(path, _)| self.introduces_most(path)).map(|(_, introduction)| introduction);
        let title = rules
            .project_title
            .clone()
            .or_else(|| tree.title.clone().filter(|title| usable_title(title)))
            .or_else(|| introduced.map(|page| page.title.clone()).filter(|title| usable_title(title)))
            .unwrap_or_else(|| id.name().to_owned());
        let description = rules
            .description
            .clone()
            .or_else(|| tree.description.clone())
            .or_else(|| introduced.and_then(|page| page.description.clone()))
            .or_else(|| introduced.and_then(|page| page.first_sentence.clone()))
            .unwrap_or_default();
        (title.chars().take(120).collect(), description)
    }

    /// Whether at least half of the pages lie in the page's folder or below: the index of a side folder introduces only that.
    fn introduces_most(&self, path: &str) -> bool {
        let folder = folder_of(path);
        let beside: u64 = self.folders.iter().filter(|(other, _)| other.starts_with(folder)).map(|(_, count)| count).sum();
        beside * 2 >= self.pages
    }
}

/// `docs/` of `docs/a.md`, nothing of `a.md`.
fn folder_of(path: &str) -> &str {
    path.rfind('/').map_or("", |slash| &path[..=slash])
}

fn usable_title(title: &str) -> bool {
    let lower = title.to_lowercase();
    !title.trim().is_empty()
        && title.chars().count() <= 80
        && !matches!(
            lower.as_str(),
            "introduction" | "overview" | "getting started" | "home" | "index" | "readme" | "documentation" | "docs" | "welcome"
        )
}

fn first_sentence(page: &Page) -> Option<String> {
    let prose = page.sections.iter().flat_map(|section| &section.blocks).find_map(|block| match &block.content {
        BlockContent::Prose(text) => {
            let text = snippet::without_targets(text);
            let words = text.split_whitespace().count();
            (words >= 5 && !text.starts_with(['-', '|', '!', '[']) && !text.contains("http")).then_some(text)
        }
        BlockContent::Code { .. } => None,
    })?;
    let flat = format::collapse(&prose.replace("**", ""));
    let mut end = 0;
    for (at, _) in flat.match_indices(". ") {
        if at > 240 {
            break;
        }
        end = at + 1;
        if at > 60 {
            break;
        }
    }
    let cut: String = if end > 0 { flat[..end].to_owned() } else { flat.chars().take(240).collect() };
    Some(cut)
}
