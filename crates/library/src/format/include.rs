//! Files that pages include: read from the source's tree and from nowhere else.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::{BTreeSet, HashSet};
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Includes larger than this are left out.
const MAX_INCLUDED: u64 = 512 * 1024;

/// Something that a page's reader asked its tree, and the answer: the page is read the same while the answers are.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum Asked {
    /// What a file includes: file, target, and the digest of the text, if there was one.
    Include(String, String, Option<String>),
    /// Whether a link may lead to a path.
    Link(String, bool),
}

/// The folder that includes are resolved in.
#[derive(Clone, Debug)]
pub struct Tree {
    root: Option<PathBuf>,
    files: Arc<HashSet<String>>,
    asked: Option<Arc<Mutex<BTreeSet<Asked>>>>,
}

/// Of the text of a file, to know it again: 32 hexadecimal digits.
#[must_use]
pub fn digest(text: &[u8]) -> String {
    crate::snippet::identity::hex(&Sha256::digest(text)[..16])
}

impl Tree {
    /// A tree on disk. Its root is resolved once, so that links can be compared with it.
    ///
    /// # Errors
    /// The root cannot be resolved.
    pub fn new(root: &Path) -> std::io::Result<Self> {
        Ok(Self { root: Some(root.canonicalize()?), files: Arc::default(), asked: None })
    }

    /// No tree: every include is missing.
    #[must_use]
    pub fn none() -> Self {
        Self { root: None, files: Arc::default(), asked: None }
    }

    /// The same tree, knowing the files that links may lead to, as paths with `/` from its root.
    #[must_use]
    pub fn with_files(mut self, files: impl IntoIterator<Item = String>) -> Self {
        self.files = Arc::new(files.into_iter().collect());
        self
    }

    /// The same tree, for the reader of one page: what it asks is written down.
    #[must_use]
    pub fn watched(&self) -> Self {
        Self { asked: Some(Arc::default()), ..self.clone() }
    }

    /// What was asked of a watched tree, each thing once.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        let Some(asked) = &self.asked else { return Vec::new() };
        asked.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// Whether the tree answers as it did.
    #[must_use]
    pub fn answers_as_before(&self, asked: &[Asked]) -> bool {
        asked.iter().all(|one| match one {
            Asked::Include(page, target, before) => self.find(page, target).map(|text| digest(text.as_bytes())) == *before,
            Asked::Link(path, before) => self.is_there(path) == *before,
        })
    }

    fn watch(&self, one: impl FnOnce() -> Asked) {
        if let Some(asked) = &self.asked {
            asked.lock().unwrap_or_else(PoisonError::into_inner).insert(one());
        }
    }

    /// Whether a link may lead to this file: a page, or another file of the tree on disk.
    #[must_use]
    pub fn has(&self, path: &str) -> bool {
        let is_there = self.is_there(path);
        self.watch(|| Asked::Link(path.to_owned(), is_there));
        is_there
    }

    fn is_there(&self, path: &str) -> bool {
        self.files.contains(path) || self.root.as_ref().is_some_and(|root| has_ending(path) && is_file(&root.join(path)))
    }

    /// The text of an included file. `target` is relative to `page`'s folder, to a folder above it, or, with `/` or `@/`,
    /// to the root. `None` if it is not in the tree, too large or binary.
    #[must_use]
    pub fn read(&self, page: &str, target: &str) -> Option<String> {
        let text = self.find(page, target);
        self.watch(|| Asked::Include(page.to_owned(), target.to_owned(), text.as_ref().map(|text| digest(text.as_bytes()))));
        text
    }

    fn find(&self, page: &str, target: &str) -> Option<String> {
        let root = self.root.as_ref()?;
        let target = target.trim().trim_matches(['"', '\'']);
        if target.is_empty() || target.len() > 500 || target.contains('\0') {
            return None;
        }
        let folders = page.rsplit_once('/').map_or("", |(folder, _)| folder);
        let (absolute, rest) = match target.strip_prefix("@/").or_else(|| target.strip_prefix('/')) {
            Some(rest) => (true, rest),
            None => (false, target),
        };
        // Site generators resolve against the page, its project's folder or the source's root: the nearest that exists wins.
        let mut base = PathBuf::from(folders);
        let mut first = true;
        loop {
            if (!absolute || !first || base.as_os_str().is_empty())
                && let Some(text) = normalise(&base.join(rest)).and_then(|inside| self.read_inside(root, &inside))
            {
                return Some(text);
            }
            first = false;
            if !base.pop() {
                break;
            }
        }
        // FastAPI's pages climb one folder more than their place in the tree has: what is left is relative to the root.
        let climbed: PathBuf = Path::new(rest).components().filter(|c| matches!(c, Component::Normal(_))).collect();
        self.read_inside(root, &climbed)
    }

    fn read_inside(&self, root: &Path, inside: &Path) -> Option<String> {
        let path = root.join(inside).canonicalize().ok()?;
        if !path.starts_with(root) {
            return None;
        }
        let metadata = path.metadata().ok()?;
        if !metadata.is_file() || metadata.len() > MAX_INCLUDED {
            return None;
        }
        super::decode(&std::fs::read(&path).ok()?)
    }
}

/// Only files with an ending are asked for on disk: links mostly lead to pages, which are known.
fn has_ending(path: &str) -> bool {
    const PAGES: [&str; 6] = [".md", ".mdx", ".rst", ".adoc", ".html", ".htm"];
    path.rsplit('/').next().is_some_and(|name| name.contains('.')) && !PAGES.iter().any(|ending| path.ends_with(ending))
}

fn is_file(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|metadata| metadata.is_file())
}

/// `a/../b` as `b`. `None` if it climbs out or is absolute.
fn normalise(path: &Path) -> Option<PathBuf> {
    let mut out = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(part) => out.push(part),
            Component::CurDir => {}
            Component::ParentDir => {
                if !out.pop() {
                    return None;
                }
            }
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    (!out.as_os_str().is_empty()).then_some(out)
}

/// The lines that a selection names: `3`, `2-5`, `1:5`, `4,8-10`, `5-`. Everything if it is not understood.
#[must_use]
pub fn select_lines(text: &str, selection: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let mut chosen = Vec::new();
    for part in selection.split(',') {
        let part = part.trim();
        let (from, to) = part.split_once([':', '-']).unwrap_or((part, part));
        let from = if from.is_empty() { Some(1) } else { from.trim().parse::<usize>().ok() };
        let to = if to.is_empty() { Some(lines.len()) } else { to.trim().parse::<usize>().ok() };
        let (Some(from), Some(to)) = (from, to) else { return text.to_owned() };
        chosen.extend(lines.iter().skip(from.saturating_sub(1)).take((to + 1).saturating_sub(from.max(1))).copied());
    }
    if chosen.is_empty() { text.to_owned() } else { chosen.join("\n") }
}

/// The part of a file between region marks of a name (`#region name`, `[start:name]`, `ANCHOR: name`).
#[must_use]
pub fn select_region(text: &str, name: &str) -> Option<String> {
    let opens = |line: &str| {
        line.contains(&format!("region {name}")) && !line.contains("endregion")
            || line.contains(&format!("[start:{name}]"))
            || line.contains(&format!("ANCHOR: {name}"))
            || line.contains(&format!("start-after: {name}"))
    };
    let closes =
        |line: &str| line.contains("endregion") || line.contains(&format!("[end:{name}]")) || line.contains(&format!("ANCHOR_END: {name}"));
    let mut lines = text.lines().skip_while(|line| !opens(line));
    lines.next()?;
    Some(lines.take_while(|line| !closes(line)).collect::<Vec<_>>().join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_include_is_found_beside_above_and_from_the_root_but_never_outside() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("tree");
        std::fs::create_dir_all(root.join("docs/en")).unwrap();
        std::fs::write(root.join("docs/en/part.py"), "beside").unwrap();
        std::fs::write(root.join("code.py"), "root").unwrap();
        std::fs::write(folder.path().join("secret"), "secret").unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink(folder.path().join("secret"), root.join("link")).unwrap();
        let tree = Tree::new(&root).unwrap();
        assert_eq!(tree.read("docs/en/a.md", "part.py").as_deref(), Some("beside"));
        assert_eq!(tree.read("docs/en/a.md", "../../code.py").as_deref(), Some("root"));
        assert_eq!(tree.read("docs/en/a.md", "@/code.py").as_deref(), Some("root"));
        for outside in ["../../../secret", "/../secret", "link", "@/link", "/etc/hostname", ""] {
            assert_eq!(tree.read("docs/en/a.md", outside), None, "{outside}");
        }
    }

    #[test]
    fn lines_and_regions_are_selected() {
        assert_eq!(select_lines("a\nb\nc\nd", "2-3"), "b\nc");
        assert_eq!(select_lines("a\nb\nc\nd", "1,4"), "a\nd");
        assert_eq!(select_lines("a\nb\nc\nd", "3:"), "c\nd");
        assert_eq!(select_lines("a\nb", "x"), "a\nb");
        assert_eq!(select_region("x\n// #region one\ny\n// #endregion one\nz", "one").as_deref(), Some("y"));
    }
}
