use super::*;
use crate::actors::Revocations;
use crate::revocations::{list, live_grant, revoke};
use crate::{on_each_database, testing};
use docent_types::messages::{CatchUp, Revoke, RevokeAccess, SharedRevoked};

on_each_database! {
    async fn a_revocation_is_published_before_its_caller_is_answered(database) {
        let scene = Scene::on(database).await;
        let shared = SharedRevoked::default();
        let revocations = Revocations::new(scene.store.clone(), shared.clone(), scene.shared_clock()).start();
        let ledger = Ledger::new(scene.store.clone(), Some(revocations.recipient()), scene.shared_clock()).start();
        let (one, _) = scene.connection().await;
        let (two, token) = scene.connection().await;
        let ask = RevokeAccess { what: Revoke::Grant(one), reason: "person", now: START };
        assert_eq!(ledger.send(ask).await.unwrap(), Ok(1));
        assert!(shared.load().grants.contains(&one));
        // The same for a token that was used again.
        let second = scene.rotate(token).await.unwrap();
        scene.rotate(second).await.unwrap();
        assert_eq!(ledger.send(scene.rotation_of(token)).await.unwrap(), Ok(Err(Refusal::Reused)));
        assert!(shared.load().grants.contains(&two));
        let access = Revoke::AccessToken { jti: "one token".to_owned(), grant: two, expires_at: START.after(seconds(900)) };
        assert_eq!(ledger.send(RevokeAccess { what: access, reason: "client", now: START }).await.unwrap(), Ok(1));
        assert_eq!(shared.load().tokens.get("one token"), Some(&START.after(seconds(900))));
    }

    async fn what_was_revoked_before_the_start_is_loaded_and_what_ended_is_not(database) {
        let scene = Scene::on(database).await;
        let (one, _) = scene.connection().await;
        let ask = RevokeAccess { what: Revoke::Grant(one), reason: "person", now: START };
        assert_eq!(scene.ledger.send(ask).await.unwrap(), Ok(1));
        let shared = SharedRevoked::default();
        Revocations::load(&scene.store, &shared, &scene.shared_clock()).await.unwrap();
        assert!(shared.load().grants.contains(&one));
        scene.clock.advance(days(2));
        Revocations::load(&scene.store, &shared, &scene.shared_clock()).await.unwrap();
        assert!(shared.load().grants.is_empty());
    }

    async fn a_lost_database_leaves_what_is_known_in_force(database) {
        let scene = Scene::on(database).await;
        let (one, _) = scene.connection().await;
        scene.ledger.send(RevokeAccess { what: Revoke::Grant(one), reason: "person", now: START }).await.unwrap().unwrap();
        let shared = SharedRevoked::default();
        let revocations = Revocations::new(scene.store.clone(), shared.clone(), scene.shared_clock()).start();
        assert_eq!(revocations.send(CatchUp).await.unwrap(), Ok(()));
        scene.store.close().await.unwrap();
        assert_eq!(revocations.send(CatchUp).await.unwrap(), Err(docent_types::actors::Unavailable::Failed));
        assert!(shared.load().grants.contains(&one));
        assert!(revocations.connected());
    }
}

/// A number is given at the insert, and another transaction that got a later number may be visible first: a reader that goes on after the
/// last number it saw would miss the earlier one for ever.
#[actix::test]
async fn a_reader_that_goes_on_by_cursor_misses_no_revocation_on_postgres() {
    let database = testing::postgres().await;
    let scene = Scene::on(&database).await;
    let (one, _) = scene.connection().await;
    let first = scene.store.begin().await.unwrap();
    let grants = live_grant(&first, one).await.unwrap();
    revoke(&scene.store, &first, &grants, "person", START).await.unwrap();
    // The second has its number later and is ready to commit earlier; it must not be visible before the first.
    let store = scene.store.clone();
    let mut second = actix::spawn(async move {
        let transaction = store.begin().await.unwrap();
        list(&store, &transaction, &[(None, Some("second"), START.after(seconds(900)))]).await.unwrap();
        transaction.commit().await.unwrap();
    });
    let early = tokio::time::timeout(Duration::from_millis(300), &mut second).await;
    assert!(early.is_err(), "the second waits for the first");
    let (rows, cursor) = scene.store.revocations_since(0).await.unwrap();
    assert_eq!((rows.len(), cursor), (0, 0));
    first.commit().await.unwrap();
    second.await.unwrap();
    let (rows, _) = scene.store.revocations_since(cursor).await.unwrap();
    assert_eq!(rows.len(), 2);
    assert_eq!((rows[0].grant, rows[1].jti.as_deref()), (Some(one), Some("second")));
}

#[actix::test]
async fn readers_see_every_revocation_of_eight_writers_in_order() {
    for database in testing::databases().await {
        let scene = Scene::on(&database).await;
        let writers = (0..8).map(|writer| {
            let store = scene.store.clone();
            actix::spawn(async move {
                for n in 0..25 {
                    let transaction = store.begin().await.unwrap();
                    let jti = format!("{writer} {n}");
                    list(&store, &transaction, &[(None, Some(&jti), START.after(seconds(900)))]).await.unwrap();
                    transaction.commit().await.unwrap();
                }
            })
        });
        let writers: Vec<_> = writers.collect();
        let (mut seen, mut cursor) = (Vec::new(), 0);
        loop {
            let finished = writers.iter().all(|writer| writer.is_finished());
            let (rows, next) = scene.store.revocations_since(cursor).await.unwrap();
            seen.extend(rows.into_iter().filter_map(|row| row.jti));
            cursor = next;
            if finished {
                break;
            }
            tokio::task::yield_now().await;
        }
        let distinct: std::collections::HashSet<&String> = seen.iter().collect();
        assert_eq!((seen.len(), distinct.len()), (200, 200), "{}", database.name);
    }
}
