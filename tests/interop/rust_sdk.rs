//! The official Rust SDK, with the small host around it that its documentation asks for.

use crate::session::Session;
use anyhow::{Context as _, ensure};
use async_trait::async_trait;
use docent_tests::documents::{EXPECT, LIBRARY, NAME, QUESTION};
use docent_tests::{Result, program};
use rmcp::model::{CallToolRequestParams, ProtocolVersion};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::auth::{
    AuthClient, AuthError, AuthorizationManager, AuthorizationRequest, CredentialStore, OAuthState, StoredCredentials,
};
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use rmcp::{ClientLifecycleMode, ClientServiceExt as _};
use serde_json::json;
use std::path::PathBuf;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

const LIMIT: Duration = Duration::from_secs(120);

/// What the host keeps on disk.
struct Kept(PathBuf);

#[async_trait]
impl CredentialStore for Kept {
    async fn load(&self) -> std::result::Result<Option<StoredCredentials>, AuthError> {
        let Ok(text) = std::fs::read_to_string(&self.0) else { return Ok(None) };
        serde_json::from_str(&text).map(Some).map_err(|error| AuthError::InternalError(error.to_string()))
    }

    async fn save(&self, credentials: StoredCredentials) -> std::result::Result<(), AuthError> {
        // In one step: another process may be reading.
        let new = self.0.with_extension(format!("{:?}", std::thread::current().id()));
        let text = serde_json::to_string(&credentials).map_err(|error| AuthError::InternalError(error.to_string()))?;
        let written = std::fs::write(&new, text).and_then(|()| std::fs::rename(&new, &self.0));
        written.map_err(|error| AuthError::InternalError(error.to_string()))
    }

    async fn clear(&self) -> std::result::Result<(), AuthError> {
        std::fs::remove_file(&self.0).map_err(|error| AuthError::InternalError(error.to_string()))
    }
}

/// Does what a client is told (`README.md`).
pub(crate) async fn run(session: &Session, command: &str) -> Result {
    let file = session.file("credentials.json");
    match command {
        "login" => login(session, file).await,
        "call" => call(session, file).await,
        "expire" => expire(&file),
        _ => Ok(std::fs::remove_file(file)?),
    }
}

async fn login(session: &Session, file: PathBuf) -> Result {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let redirect_uri = format!("http://127.0.0.1:{}/callback", listener.local_addr()?.port());
    let mut manager = AuthorizationManager::new(&session.url).await?;
    manager.set_credential_store(Kept(file));
    let mut state = OAuthState::Unauthorized(manager);
    let request = AuthorizationRequest::new(&redirect_uri).with_client_name("Rust SDK");
    let request = if let Some(url) = &session.document { request.with_client_metadata_url(url) } else { request };
    state.start_authorization(request).await?;
    let browser = session.browser(&state.get_authorization_url().await?);
    let (visited, callback) = tokio::join!(program::run(browser, "", LIMIT), tokio::time::timeout(LIMIT, callback(&listener)));
    visited?.success()?;
    let origin = redirect_uri.strip_suffix("/callback").context("no callback")?;
    state.handle_callback_url(&format!("{origin}{}", callback??)).await?;
    let manager = state.into_authorization_manager().context("not authorized")?;
    list(&AuthClient::new(http()?, manager), &session.url).await
}

async fn call(session: &Session, file: PathBuf) -> Result {
    let mut manager = AuthorizationManager::new(&session.url).await?;
    manager.set_credential_store(Kept(file));
    ensure!(manager.initialize_from_store().await?, "no credentials are stored");
    let client = AuthClient::new(http()?, manager);
    let modern = ClientLifecycleMode::Discover { preferred_versions: vec![ProtocolVersion::V_2026_07_28] };
    ask(&client, &session.url, ClientLifecycleMode::Initialize).await?;
    ask(&client, &session.url, modern).await
}

/// The SDK refreshes when it believes that the access token has expired.
fn expire(file: &PathBuf) -> Result {
    let mut stored: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(file)?)?;
    stored["token_received_at"] = json!(1000);
    Ok(std::fs::write(file, stored.to_string())?)
}

fn http() -> Result<reqwest::Client> {
    Ok(reqwest::Client::builder().timeout(Duration::from_secs(60)).build()?)
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

async fn list(client: &AuthClient<reqwest::Client>, url: &str) -> Result {
    let transport = StreamableHttpClientTransport::with_client(client.clone(), StreamableHttpClientTransportConfig::with_uri(url));
    let service = ().serve_with_lifecycle(transport, ClientLifecycleMode::Initialize).await?;
    ensure!(service.list_all_tools().await?.len() == 2, "other tools");
    service.cancel().await?;
    Ok(())
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
