//! What bad input gets at every OAuth endpoint.

use anyhow::{Context as _, ensure};
use docent_tests::http::{Answer, client};
use docent_tests::person::Form;
use docent_tests::{Installation, Person, Result};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::Value;

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

/// An input, as a change to a request.
type Input = fn(RequestBuilder) -> RequestBuilder;

/// What is wrong, the input, and the statuses that answer it.
const FORM_INPUTS: &[(&str, Input, &[u16])] = &[
    ("no body", |request| request, &[400, 401, 415]),
    ("JSON instead of a form", |request| request.header("content-type", JSON).body("{\"grant_type\":\"refresh_token\"}"), &[400, 415]),
    ("text", |request| request.header("content-type", "text/plain").body("grant_type=refresh_token"), &[400, 415]),
    ("no content type", |request| request.body("grant_type=refresh_token&client_id=x"), &[400, 401, 415]),
    ("bad UTF-8", |request| request.header("content-type", FORM).body(&b"grant_type=\xff\xfe&client_id=%ff%fe&token=%ff"[..]), &[400, 401]),
    ("bad percent signs", |request| request.header("content-type", FORM).body("grant_type=%zz&client_id=%&token=%4"), &[400, 401]),
    (
        "a NUL",
        |request| request.header("content-type", FORM).body("grant_type=refresh_token&client_id=a%00b&refresh_token=%00&token=%00"),
        &[400, 401],
    ),
    (
        "2 MB",
        |request| request.header("content-type", FORM).body(format!("grant_type=refresh_token&refresh_token={}", "a".repeat(2_000_000))),
        &[400, 413],
    ),
    (
        "a repeated parameter",
        |request| {
            request.header("content-type", FORM).body("grant_type=refresh_token&grant_type=authorization_code&client_id=x&token=a&token=b")
        },
        &[400],
    ),
    (
        "Basic that is not base64",
        |request| request.header("authorization", "Basic ***").header("content-type", FORM).body("grant_type=refresh_token&token=x"),
        &[400, 401],
    ),
    ("10,000 parameters", |request| request.header("content-type", FORM).body("a=b&".repeat(10_000)), &[400, 401, 413]),
];

const JSON_INPUTS: &[(&str, Input, &[u16])] = &[
    ("no body", |request| request, &[400, 415]),
    ("broken JSON", |request| request.header("content-type", JSON).body("{\"redirect_uris\": ["), &[400]),
    ("not an object", |request| request.header("content-type", JSON).body("[1, 2]"), &[400]),
    ("a form", |request| request.header("content-type", FORM).body("redirect_uris=http://localhost/"), &[400, 415]),
    (
        "bad UTF-8",
        |request| {
            request.header("content-type", JSON).body(&b"{\"client_name\": \"\xff\xfe\", \"redirect_uris\": [\"http://localhost/\"]}"[..])
        },
        &[400],
    ),
    ("wrong types", |request| request.header("content-type", JSON).body("{\"redirect_uris\": \"http://localhost/\"}"), &[400]),
    ("numbers in the list", |request| request.header("content-type", JSON).body("{\"redirect_uris\": [1]}"), &[400]),
    (
        "a NUL",
        |request| request.header("content-type", JSON).body("{\"client_name\": \"a\\u0000b\", \"redirect_uris\": [\"http://localhost/\"]}"),
        &[400],
    ),
    ("no redirect URIs", |request| request.header("content-type", JSON).body("{\"client_name\": \"x\"}"), &[400]),
    ("an empty list", |request| request.header("content-type", JSON).body("{\"redirect_uris\": []}"), &[400]),
    (
        "2 MB",
        |request| request.header("content-type", JSON).body(format!("{{\"client_name\": \"{}\"}}", "a".repeat(2_000_000))),
        &[400, 413],
    ),
    ("depth", |request| request.header("content-type", JSON).body("[".repeat(100_000)), &[400, 413]),
];

/// AS11: the RFC's error in JSON, not cached, no redirect, for every fault of a form endpoint.
async fn bad_forms_get_the_error_of_the_rfc(installation: &mut Installation) -> Result {
    let (http, metadata) = discovered(installation).await?;
    for name in ["token_endpoint", "revocation_endpoint", "introspection_endpoint"] {
        let url = metadata[name].as_str().with_context(|| format!("no {name}"))?;
        for (what, input, statuses) in FORM_INPUTS {
            expect_error(name, what, input(http.post(url)), statuses).await?;
        }
    }
    Ok(())
}

/// AS11, AS13: the same for registration; the words say which field and why.
async fn bad_registrations_get_the_error_of_the_rfc(installation: &mut Installation) -> Result {
    let (http, metadata) = discovered(installation).await?;
    let url = metadata["registration_endpoint"].as_str().context("no registration_endpoint")?;
    for (what, input, statuses) in JSON_INPUTS {
        let answer = expect_error("registration_endpoint", what, input(http.post(url)), statuses).await?;
        let error = answer.oauth_error()?;
        ensure!(matches!(error.as_str(), "invalid_request" | "invalid_client_metadata" | "invalid_redirect_uri"), "{what}: {error}");
    }
    Ok(())
}

/// AS11: an unknown path and a wrong method are JSON errors too, and say which methods there are.
async fn unknown_paths_and_methods_get_json(installation: &mut Installation) -> Result {
    let (http, metadata) = discovered(installation).await?;
    let token = metadata["token_endpoint"].as_str().context("no token_endpoint")?;
    let folder = token.rsplit_once('/').context("the token endpoint is no path")?.0;
    for path in ["unknown", "token/more", "TOKEN", "..%2ftoken", "%ff"] {
        expect_error("unknown path", path, http.post(format!("{folder}/{path}")), &[400, 404]).await?;
    }
    for name in ["token_endpoint", "revocation_endpoint", "introspection_endpoint", "registration_endpoint"] {
        let url = metadata[name].as_str().with_context(|| format!("no {name}"))?;
        for method in [Method::GET, Method::PUT, Method::DELETE, Method::PATCH] {
            let answer = expect_error(name, method.as_str(), http.request(method.clone(), url), &[405]).await?;
            ensure!(answer.header("allow").contains("POST"), "{name}: Allow is {:?}", answer.header("allow"));
        }
    }
    let jwks = metadata["jwks_uri"].as_str().context("no jwks_uri")?;
    expect_error("jwks_uri", "POST", http.post(jwks), &[405]).await?;
    Ok(())
}

/// AS4, AS11: the authorization endpoint speaks to a person: a page, a status that says whose fault it is, a request id.
async fn bad_authorization_requests_get_a_page(installation: &mut Installation) -> Result {
    let (http, metadata) = discovered(installation).await?;
    let url = metadata["authorization_endpoint"].as_str().context("no authorization_endpoint")?;
    let long = format!("?client_id={}", "a".repeat(20_000));
    for query in ["", "?", "?client_id=%ff", "?client_id=a&client_id=b", "?client_id=%00", "?%zz=%zz", &long] {
        let answer = Answer::of(http.get(format!("{url}{query}"))).await?;
        ensure!((400..500).contains(&answer.status), "{:.80}: {}", query, answer.status);
        ensure!(answer.header("location").is_empty(), "{:.80}: redirected to {}", query, answer.header("location"));
        ensure!(!answer.header("x-request-id").is_empty(), "{:.80}: no request id", query);
    }
    let page = Answer::of(http.get(format!("{}/no/such/page", installation.issuer)).header("accept", "text/html")).await?;
    ensure!(page.status == 404 && page.header("content-type").starts_with("text/html"), "{} {:?}", page.status, page.headers);
    let id = page.header("x-request-id").to_owned();
    ensure!(!id.is_empty() && page.body.contains(&id), "the page does not name its request id {id:?}");
    Ok(())
}

/// A NUL, which Postgres cannot store, is bad input at the pages' forms too, and no fault of the server.
async fn a_nul_in_a_page_form_is_bad_input(installation: &mut Installation) -> Result {
    let visitor = Person::new("a\0b@example.com", "pass\0word", &installation.issuer)?;
    let (url, page) = visitor.open(&format!("{}/sign-in", installation.issuer)).await?;
    let mut form = Form::with_control(&page.body, "password")?;
    form.set("email", &visitor.email);
    form.set("password", &visitor.password);
    let (_, answer) = visitor.send(&url, &form).await?;
    ensure!((400..500).contains(&answer.status), "{} {}", answer.status, answer.body);
    for path in ["/libraries?q=%00", "/libraries/a%00b/c", "/sign-in?return_to=%00", "/set-password?link=%00"] {
        let answer = Answer::of(client()?.get(format!("{}{path}", installation.issuer))).await?;
        ensure!(answer.status < 500, "{path}: {} {}", answer.status, answer.body);
    }
    Ok(())
}

async fn discovered(installation: &Installation) -> Result<(Client, Value)> {
    let http = client()?;
    let metadata = Answer::of(http.get(format!("{}/.well-known/oauth-authorization-server", installation.issuer))).await?.expect(200)?;
    Ok((http, metadata))
}

async fn expect_error(endpoint: &str, what: &str, request: RequestBuilder, statuses: &[u16]) -> Result<Answer> {
    let case = || format!("{endpoint}, {what}");
    let answer = Answer::of(request).await.with_context(case)?;
    ensure!(statuses.contains(&answer.status), "{}: {} {}", case(), answer.status, answer.body);
    answer.oauth_error().with_context(case)?;
    Ok(answer)
}

docent_tests::together_and_split!(
    bad_forms_get_the_error_of_the_rfc,
    bad_registrations_get_the_error_of_the_rfc,
    unknown_paths_and_methods_get_json,
    bad_authorization_requests_get_a_page,
    a_nul_in_a_page_form_is_bad_input,
);
