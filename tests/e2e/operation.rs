//! What an operator relies on.

use anyhow::{Context as _, ensure};
use docent_tests::documents::LIBRARY;
use docent_tests::http::{Answer, client};
use docent_tests::mcp::{Era, Mcp};
use docent_tests::person::Decision;
use docent_tests::program;
use docent_tests::{Installation, OAuthClient, Result, Tokens, port};
use serde_json::json;
use std::time::{Duration, Instant};

/// A database that goes away: 503 with `Retry-After` where it is needed, `/readyz` says so, `/healthz` stays; and back when it is back.
async fn a_database_that_goes_away_is_503_until_it_is_back(installation: &mut Installation) -> Result {
    let person = installation.add_person("ada@example.com").await?;
    let client = OAuthClient::register(installation, "Outage").await?;
    let tokens = client.connect(&person, Decision::Allow).await?;
    installation.postgres()?.stop()?;
    let answer = client.refresh(&tokens.refresh_token).await?;
    ensure!(answer.status == 503 && answer.oauth_error()? == "temporarily_unavailable", "{answer:?}");
    ensure!(!answer.header("retry-after").is_empty(), "{answer:?}");
    let page = Answer::of(client.http.get(client.authorization_url(&docent_tests::oauth_client::Attempt::new(), &[])?)).await?;
    ensure!(page.status == 503, "the authorization page answers {}", page.status);
    let address = installation.auth()?.address.clone();
    ensure!(Answer::of(client.http.get(format!("{address}/readyz"))).await?.status == 503);
    ensure!(Answer::of(client.http.get(format!("{address}/healthz"))).await?.status == 200);
    installation.postgres()?.resume()?;
    for process in &mut installation.processes {
        process.wait_until_ready().await?;
    }
    Tokens::of(&client.refresh(&tokens.refresh_token).await?).context("the token did not survive the outage")?;
    Ok(())
}

/// `/healthz` and `/readyz` answer on every role, and `docent healthcheck` says the same by its exit code.
async fn health_is_told_by_every_role(installation: &mut Installation) -> Result {
    let http = client()?;
    for process in &installation.processes {
        for path in ["healthz", "readyz"] {
            let answer = Answer::of(http.get(format!("{}/{path}", process.address))).await?;
            ensure!(answer.status == 200, "{} {path}: {}", process.name, answer.status);
        }
        installation.run(&["healthcheck", &process.address]).await?;
    }
    let nobody = format!("http://127.0.0.1:{}", port::free()?);
    ensure!(installation.docent(&["healthcheck", &nobody], "").await?.code != Some(0), "nobody is healthy");
    Ok(())
}

/// A second instance on the same SQLite data folder is refused, in words, and the first goes on.
async fn a_second_instance_on_the_same_data_is_refused(installation: &mut Installation) -> Result {
    let mut command = installation.command()?;
    command.args(["serve", "--listen", &format!("127.0.0.1:{}", port::free()?)]);
    let second = program::run(command.into(), "", Duration::from_secs(30)).await?;
    ensure!(second.code.is_some_and(|code| code != 0), "{second:?}");
    ensure!(second.stderr.contains("docent"), "the words do not name the data folder: {}", second.stderr);
    ensure!(!second.stderr.contains("panicked"), "{}", second.stderr);
    ensure!(installation.auth()?.is_running());
    Ok(())
}

/// A port that somebody else has is told in words.
async fn a_port_that_is_taken_is_told(installation: &mut Installation) -> Result {
    let address = installation.auth()?.address.replace("http://", "");
    let mut command = std::process::Command::new(docent_tests::binary::docent()?);
    command.args(["--data"]).arg(installation.folder().join("another")).args(["serve", "--listen", &address]);
    let second = program::run(command.into(), "", Duration::from_secs(30)).await?;
    ensure!(second.code.is_some_and(|code| code != 0) && second.stderr.contains(&address), "{second:?}");
    Ok(())
}

/// SIGTERM: what runs is finished, and the process exits with 0.
async fn sigterm_ends_every_role_with_0(installation: &mut Installation) -> Result {
    let person = installation.add_person("ada@example.com").await?;
    let client = OAuthClient::register(installation, "Term").await?;
    let tokens = client.connect(&person, Decision::Allow).await?;
    installation.terminate().await?;
    for process in &mut installation.processes {
        process.start().await?;
    }
    Tokens::of(&client.refresh(&tokens.refresh_token).await?)?;
    Ok(())
}

/// The command line works while the server runs: what it adds, refreshes and removes is served so at once.
async fn the_command_line_works_while_the_server_runs(installation: &mut Installation) -> Result {
    let person = installation.add_person("ada@example.com").await?;
    let client = OAuthClient::register(installation, "Live").await?;
    let tokens = client.connect(&person, Decision::Allow).await?;
    let mcp = Mcp::new(&client.resource, &tokens.access_token, Era::Stateless)?;
    ensure!(mcp.ask_lighthouse().await?.is_error);
    installation.add_library(None).await?;
    mcp.ask_until(|answer| answer.text.contains("rotation_period")).await?;

    let page = installation.folder().join("lighthouse/docs/lamp.md");
    let text = std::fs::read_to_string(&page)?;
    std::fs::write(&page, text.replace("rotation_period", "turning_period"))?;
    installation.run(&["library", "refresh", LIBRARY]).await?;
    let answer = mcp.ask_until(|answer| answer.text.contains("turning_period")).await?;
    ensure!(!answer.is_error && !answer.text.contains("rotation_period"), "two versions at once: {answer:?}");

    installation.run(&["library", "remove", LIBRARY]).await?;
    mcp.ask_until(|answer| answer.is_error).await?;
    Ok(())
}

/// A source that is missing, empty or not a repository is named, with an exit code, and leaves nothing behind.
async fn a_source_that_cannot_be_read_is_named(installation: &mut Installation) -> Result {
    let folder = installation.folder().to_owned();
    std::fs::create_dir_all(folder.join("empty"))?;
    std::fs::create_dir_all(folder.join("binary"))?;
    std::fs::write(folder.join("binary/a.bin"), [0_u8, 159, 146, 150])?;
    std::fs::write(folder.join("file.md"), "# A file\n")?;
    for source in ["missing".to_owned(), "empty".to_owned(), "binary".to_owned(), "file.md".to_owned()] {
        let path = folder.join(&source).display().to_string();
        refused(installation, &path, &source).await?;
    }
    let empty = folder.join("empty").display().to_string();
    refused(installation, &format!("file://{empty}"), "empty").await?;
    refused(installation, "https://127.0.0.1:1/a/b.git", "127.0.0.1").await?;
    ensure!(!installation.run(&["library", "list"]).await?.contains("/test/"), "something was left behind");
    Ok(())
}

async fn refused(installation: &Installation, source: &str, named: &str) -> Result {
    let output = installation.docent(&["library", "add", source, "--id", "/test/refused"], "").await?;
    ensure!(output.code.is_some_and(|code| code != 0), "{source} was accepted: {output:?}");
    ensure!(output.stderr.contains(named) && !output.stderr.contains("panicked"), "{source}: {}", output.stderr);
    Ok(())
}

/// A library from a git repository, by its URL, with its branch.
async fn a_library_comes_from_a_git_repository(installation: &mut Installation) -> Result {
    let source = docent_tests::documents::write(installation.folder())?;
    for arguments in [
        &["init", "-q", "-b", "main"][..],
        &["add", "."],
        &["-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "-q", "-m", "first"],
        &["branch", "other"],
    ] {
        let mut git = tokio::process::Command::new("git");
        git.args(arguments).current_dir(&source);
        program::run(git, "", Duration::from_secs(30)).await?.success()?;
    }
    let url = format!("file://{}", source.display());
    installation.run(&["library", "add", &format!("{url}#other"), "--id", LIBRARY]).await?;
    let shown = installation.run(&["library", "show", LIBRARY]).await?;
    ensure!(shown.contains("lighthouse"), "{shown}");
    let missing = installation.docent(&["library", "add", &format!("{url}#no-such-branch"), "--id", "/test/branch"], "").await?;
    ensure!(missing.code != Some(0) && missing.stderr.contains("main"), "the branches that there are, are not named: {missing:?}");
    Ok(())
}

/// An unknown configuration key refuses to start and names the nearest one.
async fn an_unknown_key_names_the_nearest(installation: &mut Installation) -> Result {
    let mut command = installation.command()?;
    command.env("DOCENT__DATABASE__URI", "x").args(["config", "show"]);
    let output = program::run(command.into(), "", Duration::from_secs(30)).await?;
    ensure!(output.code != Some(0) && output.stderr.contains("database.url"), "{output:?}");
    let shown = installation.run(&["config", "show"]).await?;
    ensure!(shown.contains("database.url") && !shown.contains("only-for-this-test"), "{shown}");
    Ok(())
}

/// After start, the user guide is the library `/docent/docs`.
async fn the_user_guide_is_the_first_library(installation: &mut Installation) -> Result {
    let person = installation.add_person("ada@example.com").await?;
    let client = OAuthClient::register(installation, "Guide").await?;
    let tokens = client.connect(&person, Decision::Allow).await?;
    let mcp = Mcp::new(&client.resource, &tokens.access_token, Era::Stateless)?;
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let answer = mcp.tool("query-docs", json!({"libraryId": "/docent/docs", "query": "How do I connect an assistant?"})).await?;
        if !answer.is_error {
            ensure!(answer.text.contains("mcp"), "{answer:?}");
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "the guide is not there: {answer:?}");
    }
}

/// Every file of this name below a folder.
fn files(folder: &std::path::Path, name: &str) -> Result<Vec<std::path::PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path, name)?);
        } else if path.file_name().is_some_and(|file| file == name) {
            found.push(path);
        }
    }
    Ok(found)
}

/// An index that is damaged is rebuilt from its snippets; when those are damaged too, the tool says so, `/readyz` reports it and stays 200,
/// and a refresh mends it.
async fn a_damaged_index_is_rebuilt_or_reported(installation: &mut Installation) -> Result {
    let person = installation.add_person("ada@example.com").await?;
    installation.add_library(None).await?;
    let client = OAuthClient::register(installation, "Damage").await?;
    let tokens = client.connect(&person, Decision::Allow).await?;
    let mcp = Mcp::new(&installation.resource, &tokens.access_token, Era::Stateless)?;
    let whole = mcp.ask_until_served().await?;

    for file in files(installation.folder(), "meta.json")?.into_iter().filter(|file| file.parent().is_some_and(|it| it.ends_with("index")))
    {
        std::fs::write(file, "not what was written")?;
    }
    installation.kill9_and_restart().await?;
    ensure!(mcp.ask_lighthouse().await?.text == whole.text, "the rebuilt index answers something else");

    let snippets = files(installation.folder(), "snippets.jsonl")?;
    ensure!(!snippets.is_empty(), "there are no artefacts to damage");
    for file in snippets {
        std::fs::write(file, "not what was written")?;
    }
    installation.kill9_and_restart().await?;
    let answer = mcp.ask_lighthouse().await?;
    ensure!(answer.is_error && answer.text.contains("/readyz"), "{}", answer.text);
    let ready = Answer::of(client.http.get(format!("{}/readyz", installation.mcp_origin))).await?;
    ensure!(ready.status == 200 && ready.json()?["status"] == "degraded", "{} {}", ready.status, ready.body);

    installation.run(&["library", "refresh", LIBRARY]).await?;
    let mended = mcp.ask_until(|answer| !answer.is_error).await?;
    ensure!(mended.text == whole.text, "{}", mended.text);
    let ready = Answer::of(client.http.get(format!("{}/readyz", installation.mcp_origin))).await?;
    ensure!(ready.json()?["status"] == "ready", "{}", ready.body);
    Ok(())
}

docent_tests::together_and_split!(
    a_damaged_index_is_rebuilt_or_reported,
    health_is_told_by_every_role,
    sigterm_ends_every_role_with_0,
    the_command_line_works_while_the_server_runs,
    an_unknown_key_names_the_nearest,
    the_user_guide_is_the_first_library,
);
docent_tests::in_shape!(
    sqlite,
    Together,
    a_second_instance_on_the_same_data_is_refused,
    a_port_that_is_taken_is_told,
    a_source_that_cannot_be_read_is_named,
    a_library_comes_from_a_git_repository
);
docent_tests::in_shape!(postgres, TogetherPostgres, a_database_that_goes_away_is_503_until_it_is_back);
docent_tests::in_shape!(postgres_split, Split, a_database_that_goes_away_is_503_until_it_is_back);

/// `docent … | head -1`: the reader leaves early, and nothing is said of it.
#[test]
fn a_reader_that_leaves_early_ends_a_command_quietly() -> Result {
    let data = tempfile::tempdir()?;
    let mut command = std::process::Command::new(docent_tests::binary::docent()?);
    command.env_clear().arg("--data").arg(data.path()).args(["config", "keys"]);
    let mut child = command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn()?;
    drop(child.stdout.take());
    let ended = child.wait_with_output()?;
    let said = String::from_utf8_lossy(&ended.stderr);
    ensure!(ended.status.code() == Some(141) && said.is_empty(), "{ended:?}");
    Ok(())
}
