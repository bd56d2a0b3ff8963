//! What was used and what happened: counted and recorded by the real binary, told by commands, pages and metrics.

use anyhow::{Context as _, ensure};
use docent_tests::http::Answer;
use docent_tests::mcp::{Era, Mcp};
use docent_tests::person::Decision;
use docent_tests::{Installation, OAuthClient, Result, Shape, installation, port};
use serde_json::Value;
use std::time::{Duration, Instant};

/// The lines of `docent audit --json`, the newest first.
async fn audit(installation: &Installation, arguments: &[&str]) -> Result<Vec<Value>> {
    let printed = installation.run(&[&["audit", "--json", "--limit", "1000"], arguments].concat()).await?;
    printed.lines().map(|line| serde_json::from_str(line).context("a line is not JSON")).collect()
}

/// A person connects an assistant, asks with it and with a key; the operator and the person see it, and nobody else's.
async fn told(installation: &mut Installation) -> Result {
    installation.add_library(None).await?;
    let ada = installation.add_person("ada@example.com").await?;
    let bob = installation.add_person("bob@example.com").await?;
    let client = OAuthClient::register(installation, "Recorded <b>").await?;
    let tokens = client.connect(&ada, Decision::Allow).await?;
    let mcp = Mcp::new(&installation.resource, &tokens.access_token, Era::Handshake)?;
    mcp.ask_until_served().await?;
    let made: Value = serde_json::from_str(&installation.run(&["key", "add", "ada@example.com", "script", "--json"]).await?)?;
    let key = made["api_key"].as_str().context("no key")?;
    let url = format!("{}/api/v2/libs/search?libraryName=lighthouse&query=lamp", installation.mcp_origin);
    ensure!(Answer::of(docent_tests::http::client()?.get(url).bearer_auth(key)).await?.status == 200);
    OAuthClient::register(installation, "Not mine").await?.connect(&bob, Decision::Allow).await?;

    // Counters are written once a second.
    let begun = Instant::now();
    let by_client = loop {
        let told: Value =
            serde_json::from_str(&installation.run(&["usage", "--by", "client", "--json", "--person", "ada@example.com"]).await?)?;
        if told.as_array().is_some_and(|rows| rows.len() == 2) {
            break told;
        }
        ensure!(begun.elapsed() < Duration::from_secs(10), "{told:#}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    ensure!(by_client.to_string().contains("Recorded <b>") && by_client.to_string().contains("api-key"), "{by_client:#}");
    let day = installation.run(&["usage"]).await?;
    ensure!(day.starts_with("DAY") && day.lines().count() == 2, "{day}");
    ensure!(installation.run(&["usage", "--by", "tool"]).await?.contains("query-docs"));
    ensure!(installation.run(&["usage", "--person", "bob@example.com"]).await?.contains("Nothing was used"));

    let events = audit(installation, &["--person", "ada@example.com"]).await?;
    let kinds: Vec<&str> = events.iter().filter_map(|event| event["kind"].as_str()).collect();
    for kind in ["sign_in.succeeded", "grant.created", "token.issued", "api_key.created"] {
        ensure!(kinds.contains(&kind), "{kind} is not among {kinds:?}");
    }
    ensure!(events.iter().all(|event| event["email"] == "ada@example.com"), "{events:?}");
    ensure!(events.iter().any(|event| event["client_name"] == "Recorded <b>" && event["from"].is_string()), "{events:?}");
    let everything: String = audit(installation, &[]).await?.iter().map(ToString::to_string).collect();
    for secret in [tokens.access_token.as_str(), key] {
        ensure!(!everything.contains(secret), "a secret stands in the record");
    }
    let wrong = installation.docent(&["audit", "--kind", "no.such"], "").await?.success();
    ensure!(wrong.is_err_and(|said| format!("{said:#}").contains("sign_in.failed")), "an unknown kind is told which there are");
    let wrong = installation.docent(&["usage", "--since", "yesterday"], "").await?.success();
    ensure!(wrong.is_err_and(|said| format!("{said:#}").contains("a date such as")), "what is no time is told what one looks like");

    // The same on her pages, and nothing of it on his.
    let page = |path: &str| format!("{}{path}", installation.issuer);
    let (_, usage) = ada.open(&page("/account/usage")).await?;
    ensure!(
        usage.body.contains("Recorded &#60;b&#62;") && usage.body.contains("API keys") && usage.body.contains("<svg"),
        "{}",
        usage.body
    );
    let (_, activity) = ada.open(&page("/account/activity")).await?;
    ensure!(activity.body.contains("An app was allowed") && !activity.body.contains("Not mine"), "{}", activity.body);
    let (_, his) = bob.open(&page("/account/usage")).await?;
    ensure!(his.body.contains("Nothing was asked") && !his.body.contains("Recorded"), "{}", his.body);
    for path in ["/admin", "/admin/audit", "/admin/people"] {
        ensure!(ada.open(&page(path)).await?.1.status == 404, "{path} is there for somebody who is no administrator");
    }
    Ok(())
}

docent_tests::together_and_split!(told);

/// Metrics stand on a port of their own, in the words of Prometheus, and name nobody.
async fn metrics(installation: &mut Installation, port: u16) -> Result {
    installation.add_library(None).await?;
    let ada = installation.add_person("ada@example.com").await?;
    let client = OAuthClient::register(installation, "Measured").await?;
    let tokens = client.connect(&ada, Decision::Allow).await?;
    Mcp::new(&installation.resource, &tokens.access_token, Era::Handshake)?.ask_until_served().await?;
    let http = docent_tests::http::client()?;
    let told = Answer::of(http.get(format!("http://127.0.0.1:{port}/metrics"))).await?;
    ensure!(told.status == 200 && told.header("content-type").starts_with("application/openmetrics-text"), "{told:?}");
    ensure!(told.body.trim_end().ends_with("# EOF"), "{}", told.body);
    let has = |begin: &str| told.body.lines().any(|line| line.starts_with(begin) && !line.ends_with(" 0"));
    for begin in [
        "docent_http_requests_total{method=\"POST\",route=\"/oauth/token\",status=\"200\"}",
        "docent_http_requests_total{method=\"POST\",route=\"/mcp",
        "docent_http_request_seconds_bucket{",
        "docent_tool_uses_total{tool=\"query-docs\",outcome=\"answered\"}",
        "docent_events_total{kind=\"sign_in.succeeded\"}",
        "docent_libraries ",
        "docent_resident_memory_bytes ",
    ] {
        ensure!(has(begin), "{begin} is not in\n{}", told.body);
    }
    for somebody in ["ada@example.com", "Measured", "lighthouse", tokens.access_token.as_str()] {
        ensure!(!told.body.contains(somebody), "{somebody} is in\n{}", told.body);
    }
    let public = Answer::of(http.get(format!("{}/metrics", installation.issuer))).await?;
    ensure!(public.status == 404, "metrics are told to everybody");
    Ok(())
}

#[test]
fn metrics_are_told_on_a_port_of_their_own_and_name_nobody() -> Result {
    let port = port::free()?;
    let listen = format!("127.0.0.1:{port}");
    let start = async move { Installation::start_with(Shape::Together, &[("DOCENT__METRICS__LISTEN", listen.as_str())]).await };
    installation::tell_in(start, move |installation| Box::pin(metrics(installation, port)))
}
