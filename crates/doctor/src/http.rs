//! Requests with manners: counted and bounded, short bodies, no redirect followed unseen, and never from a public server
//! to an address on the inside.

use reqwest::Method;
use serde_json::Value;
use std::cell::RefCell;
use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;
use url::{Host, Url};

/// The longest body that is read.
const BODY_LIMIT: usize = 256 * 1024;
/// How often a redirect of a document is followed.
const REDIRECTS: usize = 3;

/// What is sent.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// Where to.
    pub url: String,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Request {
    /// A request without headers and body.
    #[must_use]
    pub fn new(method: Method, url: &str) -> Self {
        Self { method, url: url.to_owned(), headers: Vec::new(), body: Vec::new() }
    }

    /// With a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_ascii_lowercase(), value.to_owned()));
        self
    }

    /// With a JSON body.
    #[must_use]
    pub fn json(mut self, body: &Value) -> Self {
        self.body = body.to_string().into_bytes();
        self.header("content-type", "application/json")
    }

    /// With a form as body.
    #[must_use]
    pub fn form(mut self, fields: &[(String, String)]) -> Self {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        self.body = form.extend_pairs(fields).finish().into_bytes();
        self.header("content-type", "application/x-www-form-urlencoded")
    }
}

/// What came.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Headers, names in lower case; one line for each value.
    pub headers: Vec<(String, String)>,
    /// The body, up to a limit.
    pub body: String,
    /// Where it came from, after redirects.
    pub url: String,
}

impl Answer {
    /// A header's values, joined with a comma; empty if it is not there.
    #[must_use]
    pub fn header(&self, name: &str) -> String {
        self.headers.iter().filter(|(one, _)| one == name).map(|(_, value)| value.as_str()).collect::<Vec<_>>().join(", ")
    }

    /// Whether the status is 2xx.
    #[must_use]
    pub const fn is_success(&self) -> bool {
        self.status >= 200 && self.status < 300
    }

    /// Whether the status is 3xx with somewhere to go.
    #[must_use]
    pub fn location(&self) -> Option<Url> {
        if !(300..400).contains(&self.status) {
            return None;
        }
        Url::parse(&self.url).ok()?.join(&self.header("location")).ok().filter(|_| !self.header("location").is_empty())
    }

    /// The body as JSON.
    #[must_use]
    pub fn json(&self) -> Option<Value> {
        serde_json::from_str(&self.body).ok()
    }

    /// Whether it says that it is JSON.
    #[must_use]
    pub fn says_json(&self) -> bool {
        let kind = self.header("content-type").to_ascii_lowercase();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"))
    }

    /// The JSON-RPC message, as JSON or as the first event of a stream.
    #[must_use]
    pub fn message(&self) -> Option<Value> {
        if !self.header("content-type").starts_with("text/event-stream") {
            return self.json();
        }
        self.body.lines().filter_map(|line| line.strip_prefix("data:")).find_map(|data| serde_json::from_str(data.trim()).ok())
    }

    /// What it says went wrong, for people: the OAuth error or the beginning of the body.
    #[must_use]
    pub fn words(&self) -> String {
        let json = self.json();
        let text = |name: &str| json.as_ref().and_then(|json| json[name].as_str()).unwrap_or_default().to_owned();
        let (error, description) = (text("error"), text("error_description"));
        let words = match (error.is_empty(), description.is_empty()) {
            (false, false) => format!("{error}: {description}"),
            (false, true) => error,
            _ if self.header("content-type").contains("html") => "a page".to_owned(),
            _ => self.body.clone(),
        };
        let words = clean(&words, 160);
        if words.is_empty() { format!("status {}", self.status) } else { format!("status {}, {words}", self.status) }
    }
}

/// A server's text for a terminal: without control and direction characters, and not too long.
#[must_use]
pub fn clean(text: &str, limit: usize) -> String {
    let is_hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
    };
    let mut words = text.split(|c: char| is_hidden(c) || c.is_whitespace()).filter(|word| !word.is_empty());
    let mut cleaned = words.next().unwrap_or_default().to_owned();
    for word in words {
        if cleaned.len() > limit * 4 {
            break;
        }
        cleaned.push(' ');
        cleaned.push_str(word);
    }
    if cleaned.chars().count() > limit { cleaned.chars().take(limit.saturating_sub(1)).chain(['…']).collect() } else { cleaned }
}

/// Why there is no answer.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Trouble {
    /// Nobody answers.
    #[error("{0}")]
    NoAnswer(String),
    /// It was not asked.
    #[error("{0} was not visited: {1}")]
    NotVisited(String, &'static str),
    /// More requests than an examination may make.
    #[error("the examination ended after {0} requests")]
    Exhausted(usize),
}

/// Sends requests for one examination.
#[derive(Debug)]
pub struct Http {
    client: reqwest::Client,
    timeout: Duration,
    examined: Url,
    limit: usize,
    count: RefCell<usize>,
    /// Documents that were read already: the clients ask for the same ones.
    documents: RefCell<HashMap<String, Result<Answer, Trouble>>>,
}

fn inside(host: &Host<&str>) -> bool {
    let address = match host {
        Host::Domain(name) => return *name == "localhost" || name.ends_with(".localhost"),
        Host::Ipv4(address) => IpAddr::V4(*address),
        Host::Ipv6(address) => address.to_ipv4_mapped().map_or(IpAddr::V6(*address), IpAddr::V4),
    };
    match address {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_private() || v4.is_link_local() || v4.is_unspecified(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unspecified() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

/// Whether a host is the person's own machine.
#[must_use]
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

impl Http {
    /// For the examination of the server at this URL.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub fn new(examined: &Url, timeout: Duration, limit: usize) -> Result<Self, Trouble> {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("docent-doctor/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(timeout)
            .build()
            .map_err(|error| Trouble::NoAnswer(error.to_string()))?;
        Ok(Self { client, timeout, examined: examined.clone(), limit, count: RefCell::default(), documents: RefCell::default() })
    }

    /// How many requests were sent.
    #[must_use]
    pub fn count(&self) -> usize {
        *self.count.borrow()
    }

    /// A server on the internet does not send us to the inside of somebody's network, nor to plain http.
    fn may_visit(&self, url: &Url) -> Result<(), &'static str> {
        let Some(host) = url.host() else { return Err("it has no host") };
        let is_same = url.host_str() == self.examined.host_str();
        match url.scheme() {
            "https" | "http" if is_same => Ok(()),
            "https" | "http" if self.examined.host().is_some_and(|host| !inside(&host)) && inside(&host) => {
                Err("a server on the internet named an address on the inside")
            }
            "https" => Ok(()),
            "http" if inside(&host) => Ok(()),
            "http" => Err("it is plain http to another machine"),
            _ => Err("it is neither http nor https"),
        }
    }

    /// Sends a request; redirects are answers.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn send(&self, request: &Request) -> Result<Answer, Trouble> {
        let url = Url::parse(&request.url).map_err(|_| Trouble::NotVisited(clean(&request.url, 200), "it is not a URL"))?;
        self.may_visit(&url).map_err(|why| Trouble::NotVisited(clean(url.as_str(), 200), why))?;
        if self.count() >= self.limit {
            return Err(Trouble::Exhausted(self.limit));
        }
        *self.count.borrow_mut() += 1;
        let sent = tokio::time::timeout(self.timeout, self.exchange(request, &url)).await;
        sent.unwrap_or_else(|_| Err(Trouble::NoAnswer(format!("{} {url} takes longer than {:?}", request.method, self.timeout))))
    }

    async fn exchange(&self, request: &Request, url: &Url) -> Result<Answer, Trouble> {
        let failed = |error: reqwest::Error| {
            let mut words = error.to_string();
            let mut cause: Option<&dyn std::error::Error> = std::error::Error::source(&error);
            while let Some(error) = cause {
                words = format!("{words}: {error}");
                cause = error.source();
            }
            Trouble::NoAnswer(clean(&words, 300))
        };
        let mut builder = self.client.request(request.method.clone(), url.clone());
        for (name, value) in &request.headers {
            builder = builder.header(name, value);
        }
        if !request.body.is_empty() || request.method == Method::POST {
            builder = builder.body(request.body.clone());
        }
        let mut response = builder.send().await.map_err(failed)?;
        let text = |value: &reqwest::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers: Vec<(String, String)> =
            response.headers().iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
        let mut answer = Answer { status: response.status().as_u16(), headers, body: String::new(), url: url.to_string() };
        let is_stream = answer.header("content-type").starts_with("text/event-stream");
        let mut bytes = Vec::new();
        while bytes.len() < BODY_LIMIT {
            // A stream stays open: its first event is enough, and silence is none.
            let next = if is_stream {
                match tokio::time::timeout(Duration::from_secs(2), response.chunk()).await {
                    Ok(next) => next,
                    Err(_) => break,
                }
            } else {
                response.chunk().await
            };
            match next.map_err(failed)? {
                Some(chunk) => bytes.extend_from_slice(&chunk),
                None => break,
            }
            let so_far = String::from_utf8_lossy(&bytes);
            if is_stream && so_far.contains("data:") && (so_far.contains("\n\n") || so_far.contains("\r\n\r\n")) {
                break;
            }
        }
        bytes.truncate(BODY_LIMIT);
        answer.body = String::from_utf8_lossy(&bytes).into_owned();
        Ok(answer)
    }

    /// Reads a public document, once; a few redirects are followed, as clients do.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn document(&self, url: &str) -> Result<Answer, Trouble> {
        if let Some(known) = self.documents.borrow().get(url) {
            return known.clone();
        }
        let answer = self.read(url).await;
        self.documents.borrow_mut().insert(url.to_owned(), answer.clone());
        answer
    }

    async fn read(&self, url: &str) -> Result<Answer, Trouble> {
        let mut answer = self.send(&Request::new(Method::GET, url).header("accept", "application/json")).await?;
        for _ in 0..REDIRECTS {
            match answer.location() {
                Some(next) => answer = self.send(&Request::new(Method::GET, next.as_str()).header("accept", "application/json")).await?,
                None => break,
            }
        }
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_a_server_does_not_move_the_cursor() {
        assert_eq!(clean("a\u{1b}[2Jb\r\nc \u{202e}d", 100), "a [2Jb c d");
        assert_eq!(clean("abcdef", 4), "abc…");
        assert_eq!(clean("", 4), "");
    }

    #[test]
    fn a_server_on_the_internet_does_not_lead_inside() {
        let may = |examined: &str, url: &str| {
            Http::new(&Url::parse(examined).unwrap(), Duration::from_secs(1), 1).unwrap().may_visit(&Url::parse(url).unwrap()).is_ok()
        };
        assert!(may("https://a.example/mcp", "https://auth.b.example/x"));
        assert!(may("http://localhost:1/mcp", "http://127.0.0.1:2/x") && may("http://192.168.0.7/mcp", "http://192.168.0.8/x"));
        for url in [
            "http://b.example/",
            "http://127.0.0.1/",
            "https://localhost/",
            "http://169.254.169.254/latest",
            "https://[::ffff:10.0.0.1]/",
            "file:///etc/passwd",
            "gopher://a.example/",
        ] {
            assert!(!may("https://a.example/mcp", url), "{url}");
        }
    }
}
