//! What time it is: the one place that reads the clock, and the time of one invocation.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use jiff::{SignedDuration, Timestamp};

use crate::settings::{Faults, Settings};

/// How far this process's clock is ahead of the machine's.
static AHEAD_SECONDS: AtomicU32 = AtomicU32::new(0);

/// What time it is. A handler asks once per invocation and passes the answer on.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place that reads the clock"
)]
pub fn now() -> Timestamp {
    later(Timestamp::now(), ahead())
}

/// How many seconds this process's clock is ahead of the machine's: none, unless somebody has set it.
pub fn ahead() -> u32 {
    AHEAD_SECONDS.load(Ordering::Relaxed)
}

/// Sets the clock of this process so many seconds ahead; it goes on from there. To be called before anything
/// asks what time it is.
pub fn set_ahead(seconds: u32) {
    AHEAD_SECONDS.store(seconds, Ordering::Relaxed);
}

/// Sets the clock of this process as `CLOCK_AHEAD_SECONDS` says: what `main` of a function begins with.
///
/// Only `local --now` sets the variable, for the functions that it runs as processes; no template does.
///
/// # Errors
/// What it says is no number of seconds.
pub fn set(lookup: impl Fn(&str) -> Option<String>) -> Result<(), Faults> {
    set_ahead(read_ahead(lookup)?);
    Ok(())
}

fn read_ahead(lookup: impl Fn(&str) -> Option<String>) -> Result<u32, Faults> {
    let mut settings = Settings::new(lookup);
    let seconds = settings.parsed_or_default("CLOCK_AHEAD_SECONDS");
    settings.check(seconds)
}

fn later(machine: Timestamp, seconds: u32) -> Timestamp {
    let ahead = SignedDuration::from_secs(seconds.into());
    machine.checked_add(ahead).unwrap_or(Timestamp::MAX)
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_ahead_by_as_many_seconds_as_are_set() {
        let machine: Timestamp = "2026-11-21T04:00:25.26Z".parse().unwrap();
        assert_eq!(later(machine, 0), machine);
        let then: Timestamp = "2027-01-01T00:00:00.26Z".parse().unwrap();
        assert_eq!(later(machine, 3_527_975), then);
        assert_eq!(later(Timestamp::MAX, 1), Timestamp::MAX);
    }

    #[test]
    fn the_clock_is_the_machines_unless_the_variable_is_a_number_of_seconds() {
        let read = |value: Option<&str>| {
            let lookup = |name: &str| {
                assert_eq!(name, "CLOCK_AHEAD_SECONDS");
                value.map(str::to_owned)
            };
            read_ahead(lookup).map_err(|faults| faults.to_string())
        };
        assert_eq!(read(None), Ok(0));
        assert_eq!(read(Some("")), Ok(0));
        assert_eq!(read(Some("86400")), Ok(86_400));
        for bad in ["-1", "1 day", "4294967296"] {
            let fault = "settings: CLOCK_AHEAD_SECONDS cannot be read";
            assert_eq!(read(Some(bad)), Err(fault.to_owned()), "{bad}");
        }
    }
}
