//! Randomness is passed in: nothing but [`SystemRandomness`] reads the machine's source.

use std::sync::Arc;

/// A source of random bytes fit for secrets.
pub trait Randomness: Send + Sync + 'static {
    /// Fills `bytes` whole.
    fn fill(&self, bytes: &mut [u8]);
}

/// A source that is handed around.
pub type SharedRandomness = Arc<dyn Randomness>;

/// The operating system's source.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRandomness;

impl Randomness for SystemRandomness {
    #[expect(
        clippy::disallowed_methods,
        clippy::expect_used,
        reason = "the one place that reads the machine's randomness; without it no secret can be made and going on would be unsafe"
    )]
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("the operating system gives random bytes");
    }
}
