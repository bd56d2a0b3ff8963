//! Progress of an ingest: a bar on a terminal, lines elsewhere.

use crate::actors::ingestion::in_words;
use docent_library::source::{Progress, Stage};
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal as _;
use std::sync::Mutex;

/// Shows progress on stderr.
pub struct Shown {
    bar: Option<ProgressBar>,
    last: Mutex<Option<(Stage, u64)>>,
}

impl Default for Shown {
    fn default() -> Self {
        Self::new()
    }
}

impl Shown {
    /// A bar if stderr is a terminal.
    #[must_use]
    pub fn new() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(0);
            if let Ok(style) = ProgressStyle::with_template("{msg:12} {bar:40} {pos}/{len}") {
                bar.set_style(style);
            }
            bar
        });
        Self { bar, last: Mutex::new(None) }
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl Progress for Shown {
    fn stage(&self, stage: Stage, done: u64, total: u64) {
        if let Some(bar) = &self.bar {
            bar.set_message(in_words(stage));
            bar.set_length(total);
            bar.set_position(done);
            return;
        }
        // Lines: one when a stage begins and one each tenth.
        let tenth = done.saturating_mul(10).checked_div(total).unwrap_or(0);
        if let Ok(mut last) = self.last.lock()
            && *last != Some((stage, tenth))
        {
            *last = Some((stage, tenth));
            eprintln!("{}: {done}/{total}", in_words(stage));
        }
    }
}
