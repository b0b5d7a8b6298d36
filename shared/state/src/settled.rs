//! Lists that are followed: what a reader has passed must never get a row behind its back.
//!
//! Such a list is in the order of the times at which its rows were written, as their writers' clocks had it.
//! A reader therefore does not see what is younger than [`SETTLED_AFTER`], and a writer takes care that its
//! row is there by then: it reads the clock right before the write, gives the write up after
//! [`WRITTEN_WITHIN`], and tries again with the time of then. Events have more time: see [`crate::late`].
//!
//!   the writer's clock ── at most a second ── the row is written ── a second to spare ── it is shown
//!
//! That second is for the difference between the clocks of two environments and, where the list is an index,
//! for its delay: together they must be less. Lambda's clocks differ by milliseconds, and an index is usually
//! there within a fraction of a second. A row that is later than all that is missed by who has passed its
//! place, until it changes again.

use std::time::Duration;

use aws_sdk_dynamodb::config::Builder;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::error::SdkError;
use jiff::{SignedDuration, Timestamp};

use crate::clock::Clock;

/// How old a row is before a reader sees it.
pub const SETTLED_AFTER: SignedDuration = SignedDuration::from_secs(2);
/// How long the write of such a row may take.
pub(crate) const WRITTEN_WITHIN: Duration = Duration::from_secs(1);

/// What must be older than the returned time is all there.
pub(crate) fn settled(now: Timestamp) -> Timestamp {
    now.checked_sub(SETTLED_AFTER).unwrap_or(Timestamp::MIN)
}

/// The time for a row that is written next, in the milliseconds in which it is kept.
pub(crate) fn stamp(clock: Clock) -> Timestamp {
    let micros = clock.now().as_microsecond();
    Timestamp::from_millisecond(micros.div_euclid(1_000)).unwrap_or(clock.read())
}

/// The client's settings for a write that is over in time or given up, all attempts of the SDK's counted.
pub(crate) fn within(time: Duration) -> Builder {
    let timeouts = TimeoutConfig::builder().operation_timeout(time);
    aws_sdk_dynamodb::config::Config::builder().timeout_config(timeouts.build())
}

/// Whether a write was given up: nobody knows then whether it was made.
pub(crate) fn was_given_up<E, R>(error: &SdkError<E, R>) -> bool {
    matches!(error, SdkError::TimeoutError(_))
}
