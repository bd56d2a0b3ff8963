//! Counts in this process, on the machine's monotonic clock.

use super::{Cell, Counted, PERIOD, Rates, Whose, seconds};
use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use uuid::Uuid;

/// After so many requests, what is as good as new is forgotten.
const SWEEP_EVERY: u64 = 65_536;

type Cells<C> = RateLimiter<Uuid, DashMapStateStore<Uuid>, C, StateInformationMiddleware>;

/// The counts of one process.
pub struct Local<C: Clock = DefaultClock> {
    user: Option<Cells<C>>,
    project: Option<Cells<C>>,
    key: Option<Cells<C>>,
    clock: C,
    counted: AtomicU64,
}

impl Local {
    /// None yet.
    #[must_use]
    pub fn new(rates: Rates) -> Self {
        Self::with_clock(rates, DefaultClock::default())
    }
}

impl<C: Clock + Clone> Local<C> {
    /// On this clock.
    #[must_use]
    pub fn with_clock(rates: Rates, clock: C) -> Self {
        let cells = |rate: Option<NonZeroU32>| {
            rate.map(|rate| {
                let quota = Quota::with_period(PERIOD / rate.get()).unwrap_or(Quota::per_second(rate)).allow_burst(rate);
                RateLimiter::dashmap_with_clock(quota, clock.clone()).with_middleware::<StateInformationMiddleware>()
            })
        };
        Self {
            user: cells(rates.user),
            project: cells(rates.project),
            key: cells(rates.key),
            clock: clock.clone(),
            counted: AtomicU64::new(0),
        }
    }

    /// Counts one.
    pub fn count(&self, cell: Cell) -> Counted {
        if self.counted.fetch_add(1, Ordering::Relaxed) % SWEEP_EVERY == SWEEP_EVERY - 1 {
            [&self.user, &self.project, &self.key].into_iter().flatten().for_each(Cells::retain_recent);
        }
        let limit = cell.rate.get();
        let whole = Counted { whose: cell.whose, limit, remaining: limit, reset: 0, wait: None };
        let cells = match cell.whose {
            Whose::User => &self.user,
            Whose::Project => &self.project,
            Whose::Key => &self.key,
        };
        let Some(cells) = cells else { return whole };
        match cells.check_key(&cell.id) {
            Ok(state) => {
                let remaining = state.remaining_burst_capacity();
                Counted { remaining, reset: seconds(cell.interval() * limit.saturating_sub(remaining)), ..whole }
            }
            Err(refused) => {
                let wait = seconds(refused.wait_time_from(self.clock.now())).max(1);
                Counted { remaining: 0, reset: seconds(PERIOD), wait: Some(wait), ..whole }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use governor::clock::FakeRelativeClock;
    use std::time::Duration;

    fn cell(whose: Whose, id: u128, rate: u32) -> Cell {
        Cell { whose, id: Uuid::from_u128(id), rate: NonZeroU32::new(rate).unwrap() }
    }

    #[test]
    fn so_many_at_once_and_then_one_for_each_share_of_the_minute() {
        let rates = Rates { user: NonZeroU32::new(6), ..Rates::default() };
        let clock = FakeRelativeClock::default();
        let limits = Local::with_clock(rates, clock.clone());
        for left in (0..6).rev() {
            let counted = limits.count(cell(Whose::User, 1, 6));
            assert_eq!((counted.remaining, counted.wait, counted.reset), (left, None, (6 - left) * 10));
        }
        assert_eq!(limits.count(cell(Whose::User, 1, 6)).wait, Some(10));
        assert_eq!(limits.count(cell(Whose::User, 2, 6)).wait, None, "somebody else has a count of their own");
        clock.advance(Duration::from_millis(9_500));
        assert_eq!(limits.count(cell(Whose::User, 1, 6)).wait, Some(1));
        clock.advance(Duration::from_millis(500));
        assert_eq!(limits.count(cell(Whose::User, 1, 6)).wait, None);
    }

    #[test]
    fn what_has_no_limit_is_never_refused() {
        let limits = Local::new(Rates::default());
        for _ in 0..1000 {
            assert_eq!(limits.count(cell(Whose::Project, 1, 1)).wait, None);
        }
    }

    #[test]
    fn memory_does_not_grow_with_those_who_were_here_once() {
        let rates = Rates { user: NonZeroU32::new(6000), ..Rates::default() };
        let clock = FakeRelativeClock::default();
        let limits = Local::with_clock(rates, clock.clone());
        for person in 0..u128::from(SWEEP_EVERY) * 2 {
            limits.count(cell(Whose::User, person, 6000));
            clock.advance(Duration::from_millis(20));
        }
        assert!(limits.user.as_ref().unwrap().len() <= usize::try_from(SWEEP_EVERY).unwrap());
    }
}
