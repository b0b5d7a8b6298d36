//! The time of one run: what time it is, and whether there is any left.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use state::Clock;

/// The time of a run, read once from the clock and since then counted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RunTime {
    pub(crate) clock: Clock,
    ends: Instant,
}

impl RunTime {
    /// A run that begins at `now` and may take as long as `budget`.
    pub(crate) fn starting(now: Timestamp, budget: Duration) -> Self {
        Self {
            clock: Clock::starting(now),
            ends: Instant::now() + budget,
        }
    }

    /// Until when what is due is announced by this run: what becomes due while it runs is for the next one.
    pub(crate) fn began_at(self) -> Timestamp {
        self.clock.read()
    }

    /// Whether there is time to begin something.
    pub(crate) fn is_left(self) -> bool {
        Instant::now() < self.ends
    }
}
