//! The token endpoint beside very many rows: the same load on an empty database and on one that `scale.sql` filled, in turns.

use crate::load::{Answer, Figures, post};
use crate::server::Server;
use crate::tokens::{self, FORM, Party, VERIFIER};
use anyhow::Context as _;
use docent_store::Database;
use docent_types::ids::{ClientId, ProjectId, UserId};
use std::path::Path;
use std::time::Duration;
use uuid::Uuid;

/// How many rows `scale.sql` makes.
#[derive(Clone, Copy)]
pub struct Rows {
    /// People, each with a project of their own.
    pub users: usize,
    /// Clients.
    pub clients: usize,
    /// Grants, each with a family of five refresh tokens of which the last is unused.
    pub grants: usize,
}

impl Rows {
    /// The party of the `number`th code, spread over all rows.
    fn party(self, number: usize) -> Party {
        let id = |kind: &str, number: usize| Uuid::parse_str(&format!("00000000-0000-7000-{kind}-{number:012x}")).unwrap_or_default();
        let user = number * 7919 % self.users;
        Party {
            user: UserId(id("8000", user)),
            project: ProjectId(id("9000", user)),
            client: ClientId(format!("c_generated_{}", number * 104_729 % self.clients)),
        }
    }

    /// An unused refresh token with its client, spread over all rows.
    fn token(self, number: usize) -> (String, String) {
        let grant = number * 15_485_863 % self.grants;
        (format!("dr_generated_{grant}_4"), format!("c_generated_{}", grant % self.clients))
    }
}

/// Seconds before each measure in which the same is done and not counted.
const WARM: u64 = 2;

/// What is asked at a time, and for how long.
#[derive(Clone, Copy)]
pub struct Load {
    /// Callers, each with one request under way.
    pub callers: usize,
    /// Seconds of each measure.
    pub seconds: u64,
}

struct Caller {
    host: String,
    /// What is sent next, each once: a code or a token, and its client.
    waiting: Vec<(String, String)>,
    /// The refresh tokens that came, with their clients.
    given: Vec<(String, String)>,
    client: String,
}

fn learn(caller: &mut Caller, answer: &Answer) -> bool {
    let Ok(body) = serde_json::from_slice::<serde_json::Value>(&answer.body) else { return false };
    let Some(token) = body["refresh_token"].as_str() else {
        eprintln!("{} {body}", answer.status);
        return false;
    };
    caller.given.push((token.to_owned(), caller.client.clone()));
    true
}

fn exchange(caller: &mut Caller) -> Option<Vec<u8>> {
    let (code, client) = caller.waiting.pop()?;
    let body = format!(
        "grant_type=authorization_code&code={code}&client_id={client}&code_verifier={VERIFIER}&redirect_uri=http%3A%2F%2Flocalhost%3A7777%2Fcallback"
    );
    caller.client = client;
    Some(post("/oauth/token", &caller.host, FORM, &body))
}

fn refresh(caller: &mut Caller) -> Option<Vec<u8>> {
    let (token, client) = caller.waiting.pop()?;
    let body = format!("grant_type=refresh_token&refresh_token={token}&client_id={client}");
    caller.client = client;
    Some(post("/oauth/token", &caller.host, FORM, &body))
}

fn callers(host: &str, waiting: &[(String, String)], count: usize) -> Vec<Caller> {
    waiting
        .chunks((waiting.len() / count).max(1))
        .take(count)
        .map(|some| Caller { host: host.to_owned(), waiting: some.to_vec(), given: Vec::new(), client: String::new() })
        .collect()
}

/// Runs for `warm` without counting, then counts for `time`. A server that was just started prepares its statements, which neither database
/// should be blamed for.
async fn counted(
    server: &Server,
    callers: Vec<Caller>,
    load: Load,
    next: fn(&mut Caller) -> Option<Vec<u8>>,
) -> anyhow::Result<(Figures, Vec<Caller>)> {
    let (warm, time) = (Duration::from_secs(WARM), Duration::from_secs(load.seconds));
    let (_, callers) = crate::load::run_and_keep(server.address, callers, warm, next, learn).await?;
    crate::load::run_and_keep(server.address, callers, time, next, learn).await
}

/// Exchanges codes, then refreshes tokens; each code and each token is sent once. `rows` says what the database was filled with, `round`
/// which of them were used before.
///
/// # Errors
/// The server did not start, or did not answer.
pub async fn measure(data: &Path, url: &str, rows: Option<Rows>, load: Load, round: usize) -> anyhow::Result<(Figures, Figures)> {
    let server = Server::start(data, Some(url), false)?;
    let host = server.host();
    let count = 5_000 * usize::try_from(load.seconds + WARM)?;
    let database = Database::Postgres(url.to_owned());
    let resource = format!("http://{host}/mcp");
    let made = match rows {
        Some(rows) => tokens::codes(&database, &resource, count, Some(&|number| rows.party(round * count + number))).await?,
        None => tokens::codes(&database, &resource, count, None).await?,
    };
    let waiting: Vec<(String, String)> =
        made.iter().filter_map(|line| line.split_once('\u{0}')).map(|(code, client)| (code.to_owned(), client.to_owned())).collect();
    let (exchanged, after) = counted(&server, callers(&host, &waiting, load.callers), load, exchange).await?;
    let waiting: Vec<(String, String)> = match rows {
        Some(rows) => (0..count).map(|number| rows.token(round * count + number)).collect(),
        // Those that are generated were refreshed before, and so have a parent that is to be superseded: these too.
        None => {
            let first: Vec<(String, String)> = after.into_iter().flat_map(|caller| caller.given).collect();
            let long_enough = Duration::from_secs(60);
            let callers = callers(&host, &first, load.callers);
            let (_, after) = crate::load::run_and_keep(server.address, callers, long_enough, refresh, learn).await?;
            after.into_iter().flat_map(|caller| caller.given).collect()
        }
    };
    let (refreshed, _) = counted(&server, callers(&host, &waiting, load.callers), load, refresh).await?;
    Ok((exchanged, refreshed))
}

/// Measures both databases in turns and prints a table.
///
/// # Errors
/// A measure failed.
pub async fn run(empty: &str, filled: &str, rows: Rows, load: Load, rounds: usize) -> anyhow::Result<()> {
    let mut seen: [[Vec<Figures>; 2]; 2] = Default::default();
    // The signing keys in a database are sealed by the master key in its data folder.
    let folders = [tempfile::tempdir()?, tempfile::tempdir()?];
    for round in 0..rounds {
        for (at, (url, rows)) in [(empty, None), (filled, Some(rows))].into_iter().enumerate() {
            let (exchange, refresh) = measure(folders[at].path(), url, rows, load, round).await?;
            for (which, figures) in [exchange, refresh].into_iter().enumerate() {
                eprintln!(
                    "round {round}, database {at}, measure {which}: {:.0}/s, p99 {:.1} ms, {} failed",
                    figures.rate, figures.p99, figures.failed
                );
                seen[which][at].push(figures);
            }
        }
    }
    println!("| what, {} callers, median of {rounds} rounds | empty | filled | p99, filled by empty |\n|---|---|---|---|", load.callers);
    for (which, name) in ["code exchange", "refresh"].into_iter().enumerate() {
        let median = |of: &[Figures], what: fn(&Figures) -> f64| -> anyhow::Result<f64> {
            let mut all: Vec<f64> = of.iter().map(what).collect();
            all.sort_unstable_by(f64::total_cmp);
            all.get(all.len() / 2).copied().context("nothing was measured")
        };
        let one = |of: &[Figures]| -> anyhow::Result<(String, f64)> {
            let failed: usize = of.iter().map(|figures| figures.failed).sum();
            anyhow::ensure!(failed == 0, "{failed} requests failed");
            let (rate, p50, p99) = (median(of, |f| f.rate)?, median(of, |f| f.p50)?, median(of, |f| f.p99)?);
            Ok((format!("{rate:.0}/s, p50 {p50:.1} ms, p99 {p99:.1} ms"), p99))
        };
        let ((empty, before), (filled, after)) = (one(&seen[which][0])?, one(&seen[which][1])?);
        println!("| {name} | {empty} | {filled} | {:.2} |", after / before);
    }
    Ok(())
}
