//! Macros of mdoc within a line.

use super::man_escape::{Font, Runs, runs};
use std::collections::HashMap;

/// Words of a macro line; quotes keep words together.
pub(super) fn arguments(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut rest = text.trim_start_matches([' ', '\t']);
    while !rest.is_empty() {
        if let Some(quoted) = rest.strip_prefix('"') {
            let mut word = String::new();
            let mut inside = quoted;
            loop {
                match inside.find('"') {
                    Some(end) => {
                        word.push_str(&inside[..end]);
                        inside = &inside[end + 1..];
                        // Two quotes stand for one.
                        match inside.strip_prefix('"') {
                            Some(after) => {
                                word.push('"');
                                inside = after;
                            }
                            None => break,
                        }
                    }
                    None => {
                        word.push_str(inside);
                        inside = "";
                        break;
                    }
                }
            }
            out.push(word);
            rest = inside.trim_start_matches([' ', '\t']);
            continue;
        }
        // A space after a backslash is part of the word.
        let mut end = rest.len();
        let mut escaped = false;
        for (at, c) in rest.char_indices() {
            if !escaped && matches!(c, ' ' | '\t') {
                end = at;
                break;
            }
            escaped = c == '\\' && !escaped;
        }
        out.push(rest[..end].to_owned());
        rest = rest[end..].trim_start_matches([' ', '\t']);
    }
    out
}

/// What the macros of a page share.
#[derive(Debug, Default)]
pub(super) struct Mdoc {
    /// The name that `.Nm` without argument stands for.
    pub(super) name: String,
    no_space: bool,
    closers: Vec<&'static str>,
}

const MACROS: [&str; 67] = [
    "Fl", "Ar", "Cm", "Ic", "Nm", "Pa", "Ev", "Li", "Sy", "Va", "Vt", "Fa", "Fn", "Ft", "Dv", "Er", "Tn", "Ql", "Xr", "Em", "No", "An",
    "Lk", "Mt", "In", "St", "At", "Bx", "Fx", "Nx", "Ox", "Dx", "Ux", "Op", "Oo", "Oc", "Pq", "Po", "Pc", "Dq", "Do", "Dc", "Sq", "So",
    "Sc", "Qq", "Qo", "Qc", "Bq", "Bo", "Bc", "Aq", "Ao", "Ac", "Brq", "Bro", "Brc", "Ns", "Ap", "Pf", "Sm", "Xo", "Xc", "Ms", "Ad", "Fd",
    "Cd",
];

fn enclosure(name: &str) -> Option<(&'static str, &'static str, bool)> {
    Some(match name {
        "Op" => ("[", "]", true),
        "Oo" => ("[", "]", false),
        "Pq" => ("(", ")", true),
        "Po" => ("(", ")", false),
        "Dq" => ("“", "”", true),
        "Do" => ("“", "”", false),
        "Sq" => ("‘", "’", true),
        "So" => ("‘", "’", false),
        "Qq" => ("\"", "\"", true),
        "Qo" => ("\"", "\"", false),
        "Bq" => ("[", "]", true),
        "Bo" => ("[", "]", false),
        "Aq" => ("<", ">", true),
        "Ao" => ("<", ">", false),
        "Brq" => ("{", "}", true),
        "Bro" => ("{", "}", false),
        _ => return None,
    })
}

fn is_closing(word: &str) -> bool {
    matches!(word, "." | "," | ":" | ";" | ")" | "]" | "?" | "!")
}

impl Mdoc {
    /// Whether a request is a macro that stands within text.
    pub(super) fn knows(name: &str) -> bool {
        MACROS.contains(&name) || name.starts_with('%') && name.len() == 2
    }

    fn space(&mut self, out: &mut Runs, word: &str) {
        if !self.no_space && !out.is_blank() && !is_closing(word) {
            out.push(Font::Roman, " ");
        }
        self.no_space = matches!(word, "(" | "[");
    }

    fn word(&mut self, out: &mut Runs, font: Font, word: &str, strings: &HashMap<String, String>) {
        self.space(out, word);
        let mut font = if is_closing(word) || matches!(word, "(" | "[" | "|") { Font::Roman } else { font };
        out.extend(runs(word, &mut font, strings));
    }

    fn raw(&mut self, out: &mut Runs, text: &str) {
        out.push(Font::Roman, text);
    }

    /// A macro with its words, which may be macros in their turn.
    pub(super) fn line(&mut self, name: &str, words: &[String], strings: &HashMap<String, String>) -> Runs {
        let mut out = Runs::default();
        self.no_space = false;
        // Punctuation at the end of the line stands after what encloses the line.
        let stuck = words.iter().rev().take_while(|word| is_closing(word)).count();
        let (words, stuck) = words.split_at(words.len() - stuck);
        let mut until_end: Vec<&'static str> = Vec::new();
        let mut current = name.to_owned();
        let mut at = 0;
        loop {
            let next = words[at..].iter().position(|word| MACROS.contains(&word.as_str())).map_or(words.len(), |n| at + n);
            let own = &words[at..next];
            self.one(&current, own, &mut out, &mut until_end, strings);
            at = next;
            let Some(word) = words.get(at) else { break };
            current.clone_from(word);
            at += 1;
        }
        while let Some(close) = until_end.pop() {
            self.raw(&mut out, close);
        }
        stuck.iter().for_each(|word| self.raw(&mut out, word));
        out
    }

    fn one(&mut self, name: &str, words: &[String], out: &mut Runs, until_end: &mut Vec<&'static str>, strings: &HashMap<String, String>) {
        let all = |mdoc: &mut Self, out: &mut Runs, font: Font| words.iter().for_each(|word| mdoc.word(out, font, word, strings));
        if let Some((open, close, whole_line)) = enclosure(name) {
            self.space(out, open);
            self.raw(out, open);
            self.no_space = true;
            if whole_line {
                until_end.push(close)
            } else {
                self.closers.push(close)
            }
            return all(self, out, Font::Roman);
        }
        match name {
            "Oc" | "Pc" | "Dc" | "Sc" | "Qc" | "Bc" | "Ac" | "Brc" => {
                let close = self.closers.pop().unwrap_or("");
                self.raw(out, close);
                self.no_space = false;
                all(self, out, Font::Roman);
            }
            "Fl" => {
                if words.is_empty() {
                    self.word(out, Font::Bold, "-", strings);
                }
                for word in words {
                    if is_closing(word) || word == "|" {
                        self.word(out, Font::Roman, word, strings);
                    } else {
                        self.word(out, Font::Bold, &format!("-{word}"), strings);
                    }
                }
            }
            "Ar" if words.is_empty() => self.word(out, Font::Italic, "file ...", strings),
            "Ar" | "Fa" | "Em" | "An" | "Ad" => all(self, out, Font::Italic),
            "Nm" => {
                let own = self.name.clone();
                if words.first().is_none_or(|word| is_closing(word)) {
                    self.word(out, Font::Bold, &own, strings);
                }
                all(self, out, Font::Bold);
            }
            "Cm" | "Ic" | "Pa" | "Ev" | "Li" | "Sy" | "Va" | "Vt" | "Ft" | "Dv" | "Er" | "Ql" | "Cd" | "Ms" | "Fd" => {
                all(self, out, Font::Bold)
            }
            "Fn" => {
                if let Some((first, rest)) = words.split_first() {
                    let end = rest.iter().position(|word| is_closing(word)).unwrap_or(rest.len());
                    let plain: Vec<String> = rest[..end].iter().map(|word| runs(word, &mut Font::Roman, strings).plain()).collect();
                    self.word(out, Font::Bold, &format!("{first}({})", plain.join(", ")), strings);
                    rest[end..].iter().for_each(|word| self.word(out, Font::Roman, word, strings));
                }
            }
            "Xr" => {
                if let Some(first) = words.first() {
                    let has_section = words.get(1).is_some_and(|word| !is_closing(word));
                    let text = if has_section { format!("{first}({})", words[1]) } else { first.clone() };
                    self.word(out, Font::Bold, &text, strings);
                    words.iter().skip(if has_section { 2 } else { 1 }).for_each(|word| self.word(out, Font::Roman, word, strings));
                }
            }
            "In" => {
                if let Some(first) = words.first() {
                    self.word(out, Font::Bold, &format!("#include <{first}>"), strings);
                }
            }
            "Lk" => {
                let (url, text) = (words.first().cloned().unwrap_or_default(), words.get(1).filter(|word| !is_closing(word)));
                match text {
                    Some(text) => self.word(out, Font::Roman, &format!("{text} ({url})"), strings),
                    None => self.word(out, Font::Roman, &url, strings),
                }
            }
            "Ns" => {
                self.no_space = true;
                all(self, out, Font::Roman);
            }
            "Ap" => {
                self.raw(out, "'");
                self.no_space = true;
                all(self, out, Font::Roman);
            }
            "Pf" => {
                all(self, out, Font::Roman);
                self.no_space = true;
            }
            "Ux" | "At" | "Bx" | "Fx" | "Nx" | "Ox" | "Dx" => {
                let system = match name {
                    "Ux" => "UNIX",
                    "At" => "AT&T UNIX",
                    "Bx" => "BSD",
                    "Fx" => "FreeBSD",
                    "Nx" => "NetBSD",
                    "Ox" => "OpenBSD",
                    _ => "DragonFly",
                };
                self.word(out, Font::Roman, system, strings);
                all(self, out, Font::Roman);
            }
            "Sm" | "Xo" | "Xc" => {}
            _ => all(self, out, Font::Roman),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn macros_call_each_other_and_punctuation_sticks() {
        let mut mdoc = Mdoc { name: "ls".to_owned(), ..Mdoc::default() };
        for (line, text) in [
            ("Fl a , Fl -all", "`-a`, `--all`"),
            ("Op Fl D Ar format", "[`-D` format]"),
            ("Xr chmod 1 ,", "`chmod(1)`,"),
            ("Nm", "`ls`"),
            ("Fn open \"const char *path\" \"int flags\" .", "`open(const char *path, int flags)`."),
            ("Cm x Ns = Ns Ar y", "`x`=y"),
        ] {
            let words = arguments(line);
            assert_eq!(mdoc.line(&words[0], &words[1..], &HashMap::new()).markdown(), text, "{line}");
        }
    }
}
