//! The time of one invocation: read once from the clock, and counted since.

use std::time::Instant;

use jiff::{SignedDuration, Timestamp};

/// What time it is. A handler reads the clock once; what is written later in the invocation says when it was
/// written, not when the invocation began.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    read: Timestamp,
    since: Instant,
}

impl Clock {
    /// A clock that was read just now.
    pub fn starting(read: Timestamp) -> Self {
        Self {
            read,
            since: Instant::now(),
        }
    }

    /// When it was read.
    pub fn read(self) -> Timestamp {
        self.read
    }

    /// What time it is.
    pub fn now(self) -> Timestamp {
        let elapsed = SignedDuration::try_from(self.since.elapsed()).unwrap_or_default();
        self.read.checked_add(elapsed).unwrap_or(self.read)
    }
}
