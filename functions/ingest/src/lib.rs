//! Accepts certificate events: `POST /api/v1/events` and `POST /api/v1/events/batch`.
//!
//! Trigger: API Gateway. Effects: an idempotency row, an event, and a wake-up in the delivery queue
//! per endpoint that wants it; `202` is answered only after all of them. Idempotent by the
//! `Idempotency-Key` header, or by what the event's dialect makes unique. Who retries: the sender; a
//! retry continues with the same event id wherever the first request stopped.

#![forbid(unsafe_code)]

mod batch;
mod config;
mod handler;
mod submit;

pub use config::Config;
pub use handler::Ingest;
