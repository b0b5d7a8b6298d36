//! VEC.digital: one flat object, `event` starting with `certificate_application.`.
//!
//! Source: <https://docs-stg.vec.digital/guides/webhook-events/>. `webhook_id` is the id of VEC's
//! endpoint, not of the event. `source` is absent when an application was rejected, which only a
//! customer's can be. The event `approved` is the issue of the certificate.

mod read;
mod write;

pub(super) use read::read;
pub(super) use write::{schema, write};

/// From whom an application may come.
const SOURCES: [&str; 2] = ["vault", "customer"];
/// By what an application may be made.
const TRIGGERS: [&str; 3] = ["single_upload", "bulk_upload", "customer_submission"];
