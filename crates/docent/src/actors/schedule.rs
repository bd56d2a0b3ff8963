//! Refreshes by schedule: each library at its own moment, which stays the same from turn to turn.

use super::ingestion::Ingestion;
use docent_store::{Due, StoreError};
use docent_types::ids::JobId;
use docent_types::time::Timestamp;
use std::time::Duration;

/// Libraries that are looked at in one go; the next ones a minute later.
const AT_ONCE: u64 = 500;

/// Reads what `library.refresh_every` and `docent library schedule` take: `off`, or a number and `m`, `h` or `d`. Off is zero.
///
/// # Errors
/// What is expected.
pub fn period(text: &str) -> Result<Duration, String> {
    match text.trim() {
        "off" => Ok(Duration::ZERO),
        other => crate::commands::client_token::duration(other).map_err(|wrong| format!("{wrong}, or off")),
    }
}

/// What becomes of a library that is due.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Turn {
    /// It has not had a turn yet: nothing is read now, and its next turn counts from this moment.
    From(Timestamp),
    /// It is refreshed, and its next turn counts from this moment.
    Refresh(Timestamp),
}

/// A library that is new to the schedule comes first after half its period to a whole one: by its id, so that thousands that were added
/// together are spread. Later turns keep that moment, however late one is noticed.
fn turn(due: Due, now: Timestamp) -> Turn {
    let every = i64::try_from(due.every.as_millis()).unwrap_or(i64::MAX).max(1);
    match due.refreshed_at {
        None => {
            let spread = u64::try_from(every / 2).unwrap_or(0).max(1);
            // The random part of the id.
            let chance = due.library.0.as_u128() as u64 % spread;
            Turn::From(now.before(Duration::from_millis(chance)))
        }
        Some(last) => {
            let missed = now.0.saturating_sub(last.0).max(0) / every;
            Turn::Refresh(Timestamp(last.0.saturating_add(every.saturating_mul(missed))))
        }
    }
}

/// Queues a refresh of each version of the libraries whose turn it is. Answers how many libraries that were.
///
/// # Errors
/// What the database says.
pub async fn queue_due(ingestion: &Ingestion, every: Duration) -> Result<usize, StoreError> {
    let store = &ingestion.store;
    let now = ingestion.clock.now();
    let mut queued = 0;
    for due in store.due_for_refresh(every, now, AT_ONCE).await? {
        match turn(due, now) {
            Turn::From(at) => {
                store.had_its_turn(due, at).await?;
            }
            Turn::Refresh(at) => {
                // Queued before it is written down: a crash in between queues it again, which is one job all the same.
                for version in store.versions_to_refresh(due.library).await? {
                    let job = JobId::generate(now, &*ingestion.randomness);
                    store.queue_job(job, due.library, version.as_deref(), now).await?;
                }
                queued += usize::from(store.had_its_turn(due, at).await?);
            }
        }
    }
    Ok(queued)
}

#[cfg(test)]
mod tests {
    use super::*;
    use docent_types::ids::LibraryRowId;
    use docent_types::random::SystemRandomness;

    const DAY: Duration = Duration::from_secs(86_400);
    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    fn due(refreshed_at: Option<Timestamp>) -> Due {
        Due { library: LibraryRowId::generate(NOW, &SystemRandomness), every: DAY, refreshed_at }
    }

    #[test]
    fn libraries_that_were_added_together_are_spread_over_half_their_period() {
        let mut quarters = [0; 4];
        for _ in 0..400 {
            let Turn::From(at) = turn(due(None), NOW) else { panic!("nothing is read at the first look") };
            let first = at.after(DAY).0 - NOW.0;
            assert!((43_200_000..=86_400_000).contains(&first), "{first}");
            quarters[usize::try_from((first - 43_200_000) / 10_800_001).unwrap()] += 1;
        }
        assert!(quarters.iter().all(|count| *count > 50), "{quarters:?}");
    }

    #[test]
    fn a_library_keeps_its_moment_however_late_it_is_noticed() {
        let last = NOW.before(DAY);
        assert_eq!(turn(due(Some(last)), NOW), Turn::Refresh(NOW));
        assert_eq!(turn(due(Some(last)), NOW.after(Duration::from_secs(50))), Turn::Refresh(NOW));
        assert_eq!(turn(due(Some(last.before(DAY * 9))), NOW.after(Duration::from_secs(50))), Turn::Refresh(NOW), "one turn, not ten");
    }

    #[test]
    fn a_period_is_a_time_or_off() {
        assert_eq!(period("off"), Ok(Duration::ZERO));
        assert_eq!(period(" 6h "), Ok(Duration::from_secs(6 * 3600)));
        assert!(period("never").unwrap_err().contains("off") && period("0d").is_err());
    }
}
