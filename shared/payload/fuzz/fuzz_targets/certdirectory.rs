//! Bodies named as `certdirectory`.
#![no_main]

use payload::dialect::Dialect;

libfuzzer_sys::fuzz_target!(|body: &[u8]| payload_fuzz::check(Some(Dialect::Certdirectory), body));
