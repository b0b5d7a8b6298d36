//! What is said of a credential, and when.

use std::cmp::Reverse;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::id::EventId;

/// When something was said, and by which event: no two events have the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Moment {
    /// When it happened.
    pub at: Timestamp,
    /// The event.
    pub event: EventId,
}

impl Moment {
    /// Of what no event says, but somebody by hand, and after every event of that millisecond.
    pub(super) fn by_hand(now: Timestamp) -> Self {
        let next = now.checked_add(SignedDuration::from_millis(1));
        Self {
            at: now,
            event: EventId::greatest_before(next.unwrap_or(now)),
        }
    }
}

/// What was said, and when: of two the newer one counts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Word<T> {
    pub(super) moment: Moment,
    pub(super) said: T,
}

/// A revocation. Of several the first one counts: the others only repeat it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Revocation {
    pub(super) at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) reason: Option<String>,
}

impl Revocation {
    /// The earlier one; of two at the same time one that has a reason.
    pub(super) fn first(self, other: Self) -> Self {
        let place = |it: &Self| (it.at, Reverse(it.reason.clone()));
        if place(&self) <= place(&other) {
            self
        } else {
            other
        }
    }
}
