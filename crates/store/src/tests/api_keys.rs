use super::*;
use crate::{ApiKey, Role, StoreError, on_each_database};
use docent_types::api_key;
use docent_types::scope::{Scope, ScopeSet};
use docent_types::secret::SecretHash;

fn key(scene: &Scene, project: ProjectId, expires_at: Option<Timestamp>) -> (ApiKey, SecretHash) {
    let (secret, scopes) = (api_key::generate(&SystemRandomness), ScopeSet::from_iter([Scope::DocsRead]));
    let key = ApiKey { expires_at, ..ApiKey::new("script", &secret, (scene.user.id, project), scopes, scene.now(), &SystemRandomness) };
    (key, random_hash())
}

on_each_database! {
    async fn a_key_is_in_force_until_it_ends_or_is_revoked(database) {
        let scene = Scene::on(database).await;
        let store = &scene.store;
        let (project, now) = (scene.project, scene.now());
        let (first, hash) = key(&scene, project, None);
        store.create_api_key(&first, hash, Some("192.0.2.1".to_owned())).await.unwrap();
        let (second, ending) = key(&scene, project, Some(now.after(seconds(60))));
        store.create_api_key(&second, ending, None).await.unwrap();
        assert_eq!(store.api_key_in_force(hash, now).await.unwrap(), Some(first.clone()));
        assert_eq!(store.api_key_in_force(random_hash(), now).await.unwrap(), None);
        assert!(store.api_key_in_force(ending, now.after(seconds(59))).await.unwrap().is_some());
        assert_eq!(store.api_key_in_force(ending, now.after(seconds(60))).await.unwrap(), None);
        let listed: Vec<_> = store.api_keys(Some(scene.user.id)).await.unwrap().into_iter().map(|holder| holder.key.id).collect();
        assert!(listed.len() == 2 && listed.contains(&first.id));

        // Of whom: a stranger revokes nothing.
        let stranger = store.create_user(new_user("stranger@example.com")).await.unwrap();
        assert_eq!(store.revoke_api_key(first.id, Some(stranger.id), now, None).await, Ok(false));
        assert_eq!(store.api_keys(Some(stranger.id)).await.unwrap(), []);
        assert_eq!(store.revoke_api_key(first.id, Some(scene.user.id), now, None).await, Ok(true));
        assert_eq!(store.revoke_api_key(first.id, None, now, None).await, Ok(false));
        assert_eq!(store.api_key_in_force(hash, now).await.unwrap(), None);
        let kinds = scene.kinds().await;
        assert!(kinds.contains(&"api_key.created".to_owned()) && kinds.contains(&"api_key.revoked".to_owned()));
    }

    async fn a_key_ends_with_its_owners_membership_and_account(database) {
        let scene = Scene::on(database).await;
        let store = &scene.store;
        let now = scene.now();
        let team = store.create_project(ProjectId::generate(START, &SystemRandomness), "Team", START).await.unwrap().id;
        let (one, hash) = key(&scene, team, None);
        assert_eq!(store.create_api_key(&one, hash, None).await, Err(StoreError::Conflict("API key")), "not a member yet");
        store.add_member(team, scene.user.id, Role::Member, START).await.unwrap();
        store.create_api_key(&one, hash, None).await.unwrap();
        let (own, own_hash) = key(&scene, scene.project, None);
        store.create_api_key(&own, own_hash, None).await.unwrap();
        store.remove_member(team, scene.user.id).await.unwrap();
        assert_eq!(store.api_key_in_force(hash, now).await.unwrap(), None);
        assert!(store.api_key_in_force(own_hash, now).await.unwrap().is_some());
        store.set_user_disabled(scene.user.id, true, &Acting::command(now)).await.unwrap();
        assert_eq!(store.api_key_in_force(own_hash, now).await.unwrap(), None);
    }

    async fn a_use_is_noted_to_the_minute(database) {
        let scene = Scene::on(database).await;
        let store = &scene.store;
        let (one, hash) = key(&scene, scene.project, None);
        store.create_api_key(&one, hash, None).await.unwrap();
        let at = |s: u64| scene.now().after(seconds(s));
        for (used, noted) in [(1, 1), (30, 1), (62, 62), (61, 62)] {
            store.api_key_used(one.id, at(used)).await.unwrap();
            assert_eq!(store.api_key_in_force(hash, at(0)).await.unwrap().unwrap().last_used_at, Some(at(noted)), "{used}");
        }
    }
}
