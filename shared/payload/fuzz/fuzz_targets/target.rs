//! URLs of endpoints.
#![no_main]

libfuzzer_sys::fuzz_target!(|url: &str| payload_fuzz::target::check(url));
