//! What holds for every request, well formed or not: parameters against an independent reader, HTTP Basic in both readings,
//! registration, the authorization query. No bytes make any of them panic.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use docent_authorization_server::authorize::request::{read, redirect_uri};
use docent_authorization_server::authorize::response::location;
use docent_authorization_server::parameters::{Parameters, decode, encode};
use docent_authorization_server::registration::metadata::ClientMetadata;
use docent_authorization_server::token::client_authentication::presented;
use docent_types::metadata::PublicUrls;
use docent_types::redirect_uri as redirect;
use docent_types::registration::{AuthMethod, Client};
use docent_types::time::Timestamp;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

/// Names that mean something, so that raw bytes reach further than the first check.
const NAMES: [&str; 16] = [
    "client_id",
    "redirect_uri",
    "response_type",
    "scope",
    "state",
    "code_challenge",
    "code_challenge_method",
    "resource",
    "prompt",
    "max_age",
    "nonce",
    "response_mode",
    "grant_type",
    "code",
    "client_secret",
    "refresh_token",
];
const VALUES: [&str; 14] = [
    "c_1",
    "code",
    "S256",
    "plain",
    "http://localhost:1/cb",
    "https://a.example/cb",
    "https://a.example/mcp",
    "docs:read",
    "none",
    "0",
    "-1",
    "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
    "authorization_code",
    "",
];

/// Bytes of a query or form: pairs that are nearly right, with raw bytes between.
fn raw_form() -> impl Strategy<Value = Vec<u8>> {
    let word = |words: &'static [&'static str]| {
        prop_oneof![
            4 => select(words).prop_map(|word| word.as_bytes().to_vec()),
            1 => select(words).prop_map(|word| word.bytes().flat_map(|byte| format!("%{byte:02x}").into_bytes()).collect()),
            1 => proptest::collection::vec(any::<u8>(), 0..12),
            1 => "[%+=&;a-f0-9]{0,8}".prop_map(String::into_bytes),
        ]
    };
    let pair = (word(&NAMES), word(&VALUES), any::<bool>())
        .prop_map(|(name, value, has_value)| if has_value { [name, b"=".to_vec(), value].concat() } else { name });
    proptest::collection::vec(pair, 0..12).prop_map(|pairs| pairs.join(&b'&'))
}

fn urls() -> PublicUrls {
    PublicUrls { issuer: "https://a.example".into(), resource: "https://a.example/mcp".into() }
}

fn client() -> Client {
    Client::public("c_1", &["http://localhost/cb", "https://a.example/cb"], Timestamp(0))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Against `form_urlencoded`, which reads what browsers send: the same pairs in the same order, and refused is what it would have to
    /// repair (bytes that are not UTF-8), what has a NUL, and what is too much.
    #[test]
    fn parameters_are_those_of_the_standard(bytes in raw_form()) {
        let standard: Vec<(String, String)> = form_urlencoded::parse(&bytes).into_owned().collect();
        let is_plain = |text: &str| !text.contains(['\u{fffd}', '\0']);
        let is_clean = standard.len() <= 64 && standard.iter().all(|(name, value)| is_plain(name) && is_plain(value));
        let read = Parameters::parse(&bytes);
        prop_assert!(!is_clean || read.is_ok(), "{:?} is refused", String::from_utf8_lossy(&bytes));
        let Ok(read) = read else { return Ok(()) };
        for (name, _) in &standard {
            let expected: Vec<&str> = standard.iter().filter(|(one, value)| one == name && !value.is_empty()).map(|(_, value)| value.as_str()).collect();
            prop_assert_eq!(read.all(name).collect::<Vec<_>>(), expected.clone(), "{}", name);
            prop_assert_eq!(read.get(name), expected.first().copied());
        }
        let counts = |name: &str| standard.iter().filter(|(one, _)| one == name).count();
        let repeated = standard.iter().any(|(name, _)| name != "resource" && counts(name) > 1);
        prop_assert_eq!(read.repeated().is_some(), repeated);
        prop_assert_eq!(read.clone().once_each().is_err(), repeated);
        prop_assert_eq!(Parameters::parse(read.to_query().as_bytes()).unwrap(), read);
    }

    /// Decoding undoes encoding, here and in the standard; and never gives a NUL.
    #[test]
    fn decoding_is_that_of_the_standard(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
        if let Ok(text) = std::str::from_utf8(&bytes) {
            prop_assert_eq!(decode(encode(text).as_bytes()), (!text.contains('\0')).then(|| text.to_owned()));
        }
        if let Some(text) = decode(&bytes) {
            prop_assert!(!text.contains('\0'));
            // `=` and `&` separate; they are what the parser has taken apart before.
            if !bytes.contains(&b'&') && !bytes.contains(&b'=') {
                let standard = form_urlencoded::parse(&bytes).next().map(|(name, _)| name.into_owned());
                prop_assert_eq!(standard.unwrap_or_default(), text);
            }
        }
    }

    /// AS10: whatever id and secret a client has, it is read from HTTP Basic, encoded (RFC 6749 2.3.1) or raw, and the secret may have colons.
    #[test]
    fn basic_is_read_encoded_and_raw(id in "[ -9;-~]{1,20}", secret in "[ -~é-ü]{1,40}", scheme in select(&["Basic", "basic", "BASIC"][..])) {
        let form = Parameters::default();
        let header = |id: &str, secret: &str| format!("{scheme} {}", STANDARD.encode(format!("{id}:{secret}")));
        let encoded = presented(Some(&header(&encode(&id), &encode(&secret))), &form).unwrap();
        prop_assert_eq!(encoded.client_id.as_str(), id.as_str());
        prop_assert!(encoded.secrets.iter().any(|one| one.expose() == secret));
        let raw = presented(Some(&header(&encode(&id), &secret)), &form).unwrap();
        prop_assert_eq!(raw.client_id.as_str(), id.as_str());
        prop_assert!(raw.secrets.iter().any(|one| one.expose() == secret));
        prop_assert!(raw.secrets.len() <= 2 && raw.by_basic);
        let other = Parameters::parse(b"client_id=another").unwrap();
        prop_assert_eq!(presented(Some(&header(&encode(&id), &secret)), &other).is_err(), id != "another");
    }

    /// AS10: bytes that are not UTF-8, no colon, no id, no base64: refused, and nothing of it in the words of the refusal.
    #[test]
    fn basic_of_any_bytes_is_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..40), form in raw_form()) {
        let form = Parameters::parse(&form).unwrap_or_default();
        let read = presented(Some(&format!("Basic {}", STANDARD.encode(&bytes))), &form);
        let is_readable = std::str::from_utf8(&bytes).is_ok_and(|text| text.split_once(':').is_some_and(|(id, _)| decode(id.as_bytes()).is_some_and(|id| !id.is_empty())));
        prop_assert!(is_readable || read.is_err());
        if let Err(error) = read {
            prop_assert!(error.description.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
        }
        if let Ok(text) = std::str::from_utf8(&bytes) {
            let _ = (presented(Some(text), &form), presented(None, &form));
        }
    }

    /// AS2 to AS7: any query ends in a request that keeps the rules, or in an error that may be told.
    #[test]
    fn any_authorization_query_is_answered(bytes in raw_form()) {
        let Ok(parameters) = Parameters::parse(&bytes) else { return Ok(()) };
        let Ok(to) = redirect_uri(&parameters, &client()) else { return Ok(()) };
        prop_assert!(redirect::is_registered(&to, &client().redirect_uris));
        match read(&parameters, &client(), to, &urls()) {
            Ok(wanted) => {
                prop_assert_eq!(parameters.get("response_type"), Some("code"));
                prop_assert_eq!(parameters.get("code_challenge_method"), Some("S256"));
                prop_assert!(docent_types::pkce::challenge_is_valid(&wanted.code_challenge) && !wanted.scopes.is_empty());
                prop_assert_eq!(&wanted.resource, "https://a.example/mcp");
                prop_assert!(parameters.repeated().is_none());
            }
            Err(error) => prop_assert!(error.code.may_redirect(), "{}", error),
        }
    }

    /// AS4, CVE-2026-9689: whatever the redirect URI and `state` are, the response has each of its parameters once, and as they were given.
    #[test]
    fn a_response_has_each_parameter_once(query in raw_form(), state in "\\PC{0,40}", base in select(&["https://a.example/cb", "http://127.0.0.1:1/", "cursor://app/cb"][..])) {
        let uri = format!("{base}?{}", String::from_utf8_lossy(&query));
        if redirect::check(&uri).is_err() {
            return Ok(());
        }
        let answer = location(&uri, &[("code", Some("c")), ("state", Some(&state)), ("iss", Some("https://a.example"))]);
        let read: Vec<(String, String)> = form_urlencoded::parse(answer.split_once('?').unwrap().1.as_bytes()).into_owned().collect();
        for (name, value) in [("code", "c"), ("state", state.as_str()), ("iss", "https://a.example")] {
            let found: Vec<&str> = read.iter().filter(|(one, _)| one == name).map(|(_, value)| value.as_str()).collect();
            prop_assert_eq!(found, [value], "{} in {}", name, answer);
        }
        prop_assert!(answer.starts_with(base) && answer.bytes().all(|byte| byte.is_ascii_graphic()));
    }

    /// AS13: any JSON is a registration that keeps the rules, or is refused with words that the RFC allows; the same metadata is the same client.
    #[test]
    fn any_registration_is_read_or_refused(body in registrations(), noise in proptest::collection::vec(any::<u8>(), 0..3), at in any::<prop::sample::Index>()) {
        let mut bytes = body.to_string().into_bytes();
        let at = at.index(bytes.len());
        bytes.splice(at..at, noise);
        for bytes in [body.to_string().into_bytes(), bytes] {
            match ClientMetadata::parse(&bytes) {
                Ok(client) => {
                    prop_assert!(!client.redirect_uris.is_empty() && client.redirect_uris.iter().all(|uri| redirect::check(uri).is_ok()));
                    prop_assert!(!client.name.trim().is_empty() && client.name.chars().count() <= 200 && !client.name.contains('\0'));
                    prop_assert!(!client.grant_types.is_empty());
                    prop_assert!(client.auth_method != AuthMethod::PrivateKeyJwt || body.to_string().contains("private_key_jwt"));
                    prop_assert_eq!(client.derived_id(), ClientMetadata::parse(&bytes).unwrap().derived_id());
                    prop_assert!(!client.derived_id().as_str().starts_with("https://"));
                }
                Err(error) => {
                    prop_assert!(["invalid_client_metadata", "invalid_redirect_uri"].contains(&error.code.as_str()), "{}", error);
                    prop_assert!(error.description.bytes().all(|byte| (b' '..=b'~').contains(&byte) && byte != b'"' && byte != b'\\'));
                }
            }
        }
    }
}

/// Any JSON, small.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        select(&VALUES[..]).prop_map(Value::from)
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map("[a-z_]{0,6}", inner, 0..3).prop_map(|map| json!(map))
        ]
    })
}

/// Objects with the fields of a registration, right and wrong.
fn registrations() -> impl Strategy<Value = Value> {
    let uris = proptest::collection::vec(
        select(
            &[
                "http://localhost:1/cb",
                "http://127.0.0.1:2/cb",
                "https://a.example/cb",
                "cursor://a/b",
                "javascript:x",
                "http://a.example/",
                "",
            ][..],
        ),
        0..4,
    );
    let field = select(
        &[
            "client_name",
            "grant_types",
            "response_types",
            "token_endpoint_auth_method",
            "scope",
            "client_uri",
            "software_id",
            "application_type",
            "redirect_uris",
            "jwks",
            "jwks_uri",
            "contacts",
            "x",
        ][..],
    );
    let fields = proptest::collection::vec(
        (
            field,
            prop_oneof![
                any_json(),
                select(&["none", "client_secret_basic", "private_key_jwt", "authorization_code", "native"][..]).prop_map(Value::from)
            ],
        ),
        0..6,
    );
    (uris, fields).prop_map(|(uris, fields)| {
        let mut body = json!({"redirect_uris": uris});
        for (name, value) in fields {
            body[name] = value;
        }
        body
    })
}
