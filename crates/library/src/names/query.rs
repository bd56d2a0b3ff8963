//! A name as somebody typed it: the forms in which it may be written, what it says of the ecosystem, and its words.

use super::ecosystem::Ecosystems;
use super::{squash, words_of};
use crate::aliases::{Aliases, is_filler, is_stop_word};

/// Characters of a query that are read.
const LONGEST: usize = 200;
/// Forms that are tried.
const MOST_FORMS: usize = 24;

/// A form in which a name may be written.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Form {
    /// Letters and digits in lower case.
    pub(super) text: String,
    /// What it costs that the name is not written so.
    pub(super) penalty: f32,
    /// Whether longer names that begin with it are meant too.
    pub(super) prefix: bool,
}

/// A word of a query.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Word {
    pub(super) text: String,
    pub(super) weight: f32,
    /// Whether it may be what the library is called, and not only what it is for.
    pub(super) names: bool,
}

/// A query, read.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Query {
    /// `owner/name` in lower case, if it has that form.
    pub(super) id: Option<String>,
    /// In the order in which they are tried.
    pub(super) forms: Vec<Form>,
    /// Without those that only join others.
    pub(super) words: Vec<Word>,
    /// What it says of the ecosystem.
    pub(super) wanted: Ecosystems,
    /// The whole of it, squashed.
    pub(super) squashed: String,
    /// First and last letter and how many letters are between them: `k8s`, `i18n`.
    pub(super) numeronym: Option<(char, usize, char)>,
}

fn is_version(word: &str) -> bool {
    let digits = word.trim_start_matches('v');
    word.chars().any(|c| c.is_ascii_digit()) && digits.chars().all(|c| c.is_ascii_digit() || c == '.' || c == 'x')
}

/// What a package's page has before the package's name, whoever's site it is on.
const SECTIONS: [&str; 6] = ["crates/", "gems/", "package/", "packages/", "project/", "r/"];
/// Sites on which the name follows at once.
const HOSTS: [&str; 4] = ["docs.rs/", "github.com/", "gitlab.com/", "pkg.go.dev/"];

/// A name without what stands before it in an address.
fn without_host(text: &str) -> &str {
    let bare = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let is_address = bare.is_some();
    let bare = bare.unwrap_or(text);
    let step = |text: &'_ str, is_address: bool| -> usize {
        let www = if text.starts_with("www.") { 4 } else { 0 };
        let text = &text[www..];
        if let Some(host) = HOSTS.iter().find(|host| text.starts_with(**host)) {
            return www + host.len();
        }
        match text.split_once('/') {
            Some((host, rest)) if host.contains('.') => match SECTIONS.iter().find(|section| rest.starts_with(**section)) {
                Some(section) => www + host.len() + 1 + section.len(),
                None if is_address => www + host.len() + 1,
                None => www,
            },
            _ => www,
        }
    };
    // An address may have an address in it: pkg.go.dev/github.com/…
    let once = &bare[step(bare, is_address)..];
    let twice = &once[step(once, false)..];
    let bare = twice.trim_end_matches('/');
    bare.strip_suffix(".git").unwrap_or(bare)
}

impl Query {
    pub(super) fn read(name: &str, aliases: &Aliases) -> Self {
        let cut: String = name.chars().take(LONGEST).collect();
        let lower = cut.trim().to_lowercase();
        let text = without_host(&lower);
        let typed: Vec<&str> = text.split_whitespace().collect();
        let mut query = Self { squashed: squash(text), numeronym: numeronym(text), ..Self::default() };
        if typed.len() == 1 && text.trim_start_matches('/').contains('/') {
            let mut parts = text.trim_start_matches('/').splitn(3, '/');
            if let (Some(owner), Some(name)) = (parts.next(), parts.next()) {
                query.id = Some(format!("{owner}/{}", name.split('@').next().filter(|name| !name.is_empty()).unwrap_or(name)));
            }
        }
        // A word that names an ecosystem is a hint only beside a name: "go" alone is one.
        let named: Vec<Ecosystems> = typed.iter().map(|word| Ecosystems::named(word.trim_matches(['.', ',', '?']))).collect();
        let has_name = typed.iter().zip(&named).any(|(word, named)| named.is_empty() && !is_filler(word) && !is_version(word));
        let mut wanted = named.iter().fold(Ecosystems::NONE, |all, one| all.and(*one));
        if !has_name && typed.len() < 2 {
            wanted = Ecosystems::NONE;
        }
        if wanted.is_empty() {
            // "three.js", "redis-py": the name itself tells, and weighs as little as that.
            wanted = if typed.len() == 1 { Ecosystems::NONE } else { Ecosystems::of_name(text) };
        }
        query.wanted = wanted;
        // "testing library for react": what it is for is not what it is called.
        let setting = typed.iter().skip(1).position(|word| matches!(*word, "for" | "in" | "with" | "on")).map_or(typed.len(), |at| at + 1);
        query.forms(text, &typed, &named, setting, aliases);
        query.words(text, &named, &typed, setting);
        query
    }

    fn push(&mut self, text: &str, penalty: f32, prefix: bool) {
        let text = squash(text);
        if text.is_empty() || self.forms.len() >= MOST_FORMS {
            return;
        }
        match self.forms.iter_mut().find(|form| form.text == text) {
            Some(form) => {
                form.penalty = form.penalty.min(penalty);
                form.prefix |= prefix;
            }
            None => self.forms.push(Form { text, penalty, prefix }),
        }
    }

    fn push_with_aliases(&mut self, text: &str, penalty: f32, prefix: bool, aliases: &Aliases) {
        self.push(text, penalty, prefix);
        for (rank, alias) in aliases.of(&squash(text)).iter().enumerate() {
            #[expect(clippy::cast_precision_loss, reason = "a handful of aliases")]
            let later = 0.45 * (rank + 1) as f32;
            // What the alias stands for is the whole name.
            self.push(alias, penalty + later, *alias == squash(text));
        }
    }

    fn forms(&mut self, text: &str, typed: &[&str], named: &[Ecosystems], setting: usize, aliases: &Aliases) {
        self.push_with_aliases(text, 0.0, true, aliases);
        if let Some(before) = typed.get(..setting).filter(|before| before.len() < typed.len()) {
            self.push_with_aliases(&before.join(" "), 0.6, false, aliases);
        }
        let unversioned: Vec<&str> = typed.iter().copied().filter(|word| !is_version(word)).collect();
        if unversioned.len() < typed.len() && !unversioned.is_empty() {
            self.push_with_aliases(&unversioned.join(" "), 0.3, true, aliases);
        }
        if let Some((before, _)) = text.rsplit_once('@').filter(|(before, _)| !before.is_empty()) {
            self.push_with_aliases(before, 0.3, true, aliases);
        }
        let joined: Vec<&str> = unversioned.iter().copied().filter(|word| !is_stop_word(word)).collect();
        if !joined.is_empty() && joined.len() < unversioned.len() {
            self.push_with_aliases(&joined.join(" "), 0.35, true, aliases);
        }
        // The ecosystem's word behind the name, as titles have it: "Sentry Python" for "python sentry".
        let core: Vec<&str> = typed
            .iter()
            .take(setting)
            .zip(named)
            .filter(|(word, named)| named.is_empty() && !is_filler(word) && !is_version(word))
            .map(|(word, _)| *word)
            .collect();
        let ecosystem: Vec<&str> = typed.iter().zip(named).filter(|(_, named)| !named.is_empty()).map(|(word, _)| *word).collect();
        if !core.is_empty() && core.len() < typed.len() {
            for word in &ecosystem {
                self.push_with_aliases(&format!("{} {word}", core.join(" ")), 0.4, false, aliases);
                self.push_with_aliases(&format!("{word} {}", core.join(" ")), 0.6, false, aliases);
                let short = match *word {
                    "javascript" | "typescript" | "node" | "nodejs" => "js",
                    "python" => "py",
                    "rust" => "rs",
                    "golang" => "go",
                    _ => continue,
                };
                self.push(&format!("{} {short}", core.join(" ")), 0.5, false);
            }
            let kind: Vec<&str> = typed
                .iter()
                .take(setting)
                .zip(named)
                .filter(|(word, named)| named.is_empty() && !is_stop_word(word) && !is_version(word))
                .map(|(word, _)| *word)
                .collect();
            self.push_with_aliases(&kind.join(" "), 0.55, true, aliases);
            // The more is left out of a phrase, the less is the rest what it names.
            let left_out = kind.len().saturating_sub(core.len());
            #[expect(clippy::cast_precision_loss, reason = "words of a query")]
            let penalty = 0.4 + 0.4 * left_out as f32;
            self.push_with_aliases(&core.join(" "), penalty, typed.len() <= core.len() + 1, aliases);
        }
        // A path or a scope: the last part, or the scope if the last part says nothing.
        if typed.len() == 1
            && let Some((scope, last)) = text.rsplit_once('/')
        {
            let last = last.split('@').next().unwrap_or(last);
            if is_filler(last) || matches!(last, "core" | "react" | "web" | "main" | "docs") || !Ecosystems::named(last).is_empty() {
                self.push_with_aliases(scope.rsplit('/').next().unwrap_or(scope), 0.8, true, aliases);
            } else {
                self.push_with_aliases(last, 0.8, true, aliases);
                self.push_with_aliases(scope.rsplit('/').next().unwrap_or(scope), 2.0, false, aliases);
            }
        }
        for form in self.forms.clone() {
            self.affixes(&form, aliases);
        }
    }

    /// A name without what stands at its ends to tell the ecosystem, or the version.
    fn affixes(&mut self, form: &Form, aliases: &Aliases) {
        let text = form.text.as_str();
        for suffix in ["js", "py", "rs", "python", "go", "css", "lang", "ts", "dotnet", "php", "rb"] {
            if let Some(stem) = text.strip_suffix(suffix).filter(|stem| stem.len() > 1) {
                self.push_with_aliases(stem, form.penalty + 0.7, false, aliases);
            }
        }
        for prefix in ["py", "python", "node", "go", "golang", "rust", "the", "php"] {
            if let Some(stem) = text.strip_prefix(prefix).filter(|stem| stem.len() > 3) {
                self.push_with_aliases(stem, form.penalty + 1.2, false, aliases);
            }
        }
        let undated = text.trim_end_matches(|c: char| c.is_ascii_digit());
        if undated.len() > 2 && undated.len() < text.len() {
            self.push_with_aliases(undated, form.penalty + 0.7, true, aliases);
            if let Some(stem) = undated.strip_suffix('v').filter(|stem| stem.len() > 2) {
                self.push_with_aliases(stem, form.penalty + 0.7, true, aliases);
            }
        }
    }

    fn words(&mut self, text: &str, named: &[Ecosystems], typed: &[&str], setting: usize) {
        let is_setting = |word: &str| typed.iter().skip(setting).any(|typed| words_of(typed).iter().any(|one| one == word));
        let is_hint = |word: &str| typed.iter().zip(named).any(|(typed, named)| *typed == word && !named.is_empty());
        let all = words_of(text);
        for word in all {
            if is_stop_word(&word) || is_version(&word) || self.words.iter().any(|known| known.text == word) {
                continue;
            }
            let weight = if is_hint(&word) && !self.wanted.is_empty() {
                0.25
            } else if is_filler(&word) {
                0.4
            } else {
                1.0
            };
            let setting = is_setting(&word);
            self.words.push(Word { weight: if setting { weight * 0.6 } else { weight }, names: weight > 0.3 && !setting, text: word });
        }
    }
}

fn numeronym(text: &str) -> Option<(char, usize, char)> {
    let mut chars = text.chars();
    let (first, last) = (chars.next()?, chars.next_back()?);
    let digits = chars.as_str();
    let short = (1..=2).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    (first.is_ascii_lowercase() && last.is_ascii_lowercase() && short).then_some((first, digits.parse().ok()?, last))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str) -> Query {
        Query::read(name, &Aliases::built_in())
    }

    #[test]
    fn a_name_is_tried_in_the_forms_in_which_it_is_written() {
        for (name, form) in [
            ("NextJS 15", "next"),
            ("@dnd-kit/core", "dndkit"),
            ("guzzlehttp/guzzle", "guzzle"),
            ("https://github.com/gin-gonic/gin.git", "gin"),
            ("python sentry", "sentrypython"),
            ("pip install requests", "requests"),
            ("yolov8", "yolo"),
            ("react-router-dom", "reactrouter"),
            ("vue@3", "vue"),
        ] {
            assert!(read(name).forms.iter().any(|one| one.text == form), "{name}: {:?}", read(name).forms);
        }
        assert_eq!(read("pkg.go.dev/github.com/spf13/cobra").id.as_deref(), Some("spf13/cobra"));
    }

    #[test]
    fn an_ecosystem_is_a_hint_only_beside_a_name() {
        assert!(read("go").wanted.is_empty() && read("rust").wanted.is_empty());
        assert!(read("faker python").wanted.meets(Ecosystems::named("python")));
        assert!(read("http client for rust").wanted.meets(Ecosystems::named("rust")));
    }

    #[test]
    fn numeronyms_are_known_by_their_form() {
        assert_eq!(read("k8s").numeronym, Some(('k', 8, 's')));
        assert_eq!(read("i18n").numeronym, Some(('i', 18, 'n')));
        assert_eq!(read("vue3").numeronym, None);
        assert_eq!(read("d3").numeronym, None);
    }
}
