//! `llms.txt` and `llms-full.txt`.

use super::World;
use super::server::{Reply, Server};
use docent_library::source::SourceError;

#[test]
fn a_full_file_becomes_pages_with_their_addresses() {
    let (server, world) = (Server::new(), World::new());
    let text = "# Install\nSource: https://docs.example.org/install\n\nRun the installer of the widgets and wait.\n\n## Options\n\nThere are two options, which are described in the manual of the installer.\n\n# Use\nSource: https://docs.example.org/use\n\nTurn the widget around its longest axis.\n";
    server.put("/llms-full.txt", Reply::text(text).with("ETag", "\"1\""));
    let source = server.url("/llms-full.txt");
    let ingested = world.ingest(&source).unwrap();
    assert_eq!((ingested.pages, ingested.id.owner()), (2, "llmstxt"));
    let urls = world.urls(&ingested);
    assert_eq!(urls.keys().map(String::as_str).collect::<Vec<_>>(), ["install.md", "use.md"]);
    assert!(urls["use.md"].starts_with("https://docs.example.org/use"), "{urls:?}");
    server.requests();
    assert_eq!(world.revision(&source).unwrap(), ingested.commit);
    assert_eq!(server.asked(), [("/llms-full.txt".to_owned(), 304)]);
}

#[test]
fn a_list_is_read_for_the_pages_on_its_own_host() {
    let (server, world) = (Server::new(), World::new());
    let list = format!(
        "# Widgets\n\n> Small parts that are put together.\n\n## Docs\n\n- [Install](/docs/install.md): how\n- [Use]({})\n- [Elsewhere](https://other.example/x.md)\n- [Gone](/docs/gone.md)\n- [Closed](/private/x.md)\n",
        server.url("/docs/use.html")
    );
    server.put("/llms.txt", Reply::text(&list));
    server.put("/robots.txt", Reply::text("User-agent: *\nDisallow: /private/\n"));
    server.put(
        "/docs/install.md",
        Reply::new(200, "text/markdown", "# Install\n\nRun the installer of the widgets and wait.\n").with("ETag", "\"i\""),
    );
    server.put(
        "/docs/use.html",
        Reply::html("<h1>Use</h1><p>Turn the widget around its longest axis. <a href='/docs/unlisted'>x</a></p>").with("ETag", "\"u\""),
    );
    let source = server.url("/llms.txt");
    let ingested = world.ingest(&source).unwrap();
    assert_eq!(
        (ingested.pages, ingested.title.as_str(), ingested.description.as_str()),
        (2, "Widgets", "Small parts that are put together.")
    );
    assert!(world.urls(&ingested)["docs/install.md"].starts_with(&server.url("/docs/install.md")));
    let reasons = world.reasons(&ingested).join("\n");
    for reason in [
        "1 of its links lead to other hosts",
        "/docs/gone.md: the server answered with status 404",
        "/private/x.md: the site asks programs",
    ] {
        assert!(reasons.contains(reason), "{reasons}");
    }
    assert!(!server.asked().iter().any(|(path, _)| path == "/docs/unlisted" || path == "/private/x.md"));
    assert!(world.ingest(&source).unwrap().unchanged);
    assert_eq!(server.asked().iter().filter(|(_, status)| *status == 304).count(), 2);
    assert_eq!(world.revision(&source).unwrap(), None);
}

#[test]
fn what_is_no_such_file_is_said_so() {
    let (server, world) = (Server::new(), World::new());
    assert!(matches!(world.refused(&server.url("/llms.txt")), SourceError::Missing(_)));
    server.put("/llms-full.txt", Reply::html("<h1>Our app</h1>"));
    let error = world.refused(&server.url("/llms-full.txt"));
    assert!(error.to_string().contains("a page of HTML"), "{error}");
    server.put("/llms.txt", Reply::text("# X\n\n- [a](https://other.example/a.md)\n"));
    let error = world.refused(&server.url("/llms.txt"));
    assert!(error.to_string().contains("of its 1 links none leads to a page on 127.0.0.1"), "{error}");
}
