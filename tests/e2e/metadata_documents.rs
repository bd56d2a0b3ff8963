//! Clients that name themselves by the URL of their metadata document, over TLS, from discovery to refresh.

use anyhow::{Context as _, ensure};
use docent_tests::mcp::{Era, Mcp};
use docent_tests::oauth_client::Attempt;
use docent_tests::person::{Decision, visible_text};
use docent_tests::{Installation, OAuthClient, Result, Tokens};
use serde_json::json;

/// AS12: without registration, with a loopback port that is in no document, to tools and refresh.
async fn a_client_connects_by_the_url_of_its_document(installation: &mut Installation) -> Result {
    let person = installation.add_person("ada@example.com").await?;
    for host in ["app.example", "localhost"] {
        let id = installation.documents()?.publish_client(host, "/oauth/client.json", &json!({}));
        let client = OAuthClient::published(installation, &id).await?;
        let tokens = client.connect(&person, Decision::Allow).await.context(id.clone())?;
        Mcp::new(&client.resource, &tokens.access_token, Era::Stateless)?.tools().await?;
        ensure!(tokens.claims()?["client_id"] == id.as_str());
        let again = Tokens::of(&client.refresh(&tokens.refresh_token).await?)?;
        ensure!(again.refresh_token != tokens.refresh_token);
        ensure!(installation.documents()?.requests().iter().filter(|url| **url == id).count() == 1, "fetched more than once");
    }
    Ok(())
}

/// AS12, AS14: the page names the host that publishes the document, and says that a program on this computer asks.
async fn the_consent_page_names_the_host_of_the_document(installation: &mut Installation) -> Result {
    let person = installation.add_person("ada@example.com").await?;
    let id = installation.documents()?.publish_client("app.example", "/client.json", &json!({"client_name": "Friendly"}));
    let client = OAuthClient::published(installation, &id).await?;
    let (_, page, _) = person.come_to_consent(&client.authorization_url(&Attempt::new(), &[])?).await?;
    let words = visible_text(&page.body);
    for wanted in ["Friendly", "app.example", "127.0.0.1:49152", "runs on this computer"] {
        ensure!(words.contains(wanted), "{wanted}: {words}");
    }
    Ok(())
}

/// AS12, AS4: a document that is gone begins nothing and ends nothing.
async fn a_document_that_is_gone_ends_no_connection(installation: &mut Installation) -> Result {
    let person = installation.add_person("ada@example.com").await?;
    let id = installation.documents()?.publish_client("app.example", "/client.json", &json!({}));
    let client = OAuthClient::published(installation, &id).await?;
    let tokens = client.connect(&person, Decision::Allow).await?;
    installation.documents()?.remove(&id);
    // A server that forgot what it knew: it asks again, and is told that there is nothing.
    installation.kill9_and_restart().await?;
    Tokens::of(&client.refresh(&tokens.refresh_token).await?)?;
    let (_, page) = person.open(&client.authorization_url(&Attempt::new(), &[])?).await?;
    ensure!(page.status == 400 && page.body.contains("status 404"), "{page:?}");
    Ok(())
}

docent_tests::with_documents!(
    a_client_connects_by_the_url_of_its_document,
    the_consent_page_names_the_host_of_the_document,
    a_document_that_is_gone_ends_no_connection,
);
