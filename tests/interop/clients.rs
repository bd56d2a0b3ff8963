//! The clients, and how each is driven.

use crate::rust_sdk;
use crate::session::Session;
use anyhow::{Context as _, ensure};
use docent_tests::{Result, program, source_tree};
use std::path::PathBuf;
use std::time::Duration;
use tokio::process::Command;

/// How long one command of a client may take. Far more than it needs: the machine may be busy.
const LIMIT: Duration = Duration::from_secs(120);

/// A client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Client {
    /// As people know it.
    pub(crate) name: &'static str,
    /// In file names.
    pub(crate) key: &'static str,
    runs: Runs,
    lock: Lock,
    /// Its client ID metadata document.
    pub(crate) document: Document,
    /// How a person logs in again.
    pub(crate) again: &'static str,
    /// How a person makes it forget what it knows of a server.
    pub(crate) over: &'static str,
}

#[derive(Clone, Copy, Debug)]
enum Runs {
    /// A script of `tests/interop`, with what follows the command.
    Node(&'static str, &'static [&'static str]),
    /// A virtual environment of `target/interop`, and a script of `tests/interop/python`.
    Python(&'static str, &'static str),
    /// `rust_sdk.rs`.
    Rust,
}

/// Where a client's metadata document is, and where it says that the client listens.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Document {
    /// Where the client's makers publish it.
    Theirs(&'static str, &'static str, &'static str),
    /// Wherever the host says: the client is told the URL.
    Told(&'static str),
    /// It has none, and why.
    None(&'static str),
}

/// Where its version stands.
#[derive(Clone, Copy, Debug)]
enum Lock {
    /// A folder of `tests/interop`, and the package.
    Npm(&'static str, &'static str),
    /// What stands in `requirements-….txt`, and the package.
    Pip(&'static str, &'static str),
    Cargo(&'static str),
}

pub(crate) const CODEX: Client = Client {
    name: "Codex",
    key: "codex",
    runs: Runs::Node("codex/client.mjs", &[]),
    lock: Lock::Npm("codex", "@openai/codex"),
    document: Document::Theirs("chatgpt.com", "/oauth/codex/client.json", "http://127.0.0.1/callback"),
    again: "`codex mcp login docent`",
    over: "`codex mcp logout docent`",
};
pub(crate) const OPENCODE: Client = Client {
    name: "opencode",
    key: "opencode",
    runs: Runs::Node("opencode/client.mjs", &[]),
    lock: Lock::Npm("opencode", "opencode-linux-x64"),
    document: Document::None("it always registers"),
    again: "`opencode mcp auth docent`",
    over: "`opencode mcp logout docent`",
};
pub(crate) const MCP_REMOTE: Client = Client {
    name: "mcp-remote",
    key: "mcp-remote",
    runs: Runs::Node("mcp-remote/client.mjs", &["mcp-remote"]),
    lock: Lock::Npm("mcp-remote", "mcp-remote"),
    document: Document::Told("http://localhost/oauth/callback"),
    again: "start it again",
    over: "`rm -r ~/.mcp-auth`",
};
pub(crate) const MCP_REMOTE_OLD: Client = Client {
    name: "mcp-remote (old)",
    key: "mcp-remote-old",
    runs: Runs::Node("mcp-remote/client.mjs", &["mcp-remote-0.1.38"]),
    lock: Lock::Npm("mcp-remote", "mcp-remote-0.1.38"),
    document: Document::None("it always registers"),
    again: "start it again",
    over: "`rm -r ~/.mcp-auth`",
};
pub(crate) const INSPECTOR: Client = Client {
    name: "MCP Inspector",
    key: "inspector",
    runs: Runs::Node("inspector/client.mjs", &[]),
    lock: Lock::Npm("inspector", "@modelcontextprotocol/inspector"),
    document: Document::Told("http://127.0.0.1/oauth/callback"),
    again: "connect again",
    over: "`--relogin`",
};
pub(crate) const TYPESCRIPT_1: Client = Client {
    name: "TypeScript SDK 1.x",
    key: "typescript-1",
    runs: Runs::Node("typescript/client.mjs", &["1"]),
    lock: Lock::Npm("typescript", "@modelcontextprotocol/sdk"),
    document: Document::Told("http://localhost/callback"),
    again: "the host connects again",
    over: "the host drops client and tokens",
};
pub(crate) const TYPESCRIPT_2: Client = Client {
    name: "TypeScript SDK 2.x",
    key: "typescript-2",
    runs: Runs::Node("typescript/client.mjs", &["2"]),
    lock: Lock::Npm("typescript", "@modelcontextprotocol/client"),
    document: Document::Told("http://localhost/callback"),
    again: "the host connects again",
    over: "the host drops client and tokens",
};
pub(crate) const PYTHON_1: Client = Client {
    name: "Python SDK 1.x",
    key: "python-1",
    runs: Runs::Python("python-1", "client.py"),
    lock: Lock::Pip("1", "mcp"),
    document: Document::Told("http://localhost/callback"),
    again: "the host connects again",
    over: "the host drops client and tokens",
};
pub(crate) const PYTHON_2: Client = Client {
    name: "Python SDK 2.x",
    key: "python-2",
    runs: Runs::Python("python-2", "client.py"),
    lock: Lock::Pip("2", "mcp"),
    document: Document::Told("http://localhost/callback"),
    again: "the host connects again",
    over: "the host drops client and tokens",
};
pub(crate) const FASTMCP: Client = Client {
    name: "fastmcp",
    key: "fastmcp",
    runs: Runs::Python("python-fastmcp", "fastmcp_client.py"),
    lock: Lock::Pip("fastmcp", "fastmcp"),
    document: Document::Told("http://localhost/callback"),
    again: "connect again",
    over: "delete its token storage",
};
pub(crate) const RUST: Client = Client {
    name: "Rust SDK (rmcp)",
    key: "rmcp",
    runs: Runs::Rust,
    lock: Lock::Cargo("rmcp"),
    document: Document::Told("http://localhost/callback"),
    again: "the host logs in again",
    over: "the host drops its credentials",
};
pub(crate) const CONFORMANCE: Client = Client {
    name: "Conformance suite",
    key: "conformance",
    runs: Runs::Node("conformance/run.mjs", &[]),
    lock: Lock::Npm("conformance", "@modelcontextprotocol/conformance"),
    document: Document::None("it is told a client id"),
    again: "",
    over: "",
};

/// All, in the page's order.
pub(crate) const CLIENTS: [Client; 12] =
    [CODEX, OPENCODE, MCP_REMOTE, MCP_REMOTE_OLD, INSPECTOR, TYPESCRIPT_1, TYPESCRIPT_2, PYTHON_1, PYTHON_2, FASTMCP, RUST, CONFORMANCE];

impl Client {
    /// Whether its processes lock what they store, so that one of them refreshes and the others take what it got.
    pub(crate) fn takes_turns(&self) -> bool {
        [CODEX.key, MCP_REMOTE.key].contains(&self.key)
    }

    /// Whether several of its processes can read what one of them is writing.
    pub(crate) fn writes_in_place(&self) -> bool {
        self.key == MCP_REMOTE_OLD.key
    }

    /// Does `login`, `call`, `expire` or `reset` (`README.md` says what they are).
    pub(crate) async fn run(&self, session: &Session, command: &str) -> Result {
        let folder = source_tree::root().join("tests/interop");
        let mut process = match self.runs {
            Runs::Rust => return rust_sdk::run(session, command).await,
            Runs::Node(script, arguments) => {
                let mut process = Command::new("node");
                process.arg(folder.join(script)).arg(command).args(arguments);
                process
            }
            Runs::Python(environment, script) => {
                let interpreter = source_tree::root().join("target/interop").join(environment).join("bin/python");
                ensure!(interpreter.exists(), "{} is missing: scripts/install-test-tools installs it", interpreter.display());
                let mut process = Command::new(interpreter);
                process.arg(folder.join("python").join(script)).arg(command);
                process
            }
        };
        session.tell(&mut process);
        let output = program::run(process, "", LIMIT).await?;
        session.keep(command, &output)?;
        let said = output.success().with_context(|| format!("{}: {command}", self.name))?;
        ensure!(said.trim_end().ends_with(&format!("done: {command}")), "{said}");
        Ok(())
    }

    /// Its version, from the lock file.
    pub(crate) fn version(&self) -> Result<String> {
        let read = |path: PathBuf| std::fs::read_to_string(&path).with_context(|| path.display().to_string());
        let (root, folder) = (source_tree::root(), source_tree::root().join("tests/interop"));
        match self.lock {
            Lock::Npm(name, package) => {
                let lock: serde_json::Value = serde_json::from_str(&read(folder.join(name).join("package-lock.json"))?)?;
                let version = lock["packages"][format!("node_modules/{package}")]["version"].as_str();
                Ok(version.with_context(|| format!("no {package} in the lock file of {name}"))?.to_owned())
            }
            Lock::Pip(name, package) => {
                let lines = read(folder.join(format!("python/requirements-{name}.txt")))?;
                let version = lines.lines().find_map(|line| line.strip_prefix(package)?.strip_prefix("=="));
                Ok(version.with_context(|| format!("no {package} in the requirements"))?.to_owned())
            }
            Lock::Cargo(package) => {
                let lock = read(root.join("Cargo.lock"))?;
                let after = lock.split_once(&format!("name = \"{package}\"\nversion = \"")).context("not in Cargo.lock")?.1;
                Ok(after.split('"').next().unwrap_or_default().to_owned())
            }
        }
    }
}
