//! Each recorded client against the real binary, together and split, from its first contact to its refresh.

use anyhow::{Context as _, ensure};
use docent_doctor::http::{Answer, Http, Trouble};
use docent_doctor::recorded::{self, Client, OtherRedirect, Phase};
use docent_doctor::replay::{self, May, Visit, Walk};
use docent_tests::person::Decision;
use docent_tests::{Installation, Person, Result};
use docent_types::random::SystemRandomness;
use std::time::Duration;
use url::Url;

/// A person who signs in and allows what is asked.
struct Willing<'a>(&'a Person);

impl replay::Person for Willing<'_> {
    async fn visit(&self, url: &str, _: &str) -> std::result::Result<Visit, Trouble> {
        match self.0.authorize(url, Decision::Allow).await {
            Ok(back) => Ok(Visit::Back(back)),
            Err(error) => Ok(Visit::Refused(Answer { status: 400, headers: Vec::new(), body: format!("{error:#}"), url: url.to_owned() })),
        }
    }
}

async fn walk(client: &Client, installation: &Installation, person: &Person, other: Option<&OtherRedirect>) -> Result<Walk> {
    let endpoint = Url::parse(&installation.resource)?;
    let http = Http::new(&endpoint, Duration::from_secs(60), 100)?;
    let values = replay::start(&endpoint, &SystemRandomness);
    let walk = replay::walk(client, &http, values, &Willing(person), May { register: true, vary: false }, other).await;
    ensure!(walk.stumbles.is_empty(), "{}: {:#?}", client.id, walk.stumbles);
    ensure!(walk.reached == Some(Phase::Refresh), "{} comes to {:?}", client.id, walk.reached);
    Ok(walk)
}

/// What Docent overlooks for a client: each is a line in the log with the field `compat`.
fn overlooked(id: &str) -> &'static [&'static str] {
    match id {
        "amazon-q" => &["unknown_scope", "scope_added"],
        "chatgpt" | "claude-code" | "open-webui" => &["auth_method_missing"],
        "continue" => &["redirect_without_state"],
        "fastmcp" | "go-sdk" => &["auth_method_missing"],
        "kiro" => &["secret_not_sent"],
        "librechat" => &["resource_missing"],
        "raycast" => &["resource_missing"],
        _ => &[],
    }
}

async fn replay(id: &str, installation: &Installation) -> Result {
    let client = recorded::clients()?.into_iter().find(|client| client.id == id).context("it is not recorded")?;
    let person = installation.add_person("ada@example.com").await?;
    let first = walk(&client, installation, &person, None).await?;
    ensure!(first.values.text("token.access_token") != first.values.text("refresh.access_token"), "the access token is the same as before");
    for other in client.redirect.iter().flat_map(|redirect| &redirect.also) {
        walk(&client, installation, &person, Some(other)).await.with_context(|| other.uri.clone())?;
    }
    let log: String = installation.processes.iter().map(docent_tests::process::Process::log).collect();
    for compat in overlooked(id) {
        ensure!(log.contains(&format!("compat=\"{compat}\"")), "nothing in the log says compat=\"{compat}\"");
    }
    Ok(())
}

macro_rules! clients {
    ($($name:ident = $id:literal),+ $(,)?) => {
        const REPLAYED: &[&str] = &[$($id),+];
        $(
            async fn $name(installation: &mut Installation) -> Result {
                replay($id, installation).await
            }
        )+
        docent_tests::together_and_split!($($name),+);
    };
}

clients! {
    amazon_q = "amazon-q",
    chatgpt = "chatgpt",
    claude_ai = "claude-ai",
    claude_code = "claude-code",
    cline = "cline",
    codex = "codex",
    continue_dev = "continue",
    csharp_sdk = "csharp-sdk",
    cursor = "cursor",
    fastmcp = "fastmcp",
    gemini_cli = "gemini-cli",
    go_sdk = "go-sdk",
    goose = "goose",
    inspector = "inspector",
    kiro = "kiro",
    librechat = "librechat",
    mcp_remote = "mcp-remote",
    open_webui = "open-webui",
    opencode = "opencode",
    python_sdk = "python-sdk",
    raycast = "raycast",
    rust_sdk = "rust-sdk",
    specification = "specification",
    typescript_sdk = "typescript-sdk",
    vscode = "vscode",
    zed = "zed",
}

#[test]
fn every_recorded_client_is_replayed() {
    let mut recorded: Vec<String> = recorded::clients().expect("they are whole").into_iter().map(|client| client.id).collect();
    recorded.sort();
    assert_eq!(recorded, REPLAYED);
}
