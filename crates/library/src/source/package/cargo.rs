//! Packages of Rust: a sparse index names the versions and where their files are, as Cargo itself reads it.

use super::version::Version;
use super::{Description, Readme, Registry};
use crate::source::SourceError;
use crate::source::http::same_host;
use serde::Deserialize;
use url::Url;

#[derive(Deserialize)]
struct Configuration {
    dl: String,
}

#[derive(Deserialize)]
struct Release {
    name: String,
    vers: String,
    cksum: String,
    #[serde(default)]
    yanked: bool,
}

/// The path of a package in an index (The Cargo Book, registry index, index files).
fn path(name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    match lower.len() {
        1 => format!("1/{lower}"),
        2 => format!("2/{lower}"),
        3 => format!("3/{}/{lower}", &lower[..1]),
        _ => format!("{}/{}/{lower}", &lower[..2], &lower[2..4]),
    }
}

/// Where the file of a version is.
fn file(template: &str, name: &str, version: &str, checksum: &str) -> String {
    let prefix = |name: &str| path(name).rsplit_once('/').map(|(prefix, _)| prefix.to_owned()).unwrap_or_default();
    let lower = name.to_ascii_lowercase();
    if !template.contains('{') {
        return format!("{}/{name}/{version}/download", template.trim_end_matches('/'));
    }
    // The prefix keeps the case of the name.
    let own_prefix: String = prefix(name);
    let cased = match name.len() {
        1 | 2 => own_prefix.clone(),
        3 => format!("3/{}", &name[..1]),
        _ => format!("{}/{}", &name[..2], &name[2..4]),
    };
    template
        .replace("{crate}", name)
        .replace("{version}", version)
        .replace("{prefix}", &cased)
        .replace("{lowerprefix}", &prefix(&lower))
        .replace("{sha256-checksum}", checksum)
}

pub(super) fn version(registry: &Registry<'_>, name: &str, version: Option<&str>) -> Result<String, SourceError> {
    Ok(release(registry, name, version)?.vers)
}

fn release(registry: &Registry<'_>, name: &str, version: Option<&str>) -> Result<Release, SourceError> {
    let missing = format!("the registry has no package \"{name}\"");
    let bytes = registry.read(&registry.at(&path(name))?, &missing)?;
    let mut releases: Vec<Release> =
        bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).filter_map(|line| serde_json::from_slice(line).ok()).collect();
    let chosen = match version {
        Some(version) => releases.iter().position(|one| one.vers == version || one.vers.split('+').next() == Some(version)),
        None => {
            let newest = |stable: bool| {
                let all = releases.iter().enumerate().filter(|(_, one)| !one.yanked);
                let fit = all.filter_map(|(at, one)| Version::parse(&one.vers).map(|version| (version, at)));
                fit.filter(|(version, _)| !stable || version.is_stable()).max().map(|(_, at)| at)
            };
            newest(true).or_else(|| newest(false))
        }
    };
    let chosen = chosen.ok_or_else(|| match version {
        Some(version) => {
            let mut names: Vec<&str> = releases.iter().rev().map(|one| one.vers.as_str()).take(20).collect();
            names.dedup();
            registry.none(format!("there is no version \"{version}\". It has: {}", names.join(", ")))
        }
        None => registry.none("every version of it was withdrawn"),
    })?;
    Ok(releases.swap_remove(chosen))
}

pub(super) fn describe(registry: &Registry<'_>, name: &str, version: Option<&str>) -> Result<Description, SourceError> {
    let configuration: Configuration =
        registry.json(&registry.at("config.json")?, "the registry is not a sparse index: it has no config.json")?;
    let chosen = release(registry, name, version)?;
    let address = file(&configuration.dl, &chosen.name, &chosen.vers, &chosen.cksum);
    let address = Url::parse(&address).map_err(|error| registry.not_understood(&format!("where its file is: {error}")))?;
    // The index says where files are; what comes is compared with its checksum.
    if address.scheme() != "https" && !same_host(&registry.base, &address) {
        return Err(SourceError::Elsewhere { display: registry.display.to_owned(), to: crate::source::shown(address.as_str()) });
    }
    let page = crate::source::shown(address.as_str());
    Ok(Description { version: chosen.vers.clone(), summary: None, page, readme: Readme::Within(address, Some(chosen.cksum.clone())) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_files_are_where_cargo_looks_for_them() {
        for (name, found) in [("a", "1/a"), ("ab", "2/ab"), ("Abc", "3/a/abc"), ("Serde", "se/rd/serde")] {
            assert_eq!(path(name), found);
        }
        assert_eq!(file("https://e.example/crates", "serde", "1.0.0", "ff"), "https://e.example/crates/serde/1.0.0/download");
        assert_eq!(
            file("https://e.example/{prefix}/{lowerprefix}/{crate}-{version}.crate?{sha256-checksum}", "Serde", "1.0.0", "ff"),
            "https://e.example/Se/rd/se/rd/Serde-1.0.0.crate?ff"
        );
    }
}
