//! Toolzz LXP: `{event: {name, slug, send_at}, data: {institution, user, course, school, certified}}`.
//!
//! Source: <https://docs.toolzz.dev/lxp-reference/webhooks/certification/>. Times have no zone:
//! the organization's is assumed and said so. Dates, numbers and the certificate's type come in
//! several writings, within one system; all are read. A certificate has no id of its own, so one
//! is made from what identifies it: institution, user, course and the time of certification.

mod read;
mod write;

pub(super) use read::read;
pub(super) use write::{schema, write};
