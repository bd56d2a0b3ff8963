//! The id of a library whose owner gave none.

use crate::source::{self, Source, SourceError};
use docent_types::library_id::LibraryId;

fn id_part(text: &str) -> String {
    let part: String =
        text.chars().map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '+') { c } else { '-' }).take(100).collect();
    let part = part.trim_matches(['-', '.']).to_owned();
    if part.is_empty() { "library".to_owned() } else { part }
}

/// `example_org_docs` of `https://example.org/docs/`.
fn id_of_address(url: &url::Url, path: &str) -> String {
    let host = url.host_str().unwrap_or("site").trim_start_matches("www.");
    let port = url.port().map(|port| format!("_{port}")).unwrap_or_default();
    let path: String = path.split('/').filter(|part| !part.is_empty()).map(|part| format!("_{part}")).collect();
    format!("{host}{port}{path}").replace('.', "_")
}

/// A file's name without the ending of an archive.
fn archive_name(location: &str) -> String {
    let path = location.split(['?', '#']).next().unwrap_or(location).trim_end_matches('/');
    let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
    let lower = name.to_ascii_lowercase();
    let ending = [".tar.gz", ".tgz", ".tar", ".zip"].iter().find(|ending| lower.ends_with(*ending)).map_or(0, |ending| ending.len());
    name[..name.len() - ending].to_owned()
}

/// `/owner/repo` of a hosted repository, `/websites/host_path` of a web site, `/llmstxt/host` of a file for language models,
/// `/packages/name` of a package, `/local/<name>` of what is on this machine.
///
/// # Errors
/// The path cannot be resolved.
pub fn suggested_id(source: &Source) -> Result<LibraryId, SourceError> {
    let (owner, name) = match source {
        Source::Folder(path) => {
            let full = path.canonicalize().unwrap_or_else(|_| path.clone());
            ("local".to_owned(), full.file_name().map_or_else(|| "library".to_owned(), |name| name.to_string_lossy().into_owned()))
        }
        Source::Archive(location) => {
            let owner = url::Url::parse(location).ok().filter(url::Url::has_host).map(|url| id_of_address(&url, ""));
            (owner.unwrap_or_else(|| "local".to_owned()), archive_name(location))
        }
        Source::Site(url) => {
            let path = url.path().trim_end_matches('/');
            let is_page = [".html", ".htm", ".md"].iter().any(|ending| path.ends_with(ending));
            let path = if is_page { path.rsplit_once('/').map_or("", |(folder, _)| folder) } else { path };
            ("websites".to_owned(), id_of_address(url, path))
        }
        Source::Llms(url) => {
            let folder = url.path().rsplit_once('/').map_or("", |(folder, _)| folder);
            ("llmstxt".to_owned(), id_of_address(url, folder))
        }
        Source::Package { name, .. } => ("packages".to_owned(), name.trim_start_matches('@').to_owned()),
        Source::Git { url, .. } => {
            let shown = source::shown(url);
            let local = shown.starts_with("file://");
            let path = shown.split_once("://").map_or_else(
                || shown.split_once(':').map_or(shown.as_str(), |(_, path)| path),
                |(_, rest)| rest.split_once('/').map_or(rest, |(_, path)| path),
            );
            let path = path.trim_matches('/');
            let path = path.strip_suffix(".git").unwrap_or(path);
            let mut parts = path.rsplit('/').filter(|part| !part.is_empty());
            let name = parts.next().unwrap_or("library").to_owned();
            let owner = if local { "local" } else { parts.next().unwrap_or("git") };
            (owner.to_owned(), name)
        }
    };
    let name = name.strip_suffix(".git").unwrap_or(&name);
    LibraryId::new(&id_part(&owner), &id_part(name)).map_err(|error| SourceError::Form(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_suggested_from_where_the_source_is() {
        for (source, id) in [
            ("https://user:pass@github.com/Vercel/next.js.git#canary", "/vercel/next.js"),
            ("git@example.org:group/sub/repo.git", "/sub/repo"),
            ("file:///srv/git/My Lib.git", "/local/my-lib"),
            ("/", "/local/library"),
            ("/srv/docs-1.2.tar.gz", "/local/docs-1.2"),
            ("https://user:pass@files.example.org/a/handbook.zip?x=1", "/files_example_org/handbook"),
            ("site:https://www.example.org/docs/v2/", "/websites/example_org_docs_v2"),
            ("site:https://example.org/docs/index.html", "/websites/example_org_docs"),
            ("site:http://wiki.intranet:8080", "/websites/wiki_intranet_8080"),
            ("https://docs.example.org/llms-full.txt", "/llmstxt/docs_example_org"),
            ("npm:@scope/name@1.0.0", "/packages/scope-name"),
            ("pypi:ruamel.yaml", "/packages/ruamel.yaml"),
        ] {
            assert_eq!(suggested_id(&Source::parse(source).unwrap()).unwrap().to_string(), id, "{source}");
        }
    }
}
