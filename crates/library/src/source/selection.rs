//! Which files of a tree are documentation.

use super::content::{self, Content};
use super::context7::Context7;
use super::{SourceError, Tree};
use docent_types::documentation::Skipped;
use std::path::Path;
use walkdir::WalkDir;

/// Larger files are not read.
pub const MAX_FILE: u64 = 2 * 1024 * 1024;
/// Descriptions of interfaces come in one file.
const MAX_OPENAPI: u64 = 16 * 1024 * 1024;
/// More files than this are no documentation.
pub const MAX_FILES: usize = 200_000;
/// More bytes than this are no documentation.
pub const MAX_TOTAL: u64 = 2 * 1024 * 1024 * 1024;

const NEVER: [&str; 9] =
    ["node_modules", "target", "vendor", "bower_components", "__pycache__", "site-packages", "third_party", "_static", "_templates"];
const OLD: [&str; 9] =
    ["archive", "archived", "old", "deprecated", "legacy", "previous_versions", "previous-versions", "translations", "i18n"];
const TESTS: [&str; 10] =
    ["test", "tests", "__tests__", "fixtures", "__fixtures__", "testdata", "e2e", "__snapshots__", "playground", "spec"];
const DOCS: [&str; 8] = ["docs", "doc", "documentation", "website", "content", "guide", "guides", "manual"];
const PAGE_PARTS: [&str; 9] = ["templates", "overrides", "partials", "layouts", "_includes", "_layouts", "theme", "themes", "public"];
const LANGUAGES: [&str; 40] = [
    "ar", "az", "bn", "cs", "de", "es", "fa", "fr", "he", "hi", "hu", "id", "it", "ja", "ko", "nl", "pl", "pt", "pt-br", "pt_br", "pt-pt",
    "ro", "ru", "sv", "th", "tr", "uk", "ur", "vi", "yo", "zh", "zh-cn", "zh_cn", "zh-hans", "zh-hant", "zh-tw", "zh_tw", "em", "ja-jp",
    "ko-kr",
];

/// The pages of a tree, as paths with `/` in the order of their bytes, and what was left out with a reason.
#[derive(Debug, Default)]
pub struct Selection {
    /// Paths relative to the tree's root.
    pub pages: Vec<String>,
    /// Documentation that could not be taken.
    pub skipped: Vec<Skipped>,
    /// Files of every kind that were seen.
    pub seen: usize,
    /// Endings of files that are no documentation, with their number, most frequent first.
    pub others: Vec<(String, usize)>,
}

/// The most bytes of a file that are read, by its name.
#[must_use]
pub fn largest(path: &str) -> u64 {
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    if [".json", ".yaml", ".yml"].iter().any(|ending| name.ends_with(ending)) { MAX_OPENAPI } else { MAX_FILE }
}

/// A file that is not read for its size, in words.
#[must_use]
pub fn too_large(path: &str) -> String {
    format!("it is larger than {} MiB", largest(path) >> 20)
}

/// Whether a file's name is one of documentation.
#[must_use]
pub fn is_documentation(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let Some((stem, extension)) = name.rsplit_once('.') else { return false };
    match extension.to_ascii_lowercase().as_str() {
        "md" | "markdown" | "mdx" | "rst" | "rest" | "ipynb" | "html" | "htm" | "adoc" | "asciidoc" | "asc" => true,
        "txt" => {
            let stem = stem.to_ascii_lowercase();
            let machine = [
                "requirements",
                "robots",
                "cmakelists",
                "license",
                "licence",
                "copying",
                "constraints",
                "ads",
                "humans",
                "security",
                "sources",
                "top_level",
                "entry_points",
                "version",
            ];
            let in_docs = path.split('/').rev().skip(1).any(|part| DOCS.contains(&part.to_ascii_lowercase().as_str()));
            !machine.iter().any(|word| stem.starts_with(word))
                && !stem.contains("requirements")
                && (in_docs || stem == "readme" || stem.starts_with("llms"))
        }
        _ => false,
    }
}

/// Changelogs, licences, codes of conduct and contributing guides.
fn is_housekeeping(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    let stem = name.rsplit_once('.').map_or(name.as_str(), |(stem, _)| stem).replace(['-', ' '], "_");
    ["changelog", "license", "licence", "code_of_conduct", "contributing"].iter().any(|start| stem.starts_with(start))
        || matches!(
            stem.as_str(),
            "changes"
                | "history"
                | "codeofconduct"
                | "copying"
                | "notice"
                | "authors"
                | "contributors"
                | "pull_request_template"
                | "issue_template"
                | "unlicense"
                | "maintainers"
                | "governance"
        )
}

/// Selects the pages of a tree.
///
/// # Errors
/// There is more than an ingest takes.
pub fn select(tree: &Tree, rules: &Context7, display: &str) -> Result<Selection, SourceError> {
    let mut out = Selection { skipped: tree.skipped.clone(), ..Selection::default() };
    let mut files: Vec<(String, u64)> = Vec::new();
    let mut others: std::collections::HashMap<String, usize> = std::collections::HashMap::new();
    let mut total = 0_u64;
    let walk = WalkDir::new(&tree.root).follow_links(false).sort_by(|a, b| a.file_name().cmp(b.file_name()));
    // Of what was crawled every file is a page, whatever its name.
    let crawled = !tree.urls.is_empty();
    let entries = walk.into_iter().filter_entry(|entry| {
        entry.depth() == 0
            || crawled
            || !(entry.file_type().is_dir() && never(&entry.file_name().to_string_lossy(), &relative(&tree.root, entry.path()), rules))
    });
    for entry in entries {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                let path = error.path().map_or_else(String::new, |path| relative(&tree.root, path));
                out.skipped
                    .push(Skipped { path, reason: error.io_error().map_or_else(|| "it cannot be read".to_owned(), ToString::to_string) });
                continue;
            }
        };
        if entry.file_type().is_dir() {
            continue;
        }
        let path = relative(&tree.root, entry.path());
        if entry.file_type().is_symlink() {
            if let Some(reason) = link_out(&tree.root, entry.path()) {
                out.skipped.push(Skipped { path, reason: reason.to_owned() });
            }
            continue;
        }
        out.seen += 1;
        if out.seen > MAX_FILES {
            return Err(SourceError::TooLarge { display: display.to_owned(), what: format!("it has more than {MAX_FILES} files") });
        }
        let hidden = path.rsplit('/').next().is_some_and(|name| name.starts_with('.'));
        let page = match content::of(entry.path(), &path) {
            // What came from a web site is a page, whatever it is called.
            _ if crawled => true,
            _ if hidden => false,
            Content::ByName => is_documentation(&path),
            Content::Page => true,
            Content::NoPage => false,
            Content::Other(reason) => {
                out.skipped.push(Skipped { path, reason: reason.to_owned() });
                continue;
            }
        };
        if !page {
            let ending = path
                .rsplit('/')
                .next()
                .and_then(|name| name.rsplit_once('.'))
                .map_or("no ending".to_owned(), |(_, ending)| format!(".{ending}"));
            *others.entry(ending).or_insert(0) += 1;
            continue;
        }
        let size = entry.metadata().map_or(0, |metadata| metadata.len());
        if size > largest(&path) {
            let reason = too_large(&path);
            out.skipped.push(Skipped { path, reason });
            continue;
        }
        total += size;
        if total > MAX_TOTAL {
            return Err(SourceError::TooLarge {
                display: display.to_owned(),
                what: format!("its documentation has more than {} GiB", MAX_TOTAL >> 30),
            });
        }
        files.push((path, size));
    }
    out.others = others.into_iter().collect();
    out.others.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let paths: Vec<&str> = files.iter().map(|(path, _)| path.as_str()).collect();
    let judge = Judge { crawled, ..Judge::new(&paths, rules) };
    let mut pages: Vec<String> = paths.iter().filter(|path| judge.takes(path)).map(|path| (*path).to_owned()).collect();
    if pages.is_empty() && rules.folders.is_empty() {
        // A tree of nothing but what is usually left out was given for just that.
        pages = paths.iter().filter(|path| !is_housekeeping(path)).map(|path| (*path).to_owned()).collect();
    }
    pages.sort_unstable();
    out.pages = pages;
    out.skipped.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(out)
}

fn relative(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).to_string_lossy().replace('\\', "/")
}

fn never(name: &str, path: &str, rules: &Context7) -> bool {
    let asked = rules.folders.iter().any(|folder| folder_matches(folder, path) || folder.trim_start_matches("./").starts_with(path));
    !asked && (name.starts_with('.') || NEVER.contains(&name.to_ascii_lowercase().as_str()))
}

fn link_out(root: &Path, path: &Path) -> Option<&'static str> {
    match path.canonicalize() {
        Ok(target) if target.starts_with(root) => None,
        Ok(_) => Some("it is a symbolic link that leads out of the source"),
        Err(_) => Some("it is a symbolic link to nothing"),
    }
}

/// What is taken of a tree, knowing all of it.
struct Judge<'a> {
    rules: &'a Context7,
    has_docs: bool,
    many_pages: bool,
    /// Whether it is a web site: what stands there is read, and not what lies in a repository beside it.
    crawled: bool,
    /// Folders that have an `en` beside other languages.
    translated: Vec<String>,
}

impl<'a> Judge<'a> {
    fn new(paths: &[&str], rules: &'a Context7) -> Self {
        let has_docs = paths.iter().any(|path| {
            let parts: Vec<&str> = path.split('/').collect();
            parts.iter().take(parts.len().saturating_sub(1)).take(3).any(|part| DOCS.contains(&part.to_ascii_lowercase().as_str()))
        });
        let marked_up = paths.iter().filter(|path| !path.ends_with(".html") && !path.ends_with(".htm") && !path.ends_with(".txt")).count();
        let mut translated: Vec<String> = Vec::new();
        for path in paths {
            for (at, part) in path.match_indices("/en/").map(|(at, _)| (at, "en")).chain(path.starts_with("en/").then_some((0, "en"))) {
                let parent = if at == 0 && part == "en" && path.starts_with("en/") { "" } else { &path[..=at] };
                if !translated.iter().any(|known| known == parent) {
                    translated.push(parent.to_owned());
                }
            }
        }
        Self { rules, has_docs, many_pages: marked_up >= 10, crawled: false, translated }
    }

    fn takes(&self, path: &str) -> bool {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let listed = self.rules.folders.iter().any(|pattern| folder_matches(pattern, folder));
        if self.rules.exclude_folders.iter().any(|pattern| folder_matches(pattern, folder)) {
            return false;
        }
        let at_root = folder.is_empty() && is_markdown(name);
        if !(self.rules.folders.is_empty() || listed || at_root) {
            return false;
        }
        if self.rules.exclude_files.iter().any(|pattern| pattern == name || pattern == path) {
            return false;
        }
        let parts: Vec<String> = folder.split('/').map(str::to_ascii_lowercase).collect();
        let within = |names: &[&str]| parts.iter().any(|part| names.contains(&part.as_str()));
        if !listed {
            if self.rules.exclude_folders.is_empty() && within(&OLD) {
                return false;
            }
            if self.translated.iter().any(|parent| {
                path.strip_prefix(parent.as_str())
                    .and_then(|rest| rest.split('/').next())
                    .is_some_and(|part| LANGUAGES.contains(&part.to_ascii_lowercase().as_str()))
            }) {
                return false;
            }
            if self.has_docs && !self.crawled && within(&TESTS) {
                return false;
            }
        }
        if self.rules.exclude_files.is_empty() && is_housekeeping(path) {
            return false;
        }
        let html = name.ends_with(".html") || name.ends_with(".htm");
        // Beside written pages, HTML is most often part of a site's machinery or of an example.
        !(html
            && !self.crawled
            && self.many_pages
            && (within(&PAGE_PARTS) || within(&TESTS) || !within(&DOCS) || within(&["examples", "docs_src", "static", "assets"])))
    }
}

fn is_markdown(name: &str) -> bool {
    [".md", ".mdx", ".markdown"].iter().any(|ending| name.to_ascii_lowercase().ends_with(ending))
}

/// Whether a folder lies in what a pattern names: a name anywhere, `./from-root`, a path, with `*` and `**`.
#[must_use]
pub fn folder_matches(pattern: &str, folder: &str) -> bool {
    let (anchored, pattern) = match pattern.strip_prefix("./").or_else(|| pattern.strip_prefix('/')) {
        Some(rest) => (true, rest),
        None => (false, pattern),
    };
    let pattern: Vec<&str> = pattern.split('/').filter(|part| !part.is_empty() && *part != ".").take(32).collect();
    let parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    if pattern.is_empty() {
        return anchored || folder.is_empty();
    }
    let starts = if anchored { 0..1 } else { 0..parts.len().max(1) };
    starts.into_iter().any(|start| parts.get(start..).is_some_and(|rest| prefix_matches(&pattern, rest)))
}

/// Whether the pattern matches the first parts; what lies deeper is in the folder.
fn prefix_matches(pattern: &[&str], parts: &[&str]) -> bool {
    // Places in `parts` that the pattern so far can end at.
    let mut places = vec![false; parts.len() + 1];
    places[0] = true;
    for piece in pattern {
        let mut next = vec![false; parts.len() + 1];
        if *piece == "**" {
            let mut reached = false;
            for (at, place) in places.iter().enumerate() {
                reached |= *place;
                next[at] = reached;
            }
        } else {
            for (at, part) in parts.iter().enumerate() {
                next[at + 1] = places[at] && part_matches(piece, part);
            }
        }
        places = next;
    }
    places.contains(&true)
}

/// `*` stands for any characters of one part.
fn part_matches(pattern: &str, part: &str) -> bool {
    let mut pieces = pattern.split('*');
    let first = pieces.next().unwrap_or("");
    let Some(mut rest) = part.strip_prefix(first) else { return false };
    let pieces: Vec<&str> = pieces.collect();
    let Some((last, middle)) = pieces.split_last() else { return rest.is_empty() };
    for piece in middle {
        match rest.find(piece) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn tree(files: &[&str]) -> (tempfile::TempDir, Tree) {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "text").unwrap();
        }
        let tree = super::super::folder::open(folder.path()).unwrap();
        (folder, tree)
    }

    fn selected(files: &[&str], rules: &Context7) -> Vec<String> {
        let (_folder, tree) = tree(files);
        select(&tree, rules, "x").unwrap().pages
    }

    #[test]
    fn documentation_is_selected_and_the_rest_is_not() {
        let files = [
            "README.md",
            "CHANGELOG.md",
            "LICENSE.md",
            "docs/a.rst",
            "docs/b.mdx",
            "docs/notes.txt",
            "docs/requirements.txt",
            "src/main.rs",
            "tests/fixtures/x.md",
            "node_modules/m/README.md",
            ".github/x.md",
            "docs/old/x.md",
            "docs/en/y.md",
            "docs/de/y.md",
            "nb/z.ipynb",
        ];
        assert_eq!(
            selected(&files, &Context7::default()),
            ["README.md", "docs/a.rst", "docs/b.mdx", "docs/en/y.md", "docs/notes.txt", "nb/z.ipynb"]
        );
    }

    #[test]
    fn the_owners_folders_are_taken_and_root_markdown_always_is() {
        let rules = Context7 {
            folders: vec!["docs".into(), "./packages/*/guide".into()],
            exclude_folders: vec!["internal".into()],
            exclude_files: vec!["draft.md".into()],
            ..Context7::default()
        };
        let files = [
            "README.md",
            "docs/a.md",
            "docs/internal/b.md",
            "docs/draft.md",
            "other/c.md",
            "packages/x/guide/d.md",
            "packages/x/e.md",
            "CHANGELOG.md",
        ];
        assert_eq!(selected(&files, &rules), ["CHANGELOG.md", "README.md", "docs/a.md", "packages/x/guide/d.md"]);
    }

    #[test]
    fn patterns_match_names_paths_and_stars() {
        for (pattern, folder, matches) in [
            ("old", "docs/old/x", true),
            ("./old", "docs/old", false),
            ("./docs/old", "docs/old/x", true),
            ("docs/old", "a/docs/old", true),
            ("docs/**/api", "docs/x/y/api", true),
            ("v*", "docs/v1.2", true),
            ("v*", "docs/dev", false),
            ("**/x", "a/b/x/c", true),
            (".", "", true),
        ] {
            assert_eq!(folder_matches(pattern, folder), matches, "{pattern} {folder}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn links_out_of_the_tree_are_named_and_not_followed() {
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("secret.md"), "secret").unwrap();
        let (folder, _) = tree(&["a.md"]);
        std::os::unix::fs::symlink(outside.path().join("secret.md"), folder.path().join("link.md")).unwrap();
        std::os::unix::fs::symlink(outside.path(), folder.path().join("folder")).unwrap();
        std::os::unix::fs::symlink(folder.path().join("a.md"), folder.path().join("inside.md")).unwrap();
        std::os::unix::fs::symlink(folder.path(), folder.path().join("loop")).unwrap();
        let tree = super::super::folder::open(folder.path()).unwrap();
        let selection = select(&tree, &Context7::default(), "x").unwrap();
        assert_eq!(selection.pages, ["a.md"]);
        assert_eq!(selection.skipped.iter().map(|s| s.path.as_str()).collect::<Vec<_>>(), ["folder", "link.md"]);
    }

    #[test]
    fn a_huge_file_is_named_and_not_read() {
        let (folder, _) = tree(&["a.md"]);
        fs::File::create(folder.path().join("huge.md")).unwrap().set_len(MAX_FILE + 1).unwrap();
        let tree = super::super::folder::open(folder.path()).unwrap();
        let selection = select(&tree, &Context7::default(), "x").unwrap();
        assert_eq!((selection.pages.len(), selection.skipped[0].path.as_str()), (1, "huge.md"));
    }
}
