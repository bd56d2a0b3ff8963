//! Redirect URIs (AS3): which may be registered, and when two are the same.

use crate::compat::Compat;
use url::Url;

/// Why a redirect URI may not be registered. The text is for the client's developer.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RedirectUriError {
    /// It does not parse as an absolute URI, or has characters that parsers disagree about.
    #[error("is not an absolute URI in plain ASCII without spaces, backslashes or control characters")]
    Malformed,
    /// Longer than 2,000 bytes.
    #[error("is longer than 2000 characters")]
    TooLong,
    /// It has a fragment (RFC 6749 3.1.2).
    #[error("has a fragment (#…), which RFC 6749 section 3.1.2 forbids")]
    Fragment,
    /// It has user information, which hides the real host from people.
    #[error("has a user name or password in it")]
    UserInfo,
    /// It has a wildcard.
    #[error("has a wildcard (*): redirect URIs are compared as exact strings")]
    Wildcard,
    /// Plain http to another machine.
    #[error("uses http for a host that is not localhost, 127.0.0.1 or [::1]: use https")]
    PlainHttp,
    /// A scheme that a browser runs or opens by itself.
    #[error("uses the scheme \"{0}\", which is not allowed for redirects")]
    Scheme(String),
    /// A private-use scheme that no application can claim (RFC 8252 7.1).
    #[error("uses the private scheme \"{0}\", which is neither in reverse-domain form (com.example.app) nor a known application's")]
    PrivateScheme(String),
}

/// How a redirect URI reaches its client. Decides what the consent page warns of and whether a secret can be kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RedirectKind {
    /// To a web server over https.
    Https,
    /// To a program on the person's own machine.
    Loopback,
    /// To an application that claimed a scheme.
    PrivateUse,
}

/// Schemes of known applications that are not in reverse-domain form.
const KNOWN_PRIVATE_SCHEMES: [&str; 16] = [
    "cursor",
    "vscode",
    "vscode-insiders",
    "vscodium",
    "windsurf",
    "windsurf-next",
    "zed",
    "raycast",
    "claude",
    "kiro",
    "trae",
    "warp",
    "goose",
    "jetbrains",
    "antigravity",
    "codeium",
];

/// Whether this is plain http to the person's own machine, in the one spelling of each of its three names.
fn is_loopback(uri: &str) -> bool {
    uri.starts_with("http://") && matches!(written_host(uri), "localhost" | "127.0.0.1" | "[::1]")
}

/// The host as it is *written* in the text, so that `127.1` or `%6cocalhost`, which a parser turns into a loopback
/// address, are not taken for one.
fn written_host(uri: &str) -> &str {
    let after_scheme = uri.split_once("://").map_or("", |(_, rest)| rest);
    let authority = after_scheme.split(['/', '?', '#']).next().unwrap_or("");
    if authority.starts_with('[') { authority.split_inclusive(']').next().unwrap_or("") } else { authority.split(':').next().unwrap_or("") }
}

/// Reads a redirect URI and says how it reaches its client.
///
/// # Errors
/// [`RedirectUriError`] says what is wrong with it, in words for the client's developer.
pub fn check(uri: &str) -> Result<RedirectKind, RedirectUriError> {
    if uri.len() > 2000 {
        return Err(RedirectUriError::TooLong);
    }
    if uri.is_empty()
        || !uri.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'\\' | b'<' | b'>' | b'"' | b'^' | b'`' | b'{' | b'|' | b'}'))
    {
        return Err(RedirectUriError::Malformed);
    }
    if uri.contains('#') {
        return Err(RedirectUriError::Fragment);
    }
    if uri.contains('*') {
        return Err(RedirectUriError::Wildcard);
    }
    let url = Url::parse(uri).map_err(|_| RedirectUriError::Malformed)?;
    let authority_has_at = uri.split_once("://").is_some_and(|(_, rest)| rest.split(['/', '?']).next().unwrap_or("").contains('@'));
    if !url.username().is_empty() || url.password().is_some() || authority_has_at {
        return Err(RedirectUriError::UserInfo);
    }
    let scheme = url.scheme();
    match scheme {
        "https" | "http" => {
            // Parsers repair `https:/host`, `https:host` and `https:///host`; we do not.
            let slashes = uri.get(scheme.len()..).unwrap_or("");
            if !slashes.starts_with("://") || slashes.starts_with(":///") {
                return Err(RedirectUriError::Malformed);
            }
            let written = written_host(uri).to_ascii_lowercase();
            if url.host_str() != Some(written.as_str()) || path_is_ambiguous(&url, uri) {
                return Err(RedirectUriError::Malformed);
            }
            match scheme {
                "https" => Ok(RedirectKind::Https),
                _ if is_loopback(uri) => Ok(RedirectKind::Loopback),
                _ => Err(RedirectUriError::PlainHttp),
            }
        }
        "javascript" | "data" | "file" | "blob" | "vbscript" | "about" | "view-source" | "ws" | "wss" | "ftp" | "mailto" | "tel"
        | "chrome" | "filesystem" | "intent" | "jar" | "urn" => Err(RedirectUriError::Scheme(scheme.to_owned())),
        _ if KNOWN_PRIVATE_SCHEMES.contains(&scheme) || (scheme.contains('.') && !scheme.starts_with('.') && !scheme.ends_with('.')) => {
            Ok(RedirectKind::PrivateUse)
        }
        _ => Err(RedirectUriError::PrivateScheme(scheme.to_owned())),
    }
}

/// Whether a parser changed the path, as it does for `/a/../b` and `/%2e%2e/`: such a text means two things.
fn path_is_ambiguous(url: &Url, uri: &str) -> bool {
    let after_scheme = uri.split_once("://").map_or("", |(_, rest)| rest);
    let end = after_scheme.find('?').unwrap_or(after_scheme.len());
    let path = after_scheme[..end].find('/').map_or("/", |start| &after_scheme[start..end]);
    path != url.path()
}

/// The text under which two redirect URIs are the same (AS3): the URI itself, except that a loopback URI loses its port
/// and its host becomes `localhost`, and an empty path and `/` are one.
#[must_use]
pub fn key(uri: &str) -> String {
    match check(uri) {
        Ok(RedirectKind::Loopback) => {
            let (_, rest) = uri.split_once("://").unwrap_or(("", uri));
            let tail = rest.find(['/', '?']).map_or("", |start| &rest[start..]);
            let slash = if tail.starts_with('/') { "" } else { "/" };
            format!("http://localhost{slash}{tail}")
        }
        Ok(RedirectKind::Https) => {
            let (_, rest) = uri.split_once("://").unwrap_or(("", uri));
            match rest.find(['/', '?']) {
                None => format!("{uri}/"),
                Some(_) => uri.to_owned(),
            }
        }
        _ => uri.to_owned(),
    }
}

/// Whether `requested` is one of `registered` (AS3).
#[must_use]
pub fn is_registered(requested: &str, registered: &[String]) -> bool {
    check(requested).is_ok() && registered.iter().any(|one| key(one) == key(requested) || continue_registers_with_state(requested, one))
}

/// What had to be overlooked for `requested` to be one of `registered`; another loopback port is nothing (RFC 8252 7.3).
#[must_use]
pub fn overlooked(requested: &str, registered: &[String]) -> Option<Compat> {
    let matching: Vec<&String> = registered.iter().filter(|one| key(one) == key(requested)).collect();
    if matching.is_empty() {
        return registered.iter().any(|one| continue_registers_with_state(requested, one)).then_some(Compat::RedirectWithoutState);
    }
    // Scheme and host as written; what follows the authority as written.
    let parts = |uri: &str| (written_host(uri).to_ascii_lowercase(), has_path(uri));
    let (host, path) = parts(requested);
    let hosts: Vec<_> = matching.iter().filter(|one| parts(one).0 == host).collect();
    match hosts.iter().any(|one| parts(one).1 == path) {
        _ if hosts.is_empty() => Some(Compat::RedirectLoopbackHost),
        true => None,
        false => Some(Compat::RedirectEmptyPath),
    }
}

fn has_path(uri: &str) -> bool {
    let after_scheme = uri.split_once("://").map_or("", |(_, rest)| rest);
    after_scheme.find(['/', '?']).is_some_and(|at| after_scheme[at..].starts_with('/'))
}

/// Continue registers `http://localhost:3000/?state=…` and then uses `http://localhost:3000` (`interop.md`): a
/// registered loopback URI with an empty path whose query is only `state` also stands without it.
fn continue_registers_with_state(requested: &str, registered: &str) -> bool {
    let bare = "http://localhost/";
    key(requested) == bare && key(registered).strip_prefix(bare).is_some_and(|query| query.starts_with("?state=") && !query.contains('&'))
}

/// The host that a person is sent to, for the consent page: `localhost` and the like, a domain with a port that is not
/// the scheme's own, or the private scheme.
#[must_use]
pub fn display_host(uri: &str) -> String {
    match (check(uri), Url::parse(uri)) {
        (Ok(RedirectKind::PrivateUse), Ok(url)) => format!("{}://", url.scheme()),
        (_, Ok(url)) => match (url.host_str(), url.port()) {
            (Some(host), Some(port)) => format!("{host}:{port}"),
            (Some(host), None) => host.to_owned(),
            _ => url.scheme().to_owned(),
        },
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_uris_of_real_clients_may_be_registered() {
        for (uri, kind) in [
            ("http://localhost:54212/callback", RedirectKind::Loopback),
            ("http://127.0.0.1:19876/mcp/oauth/callback", RedirectKind::Loopback),
            ("http://[::1]:1456/cb", RedirectKind::Loopback),
            ("http://127.0.0.1:8080", RedirectKind::Loopback),
            ("http://localhost:3000/?state=abc", RedirectKind::Loopback),
            ("cursor://anysphere.cursor-mcp/oauth/callback", RedirectKind::PrivateUse),
            ("com.example.app:/oauth", RedirectKind::PrivateUse),
            ("https://vscode.dev/redirect", RedirectKind::Https),
            ("https://www.cursor.com/agents/mcp/oauth/callback", RedirectKind::Https),
            ("https://claude.ai/api/mcp/auth_callback", RedirectKind::Https),
        ] {
            assert_eq!(check(uri), Ok(kind), "{uri}");
        }
    }

    /// CVE-2026-67333, CVE-2024-21637, CVE-2023-6927, CVE-2024-52289 and their like.
    #[test]
    fn dangerous_and_ambiguous_uris_may_not_be_registered() {
        for uri in [
            "javascript:alert(1)",
            "JavaScript:alert(1)",
            "data:text/html,x",
            "file:///etc/passwd",
            "blob:https://a/b",
            "vbscript:x",
            "http://example.com/cb",
            "https://user@example.com/cb",
            "https://localhost@example.com/cb",
            "https://@example.com/cb",
            "https://example.com/cb#f",
            "https://example.com/cb#",
            "https://*.example.com/cb",
            "https://example.com/a/../cb",
            "https://example.com/%2e%2e/cb",
            "https://example.com\\@evil.com/",
            "https:/example.com/cb",
            "https:///example.com/cb",
            "https:example.com/cb",
            "http://127.1/cb",
            "http://2130706433/cb",
            "http://0x7f.1/cb",
            "http://[::ffff:127.0.0.1]/cb",
            "http://%6cocalhost/cb",
            "http://localhost.evil.com/cb",
            "http://LOCALHOST/cb",
            "HTTP://localhost/cb",
            "https://exa\tmple.com/cb",
            " https://example.com/cb",
            "https://exämple.com/cb",
            "myapp:/cb",
            "",
            "/relative",
        ] {
            assert!(check(uri).is_err(), "{uri} was accepted");
        }
    }

    #[test]
    fn a_loopback_uri_matches_with_any_port_and_any_of_the_three_hosts_and_nothing_else_does() {
        let registered = vec!["http://localhost:1/callback".to_owned(), "https://app.example/cb".to_owned()];
        assert!(is_registered("http://127.0.0.1:9999/callback", &registered));
        assert!(is_registered("http://[::1]/callback", &registered));
        assert!(!is_registered("http://127.0.0.1:9999/callback/", &registered));
        assert!(!is_registered("http://127.0.0.1:9999/callback?x=1", &registered));
        assert!(!is_registered("http://127.0.0.2:9999/callback", &registered));
        assert!(is_registered("https://app.example/cb", &registered));
        for other in [
            "https://app.example:444/cb",
            "https://app.example/cb/",
            "https://app.example/CB",
            "https://app.example/cb?a",
            "https://APP.example/cb",
            "http://app.example/cb",
            "https://app.example/cb%2f..",
        ] {
            assert!(!is_registered(other, &registered), "{other}");
        }
    }

    #[test]
    fn what_was_overlooked_has_a_name() {
        let registered = ["http://localhost:1/cb".to_owned(), "http://127.0.0.1:3000/?state=x".to_owned(), "https://a.example".to_owned()];
        let of = |requested: &str| overlooked(requested, &registered);
        assert_eq!(of("http://localhost:2/cb"), None, "a port is nothing");
        assert_eq!(of("http://127.0.0.1:1/cb"), Some(Compat::RedirectLoopbackHost));
        assert_eq!(of("http://127.0.0.1:4"), Some(Compat::RedirectWithoutState));
        assert_eq!((of("https://a.example"), of("https://a.example/")), (None, Some(Compat::RedirectEmptyPath)));
        assert_eq!(of("https://b.example"), None, "it is not registered at all");
    }

    #[test]
    fn an_empty_path_and_a_slash_are_the_same() {
        assert!(is_registered("http://127.0.0.1:5", &["http://127.0.0.1:6/".to_owned()]));
        assert!(is_registered("http://localhost:3000", &["http://localhost:3000/?state=x".to_owned()]));
        assert!(!is_registered("http://localhost:3000", &["http://localhost:3000/?code=x".to_owned()]));
    }
}
