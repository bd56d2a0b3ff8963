//! Whether a job that failed is tried again, and when.

use super::ingestion::JobError;
use docent_library::artefact::ArtefactError;
use docent_library::ingest::IngestError;
use docent_library::source::SourceError;
use docent_store::StoreError;
use docent_types::random::Randomness;
use docent_types::time::Timestamp;
use std::time::Duration;

const FIRST: Duration = Duration::from_secs(10);
const LONGEST: Duration = Duration::from_secs(15 * 60);

/// Whether the same job may succeed a while later without anybody doing anything: the network, a busy host, a full disk. Not: no such
/// repository or branch, no access, too large, nothing to read.
#[must_use]
pub fn may_pass(error: &JobError) -> bool {
    match error {
        JobError::Ingest(IngestError::Source(source)) => {
            matches!(
                source,
                SourceError::Unreachable { .. }
                    | SourceError::TimedOut(_)
                    | SourceError::Io { .. }
                    | SourceError::InUse(_)
                    | SourceError::Unfinished { .. }
            )
        }
        JobError::Ingest(IngestError::Artefact(artefact)) => {
            matches!(artefact, ArtefactError::Io { .. } | ArtefactError::BeingRemoved(_) | ArtefactError::Store(_))
        }
        JobError::Store(StoreError::Unavailable(_)) => true,
        _ => false,
    }
}

/// How long a job waits that was tried so often: 10 seconds, then four times as long each time, up to 15 minutes; between half and the
/// whole of that by chance, so that jobs that failed together do not come back together.
#[must_use]
pub fn pause(attempts: u32, randomness: &dyn Randomness) -> Duration {
    let whole = FIRST.saturating_mul(4_u32.saturating_pow(attempts.saturating_sub(1))).min(LONGEST);
    let mut byte = [0_u8; 1];
    randomness.fill(&mut byte);
    let half = whole / 2;
    half + half * u32::from(byte[0]) / 255
}

/// When a job that failed is tried again, if it is.
#[must_use]
pub fn at(error: &JobError, attempts: i32, now: Timestamp, randomness: &dyn Randomness) -> Option<Timestamp> {
    may_pass(error).then(|| now.after(pause(u32::try_from(attempts).unwrap_or(1), randomness)))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Always(u8);
    impl Randomness for Always {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(self.0);
        }
    }

    #[test]
    fn pauses_grow_and_differ() {
        let most: Vec<u64> = (1..=6).map(|attempts| pause(attempts, &Always(255)).as_secs()).collect();
        assert_eq!(most, [10, 40, 160, 640, 900, 900]);
        let least: Vec<u64> = (1..=6).map(|attempts| pause(attempts, &Always(0)).as_secs()).collect();
        assert_eq!(least, [5, 20, 80, 320, 450, 450]);
        assert!(pause(u32::MAX, &Always(7)) <= LONGEST);
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        let source = |error| JobError::Ingest(IngestError::Source(error));
        let unreachable = SourceError::Unreachable { display: "x".to_owned(), reason: "refused".to_owned() };
        for passing in
            [source(unreachable), source(SourceError::TimedOut("x".to_owned())), JobError::Store(StoreError::Unavailable("x".to_owned()))]
        {
            assert!(may_pass(&passing), "{passing}");
        }
        for lasting in [
            source(SourceError::Missing("x".to_owned())),
            source(SourceError::NotARepository("x".to_owned())),
            source(SourceError::Authentication("x".to_owned())),
            source(SourceError::NoSuchReference { display: "x".to_owned(), reference: "y".to_owned(), available: Vec::new() }),
            JobError::Ingest(IngestError::NoPages { display: "x".to_owned(), found: "y".to_owned() }),
            JobError::Gone,
            JobError::Panicked,
            JobError::Cancelled,
        ] {
            assert!(!may_pass(&lasting), "{lasting}");
            assert_eq!(at(&lasting, 1, Timestamp(0), &Always(0)), None);
        }
    }
}
