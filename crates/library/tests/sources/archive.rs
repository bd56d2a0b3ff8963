//! Archives.

use super::World;
use super::server::{Reply, Server};
use docent_library::source::SourceError;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::fs;
use std::io::{Cursor, Write};
use zip::write::SimpleFileOptions;

const PAGE: &str = "# Widgets\n\nWidgets are small parts that are put together into larger parts.\n";

/// A header and its data, as any program may write them.
fn entry(name: &[u8], kind: u8, link: &str, data: &[u8]) -> Vec<u8> {
    let mut header = [0_u8; 512];
    header[..name.len().min(100)].copy_from_slice(&name[..name.len().min(100)]);
    header[100..108].copy_from_slice(b"0000644\0");
    header[124..136].copy_from_slice(format!("{:011o}\0", data.len()).as_bytes());
    header[136..148].copy_from_slice(b"00000000000\0");
    header[156] = kind;
    header[157..157 + link.len()].copy_from_slice(link.as_bytes());
    header[257..265].copy_from_slice(b"ustar\x0000");
    header[148..156].copy_from_slice(b"        ");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let mut out = header.to_vec();
    out.extend_from_slice(data);
    out.resize(out.len().div_ceil(512) * 512, 0);
    out
}

fn file(name: &str, data: &str) -> Vec<u8> {
    entry(name.as_bytes(), b'0', "", data.as_bytes())
}

fn tar(entries: &[Vec<u8>]) -> Vec<u8> {
    let mut out = entries.concat();
    out.extend_from_slice(&[0; 1024]);
    out
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

fn zipped(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

impl World {
    fn archive(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.path(name);
        fs::write(&path, bytes).unwrap();
        path.display().to_string()
    }

    /// What is in the work folder, besides what is known of pages.
    fn left(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path("work")).unwrap().map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
        entries.filter(|name| name != "pages").collect()
    }
}

#[test]
fn each_kind_of_archive_is_read_without_its_top_folder() {
    let world = World::new();
    let entries = tar(&[
        entry(b"widgets-1.0/", b'5', "", b""),
        file("widgets-1.0/README.md", PAGE),
        file("widgets-1.0/docs/a.md", "# A\n\nText of the page called A, in a sentence.\n"),
        file("widgets-1.0/context7.json", r#"{"projectTitle":"Our Widgets"}"#),
    ]);
    let files: [(&str, &[u8]); 3] = [
        ("widgets-1.0/README.md", PAGE.as_bytes()),
        ("widgets-1.0/docs/a.md", b"# A\n\nText of the page called A, in a sentence.\n"),
        ("widgets-1.0/context7.json", br#"{"projectTitle":"Our Widgets"}"#),
    ];
    for (name, bytes) in [("a.tar", entries.clone()), ("a.tar.gz", gzip(&entries)), ("a.tgz", gzip(&entries)), ("a.zip", zipped(&files))] {
        let source = world.archive(name, &bytes);
        let ingested = world.ingest(&source).unwrap();
        assert_eq!((ingested.pages, ingested.title.as_str(), ingested.id.to_string().as_str()), (2, "Our Widgets", "/local/a"), "{name}");
        assert_eq!(world.urls(&ingested)["docs/a.md"], format!("{source}/docs/a.md#L3"));
        assert_eq!(world.revision(&source).unwrap(), ingested.commit, "{name}");
    }
    let flat = world.archive("flat.zip", &zipped(&[("README.md", PAGE.as_bytes()), ("docs/a.md", PAGE.as_bytes())]));
    assert_eq!(world.ingest(&flat).unwrap().pages, 2);
    assert_eq!(world.left(), Vec::<String>::new(), "nothing is left behind");
}

#[test]
fn nothing_is_written_outside_of_the_folder() {
    let world = World::new();
    let victim = world.path("victim.md");
    let absolute = victim.display().to_string();
    let up = "../".repeat(8);
    let entries = tar(&[
        file("README.md", PAGE),
        file("../victim.md", "evil"),
        file(&format!("{up}{}", absolute.trim_start_matches('/')), "evil"),
        file(&absolute, "evil"),
        file("docs/../../../victim.md", "evil"),
        entry(b"docs/link", b'2', &world.folder.path().display().to_string(), b""),
        file("docs/link/victim.md", "not evil: an ordinary folder of this name"),
        entry(b"up", b'2', "../..", b""),
        entry(b"hard.md", b'1', "/etc/passwd", b""),
        entry(b"inside.md", b'2', "README.md", b""),
        entry(b"device.md", b'3', "", b""),
        entry(b"pipe.md", b'6', "", b""),
        entry(b"\xFF\xFE.md", b'0', "", b"x"),
        entry(b"././@LongLink", b'L', "", b"../../victim.md\0"),
        file("short.md", "evil"),
        entry(b"pax", b'x', "", b"24 path=../../victim.md\n"),
        file("short2.md", "evil"),
    ]);
    for (name, bytes) in [("a.tar", entries.clone()), ("a.tar.gz", gzip(&entries))] {
        let ingested = world.ingest(&world.archive(name, &bytes)).unwrap();
        assert!(!victim.exists());
        assert_eq!(ingested.pages, 2, "{:?}", world.reasons(&ingested));
        let reasons = world.reasons(&ingested).join("\n");
        assert_eq!(reasons.matches("its path leads out of the archive").count(), 6, "{reasons}");
        assert_eq!(reasons.matches("it is a link that leads out").count(), 3, "{reasons}");
        assert_eq!(reasons.matches("it is neither a file nor a folder").count(), 2, "{reasons}");
        assert_eq!(reasons.matches("its name is not UTF-8").count(), 1, "{reasons}");
    }

    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for name in ["README.md", "../victim.md", &absolute, "docs\\..\\..\\victim.md", "C:/victim.md"] {
        writer.start_file(name, SimpleFileOptions::default()).unwrap();
        writer.write_all(PAGE.as_bytes()).unwrap();
    }
    writer.add_symlink("link", "/etc", SimpleFileOptions::default()).unwrap();
    let bytes = writer.finish().unwrap().into_inner();
    let ingested = world.ingest(&world.archive("a.zip", &bytes)).unwrap();
    assert!(!victim.exists());
    assert_eq!((ingested.pages, ingested.skipped.len()), (1, 5), "{:?}", world.reasons(&ingested));
}

#[test]
fn long_names_are_read() {
    let world = World::new();
    let long = format!("{}/README.md", "folder/".repeat(30));
    let record = |text: &str| {
        // Three digits, a space, and the end of the line.
        format!("{} {text}\n", text.len() + 5).into_bytes()
    };
    let entries = tar(&[
        entry(b"pax_global_header", b'g', "", b"52 comment=0123456789abcdef0123456789abcdef01234567\n"),
        entry(b"././@LongLink", b'L', "", format!("{long}\0").as_bytes()),
        file("cut", PAGE),
        entry(b"x", b'x', "", &record(&format!("path={}/other.md", "folder/".repeat(30)))),
        file("cut", PAGE),
    ]);
    let ingested = world.ingest(&world.archive("a.tar", &entries)).unwrap();
    assert_eq!(ingested.pages, 2, "{:?}", world.reasons(&ingested));
}

#[test]
fn bombs_are_refused_with_words() {
    let mut world = World::new();
    let zeros = vec![0_u8; 100 << 20];
    let many = |source: String, world: &World| match world.refused(&source) {
        error @ SourceError::TooLarge { .. } => error.to_string(),
        other => panic!("{other}"),
    };
    // One file of nothing, many times its size.
    let words = many(world.archive("a.tar.gz", &gzip(&tar(&[file("README.md", PAGE), entry(b"big.md", b'0', "", &zeros)]))), &world);
    assert!(words.contains("it unpacks to more than 200 times its size"), "{words}");
    // A name of nothing.
    let words =
        many(world.archive("name.tar.gz", &gzip(&tar(&[entry(b"././@LongLink", b'L', "", &zeros), file("README.md", PAGE)]))), &world);
    assert!(words.contains("200 times"), "{words}");
    // Many files of nothing.
    let page = vec![b' '; 2 << 20];
    let names: Vec<String> = (0..40).map(|number| format!("docs/{number}.md")).collect();
    let files: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), page.as_slice())).collect();
    let words = many(world.archive("a.zip", &zipped(&files)), &world);
    assert!(words.contains("200 times"), "{words}");
    // Gzip in gzip is no tar.
    let nested = world.archive("nested.tar.gz", &gzip(&gzip(&zeros)));
    assert!(matches!(world.refused(&nested), SourceError::NotAnArchive { .. }));
    // More entries, more bytes, or a larger file than was agreed.
    world.network.limits.entries = 10;
    let words = many(world.path("a.zip").display().to_string(), &world);
    assert!(words.contains("more than 10 entries"), "{words}");
    let empty: Vec<Vec<u8>> = (0..11).map(|number| file(&format!("{number}.md"), "x")).collect();
    let words = many(world.archive("entries.tar", &tar(&empty)), &world);
    assert!(words.contains("more than 10 entries"), "{words}");
    world.network.limits.unpacked = 1 << 20;
    let words = many(world.archive("bytes.tar", &tar(&[entry(b"big.bin", b'0', "", &page)])), &world);
    assert!(words.contains("it unpacks to more than 1 MiB"), "{words}");
    world.network.limits.download = 1 << 20;
    let words = many(world.archive("large.tar", &tar(&[entry(b"big.bin", b'0', "", &page)])), &world);
    assert!(words.contains("it has more than 1 MiB"), "{words}");
    assert_eq!(world.left(), Vec::<String>::new(), "nothing is left behind");
}

#[test]
fn what_is_no_archive_or_a_damaged_one_is_said_so() {
    let world = World::new();
    let whole = zipped(&[("README.md", PAGE.as_bytes())]);
    let tarred = gzip(&tar(&[file("README.md", PAGE)]));
    let mut wrong_sum = tar(&[file("README.md", PAGE)]);
    wrong_sum[0] ^= 1;
    for (name, bytes) in [
        ("text.zip", b"hello".as_slice()),
        ("empty.tar.gz", b""),
        ("cut.zip", &whole[..whole.len() - 30]),
        ("cut.tar.gz", &tarred[..tarred.len() / 2]),
        ("sum.tar", &wrong_sum),
        ("page.zip", b"<!doctype html>"),
    ] {
        let error = world.refused(&world.archive(name, bytes));
        assert!(matches!(error, SourceError::NotAnArchive { .. }), "{name}: {error}");
    }
    assert!(matches!(world.refused(&world.path("none.zip").display().to_string()), SourceError::Missing(_)));
    let mut damaged = zipped(&[("README.md", PAGE.as_bytes()), ("other.md", PAGE.as_bytes())]);
    let at = damaged.windows(9).position(|window| window == b"README.md").unwrap() + 12;
    damaged[at] ^= 0xFF;
    let ingested = world.ingest(&world.archive("damaged.zip", &damaged)).unwrap();
    assert!(ingested.pages == 1 && world.reasons(&ingested)[0].starts_with("README.md: it is damaged"), "{:?}", world.reasons(&ingested));
}

#[test]
fn an_archive_at_an_address_is_downloaded_and_an_unchanged_one_costs_one_answer_without_content() {
    let (server, mut world) = (Server::new(), World::new());
    let reply = |text: &str, etag: &str| {
        let bytes = zipped(&[
            ("docs-main/README.md", text.as_bytes()),
            ("docs-main/docs/a.md", b"# A\n\nText of the page called A, in a sentence.\n".as_slice()),
        ]);
        Reply::new(200, "application/zip", bytes).with("ETag", etag)
    };
    server.put("/docs.zip", reply(PAGE, "\"1\""));
    let source = server.url("/docs.zip");
    assert_eq!(world.revision(&source).unwrap(), None, "nothing is known yet");
    let first = world.ingest(&source).unwrap();
    assert_eq!(world.urls(&first)["docs/a.md"], format!("{source}/docs/a.md#L3"));
    server.requests();
    assert_eq!(world.revision(&source).unwrap(), first.commit);
    assert_eq!(server.asked(), [("/docs.zip".to_owned(), 304)]);
    server.put("/docs.zip", reply("# Other\n\nOther text for a change of the archive.\n", "\"2\""));
    assert_eq!(world.revision(&source).unwrap(), None);
    assert_ne!(world.ingest(&source).unwrap().commit, first.commit);

    // Without a suffix it takes the prefix.
    server.put("/latest", Reply { headers: Vec::new(), ..reply(PAGE, "") });
    assert_eq!(world.ingest(&format!("archive:{}", server.url("/latest"))).unwrap().pages, 2);

    let other = Server::new();
    server.put("/moved.zip", Reply::redirect(&other.url("/docs.zip")));
    assert!(matches!(world.refused(&server.url("/moved.zip")), SourceError::Elsewhere { .. }));
    assert!(other.requests().is_empty());
    server.put("/same.zip", Reply::redirect("/docs.zip"));
    world.ingest(&server.url("/same.zip")).unwrap();
    assert!(matches!(world.refused(&server.url("/none.zip")), SourceError::Missing(_)));
    world.network.limits.download = 100;
    assert!(matches!(world.refused(&source), SourceError::TooLarge { .. }));
}
