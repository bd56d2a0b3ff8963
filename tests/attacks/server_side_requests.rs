//! Making this server ask for something on the attacker's behalf (AS12, AS10).
//!
//! DNS that answers differently the second time needs a name server of the attacker's, which this machine's resolver does not ask:
//! that attack is tried at the fetch itself, in `client_metadata_document/tests.rs`, as is every single block of addresses.

use crate::verdicts::Verdicts;
use anyhow::{Context as _, ensure};
use docent_tests::document_server::{DocumentServer, HOSTS, Page, json_answer};
use docent_tests::http::Answer;
use docent_tests::jose::Key;
use docent_tests::oauth_client::Attempt;
use docent_tests::person::Decision;
use docent_tests::{Installation, OAuthClient, Person, Result, Shape};
use futures_util::future::join_all;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::net::TcpListener;

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Something inside: counts who comes.
struct Inside {
    port: u16,
    came: Arc<AtomicUsize>,
}

impl Inside {
    /// Listens on both loopback addresses where the machine has both.
    async fn listen() -> Result<Self> {
        let came = Arc::new(AtomicUsize::new(0));
        let four = TcpListener::bind("127.0.0.1:0").await?;
        let port = four.local_addr()?.port();
        let six = TcpListener::bind(("::1", port)).await.ok();
        for listener in [Some(four), six].into_iter().flatten() {
            let came = Arc::clone(&came);
            tokio::spawn(async move {
                while listener.accept().await.is_ok() {
                    came.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        Ok(Self { port, came })
    }

    fn came(&self) -> usize {
        self.came.load(Ordering::SeqCst)
    }

    /// URLs that lead inside, in every spelling that a parser may take for something else.
    fn urls(&self) -> Vec<String> {
        let hosts = [
            "localhost",
            "localhost.",
            "127.0.0.1",
            "127.1",
            "2130706433",
            "0x7f000001",
            "0177.0.0.1",
            "127.0.0.2",
            "0.0.0.0",
            "0",
            "[::]",
            "[::1]",
            "[0:0:0:0:0:0:0:1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[::127.0.0.1]",
            "[::7f00:1]",
            "[::ffff:a9fe:a9fe]",
            "[64:ff9b::7f00:1]",
            "[64:ff9b::a9fe:a9fe]",
            "[64:ff9b:1::7f00:1]",
            "[2002:7f00:1::]",
            "[2002:a9fe:a9fe::]",
            "[2001:0:7f00:1::]",
            "[2001:0:4136:e378:8000:63bf:80ff:fffe]",
            "[fe80::1]",
            "[fec0::1]",
            "[fc00::1]",
            "[fd00:ec2::254]",
            "[ff02::1]",
            "[2001:db8::1]",
            "[100::1]",
            "169.254.169.254",
            "168.63.129.16",
            "100.100.100.200",
            "192.0.0.192",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.0.1",
            "198.18.0.1",
            "192.0.2.1",
            "203.0.113.1",
            "224.0.0.1",
            "255.255.255.255",
            "240.0.0.1",
            "user@localhost",
            "app.example@localhost",
            "localhost\\.app.example",
            "%6cocalhost",
        ];
        hosts.into_iter().map(|host| format!("https://{host}:{}/latest/meta-data", self.port)).collect()
    }
}

/// An authorization request of a client that calls itself by this URL, to which nobody is redirected.
async fn refused_at_authorization(anybody: &OAuthClient, person: &Person, id: &str, words: &str) -> Result {
    let url = anybody.authorization_url(&Attempt::new(), &[("client_id", id)])?;
    let page = crate::pages::expect_dead_end(person, &url).await?;
    ensure!(page.body.contains(words), "{}", page.body);
    for secret in ["127.0.0.1:", "::1]:", "refused", "os error", "Connection"] {
        let own_words = id.contains(secret);
        ensure!(own_words || !page.body.contains(secret), "the page tells {secret:?}: {}", page.body);
    }
    Ok(())
}

fn now() -> Result<i64> {
    #[expect(clippy::disallowed_methods, reason = "a stranger has a clock of its own")]
    let now = SystemTime::now();
    Ok(i64::try_from(now.duration_since(UNIX_EPOCH)?.as_secs())?)
}

/// An assertion of a client, as it must be.
fn assertion(client: &OAuthClient, key: &Key, jti: &str) -> Result<String> {
    let claims =
        json!({"iss": client.client_id, "sub": client.client_id, "aud": client.metadata["issuer"], "exp": now()? + 60, "jti": jti});
    key.sign(&key.header("JWT"), &claims)
}

async fn token_with(client: &OAuthClient, assertion: &str) -> Result<Answer> {
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", "x"),
        ("client_assertion_type", ASSERTION_TYPE),
        ("client_assertion", assertion),
    ];
    client.token(&form).await
}

/// AS12: `client_id` is a URL of the attacker's choice. No address of special use is connected to, however it is spelled, and the page
/// does not tell what is there.
async fn client_id_that_leads_inside(installation: &mut Installation) -> Result {
    let person = installation.add_person("ada@example.com").await?;
    let anybody = OAuthClient::register(installation, "Anybody").await?;
    let inside = Inside::listen().await?;
    let mut verdicts = Verdicts::new();
    for id in inside.urls() {
        let words = "This application cannot be connected";
        verdicts.add(&id, refused_at_authorization(&anybody, &person.elsewhere()?, &id, words).await);
    }
    verdicts.end()?;
    ensure!(inside.came() == 0, "{} connections came in", inside.came());
    Ok(())
}

/// AS10: CVE-2026-1180 (Keycloak, blind SSRF): whoever registers `private_key_jwt` with a `jwks_uri` makes the server fetch it, from
/// wherever, at the first assertion. Here the same fetcher judges the address; nothing is fetched at registration; a URL in another
/// form is refused there.
async fn cve_2026_1180_jwks_uri_of_a_registration_that_leads_inside(installation: &mut Installation) -> Result {
    let inside = Inside::listen().await?;
    let anybody = OAuthClient::register(installation, "Anybody").await?;
    let key = Key::generate("k")?;
    let mut verdicts = Verdicts::new();
    let others =
        ["http://localhost/keys", "file:///etc/passwd", "data:application/json,{}", "gopher://localhost:1/_", "//localhost/keys", ""];
    for uri in inside.urls().into_iter().chain(others.map(str::to_owned)) {
        let wanted = json!({
            "client_name": "Keys", "redirect_uris": ["https://app.example/cb"], "token_endpoint_auth_method": "private_key_jwt", "jwks_uri": uri,
        });
        let answer = Answer::of(anybody.http.post(anybody.endpoint("registration_endpoint")?).json(&wanted)).await?;
        let outcome = async {
            if answer.status == 400 {
                ensure!(answer.oauth_error()? == "invalid_client_metadata" && answer.body.contains("jwks_uri"), "{}", answer.body);
                return Ok(());
            }
            let id = answer.expect(201)?["client_id"].as_str().context("no client_id")?.to_owned();
            let client = OAuthClient { client_id: id, ..anybody.clone() };
            let refused = token_with(&client, &assertion(&client, &key, &uri)?).await?;
            // A name that does not resolve may resolve soon: not every resolver knows `localhost.`. An address that may not be asked never may.
            if uri.contains("localhost.") && refused.body.contains("its host is not known") {
                return Ok(());
            }
            ensure!(refused.oauth_error()? == "invalid_client" && refused.status == 401, "{} {}", refused.status, refused.body);
            ensure!(refused.body.contains("no address on the public internet"), "{}", refused.body);
            Ok(())
        };
        verdicts.add(&uri, outcome.await);
    }
    verdicts.end()?;
    ensure!(inside.came() == 0, "{} connections came in", inside.came());
    Ok(())
}

/// AS12: CVE-2026-54885 and its like: fields of a client's metadata that hold URLs are fetched when the client is looked at. Here
/// nothing of a document or registration is fetched but `jwks_uri`, and that only for an assertion, by the rules of the document itself.
async fn cve_2026_54885_urls_within_metadata(installation: &mut Installation) -> Result {
    let person = installation.add_person("ada@example.com").await?;
    let inside = Inside::listen().await?;
    let documents = installation.documents()?;
    let bait = documents.publish_json("localhost", "/bait", &json!({"keys": []}));
    let inner = format!("https://127.0.0.1:{}/keys", inside.port);
    let mut more = json!({});
    for field in [
        "logo_uri",
        "client_uri",
        "policy_uri",
        "tos_uri",
        "sector_identifier_uri",
        "initiate_login_uri",
        "software_statement",
        "backchannel_logout_uri",
    ] {
        more[field] = json!(bait);
    }
    more["request_uris"] = json!([bait]);
    let mut registration = more.clone();
    more["jwks_uri"] = json!(inner);
    more["token_endpoint_auth_method"] = json!("private_key_jwt");
    let id = documents.publish_client("app.example", "/client.json", &more);
    let client = OAuthClient::published(installation, &id).await?;
    let attempt = Attempt::new();
    let code = client.code(&person, &attempt, Decision::Allow).await?;
    let key = Key::generate("k")?;
    let assertion = assertion(&client, &key, "one")?;
    let refused =
        client.exchange_with(&code, &attempt, &[("client_assertion_type", ASSERTION_TYPE), ("client_assertion", &assertion)]).await?;
    ensure!(refused.status == 401 && refused.oauth_error()? == "invalid_client", "{refused:?}");
    registration["client_name"] = json!("Bait");
    registration["redirect_uris"] = json!(["http://127.0.0.1/callback"]);
    let registered = OAuthClient::register_with(installation, &registration).await?;
    registered.connect(&person, Decision::Allow).await?;
    let requests = installation.documents()?.requests();
    ensure!(requests == [id.clone()], "fetched: {requests:?}");
    ensure!(inside.came() == 0, "{} connections came in", inside.came());
    Ok(())
}

/// AS12: what the attacker's own server answers: redirects inside, too much, too slow, compressed, something else than JSON.
async fn documents_that_misbehave(installation: &mut Installation) -> Result {
    let person = installation.add_person("ada@example.com").await?;
    let anybody = OAuthClient::register(installation, "Anybody").await?;
    let documents = installation.documents()?;
    let inner = documents.publish_json("localhost", "/inner", &json!({"secret": true}));
    // What these say of themselves does not matter: it is not looked at.
    let good = json!({"client_id": "https://somebody.example/else", "redirect_uris": ["http://127.0.0.1/callback"]});
    let head = |more: &str| format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{more}\r\n").into_bytes();
    let bytes = |head: &str, body: &[u8]| Page::Bytes([head.as_bytes(), body].concat());
    let redirect = |status: &str| Page::Bytes(format!("HTTP/1.1 {status}\r\nLocation: {inner}\r\nContent-Length: 0\r\n\r\n").into_bytes());
    // A gzip member that says that it is a document, and would be ten megabytes of zeros.
    let bomb = [&[0x1f_u8, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3][..], &[0xed; 4000]].concat();
    let padded = json!({"redirect_uris": ["http://127.0.0.1/callback"], "x": "y".repeat(5 * 1024)});
    let deep = format!("{{\"x\":{}{}}}", "[".repeat(2000), "]".repeat(2000));
    let mut verdicts = Verdicts::new();
    let tries = [
        ("moved", redirect("301 Moved Permanently"), "redirects are not followed"),
        ("found", redirect("302 Found"), "redirects are not followed"),
        ("other", redirect("303 See Other"), "redirects are not followed"),
        ("temporary", redirect("307 Temporary Redirect"), "redirects are not followed"),
        ("permanent", redirect("308 Permanent Redirect"), "redirects are not followed"),
        (
            "refresh",
            bytes("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nRefresh: 0; url=/inner\r\n\r\n", b"<meta http-equiv=refresh>"),
            "Content-Type",
        ),
        ("bomb", bytes("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\n\r\n", &bomb), "compressed"),
        (
            "deflate",
            bytes("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: deflate, gzip\r\n\r\n", &bomb),
            "compressed",
        ),
        ("oversize", Page::Bytes(json_answer(&padded, "")), "longer than 5120 bytes"),
        ("flood", Page::Flood(head(""), b"{\"x\":\"yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\"}".to_vec()), "longer than 5120 bytes"),
        (
            "chunks",
            Page::Flood(head("Transfer-Encoding: chunked\r\n"), b"1000\r\n".iter().copied().chain([b' '; 4096]).chain(*b"\r\n").collect()),
            "longer than 5120 bytes",
        ),
        (
            "header",
            Page::Flood(b"HTTP/1.1 200 OK\r\n".to_vec(), b"X-Y: zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz\r\n".to_vec()),
            "could not be fetched",
        ),
        ("hang", Page::Hang, "within 5 seconds"),
        ("drip", Page::Drip(head("Content-Length: 5000\r\n")), "within 5 seconds"),
        ("dripping-head", Page::Drip(b"HTTP/1.1 200 OK\r\nX: ".to_vec()), "within 5 seconds"),
        ("text", bytes("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n", good.to_string().as_bytes()), "Content-Type"),
        ("untyped", bytes("HTTP/1.1 200 OK\r\n\r\n", good.to_string().as_bytes()), "Content-Type"),
        ("deep", bytes("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n", deep.as_bytes()), "not a JSON object"),
        ("list", bytes("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n", b"[]"), "not a JSON object"),
        ("binary", bytes("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n", b"\xff\xfe\x00{"), "not a JSON object"),
        ("created", bytes("HTTP/1.1 201 Created\r\nContent-Type: application/json\r\n\r\n", good.to_string().as_bytes()), "status 201"),
        (
            "partial",
            bytes("HTTP/1.1 206 Partial Content\r\nContent-Type: application/json\r\n\r\n", good.to_string().as_bytes()),
            "status 206",
        ),
        ("error", bytes("HTTP/1.1 500 Oh\r\nContent-Type: application/json\r\n\r\n", good.to_string().as_bytes()), "status 500"),
        ("impostor", Page::Bytes(json_answer(&good, "")), "does not name its own address"),
    ];
    for (at, (path, page, words)) in tries.into_iter().enumerate() {
        // The budget of one host is not what is tried here.
        let host = HOSTS[at % HOSTS.len()];
        let id = documents.publish(host, &format!("/{path}"), page);
        verdicts.add(path, refused_at_authorization(&anybody, &person.elsewhere()?, &id, words).await);
    }
    verdicts.end()?;
    ensure!(!documents.requests().contains(&inner), "a redirect was followed");
    Ok(())
}

/// AS12: fifty people are sent to an application whose document never comes. The one thread that answers requests answers all others
/// meanwhile; the document is asked for once.
async fn a_document_that_never_comes(installation: &mut Installation) -> Result {
    let anybody = OAuthClient::register(installation, "Anybody").await?;
    let documents = installation.documents()?;
    let id = documents.publish("app.example", "/hang", Page::Hang);
    let url = anybody.authorization_url(&Attempt::new(), &[("client_id", &id)])?;
    let answered = Arc::new(AtomicUsize::new(0));
    let waiting: Vec<_> = (0..50)
        .map(|_| {
            let (http, url, answered) = (anybody.http.clone(), url.clone(), Arc::clone(&answered));
            tokio::spawn(async move {
                let answer = Answer::of(http.get(url)).await;
                answered.fetch_add(1, Ordering::SeqCst);
                answer
            })
        })
        .collect();
    while documents.connections() == 0 {
        ensure!(answered.load(Ordering::SeqCst) == 0, "the document was not asked for");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    for _ in 0..20 {
        let metadata = Answer::of(anybody.http.get(format!("{}/.well-known/oauth-authorization-server", installation.issuer))).await?;
        ensure!(metadata.status == 200, "{metadata:?}");
        let token = token_with(&anybody, "x.y.z").await?;
        ensure!(token.status == 401, "{token:?}");
    }
    // Order, not time: the others are through before the first of those who wait.
    ensure!(answered.load(Ordering::SeqCst) == 0, "the others had to wait for a document that never comes");
    for answer in waiting {
        let answer = answer.await??;
        ensure!(answer.status == 400 && answer.body.contains("within 5 seconds"), "{answer:?}");
    }
    ensure!(documents.connections() == 1, "{} connections", documents.connections());
    Ok(())
}

/// AS12: failures are not kept, so a budget bounds how often a host is asked.
async fn a_host_is_not_a_target_for_floods(installation: &mut Installation) -> Result {
    let anybody = OAuthClient::register(installation, "Anybody").await?;
    let documents = installation.documents()?;
    let answers = join_all((0..40).map(|number| {
        let id = format!("https://other.example/missing/{number}");
        let url = anybody.authorization_url(&Attempt::new(), &[("client_id", &id)]);
        let http = anybody.http.clone();
        async move { Answer::of(http.get(url?)).await }
    }))
    .await;
    let statuses: Vec<u16> = answers.into_iter().map(|answer| answer.map(|answer| answer.status)).collect::<Result<_>>()?;
    ensure!(statuses.iter().all(|status| matches!(status, 400 | 429)), "{statuses:?}");
    let asked = documents.requests().iter().filter(|url| url.contains("/missing/")).count();
    ensure!((1..=15).contains(&asked), "{asked} requests reached the host");
    ensure!(statuses.iter().filter(|status| **status == 429).count() == 40 - asked, "{statuses:?}");
    Ok(())
}

/// AS12: a document is its host's only if the host proves itself: a certificate of an authority that nobody trusts, or of another
/// name, is none, whatever stands behind it.
async fn documents_of_impostors(installation: &Installation, hosts: &[&str]) -> Result {
    let person = installation.add_person("ada@example.com").await?;
    let anybody = OAuthClient::register(installation, "Anybody").await?;
    let documents = installation.documents()?;
    for host in hosts {
        let id = documents.publish_client(host, "/client.json", &json!({}));
        let before = documents.connections();
        refused_at_authorization(&anybody, &person.elsewhere()?, &id, "there was no connection, or it is not secure").await?;
        ensure!(documents.connections() > before, "{host} was not even asked");
    }
    ensure!(documents.requests().is_empty(), "a request was sent: {:?}", documents.requests());
    Ok(())
}

/// A document server that is asked, and not trusted: its authority is unknown, or its certificate is for other names.
#[test]
fn a_document_of_an_impostor_is_refused() -> Result {
    for trusts in [false, true] {
        let start = async {
            let documents = DocumentServer::start().await?;
            let authority = documents.authority().display().to_string();
            let hosts = ["app.example", "wrong.example"].map(|host| format!("{host}={}", documents.address));
            let mut variables = vec![("DOCENT__CLIENTS__METADATA_DOCUMENT_HOSTS_ALLOWED", hosts.join(","))];
            if trusts {
                variables.push(("DOCENT__CLIENTS__METADATA_DOCUMENT_CA", authority));
            }
            let variables: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let mut installation = Installation::start_with(Shape::Together, &variables).await?;
            installation.published = Some(documents);
            Ok(installation)
        };
        let hosts: &'static [&'static str] = if trusts { &["wrong.example"] } else { &["app.example", "wrong.example"] };
        docent_tests::installation::tell_in(start, |installation| Box::pin(documents_of_impostors(installation, hosts)))?;
    }
    Ok(())
}

/// One thread for requests: whoever blocks it blocks all.
#[test]
fn a_document_that_never_comes_blocks_nobody() -> Result {
    let start = async {
        let documents = DocumentServer::start().await?;
        let mut variables = documents.variables();
        variables.push(("DOCENT__SERVER__WORKERS".to_owned(), "1".to_owned()));
        let variables: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let mut installation = Installation::start_with(Shape::Together, &variables).await?;
        installation.published = Some(documents);
        Ok(installation)
    };
    docent_tests::installation::tell_in(start, |installation| Box::pin(a_document_that_never_comes(installation)))
}

docent_tests::in_shape!(together, Together, client_id_that_leads_inside, cve_2026_1180_jwks_uri_of_a_registration_that_leads_inside);
docent_tests::in_shape_with_documents!(
    together_with_documents,
    Together,
    cve_2026_54885_urls_within_metadata,
    documents_that_misbehave,
    a_host_is_not_a_target_for_floods
);
