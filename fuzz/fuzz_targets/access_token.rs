//! See [`docent_fuzz::access_token`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| docent_fuzz::access_token(data));
