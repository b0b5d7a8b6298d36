//! System tests: the whole product as its users meet it, over HTTP, against a running `local`.
//!
//! Every test starts a stack of its own and makes its own organizations, so the order of tests and
//! what others leave behind never matter. `stack`, `control`, `caller`, `canaries`, `receiver`, `faults`,
//! `gauge`, `later`, `logged`, `native`, `samples`, `matrix`, `resources`, `routes`, `source`, `stripe` and `workspace` are what the
//! tests are written with; each other module holds the tests of one concern.
#![allow(
    clippy::unwrap_used,
    reason = "in a test, what is not there is a failure"
)]

mod caller;
mod canaries;
mod control;
mod faults;
mod gauge;
mod later;
mod logged;
mod matrix;
mod native;
mod receiver;
mod resources;
mod routes;
mod samples;
mod source;
mod stack;
mod stripe;
mod workspace;

mod alarms;
mod architecture;
mod audit_log;
mod batch;
mod billing;
mod bounds;
mod clock;
mod completion;
mod convert;
mod crash;
mod crash_points;
mod credentials;
mod dead_letter;
mod delivery;
mod dialects;
mod directory;
mod dry_run;
mod endpoint_options;
mod endpoints;
mod enrichment;
mod entitlement;
mod erasure;
mod event_types;
mod expiry;
mod fidelity;
mod health;
mod hostile;
mod ingest;
mod input_limits;
mod interop;
mod invoke;
mod isolation;
mod keys;
mod limits;
mod log;
mod no_loss;
mod operational;
mod organizations;
mod quarantine;
mod recovery;
mod refusals;
mod relay;
mod replays;
mod retention;
mod retries;
mod revocation;
mod secrets;
mod signing_keys;
mod starvation;
mod surrogates;
mod targets;
mod template;
mod tenants;
mod time_zones;
mod unmappable;
mod unsigned;
