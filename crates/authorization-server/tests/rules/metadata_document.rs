//! Clients that name themselves by the URL of their metadata document (AS12).

use crate::web::Web;
use crate::world::{REDIRECT, World, field, form, text};
use actix_web::http::header;
use docent_store::on_each_database;
use docent_types::ids::ClientId;
use docent_types::messages::Limit;
use docent_types::registration::ClientOrigin;
use serde_json::json;

const ID: &str = "https://app.example/oauth/client.json";

on_each_database! {
    /// AS12, AS1: the whole way, with a loopback port that is in no document. Nothing is stored before a person consents.
    async fn a_client_connects_by_the_url_of_its_document(database) {
        let web = Web::with_client(ID, &json!({}));
        let world = World::with_web(database, &web).await;
        let metadata = world.get("/.well-known/oauth-authorization-server", "").await.json();
        assert_eq!(metadata["client_id_metadata_document_supported"], true);
        let cookie = world.person().await;
        let page = world.consent_page(&cookie, ID, &[]).await;
        assert_eq!(world.server.store.client(&ClientId(ID.into())).await.unwrap(), None, "looking changes nothing");
        let code = world.answer_consent(&cookie, &page, "allow").await.redirected()["code"].clone();
        let tokens = world.exchange(ID, &code, &[]).await.json();
        assert!(world.is_live(text(&tokens, "access_token")));
        assert_eq!(world.refresh(ID, text(&tokens, "refresh_token"), &[]).await.status, 200);
        let stored = world.server.store.client(&ClientId(ID.into())).await.unwrap().unwrap();
        assert_eq!((stored.origin, stored.name.as_str()), (ClientOrigin::MetadataDocument, "Published"));
        assert_eq!(web.fetches(), 1, "one fetch for all of it");
    }

    /// AS1.
    async fn without_the_setting_an_url_is_an_unknown_client(database) {
        let world = World::new(database).await;
        assert!(world.get("/.well-known/oauth-authorization-server", "").await.json().get("client_id_metadata_document_supported").is_none());
        let answer = world.get(&World::authorize_uri(ID, &[]), "").await;
        assert_eq!((answer.status.as_u16(), answer.headers.contains_key(header::LOCATION)), (400, false));
        world.exchange(ID, "code", &[]).await.assert_error(401, "invalid_client");
    }

    /// AS12: switching documents off begins nothing new and ends nobody's connection.
    async fn switched_off_later_it_begins_nothing_and_ends_nothing(database) {
        let web = Web::with_client(ID, &json!({}));
        let before = World::with_web(database, &web).await;
        let cookie = before.person().await;
        let tokens = before.tokens(&cookie, ID, &[]).await;
        let after = World::new(database).await;
        let answer = after.get(&World::authorize_uri(ID, &[]), &cookie).await;
        assert_eq!((answer.status.as_u16(), answer.headers.contains_key(header::LOCATION)), (400, false));
        assert_eq!(after.refresh(ID, text(&tokens, "refresh_token"), &[]).await.status, 200);
    }

    /// AS12, AS4: a page that says what is wrong, never a redirect; and nothing about our network.
    async fn a_document_that_cannot_be_used_is_explained_on_a_page(database) {
        let web = Web::default();
        let world = World::with_web(database, &web).await;
        let body = json!({"client_id": ID, "redirect_uris": [REDIRECT]}).to_string();
        let host = |name: &str| format!("https://{name}.example/c.json");
        web.answer(&host("html"), &format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n{body}"));
        web.answer(&host("moved"), "HTTP/1.1 302 Found\r\nLocation: https://app.example/x\r\nConnection: close\r\n\r\n");
        web.publish(&host("other"), &json!({"client_id": ID, "redirect_uris": [REDIRECT]}));
        web.publish_client("https://inside.example/c.json", &json!({}));
        web.publish_client(&host("secret"), &json!({"client_secret": "x"}));
        web.publish_client(&host("script"), &json!({"redirect_uris": ["javascript:alert(1)"]}));
        web.publish_client(&host("shared"), &json!({"token_endpoint_auth_method": "client_secret_basic"}));
        for (id, words) in [
            ("https://nobody.example/c.json", "its host is not known"),
            ("https://html.example/missing.json", "status 404"),
            ("https://html.example/c.json", "Content-Type must be application/json"),
            ("https://moved.example/c.json", "redirects are not followed"),
            ("https://other.example/c.json", "does not name its own address"),
            ("https://inside.example/c.json", "no address on the public internet"),
            ("https://secret.example/c.json", "client_secret"),
            ("https://script.example/c.json", "redirect_uris"),
            ("https://shared.example/c.json", "shared secret"),
            ("https://127.0.0.1/c.json", "no address on the public internet"),
            ("https://app.example", "https URL with a path"),
            ("https://user@app.example/c.json", "https URL with a path"),
            ("https://app.example/a/../c.json", "https URL with a path"),
            ("https://app.example/c.json#f", "https URL with a path"),
        ] {
            let answer = world.get(&World::authorize_uri(id, &[]), "").await;
            assert_eq!((answer.status.as_u16(), answer.headers.contains_key(header::LOCATION)), (400, false), "{id}: {}", answer.body);
            assert!(answer.body.contains(words), "{id}: {}", answer.body);
            assert!(!answer.body.contains("169.254"), "{id}: {}", answer.body);
            world.exchange(id, "code", &[]).await.assert_error(401, "invalid_client");
        }
    }

    /// AS3, AS12: what the document says today is what counts at authorization.
    async fn changed_redirect_uris_take_effect(database) {
        let web = Web::with_client(ID, &json!({}));
        let world = World::with_web(database, &web).await;
        let cookie = world.person().await;
        world.tokens(&cookie, ID, &[]).await;
        web.publish_client(ID, &json!({"client_name": "Renamed", "redirect_uris": ["http://localhost/other"]}));
        let page = world.consent_page(&cookie, ID, &[]).await;
        world.pass(61);
        let late = world.answer_consent(&cookie, &page, "allow").await;
        assert_eq!((late.status.as_u16(), late.headers.contains_key(header::LOCATION)), (400, false), "the form is judged by today's document");
        let answer = world.get(&World::authorize_uri(ID, &[]), &cookie).await;
        assert_eq!((answer.status.as_u16(), answer.headers.contains_key(header::LOCATION)), (400, false));
        let page = world.consent_page(&cookie, ID, &[("redirect_uri", "http://localhost:1234/other")]).await;
        assert!(page.contains("Renamed"));
        assert!(world.answer_consent(&cookie, &page, "allow").await.location().starts_with("http://localhost:1234/other?code="));
        let stored = world.server.store.client(&ClientId(ID.into())).await.unwrap().unwrap();
        assert_eq!((stored.name.as_str(), stored.redirect_uris.as_slice()), ("Renamed", ["http://localhost/other".to_owned()].as_slice()));
    }

    /// AS12, AS4: a document that has gone ends nobody's connection, and begins none.
    async fn what_was_connected_goes_on_when_the_document_is_gone(database) {
        let web = Web::with_client(ID, &json!({}));
        let world = World::with_web(database, &web).await;
        let cookie = world.person().await;
        let tokens = world.tokens(&cookie, ID, &[]).await;
        web.remove(ID);
        web.publish("https://app.example/something", &json!({}));
        world.pass(61);
        assert_eq!(world.refresh(ID, text(&tokens, "refresh_token"), &[]).await.status, 200);
        assert!(world.is_live(text(&tokens, "access_token")));
        let answer = world.get(&World::authorize_uri(ID, &[]), &cookie).await;
        assert_eq!((answer.status.as_u16(), answer.headers.contains_key(header::LOCATION)), (400, false));
        assert!(answer.body.contains("status 404"), "{}", answer.body);
        web.publish_client(ID, &json!({}));
        world.consent_page(&cookie, ID, &[]).await;
    }

    /// AS14: who publishes the document, where the answer goes, and that any program on this computer could ask.
    async fn the_page_names_the_host_of_the_document(database) {
        let web = Web::with_client(ID, &json!({"client_name": "Claude\u{202e}<b>", "redirect_uris": ["http://127.0.0.1/callback", "https://app.example/cb"]}));
        let world = World::with_web(database, &web).await;
        let cookie = world.person().await;
        let page = world.consent_page(&cookie, ID, &[]).await;
        assert!(page.contains("<strong>app.example</strong>") && page.contains("127.0.0.1:5000") && page.contains("notice warning"), "{page}");
        assert!(!page.contains("It is not verified") && !page.contains("<b>") && !page.contains('\u{202e}'), "{page}");
        let page = world.consent_page(&cookie, ID, &[("redirect_uri", "https://app.example/cb")]).await;
        assert!(!page.contains("notice warning"), "{page}");
    }

    /// AS15: remembered for the document's own https host; asked again for this computer and for other hosts.
    async fn consent_is_remembered_for_the_host_of_the_document(database) {
        let own = "https://app.example/cb";
        let web = Web::with_client(ID, &json!({"redirect_uris": ["http://127.0.0.1/callback", own, "https://elsewhere.example/cb"]}));
        let world = World::with_web(database, &web).await;
        let cookie = world.person().await;
        let page = world.consent_page(&cookie, ID, &[("redirect_uri", own)]).await;
        world.answer_consent(&cookie, &page, "allow").await;
        let again = world.get(&World::authorize_uri(ID, &[("redirect_uri", own)]), &cookie).await;
        assert!(again.location().starts_with("https://app.example/cb?code="), "{}", again.body);
        for asked in [REDIRECT, "https://elsewhere.example/cb"] {
            world.consent_page(&cookie, ID, &[("redirect_uri", asked)]).await;
        }
        world.consent_page(&cookie, ID, &[("redirect_uri", own), ("scope", "libraries:write")]).await;
    }

    /// AS12: whom an administrator blocked stays so, whatever the document says; and is not asked.
    async fn a_blocked_client_is_not_fetched(database) {
        let web = Web::with_client(ID, &json!({}));
        let world = World::with_web(database, &web).await;
        let client = docent_types::registration::Client {
            disabled: true,
            origin: ClientOrigin::MetadataDocument,
            ..docent_types::registration::Client::public(ID, &[REDIRECT], world.now())
        };
        world.server.asks.register_client.send(docent_types::messages::RegisterClient { client, from: None }).await.unwrap().unwrap();
        let cookie = world.person().await;
        let answer = world.get(&World::authorize_uri(ID, &[]), &cookie).await;
        assert!(answer.status == 400 && answer.body.contains("blocked"), "{}", answer.body);
        assert_eq!(web.fetches(), 0);
    }

    /// AS12: who makes us fetch is limited; what is known already is answered.
    async fn fetches_are_limited_by_the_address_that_causes_them(database) {
        let web = Web::with_client(ID, &json!({}));
        web.publish_client("https://b.example/c", &json!({}));
        let world = World::with_web(database, &web).await;
        let cookie = world.person().await;
        world.consent_page(&cookie, ID, &[]).await;
        *world.outside.full.lock().unwrap() = Some(Limit::MetadataDocument);
        world.consent_page(&cookie, ID, &[]).await;
        let answer = world.get(&World::authorize_uri("https://b.example/c", &[]), &cookie).await;
        assert_eq!((answer.status.as_u16(), answer.header(header::RETRY_AFTER)), (429, "7"));
        assert_eq!(web.fetches(), 1);
    }

    /// AS14: a ticket for one document's client is no ticket for another's.
    async fn a_form_of_another_client_gives_nothing(database) {
        let web = Web::with_client(ID, &json!({}));
        web.publish_client("https://evil.example/c", &json!({}));
        let world = World::with_web(database, &web).await;
        let cookie = world.person().await;
        let page = world.consent_page(&cookie, ID, &[]).await;
        let body = form(&[("ticket", &field(&page, "ticket")), ("csrf", &field(&page, "csrf")), ("project", &field(&page, "project")), ("decision", "allow"), ("client_id", "https://evil.example/c")]);
        let answer = world.send(World::form_request("/oauth/authorize", &body).insert_header((header::COOKIE, cookie.as_str()))).await;
        let code = answer.redirected()["code"].clone();
        world.exchange("https://evil.example/c", &code, &[]).await.assert_error(401, "invalid_client");
        assert_eq!(world.exchange(ID, &code, &[]).await.status, 200);
    }
}
