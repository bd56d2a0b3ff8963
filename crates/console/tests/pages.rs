//! Every page is rendered from its samples: well-formed, escaped, without anything that its policy forbids, and small.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "what tests share")]

use askama::Template;
use docent_console::account::activity::ActivityPage;
use docent_console::account::apps::AppsPage;
use docent_console::account::keys::KeysPage;
use docent_console::account::security::SecurityPage;
use docent_console::account::usage::UsagePage;
use docent_console::admin::apps::ClientsPage;
use docent_console::admin::audit::AuditPage;
use docent_console::admin::configuration::ConfigurationPage;
use docent_console::admin::libraries::WorkPage;
use docent_console::admin::people::PeoplePage;
use docent_console::admin::projects::{ProjectPage, ProjectsPage};
use docent_console::admin::usage::AllUsagePage;
use docent_console::confirm::ConfirmPage;
use docent_console::error::ErrorPage;
use docent_console::libraries::LibrariesPage;
use docent_console::library::LibraryPage;
use docent_console::start::StartPage;

fn rendered() -> Vec<(String, String)> {
    fn each<T: Template>(name: &str, pages: Vec<T>) -> Vec<(String, String)> {
        assert!(!pages.is_empty(), "{name} has no samples");
        pages.iter().enumerate().map(|(number, page)| (format!("{name}-{number}"), page.render().unwrap())).collect()
    }
    [
        each("start", StartPage::samples()),
        each("libraries", LibrariesPage::samples()),
        each("library", LibraryPage::samples()),
        each("apps", AppsPage::samples()),
        each("keys", KeysPage::samples()),
        each("security", SecurityPage::samples()),
        each("usage", UsagePage::samples()),
        each("activity", ActivityPage::samples()),
        each("people", PeoplePage::samples()),
        each("projects", ProjectsPage::samples()),
        each("project", ProjectPage::samples()),
        each("clients", ClientsPage::samples()),
        each("work", WorkPage::samples()),
        each("audit", AuditPage::samples()),
        each("all-usage", AllUsagePage::samples()),
        each("configuration", ConfigurationPage::samples()),
        each("confirm", ConfirmPage::samples()),
        each("error", ErrorPage::samples()),
    ]
    .concat()
}

/// Elements without an end tag (HTML 13.1.2).
const VOID: [&str; 5] = ["meta", "link", "input", "img", "br"];

/// The tags of a page, in order; panics where one is not closed.
fn tags(page: &str) -> Vec<(String, bool)> {
    let mut tags = Vec::new();
    let mut rest = page;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        let end = rest.find('>').expect("every tag ends");
        let tag = &rest[..end];
        assert!(!tag.contains('<'), "an unescaped < in {tag:?}");
        rest = &rest[end + 1..];
        if !tag.starts_with('!') {
            let name: String = tag.trim_start_matches('/').chars().take_while(char::is_ascii_alphanumeric).collect();
            tags.push((name.to_ascii_lowercase(), tag.starts_with('/')));
        }
    }
    tags
}

#[test]
fn every_sample_is_well_formed() {
    for (name, page) in rendered() {
        let mut open: Vec<String> = Vec::new();
        for (tag, closes) in tags(&page) {
            if VOID.contains(&tag.as_str()) {
                continue;
            }
            if closes {
                assert_eq!(open.pop().as_deref(), Some(tag.as_str()), "{name}: </{tag}> closes something else");
            } else {
                open.push(tag);
            }
        }
        assert!(open.is_empty(), "{name}: {open:?} stay open");
        assert_eq!(page.matches("<h1").count(), 1, "{name} has one main heading");
        assert_eq!(page.matches("<main").count(), 1, "{name}");
        assert!(page.contains("lang=\"en\"") && page.contains("name=\"viewport\""), "{name}");
    }
}

#[test]
fn no_sample_has_what_the_content_security_policy_forbids() {
    for (name, page) in rendered() {
        for forbidden in ["style=", "<script", "<style", "onclick=", "onload=", "javascript:"] {
            assert!(!page.contains(forbidden), "{name} has {forbidden}");
        }
    }
}

#[test]
fn what_strangers_wrote_is_escaped() {
    let pages = rendered();
    let all: String = pages.iter().map(|(_, page)| page.as_str()).collect();
    assert!(!all.contains("<websockets>") && !all.contains("<b>heading</b>") && !all.contains("Framework <&>"));
    assert!(all.contains("&#60;websockets&#62;") || all.contains("&lt;websockets&gt;"));
}

#[test]
fn every_input_has_a_label_and_every_id_is_there_once() {
    for (name, page) in rendered() {
        let ids: Vec<&str> = page.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        let distinct: std::collections::HashSet<_> = ids.iter().collect();
        assert_eq!(ids.len(), distinct.len(), "{name}: {ids:?}");
        for input in page.split("<input").skip(1).map(|rest| rest.split('>').next().unwrap_or_default()) {
            if input.contains("type=\"hidden\"") {
                continue;
            }
            let id = input.split("id=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default();
            assert!(page.contains(&format!("<label for=\"{id}\"")), "{name}: <input{input}> has no label");
        }
    }
}

#[test]
fn every_sample_is_small() {
    for (name, page) in rendered() {
        // Fifty libraries or two hundred file names are the largest.
        assert!(page.len() < 60 * 1024, "{name} has {} bytes", page.len());
    }
}

/// Writes the samples next to the style sheet.
fn write(folder: &std::path::Path) {
    std::fs::create_dir_all(folder.join("assets")).unwrap();
    let templates = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../templates");
    for asset in ["docent.css", "icon.svg"] {
        std::fs::copy(templates.join(asset), folder.join("assets").join(asset)).unwrap();
    }
    for (name, page) in rendered() {
        let page = page.replace("\"/assets/", "\"assets/");
        assert!(page.contains("\"assets/docent.css\""), "{name} has no style sheet");
        std::fs::write(folder.join(format!("{name}.html")), page).unwrap();
    }
}

/// Writes the samples for looking at them: `DOCENT_SAMPLES=folder`.
#[test]
fn samples_can_be_written_out_for_a_look() {
    let temporary = tempfile::tempdir().unwrap();
    write(&std::env::var_os("DOCENT_SAMPLES").map_or_else(|| temporary.path().to_owned(), std::path::PathBuf::from));
}

/// In Chromium, at a phone's width and a desktop's, light and dark: axe-core finds nothing, nothing scrolls sideways, and the keyboard
/// reaches everything and shows where it is.
#[test]
fn every_page_passes_axe_and_is_used_with_the_keyboard() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path());
    let script = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/browser/pages.mjs");
    let checked = std::process::Command::new("timeout").args(["240", "node"]).arg(script).arg(folder.path()).output().unwrap();
    let said = String::from_utf8_lossy(&checked.stdout).into_owned() + &String::from_utf8_lossy(&checked.stderr);
    assert!(checked.status.success(), "{}\n{said}", checked.status);
}

/// WCAG 2.2 1.4.3 and 1.4.11: 4.5 for text, 3 for the edges of controls.
#[test]
fn text_and_controls_have_enough_contrast_in_both_schemes() {
    let css = include_str!("../../../templates/docent.css");
    let schemes: Vec<&str> = css.split(":root {").skip(1).map(|rest| rest.split('}').next().unwrap()).collect();
    assert_eq!(schemes.len(), 2, "light and dark");
    let colour = |scheme: &str, name: &str| {
        let value = scheme.split(&format!("--{name}: #")).nth(1).unwrap_or_else(|| panic!("no colour {name}"));
        u32::from_str_radix(&value[..6], 16).unwrap()
    };
    let luminance = |colour: u32| {
        let channel = |shift: u32| {
            let value = f64::from((colour >> shift) & 0xff) / 255.0;
            if value <= 0.03928 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * channel(16) + 0.7152 * channel(8) + 0.0722 * channel(0)
    };
    let pairs = [
        ("ink", "ground", 4.5),
        ("ink", "surface", 4.5),
        ("ink", "sunken", 4.5),
        ("ink", "tint", 4.5),
        ("soft", "ground", 4.5),
        ("soft", "surface", 4.5),
        ("soft", "sunken", 4.5),
        ("accent", "ground", 4.5),
        ("accent", "surface", 4.5),
        ("accent", "tint", 4.5),
        ("on-accent", "accent", 4.5),
        ("on-accent", "accent-strong", 4.5),
        ("warn", "warn-ground", 4.5),
        ("bad", "bad-ground", 4.5),
        ("bad", "surface", 4.5),
        ("good", "good-ground", 4.5),
        ("edge", "surface", 3.0),
    ];
    for scheme in schemes {
        for (front, back, least) in pairs {
            let (one, other) = (luminance(colour(scheme, front)), luminance(colour(scheme, back)));
            let contrast = (one.max(other) + 0.05) / (one.min(other) + 0.05);
            assert!(contrast >= least, "{front} on {back}: {contrast:.2}");
        }
    }
}
