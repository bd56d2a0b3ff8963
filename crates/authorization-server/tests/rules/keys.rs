use crate::world::{World, settings, text};
use docent_authorization_server::{KeyRing, KeyRingError, KeyRingOptions, SharedSigner};
use docent_store::on_each_database;
use docent_types::messages::SharedKeys;
use docent_types::sealing::MasterKey;
use docent_types::time::{ManualClock, Timestamp};
use std::sync::Arc;

const DAY: u64 = 86_400;

on_each_database! {
    /// AS17.
    async fn a_token_outlives_the_rotation_of_its_key(database) {
        let clock = Arc::new(ManualClock::new(Timestamp::from_seconds(1_800_000_000)));
        let node = || {
            let (signer, keys) = (SharedSigner::default(), SharedKeys::default());
            let master = Arc::new(MasterKey::from_bytes([7; 32]));
            (KeyRing::new(database.store.clone(), master, clock.clone(), Arc::clone(&signer), Arc::clone(&keys), KeyRingOptions::default()), signer, keys)
        };
        let kid = |signer: &SharedSigner| signer.load_full().unwrap().public().kid.clone();
        let (one, signer, keys) = node();
        let (two, other_signer, other_keys) = node();
        one.load().await.unwrap();
        two.load().await.unwrap();
        let first = kid(&signer);
        assert_eq!(kid(&other_signer), first, "two nodes make one key");
        clock.advance(std::time::Duration::from_secs(29 * DAY));
        two.load().await.unwrap();
        one.load().await.unwrap();
        assert_eq!((keys.load().keys.len(), other_keys.load().keys.len()), (2, 2), "the next key is published");
        assert_eq!((kid(&signer), kid(&other_signer)), (first.clone(), first.clone()), "and does not sign yet");
        clock.advance(std::time::Duration::from_secs(DAY));
        one.load().await.unwrap();
        two.load().await.unwrap();
        let second = kid(&signer);
        assert_ne!(second, first);
        assert_eq!(kid(&other_signer), second);
        assert!(keys.load().keys.iter().any(|key| key.kid == first), "tokens of the old key still verify");
        clock.advance(std::time::Duration::from_secs(900));
        one.load().await.unwrap();
        assert!(keys.load().keys.iter().any(|key| key.kid == first), "until the last of them has ended");
        clock.advance(std::time::Duration::from_secs(3600));
        one.load().await.unwrap();
        assert_eq!(keys.load().keys.iter().map(|key| key.kid.as_str()).collect::<Vec<_>>(), [second.as_str()]);
    }

    /// The private half is sealed at rest.
    async fn another_master_key_opens_no_signing_key(database) {
        let world = World::new(database).await;
        let stored = database.store.signing_keys().await.unwrap();
        assert_eq!(stored.len(), 1);
        let clock = Arc::new(ManualClock::new(world.now()));
        let other = KeyRing::new(database.store.clone(), Arc::new(MasterKey::from_bytes([8; 32])), clock, SharedSigner::default(), SharedKeys::default(), KeyRingOptions::default());
        assert!(matches!(other.load().await, Err(KeyRingError::Sealed { .. })));
    }

    async fn a_restarted_server_signs_with_the_same_key(database) {
        let world = World::new(database).await;
        let (cookie, client) = (world.person().await, world.client().await);
        let tokens = world.tokens(&cookie, &client, &[]).await;
        let again = World::at(database, settings(), world.clock.clone()).await;
        assert!(again.is_live(text(&tokens, "access_token")));
        let refreshed = again.refresh(&client, text(&tokens, "refresh_token"), &[]).await;
        assert_eq!(refreshed.status, 200, "{}", refreshed.body);
    }
}
