//! Bodies whose dialect has to be recognised.
#![no_main]

libfuzzer_sys::fuzz_target!(|body: &[u8]| payload_fuzz::check(None, body));
