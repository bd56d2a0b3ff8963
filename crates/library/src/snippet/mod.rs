//! Snippets: passages that are delivered whole, prose together with the code it explains.

pub mod copies;
pub mod identity;
pub mod link;
mod split;

pub use link::{Links, without_targets};
pub use split::{MAX_CHARACTERS, MAX_CODE_CHARACTERS, TARGET_CHARACTERS, split};

use docent_types::documentation::{Block, Snippet};

/// Characters of what a snippet says, without its headings and the targets of its links.
#[must_use]
pub fn characters(snippet: &Snippet) -> usize {
    snippet
        .blocks
        .iter()
        .map(|block| match block {
            Block::Prose(text) => without_targets(text).chars().count(),
            Block::Code(code) => code.code.chars().count(),
        })
        .sum()
}
