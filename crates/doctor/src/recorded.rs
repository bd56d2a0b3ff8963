//! What each known client does, as it was seen or read: `clients/*.toml`, one file a client, each step with its source.
//! `docs/doctor.md` says how such a file is written.

use rust_embed::RustEmbed;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

#[derive(RustEmbed)]
#[folder = "clients"]
#[include = "*.toml"]
struct Files;

/// A client.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Client {
    /// The file's name without its end.
    #[serde(skip)]
    pub id: String,
    /// For people.
    pub name: String,
    /// When what is written here was seen or read.
    pub seen: String,
    /// The client whose steps it takes where it has none of that name.
    pub based_on: Option<BasedOn>,
    /// Steps of the base that it does not take.
    #[serde(default)]
    pub without: Vec<String>,
    /// Only a base of others, not a client of its own.
    #[serde(default)]
    pub is_base: bool,
    /// It runs in a web page, so that it needs CORS.
    #[serde(default)]
    pub in_browser: bool,
    /// Where people are sent back to.
    pub redirect: Option<Redirect>,
    /// Which scopes it asks for.
    pub scope: Option<Scope>,
    /// The document that it names itself by where client ID metadata documents are supported.
    pub metadata_document: Option<MetadataDocument>,
    /// What it does, in this order.
    #[serde(default, rename = "step")]
    pub steps: Vec<Step>,
}

/// A base, and how it is known.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BasedOn {
    /// The id of the base.
    pub client: String,
    /// Where that is written.
    pub source: String,
}

/// Redirect URIs. `{port}` is a port that is free today.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Redirect {
    /// What is registered.
    pub registered: Vec<String>,
    /// What is used; the first that is registered, if nothing is said.
    pub used: Option<String>,
    /// Why a server that compares exact strings may refuse `used`.
    pub deviates: Option<String>,
    /// Others that it may use with the same registration.
    #[serde(default)]
    pub also: Vec<OtherRedirect>,
    /// Where that is written.
    pub source: String,
}

/// A redirect URI that a client may use with the same registration.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OtherRedirect {
    /// The URI; `{other_port}` is another port than `{port}`.
    pub uri: String,
    /// When it does.
    pub when: String,
    /// Why a server that goes by the letter may refuse it.
    pub deviates: Option<String>,
    /// Where that is written.
    pub source: String,
}

/// Scopes: the first of these that is there.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scope {
    /// Placeholders.
    pub asks: String,
    /// `offline_access` is added where the issuer lists it.
    #[serde(default)]
    pub offline_access: bool,
    /// Where that is written.
    pub source: String,
}

/// A client ID metadata document.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetadataDocument {
    /// Its URL, which is the client's id.
    pub url: String,
    /// Where that is written.
    pub source: String,
}

/// The phases of a connection.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// From the URL to the issuer's metadata.
    Discovery,
    /// The client makes itself known.
    Registration,
    /// A person allows it.
    Authorization,
    /// Code for tokens.
    Token,
    /// A request with the token.
    Call,
    /// The refresh token for new ones.
    Refresh,
}

impl Phase {
    /// As it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Discovery => "discovery",
            Self::Registration => "registration",
            Self::Authorization => "authorization",
            Self::Token => "token",
            Self::Call => "call",
            Self::Refresh => "refresh",
        }
    }
}

/// One request, and what the client needs of its answer.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Its name; later steps take values of its answer by it.
    pub name: String,
    /// The phase.
    pub phase: Phase,
    /// In words.
    pub does: String,
    /// Method and URL.
    pub request: String,
    /// URLs that are tried when the first gives nothing.
    #[serde(default)]
    pub or: Vec<String>,
    /// With which answers the next URL is tried: `4xx`, `404`, `4xx or 502`, `not 200`, `not 2xx`, `not 5xx/429`. Without: never.
    #[serde(default)]
    pub goes_on: String,
    /// Headers.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// A JSON body.
    pub json: Option<Value>,
    /// Parameters of the query.
    #[serde(default)]
    pub query: BTreeMap<String, String>,
    /// A form.
    #[serde(default)]
    pub form: BTreeMap<String, String>,
    /// How the client says who it is, tried in this order: `none`, `post`, `post, even if empty`,
    /// `basic` (percent-encoded), `basic raw`, `as registered`, `as registered, raw`. Without a secret only the id is sent.
    #[serde(default)]
    pub authenticates: Vec<String>,
    /// What the client needs; see [`crate::needs`].
    #[serde(default)]
    pub needs: Vec<String>,
    /// When nothing is found it goes on with what it assumes: the origin for the issuer, `/authorize`, `/token` and `/register`.
    #[serde(default)]
    pub falls_back: bool,
    /// Whatever comes, the client goes on.
    #[serde(default)]
    pub optional: bool,
    /// Why a server that goes by the letter may refuse this.
    pub deviates: Option<String>,
    /// Where this is written: a URL, or who saw it.
    pub source: String,
}

/// A file that cannot be read.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{file}: {why}")]
pub struct BadRecord {
    /// Its name.
    pub file: String,
    /// Why.
    pub why: String,
}

/// Every client, with the steps of its base, in the order of their names; bases of others are left out.
///
/// # Errors
/// A file is not as it must be. A test reads all of them.
pub fn clients() -> Result<Vec<Client>, BadRecord> {
    let mut all = BTreeMap::new();
    for file in Files::iter() {
        let bad = |why: String| BadRecord { file: file.to_string(), why };
        let data = Files::get(&file).ok_or_else(|| bad("it is not there".to_owned()))?;
        let text = std::str::from_utf8(&data.data).map_err(|error| bad(error.to_string()))?;
        let mut client: Client = toml::from_str(text).map_err(|error| bad(error.to_string()))?;
        client.id = file.trim_end_matches(".toml").to_owned();
        all.insert(client.id.clone(), client);
    }
    let mut complete = Vec::new();
    for client in all.values() {
        let client = with_base(client, &all, 0)?;
        if !client.is_base {
            complete.push(client);
        }
    }
    complete.sort_by_key(|client| client.name.to_lowercase());
    Ok(complete)
}

fn with_base(client: &Client, all: &BTreeMap<String, Client>, depth: usize) -> Result<Client, BadRecord> {
    let Some(based_on) = &client.based_on else { return Ok(client.clone()) };
    let bad = |why: &str| BadRecord { file: client.id.clone(), why: why.to_owned() };
    if depth > 4 {
        return Err(bad("its bases go in a circle"));
    }
    let base = with_base(all.get(&based_on.client).ok_or_else(|| bad("its base is not there"))?, all, depth + 1)?;
    let mut whole = client.clone();
    let own = |name: &str| client.steps.iter().find(|step| step.name == name).cloned();
    let inherited: Vec<Step> = base.steps.into_iter().filter(|step| !client.without.contains(&step.name)).collect();
    let is_new = |step: &&Step| !inherited.iter().any(|other| other.name == step.name);
    let new: Vec<Step> = client.steps.iter().filter(is_new).cloned().collect();
    // A step of its own stands where the base's stood.
    whole.steps = inherited.into_iter().map(|step| own(&step.name).unwrap_or(step)).chain(new).collect();
    // Stable: within a phase the base's steps come first.
    whole.steps.sort_by_key(|step| step.phase);
    whole.redirect = whole.redirect.or(base.redirect);
    whole.scope = whole.scope.or(base.scope);
    Ok(whole)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::needs;
    use crate::rules;

    /// Every file is read, every step has a source, every need is one that is understood and leads to a rule.
    #[test]
    fn every_recorded_client_is_whole() {
        let clients = clients().unwrap();
        assert!(clients.len() >= 20, "only {}", clients.len());
        for client in &clients {
            let phases: Vec<Phase> = client.steps.iter().map(|step| step.phase).collect();
            for phase in [Phase::Discovery, Phase::Registration, Phase::Authorization, Phase::Token, Phase::Call, Phase::Refresh] {
                assert!(phases.contains(&phase), "{} has no step of {}", client.id, phase.as_str());
            }
            assert!(client.redirect.is_some(), "{}", client.id);
            for step in &client.steps {
                assert!(is_source(&step.source), "{} {}: {:?} is no source", client.id, step.name, step.source);
                assert_eq!(client.steps.iter().filter(|other| other.name == step.name).count(), 1, "{} {}", client.id, step.name);
                for need in &step.needs {
                    let rule = needs::rule_of(need).unwrap_or_else(|| panic!("{} {}: what is {need:?}?", client.id, step.name));
                    assert!(rules::find(rule).is_some(), "{need} leads to {rule}, which is no rule");
                }
            }
        }
    }

    fn is_source(text: &str) -> bool {
        text.starts_with("https://") || text == "observed on the wire, November 2026" || text == "reported"
    }
}
