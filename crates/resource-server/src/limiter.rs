//! How often something may be done, in this process. GCRA cells in bounded memory.
//!
//! Limits by address are loose: hosted clients share one egress address.

use actix::prelude::*;
use docent_types::actors::Unavailable;
use docent_types::messages::{CheckLimit, Limit};
use governor::clock::{Clock, DefaultClock};
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::time::Duration;

/// A limit: so many at once, and one more after each `replenished_every`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rate {
    /// How many at once.
    pub burst: u32,
    /// After which time there is one more.
    pub replenished_every: Duration,
}

impl Rate {
    fn quota(self) -> Quota {
        let burst = NonZeroU32::new(self.burst).unwrap_or(NonZeroU32::MIN);
        let every = self.replenished_every.max(Duration::from_nanos(1));
        Quota::with_period(every).unwrap_or(Quota::per_second(burst)).allow_burst(burst)
    }
}

/// The limits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LimiterOptions {
    /// Sign-ins for an account.
    pub sign_in_account: Rate,
    /// Sign-ins from an address.
    pub sign_in_address: Rate,
    /// Registrations from an address.
    pub registration: Rate,
    /// Token requests from an address.
    pub token: Rate,
    /// Fetches of clients' documents that an address causes.
    pub metadata_document: Rate,
    /// Device authorizations begun from an address.
    pub device_authorization: Rate,
    /// User codes typed by a person.
    pub user_code: Rate,
    /// User codes typed at an address.
    pub user_code_address: Rate,
    /// User codes typed by everybody together.
    pub user_code_anywhere: Rate,
    /// From how many keys on those that are as good as new are forgotten. Four times as many are never held.
    pub keys: usize,
}

impl Default for LimiterOptions {
    fn default() -> Self {
        Self {
            // 10 in 15 minutes.
            sign_in_account: Rate { burst: 10, replenished_every: Duration::from_secs(90) },
            // 100 in 15 minutes.
            sign_in_address: Rate { burst: 100, replenished_every: Duration::from_secs(9) },
            // 600 in an hour.
            registration: Rate { burst: 120, replenished_every: Duration::from_secs(6) },
            // 6,000 in a minute.
            token: Rate { burst: 2_000, replenished_every: Duration::from_millis(10) },
            // 60 in a minute.
            metadata_document: Rate { burst: 60, replenished_every: Duration::from_secs(1) },
            // 1,800 in an hour: machines of one company share an address.
            device_authorization: Rate { burst: 120, replenished_every: Duration::from_secs(2) },
            // 20 while a code lives. There are 25,600,000,000 codes.
            user_code: Rate { burst: 10, replenished_every: Duration::from_secs(60) },
            // 220 while a code lives.
            user_code_address: Rate { burst: 100, replenished_every: Duration::from_secs(5) },
            // 1,800 while a code lives: if 1,000 devices wait, one guess in 14,000 lives of a code is right.
            user_code_anywhere: Rate { burst: 600, replenished_every: Duration::from_millis(500) },
            keys: 100_000,
        }
    }
}

type Cells<C> = RateLimiter<String, DashMapStateStore<String>, C, NoOpMiddleware<<C as Clock>::Instant>>;

struct Limited<C: Clock> {
    quota: Quota,
    // Boxed: an actor has to be `Unpin`, and a clock's instant need not be.
    cells: Box<Cells<C>>,
    sweep_at: usize,
}

impl<C: Clock + Clone> Limited<C> {
    fn new(rate: Rate, keys: usize, clock: &C) -> Self {
        let quota = rate.quota();
        Self { quota, cells: Box::new(RateLimiter::dashmap_with_clock(quota, clock.clone())), sweep_at: keys }
    }

    fn check(&mut self, key: &String, keys: usize, clock: &C) -> Option<u32> {
        if self.cells.len() >= self.sweep_at {
            self.cells.retain_recent();
            if self.cells.len() >= keys.saturating_mul(4) {
                tracing::error!("more keys are limited at once than can be held: their counts start again");
                *self.cells = RateLimiter::dashmap_with_clock(self.quota, clock.clone());
            }
            // A sweep looks at all: the next one only when there are many more.
            self.sweep_at = keys.max(self.cells.len().saturating_mul(2));
        }
        let refused = self.cells.check_key(key).err()?;
        let wait = refused.wait_time_from(clock.now());
        Some(u32::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(u32::MAX).max(1))
    }
}

/// The actor that answers [`CheckLimit`].
pub struct Limiter<C: Clock + Clone + Unpin + 'static = DefaultClock> {
    keys: usize,
    clock: C,
    sign_in_account: Limited<C>,
    sign_in_address: Limited<C>,
    registration: Limited<C>,
    token: Limited<C>,
    metadata_document: Limited<C>,
    device_authorization: Limited<C>,
    user_code: Limited<C>,
    user_code_address: Limited<C>,
    user_code_anywhere: Limited<C>,
}

impl Limiter {
    /// A limiter on the machine's monotonic clock.
    #[must_use]
    pub fn new(options: LimiterOptions) -> Self {
        Self::with_clock(options, DefaultClock::default())
    }
}

impl<C: Clock + Clone + Unpin + 'static> Limiter<C> {
    /// A limiter on this clock.
    #[must_use]
    pub fn with_clock(options: LimiterOptions, clock: C) -> Self {
        let limited = |rate| Limited::new(rate, options.keys, &clock);
        Self {
            keys: options.keys,
            sign_in_account: limited(options.sign_in_account),
            sign_in_address: limited(options.sign_in_address),
            registration: limited(options.registration),
            token: limited(options.token),
            metadata_document: limited(options.metadata_document),
            device_authorization: limited(options.device_authorization),
            user_code: limited(options.user_code),
            user_code_address: limited(options.user_code_address),
            user_code_anywhere: limited(options.user_code_anywhere),
            clock,
        }
    }

    /// Counts one, or answers after how many seconds there may be one.
    pub fn check(&mut self, limit: Limit, key: &str) -> Option<u32> {
        let (limited, key) = match limit {
            Limit::SignInAccount => (&mut self.sign_in_account, key.to_lowercase()),
            Limit::SignInAddress => (&mut self.sign_in_address, network(key)),
            Limit::Registration => (&mut self.registration, network(key)),
            Limit::Token => (&mut self.token, network(key)),
            Limit::MetadataDocument => (&mut self.metadata_document, network(key)),
            Limit::DeviceAuthorization => (&mut self.device_authorization, network(key)),
            Limit::UserCode => (&mut self.user_code, key.to_owned()),
            Limit::UserCodeAddress => (&mut self.user_code_address, network(key)),
            Limit::UserCodeAnywhere => (&mut self.user_code_anywhere, String::new()),
        };
        limited.check(&key, self.keys, &self.clock)
    }
}

/// A caller has all of an IPv6 network of 64 bits to choose from: it is one key.
fn network(address: &str) -> String {
    match address.parse::<IpAddr>().map(|address| address.to_canonical()) {
        Ok(IpAddr::V6(address)) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).to_string(),
        Ok(address) => address.to_string(),
        Err(_) => address.to_owned(),
    }
}

impl<C: Clock + Clone + Unpin + 'static> Actor for Limiter<C> {
    type Context = Context<Self>;
}

impl<C: Clock + Clone + Unpin + 'static> Handler<CheckLimit> for Limiter<C> {
    type Result = Result<Option<u32>, Unavailable>;

    fn handle(&mut self, message: CheckLimit, _: &mut Self::Context) -> Self::Result {
        Ok(self.check(message.limit, &message.key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use governor::clock::FakeRelativeClock;

    fn limiter(keys: usize) -> (Limiter<FakeRelativeClock>, FakeRelativeClock) {
        let clock = FakeRelativeClock::default();
        (Limiter::with_clock(LimiterOptions { keys, ..LimiterOptions::default() }, clock.clone()), clock)
    }

    #[test]
    fn the_burst_is_allowed_and_then_one_for_each_period() {
        let (mut limiter, clock) = limiter(1000);
        for _ in 0..10 {
            assert_eq!(limiter.check(Limit::SignInAccount, "Ada@example.com"), None);
        }
        assert_eq!(limiter.check(Limit::SignInAccount, "ada@example.com"), Some(90));
        assert_eq!(limiter.check(Limit::SignInAccount, "other@example.com"), None);
        clock.advance(Duration::from_secs(89));
        assert_eq!(limiter.check(Limit::SignInAccount, "ada@example.com"), Some(1));
        clock.advance(Duration::from_secs(1));
        assert_eq!(limiter.check(Limit::SignInAccount, "ada@example.com"), None);
    }

    /// AS21.
    #[test]
    fn user_codes_are_limited_by_person_by_address_and_for_everybody_together() {
        let (mut limiter, clock) = limiter(1000);
        for _ in 0..10 {
            assert_eq!(limiter.check(Limit::UserCode, "ada"), None);
        }
        assert_eq!((limiter.check(Limit::UserCode, "ada"), limiter.check(Limit::UserCode, "eve")), (Some(60), None));
        for host in 0..100 {
            assert_eq!(limiter.check(Limit::UserCodeAddress, &format!("2001:db8::{host:x}")), None);
        }
        assert!(limiter.check(Limit::UserCodeAddress, "2001:db8::ffff").is_some());
        for guess in 0..600 {
            assert_eq!(limiter.check(Limit::UserCodeAnywhere, &guess.to_string()), None);
        }
        assert_eq!(limiter.check(Limit::UserCodeAnywhere, "whoever"), Some(1));
        clock.advance(Duration::from_millis(500));
        assert_eq!(limiter.check(Limit::UserCodeAnywhere, "whoever"), None);
    }

    #[test]
    fn an_ipv6_network_is_one_caller() {
        let (mut limiter, _) = limiter(1000);
        for host in 0..120 {
            assert_eq!(limiter.check(Limit::Registration, &format!("2001:db8::{host:x}")), None);
        }
        assert!(limiter.check(Limit::Registration, "2001:db8::ffff").is_some());
        assert_eq!(limiter.check(Limit::Registration, "2001:db8:0:1::1"), None);
    }

    #[test]
    fn memory_is_bounded_and_a_sweep_forgets_nobody_who_is_limited() {
        let (mut limiter, clock) = limiter(100);
        for _ in 0..11 {
            limiter.check(Limit::SignInAccount, "victim");
        }
        for account in 0..150 {
            limiter.check(Limit::SignInAccount, &format!("a{account}"));
            clock.advance(Duration::from_secs(5));
        }
        assert!(limiter.sign_in_account.cells.len() < 150);
        for _ in 0..9 {
            limiter.check(Limit::SignInAccount, "victim");
        }
        assert!(limiter.check(Limit::SignInAccount, "victim").is_some(), "a sweep forgot the victim's count");
        for account in 0..5000 {
            limiter.check(Limit::SignInAccount, &format!("b{account}"));
        }
        assert!(limiter.sign_in_account.cells.len() <= 400, "{}", limiter.sign_in_account.cells.len());
    }
}
