//! See [`docent_fuzz::token_form`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| docent_fuzz::token_form(data));
