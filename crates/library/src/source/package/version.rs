//! Order of semantic versions (semver.org 11), as far as an index needs it.

use std::cmp::Ordering;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Version {
    numbers: [u64; 3],
    before: Vec<String>,
}

impl Version {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.split('+').next()?;
        let (numbers, before) =
            text.split_once('-').map_or((text, Vec::new()), |(numbers, before)| (numbers, before.split('.').map(str::to_owned).collect()));
        let mut parts = numbers.split('.').map(|part| part.parse().ok());
        let numbers = [parts.next()??, parts.next()??, parts.next()??];
        parts.next().is_none().then_some(Self { numbers, before })
    }

    pub(super) fn is_stable(&self) -> bool {
        self.before.is_empty()
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        let identifiers = |a: &String, b: &String| match (a.parse::<u64>(), b.parse::<u64>()) {
            (Ok(a), Ok(b)) => a.cmp(&b),
            (Ok(_), Err(_)) => Ordering::Less,
            (Err(_), Ok(_)) => Ordering::Greater,
            (Err(_), Err(_)) => a.cmp(b),
        };
        self.numbers.cmp(&other.numbers).then_with(|| match (self.is_stable(), other.is_stable()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) => self
                .before
                .iter()
                .zip(&other.before)
                .map(|(a, b)| identifiers(a, b))
                .find(|order| order.is_ne())
                .unwrap_or_else(|| self.before.len().cmp(&other.before.len())),
        })
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_as_the_specification_says() {
        let text = [
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-alpha.beta",
            "1.0.0-beta",
            "1.0.0-beta.2",
            "1.0.0-beta.11",
            "1.0.0-rc.1",
            "1.0.0",
            "1.2.0",
            "1.10.0",
            "2.0.0",
        ];
        let versions: Vec<Version> = text.iter().map(|one| Version::parse(one).unwrap()).collect();
        assert!(versions.windows(2).all(|pair| pair[0] < pair[1]));
        for bad in ["", "1", "1.2", "1.2.3.4", "a.b.c", "1..2"] {
            assert_eq!(Version::parse(bad), None, "{bad}");
        }
    }
}
