//! Pages into snippets.

use super::{Links, identity, without_targets};
use crate::format::{BlockContent, Page, PageBlock, Section};
use docent_types::documentation::{Block, CodeBlock, Snippet};

/// About this many characters make a snippet that serves a token budget well.
pub const TARGET_CHARACTERS: usize = 800;
/// No snippet is larger, unless it is one block of code.
pub const MAX_CHARACTERS: usize = 4_000;
/// A single block of code up to this size stays whole: with its title, its link and its fence it is at most 1,500 tokens.
pub const MAX_CODE_CHARACTERS: usize = 5_500;
/// With the targets of its links a snippet is at most this large; beyond, links keep their text only.
const MAX_WITH_TARGETS: usize = 5_000;
/// Prose up to this size stays with the code that follows it.
const INTRODUCTION: usize = 600;
/// What is smaller than this does not stand alone if it has a neighbour.
const CRUMB: usize = 140;

struct Chunk {
    headings: Vec<String>,
    anchor: Option<String>,
    blocks: Vec<PageBlock>,
}

fn size(block: &PageBlock) -> usize {
    match &block.content {
        BlockContent::Prose(text) => visible(text),
        BlockContent::Code { code, .. } => code.chars().count(),
    }
}

/// Characters that a reader sees: what links lead to does not count.
fn visible(text: &str) -> usize {
    without_targets(text).chars().count()
}

const fn is_code(block: &PageBlock) -> bool {
    matches!(block.content, BlockContent::Code { .. })
}

impl Chunk {
    fn size(&self) -> usize {
        self.blocks.iter().map(size).sum()
    }
    fn has_code(&self) -> bool {
        self.blocks.iter().any(is_code)
    }
}

/// The snippets of a page, in its order.
#[must_use]
pub fn split(page: &Page, links: &Links) -> Vec<Snippet> {
    let mut chunks: Vec<Chunk> = Vec::new();
    for (index, section) in page.sections.iter().enumerate() {
        if section.blocks.is_empty() {
            heading_alone(page, index, section, &mut chunks);
        } else {
            chunks.extend(pack(section));
        }
    }
    merge_crumbs(chunks).into_iter().map(|chunk| snippet(page, chunk, links)).collect()
}

/// A heading without text is said by the headings of the sections in it; without any, it is a line of its neighbour.
fn heading_alone(page: &Page, index: usize, section: &Section, chunks: &mut Vec<Chunk>) {
    let Some(heading) = section.headings.last() else { return };
    let continued = page
        .sections
        .get(index + 1)
        .is_some_and(|next| next.headings.len() > section.headings.len() && next.headings.starts_with(&section.headings));
    if continued {
        return;
    }
    let block = PageBlock { content: BlockContent::Prose(format!("**{heading}**")), first_line: section.line, last_line: section.line };
    match chunks.last_mut() {
        Some(last) if last.size() < MAX_CHARACTERS / 2 => last.blocks.push(block),
        _ => chunks.push(Chunk { headings: section.headings.clone(), anchor: section.anchor.clone(), blocks: vec![block] }),
    }
}

/// The blocks of a section, packed.
fn pack(section: &Section) -> Vec<Chunk> {
    let blocks = section.blocks.iter().flat_map(pieces);
    let mut groups: Vec<Vec<PageBlock>> = Vec::new();
    let mut open: Vec<PageBlock> = Vec::new();
    let mut length = 0;
    for block in blocks {
        let own = size(&block);
        let total = length + own;
        let fits = open.is_empty()
            || total <= TARGET_CHARACTERS
            || (is_code(&block) && length <= INTRODUCTION && total <= MAX_CHARACTERS)
            // A sentence after the code, about the code.
            || (!is_code(&block) && own <= 200 && open.last().is_some_and(is_code) && total <= TARGET_CHARACTERS * 2);
        if !fits {
            let introduction = match open.last() {
                Some(last)
                    if is_code(&block)
                        && !is_code(last)
                        && open.len() > 1
                        && size(last) <= INTRODUCTION
                        && size(last) + own <= MAX_CHARACTERS =>
                {
                    open.pop()
                }
                _ => None,
            };
            groups.push(std::mem::take(&mut open));
            length = 0;
            if let Some(introduction) = introduction {
                length = size(&introduction);
                open.push(introduction);
            }
        }
        length += own;
        open.push(block);
    }
    if !open.is_empty() {
        match groups.last_mut() {
            Some(last) if length < CRUMB && last.iter().map(size).sum::<usize>() + length <= TARGET_CHARACTERS * 2 => last.extend(open),
            _ => groups.push(open),
        }
    }
    groups.into_iter().map(|blocks| Chunk { headings: section.headings.clone(), anchor: section.anchor.clone(), blocks }).collect()
}

/// A block as it is, or cut where it is too large.
fn pieces(block: &PageBlock) -> Vec<PageBlock> {
    match &block.content {
        BlockContent::Prose(text) => {
            if visible(text) <= TARGET_CHARACTERS + TARGET_CHARACTERS / 2 {
                return vec![block.clone()];
            }
            let parts = cut(text, TARGET_CHARACTERS, &["\n\n", "\n", ". ", " "]);
            let (first_line, last_line) = (block.first_line, block.last_line);
            parts.into_iter().map(|text| PageBlock { content: BlockContent::Prose(text), first_line, last_line }).collect()
        }
        BlockContent::Code { language, file_name, code } => {
            if code.chars().count() <= MAX_CODE_CHARACTERS {
                return vec![block.clone()];
            }
            let mut line = block.first_line;
            let last = block.last_line;
            cut(code, MAX_CHARACTERS - 200, &["\n\n", "\n"])
                .into_iter()
                .map(|code| {
                    let first_line = line.min(last);
                    line += u32::try_from(code.matches('\n').count()).unwrap_or(0);
                    let last_line = line.min(last);
                    line += 1;
                    PageBlock {
                        content: BlockContent::Code { language: language.clone(), file_name: file_name.clone(), code },
                        first_line,
                        last_line,
                    }
                })
                .collect()
        }
    }
}

/// Cuts a text into parts of at most `target` characters at the first separator that does, else anywhere.
fn cut(text: &str, target: usize, separators: &[&str]) -> Vec<String> {
    let Some((separator, finer)) = separators.split_first() else {
        let mut parts: Vec<String> = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let end = rest.char_indices().nth(target).map_or(rest.len(), |(at, _)| at);
            parts.push(rest[..end].to_owned());
            rest = &rest[end..];
        }
        return parts;
    };
    let mut parts: Vec<String> = Vec::new();
    let mut open = String::new();
    let mut open_length = 0;
    for piece in text.split_inclusive(separator) {
        let length = visible(piece);
        if open_length + length > target {
            // Nothing but white space is no part.
            let full = std::mem::take(&mut open);
            if !full.trim().is_empty() {
                parts.push(full);
            }
            open_length = 0;
        }
        if length > target {
            if !open.trim().is_empty() {
                parts.push(std::mem::take(&mut open));
            }
            open.clear();
            open_length = 0;
            parts.extend(cut(piece, target, finer));
            continue;
        }
        open.push_str(piece);
        open_length += length;
    }
    if !open.trim().is_empty() {
        parts.push(open);
    }
    parts.iter().map(|part| part.trim_end().trim_start_matches('\n').to_owned()).filter(|part| !part.trim().is_empty()).collect()
}

fn merge_crumbs(chunks: Vec<Chunk>) -> Vec<Chunk> {
    let mut out: Vec<Chunk> = Vec::with_capacity(chunks.len());
    let mut waiting: Option<Chunk> = None;
    for mut chunk in chunks {
        if let Some(crumb) = waiting.take() {
            // A line under a heading introduces what stands in the sections below.
            if chunk.headings.starts_with(&crumb.headings) && chunk.size() + crumb.size() <= TARGET_CHARACTERS * 2 {
                let mut blocks = crumb.blocks;
                blocks.append(&mut chunk.blocks);
                chunk.blocks = blocks;
            } else {
                join_or_push(&mut out, crumb);
            }
        }
        if chunk.size() < CRUMB && !chunk.has_code() {
            waiting = Some(chunk);
        } else {
            out.push(chunk);
        }
    }
    if let Some(crumb) = waiting {
        join_or_push(&mut out, crumb);
    }
    out
}

fn join_or_push(out: &mut Vec<Chunk>, mut crumb: Chunk) {
    let length = crumb.size();
    if let Some(last) = out.last_mut()
        && last.size() + length <= TARGET_CHARACTERS * 2
        && (last.headings == crumb.headings || length < CRUMB / 2)
    {
        if last.headings != crumb.headings
            && !crumb.headings.is_empty()
            && let Some(first) = crumb.blocks.first()
        {
            let line = first.first_line;
            // All headings that it does not share: what stands above a crumb may be a crumb itself.
            let shared = last.headings.iter().zip(&crumb.headings).take_while(|(a, b)| a == b).count().min(crumb.headings.len() - 1);
            let heading = crumb.headings[shared..].join(" > ");
            last.blocks.push(PageBlock { content: BlockContent::Prose(format!("**{heading}**")), first_line: line, last_line: line });
        }
        last.blocks.append(&mut crumb.blocks);
        return;
    }
    out.push(crumb);
}

/// Characters with those that a reader does not see.
fn all_characters(blocks: &[PageBlock]) -> usize {
    blocks
        .iter()
        .map(|block| match &block.content {
            BlockContent::Prose(text) => text.chars().count(),
            BlockContent::Code { code, .. } => code.chars().count(),
        })
        .sum()
}

fn snippet(page: &Page, mut chunk: Chunk, links: &Links) -> Snippet {
    // Each block by itself: its size was measured so, and marks of one may change what those of another mean.
    if all_characters(&chunk.blocks) > MAX_WITH_TARGETS {
        for block in &mut chunk.blocks {
            if let BlockContent::Prose(text) = &mut block.content {
                *text = without_targets(text).into_owned();
            }
        }
    }
    let first = chunk.blocks.iter().map(|b| b.first_line).min().unwrap_or(1);
    let last = chunk.blocks.iter().map(|b| b.last_line).max().unwrap_or(first).max(first);
    let mut blocks: Vec<Block> = Vec::new();
    for block in chunk.blocks {
        match block.content {
            BlockContent::Prose(text) => match blocks.last_mut() {
                Some(Block::Prose(before)) => {
                    let same_list = text.starts_with("- ") && before.lines().last().is_some_and(|line| line.trim_start().starts_with("- "));
                    before.push_str(if same_list { "\n" } else { "\n\n" });
                    before.push_str(&text);
                }
                _ => blocks.push(Block::Prose(text)),
            },
            BlockContent::Code { language, file_name, code } => blocks.push(Block::Code(CodeBlock { language, file_name, code })),
        }
    }
    // Its id is that of the text before its links name a commit: what did not change keeps its id.
    let id = identity::id(&page.path, &chunk.headings, &blocks);
    for block in &mut blocks {
        if let Block::Prose(text) = block {
            *text = links.absolute(std::mem::take(text));
        }
    }
    let characters = |block: &Block| match block {
        Block::Prose(text) => text.chars().count(),
        Block::Code(code) => code.code.chars().count(),
    };
    if blocks.iter().map(characters).sum::<usize>() > MAX_WITH_TARGETS {
        for block in &mut blocks {
            if let Block::Prose(text) = block {
                *text = without_targets(text).into_owned();
            }
        }
    }
    Snippet {
        id,
        path: page.path.clone(),
        page_title: page.title.clone(),
        headings: chunk.headings,
        url: links.to(&page.path, chunk.anchor.as_deref(), (first, last)),
        anchor: chunk.anchor,
        lines: (first, last),
        blocks,
        also: Vec::new(),
    }
}
