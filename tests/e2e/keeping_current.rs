//! Libraries that change: versions by range, pushes, refreshes that are held, jobs that are stopped and taken over.

use anyhow::{Context as _, ensure};
use docent_tests::documents::{self, LIBRARY, QUESTION};
use docent_tests::http::{Answer, client};
use docent_tests::mcp::{Era, Mcp};
use docent_tests::person::Decision;
use docent_tests::{Installation, OAuthClient, Result, program, signal};
use serde_json::json;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt as _, BufReader};

const SLOW: &str = "/harbour/slow";

async fn connected(installation: &Installation) -> Result<Mcp> {
    let person = installation.add_person("ada@example.com").await?;
    let client = OAuthClient::register(installation, "Current").await?;
    let tokens = client.connect(&person, Decision::Allow).await?;
    Mcp::new(&client.resource, &tokens.access_token, Era::Stateless)
}

async fn git(folder: &Path, arguments: &[&str]) -> Result {
    let mut git = tokio::process::Command::new("git");
    git.args(["-c", "user.name=t", "-c", "user.email=t@example.com"]).args(arguments).current_dir(folder);
    program::run(git, "", Duration::from_secs(30)).await?.success().map(drop)
}

/// The lighthouse as a repository; answers its folder.
async fn repository(installation: &Installation) -> Result<std::path::PathBuf> {
    let source = documents::write(installation.folder())?;
    git(&source, &["init", "-q", "-b", "main"]).await?;
    commit(&source, "first").await?;
    Ok(source)
}

async fn commit(source: &Path, message: &str) -> Result {
    git(source, &["add", "."]).await?;
    git(source, &["commit", "-q", "-m", message]).await
}

fn replace(source: &Path, from: &str, to: &str) -> Result {
    let page = source.join("docs/lamp.md");
    let text = std::fs::read_to_string(&page)?;
    ensure!(text.contains(from), "{from} does not stand in {text}");
    std::fs::write(&page, text.replace(from, to))?;
    Ok(())
}

/// What `library list` says about a library, once it is as wanted.
async fn listed(installation: &Installation, id: &str, wanted: impl Fn(&str) -> bool) -> Result<String> {
    let deadline = Instant::now() + Duration::from_secs(120);
    loop {
        let list = installation.run(&["library", "list"]).await?;
        let line = list.lines().find(|line| line.contains(id)).unwrap_or_default().to_owned();
        if wanted(&line) {
            return Ok(line);
        }
        ensure!(Instant::now() < deadline, "still listed as {line:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Many tags are added at once; a range resolves and the answer says to what; what is not there is an error that lists what is.
async fn versions_resolve_and_say_to_what(installation: &mut Installation) -> Result {
    let source = repository(installation).await?;
    for (version, word) in [("v1.0.0", "period_one"), ("v1.1.0", "period_two"), ("v2.0.0-rc.1", "period_three")] {
        replace(&source, "rotation_period", word)?;
        commit(&source, version).await?;
        git(&source, &["tag", "-a", "-m", version, version]).await?;
        replace(&source, word, "rotation_period")?;
    }
    commit(&source, "last").await?;
    let url = format!("file://{}", source.display());
    installation.run(&["library", "add", &url, "--id", LIBRARY]).await?;
    let there = installation.run(&["library", "versions", LIBRARY]).await?;
    ensure!(there.contains("v1.1.0") && there.contains("main"), "{there}");
    let would = installation.run(&["library", "versions", LIBRARY, "--tags", "v1.*", "--newest", "1", "--dry-run"]).await?;
    ensure!(would.contains("v1.1.0") && !would.contains("v1.0.0"), "{would}");
    installation.run(&["library", "versions", LIBRARY, "--tags", "v*"]).await?;

    let mcp = connected(installation).await?;
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let answer = mcp.tool("query-docs", json!({"libraryId": format!("{LIBRARY}/v2.0.0-rc.1"), "query": QUESTION})).await?;
        if !answer.is_error {
            ensure!(answer.text.starts_with("### ") && answer.text.contains("period_three"), "{answer:?}");
            break;
        }
        ensure!(Instant::now() < deadline, "{answer:?}");
    }
    for (asked, name, word) in [("^1", "v1.1.0", "period_two"), ("~1.0", "v1.0.0", "period_one"), ("latest", "v1.1.0", "period_two")] {
        let answer = mcp.tool("query-docs", json!({"libraryId": format!("{LIBRARY}/{asked}"), "query": QUESTION})).await?;
        let (said, rest) = answer.text.split_once("\n\n").context("nothing is said")?;
        ensure!(!answer.is_error && said.contains(asked) && said.contains(name), "{asked}: {said}");
        ensure!(rest.starts_with("### ") && rest.contains(word), "{asked}: {rest}");
    }
    let plain = mcp.ask_lighthouse().await?;
    ensure!(plain.text.starts_with("### ") && plain.text.contains("rotation_period"), "{plain:?}");
    let missing = mcp.tool("query-docs", json!({"libraryId": format!("{LIBRARY}/1.2.0"), "query": QUESTION})).await?;
    ensure!(missing.is_error && missing.text.contains("v1.1.0") && missing.text.contains("default"), "{missing:?}");
    Ok(())
}

/// A push that proves itself is served; everything else is one and the same 401.
async fn a_push_is_followed(installation: &mut Installation) -> Result {
    let source = repository(installation).await?;
    installation.run(&["library", "add", &format!("file://{}", source.display()), "--id", LIBRARY]).await?;
    let made = installation.run(&["library", "webhook", LIBRARY]).await?;
    let secret = made.split_whitespace().find(|word| word.starts_with("whs_")).context("no secret was printed")?.to_owned();
    let shown = installation.run(&["library", "show", LIBRARY]).await?;
    ensure!(shown.contains("/webhooks/harbour/lighthouse") && !shown.contains(&secret), "{shown}");

    let http = client()?;
    let post = |id: &str, token: Option<&str>, body: String| {
        let mut request = http.post(format!("{}/webhooks{id}", installation.issuer)).header("x-gitlab-event", "Push Hook");
        if let Some(token) = token {
            request = request.header("x-gitlab-token", token);
        }
        Answer::of(request.header("content-type", "application/json").body(body))
    };
    let push = |branch: &str| json!({"ref": format!("refs/heads/{branch}"), "project": {"default_branch": "main"}}).to_string();
    let wrong = post(LIBRARY, Some("whs_wrong"), push("main")).await?;
    let unknown = post("/harbour/lighthearts", Some(&secret), push("main")).await?;
    let without = post(LIBRARY, None, push("main")).await?;
    for refused in [&wrong, &unknown, &without] {
        ensure!(refused.status == 401 && refused.json()?["error"] == "invalid_signature", "{refused:?}");
        ensure!(refused.body == wrong.body, "{refused:?}");
    }
    let other = post(LIBRARY, Some(&secret), push("other")).await?;
    ensure!(other.status == 202 && other.json()?["status"] == "ignored", "{other:?}");
    let large = post(LIBRARY, Some(&secret), " ".repeat((2 << 20) + 1)).await?;
    ensure!(large.status == 413, "{large:?}");
    let read = Answer::of(http.get(format!("{}/webhooks{LIBRARY}", installation.issuer))).await?;
    ensure!(read.status == 405, "{read:?}");

    let mcp = connected(installation).await?;
    mcp.ask_until_served().await?;
    replace(&source, "rotation_period", "turning_period")?;
    commit(&source, "second").await?;
    let told = post(LIBRARY, Some(&secret), push("main")).await?;
    ensure!(told.status == 202 && told.json()?["versions"] == json!(["default"]), "{told:?}");
    mcp.ask_until(|answer| answer.text.contains("turning_period")).await?;

    installation.run(&["library", "webhook", LIBRARY, "--off"]).await?;
    ensure!(post(LIBRARY, Some(&secret), push("main")).await?.status == 401);
    Ok(())
}

/// A refresh that finds far less than before is held; a person decides.
async fn a_refresh_that_finds_far_less_is_held(installation: &mut Installation) -> Result {
    installation.add_library(None).await?;
    let mcp = connected(installation).await?;
    mcp.ask_until_served().await?;
    let source = installation.folder().join("lighthouse");
    let lamp = std::fs::read_to_string(source.join("docs/lamp.md"))?;
    std::fs::remove_dir_all(source.join("docs"))?;
    let refreshed = installation.docent(&["library", "refresh", LIBRARY], "").await?;
    ensure!(refreshed.code == Some(1) && refreshed.stderr.contains("confirm"), "{refreshed:?}");
    ensure!(!mcp.ask_lighthouse().await?.is_error, "what was served is gone");
    let shown = installation.run(&["library", "show", LIBRARY]).await?;
    ensure!(shown.contains("1 of 3 pages"), "{shown}");
    listed(installation, LIBRARY, |line| line.contains("held")).await?;

    installation.run(&["library", "reject", LIBRARY]).await?;
    let again = installation.run(&["library", "refresh", LIBRARY]).await?;
    ensure!(again.contains("rejected"), "asked again about the same: {again}");
    ensure!(installation.docent(&["library", "confirm", LIBRARY], "").await?.code == Some(1), "nothing is held any more");

    std::fs::write(source.join("README.md"), "# Lighthouse\n\nThe rotation period is now set by the harbour master alone.\n")?;
    ensure!(installation.docent(&["library", "refresh", LIBRARY], "").await?.code == Some(1));
    installation.run(&["library", "confirm", LIBRARY]).await?;
    mcp.ask_until(|answer| answer.text.contains("harbour master")).await?;
    std::fs::create_dir_all(source.join("docs"))?;
    std::fs::write(source.join("docs/lamp.md"), lamp)?;
    installation.run(&["library", "refresh", LIBRARY]).await?;
    mcp.ask_until(|answer| answer.text.contains("rotation_period")).await?;
    Ok(())
}

/// A source that vanishes keeps its last good version, and the operator is told.
async fn a_source_that_vanishes_goes_on_being_served(installation: &mut Installation) -> Result {
    installation.add_library(None).await?;
    let mcp = connected(installation).await?;
    mcp.ask_until_served().await?;
    std::fs::remove_dir_all(installation.folder().join("lighthouse"))?;
    installation.run(&["library", "refresh", LIBRARY, "--in-background"]).await?;
    let line = listed(installation, LIBRARY, |line| line.contains("failing")).await?;
    ensure!(line.contains("ago"), "{line}");
    let shown = installation.run(&["library", "show", LIBRARY]).await?;
    ensure!(shown.contains("does not exist") && shown.contains("last read"), "{shown}");
    ensure!(!mcp.ask_lighthouse().await?.is_error);
    Ok(())
}

/// Where a job stands in the database.
async fn job(installation: &Installation) -> Result<String> {
    Ok(jobs(installation, "l.name = 'slow'").await?.into_iter().next().unwrap_or_default())
}

async fn jobs(installation: &Installation, condition: &str) -> Result<Vec<String>> {
    let joined = "SELECT j.state, j.attempts FROM jobs j JOIN libraries l ON l.id = j.library_id";
    installation.query(&format!("{joined} WHERE {condition} ORDER BY j.created_at DESC")).await
}

async fn until_job(installation: &Installation, wanted: &str) -> Result {
    let deadline = Instant::now() + Duration::from_secs(120);
    loop {
        let is = job(installation).await?;
        if is == wanted {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "the job is {is:?} and not {wanted:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A server that takes connections and never answers: a job that reads from it runs until it is stopped.
async fn silent() -> Result<(String, tokio::task::JoinHandle<()>)> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/harbour/slow.git", listener.local_addr()?);
    let task = tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((connection, _)) = listener.accept().await {
            held.push(connection);
        }
    });
    Ok((url, task))
}

/// A worker that is killed in the middle of a job: another takes it up when the lease has ended.
async fn a_killed_workers_job_is_taken_over(installation: &mut Installation) -> Result {
    let (url, server) = silent().await?;
    installation.run(&["library", "add", &url, "--id", SLOW, "--in-background"]).await?;
    until_job(installation, "running|1").await?;
    installation.kill9_and_restart().await?;
    until_job(installation, "running|2").await?;
    installation.run(&["library", "cancel", SLOW]).await?;
    until_job(installation, "cancelled|2").await?;
    server.abort();
    Ok(())
}

/// `library cancel` stops a job that runs, and one that waits; the next one is not stopped by it.
async fn a_job_is_cancelled(installation: &mut Installation) -> Result {
    let (url, server) = silent().await?;
    installation.run(&["library", "add", &url, "--id", SLOW, "--in-background"]).await?;
    until_job(installation, "running|1").await?;
    listed(installation, SLOW, |line| line.contains('%')).await?;
    installation.run(&["library", "refresh", SLOW, "--in-background"]).await?;
    installation.run(&["library", "cancel", SLOW]).await?;
    listed(installation, SLOW, |line| line.contains("cancelled")).await?;
    let deadline = Instant::now() + Duration::from_secs(30);
    while !jobs(installation, "l.name = 'slow' AND j.state IN ('running', 'waiting')").await?.is_empty() {
        ensure!(Instant::now() < deadline, "a job is not stopped");
    }
    let nothing = installation.run(&["library", "cancel", SLOW]).await?;
    ensure!(nothing.contains("no job"), "{nothing}");
    installation.run(&["library", "refresh", SLOW, "--in-background"]).await?;
    until_job(installation, "running|1").await?;
    installation.run(&["library", "cancel", SLOW]).await?;
    until_job(installation, "cancelled|1").await?;
    server.abort();
    Ok(())
}

/// SIGTERM in the middle of a job: the process ends with 0, and the job is begun anew, as its first attempt, at the next start.
async fn a_worker_that_stops_gives_its_job_back(installation: &mut Installation) -> Result {
    let (url, server) = silent().await?;
    installation.run(&["library", "add", &url, "--id", SLOW, "--in-background"]).await?;
    until_job(installation, "running|1").await?;
    installation.terminate().await?;
    ensure!(job(installation).await? == "waiting|0", "{}", job(installation).await?);
    for process in &mut installation.processes {
        process.start().await?;
    }
    until_job(installation, "running|1").await?;
    installation.run(&["library", "cancel", SLOW]).await?;
    until_job(installation, "cancelled|1").await?;
    server.abort();
    Ok(())
}

/// Ctrl-C on `library add` ends its job and leaves nothing behind.
async fn ctrl_c_leaves_nothing_behind(installation: &mut Installation) -> Result {
    let (url, server) = silent().await?;
    let mut command: tokio::process::Command = installation.command()?.into();
    command
        .args(["library", "add", &url, "--id", SLOW])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let mut child = command.spawn()?;
    let mut stderr = BufReader::new(child.stderr.take().context("no stderr")?).lines();
    let line = stderr.next_line().await?.unwrap_or_default();
    ensure!(line.starts_with("fetching"), "{line}");
    signal::send(child.id().context("it has ended")?, "INT")?;
    let ended = tokio::time::timeout(Duration::from_secs(60), child.wait()).await.context("it does not end")??;
    ensure!(ended.code() == Some(1), "{ended:?}");
    let list = installation.run(&["library", "list"]).await?;
    ensure!(!list.contains(SLOW), "{list}");
    ensure!(job(installation).await?.is_empty(), "a job is left");
    server.abort();
    Ok(())
}

docent_tests::together_and_split!(
    versions_resolve_and_say_to_what,
    a_push_is_followed,
    a_refresh_that_finds_far_less_is_held,
    a_source_that_vanishes_goes_on_being_served,
    a_killed_workers_job_is_taken_over,
    a_job_is_cancelled,
    a_worker_that_stops_gives_its_job_back,
    ctrl_c_leaves_nothing_behind,
);
