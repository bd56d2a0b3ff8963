//! An examination from its beginning to its end.

mod authorization;
mod clients;
mod cors;
mod endpoint;
mod grant;
mod metadata;
mod registration;
mod resource;
mod token;

use crate::http::{Http, Trouble};
use crate::recorded::{self, BadRecord, Client};
use crate::replay;
use crate::report::Report;
use crate::template::Values;
use docent_types::random::Randomness;
use serde_json::Value;
use std::time::Duration;
use url::Url;

/// What is wanted.
#[derive(Clone, Debug)]
pub struct Options {
    /// Register clients.
    pub register: bool,
    /// Only the client of this id or name.
    pub client: Option<String>,
    /// An access token, for what is behind it.
    pub token: Option<String>,
    /// How long one request may take.
    pub timeout: Duration,
    /// How many requests there may be.
    pub limit: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { register: true, client: None, token: None, timeout: Duration::from_secs(10), limit: 600 }
    }
}

/// Why there is no report.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Unexaminable {
    /// The URL is none.
    #[error("{0} is not an http or https URL: give the URL of the MCP endpoint, for example https://docs.example.com/mcp")]
    Url(String),
    /// Nobody is there.
    #[error("the server does not answer: {0}")]
    NoAnswer(#[from] Trouble),
    /// It is somewhere else.
    #[error("the endpoint redirects to {0}: examine that URL, and give it to clients")]
    Elsewhere(String),
    /// It is something else.
    #[error("{0}")]
    NotMcp(String),
    /// There is no such client.
    #[error("there is no recorded client {0:?}; there are: {1}")]
    Client(String, String),
    /// A file of this program is broken.
    #[error(transparent)]
    Record(#[from] BadRecord),
}

/// Hears how far an examination is.
pub trait Progress {
    /// `done` of `total` parts are done; `what` comes next.
    fn at(&self, what: &str, done: usize, total: usize);
}

/// Nobody hears it.
#[derive(Clone, Copy, Debug)]
pub struct Silent;

impl Progress for Silent {
    fn at(&self, _: &str, _: usize, _: usize) {}
}

/// What an examination knows and what it found so far.
struct Examination<'a> {
    http: Http,
    endpoint: Url,
    randomness: &'a dyn Randomness,
    report: Report,
    /// The protected resource metadata.
    resource: Option<Value>,
    /// The issuer's metadata.
    issuer: Option<Value>,
    /// Every registration's answer.
    registrations: Vec<Value>,
    /// Whether the same metadata gives the same client.
    shares_clients: bool,
}

impl Examination<'_> {
    fn text(&self, count: usize) -> String {
        replay::random_text(self.randomness, count)
    }

    fn values(&self) -> Values {
        replay::start(&self.endpoint, self.randomness)
    }

    /// An endpoint of the issuer.
    fn issuer_endpoint(&self, name: &str) -> Option<String> {
        self.issuer.as_ref()?[name].as_str().map(str::to_owned)
    }

    /// The parameter `resource` of this server's clients.
    fn resource_parameter(&self) -> String {
        let named = self.resource.as_ref().and_then(|resource| resource["resource"].as_str());
        named.unwrap_or(self.endpoint.as_str()).to_owned()
    }
}

/// Those of the recorded clients that are wanted.
///
/// # Errors
/// [`Unexaminable`].
pub fn wanted_clients(wanted: Option<&str>) -> Result<Vec<Client>, Unexaminable> {
    let all = recorded::clients()?;
    let Some(wanted) = wanted else { return Ok(all) };
    let ids: Vec<String> = all.iter().map(|client| client.id.clone()).collect();
    let chosen: Vec<Client> =
        all.into_iter().filter(|client| client.id.eq_ignore_ascii_case(wanted) || client.name.eq_ignore_ascii_case(wanted)).collect();
    if chosen.is_empty() { Err(Unexaminable::Client(wanted.to_owned(), ids.join(", "))) } else { Ok(chosen) }
}

/// Examines the MCP server at a URL.
///
/// # Errors
/// [`Unexaminable`].
pub async fn examine(url: &str, options: &Options, randomness: &dyn Randomness, progress: &dyn Progress) -> Result<Report, Unexaminable> {
    let endpoint = Url::parse(url).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.host().is_some());
    let endpoint = endpoint.ok_or_else(|| Unexaminable::Url(url.to_owned()))?;
    let clients = wanted_clients(options.client.as_deref())?;
    let http = Http::new(&endpoint, options.timeout, options.limit)?;
    let report = Report::new(endpoint.as_str());
    let mut examination =
        Examination { http, endpoint, randomness, report, resource: None, issuer: None, registrations: Vec::new(), shares_clients: false };
    let parts = clients.len() + 7;
    progress.at("the endpoint", 0, parts);
    let contact = examination.first_contact().await?;
    progress.at("metadata", 1, parts);
    examination.metadata(&contact).await;
    examination.kind(&contact)?;
    if examination.report.is_protected {
        progress.at("requests of browsers", 2, parts);
        examination.cors(&contact).await;
        for (at, client) in clients.iter().enumerate() {
            progress.at(&client.name, 3 + at, parts);
            examination.client(client, options).await;
        }
        if options.client.is_none() {
            progress.at("registration", parts - 4, parts);
            let registered = if options.register { examination.registration().await } else { None };
            progress.at("authorization", parts - 3, parts);
            examination.authorization(registered.as_ref()).await;
            progress.at("tokens", parts - 2, parts);
            examination.token(registered.as_ref()).await;
        }
    } else {
        examination.open_server().await;
        examination.open_clients(&clients);
    }
    if let Some(token) = &options.token {
        progress.at("the resource", parts - 1, parts);
        examination.with_token(token).await;
    }
    examination.clean_up().await;
    if examination.report.has("not-401") {
        examination.report.forget("challenge-not-on-every-method");
    }
    progress.at("", parts, parts);
    let mut report = examination.report;
    report.requests = examination.http.count();
    Ok(report)
}
