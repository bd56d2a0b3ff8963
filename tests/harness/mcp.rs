//! JSON-RPC over Streamable HTTP, in both eras: the handshake (to 2025-11-25) and the stateless 2026-07-28.

use crate::http::Answer;
use crate::{Result, documents};
use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// How a client speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Era {
    /// `initialize`, then requests with `MCP-Protocol-Version: 2025-11-25`.
    Handshake,
    /// Each request says for itself who asks, in `_meta` and in headers.
    Stateless,
}

/// Both.
pub const ERAS: [Era; 2] = [Era::Handshake, Era::Stateless];

impl Era {
    /// The revision that is spoken.
    #[must_use]
    pub const fn revision(self) -> &'static str {
        match self {
            Self::Handshake => "2025-11-25",
            Self::Stateless => "2026-07-28",
        }
    }
}

/// A connection to an MCP endpoint.
#[derive(Clone, Debug)]
pub struct Mcp {
    /// The endpoint.
    pub url: String,
    /// The access token.
    pub token: String,
    /// How it speaks.
    pub era: Era,
    http: reqwest::Client,
}

/// What a tool answered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ToolResult {
    /// `isError`.
    pub is_error: bool,
    /// The text of its first item.
    pub text: String,
}

impl Mcp {
    /// A connection; nothing is sent yet.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub fn new(url: &str, token: &str, era: Era) -> Result<Self> {
        Ok(Self { url: url.to_owned(), token: token.to_owned(), era, http: crate::http::client()? })
    }

    /// The HTTP request of a JSON-RPC request.
    pub fn request(&self, method: &str, mut params: Value) -> reqwest::RequestBuilder {
        let mut request = self
            .http
            .post(&self.url)
            .bearer_auth(&self.token)
            .header("accept", "application/json, text/event-stream")
            .header("mcp-protocol-version", self.era.revision());
        if self.era == Era::Stateless {
            params["_meta"] = json!({
                "io.modelcontextprotocol/protocolVersion": self.era.revision(),
                "io.modelcontextprotocol/clientInfo": {"name": "docent-tests", "version": "1"},
                "io.modelcontextprotocol/clientCapabilities": {},
            });
            request = request.header("mcp-method", method);
            if let Some(name) = params["name"].as_str() {
                request = request.header("mcp-name", name);
            }
        }
        request.json(&json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}))
    }

    /// Sends a request; returns the JSON-RPC response, whether it came as JSON or as an event.
    ///
    /// # Errors
    /// The status is not 200, or the body is neither.
    pub async fn call(&self, method: &str, params: Value) -> Result<Value> {
        let answer = Answer::of(self.request(method, params)).await?;
        ensure!(answer.status == 200, "{method}: {} {}", answer.status, answer.body);
        response(&answer)
    }

    /// `initialize`, as a client of the handshake era opens.
    ///
    /// # Errors
    /// It is refused.
    pub async fn initialize(&self) -> Result<Value> {
        let params =
            json!({"protocolVersion": self.era.revision(), "capabilities": {}, "clientInfo": {"name": "docent-tests", "version": "1"}});
        let response = self.call("initialize", params).await?;
        ensure!(response["result"].is_object(), "initialize: {response}");
        Ok(response["result"].clone())
    }

    /// `tools/list`.
    ///
    /// # Errors
    /// It is refused.
    pub async fn tools(&self) -> Result<Vec<Value>> {
        let response = self.call("tools/list", json!({})).await?;
        Ok(response["result"]["tools"].as_array().with_context(|| format!("tools/list: {response}"))?.clone())
    }

    /// `tools/call`.
    ///
    /// # Errors
    /// The call is refused; an error of the tool itself is in the result.
    pub async fn tool(&self, name: &str, arguments: Value) -> Result<ToolResult> {
        let response = self.call("tools/call", json!({"name": name, "arguments": arguments})).await?;
        let result = &response["result"];
        let text = result["content"][0]["text"].as_str().with_context(|| format!("tools/call {name}: {response}"))?;
        Ok(ToolResult { is_error: result["isError"].as_bool().unwrap_or(false), text: text.to_owned() })
    }

    /// Asks the question of [`documents`] until it is answered: the processes of a deployment hear of a change within a moment.
    ///
    /// # Errors
    /// It is not answered in ten seconds; the last refusal is in the error.
    pub async fn ask_until_served(&self) -> Result<ToolResult> {
        self.ask_until(|answer| !answer.is_error).await
    }

    /// Asks the question of [`documents`] until the answer is as wanted.
    ///
    /// # Errors
    /// It is not so in ten seconds; the last answer is in the error.
    pub async fn ask_until(&self, wanted: impl Fn(&ToolResult) -> bool) -> Result<ToolResult> {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            let answer = self.ask_lighthouse().await?;
            if wanted(&answer) {
                return Ok(answer);
            }
            ensure!(Instant::now() < deadline, "still answered with {answer:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Asks the question of [`documents`].
    ///
    /// # Errors
    /// The call is refused.
    pub async fn ask_lighthouse(&self) -> Result<ToolResult> {
        self.tool("query-docs", json!({"libraryId": documents::LIBRARY, "query": documents::QUESTION})).await
    }
}

/// The JSON-RPC message of an answer.
///
/// # Errors
/// There is none.
pub fn response(answer: &Answer) -> Result<Value> {
    if !answer.header("content-type").starts_with("text/event-stream") {
        return answer.json();
    }
    let events = answer
        .body
        .lines()
        .filter_map(|line| line.strip_prefix("data:"))
        .filter_map(|data| serde_json::from_str::<Value>(data.trim()).ok());
    events
        .into_iter()
        .find(|message| message.get("result").is_some() || message.get("error").is_some())
        .with_context(|| format!("no response among the events: {}", answer.body))
}
