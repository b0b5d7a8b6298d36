//! Sends webhooks: attempts deliveries, records each attempt, plans the next.
//!
//! Trigger: the delivery queue, whose messages are wake-ups. Effects: one HTTP request per wake-up
//! that is due, one conditional write of the delivery's row, one wake-up for the next attempt; none of
//! the first and last where the event cannot be said in the endpoint's dialect, which is counted, and none
//! of the first while the endpoint's circuit is open, or while the organization has no access: then the
//! delivery is held, or cancelled. Of an endpoint that fails its health is written, once
//! per batch; one that is gone, or has failed for days, is disabled. That, and a delivery that was given up,
//! are events of their own for those endpoints that want to know.
//! Idempotent by the row: a wake-up for an attempt that was made is acknowledged without another.
//! A crash between the request and the write repeats the request, with the same `webhook-id`. Who
//! retries: the queue, after its visibility timeout, for what is our fault; the retry schedule for
//! what is the receiver's. A receiver's error is an outcome, never an error of this function.

#![forbid(unsafe_code)]

mod announce;
mod attempt;
mod config;
mod failure;
mod group;
mod handler;
mod known;
mod limits;
mod outcome;
mod plan;
mod record;
mod rendering;
mod signing;

pub use config::Config;
pub use handler::Delivery;
