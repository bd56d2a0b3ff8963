//! Names that people use for libraries and that no comparison of letters finds. The table is `aliases.txt`.

use std::collections::HashMap;

const TABLE: &str = include_str!("aliases.txt");

/// The table, read.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Aliases {
    targets: HashMap<&'static str, Vec<&'static str>>,
}

impl Aliases {
    /// The table that is built in.
    #[must_use]
    pub fn built_in() -> Self {
        let mut targets: HashMap<&'static str, Vec<&'static str>> = HashMap::new();
        for line in TABLE.lines().filter(|line| !line.starts_with('#')) {
            let Some((names, meant)) = line.split_once(" -> ") else { continue };
            for name in names.split_whitespace() {
                let known = targets.entry(name).or_default();
                for target in meant.split_whitespace() {
                    if !known.contains(&target) {
                        known.push(target);
                    }
                }
            }
        }
        Self { targets }
    }

    /// What a name stands for, both as lower-case letters and digits only; to be tried in their order.
    #[must_use]
    pub fn of(&self, name: &str) -> &[&'static str] {
        self.targets.get(name).map_or(&[], Vec::as_slice)
    }
}

/// Words that join others and say nothing of a library.
#[must_use]
pub fn is_stop_word(word: &str) -> bool {
    matches!(
        word,
        "a" | "an"
            | "and"
            | "any"
            | "best"
            | "by"
            | "for"
            | "from"
            | "how"
            | "i"
            | "import"
            | "in"
            | "install"
            | "is"
            | "of"
            | "on"
            | "or"
            | "some"
            | "the"
            | "to"
            | "use"
            | "using"
            | "via"
            | "what"
            | "which"
            | "with"
            | "add"
            | "as"
    )
}

/// Words that say of what kind a library is, not which it is.
#[must_use]
pub fn is_filler(word: &str) -> bool {
    is_stop_word(word)
        || matches!(
            word,
            "library"
                | "libraries"
                | "lib"
                | "sdk"
                | "orm"
                | "css"
                | "npm"
                | "pip"
                | "crate"
                | "gem"
                | "nuget"
                | "maven"
                | "package"
                | "packages"
                | "module"
                | "framework"
                | "docs"
                | "documentation"
                | "api"
                | "apis"
                | "test"
                | "testing"
                | "validation"
                | "dataframe"
                | "app"
                | "router"
                | "latest"
                | "official"
                | "guide"
                | "reference"
                | "tutorial"
                | "aws"
                | "database"
                | "driver"
                | "client"
                | "server"
                | "components"
                | "ui"
                | "hooks"
                | "plugin"
                | "tool"
                | "cli"
                | "version"
                | "sh"
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_is_read_and_squashed() {
        for line in TABLE.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (names, meant) = line.split_once(" -> ").unwrap_or_else(|| panic!("no arrow: {line}"));
            for word in names.split_whitespace().chain(meant.split_whitespace()) {
                assert!(word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()), "{line}");
            }
        }
        let aliases = Aliases::built_in();
        assert_eq!(aliases.of("k8s"), ["kubernetes"]);
        assert!(aliases.of("nothing").is_empty());
    }
}
