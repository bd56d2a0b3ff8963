use super::catalogue::library;
use super::*;
use crate::{Cancelled, JobState, Lease, on_each_database};
use docent_types::ids::{JobId, LibraryRowId};
use uuid::Uuid;

const WORKER: Uuid = Uuid::from_u128(7);

fn job() -> JobId {
    JobId::generate(START, &SystemRandomness)
}

async fn a_library(database: &TestDatabase, id: &str) -> LibraryRowId {
    database.store.add_library(library(id)).await.unwrap()
}

on_each_database! {
    async fn a_refresh_that_waits_already_is_that_one(database) {
        let store = &database.store;
        let row = a_library(database, "/owner/name").await;
        let first = job();
        assert_eq!(store.queue_job(first, row, None, START).await, Ok(first));
        let asks = (0..32).map(|_| store.queue_job(job(), row, None, START));
        for answer in futures_util::future::join_all(asks).await {
            assert_eq!(answer, Ok(first));
        }
        let other = job();
        assert_eq!(store.queue_job(other, row, Some("v1"), START).await, Ok(other), "another version is another job");
        assert_eq!(store.jobs(10).await.unwrap().len(), 2);
    }

    async fn of_32_workers_each_job_goes_to_one(database) {
        let store = &database.store;
        for n in 0..8 {
            let row = a_library(database, &format!("/owner/name{n}")).await;
            store.queue_job(job(), row, None, START).await.unwrap();
        }
        let mut leased = std::collections::HashSet::new();
        // A worker that meets a locked row may go away empty and comes again at its next turn.
        while leased.len() < 8 {
            let asks = (0..32).map(|n| store.lease_job(Uuid::from_u128(n), START, START.after(seconds(30))));
            for job in futures_util::future::join_all(asks).await.into_iter().filter_map(|job| job.unwrap()) {
                assert!(leased.insert(job.id), "{} was leased twice", job.id);
                assert_eq!((job.state, job.attempts), (JobState::Running, 1));
            }
        }
        assert_eq!(store.lease_job(WORKER, START, START.after(seconds(30))).await, Ok(None));
    }

    async fn a_job_whose_worker_died_is_taken_up_by_another_five_times(database) {
        let store = &database.store;
        let row = a_library(database, "/owner/name").await;
        let id = job();
        store.queue_job(id, row, None, START).await.unwrap();
        let mut now = START;
        for attempt in 1..=5 {
            let leased = store.lease_job(Uuid::from_u128(attempt), now, now.after(seconds(30))).await.unwrap().unwrap();
            assert_eq!((leased.id, i128::from(leased.attempts)), (id, attempt as i128));
            assert_eq!(store.lease_job(WORKER, now.after(seconds(30)), now).await, Ok(None), "the lease holds");
            now = now.after(Duration::from_millis(30_001));
        }
        let renewed = store.renew_lease(id, Uuid::from_u128(4), now.after(seconds(30)), "reading", 1, 2).await;
        assert_eq!(renewed, Ok(Lease::Lost), "its lease is another's");
        assert_eq!(store.lease_job(WORKER, now, now.after(seconds(30))).await, Ok(None));
        let failed = store.job(id).await.unwrap().unwrap();
        assert_eq!(failed.state, JobState::Failed);
        assert_eq!(store.library(&"/owner/name".parse().unwrap()).await.unwrap().unwrap().state, "failed");
    }

    async fn a_job_tells_how_far_it_is_and_why_it_failed(database) {
        let store = &database.store;
        let row = a_library(database, "/owner/name").await;
        let id = job();
        store.queue_job(id, row, Some("v1"), START).await.unwrap();
        store.lease_job(WORKER, START, START.after(seconds(30))).await.unwrap().unwrap();
        assert_eq!(store.renew_lease(id, WORKER, START.after(seconds(60)), "reading", 5, 9).await, Ok(Lease::Renewed));
        let running = store.job(id).await.unwrap().unwrap();
        assert_eq!((running.stage.as_str(), running.done, running.total, running.version.as_deref()), ("reading", 5, 9, Some("v1")));
        assert_eq!(running.percent(), Some(12 + 48 * 5 / 9));
        assert_eq!(store.library(&"/owner/name".parse().unwrap()).await.unwrap().unwrap().state, "indexing");
        store.finish_job(id, WORKER, Err("no such branch".to_owned()), START, Some(START.after(seconds(60)))).await.unwrap();
        assert_eq!(store.lease_job(WORKER, START.after(seconds(59)), START.after(seconds(99))).await, Ok(None), "not before its time");
        let again = store.lease_job(WORKER, START.after(seconds(60)), START.after(seconds(90))).await.unwrap().unwrap();
        assert_eq!((again.id, again.attempts), (id, 2));
        store.finish_job(id, WORKER, Err("no such branch".to_owned()), START, None).await.unwrap();
        let stored = store.library(&"/owner/name".parse().unwrap()).await.unwrap().unwrap();
        assert_eq!((stored.state.as_str(), stored.last_error.as_deref()), ("failed", Some("no such branch")));
        let next = job();
        store.queue_job(next, row, Some("v1"), START.after(seconds(1))).await.unwrap();
        store.lease_job(WORKER, START.after(seconds(2)), START.after(seconds(90))).await.unwrap().unwrap();
        store.finish_job(next, WORKER, Ok(()), START.after(seconds(3)), None).await.unwrap();
        assert_eq!(store.job(next).await.unwrap().unwrap().finished_at, Some(START.after(seconds(3))));
    }

    async fn the_command_line_begins_a_job_unless_one_runs(database) {
        let store = &database.store;
        let row = a_library(database, "/owner/name").await;
        let until = START.after(seconds(30));
        let tries = (0..16).map(|n| store.queue_leased_job(job(), row, None, Uuid::from_u128(n), until, START));
        let begun = futures_util::future::join_all(tries).await.into_iter().filter(|begun| *begun == Ok(true)).count();
        assert_eq!(begun, 1);
        store.queue_job(job(), row, None, START).await.unwrap();
        assert_eq!(store.lease_job(WORKER, START, until).await, Ok(None), "what waits goes after what runs");
        let later = START.after(seconds(31));
        assert_eq!(store.queue_leased_job(job(), row, None, WORKER, later.after(seconds(30)), later).await, Ok(true), "the first one died");
    }

    async fn cancelling_ends_what_waits_and_asks_what_runs_to_stop(database) {
        let store = &database.store;
        let row = a_library(database, "/owner/name").await;
        let (running, waiting) = (job(), job());
        store.queue_job(running, row, None, START).await.unwrap();
        store.lease_job(WORKER, START, START.after(seconds(30))).await.unwrap().unwrap();
        store.queue_job(waiting, row, Some("v1"), START).await.unwrap();
        assert_eq!(store.cancel_jobs(row, START).await, Ok(Cancelled { ended: 1, asked: 1 }));
        assert_eq!(store.job(waiting).await.unwrap().unwrap().state, JobState::Cancelled);
        let told = store.renew_lease(running, WORKER, START.after(seconds(40)), "reading", 1, 2).await;
        assert_eq!(told, Ok(Lease::CancelAsked));
        store.finish_job(running, WORKER, Err("x".to_owned()), START, Some(START)).await.unwrap();
        assert_eq!(store.job(running).await.unwrap().unwrap().state, JobState::Failed, "what was cancelled is not tried again");
        assert_eq!(store.cancel_jobs(row, START).await, Ok(Cancelled::default()));
    }

    async fn a_cancelled_job_whose_worker_died_is_not_taken_up(database) {
        let store = &database.store;
        let row = a_library(database, "/owner/name").await;
        let id = job();
        store.queue_job(id, row, None, START).await.unwrap();
        store.lease_job(WORKER, START, START.after(seconds(30))).await.unwrap().unwrap();
        store.cancel_jobs(row, START).await.unwrap();
        let later = START.after(seconds(31));
        assert_eq!(store.lease_job(WORKER, later, later.after(seconds(30))).await, Ok(None));
        assert_eq!(store.job(id).await.unwrap().unwrap().state, JobState::Cancelled);
    }

    async fn a_job_that_is_given_back_was_not_tried(database) {
        let store = &database.store;
        let row = a_library(database, "/owner/name").await;
        let id = job();
        store.queue_job(id, row, None, START).await.unwrap();
        for _ in 0..12 {
            let leased = store.lease_job(WORKER, START, START.after(seconds(30))).await.unwrap().unwrap();
            assert_eq!((leased.id, leased.attempts), (id, 1));
            assert_eq!(store.give_back_job(id, WORKER, START).await, Ok(true));
        }
        assert_eq!(store.give_back_job(id, WORKER, START).await, Ok(false), "it is nobody's now");
    }

    async fn the_job_that_says_most_stands_for_a_library(database) {
        let store = &database.store;
        let row = a_library(database, "/owner/name").await;
        let library = async || store.library(&"/owner/name".parse().unwrap()).await.unwrap().unwrap();
        for (version, at) in [("v1", 0), ("v2", 1)] {
            store.queue_job(job(), row, Some(version), START.after(seconds(at))).await.unwrap();
        }
        let first = store.lease_job(WORKER, START.after(seconds(2)), START.after(seconds(30))).await.unwrap().unwrap();
        store.finish_job(first.id, WORKER, Err("no such tag".to_owned()), START.after(seconds(3)), None).await.unwrap();
        let second = store.lease_job(WORKER, START.after(seconds(4)), START.after(seconds(30))).await.unwrap().unwrap();
        assert_eq!(library().await.last_job.map(|job| job.id), Some(second.id), "what runs");
        store.finish_job(second.id, WORKER, Ok(()), START.after(seconds(5)), None).await.unwrap();
        let failed = library().await;
        assert_eq!((failed.state.as_str(), failed.last_error.as_deref()), ("failed", Some("no such tag")), "then what went wrong");
        store.forget_version(row, "v1").await.unwrap();
        assert_eq!(library().await.last_error, None);
    }
}
