//! MCP clients that we did not write, without a person: the official Python SDK's providers for machines and for identity assertions.

use anyhow::{Context as _, ensure};
use docent_tests::documents::{EXPECT, LIBRARY, NAME, QUESTION};
use docent_tests::jose::Key;
use docent_tests::served::Served;
use docent_tests::{Installation, Result, Shape, program, source_tree};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::process::Command;

async fn python_sdk(shape: Shape) -> Result {
    let (idp, own) = (Key::generate("idp-1")?, Key::generate("machine-1")?);
    let keys = Served::new(&idp.key_set()).await?;
    let trusted =
        json!([{"issuer": keys.origin, "jwks_uri": format!("{}/keys", keys.origin), "project": "Engineering", "accounts": "create"}]);
    let installation = Installation::start_with(shape, &[("DOCENT__AUTH__TRUSTED_ISSUERS", &trusted.to_string())]).await?;
    let interpreter = source_tree::root().join("target/interop/python-2/bin/python");
    ensure!(interpreter.exists(), "{} is missing: scripts/install-test-tools installs it", interpreter.display());
    installation.add_library(None).await?;
    installation.run(&["project", "add", "Engineering"]).await?;
    let key_file = installation.folder().join("machine.jwks.json");
    std::fs::write(&key_file, own.key_set().to_string())?;
    let key_file = key_file.display().to_string();
    let machine = ["--grant", "client_credentials", "--project", "Engineering"];
    let add = async |name: &str, more: &[&str]| -> Result<Value> {
        let printed = installation.run(&[&["client", "add", name], more, &["--json"]].concat()).await?;
        serde_json::from_str(&printed).with_context(|| printed)
    };
    let secret = add("By secret", &machine).await?;
    let mut key = add("By key", &[&machine[..], &["--jwks", &key_file]].concat()).await?;
    let assertion = add("Assistant", &["--grant", "jwt-bearer"]).await?;
    key["private_key"] = own.private_pem()?.into();
    key["algorithm"] = "ES256".into();
    let idp = json!({"issuer": keys.origin, "subject": "U1", "kid": idp.kid, "private_key": idp.private_pem()?, "algorithm": "ES256"});
    let told = json!({"secret": secret, "key": key, "assertion": assertion, "idp": idp});
    let mut command = Command::new(interpreter);
    command
        .arg("machine.py")
        .current_dir(source_tree::root().join("tests/interop/python"))
        .env("HOME", installation.folder())
        .env("DOCENT_TEST_MCP_URL", &installation.resource)
        .env("DOCENT_TEST_ISSUER", &installation.issuer)
        .env("DOCENT_TEST_MACHINE", told.to_string());
    for (name, value) in [("LIBRARY", LIBRARY), ("NAME", NAME), ("QUESTION", QUESTION), ("EXPECT", EXPECT)] {
        command.env(format!("DOCENT_TEST_{name}"), value);
    }
    for name in ["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        command.env_remove(name);
    }
    let output = program::run(command, "", Duration::from_secs(120)).await?.success().inspect_err(|_| installation.print_logs())?;
    ensure!(output.lines().last().is_some_and(|line| line.starts_with("passed: ")), "{output}");
    Ok(())
}

/// AS19, AS20: in one process, on SQLite.
#[tokio::test(flavor = "multi_thread")]
async fn the_python_sdk_without_a_person_together() -> Result {
    python_sdk(Shape::Together).await
}

/// AS19, AS20: in three processes, on Postgres; the issuer is another origin than the resource.
#[tokio::test(flavor = "multi_thread")]
async fn the_python_sdk_without_a_person_split() -> Result {
    python_sdk(Shape::Split).await
}
