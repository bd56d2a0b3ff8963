//! The branches and tags that a repository has, by one request.

use super::{Source, SourceError, advertised, in_the_clear, local_path, open_local, parts, temporary_folder};
use gix::bstr::ByteSlice as _;

/// Names, without `refs/…` before them, in the repository's order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct References {
    /// Branches.
    pub branches: Vec<String>,
    /// Tags.
    pub tags: Vec<String>,
}

impl References {
    fn add(&mut self, full_name: &str) {
        // `^{}` is what an annotated tag stands for, not another tag.
        if let Some(branch) = full_name.strip_prefix("refs/heads/") {
            self.branches.push(branch.to_owned());
        } else if let Some(tag) = full_name.strip_prefix("refs/tags/").filter(|tag| !tag.ends_with("^{}")) {
            self.tags.push(tag.to_owned());
        }
    }
}

/// What a repository has.
///
/// # Errors
/// [`SourceError`]; of a source that is no repository, [`SourceError::Form`].
pub fn references(source: &Source) -> Result<References, SourceError> {
    let (url, _) = parts(source).ok_or_else(|| SourceError::NotARepository(source.display()))?;
    if in_the_clear(url) {
        return Err(SourceError::Insecure(source.display()));
    }
    let mut found = References::default();
    match local_path(url) {
        Some(path) => {
            let repository = open_local(&path, source)?;
            let broken = || SourceError::NotARepository(source.display());
            let references = repository.references().map_err(|_| broken())?;
            for reference in references.all().map_err(|_| broken())?.flatten() {
                found.add(&reference.name().as_bstr().to_str_lossy());
            }
        }
        None => {
            let work = temporary_folder()?;
            for reference in advertised(source, url, work.path(), &|| false)? {
                found.add(&reference.unpack().0.to_str_lossy());
            }
        }
    }
    Ok(found)
}

/// Whether a name fits a pattern of `*` (any text) and `?` (one character).
#[must_use]
pub fn fits(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut at, mut seen) = (0, 0);
    // Where the last star stood, and up to where it reaches.
    let mut star: Option<(usize, usize)> = None;
    while seen < name.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, seen));
                at += 1;
            }
            Some(one) if *one == '?' || Some(one) == name.get(seen) => {
                at += 1;
                seen += 1;
            }
            _ => {
                let Some((star_at, reached)) = star else { return false };
                star = Some((star_at, reached + 1));
                at = star_at + 1;
                seen = reached + 1;
            }
        }
    }
    pattern[at.min(pattern.len())..].iter().all(|rest| *rest == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_by_what_they_are() {
        let mut found = References::default();
        for name in ["HEAD", "refs/heads/main", "refs/heads/feature/x", "refs/tags/v1", "refs/tags/v1^{}", "refs/pull/7/head"] {
            found.add(name);
        }
        assert_eq!((found.branches, found.tags), (vec!["main".to_owned(), "feature/x".to_owned()], vec!["v1".to_owned()]));
    }

    #[test]
    fn patterns_have_stars_and_question_marks() {
        for (pattern, name, expected) in [
            ("v*", "v1.2.3", true),
            ("v*", "1.2.3", false),
            ("*", "", true),
            ("v?.*.0", "v1.22.0", true),
            ("v?.*.0", "v12.2.0", false),
            ("*-rc*", "v1-rc2", true),
            ("v1", "v1", true),
            ("v1", "v11", false),
            ("", "x", false),
            ("**a", "bba", true),
        ] {
            assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
        }
        assert!(!fits(&"*a".repeat(100), &"b".repeat(10_000)), "in no more than quadratic time");
    }
}
