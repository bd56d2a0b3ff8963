//! What a client needs of an answer, in the words of the recorded files, and the rule that a server breaks when it is not so.

use crate::http::{Answer, clean, is_loopback};
use crate::template::Values;
use serde_json::Value;
use url::Url;

/// A need, and the rule it stands for.
const NEEDS: &[(&str, &str)] = &[
    ("401", "not-401"),
    ("bearer challenge", "challenge-missing"),
    ("json", "metadata-not-json"),
    ("resource equals endpoint", "resource-mismatch"),
    ("resource equals endpoint or parent", "resource-mismatch"),
    ("resource equals endpoint or origin", "resource-mismatch"),
    ("authorization server named", "authorization-servers-missing"),
    ("issuer equal", "issuer-mismatch"),
    ("issuer equal but for a slash", "issuer-mismatch"),
    ("endpoints", "issuer-metadata-incomplete"),
    ("response types", "issuer-metadata-incomplete"),
    ("S256 listed", "s256-not-advertised"),
    ("S256 not left out of the list", "s256-not-advertised"),
    ("some challenge method listed", "s256-not-advertised"),
    ("https or loopback endpoints", "endpoint-plain-http"),
    ("registration endpoint", "registration-not-offered"),
    ("iss advertised if the issuer is elsewhere", "iss-not-advertised"),
    ("created", "registration-refused"),
    ("client_id", "registration-not-json"),
    ("no nulls", "registration-null"),
    ("no empty URLs", "registration-empty-string"),
    ("lists and numbers", "registration-wrong-type"),
    ("redirect_uris echoed", "registration-redirect-uris"),
    ("secret if it must be sent", "registration-no-secret"),
    ("accepted", "authorization-refused"),
    ("iss if advertised", "iss-missing-in-answer"),
    ("state", "state-lost"),
    ("tokens", "token-refused"),
    ("bearer", "token-type-missing"),
    ("expires_in over 300", "access-token-too-short"),
    ("answered", "call-refused"),
];

/// Needs without which a client goes on, badly.
pub const SOFT: &[&str] = &["expires_in over 300"];

/// The rule that a need stands for.
#[must_use]
pub fn rule_of(need: &str) -> Option<&'static str> {
    NEEDS.iter().find(|(one, _)| *one == need).map(|(_, rule)| *rule)
}

/// Why a need is not met; `None` if it is.
#[must_use]
pub fn unmet(need: &str, answer: &Answer, values: &Values) -> Option<String> {
    let json = answer.json().unwrap_or_default();
    match need {
        "401" => (answer.status != 401).then(|| format!("status {}", answer.status)),
        "bearer challenge" => {
            let challenge = answer.header("www-authenticate");
            (!challenge.to_ascii_lowercase().contains("bearer")).then(|| "no WWW-Authenticate: Bearer".to_owned())
        }
        "json" => (!json.is_object()).then(|| format!("{} is no JSON object", answer.url)),
        "resource equals endpoint" => resource(&json, values, |resource, endpoint| resource == endpoint),
        "resource equals endpoint or origin" => resource(&json, values, |resource, endpoint| {
            resource == endpoint || (resource.path() == "/" && resource.origin() == endpoint.origin())
        }),
        "resource equals endpoint or parent" => resource(&json, values, |resource, endpoint| {
            resource.origin() == endpoint.origin() && with_slash(endpoint.path()).starts_with(&with_slash(resource.path()))
        }),
        "authorization server named" => {
            json["authorization_servers"][0].as_str().is_none().then(|| "authorization_servers is missing or empty".to_owned())
        }
        "issuer equal but for a slash" => {
            let slashless = |text: &str| text.trim_end_matches('/').to_owned();
            let expected = values.text("resource.authorization_servers.0");
            (slashless(expected) != slashless(json["issuer"].as_str().unwrap_or_default()))
                .then(|| unmet("issuer equal", answer, values))?
        }
        "issuer equal" => {
            let expected = values.text("resource.authorization_servers.0");
            let found = json["issuer"].as_str().unwrap_or_default();
            (!expected.is_empty() && expected != found)
                .then(|| format!("the resource names {:?}, the metadata calls itself {:?}", clean(expected, 120), clean(found, 120)))
        }
        "endpoints" => missing(&json, &["authorization_endpoint", "token_endpoint"]),
        "response types" => (!json["response_types_supported"].is_array()).then(|| "response_types_supported is missing".to_owned()),
        "S256 listed" => (!lists(&json, "code_challenge_methods_supported", "S256")).then(|| challenge_methods(&json)),
        "S256 not left out of the list" => (json.get("code_challenge_methods_supported").is_some_and(Value::is_array)
            && !lists(&json, "code_challenge_methods_supported", "S256"))
        .then(|| challenge_methods(&json)),
        "some challenge method listed" => {
            json["code_challenge_methods_supported"].as_array().is_none_or(Vec::is_empty).then(|| challenge_methods(&json))
        }
        "https or loopback endpoints" => plain_http(&json),
        "registration endpoint" => missing(&json, &["registration_endpoint"]),
        "iss advertised if the issuer is elsewhere" => {
            let origin = |text: &str| Url::parse(text).map(|url| url.origin().ascii_serialization()).unwrap_or_default();
            let elsewhere = origin(json["issuer"].as_str().unwrap_or_default()) != origin(values.text("mcp"));
            (elsewhere && json["authorization_response_iss_parameter_supported"] != true)
                .then(|| "authorization_response_iss_parameter_supported is not true, and the issuer is on another origin".to_owned())
        }
        "created" => (!answer.is_success()).then(|| answer.words()),
        "client_id" => json["client_id"].as_str().is_none_or(str::is_empty).then(|| "no client_id in the answer".to_owned()),
        "no nulls" => first(&json, Value::is_null).map(|name| format!("{name} is null")),
        "no empty URLs" => {
            first(&json, |value| *value == "").filter(|name| name.ends_with("_uri")).map(|name| format!("{name} is an empty text"))
        }
        "lists and numbers" => wrong_type(&json),
        "redirect_uris echoed" => (!json["redirect_uris"].is_array()).then(|| "redirect_uris is missing".to_owned()),
        "secret if it must be sent" => {
            let method = json["token_endpoint_auth_method"].as_str().unwrap_or_default();
            (method.starts_with("client_secret") && json["client_secret"].as_str().is_none_or(str::is_empty))
                .then(|| format!("token_endpoint_auth_method is {method}, and there is no client_secret"))
        }
        "tokens" => (!answer.is_success() || json["access_token"].as_str().is_none_or(str::is_empty)).then(|| answer.words()),
        "bearer" => {
            let kind = json["token_type"].as_str().unwrap_or_default();
            (!kind.eq_ignore_ascii_case("bearer")).then(|| format!("token_type is {:?}", clean(kind, 40)))
        }
        "expires_in over 300" => {
            json["expires_in"].as_i64().filter(|seconds| *seconds <= 300).map(|seconds| format!("access tokens live {seconds} s"))
        }
        "answered" => (answer.message().is_none_or(|message| message.get("result").is_none())).then(|| answer.words()),
        // Those of the authorization step are judged where its answer is (crate::replay).
        _ => None,
    }
}

fn with_slash(path: &str) -> String {
    if path.ends_with('/') { path.to_owned() } else { format!("{path}/") }
}

fn resource(json: &Value, values: &Values, fits: impl Fn(&Url, &Url) -> bool) -> Option<String> {
    let found = json["resource"].as_str().unwrap_or_default();
    let endpoint = values.text("mcp");
    let is_right = match (Url::parse(found), Url::parse(endpoint)) {
        (Ok(found), Ok(endpoint)) => fits(&found, &endpoint),
        _ => false,
    };
    (!is_right).then(|| format!("resource is {:?}, and the endpoint is {endpoint}", clean(found, 120)))
}

fn missing(json: &Value, names: &[&str]) -> Option<String> {
    names.iter().find(|name| json[**name].as_str().is_none_or(str::is_empty)).map(|name| format!("{name} is missing"))
}

/// Whether a list of a document has this word.
#[must_use]
pub fn lists(json: &Value, name: &str, word: &str) -> bool {
    json[name].as_array().is_some_and(|items| items.iter().any(|item| item == word))
}

fn challenge_methods(json: &Value) -> String {
    match &json["code_challenge_methods_supported"] {
        Value::Null => "code_challenge_methods_supported is missing".to_owned(),
        other => format!("code_challenge_methods_supported is {}", clean(&other.to_string(), 80)),
    }
}

/// The first endpoint that is plain http to another machine.
#[must_use]
pub fn plain_http(json: &Value) -> Option<String> {
    ["authorization_endpoint", "token_endpoint", "registration_endpoint"].into_iter().find_map(|name| {
        let url = Url::parse(json[name].as_str()?).ok()?;
        (url.scheme() != "https" && !is_loopback(&url)).then(|| format!("{name} is {}", clean(url.as_str(), 120)))
    })
}

/// The first field of an object whose value is so.
fn first(json: &Value, is_so: impl Fn(&Value) -> bool) -> Option<String> {
    json.as_object()?.iter().find(|(_, value)| is_so(value)).map(|(name, _)| clean(name, 60))
}

/// The first field of a registration's answer that has another type than RFC 7591 gives it.
#[must_use]
pub fn wrong_type(json: &Value) -> Option<String> {
    let is_list = |value: &Value| value.as_array().is_some_and(|items| items.iter().all(Value::is_string));
    for name in ["redirect_uris", "grant_types", "response_types", "contacts"] {
        if json.get(name).is_some_and(|value| !value.is_null() && !is_list(value)) {
            return Some(format!("{name} is no list of texts"));
        }
    }
    for name in ["client_id_issued_at", "client_secret_expires_at"] {
        if json.get(name).is_some_and(|value| !value.is_null() && value.as_i64().is_none()) {
            return Some(format!("{name} is no whole number"));
        }
    }
    for name in ["client_id", "client_secret", "client_name", "scope", "token_endpoint_auth_method", "client_uri"] {
        if json.get(name).is_some_and(|value| !value.is_null() && !value.is_string()) {
            return Some(format!("{name} is no text"));
        }
    }
    None
}
