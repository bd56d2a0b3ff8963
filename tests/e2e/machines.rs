//! Machines and the company's identity provider: tokens that no person allows in a browser.

use anyhow::{Context as _, ensure};
use docent_tests::documents::LIBRARY;
use docent_tests::http::{self, Answer};
use docent_tests::mcp::{Era, Mcp};
use docent_tests::{Installation, Result, Tokens, installation};
use serde_json::{Value, json};

/// A client that the operator makes, as the command line prints it.
async fn add_client(installation: &Installation, arguments: &[&str]) -> Result<Value> {
    let all = [&["client", "add"], arguments, &["--json"]].concat();
    Ok(serde_json::from_str(&installation.run(&all).await?)?)
}

fn text<'a>(document: &'a Value, name: &str) -> Result<&'a str> {
    document[name].as_str().with_context(|| format!("no {name} in {document}"))
}

async fn token(installation: &Installation, client: &Value, more: &[(&str, &str)]) -> Result<Answer> {
    let mut form = vec![("grant_type", "client_credentials")];
    form.extend_from_slice(more);
    let request = http::client()?.post(format!("{}/oauth/token", installation.issuer));
    Answer::of(request.basic_auth(text(client, "client_id")?, Some(text(client, "client_secret")?)).form(&form)).await
}

/// AS19: a machine sees its project's documentation, whatever others may see, and nothing more once it is removed.
async fn a_machine_reads_its_projects_documentation_until_it_is_removed(installation: &mut Installation) -> Result {
    installation.run(&["project", "add", "Engineering"]).await?;
    installation.run(&["project", "add", "Sales"]).await?;
    installation.add_library(Some("Engineering")).await?;
    let inside = add_client(installation, &["Nightly build", "--grant", "client_credentials", "--project", "Engineering"]).await?;
    let outside = add_client(installation, &["Report", "--grant", "client_credentials", "--project", "Sales"]).await?;
    let tokens = Tokens::of(&token(installation, &inside, &[("resource", &installation.resource), ("scope", "docs:read")]).await?)?;
    ensure!(tokens.refresh_token.is_empty() && tokens.scope == "docs:read", "{tokens:?}");
    let ask = json!({"libraryName": "lighthouse", "query": "lamp"});
    let mcp = Mcp::new(&installation.resource, &tokens.access_token, Era::Stateless)?;
    ensure!(mcp.tool("resolve-library-id", ask.clone()).await?.text.contains(LIBRARY));
    let foreign = Tokens::of(&token(installation, &outside, &[]).await?)?;
    let foreign = Mcp::new(&installation.resource, &foreign.access_token, Era::Stateless)?;
    ensure!(!foreign.tool("resolve-library-id", ask).await?.text.contains(LIBRARY));
    let people = installation.run(&["user", "list"]).await?;
    ensure!(!people.contains("client:") && !people.contains("Nightly"), "{people}");

    installation.run(&["client", "remove", text(&inside, "client_id")?]).await?;
    ensure!(token(installation, &inside, &[]).await?.oauth_error()? == "invalid_client");
    // A command line is another process: the server hears of it soon, not in the same instant.
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(15);
    while Answer::of(mcp.request("tools/list", json!({}))).await?.status != 401 {
        ensure!(std::time::Instant::now() < deadline, "the token of a removed client is accepted still");
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    Ok(())
}

/// AS19: a machine client is made for a project that is there, with the grant type that it needs.
async fn a_machine_needs_a_project(installation: &mut Installation) -> Result {
    for arguments in [
        &["Build", "--grant", "client_credentials"][..],
        &["Build", "--grant", "client_credentials", "--project", "Nobody's"],
        &["Build", "--grant", "authorization_code", "--redirect-uri", "https://a.example/cb", "--project", "Engineering"],
    ] {
        let output = installation.docent(&[&["client", "add"], arguments].concat(), "").await?;
        ensure!(output.code == Some(1) && output.stderr.contains("project"), "{arguments:?}: {output:?}");
    }
    ensure!(!installation.run(&["client", "list"]).await?.contains("Build"), "a client without its account was left behind");
    Ok(())
}

/// AS20: identities are linked, listed and unlinked at the command line.
async fn an_operator_links_identities(installation: &mut Installation) -> Result {
    installation.add_person("ada@example.com").await?;
    let add = ["user", "identity", "add", "ada@example.com", "--issuer", "https://idp.example", "--subject", "00u1"];
    installation.run(&add).await?;
    let again = installation.docent(&add, "").await?;
    ensure!(again.code == Some(1) && again.stderr.contains("linked already"), "{again:?}");
    let listed = installation.run(&["user", "identity", "list"]).await?;
    ensure!(listed.contains("00u1") && listed.contains("ada@example.com"), "{listed}");
    let remove = ["user", "identity", "remove", "--issuer", "https://idp.example", "--subject", "00u1"];
    installation.run(&remove).await?;
    ensure!(installation.docent(&remove, "").await?.code == Some(1));
    Ok(())
}

/// AS20: what cannot be trusted as it is configured is refused at the start, in words.
#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_that_cannot_be_trusted_stops_the_start() -> Result {
    for (trusted, words) in [
        (json!([{"issuer": "http://idp.example", "jwks_uri": "https://idp.example/keys"}]), "https"),
        (json!([{"issuer": "https://idp.example"}]), "jwks_uri"),
        (json!([{"issuer": "https://idp.example", "jwks_uri": "https://idp.example/keys", "algorithms": ["HS256"]}]), "HS256"),
        (json!([{"issuer": "https://idp.example", "jwks_uri": "https://idp.example/keys", "accounts": "create"}]), "project"),
        (json!([{"issuer": "https://idp.example", "jwks_file": "/nowhere/keys.json"}]), "/nowhere/keys.json"),
        (json!([{"issuer": "https://idp.example", "jwks_url": "https://idp.example/keys"}]), "jwks_url"),
    ] {
        let started =
            Installation::start_with(installation::Shape::Together, &[("DOCENT__AUTH__TRUSTED_ISSUERS", &trusted.to_string())]).await;
        let error = format!("{:#}", started.err().with_context(|| format!("{trusted} was accepted"))?);
        ensure!(error.contains(words), "{trusted}: {error}");
    }
    Ok(())
}

docent_tests::together_and_split!(a_machine_reads_its_projects_documentation_until_it_is_removed);
docent_tests::in_shape!(sqlite, Together, a_machine_needs_a_project, an_operator_links_identities);
