//! How long a document counts (RFC 9111), within bounds of ours (AS12).

use hyper::header::{AGE, CACHE_CONTROL, HeaderMap};
use std::time::Duration;

/// However short it says: one authorization looks at the document several times.
pub const SHORTEST: Duration = Duration::from_secs(60);
/// When it says that it must not be stored or used again: as long as requests that come together need.
pub const UNSTORED: Duration = Duration::from_secs(5);
/// When it says nothing.
const UNSAID: Duration = Duration::from_secs(600);
/// However long it says.
pub const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// How long an answer with these headers counts. `Expires` is not read: it needs two clocks that agree, and whoever means a time says
/// `max-age` too.
#[must_use]
pub fn of(headers: &HeaderMap) -> Duration {
    let directives: Vec<String> = headers
        .get_all(CACHE_CONTROL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|directive| directive.trim().to_ascii_lowercase())
        .collect();
    if directives.iter().any(|one| matches!(one.split('=').next(), Some("no-store" | "no-cache" | "private"))) {
        return UNSTORED;
    }
    let seconds =
        |name: &str| directives.iter().find_map(|one| one.strip_prefix(name)?.strip_prefix('=')?.trim_matches('"').parse::<u64>().ok());
    let Some(life) = seconds("s-maxage").or_else(|| seconds("max-age")) else { return UNSAID };
    let age = headers.get(AGE).and_then(|value| value.to_str().ok()?.trim().parse::<u64>().ok()).unwrap_or(0);
    Duration::from_secs(life.saturating_sub(age)).clamp(SHORTEST, LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(headers: &[(&'static str, &str)]) -> u64 {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        of(&map).as_secs()
    }

    /// AS12.
    #[test]
    fn a_document_counts_as_long_as_it_says_within_bounds() {
        assert_eq!(seconds(&[]), 600);
        assert_eq!(seconds(&[("cache-control", "max-age=300")]), 300);
        assert_eq!(seconds(&[("cache-control", "public, Max-Age=\"300\"")]), 300);
        assert_eq!(seconds(&[("cache-control", "max-age=300, s-maxage=900")]), 900, "this is a cache for many");
        assert_eq!(seconds(&[("cache-control", "max-age=300"), ("age", "200")]), 100);
        assert_eq!(seconds(&[("cache-control", "max-age=0")]), 60);
        assert_eq!(seconds(&[("cache-control", "max-age=300"), ("age", "999999")]), 60);
        assert_eq!(seconds(&[("cache-control", "max-age=99999999999")]), 86_400);
        assert_eq!(seconds(&[("cache-control", "max-age=-1")]), 600, "nonsense says nothing");
        for unstored in ["no-store", "max-age=900, no-cache", "private, max-age=900", "no-cache=\"x\""] {
            assert_eq!(seconds(&[("cache-control", unstored)]), 5, "{unstored}");
        }
        assert_eq!(seconds(&[("cache-control", "max-age=900"), ("cache-control", "no-store")]), 5);
    }
}
