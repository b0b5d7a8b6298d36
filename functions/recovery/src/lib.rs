//! Sees to it that every accepted event gets where it belongs: sends what is due, and finds what was lost.
//!
//! Trigger: a schedule, each minute. Effects: a *sweep* of the index `due` sends the wake-ups of
//! deliveries that wait for longer than the queue keeps a message; an *audit* compares every accepted
//! event with its deliveries and makes lost wake-ups again, three times each, after which the delivery is
//! `stuck` and an alarm reports it; organizations whose access the clock has changed are told, and what was
//! held for it is released; erasures and replays of ranges go on, in turns of one of each organization. One beat
//! through the queue each minute tells how long the queue takes, and while it takes long the audit waits.
//! Idempotent: what is sent twice is stale or a duplicate the receiver knows by its `webhook-id`; how far
//! each part got is kept, and a run that dies is continued by the next one. Who retries: the next run,
//! a minute later. So no trouble is an error of the invocation; it is counted in `recovery_failures`.
//!
//! A run that a person invokes with `{"as_of": "2026-11-21T12:00:00Z"}` acts as if it were that time: retries
//! that are due until then are made at once. With `{"since": "…"}` it looks at everything from then on, as
//! if no run had. Neither keeps how far it got.

#![forbid(unsafe_code)]

mod audit;
mod clock;
mod config;
mod entitlements;
mod erasures;
mod handler;
mod late;
mod replays;
mod report;
mod sweep;
mod turns;
mod verdict;

pub use config::Config;
pub use handler::{Recovery, Request};
pub use report::Report;
