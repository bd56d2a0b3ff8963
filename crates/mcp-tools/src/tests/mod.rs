//! The tools over HTTP, with real indexes of small folders.

mod calls;
mod fixture;
mod protocol;
mod resources;
