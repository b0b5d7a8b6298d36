//! `Retry-After` headers, at any time.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: (i64, &str)| payload_fuzz::retry_after::check(
    input.1, input.0
));
