//! Certificate events as plain data: the canonical event, the dialects it arrives in, the
//! signature it leaves with, and the rules of its delivery; what is told of its delivery.
//!
//! Everything here is a pure function over values: no AWS type, no I/O, no clock. The caller
//! passes the time and the randomness. Bad input is a value too ([`fault::Faults`]): all faults
//! of a body at once, each with the JSON pointer of the place.

#![forbid(unsafe_code)]

pub mod billing;
pub mod catalogue;
pub mod convert;
mod credential_status;
pub mod custom_headers;
pub mod depth;
pub mod dialect;
pub mod email;
pub mod event;
pub mod event_type;
pub mod expiry;
pub mod fault;
pub mod fields;
pub mod id;
pub mod idempotency;
pub mod key_pair;
pub mod known;
pub mod lifecycle;
pub mod operational;
pub mod receiver_auth;
pub mod retry;
pub mod retry_after;
pub mod secret;
pub mod signature;
pub mod target;
pub mod timestamp;
pub mod token;
pub mod unmappable;
pub mod vocabulary;
pub mod webhook;
