//! The webhook of a library: a forge tells of pushes, so that nobody waits for the schedule.

use crate::installation::Installation;
use crate::serve::urls;
use docent_store::StoredLibrary;
use docent_types::library_id::LibraryId;
use docent_types::secret::Secret;

/// Where a forge sends its pushes.
pub(super) fn url(installation: &Installation, id: &LibraryId) -> anyhow::Result<String> {
    Ok(format!("{}/webhooks{id}", urls::for_commands(&installation.configuration)?.issuer_origin()))
}

/// `docent library webhook`.
pub(super) async fn run(installation: &Installation, library: &StoredLibrary, off: bool) -> anyhow::Result<()> {
    let id = &library.entry.id;
    if off {
        installation.store.set_webhook_secret(library.entry.row, None).await?;
        println!("{id} takes no webhooks any more.");
        return Ok(());
    }
    let url = url(installation, id)?;
    let secret = Secret::generate(&*installation.randomness, "whs_");
    installation.store.set_webhook_secret(library.entry.row, Some(&secret)).await?;
    println!("The webhook of {id}. The secret is not shown again; an earlier one has ended.");
    println!("  URL      {url}");
    println!("  Secret   {}", secret.expose());
    println!("  GitHub   Settings, Webhooks: content type application/json, the secret, only the push event");
    println!("  GitLab   Settings, Webhooks: the secret as secret token, push events and tag push events");
    println!("  Gitea    Settings, Webhooks, Gitea: POST, application/json, the secret, push events");
    Ok(())
}
