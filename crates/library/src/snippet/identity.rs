//! Ids of snippets.

use docent_types::documentation::Block;
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// Lower-case hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        // Writing to a String cannot fail.
        let _ = write!(out, "{byte:02x}");
        out
    })
}

pub(super) fn feed(digest: &mut Sha256, part: &str) {
    digest.update((part.len() as u64).to_le_bytes());
    digest.update(part.as_bytes());
}

pub(super) fn feed_blocks(digest: &mut Sha256, blocks: &[Block]) {
    for block in blocks {
        match block {
            Block::Prose(text) => {
                feed(digest, "p");
                feed(digest, text);
            }
            Block::Code(code) => {
                feed(digest, "c");
                feed(digest, &code.language);
                feed(digest, code.file_name.as_deref().unwrap_or(""));
                feed(digest, &code.code);
            }
        }
    }
}

/// 32 hexadecimal digits from path, headings and blocks: the same text at the same place has the same id.
#[must_use]
pub fn id(path: &str, headings: &[String], blocks: &[Block]) -> String {
    let mut digest = Sha256::new();
    feed(&mut digest, path);
    for heading in headings {
        feed(&mut digest, heading);
    }
    feed(&mut digest, "");
    feed_blocks(&mut digest, blocks);
    hex(&digest.finalize()[..16])
}
