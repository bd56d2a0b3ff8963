use super::*;
use crate::{Role, on_each_database};
use docent_types::messages::{LedgerError, OpenGrant, Revoke, RevokeAccess, UseOnce};

fn opening(scene: &Scene) -> OpenGrant {
    OpenGrant {
        once: None,
        grant: GrantId::generate(scene.now(), &SystemRandomness),
        user: scene.user.id,
        client: scene.client.clone(),
        project: scene.project,
        scopes: ScopeSet::from_iter([Scope::DocsRead]),
        resource: RESOURCE.to_owned(),
        refresh: None,
        authenticated_at: START,
        now: scene.now(),
        from: None,
        how: "client_credentials",
    }
}

on_each_database! {
    async fn a_consent_becomes_a_code_and_the_code_becomes_a_connection(database) {
        let scene = Scene::on(database).await;
        let issued = scene.code().await;
        let facts = scene.exchange(scene.exchange_of(&issued)).await.unwrap();
        assert_eq!(facts, GrantFacts {
            grant: issued.grant,
            user: scene.user.id,
            client: scene.client.clone(),
            project: scene.project,
            scopes: issued.scopes,
            resource: RESOURCE.to_owned(),
            nonce: Some("nonce".to_owned()),
            authenticated_at: START,
        });
        assert_eq!(scene.kinds().await, ["client.registered", "grant.created", "token.issued"]);
    }

    /// Registering the same metadata again is the same client.
    async fn a_client_that_registers_again_changes_nothing(database) {
        let scene = Scene::on(database).await;
        let again = Client { name: "Another name".to_owned(), ..client("c_one") };
        let asks = (0..20).map(|_| scene.ledger.send(RegisterClient { client: again.clone(), from: None }));
        for answer in futures_util::future::join_all(asks).await {
            assert_eq!(answer.unwrap().unwrap(), client("c_one"));
        }
        let secret = Client { auth_method: AuthMethod::ClientSecretPost, secret_hash: Some(random_hash()), ..client("c_two") };
        assert_eq!(scene.ledger.send(RegisterClient { client: secret.clone(), from: None }).await.unwrap(), Ok(secret.clone()));
        assert_eq!(scene.store.client(&secret.id).await.unwrap(), Some(secret));
        assert_eq!(scene.kinds().await.iter().filter(|kind| *kind == "client.registered").count(), 2);
    }

    /// AS14: a consent form works once.
    async fn of_64_answers_to_one_consent_form_one_counts(database) {
        let scene = Scene::on(database).await;
        let first = scene.consent();
        let asks = (0..64).map(|_| scene.ledger.send(IssueCode { ticket: first.ticket, ..scene.consent() }));
        let answers: Vec<_> = futures_util::future::join_all(asks).await.into_iter().map(|answer| answer.unwrap().unwrap()).collect();
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
        assert_eq!(answers.iter().filter(|answer| **answer == Err(Refusal::Reused)).count(), 63);
    }

    /// AS10, AS20: an assertion works once, wherever it is sent.
    async fn what_may_be_used_once_is_used_once_by_64_at_the_same_moment(database) {
        let scene = Scene::on(database).await;
        let what = random_hash();
        let ask = UseOnce { what, expires_at: scene.now().after(seconds(60)), now: scene.now() };
        let other = Ledger::new(scene.store.clone(), None, scene.shared_clock()).start();
        let asks = (0..64).map(|number| if number % 2 == 0 { &scene.ledger } else { &other }.send(ask.clone()));
        let answers = futures_util::future::join_all(asks).await;
        assert_eq!(answers.into_iter().filter(|answer| *answer.as_ref().unwrap() == Ok(true)).count(), 1);
        assert_eq!(scene.ledger.send(ask.clone()).await.unwrap(), Ok(false));
        assert_eq!(scene.ledger.send(UseOnce { what: random_hash(), ..ask }).await.unwrap(), Ok(true));
    }

    /// AS19, AS20: a grant that no code leads to, once for each assertion, for those who are admitted.
    async fn a_grant_is_opened_without_a_code(database) {
        let scene = Scene::on(database).await;
        let token = random_hash();
        let once = Some((random_hash(), scene.now().after(seconds(60))));
        let ask = OpenGrant { once, refresh: Some((token, scene.now().after(days(1)))), ..opening(&scene) };
        let facts = scene.ledger.send(ask.clone()).await.unwrap().unwrap().unwrap();
        assert_eq!((facts.grant, facts.user, facts.project), (ask.grant, scene.user.id, scene.project));
        assert_eq!(scene.kinds().await, ["client.registered", "grant.created", "token.issued"]);
        assert!(scene.rotate(token).await.is_ok());
        let again = OpenGrant { once, ..opening(&scene) };
        assert_eq!(scene.ledger.send(again).await.unwrap(), Ok(Err(Refusal::Reused)));
        scene.store.set_user_disabled(scene.user.id, true, &Acting::command(START)).await.unwrap();
        assert_eq!(scene.ledger.send(opening(&scene)).await.unwrap(), Ok(Err(Refusal::Withdrawn)));
    }

    /// AS19, AS20: who asks again for the same gets the same grant, so that their number is bounded; a revoked one is never given again.
    async fn a_grant_without_a_code_is_given_again_while_it_lives(database) {
        let scene = Scene::on(database).await;
        let open = async |ask: OpenGrant| scene.ledger.send(ask).await.unwrap().unwrap().unwrap().grant;
        let first = open(opening(&scene)).await;
        let asks = (0..32).map(|_| open(opening(&scene)));
        assert!(futures_util::future::join_all(asks).await.iter().all(|grant| *grant == first));
        assert_eq!(scene.kinds().await.iter().filter(|kind| *kind == "grant.created").count(), 1);
        let broader = open(OpenGrant { scopes: ScopeSet::from_iter([Scope::LibrariesWrite]), ..opening(&scene) }).await;
        assert_ne!(broader, first);
        let token = (random_hash(), scene.now().after(days(1)));
        let with_token = open(OpenGrant { refresh: Some(token), ..opening(&scene) }).await;
        assert_ne!(with_token, first, "a family of refresh tokens has a grant of its own");
        assert_eq!(open(opening(&scene)).await, first, "and that one is not given to others");
        scene.ledger.send(RevokeAccess { what: Revoke::Grant(first), reason: "person", now: START }).await.unwrap().unwrap();
        let second = open(opening(&scene)).await;
        assert!(second != first && second != with_token && second != broader);
        let (connection, _) = scene.connection().await;
        assert_ne!(open(opening(&scene)).await, connection);
        scene.clock.advance(days(2));
        assert_ne!(open(opening(&scene)).await, second, "an old one is left to the janitor");
    }

    /// AS18: what introspection says of a refresh token is what its use would find.
    async fn a_refresh_token_is_live_as_long_as_its_use_is_accepted(database) {
        let scene = Scene::on(database).await;
        let (grant, token) = scene.connection().await;
        let live = async |token| scene.store.live_refresh_token(token, scene.now().before(seconds(120)), scene.now()).await.unwrap();
        let facts = live(token).await.unwrap();
        assert_eq!((facts.client, facts.user, facts.expires_at), (scene.client.clone(), scene.user.id, START.after(days(90))));
        assert!(live(random_hash()).await.is_none());
        let successor = scene.rotate(token).await.unwrap();
        assert!(live(token).await.is_some() && live(successor).await.is_some(), "within the grace");
        let next = scene.rotate(successor).await.unwrap();
        assert!(live(token).await.is_none(), "a successor was used");
        scene.clock.advance(seconds(121));
        assert!(live(successor).await.is_none() && live(next).await.is_some());
        scene.ledger.send(RevokeAccess { what: Revoke::Grant(grant), reason: "person", now: scene.now() }).await.unwrap().unwrap();
        assert!(live(next).await.is_none());
        let (_, token) = scene.connection().await;
        scene.store.set_user_disabled(scene.user.id, true, &Acting::command(scene.now())).await.unwrap();
        assert!(live(token).await.is_none());
    }

    async fn who_is_disabled_or_not_in_the_project_consents_to_nothing(database) {
        let scene = Scene::on(database).await;
        let other = scene.store.create_project(ProjectId::generate(START, &SystemRandomness), "Other", START).await.unwrap();
        let ask = IssueCode { project: other.id, ..scene.consent() };
        assert_eq!(scene.ledger.send(ask).await.unwrap(), Ok(Err(Refusal::Withdrawn)));
        scene.store.set_user_disabled(scene.user.id, true, &Acting::command(START)).await.unwrap();
        assert_eq!(scene.ledger.send(scene.consent()).await.unwrap(), Ok(Err(Refusal::Withdrawn)));
    }

    /// AS8: each thing that a code is bound to, and its minute.
    async fn a_code_that_does_not_fit_is_refused_and_stays_good(database) {
        let scene = Scene::on(database).await;
        let issued = scene.code().await;
        let good = scene.exchange_of(&issued);
        let refusals = [
            (ExchangeCode { code: random_hash(), ..good.clone() }, Refusal::Unknown),
            (ExchangeCode { client: ClientId("c_other".to_owned()), ..good.clone() }, Refusal::OtherClient),
            (ExchangeCode { redirect_key: "https://evil.example/".to_owned(), ..good.clone() }, Refusal::RedirectUri),
            (ExchangeCode { code_challenge: "other".to_owned(), ..good.clone() }, Refusal::Verifier),
            (ExchangeCode { resource: Some("http://other/mcp".to_owned()), ..good.clone() }, Refusal::Resource),
            (ExchangeCode { now: issued.expires_at, ..good.clone() }, Refusal::Expired),
        ];
        for (ask, refusal) in refusals {
            assert_eq!(scene.exchange(ask).await, Err(refusal));
        }
        assert!(scene.exchange(ExchangeCode { resource: None, ..good }).await.is_ok());
    }

    /// AS8: a second use revokes what the first gave.
    async fn second_use_of_a_code_revokes_the_first(database) {
        let scene = Scene::on(database).await;
        let issued = scene.code().await;
        let first = scene.exchange_of(&issued);
        scene.exchange(first.clone()).await.unwrap();
        assert_eq!(scene.exchange(scene.exchange_of(&issued)).await, Err(Refusal::Reused));
        assert_eq!(scene.revoked_grants().await, [issued.grant]);
        assert_eq!(scene.rotate(first.refresh.unwrap()).await, Err(Refusal::Revoked));
        assert!(scene.kinds().await.ends_with(&["token.reused".to_owned(), "grant.revoked".to_owned()]));
        assert_eq!(scene.exchange(scene.exchange_of(&issued)).await, Err(Refusal::Reused));
        assert_eq!(scene.revoked_grants().await.len(), 1, "a grant ends once");
    }

    /// AS8, CVE-2026-55672: who cannot prove client and verifier ends nothing.
    async fn a_code_used_again_without_the_verifier_revokes_nothing(database) {
        let scene = Scene::on(database).await;
        let issued = scene.code().await;
        let first = scene.exchange_of(&issued);
        scene.exchange(first.clone()).await.unwrap();
        let guessed = ExchangeCode { code_challenge: "guessed".to_owned(), ..first.clone() };
        assert_eq!(scene.exchange(guessed).await, Err(Refusal::Verifier));
        let stolen = ExchangeCode { client: ClientId("c_other".to_owned()), ..first.clone() };
        assert_eq!(scene.exchange(stolen).await, Err(Refusal::OtherClient));
        assert_eq!(scene.revoked_grants().await, []);
        assert!(scene.rotate(first.refresh.unwrap()).await.is_ok());
    }

    /// AS9: a refresh token is rotated, its successor too, and the ones before die with each step.
    async fn a_rotated_token_dies_when_its_successor_is_used(database) {
        let scene = Scene::on(database).await;
        let (grant, first) = scene.connection().await;
        let second = scene.rotate(first).await.unwrap();
        let third = scene.rotate(second).await.unwrap();
        assert_eq!(scene.rotate(first).await, Err(Refusal::Reused), "within the grace, but its successor was used");
        assert_eq!(scene.revoked_grants().await, [grant]);
        assert_eq!(scene.rotate(third).await, Err(Refusal::Revoked));
    }

    /// AS9: 120 seconds of grace.
    /// AS9: a token that was rotated is remembered for a week, so that its thief is noticed; later rotations remove it.
    async fn what_was_rotated_long_ago_is_removed_by_later_rotations(database) {
        let scene = Scene::on(database).await;
        let (_, one) = scene.connection().await;
        let (_, other) = scene.connection().await;
        let (mut after_one, mut after_other) = (scene.rotate(one).await.unwrap(), scene.rotate(other).await.unwrap());
        scene.clock.advance(days(6));
        // One of eight removes; that none of these does is less likely than one in a hundred thousand.
        for _ in 0..90 {
            after_one = scene.rotate(after_one).await.unwrap();
        }
        assert_eq!(scene.rotate(one).await, Err(Refusal::Reused), "within the week");
        scene.clock.advance(days(2));
        for _ in 0..90 {
            after_other = scene.rotate(after_other).await.unwrap();
        }
        assert_eq!(scene.rotate(other).await, Err(Refusal::Unknown), "after it");
    }

    async fn a_rotated_token_stays_usable_for_the_grace_and_not_a_moment_longer(database) {
        let scene = Scene::on(database).await;
        let (grant, first) = scene.connection().await;
        scene.rotate(first).await.unwrap();
        scene.clock.advance(Duration::from_millis(119_999));
        let second = scene.rotate(first).await.unwrap();
        scene.clock.advance(Duration::from_millis(1));
        assert_eq!(scene.rotate(first).await, Err(Refusal::Reused), "counted from the first use, not from the last");
        assert_eq!(scene.revoked_grants().await, [grant]);
        assert_eq!(scene.rotate(second).await, Err(Refusal::Revoked));
    }

    /// AS9: each reason to refuse a refresh token.
    async fn a_token_that_does_not_fit_is_refused_and_stays_good(database) {
        let scene = Scene::on(database).await;
        let (_, token) = scene.connection().await;
        let good = scene.rotation_of(token);
        let refusals = [
            (RotateRefreshToken { presented: random_hash(), ..good.clone() }, Refusal::Unknown),
            (RotateRefreshToken { client: ClientId("c_other".to_owned()), ..good.clone() }, Refusal::OtherClient),
            (RotateRefreshToken { resource: Some("http://other/mcp".to_owned()), ..good.clone() }, Refusal::Resource),
            (RotateRefreshToken { now: START.after(days(90)), ..good.clone() }, Refusal::Expired),
        ];
        for (ask, refusal) in refusals {
            assert_eq!(scene.ledger.send(ask).await.unwrap(), Ok(Err(refusal)));
        }
        assert_eq!(scene.revoked_grants().await, []);
        assert!(scene.ledger.send(good).await.unwrap().unwrap().is_ok());
    }

    /// AS9, CVE-2026-53517: another client's use of a used token ends nothing.
    async fn a_used_token_in_another_clients_hands_revokes_nothing(database) {
        let scene = Scene::on(database).await;
        let (_, first) = scene.connection().await;
        let second = scene.rotate(first).await.unwrap();
        scene.rotate(second).await.unwrap();
        let ask = RotateRefreshToken { client: ClientId("c_other".to_owned()), ..scene.rotation_of(first) };
        assert_eq!(scene.ledger.send(ask).await.unwrap(), Ok(Err(Refusal::OtherClient)));
        assert_eq!(scene.revoked_grants().await, []);
    }

    /// AS9: who left the project gets no more tokens for it.
    async fn who_left_the_project_gets_no_tokens_for_it(database) {
        let scene = Scene::on(database).await;
        let team = scene.store.create_project(ProjectId::generate(START, &SystemRandomness), "Team", START).await.unwrap();
        scene.store.add_member(team.id, scene.user.id, Role::Member, START).await.unwrap();
        let mut issued = Vec::new();
        for _ in 0..2 {
            let ask = IssueCode { project: team.id, ..scene.consent() };
            assert_eq!(scene.ledger.send(ask.clone()).await.unwrap(), Ok(Ok(())));
            issued.push(ask);
        }
        let exchange = scene.exchange_of(&issued[0]);
        scene.exchange(exchange.clone()).await.unwrap();
        scene.store.remove_member(team.id, scene.user.id).await.unwrap();
        assert_eq!(scene.rotate(exchange.refresh.unwrap()).await, Err(Refusal::Withdrawn));
        assert_eq!(scene.exchange(scene.exchange_of(&issued[1])).await, Err(Refusal::Withdrawn));
    }

    /// AS18: what can be revoked, and by whom.
    async fn revoking_ends_what_it_names_and_nothing_else(database) {
        let scene = Scene::on(database).await;
        let revoke = |what: Revoke| scene.ledger.send(RevokeAccess { what, reason: "client", now: START });
        let (one, token) = scene.connection().await;
        let (two, kept) = scene.connection().await;
        let stranger = Revoke::RefreshToken { token, client: ClientId("c_other".to_owned()) };
        assert_eq!(revoke(stranger).await.unwrap(), Ok(0));
        assert_eq!(revoke(Revoke::RefreshToken { token, client: scene.client.clone() }).await.unwrap(), Ok(1));
        assert_eq!(revoke(Revoke::Grant(one)).await.unwrap(), Ok(0), "it ended already");
        assert_eq!(scene.rotate(token).await, Err(Refusal::Revoked));
        let kept = scene.rotate(kept).await.unwrap();
        let access = Revoke::AccessToken { jti: "token id".to_owned(), grant: two, expires_at: START.after(seconds(900)) };
        assert_eq!(revoke(access).await.unwrap(), Ok(1));
        let kept = scene.rotate(kept).await.unwrap();
        let elsewhere = ProjectId::generate(START, &SystemRandomness);
        assert_eq!(revoke(Revoke::Project(elsewhere)).await.unwrap(), Ok(0));
        assert_eq!(revoke(Revoke::Membership(scene.user.id, elsewhere)).await.unwrap(), Ok(0));
        assert_eq!(revoke(Revoke::User(scene.user.id)).await.unwrap(), Ok(1));
        assert_eq!(scene.rotate(kept).await, Err(Refusal::Revoked));
        let (three, _) = scene.connection().await;
        assert_eq!(revoke(Revoke::Membership(scene.user.id, scene.project)).await.unwrap(), Ok(1));
        let (four, _) = scene.connection().await;
        assert_eq!(revoke(Revoke::Project(scene.project)).await.unwrap(), Ok(1));
        assert_eq!(scene.revoked_grants().await, [one, two, three, four]);
        let (rows, _) = scene.store.revocations_since(0).await.unwrap();
        assert_eq!(rows.iter().filter_map(|row| row.jti.as_deref()).collect::<Vec<_>>(), ["token id"]);
    }

    async fn one_bad_request_in_a_batch_fails_alone(database) {
        let scene = Scene::on(database).await;
        // The database itself refuses a grant for a client that does not exist, and with it the whole statement.
        let asks: Vec<IssueCode> = (0..40)
            .map(|n| if n == 17 { IssueCode { client: ClientId("c_unknown".to_owned()), ..scene.consent() } } else { scene.consent() })
            .collect();
        let answers = futures_util::future::join_all(asks.iter().map(|ask| scene.ledger.send(ask.clone()))).await;
        for (n, answer) in answers.into_iter().enumerate() {
            let expected = if n == 17 { Err(LedgerError::Database) } else { Ok(Ok(())) };
            assert_eq!(answer.unwrap(), expected, "request {n}");
        }
        for (n, ask) in asks.iter().enumerate().filter(|(n, _)| *n != 17) {
            assert!(scene.exchange(scene.exchange_of(ask)).await.is_ok(), "request {n}");
        }
    }

    async fn a_database_that_went_away_is_an_error_and_the_ledger_lives_on(database) {
        let scene = Scene::on(database).await;
        scene.store.close().await.unwrap();
        for _ in 0..3 {
            assert_eq!(scene.ledger.send(scene.consent()).await.unwrap(), Err(LedgerError::Database));
        }
        assert!(scene.ledger.connected());
    }
}
