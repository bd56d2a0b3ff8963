//! An OAuth client as the MCP specification describes it, by the letter: discovery, registration, code, tokens.

use crate::http::{self, Answer};
use crate::person::{Decision, Person};
use crate::{Installation, Result};
use anyhow::{Context as _, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use url::Url;

/// A registered client.
#[derive(Clone, Debug)]
pub struct OAuthClient {
    /// The issuer's metadata.
    pub metadata: Value,
    /// The resource.
    pub resource: String,
    /// Its id.
    pub client_id: String,
    /// Where people are sent back to.
    pub redirect_uri: String,
    /// What the registration was answered with.
    pub registration: Value,
    /// For the token endpoint.
    pub http: reqwest::Client,
}

/// One walk through the authorization endpoint: what the client keeps until the answer comes.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// `code_verifier`.
    pub verifier: String,
    /// `state`.
    pub state: String,
}

/// What the token endpoint gave.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tokens {
    /// `access_token`.
    pub access_token: String,
    /// `refresh_token`, empty if there is none.
    pub refresh_token: String,
    /// `scope`.
    pub scope: String,
}

/// `count` characters of `A-Z a-z 0-9 - _` that nobody can guess well enough for a test.
#[must_use]
pub fn random_text(count: usize) -> String {
    let state = RandomState::new();
    let bytes: Vec<u8> = (0..count).flat_map(|at| state.hash_one(at).to_le_bytes()).collect();
    URL_SAFE_NO_PAD.encode(bytes).chars().take(count).collect()
}

impl Attempt {
    /// A new one.
    #[must_use]
    pub fn new() -> Self {
        Self { verifier: random_text(64), state: random_text(24) }
    }

    /// `code_challenge` (S256).
    #[must_use]
    pub fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(self.verifier.as_bytes()))
    }
}

impl Default for Attempt {
    fn default() -> Self {
        Self::new()
    }
}

/// A parameter of a `WWW-Authenticate: Bearer` challenge.
#[must_use]
pub fn challenge_parameter(header: &str, name: &str) -> Option<String> {
    let parameters = header.strip_prefix("Bearer")?.trim_start();
    let (_, rest) = parameters.split_once(&format!("{name}=\""))?;
    rest.split_once('"').map(|(value, _)| value.to_owned())
}

impl OAuthClient {
    /// Finds the issuer from the endpoint's challenge, as RFC 9728 and 8414 say, and registers (RFC 7591).
    ///
    /// # Errors
    /// A step of it is answered with something else.
    pub async fn register(installation: &Installation, name: &str) -> Result<Self> {
        let redirect_uri = "http://127.0.0.1:49152/callback";
        let wanted = json!({
            "client_name": name, "redirect_uris": [redirect_uri], "token_endpoint_auth_method": "none",
            "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"],
        });
        Self::register_with(installation, &wanted).await
    }

    /// As [`Self::register`], with client metadata of the caller's; the first redirect URI is the one that is used.
    ///
    /// # Errors
    /// A step of it is answered with something else.
    pub async fn register_with(installation: &Installation, wanted: &Value) -> Result<Self> {
        let mut this = Self::discover(installation).await?;
        let endpoint = this.endpoint("registration_endpoint")?;
        this.registration = Answer::of(this.http.post(endpoint).json(wanted)).await?.expect(201)?;
        this.client_id = text(&this.registration, "client_id")?;
        // A machine without a browser has none.
        this.redirect_uri = wanted["redirect_uris"][0].as_str().unwrap_or_default().to_owned();
        Ok(this)
    }

    /// A client that names itself by the URL of its metadata document, published at [`crate::document_server`]. It is sent back to a
    /// port that no document names.
    ///
    /// # Errors
    /// A step of discovery is answered with something else, or the issuer does not say that it reads such documents.
    pub async fn published(installation: &Installation, client_id: &str) -> Result<Self> {
        let this = Self::discover(installation).await?;
        ensure!(this.metadata["client_id_metadata_document_supported"] == true, "{}", this.metadata);
        Ok(Self { client_id: client_id.to_owned(), redirect_uri: "http://127.0.0.1:49152/callback".to_owned(), ..this })
    }

    async fn discover(installation: &Installation) -> Result<Self> {
        let http = http::client()?;
        let refused = Answer::of(http.post(&installation.resource).json(&json!({}))).await?;
        ensure!(refused.status == 401, "a stranger is answered with {}: {}", refused.status, refused.body);
        let at = challenge_parameter(refused.header("www-authenticate"), "resource_metadata")
            .context("the challenge names no resource_metadata")?;
        let resource_metadata = Answer::of(http.get(&at)).await?.expect(200)?;
        let resource = text(&resource_metadata, "resource")?;
        ensure!(resource == installation.resource, "the resource is {resource}");
        let issuer = resource_metadata["authorization_servers"][0].as_str().context("no authorization server")?.to_owned();
        let metadata = Answer::of(http.get(format!("{issuer}/.well-known/oauth-authorization-server"))).await?.expect(200)?;
        ensure!(metadata["issuer"] == issuer.as_str(), "{issuer} calls itself {}", metadata["issuer"]);
        Ok(Self { metadata, resource, client_id: String::new(), redirect_uri: String::new(), registration: Value::Null, http })
    }

    /// An endpoint, by its name in the metadata.
    ///
    /// # Errors
    /// The metadata does not name it.
    pub fn endpoint(&self, name: &str) -> Result<String> {
        text(&self.metadata, name)
    }

    /// The URL for the browser; `changes` sets parameters, or leaves them out where the value is empty.
    ///
    /// # Errors
    /// The metadata names no authorization endpoint.
    pub fn authorization_url(&self, attempt: &Attempt, changes: &[(&str, &str)]) -> Result<String> {
        let mut parameters = vec![
            ("response_type", "code".to_owned()),
            ("client_id", self.client_id.clone()),
            ("redirect_uri", self.redirect_uri.clone()),
            ("state", attempt.state.clone()),
            ("code_challenge", attempt.challenge()),
            ("code_challenge_method", "S256".to_owned()),
            ("resource", self.resource.clone()),
            ("scope", "docs:read offline_access".to_owned()),
        ];
        apply(&mut parameters, changes);
        Ok(Url::parse_with_params(&self.endpoint("authorization_endpoint")?, parameters)?.into())
    }

    /// Has a person allow it; returns the code, having checked `state` and `iss`.
    ///
    /// # Errors
    /// It was not allowed, or the answer is not as it must be.
    pub async fn code(&self, person: &Person, attempt: &Attempt, decision: Decision<'_>) -> Result<String> {
        self.code_with(person, attempt, decision, &[]).await
    }

    /// As [`Self::code`], with changed parameters.
    ///
    /// # Errors
    /// It was not allowed, or the answer is not as it must be.
    pub async fn code_with(&self, person: &Person, attempt: &Attempt, decision: Decision<'_>, changes: &[(&str, &str)]) -> Result<String> {
        let url = person.authorize(&self.authorization_url(attempt, changes)?, decision).await?;
        let answer = self.authorization_response(&url, attempt)?;
        answer.get("code").cloned().with_context(|| format!("no code in {url}"))
    }

    /// The parameters of an authorization response, having checked where it goes, `state` and `iss` (AS5).
    ///
    /// # Errors
    /// One of them is wrong.
    pub fn authorization_response(&self, url: &Url, attempt: &Attempt) -> Result<HashMap<String, String>> {
        ensure!(url.as_str().starts_with(&self.redirect_uri), "sent to {url}");
        let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        let answer: HashMap<String, String> = pairs.iter().cloned().collect();
        ensure!(pairs.len() == answer.len(), "repeated parameters in {url}");
        ensure!(answer.get("state") == Some(&attempt.state), "state came back changed: {url}");
        ensure!(answer.get("iss").map(String::as_str) == self.metadata["issuer"].as_str(), "iss is wrong: {url}");
        Ok(answer)
    }

    /// Sends a form to the token endpoint.
    ///
    /// # Errors
    /// Nobody answers.
    pub async fn token(&self, parameters: &[(&str, &str)]) -> Result<Answer> {
        Answer::of(self.http.post(self.endpoint("token_endpoint")?).form(parameters)).await
    }

    /// Exchanges a code, with changed parameters; the answer may be an error.
    ///
    /// # Errors
    /// Nobody answers.
    pub async fn exchange_with(&self, code: &str, attempt: &Attempt, changes: &[(&str, &str)]) -> Result<Answer> {
        let mut parameters = vec![
            ("grant_type", "authorization_code".to_owned()),
            ("code", code.to_owned()),
            ("client_id", self.client_id.clone()),
            ("redirect_uri", self.redirect_uri.clone()),
            ("code_verifier", attempt.verifier.clone()),
            ("resource", self.resource.clone()),
        ];
        apply(&mut parameters, changes);
        let parameters: Vec<(&str, &str)> = parameters.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.token(&parameters).await
    }

    /// Exchanges a code for tokens.
    ///
    /// # Errors
    /// It was refused.
    pub async fn exchange(&self, code: &str, attempt: &Attempt) -> Result<Tokens> {
        Tokens::of(&self.exchange_with(code, attempt, &[]).await?)
    }

    /// Uses a refresh token; the answer may be an error.
    ///
    /// # Errors
    /// Nobody answers.
    pub async fn refresh(&self, refresh_token: &str) -> Result<Answer> {
        self.token(&[
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh_token),
            ("client_id", &self.client_id),
            ("resource", &self.resource),
        ])
        .await
    }

    /// The whole story: a person allows it, the code is exchanged.
    ///
    /// # Errors
    /// A step of it failed.
    pub async fn connect(&self, person: &Person, decision: Decision<'_>) -> Result<Tokens> {
        let attempt = Attempt::new();
        let code = self.code(person, &attempt, decision).await?;
        self.exchange(&code, &attempt).await
    }
}

impl Tokens {
    /// From an answer of the token endpoint, checked for what RFC 6749 5.1 asks of it.
    ///
    /// # Errors
    /// It is an error, or not as it must be.
    pub fn of(answer: &Answer) -> Result<Self> {
        let body = answer.expect(200)?;
        ensure!(answer.header("cache-control").contains("no-store"), "tokens may be cached: {:?}", answer.headers);
        ensure!(
            body["token_type"].as_str().is_some_and(|kind| kind.eq_ignore_ascii_case("bearer")),
            "token_type is {}",
            body["token_type"]
        );
        ensure!(body["expires_in"].as_u64().is_some_and(|seconds| seconds > 300), "expires_in is {}", body["expires_in"]);
        let optional = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        Ok(Self { access_token: text(&body, "access_token")?, refresh_token: optional("refresh_token"), scope: optional("scope") })
    }

    /// The claims of the access token, unverified.
    ///
    /// # Errors
    /// It is not a JWT.
    pub fn claims(&self) -> Result<Value> {
        let part = self.access_token.split('.').nth(1).context("the access token is not a JWT")?;
        Ok(serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part)?)?)
    }
}

fn text(document: &Value, name: &str) -> Result<String> {
    Ok(document[name].as_str().with_context(|| format!("no {name} in {document}"))?.to_owned())
}

fn apply<'a>(parameters: &mut Vec<(&'a str, String)>, changes: &[(&'a str, &str)]) {
    for (name, value) in changes {
        parameters.retain(|(one, _)| one != name);
        if !value.is_empty() {
            parameters.push((name, (*value).to_owned()));
        }
    }
}
