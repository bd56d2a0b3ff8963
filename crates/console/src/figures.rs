//! Numbers and times as a person reads them.

use docent_types::time::Timestamp;

/// `1234567` as `1,234,567`.
#[must_use]
pub fn number(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A count with its noun: `1 page`, `2 pages`.
#[must_use]
pub fn counted(value: u64, one: &str, many: &str) -> String {
    format!("{} {}", number(value), if value == 1 { one } else { many })
}

/// A moment, for a `<time>` element.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Moment {
    /// For machines: RFC 3339.
    pub exact: String,
    /// For people: to the minute, in UTC.
    pub shown: String,
}

impl From<Timestamp> for Moment {
    fn from(at: Timestamp) -> Self {
        let exact = at.to_rfc3339();
        let shown = exact.get(..16).map_or_else(|| exact.clone(), |minute| format!("{} UTC", minute.replace('T', " ")));
        Self { exact, shown }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart() {
        for (value, shown) in [(0, "0"), (999, "999"), (1000, "1,000"), (50_000, "50,000"), (1_234_567, "1,234,567")] {
            assert_eq!(number(value), shown);
        }
        assert_eq!(counted(1, "page", "pages"), "1 page");
    }

    #[test]
    fn a_moment_is_shown_to_the_minute_and_kept_exact() {
        let moment = Moment::from(Timestamp::from_seconds(951_782_399));
        assert_eq!((moment.exact.as_str(), moment.shown.as_str()), ("2000-02-28T23:59:59Z", "2000-02-28 23:59 UTC"));
    }
}
