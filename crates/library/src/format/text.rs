//! Plain text: paragraphs.

use super::{Page, PageBuilder};

/// Reads a page. A block that is indented throughout is taken for code.
#[must_use]
pub fn read(path: &str, text: &str) -> Page {
    let mut builder = PageBuilder::default();
    let mut block: Vec<&str> = Vec::new();
    let mut first = 1;
    for (index, line) in text.lines().chain([""]).enumerate() {
        let number = u32::try_from(index + 1).unwrap_or(u32::MAX);
        if !line.trim().is_empty() {
            if block.is_empty() {
                first = number;
            }
            block.push(line);
            continue;
        }
        if block.is_empty() {
            continue;
        }
        let last = number.saturating_sub(1);
        if block.iter().all(|line| line.starts_with("    ") || line.starts_with('\t')) {
            let indent = block.iter().map(|l| l.bytes().take_while(|b| *b == b' ').count()).min().unwrap_or(0);
            let code = block.iter().map(|l| l.get(indent..).unwrap_or(l)).collect::<Vec<_>>().join("\n");
            builder.code("", None, &code, first, last);
        } else {
            builder.prose(&block.join("\n"), first, last);
        }
        block.clear();
    }
    builder.finish(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::BlockContent;

    #[test]
    fn paragraphs_and_indented_blocks_keep_their_lines() {
        let page = read("notes.txt", "One\ntwo\n\n    make\n    test\n\nthree");
        let blocks = &page.sections[0].blocks;
        assert_eq!(page.title, "notes");
        assert_eq!(blocks.iter().map(|b| (b.first_line, b.last_line)).collect::<Vec<_>>(), [(1, 2), (4, 5), (7, 7)]);
        assert!(matches!(&blocks[1].content, BlockContent::Code { code, .. } if code == "make\ntest"));
    }
}
