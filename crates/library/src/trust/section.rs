//! One section of a page: its passages are judged in the order in which they are read.

use super::instruction::{Judge, Place};
use super::{OMISSION, Policy, credential, data_url, finding, invisible, line_at, passage};
use crate::format::{BlockContent, PageBlock, Section};
use docent_types::documentation::{Finding, FindingKind, Handling};
use std::ops::Range;

/// Characters of a section's prose that say what it is about.
const CONTEXT: usize = 20_000;
/// Beside a passage that was found, these many passages before and after it are judged more strictly.
const NEAR: (usize, usize) = (1, 4);
/// Lines between the mark of a boundary and the source that it claims.
const BOUNDARY: usize = 6;

/// A passage of a section.
struct Unit {
    block: usize,
    range: Range<usize>,
    place: Place,
    reason: Option<&'static str>,
}

pub(super) fn treat(section: &mut Section, title: &str, path: &str, policy: Policy, findings: &mut Vec<Finding>) {
    headings(section, path, policy, findings);
    for block in &mut section.blocks {
        unseen(block, path, policy, findings);
    }
    instructions(section, title, path, policy, findings);
    boundaries(section, path, policy, findings);
    for block in &mut section.blocks {
        data(block, path, policy, findings);
        credentials(block, path, policy, findings);
    }
}

fn headings(section: &mut Section, path: &str, policy: Policy, findings: &mut Vec<Finding>) {
    let line = section.line.max(1);
    let last = section.headings.len().saturating_sub(1);
    for (at, heading) in section.headings.iter_mut().enumerate() {
        // The headings above were told of where they stand.
        let mut above = Vec::new();
        let told = if at == last { &mut *findings } else { &mut above };
        if let Some(treated) = super::treat_line(heading, path, line, policy, told) {
            *heading = treated;
        }
    }
}

fn text_of(block: &PageBlock) -> &str {
    match &block.content {
        BlockContent::Prose(text) => text,
        BlockContent::Code { code, .. } => code,
    }
}

fn set_text(block: &mut PageBlock, text: String) {
    match &mut block.content {
        BlockContent::Prose(old) => *old = text,
        BlockContent::Code { code, .. } => *code = text,
    }
}

const fn is_code(block: &PageBlock) -> bool {
    matches!(block.content, BlockContent::Code { .. })
}

fn line_in(block: &PageBlock, text: &str, at: usize) -> u32 {
    let last = block.last_line.max(block.first_line);
    let lines = u32::try_from(text.lines().count()).unwrap_or(u32::MAX);
    // Code in a fence begins on the line below it.
    let fenced = is_code(block) && last - block.first_line > lines;
    line_at(text, at, block.first_line + u32::from(fenced)).min(last)
}

fn unseen(block: &mut PageBlock, path: &str, policy: Policy, findings: &mut Vec<Finding>) {
    let text = text_of(block);
    let Some(cleaned) = invisible::clean(text, is_code(block)) else { return };
    cleaned.tell(path, |at| line_in(block, text, at), policy, findings);
    if policy.changes() {
        set_text(block, cleaned.text);
    }
}

fn instructions(section: &mut Section, title: &str, path: &str, policy: Policy, findings: &mut Vec<Finding>) {
    let may_find = |block: &PageBlock| {
        let text = text_of(block);
        invisible::clean(text, is_code(block)).map_or_else(|| Judge::may_find(text), |cleaned| Judge::may_find(&cleaned.text))
    };
    if !section.blocks.iter().any(may_find) {
        return;
    }
    let mut context = format!("{title}\n{}\n", section.headings.join("\n"));
    for block in section.blocks.iter().filter(|block| !is_code(block)) {
        if context.len() < CONTEXT {
            context.push_str(text_of(block));
            context.push('\n');
        }
    }
    let judge = Judge::new(&context, false);
    let mut units: Vec<Unit> = section.blocks.iter().enumerate().flat_map(|(at, block)| passages(at, block)).collect();
    for unit in &mut units {
        let block = &section.blocks[unit.block];
        let text = &text_of(block)[unit.range.clone()];
        unit.reason = judged(&judge, text, unit.place);
    }
    let found: Vec<usize> = (0..units.len()).filter(|at| units[*at].reason.is_some()).collect();
    if found.is_empty() {
        return;
    }
    let beside = judge.beside();
    for at in found {
        let near = at.saturating_sub(NEAR.0)..(at + NEAR.1 + 1).min(units.len());
        for unit in units[near].iter_mut().filter(|unit| unit.reason.is_none()) {
            unit.reason = judged(&beside, &text_of(&section.blocks[unit.block])[unit.range.clone()], unit.place);
        }
    }
    tell_and_cut(section, &units, path, policy, findings);
}

fn judged(judge: &Judge, text: &str, place: Place) -> Option<&'static str> {
    // Where everything stays as it is, the text still has what is not seen.
    let clear = invisible::clean(text, place != Place::Prose).map(|cleaned| cleaned.text);
    let text = clear.as_deref().unwrap_or(text);
    if place == Place::Code {
        // Its comments are passages of their own.
        return judge.judge(&passage::without_comments(text), place);
    }
    judge.judge(text, place)
}

fn tell_and_cut(section: &mut Section, units: &[Unit], path: &str, policy: Policy, findings: &mut Vec<Finding>) {
    let handling = policy.handling(Handling::LeftOut);
    for (at, block) in section.blocks.iter_mut().enumerate() {
        let mut cuts = Vec::new();
        for unit in units.iter().filter(|unit| unit.block == at) {
            let Some(reason) = unit.reason else { continue };
            let text = text_of(block);
            let line = line_in(block, text, unit.range.start);
            findings.push(finding(FindingKind::Instruction, path, line, reason, &text[unit.range.clone()], handling));
            cuts.push(unit.range.clone());
        }
        if !cuts.is_empty() && policy.changes() {
            cuts.sort_by_key(|cut| (cut.start, std::cmp::Reverse(cut.end)));
            let text = passage::without(text_of(block), &cuts);
            if text.trim() == OMISSION {
                // Nothing is left of it; a fence around nothing would only be odd.
                block.content = BlockContent::Prose(OMISSION.to_owned());
            } else {
                set_text(block, text);
            }
        }
    }
}

fn passages(at: usize, block: &PageBlock) -> Vec<Unit> {
    let unit = |range, place| Unit { block: at, range, place, reason: None };
    match &block.content {
        BlockContent::Prose(text) => passage::of_prose(text).into_iter().map(|range| unit(range, Place::Prose)).collect(),
        BlockContent::Code { language, code, .. } => {
            if matches!(language.as_str(), "" | "text" | "txt" | "plain" | "plaintext" | "md" | "markdown" | "mdx" | "prompt" | "none") {
                return passage::of_prose(code).into_iter().map(|range| unit(range, Place::Text)).collect();
            }
            let mut units: Vec<Unit> = passage::comments(code).into_iter().map(|range| unit(range, Place::Comment)).collect();
            units.push(unit(0..code.len(), Place::Code));
            units
        }
    }
}

/// Prose that looks like the end of one result and the source of the next one would borrow that source's name.
fn boundaries(section: &mut Section, path: &str, policy: Policy, findings: &mut Vec<Finding>) {
    let prose = |block: &PageBlock| match &block.content {
        BlockContent::Prose(text) => Some(text.clone()),
        BlockContent::Code { .. } => None,
    };
    if !section.blocks.iter().any(|block| !is_code(block) && text_of(block).contains("----------")) {
        return;
    }
    let is_rule = |line: &str| line.trim().len() >= 10 && line.trim().bytes().all(|byte| byte == b'-');
    let claims =
        |line: &str| ["Source:", "- Title:", "- Context7-compatible library ID:"].iter().any(|start| line.trim_start().starts_with(start));
    // Lines of prose that follow one another, with their block and their number in it.
    let texts: Vec<Option<String>> = section.blocks.iter().map(prose).collect();
    let lines: Vec<(usize, usize, &str)> = texts
        .iter()
        .enumerate()
        .flat_map(|(block, text)| text.iter().flat_map(move |text| text.split('\n').enumerate().map(move |(at, line)| (block, at, line))))
        .filter(|(_, _, line)| !line.trim().is_empty())
        .collect();
    let mut forged: Vec<(usize, usize)> = Vec::new();
    for (index, (block, at, line)) in lines.iter().enumerate() {
        if !is_rule(line) {
            continue;
        }
        let Some((_, _, claim)) = lines[index + 1..].iter().take(BOUNDARY).find(|(_, _, line)| claims(line)) else { continue };
        forged.push((*block, *at));
        let here = &section.blocks[*block];
        let number = here.first_line.saturating_add(u32::try_from(*at).unwrap_or(0)).min(here.last_line.max(here.first_line));
        let what = "looks like the boundary between two results";
        findings.push(finding(FindingKind::Boundary, path, number, what, claim, policy.handling(Handling::Removed)));
    }
    if !policy.changes() {
        return;
    }
    for (number, block) in section.blocks.iter_mut().enumerate() {
        if let BlockContent::Prose(text) = &mut block.content
            && forged.iter().any(|(block, _)| *block == number)
        {
            let kept: Vec<&str> =
                text.split('\n').enumerate().map(|(at, line)| if forged.contains(&(number, at)) { OMISSION } else { line }).collect();
            *text = kept.join("\n");
        }
    }
}

fn data(block: &mut PageBlock, path: &str, policy: Policy, findings: &mut Vec<Finding>) {
    let text = text_of(block);
    let Some(cut) = data_url::cut(text) else { return };
    for (at, media, length) in &cut.found {
        let what = format!("a data URL of {length} characters");
        findings.push(finding(FindingKind::DataUrl, path, line_in(block, text, *at), what, media, policy.handling(Handling::Removed)));
    }
    if policy.changes() {
        set_text(block, cut.text);
    }
}

fn credentials(block: &mut PageBlock, path: &str, policy: Policy, findings: &mut Vec<Finding>) {
    let text = text_of(block);
    let Some(masked) = credential::mask(text) else { return };
    for one in &masked.found {
        let line = line_in(block, text, one.at);
        findings.push(finding(FindingKind::Credential, path, line, one.what, &one.shown, policy.handling(Handling::Removed)));
    }
    if policy.changes() {
        set_text(block, masked.text);
    }
}
