//! The expiry checker with a clock of the test's own, and with everything going wrong.
//!
//! The checker, what accepts events and the SDK's clients are the real ones; what they ask is answered inside of
//! the test (`backend.rs`), from tables that are made as the template says (`tables.rs`). So a year passes in no
//! time, a run is killed before or after any of its writes (`life.rs`), and what two runs ask at once comes in any
//! order.
//!
//! `steps.rs` says what happens at random, `story.rs` tells it, `world.rs` does it. After each step `look.rs`
//! compares what was announced with what should have been by `model.rs`. `killed.rs` kills a run at each write of
//! one notice, `order.rs` has orders that chance finds rarely, `retention.rs` what comes after events are no longer
//! kept, `unseen.rs` ends without an announcement, `runs.rs` what a run says that could not do everything; `cost.rs`
//! and `scale.rs` count what a run asks.
//!
//! Not here: how indexes lag behind their tables, and keys that are free again after 400 days.
#![allow(
    clippy::unwrap_used,
    reason = "in a test, what is not there is a failure"
)]

mod backend;
mod cost;
mod killed;
mod life;
mod look;
mod model;
mod order;
mod property;
#[path = "../it/resources.rs"]
mod resources;
mod retention;
mod runs;
mod scale;
mod steps;
mod story;
mod tables;
mod unseen;
mod world;
