//! A finding must be true: for each rule there is a server with exactly that fault, and one without any.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "what tests share")]

mod server;

use docent_doctor::examine::Silent;
use docent_doctor::rules::RULES;
use docent_doctor::{Options, Outcome, Report, Unexaminable, examine};
use docent_types::random::SystemRandomness;
use server::Server;
use std::collections::BTreeSet;
use std::time::Duration;

/// Faults without which another cannot be seen.
const HELPERS: [&str; 4] = ["auto", "open", "removable", "shared"];

async fn look(url: &str, options: &Options) -> Result<Report, Unexaminable> {
    examine(url, options, &SystemRandomness, &Silent).await
}

/// Every finding and note of a server with these faults.
async fn found(faults: &[&str], options: &Options) -> (Report, BTreeSet<String>) {
    let server = Server::start(faults);
    let token = options.token.is_some().then(|| server.token());
    let report = look(&server.url, &Options { token, ..options.clone() }).await.expect("it can be examined");
    server.stop().await;
    let all = report.findings().into_iter().chain(report.notes()).map(|finding| finding.rule.id.to_owned()).collect();
    (report, all)
}

async fn expect(faults: &[&str], options: &Options, expected: &[&str]) {
    let (report, found) = found(faults, options).await;
    let expected: BTreeSet<String> = expected.iter().map(|&id| id.to_owned()).collect();
    assert_eq!(found, expected, "{}", docent_doctor::text::render(&report, docent_doctor::text::Style { colour: false, width: 140 }));
}

fn without_token() -> Options {
    Options { timeout: Duration::from_secs(20), ..Options::default() }
}

macro_rules! faults {
    ($($name:ident: [$($fault:literal),+] => [$($expected:literal),+];)+) => {
        const TRIED: &[(&[&str], &[&str])] = &[$((&[$($fault),+], &[$($expected),+])),+];
        $(
            #[actix_web::test]
            async fn $name() {
                expect(&[$($fault),+], &without_token(), &[$($expected),+]).await;
            }
        )+
    };
}

faults! {
    not_401: ["not-401"] => ["not-401"];
    challenge_missing: ["challenge-missing"] => ["challenge-missing"];
    challenge_without_resource_metadata: ["challenge-without-resource-metadata"] => ["challenge-without-resource-metadata"];
    challenge_error_without_token: ["challenge-error-without-token"] => ["challenge-error-without-token"];
    challenge_not_on_every_method: ["challenge-not-on-every-method"] => ["challenge-not-on-every-method"];
    bad_token_accepted: ["bad-token-accepted"] => ["bad-token-accepted"];
    bad_token_not_401: ["bad-token-not-401"] => ["bad-token-not-401"];
    resource_metadata_missing: ["resource-metadata-missing"] => ["resource-metadata-missing", "challenge-without-resource-metadata"];
    resource_metadata_path_form_missing: ["resource-metadata-path-form-missing"] => ["resource-metadata-path-form-missing", "challenge-without-resource-metadata"];
    resource_metadata_root_form_missing: ["resource-metadata-root-form-missing"] => ["resource-metadata-root-form-missing"];
    metadata_not_json: ["metadata-not-json"] => ["metadata-not-json"];
    metadata_content_type: ["metadata-content-type"] => ["metadata-content-type"];
    well_known_error_status: ["well-known-error-status"] => ["well-known-error-status"];
    resource_mismatch: ["resource-mismatch"] => ["resource-mismatch"];
    authorization_servers_missing: ["authorization-servers-missing"] => ["authorization-servers-missing"];
    resource_scopes_offline_access: ["resource-scopes-offline-access"] => ["resource-scopes-offline-access"];
    issuer_metadata_missing: ["issuer-metadata-missing"] => ["issuer-metadata-missing", "origin-metadata-missing"];
    issuer_path_form_missing: ["issuer-path-form-missing"] => ["issuer-path-form-missing"];
    issuer_mismatch: ["issuer-mismatch"] => ["issuer-mismatch", "iss-missing-in-answer"];
    issuer_forms_differ: ["issuer-forms-differ"] => ["issuer-forms-differ"];
    issuer_metadata_incomplete: ["issuer-metadata-incomplete"] => ["issuer-metadata-incomplete"];
    origin_metadata_missing: ["origin-metadata-missing"] => ["origin-metadata-missing"];
    s256_not_advertised: ["s256-not-advertised"] => ["s256-not-advertised"];
    plain_advertised: ["plain-advertised"] => ["plain-advertised"];
    none_not_advertised: ["none-not-advertised"] => ["none-not-advertised"];
    none_not_first: ["none-not-first"] => ["none-not-first"];
    iss_not_advertised: ["iss-not-advertised"] => ["iss-not-advertised"];
    offline_access_not_advertised: ["offline-access-not-advertised"] => ["offline-access-not-advertised"];
    endpoint_plain_http: ["endpoint-plain-http"] => ["endpoint-plain-http"];
    cors_preflight: ["cors-preflight"] => ["cors-preflight"];
    cors_challenge_hidden: ["cors-challenge-hidden"] => ["cors-challenge-hidden"];
    cors_credentials_any_origin: ["cors-credentials-any-origin"] => ["cors-credentials-any-origin"];
    origin_not_checked: ["open", "origin-not-checked"] => ["origin-not-checked"];
    registration_not_offered: ["registration-not-offered"] => ["registration-not-offered"];
    registration_refused: ["registration-refused"] => ["registration-refused"];
    registration_redirected: ["registration-redirected"] => ["registration-redirected", "registration-refused"];
    registration_status: ["registration-status"] => ["registration-status"];
    registration_not_json: ["registration-not-json"] => ["registration-not-json"];
    registration_null: ["registration-null"] => ["registration-null"];
    registration_empty_string: ["registration-empty-string"] => ["registration-empty-string"];
    registration_wrong_type: ["registration-wrong-type"] => ["registration-wrong-type"];
    registration_redirect_uris: ["registration-redirect-uris"] => ["registration-redirect-uris"];
    registration_secret_for_none: ["registration-secret-for-none"] => ["registration-secret-for-none"];
    registration_no_secret: ["registration-no-secret"] => ["registration-no-secret"];
    registration_error_shape: ["registration-error-shape"] => ["registration-error-shape"];
    dangerous_redirect_registered: ["dangerous-redirect-registered"] => ["dangerous-redirect-registered"];
    plain_http_redirect_registered: ["plain-http-redirect-registered"] => ["plain-http-redirect-registered"];
    authorization_refused: ["authorization-refused"] => ["authorization-refused", "redirect-variant-refused"];
    loopback_port_fixed: ["loopback-port-fixed"] => ["loopback-port-fixed"];
    loopback_host_fixed: ["loopback-host-fixed"] => ["loopback-host-fixed"];
    redirect_variant_refused: ["redirect-variant-refused"] => ["redirect-variant-refused"];
    redirects_to_unregistered: ["redirects-to-unregistered"] => ["redirects-to-unregistered"];
    redirects_unknown_client: ["redirects-unknown-client"] => ["redirects-unknown-client"];
    redirect_prefix_match: ["redirect-prefix-match"] => ["redirect-prefix-match"];
    wildcard_redirect_match: ["wildcard-redirect-match"] => ["wildcard-redirect-match"];
    iss_missing_in_answer: ["iss-missing-in-answer"] => ["iss-missing-in-answer"];
    state_lost: ["state-lost"] => ["state-lost"];
    pkce_not_enforced: ["auto", "pkce-not-enforced"] => ["pkce-not-enforced", "code-without-person"];
    pkce_missing_not_refused: ["pkce-missing-not-refused"] => ["pkce-missing-not-refused"];
    code_without_person: ["auto"] => ["code-without-person"];
    authorize_frameable: ["authorize-frameable"] => ["authorize-frameable"];
    metadata_document_refused: ["metadata-document-refused"] => ["metadata-document-refused"];
    token_error_shape: ["token-error-shape"] => ["token-error-shape"];
    token_unknown_client: ["token-unknown-client"] => ["token-unknown-client"];
    token_unknown_client_status: ["token-unknown-client-status"] => ["token-unknown-client-status"];
    token_server_error: ["token-server-error"] => ["token-server-error"];
    token_cacheable: ["auto", "token-cacheable"] => ["token-cacheable", "code-without-person"];
    token_refused: ["auto", "token-refused"] => ["token-refused", "code-without-person"];
    token_type_missing: ["auto", "token-type-missing"] => ["token-type-missing", "code-without-person"];
    access_token_too_short: ["auto", "access-token-too-short"] => ["access-token-too-short", "code-without-person"];
    code_reusable: ["auto", "code-reusable"] => ["code-reusable", "code-without-person"];
    refresh_not_rotated: ["auto", "refresh-not-rotated"] => ["refresh-not-rotated", "code-without-person"];
    call_refused: ["auto", "call-refused"] => ["call-refused", "code-without-person"];
    token_in_query_accepted: ["auto", "token-in-query-accepted"] => ["token-in-query-accepted", "code-without-person"];
}

#[test]
fn every_rule_is_tried_on_a_server_that_breaks_it() {
    let tried: BTreeSet<&str> = TRIED.iter().flat_map(|(faults, _)| faults.iter().copied()).chain(["audience-missing"]).collect();
    for rule in RULES {
        let own = rule.id == "code-without-person" || tried.contains(rule.id);
        assert!(own, "no server breaks {}", rule.id);
    }
    for fault in tried {
        assert!(HELPERS.contains(&fault) || RULES.iter().any(|rule| rule.id == fault), "{fault} is no rule");
    }
}

#[actix_web::test]
async fn a_clean_server_has_no_findings_and_every_client_connects() {
    let (report, found) = found(&[], &without_token()).await;
    assert!(found.is_empty() && report.is_clean(), "{found:?}");
    assert!(
        report.clients.len() >= 20
            && report.clients.iter().all(|client| client.outcome == Outcome::Connects && client.reached == "authorization")
    );
    assert!(report.requests < 400, "{} requests", report.requests);
}

/// A server that gives codes to nobody in particular shows the clients' whole way.
#[actix_web::test]
async fn every_client_is_replayed_to_its_refresh_where_nobody_has_to_sign_in() {
    let (report, _) = found(&["auto"], &without_token()).await;
    for client in &report.clients {
        assert_eq!((client.outcome, client.reached), (Outcome::Connects, "refresh"), "{client:?}");
    }
}

#[actix_web::test]
async fn everybody_connects_to_an_open_server() {
    let (report, found) = found(&["open"], &without_token()).await;
    assert!(found.is_empty() && !report.is_protected && report.registered == 0, "{found:?}");
    assert!(report.clients.iter().all(|client| client.outcome == Outcome::Connects));
    assert_eq!(report.server.as_deref(), Some("fake 1"));
}

/// RS5, RS6.
#[actix_web::test]
async fn with_a_token_the_endpoint_itself_is_examined() {
    let options = Options { token: Some(String::new()), ..without_token() };
    expect(&[], &options, &[]).await;
    expect(&["token-in-query-accepted"], &options, &["token-in-query-accepted"]).await;
    expect(&["call-refused"], &options, &["call-refused"]).await;
    expect(&["audience-missing"], &options, &["audience-missing"]).await;
    expect(&["bad-token-accepted"], &options, &["bad-token-accepted"]).await;
}

#[actix_web::test]
async fn what_was_registered_is_removed_unless_others_have_it_too() {
    for (faults, removes) in [(&["removable"][..], true), (&["removable", "shared"][..], false), (&[][..], false)] {
        let server = Server::start(faults);
        let report = look(&server.url, &without_token()).await.unwrap();
        assert_eq!(server.removed(), report.removed);
        assert_eq!(
            report.removed > 0 && report.removed == report.registered,
            removes,
            "{faults:?}: {} of {}",
            report.removed,
            report.registered
        );
        assert!(report.registered > 20);
        server.stop().await;
    }
}

#[actix_web::test]
async fn nothing_is_registered_when_that_is_not_wanted() {
    let server = Server::start(&[]);
    let report = look(&server.url, &Options { register: false, ..without_token() }).await.unwrap();
    assert!(report.registered == 0 && report.is_clean());
    assert!(report.clients.iter().all(|client| client.outcome == Outcome::NotTried && client.reached == "discovery"));
    server.stop().await;
}

#[actix_web::test]
async fn one_client_alone_can_be_asked_about() {
    let server = Server::start(&["registration-refused"]);
    let only = |client: &str| Options { client: Some(client.to_owned()), ..without_token() };
    let cursor = look(&server.url, &only("Cursor")).await.unwrap();
    assert_eq!(cursor.clients.len(), 1);
    assert_eq!((cursor.clients[0].outcome, cursor.clients[0].phase), (Outcome::Stumbles, Some("registration")));
    assert!(cursor.clients[0].why.as_deref().unwrap().contains("invalid_redirect_uri"));
    assert!(look(&server.url, &only("zed")).await.unwrap().is_clean());
    assert!(matches!(look(&server.url, &only("nobody")).await, Err(Unexaminable::Client(_, names)) if names.contains("cursor")));
    server.stop().await;
}

/// What a server writes does not move the cursor or turn the text round.
#[actix_web::test]
async fn a_servers_words_are_harmless_on_a_terminal() {
    let (report, _) = found(&["escapes", "registration-refused", "token-unknown-client", "not-401"], &without_token()).await;
    let text = docent_doctor::text::render(&report, docent_doctor::text::Style { colour: false, width: 100 });
    assert!(text.contains("it is so") && !text.contains(['\u{1b}', '\u{202e}', '\r']), "{text:?}");
    assert!(!report.to_json().to_string().contains("\\u001b"));
}

#[actix_web::test]
async fn what_is_no_mcp_server_cannot_be_examined() {
    let server = Server::start(&["open"]);
    let elsewhere = server.url.replace("/mcp", "/other");
    assert!(matches!(look(&elsewhere, &without_token()).await, Err(Unexaminable::NotMcp(_))));
    let moved = server.url.replace("/mcp", "/moved");
    assert!(matches!(look(&moved, &without_token()).await, Err(Unexaminable::Elsewhere(url)) if url == server.url));
    server.stop().await;
    assert!(matches!(look("http://127.0.0.1:1/mcp", &without_token()).await, Err(Unexaminable::NoAnswer(_))));
    for url in ["", "nonsense", "ftp://a.example/mcp", "mailto:a@b.example"] {
        assert!(matches!(look(url, &without_token()).await, Err(Unexaminable::Url(_))), "{url}");
    }
}

/// The shape that `docs/doctor.md` documents.
#[actix_web::test]
async fn the_json_form_has_the_documented_fields() {
    let (report, _) = found(&["registration-refused"], &without_token()).await;
    let json = report.to_json();
    let keys: Vec<&str> = json.as_object().unwrap().keys().map(String::as_str).collect();
    let page = include_str!("../../../../docs/doctor.md");
    for key in keys {
        assert!(page.contains(&format!("`{key}`")), "{key} is not documented");
    }
    assert_eq!(json["format"], 1);
    for list in ["findings", "clients"] {
        for key in json[list].as_array().unwrap().iter().flat_map(|item| item.as_object().unwrap().keys()) {
            assert!(page.contains(&format!("`{key}`")), "{list}: {key} is not documented");
        }
    }
    let finding = &json["findings"][0];
    assert_eq!(
        (&finding["id"], &finding["severity"], &finding["clients"][0]),
        (&"registration-refused".into(), &"error".into(), &"cursor".into())
    );
}
