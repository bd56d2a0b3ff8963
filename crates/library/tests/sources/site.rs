//! Web sites.

use super::server::{Reply, Server};
use super::{World, network};
use docent_library::ingest::{IngestError, IngestOptions, Silent, ingest};
use docent_library::source::network::Limits;
use docent_library::source::{Progress, Source, SourceError, Stage};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

fn page(title: &str, links: &[&str]) -> Reply {
    let links: String = links.iter().map(|link| format!("<p>See <a href=\"{link}\">{link}</a> for more.</p>")).collect();
    Reply::html(&format!(
        "<h1>{title}</h1><p>The page called {title} explains what {title} is good for.</p><h2 id=\"use\">Use</h2><p>Turn {title} around with <code>{title}()</code>, which takes as long as it takes and then some more time than that, so that this is a passage of its own, with enough words in it to stand alone under its heading on the page.</p>{links}"
    ))
}

fn example() -> Server {
    let server = Server::new();
    server.put("/docs/", page("start", &["a", "/docs/b.html#part", "../blog/post", "https://other.example/docs/x", "a?page=2", "pic.png"]));
    server.put("/docs/a", page("alpha", &["/docs/", "c/", "a#use"]));
    server.put("/docs/b.html", page("beta", &[]));
    server.put("/docs/c/", page("gamma", &["../a", "d"]));
    server.put("/docs/c/d", page("delta", &[]));
    server.put("/blog/post", page("post", &[]));
    server
}

fn source(server: &Server) -> String {
    format!("site:{}", server.url("/docs/"))
}

#[test]
fn pages_below_the_base_are_crawled_and_linked_by_their_own_address() {
    let (server, world) = (example(), World::new());
    let ingested = world.ingest(&source(&server)).unwrap();
    let asked = server.asked();
    assert_eq!(
        asked
            .iter()
            .filter(|(path, _)| path.starts_with("/docs/") && !path.contains("sitemap"))
            .map(|(path, _)| path.as_str())
            .collect::<Vec<_>>(),
        ["/docs/", "/docs/a", "/docs/b.html", "/docs/c/", "/docs/c/d"]
    );
    assert!(!asked.iter().any(|(path, _)| path.contains("blog") || path.contains('?') || path.contains("png")));
    assert_eq!((ingested.pages, ingested.title.as_str()), (5, "start"));
    assert_eq!(ingested.id.owner(), "websites");
    let urls = world.urls(&ingested);
    assert_eq!(urls["c/d.html"], server.url("/docs/c/d#use"));
    assert_eq!(urls.keys().map(String::as_str).collect::<Vec<_>>(), ["a.html", "b.html", "c/d.html", "c/index.html", "index.html"]);
}

#[test]
fn the_user_agent_says_who_asks() {
    let (server, world) = (example(), World::new());
    world.ingest(&source(&server)).unwrap();
    assert!(server.requests().iter().all(|request| request.headers["user-agent"].starts_with("docent/")));
}

#[test]
fn robots_txt_is_kept_and_its_delay_too() {
    let (server, mut world) = (example(), World::new());
    server.put(
        "/robots.txt",
        Reply::text("User-agent: *\nDisallow: /docs/a\n\nUser-agent: Docent\nDisallow: /docs/c/\nAllow: /docs/c/d\nCrawl-delay: 3\n"),
    );
    let waited = Arc::new(Mutex::new(Duration::ZERO));
    let waits = waited.clone();
    world.network.pause = Arc::new(move |time| *waits.lock().unwrap() += time);
    let ingested = world.ingest(&source(&server)).unwrap();
    let asked = server.asked();
    assert!(asked.iter().any(|(path, _)| path == "/docs/a") && !asked.iter().any(|(path, _)| path == "/docs/c/"));
    assert_eq!(ingested.pages, 3);
    assert!(world.reasons(&ingested).iter().any(|reason| reason.starts_with("/docs/c/: the site asks programs")));
    // Three pages: the second and third wait until 3 and 6 seconds after the first, as seen by a clock that hardly moves.
    let waited = *waited.lock().unwrap();
    assert!(waited > Duration::from_secs(7) && waited <= Duration::from_secs(9), "{waited:?}");
}

#[test]
fn a_site_that_forbids_everything_or_whose_rules_cannot_be_read_is_left_alone() {
    let (server, world) = (example(), World::new());
    server.put("/robots.txt", Reply::text("User-agent: *\nDisallow: /\n"));
    assert!(matches!(world.refused(&source(&server)), SourceError::Forbidden(_)));
    server.put("/robots.txt", Reply::new(503, "text/plain", ""));
    let error = world.refused(&source(&server));
    assert!(matches!(&error, SourceError::Unreachable { reason, .. } if reason.contains("robots.txt")), "{error}");
    assert!(!server.asked().iter().any(|(path, _)| path.starts_with("/docs/")));
}

#[test]
fn a_sitemap_names_the_pages_and_an_index_names_sitemaps() {
    let (server, world) = (example(), World::new());
    let entry = |path: &str| format!("<url><loc>{}</loc></url>", server.url(path));
    server.put(
        "/robots.txt",
        Reply::text(&format!("Sitemap: {}\nSitemap: https://other.example/sitemap.xml\n", server.url("/maps/all.xml"))),
    );
    server.put(
        "/maps/all.xml",
        Reply::new(
            200,
            "application/xml",
            format!(
                "<sitemapindex><sitemap><loc>{}</loc></sitemap><sitemap><loc>https://other.example/x.xml</loc></sitemap></sitemapindex>",
                server.url("/maps/docs.xml")
            ),
        ),
    );
    let listed = ["/docs/b.html", "/docs/hidden", "/blog/post", "/docs/a"].map(entry).concat();
    server.put("/maps/docs.xml", Reply::new(200, "application/xml", format!("<urlset>{listed}</urlset>")));
    server.put("/docs/hidden", page("hidden", &["c/"]));
    let ingested = world.ingest(&source(&server)).unwrap();
    assert_eq!(world.urls(&ingested).keys().map(String::as_str).collect::<Vec<_>>(), ["a.html", "b.html", "hidden.html"]);
    assert!(!server.asked().iter().any(|(path, _)| path == "/docs/c/" || path == "/blog/post"), "links of listed pages are not followed");
}

#[test]
fn an_unchanged_site_costs_answers_without_content_and_with_a_dated_sitemap_one_request() {
    let (server, world) = (example(), World::new());
    for path in ["/docs/", "/docs/a", "/docs/b.html", "/docs/c/", "/docs/c/d"] {
        server.put(
            path,
            page(path.trim_matches('/'), &["/docs/a", "/docs/b.html", "/docs/c/", "/docs/c/d"]).with("ETag", &format!("\"{path}\"")),
        );
    }
    let first = world.ingest(&source(&server)).unwrap();
    server.requests();
    let again = world.ingest(&source(&server)).unwrap();
    let asked = server.asked();
    assert_eq!(asked.iter().filter(|(_, status)| *status == 304).count(), 5, "{asked:?}");
    assert!(asked.iter().all(|(_, status)| *status == 304 || *status == 404));
    assert!(again.unchanged && again.commit == first.commit && again.pages == 5);
    assert_eq!(world.revision(&source(&server)), Ok(None), "nothing lists the pages, so nothing is known without asking for them");

    let map = |date: &str| {
        let entry = |path: &str| format!("<url><loc>{}</loc><lastmod>{date}</lastmod></url>", server.url(path));
        Reply::new(200, "application/xml", format!("<urlset>{}{}</urlset>", entry("/docs/a"), entry("/docs/b.html")))
    };
    server.put("/sitemap.xml", map("2026-01-01").with("ETag", "\"1\""));
    let listed = world.ingest(&source(&server)).unwrap();
    assert_eq!(listed.pages, 2);
    server.requests();
    assert_eq!(world.revision(&source(&server)).unwrap(), listed.commit);
    assert_eq!(server.asked(), [("/sitemap.xml".to_owned(), 304)]);
    server.put("/sitemap.xml", map("2026-01-01"));
    assert_eq!(world.revision(&source(&server)).unwrap(), listed.commit, "the same bytes without a validator");
    server.put("/sitemap.xml", map("2026-01-02"));
    assert_eq!(world.revision(&source(&server)).unwrap(), None);
    server.put("/docs/b.html", Reply::new(500, "text/html", ""));
    assert_eq!(world.ingest(&source(&server)).unwrap().pages, 2);
    assert_eq!(world.revision(&source(&server)).unwrap(), None, "a page was not answered, so the sitemap's word is not enough");
}

#[test]
fn a_changed_page_is_read_and_one_that_is_gone_is_left_out() {
    let (server, world) = (example(), World::new());
    let first = world.ingest(&source(&server)).unwrap();
    server.put("/docs/b.html", page("renamed", &[]));
    server.remove("/docs/c/d");
    let second = world.ingest(&source(&server)).unwrap();
    assert!(second.commit != first.commit && second.pages == 4);
    assert!(world.reasons(&second).iter().any(|reason| reason == "/docs/c/d: the server answered with status 404"));
    server.put("/docs/b.html", Reply::new(500, "text/html", ""));
    let third = world.ingest(&source(&server)).unwrap();
    assert_eq!((third.pages, &third.commit), (4, &second.commit), "a page that fails for the moment keeps its text");
    assert!(world.reasons(&third).iter().any(|reason| reason.contains("its text of an earlier reading is kept")));
}

#[test]
fn redirects_are_followed_within_the_base_only() {
    let (server, world) = (example(), World::new());
    let other = Server::new();
    other.put("/docs/secret", page("secret", &[]));
    server.put("/docs/", page("start", &["a", "b.html", "c/"]));
    server.put("/docs/b.html", Reply::redirect("/docs/new-b"));
    server.put("/docs/new-b", page("new", &[]));
    server.put("/docs/c/", Reply::redirect(&other.url("/docs/secret")));
    server.put("/docs/a", Reply::redirect("/blog/post"));
    let ingested = world.ingest(&source(&server)).unwrap();
    assert_eq!(world.urls(&ingested).keys().map(String::as_str).collect::<Vec<_>>(), ["index.html", "new-b.html"]);
    assert!(other.requests().is_empty());
    assert!(!server.asked().iter().any(|(path, _)| path == "/blog/post"));
    assert!(world.reasons(&ingested).iter().any(|reason| reason.contains("it redirects to") && reason.starts_with("/docs/a:")));
    assert!(world.reasons(&ingested).iter().any(|reason| reason.starts_with("/docs/c/:") && reason.contains(&other.url("/docs/secret"))));

    server.put("/docs/", Reply::redirect(&other.url("/docs/secret")));
    let error = world.refused(&source(&server));
    assert!(matches!(&error, SourceError::Elsewhere { to, .. } if *to == other.url("/docs/secret")), "{error}");
    assert!(other.requests().is_empty());
}

#[test]
fn pages_with_another_address_of_their_own_and_pages_that_hide_are_left_out() {
    let (server, world) = (Server::new(), World::new());
    let with = |title: &str, head: &str| {
        let text = format!(
            "<!doctype html><html><head>{head}</head><body><main><h1>{title}</h1><p>What {title} is for is said here in words.</p></main></body></html>"
        );
        Reply::new(200, "text/html", text)
    };
    server.put("/docs/", page("start", &["v1/x", "v2/x", "hidden", "header", "closed", "mirror", "copy", "copy/"]));
    server.put("/docs/v1/x", with("old", "<link rel=canonical href='/docs/v2/x'>"));
    server.put("/docs/v2/x", with("new", "<link rel=canonical href='/docs/v2/x'>"));
    server.put("/docs/hidden", with("hidden", "<meta name=robots content=noindex>"));
    server.put("/docs/header", with("header", "").with("X-Robots-Tag", "noindex"));
    server.put("/docs/closed", with("closed", "<meta name=robots content=nofollow><a href=unseen></a>"));
    server.put("/docs/mirror", with("mirror", "<link rel=canonical href='https://docs.example.org/mirror'>"));
    for path in ["/docs/copy", "/docs/copy/"] {
        server.put(path, with("copy", ""));
    }
    let ingested = world.ingest(&source(&server)).unwrap();
    assert_eq!(
        world.urls(&ingested).keys().map(String::as_str).collect::<Vec<_>>(),
        ["closed.html", "copy.html", "index.html", "mirror.html", "v2/x.html"]
    );
    assert!(!server.asked().iter().any(|(path, _)| path == "/docs/unseen"));
}

#[test]
fn only_pages_are_kept_and_each_kind_is_read_as_what_it_is() {
    let (server, world) = (Server::new(), World::new());
    server.put("/docs/", page("start", &["guide.md", "notes", "data", "pdf", "huge"]));
    server.put("/docs/guide.md", Reply::text("# Guide\n\nThis is *Markdown* that is served as plain text.\n\n## More\n\nMore of it.\n"));
    server.put("/docs/notes", Reply::text("Plain notes about how this works, in one line of text.\n"));
    server.put("/docs/data", Reply::new(200, "application/json", "{}"));
    server.put("/docs/pdf", Reply::new(200, "application/pdf", "%PDF"));
    server.put("/docs/huge", Reply::new(200, "text/html", vec![b'x'; 3 << 20]));
    let ingested = world.ingest(&source(&server)).unwrap();
    assert_eq!(world.urls(&ingested).keys().map(String::as_str).collect::<Vec<_>>(), ["guide.md", "index.html", "notes.txt"]);
    let reasons = world.reasons(&ingested).join("\n");
    for reason in
        ["/docs/data: it is application/json, which is no page", "/docs/pdf: it is application/pdf", "/docs/huge: it is larger than 2 MiB"]
    {
        assert!(reasons.contains(reason), "{reasons}");
    }
}

#[test]
fn a_crawl_is_bounded_in_pages_depth_and_bytes() {
    let endless = || {
        let server = Server::new();
        for number in 0..60 {
            server.put(&format!("/docs/{number}"), page(&format!("page{number}"), &[&format!("{}", number + 1)]));
        }
        server.put("/docs/", page("start", &["0"]));
        server
    };
    let bounded = |limits: Limits| {
        let (server, mut world) = (endless(), World::new());
        world.network.limits = limits;
        let ingested = world.ingest(&source(&server)).unwrap();
        (ingested.pages, world.reasons(&ingested).join("\n"))
    };
    let limits = network().limits;
    let (pages, reasons) = bounded(Limits { pages: 10, ..limits.clone() });
    assert!(pages == 10 && reasons.contains("the limit is 10 pages"), "{pages} {reasons}");
    let (pages, reasons) = bounded(Limits { depth: 4, ..limits.clone() });
    assert!(pages == 5 && reasons.contains("more than 4 links away"), "{pages} {reasons}");
    let (pages, reasons) = bounded(Limits { bytes: 2_000, ..limits });
    assert!(pages < 10 && reasons.contains("for all pages"), "{pages} {reasons}");
}

#[test]
fn a_site_that_goes_down_in_the_middle_is_given_up_and_gone_on_with_later() {
    let (server, world) = (Server::new(), World::new());
    let paths: Vec<String> = (0..20).map(|number| format!("p{number:02}")).collect();
    server.put("/docs/", page("start", &paths.iter().map(String::as_str).collect::<Vec<_>>()));
    for path in &paths[..8] {
        server.put(&format!("/docs/{path}"), page(path, &[]));
    }
    for path in &paths[8..] {
        server.put(&format!("/docs/{path}"), Reply::new(502, "text/html", ""));
    }
    assert!(matches!(world.refused(&source(&server)), SourceError::Unreachable { .. }));
    for path in &paths[8..] {
        server.put(&format!("/docs/{path}"), page(path, &[]));
    }
    server.requests();
    assert_eq!(world.ingest(&source(&server)).unwrap().pages, 21);
    let asked = server.asked();
    assert!(!asked.iter().any(|(path, _)| paths[..8].iter().any(|known| path.ends_with(known))), "{asked:?}");
}

#[test]
fn time_is_bounded_and_the_next_go_reads_on() {
    let (server, mut world) = (example(), World::new());
    world.network.limits.time = Duration::ZERO;
    assert!(matches!(world.refused(&source(&server)), SourceError::Unfinished { pages: 0, .. }));
    assert!(!server.asked().iter().any(|(path, _)| path == "/docs/"));
}

/// Stops after some pages.
struct Impatient(AtomicUsize);

impl Progress for Impatient {
    fn stage(&self, stage: Stage, done: u64, _: u64) {
        if stage == Stage::Fetch && done > 0 {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    fn cancelled(&self) -> bool {
        self.0.load(Ordering::SeqCst) >= 3
    }
}

#[test]
fn a_cancelled_crawl_goes_on_where_it_stopped() {
    let (server, world) = (example(), World::new());
    let options = world.options();
    let stopped = ingest(&Source::parse(&source(&server)).unwrap(), &options, &Impatient(AtomicUsize::new(0)));
    assert!(matches!(stopped, Err(IngestError::Cancelled)), "{stopped:?}");
    assert_eq!(world.ingest(&source(&server)).unwrap().pages, 5);
    assert_every_page_once(&server);
}

fn assert_every_page_once(server: &Server) {
    let mut pages: Vec<String> = server
        .requests()
        .into_iter()
        .filter(|request| request.status == 200 && request.path.starts_with("/docs/"))
        .map(|request| request.path)
        .collect();
    let all = pages.len();
    pages.sort();
    pages.dedup();
    assert_eq!((all, pages.len()), (5, 5), "{pages:?}");
}

const CHILD: &str = "DOCENT_TEST_CRAWL";

#[test]
#[ignore = "the next test runs it in a process of its own, to kill it"]
fn crawl_in_a_child() {
    let arguments = std::env::var(CHILD).unwrap();
    let (source, folder) = arguments.split_once('\n').unwrap();
    let folder = std::path::Path::new(folder);
    let options =
        IngestOptions { workdir: folder.join("work"), index_root: folder.join("index"), network: network(), ..IngestOptions::default() };
    ingest(&Source::parse(source).unwrap(), &options, &Silent).unwrap();
}

#[test]
fn a_killed_crawl_goes_on_where_it_stopped() {
    let (server, world) = (example(), World::new());
    // robots.txt and two places of a sitemap come first.
    server.stall_after(Some(6));
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "site::crawl_in_a_child"])
        .env(CHILD, format!("{}\n{}", source(&server), world.folder.path().display()))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    server.wait_for(7);
    child.kill().unwrap();
    child.wait().unwrap();
    server.stall_after(None);
    assert_eq!(world.ingest(&source(&server)).unwrap().pages, 5);
    assert_every_page_once(&server);
}

#[test]
fn a_compressed_page_is_unpacked_within_bounds() {
    use std::io::Write;
    let (server, world) = (Server::new(), World::new());
    let pack = |bytes: &[u8]| {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        packed.write_all(bytes).unwrap();
        packed.finish().unwrap()
    };
    server.put("/docs/", Reply { body: pack(&page("start", &["bomb"]).body), ..page("", &[]) }.with("Content-Encoding", "gzip"));
    server.put("/docs/bomb", Reply { body: pack(&vec![b'x'; 100 << 20]), ..page("", &[]) }.with("Content-Encoding", "gzip"));
    let ingested = world.ingest(&source(&server)).unwrap();
    assert_eq!(ingested.pages, 1);
    assert_eq!(world.reasons(&ingested), ["/docs/bomb: it is larger than 2 MiB"]);
}

#[test]
fn a_host_that_is_not_there_is_named_without_credentials() {
    let world = World::new();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let error = world.refused(&format!("site:https://user:s3cret@127.0.0.1:{port}/docs/"));
    assert!(matches!(&error, SourceError::Unreachable { .. }) && !format!("{error} {error:?}").contains("s3cret"), "{error}");
    let error = world.refused(&format!("site:http://user:s3cret@127.0.0.1:{port}/docs/"));
    assert!(matches!(&error, SourceError::Insecure(_)) && !format!("{error} {error:?}").contains("s3cret"), "{error}");
}

#[test]
fn a_site_without_a_page_says_what_it_has() {
    let (server, world) = (Server::new(), World::new());
    assert!(matches!(world.refused(&source(&server)), SourceError::Missing(_)));
    server.put("/docs/", Reply::new(401, "text/html", ""));
    assert!(matches!(world.refused(&source(&server)), SourceError::Authentication(_)));
    server.put("/docs/", Reply::new(200, "image/png", "x"));
    assert!(matches!(world.refused(&source(&server)), SourceError::NoPage { .. }));
}
