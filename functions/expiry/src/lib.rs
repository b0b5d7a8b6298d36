//! Announces the end of the validity of credentials: `credential.expiring` before it, as long as each organization
//! chose, and `credential.expired` when it comes.
//!
//! Trigger: a schedule, each hour. Effects: a run reads what is due from the index `notice`, shard by shard and in
//! pages, has each notice accepted like an event that was posted, and moves the credential on to its next notice.
//! Then it gives the credentials of organizations whose reminders were changed their new places in the index.
//! A credential that expires without being announced, because another superseded it or its organization has no plan,
//! is only changed then, for those who follow the list of changes.
//! Idempotent: the key of a notice is the credential, the day of its end and how long before that it is; so run
//! twice, overlapped or killed in the middle each notice is one event. What was not announced stays in the index:
//! it is how far the checker got. Who retries: the next run. So no trouble is an error of the invocation; it is
//! counted in `expiry_failures`, and `expiry_finished` says whether all that was due was done.
//!
//! A run ends before the function's time does and leaves the rest to the next one. What comes more than a day
//! after its time is marked `late`.

#![forbid(unsafe_code)]

mod announce;
mod clock;
mod config;
mod handler;
mod report;
mod reschedule;

pub use config::Config;
pub use handler::Expiry;
pub use report::Report;
