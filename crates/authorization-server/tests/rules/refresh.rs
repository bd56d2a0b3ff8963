use crate::world::{World, claims, text};
use actix_web::http::StatusCode;
use docent_store::Acting;
use docent_store::on_each_database;
use futures_util::future::join_all;
use serde_json::{Value, json};

async fn begin(world: &World) -> (String, Value) {
    let (cookie, client) = (world.person().await, world.client().await);
    let tokens = world.tokens(&cookie, &client, &[("scope", "docs:read email")]).await;
    (client, tokens)
}

on_each_database! {
    /// AS9.
    async fn a_refresh_token_is_rotated_at_every_use(database) {
        let world = World::new(database).await;
        let (client, tokens) = begin(&world).await;
        let first = text(&tokens, "refresh_token").to_owned();
        let second = world.refresh(&client, &first, &[]).await.json();
        assert_ne!(text(&second, "refresh_token"), first);
        assert_eq!(claims(text(&second, "access_token"))["grant_id"], claims(text(&tokens, "access_token"))["grant_id"]);
        let third = world.refresh(&client, text(&second, "refresh_token"), &[]).await;
        assert_eq!(third.status, StatusCode::OK, "{}", third.body);
    }

    /// AS9: several processes of one person refresh at once, or a minute apart.
    async fn the_old_token_stays_usable_for_two_minutes(database) {
        let world = World::new(database).await;
        let (client, tokens) = begin(&world).await;
        let first = text(&tokens, "refresh_token");
        let parallel = join_all((0..16).map(|_| world.refresh(&client, first, &[]))).await;
        assert!(parallel.iter().all(|answer| answer.status == StatusCode::OK));
        world.pass(76);
        assert_eq!(world.refresh(&client, first, &[]).await.status, StatusCode::OK);
    }

    /// AS9.
    async fn use_after_the_grace_revokes_the_family(database) {
        let world = World::new(database).await;
        let (client, tokens) = begin(&world).await;
        let first = text(&tokens, "refresh_token");
        let second = world.refresh(&client, first, &[]).await.json();
        world.pass(121);
        world.refresh(&client, first, &[]).await.assert_error(400, "invalid_grant");
        world.refresh(&client, text(&second, "refresh_token"), &[]).await.assert_error(400, "invalid_grant");
        assert!(!world.is_live(text(&second, "access_token")));
    }

    /// AS9: or until its successor is first used, whichever is first.
    async fn use_after_the_successor_was_used_revokes_the_family(database) {
        let world = World::new(database).await;
        let (client, tokens) = begin(&world).await;
        let first = text(&tokens, "refresh_token");
        let second = world.refresh(&client, first, &[]).await.json();
        let third = world.refresh(&client, text(&second, "refresh_token"), &[]).await.json();
        world.refresh(&client, first, &[]).await.assert_error(400, "invalid_grant");
        world.refresh(&client, text(&third, "refresh_token"), &[]).await.assert_error(400, "invalid_grant");
    }

    /// AS9.
    async fn a_disabled_person_and_another_client_get_nothing(database) {
        let world = World::new(database).await;
        let (client, tokens) = begin(&world).await;
        let token = text(&tokens, "refresh_token");
        let other = world.client_with(&json!({"client_name": "Other", "redirect_uris": ["http://localhost/other"]})).await;
        world.refresh(text(&other, "client_id"), token, &[]).await.assert_error(400, "invalid_grant");
        world.refresh(&client, token, &[("resource", "https://other.example")]).await.assert_error(400, "invalid_target");
        let refreshed = world.refresh(&client, token, &[]).await.json();
        let user = world.server.store.user_by_email("ada@example.com").await.unwrap().unwrap();
        world.server.store.set_user_disabled(user.id, true, &Acting::command(world.now())).await.unwrap();
        world.refresh(&client, text(&refreshed, "refresh_token"), &[]).await.assert_error(400, "invalid_grant");
    }

    async fn a_refresh_may_narrow_the_scopes_and_never_widen_them(database) {
        let world = World::new(database).await;
        let (client, tokens) = begin(&world).await;
        let narrow = world.refresh(&client, text(&tokens, "refresh_token"), &[("scope", "docs:read libraries:write")]).await.json();
        assert_eq!((text(&narrow, "scope"), claims(text(&narrow, "access_token"))["scope"].as_str()), ("docs:read", Some("docs:read")));
        let whole = world.refresh(&client, text(&narrow, "refresh_token"), &[]).await.json();
        assert_eq!(text(&whole, "scope"), "docs:read email", "the grant was not narrowed");
    }
}
