//! A server without a way to the internet, and a client that names itself by its makers' document as soon as documents are advertised.

use crate::clients::CODEX;
use crate::story;
use anyhow::{Context as _, ensure};
use docent_tests::http::{self, Answer};
use docent_tests::person::visible_text;
use docent_tests::{Installation, Result, Shape};

const DOCUMENT: &str = "https%3A%2F%2Fchatgpt.com%2Foauth%2Fcodex%2Fclient.json";

/// AS12: the first attempt of any known client tells the server that it is cut off; from then on Codex registers, and connects.
#[test]
fn codex_connects_to_a_server_without_a_way_to_the_internet() -> Result {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        // Nobody listens there: as good as no internet.
        let nowhere = [("DOCENT__CLIENTS__METADATA_DOCUMENT_HOSTS_ALLOWED", "chatgpt.com=127.0.0.1:9")];
        let installation = Installation::start_recorded(Shape::Together, &nowhere).await?;
        ensure!(advertised(&installation).await?, "documents are not advertised at the start");
        let client = http::client()?;
        let attempt = format!("{}/oauth/authorize?response_type=code&client_id={DOCUMENT}", installation.issuer);
        let page = Answer::of(client.get(&attempt)).await?;
        let words = visible_text(&page.body);
        ensure!(page.status == 400 && words.contains("Connect again from the application"), "{} {words}", page.status);
        ensure!(!advertised(&installation).await?, "documents are still advertised");
        story::connects_and_calls(&installation, CODEX).await
    })
}

async fn advertised(installation: &Installation) -> Result<bool> {
    let url = format!("{}/.well-known/oauth-authorization-server", installation.issuer);
    let metadata = Answer::of(http::client()?.get(&url)).await?.expect(200).context("metadata")?;
    Ok(metadata["client_id_metadata_document_supported"] == true)
}
