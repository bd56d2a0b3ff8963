//! What a flood of registrations does to those who ask for tokens.

use crate::load::{self, Answer, Figures, post};
use crate::server::Server;
use crate::tokens;
use docent_store::{Database, Store};
use std::cell::Cell;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

/// Of whom the registrations come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Flood {
    None,
    /// From one address.
    One,
    /// Each from another address, as a proxy that is trusted says.
    Many,
}

/// Somebody who registers without a pause, each time another client.
struct Stranger {
    host: String,
    flood: Flood,
    number: usize,
    step: usize,
    seen: Rc<Cell<Seen>>,
}

/// What the strangers were answered.
#[derive(Clone, Copy, Default)]
struct Seen {
    registered: usize,
    refused: usize,
}

fn register(stranger: &mut Stranger) -> Option<Vec<u8>> {
    stranger.number += stranger.step;
    let number = stranger.number;
    let address = match stranger.flood {
        Flood::Many => format!("10.{}.{}.{}", number >> 16 & 255, number >> 8 & 255, number & 255),
        _ => "198.51.100.7".to_owned(),
    };
    let body = format!(
        r#"{{"client_name":"Flood {number}","redirect_uris":["http://127.0.0.1:5000/callback"],"token_endpoint_auth_method":"none"}}"#
    );
    let headers = format!("Content-Type: application/json\r\nX-Forwarded-For: {address}\r\n");
    Some(post("/oauth/register", &stranger.host, &headers, &body))
}

fn count(stranger: &mut Stranger, answer: &Answer) -> bool {
    let mut seen = stranger.seen.get();
    match answer.status {
        201 => seen.registered += 1,
        _ => seen.refused += 1,
    }
    stranger.seen.set(seen);
    true
}

/// Refreshes for `seconds` beside a flood, what the strangers were answered, and the server's memory at the end.
async fn one(data: &Path, postgres: Option<&str>, flood: Flood, connections: usize, seconds: u64) -> anyhow::Result<(Figures, Seen, f64)> {
    let server = Server::start_with(data, postgres, false, &[("DOCENT__SERVER__TRUSTED_PROXIES", "127.0.0.1")])?;
    let database = match postgres {
        Some(url) => Database::Postgres(url.to_owned()),
        None => Database::Sqlite(data.join("docent.sqlite")),
    };
    let callers = tokens::connected(&server, &database).await?;
    let seen = Rc::new(Cell::new(Seen::default()));
    let strangers: Vec<Stranger> = match flood {
        Flood::None => Vec::new(),
        _ => (0..connections)
            .map(|number| Stranger { host: server.host(), flood, number, step: connections, seen: Rc::clone(&seen) })
            .collect(),
    };
    let time = Duration::from_secs(seconds);
    let (refreshed, registered) = tokio::join!(
        load::run(server.address, callers, time, tokens::refresh, tokens::learn),
        load::run(server.address, strangers, time, register, count),
    );
    let memory = server.memory()?;
    drop(server);
    if flood != Flood::None {
        let clients = Store::connect(&database, 1).await?.clients(10_000_000).await?.len();
        eprintln!("{flood:?}: {clients} clients are stored");
    }
    registered?;
    Ok((refreshed?, seen.get(), memory))
}

/// Measures and prints a table.
///
/// # Errors
/// The server did not start, or did not answer.
pub async fn measure(postgres: Option<&str>, connections: usize, seconds: u64) -> anyhow::Result<()> {
    println!("| refreshes of {} callers, beside | refreshes | p50 | p99 | registered | refused | memory |", tokens::CALLERS);
    println!("|---|---|---|---|---|---|---|");
    let mut alone = None;
    for flood in [Flood::None, Flood::One, Flood::Many] {
        let data = tempfile::tempdir()?;
        let (refreshed, seen, memory) = one(data.path(), postgres, flood, connections, seconds).await?;
        let base = *alone.get_or_insert(refreshed.rate);
        let what = match flood {
            Flood::None => "nothing".to_owned(),
            Flood::One => format!("{connections} connections that register, one address"),
            Flood::Many => format!("{connections} connections that register, each time another address"),
        };
        println!(
            "| {what} | {:.0}/s ({:+.0} %){} | {:.1} ms | {:.1} ms | {} | {} | {memory:.0} MiB |",
            refreshed.rate,
            (refreshed.rate / base - 1.0) * 100.0,
            if refreshed.failed > 0 { format!(", **{} failed**", refreshed.failed) } else { String::new() },
            refreshed.p50,
            refreshed.p99,
            seen.registered,
            seen.refused
        );
    }
    Ok(())
}
