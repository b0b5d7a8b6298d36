//! The time of one run: what time it is, and how much of it is left.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

/// The time, read once from the clock and since then counted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    read: Timestamp,
    as_of: Timestamp,
    started: Instant,
    budget: Duration,
}

impl Clock {
    /// A run that began at `read`, acts as if that were `as_of`, and may take as long as `budget`.
    pub(crate) fn new(read: Timestamp, as_of: Option<Timestamp>, budget: Duration) -> Self {
        Self {
            read,
            // What is written as if it were earlier would lie behind every watermark.
            as_of: as_of.map_or(read, |as_of| as_of.max(read)),
            started: Instant::now(),
            budget,
        }
    }

    /// What time it is for what is due.
    pub(crate) fn now(self) -> Timestamp {
        self.since(self.as_of)
    }

    /// What time it is in truth, which is what the queue goes by, and what is written into rows.
    pub(crate) fn true_now(self) -> Timestamp {
        self.since(self.read)
    }

    fn since(self, start: Timestamp) -> Timestamp {
        let elapsed = SignedDuration::try_from(self.started.elapsed()).unwrap_or_default();
        start.checked_add(elapsed).unwrap_or(start)
    }

    /// How much time is left until this share of it, in percent, is used up.
    pub(crate) fn left(self, percent: u32) -> Duration {
        (self.budget * percent / 100).saturating_sub(self.started.elapsed())
    }

    /// Whether less than this share of the run's time, in percent, is used up.
    pub(crate) fn has_time(self, percent: u32) -> bool {
        self.started.elapsed() < self.budget * percent / 100
    }
}
