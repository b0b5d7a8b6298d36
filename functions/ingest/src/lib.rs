//! Accepts certificate events: `POST /api/v1/events`, `/events/batch`, `/relay/{token}` and
//! `/quarantine/{id}/replay`.
//!
//! Trigger: API Gateway. Effects: an idempotency row, an event, what the event says of its credential,
//! and a wake-up in the delivery queue per endpoint that wants it; `202` is answered only after all of
//! them. A webhook that came through a
//! relay and cannot be read becomes a quarantine row instead. Idempotent by the `Idempotency-Key`
//! header, or by what the event's dialect makes unique. Who sends more than the organization's rate is
//! refused with 429 before anything is written, and who has no access with 403. Who retries: the sender; a retry continues
//! with the same event id wherever the first request stopped.

#![forbid(unsafe_code)]

mod batch;
mod config;
mod handler;
mod rate_limit;
mod relay;
mod replay;
mod submit;

pub use config::Config;
pub use handler::Ingest;
