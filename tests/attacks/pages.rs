//! What a page leads to, and what it is made of.

use anyhow::ensure;
use docent_tests::http::Answer;
use docent_tests::{Person, Result};
use scraper::{Html, Node};

/// Attributes with which an element leads or loads.
const WAYS: [&str; 9] = ["href", "src", "action", "formaction", "content", "data", "srcset", "poster", "xlink:href"];

/// The places outside this server to which a page leads or from which it loads.
pub fn ways_out(page: &str) -> Vec<String> {
    let html = Html::parse_document(page);
    let mut found = Vec::new();
    for element in html.tree.root().descendants().filter_map(|node| node.value().as_element()) {
        for (name, value) in element.attrs() {
            let stays = value.is_empty() || value.starts_with('#') || (value.starts_with('/') && !value.starts_with("//"));
            // Of `content` only what is an address counts: `<meta http-equiv="refresh" content="0;url=…">`.
            let is_address = name != "content" || value.contains(':') || value.contains("url");
            if WAYS.contains(&name) && is_address && !stays {
                found.push(format!("<{} {name}={value:?}>", element.name()));
            }
        }
    }
    found
}

/// The elements of a page in their order, each with the names of its attributes. Text that stays text does not show in it.
pub fn skeleton(page: &str) -> String {
    let html = Html::parse_document(page);
    let mut skeleton = String::new();
    for node in html.tree.root().descendants() {
        match node.value() {
            Node::Element(element) => {
                let mut names: Vec<&str> = element.attrs().map(|(name, _)| name).collect();
                names.sort_unstable();
                skeleton.extend(["<", element.name(), " ", &names.join(" "), ">\n"]);
            }
            Node::Comment(_) => skeleton.push_str("<!-- -->\n"),
            _ => {}
        }
    }
    skeleton
}

/// AS4: an authorization request that may not be answered by redirect gets a page that explains, leads nowhere and asks for nothing.
///
/// # Errors
/// It got something else.
pub async fn expect_dead_end(person: &Person, url: &str) -> Result<Answer> {
    let (at, page) = person.open(url).await?;
    ensure!(page.status == 400, "answered with {} at {at}: {}", page.status, page.header("location"));
    ensure!(page.header("location").is_empty(), "a Location: {:?}", page.headers);
    ensure!(page.header("content-type").starts_with("text/html"), "{:?}", page.headers);
    ensure!(!page.body.contains("name=\"decision\""), "consent is asked for");
    let ways = ways_out(&page.body);
    ensure!(ways.is_empty(), "the page leads to {ways:?}");
    Ok(page)
}
