//! What a table of attacks came to: every hole is named, not only the first.

use anyhow::ensure;
use docent_tests::Result;

/// The attacks of one test that got through, or that were answered in the wrong way.
#[derive(Debug, Default)]
pub struct Verdicts {
    tried: usize,
    failed: Vec<String>,
}

impl Verdicts {
    /// Nothing was tried yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes what became of one attack.
    pub fn add(&mut self, label: impl std::fmt::Display, outcome: Result) {
        self.tried += 1;
        if let Err(error) = outcome {
            self.failed.push(format!("{label}: {error:#}"));
        }
    }

    /// Fails with all that went wrong; and if nothing was tried.
    ///
    /// # Errors
    /// As said.
    pub fn end(self) -> Result {
        ensure!(self.tried > 0, "no attack was tried");
        ensure!(self.failed.is_empty(), "{} of {} attacks:\n{}", self.failed.len(), self.tried, self.failed.join("\n"));
        Ok(())
    }
}
