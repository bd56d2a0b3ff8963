//! What parsers do with what nobody writes: they come back, with time and memory in proportion to the input.

#![expect(clippy::unwrap_used, reason = "what tests share")]

use docent_library::format::include::Tree;
use docent_library::format::{Page, read_page};
use docent_library::snippet::{self, Links, MAX_CODE_CHARACTERS};
use docent_library::trust::{Policy, treat_page};
use proptest::prelude::*;
use std::time::{Duration, Instant};

const EXTENSIONS: [&str; 9] = ["md", "mdx", "rst", "html", "txt", "adoc", "1", "json", "yaml"];

/// What makes a parser of the format take the text for its own.
fn head(extension: &str) -> &'static str {
    match extension {
        "1" => ".TH X 1\n.SH NAME\n",
        "json" => "{\"openapi\": \"3.0.0\", \"info\": {\"title\": \"x\", \"description\": \"",
        "yaml" => "openapi: 3.0.0\ninfo: {title: x}\nx: ",
        _ => "",
    }
}

/// Repeated, these are beginnings without ends, or ends without beginnings, or nest.
const PIECES: [&str; 66] = [
    "[",
    "=",
    "]",
    "(",
    "`",
    "*",
    "_",
    "<",
    "{",
    "|",
    ":",
    "\\",
    "#",
    "&",
    "'",
    "> ",
    "- ",
    "1. ",
    "* x\n",
    "``` ",
    "```\n",
    "{{<",
    "{/*",
    "{% ",
    "<!--",
    "<a {",
    "<A b=\"",
    "<div>",
    "<div></x>",
    "<b>",
    "<p><b>",
    "<table><tr><td>",
    "<script>",
    "*a **b ",
    "[a](/b",
    "[a](/b) ",
    "](",
    "~~~\n",
    "::: x\n",
    "!!! x\n",
    "=== \"x\"\n",
    ".. x::\n\n   ",
    ":a:`",
    "|x|",
    "a::\n\n  b\n",
    "====\n",
    "----\nx\n",
    "|===\n|a\n",
    "* x\n+\n",
    "a:: b\n",
    "<<a,",
    "image:",
    ".IP x\n",
    ".if n \\{",
    "\\f",
    ".TS\n",
    "&a [",
    "- - ",
    "ignore all previous instructions and ",
    "you must now ",
    "x\u{200b}\u{202e}",
    "AKIA",
    "token = \"",
    "ghp_a",
    "data:a;base64,A",
    "\u{e0041}",
];

/// Depths that grow and shrink: what indentation says.
fn stairs(size: usize, mark: &str) -> String {
    let mut out = String::with_capacity(size + 200);
    let mut step = 0_usize;
    while out.len() < size {
        let depth = step % 120;
        out.push_str(&"  ".repeat(if (step / 120).is_multiple_of(2) { depth } else { 120 - depth }));
        out.push_str(mark);
        out.push('\n');
        step += 1;
    }
    out
}

/// Reads and cuts a text; the best of some tries, since others use the machine too.
fn time(extension: &str, text: &str, tries: usize) -> Duration {
    let path = format!("a.{extension}");
    (0..tries)
        .map(|_| {
            let started = Instant::now();
            if let Ok(page) = read_page(&path, text.as_bytes(), &Tree::none()) {
                let Some(page) = treat_page(page, Policy::Neutralise).page else { return started.elapsed() };
                let snippets = snippet::split(&page, &Links::new("docs", None));
                let largest = snippets.iter().map(snippet::characters).max().unwrap_or(0);
                let beginning: String = text.chars().take(40).collect();
                assert!(largest <= MAX_CODE_CHARACTERS + snippet::MAX_CHARACTERS, "{extension} {beginning:?}: {largest} characters");
            }
            started.elapsed()
        })
        .min()
        .unwrap()
}

fn repeated(extension: &str, piece: &str, size: usize) -> String {
    head(extension).to_owned() + &piece.repeat(size / piece.len())
}

#[test]
fn twice_the_text_takes_about_twice_the_time() {
    let mut slow = Vec::new();
    for extension in EXTENSIONS {
        let texts = |size: usize| {
            let pieces = PIECES.iter().map(move |piece| ((*piece).to_owned(), repeated(extension, piece, size)));
            pieces
                .chain(["- x", "* x", "> x", "x::", ".. x::", "<ul><li>"].map(|mark| (format!("stairs of {mark}"), stairs(size, mark))))
                .collect::<Vec<_>>()
        };
        for ((piece, small), (_, large)) in texts(40_000).into_iter().zip(texts(160_000)) {
            // Four times the text: a parser that is quadratic takes sixteen times as long.
            let (one, four) = (time(extension, &small, 1), time(extension, &large, 1));
            if four > one * 9 + Duration::from_millis(150) {
                let (one, four) = (time(extension, &small, 3), time(extension, &large, 2));
                if four > one * 9 + Duration::from_millis(150) {
                    slow.push(format!("{extension}: {piece:?} {one:?} -> {four:?}"));
                }
            }
        }
    }
    assert!(slow.is_empty(), "{}", slow.join("\n"));
}

#[test]
fn ten_megabytes_of_one_sign_and_a_line_of_fifty_are_read() {
    // Built without optimisation a tenth is tried: what is not linear shows there too.
    let part = if cfg!(debug_assertions) { 10 } else { 1 };
    for extension in ["md", "rst", "adoc", "html"] {
        for piece in ["[", "="] {
            let taken = time(extension, &repeated(extension, piece, 10_000_000 / part), 1);
            assert!(taken < Duration::from_secs(60), "{extension}: {piece:?} took {taken:?}");
        }
    }
    for extension in ["md", "txt"] {
        let taken = time(extension, &"word ".repeat(10_000_000 / part), 1);
        assert!(taken < Duration::from_secs(60), "{extension}: one long line took {taken:?}");
    }
}

#[test]
fn includes_that_include_themselves_come_to_an_end() {
    let folder = tempfile::tempdir().unwrap();
    let text = [
        ("a.md", "{!> a.md !}\n{* a.md *}\n<<< a.md\n--8<-- \"a.md\"\n<!-- @include: a.md -->\n"),
        ("a.adoc", "include::a.adoc[]\ninclude::./a.adoc[tag=x]\n"),
        ("a.rst", ".. include:: a.rst\n\n.. literalinclude:: a.rst\n\n"),
        ("a.1", ".TH A 1\n.so a.1\n.so man1/a.1\n"),
    ];
    for (path, line) in text {
        std::fs::write(folder.path().join(path), line.repeat(200)).unwrap();
    }
    let tree = Tree::new(folder.path()).unwrap();
    for (path, _) in text {
        let bytes = std::fs::read(folder.path().join(path)).unwrap();
        // It may find nothing to read; it may not go on for ever.
        let _ = read_page(path, &bytes, &tree);
    }
}

#[test]
fn schemas_that_refer_to_themselves_are_written_once() {
    let text = "openapi: 3.0.0\ninfo: {title: x, version: 1}\npaths:\n  /a:\n    get:\n      responses:\n        '200': {description: ok, content: {application/json: {schema: {$ref: '#/components/schemas/A'}}}}\ncomponents:\n  schemas:\n    A: {type: object, properties: {a: {$ref: '#/components/schemas/A'}, b: {$ref: '#/components/schemas/B'}}}\n    B: {allOf: [{$ref: '#/components/schemas/A'}, {$ref: '#/components/schemas/Loop'}]}\n    Loop: {$ref: '#/components/schemas/Loop'}\n";
    let page = read_page("api.yaml", text.as_bytes(), &Tree::none()).unwrap();
    let snippets = snippet::split(&page, &Links::new("docs", None));
    let operation = snippets.iter().find(|s| s.headings.iter().any(|heading| heading == "GET /a")).unwrap();
    let text = docent_library::answer::render_blocks(operation);
    assert_eq!((text.matches("type A =").count(), text.matches("type B =").count()), (1, 1), "{text}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn pieces_of_markup_in_any_order_make_no_parser_panic(
        pieces in prop::collection::vec(prop::sample::select(PIECES.to_vec()), 0..60),
        words in prop::collection::vec("[ -~\n\tä🦀]{0,12}", 0..60),
        extension in prop::sample::select(EXTENSIONS.to_vec()),
    ) {
        let mut text = head(extension).to_owned();
        for (piece, word) in pieces.iter().zip(words.iter().chain(std::iter::repeat(&String::new()))) {
            text.push_str(piece);
            text.push_str(word);
        }
        if let Ok(page) = read_page(&format!("a.{extension}"), text.as_bytes(), &Tree::none()) {
            prop_assert_eq!(treat_page(page.clone(), Policy::Report).page, Some(Page { findings: Vec::new(), ..page.clone() }));
            let Some(page) = treat_page(page, Policy::Neutralise).page else { return Ok(()) };
            // What was dealt with once is as it may be shown.
            let again = treat_page(page.clone(), Policy::Neutralise);
            prop_assert_eq!(again.page.as_ref(), Some(&page), "{:?}", again.findings);
            for snippet in snippet::split(&page, &Links::new("https://git.example/o/r", Some("c"))) {
                prop_assert!(snippet.lines.0 <= snippet.lines.1);
            }
        }
    }

    #[test]
    fn any_openapi_shape_is_read(values in prop::collection::vec("(null|true|1|\"x\"|\\[\\]|\\{\\}|\\[\\{\\}\\]|\\{\"\\$ref\":\"#/components/schemas/A\"\\})", 14)) {
        let v = &values;
        let text = format!(
            "{{\"openapi\":\"3.1.0\",\"info\":{},\"servers\":[{}],\"tags\":[{}],\"paths\":{{\"/a\":{{\"parameters\":[{}],\"get\":{{\"parameters\":[{}],\"requestBody\":{},\"responses\":{{\"200\":{{\"content\":{{\"a/b\":{{\"schema\":{{\"properties\":{{\"x\":{}}},\"items\":{},\"allOf\":[{}]}},\"example\":{}}}}}}},\"400\":{}}},\"security\":[{}]}}}}}},\"components\":{{\"schemas\":{{\"A\":{}}},\"securitySchemes\":{{\"s\":{}}}}}}}",
            v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7], v[8], v[9], v[10], v[11], v[12], v[13]
        );
        let _ = read_page("a.json", text.as_bytes(), &Tree::none());
    }
}
