//! Device authorization (RFC 8628, AS21): a machine without a browser.

use anyhow::{Context as _, ensure};
use docent_tests::device_client::DeviceClient;
use docent_tests::documents::EXPECT;
use docent_tests::http::Answer;
use docent_tests::mcp::{ERAS, Mcp};
use docent_tests::{Installation, Result, Tokens, binary, program, source_tree};
use std::time::Duration;

/// AS21: the whole story: the device asks, its person types the code and chooses a project, the device calls tools and refreshes.
async fn a_machine_without_a_browser_gets_documentation(installation: &mut Installation) -> Result {
    let person = installation.add_person("ada@example.com").await?;
    installation.run(&["project", "add", "Harbour"]).await?;
    installation.run(&["project", "member", "add", "Harbour", "ada@example.com", "--role", "member"]).await?;
    installation.add_library(Some("Harbour")).await?;
    let device = DeviceClient::register(installation, "Builder").await?;
    let codes = device.begin(&[("scope", "docs:read offline_access")]).await?;
    ensure!(codes.verification_uri == format!("{}/device", installation.issuer), "{codes:?}");
    ensure!(device.poll_error(&codes).await? == "authorization_pending", "nobody allowed it");

    let (url, page, mut form) = person.come_to_device_consent(&codes).await?;
    for words in [&codes.user_code, "Builder", "ada@example.com", "Harbour", "127.0.0.1"] {
        ensure!(page.body.contains(words), "{words:?} is not on the page: {}", page.body);
    }
    ensure!(device.poll_error(&codes).await? == "slow_down", "it asks before five seconds are over");
    form.choose("project", "Harbour")?;
    form.press("decision", "allow")?;
    let (_, done) = person.send(&url, &form).await?;
    ensure!(done.status == 200, "{} {}", done.status, done.body);

    let tokens = Tokens::of(&device.poll(&codes, &[]).await?)?;
    ensure!(device.poll_error(&codes).await? == "invalid_grant", "the code gives tokens again");
    for era in ERAS {
        let mcp = Mcp::new(&device.client.resource, &tokens.access_token, era)?;
        mcp.ask_until_served().await?;
        let answer = mcp.ask_lighthouse().await?;
        ensure!(!answer.is_error && answer.text.contains(EXPECT), "{era:?}: {answer:?}");
    }
    let refreshed = Tokens::of(&device.client.refresh(&tokens.refresh_token).await?)?;
    ensure!(refreshed.refresh_token != tokens.refresh_token, "the refresh token was not rotated");
    Ok(())
}

/// AS21: 64 polls at the same moment give one set of tokens.
async fn of_many_polls_at_the_same_moment_one_wins(installation: &mut Installation) -> Result {
    let person = installation.add_person("ada@example.com").await?;
    let device = DeviceClient::register(installation, "Builder").await?;
    let codes = device.begin(&[]).await?;
    person.decide_device(&codes, "allow").await?;
    let answers = futures_util::future::try_join_all((0..64).map(|_| device.poll(&codes, &[]))).await?;
    let won: Vec<&Answer> = answers.iter().filter(|answer| answer.status == 200).collect();
    ensure!(won.len() == 1, "{} polls won", won.len());
    for lost in answers.iter().filter(|answer| answer.status != 200) {
        ensure!(lost.oauth_error()? == "invalid_grant", "{}", lost.body);
    }
    let tokens = Tokens::of(won[0])?;
    ensure!(device.client.refresh(&tokens.refresh_token).await?.status == 200, "what the winner got does not work");
    Ok(())
}

/// AS21: a client of this flow that we did not write, with its person in headless Chromium.
async fn a_client_that_we_did_not_write(installation: &mut Installation) -> Result {
    let person = installation.add_person("ada@example.com").await?;
    installation.add_library(None).await?;
    // Pictures of each page stay there.
    let out = binary::target_folder()?.join(format!("tests/device-{:?}", installation.shape).to_lowercase());
    if out.exists() {
        std::fs::remove_dir_all(&out)?;
    }
    std::fs::create_dir_all(&out)?;
    let node =
        std::env::split_paths(&std::env::var_os("PATH").context("no PATH")?).map(|folder| folder.join("node")).find(|file| file.is_file());
    let mut command = tokio::process::Command::new(node.context("node is not installed: scripts/install-test-tools installs it")?);
    command
        .current_dir(source_tree::root().join("tests/interop"))
        .arg("device/client.mjs")
        .env("DOCENT_TEST_MCP_URL", &installation.resource)
        .env("DOCENT_TEST_EMAIL", &person.email)
        .env("DOCENT_TEST_PASSWORD", &person.password)
        .env("DOCENT_TEST_OUT", &out)
        .env("HOME", &out);
    for name in ["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        command.env_remove(name);
    }
    let output = program::run(command, "", Duration::from_secs(240)).await?.success()?;
    ensure!(output.lines().last().is_some_and(|line| line.starts_with("passed: ")), "{output}");
    Ok(())
}

docent_tests::together_and_split!(
    a_machine_without_a_browser_gets_documentation,
    of_many_polls_at_the_same_moment_one_wins,
    a_client_that_we_did_not_write,
);
