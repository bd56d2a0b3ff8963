//! Getting a file by HTTP, bounded in size and time, without following anybody to another host.

use super::network::Network;
use super::{Progress, SourceError, shown};
use flate2::read::MultiGzDecoder;
use reqwest::blocking::{Client as Inner, Response};
use reqwest::header::{ACCEPT, ACCEPT_ENCODING, HeaderMap, HeaderName, IF_MODIFIED_SINCE, IF_NONE_MATCH};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::io::{Read, Write};
use std::time::{Duration, Instant};
use url::Url;

/// The name in `robots.txt`.
pub const AGENT: &str = "docent";
const CONNECT: Duration = Duration::from_secs(15);
/// Of silence.
const SILENCE: Duration = Duration::from_secs(45);
const PAGE: Duration = Duration::from_secs(120);
const DOWNLOAD: Duration = Duration::from_secs(30 * 60);
const REDIRECTS: usize = 5;
const RETRIES: u32 = 2;
/// A server that wants more patience gets it at the next refresh.
const PATIENCE: Duration = Duration::from_secs(120);

/// By which a server knows whether something changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Validators {
    /// `ETag`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub etag: Option<String>,
    /// `Last-Modified`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub last_modified: Option<String>,
}

impl Validators {
    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.etag.is_none() && self.last_modified.is_none()
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// No connection, or it broke. In words.
    Connection(String),
    /// It is larger than was allowed.
    TooLarge(u64),
    /// It redirects to where nothing is read.
    Elsewhere(String),
    /// It took too long.
    TimedOut,
    /// It was told to stop.
    Cancelled,
}

impl Failure {
    /// The failure of a whole source.
    #[must_use]
    pub fn of(self, display: &str) -> SourceError {
        let display = display.to_owned();
        match self {
            Self::Connection(reason) => SourceError::Unreachable { display, reason },
            Self::TooLarge(limit) => SourceError::TooLarge { display, what: format!("it has more than {} MiB", limit >> 20) },
            Self::Elsewhere(to) => SourceError::Elsewhere { display, to },
            Self::TimedOut => SourceError::TimedOut(display),
            Self::Cancelled => SourceError::Cancelled(display),
        }
    }

    /// In words, for one file of many.
    #[must_use]
    pub fn in_words(&self) -> String {
        match self {
            Self::Connection(reason) => reason.clone(),
            Self::TooLarge(limit) => format!("it is larger than {} MiB", limit >> 20),
            Self::Elsewhere(to) => format!("it redirects to {to}, where nothing is read"),
            Self::TimedOut => "it took too long".to_owned(),
            Self::Cancelled => "it was cancelled".to_owned(),
        }
    }
}

/// A client for one source: its credentials go to its own origin only.
pub struct Client<'a> {
    inner: Inner,
    network: &'a Network,
    progress: &'a dyn Progress,
    display: String,
    origin: url::Origin,
    account: Option<(String, String)>,
}

/// The head of an answer, and the rest to be read.
pub struct Answer<'a> {
    /// The status.
    pub status: u16,
    /// Where it came from, after redirects.
    pub url: Url,
    /// Where it redirects to, if that was not followed.
    pub location: Option<Url>,
    response: Response,
    progress: &'a dyn Progress,
}

fn text_of(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(|value| value.chars().take(1_000).collect())
}

impl<'a> Client<'a> {
    /// A client for a source at `url`, which may have credentials.
    ///
    /// # Errors
    /// The credentials would be sent in the clear, or the system has no trust store.
    pub fn new(url: &Url, display: &str, network: &'a Network, progress: &'a dyn Progress) -> Result<Self, SourceError> {
        let decode = |text: &str| super::git::form_decode(text);
        let account = match (url.username(), url.password()) {
            ("", None) => None,
            // A token alone in place of the user, as with git.
            (token, None) => Some(("oauth2".to_owned(), decode(token))),
            (user, Some(password)) => Some((decode(user), decode(password))),
        };
        if account.is_some() && url.scheme() != "https" {
            return Err(SourceError::Insecure(display.to_owned()));
        }
        let inner = Inner::builder()
            .user_agent(concat!("docent/", env!("CARGO_PKG_VERSION"), " (documentation reader)"))
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT)
            .timeout(SILENCE)
            .build()
            .map_err(|error| SourceError::Unreachable { display: display.to_owned(), reason: words(&error) })?;
        Ok(Self { inner, network, progress, display: display.to_owned(), origin: url.origin(), account })
    }

    /// How the source is called in errors.
    #[must_use]
    pub fn display(&self) -> &str {
        &self.display
    }

    /// Waits, unless it is told to stop.
    ///
    /// # Errors
    /// [`Failure::Cancelled`].
    pub fn wait(&self, time: Duration) -> Result<(), Failure> {
        let step = Duration::from_millis(250);
        let mut left = time;
        while !left.is_zero() {
            if self.progress.cancelled() {
                return Err(Failure::Cancelled);
            }
            (self.network.pause)(left.min(step));
            left = left.saturating_sub(step);
        }
        Ok(())
    }

    /// One request, again after a while if the server is busy. Redirects are answers.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn once(&self, url: &Url, seen: &Validators, accept: &str) -> Result<Answer<'a>, Failure> {
        let mut attempt = 0;
        loop {
            if self.progress.cancelled() {
                return Err(Failure::Cancelled);
            }
            let sent = self.send(url, seen, accept);
            let wait = match &sent {
                Ok(answer) if matches!(answer.status, 429 | 502 | 503 | 504) => {
                    text_of(answer.response.headers(), "retry-after").and_then(|text| text.trim().parse().ok()).map(Duration::from_secs)
                }
                Ok(_) => return sent,
                Err(_) => None,
            };
            let wait = wait.unwrap_or(Duration::from_secs(1 << attempt.min(4)));
            if attempt >= RETRIES || wait > PATIENCE {
                return sent;
            }
            attempt += 1;
            self.wait(wait)?;
        }
    }

    fn send(&self, url: &Url, seen: &Validators, accept: &str) -> Result<Answer<'a>, Failure> {
        let mut plain = url.clone();
        // Neither fails for http and https.
        let _ = plain.set_username("");
        let _ = plain.set_password(None);
        plain.set_fragment(None);
        let mut request = self.inner.get(plain.clone()).header(ACCEPT, accept);
        // A compressed page is unpacked here, where its size is bounded; a file is left as it is.
        request = request.header(ACCEPT_ENCODING, if accept == "*/*" { "identity" } else { "gzip" });
        if let Some((user, password)) = self.account.as_ref().filter(|_| plain.origin() == self.origin) {
            request = request.basic_auth(user, Some(password));
        }
        let conditional: [(HeaderName, &Option<String>); 2] = [(IF_NONE_MATCH, &seen.etag), (IF_MODIFIED_SINCE, &seen.last_modified)];
        for (name, value) in conditional {
            if let Some(value) = value {
                request = request.header(name, value);
            }
        }
        let response = request.send().map_err(|error| Failure::Connection(words(&error)))?;
        let status = response.status().as_u16();
        let location = match status {
            301 | 302 | 303 | 307 | 308 => text_of(response.headers(), "location").and_then(|to| plain.join(&to).ok()),
            _ => None,
        };
        Ok(Answer { status, url: plain, location, response, progress: self.progress })
    }

    /// Follows redirects as far as `may` allows.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn get(&self, url: &Url, seen: &Validators, accept: &str, may: &dyn Fn(&Url) -> bool) -> Result<Answer<'a>, Failure> {
        let mut url = url.clone();
        for _ in 0..=REDIRECTS {
            let answer = self.once(&url, seen, accept)?;
            let Some(to) = answer.location.clone() else { return Ok(answer) };
            if !may(&to) {
                return Err(Failure::Elsewhere(shown(to.as_str())));
            }
            url = to;
        }
        Err(Failure::Connection("it redirects in a circle".to_owned()))
    }

    /// Gets a file of a source: 200, or 304 if `seen` is not empty.
    ///
    /// # Errors
    /// Everything else, in the words of a source's error.
    pub fn file(&self, url: &Url, seen: &Validators, accept: &str) -> Result<Answer<'a>, SourceError> {
        let start = url.clone();
        let answer = self.get(url, seen, accept, &|to| same_host(&start, to)).map_err(|failure| failure.of(&self.display))?;
        match answer.status {
            200 => Ok(answer),
            304 if !seen.is_empty() => Ok(answer),
            status => Err(refused(&self.display, status)),
        }
    }
}

/// Whether `to` is the same host and port, or the same host by https instead of http.
#[must_use]
pub fn same_host(from: &Url, to: &Url) -> bool {
    from.origin() == to.origin()
        || (from.scheme() == "http" && to.scheme() == "https" && from.host() == to.host() && from.port().is_none() && to.port().is_none())
}

/// A status that is no success, as an error of the source.
#[must_use]
pub fn refused(display: &str, status: u16) -> SourceError {
    match status {
        401 | 403 | 407 => SourceError::Authentication(display.to_owned()),
        404 | 410 => SourceError::Missing(display.to_owned()),
        _ => SourceError::Unreachable { display: display.to_owned(), reason: format!("the server answered with status {status}") },
    }
}

impl Answer<'_> {
    /// What the server says that it is, in lower case, without parameters.
    #[must_use]
    pub fn content_type(&self) -> String {
        let whole = text_of(self.response.headers(), "content-type").unwrap_or_default();
        whole.split(';').next().unwrap_or("").trim().to_ascii_lowercase()
    }

    /// What to ask with next time.
    #[must_use]
    pub fn validators(&self) -> Validators {
        let headers = self.response.headers();
        Validators { etag: text_of(headers, "etag"), last_modified: text_of(headers, "last-modified") }
    }

    /// A header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        text_of(self.response.headers(), name)
    }

    /// The whole text, unpacked if it was compressed for the way.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn read(self, limit: u64) -> Result<Vec<u8>, Failure> {
        let gzip = text_of(self.response.headers(), "content-encoding").is_some_and(|how| how.to_ascii_lowercase().contains("gzip"));
        let mut out = Vec::new();
        let progress = self.progress;
        if gzip {
            copy(MultiGzDecoder::new(self.response), &mut out, limit, PAGE, progress)?;
        } else {
            copy(self.response, &mut out, limit, PAGE, progress)?;
        }
        Ok(out)
    }

    /// The beginning of the text, up to a limit.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn read_start(self, limit: u64) -> Result<Vec<u8>, Failure> {
        let gzip = text_of(self.response.headers(), "content-encoding").is_some_and(|how| how.to_ascii_lowercase().contains("gzip"));
        let mut out = Vec::new();
        let progress = self.progress;
        if gzip {
            copy(MultiGzDecoder::new(self.response).take(limit), &mut out, limit, PAGE, progress)?;
        } else {
            copy(self.response.take(limit), &mut out, limit, PAGE, progress)?;
        }
        Ok(out)
    }

    /// Writes the bytes as they come. Answers their SHA-256.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn save(self, out: &mut dyn Write, limit: u64) -> Result<String, Failure> {
        struct Hashed<'a>(&'a mut dyn Write, Sha256);
        impl Write for Hashed<'_> {
            fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
                let written = self.0.write(bytes)?;
                self.1.update(&bytes[..written]);
                Ok(written)
            }
            fn flush(&mut self) -> std::io::Result<()> {
                self.0.flush()
            }
        }
        let mut hashed = Hashed(out, Sha256::new());
        let progress = self.progress;
        copy(self.response, &mut hashed, limit, DOWNLOAD, progress)?;
        Ok(crate::snippet::identity::hex(&hashed.1.finalize()))
    }
}

fn copy(mut from: impl Read, to: &mut dyn Write, limit: u64, time: Duration, progress: &dyn Progress) -> Result<(), Failure> {
    let started = Instant::now();
    let mut buffer = vec![0_u8; 64 * 1024];
    let mut total = 0_u64;
    loop {
        if progress.cancelled() {
            return Err(Failure::Cancelled);
        }
        if started.elapsed() > time {
            return Err(Failure::TimedOut);
        }
        let count = match from.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(_) => return Err(Failure::Connection("the connection broke in the middle".to_owned())),
        };
        total += count as u64;
        if total > limit {
            return Err(Failure::TooLarge(limit));
        }
        to.write_all(&buffer[..count]).map_err(|error| Failure::Connection(format!("it could not be written: {error}")))?;
    }
}

/// An error without its address.
fn words(error: &reqwest::Error) -> String {
    let detail = format!("{error:?}").to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| detail.contains(word));
    let text = if error.is_timeout() {
        "it did not answer in time"
    } else if has(&["dns", "failed to lookup", "name or service"]) {
        "its host is not known"
    } else if has(&["refused"]) {
        "the connection was refused"
    } else if has(&["certificate", "unknownissuer"]) {
        "its certificate is not trusted"
    } else {
        "the connection failed"
    };
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn https_of_the_same_host_is_the_same_host_and_nothing_else_is() {
        let url = |text: &str| Url::parse(text).unwrap();
        for (from, to, same) in [
            ("https://a.example/x", "https://a.example/y", true),
            ("http://a.example/x", "https://a.example/x", true),
            ("https://a.example/x", "http://a.example/x", false),
            ("https://a.example/x", "https://www.a.example/x", false),
            ("https://a.example/x", "https://a.example:8443/x", false),
            ("http://a.example:80/x", "https://a.example:443/x", true),
        ] {
            assert_eq!(same_host(&url(from), &url(to)), same, "{from} {to}");
        }
    }
}
