use crate::world::{ISSUER, World, settings};
use actix_web::http::{Method, header};
use actix_web::test::TestRequest;
use docent_authorization_server::{DynamicRegistration, Settings};
use docent_store::on_each_database;
use docent_types::metadata::PublicUrls;

on_each_database! {
    /// AS1.
    async fn metadata_stands_at_both_paths_with_the_issuer_unchanged_and_every_endpoint_answers(database) {
        let world = World::new(database).await;
        for path in ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"] {
            let answer = world.get(path, "").await;
            let document = answer.json();
            assert_eq!(document["issuer"], ISSUER);
            assert_eq!(document["code_challenge_methods_supported"], serde_json::json!(["S256"]));
            assert_eq!(document["authorization_response_iss_parameter_supported"], true);
            assert_eq!(answer.header(header::ACCESS_CONTROL_ALLOW_ORIGIN), "*");
            for (name, value) in document.as_object().unwrap().iter().filter(|(name, _)| name.ends_with("_endpoint") || *name == "jwks_uri") {
                let path = value.as_str().unwrap().strip_prefix(ISSUER).unwrap();
                assert_ne!(world.get(path, "").await.status, 404, "{name}");
            }
        }
        let keys = world.get("/oauth/jwks", "").await.json();
        assert_eq!((keys["keys"][0]["crv"].as_str(), keys["keys"][0].get("d")), (Some("P-256"), None));
    }

    /// AS1: an issuer with a path, in all three forms that clients probe.
    async fn an_issuer_with_a_path_is_found_in_every_form(database) {
        let urls = PublicUrls { issuer: "https://a.example/auth".into(), resource: "https://b.example/mcp".into() };
        let world = World::with(database, Settings::new(urls)).await;
        for path in ["/.well-known/oauth-authorization-server/auth", "/.well-known/openid-configuration/auth", "/auth/.well-known/openid-configuration"] {
            assert_eq!(world.get(path, "").await.json()["issuer"], "https://a.example/auth", "{path}");
        }
        assert_eq!(world.get("/auth/oauth/jwks", "").await.status, 200);
        assert_eq!(world.get("/authorize", "").await.status, 404, "the resource is at another origin");
    }

    /// AS22.
    async fn clients_of_2025_03_26_find_the_endpoints_at_the_root(database) {
        let world = World::new(database).await;
        let answer = world.send(TestRequest::post().uri("/register").insert_header((header::CONTENT_TYPE, "application/json")).set_payload(r#"{"redirect_uris":["http://localhost/cb"]}"#)).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        world.post("/token", "", &[("grant_type", "authorization_code")]).await.assert_error(400, "invalid_request");
        assert_eq!(world.get(&World::authorize_uri("c_x", &[]).replace("/oauth", ""), "").await.status, 400);
        let split = World::with(database, Settings { serves_root_aliases: false, ..settings() }).await;
        assert_eq!(split.call(Method::POST, "/token").await.status, 404);
    }

    /// AS11.
    async fn every_fault_is_json_in_the_shape_of_the_rfc(database) {
        let world = World::new(database).await;
        world.get("/oauth/nothing", "").await.assert_error(404, "not_found");
        world.call(Method::POST, "/oauth/x/y").await.assert_error(404, "not_found");
        for (path, allow) in [("/oauth/token", "POST, OPTIONS"), ("/oauth/register", "POST, OPTIONS"), ("/oauth/jwks", "GET, HEAD, OPTIONS"), ("/oauth/authorize", "GET, HEAD, POST")] {
            let answer = world.call(Method::PUT, path).await;
            answer.assert_error(405, "method_not_allowed");
            assert_eq!(answer.header(header::ALLOW), allow);
        }
        for path in ["/oauth/token", "/oauth/revoke", "/oauth/introspect"] {
            let json = TestRequest::post().uri(path).insert_header((header::CONTENT_TYPE, "application/json")).set_payload("{}");
            world.send(json).await.assert_error(400, "invalid_request");
            world.send(World::form_request(path, "token=%ff")).await.assert_error(400, "invalid_request");
            world.send(World::form_request(path, "client_id=a&client_id=b")).await.assert_error(400, "invalid_request");
            world.send(World::form_request(path, &"a".repeat(2_000_000))).await.assert_error(413, "invalid_request");
        }
        let register = |body: &str| TestRequest::post().uri("/oauth/register").insert_header((header::CONTENT_TYPE, "application/json")).set_payload(body.to_owned());
        world.send(register("{nonsense")).await.assert_error(400, "invalid_client_metadata");
        world.send(register(&" ".repeat(2_000_000))).await.assert_error(413, "invalid_request");
        world.send(World::form_request("/oauth/register", "a=b")).await.assert_error(400, "invalid_client_metadata");
    }

    /// RS9.
    async fn browsers_of_other_origins_may_call_everything_but_the_authorization_page(database) {
        let world = World::new(database).await;
        for path in ["/oauth/token", "/oauth/register", "/oauth/revoke", "/oauth/userinfo", "/oauth/jwks", "/.well-known/openid-configuration"] {
            let answer = world.call(Method::OPTIONS, path).await;
            assert_eq!((answer.status.as_u16(), answer.header(header::ACCESS_CONTROL_ALLOW_ORIGIN)), (204, "*"), "{path}");
            assert!(answer.header(header::ACCESS_CONTROL_ALLOW_HEADERS).contains("Authorization"));
            assert!(!answer.headers.contains_key(header::ACCESS_CONTROL_ALLOW_CREDENTIALS));
        }
        let fault = world.post("/oauth/token", "", &[]).await;
        assert_eq!(fault.header(header::ACCESS_CONTROL_ALLOW_ORIGIN), "*", "a script must be able to read the error");
        assert!(!world.get("/oauth/authorize", "").await.headers.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN));
    }

    /// AS13.
    async fn registration_is_advertised_where_it_works_for_somebody(database) {
        for (state, status, code, advertised) in [
            (DynamicRegistration::Off, 403, "access_denied", false),
            (DynamicRegistration::Token, 401, "invalid_token", true),
        ] {
            let world = World::with(database, Settings { dynamic_registration: state, ..settings() }).await;
            world.register(&serde_json::json!({"redirect_uris": ["http://localhost/cb"]})).await.assert_error(status, code);
            let metadata = world.get("/.well-known/oauth-authorization-server", "").await.json();
            assert_eq!(metadata.get("registration_endpoint").is_some(), advertised);
        }
    }
}
