use crate::machines::{SECRET, operators_client};
use crate::world::{Answer, ISSUER, RESOURCE, World, claims, settings, text};
use docent_authorization_server::identity_assertion::{AccountPolicy, KeySource, TrustedIssuer};
use docent_authorization_server::{Settings, SigningKey};
use docent_store::Acting;
use docent_store::on_each_database;
use docent_store::testing::TestDatabase;
use docent_types::ids::ProjectId;
use docent_types::random::SystemRandomness;
use futures_util::future::join_all;
use serde_json::{Value, json};

const IDP: &str = "https://idp.example";
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// A world that trusts an identity provider, and that provider's key.
struct Enterprise {
    world: World,
    key: SigningKey,
}

impl Enterprise {
    async fn new(database: &TestDatabase, accounts: AccountPolicy, project: Option<&str>) -> Self {
        let (key, _) = SigningKey::generate().unwrap();
        let keys = KeySource::Text(json!({"keys": [key.public()]}).to_string());
        let trusted = TrustedIssuer { accounts, project: project.map(str::to_owned), ..TrustedIssuer::new(IDP, keys) };
        let world = World::with(database, Settings { trusted_issuers: vec![trusted], ..settings() }).await;
        operators_client(&world, "c_agent", JWT_BEARER).await;
        Self { world, key }
    }

    fn claims(&self, jti: &str) -> Value {
        let now = self.world.now().seconds();
        json!({"iss": IDP, "sub": "U1", "aud": ISSUER, "client_id": "c_agent", "jti": jti, "iat": now, "exp": now + 300,
            "resource": RESOURCE, "scope": "docs:read email"})
    }

    fn sign(&self, claims: &Value) -> String {
        self.key.sign("oauth-id-jag+jwt", claims).unwrap()
    }

    async fn bring(&self, assertion: &str, more: &[(&str, &str)]) -> Answer {
        let mut pairs = vec![("grant_type", JWT_BEARER), ("assertion", assertion), ("client_id", "c_agent"), ("client_secret", SECRET)];
        for (name, value) in more {
            pairs.retain(|(one, _)| one != name);
            pairs.push((name, value));
        }
        self.world.post("/oauth/token", "", &pairs).await
    }

    fn events(&self, kind: &str) -> Vec<Value> {
        let events = self.world.outside.events.lock().unwrap();
        events.iter().filter(|event| event.kind == kind).map(|event| event.detail.clone()).collect()
    }
}

on_each_database! {
    /// AS20.
    async fn an_assertion_of_a_trusted_issuer_is_a_grant(database) {
        let enterprise = Enterprise::new(database, AccountPolicy::Existing, None).await;
        let world = &enterprise.world;
        let ada = world.user("ada@example.com").await;
        let assertion = enterprise.sign(&enterprise.claims("j1"));
        enterprise.bring(&assertion, &[]).await.assert_error(400, "invalid_grant");
        world.server.store.link_identity(IDP, "U1", ada.id, world.now()).await.unwrap();
        let answer = enterprise.bring(&assertion, &[("resource", RESOURCE), ("scope", "docs:read offline_access")]).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let body = answer.json();
        assert_eq!((body.get("refresh_token"), text(&body, "scope")), (None, "docs:read"));
        let told = claims(text(&body, "access_token"));
        assert_eq!((text(&told, "sub"), text(&told, "aud"), text(&told, "client_id")), (ada.id.to_string().as_str(), RESOURCE, "c_agent"));
        assert!(world.is_live(text(&body, "access_token")));
        let own = world.server.store.projects_of(ada.id).await.unwrap();
        assert_eq!(text(&told, "project"), own[0].0.id.to_string());
    }

    /// AS20: `jti` counts once, however many come at the same moment.
    async fn a_replayed_assertion_is_refused(database) {
        let enterprise = Enterprise::new(database, AccountPolicy::Existing, None).await;
        let ada = enterprise.world.user("ada@example.com").await;
        enterprise.world.server.store.link_identity(IDP, "U1", ada.id, enterprise.world.now()).await.unwrap();
        let assertion = enterprise.sign(&enterprise.claims("j1"));
        let answers = join_all((0..32).map(|_| enterprise.bring(&assertion, &[]))).await;
        assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
        let first = answers.iter().find(|answer| answer.status == 200).unwrap().json();
        enterprise.bring(&assertion, &[]).await.assert_error(400, "invalid_grant");
        assert!(enterprise.world.is_live(text(&first, "access_token")), "a replay ends nothing: whoever sees an assertion pass by could");
        assert!(enterprise.events("identity_assertion.refused").iter().any(|detail| detail["why"] == "replayed"));
        // Another assertion that was signed with other bytes and has the same id.
        let mut same = enterprise.claims("j1");
        same["scope"] = json!("docs:read");
        enterprise.bring(&enterprise.sign(&same), &[]).await.assert_error(400, "invalid_grant");
        assert_eq!(enterprise.bring(&enterprise.sign(&enterprise.claims("j2")), &[]).await.status, 200);
    }

    /// AS20: a refused request does not use the assertion up.
    async fn a_request_that_cannot_be_right_uses_nothing_up(database) {
        let enterprise = Enterprise::new(database, AccountPolicy::Existing, None).await;
        let ada = enterprise.world.user("ada@example.com").await;
        enterprise.world.server.store.link_identity(IDP, "U1", ada.id, enterprise.world.now()).await.unwrap();
        let assertion = enterprise.sign(&enterprise.claims("j1"));
        enterprise.bring(&assertion, &[("client_secret", "wrong")]).await.assert_error(401, "invalid_client");
        enterprise.bring(&assertion, &[("resource", "https://other.example/mcp")]).await.assert_error(400, "invalid_target");
        enterprise.bring(&assertion, &[("scope", "libraries:write")]).await.assert_error(400, "invalid_scope");
        enterprise.bring("", &[]).await.assert_error(400, "invalid_request");
        assert_eq!(enterprise.bring(&assertion, &[]).await.status, 200);
    }

    /// AS20: an account made at first use is in the configured project, and is the same at the next.
    async fn an_account_is_made_at_first_use_if_the_operator_says_so(database) {
        let enterprise = Enterprise::new(database, AccountPolicy::Create, Some("Engineering")).await;
        let store = &enterprise.world.server.store;
        enterprise.bring(&enterprise.sign(&enterprise.claims("j0")), &[]).await.assert_error(500, "server_error");
        let team = store.create_project(ProjectId::generate(enterprise.world.now(), &SystemRandomness), "Engineering", enterprise.world.now()).await.unwrap();
        let mut first = enterprise.claims("j1");
        (first["email"], first["email_verified"], first["name"]) = (json!("grace@example.com"), json!(true), json!("Grace"));
        let assertion = enterprise.sign(&first);
        let answers = join_all((2..10).map(|n| {
            let mut claims = first.clone();
            claims["jti"] = json!(format!("j{n}"));
            let assertion = enterprise.sign(&claims);
            let enterprise = &enterprise;
            async move { enterprise.bring(&assertion, &[]).await }
        })).await;
        assert!(answers.iter().all(|answer| answer.status == 200), "{answers:?}");
        let told = claims(text(&enterprise.bring(&assertion, &[]).await.json(), "access_token"));
        assert_eq!(text(&told, "project"), team.id.to_string());
        let grace = store.user_by_email("grace@example.com").await.unwrap().unwrap();
        assert_eq!((text(&told, "sub"), grace.name.as_str(), grace.password_hash.as_deref()), (grace.id.to_string().as_str(), "Grace", None));
        assert_eq!(store.count_users().await.unwrap(), 1);
        assert_eq!(enterprise.events("account.created").len(), 1);
    }

    /// AS20: an e-mail address never makes somebody an account that is there, verified or not.
    async fn an_address_never_links_to_an_account(database) {
        let enterprise = Enterprise::new(database, AccountPolicy::Create, Some("Engineering")).await;
        let store = &enterprise.world.server.store;
        store.create_project(ProjectId::generate(enterprise.world.now(), &SystemRandomness), "Engineering", enterprise.world.now()).await.unwrap();
        let admin = enterprise.world.user("ada@example.com").await;
        let mut verified = enterprise.claims("j1");
        (verified["email"], verified["email_verified"]) = (json!("ada@example.com"), json!(true));
        enterprise.bring(&enterprise.sign(&verified), &[]).await.assert_error(400, "invalid_grant");
        let mut unverified = enterprise.claims("j2");
        unverified["email"] = json!("ada@example.com");
        let told = claims(text(&enterprise.bring(&enterprise.sign(&unverified), &[]).await.json(), "access_token"));
        assert_ne!(text(&told, "sub"), admin.id.to_string());
        let made = store.user(text(&told, "sub").parse().unwrap()).await.unwrap().unwrap();
        assert!(made.email.starts_with("identity:"), "{}", made.email);
    }

    /// AS20: a person who was disabled or left the project gets nothing, whatever their issuer says.
    async fn who_is_disabled_here_gets_nothing(database) {
        let enterprise = Enterprise::new(database, AccountPolicy::Existing, Some("Engineering")).await;
        let (store, now) = (&enterprise.world.server.store, enterprise.world.now());
        let team = store.create_project(ProjectId::generate(now, &SystemRandomness), "Engineering", now).await.unwrap();
        let ada = enterprise.world.user("ada@example.com").await;
        store.link_identity(IDP, "U1", ada.id, now).await.unwrap();
        let bring = async |jti: &str| enterprise.bring(&enterprise.sign(&enterprise.claims(jti)), &[]).await;
        bring("j1").await.assert_error(400, "invalid_grant");
        store.add_member(team.id, ada.id, docent_store::Role::Member, now).await.unwrap();
        let token = bring("j2").await.json();
        store.set_user_disabled(ada.id, true, &Acting::command(now)).await.unwrap();
        bring("j3").await.assert_error(400, "invalid_grant");
        enterprise.world.server.asks.revoke.send(docent_types::messages::RevokeAccess { what: docent_types::messages::Revoke::User(ada.id), reason: "administrator", now }).await.unwrap().unwrap();
        let _ = docent_store::actors::Revocations::load(store, &enterprise.world.server.revoked, &enterprise.world.server.clock).await;
        assert!(!enterprise.world.is_live(text(&token, "access_token")));
    }

    /// AS20: which clients may bring assertions.
    async fn assertions_are_not_taken_of_every_client(database) {
        let enterprise = Enterprise::new(database, AccountPolicy::Existing, None).await;
        let world = &enterprise.world;
        let ada = world.user("ada@example.com").await;
        world.server.store.link_identity(IDP, "U1", ada.id, world.now()).await.unwrap();
        let registered = world.client_with(&json!({"redirect_uris": ["https://app.example/cb"], "token_endpoint_auth_method": "client_secret_post", "grant_types": ["authorization_code", JWT_BEARER]})).await;
        let mut for_it = enterprise.claims("j1");
        for_it["client_id"] = registered["client_id"].clone();
        let sent = [("client_id", text(&registered, "client_id")), ("client_secret", text(&registered, "client_secret"))];
        enterprise.bring(&enterprise.sign(&for_it), &sent).await.assert_error(400, "unauthorized_client");
        operators_client(world, "c_other", JWT_BEARER).await;
        enterprise.bring(&enterprise.sign(&enterprise.claims("j2")), &[("client_id", "c_other")]).await.assert_error(400, "invalid_grant");
        assert!(enterprise.events("identity_assertion.refused").iter().any(|detail| detail["why"] == "client"));
    }

    /// AS1, AS20: without a trusted issuer the grant type does not exist.
    async fn without_a_trusted_issuer_there_is_no_such_grant(database) {
        let world = World::new(database).await;
        operators_client(&world, "c_agent", JWT_BEARER).await;
        let sent = [("grant_type", JWT_BEARER), ("assertion", "x.y.z"), ("client_id", "c_agent"), ("client_secret", SECRET)];
        world.post("/oauth/token", "", &sent).await.assert_error(400, "unsupported_grant_type");
        let metadata = world.get("/.well-known/oauth-authorization-server", "").await.json();
        assert!(metadata.get("authorization_grant_profiles_supported").is_none());
    }
}
