use super::*;
use crate::actors::{Flush, Janitor, JanitorOptions, Recorder};
use crate::{By, EventFilter, LinkPurpose, UsageFilter, Uses, on_each_database};
use docent_types::ids::SessionId;
use docent_types::messages::{CountUse, RecordEvent};
use docent_types::tally::SharedTally;

fn event(kind: &str, at: Timestamp) -> RecordEvent {
    RecordEvent {
        at,
        kind: kind.to_owned(),
        user: None,
        client: None,
        project: None,
        grant: None,
        from: Some("192.0.2.1".to_owned()),
        detail: serde_json::json!({ "why": "test" }),
    }
}

on_each_database! {
    async fn events_and_usage_are_written_at_the_latest_when_flushed(database) {
        let scene = Scene::on(database).await;
        let recorder = Recorder::new(scene.store.clone(), SharedTally::default()).start();
        for n in 0..1200_i64 {
            recorder.send(event("sign_in.failed", Timestamp(START.0 + n))).await.unwrap().unwrap();
            let at = START.after(days(u64::from(n % 3 == 0)));
            let one = CountUse {
                at, user: scene.user.id, project: scene.project, client: scene.client.clone(), tool: "query-docs".to_owned(), succeeded: n % 4 != 0,
            };
            recorder.send(one).await.unwrap().unwrap();
        }
        assert_eq!(recorder.send(Flush).await.unwrap(), Ok(()));
        let filter = EventFilter { kind: Some("sign_in.failed".to_owned()), ..EventFilter::default() };
        let events = scene.store.events(&filter, None, 5000).await.unwrap();
        assert_eq!(events.len(), 1200);
        assert_eq!(events[0].event, event("sign_in.failed", Timestamp(START.0 + 1199)), "the newest first");
        let of_project = UsageFilter { project: Some(scene.project), ..UsageFilter::default() };
        let usage = scene.store.usage(START, &of_project).await.unwrap();
        let uses = |succeeded, failed| Uses { succeeded, failed };
        assert_eq!(usage.iter().map(|row| row.uses).collect::<Vec<_>>(), [uses(300, 100), uses(600, 200)]);
        assert_eq!(scene.store.usage(START, &UsageFilter::default()).await.unwrap(), usage);
        let of_person = UsageFilter { user: Some(scene.user.id), ..UsageFilter::default() };
        assert_eq!(scene.store.usage(START.after(days(1)), &of_person).await.unwrap().len(), 1);
        let somebody_else = UsageFilter { user: Some(UserId(uuid::Uuid::from_u128(9))), ..UsageFilter::default() };
        assert_eq!(scene.store.usage(START, &somebody_else).await.unwrap(), []);

        let by_tool = scene.store.usage_by_tool(START).await.unwrap();
        let shown: Vec<_> = by_tool.iter().map(|(day, tool, uses)| (*day, tool.as_str(), *uses)).collect();
        let first = START.start_of_day();
        assert_eq!(shown, [(first, "query-docs", uses(600, 200)), (first.after(days(1)), "query-docs", uses(300, 100))]);
        for (by, name) in [(By::User, scene.user.email.as_str()), (By::Project, "Personal"), (By::Client, "An assistant")] {
            let totals = scene.store.usage_totals(by, START, 10).await.unwrap();
            assert_eq!(totals.iter().map(|total| (total.name.as_str(), total.uses)).collect::<Vec<_>>(), [(name, uses(900, 300))], "{by:?}");
            let before = START.start_of_month().before(Duration::from_secs(1));
            assert_eq!(scene.store.usage_totals(by, before, 10).await.unwrap(), [], "the month before");
        }
    }

    async fn the_record_is_read_page_by_page_and_by_what_is_asked(database) {
        let scene = Scene::on(database).await;
        // Five at each moment: a page may end between two of the same one.
        let kind = |n: i64| ["sign_in.failed", "sign_in.succeeded"][usize::try_from(n % 2).unwrap()];
        let events: Vec<_> = (0..40_i64).map(|n| event(kind(n), Timestamp(START.0 + n / 5))).collect();
        scene.store.append_events(&events).await.unwrap();
        let filter = EventFilter { until: Some(Timestamp(START.0 + 7)), since: Some(Timestamp(START.0 + 1)), ..EventFilter::default() };
        let (mut read, mut place) = (Vec::new(), None);
        loop {
            let page = scene.store.events(&filter, place, 7).await.unwrap();
            let Some(last) = page.last() else { break };
            place = Some(last.place());
            read.extend(page.into_iter().map(|one| one.event));
        }
        let mut expected: Vec<_> = events[5..35].to_vec();
        expected.reverse();
        assert_eq!(read, expected);
        let failed = EventFilter { kind: Some("sign_in.failed".to_owned()), ..EventFilter::default() };
        assert_eq!(scene.store.events(&failed, None, 100).await.unwrap().len(), 20);
        let (_, _) = scene.connection().await;
        let of_client = EventFilter { client: Some(scene.client.clone()), ..EventFilter::default() };
        let found = scene.store.events(&of_client, None, 100).await.unwrap();
        assert_eq!(found.len(), 3, "registered, allowed, given a token");
        let names = (found[0].email.as_deref(), found[0].client_name.as_deref(), found[0].project_name.as_deref());
        assert_eq!(names, (Some(scene.user.email.as_str()), Some("An assistant"), Some("Personal")));
    }

    async fn events_are_found_by_person_project_and_grant(database) {
        let scene = Scene::on(database).await;
        let (grant, _) = scene.connection().await;
        let (other, _) = scene.connection().await;
        let count = async |filter: EventFilter| scene.store.events(&filter, None, 100).await.unwrap().len();
        assert_eq!(count(EventFilter { grant: Some(grant), ..EventFilter::default() }).await, 2);
        assert_eq!(count(EventFilter { user: Some(scene.user.id), project: Some(scene.project), ..EventFilter::default() }).await, 4);
        let created = EventFilter { grant: Some(other), kind: Some("grant.created".to_owned()), ..EventFilter::default() };
        let found = scene.store.events(&created, None, 100).await.unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].event.detail["scopes"], "docs:read openid");
        assert_eq!(found[0].event.from.as_deref(), Some("127.0.0.1"));
    }

    async fn a_recorder_without_its_database_answers_and_keeps_what_it_can(database) {
        let scene = Scene::on(database).await;
        let recorder = Recorder::new(scene.store.clone(), SharedTally::default()).start();
        scene.store.close().await.unwrap();
        for n in 0..600 {
            assert_eq!(recorder.send(event("sign_in.failed", Timestamp(n))).await.unwrap(), Ok(()));
        }
        assert_eq!(recorder.send(Flush).await.unwrap(), Err(docent_types::actors::Unavailable::Failed));
        assert!(recorder.connected());
    }

    async fn the_janitor_removes_what_ended_and_nothing_else(database) {
        let scene = Scene::on(database).await;
        let store = &scene.store;
        let janitor = Janitor::new(store.clone(), scene.shared_clock(), JanitorOptions { audit_retention: days(365), unused_clients: 100_000 });
        scene.ledger.send(RegisterClient { client: client("c_never_used"), from: None }).await.unwrap().unwrap();
        let operators = Client { origin: ClientOrigin::Operator, ..client("c_operator") };
        scene.ledger.send(RegisterClient { client: operators.clone(), from: None }).await.unwrap().unwrap();
        let (_, living) = scene.connection().await;
        let unused = scene.code().await;
        let (cookie, session) = (random_hash(), SessionId::generate(START, &SystemRandomness));
        store.create_session(session, cookie, scene.user.id, START, START.after(days(1)), None, None).await.unwrap();
        store.create_link(LinkPurpose::Invite, random_hash(), None, None, START, START.after(days(1))).await.unwrap();
        store.set_password(scene.user.id, "phc", START).await.unwrap();
        assert_eq!(janitor.run_once().await, Ok(Vec::new()), "nothing has ended yet");

        scene.clock.advance(days(2));
        let removed = janitor.run_once().await.unwrap();
        assert_eq!(removed, [("codes", 2), ("consumed tickets", 2), ("links", 1)]);
        assert_eq!(scene.exchange(scene.exchange_of(&unused)).await, Err(Refusal::Unknown));

        scene.clock.advance(days(29));
        let removed = janitor.run_once().await.unwrap();
        assert_eq!(removed, [("grants without a token", 1), ("clients that were never used", 1)]);
        assert_eq!(store.client(&ClientId("c_never_used".to_owned())).await, Ok(None));
        assert_eq!(store.client(&operators.id).await, Ok(Some(operators)), "an operator's client stays");
        let living = scene.rotate(living).await.unwrap();

        scene.clock.advance(days(8));
        assert_eq!(janitor.run_once().await.unwrap(), [], "rotations remove what was rotated before them");
        assert!(scene.rotate(living).await.is_ok());

        scene.clock.advance(days(400));
        let removed = janitor.run_once().await.unwrap();
        let names: Vec<_> = removed.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["ended refresh tokens", "grants without a token", "audit events"]);
        // The client was used 400 days ago, not longer.
        assert!(store.client(&scene.client).await.unwrap().is_some());
        scene.clock.advance(days(1));
        assert_eq!(janitor.run_once().await.unwrap(), [("clients that are not used any more", 1)]);
    }
}
