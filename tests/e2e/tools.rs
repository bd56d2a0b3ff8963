//! The MCP endpoint, as an assistant uses it.

use anyhow::{Context as _, ensure};
use docent_tests::documents::{LIBRARY, NAME, QUESTION};
use docent_tests::http::Answer;
use docent_tests::mcp::{ERAS, Era, Mcp, response};
use docent_tests::person::Decision;
use docent_tests::{Installation, OAuthClient, Result};
use serde_json::json;

async fn connected(installation: &Installation, era: Era) -> Result<Mcp> {
    let person = installation.add_person(&format!("{era:?}@example.com")).await?;
    let client = OAuthClient::register(installation, "Tools").await?;
    let tokens = client.connect(&person, Decision::Allow).await?;
    Mcp::new(&client.resource, &tokens.access_token, era)
}

/// RS11: `initialize` is answered with the revision that was asked for, from 2024-11-05 to 2025-11-25; 2026-07-28 needs none.
async fn both_eras_are_served_on_one_endpoint(installation: &mut Installation) -> Result {
    let mcp = connected(installation, Era::Handshake).await?;
    for revision in ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"] {
        let params = json!({"protocolVersion": revision, "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}});
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params});
        let request = reqwest::Client::new()
            .post(&mcp.url)
            .bearer_auth(&mcp.token)
            .header("accept", "application/json, text/event-stream")
            .json(&body);
        let answer = Answer::of(request).await?;
        let message = response(&answer)?;
        ensure!(message["result"]["protocolVersion"] == revision, "{revision}: {} {message}", answer.status);
    }
    ensure!(mcp.initialize().await?["capabilities"]["tools"].is_object());
    let stateless = Mcp::new(&mcp.url, &mcp.token, Era::Stateless)?;
    let discovered = stateless.call("server/discover", json!({})).await?;
    let versions = discovered["result"]["supportedVersions"].as_array().with_context(|| discovered.to_string())?;
    ensure!(versions.contains(&json!("2026-07-28")), "{versions:?}");
    ensure!(stateless.tools().await? == mcp.tools().await?, "the tools differ between the eras");
    Ok(())
}

/// RS11: 2026-07-28 refuses headers that say something else than the body, with its own error code.
async fn headers_that_contradict_the_body_are_refused(installation: &mut Installation) -> Result {
    let mcp = connected(installation, Era::Stateless).await?;
    let body = json!({
        "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": "query-docs", "arguments": {"libraryId": LIBRARY, "query": QUESTION}, "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": {"name": "t", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": {},
        }},
    });
    let request = reqwest::Client::new()
        .post(&mcp.url)
        .bearer_auth(&mcp.token)
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", "tools/call")
        .header("mcp-name", "resolve-library-id")
        .json(&body);
    let answer = Answer::of(request).await?;
    ensure!(answer.status == 400 && response(&answer)?["error"]["code"].is_i64(), "{} {}", answer.status, answer.body);
    Ok(())
}

/// RS10: `tools/list` has the two tools in the same order at every call, with the arguments that Context7's clients send.
async fn the_two_tools_are_listed_in_a_fixed_order(installation: &mut Installation) -> Result {
    for era in ERAS {
        let mcp = connected(installation, era).await?;
        let first = mcp.tools().await?;
        for _ in 0..5 {
            ensure!(mcp.tools().await? == first, "{era:?}: the order changes");
        }
        let names: Vec<&str> = first.iter().filter_map(|tool| tool["name"].as_str()).collect();
        ensure!(names == ["query-docs", "resolve-library-id"] || names == ["resolve-library-id", "query-docs"], "{era:?}: {names:?}");
        for (name, required) in [("resolve-library-id", json!(["libraryName", "query"])), ("query-docs", json!(["libraryId", "query"]))] {
            let tool = first.iter().find(|tool| tool["name"] == name).context("missing")?;
            let mut listed: Vec<&str> =
                tool["inputSchema"]["required"].as_array().into_iter().flatten().filter_map(|one| one.as_str()).collect();
            listed.sort_unstable();
            ensure!(json!(listed) == required, "{era:?}: {name} requires {listed:?}");
            ensure!(tool["annotations"]["readOnlyHint"] == true && tool["annotations"]["openWorldHint"] == false, "{era:?}: {tool}");
        }
        for (method, list) in [("prompts/list", "prompts"), ("resources/list", "resources")] {
            let listed = mcp.call(method, json!({})).await?;
            ensure!(listed["result"][list] == json!([]), "{era:?}: {method}: {listed}");
        }
    }
    Ok(())
}

/// `context7-api.md`: what models mix up is understood: other names of arguments, and the old name of the tool.
async fn aliases_of_arguments_and_tools_are_understood(installation: &mut Installation) -> Result {
    installation.add_library(None).await?;
    let mcp = connected(installation, Era::Stateless).await?;
    let calls = [
        ("query-docs", json!({"context7CompatibleLibraryID": LIBRARY, "query": QUESTION})),
        ("query-docs", json!({"libraryID": LIBRARY, "question": QUESTION})),
        ("query-docs", json!({"libraryName": LIBRARY, "userQuery": QUESTION})),
        (
            "get-library-docs",
            json!({"context7CompatibleLibraryID": LIBRARY, "topic": "rotation period of the lamp", "tokens": 5000, "page": 1}),
        ),
    ];
    let plain = mcp.ask_until_served().await?;
    for (tool, arguments) in calls {
        let answer = mcp.tool(tool, arguments.clone()).await?;
        ensure!(!answer.is_error && answer.text.contains("rotation_period"), "{tool} {arguments}: {answer:?}");
        if tool == "query-docs" {
            ensure!(answer == plain, "{arguments} is answered otherwise");
        }
    }
    Ok(())
}

/// `context7-api.md`: the texts have the form that rules and programs written for Context7 expect.
async fn answers_have_the_form_that_context7_has(installation: &mut Installation) -> Result {
    installation.add_library(None).await?;
    let mcp = connected(installation, Era::Stateless).await?;
    let answer = mcp.ask_until_served().await?;
    let found = mcp.tool("resolve-library-id", json!({"query": QUESTION, "libraryName": NAME})).await?;
    let lines: Vec<&str> = found.text.lines().collect();
    ensure!(lines.first() == Some(&"Available Libraries:") && lines.get(1) == Some(&""), "{}", found.text);
    ensure!(
        lines.contains(&format!("- Context7-compatible library ID: {LIBRARY}").as_str()) && lines.contains(&"- Title: Lighthouse"),
        "{}",
        found.text
    );
    let first: Vec<&str> = answer.text.lines().take(4).collect();
    ensure!(
        first[0].starts_with("### ") && first[1].is_empty() && first[2].starts_with("Source: ") && first[3].is_empty(),
        "{}",
        answer.text
    );
    ensure!(answer.text.contains("```rust\n"), "{}", answer.text);
    let line = "-".repeat(32);
    ensure!(!answer.text.trim_end().ends_with(&line), "a separator at the end: {}", answer.text);
    Ok(())
}

/// A failure is a result with `isError` and the next step, never prose that looks like documentation.
async fn a_failure_is_an_error_with_the_next_step(installation: &mut Installation) -> Result {
    let mcp = connected(installation, Era::Stateless).await?;
    let unknown = mcp.tool("query-docs", json!({"libraryId": "/no/such", "query": "x"})).await?;
    ensure!(unknown.is_error && unknown.text.contains("resolve-library-id"), "{unknown:?}");
    for arguments in
        [json!({"libraryId": "not an id", "query": "x"}), json!({"libraryId": "/a/b"}), json!({"libraryId": 7, "query": "x"}), json!({})]
    {
        let answer = Answer::of(mcp.request("tools/call", json!({"name": "query-docs", "arguments": arguments}))).await?;
        let message = response(&answer)?;
        let failed = message["result"]["isError"] == true || message["error"]["code"] == -32602;
        ensure!(failed && answer.status < 500, "{arguments}: {} {message}", answer.status);
    }
    Ok(())
}

docent_tests::together_and_split!(
    both_eras_are_served_on_one_endpoint,
    headers_that_contradict_the_body_are_refused,
    the_two_tools_are_listed_in_a_fixed_order,
    aliases_of_arguments_and_tools_are_understood,
    answers_have_the_form_that_context7_has,
    a_failure_is_an_error_with_the_next_step,
);
