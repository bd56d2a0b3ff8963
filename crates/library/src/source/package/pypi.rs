//! Packages of Python: the registry's JSON has the long description, which is the readme.

use super::{Description, Readme, Registry};
use crate::source::SourceError;
use serde::Deserialize;
use url::Url;

#[derive(Deserialize)]
struct Answer {
    info: Info,
}

#[derive(Deserialize)]
struct Info {
    version: String,
    #[serde(default)]
    summary: Option<String>,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    description_content_type: Option<String>,
    #[serde(default)]
    release_url: Option<String>,
    #[serde(default)]
    package_url: Option<String>,
}

pub(super) fn describe(registry: &Registry<'_>, name: &str, version: Option<&str>) -> Result<Description, SourceError> {
    let (path, missing) = match version {
        Some(version) => {
            (format!("pypi/{name}/{version}/json"), format!("the registry has no package \"{name}\" with a version \"{version}\""))
        }
        None => (format!("pypi/{name}/json"), format!("the registry has no package \"{name}\"")),
    };
    let url = registry.at(&path)?;
    let Info { version, summary, description, description_content_type, release_url, package_url } =
        registry.json::<Answer>(&url, &missing)?.info;
    let is_page = |page: &String| Url::parse(page).is_ok_and(|page| page.scheme() == "https" && page.username().is_empty());
    let page = release_url.filter(is_page).or(package_url.filter(is_page)).unwrap_or_else(|| crate::source::shown(url.as_str()));
    let text = description.filter(|text| !text.trim().is_empty() && text.trim() != "UNKNOWN");
    // Without a content type it is reStructuredText, by the specification of core metadata.
    let file = match description_content_type.as_deref().map(|kind| kind.split(';').next().unwrap_or("").trim()) {
        Some("text/markdown") => "README.md",
        Some("text/plain") => "README.txt",
        _ => "README.rst",
    };
    Ok(Description {
        version,
        summary: summary.filter(|summary| !summary.trim().is_empty()),
        page,
        readme: text.map_or(Readme::None, |text| Readme::Text(text, file)),
    })
}
