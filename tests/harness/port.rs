//! Free ports.

use crate::Result;
use anyhow::bail;
use std::hash::{BuildHasher as _, RandomState};
use std::net::TcpListener;
use std::sync::atomic::{AtomicU64, Ordering};

/// Ports below the range from which the kernel takes those of outgoing connections, so that none of them gets in between
/// finding a port and listening on it.
const FIRST: u64 = 12_000;
const COUNT: u64 = 20_000;

static ASKED: AtomicU64 = AtomicU64::new(0);

/// A port of 127.0.0.1 that nobody listens on.
///
/// # Errors
/// None of a hundred that were tried is free.
pub fn free() -> Result<u16> {
    for _ in 0..100 {
        // `RandomState` differs in each process, so tests that run at once ask for different ones.
        let number = RandomState::new().hash_one((std::process::id(), ASKED.fetch_add(1, Ordering::Relaxed)));
        let port = u16::try_from(FIRST + number % COUNT)?;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no free port was found between {FIRST} and {}", FIRST + COUNT)
}
