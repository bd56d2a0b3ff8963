//! What site generators add to a page: which elements are not its text, and where they put language, title and labels of code.

use super::collapse;
use ego_tree::NodeRef;
use ego_tree::iter::Edge;
use scraper::{ElementRef, Node, node::Element};

const SKIPPED: [&str; 15] = [
    "nav",
    "header",
    "footer",
    "script",
    "style",
    "noscript",
    "template",
    "svg",
    "aside",
    "button",
    "form",
    "iframe",
    "head",
    "select",
    "rustdoc-toolbar",
];

/// Classes of navigation, of buttons, of line numbers and of marks that link to a heading.
fn is_machinery(class: &str) -> bool {
    matches!(
        class,
        // DocBook, Sphinx
        "navheader" | "navfooter" | "toc" | "sidebar" | "breadcrumbs" | "headerlink" | "sphinxsidebar" | "related" | "viewcode-link"
            | "highlight-lineno" | "linenos" | "linenodiv" | "lineno" | "gp-unselectable" | "toctree-wrapper" | "prev-next-area"
            // MkDocs
            | "md-source-file" | "md-content__button" | "md-clipboard" | "md-tags"
            // Docusaurus
            | "hash-link" | "skip-link" | "theme-doc-breadcrumbs" | "theme-doc-footer" | "theme-doc-toc-mobile" | "theme-doc-version-badge"
            | "pagination-nav"
            // VitePress
            | "header-anchor" | "line-numbers-wrapper" | "vp-copy"
            // Hugo, Docsy, Chroma
            | "td-page-meta" | "td-toc" | "td-heading-self-link" | "ln" | "lnt" | "lnlinks" | "td-page-meta__lastmod" | "feedback--prompt"
            // rustdoc
            | "doc-anchor" | "rightside" | "rustdoc-breadcrumbs" | "out-of-band" | "hideme" | "test-arrow" | "src-line-numbers"
            // Javadoc
            | "inheritance" | "sub-title" | "method-summary" | "constructor-summary" | "field-summary" | "enum-constant-summary"
            | "inherited-list" | "sub-nav" | "top-nav" | "summary-table-tabs"
            | "copybtn" | "clipboard-copy" | "btn-clipboard" | "sr-only" | "visually-hidden"
    )
}

/// Lists of implementations that every type has.
fn is_everywhere(id: &str) -> bool {
    matches!(
        id,
        "synthetic-implementations" | "synthetic-implementations-list" | "blanket-implementations" | "blanket-implementations-list"
    )
}

/// Whether an element is no part of the page's text.
pub(super) fn is_skipped(element: &Element) -> bool {
    let name = element.name();
    if SKIPPED.contains(&name) {
        // A heading may stand in a <header> inside an article.
        return !(name == "header" && element.attr("class").is_none() && element.attr("id").is_none());
    }
    let role = element.attr("role");
    element.attr("class").unwrap_or("").split_ascii_whitespace().any(|class| {
        is_machinery(class)
            // Names that others give to headings and paragraphs.
            || matches!((name, class), ("a", "anchor" | "src" | "copy") | ("span", "lang"))
    }) || matches!(role, Some("navigation" | "search" | "banner" | "contentinfo"))
        || element.attr("hidden").is_some() && role != Some("tabpanel")
        || element.attr("id").is_some_and(is_everywhere)
}

fn texts(element: ElementRef<'_>, mut each: impl FnMut(&str)) {
    let mut skip = None;
    for edge in element.traverse() {
        match edge {
            Edge::Open(node) if skip.is_none() => match node.value() {
                Node::Text(text) => each(text),
                Node::Element(inner) if inner.name() == "br" => each("\n"),
                Node::Element(inner) if node.id() != element.id() && is_skipped(inner) => skip = Some(node.id()),
                _ => {}
            },
            Edge::Close(node) if skip == Some(node.id()) => skip = None,
            _ => {}
        }
    }
}

/// The text of an element without what generators add, on one line.
pub(super) fn visible_text(element: ElementRef<'_>) -> String {
    let mut out = String::new();
    texts(element, |text| out.push_str(text));
    collapse(&out.replace('\u{200b}', "")).trim_end_matches(['¶', '#', '§']).trim().to_owned()
}

/// The code of a `pre` without line numbers and buttons.
pub(super) fn code_text(pre: ElementRef<'_>) -> String {
    let mut out = String::new();
    texts(pre, |text| out.push_str(text));
    out.replace('\u{a0}', " ")
}

fn ancestors<'a>(element: ElementRef<'a>) -> impl Iterator<Item = &'a Element> {
    element.ancestors().filter_map(|node| node.value().as_element())
}

/// The language of a block of code.
pub(super) fn language(pre: ElementRef<'_>) -> String {
    let inner = pre.children().filter_map(|child| child.value().as_element());
    // A table with a column of numbers stands between the code and the element that names its language.
    let numbered =
        ancestors(pre).take(7).any(|e| e.attr("class").is_some_and(|class| class.contains("highlighttable") || class.contains("lntable")));
    let outer = ancestors(pre).take(if numbered { 8 } else { 3 });
    for element in std::iter::once(pre.value()).chain(inner).chain(outer) {
        if let Some(language) = element.attr("data-lang").or_else(|| element.attr("data-language")).filter(|value| is_language(value)) {
            return language.to_lowercase();
        }
        for class in element.attr("class").unwrap_or("").split_ascii_whitespace() {
            for start in ["language-", "lang-", "highlight-source-", "highlight-", "brush:"] {
                if let Some(language) = class.strip_prefix(start).filter(|language| is_language(language)) {
                    return if matches!(language, "default" | "none" | "plaintext" | "fallback") {
                        String::new()
                    } else {
                        language.to_lowercase()
                    };
                }
            }
        }
        let classes = element.attr("class").unwrap_or("");
        if element.name() == "pre" && classes.split_ascii_whitespace().next() == Some("rust") {
            return "rust".to_owned();
        }
    }
    String::new()
}

fn is_language(text: &str) -> bool {
    !text.is_empty() && text.len() <= 24 && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '#' | '-' | '_' | '.'))
}

/// Whether an element is the title of a block of code.
pub(super) fn is_caption(element: &Element) -> bool {
    element.attr("class").is_some_and(|classes| {
        classes
            .split_ascii_whitespace()
            .any(|class| matches!(class, "code-block-caption" | "filename") || class.starts_with("codeBlockTitle"))
    })
}

/// Whether an element is the title of a note.
pub(super) fn is_note_title(element: &Element) -> bool {
    element.attr("class").is_some_and(|classes| {
        classes.split_ascii_whitespace().any(|class| {
            matches!(class, "admonition-title" | "custom-block-title" | "alert-heading") || class.starts_with("admonitionHeading")
        })
    })
}

/// Whether a table does nothing but set line numbers beside code.
pub(super) fn is_code_table(node: NodeRef<'_, Node>) -> bool {
    node.ancestors()
        .take(4)
        .filter_map(|above| above.value().as_element())
        .find(|above| above.name() == "table")
        .and_then(|table| table.attr("class"))
        .is_some_and(|classes| classes.split_ascii_whitespace().any(|class| matches!(class, "highlighttable" | "lntable" | "rouge-table")))
}

/// What a type implements, as rustdoc lists it: the methods of each trait are described where the trait is.
pub(super) fn implementations(element: ElementRef<'_>) -> Option<Vec<String>> {
    if element.value().attr("id") != Some("trait-implementations-list") {
        return None;
    }
    let headings = element.descendants().filter_map(ElementRef::wrap).filter(|inner| inner.value().name() == "h3");
    Some(headings.map(visible_text).take(400).collect())
}

/// Whether an element is the declaration of something: Javadoc's and Sphinx's are not in a `pre`.
pub(super) fn is_signature(element: &Element) -> bool {
    element.attr("class").is_some_and(|classes| {
        classes
            .split_ascii_whitespace()
            .any(|class| matches!(class, "member-signature" | "type-signature" | "annotation-interface-signature"))
    })
}

/// Labels of tabs, if an element holds them.
pub(super) fn tab_labels(node: NodeRef<'_, Node>) -> Option<Vec<String>> {
    let element = ElementRef::wrap(node)?;
    let classes = element.value().attr("class").unwrap_or("");
    let holds = element.value().attr("role") == Some("tablist")
        || classes.split_ascii_whitespace().any(|class| matches!(class, "tabbed-labels" | "nav-tabs"))
        || classes == "tabs";
    if !holds {
        return None;
    }
    let labels = element
        .descendants()
        .filter_map(ElementRef::wrap)
        .filter(|inner| inner.value().name() == "label" || matches!(inner.value().attr("role"), Some("tab")));
    Some(labels.map(|label| collapse(&label.text().collect::<String>())).take(40).collect())
}

/// Whether an element is what a tab shows.
pub(super) fn is_tab(node: NodeRef<'_, Node>) -> bool {
    let Some(element) = node.value().as_element() else { return false };
    let classes = |element: &Element| element.attr("class").unwrap_or("").to_owned();
    element.attr("role") == Some("tabpanel")
        || classes(element).split_ascii_whitespace().any(|class| matches!(class, "tabbed-block" | "tab-pane"))
        || node.parent().and_then(|parent| parent.value().as_element().map(classes)).is_some_and(|class| class == "blocks")
}

/// The language of a Sphinx list of objects, if a `dl` is one.
pub(super) fn object_language(element: &Element) -> Option<&'static str> {
    let first = element.attr("class")?.split_ascii_whitespace().next()?;
    Some(match first {
        "py" => "python",
        "c" => "c",
        "cpp" => "cpp",
        "js" => "javascript",
        "rst" | "std" | "function" | "method" | "class" | "attribute" | "data" | "exception" | "describe" => "",
        _ => return None,
    })
}
