//! Log lines go to stderr: human on a terminal, JSON where asked for.

use crate::command_line::LogFormat;
use tracing_subscriber::EnvFilter;

/// Starts logging. `RUST_LOG` wins over `level`.
pub fn start(format: LogFormat, level: &str) {
    // What these say at `info` is for their developers.
    let quieted = format!("sea_orm_migration=warn,actix_server=warn,sqlx=warn,{level}");
    let filter = EnvFilter::try_from_default_env().or_else(|_| EnvFilter::try_new(quieted)).unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match format {
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
        LogFormat::Human => lines.with_target(false).with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).try_init(),
    };
    if started.is_err() {
        // Another subscriber is there already: only tests do that.
    }
}
