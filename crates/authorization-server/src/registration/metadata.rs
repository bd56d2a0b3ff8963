//! Client metadata as it is sent (RFC 7591 2): read with patience, normalised, and refused only where it must be.

use crate::client_metadata_document::document;
use docent_types::compat::Compat;
use docent_types::device;
use docent_types::ids::ClientId;
use docent_types::oauth::{Error, ErrorCode};
use docent_types::redirect_uri::{self, RedirectKind};
use docent_types::registration::AuthMethod;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;

/// The longest name of a client.
pub const NAME_LIMIT: usize = 200;
/// The most redirect URIs of a client.
pub const REDIRECT_LIMIT: usize = 20;

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
    /// As sent.
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

fn name(fields: &Map<String, Value>) -> Result<String, Error> {
    match fields.get("client_name") {
        None | Some(Value::Null) => Ok("Unnamed application".to_owned()),
        Some(Value::String(name)) if name.chars().count() > NAME_LIMIT => {
            Err(invalid("client_name", format_args!("is longer than {NAME_LIMIT} characters")))
        }
        Some(Value::String(name)) if name.trim().is_empty() => Ok("Unnamed application".to_owned()),
        Some(Value::String(name)) => Ok(name.trim().to_owned()),
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
        Ok(keys) => Ok(keys),
        Err(words) => Err(Error::new(ErrorCode::InvalidClientMetadata, format!("{words}."))),
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
        let value: Value = serde_json::from_slice(body)
            .map_err(|error| Error::new(ErrorCode::InvalidClientMetadata, format!("The body is not JSON: {error}.")))?;
        let Value::Object(fields) = value else {
            return Err(Error::new(ErrorCode::InvalidClientMetadata, "The body must be a JSON object."));
        };
        if let Some((field, _)) = fields.iter().find(|(field, value)| field.contains('\0') || has_nul(value)) {
            return Err(Error::new(ErrorCode::InvalidClientMetadata, format!("{field} has a NUL character in it.")));
        }
        let grant_types = grant_types(&fields)?;
        let uses_codes = grant_types.iter().any(|grant| grant == "authorization_code");
        let (redirect_uris, kinds) = redirect_uris(&fields, uses_codes)?;
        response_types(&fields)?;
        let auth_method = auth_method(&fields, &kinds)?;
        let (jwks, jwks_uri) = keys(&fields, auth_method)?;
        let name = name(&fields)?;
        for overlooked in overlooked(&fields) {
            overlooked.tolerate(&name);
        }
        Ok(Self {
            name,
            grant_types,
            auth_method,
            scope: text(&fields, "scope", 1000),
            client_uri: text(&fields, "client_uri", 2000),
            software_id: text(&fields, "software_id", 200),
            software_version: text(&fields, "software_version", 200),
            application_type: text(&fields, "application_type", 20).filter(|kind| matches!(kind.as_str(), "web" | "native")),
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
        assert!(ClientMetadata::parse(b"{nonsense").unwrap_err().description.contains("not JSON"));
        assert!(ClientMetadata::parse(b"\xff").is_err());
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

    proptest! {
        #[test]
        fn the_order_of_redirects_and_scopes_does_not_matter(mut ports in proptest::collection::vec(1_u16.., 1..5), reversed in any::<bool>()) {
            let uris = |ports: &[u16]| ports.iter().map(|port| format!("http://localhost:{port}/p{}", port % 3)).collect::<Vec<_>>();
            let before = parse(&json!({"redirect_uris": uris(&ports), "scope": "a b"})).unwrap().derived_id();
            if reversed { ports.reverse(); }
            let after = parse(&json!({"redirect_uris": uris(&ports), "scope": "b a"})).unwrap().derived_id();
            prop_assert_eq!(before, after);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = ClientMetadata::parse(&bytes);
        }
    }
}
