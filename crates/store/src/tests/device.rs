//! Device authorization (AS21).

use super::*;
use crate::actors::{Janitor, JanitorOptions};
use crate::{Role, on_each_database};
use docent_types::ids::SessionId;
use docent_types::messages::{
    BeginDeviceAuthorization, ClaimDeviceAuthorization, DecideDeviceAuthorization, DeviceDecision, DeviceRequest, PollDeviceAuthorization,
    Waiting,
};

/// A device that asked, and a person's browser.
struct Device<'a> {
    scene: &'a Scene,
    device_code: SecretHash,
    user_code: SecretHash,
    session: SessionId,
}

impl<'a> Device<'a> {
    async fn asks(scene: &'a Scene, code_challenge: Option<&str>) -> Self {
        let this = Self { scene, device_code: random_hash(), user_code: random_hash(), session: session(scene, scene.user.id).await };
        assert_eq!(scene.ledger.send(this.beginning(code_challenge)).await.unwrap(), Ok(true));
        this
    }

    fn beginning(&self, code_challenge: Option<&str>) -> BeginDeviceAuthorization {
        BeginDeviceAuthorization {
            device_code: self.device_code,
            user_code: self.user_code,
            asked: DeviceRequest {
                client: self.scene.client.clone(),
                is_proved: false,
                scopes: ScopeSet::from_iter([Scope::DocsRead]),
                resource: RESOURCE.to_owned(),
                from: Some("192.0.2.7".to_owned()),
                asked_at: self.scene.now(),
            },
            code_challenge: code_challenge.map(str::to_owned),
            interval: 5,
            expires_at: self.scene.now().after(seconds(600)),
        }
    }

    async fn claim_as(&self, user: UserId, session: SessionId) -> Option<DeviceRequest> {
        let message = ClaimDeviceAuthorization { user_code: self.user_code, user, session, now: self.scene.now() };
        self.scene.ledger.send(message).await.unwrap().unwrap()
    }

    async fn claim(&self) {
        assert!(self.claim_as(self.scene.user.id, self.session).await.is_some());
    }

    fn allowing(&self) -> DecideDeviceAuthorization {
        let grant = GrantId::generate(self.scene.now(), &SystemRandomness);
        DecideDeviceAuthorization {
            ticket: random_hash(),
            user_code: self.user_code,
            user: self.scene.user.id,
            session: self.session,
            decision: DeviceDecision::Allow { grant, project: self.scene.project },
            authenticated_at: START,
            now: self.scene.now(),
            from: Some("192.0.2.8".to_owned()),
        }
    }

    async fn decide(&self, message: DecideDeviceAuthorization) -> Result<(), Refusal> {
        self.scene.ledger.send(message).await.unwrap().unwrap()
    }

    fn polling(&self) -> PollDeviceAuthorization {
        PollDeviceAuthorization {
            device_code: self.device_code,
            client: self.scene.client.clone(),
            code_challenge: None,
            resource: None,
            refresh: Some(random_hash()),
            refresh_expires_at: self.scene.now().after(days(90)),
            now: self.scene.now(),
        }
    }

    async fn poll(&self) -> Result<GrantFacts, Waiting> {
        self.scene.ledger.send(self.polling()).await.unwrap().unwrap()
    }
}

async fn session(scene: &Scene, user: UserId) -> SessionId {
    let id = SessionId::generate(scene.now(), &SystemRandomness);
    scene.store.create_session(id, random_hash(), user, scene.now(), scene.now().after(days(1)), None, None).await.unwrap();
    id
}

on_each_database! {
    /// AS21: the whole story, on the record.
    async fn a_code_that_was_allowed_gives_its_tokens_once(database) {
        let scene = Scene::on(database).await;
        let device = Device::asks(&scene, None).await;
        assert_eq!(device.poll().await, Err(Waiting::Pending));
        let asked = device.claim_as(scene.user.id, device.session).await.unwrap();
        assert_eq!(asked, device.beginning(None).asked);
        let allowing = device.allowing();
        assert_eq!(device.decide(allowing.clone()).await, Ok(()));
        let poll = device.polling();
        let facts = scene.ledger.send(poll.clone()).await.unwrap().unwrap().unwrap();
        let DeviceDecision::Allow { grant, project } = allowing.decision else { unreachable!("it allows") };
        assert_eq!((facts.grant, facts.user, facts.project, facts.client.clone()), (grant, scene.user.id, project, scene.client.clone()));
        assert_eq!((facts.scopes.to_string().as_str(), facts.resource.as_str()), ("docs:read", RESOURCE));
        assert!(scene.rotate(poll.refresh.unwrap()).await.is_ok());
        assert_eq!(device.poll().await, Err(Waiting::Refused(Refusal::Unknown)), "a code gives its tokens once");
        assert_eq!(scene.revoked_grants().await, [], "without a verifier a second use proves nothing and ends nothing");
        assert_eq!(scene.kinds().await, ["client.registered", "grant.created", "token.issued", "token.refreshed"]);
    }

    /// AS21: one of 64 wins, on two nodes.
    async fn of_64_polls_at_the_same_moment_one_gets_the_tokens(database) {
        let scene = Scene::on(database).await;
        let other = Ledger::new(scene.store.clone(), None, scene.shared_clock()).start();
        for _ in 0..5 {
            let device = Device::asks(&scene, None).await;
            device.claim().await;
            device.decide(device.allowing()).await.unwrap();
            let asks = (0..64).map(|number| if number % 2 == 0 { &scene.ledger } else { &other }.send(device.polling()));
            let answers: Vec<_> = futures_util::future::join_all(asks).await.into_iter().map(|answer| answer.unwrap().unwrap()).collect();
            assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
            assert!(answers.iter().all(|answer| answer.is_ok() || *answer == Err(Waiting::Refused(Refusal::Unknown))));
        }
        assert_eq!(scene.revoked_grants().await, []);
    }

    /// CVE-2026-45337: who types a code has it; nobody else decides about it, learns of it, or denies it.
    async fn only_the_session_that_typed_a_code_decides_about_it(database) {
        let scene = Scene::on(database).await;
        let eve = scene.store.create_user(new_user("eve@example.com")).await.unwrap();
        let elsewhere = session(&scene, eve.id).await;
        let device = Device::asks(&scene, None).await;
        assert_eq!(device.decide(device.allowing()).await, Err(Refusal::Unknown), "nobody typed it yet");
        device.claim().await;
        assert_eq!(device.claim_as(eve.id, elsewhere).await, None);
        let projects = scene.store.projects_of(eve.id).await.unwrap();
        let grant = GrantId::generate(scene.now(), &SystemRandomness);
        for decision in [DeviceDecision::Allow { grant, project: projects[0].0.id }, DeviceDecision::Deny] {
            let message = DecideDeviceAuthorization { user: eve.id, session: elsewhere, decision, ..device.allowing() };
            assert_eq!(device.decide(message).await, Err(Refusal::Unknown));
        }
        assert_eq!(device.decide(device.allowing()).await, Ok(()));
        assert_eq!(device.poll().await.map(|facts| facts.user), Ok(scene.user.id));
    }

    /// A person who signs in again, or takes another browser, types the code again; the page before does not count any more.
    async fn a_code_moves_to_the_persons_other_browser_and_is_free_when_its_session_ended(database) {
        let scene = Scene::on(database).await;
        let eve = scene.store.create_user(new_user("eve@example.com")).await.unwrap();
        let (phone, elsewhere) = (session(&scene, scene.user.id).await, session(&scene, eve.id).await);
        let device = Device::asks(&scene, None).await;
        device.claim().await;
        assert!(device.claim_as(scene.user.id, phone).await.is_some());
        assert_eq!(device.decide(device.allowing()).await, Err(Refusal::Unknown), "the first browser's page is old");
        scene.store.end_session(phone).await.unwrap();
        assert!(device.claim_as(eve.id, elsewhere).await.is_some(), "the person signed out to use another account");
    }

    /// AS21: the form counts once, and only for who is in the project.
    async fn a_decision_counts_once_and_for_a_project_of_ones_own(database) {
        let scene = Scene::on(database).await;
        let device = Device::asks(&scene, None).await;
        device.claim().await;
        let other = scene.store.create_project(ProjectId::generate(START, &SystemRandomness), "Other", START).await.unwrap();
        let grant = GrantId::generate(START, &SystemRandomness);
        let foreign = DecideDeviceAuthorization { decision: DeviceDecision::Allow { grant, project: other.id }, ..device.allowing() };
        assert_eq!(device.decide(foreign).await, Err(Refusal::Withdrawn));
        let allowing = device.allowing();
        assert_eq!(device.decide(allowing.clone()).await, Ok(()));
        assert_eq!(device.decide(allowing).await, Err(Refusal::Reused));
        let deny = DecideDeviceAuthorization { decision: DeviceDecision::Deny, ..device.allowing() };
        assert_eq!(device.decide(deny).await, Err(Refusal::Unknown), "what is decided stays so");
        assert_eq!(device.claim_as(scene.user.id, device.session).await, None);
    }

    /// AS21.
    async fn a_code_that_was_denied_or_ended_gives_nothing(database) {
        let scene = Scene::on(database).await;
        let device = Device::asks(&scene, None).await;
        device.claim().await;
        assert_eq!(device.decide(DecideDeviceAuthorization { decision: DeviceDecision::Deny, ..device.allowing() }).await, Ok(()));
        assert_eq!(device.poll().await, Err(Waiting::Denied));
        assert_eq!(device.decide(device.allowing()).await, Err(Refusal::Unknown));
        assert_eq!(device.poll().await, Err(Waiting::Denied));
        assert_eq!(scene.kinds().await, ["client.registered", "consent.denied"]);
        let late = Device::asks(&scene, None).await;
        late.claim().await;
        scene.clock.advance(seconds(600));
        assert_eq!(late.poll().await, Err(Waiting::Refused(Refusal::Expired)));
        assert_eq!(late.decide(late.allowing()).await, Err(Refusal::Unknown));
        assert_eq!(late.claim_as(scene.user.id, late.session).await, None);
    }

    /// RFC 8628 3.5: a device that asks too often waits five seconds longer from then on.
    async fn a_device_that_asks_too_often_is_slowed_down(database) {
        let scene = Scene::on(database).await;
        let device = Device::asks(&scene, None).await;
        assert_eq!(device.poll().await, Err(Waiting::Pending));
        scene.clock.advance(seconds(4));
        assert_eq!(device.poll().await, Err(Waiting::Pending), "a second early is forgiven");
        scene.clock.advance(seconds(3));
        assert_eq!(device.poll().await, Err(Waiting::SlowDown));
        scene.clock.advance(seconds(5));
        assert_eq!(device.poll().await, Err(Waiting::SlowDown), "it has to wait ten seconds now");
        scene.clock.advance(seconds(15));
        assert_eq!(device.poll().await, Err(Waiting::Pending), "and fifteen after that");
        device.claim().await;
        device.decide(device.allowing()).await.unwrap();
        assert!(device.poll().await.is_ok(), "an answer does not wait for the interval");
    }

    /// AS2, AS6, AS8, AS21: each thing that a device code is bound to.
    async fn a_poll_that_does_not_fit_is_refused_and_the_code_stays_good(database) {
        let scene = Scene::on(database).await;
        let device = Device::asks(&scene, Some("challenge")).await;
        device.claim().await;
        device.decide(device.allowing()).await.unwrap();
        let good = PollDeviceAuthorization { code_challenge: Some("challenge".to_owned()), ..device.polling() };
        for (poll, refusal) in [
            (PollDeviceAuthorization { device_code: random_hash(), ..good.clone() }, Refusal::Unknown),
            (PollDeviceAuthorization { device_code: device.user_code, ..good.clone() }, Refusal::Unknown),
            (PollDeviceAuthorization { client: ClientId("c_other".to_owned()), ..good.clone() }, Refusal::OtherClient),
            (PollDeviceAuthorization { code_challenge: None, ..good.clone() }, Refusal::Verifier),
            (PollDeviceAuthorization { code_challenge: Some("guessed".to_owned()), ..good.clone() }, Refusal::Verifier),
            (PollDeviceAuthorization { resource: Some("http://other/mcp".to_owned()), ..good.clone() }, Refusal::Resource),
        ] {
            assert_eq!(scene.ledger.send(poll).await.unwrap(), Ok(Err(Waiting::Refused(refusal))));
        }
        let first = scene.ledger.send(good.clone()).await.unwrap().unwrap().unwrap();
        let guessed = PollDeviceAuthorization { code_challenge: Some("guessed".to_owned()), ..good.clone() };
        assert_eq!(scene.ledger.send(guessed).await.unwrap(), Ok(Err(Waiting::Refused(Refusal::Verifier))));
        assert_eq!(scene.revoked_grants().await, [], "who does not know the verifier ends nothing");
        assert_eq!(scene.ledger.send(good.clone()).await.unwrap(), Ok(Err(Waiting::Refused(Refusal::Reused))));
        assert_eq!(scene.revoked_grants().await, [first.grant]);
        let plain = Device::asks(&scene, None).await;
        let added = PollDeviceAuthorization { code_challenge: Some("challenge".to_owned()), ..plain.polling() };
        assert_eq!(scene.ledger.send(added).await.unwrap(), Ok(Err(Waiting::Refused(Refusal::Verifier))), "the challenge was taken away");
    }

    /// CVE-2024-38371: between consent and token the person may lose what they consented with.
    async fn who_is_disabled_or_left_the_project_before_the_poll_gets_nothing(database) {
        let scene = Scene::on(database).await;
        let team = scene.store.create_project(ProjectId::generate(START, &SystemRandomness), "Team", START).await.unwrap();
        scene.store.add_member(team.id, scene.user.id, Role::Member, START).await.unwrap();
        let device = Device::asks(&scene, None).await;
        device.claim().await;
        let grant = GrantId::generate(START, &SystemRandomness);
        let allowing = DecideDeviceAuthorization { decision: DeviceDecision::Allow { grant, project: team.id }, ..device.allowing() };
        assert_eq!(device.decide(allowing).await, Ok(()));
        scene.store.remove_member(team.id, scene.user.id).await.unwrap();
        assert_eq!(device.poll().await, Err(Waiting::Refused(Refusal::Withdrawn)));
        let other = Device::asks(&scene, None).await;
        other.claim().await;
        other.decide(other.allowing()).await.unwrap();
        scene.store.set_user_disabled(scene.user.id, true, &Acting::command(START)).await.unwrap();
        assert_eq!(other.poll().await, Err(Waiting::Refused(Refusal::Revoked)));
    }

    async fn a_user_code_that_is_taken_is_told_so_and_the_one_who_has_it_keeps_it(database) {
        let scene = Scene::on(database).await;
        let device = Device::asks(&scene, None).await;
        let again = BeginDeviceAuthorization { device_code: random_hash(), ..device.beginning(None) };
        assert_eq!(scene.ledger.send(again).await.unwrap(), Ok(false));
        assert_eq!(device.poll().await, Err(Waiting::Pending));
    }

    async fn what_ended_is_removed_after_an_hour(database) {
        let scene = Scene::on(database).await;
        let device = Device::asks(&scene, None).await;
        let janitor = Janitor::new(scene.store.clone(), scene.shared_clock(), JanitorOptions { audit_retention: days(400), unused_clients: 100 });
        scene.clock.advance(seconds(600 + 3600));
        assert_eq!(janitor.run_once().await.unwrap(), []);
        assert_eq!(device.poll().await, Err(Waiting::Refused(Refusal::Expired)));
        scene.clock.advance(Duration::from_millis(1));
        assert_eq!(janitor.run_once().await.unwrap(), [("device authorizations", 1)]);
        assert_eq!(device.poll().await, Err(Waiting::Refused(Refusal::Unknown)));
    }
}
