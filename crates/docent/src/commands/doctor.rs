//! `docent doctor`: examines an MCP server, this or any other.

use crate::command_line::Doctor;
use docent_doctor::examine::Progress;
use docent_doctor::text::{Style, render};
use docent_doctor::{Options, Report, Unexaminable, examine};
use docent_types::random::SystemRandomness;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::time::Duration;

/// There is nothing to find fault with.
const CLEAN: u8 = 0;
/// There are findings.
const FINDINGS: u8 = 1;
/// It could not be examined.
const NOT_EXAMINED: u8 = 2;

/// A bar on a terminal, nothing elsewhere.
struct Bar(Option<ProgressBar>);

impl Bar {
    fn new() -> Self {
        Self(std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(0);
            if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}") {
                bar.set_style(style);
            }
            bar
        }))
    }
}

impl Progress for Bar {
    fn at(&self, what: &str, done: usize, total: usize) {
        let Some(bar) = &self.0 else { return };
        bar.set_length(u64::try_from(total).unwrap_or_default());
        bar.set_position(u64::try_from(done).unwrap_or_default());
        bar.set_message(what.to_owned());
        if done == total {
            bar.finish_and_clear();
        }
    }
}

fn style() -> Style {
    let width = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok()).unwrap_or(110);
    let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    Style { colour, width: std::cmp::Ord::clamp(width, 60, 160) }
}

fn print(report: &Report, json: bool) {
    if json {
        println!("{:#}", report.to_json());
    } else {
        print!("{}", render(report, style()));
    }
}

fn print_failure(options: &Doctor, error: &Unexaminable) {
    if options.json {
        println!("{:#}", serde_json::json!({"format": 1, "url": options.url, "error": error.to_string()}));
    }
    eprintln!("docent: {error}");
}

/// Examines the server and prints the report.
pub async fn run(options: &Doctor) -> ExitCode {
    let wanted = Options {
        register: !options.no_register,
        client: options.client.clone(),
        token: options.token.clone(),
        timeout: Duration::from_secs(options.timeout),
        ..Options::default()
    };
    if wanted.register && !options.json {
        eprintln!("Clients are registered at this server as the known clients would do it; --no-register leaves that out.");
    }
    let bar = Bar::new();
    let examined = examine(&options.url, &wanted, &SystemRandomness, &bar).await;
    if let Some(bar) = &bar.0 {
        bar.finish_and_clear();
    }
    ExitCode::from(match examined {
        Ok(report) => {
            print(&report, options.json);
            if report.is_clean() { CLEAN } else { FINDINGS }
        }
        Err(error) => {
            print_failure(options, &error);
            NOT_EXAMINED
        }
    })
}
