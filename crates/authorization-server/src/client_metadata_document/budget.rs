//! How often one host is asked, whatever the outcome (AS12): failures are not cached, so this is what bounds them.

use docent_types::time::Timestamp;
use std::collections::HashMap;
use std::time::Duration;

/// So many at once, and one more after each `every`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Rate {
    burst: u32,
    every: Duration,
}

/// A host.
const HOST: Rate = Rate { burst: 10, every: Duration::from_secs(6) };
/// All hosts under the last two labels of a name: who has a domain has any number of hosts.
const SITE: Rate = Rate { burst: 60, every: Duration::from_secs(1) };
/// Keys that are held. Beyond that, those that are as good as new are forgotten, and then all.
const KEYS: usize = 20_000;

/// What was used of the budgets: for each key the moment at which it is whole again (GCRA).
#[derive(Debug, Default)]
pub struct Budgets(HashMap<String, Timestamp>);

/// The last two labels of a name; nothing for an address.
fn site(host: &str) -> Option<String> {
    if host.starts_with('[') || host.parse::<std::net::Ipv4Addr>().is_ok() {
        return None;
    }
    let mut labels = host.trim_end_matches('.').rsplit('.');
    let (top, second) = (labels.next()?, labels.next()?);
    Some(format!("*.{second}.{top}"))
}

impl Budgets {
    /// Takes one of a host's budget, or answers after how many seconds there is one.
    ///
    /// # Errors
    /// The seconds.
    pub fn take(&mut self, host: &str, now: Timestamp) -> Result<(), u32> {
        if self.0.len() >= KEYS {
            self.0.retain(|_, whole_at| *whole_at > now);
            if self.0.len() >= KEYS {
                tracing::error!("more hosts are asked at once than can be counted: their counts start again");
                self.0.clear();
            }
        }
        let parts: Vec<(String, Rate)> =
            [Some((host.to_owned(), HOST)), site(host).map(|site| (site, SITE))].into_iter().flatten().collect();
        let mut taken = Vec::with_capacity(parts.len());
        for (key, rate) in parts {
            let whole_at = self.0.get(&key).copied().unwrap_or(now).max(now).after(rate.every);
            let may_at = whole_at.before(rate.every * rate.burst);
            if may_at > now {
                let wait = may_at.0.saturating_sub(now.0).unsigned_abs().div_ceil(1000);
                return Err(u32::try_from(wait).unwrap_or(u32::MAX).max(1));
            }
            taken.push((key, whole_at));
        }
        self.0.extend(taken);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// AS12.
    #[test]
    fn a_host_has_a_budget_and_so_has_everything_under_its_domain() {
        let mut budgets = Budgets::default();
        let at = Timestamp::from_seconds;
        for _ in 0..10 {
            assert_eq!(budgets.take("a.evil.example", at(0)), Ok(()));
        }
        assert_eq!(budgets.take("a.evil.example", at(0)), Err(6));
        assert_eq!(budgets.take("a.evil.example", at(5)), Err(1));
        assert_eq!(budgets.take("a.evil.example", at(6)), Ok(()));
        assert_eq!(budgets.take("other.example", at(6)), Ok(()), "hosts do not share");
        let taken = (0..100).filter(|host| budgets.take(&format!("h{host}.wild.example"), at(6)).is_ok()).count();
        assert_eq!(taken, 60, "a name server makes any number of hosts");
        assert_eq!(budgets.take("a.evil.example", at(10_000)), Ok(()));
        assert_eq!((site("127.0.0.1"), site("[::1]"), site("localhost")), (None, None, None));
    }

    #[test]
    fn the_counts_stay_bounded() {
        let mut budgets = Budgets::default();
        for host in 0..3 * KEYS {
            let _ = budgets.take(&format!("h{host}.s{host}.example"), Timestamp(0));
        }
        assert!(budgets.0.len() <= KEYS + 2);
    }
}
