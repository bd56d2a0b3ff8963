//! Time is passed in: nothing but [`SystemClock`] reads the machine's clock.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// Milliseconds of a day.
const DAY: i64 = 86_400_000;

/// A moment in UTC, as milliseconds since 1970-01-01T00:00:00Z. Databases store this number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Whole seconds since the epoch, as JWT's NumericDate (RFC 7519 2).
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// From whole seconds since the epoch.
    #[must_use]
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// This moment plus `duration`, saturating.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    /// This moment minus `duration`, saturating.
    #[must_use]
    pub fn before(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    /// The first moment of this day.
    #[must_use]
    pub const fn start_of_day(self) -> Self {
        Self(self.0.div_euclid(DAY) * DAY)
    }

    /// The first moment of this month.
    #[must_use]
    pub const fn start_of_month(self) -> Self {
        let (_, _, day) = self.date();
        Self((self.0.div_euclid(DAY) - day + 1) * DAY)
    }

    /// Year, month (1 to 12) and day (1 to 31).
    #[must_use]
    pub const fn date(self) -> (i64, i64, i64) {
        // Days to civil date: Howard Hinnant's algorithm, era of 400 years = 146,097 days.
        let z = self.0.div_euclid(DAY) + 719_468;
        let era = z.div_euclid(146_097);
        let doe = z.rem_euclid(146_097);
        let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
        let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
        let mp = (5 * doy + 2) / 153;
        let month = if mp < 10 { mp + 3 } else { mp - 9 };
        let year = yoe + era * 400 + if month <= 2 { 1 } else { 0 };
        (year, month, doy - (153 * mp + 2) / 5 + 1)
    }

    /// The first moment of a date, `YYYY-MM-DD`; `None` if it is none.
    #[must_use]
    pub fn of_date(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
        let digits = |part: &str, count: usize| part.len() == count && part.bytes().all(|byte| byte.is_ascii_digit());
        if parts.next().is_some() || !digits(year, 4) || !digits(month, 2) || !digits(day, 2) {
            return None;
        }
        let (year, month, day): (i64, i64, i64) = (year.parse().ok()?, month.parse().ok()?, day.parse().ok()?);
        // The inverse of the above.
        let y = year - i64::from(month <= 2);
        let era = y.div_euclid(400);
        let mp = (month + 9) % 12;
        let doy = (153 * mp + 2) / 5 + day - 1;
        let yoe = y.rem_euclid(400);
        let at = Self((era * 146_097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719_468) * DAY);
        (at.date() == (year, month, day)).then_some(at)
    }

    /// `YYYY-MM-DDTHH:MM:SSZ`.
    #[must_use]
    pub fn to_rfc3339(self) -> String {
        let (year, month, day) = self.date();
        let rest = self.seconds().rem_euclid(86_400);
        format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", rest / 3600, rest / 60 % 60, rest % 60)
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_rfc3339())
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_rfc3339())
    }
}

/// Tells the time.
pub trait Clock: Send + Sync + 'static {
    /// The current moment.
    fn now(&self) -> Timestamp;
}

/// A clock that is handed around.
pub type SharedClock = Arc<dyn Clock>;

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

/// A clock for tests, moved by hand.
#[derive(Debug, Default)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that stands at `start`.
    #[must_use]
    pub const fn new(start: Timestamp) -> Self {
        Self(AtomicI64::new(start.0))
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_dates_are_written_as_rfc_3339() {
        assert_eq!(Timestamp(0).to_rfc3339(), "1970-01-01T00:00:00Z");
        assert_eq!(Timestamp::from_seconds(951_782_399).to_rfc3339(), "2000-02-28T23:59:59Z");
        assert_eq!(Timestamp::from_seconds(951_782_400).to_rfc3339(), "2000-02-29T00:00:00Z");
        assert_eq!(Timestamp::from_seconds(1_795_305_600).to_rfc3339(), "2026-11-22T00:00:00Z");
    }

    #[test]
    fn dates_are_read_as_they_are_written() {
        for day in (-800_000_i64..800_000).step_by(97) {
            let at = Timestamp(day * DAY);
            if (0..10_000).contains(&at.date().0) {
                assert_eq!(Timestamp::of_date(&at.to_rfc3339()[..10]), Some(at));
                assert_eq!(at.start_of_month().to_rfc3339()[..8], at.to_rfc3339()[..8]);
                assert!(at.start_of_month().to_rfc3339()[8..].starts_with("01T00:00:00"));
            }
        }
        for wrong in ["2026-02-29", "2026-13-01", "2026-00-10", "2026-01-32", "2026-1-1", "2026-01-01T", "", "+026-01-01", "now"] {
            assert_eq!(Timestamp::of_date(wrong), None, "{wrong}");
        }
    }
}
