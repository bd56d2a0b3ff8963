//! AS3 against an independent oracle: the `url` crate's reading of both texts, and the rule.

use docent_types::redirect_uri::{RedirectKind, check, display_host, is_registered, key};
use proptest::prelude::*;
use proptest::sample::select;
use url::Url;

/// The rule of AS3. `registered` passed the checks of registration.
fn oracle(requested: &str, registered: &str) -> bool {
    match (loopback(requested), loopback(registered)) {
        // The three spellings of the own machine are one and the port is free; path and query are compared.
        (Some(asked), Some(known)) => asked == known,
        (None, None) => with_slash(requested) == with_slash(registered),
        _ => false,
    }
}

/// Path and query of plain http to the own machine, if the text is written just as a parser understands it.
fn loopback(text: &str) -> Option<String> {
    let url = Url::parse(text).ok().filter(|url| url.fragment().is_none() && url.username().is_empty() && url.password().is_none())?;
    let host = url.host_str().filter(|host| ["localhost", "127.0.0.1", "[::1]"].contains(host))?;
    let rest = text.strip_prefix("http://")?.strip_prefix(host)?;
    let rest = rest.strip_prefix(':').map_or(rest, |port| port.trim_start_matches(|c: char| c.is_ascii_digit()));
    let understood = url.query().map_or(url.path().to_owned(), |query| format!("{}?{query}", url.path()));
    (rest == understood || format!("/{rest}") == understood).then_some(understood)
}

/// An https address with an empty path is the one with a slash.
fn with_slash(text: &str) -> String {
    let has_no_path = Url::parse(text).is_ok_and(|url| url.scheme() == "https" && url.path() == "/" && url.query().is_none());
    if has_no_path && !text.ends_with('/') { format!("{text}/") } else { text.to_owned() }
}

/// Texts that are redirect URIs, nearly are, or look like one.
fn uris() -> impl Strategy<Value = String> {
    let part = |choices: &'static [&'static str]| select(choices);
    let scheme = part(&[
        "http://",
        "http://",
        "http://",
        "https://",
        "https://",
        "HTTP://",
        "https:/",
        "https:",
        "//",
        "cursor://",
        "com.example.app:/",
        "javascript:",
        "data:",
        "ftp://",
        "",
    ]);
    let user = part(&["", "", "", "", "", "a@", "@", "a:b@", "localhost@", "app.example@", "%40"]);
    let host = part(&[
        "localhost",
        "localhost",
        "127.0.0.1",
        "127.0.0.1",
        "[::1]",
        "app.example",
        "app.example",
        "LOCALHOST",
        "localhost.",
        "127.1",
        "127.0.0.2",
        "2130706433",
        "0x7f.1",
        "0.0.0.0",
        "[::ffff:127.0.0.1]",
        "[0:0:0:0:0:0:0:1]",
        "%6cocalhost",
        "APP.example",
        "app.example.",
        "app.example.attacker.example",
        "localhost.attacker.example",
        "äpp.example",
        "*",
        "",
    ]);
    let port = part(&["", "", ":1", ":49152", ":80", ":443", ":", ":0", ":65536", ":08", ":a", ":-1"]);
    let path = part(&[
        "",
        "/",
        "/callback",
        "/callback",
        "/callback/",
        "/Callback",
        "/callback/..",
        "/./callback",
        "/%2e%2e/callback",
        "/callback%2f",
        "//callback",
        "/callback;x",
        "/*",
        "\\callback",
        "/c d",
        "/é",
    ]);
    let query = part(&["", "", "", "?", "?x=1", "?x=2", "?code=1", "?a=../b", "?*", "?@attacker.example/"]);
    let fragment = part(&["", "", "", "", "#", "#x"]);
    (scheme, user, host, port, path, query, fragment)
        .prop_map(|(scheme, user, host, port, path, query, fragment)| [scheme, user, host, port, path, query, fragment].concat())
}

/// One of [`uris`], sometimes with a character put in, taken out or replaced.
fn near_uris() -> impl Strategy<Value = String> {
    (uris(), any::<prop::sample::Index>(), 0..8_u8, any::<char>()).prop_map(|(uri, at, how, other)| {
        let mut letters: Vec<char> = uri.chars().collect();
        if !letters.is_empty() {
            let at = at.index(letters.len());
            match how {
                0 => letters.insert(at, other),
                1 => letters[at] = other,
                2 => drop(letters.remove(at)),
                _ => {}
            }
        }
        letters.into_iter().collect()
    })
}

/// What may be registered.
fn registrable() -> impl Strategy<Value = String> {
    let machine = (select(&["http://localhost", "http://127.0.0.1", "http://[::1]"][..]), select(&["", ":1", ":49152", ":80", ":"][..]))
        .prop_map(|(host, port)| format!("{host}{port}"));
    let web = select(
        &[
            "https://app.example",
            "https://APP.example",
            "https://app.example:8443",
            "https://localhost",
            "https://[::1]",
            "cursor://app",
            "com.example.app:",
        ][..],
    );
    let path = select(&["", "/", "/callback", "/callback/", "/Callback", "/call%2fback", "/callback;x", "//callback", "/@"][..]);
    let query = select(&["", "", "", "?", "?x=1", "?x=2", "?code=1", "?a=/../b"][..]);
    (prop_oneof![machine, web.prop_map(str::to_owned)], path, query).prop_map(|(base, path, query)| [&base, path, query].concat())
}

/// An address that was registered, and one that is asked for: any, the same after a small change, or another that may be registered.
fn pairs() -> impl Strategy<Value = (String, String)> {
    let swap = |uri: &str, how: u8| match how {
        0 => uri.replace("localhost", "127.0.0.1"),
        1 => uri.replace("127.0.0.1", "[::1]"),
        2 => uri.replacen("://", "://a@", 1),
        3 => uri.replace("callback", "Callback"),
        4 => uri.trim_end_matches('/').to_owned(),
        5 => format!("{uri}/"),
        6 => format!("{uri}?x=1"),
        7 => uri.replacen("https", "http", 1),
        8 => uri.to_uppercase(),
        9 => uri.replacen("1", "2", 1),
        _ => uri.to_owned(),
    };
    let near = (registrable(), 0..12_u8).prop_map(move |(uri, how)| (swap(&uri, how), uri));
    prop_oneof![near, (near_uris(), registrable()), (registrable(), registrable())]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    /// AS3: what matches is what the oracle says, for whatever could be registered.
    #[test]
    fn matching_is_as_the_oracle_says((requested, registered) in pairs()) {
        prop_assert!(check(&registered).is_ok(), "{} may not be registered", registered);
        let matches = is_registered(&requested, std::slice::from_ref(&registered));
        prop_assert_eq!(matches, check(&requested).is_ok() && oracle(&requested, &registered), "{:?} for {:?}", requested, registered);
        if matches {
            let (asked, known) = (Url::parse(&requested).unwrap(), Url::parse(&registered).unwrap());
            prop_assert_eq!(asked.scheme(), known.scheme());
            prop_assert!(asked.host_str() == known.host_str() || check(&requested) == Ok(RedirectKind::Loopback), "{:?} for {:?}", requested, registered);
            prop_assert_eq!((asked.path(), asked.query()), (known.path(), known.query()));
        }
    }

    /// AS3: an address always matches itself, and whatever port of the own machine it is.
    #[test]
    fn what_may_be_registered_matches_itself(uri in registrable(), port in 1_u16..) {
        prop_assert!(is_registered(&uri, std::slice::from_ref(&uri)));
        prop_assert_eq!(key(&key(&uri)), key(&uri), "the key of a key is itself");
        if check(&uri) == Ok(RedirectKind::Loopback) {
            let mut moved = Url::parse(&uri).unwrap();
            moved.set_port(Some(port)).unwrap();
            prop_assert!(is_registered(moved.as_str(), std::slice::from_ref(&uri)), "{moved} for {uri}");
        }
    }

    /// AS3, CVE-2026-67333: what may be registered is one thing to every parser, and nothing that a browser runs.
    #[test]
    fn what_may_be_registered_is_unambiguous(uri in prop_oneof![near_uris(), registrable()]) {
        if let Ok(kind) = check(&uri) {
            let url = Url::parse(&uri).unwrap();
            prop_assert!(uri.bytes().all(|byte| byte.is_ascii_graphic()) && !uri.contains(['#', '\\', '*', '<', '"']), "{}", uri);
            prop_assert!(url.username().is_empty() && url.password().is_none() && url.fragment().is_none());
            prop_assert!(!["javascript", "data", "file", "blob", "vbscript", "about", "ftp"].contains(&url.scheme()), "{}", uri);
            match kind {
                RedirectKind::Https => prop_assert_eq!(url.scheme(), "https"),
                RedirectKind::Loopback => prop_assert!(uri.starts_with("http://") && ["localhost", "127.0.0.1", "[::1]"].contains(&url.host_str().unwrap())),
                RedirectKind::PrivateUse => prop_assert!(!["http", "https"].contains(&url.scheme())),
            }
        }
    }

    /// No text makes it panic.
    #[test]
    fn any_text_is_judged(text in "\\PC{0,80}", other in near_uris()) {
        let _ = (check(&text), key(&text), display_host(&text));
        prop_assert!(!is_registered(&text, std::slice::from_ref(&other)) || check(&text).is_ok());
        prop_assert!(!is_registered(&other, std::slice::from_ref(&text)) || check(&other).is_ok());
    }
}
