//! What the command line does besides serving. All of it works while a server runs on the same database.

pub mod client;
pub mod client_token;
pub mod doctor;
pub mod eval;
pub mod key;
pub mod library;
pub mod model;
pub mod project;
pub mod record;
pub mod user;

use crate::configuration::Effective;
use anyhow::{Context as _, bail};
use std::io::{Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::Duration;

/// Prints `docent config show`.
pub fn show_configuration(effective: &[Effective]) {
    let widest = effective.iter().map(|row| row.key.name.len()).max().unwrap_or(0);
    for row in effective {
        let value = if row.value.is_empty() { "(empty)" } else { &row.value };
        println!("{:widest$} = {value}    [{}]", row.key.name, row.origin);
    }
}

/// Asks `/readyz` of a running server.
///
/// # Errors
/// It is not reachable, or says that it cannot serve.
pub fn healthcheck(url: &str) -> anyhow::Result<()> {
    let url = url::Url::parse(url).context("give the server's URL, for example http://127.0.0.1:8080")?;
    let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else { bail!("the URL has no host") };
    if url.scheme() != "http" {
        bail!("the health check speaks plain http to the process itself, not to the proxy before it");
    }
    let address = format!("{host}:{port}");
    let target = address.to_socket_addrs()?.next().with_context(|| format!("{host} has no address"))?;
    let mut stream =
        TcpStream::connect_timeout(&target, Duration::from_secs(3)).with_context(|| format!("nothing answers at {address}"))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    write!(stream, "GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.take(64 * 1024).read_to_string(&mut answer)?;
    let status = answer.lines().next().unwrap_or_default();
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    println!("{body}");
    if status.split(' ').nth(1) == Some("200") { Ok(()) } else { bail!("{address} cannot serve: {status}") }
}

/// A table with aligned columns.
pub(crate) fn print_table(head: &[&str], rows: &[Vec<String>]) {
    let widths: Vec<usize> = head
        .iter()
        .enumerate()
        .map(|(column, title)| rows.iter().map(|row| row[column].chars().count()).chain([title.chars().count()]).max().unwrap_or(0))
        .collect();
    let print = |cells: &mut dyn Iterator<Item = &str>| {
        let line: Vec<String> = cells.zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        println!("{}", line.join("  ").trim_end());
    };
    print(&mut head.iter().copied());
    for row in rows {
        print(&mut row.iter().map(String::as_str));
    }
}
