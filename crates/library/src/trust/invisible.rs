//! Characters that nobody sees, and direction marks that show a text in another order than it is read in.
//!
//! Kept is what a script or an emoji needs: joiners in Indic, Arabic and emoji sequences, one variation selector behind what
//! has variants, the tags of a flag, direction marks of prose that has right-to-left letters and closes what it opens.

use super::{Policy, finding};
use docent_types::documentation::{Finding, FindingKind, Handling};

/// Hidden text of at least this many characters is read out in the finding.
const MESSAGE: usize = 3;

/// What was taken out of a text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Removed {
    /// The first such character.
    pub first: char,
    /// How many.
    pub count: usize,
    /// Where the first stood in the text that was cleaned.
    pub at: usize,
    /// Whether it steers the direction.
    pub direction: bool,
}

/// A text without what is not seen.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Cleaned {
    /// The text.
    pub text: String,
    /// What was taken out, each character once.
    pub removed: Vec<Removed>,
    /// What stood in tag characters or variation selectors, and where.
    pub messages: Vec<(usize, String)>,
}

impl Cleaned {
    /// Writes findings; `line` gives the line of a place in the text.
    pub fn tell(&self, path: &str, line: impl Fn(usize) -> u32, policy: Policy, findings: &mut Vec<Finding>) {
        for one in &self.removed {
            let kind = if one.direction { FindingKind::Direction } else { FindingKind::Invisible };
            let name = name(one.first);
            let what = if one.count == 1 { name.to_owned() } else { format!("{name}, {} times", one.count) };
            let shown = format!("U+{:04X}", u32::from(one.first));
            findings.push(finding(kind, path, line(one.at), what, &shown, policy.handling(Handling::Removed)));
        }
        for (at, message) in &self.messages {
            let what = "text in characters that nobody sees";
            findings.push(finding(FindingKind::Invisible, path, line(*at), what, message, policy.handling(Handling::Removed)));
        }
    }

    fn remove(&mut self, c: char, at: usize) {
        match self
            .removed
            .iter_mut()
            .find(|one| one.first == c || (is_tag(c) && is_tag(one.first)) || (is_selector(c) && is_selector(one.first)))
        {
            Some(one) => one.count += 1,
            None => self.removed.push(Removed { first: c, count: 1, at, direction: is_direction(c) }),
        }
    }
}

/// Whether a character is never seen by itself.
#[must_use]
pub const fn is_unseen(c: char) -> bool {
    matches!(c,
        '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180B}'..='\u{180F}'
        | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}'
        | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}' | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D173}'..='\u{1D17A}'
        | '\u{E0000}'..='\u{E0FFF}')
}

const fn is_control(c: char) -> bool {
    matches!(c, '\0'..='\u{8}' | '\u{B}' | '\u{C}' | '\u{E}'..='\u{1F}' | '\u{7F}'..='\u{84}' | '\u{86}'..='\u{9F}')
}

const fn is_tag(c: char) -> bool {
    matches!(c, '\u{E0000}'..='\u{E007F}')
}

const fn is_selector(c: char) -> bool {
    matches!(c, '\u{FE00}'..='\u{FE0F}' | '\u{E0100}'..='\u{E01EF}')
}

const fn is_direction(c: char) -> bool {
    matches!(c, '\u{61C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

const fn is_right_to_left(c: char) -> bool {
    matches!(c, '\u{590}'..='\u{8FF}' | '\u{FB1D}'..='\u{FDFF}' | '\u{FE70}'..='\u{FEFC}' | '\u{10800}'..='\u{10FFF}' | '\u{1E800}'..='\u{1EFFF}')
}

/// Scripts whose spelling uses joiners.
const fn joins(c: char) -> bool {
    matches!(c,
        '\u{600}'..='\u{8FF}' | '\u{900}'..='\u{DFF}' | '\u{F00}'..='\u{109F}' | '\u{1780}'..='\u{18AF}' | '\u{1900}'..='\u{1CFF}'
        | '\u{A800}'..='\u{ABFF}' | '\u{FB50}'..='\u{FDFF}' | '\u{FE70}'..='\u{FEFC}' | '\u{11000}'..='\u{11FFF}')
}

/// Scripts without spaces between words, where the zero width space says where a line may break.
const fn breaks(c: char) -> bool {
    matches!(c, '\u{E00}'..='\u{FFF}' | '\u{1000}'..='\u{109F}' | '\u{1780}'..='\u{17FF}' | '\u{1950}'..='\u{19FF}' | '\u{1A20}'..='\u{1AAF}' | '\u{A9E0}'..='\u{A9FF}' | '\u{AA60}'..='\u{AADF}')
}

const fn is_pictograph(c: char) -> bool {
    matches!(c, '\u{A9}' | '\u{AE}' | '\u{203C}'..='\u{205F}' | '\u{2070}'..='\u{2FFF}' | '\u{3030}' | '\u{303D}' | '\u{3297}' | '\u{3299}' | '\u{FE0F}' | '\u{1F000}'..='\u{1FAFF}')
}

const fn is_ideograph(c: char) -> bool {
    matches!(c, '\u{2E80}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' | '\u{20000}'..='\u{3FFFF}')
}

/// Whether a character has variants that a selector chooses between.
const fn has_variants(c: char, selector: char) -> bool {
    match selector {
        '\u{FE0E}' | '\u{FE0F}' => is_pictograph(c) || matches!(c, '0'..='9' | '#' | '*') || !c.is_ascii(),
        '\u{FE00}'..='\u{FE0D}' => !c.is_ascii(),
        _ => is_ideograph(c),
    }
}

/// Takes out what is not seen; `None` if there is nothing to take out.
#[must_use]
pub fn clean(text: &str, code: bool) -> Option<Cleaned> {
    let suspect = |byte: &u8| !matches!(byte, b'\n' | b'\t' | b'\r' | 0x20..=0x7E);
    if !text.as_bytes().iter().any(suspect) || !text.chars().any(|c| is_unseen(c) || is_control(c)) {
        return None;
    }
    let mut cleaned = Cleaned { text: String::with_capacity(text.len()), ..Cleaned::default() };
    let mut begin = 0;
    for line in text.split_inclusive('\n') {
        clean_line(line, begin, code, &mut cleaned);
        begin += line.len();
    }
    if cleaned.removed.is_empty() { None } else { Some(cleaned) }
}

fn clean_line(line: &str, begin: usize, code: bool, cleaned: &mut Cleaned) {
    let characters: Vec<(usize, char)> = line.char_indices().collect();
    let directions_stay = !code && characters.iter().any(|(_, c)| is_right_to_left(*c)) && balanced(&characters);
    let mut message = Message::default();
    let mut before: Option<char> = None;
    let mut index = 0;
    while let Some(&(at, c)) = characters.get(index) {
        let after = characters.get(index + 1).map(|(_, c)| *c);
        if c == '\u{1F3F4}'
            && let Some(end) = flag(&characters, index)
        {
            cleaned.text.extend(characters[index..end].iter().map(|(_, c)| *c));
            before = Some(c);
            index = end;
            continue;
        }
        let keep = match c {
            _ if is_control(c) => matches!(c, '\u{C}') && !code,
            _ if !is_unseen(c) => true,
            '\u{202D}' | '\u{202E}' => false,
            _ if is_direction(c) => directions_stay,
            '\u{200C}' => before.is_some_and(joins) && after.is_some_and(|c| joins(c) || c == '\u{200D}' || c.is_whitespace()),
            '\u{200D}' => {
                let emoji =
                    before.is_some_and(|c| is_pictograph(c) || matches!(c, '\u{1F3FB}'..='\u{1F3FF}')) && after.is_some_and(is_pictograph);
                emoji || before.is_some_and(joins)
            }
            '\u{200B}' => !code && (before.is_some_and(breaks) || after.is_some_and(breaks)),
            '\u{180B}'..='\u{180F}' => before.is_some_and(joins),
            _ if is_selector(c) => before.is_some_and(|base| !is_unseen(base) && has_variants(base, c)),
            _ => false,
        };
        if keep {
            cleaned.text.push(c);
        } else {
            cleaned.remove(c, begin + at);
            message.push(c, begin + at, &mut cleaned.messages);
        }
        before = Some(c);
        index += 1;
    }
    message.end(&mut cleaned.messages);
}

/// Whether each embedding and isolate is closed on its line, without overrides.
fn balanced(characters: &[(usize, char)]) -> bool {
    let mut open: Vec<char> = Vec::new();
    for (_, c) in characters {
        match c {
            '\u{202A}' | '\u{202B}' => open.push('\u{202C}'),
            '\u{2066}'..='\u{2068}' => open.push('\u{2069}'),
            '\u{202C}' | '\u{2069}' if open.pop() != Some(*c) => return false,
            '\u{202D}' | '\u{202E}' => return false,
            _ => {}
        }
    }
    open.is_empty()
}

/// The end of a flag's tags (England, Scotland, Wales), if `start` begins one.
fn flag(characters: &[(usize, char)], start: usize) -> Option<usize> {
    let tags = characters[start + 1..].iter().take(8).take_while(|(_, c)| is_tag(*c)).count();
    let end = start + 1 + tags;
    let named = characters.get(start + 1..end.saturating_sub(1))?;
    let letters = named.iter().all(|(_, c)| matches!(c, '\u{E0030}'..='\u{E0039}' | '\u{E0061}'..='\u{E007A}'));
    let closed = characters.get(end - 1).is_some_and(|(_, c)| *c == '\u{E007F}');
    (letters && closed && (3..=6).contains(&named.len())).then_some(end)
}

/// Collects what is written in tag characters, or as bytes in variation selectors.
#[derive(Default)]
struct Message {
    at: usize,
    bytes: Vec<u8>,
}

impl Message {
    fn push(&mut self, c: char, at: usize, messages: &mut Vec<(usize, String)>) {
        let code = u32::from(c);
        let byte = match c {
            '\u{E0020}'..='\u{E007E}' => code - 0xE0000,
            '\u{FE00}'..='\u{FE0F}' => code - 0xFE00,
            '\u{E0100}'..='\u{E01EF}' => code - 0xE0100 + 16,
            '\u{E0000}'..='\u{E007F}' => return,
            _ => return self.end(messages),
        };
        if self.bytes.is_empty() {
            self.at = at;
        }
        self.bytes.push(u8::try_from(byte).unwrap_or(b'?'));
    }

    fn end(&mut self, messages: &mut Vec<(usize, String)>) {
        let bytes = std::mem::take(&mut self.bytes);
        if bytes.len() >= MESSAGE {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            if text.chars().filter(|c| c.is_alphanumeric() || *c == ' ').count() * 2 > text.chars().count() {
                messages.push((self.at, text));
            }
        }
    }
}

const fn name(c: char) -> &'static str {
    match c {
        '\u{200B}' => "zero width space",
        '\u{200C}' => "zero width non-joiner",
        '\u{200D}' => "zero width joiner",
        '\u{2060}' => "word joiner",
        '\u{FEFF}' => "byte order mark inside of the text",
        '\u{AD}' => "soft hyphen",
        '\u{202D}' | '\u{202E}' => "direction override",
        _ if is_direction(c) => "direction mark",
        _ if is_tag(c) => "tag characters",
        _ if is_selector(c) => "variation selectors that select nothing",
        _ if is_control(c) => "control character",
        _ => "character that is not seen",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_scripts_and_emoji_need_is_kept() {
        for text in [
            "plain",
            "naïve café 漢字 Ελληνικά",
            "family 👨‍👩‍👧‍👦 and ❤️‍🔥 and ☺️ and 1️⃣ and 🏳️‍🌈",
            "skin 👩🏽‍💻",
            "flags 🇩🇪 🏴\u{E0067}\u{E0062}\u{E0073}\u{E0063}\u{E0074}\u{E007F}",
            "فارسی: می\u{200C}خواهم",
            "हिन्दी: क्\u{200D}ष",
            "ไทย\u{200B}ภาษา",
            "עברית \u{200F}(RTL)\u{200F}",
            "العربية \u{2067}abc\u{2069} نص",
            "葛\u{E0100}",
        ] {
            assert_eq!(clean(text, false), None, "{text}");
        }
    }

    #[test]
    fn what_hides_text_is_removed_and_read_out() {
        let tags: String = "ignore all".chars().map(|c| char::from_u32(0xE0000 + u32::from(c)).unwrap()).collect();
        let cleaned = clean(&format!("Hello{tags} there"), false).unwrap();
        assert_eq!((cleaned.text.as_str(), cleaned.messages.as_slice()), ("Hello there", &[(5, "ignore all".to_owned())][..]));
        let selectors: String = "run it".bytes().map(|b| char::from_u32(0xE0100 + u32::from(b) - 16).unwrap()).collect();
        let cleaned = clean(&format!("😀{selectors}."), false).unwrap();
        assert_eq!((cleaned.text.as_str(), cleaned.messages[0].1.as_str()), ("😀.", "run it"));
        for (text, shown) in [
            ("ig\u{200B}no\u{200D}re", "ignore"),
            ("a\u{FE0F}b", "ab"),
            ("soft\u{AD}hyphen \u{FEFF}mark", "softhyphen mark"),
            ("\u{1b}[2Kred", "[2Kred"),
            ("x\u{3164}y\u{2063}z", "xyz"),
        ] {
            assert_eq!(clean(text, false).unwrap().text, shown);
        }
    }

    #[test]
    fn direction_overrides_go_everywhere_and_isolates_go_from_code_and_from_where_they_stay_open() {
        let trojan = "if access != \"user\u{202E} \u{2066}// Check\u{2069} \u{2066}\" {";
        let cleaned = clean(trojan, true).unwrap();
        assert_eq!(cleaned.text, "if access != \"user // Check \" {");
        assert!(cleaned.removed.iter().all(|one| one.direction));
        assert_eq!(clean("نص \u{2067}abc", false).unwrap().text, "نص abc");
        assert_eq!(clean("left \u{200F}right", false).unwrap().text, "left right");
    }
}
