//! `tools/call` over HTTP in both protocol eras, with 16 connections.

use crate::load::{self, Figures, post};
use crate::server::Server;
use std::time::Duration;

/// The request of an era, as `shared/peers/mcp/call.lua` makes it for other servers.
#[must_use]
pub fn call(host: &str, token: &str, era: &str, library: &str, question: &str) -> Vec<u8> {
    let stateless = era == "2026-07-28";
    let mut headers = format!(
        "Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\nAuthorization: Bearer {token}\r\nMCP-Protocol-Version: {era}\r\n"
    );
    let mut parameters = serde_json::json!({ "name": "query-docs", "arguments": { "libraryId": library, "query": question } });
    if stateless {
        headers.push_str("Mcp-Method: tools/call\r\nMcp-Name: query-docs\r\n");
        parameters["_meta"] = serde_json::json!({
            "io.modelcontextprotocol/protocolVersion": era,
            "io.modelcontextprotocol/clientCapabilities": {},
            "io.modelcontextprotocol/clientInfo": { "name": "bench", "version": "1" },
        });
    }
    let body = serde_json::json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": parameters }).to_string();
    post("/mcp", host, &headers, &body)
}

/// Calls a tool again and again. A library that is not there makes the tool trivial: what is left is guard, protocol and server.
///
/// # Errors
/// The server did not answer.
pub async fn measure(server: &Server, token: &str, era: &str, library: &str, question: &str, seconds: u64) -> anyhow::Result<Figures> {
    let request = call(&server.host(), token, era, library, question);
    let callers = vec![request; 16];
    load::run(
        server.address,
        callers,
        Duration::from_secs(seconds),
        |request: &mut Vec<u8>| Some(request.clone()),
        |_, answer| answer.status == 200 && answer.body.windows(8).any(|window| window == b"\"result\""),
    )
    .await
}
