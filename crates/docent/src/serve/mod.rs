//! `docent serve`: roles in one process, from the start to the last answer.

pub mod composition;
mod documents;
mod guide;
mod http;
mod metrics;
mod open_files;
mod readiness;
mod request;
mod slow_bodies;
mod trusted_issuers;
pub mod urls;

use crate::command_line::Serve;
use crate::installation::{DataFolderLock, Installation};
use anyhow::Context as _;
use composition::Parts;
use docent_types::metadata::PublicUrls;
use socket2::SockRef;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use urls::Roles;

/// Connections that may wait until they are taken up (the system may allow fewer). The standard library asks for 128: of more than that at
/// once some would believe that they are connected, and hear nothing until they say something.
const BACKLOG: i32 = 4096;

/// How long a stop waits for what runs.
const STOP: Duration = Duration::from_secs(10);

/// Serves until SIGTERM or SIGINT.
///
/// # Errors
/// In words for the operator: the address is taken, a URL is not one, the folder is in use.
pub async fn run(installation: &Installation, options: &Serve) -> anyhow::Result<()> {
    let roles = Roles::new(&options.roles);
    let is_sqlite = !installation.store.is_postgres();
    if is_sqlite && !roles.all() {
        anyhow::bail!(
            "processes that serve different roles share a Postgres database: set database.url (DOCENT__DATABASE__URL), or serve all roles in one process"
        );
    }
    let _lock = if is_sqlite { Some(DataFolderLock::take(&installation.data)?) } else { None };
    open_files::raise_limit();
    let wanted = urls::listen_address(&installation.configuration, options.listen)?;
    let listener = TcpListener::bind(wanted).with_context(|| format!("cannot listen on {wanted}"))?;
    SockRef::from(&listener).listen(BACKLOG).with_context(|| format!("cannot listen on {wanted}"))?;
    let address = listener.local_addr()?;
    let urls = urls::for_server(&installation.configuration, roles, address)?;

    let parts = composition::compose(installation, roles, &urls, address).await?;
    let server = http::start(&parts, listener, installation.configuration.server.workers)?;
    let handle = server.handle();
    if let Some(listener) = metrics_listener(&installation.configuration.metrics.listen)? {
        actix::spawn(metrics::start(&parts.metrics, &parts.store, listener)?);
    }
    let serving = actix::spawn(server);
    announce(&parts, &urls, address).await?;

    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::select! {
        _ = terminate.recv() => tracing::info!("SIGTERM: finishing what runs"),
        _ = interrupt.recv() => tracing::info!("SIGINT: finishing what runs"),
        ended = serving => {
            ended??;
            anyhow::bail!("the HTTP server ended by itself");
        }
    }
    parts.stop_work();
    let (answered, worked) = tokio::join!(
        tokio::time::timeout(STOP + Duration::from_secs(1), handle.stop(true)),
        tokio::time::timeout(STOP, parts.work_ended()),
    );
    if answered.is_err() {
        tracing::warn!("some requests did not finish in time");
    }
    parts.flush().await;
    tracing::info!("stopped");
    if worked.is_err() {
        // A thread that writes an index cannot be told to stop. Its job is in the queue again, and what it leaves behind is swept.
        std::process::exit(0);
    }
    Ok(())
}

/// Where metrics are told, if anywhere.
fn metrics_listener(configured: &str) -> anyhow::Result<Option<TcpListener>> {
    if configured.is_empty() {
        return Ok(None);
    }
    let address: SocketAddr = configured
        .parse()
        .with_context(|| format!("metrics.listen: \"{configured}\" is not an address and port, such as 127.0.0.1:9464"))?;
    let listener = TcpListener::bind(address).with_context(|| format!("cannot listen on {address} for metrics"))?;
    tracing::info!(address = %listener.local_addr()?, "metrics are told at /metrics");
    Ok(Some(listener))
}

/// What an operator wants to know first, in a few lines. Who started us may have stopped reading: that is no reason to end.
async fn announce(parts: &Arc<Parts>, urls: &PublicUrls, address: SocketAddr) -> anyhow::Result<()> {
    use std::fmt::Write as _;
    let mut text = format!("Docent listens on http://{address}\n");
    if let Some(server) = &parts.authorization_server {
        writeln!(text, "  Pages           {}", urls.issuer)?;
        if let Some(link) = docent_authorization_server::bootstrap_link(server).await? {
            writeln!(text, "  First of all    make the administrator's account, once, with this link:\n                  {link}")?;
        }
    }
    if parts.roles.mcp {
        writeln!(text, "  MCP URL         {}", urls.resource)?;
        writeln!(text, "  Connect         claude mcp add --transport http docs {}", urls.resource)?;
    }
    if parts.roles.worker {
        writeln!(text, "  Add a library   docent library add https://github.com/OWNER/NAME   (or a folder)")?;
    }
    let mut output = std::io::stdout().lock();
    if std::io::Write::write_all(&mut output, text.as_bytes()).and_then(|()| std::io::Write::flush(&mut output)).is_err() {
        tracing::debug!("nobody reads the standard output");
    }
    Ok(())
}
