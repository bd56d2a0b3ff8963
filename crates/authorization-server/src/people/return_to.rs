//! Where a person goes after signing in: a path of ours, never another site.

/// The longest path that is kept.
const LIMIT: usize = 12_000;

/// Whether `path` leads to a page of this origin however a browser reads it. Browsers take `//host` and `/\host`
/// for another site, and drop tabs and line breaks before they look.
#[must_use]
pub fn is_ours(path: &str) -> bool {
    path.len() <= LIMIT
        && path.starts_with('/')
        && !path.starts_with("//")
        && path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
}

/// The path that was asked for, or the start page.
#[must_use]
pub fn or_start(path: Option<&str>) -> &str {
    path.filter(|path| is_ours(path)).unwrap_or("/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nothing_leads_away() {
        for path in ["/", "/oauth/authorize?state=//x&redirect_uri=https%3A%2F%2Fa", "/libraries"] {
            assert!(is_ours(path), "{path}");
        }
        for path in [
            "",
            "//evil.example",
            "/\\evil.example",
            "\\/evil",
            "https://evil.example",
            "/\t/evil.example",
            "/a\r\nSet-Cookie: x",
            "javascript:alert(1)",
            " /",
            "/é",
            "/a b",
        ] {
            assert!(!is_ours(path), "{path}");
            assert_eq!(or_start(Some(path)), "/");
        }
        assert!(!is_ours(&format!("/{}", "a".repeat(LIMIT))));
    }

    proptest! {
        #[test]
        fn what_is_ours_stays_on_our_origin(path in "[/\\\\a-z:@.?#%\\t\\n ]{1,30}") {
            if is_ours(&path) {
                let url = url::Url::parse("https://ours.example/sign-in").unwrap().join(&path).unwrap();
                prop_assert_eq!(url.origin().ascii_serialization(), "https://ours.example");
            }
        }
    }
}
