//! Escapes and fonts of roff text.

use std::collections::HashMap;

/// A font, as far as it says something.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Font {
    #[default]
    Roman,
    /// What is typed as it stands.
    Bold,
    /// What is put in its place.
    Italic,
}

/// Text in runs of one font.
#[derive(Clone, Debug, Default)]
pub(super) struct Runs(Vec<(Font, String)>);

impl Runs {
    pub(super) fn push(&mut self, font: Font, text: &str) {
        if text.is_empty() {
            return;
        }
        match self.0.last_mut() {
            Some((last, run)) if *last == font => run.push_str(text),
            _ => self.0.push((font, text.to_owned())),
        }
    }

    pub(super) fn extend(&mut self, other: Self) {
        for (font, text) in other.0 {
            self.push(font, &text);
        }
    }

    pub(super) fn is_blank(&self) -> bool {
        self.0.iter().all(|(_, text)| text.trim().is_empty())
    }

    /// Without fonts.
    pub(super) fn plain(&self) -> String {
        self.0.iter().map(|(_, text)| text.as_str()).collect()
    }

    /// Bold as code, since it is what one types.
    pub(super) fn markdown(&self) -> String {
        let mut out = String::new();
        for (font, text) in &self.0 {
            let inner = text.trim();
            if *font != Font::Bold || inner.is_empty() || inner.contains(['`', '\n']) || !inner.chars().any(char::is_alphanumeric) {
                out.push_str(text);
                continue;
            }
            let start = text.len() - text.trim_start().len();
            out.push_str(&text[..start]);
            out.push('`');
            out.push_str(inner);
            out.push('`');
            out.push_str(&text[start + inner.len()..]);
        }
        out
    }
}

/// Reads escapes; `font` is the one at the beginning and afterwards that at the end.
pub(super) fn runs(text: &str, font: &mut Font, strings: &HashMap<String, String>) -> Runs {
    let mut out = Runs::default();
    let mut before = Font::Roman;
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push(*font, &rest[..at]);
        rest = &rest[at + 1..];
        let Some(c) = rest.chars().next() else { break };
        rest = &rest[c.len_utf8()..];
        match c {
            'f' | 'F' => {
                let name = name(&mut rest);
                let next = match name.as_str() {
                    "B" | "3" | "CB" | "CW" | "CR" | "C" | "4" | "BI" => Font::Bold,
                    "I" | "2" | "CI" => Font::Italic,
                    "P" | "" => before,
                    _ => Font::Roman,
                };
                before = *font;
                *font = next;
            }
            '-' => out.push(*font, "-"),
            'e' | 'E' => out.push(*font, "\\"),
            '(' => {
                let end = rest.char_indices().nth(2).map_or(rest.len(), |(at, _)| at);
                out.push(*font, special(&rest[..end]));
                rest = &rest[end..];
            }
            '[' => {
                let (name, after) = bracketed(rest);
                out.push(*font, special(name));
                rest = after;
            }
            '*' => {
                let name = name(&mut rest);
                match (name.as_str(), strings.get(&name)) {
                    (_, Some(value)) => out.push(*font, value),
                    ("lq" | "Lq", None) => out.push(*font, "“"),
                    ("rq" | "Rq", None) => out.push(*font, "”"),
                    ("Tm", None) => out.push(*font, "™"),
                    ("R", None) => out.push(*font, "®"),
                    _ => {}
                }
            }
            'n' | 'g' | 'k' | 'm' | 'M' | 'V' | 'Y' | 'O' => {
                name(&mut rest);
            }
            's' => {
                rest = rest.trim_start_matches(['+', '-']);
                if rest.starts_with(['(', '[', '\'']) {
                    delimited(&mut rest);
                } else {
                    let digits = rest.bytes().take(2).take_while(u8::is_ascii_digit).count();
                    rest = &rest[digits..];
                }
            }
            'h' | 'v' | 'w' | 'l' | 'L' | 'b' | 'o' | 'x' | 'X' | 'Z' | 'D' | 'A' | 'B' | 'C' | 'H' | 'N' | 'R' | 'S' => {
                let inside = delimited(&mut rest);
                if c == 'C' {
                    out.push(*font, special(&inside));
                } else if matches!(c, 'Z' | 'o') {
                    out.push(*font, &inside);
                }
            }
            ' ' | '~' | '0' => out.push(*font, " "),
            't' => out.push(*font, "\t"),
            '\'' => out.push(*font, "'"),
            '`' => out.push(*font, "`"),
            '.' => out.push(*font, "."),
            '\\' => out.push(*font, "\\"),
            'u' | 'd' | 'r' | 'p' | 'z' | '&' | ')' | '|' | '^' | '/' | ',' | ':' | '%' | 'c' | '{' | '}' | '!' | '?' | 'a' => {}
            other => out.push(*font, other.encode_utf8(&mut [0; 4])),
        }
    }
    out.push(*font, rest);
    out
}

/// `x`, `(xx` or `[name]`.
fn name(rest: &mut &str) -> String {
    let text = *rest;
    if let Some(inside) = text.strip_prefix('[') {
        let (name, after) = bracketed(inside);
        *rest = after;
        return name.to_owned();
    }
    let (skip, length) = if text.starts_with('(') { (1, 2) } else { (0, 1) };
    let inside = &text[skip..];
    let end = inside.char_indices().nth(length).map_or(inside.len(), |(at, _)| at);
    *rest = &inside[end..];
    inside[..end].to_owned()
}

fn bracketed(text: &str) -> (&str, &str) {
    match text.bytes().take(80).position(|b| b == b']') {
        Some(end) => (&text[..end], &text[end + 1..]),
        None => ("", text),
    }
}

/// `'…'` with any delimiter.
fn delimited(rest: &mut &str) -> String {
    let text = *rest;
    let Some(open) = text.chars().next() else { return String::new() };
    let close = match open {
        '(' => ')',
        '[' => ']',
        other => other,
    };
    let inside = &text[open.len_utf8()..];
    let limit = inside.char_indices().nth(400).map_or(inside.len(), |(at, _)| at);
    match inside[..limit].find(close) {
        Some(end) => {
            *rest = &inside[end + close.len_utf8()..];
            inside[..end].to_owned()
        }
        None => String::new(),
    }
}

/// The character that a special character's name stands for.
fn special(name: &str) -> &str {
    match name {
        "em" => "—",
        "en" => "–",
        "hy" | "mi" => "-",
        "bu" => "•",
        "aq" | "cq" => "'",
        "oq" => "‘",
        "dq" => "\"",
        "lq" => "“",
        "rq" => "”",
        "ga" => "`",
        "ha" => "^",
        "ti" => "~",
        "rs" => "\\",
        "sl" => "/",
        "ba" | "or" => "|",
        "at" => "@",
        "sh" => "#",
        "co" => "©",
        "rg" => "®",
        "tm" => "™",
        "de" => "°",
        "mu" => "×",
        "+-" => "±",
        "<=" => "≤",
        ">=" => "≥",
        "!=" => "≠",
        "->" => "→",
        "<-" => "←",
        "la" | "<<" => "⟨",
        "ra" | ">>" => "⟩",
        "lB" => "[",
        "rB" => "]",
        "lC" => "{",
        "rC" => "}",
        "ss" => "ß",
        "*m" => "μ",
        "mc" => "µ",
        "if" => "∞",
        "sc" => "§",
        "Po" => "£",
        "eu" | "Eu" => "€",
        "'e" => "é",
        ":o" => "ö",
        ":a" => "ä",
        ":u" => "ü",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_become_characters_and_bold_becomes_code() {
        let strings = HashMap::from([("C+".to_owned(), "C++".to_owned())]);
        for (text, markdown) in [
            (r"\fB\-\-all\fR, \fB\-a\fP", "`--all`, `-a`"),
            (r"it\(aqs \(em \fIfile\fR\&.", "it's — file."),
            (r"\*(C+ and \s-1POSIX\s0 \e \[bu]", r"C++ and POSIX \ •"),
            (r"a\~b\|c \n(.g \h'1n'x", "a bc  x"),
            (r"\fBa", "`a`"),
            (r"end\", r"end"),
        ] {
            assert_eq!(runs(text, &mut Font::Roman, &strings).markdown(), markdown, "{text}");
        }
    }
}
