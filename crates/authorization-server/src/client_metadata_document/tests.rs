//! The actor and its fetches over a resolver and a network of the test's own.

use super::fetch::{Connect, Resolve, Stream};
use super::*;
use docent_types::actors::ask;
use docent_types::time::ManualClock;
use futures_util::future::{BoxFuture, join_all};
use std::collections::VecDeque;
use std::io::{self, Write as _};
use std::net::{IpAddr, SocketAddr};
use std::sync::Mutex;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use url::Host;

const ID: &str = "https://app.example/client.json";

/// What the other side of a connection does.
#[derive(Clone)]
enum Server {
    /// Answers with these bytes and closes.
    Answers(Vec<u8>),
    /// Answers, and then sends a byte now and again for ever.
    Drips(Vec<u8>),
    /// Sends the same bytes again and again.
    Floods(Vec<u8>, Vec<u8>),
    /// Takes the connection and says nothing.
    Hangs,
    /// Does not take it.
    Refuses,
}

/// A world of names and servers. Names are answered in turn, the last one for ever.
#[derive(Default)]
struct Outside {
    names: Mutex<VecDeque<Vec<IpAddr>>>,
    servers: Mutex<HashMap<SocketAddr, Server>>,
    resolved: Mutex<Vec<String>>,
    connected: Mutex<Vec<SocketAddr>>,
    requests: Mutex<Vec<String>>,
}

#[derive(Clone)]
struct World(Arc<Outside>);

impl Resolve for World {
    fn resolve(&self, host: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        self.0.resolved.lock().unwrap().push(host);
        let mut names = self.0.names.lock().unwrap();
        let found = if names.len() > 1 { names.pop_front() } else { names.front().cloned() };
        Box::pin(async move { found.ok_or_else(|| io::Error::other("no such name")) })
    }
}

impl Connect for World {
    fn connect(&self, _: Host<String>, to: SocketAddr) -> BoxFuture<'static, io::Result<Box<dyn Stream>>> {
        self.0.connected.lock().unwrap().push(to);
        let server = self.0.servers.lock().unwrap().get(&to).cloned();
        let outside = Arc::clone(&self.0);
        Box::pin(async move {
            let (ours, mut theirs) = tokio::io::duplex(1024);
            let server = server.filter(|server| !matches!(server, Server::Refuses)).ok_or_else(|| io::Error::other("refused"))?;
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(theirs.read_u8().await.ok()?);
                }
                outside.requests.lock().unwrap().push(String::from_utf8(head).ok()?);
                match server {
                    Server::Answers(bytes) => theirs.write_all(&bytes).await.ok()?,
                    Server::Drips(bytes) => {
                        theirs.write_all(&bytes).await.ok()?;
                        loop {
                            tokio::time::sleep(Duration::from_millis(5)).await;
                            theirs.write_all(b" ").await.ok()?;
                        }
                    }
                    Server::Floods(bytes, again) => {
                        theirs.write_all(&bytes).await.ok()?;
                        loop {
                            theirs.write_all(&again).await.ok()?;
                        }
                    }
                    Server::Hangs | Server::Refuses => std::future::pending().await,
                }
                Some(())
            });
            Ok(Box::new(ours) as Box<dyn Stream>)
        })
    }
}

fn answer(status: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    write!(bytes, "HTTP/1.1 {status}\r\n").unwrap();
    for (name, value) in headers {
        write!(bytes, "{name}: {value}\r\n").unwrap();
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(body);
    bytes
}

fn document() -> Vec<u8> {
    serde_json::json!({"client_id": ID, "client_name": "App", "redirect_uris": ["http://127.0.0.1/callback"]}).to_string().into_bytes()
}

const JSON: (&str, &str) = ("Content-Type", "application/json");

fn good() -> Server {
    Server::Answers(answer("200 OK", &[JSON, ("Connection", "close")], &document()))
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

struct Scene {
    outside: World,
    clock: Arc<ManualClock>,
    published: SharedDocuments,
    actor: Addr<MetadataDocuments>,
}

impl Scene {
    fn new(names: &[&[&str]], server: Server) -> Self {
        Self::permitting(names, server, &[])
    }

    fn permitting(names: &[&[&str]], server: Server, allowed: &[&str]) -> Self {
        let outside = World(Arc::default());
        *outside.0.names.lock().unwrap() = names.iter().map(|set| set.iter().map(|one| ip(one)).collect()).collect();
        for address in names.iter().copied().flatten() {
            outside.0.servers.lock().unwrap().insert(SocketAddr::new(ip(address), 443), server.clone());
        }
        let clock = Arc::new(ManualClock::new(Timestamp::from_seconds(1_800_000_000)));
        let published = SharedDocuments::default();
        let fetcher = Fetcher {
            resolve: Arc::new(outside.clone()),
            connect: Arc::new(outside.clone()),
            allowed: Allowed::parse(allowed.iter().copied()).unwrap(),
            timeout: Duration::from_millis(200),
        };
        let actor = MetadataDocuments::new(fetcher, Arc::clone(&published), clock.clone()).start();
        Self { outside, clock, published, actor }
    }

    async fn read(&self, id: &str) -> Result<Read<Client>, DocumentError> {
        ask(&self.actor.clone().recipient(), ReadClientDocument { client_id: ClientId(id.to_owned()) }).await
    }

    async fn error(&self) -> DocumentError {
        self.read(ID).await.map(|read| read.document.name.clone()).unwrap_err()
    }

    fn connected(&self) -> Vec<String> {
        self.outside.0.connected.lock().unwrap().iter().map(|address| address.ip().to_string()).collect()
    }
}

/// AS12.
#[actix::test]
async fn a_document_is_asked_for_plainly_and_read() {
    let scene = Scene::new(&[&["8.8.8.8"]], good());
    let client = scene.read(ID).await.unwrap().document;
    assert_eq!((client.name.as_str(), client.id.as_str()), ("App", ID));
    let requests = scene.outside.0.requests.lock().unwrap().clone();
    let request = requests[0].to_ascii_lowercase();
    assert!(request.starts_with("get /client.json http/1.1\r\n"), "{request}");
    for line in ["host: app.example\r\n", "accept: application/json\r\n", "accept-encoding: identity\r\n"] {
        assert!(request.contains(line), "{request}");
    }
    assert!(!request.contains("cookie") && !request.contains("authorization"), "{request}");
}

/// AS12: clients that use documents as soon as they are advertised must be able to connect to a server without a way to the internet.
#[actix::test]
async fn a_server_that_cannot_reach_the_makers_of_clients_says_so_until_it_can() {
    let scene = Scene::new(&[], good());
    assert_eq!(scene.read("https://nowhere.example/client.json").await.map(|_| ()).unwrap_err(), DocumentError::Host);
    assert!(!scene.published.load().is_cut_off, "a stranger's choice of a host");
    assert_eq!(scene.read("https://chatgpt.com:81/client.json").await.map(|_| ()).unwrap_err(), DocumentError::Host);
    assert!(!scene.published.load().is_cut_off, "a stranger's choice of a port");
    assert_eq!(scene.read("https://chatgpt.com/oauth/codex/client.json").await.map(|_| ()).unwrap_err(), DocumentError::Host);
    assert!(scene.published.load().is_cut_off);
    // The way is there: the maker answers, though with another document.
    scene.outside.0.names.lock().unwrap().push_back(vec![ip("8.8.8.8")]);
    scene.outside.0.servers.lock().unwrap().insert("8.8.8.8:443".parse().unwrap(), good());
    assert!(scene.read(ID).await.is_ok());
    assert!(scene.published.load().is_cut_off, "another host");
    assert_eq!(scene.read("https://chatgpt.com/oauth/codex/client.json").await.map(|_| ()).unwrap_err(), DocumentError::ClientId);
    assert!(!scene.published.load().is_cut_off);
}

/// AS12; CVE-2026-1180 and CVE-2026-54885: names and addresses that lead inside are not connected to, in whatever form.
#[actix::test]
async fn no_connection_is_made_to_an_address_of_special_use() {
    for address in [
        "0.0.0.0",
        "127.0.0.1",
        "10.0.0.1",
        "100.100.100.200",
        "169.254.169.254",
        "172.16.0.1",
        "192.168.1.1",
        "192.0.0.192",
        "198.18.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "168.63.129.16",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:169.254.169.254",
        "::ffff:127.0.0.1",
        "64:ff9b::169.254.169.254",
        "64:ff9b:1::7f00:1",
        "2002:7f00:1::",
        "2002:a9fe:a9fe::1",
        "2001::1",
        "2001:db8::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fec0::1",
        "ff02::1",
    ] {
        let scene = Scene::new(&[&[address]], good());
        assert_eq!(scene.error().await, DocumentError::Address, "{address}");
        let literal = if address.contains(':') { format!("https://[{}]/c", ip(address)) } else { format!("https://{address}/c") };
        let outcome = scene.read(&literal).await.map(|read| read.document.name.clone());
        assert!(matches!(outcome, Err(DocumentError::Address | DocumentError::Url)), "{literal}: {outcome:?}");
        assert!(scene.connected().is_empty(), "{address} was connected to");
    }
}

/// AS12: DNS that answers differently the second time finds nobody who asks a second time.
#[actix::test]
async fn a_name_is_resolved_once_and_only_what_was_judged_is_connected_to() {
    let scene = Scene::new(&[&["8.8.8.8"], &["127.0.0.1"]], good());
    assert!(scene.read(ID).await.is_ok());
    assert_eq!(scene.outside.0.resolved.lock().unwrap().len(), 1);
    assert_eq!(scene.connected(), ["8.8.8.8"]);
    // The next fetch asks the name anew, and judges anew.
    scene.clock.advance(Duration::from_secs(86_400));
    assert_eq!(scene.error().await, DocumentError::Address);
    assert_eq!(scene.connected(), ["8.8.8.8"]);
    // Several addresses at once: the inner ones are left out, also when the outer ones do not answer.
    let mixed = Scene::new(&[&["169.254.169.254", "8.8.8.8", "::1", "127.0.0.1"]], good());
    mixed.outside.0.servers.lock().unwrap().insert("8.8.8.8:443".parse().unwrap(), Server::Refuses);
    assert_eq!(mixed.error().await, DocumentError::Connection);
    assert_eq!(mixed.connected(), ["8.8.8.8"]);
}

/// AS12.
#[actix::test]
async fn what_the_operator_names_may_be_asked_inside() {
    let scene = Scene::permitting(&[&["10.1.2.3"]], good(), &["app.example"]);
    assert!(scene.read(ID).await.is_ok());
    let mirrored = Scene::permitting(&[&["8.8.8.8"]], good(), &["app.example=10.9.9.9:4443"]);
    mirrored.outside.0.servers.lock().unwrap().insert("10.9.9.9:4443".parse().unwrap(), good());
    assert!(mirrored.read(ID).await.is_ok());
    assert!(mirrored.outside.0.resolved.lock().unwrap().is_empty());
    assert_eq!(mirrored.connected(), ["10.9.9.9"]);
}

/// AS12.
#[actix::test]
async fn whatever_is_no_plain_json_document_of_its_own_url_is_refused() {
    let body = document();
    let with = |status: &str, headers: &[(&str, &str)], body: &[u8]| Server::Answers(answer(status, headers, body));
    let long = format!("{{\"client_id\":\"{ID}\",\"x\":\"{}\"}}", "y".repeat(5 * 1024));
    let chunked = |body: &str| {
        answer("200 OK", &[JSON, ("Transfer-Encoding", "chunked")], format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len()).as_bytes())
    };
    let deep = format!("{{\"client_id\":{}1{}}}", "[".repeat(2000), "]".repeat(2000));
    let other =
        serde_json::json!({"client_id": "https://app.example/other.json", "redirect_uris": ["http://127.0.0.1/callback"]}).to_string();
    for (server, expected) in [
        (with("302 Found", &[("Location", "https://169.254.169.254/latest")], b""), DocumentError::Redirect),
        (with("301 Moved", &[("Location", ID)], b""), DocumentError::Redirect),
        (with("304 Not Modified", &[], b""), DocumentError::Redirect),
        (with("404 Not Found", &[JSON], &body), DocumentError::Status(404)),
        (with("201 Created", &[JSON], &body), DocumentError::Status(201)),
        (with("500 Oh", &[JSON], &body), DocumentError::Status(500)),
        (with("200 OK", &[("Content-Type", "text/html")], &body), DocumentError::MediaType),
        (with("200 OK", &[], &body), DocumentError::MediaType),
        (with("200 OK", &[JSON, ("Content-Encoding", "gzip")], b"\x1f\x8b\x08"), DocumentError::Encoding),
        (with("200 OK", &[JSON, ("Content-Encoding", "br, gzip")], &body), DocumentError::Encoding),
        (with("200 OK", &[JSON, ("Content-Length", "9999999")], &body), DocumentError::Size(5120)),
        (with("200 OK", &[JSON], long.as_bytes()), DocumentError::Size(5120)),
        (Server::Answers(chunked(&long)), DocumentError::Size(5120)),
        (Server::Floods(answer("200 OK", &[JSON], b"{"), b" ".to_vec()), DocumentError::Size(5120)),
        (Server::Floods(b"HTTP/1.1 200 OK\r\n".to_vec(), b"x-y: zzzzzzzzzzzzzzzz\r\n".to_vec()), DocumentError::Connection),
        (Server::Floods(b"HTTP/1.1 200 OK\r\nx: ".to_vec(), b"y".to_vec()), DocumentError::Connection),
        (with("200 OK", &[JSON], deep.as_bytes()), DocumentError::Json),
        (with("200 OK", &[JSON], b"[1]"), DocumentError::Json),
        (with("200 OK", &[JSON], b"\xff\xfe{}"), DocumentError::Json),
        (with("200 OK", &[JSON, ("Content-Length", "400")], b"{"), DocumentError::Connection),
        (with("200 OK", &[JSON], other.as_bytes()), DocumentError::ClientId),
        (Server::Answers(b"SSH-2.0-OpenSSH_9.9\r\n".to_vec()), DocumentError::Connection),
        (Server::Refuses, DocumentError::Connection),
        (Server::Hangs, DocumentError::Time),
        (Server::Drips(b"HTTP/1.1 200 OK\r\nx: ".to_vec()), DocumentError::Time),
        (Server::Drips(answer("200 OK", &[JSON], &body)), DocumentError::Time),
    ] {
        let scene = Scene::new(&[&["8.8.8.8"]], server);
        assert_eq!(scene.error().await, expected);
        assert!(scene.published.load().clients.is_empty(), "{expected}: failures are not kept");
        assert_eq!(scene.outside.0.connected.lock().unwrap().len(), 1, "{expected}");
    }
    let unknown = Scene::new(&[], good());
    assert_eq!(unknown.error().await, DocumentError::Host);
}

/// AS12.
#[actix::test]
async fn requests_that_come_together_are_one_fetch_and_a_fresh_document_is_none() {
    let scene = Scene::new(&[&["8.8.8.8"]], Server::Answers(answer("200 OK", &[JSON, ("Cache-Control", "max-age=300")], &document())));
    let all = join_all((0..100).map(|_| scene.read(ID))).await;
    assert!(all.iter().all(Result::is_ok));
    assert_eq!(scene.connected().len(), 1);
    scene.clock.advance(Duration::from_secs(299));
    assert!(scene.read(ID).await.is_ok());
    assert_eq!(scene.connected().len(), 1);
    scene.clock.advance(Duration::from_secs(1));
    assert!(scene.read(ID).await.is_ok());
    assert_eq!(scene.connected().len(), 2);
    // All who wait for a fetch that fails hear of it.
    let hanging = Scene::new(&[&["8.8.8.8"]], Server::Hangs);
    let all = join_all((0..100).map(|_| hanging.read(ID))).await;
    assert!(all.iter().all(|outcome| matches!(outcome, Err(DocumentError::Time))));
    assert_eq!(hanging.connected().len(), 1);
}

/// AS12: a budget for each host, which failures use up too.
#[actix::test]
async fn a_host_is_not_asked_more_often_than_its_budget() {
    let scene = Scene::new(&[&["8.8.8.8"]], Server::Refuses);
    for _ in 0..10 {
        assert_eq!(scene.error().await, DocumentError::Connection);
    }
    assert_eq!(scene.error().await, DocumentError::TooOften(6));
    assert_eq!(scene.read("https://app.example/another.json").await.map(|_| ()).unwrap_err(), DocumentError::TooOften(6));
    assert_eq!(scene.connected().len(), 10);
    scene.clock.advance(Duration::from_secs(6));
    assert_eq!(scene.error().await, DocumentError::Connection);
}

/// AS12: however many hang, they are bounded, and others are answered meanwhile.
#[actix::test]
async fn a_fetch_that_hangs_stands_in_nobodys_way() {
    let scene = Scene::new(&[&["8.8.8.8"]], Server::Hangs);
    let ids: Vec<String> = (0..AT_ONCE + 10).map(|host| format!("https://h{host}.s{host}.example/c")).collect();
    let hanging = join_all(ids.iter().map(|id| scene.read(id)));
    let meanwhile = async {
        // The last ones are told at once that it is too much, while the first ones wait.
        scene.read("https://late.example/c").await.map(|_| ()).unwrap_err()
    };
    let (all, late) = futures_util::future::join(hanging, meanwhile).await;
    assert_eq!(late, DocumentError::Unavailable(Unavailable::Busy));
    let count = |wanted: &DocumentError| all.iter().filter(|outcome| outcome.as_ref().err() == Some(wanted)).count();
    assert_eq!((count(&DocumentError::Time), count(&DocumentError::Unavailable(Unavailable::Busy))), (AT_ONCE, 10));
}

/// AS12, AS10: keys are read by the same rules, and read again when one is missing.
#[actix::test]
async fn keys_are_fetched_by_the_same_rules() {
    let uri = "https://app.example/jwks.json".to_owned();
    let scene =
        Scene::new(&[&["8.8.8.8"]], Server::Answers(answer("200 OK", &[("Content-Type", "application/jwk-set+json")], b"{\"keys\":[]}")));
    let keys = scene.actor.clone().recipient();
    let first = ask(&keys, ReadClientKeys { jwks_uri: uri.clone(), since: Timestamp(0) }).await.unwrap();
    scene.clock.advance(Duration::from_secs(1));
    ask(&keys, ReadClientKeys { jwks_uri: uri.clone(), since: first.at }).await.unwrap();
    assert_eq!(scene.connected().len(), 1);
    ask(&keys, ReadClientKeys { jwks_uri: uri.clone(), since: first.at.after(Duration::from_secs(1)) }).await.unwrap();
    assert_eq!(scene.connected().len(), 2);
    let inside = Scene::new(&[&["169.254.169.254"]], good());
    let outcome = ask(&inside.actor.clone().recipient(), ReadClientKeys { jwks_uri: uri, since: Timestamp(0) }).await;
    assert_eq!(outcome.map(|_| ()).unwrap_err(), DocumentError::Address);
}

/// AS12: what is kept is bounded.
#[test]
fn a_stranger_cannot_fill_the_memory_with_documents() {
    let mut kept = HashMap::new();
    let read = |second| Read { document: Arc::new(()), at: Timestamp(0), fresh_until: Timestamp::from_seconds(second) };
    for number in 0..KEPT + 5 {
        keep(&mut kept, &number.to_string(), read(1000 + i64::try_from(number).unwrap()), Timestamp(0));
    }
    assert_eq!(kept.len(), KEPT);
    assert!(!kept.contains_key("0") && kept.contains_key("5"), "what would end first goes first");
    keep(&mut kept, "late", read(99_999), Timestamp::from_seconds(50_000));
    assert_eq!(kept.len(), 1, "what has ended goes");
}
