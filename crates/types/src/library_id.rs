//! Library ids as assistants write them: `/owner/name`, `/owner/name/version`, `/owner/name@version`. A version may be a range.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// `/owner/name`, without a version. Compared without regard to ASCII case: stored in lower case.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Debug)]
#[serde(try_from = "String", into = "String")]
pub struct LibraryId {
    owner: String,
    name: String,
}

/// A library id with the version that was asked for, if one was.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct LibraryReference {
    /// The library.
    pub id: LibraryId,
    /// The version as written, case kept.
    pub version: Option<String>,
}

/// Why a text is not a library id.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum LibraryIdError {
    /// It has not two or three parts.
    #[error("\"{0}\" is not a library id: it has the form /owner/name or /owner/name/version")]
    Form(String),
    /// A part has a character that ids do not have, or is too long.
    #[error(
        "\"{0}\" is not a library id: each part is 1 to 100 of the characters a-z, A-Z, 0-9, '.', '_', '-' and '+', and is neither \".\" nor \"..\""
    )]
    Part(String),
}

fn part_is_valid(part: &str) -> bool {
    (1..=100).contains(&part.len())
        && part != "."
        && part != ".."
        && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'+'))
}

/// A version is a name, `latest`, or a range: `^18`, `>=1.2 <2`, `1.x || 2.x`.
fn version_is_valid(version: &str) -> bool {
    let is_range = |b: u8| matches!(b, b'^' | b'~' | b'<' | b'>' | b'=' | b'*' | b'|' | b',' | b' ');
    let bare: String = version.chars().filter(|c| !c.is_ascii() || !is_range(*c as u8)).collect();
    // A branch may contain slashes; a path may not climb.
    version.len() <= 200 && if bare.is_empty() { version.contains('*') } else { bare.split('/').all(part_is_valid) }
}

impl LibraryId {
    /// From its two parts.
    ///
    /// # Errors
    /// [`LibraryIdError::Part`] if a part has other characters than ids have.
    pub fn new(owner: &str, name: &str) -> Result<Self, LibraryIdError> {
        for part in [owner, name] {
            if !part_is_valid(part) {
                return Err(LibraryIdError::Part(part.chars().take(120).collect()));
            }
        }
        Ok(Self { owner: owner.to_ascii_lowercase(), name: name.to_ascii_lowercase() })
    }

    /// The part before the second slash.
    #[must_use]
    pub fn owner(&self) -> &str {
        &self.owner
    }

    /// The part after it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for LibraryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}/{}", self.owner, self.name)
    }
}

impl From<LibraryId> for String {
    fn from(id: LibraryId) -> Self {
        id.to_string()
    }
}

impl TryFrom<String> for LibraryId {
    type Error = LibraryIdError;
    fn try_from(value: String) -> Result<Self, Self::Error> {
        value.parse()
    }
}

impl FromStr for LibraryId {
    type Err = LibraryIdError;
    fn from_str(value: &str) -> Result<Self, Self::Err> {
        let reference: LibraryReference = value.parse()?;
        match reference.version {
            None => Ok(reference.id),
            Some(_) => Err(LibraryIdError::Form(value.chars().take(240).collect())),
        }
    }
}

impl FromStr for LibraryReference {
    type Err = LibraryIdError;
    fn from_str(value: &str) -> Result<Self, Self::Err> {
        let form = || LibraryIdError::Form(value.chars().take(240).collect());
        let trimmed = value.trim();
        let path = trimmed.strip_prefix('/').unwrap_or(trimmed);
        let path = path.strip_suffix('/').unwrap_or(path);
        let (owner, rest) = path.split_once('/').ok_or_else(form)?;
        let (name, version) = match rest.split_once(['/', '@']) {
            Some((name, version)) => (name, Some(version)),
            None => (rest, None),
        };
        if let Some(version) = version.filter(|version| !version_is_valid(version)) {
            return Err(LibraryIdError::Part(version.chars().take(120).collect()));
        }
        Ok(Self { id: LibraryId::new(owner, name)?, version: version.map(str::to_owned) })
    }
}

impl fmt::Display for LibraryReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.id)?;
        self.version.as_ref().map_or(Ok(()), |version| write!(f, "/{version}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_forms_are_read() {
        let plain: LibraryReference = "/Vercel/next.js".parse().unwrap();
        assert_eq!((plain.id.to_string().as_str(), plain.version), ("/vercel/next.js", None));
        let slash: LibraryReference = "/vercel/next.js/v15.1.0".parse().unwrap();
        let at: LibraryReference = "vercel/next.js@v15.1.0".parse().unwrap();
        assert_eq!(slash, at);
        assert_eq!(slash.version.as_deref(), Some("v15.1.0"));
    }

    #[test]
    fn a_version_may_be_a_range() {
        for version in ["^18", "~2.1", "18.x", ">=1.2 <2", "1.2 - 1.4", "^17 || ^18", "*", "latest", "feature/x"] {
            let reference: LibraryReference = format!("/a/b/{version}").parse().unwrap();
            assert_eq!(reference.version.as_deref(), Some(version));
        }
        for bad in ["^", ">=", "^..", "a/../b", "1\n2", "<script>!", "18;", "é"] {
            assert!(format!("/a/b/{bad}").parse::<LibraryReference>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn what_is_not_an_id_is_refused() {
        for bad in ["", "/", "react", "/a/../etc", "/../b", "/a/b c", "/a/b/..", "/a//v", "/a/b/", "/a/b@"] {
            let parsed = bad.parse::<LibraryReference>();
            // A trailing slash is forgiven, nothing else is.
            assert_eq!(parsed.is_ok(), bad == "/a/b/", "{bad}: {parsed:?}");
        }
    }
}
