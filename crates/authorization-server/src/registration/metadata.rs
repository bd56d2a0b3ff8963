//! Client metadata as it is sent (RFC 7591 2): read with patience, normalised, and refused only where it must be.

use crate::client_metadata_document::document;
use docent_types::compat::Compat;
use docent_types::device;
use docent_types::ids::ClientId;
use docent_types::oauth::{Error, ErrorCode};
use docent_types::redirect_uri::{self, RedirectKind};
use docent_types::registration::AuthMethod;
use docent_types::scope::ScopeSet;
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use std::fmt::{self, Write as _};

/// The longest name of a client.
pub const NAME_LIMIT: usize = 200;
/// The most redirect URIs of a client.
pub const REDIRECT_LIMIT: usize = 20;
/// The most bytes that the redirect URIs of a client have together: strangers decide how many clients are stored, not how large they are.
pub const REDIRECT_BYTES: usize = 8000;
/// The most bytes of a client's keys.
pub const KEYS_BYTES: usize = 8000;

/// The grant types that work here; others that a client names are dropped.
const GRANT_TYPES: [&str; 3] = ["authorization_code", "refresh_token", device::GRANT_TYPE];
/// Those of a client that names none.
const DEFAULT_GRANT_TYPES: [&str; 2] = ["authorization_code", "refresh_token"];

/// What a client registers, after normalisation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClientMetadata {
    /// As it claims. Never empty.
    pub name: String,
    /// As sent, without repetitions.
    pub redirect_uris: Vec<String>,
    /// Those that work here.
    pub grant_types: Vec<String>,
    /// How it will prove itself.
    pub auth_method: AuthMethod,
    /// Of the scopes that it sent, those that exist here, in their own order.
    pub scope: Option<String>,
    /// Its home page.
    pub client_uri: Option<String>,
    /// RFC 7591.
    pub software_id: Option<String>,
    /// RFC 7591.
    pub software_version: Option<String>,
    /// `web` or `native`.
    pub application_type: Option<String>,
    /// Its keys, for `private_key_jwt`.
    pub jwks: Option<Value>,
    /// Where its keys are read, for `private_key_jwt`.
    pub jwks_uri: Option<String>,
}

fn invalid(field: &str, why: impl std::fmt::Display) -> Error {
    Error::new(ErrorCode::InvalidClientMetadata, format!("{field} {why}."))
}

/// A text that is absent, null, empty or of another type is absent: none of these fields decides anything.
pub(crate) fn text(fields: &Map<String, Value>, name: &str, limit: usize) -> Option<String> {
    let value = fields.get(name)?.as_str()?.trim();
    (!value.is_empty() && value.len() <= limit && !value.chars().any(char::is_control)).then(|| value.to_owned())
}

fn list<'a>(fields: &'a Map<String, Value>, name: &str) -> Result<Option<Vec<&'a str>>, Error> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(one)) if name != "redirect_uris" => Ok(Some(vec![one.as_str()])),
        Some(Value::Array(values)) => values
            .iter()
            .map(|value| value.as_str().ok_or_else(|| invalid(name, "must be a list of strings")))
            .collect::<Result<Vec<_>, _>>()
            .map(Some),
        Some(_) => Err(invalid(name, "must be a list of strings")),
    }
}

/// A text without what is not seen or turns the direction of what stands beside it, on one line.
fn visible(text: &str) -> String {
    let is_hidden = |c: char| {
        matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
    };
    let seen: String = text.chars().map(|c| if c.is_control() || is_hidden(c) { ' ' } else { c }).collect();
    seen.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn name(fields: &Map<String, Value>) -> Result<String, Error> {
    match fields.get("client_name") {
        None | Some(Value::Null) => Ok("Unnamed application".to_owned()),
        Some(Value::String(name)) => match visible(name) {
            name if name.chars().count() > NAME_LIMIT => {
                Err(invalid("client_name", format_args!("is longer than {NAME_LIMIT} characters")))
            }
            name if name.is_empty() => Ok("Unnamed application".to_owned()),
            name => Ok(name),
        },
        Some(_) => Err(invalid("client_name", "must be a string")),
    }
}

/// A client that uses no codes may have none: nobody is sent back to a machine without a browser.
fn redirect_uris(fields: &Map<String, Value>, uses_codes: bool) -> Result<(Vec<String>, Vec<RedirectKind>), Error> {
    let refused = |why: String| Error::new(ErrorCode::InvalidRedirectUri, why);
    let sent = list(fields, "redirect_uris").map_err(|error| refused(error.description))?.unwrap_or_default();
    if sent.is_empty() && uses_codes {
        return Err(refused("redirect_uris is missing: name at least one URI that the browser is sent back to.".to_owned()));
    }
    if sent.len() > REDIRECT_LIMIT {
        return Err(refused(format!("redirect_uris has {} entries; at most {REDIRECT_LIMIT} are allowed.", sent.len())));
    }
    let mut uris: Vec<String> = Vec::with_capacity(sent.len());
    let mut kinds = Vec::with_capacity(sent.len());
    for (at, uri) in sent.iter().enumerate() {
        let shown: String = uri.chars().take(200).collect();
        kinds.push(redirect_uri::check(uri).map_err(|why| refused(format!("redirect_uris[{at}] ({shown}) {why}.")))?);
        if !uris.iter().any(|one| one == uri) {
            uris.push((*uri).to_owned());
        }
    }
    let bytes: usize = uris.iter().map(String::len).sum();
    if bytes > REDIRECT_BYTES {
        return Err(refused(format!("redirect_uris has {bytes} bytes; at most {REDIRECT_BYTES} are allowed.")));
    }
    Ok((uris, kinds))
}

fn grant_types(fields: &Map<String, Value>) -> Result<Vec<String>, Error> {
    // RFC 7591 2 says `authorization_code` alone when nothing is said; clients that say nothing refresh all the same.
    let Some(sent) = list(fields, "grant_types")?.filter(|sent| !sent.is_empty()) else {
        return Ok(DEFAULT_GRANT_TYPES.map(str::to_owned).to_vec());
    };
    let kept: Vec<String> = GRANT_TYPES.iter().filter(|grant| sent.contains(grant)).map(|&grant| grant.to_owned()).collect();
    if kept.iter().any(|grant| grant != "refresh_token") {
        Ok(kept)
    } else {
        Err(invalid("grant_types", format_args!("must contain authorization_code or {}", device::GRANT_TYPE)))
    }
}

fn response_types(fields: &Map<String, Value>) -> Result<(), Error> {
    match list(fields, "response_types")? {
        Some(sent) if !sent.is_empty() && !sent.contains(&"code") => Err(invalid("response_types", "must contain code")),
        _ => Ok(()),
    }
}

/// Without `token_endpoint_auth_method` RFC 7591 2 means `client_secret_basic`. Many native clients leave it out and
/// keep no secret, so it means `none` where every redirect URI leads to a program on somebody's machine.
fn auth_method(fields: &Map<String, Value>, kinds: &[RedirectKind]) -> Result<AuthMethod, Error> {
    let is_native = kinds.iter().all(|kind| *kind != RedirectKind::Https);
    let default = if is_native { AuthMethod::None } else { AuthMethod::ClientSecretBasic };
    let supported = "must be none, client_secret_basic, client_secret_post or private_key_jwt";
    match fields.get("token_endpoint_auth_method") {
        None | Some(Value::Null) => Ok(default),
        Some(Value::String(method)) if method.is_empty() => Ok(default),
        Some(Value::String(method)) => match AuthMethod::parse(method) {
            None => Err(invalid("token_endpoint_auth_method", supported)),
            Some(method) => Ok(method),
        },
        Some(_) => Err(invalid("token_endpoint_auth_method", supported)),
    }
}

/// The keys of a client that will use them; other clients' are left out.
fn keys(fields: &Map<String, Value>, auth_method: AuthMethod) -> Result<(Option<Value>, Option<String>), Error> {
    if auth_method != AuthMethod::PrivateKeyJwt {
        return Ok((None, None));
    }
    match document::keys(fields) {
        Ok((None, None)) => Err(invalid("jwks", "or jwks_uri is missing: private_key_jwt needs one of them")),
        Ok((Some(set), _)) if set.to_string().len() > KEYS_BYTES => {
            Err(invalid("jwks", format_args!("is longer than {KEYS_BYTES} bytes: name a jwks_uri")))
        }
        Ok(keys) => Ok(keys),
        Err(words) => Err(Error::new(ErrorCode::InvalidClientMetadata, format!("{words}."))),
    }
}

/// Of what it asks for, what exists here: a client registers no privilege by inventing one (CVE-2026-61466).
fn scope(fields: &Map<String, Value>) -> Option<String> {
    let known = ScopeSet::parse_known(fields.get("scope")?.as_str()?);
    (!known.is_empty()).then(|| known.to_string())
}

/// Its home page, if that is a page.
fn client_uri(fields: &Map<String, Value>) -> Option<String> {
    let uri = text(fields, "client_uri", 2000)?;
    let url = url::Url::parse(&uri).ok()?;
    (matches!(url.scheme(), "https" | "http") && uri.bytes().all(|byte| byte.is_ascii_graphic())).then_some(uri)
}

/// A JSON object in which no field is twice: programs disagree about which one counts.
struct Fields(Map<String, Value>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Map::new();
                while let Some((name, value)) = map.next_entry::<String, Value>()? {
                    if fields.contains_key(&name) {
                        return Err(A::Error::custom(format_args!("the field {name} is there twice")));
                    }
                    fields.insert(name, value);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

/// The fields of a request's body.
///
/// # Errors
/// `invalid_client_metadata`: it is not a JSON object, or a field is there twice or has a NUL in it.
pub fn fields(body: &[u8]) -> Result<Map<String, Value>, Error> {
    let wrong = |words: String| Error::new(ErrorCode::InvalidClientMetadata, words);
    let Fields(fields) = serde_json::from_slice(body).map_err(|error| wrong(format!("The body is not a JSON object: {error}.")))?;
    match fields.iter().find(|(field, value)| field.contains('\0') || has_nul(value)) {
        Some((field, _)) => Err(wrong(format!("{field} has a NUL character in it."))),
        None => Ok(fields),
    }
}

/// Whether a text anywhere in it has a NUL, which a database may refuse.
fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(has_nul),
        Value::Object(fields) => fields.iter().any(|(name, value)| name.contains('\0') || has_nul(value)),
        _ => false,
    }
}

/// What a registration says that it should not, or does not say and should.
fn overlooked(fields: &Map<String, Value>) -> Vec<Compat> {
    let is_empty = |value: &Value| value.is_null() || *value == "";
    let unknown_grant = |grant: &Value| grant.as_str().is_some_and(|grant| !GRANT_TYPES.contains(&grant));
    [
        (fields.get("token_endpoint_auth_method").is_none_or(is_empty), Compat::AuthMethodMissing),
        (
            fields.get("grant_types").and_then(Value::as_array).is_some_and(|grants| grants.iter().any(unknown_grant)),
            Compat::UnknownGrantType,
        ),
        (fields.values().any(is_empty), Compat::EmptyField),
    ]
    .into_iter()
    .filter_map(|(is_so, compat)| is_so.then_some(compat))
    .collect()
}

impl ClientMetadata {
    /// Reads a registration request.
    ///
    /// # Errors
    /// `invalid_redirect_uri` or `invalid_client_metadata` with the field and why.
    pub fn parse(body: &[u8]) -> Result<Self, Error> {
        Self::of(&fields(body)?)
    }

    /// Reads the fields of a registration request.
    ///
    /// # Errors
    /// `invalid_redirect_uri` or `invalid_client_metadata` with the field and why.
    pub fn of(fields: &Map<String, Value>) -> Result<Self, Error> {
        let grant_types = grant_types(fields)?;
        let uses_codes = grant_types.iter().any(|grant| grant == "authorization_code");
        let (redirect_uris, kinds) = redirect_uris(fields, uses_codes)?;
        response_types(fields)?;
        let auth_method = auth_method(fields, &kinds)?;
        let (jwks, jwks_uri) = keys(fields, auth_method)?;
        let name = name(fields)?;
        for overlooked in overlooked(fields) {
            overlooked.tolerate(&name);
        }
        Ok(Self {
            name,
            grant_types,
            auth_method,
            scope: scope(fields),
            client_uri: client_uri(fields),
            software_id: text(fields, "software_id", 200),
            software_version: text(fields, "software_version", 200),
            application_type: text(fields, "application_type", 20).filter(|kind| matches!(kind.as_str(), "web" | "native")),
            redirect_uris,
            jwks,
            jwks_uri,
        })
    }

    /// The id of a public client: the same metadata is the same client, whichever loopback port it listens on today.
    #[must_use]
    pub fn derived_id(&self) -> ClientId {
        let mut redirects: Vec<String> = self.redirect_uris.iter().map(|uri| redirect_uri::key(uri)).collect();
        redirects.sort();
        redirects.dedup();
        let mut scopes: Vec<&str> = self.scope.as_deref().unwrap_or_default().split_ascii_whitespace().collect();
        scopes.sort_unstable();
        scopes.dedup();
        let mut canonical = vec![
            json!(self.name),
            json!(redirects),
            json!(self.grant_types),
            json!(self.auth_method.as_str()),
            json!(scopes),
            json!(self.software_id),
        ];
        // Whoever has other keys is another client.
        canonical.extend(self.jwks.clone());
        canonical.extend(self.jwks_uri.as_ref().map(|uri| json!(uri)));
        let canonical = Value::from(canonical).to_string();
        let digest = Sha256::digest(canonical.as_bytes());
        ClientId(digest[..16].iter().fold("c_".to_owned(), |mut id, byte| {
            let _ = write!(id, "{byte:02x}");
            id
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(value: &Value) -> Result<ClientMetadata, Error> {
        ClientMetadata::parse(value.to_string().as_bytes())
    }

    /// AS13, `interop.md`.
    #[test]
    fn a_nul_anywhere_is_refused_with_the_field() {
        for body in [
            r#"{"redirect_uris":["http://localhost/cb"],"client_name":"a\u0000b"}"#,
            r#"{"redirect_uris":["http://localhost/cb"],"contacts":["a\u0000b"]}"#,
        ] {
            let error = ClientMetadata::parse(body.as_bytes()).err().map(|error| error.code);
            assert_eq!(error, Some(ErrorCode::InvalidClientMetadata), "{body}");
        }
    }

    #[test]
    fn what_is_overlooked_has_a_name() {
        let of = |value: Value| overlooked(value.as_object().unwrap());
        assert_eq!(of(json!({"token_endpoint_auth_method": "none", "grant_types": ["refresh_token"]})), []);
        assert_eq!(of(json!({"grant_types": ["implicit"]})), [Compat::AuthMethodMissing, Compat::UnknownGrantType]);
        assert_eq!(of(json!({"token_endpoint_auth_method": "none", "scope": ""})), [Compat::EmptyField]);
        assert_eq!(of(json!({"token_endpoint_auth_method": null})), [Compat::AuthMethodMissing, Compat::EmptyField]);
    }

    #[test]
    fn messy_registrations_are_read_with_patience() {
        let client = parse(&json!({
            "client_name": null, "redirect_uris": ["http://127.0.0.1:4000/callback", "http://127.0.0.1:4000/callback"], "scope": "", "logo_uri": null, "x": {"y": 1},
            "grant_types": ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:saml2-bearer"], "response_types": ["code", "token"],
            "token_endpoint_auth_method": null, "application_type": "sparkling", "client_uri": 7
        }))
        .unwrap();
        assert_eq!(client.name, "Unnamed application");
        assert_eq!(client.redirect_uris, ["http://127.0.0.1:4000/callback"]);
        assert_eq!(client.grant_types, ["authorization_code", "refresh_token"]);
        assert_eq!(client.auth_method, AuthMethod::None, "a native client that says nothing keeps no secret");
        assert_eq!((client.scope, client.application_type, client.client_uri), (None, None, None));
        assert_eq!(parse(&json!({"redirect_uris": ["https://a.example/cb"]})).unwrap().auth_method, AuthMethod::ClientSecretBasic);
        let cursor = [
            "cursor://anysphere.cursor-mcp/oauth/callback",
            "https://www.cursor.com/agents/mcp/oauth/callback",
            "http://localhost:8787/callback",
        ];
        assert!(parse(&json!({"redirect_uris": cursor, "token_endpoint_auth_method": "none"})).is_ok());
    }

    /// AS13, AS21: a machine without a browser has nowhere to send people back to.
    #[test]
    fn a_client_of_device_authorization_needs_no_redirect_uri() {
        let client = parse(&json!({"client_name": "Builder", "grant_types": [device::GRANT_TYPE, "refresh_token"]})).unwrap();
        assert_eq!((client.redirect_uris.len(), client.auth_method), (0, AuthMethod::None));
        assert_eq!(client.grant_types, ["refresh_token", device::GRANT_TYPE]);
        let both = json!({"grant_types": ["authorization_code", device::GRANT_TYPE]});
        assert_eq!(parse(&both).unwrap_err().code, ErrorCode::InvalidRedirectUri, "codes need one");
        assert!(parse(&json!({"grant_types": ["refresh_token"], "redirect_uris": ["http://localhost/cb"]})).is_err());
        assert!(
            parse(&json!({"redirect_uris": ["http://localhost/cb"]})).unwrap().grant_types.iter().all(|grant| grant != device::GRANT_TYPE)
        );
        let bad = json!({"grant_types": [device::GRANT_TYPE], "redirect_uris": ["javascript:alert(1)"]});
        assert_eq!(parse(&bad).unwrap_err().code, ErrorCode::InvalidRedirectUri, "those that are sent are checked all the same");
    }

    /// AS13: every rejection says which field and why.
    #[test]
    fn rejections_name_the_field() {
        let refusal = |value: Value| parse(&value).unwrap_err();
        let uri = ["http://localhost/cb"];
        for (value, code, word) in [
            (json!({}), ErrorCode::InvalidRedirectUri, "redirect_uris"),
            (json!({"redirect_uris": "http://localhost/cb"}), ErrorCode::InvalidRedirectUri, "redirect_uris"),
            (json!({"redirect_uris": ["http://localhost/cb", "http://a.example/"]}), ErrorCode::InvalidRedirectUri, "redirect_uris[1]"),
            (json!({"redirect_uris": ["javascript:alert(1)"]}), ErrorCode::InvalidRedirectUri, "javascript"),
            (json!({"redirect_uris": vec!["http://localhost/cb"; 21]}), ErrorCode::InvalidRedirectUri, "at most 20"),
            (json!({"redirect_uris": uri, "client_name": "x".repeat(201)}), ErrorCode::InvalidClientMetadata, "client_name"),
            (json!({"redirect_uris": uri, "client_name": ["x"]}), ErrorCode::InvalidClientMetadata, "client_name"),
            (json!({"redirect_uris": uri, "grant_types": ["client_credentials"]}), ErrorCode::InvalidClientMetadata, "grant_types"),
            (json!({"redirect_uris": uri, "response_types": ["token"]}), ErrorCode::InvalidClientMetadata, "response_types"),
            (json!({"redirect_uris": uri, "token_endpoint_auth_method": "private_key_jwt"}), ErrorCode::InvalidClientMetadata, "jwks"),
            (
                json!({"redirect_uris": uri, "token_endpoint_auth_method": "private_key_jwt", "jwks_uri": "http://a.example/keys"}),
                ErrorCode::InvalidClientMetadata,
                "jwks_uri",
            ),
            (
                json!({"redirect_uris": uri, "token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": [{"kty": "EC", "d": "x"}]}}),
                ErrorCode::InvalidClientMetadata,
                "private",
            ),
            (
                json!({"redirect_uris": uri, "token_endpoint_auth_method": "client_secret_jwt"}),
                ErrorCode::InvalidClientMetadata,
                "token_endpoint_auth_method",
            ),
            (json!([1]), ErrorCode::InvalidClientMetadata, "object"),
        ] {
            let error = refusal(value);
            assert_eq!(error.code, code, "{error}");
            assert!(error.description.contains(word), "{error}");
        }
        assert!(ClientMetadata::parse(b"{nonsense").unwrap_err().description.contains("not a JSON object"));
        assert!(ClientMetadata::parse(b"\xff").is_err());
    }

    /// Names with bidirectional, invisible or control characters; CVE-2026-61466.
    #[test]
    fn names_are_seen_as_they_are_and_scopes_are_those_that_exist() {
        let of = |value: Value| parse(&value).unwrap();
        let uri = ["http://localhost/cb"];
        let named = |name: &str| of(json!({"redirect_uris": uri, "client_name": name})).name;
        assert_eq!(named("Claude\u{202e}edoC\u{200b}\r\n x\u{7}"), "Claude edoC x");
        assert_eq!(named("\u{2066}\u{200f}\t"), "Unnamed application");
        assert_eq!(named("שלום · 你好 · 👩\u{200d}💻"), "שלום · 你好 · 👩\u{200d}💻", "other scripts and joined signs stay");
        let scope = |scope: &str| of(json!({"redirect_uris": uri, "scope": scope})).scope;
        assert_eq!(scope("root openid * docs:read  admin").as_deref(), Some("docs:read openid"));
        assert_eq!(scope("root *"), None);
        let home = |uri: &str| of(json!({"redirect_uris": ["http://localhost/cb"], "client_uri": uri})).client_uri;
        assert_eq!(home("https://a.example/x").as_deref(), Some("https://a.example/x"));
        assert_eq!((home("javascript:alert(1)"), home("https://a.example/<b> x"), home("/relative")), (None, None, None));
    }

    /// Programs that stand before this one may have read the other.
    #[test]
    fn a_field_that_is_there_twice_is_refused() {
        let error =
            ClientMetadata::parse(br#"{"redirect_uris":["https://a.example/"],"redirect_uris":["https://b.example/"]}"#).unwrap_err();
        assert!(error.description.contains("redirect_uris is there twice"), "{error}");
        let deep = format!("{}{}", "[".repeat(60_000), "]".repeat(60_000));
        for body in
            [deep.clone(), format!(r#"{{"redirect_uris":{deep}}}"#), format!(r#"{{"x":{deep},"redirect_uris":["http://localhost/"]}}"#)]
        {
            assert_eq!(ClientMetadata::parse(body.as_bytes()).unwrap_err().code, ErrorCode::InvalidClientMetadata);
        }
    }

    /// *Registration*: the same metadata is the same client.
    #[test]
    fn the_id_does_not_depend_on_the_port_of_today() {
        let id = |value: Value| parse(&value).unwrap().derived_id();
        let first = id(json!({"client_name": "Codex", "redirect_uris": ["http://127.0.0.1:5000/callback"]}));
        assert_eq!(first, id(json!({"client_name": "Codex", "redirect_uris": ["http://localhost:6000/callback"], "client_uri": null})));
        assert_ne!(first, id(json!({"client_name": "Codex", "redirect_uris": ["http://localhost:6000/other"]})));
        assert_ne!(first, id(json!({"client_name": "Codes", "redirect_uris": ["http://localhost:6000/callback"]})));
        assert_ne!(first, id(json!({"client_name": "Codex", "redirect_uris": ["http://localhost:6000/callback"], "scope": "docs:read"})));
        let keyed = |kid: &str| {
            let body = json!({"redirect_uris": ["http://localhost/cb"], "token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": [{"kid": kid}]}});
            parse(&body).unwrap().derived_id()
        };
        assert_eq!(keyed("a"), keyed("a"));
        assert_ne!(keyed("a"), keyed("b"), "other keys are another client");
        assert!(first.as_str().starts_with("c_") && first.as_str().len() == 34);
    }

    /// What an answer says, as a client may send it again.
    fn again(client: &ClientMetadata) -> Value {
        let mut value = json!({
            "client_name": client.name, "redirect_uris": client.redirect_uris, "grant_types": client.grant_types,
            "token_endpoint_auth_method": client.auth_method.as_str(), "response_types": ["code"],
        });
        let optional = [
            ("scope", &client.scope),
            ("client_uri", &client.client_uri),
            ("software_id", &client.software_id),
            ("software_version", &client.software_version),
            ("application_type", &client.application_type),
        ];
        for (name, some) in optional {
            if let Some(some) = some {
                value[name] = some.as_str().into();
            }
        }
        if let Some(jwks) = &client.jwks {
            value["jwks"] = jwks.clone();
        }
        if let Some(uri) = &client.jwks_uri {
            value["jwks_uri"] = uri.as_str().into();
        }
        value
    }

    /// JSON of any shape under the names that are read.
    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
            "[a-z:/._ -]{0,40}".prop_map(Value::from),
            prop_oneof![
                Just("http://localhost:1/cb"),
                Just("https://a.example/cb"),
                Just("cursor://x/cb"),
                Just("authorization_code"),
                Just("code"),
                Just("none"),
                Just("client_secret_basic"),
                Just("docs:read openid nonsense")
            ]
            .prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 6, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                proptest::collection::btree_map("[a-z]{0,6}", inner, 0..4).prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    fn any_request() -> impl Strategy<Value = Value> {
        let field = prop_oneof![
            Just("client_name"),
            Just("redirect_uris"),
            Just("grant_types"),
            Just("response_types"),
            Just("token_endpoint_auth_method"),
            Just("scope"),
            Just("client_uri"),
            Just("software_id"),
            Just("software_version"),
            Just("application_type"),
            Just("contacts"),
        ];
        let uris = proptest::collection::vec(
            prop_oneof![Just("http://localhost:1/cb".to_owned()), Just("https://a.example/cb".to_owned()), any::<String>()],
            0..4,
        );
        (proptest::collection::btree_map(field, any_value(), 0..9), proptest::option::weighted(0.9, uris)).prop_map(|(fields, uris)| {
            let mut object: Map<String, Value> = fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
            if let Some(uris) = uris {
                object.insert("redirect_uris".to_owned(), json!(uris));
            }
            Value::Object(object)
        })
    }

    fn is_idempotent(body: &[u8]) -> Result<(), TestCaseError> {
        let Ok(client) = ClientMetadata::parse(body) else { return Ok(()) };
        let second = parse(&again(&client)).map_err(|error| TestCaseError::fail(format!("{error} for the answer to {client:?}")))?;
        prop_assert_eq!(&second, &client);
        prop_assert_eq!(second.derived_id(), client.derived_id());
        prop_assert!(!client.name.is_empty() && client.name.chars().count() <= NAME_LIMIT && !client.name.chars().any(char::is_control));
        prop_assert!(client.redirect_uris.iter().all(|uri| redirect_uri::check(uri).is_ok()));
        Ok(())
    }

    proptest! {
        /// AS13: bytes of strangers are read or refused, and the answer to what was read registers the same client.
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            is_idempotent(&bytes)?;
        }

        /// AS13: the same for bytes that are nearly a registration.
        #[test]
        fn any_damage_to_a_request_is_read_or_refused(request in any_request(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
            let mut bytes = request.to_string().into_bytes();
            is_idempotent(&bytes)?;
            let at = at.index(bytes.len());
            bytes[at] = byte;
            is_idempotent(&bytes)?;
        }

        #[test]
        fn the_order_of_redirects_and_scopes_does_not_matter(mut ports in proptest::collection::vec(1_u16.., 1..5), reversed in any::<bool>()) {
            let uris = |ports: &[u16]| ports.iter().map(|port| format!("http://localhost:{port}/p{}", port % 3)).collect::<Vec<_>>();
            let before = parse(&json!({"redirect_uris": uris(&ports), "scope": "openid docs:read"})).unwrap().derived_id();
            if reversed { ports.reverse(); }
            let after = parse(&json!({"redirect_uris": uris(&ports), "scope": "docs:read openid"})).unwrap().derived_id();
            prop_assert_eq!(before, after);
        }
    }
}
