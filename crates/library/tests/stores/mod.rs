//! Small artefacts.

use docent_library::artefact::{self, Meta};
use docent_types::documentation::{Block, Snippet};
use std::path::Path;

/// An artefact about one word; the same word is the same artefact.
pub fn build(root: &Path, word: &str) -> String {
    let snippet = |number: usize| Snippet {
        id: format!("{number:032}"),
        path: format!("{number}.md"),
        page_title: format!("About {word}"),
        headings: Vec::new(),
        anchor: None,
        lines: (1, 2),
        url: format!("docs/{number}.md#L1-L2"),
        also: Vec::new(),
        blocks: vec![Block::Prose(format!("Passage {number} tells of {word}."))],
    };
    let snippets: Vec<Snippet> = (0..20).map(snippet).collect();
    artefact::build(root, &snippets, &Meta::default()).unwrap().hash
}
