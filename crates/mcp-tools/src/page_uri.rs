//! URIs of pages: `docent://owner/name/path`, `docent://owner/name@version/path`.
//!
//! The template has two variables that people know from the tools: a library's id, and a path in it. Ids are written with a
//! slash in front, so `docent:///owner/name/path` is the same; and a client that knows only the simplest form of templates
//! encodes the slashes, which is the same again.

use docent_library::pages::PageAddress;
use docent_types::library_id::LibraryId;

/// The scheme.
const SCHEME: &str = "docent:";
/// The template, by RFC 6570 (level 2).
pub const TEMPLATE: &str = "docent://{+libraryId}/{+path}";
/// Its first variable.
pub const LIBRARY: &str = "libraryId";
/// Its second variable.
pub const PATH: &str = "path";
/// No URI is longer.
const LONGEST: usize = 4_000;

/// The text is not a URI of a page.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "This is not the URI of a page: these have the form docent://owner/name/path or docent://owner/name@version/path, for example docent://vitejs/vite/docs/guide/index.md"
)]
pub struct NotAPage;

/// Reads a URI.
///
/// # Errors
/// [`NotAPage`].
pub fn parse(uri: &str) -> Result<PageAddress, NotAPage> {
    if uri.len() > LONGEST {
        return Err(NotAPage);
    }
    let scheme = uri.get(..SCHEME.len()).filter(|scheme| scheme.eq_ignore_ascii_case(SCHEME)).ok_or(NotAPage)?;
    let rest = uri.get(scheme.len()..).and_then(|rest| rest.strip_prefix("//")).ok_or(NotAPage)?;
    let rest = rest.split(['#', '?']).next().unwrap_or_default();
    let decoded = decode(rest).ok_or(NotAPage)?;
    let decoded = decoded.trim_start_matches('/');
    let (owner, rest) = decoded.split_once('/').ok_or(NotAPage)?;
    let (name, names_version, rest) = match rest.find(['/', '@']) {
        Some(at) => (&rest[..at], rest[at..].starts_with('@'), &rest[at + 1..]),
        None => (rest, false, ""),
    };
    let library = LibraryId::new(owner, name).map_err(|_| NotAPage)?;
    Ok(PageAddress { library, names_version, rest: rest.trim_start_matches('/').to_owned() })
}

/// Without percent signs. `None` if what comes out is not UTF-8.
fn decode(text: &str) -> Option<String> {
    let digit = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16)).and_then(|digit| u8::try_from(digit).ok());
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match (byte, digit(bytes.get(at + 1)), digit(bytes.get(at + 2))) {
            (b'%', Some(high), Some(low)) => {
                out.push(high * 16 + low);
                at += 3;
            }
            _ => {
                out.push(*byte);
                at += 1;
            }
        }
    }
    String::from_utf8(out).ok()
}

/// The name of a variable as clients write it: some keep the operator of the template in front.
#[must_use]
pub fn variable(name: &str) -> &str {
    name.trim_start_matches('+')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_forms_that_clients_make_of_the_template_are_the_same() {
        let expected = PageAddress { library: "/glide/kite".parse().unwrap(), names_version: false, rest: "docs/a b.md".to_owned() };
        for uri in [
            "docent://glide/kite/docs/a%20b.md",
            "docent:///glide/kite/docs/a b.md",
            "docent://%2Fglide%2Fkite/docs%2Fa%20b.md",
            "DOCENT://Glide/Kite//docs/a%20b.md#section",
        ] {
            assert_eq!(parse(uri), Ok(expected.clone()), "{uri}");
        }
        let versioned = parse("docent://glide/kite@release%2F2/docs/ü.md").unwrap();
        assert_eq!((versioned.names_version, versioned.rest.as_str()), (true, "release/2/docs/ü.md"));
    }

    #[test]
    fn what_is_no_uri_of_a_page_is_refused() {
        let long = format!("docent://glide/kite/{}", "x".repeat(5_000));
        for uri in ["", "docent:", "docent://", "docent://glide", "docent://a b/c/d", "file:///etc/passwd", "docent://%ff/%ff/%ff", &long] {
            assert_eq!(parse(uri), Err(NotAPage), "{uri}");
        }
        assert_eq!(parse("docent://glide/kite").unwrap().rest, "");
    }

    proptest! {
        #[test]
        fn no_text_is_too_odd(uri in "(docent://)?.{0,80}") {
            let _ = parse(&uri);
        }
    }
}
