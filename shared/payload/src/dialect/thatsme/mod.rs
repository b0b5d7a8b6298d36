//! That's Me: `{event, created_at, data}`, times in RFC 3339 with whole seconds.
//!
//! Source: <https://docs.thatsme.com.br/en/api/v1/webhooks/events>. `data.event_id` is the id of
//! a course, not of the event. `certificate_url` and `certificate_hash` are null until the
//! recipient accepts.

mod read;
mod write;

pub(super) use read::read;
pub(super) use write::{schema, write};
