//! A package as a source: what its registry shows of it, which is its readme.

mod cargo;
mod npm;
mod pypi;
mod version;

use super::archive::download;
use super::archive::unpack::Unpacking;
use super::http::{Client, Validators};
use super::network::Network;
use super::{Progress, SourceError, Tree, fresh_folder};
use std::collections::BTreeMap;
use std::path::Path;
use url::Url;

/// Of a package's file.
const MAX_PACKAGE: u64 = 256 << 20;
/// Of what a registry says of a package.
const MAX_DESCRIPTION: u64 = 32 << 20;

/// Where a package lives.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Ecosystem {
    /// JavaScript.
    Npm,
    /// Python.
    Pypi,
    /// Rust.
    Cargo,
}

impl Ecosystem {
    /// The one that a prefix names.
    #[must_use]
    pub fn named(prefix: &str) -> Option<Self> {
        [Self::Npm, Self::Pypi, Self::Cargo].into_iter().find(|one| one.prefix() == prefix)
    }

    /// How it is written before a package's name.
    #[must_use]
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Npm => "npm",
            Self::Pypi => "pypi",
            Self::Cargo => "cargo",
        }
    }
}

/// Name and version of `NAME[@VERSION]`, if it is one that this ecosystem may have.
#[must_use]
pub fn parse(ecosystem: Ecosystem, text: &str) -> Option<(String, Option<String>)> {
    let at = text.char_indices().skip(1).find(|(_, c)| *c == '@').map(|(at, _)| at);
    let (name, version) = at.map_or((text, None), |at| (&text[..at], Some(&text[at + 1..])));
    let part = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
            && part.len() <= 100
            && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '~'))
    };
    let is_name = match (ecosystem, name.strip_prefix('@')) {
        (Ecosystem::Npm, Some(scoped)) => scoped.split_once('/').is_some_and(|(scope, name)| part(scope) && part(name)),
        _ => part(name),
    };
    let is_version = |version: &str| {
        !version.is_empty()
            && version.len() <= 100
            && version.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '+' | '!'))
            && version.starts_with(|c: char| c.is_ascii_alphanumeric())
    };
    (is_name && version.is_none_or(is_version)).then(|| (name.to_owned(), version.map(str::to_owned)))
}

/// What a registry says of a package.
struct Description {
    version: String,
    summary: Option<String>,
    /// Where a person reads it.
    page: String,
    readme: Readme,
}

enum Readme {
    /// The text, with the name that its format has.
    Text(String, &'static str),
    /// In the package's file at this address, below one folder; with the file's SHA-256 if the registry says it, and the
    /// readme's path if the package does.
    Within(Url, Option<String>),
    /// It has none.
    None,
}

/// One registry.
struct Registry<'a> {
    client: Client<'a>,
    display: &'a str,
    base: Url,
}

impl<'a> Registry<'a> {
    fn new(ecosystem: Ecosystem, display: &'a str, network: &'a Network, progress: &'a dyn Progress) -> Result<Self, SourceError> {
        let registries = &network.registries;
        let (text, key) = match ecosystem {
            Ecosystem::Npm => (&registries.npm, "library.npm_registry"),
            Ecosystem::Pypi => (&registries.pypi, "library.pypi_registry"),
            Ecosystem::Cargo => (&registries.cargo, "library.cargo_registry"),
        };
        if text.is_empty() {
            return Err(SourceError::NoRegistry { display: display.to_owned(), key });
        }
        // As Cargo writes the address of an index.
        let text = text.trim_start_matches("sparse+").trim_end_matches('/');
        let base = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        let base = base.ok_or_else(|| SourceError::NotUnderstood {
            display: display.to_owned(),
            reason: format!("the configured registry \"{}\" is not an http or https URL", super::shown(text)),
        })?;
        Ok(Self { client: Client::new(&base, display, network, progress)?, display, base })
    }

    /// An address below the base. `path` has no slash at its beginning and is encoded.
    fn at(&self, path: &str) -> Result<Url, SourceError> {
        let base = format!("{}/{path}", self.base.as_str().trim_end_matches('/'));
        Url::parse(&base).map_err(|error| self.not_understood(&error.to_string()))
    }

    fn not_understood(&self, reason: &str) -> SourceError {
        SourceError::NotUnderstood { display: self.display.to_owned(), reason: reason.to_owned() }
    }

    fn none(&self, reason: impl Into<String>) -> SourceError {
        SourceError::NoSuchPackage { display: self.display.to_owned(), reason: reason.into() }
    }

    fn read(&self, url: &Url, missing: &str) -> Result<Vec<u8>, SourceError> {
        let answer = self.client.file(url, &Validators::default(), "application/json").map_err(|error| match error {
            SourceError::Missing(_) => self.none(missing),
            other => other,
        })?;
        answer.read(MAX_DESCRIPTION).map_err(|failure| failure.of(self.display))
    }

    fn json<T: serde::de::DeserializeOwned>(&self, url: &Url, missing: &str) -> Result<T, SourceError> {
        let bytes = self.read(url, missing)?;
        serde_json::from_slice(&bytes)
            .map_err(|error| self.not_understood(&format!("the registry's answer is not what was expected ({error})")))
    }

    fn description(&self, ecosystem: Ecosystem, name: &str, version: Option<&str>) -> Result<Description, SourceError> {
        match ecosystem {
            Ecosystem::Npm => npm::describe(self, name, version),
            Ecosystem::Pypi => pypi::describe(self, name, version),
            Ecosystem::Cargo => cargo::describe(self, name, version),
        }
    }
}

/// Reads the readme of a package.
///
/// # Errors
/// [`SourceError`].
pub fn fetch(
    ecosystem: Ecosystem,
    name: &str,
    version: Option<&str>,
    display: &str,
    network: &Network,
    workdir: &Path,
    progress: &dyn Progress,
) -> Result<Tree, SourceError> {
    let registry = Registry::new(ecosystem, display, network, progress)?;
    let described = registry.description(ecosystem, name, version)?;
    let (temporary, root) = fresh_folder(workdir)?;
    let io = |error: std::io::Error| SourceError::Io { path: root.display().to_string(), reason: error.to_string() };
    match &described.readme {
        Readme::Text(text, file) => std::fs::write(root.join(file), text).map_err(io)?,
        Readme::Within(url, digest) => {
            let answer = registry.client.file(url, &Validators::default(), "*/*")?;
            let (mut file, found) = download(answer, display, MAX_PACKAGE.min(network.limits.download), workdir)?;
            if digest.as_ref().is_some_and(|digest| !digest.eq_ignore_ascii_case(&found)) {
                return Err(registry.not_understood("the package's file is not the one that the registry promises (its SHA-256 differs)"));
            }
            let packed = temporary.path().join("package");
            std::fs::create_dir_all(&packed).map_err(io)?;
            let takes = |path: &str| path.split('/').count() == 2 && path.rsplit('/').next().is_some_and(is_readme);
            let mut unpacking = Unpacking::new(&packed, display, &network.limits, progress, &file)?.only(&takes);
            unpacking.read(&mut file)?;
            if let Some(readme) = readme_in(&packed) {
                let target = root.join(readme.file_name().unwrap_or_default());
                std::fs::copy(&readme, target).map_err(io)?;
            }
        }
        Readme::None => {}
    }
    let file = std::fs::read_dir(&root).map_err(io)?.flatten().next().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let file = file.ok_or_else(|| registry.none(format!("version {} has no readme", described.version)))?;
    Ok(Tree {
        commit: Some(described.version.clone()),
        branch: Some(described.version),
        urls: BTreeMap::from([(file, described.page)]),
        title: Some(name.to_owned()),
        description: described.summary,
        ..Tree::new(root, Some(temporary))
    })
}

/// The version that a fetch would read now.
///
/// # Errors
/// [`SourceError`].
pub fn revision(
    ecosystem: Ecosystem,
    name: &str,
    version: Option<&str>,
    display: &str,
    network: &Network,
    progress: &dyn Progress,
) -> Result<String, SourceError> {
    let registry = Registry::new(ecosystem, display, network, progress)?;
    match ecosystem {
        Ecosystem::Cargo => cargo::version(&registry, name, version),
        _ => Ok(registry.description(ecosystem, name, version)?.version),
    }
}

fn is_readme(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    lower == "readme" || ["md", "markdown", "mdx", "rst", "txt"].iter().any(|ending| lower == format!("readme.{ending}"))
}

/// The readme in the one folder of an unpacked package; written pages before plain ones.
fn readme_in(folder: &Path) -> Option<std::path::PathBuf> {
    let folders = std::fs::read_dir(folder).ok()?.flatten().filter(|entry| entry.path().is_dir());
    let mut files: Vec<_> =
        folders.filter_map(|folder| std::fs::read_dir(folder.path()).ok()).flat_map(|files| files.flatten().map(|f| f.path())).collect();
    files.sort_by_key(|path| {
        let ending = path.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase());
        let rank = ["md", "markdown", "mdx", "rst", "txt"].iter().position(|known| Some(*known) == ending.as_deref()).unwrap_or(9);
        (rank, path.clone())
    });
    files.into_iter().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_versions_are_told_apart() {
        let owned = |name: &str, version: Option<&str>| Some((name.to_owned(), version.map(str::to_owned)));
        for (ecosystem, text, parsed) in [
            (Ecosystem::Npm, "react", owned("react", None)),
            (Ecosystem::Npm, "react@18.2.0", owned("react", Some("18.2.0"))),
            (Ecosystem::Npm, "@types/node", owned("@types/node", None)),
            (Ecosystem::Npm, "@types/node@next", owned("@types/node", Some("next"))),
            (Ecosystem::Pypi, "ruamel.yaml@0.18", owned("ruamel.yaml", Some("0.18"))),
            (Ecosystem::Pypi, "epoch@1!2.0+local", owned("epoch", Some("1!2.0+local"))),
            (Ecosystem::Cargo, "serde", owned("serde", None)),
            (Ecosystem::Npm, "@types", None),
            (Ecosystem::Npm, "@a/../b", None),
            (Ecosystem::Npm, "a/b", None),
            (Ecosystem::Cargo, "@a/b", None),
            (Ecosystem::Cargo, "..", None),
            (Ecosystem::Cargo, "a@", None),
            (Ecosystem::Cargo, "a@1/2", None),
            (Ecosystem::Cargo, "a@../1", None),
            (Ecosystem::Cargo, "", None),
            (Ecosystem::Cargo, "é", None),
        ] {
            assert_eq!(parse(ecosystem, text), parsed, "{text}");
        }
    }
}
