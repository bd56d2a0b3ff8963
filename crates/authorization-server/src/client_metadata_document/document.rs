//! A client ID metadata document (CIMD 4.1), from JSON to a client: read with patience, since it was written for every server and not
//! for this one. What works here is kept; what does not is left out; only what would make the client another or unsafe is refused.

use crate::registration::metadata::{NAME_LIMIT, REDIRECT_LIMIT, text};
use docent_types::documents::DocumentError;
use docent_types::ids::ClientId;
use docent_types::redirect_uri;
use docent_types::registration::{AuthMethod, Client, ClientOrigin};
use docent_types::time::Timestamp;
use serde_json::{Map, Value};

/// The longest metadata document.
pub const LIMIT: usize = 5 * 1024;
/// The longest key set: certificates make them long.
pub const KEYS_LIMIT: usize = 32 * 1024;

/// The grant types that a client of a document may use; others that it names are left out.
const GRANT_TYPES: [&str; 2] = ["authorization_code", "refresh_token"];

fn refused(why: &str) -> DocumentError {
    DocumentError::Metadata(why.to_owned())
}

/// Whether an id is the URL of a document. Ids that are given here never begin so.
#[must_use]
pub fn is_document(id: &ClientId) -> bool {
    id.as_str().starts_with("https://")
}

/// Whether the URI leads to the host that publishes the document: then the document proves whose it is (AS15).
#[must_use]
pub fn vouches_for(client: &Client, redirect_uri: &str) -> bool {
    let origin = |text: &str| url::Url::parse(text).ok().filter(|url| url.scheme() == "https").map(|url| url.origin());
    client.origin == ClientOrigin::MetadataDocument
        && is_document(&client.id)
        && origin(client.id.as_str()).is_some_and(|own| origin(redirect_uri) == Some(own))
}

/// The host that publishes the document of a client.
#[must_use]
pub fn publisher(client: &Client) -> Option<String> {
    if client.origin != ClientOrigin::MetadataDocument {
        return None;
    }
    let url = url::Url::parse(client.id.as_str()).ok()?;
    let host = url.host_str()?;
    Some(url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
}

/// A string, or the strings of a list: some documents have a list where one is expected.
fn one_or_more<'a>(fields: &'a Map<String, Value>, name: &str) -> Vec<&'a str> {
    match fields.get(name) {
        Some(Value::String(one)) => vec![one.as_str()],
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// How the client proves itself: the strongest that it names and that works without a shared secret. One that names `none` too may
/// come without an assertion (ChatGPT's document names both).
fn auth_method(fields: &Map<String, Value>, has_keys: bool) -> Result<AuthMethod, DocumentError> {
    let mut named = one_or_more(fields, "token_endpoint_auth_method");
    named.extend(one_or_more(fields, "token_endpoint_auth_methods_supported"));
    if named.is_empty() || named.contains(&"none") {
        return Ok(AuthMethod::None);
    }
    match (named.contains(&AuthMethod::PrivateKeyJwt.as_str()), has_keys) {
        (true, true) => Ok(AuthMethod::PrivateKeyJwt),
        (true, false) => Err(refused("it names private_key_jwt and neither jwks nor jwks_uri")),
        (false, _) => Err(refused("token_endpoint_auth_method must be none or private_key_jwt: a public document has no shared secret")),
    }
}

/// Those that may be used here. One that may not does not spoil the others.
fn redirect_uris(fields: &Map<String, Value>) -> Result<Vec<String>, DocumentError> {
    let Some(Value::Array(sent)) = fields.get("redirect_uris") else { return Err(refused("redirect_uris must be a list")) };
    let mut usable: Vec<String> = Vec::new();
    for uri in sent.iter().filter_map(Value::as_str) {
        if redirect_uri::check(uri).is_ok() && usable.len() < REDIRECT_LIMIT && !usable.iter().any(|one| one == uri) {
            usable.push(uri.to_owned());
        }
    }
    if usable.is_empty() { Err(refused("none of its redirect_uris may be used here")) } else { Ok(usable) }
}

fn grant_types(fields: &Map<String, Value>) -> Result<Vec<String>, DocumentError> {
    let named = one_or_more(fields, "grant_types");
    let kept: Vec<String> =
        GRANT_TYPES.iter().filter(|grant| named.is_empty() || named.contains(grant)).map(|&grant| grant.to_owned()).collect();
    if kept.iter().any(|grant| grant == "authorization_code") {
        Ok(kept)
    } else {
        Err(refused("grant_types must contain authorization_code"))
    }
}

/// The `jwks` and `jwks_uri` of a document or registration.
///
/// # Errors
/// In words: what is wrong with them.
pub fn keys(fields: &Map<String, Value>) -> Result<(Option<Value>, Option<String>), String> {
    let jwks = match fields.get("jwks") {
        None | Some(Value::Null) => None,
        Some(set) if set.get("keys").is_some_and(Value::is_array) => Some(set.clone()),
        Some(_) => return Err("jwks must be an object with a list of keys".to_owned()),
    };
    let is_private = |key: &Value| ["d", "k", "p", "q", "dp", "dq", "qi"].iter().any(|part| key.get(part).is_some());
    if jwks.as_ref().and_then(|set| set["keys"].as_array()).is_some_and(|keys| keys.iter().any(is_private)) {
        return Err("jwks has a private or symmetric key in it: anybody may read it".to_owned());
    }
    let jwks_uri = match fields.get("jwks_uri") {
        None | Some(Value::Null) => None,
        Some(Value::String(uri)) if super::Target::parse(uri).is_ok() => Some(uri.clone()),
        Some(_) => return Err("jwks_uri must be an https URL with a path, in its normal form".to_owned()),
    };
    if jwks.is_some() && jwks_uri.is_some() {
        return Err("jwks and jwks_uri exclude each other (RFC 7591 2)".to_owned());
    }
    Ok((jwks, jwks_uri))
}

/// Reads the document that stands at the URL `id`.
///
/// # Errors
/// Why it is refused.
pub fn read(id: &ClientId, fields: &Map<String, Value>, now: Timestamp) -> Result<Client, DocumentError> {
    if fields.get("client_id").and_then(Value::as_str) != Some(id.as_str()) {
        return Err(DocumentError::ClientId);
    }
    // CIMD 4.1: a secret in a public document is none.
    if ["client_secret", "client_secret_expires_at"].iter().any(|name| fields.get(*name).is_some_and(|value| !value.is_null())) {
        return Err(refused("it has a client_secret in it, which anybody may read"));
    }
    let (jwks, jwks_uri) = keys(fields).map_err(DocumentError::Metadata)?;
    let name = text(fields, "client_name", 4 * NAME_LIMIT).unwrap_or_else(|| publisher_of(id));
    Ok(Client {
        name: name.chars().take(NAME_LIMIT).collect(),
        redirect_uris: redirect_uris(fields)?,
        grant_types: grant_types(fields)?,
        auth_method: auth_method(fields, jwks.is_some() || jwks_uri.is_some())?,
        scope: text(fields, "scope", 1000),
        client_uri: text(fields, "client_uri", 2000),
        software_id: text(fields, "software_id", 200),
        software_version: text(fields, "software_version", 200),
        application_type: text(fields, "application_type", 20).filter(|kind| matches!(kind.as_str(), "web" | "native")),
        jwks,
        jwks_uri,
        origin: ClientOrigin::MetadataDocument,
        ..Client::public(id.as_str(), &[], now)
    })
}

/// A client without a name is called by its host.
fn publisher_of(id: &ClientId) -> String {
    url::Url::parse(id.as_str()).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    const ID: &str = "https://app.example/client.json";

    fn of(value: &Value) -> Result<Client, DocumentError> {
        read(&ClientId(ID.into()), value.as_object().unwrap(), Timestamp(0))
    }

    fn with(more: Value) -> Value {
        let mut document = json!({"client_id": ID, "client_name": "App", "redirect_uris": ["http://127.0.0.1/callback"]});
        for (name, value) in more.as_object().unwrap() {
            document[name] = value.clone();
        }
        document
    }

    /// AS12, `interop.md`: the documents of real clients.
    #[test]
    fn what_real_clients_publish_is_accepted() {
        let chatgpt = of(&with(json!({
            "client_uri": "https://chatgpt.com/", "redirect_uris": ["https://chatgpt.com/connector/oauth/x"], "response_types": ["code"],
            "token_endpoint_auth_method": "private_key_jwt", "token_endpoint_auth_methods_supported": ["none", "private_key_jwt"],
            "token_endpoint_auth_signing_alg": "RS256", "jwks_uri": "https://chatgpt.com/oauth/jwks.json",
        })))
        .unwrap();
        assert_eq!((chatgpt.auth_method, chatgpt.jwks_uri.as_deref()), (AuthMethod::None, Some("https://chatgpt.com/oauth/jwks.json")));
        let list = of(&with(json!({"token_endpoint_auth_method": ["private_key_jwt"], "jwks": {"keys": []}}))).unwrap();
        assert_eq!(list.auth_method, AuthMethod::PrivateKeyJwt);
        let desktop =
            of(&with(json!({"grant_types": ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:jwt-bearer"]})))
                .unwrap();
        assert_eq!(desktop.grant_types, ["authorization_code", "refresh_token"]);
        let code = of(&with(json!({
            "logo_uri": "https://cdn.elsewhere.example/logo.png", "application_type": "native", "x": {"y": [1]}, "tos_uri": null, "contacts": 7,
            "redirect_uris": ["https://vscode.dev/redirect", "http://127.0.0.1/", "http://localhost/", "unknown-scheme:/cb", 7],
        })))
        .unwrap();
        assert_eq!(
            code.redirect_uris,
            ["https://vscode.dev/redirect", "http://127.0.0.1/", "http://localhost/"],
            "what may not be used is left out"
        );
        assert_eq!(of(&with(json!({"grant_types": ["authorization_code"]}))).unwrap().grant_types, ["authorization_code"]);
        assert_eq!(of(&with(json!({"client_name": null}))).unwrap().name, "app.example");
        assert_eq!(of(&with(json!({"client_name": "x".repeat(300)}))).unwrap().name.len(), 200);
    }

    /// AS12.
    #[test]
    fn what_would_be_another_client_or_no_secret_is_refused() {
        for other in [
            json!("https://app.example/client.json/"),
            json!("https://app.example/Client.json"),
            json!(null),
            json!([ID]),
            json!("HTTPS://app.example/client.json"),
        ] {
            assert_eq!(of(&with(json!({"client_id": other}))), Err(DocumentError::ClientId), "{other}");
        }
        for (more, word) in [
            (json!({"client_secret": "s"}), "client_secret"),
            (json!({"client_secret": ""}), "client_secret"),
            (json!({"client_secret_expires_at": 0}), "client_secret"),
            (json!({"token_endpoint_auth_method": "client_secret_basic"}), "shared secret"),
            (json!({"token_endpoint_auth_method": "client_secret_jwt"}), "shared secret"),
            (json!({"token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"]}), "shared secret"),
            (json!({"token_endpoint_auth_method": "private_key_jwt"}), "jwks_uri"),
            (json!({"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": "http://app.example/keys"}), "jwks_uri"),
            (json!({"jwks_uri": "file:///etc/passwd"}), "jwks_uri"),
            (json!({"jwks": {"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}}), "symmetric"),
            (json!({"jwks": {"keys": [{"kty": "EC", "d": "x"}]}}), "private"),
            (json!({"jwks": "x"}), "jwks"),
            (json!({"jwks": {"keys": []}, "jwks_uri": "https://app.example/keys"}), "exclude"),
            (json!({"redirect_uris": []}), "redirect_uris"),
            (json!({"redirect_uris": "http://127.0.0.1/callback"}), "redirect_uris"),
            (json!({"redirect_uris": ["javascript:alert(1)", "http://evil.example/"]}), "redirect_uris"),
            (json!({"grant_types": ["implicit"]}), "grant_types"),
        ] {
            let error = of(&with(more.clone())).unwrap_err();
            assert!(matches!(&error, DocumentError::Metadata(words) if words.contains(word)), "{more}: {error}");
        }
    }

    /// AS15: the publisher of a document vouches for its own origin and for nothing else.
    #[test]
    fn a_document_vouches_for_redirects_to_its_own_origin() {
        let client = of(&with(json!({}))).unwrap();
        assert!(vouches_for(&client, "https://app.example/cb"));
        for other in [
            "https://app.example:444/cb",
            "https://app.example.evil/cb",
            "https://x.app.example/cb",
            "http://app.example/cb",
            "http://localhost/cb",
            "cursor://app.example/cb",
            "",
        ] {
            assert!(!vouches_for(&client, other), "{other}");
        }
        assert!(!vouches_for(&Client { origin: ClientOrigin::Dynamic, ..client.clone() }, "https://app.example/cb"));
        assert_eq!(publisher(&client).as_deref(), Some("app.example"));
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "\\PC{0,30}".prop_map(Value::from),
            Just(json!(ID))
        ];
        leaf.prop_recursive(3, 20, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::hash_map("[a-z_]{1,8}", inner, 0..4).prop_map(|map| Value::Object(map.into_iter().collect()))
            ]
        })
    }

    proptest! {
        /// AS12: whatever a stranger's document holds, it is read or refused; what is read has an address that may be used, and no secret.
        #[test]
        fn any_document_is_read_or_refused(
            values in prop::collection::vec(any_json(), 12),
        ) {
            const NAMES: [&str; 12] = [
                "client_id", "client_name", "redirect_uris", "grant_types", "token_endpoint_auth_method", "token_endpoint_auth_methods_supported", "jwks", "jwks_uri",
                "client_secret", "scope", "client_uri", "application_type",
            ];
            let fields: Map<String, Value> = NAMES.iter().map(|name| (*name).to_owned()).zip(values).collect();
            for fields in [fields.clone(), fields.into_iter().chain([("client_id".to_owned(), json!(ID)), ("client_secret".to_owned(), Value::Null)]).collect()] {
                if let Ok(client) = read(&ClientId(ID.into()), &fields, Timestamp(0)) {
                    prop_assert!(!client.redirect_uris.is_empty() && client.secret_hash.is_none() && client.id.as_str() == ID);
                }
            }
        }

        #[test]
        fn any_bytes_are_a_document_or_not(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(fields) = serde_json::from_slice::<Map<String, Value>>(&bytes) {
                let _ = read(&ClientId(ID.into()), &fields, Timestamp(0));
            }
        }
    }
}
