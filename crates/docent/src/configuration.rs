//! Configuration: defaults, then `docent.toml`, then `DOCENT__…` variables. [`KEYS`] is the one list of keys; the
//! documentation, the check for unknown keys and `docent config show` are made from it.

mod keys;

pub use keys::{KEYS, Key};

use anyhow::{Context as _, bail};
use config::{File, FileFormat, Map, Source as _, Value, ValueKind};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The configuration in force, typed.
#[derive(Deserialize, Clone, Debug)]
pub struct Configuration {
    /// `[server]`
    pub server: Server,
    /// `[auth]`
    pub auth: Auth,
    /// `[mcp]`
    pub mcp: Mcp,
    /// `[database]`
    pub database: Database,
    /// `[accounts]`
    pub accounts: Accounts,
    /// `[clients]`
    pub clients: Clients,
    /// `[library]`
    pub library: Library,
    /// `[artefacts]`
    pub artefacts: Artefacts,
    /// `[embedding]`
    pub embedding: Embedding,
    /// `[trust]`
    pub trust: Trust,
    /// `[site]`
    pub site: Site,
    /// `[secrets]`
    pub secrets: Secrets,
    /// `[limits]`
    pub limits: Limits,
    /// `[audit]`
    pub audit: Audit,
    /// `[metrics]`
    pub metrics: Metrics,
    /// `[log]`
    pub log: Log,
}

/// `[server]`
#[derive(Deserialize, Clone, Debug)]
pub struct Server {
    /// Address and port.
    pub listen: String,
    /// Threads that answer requests; 0 for one a core.
    pub workers: usize,
    /// Addresses of proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<String>,
}

/// `[auth]`
#[derive(Deserialize, Clone, Debug)]
pub struct Auth {
    /// The issuer; empty for `http://localhost:PORT`.
    pub public_url: String,
    /// Seconds.
    pub access_token_lifetime: u64,
    /// Days.
    pub refresh_token_lifetime: u64,
    /// Days.
    pub session_lifetime: u64,
    /// Days.
    pub key_rotation: u64,
    /// Clients that may introspect every token.
    pub resource_servers: Vec<String>,
    /// Issuers whose identity assertions are grants.
    pub trusted_issuers: Vec<TrustedIssuer>,
}

/// `[[auth.trusted_issuers]]`
#[derive(Deserialize, Clone, Debug, Default)]
#[serde(default, deny_unknown_fields)]
pub struct TrustedIssuer {
    /// `iss` of its assertions.
    pub issuer: String,
    /// Where its keys are read.
    pub jwks_uri: String,
    /// A file with its keys, instead.
    pub jwks_file: PathBuf,
    /// The algorithms that it may sign with; empty for the usual ones.
    pub algorithms: Vec<String>,
    /// The clients whose assertions are accepted; empty for every one that may use the grant type.
    pub clients: Vec<AllowedClient>,
    /// What becomes of unknown subjects.
    pub accounts: AccountPolicy,
    /// The team project that tokens are for; empty for the person's own.
    pub project: String,
    /// Of an issuer of several tenants: the one that is trusted.
    pub tenant: String,
}

/// A client whose assertions are accepted: its id, or with another name at the issuer.
#[derive(Deserialize, Clone, Debug)]
#[serde(untagged)]
pub enum AllowedClient {
    /// Its id, here and at the issuer.
    Id(String),
    /// Two names.
    Named {
        /// Its id here.
        id: String,
        /// What the issuer calls it.
        known_as: String,
    },
}

/// What becomes of a subject that was never seen.
#[derive(Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum AccountPolicy {
    /// Refused.
    #[default]
    Existing,
    /// It gets an account.
    Create,
}

/// `[mcp]`
#[derive(Deserialize, Clone, Debug)]
pub struct Mcp {
    /// The origin of the MCP endpoint; empty for `http://localhost:PORT`.
    pub public_url: String,
    /// Where the issuer's keys are read; empty for what its metadata says.
    pub keys_url: String,
    /// Further accepted `Host` values.
    pub allowed_hosts: Vec<String>,
    /// Further accepted `Origin` values.
    pub allowed_origins: Vec<String>,
}

/// `[database]`
#[derive(Deserialize, Clone, Debug)]
pub struct Database {
    /// Empty for SQLite in the data folder.
    pub url: String,
    /// Connections to Postgres.
    pub max_connections: u32,
}

/// `[accounts]`
#[derive(Deserialize, Clone, Debug)]
pub struct Accounts {
    /// Who may make an account.
    pub sign_up: SignUp,
}

/// Who may make an account.
#[derive(Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum SignUp {
    /// Whoever has an administrator's link.
    Invite,
    /// Everybody.
    Open,
    /// Nobody.
    Closed,
}

/// `[clients]`
#[derive(Deserialize, Clone, Debug)]
pub struct Clients {
    /// Who may register a client.
    pub dynamic_registration: DynamicRegistration,
    /// Whether an https URL may be a `client_id`.
    pub metadata_documents: bool,
    /// Hosts and networks that may be asked though they are not on the public internet.
    pub metadata_document_hosts_allowed: Vec<String>,
    /// A PEM file of further certificate authorities.
    pub metadata_document_ca: String,
}

/// Who may register a client.
#[derive(Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum DynamicRegistration {
    /// Every client.
    Open,
    /// Who has an initial access token.
    Token,
    /// Nobody.
    Off,
}

/// `[library]`
#[derive(Deserialize, Clone, Debug)]
pub struct Library {
    /// Where indexes are kept; empty for `index` in the data folder.
    pub index_folder: String,
    /// Indexes kept open.
    pub max_open: usize,
    /// Whether the user guide is served as `/docent/docs`.
    pub guide: bool,
    /// How often libraries are refreshed: a number and `m`, `h` or `d`, or `off`.
    pub refresh_every: String,
    /// Pages that are read of one web site.
    pub site_pages: usize,
    /// Milliseconds between the starts of two requests to a web site.
    pub site_delay: u64,
    /// The registry of npm packages.
    pub npm_registry: String,
    /// The registry of Python packages.
    pub pypi_registry: String,
    /// The sparse index of Cargo packages.
    pub cargo_registry: String,
}

/// `[artefacts]`
#[derive(Deserialize, Clone)]
pub struct Artefacts {
    /// Empty for the folder alone, else `s3://BUCKET/PREFIX`.
    pub url: String,
    /// The server, for all but Amazon's own.
    pub endpoint: String,
    /// The region.
    pub region: String,
    /// Empty for what the environment or the machine says.
    pub access_key_id: String,
    /// Its secret.
    pub secret_access_key: String,
    /// Whether the bucket stands in the path.
    pub path_style: bool,
    /// Megabytes of the folder.
    pub cache_size: u64,
}

impl std::fmt::Debug for Artefacts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Artefacts").field("url", &self.url).field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

/// `[embedding]`
#[derive(Deserialize, Clone, Debug)]
pub struct Embedding {
    /// The folder of an installed model.
    pub model: PathBuf,
    /// What it must be.
    pub checksum: String,
    /// An OpenAI-compatible interface, instead.
    pub endpoint: String,
    /// The model's name there.
    pub endpoint_model: String,
    /// A bearer token for it.
    pub endpoint_key: String,
}

/// `[trust]`
#[derive(Deserialize, Clone, Debug)]
pub struct Trust {
    /// What is done with text of libraries that is no documentation.
    pub policy: docent_library::trust::Policy,
}

/// `[site]`
#[derive(Deserialize, Clone, Debug)]
pub struct Site {
    /// Its name on pages.
    pub name: String,
}

/// `[secrets]`
#[derive(Deserialize, Clone)]
pub struct Secrets {
    /// 64 hexadecimal digits; empty for the file in the data folder.
    pub master_key: String,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secrets(…)")
    }
}

/// `[limits]`
#[derive(Deserialize, Clone)]
pub struct Limits {
    /// Requests a minute of a person; 0 for as many as come.
    pub user: u32,
    /// Of a project.
    pub project: u32,
    /// Of an API key.
    pub key: u32,
    /// Where nodes count together; empty for each by itself.
    pub server: String,
}

impl std::fmt::Debug for Limits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { user, project, key, .. } = self;
        f.debug_struct("Limits").field("user", user).field("project", project).field("key", key).finish_non_exhaustive()
    }
}

/// `[audit]`
#[derive(Deserialize, Clone, Debug)]
pub struct Audit {
    /// Days.
    pub retention: u64,
}

/// `[metrics]`
#[derive(Deserialize, Clone, Debug)]
pub struct Metrics {
    /// Address and port; empty for none.
    pub listen: String,
}

/// `[log]`
#[derive(Deserialize, Clone, Debug)]
pub struct Log {
    /// `auto`, `human` or `json`.
    pub format: LogFormat,
    /// A filter as in `RUST_LOG`.
    pub level: String,
}

/// How log lines look.
#[derive(Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Human on a terminal and elsewhere.
    Auto,
    /// For people.
    Human,
    /// One JSON object a line.
    Json,
}

/// A key's effective value and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effective {
    /// The key.
    pub key: &'static Key,
    /// The value as text; secrets are not in it.
    pub value: String,
    /// `default`, the file, or the variable.
    pub origin: String,
}

/// The prefix of variables.
const PREFIX: &str = "DOCENT__";

/// What was configured, by key: its text and where it stands.
struct Layer {
    origin: String,
    values: BTreeMap<String, Value>,
}

fn flatten(prefix: &str, table: &Map<String, Value>, into: &mut BTreeMap<String, Value>) {
    for (name, value) in table {
        let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        match &value.kind {
            ValueKind::Table(inner) => flatten(&key, inner, into),
            _ => {
                into.insert(key, value.clone());
            }
        }
    }
}

fn file_layer(file: Option<&Path>) -> anyhow::Result<Option<Layer>> {
    let path = match file {
        Some(path) => path.to_owned(),
        None => PathBuf::from("docent.toml"),
    };
    if file.is_none() && !path.exists() {
        return Ok(None);
    }
    let table = File::from(path.clone())
        .format(FileFormat::Toml)
        .collect()
        .with_context(|| format!("cannot read the configuration file {}", path.display()))?;
    let mut values = BTreeMap::new();
    flatten("", &table, &mut values);
    Ok(Some(Layer { origin: path.display().to_string(), values }))
}

fn variable_layer(variables: &[(String, String)]) -> anyhow::Result<Vec<Layer>> {
    let of_ours = variables.iter().filter_map(|(name, text)| name.strip_prefix(PREFIX).map(|rest| (name, rest, text)));
    of_ours
        .map(|(name, rest, text)| {
            let key = rest.to_ascii_lowercase().replace("__", ".");
            let known = KEYS.iter().find(|one| one.name == key);
            let value = if known.is_some_and(Key::is_list) {
                let items: Vec<Value> = text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(Value::from).collect();
                Value::from(items)
            } else if known.is_some_and(Key::is_tables) {
                from_json(serde_json::from_str(text).with_context(|| format!("{name} must be a JSON array of objects"))?)
            } else {
                Value::from(text.as_str())
            };
            Ok(Layer { origin: name.clone(), values: BTreeMap::from([(key, value)]) })
        })
        .collect()
}

fn from_json(value: serde_json::Value) -> Value {
    use serde_json::Value as Json;
    let kind = match value {
        Json::Null => ValueKind::Nil,
        Json::Bool(value) => ValueKind::Boolean(value),
        Json::Number(number) => number.as_i64().map_or_else(|| ValueKind::String(number.to_string()), ValueKind::I64),
        Json::String(text) => ValueKind::String(text),
        Json::Array(items) => ValueKind::Array(items.into_iter().map(from_json).collect()),
        Json::Object(fields) => ValueKind::Table(fields.into_iter().map(|(name, value)| (name, from_json(value))).collect()),
    };
    Value::new(None, kind)
}

fn refuse_unknown(layer: &Layer) -> anyhow::Result<()> {
    for name in layer.values.keys() {
        if KEYS.iter().any(|key| key.name == name) {
            continue;
        }
        let nearest = KEYS.iter().max_by(|a, b| strsim::jaro_winkler(a.name, name).total_cmp(&strsim::jaro_winkler(b.name, name)));
        let nearest = nearest.map_or("", |key| key.name);
        bail!(
            "{}: there is no configuration key \"{name}\". The nearest one is \"{nearest}\"; docs/configuration.md lists all.",
            layer.origin
        );
    }
    Ok(())
}

/// Reads the configuration from its three layers.
///
/// # Errors
/// An unknown key, with the nearest known one; a value of the wrong kind; an unreadable file.
pub fn load(file: Option<&Path>, variables: &[(String, String)]) -> anyhow::Result<(Configuration, Vec<Effective>)> {
    let mut layers = Vec::from_iter(file_layer(file)?);
    layers.extend(variable_layer(variables)?);
    let mut builder = config::Config::builder();
    for key in KEYS {
        builder = builder.set_default(key.name, key.default_value())?;
    }
    let mut effective: Vec<Effective> =
        KEYS.iter().map(|key| Effective { key, value: key.default.to_owned(), origin: "default".to_owned() }).collect();
    for layer in &layers {
        refuse_unknown(layer)?;
        for (name, value) in &layer.values {
            builder = builder.set_override(name, value.clone())?;
            if let Some(row) = effective.iter_mut().find(|row| row.key.name == name) {
                row.value = if row.key.secret { "(set)".to_owned() } else { redacted(row.key.name, &shown(value)) };
                row.origin.clone_from(&layer.origin);
            }
        }
    }
    let built = builder.build()?;
    let configuration: Configuration = built.try_deserialize().context("the configuration has a value that does not fit")?;
    Ok((configuration, effective))
}

fn shown(value: &Value) -> String {
    match &value.kind {
        ValueKind::Array(items) => items.iter().map(ToString::to_string).collect::<Vec<_>>().join(","),
        _ => value.to_string(),
    }
}

/// A database URL without its password.
fn redacted(name: &str, value: &str) -> String {
    if name != "database.url" {
        return value.to_owned();
    }
    match url::Url::parse(value) {
        Ok(mut url) if url.password().is_some() => match url.set_password(Some("***")) {
            Ok(()) => url.to_string(),
            Err(()) => "(set)".to_owned(),
        },
        Ok(url) => url.to_string(),
        Err(_) => "(set)".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variable(name: &str, value: &str) -> Vec<(String, String)> {
        vec![(name.to_owned(), value.to_owned())]
    }

    #[test]
    fn without_file_and_variables_the_defaults_hold() {
        let (configuration, effective) = load(None, &[]).unwrap();
        assert_eq!(configuration.server.listen, "127.0.0.1:8080");
        assert_eq!(configuration.accounts.sign_up, SignUp::Invite);
        assert!(effective.iter().all(|row| row.origin == "default"));
    }

    #[test]
    fn a_variable_wins_over_the_file_and_both_are_named_as_origin() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("docent.toml");
        std::fs::write(&file, "[site]\nname = \"A\"\n[accounts]\nsign_up = \"open\"\n").unwrap();
        let (configuration, effective) = load(Some(&file), &variable("DOCENT__SITE__NAME", "B")).unwrap();
        assert_eq!((configuration.site.name.as_str(), configuration.accounts.sign_up), ("B", SignUp::Open));
        let origin = |name: &str| effective.iter().find(|row| row.key.name == name).unwrap().origin.clone();
        assert_eq!(origin("site.name"), "DOCENT__SITE__NAME");
        assert_eq!(origin("accounts.sign_up"), file.display().to_string());
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_nearest_one() {
        let error = load(None, &variable("DOCENT__DATABASE__URI", "x")).unwrap_err().to_string();
        assert!(error.contains("\"database.uri\"") && error.contains("\"database.url\""), "{error}");
    }

    #[test]
    fn lists_and_numbers_are_read_from_variables() {
        let variables = [("DOCENT__MCP__ALLOWED_HOSTS", "a.example, b.example"), ("DOCENT__AUTH__ACCESS_TOKEN_LIFETIME", "600")]
            .map(|(k, v)| (k.to_owned(), v.to_owned()));
        let (configuration, _) = load(None, &variables).unwrap();
        assert_eq!(configuration.mcp.allowed_hosts, ["a.example", "b.example"]);
        assert_eq!(configuration.auth.access_token_lifetime, 600);
    }

    /// AS20: issuers are tables of the file, or a JSON array in the variable; a misspelt field is an error.
    #[test]
    fn trusted_issuers_are_read_from_the_file_and_from_a_variable() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("docent.toml");
        let text = "[[auth.trusted_issuers]]\nissuer = \"https://idp.example\"\njwks_uri = \"https://idp.example/keys\"\nclients = [\"c_1\", { id = \"c_2\", known_as = \"0oA2\" }]\n";
        std::fs::write(&file, text).unwrap();
        let (configuration, _) = load(Some(&file), &[]).unwrap();
        let [issuer] = configuration.auth.trusted_issuers.as_slice() else { panic!("{:?}", configuration.auth.trusted_issuers) };
        assert_eq!((issuer.issuer.as_str(), issuer.accounts), ("https://idp.example", AccountPolicy::Existing));
        assert!(
            matches!(issuer.clients.as_slice(), [AllowedClient::Id(one), AllowedClient::Named { id, known_as }] if one == "c_1" && id == "c_2" && known_as == "0oA2")
        );
        let json = r#"[{"issuer": "https://other.example", "jwks_file": "keys.json", "accounts": "create", "project": "Team"}]"#;
        let (configuration, _) = load(Some(&file), &variable("DOCENT__AUTH__TRUSTED_ISSUERS", json)).unwrap();
        assert_eq!(configuration.auth.trusted_issuers.len(), 1, "the variable wins as a whole");
        assert_eq!(configuration.auth.trusted_issuers[0].accounts, AccountPolicy::Create);
        assert!(load(None, &variable("DOCENT__AUTH__TRUSTED_ISSUERS", "https://idp.example")).is_err());
        assert!(load(None, &variable("DOCENT__AUTH__TRUSTED_ISSUERS", r#"[{"isuer": "x"}]"#)).is_err());
    }

    #[test]
    fn a_password_is_not_shown() {
        let (_, effective) = load(None, &variable("DOCENT__DATABASE__URL", "postgres://u:hunter2@h/d")).unwrap();
        let row = effective.iter().find(|row| row.key.name == "database.url").unwrap();
        assert!(!row.value.contains("hunter2") && row.value.contains("***"), "{}", row.value);
    }

    /// `docs/configuration.md` is this table; `UPDATE_DOCS=1` writes it.
    #[test]
    fn the_documentation_lists_every_key() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
        let wanted = keys::documentation();
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(&path, &wanted).unwrap();
        }
        assert_eq!(
            std::fs::read_to_string(&path).unwrap_or_default(),
            wanted,
            "run: UPDATE_DOCS=1 cargo nextest run -p docent documentation"
        );
    }
}
