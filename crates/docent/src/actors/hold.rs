//! Whether what a refresh found may take the place of what is served, or is held for a person's decision.

/// Pages and snippets of a version.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Extent {
    /// Pages.
    pub pages: u64,
    /// Snippets.
    pub snippets: u64,
}

/// Why what was found is held, in words: half of the pages or of the snippets that are served, or more, are gone. A source that was
/// emptied, moved or put behind a sign-in looks like that; so does a tidy owner.
#[must_use]
pub fn reason(served: Extent, found: Extent) -> Option<String> {
    let half_gone = |before: u64, now: u64| now < before && now.saturating_mul(2) <= before;
    let is_less = half_gone(served.pages, found.pages) || half_gone(served.snippets, found.snippets);
    is_less.then(|| {
        format!(
            "it found far less than is served: {} of {} pages, {} of {} snippets",
            found.pages, served.pages, found.snippets, served.snippets
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_pages_or_of_the_snippets_gone_is_held() {
        let served = Extent { pages: 10, snippets: 100 };
        for (pages, snippets, held) in [
            (10, 100, false),
            (6, 51, false),
            (200, 2000, false),
            (5, 100, true),
            (10, 50, true),
            (0, 0, true),
            (9, 1, true),
            (1000, 50, true),
        ] {
            assert_eq!(reason(served, Extent { pages, snippets }).is_some(), held, "{pages} pages, {snippets} snippets");
        }
        let words = reason(served, Extent { pages: 5, snippets: 40 }).unwrap();
        assert!(words.contains("5 of 10 pages") && words.contains("40 of 100 snippets"), "{words}");
    }

    #[test]
    fn small_libraries_and_empty_ones_are_told_apart() {
        let one = Extent { pages: 1, snippets: 1 };
        assert_eq!(reason(one, one), None);
        assert_eq!(reason(Extent { pages: 0, snippets: 0 }, one), None);
        assert!(reason(Extent { pages: 2, snippets: 2 }, one).is_some());
    }
}
