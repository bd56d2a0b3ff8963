//! See [`docent_fuzz::www_authenticate`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| docent_fuzz::www_authenticate(data));
