//! The REST API with an API key: what it answers, what bad input gets, when a key ends, and published programs for Context7.

use anyhow::{Context as _, ensure};
use docent_tests::documents;
use docent_tests::http::Answer;
use docent_tests::person::Decision;
use docent_tests::{Installation, OAuthClient, Result, program, source_tree};
use serde_json::Value;
use std::time::{Duration, Instant};

/// A key of a new person, as `docent key add` prints it; with its id.
async fn key(installation: &Installation, email: &str) -> Result<(String, String)> {
    installation.add_person(email).await?;
    let printed = installation.run(&["key", "add", email, "script", "--json"]).await?;
    let made: Value = serde_json::from_str(&printed)?;
    Ok((made["api_key"].as_str().context("no key")?.to_owned(), made["id"].as_str().context("no id")?.to_owned()))
}

async fn get(installation: &Installation, path: &str, header: (&str, &str)) -> Result<Answer> {
    let http = reqwest::Client::new();
    Answer::of(http.get(format!("{}{path}", installation.mcp_origin)).header(header.0, header.1)).await
}

fn json(answer: &Answer) -> Result<Value> {
    Ok(serde_json::from_str(&answer.body)?)
}

/// Each question, each error, a token, three published programs, and the end of a key.
async fn answers(installation: &mut Installation) -> Result {
    installation.add_library(None).await?;
    let (key, id) = key(installation, "ada@example.com").await?;
    let bearer = format!("Bearer {key}");
    let header = ("authorization", bearer.as_str());

    // A library that was added at the command line is known to a running server a moment later.
    let added = Instant::now();
    loop {
        let found = json(&get(installation, "/api/v2/libs/search?libraryName=lighthouse&query=lamps", header).await?)?;
        if found["results"][0]["state"] == "finalized" {
            ensure!(found["results"][0]["id"] == documents::LIBRARY, "{found}");
            break;
        }
        ensure!(added.elapsed() < Duration::from_secs(10), "{found}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let library = documents::LIBRARY;
    let context = format!("/api/v2/context?libraryId={library}&query={}", documents::QUESTION.trim_end_matches('?').replace(' ', "%20"));
    let text = get(installation, &context, ("x-api-key", &key)).await?;
    ensure!(text.status == 200 && text.body.starts_with("### ") && text.body.contains("\nSource: "), "{text:?}");
    let structured = json(&get(installation, &format!("{context}&type=json&tokens=500"), ("x-context7-api-key", &key)).await?)?;
    let passages = structured["codeSnippets"].as_array().map_or(0, Vec::len) + structured["infoSnippets"].as_array().map_or(0, Vec::len);
    ensure!(passages > 0, "{structured}");
    let status = json(&get(installation, &format!("/api/v2/libs/status?libraryId={library}"), header).await?)?;
    ensure!(status["state"] == "finalized" && status["job"]["state"] == "done", "{status}");

    for (path, code, word) in [
        ("/api/v2/libs/search?query=x", 400, "validation_error"),
        ("/api/v2/context?libraryId=x&query=y", 400, "validation_error"),
        ("/api/v2/context?libraryId=/a/b&query=y&query=z", 400, "validation_error"),
        ("/api/v2/context?libraryId=/no/such&query=y", 404, "library_not_found"),
        ("/api/v2/libs/status?libraryId=/no/such", 404, "library_not_found"),
        (&format!("/api/v2/context?libraryId={library}/v9&query=lamp"), 404, "tag_not_found"),
        (&format!("/api/v2/context?libraryId={library}&query=%3F"), 400, "validation_error"),
        ("/api/v3", 404, "not_found"),
    ] {
        let answer = get(installation, path, header).await?;
        let body = json(&answer)?;
        ensure!(
            answer.status == code && body["error"] == word && body["message"].as_str().is_some_and(|said| said.len() > 10),
            "{path}: {answer:?}"
        );
    }
    // What is private to others does not exist.
    let description = json(&get(installation, "/api/openapi.json", ("accept", "*/*")).await?)?;
    ensure!(description["openapi"] == "3.1.0" && description["paths"]["/api/v2/context"].is_object(), "{description}");

    // An access token opens it as well; a key opens nothing else.
    let bob = installation.add_person("bob@example.com").await?;
    let client = OAuthClient::register(installation, "Rest").await?;
    let tokens = client.connect(&bob, Decision::Allow).await?;
    let with_token = get(installation, &context, ("authorization", &format!("Bearer {}", tokens.access_token))).await?;
    ensure!(with_token.status == 200, "{with_token:?}");
    let at_mcp = reqwest::Client::new().post(&installation.resource).header("authorization", &bearer).body("{}").send().await?;
    ensure!(at_mcp.status() == 401, "{}", at_mcp.status());

    programs(installation, &key).await?;

    installation.run(&["key", "revoke", &id]).await?;
    let revoked = Instant::now();
    while get(installation, &context, header).await?.status != 401 {
        ensure!(revoked.elapsed() < Duration::from_secs(1), "a second after it was revoked it is still good");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    ensure!(installation.run(&["key", "list"]).await?.contains("no keys"), "it is still listed");
    Ok(())
}

/// npm `@upstash/context7-sdk`, `ctx7` and `@upstash/context7-mcp`, unmodified.
async fn programs(installation: &Installation, key: &str) -> Result {
    let mut command = tokio::process::Command::new("node");
    command.arg(source_tree::root().join("tests/interop/rest/programs.mjs"));
    command.args([&installation.mcp_origin, key, "lighthouse", documents::LIBRARY, documents::QUESTION]).env("HOME", installation.folder());
    let printed = program::run(command, "", Duration::from_secs(60)).await?.success()?;
    let said: Value = serde_json::from_str(printed.lines().last().unwrap_or_default()).with_context(|| printed.clone())?;
    let has = |value: &Value, words: &str| value.to_string().contains(words);
    let sdk = &said["sdk"];
    ensure!(sdk["search"][0]["id"] == documents::LIBRARY && has(&sdk["searchText"], "Trust Score: Unknown"), "{sdk:#}");
    ensure!(has(&sdk["context"], "\"title\"") && has(&sdk["contextText"], "Source: "), "{sdk:#}");
    ensure!(has(&sdk["wrongLibrary"], "library_not_found"), "{sdk:#}");
    let ctx7 = &said["ctx7"];
    ensure!(ctx7["library"]["code"] == 0 && has(&ctx7["library"]["out"], documents::LIBRARY), "{ctx7:#}");
    ensure!(ctx7["docs"]["code"] == 0 && ctx7["docs"]["out"].as_str().is_some_and(|out| out.len() > 100), "{ctx7:#}");
    let mcp = &said["mcp"];
    ensure!(has(&mcp["resolve"], documents::LIBRARY) && has(&mcp["resolve"], "Source Reputation: Unknown"), "{mcp:#}");
    ensure!(has(&mcp["query"], "Source: "), "{mcp:#}");
    Ok(())
}

docent_tests::together_and_split!(answers);
