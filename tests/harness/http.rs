//! Answers as they came over the wire, whole, so that they can be compared.

use crate::Result;
use anyhow::{Context as _, ensure};
use reqwest::header::HeaderMap;
use serde_json::Value;

/// An answer, read to its end.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: String,
}

impl Answer {
    /// Sends a request and reads its answer.
    ///
    /// # Errors
    /// Nobody answers.
    pub async fn of(request: reqwest::RequestBuilder) -> Result<Self> {
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Ok(Self { status, headers, body: response.text().await? })
    }

    /// A header's value, empty if it is not there.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// It is something else.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.body).with_context(|| format!("{} with a body that is not JSON: {}", self.status, self.body))
    }

    /// The body as JSON, given the expected status.
    ///
    /// # Errors
    /// Another status, or not JSON.
    pub fn expect(&self, status: u16) -> Result<Value> {
        ensure!(self.status == status, "expected {status}, got {}: {}", self.status, self.body);
        self.json()
    }

    /// The `error` of an OAuth error, checked for the shape that RFC 6749 5.2 asks for: JSON, a description in the allowed
    /// characters, not cached, no redirect.
    ///
    /// # Errors
    /// The answer is not such an error.
    pub fn oauth_error(&self) -> Result<String> {
        ensure!((400..600).contains(&self.status), "not an error: {} {}", self.status, self.body);
        ensure!(
            self.header("content-type").starts_with("application/json"),
            "{}: content type is {:?}: {}",
            self.status,
            self.header("content-type"),
            self.body
        );
        ensure!(
            self.header("cache-control").contains("no-store"),
            "{}: cache-control is {:?}: {}",
            self.status,
            self.header("cache-control"),
            self.body
        );
        ensure!(self.headers.get("location").is_none(), "a redirect: {:?}", self.headers);
        let body = self.json()?;
        let error = body["error"].as_str().with_context(|| format!("no `error` in {body}"))?;
        let description = body["error_description"].as_str().with_context(|| format!("no `error_description` in {body}"))?;
        ensure!(
            description.chars().all(|c| matches!(c, ' '..='~') && c != '"' && c != '\\'),
            "description in other characters: {description}"
        );
        Ok(error.to_owned())
    }
}

/// A client that follows no redirect and keeps no cookie.
///
/// # Errors
/// TLS cannot be set up.
pub fn client() -> Result<reqwest::Client> {
    Ok(reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).timeout(std::time::Duration::from_secs(60)).build()?)
}
