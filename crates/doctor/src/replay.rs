//! One client's steps against a server, as far as they go.

use crate::exchange::{Failed, exchange};
use crate::http::{Answer, Http, Request, Trouble, clean};
use crate::needs;
use crate::recorded::{Client, OtherRedirect, Phase, Step};
use crate::template::{Unknown, Values, with_query};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use docent_types::pkce;
use docent_types::random::Randomness;
use reqwest::Method;
use serde_json::{Map, Value, json};
use url::Url;

/// What came of opening an authorization URL.
#[derive(Clone, Debug)]
pub enum Visit {
    /// The browser was sent to the client.
    Back(Url),
    /// A page, or the way to one: nothing was refused so far.
    Page(Answer),
    /// It was refused where the person sees it.
    Refused(Answer),
}

/// Who opens authorization URLs.
pub trait Person {
    /// Opens one; `redirect_uri` is where the client waits.
    fn visit(&self, url: &str, redirect_uri: &str) -> impl Future<Output = Result<Visit, Trouble>>;
}

/// Where a client stumbles.
#[derive(Clone, Debug)]
pub struct Stumble {
    /// The phase.
    pub phase: Phase,
    /// The rule (`crate::rules`).
    pub rule: &'static str,
    /// What came instead.
    pub why: String,
    /// The step's words.
    pub step: String,
    /// The client's own deviation, if it is one.
    pub deviates: Option<String>,
    /// Whether the client goes on all the same.
    pub goes_on: bool,
    /// Whether it is only another redirect URI of this client that is refused.
    pub is_variant: bool,
}

/// What came of a client.
#[derive(Clone, Debug)]
pub struct Walk {
    /// The last phase that was gone through.
    pub reached: Option<Phase>,
    /// Everything that was not as the client needs it.
    pub stumbles: Vec<Stumble>,
    /// What was answered, by step.
    pub values: Values,
    /// Whether there is no metadata, and the endpoints are those of MCP 2025-03-26.
    assumes: bool,
    /// The registration's answer, for cleaning up.
    pub registration: Option<Value>,
}

/// What a walk may do.
#[derive(Clone, Copy, Debug)]
pub struct May {
    /// Register.
    pub register: bool,
    /// Try the other redirect URIs too.
    pub vary: bool,
}

/// `count` characters that nobody guesses.
#[must_use]
pub fn random_text(randomness: &dyn Randomness, count: usize) -> String {
    let mut bytes = vec![0; count];
    randomness.fill(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes).chars().take(count).collect()
}

/// Values that every walk starts with.
#[must_use]
pub fn start(endpoint: &Url, randomness: &dyn Randomness) -> Values {
    let mut values = Values::default();
    values.set("mcp", endpoint.as_str().trim_end_matches('/'));
    values.set("origin", endpoint.origin().ascii_serialization());
    values.set("path", endpoint.path().trim_end_matches('/'));
    let mut bytes = [0; 4];
    randomness.fill(&mut bytes);
    let port = |low: u8, high: u8| 49_152 + (u16::from(low) | u16::from(high) << 8) % 8_000;
    values.set("port", port(bytes[0], bytes[1]).to_string());
    values.set("other_port", (port(bytes[2], bytes[3]) + 8_000).to_string());
    let verifier = random_text(randomness, 64);
    values.set("challenge", pkce::s256(&verifier));
    values.set("verifier", verifier);
    values.set("state", random_text(randomness, 32));
    values
}

/// The parts of an issuer that the well-known paths are made of.
fn remember_issuer(values: &mut Values) {
    if let Ok(issuer) = Url::parse(values.text("resource.authorization_servers.0")) {
        let (origin, path) = (issuer.origin().ascii_serialization(), issuer.path().trim_end_matches('/').to_owned());
        values.set("as", json!({"origin": origin, "path": path}));
    }
}

/// Walks through a client's steps.
pub async fn walk(client: &Client, http: &Http, mut values: Values, person: &impl Person, may: May, other: Option<&OtherRedirect>) -> Walk {
    let mut walk = Walk { reached: None, stumbles: Vec::new(), values: Values::default(), assumes: false, registration: None };
    remember_redirects(client, &mut values, other);
    for step in &client.steps {
        if step.phase == Phase::Registration && !may.register {
            break;
        }
        let is_over = match step.phase {
            Phase::Authorization => authorize(client, step, http, &mut values, person, may, &mut walk).await,
            _ => request(step, http, &mut values, &mut walk).await,
        };
        match step.name.as_str() {
            "resource" => remember_issuer(&mut values),
            "issuer" => remember_scope(client, &mut values),
            "register" => walk.registration = values.get("register").cloned(),
            _ => {}
        }
        if is_over {
            break;
        }
        walk.reached = Some(step.phase);
    }
    walk.values = values;
    walk
}

fn remember_redirects(client: &Client, values: &mut Values, other: Option<&OtherRedirect>) {
    let Some(redirect) = &client.redirect else { return };
    let fill = |template: &String| values.fill(template).ok().flatten().unwrap_or_else(|| template.clone());
    let registered: Vec<String> = redirect.registered.iter().map(fill).collect();
    let used = other.map(|other| fill(&other.uri)).or_else(|| redirect.used.as_ref().map(fill)).or_else(|| registered.first().cloned());
    values.set("redirect_uris", registered);
    values.set("redirect_uri", used.unwrap_or_default());
}

fn remember_scope(client: &Client, values: &mut Values) {
    let Some(scope) = &client.scope else { return };
    let Ok(Some(mut asks)) = values.fill(&scope.asks) else { return };
    if scope.offline_access && values.list("issuer.scopes_supported").contains(&"offline_access") && !asks.contains("offline_access") {
        asks = format!("{asks} offline_access").trim_start().to_owned();
    }
    if asks.split(' ').any(|scope| scope == "offline_access") {
        values.set("consent_prompt", "consent");
    }
    values.set("scope", asks);
}

impl Walk {
    fn stumble(&mut self, step: &Step, rule: &'static str, why: String) -> bool {
        // What is wrong with endpoints that were only assumed is that no metadata names them.
        let (rule, why) = if self.assumes && step.phase >= Phase::Registration {
            ("issuer-metadata-missing", format!("it assumes {}: {why}", clean(&step.request, 60)))
        } else {
            (rule, why)
        };
        self.stumbles.push(Stumble {
            phase: step.phase,
            rule,
            why,
            step: step.does.clone(),
            deviates: step.deviates.clone(),
            goes_on: step.optional,
            is_variant: false,
        });
        !step.optional
    }
}

/// What a step that finds nothing at all breaks.
fn rule_of_nothing(step: &Step) -> &'static str {
    match (step.name.as_str(), step.phase) {
        ("resource", _) => "resource-metadata-missing",
        ("issuer", _) if step.request.contains("{origin}") => "origin-metadata-missing",
        ("issuer", _) => "issuer-metadata-missing",
        (_, Phase::Registration) => "registration-refused",
        (_, Phase::Token | Phase::Refresh) => "token-refused",
        (_, Phase::Call) => "call-refused",
        _ => "not-401",
    }
}

/// What a placeholder that nothing fills means.
fn rule_of_unknown(unknown: &Unknown) -> &'static str {
    match unknown.0.as_str() {
        "issuer.registration_endpoint" => "registration-not-offered",
        _ if unknown.0.starts_with("issuer.") => "issuer-metadata-incomplete",
        _ if unknown.0.starts_with("as.") || unknown.0.starts_with("resource.") => "authorization-servers-missing",
        _ => "registration-not-json",
    }
}

/// Sends a step's request; says whether the walk is over.
async fn request(step: &Step, http: &Http, values: &mut Values, walk: &mut Walk) -> bool {
    let answer = match exchange(step, http, values).await {
        Ok(answer) => answer,
        Err(Failed::Unknown(unknown)) => return walk.stumble(step, rule_of_unknown(&unknown), unknown.to_string()),
        Err(Failed::Trouble(trouble)) => {
            let is_plain = matches!(&trouble, Trouble::NotVisited(_, why) if why.contains("plain http"));
            return walk.stumble(step, if is_plain { "endpoint-plain-http" } else { rule_of_nothing(step) }, trouble.to_string());
        }
        Err(Failed::GaveUp(answer)) => {
            return walk.stumble(step, "well-known-error-status", format!("{} answers with {}", clean(&answer.url, 160), answer.status));
        }
        Err(Failed::Nothing(answer)) if step.falls_back => {
            // MCP 2025-03-26: endpoints at their default paths.
            let origin = values.get("as.origin").or_else(|| values.get("origin")).and_then(Value::as_str).unwrap_or_default().to_owned();
            let at = |path: &str| format!("{origin}/{path}");
            let defaults = json!({
                "authorization_endpoint": at("authorize"), "token_endpoint": at("token"), "registration_endpoint": at("register"),
            });
            if step.name == "issuer" {
                values.set("issuer", defaults);
                walk.assumes = true;
            }
            walk.stumble(step, rule_of_nothing(step), format!("{} answers with {}", clean(&answer.url, 160), answer.words()));
            if let Some(stumble) = walk.stumbles.last_mut() {
                stumble.goes_on = true;
            }
            return false;
        }
        Err(Failed::Nothing(answer)) => {
            let where_to = clean(&answer.url, 160);
            return walk.stumble(step, rule_of_nothing(step), format!("{where_to} answers with {}", answer.words()));
        }
    };
    let mut found = answer.json().or_else(|| answer.message()).unwrap_or_default();
    if step.name == "contact" || step.needs == ["401"] {
        found = challenge(&answer);
    }
    values.set(&step.name, found);
    for need in &step.needs {
        let rule = if step.optional && step.needs == ["401"] { Some("challenge-not-on-every-method") } else { needs::rule_of(need) };
        if let (Some(why), Some(rule)) = (needs::unmet(need, &answer, values), rule)
            && walk.stumble(step, rule, why)
        {
            if !needs::SOFT.contains(&need.as_str()) {
                return true;
            }
            if let Some(stumble) = walk.stumbles.last_mut() {
                stumble.goes_on = true;
            }
        }
    }
    false
}

/// The parameters of a `WWW-Authenticate: Bearer` challenge.
#[must_use]
pub fn challenge(answer: &Answer) -> Value {
    let header = answer.header("www-authenticate");
    let mut fields = Map::new();
    for name in ["resource_metadata", "scope", "error", "error_description"] {
        let quoted = header.split_once(&format!("{name}=\"")).and_then(|(_, rest)| rest.split_once('"')).map(|(value, _)| value);
        let plain = || header.split_once(&format!("{name}=")).map(|(_, rest)| rest.split([',', ' ']).next().unwrap_or_default());
        if let Some(value) = quoted.or_else(plain).filter(|value| !value.is_empty()) {
            fields.insert(name.to_owned(), value.into());
        }
    }
    fields.into()
}

/// The URL that a step opens in the browser.
///
/// # Errors
/// [`Unknown`].
pub fn authorization_url(step: &Step, values: &Values) -> Result<String, Unknown> {
    let url = step.request.split_once(' ').map_or(step.request.as_str(), |(_, url)| url);
    let url = values.fill(url)?.unwrap_or_default();
    let mut parameters = Vec::new();
    for (name, value) in &step.query {
        if let Some(value) = values.fill(value)? {
            parameters.push((name.clone(), value));
        }
    }
    Ok(with_query(&url, &parameters))
}

async fn authorize(
    client: &Client,
    step: &Step,
    http: &Http,
    values: &mut Values,
    person: &impl Person,
    may: May,
    walk: &mut Walk,
) -> bool {
    let url = match authorization_url(step, values) {
        Ok(url) => url,
        Err(unknown) => return walk.stumble(step, rule_of_unknown(&unknown), unknown.to_string()),
    };
    if step.name != "authorize" {
        // Looked at without a browser.
        let answer = match http.send(&Request::new(Method::GET, &url)).await {
            Ok(answer) => answer,
            Err(trouble) => return walk.stumble(step, "authorization-refused", trouble.to_string()),
        };
        return answer.status >= 400 && walk.stumble(step, "authorization-refused", answer.words());
    }
    let redirect_uri = values.text("redirect_uri").to_owned();
    let deviates = client.redirect.as_ref().and_then(|redirect| redirect.deviates.clone());
    let is_over = match person.visit(&url, &redirect_uri).await {
        Err(trouble) => walk.stumble(step, "authorization-refused", trouble.to_string()),
        Ok(Visit::Page(_)) => true,
        Ok(Visit::Refused(answer)) => {
            let rule = if deviates.is_some() { "redirect-variant-refused" } else { "authorization-refused" };
            let is_over = walk.stumble(step, rule, answer.words());
            if let (Some(stumble), Some(why)) = (walk.stumbles.last_mut(), deviates) {
                stumble.deviates = Some(why);
            }
            is_over
        }
        Ok(Visit::Back(back)) => came_back(&back, step, values, walk),
    };
    let was_refused = walk.stumbles.iter().any(|stumble| stumble.phase == Phase::Authorization && !stumble.goes_on && !stumble.is_variant);
    if may.vary && !was_refused {
        vary(client, step, values, person, walk).await;
    }
    if is_over && !was_refused {
        walk.reached = Some(Phase::Authorization);
    }
    is_over
}

/// The client's other redirect URIs with the same registration.
async fn vary(client: &Client, step: &Step, values: &Values, person: &impl Person, walk: &mut Walk) {
    for other in client.redirect.iter().flat_map(|redirect| &redirect.also) {
        let Ok(Some(uri)) = values.fill(&other.uri) else { continue };
        let mut values = values.clone();
        values.set("redirect_uri", uri.clone());
        let Ok(url) = authorization_url(step, &values) else { continue };
        if let Ok(Visit::Refused(answer)) = person.visit(&url, &uri).await {
            let rule = if other.deviates.is_some() { "redirect-variant-refused" } else { "loopback-port-fixed" };
            walk.stumble(step, rule, format!("{uri} ({}): {}", other.when, answer.words()));
            if let Some(stumble) = walk.stumbles.last_mut() {
                stumble.deviates.clone_from(&other.deviates);
                stumble.is_variant = true;
            }
        }
    }
}

/// What the client reads when the browser comes back.
fn came_back(back: &Url, step: &Step, values: &mut Values, walk: &mut Walk) -> bool {
    let parameters: Map<String, Value> =
        back.query_pairs().map(|(name, value)| (name.into_owned(), Value::from(value.into_owned()))).collect();
    values.set("callback", parameters);
    let (state, iss) = (values.text("callback.state"), values.text("callback.iss"));
    let advertised = values.get("issuer.authorization_response_iss_parameter_supported") == Some(&Value::Bool(true));
    if state != values.text("state") {
        return walk.stumble(step, "state-lost", "state did not come back as it was".to_owned());
    }
    let wrong_iss = (advertised && iss.is_empty()) || (!iss.is_empty() && iss != values.text("issuer.issuer"));
    if wrong_iss && step.needs.iter().any(|need| need == "iss if advertised") {
        let why = format!("iss is {:?} in the answer, and the issuer is {:?}", clean(iss, 120), clean(values.text("issuer.issuer"), 120));
        return walk.stumble(step, "iss-missing-in-answer", why);
    }
    if values.text("callback.code").is_empty() {
        let why = format!("{} {}", clean(values.text("callback.error"), 60), clean(values.text("callback.error_description"), 160));
        return walk.stumble(step, "authorization-refused", why);
    }
    false
}
