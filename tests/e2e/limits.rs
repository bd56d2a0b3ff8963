//! How much a caller may ask: the refusal at each door, the headers, two nodes that count together, and their server lost and back.

use anyhow::{Context as _, ensure};
use docent_tests::http::Answer;
use docent_tests::mcp::{Era, Mcp};
use docent_tests::person::Decision;
use docent_tests::process::Process;
use docent_tests::redis::Redis;
use docent_tests::{Installation, OAuthClient, Result, Shape, installation, port};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

async fn key(installation: &Installation, email: &str) -> Result<String> {
    let printed = installation.run(&["key", "add", email, "script", "--json"]).await?;
    let made: Value = serde_json::from_str(&printed)?;
    Ok(made["api_key"].as_str().context("no key")?.to_owned())
}

/// A request of the REST API.
async fn ask(origin: &str, key: &str) -> Result<Answer> {
    let url = format!("{origin}/api/v2/libs/search?libraryName=x&query=y");
    Answer::of(docent_tests::http::client()?.get(url).bearer_auth(key)).await
}

fn number(answer: &Answer, name: &str) -> Result<u32> {
    answer.header(name).parse().with_context(|| format!("no number in {name}: {answer:?}"))
}

/// Five of a person's requests a minute, ten of the project's, whichever door they come through.
async fn too_many(installation: &mut Installation) -> Result {
    let ada = installation.add_person("ada@example.com").await?;
    let client = OAuthClient::register(installation, "Limited").await?;
    let tokens = client.connect(&ada, Decision::Allow).await?;
    let script = key(installation, "ada@example.com").await?;
    for left in (1..5).rev() {
        let answer = ask(&installation.mcp_origin, &script).await?;
        ensure!(answer.status == 200 && number(&answer, "ratelimit-limit")? == 5, "{answer:?}");
        ensure!(number(&answer, "ratelimit-remaining")? == left && number(&answer, "ratelimit-reset")? == (5 - left) * 12, "{answer:?}");
        ensure!(answer.header("retry-after").is_empty(), "{answer:?}");
    }
    // The fifth comes from an assistant: it is the person who is limited.
    let mcp = Mcp::new(&installation.resource, &tokens.access_token, Era::Handshake)?;
    let call = json!({ "name": "resolve-library-id", "arguments": { "query": "x", "libraryName": "x" } });
    ensure!(Answer::of(mcp.request("tools/call", call.clone())).await?.status == 200);
    let refused = ask(&installation.mcp_origin, &script).await?;
    let body: Value = serde_json::from_str(&refused.body)?;
    let wait = number(&refused, "retry-after")?;
    ensure!(refused.status == 429 && body["error"] == "rate_limited" && (1..=12).contains(&wait), "{refused:?}");
    ensure!(
        body["message"].as_str().is_some_and(|said| said.contains("this account") && said.contains(&format!("Wait {wait} second"))),
        "{body}"
    );
    ensure!(number(&refused, "ratelimit-remaining")? == 0, "{refused:?}");
    for era in [Era::Handshake, Era::Stateless] {
        let mcp = Mcp::new(&installation.resource, &tokens.access_token, era)?;
        let refused = Answer::of(mcp.request("tools/call", call.clone())).await?;
        let body: Value = serde_json::from_str(&refused.body)?;
        ensure!(refused.status == 429 && !refused.header("retry-after").is_empty(), "{refused:?}");
        ensure!(body["id"] == 1 && body["jsonrpc"] == "2.0" && body["error"]["code"] == -32029, "{body}");
        ensure!(body["error"]["message"].as_str().is_some_and(|said| said.contains("The limit of 5 requests a minute")), "{body}");
        // What is no use of anything goes on, so that a client does not take the server for dead.
        ensure!(!mcp.tools().await?.is_empty());
    }
    Mcp::new(&installation.resource, &tokens.access_token, Era::Handshake)?.initialize().await?;
    // Nobody else is held up by it, and nobody gets around it by naming another address.
    let elsewhere = docent_tests::http::client()?.get(format!("{}/api/v2/libs/search?libraryName=x&query=y", installation.mcp_origin));
    let forged = Answer::of(elsewhere.bearer_auth(&script).header("x-forwarded-for", "203.0.113.9")).await?;
    ensure!(forged.status == 429, "{forged:?}");
    installation.add_person("bob@example.com").await?;
    let bobs = key(installation, "bob@example.com").await?;
    ensure!(ask(&installation.mcp_origin, &bobs).await?.status == 200);
    Ok(())
}

fn limited() -> impl Future<Output = Result<Installation>> {
    Installation::start_with(Shape::Together, &[("DOCENT__LIMITS__USER", "5"), ("DOCENT__LIMITS__PROJECT", "10")])
}

#[test]
fn one_request_too_many_is_refused_so_that_programs_and_assistants_understand() -> Result {
    installation::tell_in(limited(), |installation| Box::pin(too_many(installation)))
}

/// Two nodes, one server: together 20; without the server 20 each; together again when it is back.
async fn shared(installation: &mut Installation, redis: &mut Redis) -> Result {
    installation.add_person("ada@example.com").await?;
    let port = port::free()?;
    let mut command = installation.command()?;
    command.args(["serve", "--role", "mcp", "--listen", &format!("127.0.0.1:{port}")]);
    let second = format!("http://127.0.0.1:{port}");
    let mut process = Process::new("mcp-2", second.clone(), command, installation.folder().join("mcp-2.log"));
    process.start().await?;
    let nodes = [installation.mcp_origin.clone(), second];

    let one = key(installation, "ada@example.com").await?;
    let mut answered = 0;
    for number in 0..40 {
        answered += u32::from(ask(&nodes[number % 2], &one).await?.status == 200);
    }
    // One comes back each three seconds.
    ensure!((20..=22).contains(&answered), "two nodes with one server let {answered} of 40 through");

    // The server is gone: requests are answered all the same, at once, and each node still counts.
    redis.stop()?;
    let other = key(installation, "ada@example.com").await?;
    let (mut answered, begun) = (0, Instant::now());
    for number in 0..80 {
        answered += u32::from(ask(&nodes[number % 2], &other).await?.status == 200);
    }
    let took = begun.elapsed();
    ensure!((40..=44).contains(&answered), "two nodes without their server let {answered} of 80 through");
    ensure!(took < Duration::from_secs(8), "80 requests without the server took {took:?}");

    redis.resume()?;
    let begun = Instant::now();
    loop {
        let fresh = key(installation, "ada@example.com").await?;
        let mut answered = 0;
        for number in 0..40 {
            answered += u32::from(ask(&nodes[number % 2], &fresh).await?.status == 200);
        }
        if (20..=22).contains(&answered) {
            break;
        }
        ensure!(begun.elapsed() < Duration::from_secs(20), "the server is back, and the nodes still let {answered} of 40 through");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    process.terminate().await?;
    Ok(())
}

#[test]
fn two_nodes_hold_one_limit_together_and_each_its_own_while_the_server_is_away() -> Result {
    let mut redis = Redis::start()?;
    let url = redis.url();
    let start = async move {
        let variables = [
            ("DOCENT__LIMITS__SERVER", url.as_str()),
            ("DOCENT__LIMITS__KEY", "20"),
            ("DOCENT__LIMITS__USER", "0"),
            ("DOCENT__LIMITS__PROJECT", "0"),
        ];
        Installation::start_with(Shape::Split, &variables).await
    };
    installation::tell_in(start, move |installation| Box::pin(async move { shared(installation, &mut redis).await }))
}

#[test]
fn a_server_of_limits_that_is_none_is_refused_at_the_start() -> Result {
    let runtime = tokio::runtime::Runtime::new()?;
    let variables = [("DOCENT__LIMITS__SERVER", "http://user:hidden@example.com")];
    let started = runtime.block_on(Installation::start_with(Shape::Together, &variables));
    let said = format!("{:#}", started.err().context("it started")?);
    ensure!(said.contains("limits.server") && !said.contains("hidden"), "{said}");
    Ok(())
}
