use super::*;
use crate::{Role, StoreError, on_each_database};
use docent_types::ids::SessionId;
use docent_types::messages::{Revoke, RevokeAccess};

on_each_database! {
    async fn a_project_name_is_taken_whatever_its_case(database) {
        let store = &database.store;
        let id = || ProjectId::generate(START, &SystemRandomness);
        let made = store.create_project(id(), " Team Ä ", START).await.unwrap();
        assert_eq!(made.name, "Team Ä");
        assert_eq!(store.create_project(id(), "team ä", START).await, Err(StoreError::Conflict("project name")));
        assert_eq!(store.project_by_name("TEAM Ä").await.unwrap(), Some(made.clone()));
        assert_eq!(store.project_by_name(&made.id.to_string()).await.unwrap(), Some(made.clone()));
        assert_eq!(store.project(made.id).await.unwrap(), Some(made));
        assert_eq!(store.project_by_name("none").await, Ok(None));
    }

    async fn everybody_has_a_personal_project_which_nobody_finds_by_name(database) {
        let store = &database.store;
        let (a, b) = (new_user("a@example.com"), new_user("b@example.com"));
        let own = a.project;
        let a = store.create_user(a).await.unwrap();
        store.create_user(b).await.unwrap();
        assert_eq!(store.project_by_name("Personal").await, Ok(None));
        assert_eq!(store.project_by_name(&own.to_string()).await.unwrap().unwrap().personal_of, Some(a.id));
        assert_eq!(store.projects().await.unwrap(), []);
        assert_eq!(store.remove_member(own, a.id).await, Ok(false), "nobody leaves their own project");
    }

    async fn members_come_and_go(database) {
        let store = &database.store;
        let new = new_user("a@example.com");
        let own = new.project;
        let user = store.create_user(new).await.unwrap();
        let zoo = store.create_project(ProjectId::generate(START, &SystemRandomness), "zoo", START).await.unwrap();
        let ant = store.create_project(ProjectId::generate(START, &SystemRandomness), "Ant", START).await.unwrap();
        store.add_member(zoo.id, user.id, Role::Member, START).await.unwrap();
        store.add_member(zoo.id, user.id, Role::Admin, START).await.unwrap();
        store.add_member(ant.id, user.id, Role::Owner, START).await.unwrap();
        let of_user: Vec<_> = store.projects_of(user.id).await.unwrap().into_iter().map(|(project, role)| (project.id, role)).collect();
        assert_eq!(of_user, [(own, Role::Owner), (ant.id, Role::Owner), (zoo.id, Role::Admin)]);
        assert_eq!(store.members(zoo.id).await.unwrap(), [(user.clone(), Role::Admin)]);
        assert_eq!(store.projects().await.unwrap().into_iter().map(|(project, members)| (project.name, members)).collect::<Vec<_>>(), [
            ("Ant".to_owned(), 1),
            ("zoo".to_owned(), 1)
        ]);
        assert_eq!(store.remove_member(zoo.id, user.id).await, Ok(true));
        assert_eq!(store.remove_member(zoo.id, user.id).await, Ok(false));
        assert!(store.add_member(zoo.id, UserId::generate(START, &SystemRandomness), Role::Member, START).await.is_err());
    }

    async fn the_consent_page_gets_its_facts(database) {
        let scene = Scene::on(database).await;
        let (store, cookie) = (&scene.store, random_hash());
        let facts = async |client: &ClientId, cookie| store.consent_facts(client, cookie, scene.now()).await.unwrap();
        let team = store.create_project(ProjectId::generate(START, &SystemRandomness), "Team", START).await.unwrap();
        store.add_member(team.id, scene.user.id, Role::Member, START).await.unwrap();
        let session = SessionId::generate(START, &SystemRandomness);
        store.create_session(session, cookie, scene.user.id, START, START.after(seconds(60)), None, None).await.unwrap();
        let found = facts(&scene.client, Some(cookie)).await;
        assert_eq!(found.client, Some(client("c_one")));
        assert_eq!(found.person, store.signed_in(cookie, START).await.unwrap());
        assert_eq!(found.person.as_ref().unwrap().session, session);
        assert_eq!(found.projects.iter().map(|(project, _)| project.id).collect::<Vec<_>>(), [scene.project, team.id]);
        assert_eq!(found.granted, []);
        let (grant, _) = scene.connection().await;
        let found = facts(&scene.client, Some(cookie)).await;
        assert_eq!(found.granted, [(scene.project, ScopeSet::parse_known("docs:read openid"))]);
        assert_eq!(found.client.unwrap().last_used_at, Some(START), "a grant is a use");
        let revoke = RevokeAccess { what: Revoke::Grant(grant), reason: "person", now: START };
        scene.ledger.send(revoke).await.unwrap().unwrap();
        assert_eq!(facts(&scene.client, Some(cookie)).await.granted, []);
        let unknown = facts(&ClientId("c_none".to_owned()), Some(cookie)).await;
        assert_eq!((unknown.client, unknown.projects.len()), (None, 2));
        for nobody in [None, Some(random_hash())] {
            let found = facts(&scene.client, nobody).await;
            assert_eq!((found.client.is_some(), found.person, found.projects), (true, None, Vec::new()));
        }
        scene.store.set_user_disabled(scene.user.id, true, &Acting::command(START)).await.unwrap();
        assert_eq!(facts(&scene.client, Some(cookie)).await.person, None);
        scene.store.set_user_disabled(scene.user.id, false, &Acting::command(START)).await.unwrap();
        scene.clock.advance(seconds(60));
        assert_eq!(facts(&scene.client, Some(cookie)).await.person, None, "the session ended");
    }

    async fn meta_keeps_the_first_value(database) {
        assert_eq!(database.store.meta("installation").await, Ok(None));
        assert_eq!(database.store.set_meta_if_absent("installation", "one").await.as_deref(), Ok("one"));
        assert_eq!(database.store.set_meta_if_absent("installation", "two").await.as_deref(), Ok("one"));
        assert_eq!(database.store.meta("installation").await.unwrap().as_deref(), Some("one"));
    }

    /// AS17: of several nodes that rotate at once, one does.
    async fn of_16_nodes_that_rotate_keys_at_once_one_does(database) {
        let key = |kid: &str, at: Timestamp| crate::StoredKey {
            kid: kid.to_owned(),
            public: docent_types::messages::PublicKey {
                kty: "EC".to_owned(), crv: "P-256".to_owned(), x: "x".to_owned(), y: "y".to_owned(),
                kid: kid.to_owned(), alg: "ES256".to_owned(), usage: "sig".to_owned(),
            },
            sealed_private: vec![1, 2, 3],
            created_at: START,
            activate_at: at,
            retire_at: None,
            remove_at: None,
        };
        let store = &database.store;
        assert_eq!(store.try_add_next_key(key("first", START), Some("none")).await, Ok(false));
        assert_eq!(store.try_add_next_key(key("first", START), None).await, Ok(true));
        let names: Vec<String> = (0..16).map(|n| format!("next{n}")).collect();
        let tries = names.iter().map(|kid| store.try_add_next_key(key(kid, START.after(days(1))), Some("first")));
        let won = futures_util::future::join_all(tries).await.into_iter().filter(|won| *won == Ok(true)).count();
        assert_eq!(won, 1);
        assert_eq!(store.add_signing_key(key("first", START)).await, Err(StoreError::Conflict("signing key")));
        store.retire_signing_key("first", START.after(days(1)), START.after(days(2))).await.unwrap();
        store.retire_signing_key("first", START.after(days(8)), START.after(days(9))).await.unwrap();
        let keys = store.signing_keys().await.unwrap();
        assert_eq!(keys.len(), 2);
        assert_eq!(keys[0].retire_at, Some(START.after(days(1))), "the first word counts");
        assert_eq!(store.remove_dead_keys(START.after(days(1))).await, Ok(0));
        assert_eq!(store.remove_dead_keys(START.after(days(2))).await, Ok(1));
    }
}
