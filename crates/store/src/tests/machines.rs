use super::*;
use crate::actors::{Janitor, JanitorOptions};
use crate::{LinkedIdentity, ServiceAccount, StoreError, on_each_database};
use sea_orm::ConnectionTrait as _;

async fn machine(scene: &Scene) -> ServiceAccount {
    let account = ServiceAccount { user: UserId::generate(START, &SystemRandomness), project: scene.project };
    scene.store.create_service_account(&scene.client, "Nightly build", account, START).await.unwrap();
    account
}

on_each_database! {
    /// AS19: a service account is nobody who signs in, gets a link or stands in a list.
    async fn a_service_account_is_not_a_person(database) {
        let scene = Scene::on(database).await;
        let account = machine(&scene).await;
        let store = &scene.store;
        assert_eq!(store.service_account(&scene.client).await.unwrap(), Some(account));
        assert_eq!(store.service_account(&ClientId("c_other".to_owned())).await.unwrap(), None);
        assert_eq!(store.user_by_email("client:c_one").await.unwrap(), None);
        assert_eq!((store.count_users().await.unwrap(), store.users().await.unwrap().len()), (1, 1));
        assert_eq!(store.members(scene.project).await.unwrap().len(), 1);
        let again = ServiceAccount { user: UserId::generate(START, &SystemRandomness), ..account };
        assert!(matches!(store.create_service_account(&scene.client, "Twice", again, START).await, Err(StoreError::Conflict(_))));
    }

    /// AS19: removing the client ends its account and what it was given.
    async fn a_service_account_goes_with_its_client(database) {
        let scene = Scene::on(database).await;
        let account = machine(&scene).await;
        let janitor = Janitor::new(scene.store.clone(), scene.shared_clock(), JanitorOptions { audit_retention: days(400), unused_clients: 100 });
        scene.clock.advance(seconds(1));
        janitor.run_once().await.unwrap();
        assert!(scene.store.user(account.user).await.unwrap().is_some());
        scene.store.writer().execute_unprepared("DELETE FROM clients").await.unwrap();
        assert_eq!(scene.store.service_account(&scene.client).await.unwrap(), None);
        janitor.run_once().await.unwrap();
        assert_eq!(scene.store.user(account.user).await.unwrap(), None);
        assert!(scene.store.user(scene.user.id).await.unwrap().is_some(), "people stay");
    }

    /// AS20: one subject of one issuer is one account; the same subject of another issuer is somebody else.
    async fn an_identity_is_linked_once(database) {
        let scene = Scene::on(database).await;
        let store = &scene.store;
        let (issuer, other) = ("https://idp.example", "https://other.example");
        store.link_identity(issuer, "U1", scene.user.id, START).await.unwrap();
        assert!(matches!(store.link_identity(issuer, "U1", scene.user.id, START).await, Err(StoreError::Conflict(_))));
        assert_eq!(store.user_by_identity(issuer, "U1").await.unwrap(), Some(scene.user.id));
        for (issuer, subject) in [(other, "U1"), (issuer, "u1"), (issuer, "U1 "), ("https://idp.example/", "U1")] {
            assert_eq!(store.user_by_identity(issuer, subject).await.unwrap(), None, "{issuer} {subject}");
        }
        let linked = LinkedIdentity { issuer: issuer.into(), subject: "U1".into(), email: scene.user.email.clone(), created_at: START };
        assert_eq!(store.identities().await.unwrap(), [linked]);
        assert_eq!(store.unlink_identity(other, "U1").await.unwrap(), None);
        assert_eq!(store.unlink_identity(issuer, "U1").await.unwrap(), Some(scene.user.id));
        assert_eq!(store.user_by_identity(issuer, "U1").await.unwrap(), None);
    }

    /// AS20: an account made at first use is made with its link and its project, or not at all.
    async fn an_account_is_made_with_its_identity_or_not_at_all(database) {
        let scene = Scene::on(database).await;
        let store = &scene.store;
        let team = store.create_project(ProjectId::generate(START, &SystemRandomness), "Team", START).await.unwrap();
        let made = store.create_user_with_identity(new_user("new@example.com"), "https://idp.example", "U2", team.id).await.unwrap();
        assert_eq!(store.user_by_identity("https://idp.example", "U2").await.unwrap(), Some(made.id));
        assert!(store.projects_of(made.id).await.unwrap().iter().any(|(project, _)| project.id == team.id));
        for email in ["third@example.com", "new@example.com"] {
            let again = store.create_user_with_identity(new_user(email), "https://idp.example", "U2", team.id).await;
            assert!(matches!(again, Err(StoreError::Conflict(_))), "{again:?}");
        }
        assert_eq!(store.user_by_email("third@example.com").await.unwrap(), None);
    }
}
