//! See [`docent_fuzz::metadata_document`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| docent_fuzz::metadata_document(data));
