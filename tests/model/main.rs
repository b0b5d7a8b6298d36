//! A model of the protocol that no event is lost by, and a search through every state that it can be in.
//!
//! The tests of the stack show what happens when a process is killed here or there. This model shows what
//! can happen at all: each step of `ingest`, `delivery` and `recovery` that somebody else can notice is a
//! step of the model, and after each of them everything else may happen, and everything may go wrong.
//!
//! # What is modelled
//!
//! - A sender with one submission, which it repeats until it is answered (`ingest.rs`): the idempotency row,
//!   the event, the wake-ups, the answer. One or two endpoints.
//! - A queue that hands out in any order, loses and doubles messages, and hands out again what a worker
//!   died with (`fault.rs`).
//! - Two workers (`deliver.rs`): read, POST, write, wake the next attempt up, acknowledge. A receiver
//!   answers each request as it likes: success, failure, 410. A person may disable the endpoint.
//! - Recovery: the sweep (`sweep.rs`), the look at overdue rows (`look.rs`), the audit of events
//!   without a row (`audit.rs`), each with its watermark. And a replay (`replay.rs`).
//! - Crashes, at every step of everyone. A write that DynamoDB throttles is the same: the message comes back.
//!   A message in the dead-letter queue is a lost one.
//!
//! `holds.rs` checks that with all rules of `rules.rs` all properties of `properties.rs` hold. `removed.rs`
//! takes away one rule at a time, and expects that a property then fails.
//!
//! # Time
//!
//! There is no clock. Whatever takes its time may take any time, except where the protocol relies on one
//! thing being over before another: these are the conditions of `look::is_over` and `audit::can_grow_old`.
//!
//! - A function does not live longer than the look's offset of five minutes, and no message waits longer
//!   in the queue than the look allows for.
//! - Three visibility timeouts (18 minutes) are over before a wake-up is made again a second time (25).
//! - A day after a submission its first wake-ups are in nobody's hand.
//!
//! # What is not modelled
//!
//! - Indexes of DynamoDB that are behind for longer than the look's offset.
//! - Several runs of `recovery` at once (a lease), its pause, and its cap on what is sent again.
//! - Two requests of the sender at once, other submissions, and rows that are deleted at the end of their
//!   retention.
//! - The late looks after 30 minutes and 3 hours: the one after a day finds what they find.
//! - Deferring an attempt. It writes the row on the revision read and wakes the same attempt up again, so a
//!   duplicate of the message is not stale by its number; that it is by its time is shown by the stack.
//! - How long a wait is. What is late but not lost is shown by worlds without the audit.
//!
//! # Reading a counterexample
//!
//! When a property fails, the test prints the steps that lead there and the last state. In the steps, numbers
//! are deliveries, or workers in the order in which the state lists them: it sorts them, so a worker's number
//! changes. Read from the faults (`Crash…`, `Lose`, `Duplicate`): what is at hand there, and who goes on.
//! When the promise fails, nothing but faults is possible in the last state, and its row is still open.
//! The steps are not always the fewest; [`search::counterexample`] finds the fewest.
//!
//! What is lost without each rule, step by step:
//! `cargo test -p tests --test model removed -- --nocapture --test-threads 1`
#![allow(
    clippy::unwrap_used,
    reason = "in a test, what is not there is a failure"
)]

mod actions;
mod actors;
mod bounds;
mod protocol;
mod rules;
mod state;

mod audit;
mod deliver;
mod fault;
mod ingest;
mod look;
mod replay;
mod sweep;

mod properties;
mod search;

mod holds;
mod removed;
