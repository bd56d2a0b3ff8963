//! MCP clients that we did not write, each from discovery to refresh, with sign-in and consent in headless Chromium.

use anyhow::{Context as _, ensure};
use docent_tests::documents::{EXPECT, LIBRARY, NAME, QUESTION};
use docent_tests::{Installation, Result, binary, program, source_tree};
use rmcp::model::{CallToolRequestParams, ProtocolVersion};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::auth::{AuthClient, AuthorizationRequest, OAuthState};
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use rmcp::{ClientLifecycleMode, ClientServiceExt as _};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::process::Command;

const LIMIT: Duration = Duration::from_secs(240);

/// Where tests leave pictures and logs, one folder for each test.
pub(crate) fn leavings(installation: &Installation, name: &str) -> Result<PathBuf> {
    let folder = binary::target_folder()?.join("tests/clients").join(format!("{name}-{:?}", installation.shape).to_lowercase());
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// A program with what `tests/interop/README.md` says that it is told.
pub(crate) async fn told(installation: &Installation, program: &Path, out: &Path) -> Result<Command> {
    let person = installation.add_person("ada@example.com").await?;
    installation.add_library(None).await?;
    ensure!(program.exists(), "{} is missing: scripts/install-test-tools installs it", program.display());
    let mut command = Command::new(program);
    command
        .current_dir(source_tree::root().join("tests/interop"))
        .env("DOCENT_TEST_MCP_URL", &installation.resource)
        .env("DOCENT_TEST_LIBRARY", LIBRARY)
        .env("DOCENT_TEST_NAME", NAME)
        .env("DOCENT_TEST_QUESTION", QUESTION)
        .env("DOCENT_TEST_EXPECT", EXPECT)
        .env("DOCENT_TEST_EMAIL", &person.email)
        .env("DOCENT_TEST_PASSWORD", &person.password)
        .env("DOCENT_TEST_OUT", out)
        .env("BROWSER", source_tree::root().join("tests/browser/browser"))
        .env("HOME", out);
    for name in ["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        command.env_remove(name);
    }
    Ok(command)
}

/// Runs a client's script; it must say that it passed, and the browser must have met the consent page.
async fn passes(command: Command, out: &Path) -> Result {
    let output = program::run(command, "", LIMIT).await?.success()?;
    ensure!(output.lines().last().is_some_and(|line| line.starts_with("passed: ")), "{output}");
    let log = std::fs::read_to_string(out.join("consent.log"))?;
    ensure!(log.contains("clicked allow") && log.contains("arrived at"), "{log}");
    Ok(())
}

async fn node(installation: &Installation, name: &str) -> Result {
    let out = leavings(installation, name)?;
    let mut command = told(installation, &in_path("node")?, &out).await?;
    command.arg(format!("{name}/client.mjs")).env("CODEX_HOME", out.join("codex-home"));
    passes(command, &out).await
}

async fn python(installation: &Installation, version: &str) -> Result {
    let out = leavings(installation, &format!("python-{version}"))?;
    let interpreter = source_tree::root().join(format!("target/interop/python-{version}/bin/python"));
    let mut command = told(installation, &interpreter, &out).await?;
    command.arg("python/client.py");
    passes(command, &out).await
}

fn in_path(name: &str) -> Result<PathBuf> {
    let path = std::env::var_os("PATH").context("no PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
        .with_context(|| format!("{name} is not installed: scripts/install-test-tools installs it"))
}

/// The official Python SDK 1.x.
async fn the_python_sdk_1(installation: &mut Installation) -> Result {
    python(installation, "1").await
}

/// The official Python SDK 2.x, in both eras.
async fn the_python_sdk_2(installation: &mut Installation) -> Result {
    python(installation, "2").await
}

/// The official TypeScript SDK 1.x.
async fn the_typescript_sdk(installation: &mut Installation) -> Result {
    node(installation, "typescript").await
}

/// Codex CLI. It cannot be told its `client_id`: a document stands there.
async fn codex(installation: &mut Installation) -> Result {
    let documents = installation.documents()?;
    let id = documents.publish_client("chatgpt.com", "/oauth/codex/client.json", &json!({"client_name": "Codex"}));
    node(installation, "codex").await?;
    ensure!(installation.documents()?.requests().contains(&id), "Codex did not use its document");
    Ok(())
}

/// AS12: the official Rust SDK, by the URL of its document.
async fn the_rust_sdk_by_its_document(installation: &mut Installation) -> Result {
    let id = installation.documents()?.publish_client("localhost", "/rust-sdk.json", &json!({"client_name": "Rust SDK"}));
    rust_sdk(installation, Some(&id)).await
}

/// The official Rust SDK, in both eras.
async fn the_rust_sdk(installation: &mut Installation) -> Result {
    rust_sdk(installation, None).await
}

async fn rust_sdk(installation: &Installation, document: Option<&str>) -> Result {
    let out = leavings(installation, if document.is_some() { "rmcp-document" } else { "rmcp" })?;
    let mut browser = told(installation, &source_tree::root().join("tests/browser/browser"), &out).await?;

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let redirect_uri = format!("http://127.0.0.1:{}/callback", listener.local_addr()?.port());
    let mut state = OAuthState::new(&installation.resource, None).await?;
    let request = AuthorizationRequest::new(&redirect_uri).with_client_name("Rust SDK");
    let request = if let Some(id) = document { request.with_client_metadata_url(id) } else { request };
    state.start_authorization(request).await?;
    let url = state.get_authorization_url().await?;
    let used = document
        .is_none_or(|id| url::Url::parse(&url).is_ok_and(|url| url.query_pairs().any(|(name, value)| name == "client_id" && value == id)));
    ensure!(used, "the document is not the client_id of {url}");
    browser.arg(url);
    let (visited, callback) = tokio::join!(program::run(browser, "", LIMIT), callback(&listener));
    visited?.success()?;
    let origin = redirect_uri.strip_suffix("/callback").context("no callback")?;
    state.handle_callback_url(&format!("{origin}{}", callback?)).await?;
    let manager = state.into_authorization_manager().context("not authorized")?;
    let client = AuthClient::new(rmcp_http()?, manager);

    let modern = ClientLifecycleMode::Discover { preferred_versions: vec![ProtocolVersion::V_2026_07_28] };
    ask(&client, &installation.resource, ClientLifecycleMode::Initialize).await?;
    ask(&client, &installation.resource, modern).await?;
    let before = stored(&client).await?;
    client.auth_manager.lock().await.refresh_token().await?;
    let after = stored(&client).await?;
    ensure!(before["refresh_token"] != after["refresh_token"] && after["refresh_token"].is_string(), "the refresh token was not rotated");
    ensure!(before["access_token"] != after["access_token"], "the access token is the same as before");
    ask(&client, &installation.resource, ClientLifecycleMode::Initialize).await
}

fn rmcp_http() -> Result<reqwest::Client> {
    Ok(reqwest::Client::builder().timeout(Duration::from_secs(60)).build()?)
}

async fn stored(client: &AuthClient<reqwest::Client>) -> Result<serde_json::Value> {
    let (_, tokens) = client.auth_manager.lock().await.get_credentials().await?;
    Ok(serde_json::to_value(tokens.context("no tokens are stored")?)?)
}

/// Waits for the request that brings the code; returns its path and query.
async fn callback(listener: &TcpListener) -> Result<String> {
    loop {
        let (mut stream, _) = listener.accept().await?;
        let mut buffer = vec![0; 16 * 1024];
        let length = stream.read(&mut buffer).await?;
        let head = String::from_utf8_lossy(&buffer[..length]).into_owned();
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\nConnection: close\r\n\r\nOK").await?;
        let target = head.split(' ').nth(1).unwrap_or_default();
        if target.starts_with("/callback") {
            return Ok(target.to_owned());
        }
    }
}

async fn ask(client: &AuthClient<reqwest::Client>, url: &str, lifecycle: ClientLifecycleMode) -> Result {
    let transport = StreamableHttpClientTransport::with_client(client.clone(), StreamableHttpClientTransportConfig::with_uri(url));
    let service = ().serve_with_lifecycle(transport, lifecycle).await?;
    let mut names: Vec<String> = service.list_all_tools().await?.into_iter().map(|tool| tool.name.into_owned()).collect();
    names.sort();
    ensure!(names == ["query-docs", "resolve-library-id"], "tools are {names:?}");
    let calls = [
        ("resolve-library-id", json!({"libraryName": NAME, "query": QUESTION}), LIBRARY),
        ("query-docs", json!({"libraryId": LIBRARY, "query": QUESTION}), EXPECT),
    ];
    for (tool, arguments, expected) in calls {
        let arguments = arguments.as_object().context("no object")?.clone();
        let result = service.call_tool(CallToolRequestParams::new(tool).with_arguments(arguments)).await?;
        let text = result.content.first().and_then(|block| block.as_text()).map(|text| text.text.clone()).unwrap_or_default();
        ensure!(result.is_error != Some(true) && text.contains(expected), "{tool}: {text}");
    }
    service.cancel().await?;
    Ok(())
}

docent_tests::together_and_split!(the_python_sdk_1, the_python_sdk_2, the_typescript_sdk, the_rust_sdk);
docent_tests::with_documents!(codex, the_rust_sdk_by_its_document);
