use super::catalogue::{library, version};
use super::*;
use crate::{Due, JobState, PublishVersion, StoreError, on_each_database};
use docent_types::ids::{JobId, LibraryRowId, VersionRowId};
use docent_types::secret::Secret;
use std::collections::HashSet;
use uuid::Uuid;

const WORKER: Uuid = Uuid::from_u128(9);
const DAY: Duration = Duration::from_secs(86_400);

fn found(row: LibraryRowId, artefact: &str, commit: &str) -> PublishVersion {
    PublishVersion { commit: Some(commit.to_owned()), pages: 1, snippets: 4, now: START.after(seconds(9)), ..version(row, None, artefact) }
}

on_each_database! {
    async fn what_is_held_is_served_when_it_is_confirmed_and_not_before(database) {
        let store = &database.store;
        let row = store.add_library(library("/owner/name")).await.unwrap();
        store.publish_version(version(row, None, "whole")).await.unwrap();
        let job = JobId::generate(START, &SystemRandomness);
        store.queue_job(job, row, None, START).await.unwrap();
        store.lease_job(WORKER, START, START.after(seconds(30))).await.unwrap().unwrap();
        let generation = store.catalogue_generation().await.unwrap();
        let less = PublishVersion { job: Some((job, WORKER)), ..found(row, "less", "def") };
        store.hold_version(less.clone(), "1 page, before 3").await.unwrap();
        assert_eq!(store.hold_version(less, "again").await, Err(StoreError::Conflict("job lease")));
        assert_eq!(store.catalogue_generation().await, Ok(generation), "nothing changes for who asks");
        let stored = store.library(&"/owner/name".parse().unwrap()).await.unwrap().unwrap();
        assert_eq!((stored.state.as_str(), stored.entry.versions[0].artefact.as_str(), stored.last_error), ("ready", "whole", None));
        assert_eq!(stored.last_job.map(|job| job.state), Some(JobState::Held));
        let [held] = stored.held.as_slice() else { panic!("{:?}", stored.held) };
        assert_eq!((held.pages, held.snippets, held.reason.as_str(), held.commit.as_deref()), (1, 4, "1 page, before 3", Some("def")));
        assert_eq!(store.artefacts_in_use().await.unwrap(), HashSet::from(["whole".to_owned(), "less".to_owned()]));

        let new_row = VersionRowId::generate(START, &SystemRandomness);
        let published = store.confirm_held(row, None, new_row, START.after(seconds(99))).await.unwrap();
        assert_eq!(published.replaced.as_deref(), Some("whole"));
        assert_eq!(store.catalogue_generation().await, Ok(generation + 1));
        let stored = store.library(&"/owner/name".parse().unwrap()).await.unwrap().unwrap();
        assert_eq!((stored.entry.versions[0].artefact.as_str(), stored.held.len()), ("less", 0));
        assert_eq!(store.confirm_held(row, None, new_row, START).await, Err(StoreError::NotFound("held version")));
        assert_eq!(store.catalogue_generation().await, Ok(generation + 1), "and nothing was counted for it");
    }

    async fn what_is_rejected_is_remembered_until_something_is_published(database) {
        let store = &database.store;
        let row = store.add_library(library("/owner/name")).await.unwrap();
        store.publish_version(version(row, None, "whole")).await.unwrap();
        store.hold_version(found(row, "less", "def"), "less").await.unwrap();
        store.reject_held(row, None).await.unwrap();
        assert_eq!(store.reject_held(row, None).await, Err(StoreError::NotFound("held version")));
        let aside = store.set_aside(row, None).await.unwrap().unwrap();
        assert_eq!((aside.is_rejected, aside.commit.as_deref()), (true, Some("def")));
        assert_eq!(store.artefacts_in_use().await.unwrap(), HashSet::from(["whole".to_owned()]), "its artefact may go");
        store.publish_version(version(row, None, "more")).await.unwrap();
        assert_eq!(store.set_aside(row, None).await, Ok(None));
        store.hold_version(found(row, "less", "def"), "less").await.unwrap();
        store.remove_library(&"/owner/name".parse().unwrap()).await.unwrap();
        assert_eq!(store.artefacts_in_use().await.unwrap().len(), 0, "nothing is held of what is gone");
    }

    async fn an_old_tag_does_not_speak_for_its_library(database) {
        let store = &database.store;
        let row = store.add_library(library("/owner/name")).await.unwrap();
        store.publish_version(version(row, None, "aa")).await.unwrap();
        let old = PublishVersion { title: "An old title".to_owned(), offered_versions: Vec::new(), ..version(row, Some("v0"), "bb") };
        store.publish_version(old).await.unwrap();
        let stored = store.library(&"/owner/name".parse().unwrap()).await.unwrap().unwrap();
        assert_eq!((stored.entry.title.as_str(), stored.offered_versions.as_slice()), ("Title of the source", ["v0".to_owned()].as_slice()));
        assert_eq!(store.served_format(row, Some("v0")).await, Ok(Some(1)));
        assert_eq!(store.served_format(row, Some("v7")).await, Ok(None));
        store.version_seen(row, Some("v0"), START.after(DAY)).await.unwrap();
        let stored = store.library(&"/owner/name".parse().unwrap()).await.unwrap().unwrap();
        assert_eq!(stored.seen_at, Some(START.after(DAY)));
    }

    async fn a_library_is_due_by_its_own_schedule_and_has_its_turn_once(database) {
        let store = &database.store;
        let row = store.add_library(library("/owner/name")).await.unwrap();
        let never = store.add_library(library("/owner/never")).await.unwrap();
        store.set_refresh_every(never, Some(Duration::ZERO)).await.unwrap();
        let due = store.due_for_refresh(DAY, START, 10).await.unwrap();
        assert_eq!(due, [Due { library: row, every: DAY, refreshed_at: None }]);
        let turns = futures_util::future::join_all((0..8).map(|_| store.had_its_turn(due[0], START))).await;
        assert_eq!(turns.into_iter().filter(|turn| *turn == Ok(true)).count(), 1, "of several nodes one");
        assert_eq!(store.due_for_refresh(DAY, START.after(DAY).before(Duration::from_millis(1)), 10).await, Ok(Vec::new()));
        let due = store.due_for_refresh(DAY, START.after(DAY), 10).await.unwrap();
        assert_eq!(due, [Due { library: row, every: DAY, refreshed_at: Some(START) }]);
        assert_eq!(store.due_for_refresh(Duration::ZERO, START.after(DAY), 10).await, Ok(Vec::new()), "the operator switched it off");
        store.set_refresh_every(row, Some(seconds(3600))).await.unwrap();
        let due = store.due_for_refresh(Duration::ZERO, START, 10).await.unwrap();
        assert_eq!(due, [Due { library: row, every: seconds(3600), refreshed_at: None }], "its own schedule holds, and begins anew");
        let stored = store.library(&"/owner/name".parse().unwrap()).await.unwrap().unwrap();
        assert_eq!(stored.refresh_every, Some(3600));
        assert_eq!(store.set_refresh_every(LibraryRowId(Uuid::nil()), None).await, Err(StoreError::NotFound("library")));
    }

    async fn a_refresh_reads_the_versions_that_were_added(database) {
        let store = &database.store;
        let row = store.add_library(library("/owner/name")).await.unwrap();
        assert_eq!(store.versions_to_refresh(row).await, Ok(vec![None]), "before anything is served");
        store.publish_version(version(row, None, "aa")).await.unwrap();
        store.publish_version(version(row, Some("v1"), "bb")).await.unwrap();
        store.set_version_source(row, Some("v2"), "https://example.com/r#v2").await.unwrap();
        assert_eq!(store.versions_to_refresh(row).await, Ok(vec![None, Some("v1".to_owned()), Some("v2".to_owned())]));
    }

    async fn a_webhooks_secret_is_sealed_and_can_be_taken_away(database) {
        let store = &database.store;
        let id = "/owner/name".parse().unwrap();
        assert!(store.webhook(&id).await.unwrap().is_none());
        let row = store.add_library(library("/owner/name")).await.unwrap();
        assert!(store.webhook(&id).await.unwrap().is_none());
        store.set_webhook_secret(row, Some(&Secret::new("hunter2".to_owned()))).await.unwrap();
        let webhook = store.webhook(&id).await.unwrap().unwrap();
        assert_eq!((webhook.library, webhook.secret.expose()), (row, "hunter2"));
        assert!(store.library(&id).await.unwrap().unwrap().has_webhook);
        use sea_orm::EntityTrait as _;
        let raw = crate::entity::libraries::Entity::find_by_id(row.0).one(store.reader()).await.unwrap().unwrap();
        assert!(!String::from_utf8_lossy(&raw.webhook_sealed.unwrap()).contains("hunter2"));
        store.set_webhook_secret(row, None).await.unwrap();
        assert!(store.webhook(&id).await.unwrap().is_none());
    }
}
