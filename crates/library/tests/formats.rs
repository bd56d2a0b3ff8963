//! What pages of each dialect become.

#![expect(clippy::unwrap_used, reason = "what tests share")]

use docent_library::format::include::Tree;
use docent_library::format::{BlockContent, Page, read_page};
use docent_library::snippet::{self, Links};
use docent_types::documentation::Block;
use proptest::prelude::*;

const EXTENSIONS: [&str; 11] = ["md", "mdx", "rst", "html", "txt", "ipynb", "adoc", "1", "3p", "json", "yaml"];

fn page(path: &str, text: &str) -> Page {
    read_page(path, text.as_bytes(), &Tree::none()).unwrap()
}

/// Headings, prose and code in order, one a line.
fn outline(page: &Page) -> Vec<String> {
    let mut out = vec![format!("title {}", page.title)];
    for section in &page.sections {
        if !section.headings.is_empty() {
            let anchor = section.anchor.as_ref().map_or(String::new(), |anchor| format!(" #{anchor}"));
            out.push(format!("h {}{anchor}", section.headings.join(" > ")));
        }
        for block in &section.blocks {
            let lines = format!("{}-{}", block.first_line, block.last_line);
            out.push(match &block.content {
                BlockContent::Prose(text) => format!("p {lines} {text}"),
                BlockContent::Code { language, file_name, code } => {
                    format!("c {lines} {language}|{}|{code}", file_name.as_deref().unwrap_or(""))
                }
            });
        }
    }
    out
}

#[test]
fn a_comment_in_code_is_no_heading_and_setext_titles_are() {
    let page = page("a.md", "Title\n=====\n\n```py\n# not a heading\nx = 1\n```\n\nPart\n----\n\ntext\n");
    assert_eq!(outline(&page), ["title Title", "c 4-7 py||# not a heading\nx = 1", "h Part", "p 12-12 text"]);
}

#[test]
fn front_matter_heading_ids_and_components_of_mdx_are_understood() {
    let text = "---\ntitle: useThing\n---\n\nimport {A} from './a.js';\n\n<Intro>\n\nUse *it* <CodeStep step={1}>well</CodeStep>.\n\n</Intro>\n\n<InlineToc />\n\n## Reference {/*reference*/}\n\n<Sandpack>\n\n```js src/App.js active {1,2}\nexport default 1;\n```\n\n</Sandpack>\n";
    assert_eq!(
        outline(&page("a.md", text)),
        ["title useThing", "p 9-9 Use it well.", "h Reference #reference", "c 19-21 js|src/App.js|export default 1;"]
    );
}

#[test]
fn admonitions_of_every_generator_keep_their_text() {
    let text = "# T\n\n::: tip Careful\nOne\n:::\n\n!!! note \"Titled\"\n    Two\n\n    ```sh\n    run\n    ```\n\n/// warning | Hot\n\nThree\n\n///\n\n> [!NOTE]\n> Four\n";
    let outline = outline(&page("a.md", text)).join("\n");
    for piece in ["**Tip: Careful**", "One", "**Note: Titled**", "Two", "c 10-12 sh||run", "**Warning: Hot**", "Three", "**Note**", "Four"]
    {
        assert!(outline.contains(piece), "{piece} is missing in\n{outline}");
    }
    assert!(!outline.contains(":::") && !outline.contains("!!!") && !outline.contains("///"), "{outline}");
}

#[test]
fn included_files_are_expanded_from_the_tree_only() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("tree");
    std::fs::create_dir_all(root.join("docs/en/docs")).unwrap();
    std::fs::create_dir_all(root.join("docs_src")).unwrap();
    std::fs::write(root.join("docs_src/a.py"), "one\ntwo\nthree\n").unwrap();
    std::fs::write(folder.path().join("secret.py"), "secret\n").unwrap();
    let tree = Tree::new(&root).unwrap();
    let text = "# T\n\n```Python hl_lines=\"1\"\n{!> ../../../docs_src/a.py!}\n```\n\n{* ../../docs_src/a.py ln[2:3] hl[2] *}\n\n<<< @/docs_src/a.py{3}\n\n```py\n{!../../../../secret.py!}\n```\n";
    let outline = outline(&read_page("docs/en/docs/a.md", text.as_bytes(), &tree).unwrap());
    assert_eq!(outline[1], "c 3-5 python||one\ntwo\nthree");
    assert!(outline[2].ends_with("a.py|two\nthree"), "{outline:?}");
    assert!(!outline.iter().any(|line| line.contains("secret\n") || line.ends_with("|secret")), "{outline:?}");
}

#[test]
fn rustdoc_hides_lines_and_pictures_and_comments_are_dropped() {
    let text = "# T\n\n<!-- gone -->\n\n![](data:image/png;base64,iVBORw0KGgo=)\n\n```rust\n# use x::Y;\n#[test]\nfn a() {}\n```\n\n[link](https://example.org) and <div class=\"x\">html</div> `Vec<T>`\n";
    assert_eq!(
        outline(&page("a.md", text)),
        ["title T", "c 7-11 rust||#[test]\nfn a() {}", "p 13-13 [link](https://example.org) and html `Vec<T>`"]
    );
}

#[test]
fn lists_and_tables_stay_readable_and_code_in_a_list_is_code() {
    let text = "# T\n\n- one\n- two:\n\n  ```sh\n  go\n  ```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n";
    assert_eq!(
        outline(&page("a.md", text)),
        ["title T", "p 3-4 - one\n- two:", "c 6-8 sh||go", "p 10-12 | a | b |\n| --- | --- |\n| 1 | 2 |"]
    );
}

#[test]
fn restructuredtext_of_sphinx_is_understood() {
    let text = ".. _label:\n\n=====\nTitle\n=====\n\nSee :class:`~a.b.C` and :ref:`the guide <guide>`::\n\n    x = 1\n\n    y = 2\n\nPart\n----\n\n.. note:: Short\n   note.\n\n.. code-block:: sql\n   :caption: Cap\n\n   SELECT 1\n\n>>> 1 + 1\n2\n\n.. versionadded:: 2.0 It is new.\n\n.. toctree::\n\n   other\n\n.. autofunction:: a.b.go\n\nterm\n    What it is.\n";
    assert_eq!(
        outline(&page("a.rst", text)),
        [
            "title Title",
            "p 7-7 See `C` and the guide:",
            "c 9-11 python||x = 1\n\ny = 2",
            "h Part",
            "p 16-17 **Note**: Short note.",
            "p 19-19 Cap",
            "c 22-22 sql||SELECT 1",
            "c 24-25 pycon||>>> 1 + 1\n2",
            "p 27-27 **Added in version 2.0**: It is new.",
            "p 33-33 `a.b.go`",
            "p 36-36 **term**: What it is.",
        ]
    );
}

#[test]
fn html_is_read_without_navigation_and_scripts() {
    let text = "<html><head><title>Page | Site</title></head><body><nav>menu</nav><main><h1 id=\"top\">Page</h1><p>Some <code>code</code> here.</p><script>bad()</script><h2 id=\"x\">Part<a class=\"headerlink\">¶</a></h2><pre><code class=\"language-js\">let a\nlet b</code></pre><ul><li>one</li><li>two</li></ul><table><tr><td>1</td><td>2</td></tr></table></main><footer>foot</footer></body></html>";
    let outline = outline(&page("a.html", text));
    assert_eq!(outline[0], "title Page");
    let joined = outline.join("\n");
    for piece in ["Some `code` here.", "h Part #x", "js||let a\nlet b", "- one\n- two", "| 1 | 2 |"] {
        assert!(joined.contains(piece), "{piece} is missing in\n{joined}");
    }
    for piece in ["menu", "bad()", "foot", "¶"] {
        assert!(!joined.contains(piece), "{piece} is in\n{joined}");
    }
}

#[test]
fn hostile_nesting_is_survived() {
    let deep = [
        ("a.md", "> ".repeat(50_000) + "x"),
        ("b.md", "[".repeat(100_000)),
        ("c.md", "*a **b ".repeat(30_000)),
        ("d.html", "<div>".repeat(200_000) + "text"),
        ("e.html", "<script>".repeat(100_000) + "text"),
        ("f.rst", (0..2_000).map(|n| " ".repeat(n) + "* x\n\n").collect::<String>()),
        ("g.md", "<details><summary>x\n".repeat(20_000)),
        ("h.md", "{/*".repeat(100_000)),
        ("i.ipynb", "[".repeat(100_000)),
    ];
    for (path, text) in deep {
        // It may be refused; it may not hang or bring the process down.
        let _ = read_page(path, text.as_bytes(), &Tree::none());
    }
}

#[test]
fn large_prose_and_code_are_cut_and_small_sections_joined() {
    let long: String = (0..400).map(|n| format!("Sentence number {n} says something. ")).collect();
    let code: String = (0..600).map(|n| format!("let value_{n} = {n};\n{}", if n % 10 == 9 { "\n" } else { "" })).collect();
    let text = format!(
        "# T\n\n{long}\n\n## Code\n\n```rust\n{code}```\n\n## A\n\nShort.\n\n### B\n\nA bit more text that stands under a heading of its own, with enough words to be a passage.\n"
    );
    let snippets = snippet::split(&page("a.md", &text), &Links::new("docs", None));
    for snippet in &snippets {
        assert!(snippet::characters(snippet) <= snippet::MAX_CHARACTERS, "{}", snippet::characters(snippet));
    }
    assert!(snippets.len() > 10);
    assert!(
        snippets.iter().any(|s| s.headings == ["A", "B"] && matches!(&s.blocks[0], Block::Prose(text) if text.starts_with("Short."))),
        "{:?}",
        snippets.last()
    );
}

fn code_lines_kept(path: &str, text: &str, lines: &[String]) {
    let page = page(path, text);
    let snippets = snippet::split(&page, &Links::new("docs", None));
    let kept: Vec<String> = snippets
        .iter()
        .flat_map(|s| &s.blocks)
        .filter_map(|block| match block {
            Block::Code(code) => Some(code.code.lines().map(|l| l.trim().to_owned()).collect::<Vec<_>>()),
            Block::Prose(_) => None,
        })
        .flatten()
        .collect();
    for line in lines {
        assert!(kept.iter().any(|k| k == line.trim()), "{line:?} of {text:?} is lost: {kept:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_a_reader_or_the_splitter_panic(text in "(?s)[ -~\n\t#*`<>{}:=.|äé🦀\u{0}-]{0,400}", extension in prop::sample::select(EXTENSIONS.to_vec())) {
        if let Ok(page) = read_page(&format!("a.{extension}"), text.as_bytes(), &Tree::none()) {
            for snippet in snippet::split(&page, &Links::new("docs", None)) {
                prop_assert!(snippet.lines.0 <= snippet.lines.1);
                prop_assert!(snippet::characters(&snippet) <= snippet::MAX_CODE_CHARACTERS + snippet::MAX_CHARACTERS);
            }
        }
    }

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), extension in prop::sample::select(EXTENSIONS.to_vec())) {
        let _ = read_page(&format!("a.{extension}"), &bytes, &Tree::none());
    }

    #[test]
    fn every_line_of_code_is_kept(lines in prop::collection::vec("[a-z(){};=\" ]{1,60}[a-z]", 1..400)) {
        let body = lines.join("\n");
        code_lines_kept("a.md", &format!("# T\n\nText\n\n```js\n{body}\n```\n"), &lines);
        let indented: String = lines.iter().map(|line| format!("    {}\n", line.trim())).collect();
        code_lines_kept("a.rst", &format!("Title\n=====\n\nText::\n\n{indented}\nEnd.\n"), &lines);
    }
}
