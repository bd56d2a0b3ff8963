//! A bar for each day, as SVG that needs no script. What it shows also stands in a table beside it.

use crate::figures::{self, Moment};
use docent_store::Uses;
use docent_types::time::Timestamp;
use std::collections::BTreeMap;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// The size of the drawing, in its own units.
const WIDTH: u32 = 720;
const HEIGHT: u32 = 160;

/// The bars of some days.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Chart {
    /// One for each day, the oldest first.
    pub bars: Vec<Bar>,
    /// What the highest bar could stand for, in words.
    pub top: String,
    /// The first day and the last.
    pub ends: (String, String),
    /// What it shows, for those who do not see it.
    pub label: String,
}

/// A day.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Bar {
    /// The day.
    pub day: String,
    /// How often it was used.
    pub all: String,
    /// How often there was no answer.
    pub failed: String,
    /// Whether anything was used.
    pub is_used: bool,
    /// Its left edge.
    pub x: u32,
    /// Its width.
    pub width: u32,
    /// The upper edge of all.
    pub y: u32,
    /// The height of all.
    pub height: u32,
    /// The height of what failed, at the bottom.
    pub failed_height: u32,
}

impl Chart {
    /// The width of the drawing.
    pub const WIDTH: u32 = WIDTH;
    /// The height of the drawing.
    pub const HEIGHT: u32 = HEIGHT;

    /// The days from `since` to `until`, both with their day.
    #[must_use]
    pub fn of(days: impl IntoIterator<Item = (Timestamp, Uses)>, since: Timestamp, until: Timestamp) -> Self {
        let mut sums: BTreeMap<Timestamp, Uses> = BTreeMap::new();
        for (day, uses) in days {
            *sums.entry(day.start_of_day()).or_default() += uses;
        }
        let (first, last) = (since.start_of_day(), until.start_of_day());
        let days: Vec<Timestamp> = std::iter::successors(Some(first), |day| Some(day.after(DAY))).take_while(|day| *day <= last).collect();
        let top = ceiling(sums.range(first..=last).map(|(_, uses)| uses.all()).max().unwrap_or(0));
        let count = u32::try_from(days.len()).unwrap_or(u32::MAX).max(1);
        let height = |uses: u64| u32::try_from((uses * u64::from(HEIGHT)).div_ceil(top)).unwrap_or(HEIGHT).min(HEIGHT);
        let bars: Vec<Bar> = (0..)
            .zip(&days)
            .map(|(at, day)| {
                let uses = sums.get(day).copied().unwrap_or_default();
                let x = at * WIDTH / count;
                // A gap between the bars where there is room for one.
                let room = ((at + 1) * WIDTH / count).saturating_sub(x);
                Bar {
                    day: date(*day),
                    all: figures::number(uses.all()),
                    failed: figures::number(uses.failed),
                    is_used: uses.all() > 0,
                    x,
                    width: if room > 3 { room - room / 4 } else { room.max(1) },
                    y: HEIGHT - height(uses.all()),
                    height: height(uses.all()),
                    failed_height: height(uses.failed),
                }
            })
            .collect();
        let total = sums.range(first..=last).fold(Uses::default(), |mut total, (_, uses)| {
            total += *uses;
            total
        });
        let label = format!("Requests on each day from {} to {}: {} in all.", date(first), date(last), figures::number(total.all()));
        Self { bars, top: figures::number(top), ends: (date(first), date(last)), label }
    }

    /// The days on which something was used, the newest first.
    #[must_use]
    pub fn used(&self) -> Vec<&Bar> {
        self.bars.iter().rev().filter(|bar| bar.is_used).collect()
    }
}

/// The day of a moment.
fn date(at: Timestamp) -> String {
    Moment::from(at).exact.chars().take(10).collect()
}

/// 1, 2 or 5 times a power of ten that is not below it.
fn ceiling(most: u64) -> u64 {
    let mut unit: u64 = 1;
    loop {
        for step in [1, 2, 5] {
            if unit.saturating_mul(step) >= most.max(1) {
                return unit.saturating_mul(step);
            }
        }
        unit = unit.saturating_mul(10);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_day_has_a_bar_and_the_highest_fits() {
        let start = Timestamp::of_date("2026-02-27").unwrap();
        let uses = |succeeded, failed| Uses { succeeded, failed };
        let days = [
            (start, uses(10, 2)),
            (start.after(DAY * 2), uses(150, 0)),
            (start.after(DAY * 2), uses(0, 30)),
            (start.after(DAY * 9), uses(9, 9)),
        ];
        let chart = Chart::of(days, start, start.after(DAY * 3));
        assert_eq!(
            chart.bars.iter().map(|bar| bar.day.as_str()).collect::<Vec<_>>(),
            ["2026-02-27", "2026-02-28", "2026-03-01", "2026-03-02"]
        );
        assert_eq!(chart.top, "200");
        assert_eq!(
            chart.bars.iter().map(|bar| (bar.height, bar.failed_height, bar.y)).collect::<Vec<_>>(),
            [(10, 2, 150), (0, 0, 160), (144, 24, 16), (0, 0, 160)]
        );
        assert_eq!(chart.label, "Requests on each day from 2026-02-27 to 2026-03-02: 192 in all.");
        assert_eq!(chart.used().len(), 2);
        let year = Chart::of([], start, start.after(DAY * 365));
        assert!(year.bars.iter().all(|bar| bar.width >= 1 && bar.x + bar.width <= WIDTH));
    }

    #[test]
    fn the_scale_ends_at_a_round_number() {
        for (most, round) in [(0, 1), (1, 1), (2, 2), (3, 5), (6, 10), (11, 20), (4_999, 5_000), (u64::MAX, u64::MAX)] {
            assert_eq!(ceiling(most), round, "{most}");
        }
    }
}
