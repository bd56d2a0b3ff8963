//! `docent-bench`: measures Docent against its budgets. `scripts/bench` pins it, starts Postgres and the peers, and keeps the tables.

mod dashboards;
mod documentation;
mod flood;
mod guard;
mod load;
mod retrieval;
mod scale;
mod server;
mod tokens;
mod tools;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use docent_types::metadata::PublicUrls;
use server::Server;
use std::path::PathBuf;

/// Measures Docent against its budgets; prints Markdown tables.
#[derive(Parser)]
struct Options {
    /// The folder with `corpora/` and `eval/`; without it retrieval is left out, loudly.
    #[arg(long, global = true)]
    shared: Option<PathBuf>,
    /// A Postgres to measure the token endpoint on; without it that row is left out, loudly.
    #[arg(long, global = true)]
    postgres: Option<String>,
    /// Seconds of each load.
    #[arg(long, global = true, default_value_t = 6)]
    seconds: u64,
    /// One measure alone.
    #[command(subcommand)]
    only: Option<Only>,
}

/// Measures that take long, each alone.
#[derive(Subcommand)]
enum Only {
    /// The token endpoint on an empty Postgres and on one that scale.sql filled, in turns.
    Scale {
        /// The URL of the empty database.
        #[arg(long)]
        empty: String,
        /// The URL of the filled one.
        #[arg(long)]
        filled: String,
        /// People in it.
        #[arg(long)]
        users: usize,
        /// Clients in it.
        #[arg(long)]
        clients: usize,
        /// Grants in it.
        #[arg(long)]
        grants: usize,
        /// How often each is measured.
        #[arg(long, default_value_t = 5)]
        rounds: usize,
        /// How many ask at a time.
        #[arg(long, default_value_t = 64)]
        callers: usize,
    },
    /// Reading Markdown and a large repository: speed and memory.
    Reading {
        /// Megabytes of Markdown.
        #[arg(long, default_value_t = 300)]
        markdown: u64,
        /// Megabytes of the repository; 0 leaves it out.
        #[arg(long, default_value_t = 2_000)]
        repository: u64,
        /// Megabytes of Markdown in the repository.
        #[arg(long, default_value_t = 200)]
        documentation: u64,
    },
    /// Vectors, and questions to 50,000 snippets by words and by meaning.
    Meaning {
        /// The folder of a model, as `docent model install` makes it.
        #[arg(long)]
        model: PathBuf,
    },
    /// Many libraries on one node.
    Libraries {
        /// How many.
        #[arg(long, default_value_t = 10_000)]
        count: usize,
    },
    /// The pages of the record and of usage, on a Postgres that dashboards.sql filled.
    Dashboards {
        /// People in it.
        #[arg(long)]
        users: usize,
        /// Clients in it.
        #[arg(long)]
        clients: usize,
    },
    /// Refreshes of 64 callers, alone and beside a flood of registrations.
    Flood {
        /// How many connections register, each without a pause.
        #[arg(long, default_value_t = 64)]
        connections: usize,
    },
}

/// A row of a table.
pub(crate) fn row(what: &str, budget: &str, seen: &str) {
    println!("| {what} | {budget} | {seen} |");
}

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    actix::System::new().block_on(tokio::task::LocalSet::new().run_until(run(options)))
}

async fn run(options: Options) -> anyhow::Result<()> {
    match options.only {
        None => all(options).await,
        Some(Only::Reading { markdown, repository, documentation }) => {
            let shared = options.shared.context("--shared FOLDER is needed")?;
            documentation::reading(&shared, markdown)?;
            if repository > 0 { documentation::repository(&shared, repository, documentation) } else { Ok(()) }
        }
        Some(Only::Meaning { model }) => documentation::meaning(&options.shared.context("--shared FOLDER is needed")?, &model),
        Some(Only::Libraries { count }) => documentation::many(&options.shared.context("--shared FOLDER is needed")?, count).await,
        Some(Only::Dashboards { users, clients }) => {
            dashboards::measure(&options.postgres.context("--postgres URL is needed")?, users, clients).await
        }
        Some(Only::Flood { connections }) => flood::measure(options.postgres.as_deref(), connections, options.seconds).await,
        Some(Only::Scale { empty, filled, users, clients, grants, rounds, callers }) => {
            let load = scale::Load { callers, seconds: options.seconds };
            scale::run(&empty, &filled, scale::Rows { users, clients, grants }, load, rounds).await
        }
    }
}

async fn all(options: Options) -> anyhow::Result<()> {
    println!("| what | budget | seen |\n|---|---|---|");
    let mut starts = Vec::new();
    let mut idle = 0.0;
    for _ in 0..5 {
        let data = tempfile::tempdir()?;
        let server = Server::start(data.path(), None, false)?;
        starts.push(server.start.as_secs_f64() * 1000.0);
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
        idle = server.memory()?;
    }
    starts.sort_unstable_by(f64::total_cmp);
    row("start, all roles, SQLite, empty, to the first answer (median of 5)", "150 ms", &format!("{:.0} ms", starts[2]));
    row("memory, idle, all roles", "60 MB", &format!("{idle:.0} MiB"));
    let size = std::fs::metadata(server::binary()?)?.len() as f64 / 1e6;
    row("binary", "60 MB", &format!("{size:.0} MB"));

    let data = tempfile::tempdir()?;
    let sqlite = tokens::measure(data.path(), None, options.seconds).await?;
    let show = |figures: &load::Figures| {
        format!(
            "{:.0}/s, p50 {:.1} ms, p99 {:.1} ms{}",
            figures.rate,
            figures.p50,
            figures.p99,
            if figures.failed > 0 { format!(", **{} failed**", figures.failed) } else { String::new() }
        )
    };
    row("code exchange, SQLite, 64 callers", "8,000/s", &show(&sqlite.exchange));
    row("refresh, SQLite, 64 callers", "8,000/s", &show(&sqlite.refresh));
    match &options.postgres {
        Some(url) => {
            let other = tempfile::tempdir()?;
            let postgres = tokens::measure(other.path(), Some(url), options.seconds).await?;
            row("code exchange, Postgres, 64 callers", "8,000/s", &show(&postgres.exchange));
            row("refresh, Postgres, 64 callers", "8,000/s", &show(&postgres.refresh));
        }
        None => eprintln!("NOT MEASURED: Postgres (no --postgres URL)"),
    }

    // A server of its own port has another resource: the tokens of this one are made by it.
    let server = Server::start(data.path(), None, true)?;
    let host = server.host();
    let database = docent_store::Database::Sqlite(data.path().join("docent.sqlite"));
    let token = tokens::one(&server, &database).await?;
    let urls = PublicUrls { issuer: format!("http://{host}"), resource: format!("http://{host}/mcp") };
    let mut connection = load::Connection::open(server.address).await?;
    let keys = connection.ask(format!("GET /oauth/jwks HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes()).await?;
    let (new, seen) = guard::measure(urls, serde_json::from_slice(&keys.body).context("no keys")?, &token).await?;
    row("guard of a request, token new", "100 µs", &format!("{new:.0} µs"));
    let limit = guard::limit();
    row("limits of a request, held locally: user, project and key", "2 µs", &format!("{limit:.2} µs"));
    row("guard of a request, token seen before", "5 µs", &format!("{seen:.1} µs"));
    for era in ["2025-11-25", "2026-07-28"] {
        let trivial = tools::measure(&server, &token, era, "/no/such", "how to retry", options.seconds).await?;
        row(&format!("tools/call, trivial, {era}, 16 connections"), "10,000/s", &show(&trivial));
        let real = tools::measure(&server, &token, era, "/docent/docs", "how do I add a private library?", options.seconds).await?;
        row(&format!("tools/call query-docs in the guide, {era}, 16 connections"), "-", &show(&real));
    }
    row("memory after that", "-", &format!("{:.0} MiB", server.memory()?));
    drop(server);

    match &options.shared {
        Some(shared) => {
            println!("\n| library | pages | snippets | ingest | first answer | query p50 | query p99 |\n|---|---|---|---|---|---|---|");
            for one in retrieval::measure(shared)? {
                println!(
                    "| {} | {} | {} | {:.1} s | {:.1} ms | {:.2} ms | {:.2} ms |",
                    one.name, one.pages, one.snippets, one.ingest, one.cold, one.p50, one.p99
                );
            }
            println!("\nBudget in a library of 50,000 snippets: p50 3 ms, p99 15 ms; first answer 50 ms.");
        }
        None => eprintln!("NOT MEASURED: retrieval (no --shared FOLDER)"),
    }
    Ok(())
}
