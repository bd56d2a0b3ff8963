//! Which version of a library is meant: by its name, `latest`, or a range (`^18`, `~2.1`, `18.x`, `>=1.2 <2`, `1.2 - 1.4`, `^17 || ^18`).
//!
//! A name that is written out finds that version or none, never another. Where something else than a name chose the version, the
//! answer says which one it was: [`resolution`].

use docent_types::documentation::VersionEntry;
use semver::{Prerelease, Version, VersionReq};

/// What release tags begin with, besides `v`.
const PREFIXES: [&str; 4] = ["release-", "releases/", "version-", "rel-"];

/// A version's name as numbers, so that releases compare.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Release {
    numbers: Vec<u64>,
    prerelease: Prerelease,
}

impl Release {
    /// From a name: `v18.2.0`, `2.1`, `4.0.0-rc.1`, `release-3.2`, `pkg@1.2.3`, `2024.01.15.2`.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let name = name.rsplit('@').next().unwrap_or(name);
        let name = PREFIXES.iter().find_map(|prefix| name.strip_prefix(prefix)).unwrap_or(name);
        let name = without_v(name).split('+').next()?;
        let (core, prerelease) = name.split_once('-').unwrap_or((name, ""));
        let numbers: Vec<u64> = core.split('.').map(|part| part.parse().ok()).collect::<Option<_>>()?;
        // Rare and never needed to be told apart further: `1.0-01` is not what semver allows.
        let prerelease = if prerelease.is_empty() { Prerelease::EMPTY } else { Prerelease::new(prerelease).ok()? };
        (1..=8).contains(&numbers.len()).then_some(Self { numbers, prerelease })
    }

    /// Whether it is a release, and not what comes before one.
    #[must_use]
    pub fn is_final(&self) -> bool {
        self.prerelease.is_empty()
    }

    fn as_semver(&self) -> Version {
        let number = |at: usize| self.numbers.get(at).copied().unwrap_or(0);
        Version { pre: self.prerelease.clone(), ..Version::new(number(0), number(1), number(2)) }
    }

    /// Compares as releases do: number by number, a missing one is 0, and what comes before a release is older than it.
    fn key(&self) -> (Vec<u64>, Prerelease) {
        let mut numbers = self.numbers.clone();
        numbers.resize(8, 0);
        // `Prerelease` orders the empty one last, as it should be.
        (numbers, self.prerelease.clone())
    }
}

/// Puts names of releases first, the newest first; the others after them, by name.
pub fn newest_first(names: &mut [String]) {
    names.sort_by_cached_key(|name| (std::cmp::Reverse(Release::parse(name).map(|release| release.key())), name.clone()));
}

fn without_v(name: &str) -> &str {
    name.strip_prefix(['v', 'V']).unwrap_or(name)
}

fn same_name(one: &str, other: &str) -> bool {
    without_v(one).eq_ignore_ascii_case(without_v(other))
}

/// The version that is meant among those that a library has; the first is the one that is used when none is named.
#[must_use]
pub fn choose<'a>(versions: &'a [VersionEntry], wanted: Option<&str>) -> Option<&'a VersionEntry> {
    let Some(wanted) = wanted.map(str::trim) else { return versions.first() };
    let named = |is_it: &dyn Fn(&str) -> bool| versions.iter().find(|one| one.version.as_deref().is_some_and(is_it));
    if let Some(version) = named(&|own| own == wanted).or_else(|| named(&|own| same_name(own, wanted))) {
        return Some(version);
    }
    let newest = |fits: &dyn Fn(&Release) -> bool| {
        let releases = versions.iter().filter_map(|one| Some((Release::parse(one.version.as_deref()?)?, one)));
        releases.filter(|(release, _)| fits(release)).max_by_key(|(release, _)| release.key()).map(|(_, one)| one)
    };
    match wanted.to_ascii_lowercase().as_str() {
        "default" => versions.first(),
        "latest" => newest(&Release::is_final).or_else(|| versions.first()),
        _ => {
            let range = Range::parse(wanted)?;
            newest(&|release| range.allows(release))
        }
    }
}

/// What an answer has to say when a version was not asked for by its name: which one it is. `None` if there is nothing to say.
#[must_use]
pub fn resolution(asked: Option<&str>, answered: Option<&str>) -> Option<String> {
    let asked = asked?.trim();
    match answered {
        Some(name) if same_name(name, asked) => None,
        None if asked.eq_ignore_ascii_case("default") => None,
        Some(name) => Some(format!("Version asked for: {asked}. Answered from version: {name}.")),
        None => Some(format!("Version asked for: {asked}. Answered from the default version, since none has a release's name.")),
    }
}

/// A range of versions, as package managers write it.
struct Range(Vec<VersionReq>);

impl Range {
    /// `None` if it is a name and no range.
    fn parse(text: &str) -> Option<Self> {
        let alternatives: Option<Vec<VersionReq>> = text.split("||").map(requirement).collect();
        alternatives.map(Self)
    }

    fn allows(&self, release: &Release) -> bool {
        let version = release.as_semver();
        self.0.iter().any(|requirement| requirement.matches(&version))
    }
}

fn requirement(text: &str) -> Option<VersionReq> {
    let text = text.trim();
    if let Some((from, to)) = text.split_once(" - ") {
        return VersionReq::parse(&format!(">={}, <={}", without_v(from.trim()), without_v(to.trim()))).ok();
    }
    let mut comparators: Vec<String> = Vec::new();
    let mut operator = String::new();
    for token in text.split([' ', ',']).filter(|token| !token.is_empty()) {
        let version = token.trim_start_matches(['^', '~', '<', '>', '=']);
        operator.push_str(&token[..token.len() - version.len()]);
        if version.is_empty() {
            continue;
        }
        comparators.push(comparator(&operator, without_v(version))?);
        operator.clear();
    }
    // An operator without a version is nothing.
    if comparators.is_empty() || !operator.is_empty() {
        return None;
    }
    VersionReq::parse(&comparators.join(", ")).ok()
}

/// Without an operator, `18` and `18.x` are every 18, `2.1` is every 2.1; a version that is written out is a name, and no range.
fn comparator(operator: &str, version: &str) -> Option<String> {
    if !operator.is_empty() {
        // Ruby's: the last number that is written may grow.
        let operator = match operator {
            "~>" if version.matches('.').count() < 2 => "^",
            "~>" => "~",
            other => other,
        };
        return Some(format!("{operator}{version}"));
    }
    let is_wild = |part: &str| matches!(part, "x" | "X" | "*");
    let parts: Vec<&str> = version.split('.').collect();
    let are_numbers = |parts: &[&str]| parts.iter().all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()));
    match parts.as_slice() {
        [wild] if is_wild(wild) => Some("*".to_owned()),
        [numbers @ .., last] if is_wild(last) && are_numbers(numbers) => Some(version.to_owned()),
        [major, middle, last] if is_wild(middle) && is_wild(last) && are_numbers(&[*major]) => Some(format!("{major}.*")),
        [_] | [_, _] if are_numbers(&parts) => Some(format!("{version}.*")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use docent_types::ids::VersionRowId;
    use docent_types::time::Timestamp;
    use proptest::prelude::*;
    use uuid::Uuid;

    fn versions(names: &[&str]) -> Vec<VersionEntry> {
        let entry = |name: &&str| VersionEntry {
            id: VersionRowId(Uuid::nil()),
            version: Some((*name).to_owned()).filter(|name| !name.is_empty()),
            artefact: String::new(),
            commit: None,
            pages: 1,
            snippets: 1,
            tokens: 1,
            indexed_at: Timestamp(0),
        };
        names.iter().map(entry).collect()
    }

    fn chosen<'a>(names: &'a [&'a str], wanted: &str) -> Option<String> {
        choose(&versions(names), Some(wanted)).map(|version| version.version.clone().unwrap_or_else(|| "default".to_owned()))
    }

    const REACT: [&str; 9] = ["", "v16.14.0", "v17.0.2", "v18.0.0", "v18.3.1", "v18.10.0", "v19.0.0-rc.1", "v19.0.0", "v19.1.0-beta.2"];

    #[test]
    fn ranges_resolve_to_the_newest_release_within() {
        for (wanted, expected) in [
            ("^18", "v18.10.0"),
            ("^18.0.0", "v18.10.0"),
            ("~18.3", "v18.3.1"),
            ("~18.3.0", "v18.3.1"),
            ("18.x", "v18.10.0"),
            ("18.3.x", "v18.3.1"),
            ("18.x.x", "v18.10.0"),
            ("18.*", "v18.10.0"),
            ("18", "v18.10.0"),
            ("v18", "v18.10.0"),
            ("17.0", "v17.0.2"),
            (">=16 <18", "v17.0.2"),
            (">= 16, < 18", "v17.0.2"),
            (">=16.0.0 <17", "v16.14.0"),
            ("16 - 17", "v17.0.2"),
            ("v16.0.0 - v18.3", "v18.3.1"),
            ("^16 || ^17", "v17.0.2"),
            ("^99||^16", "v16.14.0"),
            ("<=v18.3.1", "v18.3.1"),
            ("=18.0.0", "v18.0.0"),
            ("~> 18.3", "v18.10.0"),
            ("~>18.3.0", "v18.3.1"),
            ("v18.3", "v18.3.1"),
            ("*", "v19.0.0"),
            ("x", "v19.0.0"),
            ("latest", "v19.0.0"),
            ("LATEST", "v19.0.0"),
            ("default", "default"),
            ("^19.1.0-alpha", "v19.1.0-beta.2"),
        ] {
            assert_eq!(chosen(&REACT, wanted).as_deref(), Some(expected), "{wanted}");
        }
    }

    #[test]
    fn a_version_that_is_written_out_is_that_one_or_none() {
        for (wanted, expected) in [("v18.3.1", "v18.3.1"), ("18.3.1", "v18.3.1"), ("V18.3.1", "v18.3.1"), ("19.0.0-RC.1", "v19.0.0-rc.1")] {
            assert_eq!(chosen(&REACT, wanted).as_deref(), Some(expected), "{wanted}");
        }
        for missing in ["18.3.2", "20", "^20", ">19", "main", "next", "", "18.", ".18", "^", "||", "^^18", ">=", "18.3.1.1", "=", "^18 ||"]
        {
            assert_eq!(chosen(&REACT, missing), None, "{missing:?}");
        }
    }

    #[test]
    fn names_that_are_no_numbers_are_found_by_name_only() {
        let names = ["main", "v2", "1.x", "release-3.1", "2024.01", "canary"];
        assert_eq!(chosen(&names, "1.x").as_deref(), Some("1.x"), "a branch of that name");
        assert_eq!(chosen(&names, "latest").as_deref(), Some("2024.01"));
        assert_eq!(chosen(&names, "^3").as_deref(), Some("release-3.1"));
        assert_eq!(chosen(&names, "2").as_deref(), Some("v2"));
        assert_eq!(chosen(&["main", "canary"], "latest").as_deref(), Some("main"), "the one that is used when none is named");
        assert_eq!(chosen(&[], "latest"), None);
    }

    #[test]
    fn the_newest_come_first() {
        let mut names = ["v1.9", "v1.10", "nightly", "v1.10-rc.2", "v1.10-rc.10", "1.10.0.1"].map(str::to_owned).to_vec();
        newest_first(&mut names);
        assert_eq!(names, ["1.10.0.1", "v1.10", "v1.10-rc.10", "v1.10-rc.2", "v1.9", "nightly"]);
    }

    #[test]
    fn an_answer_says_what_it_comes_from_unless_that_was_asked_for_by_name() {
        assert_eq!(resolution(None, Some("v1")), None);
        assert_eq!(resolution(Some("1.0"), Some("V1.0")), None);
        assert_eq!(resolution(Some("default"), None), None);
        let said = resolution(Some("^18"), Some("v18.3.1")).unwrap();
        assert!(said.contains("^18") && said.contains("v18.3.1"), "{said}");
        assert!(resolution(Some("latest"), None).unwrap().contains("default version"));
        assert!(resolution(Some("default"), Some("main")).unwrap().contains("main"));
    }

    proptest! {
        #[test]
        fn whatever_is_asked_for_is_answered_with_a_version_or_none(wanted in "\\PC{0,40}", names in prop::collection::vec("[v0-9.x-]{0,9}", 0..6)) {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            if let Some(found) = choose(&versions(&names), Some(&wanted)) {
                prop_assert!(names.contains(&found.version.as_deref().unwrap_or_default()));
            }
        }
    }
}
