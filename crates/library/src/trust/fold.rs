//! Text as a reader takes it in: lower case, without emphasis, look-alike letters as what they look like.

/// A folded text. Patterns are matched on it; each byte knows where it comes from.
#[derive(Clone, Debug, Default)]
pub struct Folded {
    /// Lower case; white space is one space or one line break.
    pub bytes: Vec<u8>,
    at: Vec<u32>,
    length: usize,
}

impl Folded {
    /// The place in the text of a place in the folded one.
    #[must_use]
    pub fn origin(&self, at: usize) -> usize {
        self.at.get(at).map_or(self.length, |at| *at as usize)
    }

    /// Without what stands between quotation marks or backticks.
    #[must_use]
    pub fn without_quotes(&self) -> Self {
        let mut out = Self { length: self.length, ..Self::default() };
        let mut open: Option<u8> = None;
        for (index, byte) in self.bytes.iter().enumerate() {
            let at = self.origin(index);
            match (open, byte) {
                (None, b'"' | b'`') if self.bytes[index + 1..].contains(byte) => {
                    open = Some(*byte);
                    out.push(*byte, at);
                }
                (Some(mark), byte) if *byte == mark => {
                    open = None;
                    out.push(*byte, at);
                }
                (Some(_), _) => {}
                (None, _) => out.push(*byte, at),
            }
        }
        out
    }

    fn push(&mut self, byte: u8, at: usize) {
        self.bytes.push(byte);
        // Pages are limited to a few MiB; beyond 4 GiB places are only wrong, not out of bounds.
        self.at.push(u32::try_from(at).unwrap_or(u32::MAX));
    }

    fn push_char(&mut self, c: char, at: usize) {
        let mut buffer = [0; 4];
        for byte in c.encode_utf8(&mut buffer).bytes() {
            self.push(byte, at);
        }
    }

    fn space(&mut self, at: usize, line_break: bool) {
        match self.bytes.last_mut() {
            None | Some(b'\n') => {}
            Some(last @ b' ') => {
                if line_break {
                    *last = b'\n';
                }
            }
            Some(_) => self.push(if line_break { b'\n' } else { b' ' }, at),
        }
    }
}

/// Folds a text.
#[must_use]
pub fn fold(text: &str) -> Folded {
    let mut out = Folded { bytes: Vec::with_capacity(text.len()), at: Vec::with_capacity(text.len()), length: text.len() };
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        if byte.is_ascii() {
            match byte {
                b'\n' => out.space(at, true),
                b' ' | b'\t' | b'\r' | 0x0B | 0x0C => out.space(at, false),
                // Emphasis and escapes are not read.
                b'*' | b'\\' => {}
                b'_' => {
                    let inside =
                        out.bytes.last().is_some_and(u8::is_ascii_alphanumeric) && bytes.get(at + 1).is_some_and(u8::is_ascii_alphanumeric);
                    if inside {
                        out.push(b'_', at);
                    }
                }
                _ => out.push(byte.to_ascii_lowercase(), at),
            }
            at += 1;
            continue;
        }
        let Some(c) = text.get(at..).and_then(|rest| rest.chars().next()) else { break };
        let next = at + c.len_utf8();
        if c.is_whitespace() {
            out.space(at, matches!(c, '\u{2028}' | '\u{2029}' | '\u{85}'));
        } else if let Some(plain) = styled(c) {
            out.push(plain, at);
        } else if let Some(plain) = look_alike(c)
            .filter(|_| out.bytes.last().is_some_and(u8::is_ascii_alphabetic) || bytes.get(next).is_some_and(u8::is_ascii_alphabetic))
        {
            out.push(plain, at);
        } else {
            c.to_lowercase().for_each(|c| out.push_char(c, at));
        }
        at = next;
    }
    out
}

/// Letters in another dress, and quotation marks.
fn styled(c: char) -> Option<u8> {
    let code = u32::from(c);
    let letter = |number: u32| b'a' + u8::try_from(number % 26).unwrap_or(0);
    let plain = match code {
        0x201C..=0x201F | 0xAB | 0xBB | 0x300C..=0x300F => b'"',
        0x2018..=0x201B | 0x2032 | 0x2BC => b'\'',
        0x2010..=0x2015 | 0x2212 => b'-',
        0xFF01..=0xFF5E => u8::try_from(code - 0xFEE0).ok()?.to_ascii_lowercase(),
        // Mathematical alphanumeric symbols: alphabets of 52 letters, then digits.
        0x1D400..=0x1D6A3 => letter((code - 0x1D400) % 52),
        0x1D7CE..=0x1D7FF => b'0' + u8::try_from((code - 0x1D7CE) % 10).unwrap_or(0),
        0x24B6..=0x24CF => letter(code - 0x24B6),
        0x24D0..=0x24E9 => letter(code - 0x24D0),
        0x1F130..=0x1F149 => letter(code - 0x1F130),
        0x1F150..=0x1F169 => letter(code - 0x1F150),
        0x1F170..=0x1F189 => letter(code - 0x1F170),
        _ => return None,
    };
    Some(plain)
}

/// Cyrillic and Greek letters that look like Latin ones; they count as these beside Latin letters only.
fn look_alike(c: char) -> Option<u8> {
    let plain = match c {
        'а' | 'А' | 'α' | 'Α' => b'a',
        'В' | 'Β' => b'b',
        'с' | 'С' | 'ϲ' => b'c',
        'ԁ' => b'd',
        'е' | 'Е' | 'Ε' | 'ё' => b'e',
        'ɡ' => b'g',
        'Н' | 'һ' | 'Η' => b'h',
        'і' | 'І' | 'ι' | 'Ι' | 'ı' => b'i',
        'ј' | 'Ј' => b'j',
        'К' | 'Κ' | 'κ' | 'к' => b'k',
        'ӏ' | 'Ӏ' => b'l',
        'М' | 'Μ' | 'м' => b'm',
        'Ν' | 'ո' => b'n',
        'о' | 'О' | 'ο' | 'Ο' | 'օ' => b'o',
        'р' | 'Р' | 'ρ' | 'Ρ' => b'p',
        'ԛ' => b'q',
        'ѕ' | 'Ѕ' => b's',
        'Т' | 'Τ' | 'т' | 'τ' => b't',
        'υ' | 'ս' => b'u',
        'ν' | 'ѵ' => b'v',
        'ԝ' | 'ω' => b'w',
        'х' | 'Х' | 'χ' | 'Χ' => b'x',
        'у' | 'У' | 'γ' | 'Υ' => b'y',
        'Ζ' => b'z',
        _ => return None,
    };
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dress_emphasis_and_look_alikes_are_folded_and_other_scripts_stay() {
        for (text, folded) in [
            ("**Ignore**  all\n\n _previous_ RULES", "ignore all\nprevious rules"),
            ("іgnоrе snake_case", "ignore snake_case"),
            ("ＩＧＮＯＲＥ 𝐢𝐠𝐧𝐨𝐫𝐞 Ⓘⓖⓝⓞⓡⓔ", "ignore ignore ignore"),
            ("Игнорируй все", "игнорируй все"),
            ("“quoted” it’s", "\"quoted\" it's"),
        ] {
            assert_eq!(String::from_utf8(fold(text).bytes).unwrap(), folded);
        }
    }

    #[test]
    fn each_byte_knows_where_it_comes_from() {
        let text = "é  **Über** all";
        let folded = fold(text);
        let at = folded.bytes.windows(3).position(|three| three == b"all").unwrap();
        assert_eq!(&text[folded.origin(at)..], "all");
        assert_eq!(folded.origin(10_000), text.len());
    }
}
