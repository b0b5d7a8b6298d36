//! `Stripe-Signature` headers and bodies of events.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: (&[u8], &[u8])| payload_fuzz::stripe::check(input.0, input.1));
