//! Packages of JavaScript: the registry says where a version's file is, and the readme is in there.

use super::{Description, Readme, Registry};
use crate::source::SourceError;
use crate::source::http::same_host;
use serde::Deserialize;
use url::Url;

#[derive(Deserialize)]
struct Manifest {
    version: String,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    homepage: Option<String>,
    dist: Distribution,
}

#[derive(Deserialize)]
struct Distribution {
    tarball: String,
}

pub(super) fn describe(registry: &Registry<'_>, name: &str, version: Option<&str>) -> Result<Description, SourceError> {
    let wanted = version.unwrap_or("latest");
    let url = registry.at(&format!("{}/{wanted}", name.replace('/', "%2F")))?;
    let manifest: Manifest = registry.json(&url, &format!("the registry has no package \"{name}\" with a version \"{wanted}\""))?;
    let file = Url::parse(&manifest.dist.tarball).map_err(|error| registry.not_understood(&format!("where its file is: {error}")))?;
    if !same_host(&registry.base, &file) {
        return Err(SourceError::Elsewhere { display: registry.display.to_owned(), to: crate::source::shown(file.as_str()) });
    }
    let homepage = manifest.homepage.filter(|page| page.starts_with("https://") || page.starts_with("http://"));
    let page = homepage.unwrap_or_else(|| crate::source::shown(url.as_str()));
    Ok(Description { version: manifest.version, summary: manifest.description, page, readme: Readme::Within(file, None) })
}
