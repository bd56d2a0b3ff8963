//! What reads bytes from strangers, as functions for a fuzzer: none may panic, and what each lets through keeps its rule.
//!
//! `fuzz_targets/` gives each to libFuzzer; `scripts/fuzz` builds and runs them. Without the feature `libfuzzer` they are
//! tried on `seeds/` as ordinary tests, so that what was once found stays found.

use actix_web::http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use docent_authorization_server::SigningKey;
use docent_authorization_server::authorize::request::{read, redirect_uri as requested};
use docent_authorization_server::authorize::response::location;
use docent_authorization_server::client_metadata_document::document;
use docent_authorization_server::parameters::Parameters;
use docent_authorization_server::registration::metadata::ClientMetadata;
use docent_authorization_server::token::client_authentication::presented;
use docent_doctor::http::Answer;
use docent_doctor::replay;
use docent_library::format::include::Tree;
use docent_library::format::{FormatError, read_page};
use docent_library::snippet::{self, Links};
use docent_library::trust::{Policy, treat_page};
use docent_resource_server::credentials::bearer_token;
use docent_resource_server::keys::VerificationKey;
use docent_resource_server::token::{Verifier, key_id};
use docent_types::ids::ClientId;
use docent_types::metadata::PublicUrls;
use docent_types::pkce;
use docent_types::redirect_uri as redirect;
use docent_types::registration::Client;
use docent_types::time::Timestamp;
use serde_json::{Map, Value};
use std::sync::OnceLock;
use std::time::Duration;
use url::Url;

/// A function that a fuzzer calls.
pub type Target = fn(&[u8]);

/// Every target, by the name of its folder in `seeds/`.
pub const TARGETS: [(&str, Target); 9] = [
    ("authorization_query", authorization_query),
    ("token_form", token_form),
    ("registration", registration),
    ("metadata_document", metadata_document),
    ("access_token", access_token),
    ("authorization_header", authorization_header),
    ("www_authenticate", www_authenticate),
    ("redirect_uri", redirect_uri),
    ("page", page),
];

fn urls() -> PublicUrls {
    PublicUrls { issuer: "https://a.example".into(), resource: "https://a.example/mcp".into() }
}

fn told(description: &str) {
    assert!(description.bytes().all(|byte| (b' '..=b'~').contains(&byte) && byte != b'"' && byte != b'\\'), "{description:?}");
}

/// The query of an authorization request (AS2 to AS7): the answer never goes to an address that is not registered.
pub fn authorization_query(data: &[u8]) {
    let Ok(parameters) = Parameters::parse(data) else { return };
    assert_eq!(Parameters::parse(parameters.to_query().as_bytes()).ok().as_ref(), Some(&parameters));
    let client = Client::public("c_1", &["http://localhost/cb", "https://a.example/cb?x=1", "cursor://app/cb"], Timestamp(0));
    let Ok(to) = requested(&parameters, &client) else { return };
    assert!(redirect::is_registered(&to, &client.redirect_uris), "{to}");
    let state = parameters.get("state");
    match read(&parameters, &client, to.clone(), &urls()) {
        Ok(wanted) => assert!(pkce::challenge_is_valid(&wanted.code_challenge) && parameters.get("code_challenge_method") == Some("S256")),
        Err(error) => {
            assert!(error.code.may_redirect(), "{error}");
            told(&error.description);
        }
    }
    let answer = location(&to, &[("error", Some("x")), ("state", state), ("iss", Some("https://a.example"))]);
    assert!(answer.bytes().all(|byte| byte.is_ascii_graphic()), "{answer:?}");
    let query = answer.split_once('?').map_or("", |(_, query)| query);
    let read: Option<Parameters> = Parameters::parse(query.as_bytes()).ok();
    assert!(
        read.is_none_or(|read| read.get("state") == state && read.repeated().is_none_or(|name| name != "state" && name != "iss")),
        "{answer}"
    );
}

/// A request to the token endpoint: the first line is the `Authorization` header, the rest the form (AS10, AS11).
pub fn token_form(data: &[u8]) {
    let (header, form) = data.iter().position(|byte| *byte == b'\n').map_or((&[][..], data), |end| (&data[..end], &data[end + 1..]));
    let Ok(form) = Parameters::parse(form).and_then(Parameters::once_each) else { return };
    let header = std::str::from_utf8(header).ok().filter(|header| !header.is_empty());
    match presented(header, &form) {
        Ok(presented) => assert!(!presented.client_id.as_str().is_empty() && !presented.client_id.as_str().contains('\0')),
        Err(error) => told(&error.description),
    }
    if let Some(verifier) = form.get("code_verifier").filter(|verifier| pkce::verifier_is_valid(verifier)) {
        assert!(pkce::challenge_is_valid(&pkce::s256(verifier)));
    }
    redirect_uri(form.get("redirect_uri").unwrap_or_default().as_bytes());
}

/// The body of a registration (AS13).
pub fn registration(data: &[u8]) {
    match ClientMetadata::parse(data) {
        Ok(client) => {
            assert!(!client.redirect_uris.is_empty() && client.redirect_uris.iter().all(|uri| redirect::check(uri).is_ok()));
            assert!(!client.name.is_empty() && !client.name.contains('\0') && !client.grant_types.is_empty());
            assert!(!client.derived_id().as_str().starts_with("https://"));
        }
        Err(error) => told(&error.description),
    }
}

/// A client ID metadata document (AS12), as it stands at the URL that it names.
pub fn metadata_document(data: &[u8]) {
    let Ok(fields) = serde_json::from_slice::<Map<String, Value>>(data) else { return };
    let id = ClientId("https://app.example/client.json".to_owned());
    if let Ok(client) = document::read(&id, &fields, Timestamp(0)) {
        assert_eq!(client.id, id);
        assert!(fields.get("client_id").and_then(Value::as_str) == Some(id.as_str()) && client.secret_hash.is_none());
        assert!(client.redirect_uris.iter().all(|uri| redirect::check(uri).is_ok()));
    }
}

/// A bearer token: as it came, and as the claims of one that is signed rightly (RS3, RS6).
pub fn access_token(data: &[u8]) {
    static KEYS: OnceLock<Option<(SigningKey, VerificationKey)>> = OnceLock::new();
    let made = || {
        let (signing, _) = SigningKey::generate().ok()?;
        let key = VerificationKey::new(signing.public())?;
        Some((signing, key))
    };
    let Some((signing, key)) = KEYS.get_or_init(made) else { return };
    let verifier = Verifier::new(&urls(), Duration::from_secs(5));
    let now = Timestamp::from_seconds(1_000);
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = key_id(text);
        assert!(verifier.verify(text, key, now).is_err(), "nobody signed {text}");
    }
    let Ok(claims) = serde_json::from_slice::<Value>(data) else { return };
    let Ok(token) = signing.sign("at+jwt", &claims) else { return };
    if verifier.verify(&token, key, now).is_ok() {
        let audience = &claims["aud"];
        assert!(audience == "https://a.example/mcp" || *audience == serde_json::json!(["https://a.example/mcp"]), "{claims}");
        assert!(claims["iss"] == "https://a.example" && claims["exp"].as_i64().is_some_and(|exp| exp > 1_000), "{claims}");
        for name in ["sub", "jti", "client_id", "scope", "project", "grant_id"] {
            assert!(claims[name].is_string(), "{name} of {claims}");
        }
    }
}

/// The `Authorization` header and the query of a call (RS5): one token, in the header, or none.
pub fn authorization_header(data: &[u8]) {
    let (header, query) = data.iter().position(|byte| *byte == b'\n').map_or((data, &[][..]), |end| (&data[..end], &data[end + 1..]));
    let Ok(header) = HeaderValue::from_bytes(header) else { return };
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, header);
    // A request target has no other characters, and no fragment; the `url` crate would take some of them out.
    let in_target = |query: &&str| query.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
    let Some(query) = std::str::from_utf8(query).ok().filter(in_target) else { return };
    if let Ok(token) = bearer_token(&headers, query) {
        assert!(!token.is_empty() && token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte)), "{token:?}");
        assert!(
            !Url::parse(&format!("http://localhost/?{query}")).is_ok_and(|url| url.query_pairs().any(|(name, _)| name == "access_token")),
            "{query:?}"
        );
    }
}

/// The `WWW-Authenticate` header of somebody else's server, as `docent doctor` reads it.
pub fn www_authenticate(data: &[u8]) {
    let Ok(header) = std::str::from_utf8(data) else { return };
    let answer =
        Answer { status: 401, headers: vec![("www-authenticate".to_owned(), header.to_owned())], body: String::new(), url: String::new() };
    let challenge = replay::challenge(&answer);
    let read = challenge.as_object().into_iter().flatten();
    assert!(
        read.into_iter().all(|(_, value)| value.as_str().is_some_and(|value| !value.is_empty() && header.contains(value))),
        "{challenge}"
    );
}

/// A redirect URI (AS3): what may be registered is one thing to every parser.
pub fn redirect_uri(data: &[u8]) {
    let Ok(uri) = std::str::from_utf8(data) else { return };
    let registered = ["http://127.0.0.1:1/cb".to_owned(), "https://a.example/cb".to_owned()];
    let matches = redirect::is_registered(uri, &registered);
    assert!(!redirect::display_host(uri).contains('@'), "{uri}");
    if redirect::check(uri).is_err() {
        assert!(!matches, "{uri}");
        return;
    }
    let url = Url::parse(uri).ok().filter(|url| url.username().is_empty() && url.password().is_none() && url.fragment().is_none());
    let host = url.as_ref().and_then(Url::host_str).unwrap_or_default();
    assert!(url.is_some() && uri.bytes().all(|byte| byte.is_ascii_graphic()), "{uri}");
    assert!(
        !matches || (uri.starts_with("http://") && ["localhost", "127.0.0.1", "[::1]"].contains(&host)) || uri == registered[1],
        "{uri}"
    );
    assert_eq!(redirect::key(&redirect::key(uri)), redirect::key(uri), "{uri}");
}

/// A page of documentation in any format, which the first byte chooses: it is read, looked through and cut, or said to be none.
pub fn page(data: &[u8]) {
    const EXTENSIONS: [&str; 11] = ["md", "mdx", "rst", "html", "txt", "adoc", "1", "json", "yaml", "ipynb", "8"];
    let Some((first, text)) = data.split_first() else { return };
    let path = format!("a.{}", EXTENSIONS[usize::from(*first) % EXTENSIONS.len()]);
    match read_page(&path, text, &Tree::none()) {
        Ok(page) => {
            let Some(page) = treat_page(page, Policy::Neutralise).page else { return };
            for snippet in snippet::split(&page, &Links::new("https://git.example/o/r", Some("c"))) {
                assert!(snippet.lines.0 <= snippet.lines.1 && !snippet.blocks.is_empty(), "{snippet:?}");
            }
        }
        Err(error) => assert!(error != FormatError::Parser, "a parser panicked"),
    }
}
