//! `kill -9` at any time: no granted token is lost, no library is half there.

use anyhow::{Context as _, ensure};
use docent_tests::documents;
use docent_tests::mcp::{Era, Mcp};
use docent_tests::person::Decision;
use docent_tests::{Installation, OAuthClient, Result, Tokens};
use futures_util::future::join_all;
use serde_json::json;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt as _, BufReader};

const CLIENTS: usize = 16;
const ROUNDS: usize = 4;

/// AS9: what the token endpoint has answered is in the database: after a `kill -9` in the middle of many refreshes, the last token
/// that each client was given still works.
async fn no_granted_token_is_lost_by_kill_9(installation: &mut Installation) -> Result {
    let person = installation.add_person("ada@example.com").await?;
    let client = OAuthClient::register(installation, "Crash").await?;
    let mut held: Vec<Tokens> = Vec::new();
    for _ in 0..CLIENTS {
        held.push(client.connect(&person, Decision::Allow).await?);
    }
    for round in 0..ROUNDS {
        let answered = Arc::new(AtomicUsize::new(0));
        let mut running = Vec::new();
        for tokens in held {
            let (client, answered) = (client.clone(), Arc::clone(&answered));
            running.push(tokio::spawn(async move { refresh_until_the_server_is_gone(&client, tokens, &answered).await }));
        }
        // Killed in full flight: after a number of answers that differs from round to round.
        while answered.load(Ordering::Relaxed) < 20 + 13 * round {
            ensure!(!running.iter().all(tokio::task::JoinHandle::is_finished), "refreshing ended by itself");
            tokio::task::yield_now().await;
        }
        installation.auth()?.kill9()?;
        held = join_all(running).await.into_iter().map(|outcome| outcome?).collect::<Result<_>>()?;
        installation.auth()?.start().await?;
        for (number, tokens) in held.iter_mut().enumerate() {
            let answer = client.refresh(&tokens.refresh_token).await?;
            *tokens = Tokens::of(&answer).with_context(|| format!("round {round}: the token of client {number} is lost"))?;
        }
    }
    Ok(())
}

/// Refreshes again and again; returns the last tokens that came whole.
async fn refresh_until_the_server_is_gone(client: &OAuthClient, mut tokens: Tokens, answered: &AtomicUsize) -> Result<Tokens> {
    loop {
        // An error of the connection is the end that this waits for; an answer that is an error is not.
        let Ok(answer) = client.refresh(&tokens.refresh_token).await else { return Ok(tokens) };
        tokens = Tokens::of(&answer)?;
        answered.fetch_add(1, Ordering::Relaxed);
    }
}

/// A code that was given before a `kill -9` can be exchanged after it, and a grant that was revoked stays so.
async fn what_was_decided_before_kill_9_holds_after_it(installation: &mut Installation) -> Result {
    let person = installation.add_person("ada@example.com").await?;
    let client = OAuthClient::register(installation, "Decided").await?;
    let attempt = docent_tests::oauth_client::Attempt::new();
    let code = client.code(&person, &attempt, Decision::Allow).await?;
    let gone = client.connect(&person, Decision::Allow).await?;
    let revocation =
        client.http.post(client.endpoint("revocation_endpoint")?).form(&[("token", &gone.refresh_token), ("client_id", &client.client_id)]);
    ensure!(revocation.send().await?.status() == 200);
    installation.kill9_and_restart().await?;
    let tokens = client.exchange(&code, &attempt).await?;
    Mcp::new(&client.resource, &tokens.access_token, Era::Stateless)?.tools().await?;
    ensure!(client.refresh(&gone.refresh_token).await?.oauth_error()? == "invalid_grant");
    let answer =
        docent_tests::http::Answer::of(Mcp::new(&client.resource, &gone.access_token, Era::Stateless)?.request("tools/list", json!({})))
            .await?;
    ensure!(answer.status == 401, "a revoked token lives again: {} {}", answer.status, answer.body);
    Ok(())
}

/// `library add` is killed after each line that it prints: the library is there whole, or not at all, and a later attempt succeeds.
async fn no_library_is_half_there_after_kill_9(installation: &mut Installation) -> Result {
    const PAGES: usize = 400;
    const ID: &str = "/harbour/large";
    let source = documents::write_large(installation.folder(), PAGES)?.display().to_string();
    let person = installation.add_person("ada@example.com").await?;
    let client = OAuthClient::register(installation, "Half").await?;
    let tokens = client.connect(&person, Decision::Allow).await?;
    let mcp = Mcp::new(&client.resource, &tokens.access_token, Era::Stateless)?;
    let last_page = json!({"libraryId": ID, "query": format!("knob_{}_7", PAGES - 1)});
    for lines in 0.. {
        let finished = add_and_kill_after(installation, &source, ID, lines).await?;
        let deadline = Instant::now() + Duration::from_secs(10);
        let answer = loop {
            let answer = mcp.tool("query-docs", last_page.clone()).await?;
            if !finished || !answer.is_error {
                break answer;
            }
            ensure!(Instant::now() < deadline, "`library add` succeeded, but the library is not there: {answer:?}");
        };
        if !answer.is_error {
            ensure!(answer.text.contains(&format!("knob_{}_7", PAGES - 1)), "killed after {lines} lines: there, but not whole: {answer:?}");
            let shown = installation.run(&["library", "show", ID]).await?;
            ensure!(shown.contains(&PAGES.to_string()), "killed after {lines} lines: {shown}");
        }
        if finished {
            return Ok(());
        }
        // Whatever is left of it, under the same id the next attempt starts anew.
        installation.docent(&["library", "remove", ID], "").await?;
        let deadline = Instant::now() + Duration::from_secs(10);
        while !mcp.tool("query-docs", last_page.clone()).await?.is_error {
            ensure!(Instant::now() < deadline, "served after its removal");
        }
    }
    Ok(())
}

/// Whether it came to its end before that many lines were printed.
async fn add_and_kill_after(installation: &Installation, source: &str, id: &str, lines: usize) -> Result<bool> {
    let mut command: tokio::process::Command = installation.command()?.into();
    command
        .args(["library", "add", source, "--id", id])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let mut child = command.spawn()?;
    let stdout = BufReader::new(child.stdout.take().context("no stdout")?).lines();
    let stderr = BufReader::new(child.stderr.take().context("no stderr")?).lines();
    let (mut stdout, mut stderr) = (stdout, stderr);
    for _ in 0..=lines {
        let more = tokio::select! {
            line = stderr.next_line() => line?.is_some() || stdout.next_line().await?.is_some(),
            line = stdout.next_line() => line?.is_some() || stderr.next_line().await?.is_some(),
        };
        if !more {
            return Ok(child.wait().await?.success());
        }
    }
    child.kill().await?;
    Ok(false)
}

docent_tests::in_every_shape!(
    no_granted_token_is_lost_by_kill_9,
    what_was_decided_before_kill_9_holds_after_it,
    no_library_is_half_there_after_kill_9
);
