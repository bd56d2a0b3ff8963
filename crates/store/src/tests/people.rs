use super::*;
use crate::{LinkPurpose, StoreError, on_each_database};
use docent_types::ids::SessionId;

on_each_database! {
    async fn an_email_address_is_normalised_and_unique(database) {
        let store = &database.store;
        let user = store.create_user(new_user("  Ada@Example.COM ")).await.unwrap();
        assert_eq!(user.email, "ada@example.com");
        assert_eq!(store.create_user(new_user("ADA@example.com")).await, Err(StoreError::Conflict("email")));
        assert_eq!(store.user_by_email(" aDa@example.com").await.unwrap(), Some(user.clone()));
        assert_eq!(store.user(user.id).await.unwrap(), Some(user));
        assert_eq!(store.count_users().await, Ok(1));
        assert_eq!(store.users().await.unwrap().len(), 1);
    }

    async fn of_64_first_administrators_at_once_one_comes_to_be(database) {
        let store = &database.store;
        let link = random_hash();
        store.create_link(LinkPurpose::FirstAdmin, link, None, None, START, START.after(seconds(600))).await.unwrap();
        let tries = (0..64).map(|n| store.create_first_admin(new_user(&format!("admin{n}@example.com")), link));
        let made: Vec<_> = futures_util::future::join_all(tries).await.into_iter().filter_map(|made| made.unwrap()).collect();
        assert_eq!(made.len(), 1);
        assert!(made[0].is_admin);
        assert_eq!(store.count_users().await, Ok(1));
    }

    async fn a_first_administrator_needs_the_newest_link_and_nobody_before_them(database) {
        let store = &database.store;
        let (old, new) = (random_hash(), random_hash());
        store.create_link(LinkPurpose::FirstAdmin, old, None, None, START, START.after(seconds(600))).await.unwrap();
        store.create_link(LinkPurpose::FirstAdmin, new, None, None, START, START.after(seconds(600))).await.unwrap();
        assert_eq!(store.create_first_admin(new_user("a@example.com"), old).await, Ok(None));
        let late = NewUser { now: START.after(seconds(601)), ..new_user("a@example.com") };
        assert_eq!(store.create_first_admin(late, new).await, Ok(None));
        store.create_user(new_user("b@example.com")).await.unwrap();
        assert_eq!(store.create_first_admin(new_user("a@example.com"), new).await, Ok(None));
        assert!(store.link(LinkPurpose::FirstAdmin, new, START).await.unwrap().is_some(), "a refused try does not use the link up");
    }

    async fn a_link_works_once_and_only_for_its_purpose(database) {
        let store = &database.store;
        let link = random_hash();
        store.create_link(LinkPurpose::Invite, link, None, Some("New@Example.com"), START, START.after(seconds(60))).await.unwrap();
        assert_eq!(store.consume_link(LinkPurpose::SetPassword, link, START).await, Ok(None));
        assert_eq!(store.consume_link(LinkPurpose::Invite, link, START.after(seconds(60))).await, Ok(None));
        let tries = (0..64).map(|_| store.consume_link(LinkPurpose::Invite, link, START));
        let won: Vec<_> = futures_util::future::join_all(tries).await.into_iter().filter_map(|link| link.unwrap()).collect();
        assert_eq!(won.len(), 1);
        assert_eq!(won[0].email.as_deref(), Some("new@example.com"));
        assert_eq!(store.link(LinkPurpose::Invite, link, START).await, Ok(None));
    }

    async fn an_invitation_is_not_used_up_by_a_taken_address(database) {
        let store = &database.store;
        store.create_user(new_user("taken@example.com")).await.unwrap();
        let link = random_hash();
        store.create_link(LinkPurpose::Invite, link, None, None, START, START.after(seconds(60))).await.unwrap();
        let taken = store.create_user_by_invite(link, new_user("taken@example.com")).await;
        assert_eq!(taken, Err(StoreError::Conflict("email")));
        let user = store.create_user_by_invite(link, NewUser { is_admin: true, ..new_user("free@example.com") }).await.unwrap().unwrap();
        assert!(!user.is_admin, "an invitation makes no administrators");
        assert_eq!(store.create_user_by_invite(link, new_user("other@example.com")).await, Ok(None));
    }

    async fn a_new_password_ends_all_sessions(database) {
        let store = &database.store;
        let user = store.create_user(new_user("a@example.com")).await.unwrap();
        let (cookie, link) = (random_hash(), random_hash());
        let session = SessionId::generate(START, &SystemRandomness);
        store.create_session(session, cookie, user.id, START, START.after(days(30)), Some("agent"), None).await.unwrap();
        assert_eq!(store.signed_in(cookie, START).await.unwrap().unwrap().email, "a@example.com");
        store.create_link(LinkPurpose::SetPassword, link, Some(user.id), None, START, START.after(seconds(60))).await.unwrap();
        assert_eq!(store.set_password_by_link(link, "phc", START).await, Ok(Some(user.id)));
        assert_eq!(store.set_password_by_link(link, "other", START).await, Ok(None));
        assert_eq!(store.user(user.id).await.unwrap().unwrap().password_hash.as_deref(), Some("phc"));
        assert_eq!(store.signed_in(cookie, START).await, Ok(None));
    }

    async fn a_session_ends_by_time_by_sign_out_and_when_its_person_is_disabled(database) {
        let store = &database.store;
        let user = store.create_user(new_user("a@example.com")).await.unwrap();
        let mut cookies = Vec::new();
        for _ in 0..3 {
            let (cookie, session) = (random_hash(), SessionId::generate(START, &SystemRandomness));
            store.create_session(session, cookie, user.id, START, START.after(seconds(100)), None, Some("::1")).await.unwrap();
            cookies.push((cookie, session));
        }
        assert_eq!(store.signed_in(cookies[0].0, START.after(seconds(100))).await, Ok(None));
        store.end_session(cookies[1].1).await.unwrap();
        assert_eq!(store.signed_in(cookies[1].0, START).await, Ok(None));
        assert!(store.signed_in(cookies[2].0, START).await.unwrap().is_some());
        store.set_user_disabled(user.id, true, &Acting::command(START)).await.unwrap();
        assert_eq!(store.signed_in(cookies[2].0, START).await, Ok(None));
        store.set_user_disabled(user.id, false, &Acting::command(START)).await.unwrap();
        assert_eq!(store.signed_in(cookies[2].0, START).await, Ok(None), "enabling brings no session back");
        assert_eq!(store.set_user_disabled(UserId::generate(START, &SystemRandomness), true, &Acting::command(START)).await, Err(StoreError::NotFound("user")));
    }

    async fn disabling_a_person_revokes_what_they_granted(database) {
        let scene = Scene::on(database).await;
        let (grant, token) = scene.connection().await;
        scene.store.set_user_disabled(scene.user.id, true, &Acting::command(START)).await.unwrap();
        assert_eq!(scene.revoked_grants().await, [grant]);
        assert_eq!(scene.rotate(token).await, Err(Refusal::Revoked));
    }
}
