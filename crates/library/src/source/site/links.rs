//! What a page of HTML says about other pages: its links, its own address, and whether it wants to be listed.
//!
//! Tags are read one after another without building a tree, so that no page costs more than its length.

use crate::format::html::strip_tags;

/// Attributes of one tag that are looked at.
const MAX_ATTRIBUTES: usize = 64;
/// Links of one page.
const MAX_LINKS: usize = 20_000;

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// `href` of links, as written, in the page's order.
    pub links: Vec<String>,
    /// The address that the page says is its own.
    pub canonical: Option<String>,
    /// What addresses are relative to, if it is not the page.
    pub base: Option<String>,
    /// Whether it may be listed.
    pub index: bool,
    /// Whether its links may be followed.
    pub follow: bool,
}

/// Reads a page.
#[must_use]
pub fn read(html: &str) -> Found {
    let mut found = Found { links: Vec::new(), canonical: None, base: None, index: true, follow: true };
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        if let Some(comment) = rest.strip_prefix("!--") {
            rest = comment.split_once("-->").map_or("", |(_, rest)| rest);
            continue;
        }
        let length = rest.bytes().take(12).take_while(u8::is_ascii_alphanumeric).count();
        let name = rest[..length].to_ascii_lowercase();
        match name.as_str() {
            "a" | "area" | "base" | "link" | "meta" => {
                let (attributes, after) = attributes(&rest[length..]);
                rest = after;
                tag(&name, &attributes, &mut found);
            }
            "script" | "style" | "textarea" | "title" => {
                let end = format!("</{name}");
                match rest.as_bytes().windows(end.len()).position(|window| window.eq_ignore_ascii_case(end.as_bytes())) {
                    Some(at) => rest = &rest[at..],
                    None => break,
                }
            }
            _ => {}
        }
    }
    found
}

fn tag(name: &str, attributes: &[(String, String)], found: &mut Found) {
    let get = |wanted: &str| attributes.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.trim());
    let words = |wanted: &str| get(wanted).unwrap_or("").to_ascii_lowercase();
    match name {
        "a" | "area" => {
            let Some(href) = get("href").filter(|href| !href.is_empty()) else { return };
            let nofollow = words("rel").split_whitespace().any(|word| word == "nofollow");
            if !nofollow && found.links.len() < MAX_LINKS {
                found.links.push(href.to_owned());
            }
        }
        "base" => found.base = found.base.take().or_else(|| get("href").map(str::to_owned)),
        "link" if words("rel").split_whitespace().any(|word| word == "canonical") => {
            found.canonical = found.canonical.take().or_else(|| get("href").filter(|href| !href.is_empty()).map(str::to_owned));
        }
        "meta" if matches!(words("name").as_str(), "robots" | super::super::http::AGENT) => {
            let content = words("content");
            let (index, follow) = directives(&content);
            found.index &= index;
            found.follow &= follow;
        }
        _ => {}
    }
}

/// Whether to list and whether to follow, by a `robots` meta tag or an `X-Robots-Tag` header.
#[must_use]
pub fn directives(content: &str) -> (bool, bool) {
    let has = |wanted: &str| content.split([',', ' ']).any(|word| word.trim().eq_ignore_ascii_case(wanted));
    (!has("noindex") && !has("none"), !has("nofollow") && !has("none"))
}

/// The attributes up to the end of the tag, and what follows it.
fn attributes(text: &str) -> (Vec<(String, String)>, &str) {
    let mut out: Vec<(String, String)> = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
        if rest.is_empty() {
            return (out, rest);
        }
        if let Some(after) = rest.strip_prefix('>') {
            return (out, after);
        }
        let end =
            rest.bytes().skip(1).position(|b| b.is_ascii_whitespace() || matches!(b, b'=' | b'>' | b'/')).map_or(rest.len(), |at| at + 1);
        // Only ASCII ends a name, so the cut is between characters unless the first one is wide.
        let end = (end..=rest.len()).find(|at| rest.is_char_boundary(*at)).unwrap_or(rest.len());
        let name = &rest[..end];
        rest = rest[end..].trim_start_matches(|c: char| c.is_ascii_whitespace());
        let mut value = "";
        if let Some(after) = rest.strip_prefix('=') {
            let after = after.trim_start_matches(|c: char| c.is_ascii_whitespace());
            let quote = after.chars().next().filter(|c| matches!(c, '"' | '\''));
            match quote {
                Some(quote) => match after[1..].split_once(quote) {
                    Some((inside, after)) => (value, rest) = (inside, after),
                    None => return (out, ""),
                },
                None => {
                    let end = after.find(|c: char| c.is_ascii_whitespace() || c == '>').unwrap_or(after.len());
                    (value, rest) = after.split_at(end);
                }
            }
        }
        if out.len() < MAX_ATTRIBUTES && value.len() <= 4_096 && matches!(name.len(), 3..=7) {
            // Reads entities; an address has no tags.
            let value = if value.contains('&') { strip_tags(&value.replace('<', "%3C")) } else { value.to_owned() };
            out.push((name.to_ascii_lowercase(), value));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn links_and_addresses_are_found_where_a_browser_would() {
        let html = r#"<!doctype html><HEAD><title><a href="no"></title><base href="/docs/"><link rel="stylesheet" href="x.css">
            <LINK href='https://e.example/docs/own' rel="Canonical"><meta name=robots content="noarchive, NOFOLLOW"></HEAD>
            <!-- <a href="hidden"> --><script>"<a href='no'>"</script>
            <a class="x"href="one?a=1&amp;b=2">One</a> <A HREF = two.html >Two</A><a rel="noopener nofollow" href="three"></a>
            <a title="a > b" href='four#part'></a><a href=""></a><a name=x></a><abbr href="no"></abbr><area href=/five>"#;
        let found = read(html);
        assert_eq!(found.links, ["one?a=1&b=2", "two.html", "four#part", "/five"]);
        assert_eq!((found.base.as_deref(), found.canonical.as_deref()), (Some("/docs/"), Some("https://e.example/docs/own")));
        assert_eq!((found.index, found.follow), (true, false));
        assert_eq!(directives("none"), (false, false));
    }

    #[test]
    fn hostile_pages_take_linear_time() {
        for text in [
            "<a ".repeat(3 << 20),
            format!("<a {}>", "b ".repeat(5 << 20)),
            "<a href='".repeat(1 << 20),
            "<script>".repeat(1 << 20),
            "<!--".repeat(2 << 20),
        ] {
            let _ = read(&text);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "(<a |<base |<link |href|=|\"|'|>|<|é|/|&amp;| |<!--|-->|<script>|x){0,80}", any in "\\PC{0,200}") {
            let _ = read(&text);
            let _ = read(&any);
            let _ = read(&format!("<a {any}"));
        }
    }
}
