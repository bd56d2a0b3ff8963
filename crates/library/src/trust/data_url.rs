//! Data in URLs: pictures and fonts that are nothing to read.

/// A data URL up to this length stays: it may be the example itself.
const SHORT: usize = 160;

/// A text with its long data URLs cut.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cut {
    /// The text.
    pub text: String,
    /// Where each stood, its media type and its length.
    pub found: Vec<(usize, String, usize)>,
}

/// Cuts the data of long data URLs; `None` if there are none.
#[must_use]
pub fn cut(text: &str) -> Option<Cut> {
    let mut out = Cut { text: String::new(), found: Vec::new() };
    let mut rest_from = 0;
    let mut search_from = 0;
    while let Some(at) = text.get(search_from..).and_then(|rest| rest.find("data:")).map(|at| at + search_from) {
        search_from = at + 5;
        let Some((head, data_from, end)) = parts(text, at) else { continue };
        if end - at <= SHORT {
            continue;
        }
        out.text.push_str(&text[rest_from..data_from]);
        out.text.push('…');
        out.found.push((at, head, end - at));
        rest_from = end;
        search_from = end;
    }
    if out.found.is_empty() {
        return None;
    }
    out.text.push_str(&text[rest_from..]);
    Some(out)
}

/// Media type, where the data begins, and where it ends.
fn parts(text: &str, at: usize) -> Option<(String, usize, usize)> {
    let head = text.as_bytes().get(at + 5..text.len().min(at + 105))?;
    let comma = head.iter().position(|byte| *byte == b',')?;
    let head = std::str::from_utf8(&head[..comma]).ok()?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | ';' | '=' | '+' | '-' | '.' | '_');
    if !head.chars().all(plain) || !(head.contains('/') || head.ends_with("base64")) {
        return None;
    }
    let from = at + 5 + comma + 1;
    let data = |byte: &u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'' | b'<' | b'>' | b')' | b'`' | b'|');
    let length = text.as_bytes()[from..].iter().take_while(|byte| data(byte)).count();
    let media = head.split(';').next().filter(|media| !media.is_empty()).unwrap_or("text/plain");
    Some((media.to_owned(), from, from + length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_data_is_cut_and_short_data_and_words_stay() {
        let long = format!("![x](data:image/png;base64,{}) and more", "iVBORw0KGgo".repeat(40));
        let cut_once = cut(&long).unwrap();
        assert_eq!(cut_once.text, "![x](data:image/png;base64,…) and more");
        assert_eq!(cut_once.found, [(5, "image/png".to_owned(), 22 + 440)]);
        for text in ["data: [1, 2]", "url(data:image/gif;base64,R0lGODlhAQABAAAAACw=)", "const data:string = x", "data:", "data:,"] {
            assert_eq!(cut(text), None, "{text}");
        }
    }

    #[test]
    fn many_beginnings_cost_no_more_than_their_length() {
        assert_eq!(cut(&"data:".repeat(500_000)), None);
        assert!(cut(&"data:a/b,".repeat(200_000)).unwrap().text.len() < 100);
    }
}
