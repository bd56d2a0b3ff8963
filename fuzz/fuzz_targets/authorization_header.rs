//! See [`docent_fuzz::authorization_header`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| docent_fuzz::authorization_header(data));
