//! A line for each MCP client: how to connect it to this Docent.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use url::form_urlencoded::byte_serialize;

/// The name under which clients list this server. Short, and what people will type.
pub const SERVER_NAME: &str = "docs";

/// How one client is connected.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Client {
    /// Its name.
    pub name: &'static str,
    /// A deep link that installs it, if the client has such.
    pub link: Option<String>,
    /// What to do, before the lines.
    pub first: &'static str,
    /// Commands or a piece of configuration, each to be copied whole.
    pub lines: Vec<String>,
    /// What happens then.
    pub then: &'static str,
}

/// Every client we know a way for, in the order of the page.
#[must_use]
pub fn clients(url: &str) -> Vec<Client> {
    vec![
        Client {
            name: "Claude Code",
            link: None,
            first: "In a terminal:",
            lines: vec![format!("claude mcp add --transport http {SERVER_NAME} {url}")],
            then: "Then type /mcp in Claude Code, choose docs and Authenticate.",
        },
        Client {
            name: "Codex",
            link: None,
            first: "In a terminal:",
            lines: vec![format!("codex mcp add {SERVER_NAME} --url {url}"), format!("codex mcp login {SERVER_NAME}")],
            then: "The second line opens the browser, if the first one did not.",
        },
        Client {
            name: "Gemini CLI",
            link: None,
            first: "In a terminal:",
            lines: vec![format!("gemini mcp add --transport http {SERVER_NAME} {url}")],
            then: "Then type /mcp auth docs in Gemini CLI.",
        },
        Client {
            name: "Cursor",
            link: Some(cursor_link(url)),
            first: "Or put this into ~/.cursor/mcp.json:",
            lines: vec![pretty(&json!({ "mcpServers": { SERVER_NAME: { "url": url } } }))],
            then: "Cursor offers to sign in under Settings, Tools & MCP.",
        },
        Client {
            name: "VS Code",
            link: Some(vscode_link(url)),
            first: "Or in a terminal:",
            lines: vec![format!("code --add-mcp '{}'", json!({ "name": SERVER_NAME, "type": "http", "url": url }))],
            then: "VS Code asks to sign in when the server is started.",
        },
        Client {
            name: "opencode",
            link: None,
            first: "In opencode.json:",
            lines: vec![
                pretty(&json!({ "mcp": { SERVER_NAME: { "type": "remote", "url": url } } })),
                format!("opencode mcp auth {SERVER_NAME}"),
            ],
            then: "The command opens the browser.",
        },
        Client {
            name: "MCP Inspector",
            link: None,
            first: "In a terminal:",
            lines: vec!["npx @modelcontextprotocol/inspector".to_owned()],
            then: "Choose Streamable HTTP, enter the URL above and connect.",
        },
        Client {
            name: "Claude, ChatGPT and others",
            link: None,
            first: "In the settings, add a custom connector with this URL:",
            lines: vec![url.to_owned()],
            then: "Leave client id and secret empty. These services call from the internet, so the URL must be https and reachable from there.",
        },
    ]
}

fn pretty(value: &serde_json::Value) -> String {
    format!("{value:#}")
}

/// `cursor.com/docs/mcp/install-links`: the configuration as base64 of JSON.
fn cursor_link(url: &str) -> String {
    let config = STANDARD.encode(json!({ "url": url }).to_string());
    let config: String = byte_serialize(config.as_bytes()).collect();
    format!("cursor://anysphere.cursor-deeplink/mcp/install?name={SERVER_NAME}&config={config}")
}

/// VS Code reads percent-encoded JSON as the whole query.
fn vscode_link(url: &str) -> String {
    let config = json!({ "name": SERVER_NAME, "type": "http", "url": url }).to_string();
    // `+` for a space would be read as a plus there.
    let encoded: String = byte_serialize(config.as_bytes()).collect();
    format!("vscode:mcp/install?{}", encoded.replace('+', "%20"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "https://docs.example.com/mcp";

    #[test]
    fn every_client_is_given_the_url_or_sent_to_it() {
        for client in clients(URL) {
            let says_url = client.lines.iter().any(|line| line.contains(URL)) || client.then.contains("URL above");
            assert!(says_url, "{client:?}");
        }
    }

    #[test]
    fn the_deep_links_carry_what_the_editors_read() {
        let cursor = url::Url::parse(&cursor_link(URL)).unwrap();
        let pairs: std::collections::HashMap<_, _> = cursor.query_pairs().into_owned().collect();
        let config: serde_json::Value = serde_json::from_slice(&STANDARD.decode(&pairs["config"]).unwrap()).unwrap();
        assert_eq!((pairs["name"].as_str(), &config), ("docs", &json!({ "url": URL })));

        let vscode = vscode_link(URL);
        let query = vscode.strip_prefix("vscode:mcp/install?").unwrap();
        assert!(!query.contains('+') && !query.contains(' '));
        let (decoded, _) = url::form_urlencoded::parse(query.as_bytes()).next().unwrap();
        let config: serde_json::Value = serde_json::from_str(&decoded).unwrap();
        assert_eq!(config, json!({ "name": "docs", "type": "http", "url": URL }));
    }
}
