//! The text of pieces of HTML within other formats.

/// The text of a piece of HTML: tags, comments, scripts and styles removed, entities read.
#[must_use]
pub fn strip_tags(html: &str) -> String {
    let mut out = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(comment) = rest.strip_prefix("<!--") {
            rest = comment.find("-->").map_or("", |end| &comment[end + 3..]);
            continue;
        }
        let name: String =
            rest[1..].chars().take(12).take_while(|c| c.is_ascii_alphanumeric() || *c == '/').collect::<String>().to_ascii_lowercase();
        if name.is_empty() {
            out.push('<');
            rest = &rest[1..];
            continue;
        }
        if matches!(name.as_str(), "script" | "style") {
            match find_ignoring_case(rest, &format!("</{name}")) {
                Some(end) => rest = &rest[end..],
                None => break,
            }
        }
        match name.trim_matches('/') {
            "br" | "p" | "div" | "li" | "tr" | "h1" | "h2" | "h3" | "h4" | "ul" | "ol" | "table" | "section" | "summary" | "details" => {
                if !out.ends_with('\n') {
                    out.push('\n');
                }
                if name == "li" {
                    out.push_str("- ");
                }
            }
            "td" | "th" => out.push_str(if name.starts_with('/') { " " } else { "| " }),
            _ => {}
        }
        rest = rest.find('>').map_or("", |end| &rest[end + 1..]);
    }
    if !rest.starts_with('<') {
        out.push_str(rest);
    }
    let decoded = entities(&out);
    decoded.lines().map(str::trim).filter(|line| !line.is_empty() && *line != "-").collect::<Vec<_>>().join("\n")
}

fn find_ignoring_case(text: &str, needle: &str) -> Option<usize> {
    text.as_bytes().windows(needle.len()).position(|window| window.eq_ignore_ascii_case(needle.as_bytes()))
}

fn entities(text: &str) -> String {
    if !text.contains('&') {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = rest.bytes().take(12).position(|b| b == b';');
        let decoded = end.and_then(|end| match &rest[1..end] {
            "amp" => Some('&'),
            "lt" => Some('<'),
            "gt" => Some('>'),
            "quot" => Some('"'),
            "apos" | "#39" => Some('\''),
            "nbsp" => Some(' '),
            "mdash" => Some('—'),
            "ndash" => Some('–'),
            "hellip" => Some('…'),
            "copy" => Some('©'),
            number => number
                .strip_prefix('#')
                .and_then(|n| n.strip_prefix(['x', 'X']).map_or_else(|| n.parse().ok(), |hex| u32::from_str_radix(hex, 16).ok()))
                .and_then(char::from_u32),
        });
        match (decoded, end) {
            (Some(c), Some(end)) => {
                out.push(c);
                rest = &rest[end + 1..];
            }
            _ => {
                out.push('&');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    out
}
