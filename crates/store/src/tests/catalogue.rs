use super::*;
use crate::{NewLibrary, PublishVersion, StoreError, on_each_database};
use docent_types::documentation::{Finding, FindingKind, Handling, Inspection, Skipped, Visibility};
use docent_types::ids::{JobId, LibraryRowId, VersionRowId};
use docent_types::library_id::LibraryId;
use sea_orm::EntityTrait as _;
use uuid::Uuid;

pub(super) fn library(id: &str) -> NewLibrary {
    NewLibrary {
        row: LibraryRowId::generate(START, &SystemRandomness),
        id: id.parse().unwrap(),
        title: "Given title".to_owned(),
        title_fixed: false,
        description: String::new(),
        source: "https://user:hunter2@example.com/repository.git#main".to_owned(),
        source_display: "https://example.com/repository.git".to_owned(),
        visibility: Visibility::Public,
        wanted_version: None,
        now: START,
    }
}

fn inspection() -> Inspection {
    let finding = Finding {
        kind: FindingKind::Invisible,
        path: "a.md".to_owned(),
        line: 3,
        what: "zero width space".to_owned(),
        excerpt: "U+200B".to_owned(),
        handling: Handling::Removed,
    };
    Inspection { by: "neutralise/1".to_owned(), findings: vec![finding] }
}

pub(super) fn version(library: LibraryRowId, version: Option<&str>, artefact: &str) -> PublishVersion {
    PublishVersion {
        library,
        version_row: VersionRowId::generate(START, &SystemRandomness),
        version: version.map(str::to_owned),
        artefact: artefact.to_owned(),
        commit: Some("abc".to_owned()),
        pages: 3,
        snippets: 30,
        tokens: 300,
        skipped: vec![Skipped { path: "logo.png".to_owned(), reason: "not text".to_owned() }],
        inspection: inspection(),
        title: "Title of the source".to_owned(),
        description: "What the source says.".to_owned(),
        rules: vec!["Prefer the new API".to_owned()],
        offered_versions: vec!["v0".to_owned()],
        format: 1,
        now: START,
        job: None,
    }
}

fn id(text: &str) -> LibraryId {
    text.parse().unwrap()
}

on_each_database! {
    async fn a_library_is_listed_with_its_versions_and_its_source_is_sealed(database) {
        let store = &database.store;
        let row = store.add_library(library("/Owner/Name")).await.unwrap();
        assert_eq!(store.add_library(library("/owner/NAME")).await, Err(StoreError::Conflict("library id")));
        store.publish_version(version(row, Some("v1"), "aa")).await.unwrap();
        store.publish_version(PublishVersion { now: START.after(seconds(1)), ..version(row, Some("v2"), "bb") }).await.unwrap();
        store.publish_version(PublishVersion { now: START.after(seconds(2)), ..version(row, None, "cc") }).await.unwrap();
        let entry = store.catalogue().await.unwrap().pop().unwrap();
        assert_eq!((entry.title.as_str(), entry.description.as_str()), ("Title of the source", "What the source says."));
        assert_eq!(entry.source, "https://example.com/repository.git");
        assert_eq!(entry.rules, ["Prefer the new API"]);
        let versions: Vec<_> = entry.versions.iter().map(|version| version.version.as_deref()).collect();
        assert_eq!(versions, [None, Some("v1"), Some("v2")], "the one without a name, then as they were added");
        let stored = store.library(&id("/owner/name")).await.unwrap().unwrap();
        assert_eq!(stored.source, library("/a/b").source);
        assert_eq!((stored.source_kind.as_str(), stored.state.as_str(), stored.last_error.as_deref()), ("git", "ready", None));
        assert_eq!(stored.entry, entry);
        assert_eq!(store.skipped(entry.versions[0].id).await.unwrap(), version(row, None, "cc").skipped);
        assert_eq!(store.inspection(entry.versions[0].id).await.unwrap(), inspection());
        let raw = crate::entity::libraries::Entity::find_by_id(row.0).one(store.reader()).await.unwrap().unwrap();
        assert!(!String::from_utf8_lossy(&raw.source_sealed).contains("hunter2"));
    }

    async fn a_version_may_come_from_a_source_of_its_own(database) {
        let store = &database.store;
        let row = store.add_library(library("/owner/name")).await.unwrap();
        assert_eq!(store.version_source(row, Some("v1")).await, Ok(None));
        for source in ["https://u:hunter2@example.com/r#v1", "https://u:hunter3@example.com/r#v1"] {
            store.set_version_source(row, Some("v1"), source).await.unwrap();
            assert_eq!(store.version_source(row, Some("v1")).await.unwrap().as_deref(), Some(source));
        }
        assert_eq!(store.version_source(row, None).await, Ok(None), "the library's own is not touched");
        store.remove_library(&id("/owner/name")).await.unwrap();
        assert_eq!(store.version_source(row, Some("v1")).await, Ok(None));
    }

    async fn publishing_again_replaces_the_artefact_and_tells_which_one_it_was(database) {
        let store = &database.store;
        let row = store.add_library(NewLibrary { title_fixed: true, ..library("/owner/name") }).await.unwrap();
        let generation = store.catalogue_generation().await.unwrap();
        let first = store.publish_version(version(row, None, "aa")).await.unwrap();
        assert_eq!(first.replaced, None);
        let second = store.publish_version(version(row, None, "bb")).await.unwrap();
        assert_eq!((second.version, second.replaced.as_deref()), (first.version, Some("aa")));
        let third = store.publish_version(version(row, None, "bb")).await.unwrap();
        assert_eq!(third.replaced, None, "the same artefact is still in use");
        assert_eq!(store.catalogue_generation().await, Ok(generation + 3));
        let entry = store.catalogue().await.unwrap().pop().unwrap();
        assert_eq!(entry.title, "Given title", "the operator's title stays");
        assert_eq!(entry.versions.len(), 1);
        assert_eq!(entry.versions[0].artefact, "bb");
    }

    async fn removing_a_library_frees_only_what_no_other_uses(database) {
        let store = &database.store;
        let one = store.add_library(library("/owner/one")).await.unwrap();
        let two = store.add_library(library("/owner/two")).await.unwrap();
        store.publish_version(version(one, None, "shared")).await.unwrap();
        store.publish_version(version(one, Some("v1"), "own")).await.unwrap();
        store.publish_version(version(two, None, "shared")).await.unwrap();
        let generation = store.catalogue_generation().await.unwrap();
        assert_eq!(store.remove_library(&id("/owner/one")).await.unwrap(), ["own"]);
        assert_eq!(store.catalogue_generation().await, Ok(generation + 1));
        assert_eq!(store.artefacts_in_use().await.unwrap().into_iter().collect::<Vec<_>>(), ["shared"]);
        assert_eq!(store.remove_library(&id("/owner/one")).await, Err(StoreError::NotFound("library")));
        assert_eq!(store.publish_version(version(one, None, "late")).await.unwrap_err(), StoreError::NotFound("library"));
        assert_eq!(store.libraries().await.unwrap().len(), 1);
        assert!(store.library(&id("/owner/one")).await.unwrap().is_none());
    }

    async fn a_private_library_belongs_to_its_project(database) {
        let store = &database.store;
        let project = store.create_project(ProjectId::generate(START, &SystemRandomness), "Team", START).await.unwrap();
        store.add_library(NewLibrary { visibility: Visibility::Private(project.id), ..library("/team/secrets") }).await.unwrap();
        assert_eq!(store.catalogue().await.unwrap()[0].visibility, Visibility::Private(project.id));
        assert_eq!(store.library(&id("/team/secrets")).await.unwrap().unwrap().state, "empty");
    }

    async fn a_worker_that_lost_its_lease_publishes_nothing(database) {
        let store = &database.store;
        let row = store.add_library(library("/owner/name")).await.unwrap();
        let job = JobId::generate(START, &SystemRandomness);
        let (slow, quick) = (Uuid::from_u128(1), Uuid::from_u128(2));
        store.queue_job(job, row, None, START).await.unwrap();
        store.lease_job(slow, START, START.after(seconds(30))).await.unwrap().unwrap();
        let later = START.after(seconds(31));
        store.lease_job(quick, later, later.after(seconds(30))).await.unwrap().unwrap();
        let generation = store.catalogue_generation().await.unwrap();
        let late = store.publish_version(PublishVersion { job: Some((job, slow)), ..version(row, None, "slow") }).await;
        assert_eq!(late, Err(StoreError::Conflict("job lease")));
        assert_eq!(store.catalogue_generation().await, Ok(generation));
        assert_eq!(store.artefacts_in_use().await.unwrap().len(), 0);
        store.publish_version(PublishVersion { job: Some((job, quick)), ..version(row, None, "quick") }).await.unwrap();
        assert_eq!(store.job(job).await.unwrap().unwrap().state, crate::JobState::Done);
        store.finish_job(job, quick, Err("too late".to_owned()), later, None).await.unwrap();
        assert_eq!(store.job(job).await.unwrap().unwrap().state, crate::JobState::Done, "what is done stays done");
    }
}
