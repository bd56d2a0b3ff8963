//! Files whose names do not tell whether they are documentation: OpenAPI documents and manual pages.

use super::selection::largest;
use crate::format::{is_man_section, man, openapi};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Of a file this much is looked at.
const HEAD: u64 = 8 * 1024;

/// What a file is by its content.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Content {
    /// Its name decides.
    ByName,
    /// It is documentation.
    Page,
    /// It is none, and nobody would expect it to be.
    NoPage,
    /// It is called documentation and is none that is read, for this reason.
    Other(&'static str),
}

/// Looks into a file if its name is that of an OpenAPI document or of a manual page.
#[must_use]
pub fn of(file: &Path, path: &str) -> Content {
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    let Some((stem, extension)) = name.rsplit_once('.') else { return Content::ByName };
    match extension {
        "json" | "yaml" | "yml" => {
            let named = stem.contains("openapi") || stem.contains("swagger");
            let text = head(file, if named { largest(path) } else { HEAD });
            if openapi::looks_like_openapi(&text) {
                Content::Page
            } else if named {
                Content::Other(openapi::not_openapi(&text))
            } else {
                Content::NoPage
            }
        }
        section if is_man_section(section) => {
            if man::looks_like_man(&head(file, HEAD)) {
                Content::Page
            } else {
                Content::NoPage
            }
        }
        _ => Content::ByName,
    }
}

fn head(file: &Path, length: u64) -> String {
    let mut bytes = Vec::new();
    // A file that cannot be read is told where it is read as a page, or is none.
    match File::open(file).and_then(|file| file.take(length).read_to_end(&mut bytes)) {
        Ok(_) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn openapi_documents_and_manual_pages_are_known_by_what_they_say() {
        let folder = tempfile::tempdir().unwrap();
        for (name, text, content) in [
            ("api.json", "{\"info\": {}, \"openapi\": \"3.1.0\"}", Content::Page),
            ("petstore.yaml", "# x\nopenapi: 3.0.3\ninfo: {}\n", Content::Page),
            ("package.json", "{\"name\": \"x\"}", Content::NoPage),
            ("openapi.yml", "a: 1\n", Content::Other("it has no top-level \"openapi: 3…\"")),
            ("swagger.json", "{\"swagger\": \"2.0\"}", Content::Other("it is Swagger 2.0; OpenAPI 3.0 and 3.1 are read")),
            ("ls.1", ".\\\" x\n.TH LS 1\n", Content::Page),
            ("find.3p", ".Dd today\n.Dt FIND 3\n", Content::Page),
            ("libx.so.1", "\x7fELF", Content::NoPage),
            ("a.md", "x", Content::ByName),
        ] {
            let file = folder.path().join(name);
            std::fs::write(&file, text).unwrap();
            assert_eq!(of(&file, name), content, "{name}");
        }
    }
}
