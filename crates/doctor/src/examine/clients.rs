//! Each known client's walk, without anybody to sign in.

use super::{Examination, Options};
use crate::http::{Answer, Http, Request, Trouble, clean};
use crate::recorded::{Client, Phase};
use crate::replay::{self, May, Person, Stumble, Visit, Walk};
use crate::report::{ClientReport, Outcome};
use crate::rules::Severity;
use reqwest::Method;
use url::Url;

/// Opens pages and signs in nowhere.
pub(super) struct Nobody<'a>(pub(super) &'a Http);

impl Person for Nobody<'_> {
    async fn visit(&self, url: &str, redirect_uri: &str) -> Result<Visit, Trouble> {
        let answer = self.0.send(&Request::new(Method::GET, url).header("accept", "text/html")).await?;
        Ok(judge(answer, redirect_uri))
    }
}

/// Whether a browser that is sent to `location` arrives at the client that waits at `redirect_uri`.
pub(super) fn arrives(location: &Url, redirect_uri: &str) -> bool {
    Url::parse(redirect_uri).is_ok_and(|wanted| {
        let path = |url: &Url| url.path().trim_end_matches('/').to_owned();
        location.scheme() == wanted.scheme()
            && location.host_str() == wanted.host_str()
            && location.port_or_known_default() == wanted.port_or_known_default()
            && path(location) == path(&wanted)
    })
}

/// What an answer of the authorization endpoint means.
pub(super) fn judge(answer: Answer, redirect_uri: &str) -> Visit {
    if let Some(location) = answer.location() {
        if arrives(&location, redirect_uri) {
            return Visit::Back(location);
        }
        // An error page of the server's own.
        let is_error = location.query_pairs().any(|(name, _)| name == "error");
        return if is_error { Visit::Refused(answer) } else { Visit::Page(answer) };
    }
    // Some ask for the password with 401 and a page.
    let asks = answer.status == 401 && answer.header("content-type").contains("html");
    if answer.status < 400 || asks { Visit::Page(answer) } else { Visit::Refused(answer) }
}

/// How bad it is for the client.
fn severity(stumble: &Stumble) -> Severity {
    match (stumble.goes_on, stumble.is_variant, stumble.deviates.is_some()) {
        (true, _, _) | (_, true, true) => Severity::Note,
        (false, _, true) => Severity::Warning,
        (false, _, false) => Severity::Error,
    }
}

impl Examination<'_> {
    /// Walks through a client's steps and writes down what comes of it.
    pub(super) async fn client(&mut self, client: &Client, options: &Options) {
        let values = self.values();
        let may = May { register: options.register, vary: true };
        let walk = replay::walk(client, &self.http, values, &Nobody(&self.http), may, None).await;
        for stumble in &walk.stumbles {
            let who = (!stumble.goes_on).then_some(client.id.as_str());
            let seen = if who.is_some() { format!("{}: {}", client.name, stumble.why) } else { stumble.why.clone() };
            self.report.find_for(stumble.rule, seen, who, severity(stumble));
        }
        self.report.clients.push(line(client, &walk, options));
        if let Some(registration) = walk.registration.filter(|registration| registration["client_id"].is_string()) {
            self.registrations.push(registration);
        }
        if let Some(document) = client.metadata_document.as_ref()
            && options.register
        {
            self.metadata_document(client, &document.url).await;
        }
        if client.in_browser && self.report.has("cors-preflight") {
            self.report.find_for("cors-preflight", "", Some(&client.id), Severity::Warning);
        }
    }

    /// A client that names itself by its document, where that is advertised.
    async fn metadata_document(&mut self, client: &Client, document: &str) {
        if self.issuer.as_ref().is_none_or(|issuer| issuer["client_id_metadata_document_supported"] != true) {
            return;
        }
        let Some(step) = client.steps.iter().find(|step| step.name == "authorize") else { return };
        let mut values = self.values();
        for (name, value) in [("issuer", self.issuer.clone()), ("resource", self.resource.clone())] {
            if let Some(value) = value {
                values.set(name, value);
            }
        }
        values.set("register", serde_json::json!({"client_id": document}));
        let template = client.redirect.as_ref().and_then(|redirect| redirect.registered.first()).cloned().unwrap_or_default();
        let Ok(Some(redirect_uri)) = values.fill(&template) else { return };
        values.set("redirect_uri", redirect_uri.clone());
        let Ok(url) = replay::authorization_url(step, &values) else { return };
        if let Ok(Visit::Refused(answer)) = Nobody(&self.http).visit(&url, &redirect_uri).await {
            let seen = format!("{}'s, {document}, with {redirect_uri}: {}", client.name, answer.words());
            self.report.find_for("metadata-document-refused", seen, None, Severity::Note);
        }
    }
}

fn line(client: &Client, walk: &Walk, options: &Options) -> ClientReport {
    let stumble = walk.stumbles.iter().find(|stumble| !stumble.goes_on && !stumble.is_variant);
    let outcome = match stumble {
        Some(_) => Outcome::Stumbles,
        None if !options.register => Outcome::NotTried,
        None => Outcome::Connects,
    };
    ClientReport {
        id: client.id.clone(),
        name: client.name.clone(),
        outcome,
        reached: walk.reached.map_or("nothing", Phase::as_str),
        phase: stumble.map(|stumble| stumble.phase.as_str()),
        rule: stumble.map(|stumble| stumble.rule),
        why: stumble.map(|stumble| clean(&stumble.why, 400)),
        deviates: stumble.and_then(|stumble| stumble.deviates.clone()),
    }
}
