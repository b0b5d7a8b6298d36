//! Everything a person or a platform manages and reads: organizations, keys, endpoints, relays, credentials,
//! events, deliveries, the quarantine.
//!
//! Trigger: API Gateway, every route of `/api/v1` that no other function has. Effects: rows of
//! Accounts; a retry by hand writes the delivery's row and sends a wake-up; a test, and that an endpoint was
//! enabled or disabled, are events; what is quarantined can be deleted; the end of a credential's validity is its row in
//! Credentials. Reads are free of effects, but for counting those of lists that are followed.
//! Each change is a line of the organization's audit log, written with it or before it.
//! Creating and testing are not idempotent; changing is guarded by a revision, deleting and revoking can be
//! repeated. Who retries: the caller.

#![forbid(unsafe_code)]

mod allowance;
mod audit;
mod billing;
mod config;
mod convert;
mod credentials;
mod deliveries;
mod directory;
mod endpoints;
mod erasures;
mod event_types;
mod events;
mod handler;
mod keys;
mod organizations;
mod page;
mod quarantine;
mod relays;
mod replays;
mod reseal;
mod resend;
mod signing_keys;

pub use config::Config;
pub use handler::Api;
