//! `CertDirectory` Credentials: `{id, type, createdAt, data}`.
//!
//! Source: <https://docs.credentials.certdirectory.io/api/webhooks/>, where webhooks are a plan:
//! one of six payloads has an example. Required is what that example and the REST API make
//! certain; further members are read under the names of the REST API and otherwise kept. The
//! example's literal `"..."` member is a placeholder and dropped.

mod read;
mod write;

pub(super) use read::read;
pub(super) use write::{schema, write};
