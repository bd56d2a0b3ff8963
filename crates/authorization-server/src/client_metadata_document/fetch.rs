//! Fetching a document from a stranger (AS12): one name is resolved once, its addresses are judged, and the connection goes to an
//! address that was judged; no redirects, no compression, little time, few bytes. Names and connections are passed in.

use super::address::Allowed;
use super::freshness;
use docent_types::documents::DocumentError;
use futures_util::future::BoxFuture;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderMap, USER_AGENT};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use url::{Host, Url};

/// For all of it: name, connection, headers and body.
pub const TIMEOUT: Duration = Duration::from_secs(5);
/// For one of several addresses of a host.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How many addresses of a host are tried.
const ATTEMPTS: usize = 3;
/// What an answer's head may be long.
const HEAD_LIMIT: usize = 16 * 1024;
/// The longest URL that is asked.
const URL_LIMIT: usize = 2000;

/// A connection.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Tells the addresses of a name.
pub trait Resolve: Send + Sync + 'static {
    /// All addresses of `host`. Called once for each fetch: what it answers later cannot matter.
    fn resolve(&self, host: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>>;
}

/// Opens connections.
pub trait Connect: Send + Sync + 'static {
    /// A connection to exactly this address, over which the server has proved that it is `host`.
    fn connect(&self, host: Host<String>, to: SocketAddr) -> BoxFuture<'static, io::Result<Box<dyn Stream>>>;
}

/// A URL that may be asked, taken apart.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Target {
    host: Host<String>,
    port: u16,
    authority: String,
    path: String,
}

impl Target {
    /// Reads the URL of a document (CIMD 3): https, with a path, in the one form in which it is written: no user name, no fragment,
    /// no dot segments, no other spelling of the same host.
    ///
    /// # Errors
    /// [`DocumentError::Url`].
    pub fn parse(text: &str) -> Result<Self, DocumentError> {
        let url = Url::parse(text).map_err(|_| DocumentError::Url)?;
        let is_plain = text.len() <= URL_LIMIT
            && url.as_str() == text
            && url.scheme() == "https"
            && url.username().is_empty()
            && url.password().is_none()
            && url.fragment().is_none()
            && !text.contains('@')
            && url.path() != "/";
        let (Some(host), Some(port), true) = (url.host(), url.port_or_known_default(), is_plain) else { return Err(DocumentError::Url) };
        let authority = url.port().map_or_else(|| host.to_string(), |port| format!("{host}:{port}"));
        let path = url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
        Ok(Self { host: host.to_owned(), port, authority, path })
    }

    /// Whether the URL names no port.
    #[must_use]
    pub const fn is_on_the_usual_port(&self) -> bool {
        self.port == 443
    }

    /// The host, as the URL writes it.
    #[must_use]
    pub fn host(&self) -> String {
        self.host.to_string()
    }
}

/// What was fetched.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fetched {
    /// The body: a JSON object.
    pub fields: serde_json::Map<String, serde_json::Value>,
    /// How long it counts.
    pub keep: Duration,
}

/// Fetches documents.
#[derive(Clone)]
pub struct Fetcher {
    /// Tells addresses.
    pub resolve: Arc<dyn Resolve>,
    /// Opens connections.
    pub connect: Arc<dyn Connect>,
    /// What the operator permits.
    pub allowed: Allowed,
    /// For all of a fetch: [`TIMEOUT`].
    pub timeout: Duration,
}

impl Fetcher {
    /// Fetches a JSON object of at most `limit` bytes.
    ///
    /// # Errors
    /// Why not.
    pub async fn fetch(&self, target: &Target, limit: usize) -> Result<Fetched, DocumentError> {
        tokio::time::timeout(self.timeout, self.at_leisure(target, limit)).await.unwrap_or(Err(DocumentError::Time))
    }

    async fn at_leisure(&self, target: &Target, limit: usize) -> Result<Fetched, DocumentError> {
        let stream = self.connection(target).await?;
        let (mut sender, connection) = hyper::client::conn::http1::Builder::new()
            .max_buf_size(HEAD_LIMIT)
            .handshake::<_, Empty<Bytes>>(TokioIo::new(stream))
            .await
            .map_err(|_| DocumentError::Connection)?;
        let request = Request::get(target.path.as_str())
            .header(HOST, target.authority.as_str())
            .header(ACCEPT, "application/json")
            .header(ACCEPT_ENCODING, "identity")
            .header(USER_AGENT, concat!("docent/", env!("CARGO_PKG_VERSION")))
            .body(Empty::new())
            .map_err(|_| DocumentError::Url)?;
        let exchange = async {
            let answer = sender.send_request(request).await.map_err(|_| DocumentError::Connection)?;
            read(answer, limit).await
        };
        // The connection lives as long as the exchange; both end with the timeout.
        tokio::select! {
            fetched = exchange => fetched,
            Err(_) = connection => Err(DocumentError::Connection),
        }
    }

    /// The name is resolved here and nowhere else; what is connected to is what was judged.
    async fn connection(&self, target: &Target) -> Result<Box<dyn Stream>, DocumentError> {
        let host = target.host();
        let addresses = match (&target.host, self.allowed.instead_of(&host)) {
            (_, Some(at)) => vec![at],
            (Host::Ipv4(address), None) => self.judged(&host, target.port, &[IpAddr::V4(*address)])?,
            (Host::Ipv6(address), None) => self.judged(&host, target.port, &[IpAddr::V6(*address)])?,
            (Host::Domain(_), None) => {
                let found = self.resolve.resolve(host.clone()).await.map_err(|_| DocumentError::Host)?;
                self.judged(&host, target.port, &found)?
            }
        };
        for address in addresses.into_iter().take(ATTEMPTS) {
            let attempt = self.connect.connect(target.host.clone(), address);
            match tokio::time::timeout(CONNECT_TIMEOUT.min(self.timeout), attempt).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => tracing::debug!(%host, %error, "no connection to the host of a document"),
                Err(_) => tracing::debug!(%host, "the host of a document does not answer"),
            }
        }
        Err(DocumentError::Connection)
    }

    fn judged(&self, host: &str, port: u16, found: &[IpAddr]) -> Result<Vec<SocketAddr>, DocumentError> {
        let permitted = self.allowed.of(host, found).inspect_err(|error| {
            if *error == DocumentError::Address {
                tracing::warn!(%host, "a client names a document at an address of special use: it is not asked (clients.metadata_document_hosts_allowed would permit it)");
            }
        })?;
        Ok(permitted.into_iter().map(|address| SocketAddr::new(address, port)).collect())
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &hyper::header::HeaderName) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().trim()
}

/// `application/json` and `application/…+json`, with whatever parameters.
fn is_json(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let suffix = kind.strip_prefix("application/").and_then(|rest| rest.strip_suffix("+json"));
    kind == "application/json" || suffix.is_some_and(|name| !name.is_empty())
}

async fn read(answer: Response<Incoming>, limit: usize) -> Result<Fetched, DocumentError> {
    let headers = answer.headers();
    match answer.status() {
        StatusCode::OK => {}
        status if status.is_redirection() => return Err(DocumentError::Redirect),
        status => return Err(DocumentError::Status(status.as_u16())),
    }
    if !matches!(header(headers, &CONTENT_ENCODING).to_ascii_lowercase().as_str(), "" | "identity") {
        return Err(DocumentError::Encoding);
    }
    if !is_json(header(headers, &CONTENT_TYPE)) {
        return Err(DocumentError::MediaType);
    }
    if header(headers, &CONTENT_LENGTH).parse::<u64>().is_ok_and(|length| length > limit as u64) {
        return Err(DocumentError::Size(limit));
    }
    let keep = freshness::of(headers);
    let mut body = answer.into_body();
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| DocumentError::Connection)?;
        let Some(data) = frame.data_ref() else { continue };
        if bytes.len() + data.len() > limit {
            return Err(DocumentError::Size(limit));
        }
        bytes.extend_from_slice(data);
    }
    Ok(Fetched { fields: serde_json::from_slice(&bytes).map_err(|_| DocumentError::Json)?, keep })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// AS12.
    #[test]
    fn only_the_one_plain_form_of_an_https_url_with_a_path_is_asked() {
        for good in [
            "https://chatgpt.com/oauth/codex/client.json",
            "https://app.example:8443/c?x=1",
            "https://xn--exmple-cua.example/c",
            "https://app.example/c/",
            "https://127.0.0.1/c",
            "https://[2606:4700::1111]:444/c",
        ] {
            assert!(Target::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "http://app.example/c",
            "https://app.example",
            "https://app.example/",
            "https://app.example/?x",
            "https://app.example/c#f",
            "https://app.example/c#",
            "https://user@app.example/c",
            "https://user:pass@app.example/c",
            "https://@app.example/c",
            "https://:@app.example/c",
            "https://app.example/a/../c",
            "https://app.example/./c",
            "https://app.example/%2e%2e/c",
            "https://app.example/%2E/c",
            "https://APP.example/c",
            "HTTPS://app.example/c",
            "https:/app.example/c",
            "https:app.example/c",
            "https:///app.example/c",
            "https://app.example:443/c",
            "https://app.example\\@evil.example/c",
            "https://app.example\\c",
            "https://app.example/c d",
            "https://app.example/c\n",
            "\thttps://app.example/c",
            "https://exämple.example/c",
            "https://127.1/c",
            "https://2130706433/c",
            "https://0x7f000001/c",
            "https://0177.0.0.1/c",
            "https://127.0.0.1./c",
            "https://[::ffff:127.0.0.1]/c",
            "https://[0:0:0:0:0:0:0:1]/c",
            "https://%6cocalhost/c",
            "https://１２７.0.0.1/c",
            "file:///etc/passwd",
            "data:application/json,{}",
            "",
        ] {
            assert_eq!(Target::parse(bad), Err(DocumentError::Url), "{bad}");
        }
        assert!(Target::parse(&format!("https://app.example/{}", "c".repeat(2000))).is_err());
    }

    /// AS12.
    #[test]
    fn json_is_what_says_that_it_is() {
        for json in
            ["application/json", "Application/JSON; charset=utf-8", "application/client+json", "application/oauth-client-metadata+json;x=y"]
        {
            assert!(is_json(json), "{json}");
        }
        for other in [
            "",
            "text/html",
            "text/json",
            "application/jsonp",
            "application/+json",
            "application/json+html",
            "text/html; application/json",
            "application/javascript",
        ] {
            assert!(!is_json(other), "{other}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_a_target_or_not(text in "(https://)?\\PC{0,60}") {
            if let Ok(target) = Target::parse(&text) {
                proptest::prop_assert!(text.starts_with("https://") && text.contains(&target.authority) && text.ends_with(&target.path));
            }
        }
    }
}
