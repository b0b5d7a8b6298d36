//! The one place that reads the clock.

use jiff::Timestamp;

/// The present moment.
#[expect(
    clippy::disallowed_methods,
    reason = "the local stack stands at the rim: it plays API Gateway, SQS and Lambda, which stamp the time"
)]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}
