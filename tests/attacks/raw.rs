//! Bytes on a connection, as no HTTP client would send them.

use anyhow::bail;
use docent_tests::{Installation, Result};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// How long an answer may take. Nothing more comes on a connection that stays open after it.
const PATIENCE: Duration = Duration::from_secs(30);
const QUIET: Duration = Duration::from_millis(300);

/// Where the people's origin listens.
///
/// # Errors
/// There is no process.
pub fn address(installation: &mut Installation) -> Result<String> {
    Ok(installation.auth()?.address.trim_start_matches("http://").to_owned())
}

/// The `Host` under which the server knows itself.
pub fn host(address: &str) -> String {
    address.replacen("127.0.0.1", "localhost", 1)
}

/// Sends these bytes and reads what comes, until the connection is closed or nothing more comes.
///
/// # Errors
/// Nobody listens, or nothing is answered in half a minute.
pub async fn send(address: &str, request: &str) -> Result<String> {
    let stream = TcpStream::connect(address).await?;
    let (mut reader, mut writer) = stream.into_split();
    let bytes = request.as_bytes().to_vec();
    // A server that has heard enough closes while we still write: that is no fault, and the answer may be there already. The
    // task keeps the half that writes until the end, since dropping it would tell the server that nothing more comes.
    let writing = tokio::spawn(async move {
        let _ = writer.write_all(&bytes).await;
        writer
    });
    let mut answer = Vec::new();
    let mut buffer = [0; 16 * 1024];
    loop {
        let patience = if answer.is_empty() { PATIENCE } else { QUIET };
        match tokio::time::timeout(patience, reader.read(&mut buffer)).await {
            Ok(Ok(0) | Err(_)) => break,
            Ok(Ok(count)) => answer.extend_from_slice(&buffer[..count]),
            Err(_) if answer.is_empty() => bail!("no answer in {PATIENCE:?} to {request:.200?}"),
            Err(_) => break,
        }
    }
    writing.abort();
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// The statuses of the answers that stand one behind the other.
pub fn statuses(answer: &str) -> Vec<u16> {
    answer.split("HTTP/1.").skip(1).filter_map(|rest| rest.get(2..5)?.parse().ok()).collect()
}
