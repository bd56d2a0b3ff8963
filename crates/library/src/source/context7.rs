//! `context7.json` at a repository's root: what its owner wants read, and how they call it.

use serde::Deserialize;

/// The file, as far as it is used. Fields that are not understood are ignored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Context7 {
    /// The library's title.
    pub project_title: Option<String>,
    /// One or two sentences.
    pub description: Option<String>,
    /// The branch to read.
    pub branch: Option<String>,
    /// Only these folders (root Markdown files always).
    pub folders: Vec<String>,
    /// Not these folders.
    pub exclude_folders: Vec<String>,
    /// Not files of these names.
    pub exclude_files: Vec<String>,
    /// The owner's notes for assistants.
    pub rules: Vec<String>,
    /// Tags of further versions.
    pub previous_versions: Vec<PreviousVersion>,
    /// Branches of further versions.
    pub branch_versions: Vec<BranchVersion>,
}

/// A version that is a tag.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct PreviousVersion {
    /// The tag.
    pub tag: String,
}

/// A version that is a branch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct BranchVersion {
    /// The branch.
    pub branch: String,
}

impl Context7 {
    /// Reads the file; texts are cut to sizes that fit a page.
    ///
    /// # Errors
    /// In words, if it is not the JSON it should be.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parsed: Self =
            serde_json::from_str(text.trim_start_matches('\u{feff}')).map_err(|error| format!("not understood: {error}"))?;
        let cut = |text: &mut String, limit: usize| *text = text.chars().filter(|c| !c.is_control() || *c == '\n').take(limit).collect();
        if let Some(title) = &mut parsed.project_title {
            cut(title, 200);
        }
        if let Some(description) = &mut parsed.description {
            cut(description, 1_000);
        }
        parsed.rules.truncate(50);
        parsed.rules.iter_mut().for_each(|rule| cut(rule, 1_000));
        parsed.rules.retain(|rule| !rule.trim().is_empty());
        Ok(parsed)
    }

    /// The versions it names.
    #[must_use]
    pub fn versions(&self) -> Vec<String> {
        let tags = self.previous_versions.iter().map(|v| v.tag.clone());
        tags.chain(self.branch_versions.iter().map(|v| v.branch.clone())).filter(|name| !name.is_empty()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_read_and_what_is_not_understood_is_said() {
        let file = Context7::parse(r#"{"$schema":"x","projectTitle":"T","folders":["docs"],"rules":["a","  "],"previousVersions":[{"tag":"v1"}],"branchVersions":[{"branch":"2.x"}],"url":"u"}"#).unwrap();
        assert_eq!((file.project_title.as_deref(), file.folders.len(), file.rules.len()), (Some("T"), 1, 1));
        assert_eq!(file.versions(), ["v1", "2.x"]);
        assert!(Context7::parse("{").is_err());
        assert!(Context7::parse(r#"{"folders":"docs"}"#).is_err());
    }
}
