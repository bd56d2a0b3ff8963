//! Packages, against registries on this machine.

use super::World;
use super::server::{Reply, Server};
use docent_library::source::SourceError;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};
use std::io::Write;

const README: &str = "# Widgets\n\nWidgets are small parts that are put together into larger parts.\n\n```sh\ninstall widgets\n```\n";

fn package(files: &[(&str, &str)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), flate2::Compression::default()));
    for (name, text) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        builder.append_data(&mut header, name, text.as_bytes()).unwrap();
    }
    let mut packed = builder.into_inner().unwrap();
    packed.flush().unwrap();
    packed.finish().unwrap()
}

fn json(text: &str) -> Reply {
    Reply::new(200, "application/json", text)
}

fn world(server: &Server) -> World {
    let mut world = World::new();
    let registries = &mut world.network.registries;
    (registries.npm, registries.pypi, registries.cargo) =
        (server.url("/npm/"), server.url("/py"), format!("sparse+{}", server.url("/index/")));
    world
}

#[test]
fn the_readme_of_an_npm_package_is_read_from_its_file() {
    let server = Server::new();
    let world = world(&server);
    let manifest = |version: &str, file: &str| {
        json(&format!(r#"{{"name":"@acme/widgets","version":"{version}","description":"Parts.","dist":{{"tarball":"{file}"}}}}"#))
    };
    server.put("/npm/@acme%2Fwidgets/latest", manifest("2.0.0", &server.url("/files/widgets.tgz")));
    let files = [
        ("package/package.json", "{}"),
        ("package/docs/readme.md", "# Not this one\n"),
        ("package/README.md", README),
        ("package/index.js", "x"),
    ];
    server.put("/files/widgets.tgz", Reply::new(200, "application/octet-stream", package(&files)));
    let ingested = world.ingest("npm:@acme/widgets").unwrap();
    assert_eq!(
        (ingested.id.to_string().as_str(), ingested.title.as_str(), ingested.description.as_str()),
        ("/packages/acme-widgets", "@acme/widgets", "Parts.")
    );
    assert_eq!((ingested.pages, ingested.commit.as_deref(), ingested.branch.as_deref()), (1, Some("2.0.0"), Some("2.0.0")));
    server.requests();
    assert_eq!(world.revision("npm:@acme/widgets").unwrap().as_deref(), Some("2.0.0"));
    assert_eq!(server.asked().len(), 1);
    let error = world.refused("npm:@acme/widgets@9");
    assert!(matches!(&error, SourceError::NoSuchPackage { .. }) && error.to_string().contains("version \"9\""), "{error}");
    let other = Server::new();
    server.put("/npm/@acme%2Fwidgets/1.0.0", manifest("1.0.0", &other.url("/files/widgets.tgz")));
    assert!(matches!(world.refused("npm:@acme/widgets@1.0.0"), SourceError::Elsewhere { .. }));
    assert!(other.requests().is_empty());
    server.put("/npm/bare/latest", json(&format!(r#"{{"version":"1.0.0","dist":{{"tarball":"{}"}}}}"#, server.url("/files/bare.tgz"))));
    server.put("/files/bare.tgz", Reply::new(200, "application/octet-stream", package(&[("package/index.js", "x")])));
    let error = world.refused("npm:bare");
    assert!(error.to_string().contains("version 1.0.0 has no readme"), "{error}");
}

#[test]
fn the_description_of_a_python_package_is_its_readme() {
    let server = Server::new();
    let world = world(&server);
    server.put(
        "/py/pypi/widgets/json",
        json(r##"{"info":{"name":"widgets","version":"3.1","summary":"Parts.","description":"Widgets\n=======\n\nWidgets are small parts that are put together.\n\n.. code-block:: sh\n\n   pip install widgets\n","description_content_type":"text/x-rst","release_url":"https://packages.example.org/widgets/3.1/"},"releases":{}}"##),
    );
    let ingested = world.ingest("pypi:widgets").unwrap();
    assert_eq!((ingested.title.as_str(), ingested.description.as_str(), ingested.commit.as_deref()), ("widgets", "Parts.", Some("3.1")));
    let urls = world.urls(&ingested);
    assert!(urls["README.rst"].starts_with("https://packages.example.org/widgets/3.1/"), "{urls:?}");
    server.put("/py/pypi/widgets/2.0/json", json(r##"{"info":{"version":"2.0","description":"# Widgets\n\nThe second version of them, in Markdown.","description_content_type":"text/markdown; charset=UTF-8"}}"##));
    assert_eq!(world.urls(&world.ingest("pypi:widgets@2.0").unwrap()).keys().next().unwrap(), "README.md");
    server.put("/py/pypi/empty/json", json(r#"{"info":{"version":"1","description":"UNKNOWN"}}"#));
    assert!(world.refused("pypi:empty").to_string().contains("has no readme"));
    server.put("/py/pypi/odd/json", json("[]"));
    assert!(matches!(world.refused("pypi:odd"), SourceError::NotUnderstood { .. }));
    assert!(matches!(world.refused("pypi:none"), SourceError::NoSuchPackage { .. }));
}

#[test]
fn the_readme_of_a_cargo_package_is_that_of_its_newest_stable_version() {
    let server = Server::new();
    let world = world(&server);
    let file = package(&[("widgets-1.10.0/Cargo.toml", "[package]"), ("widgets-1.10.0/README.md", README)]);
    let sum: String = Sha256::digest(&file).iter().map(|byte| format!("{byte:02x}")).collect();
    server.put("/index/config.json", json(&format!(r#"{{"dl":"{}"}}"#, server.url("/files/{crate}/{version}.crate"))));
    let line = |version: &str, yanked: bool, sum: &str| {
        format!("{{\"name\":\"Widgets\",\"vers\":\"{version}\",\"cksum\":\"{sum}\",\"yanked\":{yanked},\"deps\":[]}}\n")
    };
    let lines = [
        line("1.2.0", false, &sum),
        line("1.10.0", false, &sum),
        line("1.11.0", true, &sum),
        line("2.0.0-rc.1", false, &sum),
        "broken\n".to_owned(),
    ]
    .concat();
    server.put("/index/wi/dg/widgets", Reply::text(&lines));
    server.put("/files/Widgets/1.10.0.crate", Reply::new(200, "application/octet-stream", file.clone()));
    let ingested = world.ingest("cargo:Widgets").unwrap();
    assert_eq!((ingested.commit.as_deref(), ingested.title.as_str(), ingested.pages), (Some("1.10.0"), "Widgets", 1));
    server.requests();
    assert_eq!(world.revision("cargo:Widgets").unwrap().as_deref(), Some("1.10.0"));
    assert_eq!(server.asked().len(), 1);
    let error = world.refused("cargo:widgets@3.0.0");
    assert!(error.to_string().contains("It has: 2.0.0-rc.1, 1.11.0, 1.10.0, 1.2.0"), "{error}");
    server
        .put("/files/Widgets/1.2.0.crate", Reply::new(200, "application/octet-stream", package(&[("widgets-1.2.0/README.md", "# Other")])));
    let error = world.refused("cargo:widgets@1.2.0");
    assert!(error.to_string().contains("SHA-256"), "{error}");
    assert!(matches!(world.refused("cargo:none"), SourceError::NoSuchPackage { .. }));
}
