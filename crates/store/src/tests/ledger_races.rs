use super::*;
use crate::{on_each_database, testing};
use std::collections::HashSet;

on_each_database! {
    /// AS8: 64 parallel exchanges of one code.
    async fn of_64_exchanges_of_one_code_one_wins(database) {
        let scene = Scene::on(database).await;
        for _ in 0..10 {
            let issued = scene.code().await;
            let asks = (0..64).map(|_| scene.ledger.send(scene.exchange_of(&issued)));
            let answers: Vec<_> = futures_util::future::join_all(asks).await.into_iter().map(|answer| answer.unwrap().unwrap()).collect();
            assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
            assert_eq!(answers.iter().filter(|answer| **answer == Err(Refusal::Reused)).count(), 63);
        }
        assert_eq!(scene.revoked_grants().await.len(), 10);
    }

    /// AS9: parallel processes of one assistant refresh at once, and all go on.
    async fn all_of_64_rotations_of_one_token_give_tokens_of_the_same_family(database) {
        let scene = Scene::on(database).await;
        let (grant, token) = scene.connection().await;
        let asks: Vec<_> = (0..64).map(|_| scene.rotation_of(token)).collect();
        let answers = futures_util::future::join_all(asks.iter().map(|ask| scene.ledger.send(ask.clone()))).await;
        for answer in answers {
            assert_eq!(answer.unwrap().unwrap().unwrap().grant, grant);
        }
        // The first use of a successor ends the old one; the other successors are tokens in their own right.
        let mut rest = asks.iter().map(|ask| ask.successor);
        assert!(scene.rotate(rest.next().unwrap()).await.is_ok());
        assert!(scene.rotate(rest.next().unwrap()).await.is_ok());
        assert_eq!(scene.rotate(token).await, Err(Refusal::Reused));
        assert_eq!(scene.rotate(rest.next().unwrap()).await, Err(Refusal::Revoked), "the whole family ended");
        assert_eq!(scene.revoked_grants().await, [grant]);
    }

    async fn a_thousand_connections_are_made_and_refreshed_in_batches(database) {
        let scene = Scene::on(database).await;
        let consents: Vec<_> = (0..1000).map(|_| scene.consent()).collect();
        for answer in futures_util::future::join_all(consents.iter().map(|ask| scene.ledger.send(ask.clone()))).await {
            assert_eq!(answer.unwrap(), Ok(Ok(())));
        }
        let exchanges: Vec<_> = consents.iter().map(|issued| scene.exchange_of(issued)).collect();
        let answers = futures_util::future::join_all(exchanges.iter().map(|ask| scene.ledger.send(ask.clone()))).await;
        let grants: HashSet<GrantId> = answers.into_iter().map(|answer| answer.unwrap().unwrap().unwrap().grant).collect();
        assert_eq!(grants.len(), 1000);
        let rotations = exchanges.iter().map(|ask| scene.ledger.send(scene.rotation_of(ask.refresh.unwrap())));
        for answer in futures_util::future::join_all(rotations).await {
            assert!(answer.unwrap().unwrap().is_ok());
        }
    }

    async fn a_full_queue_is_an_answer(database) {
        let scene = Scene::on(database).await;
        let asks = (0..6000).map(|_| scene.ledger.send(scene.consent()));
        let answers: Vec<_> = futures_util::future::join_all(asks).await.into_iter().map(|answer| answer.unwrap()).collect();
        let busy = docent_types::messages::LedgerError::Unavailable(docent_types::actors::Unavailable::Busy);
        let refused = answers.iter().filter(|answer| **answer == Err(busy.clone())).count();
        let accepted = answers.iter().filter(|answer| **answer == Ok(Ok(()))).count();
        assert!(refused > 0, "nothing was refused");
        assert_eq!(refused + accepted, 6000);
        assert!(accepted >= 2048, "{accepted}");
    }
}

/// Two nodes: a ledger each, with connections of its own, on one database.
async fn second_node(scene: &Scene, database: &TestDatabase) -> Scene {
    let store = Store::connect(&database.database, 4).await.unwrap();
    let ledger = Ledger::new(store.clone(), None, scene.shared_clock()).start();
    Scene { store, ledger, clock: scene.clock.clone(), user: scene.user.clone(), project: scene.project, client: scene.client.clone() }
}

async fn race_of_codes(database: &TestDatabase) {
    let one = Scene::on(database).await;
    let two = second_node(&one, database).await;
    for _ in 0..10 {
        let mut issued = Vec::new();
        for _ in 0..8 {
            issued.push(one.code().await);
        }
        // Each node gets the codes in another order.
        let (one, two, issued) = (&one, &two, &issued);
        let asks = (0..128_usize).map(|n| async move {
            let (node, code) = if n % 2 == 0 { (one, n / 2 % 8) } else { (two, 7 - n / 2 % 8) };
            (code, node.ledger.send(node.exchange_of(&issued[code])).await)
        });
        let answers = futures_util::future::join_all(asks).await;
        for code in 0..8 {
            let won = answers.iter().filter(|(of, answer)| *of == code && matches!(answer, Ok(Ok(Ok(_))))).count();
            assert_eq!(won, 1, "code {code}");
        }
        assert!(answers.iter().all(|(_, answer)| matches!(answer, Ok(Ok(_)))), "every request was decided");
    }
}

async fn race_of_tokens(database: &TestDatabase) {
    let one = Scene::on(database).await;
    let two = second_node(&one, database).await;
    for _ in 0..10 {
        let mut tokens = Vec::new();
        for _ in 0..8 {
            tokens.push(one.connection().await.1);
        }
        let asks: Vec<_> = (0..128_usize)
            .map(|n| {
                let node = if n % 2 == 0 { &one } else { &two };
                let token = if n % 2 == 0 { tokens[n / 2 % 8] } else { tokens[7 - n / 2 % 8] };
                node.ledger.send(node.rotation_of(token))
            })
            .collect();
        for answer in futures_util::future::join_all(asks).await {
            assert!(matches!(answer, Ok(Ok(Ok(_)))), "{answer:?}");
        }
    }
    assert_eq!(one.revoked_grants().await, []);
}

#[actix::test]
async fn two_ledgers_on_one_postgres_exchange_each_code_once() {
    race_of_codes(&testing::postgres().await).await;
}

#[actix::test]
async fn two_ledgers_on_one_sqlite_exchange_each_code_once() {
    race_of_codes(&testing::sqlite().await).await;
}

#[actix::test]
async fn two_ledgers_on_one_postgres_rotate_the_same_tokens_within_the_grace() {
    race_of_tokens(&testing::postgres().await).await;
}

#[actix::test]
async fn two_ledgers_on_one_sqlite_rotate_the_same_tokens_within_the_grace() {
    race_of_tokens(&testing::sqlite().await).await;
}

#[actix::test]
async fn a_ledger_and_the_revocations_go_on_after_all_connections_were_cut() {
    let database = testing::postgres().await;
    let scene = Scene::on(&database).await;
    let shared = docent_types::messages::SharedRevoked::default();
    let revocations = crate::actors::Revocations::new(scene.store.clone(), shared, scene.shared_clock()).start();
    revocations.send(docent_types::messages::CatchUp).await.unwrap().unwrap();
    let operator = Store::connect(&database.database, 1).await.unwrap();
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
    sea_orm::ConnectionTrait::execute_unprepared(operator.writer(), cut).await.unwrap();
    // Each connection that was cut may cost one request its answer; more than that would be a pool that never recovers.
    let mut tries = 0;
    while scene.ledger.send(scene.consent()).await.unwrap().is_err() {
        tries += 1;
        assert!(tries < 20, "the ledger does not recover");
    }
    while revocations.send(docent_types::messages::CatchUp).await.unwrap().is_err() {
        tries += 1;
        assert!(tries < 40, "the revocations do not recover");
    }
}
