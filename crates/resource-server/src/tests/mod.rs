//! Behaviour of the guard as a whole, over HTTP and with real signatures.

mod api_keys;
mod fixture;
mod guard;
mod issuer;
mod tokens;
