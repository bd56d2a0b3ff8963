//! The pages of the record and of usage, on a database that `dashboards.sql` filled: whole pages, as a browser gets them.

use crate::load::Connection;
use crate::row;
use crate::server::Server;
use anyhow::Context as _;
use docent_store::{Database, Store};
use docent_types::ids::{SessionId, UserId};
use docent_types::random::SystemRandomness;
use docent_types::secret::Secret;
use docent_types::time::{Clock as _, SystemClock};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// How often each page is asked for.
const TIMES: usize = 40;

/// The pages, with what is asked of each. `{n}` stands for another number each time.
const PAGES: [(&str, &str); 14] = [
    ("activity of a person", "/account/activity"),
    ("usage of a person, 30 days", "/account/usage"),
    ("usage of a person, a year", "/account/usage?days=365"),
    ("audit, the newest", "/admin/audit"),
    ("audit of a person", "/admin/audit?person=generated{n}@bench.invalid"),
    ("audit of an app", "/admin/audit?client=c_generated_{n}"),
    ("audit of a kind", "/admin/audit?kind=sign_in.failed"),
    ("audit of a kind that was never recorded", "/admin/audit?kind=user.disabled"),
    ("audit of a kind by a person", "/admin/audit?kind=grant.created&person=generated{n}@bench.invalid"),
    ("audit of a kind by an app", "/admin/audit?kind=sign_in.failed&client=c_generated_{n}"),
    ("audit of a day half a year ago", "/admin/audit?since={day}&until={day}"),
    ("usage of everybody, a year", "/admin/usage?days=365"),
    ("people", "/admin/people?q=generated{n}"),
    ("apps", "/admin/apps"),
];

/// Prints how long each page took.
///
/// # Errors
/// The server did not start, or a page is not there.
pub async fn measure(url: &str, users: usize, clients: usize) -> anyhow::Result<()> {
    let data = tempfile::tempdir()?;
    let server = Server::start(data.path(), Some(url), false)?;
    let store = Store::connect(&Database::Postgres(url.to_owned()), 2).await?;
    let (cookie, now) = (Secret::generate(&SystemRandomness, ""), SystemClock.now());
    let administrator = UserId(Uuid::parse_str("00000000-0000-7000-8000-000000000000")?);
    let session = SessionId::generate(now, &SystemRandomness);
    store.create_session(session, cookie.hash(), administrator, now, now.after(Duration::from_secs(3600)), None, None).await?;
    let day = now.before(Duration::from_secs(182 * 86_400)).to_rfc3339();
    let mut connection = Connection::open(server.address).await?;
    println!("| page | budget | seen |\n|---|---|---|");
    for (name, path) in PAGES {
        let mut times = Vec::with_capacity(TIMES);
        let most = if path.contains("client=") { clients } else { users };
        for time in 0..TIMES {
            let path = path.replace("{n}", &(time * 7919 % most).to_string()).replace("{day}", day.get(..10).context("no day")?);
            let request = format!(
                "GET {path} HTTP/1.1\r\nHost: {}\r\nAccept: text/html\r\nCookie: docent_session={}\r\n\r\n",
                server.host(),
                cookie.expose()
            );
            let asked = Instant::now();
            let answer = connection.ask(request.as_bytes()).await?;
            times.push(asked.elapsed().as_secs_f64() * 1000.0);
            anyhow::ensure!(answer.status == 200, "{path}: {}", answer.status);
        }
        times.sort_unstable_by(f64::total_cmp);
        row(name, "50 ms", &format!("p50 {:.1} ms, slowest of {TIMES} {:.1} ms", times[TIMES / 2], times[TIMES - 1]));
    }
    Ok(())
}
