//! One step's request: put together from what is known, sent, and sent again to the next URL where the client would.

use crate::http::{Answer, Http, Request, Trouble};
use crate::recorded::{Phase, Step};
use crate::template::{Unknown, Values};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;

/// Why there is no answer to go on with.
pub(crate) enum Failed {
    /// A placeholder that nothing fills.
    Unknown(Unknown),
    /// Nobody answers.
    Trouble(Trouble),
    /// A status with which the client does not try the next URL.
    GaveUp(Answer),
    /// Every URL was tried.
    Nothing(Answer),
}

impl From<Unknown> for Failed {
    fn from(unknown: Unknown) -> Self {
        Self::Unknown(unknown)
    }
}

impl From<Trouble> for Failed {
    fn from(trouble: Trouble) -> Self {
        Self::Trouble(trouble)
    }
}

/// Whether the client tries its next URL after an answer with this status.
fn tries_next(goes_on: &str, status: u16) -> bool {
    goes_on.split(" or ").any(|rule| match rule {
        "4xx" => (400..500).contains(&status),
        "not 200" => status != 200,
        "not 2xx" => !(200..300).contains(&status),
        "not 5xx/429" => status != 200 && status < 500 && status != 429,
        other => other.parse() == Ok(status),
    })
}

/// Sends a step's request.
///
/// # Errors
/// [`Failed`].
pub(crate) async fn exchange(step: &Step, http: &Http, values: &Values) -> Result<Answer, Failed> {
    let (method, url) = step.request.split_once(' ').unwrap_or(("GET", &step.request));
    let method = Method::from_bytes(method.as_bytes()).unwrap_or(Method::GET);
    let is_document = method == Method::GET && step.phase == Phase::Discovery && !step.request.ends_with("{mcp}");
    let mut last = None;
    for template in std::iter::once(url).chain(step.or.iter().map(String::as_str)) {
        let url = match values.fill(template) {
            Ok(Some(url)) => url,
            // A URL that comes of something optional, as the challenge's.
            Ok(None) => continue,
            Err(unknown) => return Err(unknown.into()),
        };
        let answer = if is_document {
            http.document(&url).await?
        } else if step.authenticates.is_empty() {
            http.send(&assemble(step, &method, &url, values, None)?).await?
        } else {
            authenticated(step, &method, &url, http, values).await?
        };
        if !is_document {
            return Ok(answer);
        }
        if answer.is_success() {
            return Ok(answer);
        }
        if !tries_next(&step.goes_on, answer.status) {
            return Err(Failed::GaveUp(answer));
        }
        last = Some(answer);
    }
    Err(last.map_or_else(|| Failed::Unknown(Unknown(url.to_owned())), Failed::Nothing))
}

/// Tries the ways to authenticate in their order, until one is accepted.
async fn authenticated(step: &Step, method: &Method, url: &str, http: &Http, values: &Values) -> Result<Answer, Failed> {
    let mut answer = None;
    for how in &step.authenticates {
        let sent = http.send(&assemble(step, method, url, values, Some(how))?).await?;
        let is_good = sent.is_success();
        answer = Some(sent);
        if is_good {
            break;
        }
    }
    answer.ok_or_else(|| Failed::Unknown(Unknown("authenticates".to_owned())))
}

fn assemble(step: &Step, method: &Method, url: &str, values: &Values, how: Option<&str>) -> Result<Request, Unknown> {
    let mut request = Request::new(method.clone(), url);
    for (name, value) in &step.headers {
        if let Some(value) = values.fill(value)? {
            request = request.header(name, &value);
        }
    }
    if let Some(json) = &step.json
        && let Some(body) = values.fill_json(json)?
    {
        request.headers.retain(|(name, _)| name != "content-type");
        request = request.json(&body);
    }
    let mut form = Vec::new();
    for (name, value) in &step.form {
        if let Some(value) = values.fill(value)? {
            form.push((name.clone(), value));
        }
    }
    if let Some(how) = how {
        authenticate(how, values, &mut form, &mut request);
    }
    Ok(if form.is_empty() { request } else { request.form(&form) })
}

fn authenticate(how: &str, values: &Values, form: &mut Vec<(String, String)>, request: &mut Request) {
    let (id, secret) = (values.text("register.client_id").to_owned(), values.text("register.client_secret").to_owned());
    let how = match (how, values.text("register.token_endpoint_auth_method")) {
        ("as registered, raw", "client_secret_basic" | "") if !secret.is_empty() => "basic raw",
        ("as registered", "client_secret_basic" | "") if !secret.is_empty() => "basic",
        ("as registered" | "as registered, raw", "none") => "none",
        ("as registered" | "as registered, raw", _) => "post",
        // A client without a secret has none to send.
        ("basic" | "basic raw", _) if secret.is_empty() => "none",
        (other, _) => other,
    };
    if how == "post, even if empty" {
        form.push(("client_id".to_owned(), id));
        form.push(("client_secret".to_owned(), secret));
        return;
    }
    let encoded = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    match how {
        "basic" => basic(request, &encoded(&id), &encoded(&secret)),
        "basic raw" => basic(request, &id, &secret),
        _ => {
            form.push(("client_id".to_owned(), id));
            if how == "post" && !secret.is_empty() {
                form.push(("client_secret".to_owned(), secret));
            }
        }
    }
}

fn basic(request: &mut Request, id: &str, secret: &str) {
    request.headers.push(("authorization".to_owned(), format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")))));
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn clients_give_up_at_different_answers() {
        assert!(tries_next("4xx or 502", 404) && tries_next("4xx or 502", 502) && !tries_next("4xx or 502", 500));
        assert!(tries_next("not 5xx/429", 404) && !tries_next("not 5xx/429", 429) && !tries_next("not 5xx/429", 503));
        assert!(tries_next("not 200", 204) && !tries_next("not 2xx", 204) && tries_next("404", 404) && !tries_next("", 404));
    }

    #[test]
    fn clients_say_who_they_are_in_different_ways() {
        let said = |how: &str, register: serde_json::Value| {
            let mut values = Values::default();
            values.set("register", register);
            let (mut form, mut request) = (Vec::new(), Request::new(Method::POST, "http://localhost/"));
            authenticate(how, &values, &mut form, &mut request);
            let form: Vec<String> = form.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
            (form.join("&"), request.headers.first().map(|(_, value)| value.clone()).unwrap_or_default())
        };
        let public = || json!({"client_id": "c"});
        let secret = |method: &str| json!({"client_id": "c", "client_secret": "a+b", "token_endpoint_auth_method": method});
        assert_eq!(said("basic", public()), ("client_id=c".into(), String::new()), "there is nothing to send");
        assert_eq!(said("post, even if empty", public()).0, "client_id=c&client_secret=");
        assert_eq!(said("none", secret("client_secret_basic")).0, "client_id=c");
        assert_eq!(said("as registered", secret("client_secret_post")).0, "client_id=c&client_secret=a+b");
        assert_eq!(said("as registered", secret("client_secret_basic")).1, format!("Basic {}", STANDARD.encode("c:a%2Bb")));
        assert_eq!(said("as registered, raw", secret("client_secret_basic")).1, format!("Basic {}", STANDARD.encode("c:a+b")));
        assert_eq!(said("as registered", secret("none")).0, "client_id=c");
    }
}
