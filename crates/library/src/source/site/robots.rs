//! `robots.txt` (RFC 9309): what a site lets programs read.

use std::time::Duration;

/// Longer files are read to here (RFC 9309 2.5 asks for at least as much).
pub const MAX: u64 = 512 * 1024;
/// More rules than this nobody writes by hand.
const MAX_RULES: usize = 5_000;
/// Longer delays are not believed: the crawl would never end.
const MAX_DELAY: Duration = Duration::from_secs(60);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    pattern: String,
    allow: bool,
}

/// The rules of a site for one program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Robots {
    rules: Vec<Rule>,
    /// Between two requests, if the site asks for it.
    pub delay: Option<Duration>,
    /// Addresses of sitemaps, as written.
    pub sitemaps: Vec<String>,
}

#[derive(Default)]
struct Group {
    agents: Vec<String>,
    rules: Vec<Rule>,
    delay: Option<Duration>,
}

impl Robots {
    /// Reads the file for the program called `agent` (lower case). What is not understood is passed over.
    #[must_use]
    pub fn parse(bytes: &[u8], agent: &str) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let mut groups: Vec<Group> = Vec::new();
        let mut sitemaps = Vec::new();
        let mut naming = false;
        for line in text.trim_start_matches('\u{feff}').split(['\n', '\r']) {
            let line = line.split('#').next().unwrap_or("");
            let Some((key, value)) = line.split_once(':') else { continue };
            let value = value.trim();
            match key.trim().to_ascii_lowercase().as_str() {
                "user-agent" => {
                    if !naming {
                        groups.push(Group::default());
                    }
                    naming = true;
                    if let Some(group) = groups.last_mut() {
                        group.agents.push(product(value));
                    }
                }
                key @ ("allow" | "disallow") => {
                    naming = false;
                    if let Some(group) = groups.last_mut()
                        && value.starts_with(['/', '*'])
                        && group.rules.len() < MAX_RULES
                    {
                        group.rules.push(Rule { pattern: pattern(value), allow: key == "allow" });
                    }
                }
                "crawl-delay" => {
                    naming = false;
                    if let (Some(group), Ok(seconds)) = (groups.last_mut(), value.parse::<f64>())
                        && seconds.is_finite()
                        && seconds >= 0.0
                    {
                        group.delay = Some(Duration::from_secs_f64(seconds.min(MAX_DELAY.as_secs_f64())));
                    }
                }
                // Of no group: it does not end the names of one either.
                "sitemap" if sitemaps.len() < 100 => sitemaps.push(value.to_owned()),
                _ => {}
            }
        }
        let wanted = if groups.iter().any(|group| group.agents.iter().any(|name| name == agent)) { agent } else { "*" };
        let mut own = Self { sitemaps, ..Self::default() };
        for group in groups.into_iter().filter(|group| group.agents.iter().any(|name| name == wanted)) {
            own.rules.extend(group.rules);
            own.delay = own.delay.max(group.delay);
        }
        own.rules.truncate(MAX_RULES);
        own
    }

    /// Whether a path (with its query, if it has one) may be read: the longest rule decides, and of two the one that allows.
    #[must_use]
    pub fn allows(&self, path: &str) -> bool {
        if path == "/robots.txt" {
            return true;
        }
        let path = normal(path, false);
        let longest = self.rules.iter().filter(|rule| matches(&rule.pattern, &path)).max_by_key(|rule| (rule.pattern.len(), rule.allow));
        longest.is_none_or(|rule| rule.allow)
    }
}

/// The name without its version, in lower case.
fn product(value: &str) -> String {
    if value == "*" {
        return "*".to_owned();
    }
    value.chars().take_while(|c| c.is_ascii_alphabetic() || matches!(c, '-' | '_')).collect::<String>().to_ascii_lowercase()
}

fn pattern(value: &str) -> String {
    normal(&value.chars().take(2_000).collect::<String>(), true)
}

/// One way of writing a path: what needs no escape has none, everything else has one in capitals.
fn normal(text: &str, is_pattern: bool) -> String {
    let bytes = text.as_bytes();
    let mut out = String::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escaped = (bytes[at] == b'%').then(|| text.get(at + 1..at + 3).and_then(|hex| u8::from_str_radix(hex, 16).ok())).flatten();
        let (byte, was_escaped) = escaped.map_or((bytes[at], false), |byte| (byte, true));
        at += if was_escaped { 3 } else { 1 };
        let plain = if was_escaped {
            byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
        } else {
            byte.is_ascii() && (is_pattern || !matches!(byte, b'*' | b'$'))
        };
        if plain {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// `*` stands for anything, `$` at the end for the end; else the pattern is a beginning.
fn matches(pattern: &str, path: &str) -> bool {
    let (pattern, to_the_end) = pattern.strip_suffix('$').map_or((pattern, false), |pattern| (pattern, true));
    let mut pieces = pattern.split('*');
    let Some(mut rest) = path.strip_prefix(pieces.next().unwrap_or("")) else { return false };
    let pieces: Vec<&str> = pieces.collect();
    let Some((last, middle)) = pieces.split_last() else { return !to_the_end || rest.is_empty() };
    for piece in middle {
        match rest.find(piece) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    if to_the_end { rest.ends_with(last) } else { rest.contains(last) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn allows(text: &str, path: &str) -> bool {
        Robots::parse(text.as_bytes(), "docent").allows(path)
    }

    #[test]
    fn the_longest_rule_decides_and_of_two_the_one_that_allows() {
        // The examples of RFC 9309 5.2 and 2.2.3.
        let text = "User-Agent: *\nDisallow: *.gif$\nDisallow: /example/\nAllow: /publications/\n\nUser-Agent: docent\nDisallow:/\nAllow:/example/page.html\nAllow:/example/allowed.gif\n\nUser-Agent: docent\nAllow: /more/\n";
        assert!(allows(text, "/example/page.html") && allows(text, "/example/allowed.gif") && allows(text, "/more/x"));
        assert!(!allows(text, "/example/other.html") && !allows(text, "/"));
        assert!(allows("User-agent: *\nDisallow: /a\nAllow: /a", "/a/b"));
        assert!(!allows("User-agent: *\nAllow: /p\nDisallow: /page", "/page"));
        assert!(allows("User-agent: *\nDisallow:", "/x"));
        assert!(allows("", "/x") && allows("Disallow: /", "/x"), "rules of no group are none");
    }

    #[test]
    fn wildcards_ends_and_escapes() {
        for (rule, path, hit) in [
            ("/*.php", "/folder/a.php?x", true),
            ("/*.php$", "/folder/a.php?x", false),
            ("/*.php$", "/a.php.php", true),
            ("/fish*", "/fishheads/yummy", true),
            ("/fish/", "/fish", false),
            ("/a/*/c/*/e", "/a/b/c/d/e/f", true),
            ("/a*b*c$", "/aXbXbXc", true),
            ("/%7Ejoe/", "/~joe/x", true),
            ("/caf\u{e9}", "/caf%c3%A9", true),
            ("/a%2fb", "/a%2Fb", true),
            ("/a%2fb", "/a/b", false),
            ("/x%2A", "/x*", true),
            ("/x%24", "/x$", true),
        ] {
            assert_eq!(!allows(&format!("User-agent: *\nDisallow: {rule}\n"), path), hit, "{rule} {path}");
        }
    }

    #[test]
    fn a_group_of_ones_own_replaces_that_of_everybody() {
        let text = "Sitemap: https://e.example/s.xml\r\nUser-agent: *\r\nCrawl-delay: 1\r\nDisallow: /\r\n\r\nUSER-AGENT: other\r\nuser-agent: Docent/2.0\r\nDisallow: /private # not for us\r\nCrawl-delay: 2.5\r\n";
        let robots = Robots::parse(text.as_bytes(), "docent");
        assert!(robots.allows("/x") && !robots.allows("/private/y"));
        assert_eq!((robots.delay, robots.sitemaps.len()), (Some(Duration::from_millis(2500)), 1));
        let other = Robots::parse(text.as_bytes(), "somebody");
        assert!(!other.allows("/x") && other.allows("/robots.txt"));
        let endless = Robots::parse(b"User-agent: *\nCrawl-delay: 1e300\n", "docent");
        assert_eq!(endless.delay, Some(MAX_DELAY));
        assert_eq!(Robots::parse(b"User-agent: *\nCrawl-delay: -1\nCrawl-delay: NaN\n", "docent").delay, None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..400), path in "/\\PC{0,40}") {
            let _ = Robots::parse(&bytes, "docent").allows(&path);
        }
    }
}
