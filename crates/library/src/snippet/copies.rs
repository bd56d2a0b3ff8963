//! Which passages of a library say exactly the same: one of them stays, with the places of the others.

use super::identity::{feed, feed_blocks};
use docent_types::documentation::{Place, Snippet};
use sha2::{Digest, Sha256};
use std::collections::HashMap;

/// Of a passage so many other places are kept: what stands on every page is not told of every page.
pub const MOST_PLACES: usize = 20;
/// What is shorter says different things under different headings ("Returns nothing.").
const SAYS_BY_ITSELF: usize = 120;

/// What a passage says, to find others that say the same.
#[must_use]
pub fn sense(snippet: &Snippet) -> [u8; 16] {
    let mut digest = Sha256::new();
    feed_blocks(&mut digest, &snippet.blocks);
    if super::characters(snippet) < SAYS_BY_ITSELF {
        feed(&mut digest, snippet.title());
        feed(&mut digest, &snippet.page_title);
    }
    let mut out = [0; 16];
    out.copy_from_slice(&digest.finalize()[..16]);
    out
}

/// Where a passage stands.
#[must_use]
pub fn place(snippet: &Snippet) -> Place {
    Place { path: snippet.path.clone(), lines: snippet.lines, url: snippet.url.clone() }
}

/// Is told the passages of a library, and remembers what they say.
#[derive(Debug, Default)]
pub struct Copies {
    first: HashMap<[u8; 16], u32>,
    also: HashMap<u32, Vec<Place>>,
}

impl Copies {
    /// Whether nothing that was told before says the same. If something does, the place is added to it.
    pub fn is_new(&mut self, sense: [u8; 16], place: impl FnOnce() -> Place) -> bool {
        let next = u32::try_from(self.first.len()).unwrap_or(u32::MAX);
        let first = *self.first.entry(sense).or_insert(next);
        if first == next {
            return true;
        }
        let places = self.also.entry(first).or_default();
        if places.len() < MOST_PLACES {
            places.push(place());
        }
        false
    }

    /// The other places of the passage that was the `number`th to be new, from 0.
    pub fn also(&mut self, number: u32) -> Vec<Place> {
        self.also.remove(&number).unwrap_or_default()
    }
}

/// Keeps the first of the snippets that say exactly the same, with the places of the others.
#[must_use]
pub fn without_copies(snippets: Vec<Snippet>) -> Vec<Snippet> {
    let mut copies = Copies::default();
    let mut kept: Vec<Snippet> = snippets.into_iter().filter(|snippet| copies.is_new(sense(snippet), || place(snippet))).collect();
    for (number, snippet) in (0..).zip(&mut kept) {
        snippet.also = copies.also(number);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use docent_types::documentation::Block;

    fn snippet(path: &str, heading: &str, text: &str) -> Snippet {
        Snippet {
            id: "0".repeat(32),
            path: path.to_owned(),
            page_title: "Page".to_owned(),
            headings: vec![heading.to_owned()],
            anchor: None,
            lines: (3, 4),
            url: format!("https://git.example/{path}"),
            blocks: vec![Block::Prose(text.to_owned())],
            also: Vec::new(),
        }
    }

    #[test]
    fn the_same_text_twice_is_one_snippet_with_several_sources() {
        let long = "A sentence that says something at length. ".repeat(10);
        let kept = without_copies(vec![snippet("a.md", "One", &long), snippet("b.md", "Two", "Another."), snippet("c.md", "Three", &long)]);
        assert_eq!(kept.iter().map(|one| one.path.as_str()).collect::<Vec<_>>(), ["a.md", "b.md"]);
        assert_eq!(kept[0].also, [Place { path: "c.md".to_owned(), lines: (3, 4), url: "https://git.example/c.md".to_owned() }]);
        assert!(kept[1].also.is_empty());
    }

    #[test]
    fn a_short_text_under_another_heading_says_something_else() {
        let kept = without_copies(vec![snippet("a.md", "One", "Returns nothing."), snippet("a.md", "Two", "Returns nothing.")]);
        assert_eq!(kept.len(), 2);
        assert_eq!(without_copies(vec![snippet("a.md", "One", "Returns nothing."), snippet("b.md", "One", "Returns nothing.")]).len(), 1);
    }

    #[test]
    fn what_stands_on_every_page_names_some_of_them() {
        let long = "The licence of all that is here, which every page repeats. ".repeat(5);
        let kept = without_copies((0..100).map(|page| snippet(&format!("{page}.md"), "Licence", &long)).collect());
        assert_eq!((kept.len(), kept[0].also.len()), (1, MOST_PLACES));
    }
}
