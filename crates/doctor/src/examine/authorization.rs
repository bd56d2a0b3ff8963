//! The authorization endpoint, up to the sign-in page: what must be accepted, what must be refused, and where people are sent.

use super::Examination;
use super::clients::Nobody;
use super::registration::{Registered, WEB};
use crate::http::{Answer, Request, clean};
use crate::replay::{Person as _, Visit};
use crate::template::with_query;
use docent_types::pkce;
use reqwest::Method;
use url::Url;

/// An authorization request of the examiner's.
#[derive(Clone, Debug)]
pub(super) struct Attempt {
    pub(super) verifier: String,
    pub(super) state: String,
    pub(super) parameters: Vec<(String, String)>,
}

impl Attempt {
    /// With parameters set, or left out where the value is empty.
    fn with(&self, changes: &[(&str, &str)]) -> Self {
        let mut changed = self.clone();
        for (name, value) in changes {
            changed.parameters.retain(|(one, _)| one != name);
            if !value.is_empty() {
                changed.parameters.push(((*name).to_owned(), (*value).to_owned()));
            }
        }
        changed
    }
}

const UNREGISTERED: &str = "https://unregistered.example/callback";

impl Examination<'_> {
    pub(super) fn attempt(&self, client_id: &str, redirect_uri: &str) -> Attempt {
        let (verifier, state) = (self.text(64), self.text(32));
        let scope = self
            .resource
            .as_ref()
            .and_then(|resource| resource["scopes_supported"].as_array())
            .map(|scopes| scopes.iter().filter_map(|scope| scope.as_str()).collect::<Vec<_>>().join(" "));
        let mut parameters = vec![
            ("response_type", "code".to_owned()),
            ("client_id", client_id.to_owned()),
            ("redirect_uri", redirect_uri.to_owned()),
            ("state", state.clone()),
            ("code_challenge", pkce::s256(&verifier)),
            ("code_challenge_method", "S256".to_owned()),
            ("resource", self.resource_parameter()),
        ];
        parameters.extend(scope.filter(|scope| !scope.is_empty()).map(|scope| ("scope", scope)));
        let parameters = parameters.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Attempt { verifier, state, parameters }
    }

    pub(super) async fn visit(&self, attempt: &Attempt) -> Option<Visit> {
        let endpoint = self.issuer_endpoint("authorization_endpoint")?;
        let redirect_uri =
            attempt.parameters.iter().find(|(name, _)| name == "redirect_uri").map(|(_, uri)| uri.clone()).unwrap_or_default();
        Nobody(&self.http).visit(&with_query(&endpoint, &attempt.parameters), &redirect_uri).await.ok()
    }

    /// Everything that can be tried at the authorization endpoint.
    pub(super) async fn authorization(&mut self, registered: Option<&Registered>) {
        self.unknown_client().await;
        let Some(registered) = registered else { return };
        let good = self.attempt(&registered.client_id, &registered.redirect_uri);
        match self.visit(&good).await {
            None => return,
            Some(Visit::Refused(answer)) => {
                self.report.find("authorization-refused", format!("a request by the letter: {}", answer.words()));
                return;
            }
            Some(Visit::Page(answer)) => self.frames(answer).await,
            Some(Visit::Back(back)) => self.came_back(&back, &good, registered).await,
        }
        let refuses = self.unregistered(&good).await;
        self.redirect_variants(registered, &good, refuses).await;
        self.without_challenge(registered).await;
    }

    /// AS4: nobody is redirected for a client that does not exist.
    async fn unknown_client(&mut self) {
        let client_id = format!("docent-doctor-{}", self.text(16));
        let attempt = self.attempt(&client_id, UNREGISTERED);
        if let Some(Visit::Back(back)) = self.visit(&attempt).await {
            self.report.find("redirects-unknown-client", format!("client_id={client_id} is sent to {}", clean(back.as_str(), 160)));
        }
    }

    /// AS4: nor to a URI that is not registered, also where something else is wrong. Says whether that is refused at once.
    async fn unregistered(&mut self, good: &Attempt) -> bool {
        let bad = good.with(&[("redirect_uri", UNREGISTERED)]);
        let mut refuses = false;
        for attempt in [bad.clone(), bad.with(&[("response_type", "")])] {
            match self.visit(&attempt).await {
                Some(Visit::Back(back)) => {
                    self.report.find("redirects-to-unregistered", format!("the browser is sent to {}", clean(back.as_str(), 160)));
                }
                Some(Visit::Refused(_)) => refuses = true,
                _ => {}
            }
        }
        refuses
    }

    async fn redirect_variants(&mut self, registered: &Registered, good: &Attempt, refuses: bool) {
        let Ok(uri) = Url::parse(&registered.redirect_uri) else { return };
        let with_uri = |uri: &str| good.with(&[("redirect_uri", uri)]);
        let port = uri.port().unwrap_or(49_152);
        let other_port = format!("http://127.0.0.1:{}/callback", port.wrapping_add(1).max(1024));
        if let Some(Visit::Refused(answer)) = self.visit(&with_uri(&other_port)).await {
            self.report
                .find("loopback-port-fixed", format!("{} was registered, {other_port}: {}", registered.redirect_uri, answer.words()));
        }
        let other_host = format!("http://localhost:{port}/callback");
        if let Some(Visit::Refused(answer)) = self.visit(&with_uri(&other_host)).await {
            self.report
                .find("loopback-host-fixed", format!("{} was registered, {other_host}: {}", registered.redirect_uri, answer.words()));
        }
        if !refuses {
            // What is not refused at once cannot be told apart from what is accepted.
            return;
        }
        let longer = format!("{}/more", registered.redirect_uri);
        if let Some(Visit::Page(_) | Visit::Back(_)) = self.visit(&with_uri(&longer)).await {
            self.report.find("redirect-prefix-match", format!("{} was registered, and {longer} is accepted", registered.redirect_uri));
        }
        let wildcard = WEB.replace("//", "//*.");
        if let Some(client_id) = self.register_with(&wildcard).await {
            let somewhere = WEB.replace("//", "//anywhere.");
            let attempt = self.attempt(&client_id, &somewhere);
            if let Some(Visit::Page(_) | Visit::Back(_)) = self.visit(&attempt).await {
                self.report.find("wildcard-redirect-match", format!("{wildcard} was registered, and {somewhere} is accepted"));
            }
        }
    }

    /// AS2.
    async fn without_challenge(&mut self, registered: &Registered) {
        let good = self.attempt(&registered.client_id, &registered.redirect_uri);
        let attempt = good.with(&[("code_challenge", ""), ("code_challenge_method", "")]);
        match self.visit(&attempt).await {
            Some(Visit::Page(_)) => self.report.find("pkce-missing-not-refused", "it is taken to a page, as a good request is"),
            Some(Visit::Back(back)) => match parameter(&back, "code") {
                Some(code) => self.exchange_without_verifier(registered, &code).await,
                None => self.judge_parameters(&back, &attempt),
            },
            _ => {}
        }
    }

    /// AS4, AS5: what comes back with every authorization response.
    pub(super) fn judge_parameters(&mut self, back: &Url, attempt: &Attempt) {
        let state = parameter(back, "state").unwrap_or_default();
        if state != attempt.state {
            self.report.find("state-lost", format!("state came back as {:?} with {}", clean(&state, 60), what(back)));
        }
        let Some(issuer) = self.issuer.as_ref() else { return };
        let (own, iss) = (issuer["issuer"].as_str().unwrap_or_default().to_owned(), parameter(back, "iss").unwrap_or_default());
        let advertised = issuer["authorization_response_iss_parameter_supported"] == true;
        if (advertised && iss.is_empty()) || (!iss.is_empty() && iss != own) {
            let seen = format!("iss is {:?} with {}, and the issuer is {:?}", clean(&iss, 120), what(back), clean(&own, 120));
            self.report.find("iss-missing-in-answer", seen);
        }
    }

    /// AS14: the page that a person would see, a few redirects on.
    async fn frames(&mut self, mut answer: Answer) {
        for _ in 0..3 {
            let Some(next) = answer.location() else { break };
            let is_theirs = Url::parse(&answer.url).is_ok_and(|here| here.origin() == next.origin());
            if !is_theirs {
                return;
            }
            match self.http.send(&Request::new(Method::GET, next.as_str()).header("accept", "text/html")).await {
                Ok(page) => answer = page,
                Err(_) => return,
            }
        }
        let is_page = answer.status == 200 && answer.header("content-type").contains("html");
        let is_framed = answer.header("x-frame-options").is_empty()
            && !answer.header("content-security-policy").to_ascii_lowercase().contains("frame-ancestors");
        if is_page && is_framed {
            let page = clean(answer.url.split('?').next().unwrap_or_default(), 160);
            self.report.find("authorize-frameable", format!("{page} has neither frame-ancestors nor X-Frame-Options"));
        }
    }
}

fn what(back: &Url) -> String {
    match parameter(back, "error") {
        Some(error) => format!("the error {}", clean(&error, 60)),
        None => "the code".to_owned(),
    }
}

/// A parameter of an authorization response.
pub(super) fn parameter(back: &Url, name: &str) -> Option<String> {
    back.query_pairs().find(|(one, value)| one == name && !value.is_empty()).map(|(_, value)| value.into_owned())
}
