//! `docent doctor`: Docent itself is clean, and servers that are not ours have exactly the findings that were verified by hand.

use anyhow::{Context as _, ensure};
use docent_tests::program::{self, Output};
use docent_tests::{Installation, Result, binary, port, source_tree};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::process::{Child, Command};

const LIMIT: Duration = Duration::from_secs(240);

async fn doctor(arguments: &[&str]) -> Result<Output> {
    let mut command = Command::new(binary::docent()?);
    command.arg("doctor").args(arguments);
    for name in ["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        command.env_remove(name);
    }
    program::run(command, "", LIMIT).await
}

/// The exit code and the report.
async fn report(arguments: &[&str]) -> Result<(Option<i32>, Value)> {
    let output = doctor(&[arguments, &["--json"]].concat()).await?;
    let report = serde_json::from_str(&output.stdout).with_context(|| format!("{}\n{}", output.stdout, output.stderr))?;
    Ok((output.code, report))
}

fn ids(report: &Value, list: &str) -> BTreeSet<String> {
    report[list].as_array().into_iter().flatten().filter_map(|finding| finding["id"].as_str().map(str::to_owned)).collect()
}

fn client<'a>(report: &'a Value, id: &str) -> &'a Value {
    report["clients"].as_array().into_iter().flatten().find(|client| client["id"] == id).unwrap_or(&Value::Null)
}

/// AS1 to AS7, RS1 to RS3, RS9, as far as a stranger can see them: nothing is wrong, and every known client connects.
async fn docent_has_no_findings(installation: &mut Installation) -> Result {
    let (code, report) = report(&[&installation.resource]).await?;
    ensure!(code == Some(0) && ids(&report, "findings").is_empty(), "{code:?} {report:#}");
    let stumbling: Vec<&Value> =
        report["clients"].as_array().into_iter().flatten().filter(|client| client["outcome"] != "connects").collect();
    ensure!(stumbling.is_empty(), "{stumbling:#?}");
    let text = doctor(&[&installation.resource]).await?;
    ensure!(text.code == Some(0) && text.stdout.contains("No findings.") && !text.stdout.contains('\u{1b}'), "{}", text.stdout);
    let one = doctor(&[&installation.resource, "--client", "Cursor", "--no-register"]).await?.success()?;
    ensure!(one.contains("no client was registered") && !one.contains("Zed"), "{one}");
    Ok(())
}

#[test]
fn what_cannot_be_examined_is_said_with_exit_code_2() -> Result {
    block_on(async {
        let (code, report) = report(&["http://127.0.0.1:1/mcp", "--timeout", "5"]).await?;
        ensure!(code == Some(2) && report["error"].is_string(), "{code:?} {report:#}");
        for arguments in [&["not a url"][..], &["http://127.0.0.1:1/mcp", "--client", "nobody"], &["http://127.0.0.1:1/", "--timeout", "x"]]
        {
            let output = doctor(arguments).await?;
            ensure!(output.code == Some(2) && !output.stderr.is_empty(), "{arguments:?}: {output:?}");
        }
        Ok(())
    })
}

fn block_on(story: impl Future<Output = Result>) -> Result {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?.block_on(story)
}

/// A server that is not ours, from `tests/interop/servers`.
struct Stranger {
    url: String,
    _process: Child,
}

impl Stranger {
    async fn start(program: &Path, arguments: &[&str], port: u16) -> Result<Self> {
        ensure!(program.exists(), "{} is missing: scripts/install-test-tools installs it", program.display());
        let folder = source_tree::root().join("tests/interop/servers");
        let mut command = Command::new(program);
        command.args(arguments).current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        let process = command.spawn().with_context(|| format!("{command:?} cannot be started"))?;
        let deadline = Instant::now() + Duration::from_secs(60);
        while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            ensure!(Instant::now() < deadline, "{command:?} does not listen");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(Self { url: format!("http://localhost:{port}/mcp"), _process: process })
    }

    async fn node(script: &str, arguments: &[&str], port: u16) -> Result<Self> {
        ensure!(source_tree::root().join("tests/interop/servers").join(script).exists(), "scripts/install-test-tools installs {script}");
        let node = PathBuf::from("/usr/bin/env");
        Self::start(&node, &[&["node", script], arguments].concat(), port).await
    }
}

fn expect(report: &Value, list: &str, expected: &[&str]) -> Result {
    let expected: BTreeSet<String> = expected.iter().map(|&id| id.to_owned()).collect();
    let found = ids(report, list);
    ensure!(found == expected, "{list}: {found:?}, expected {expected:?}\n{report:#}");
    Ok(())
}

/// npm `@upstash/context7-mcp` over http: open, and it answers any origin.
#[test]
fn context7_mcp() -> Result {
    block_on(async {
        let port = port::free()?;
        let text = port.to_string();
        let server =
            Stranger::node("context7/node_modules/@upstash/context7-mcp/dist/index.js", &["--transport", "http", "--port", &text], port)
                .await?;
        let (code, report) = report(&[&server.url]).await?;
        ensure!(code == Some(1) && report["protected"] == false && report["registered"] == 0, "{report:#}");
        expect(&report, "findings", &["origin-not-checked"])
    })
}

/// Python `fastmcp` with its in-memory OAuth provider, which asks nobody: the clients' whole way is seen.
#[test]
fn fastmcp_in_memory() -> Result {
    block_on(async {
        let port = port::free()?;
        let python = source_tree::root().join("target/interop/server-fastmcp/bin/python");
        let server = Stranger::start(&python, &["fastmcp/server.py", &port.to_string()], port).await?;
        let (code, report) = report(&[&server.url]).await?;
        ensure!(code == Some(1), "{report:#}");
        let expected = [
            "authorization-refused",
            "code-without-person",
            "cors-preflight",
            "dangerous-redirect-registered",
            "loopback-port-fixed",
            "none-not-advertised",
            "plain-http-redirect-registered",
            "redirect-variant-refused",
        ];
        expect(&report, "findings", &expected)?;
        ensure!(client(&report, "typescript-sdk")["reached"] == "refresh", "{report:#}");
        ensure!(
            client(&report, "librechat")["reached"] == "refresh" && client(&report, "amazon-q")["phase"] == "authorization",
            "{report:#}"
        );
        Ok(())
    })
}

/// npm `oidc-provider`, the certified OpenID provider, with a stub of a resource before it.
#[test]
fn oidc_provider() -> Result {
    block_on(async {
        let port = port::free()?;
        let server = Stranger::node("oidc-provider/server.mjs", &[&port.to_string()], port).await?;
        let (code, report) = report(&[&server.url]).await?;
        ensure!(code == Some(1) && report["registered"] == report["removed"], "{report:#}");
        let expected = ["cors-preflight", "plain-http-redirect-registered", "redirect-variant-refused", "registration-refused"];
        expect(&report, "findings", &expected)?;
        ensure!(client(&report, "cursor")["phase"] == "registration" && client(&report, "vscode")["outcome"] == "connects", "{report:#}");
        Ok(())
    })
}

docent_tests::together_and_split!(docent_has_no_findings);
