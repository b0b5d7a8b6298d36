//! What a run did: the answer of the invocation, and its metrics.

use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;
use payload::expiry::Notice;
use serde::Serialize;
use state::metrics::embedded;

use crate::announce::Done;

/// What a run has done so far; its parts run side by side.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    expired: AtomicU64,
    expiring: AtomicU64,
    late: AtomicU64,
    repeated: AtomicU64,
    moved_on: AtomicU64,
    passed_over: AtomicU64,
    failures: AtomicU64,
}

/// What a run did. Each number is a metric of its name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Credentials whose end was announced.
    pub notices_expired: u64,
    /// Reminders that were sent.
    pub notices_expiring: u64,
    /// How many of both came more than a day after their time.
    pub notices_late: u64,
    /// What was due and had been announced: by a run that was killed, one beside this one, or a source.
    pub notices_repeated: u64,
    /// Credentials of which nothing was to be announced, or whose reminders were changed.
    pub notices_moved_on: u64,
    /// What was due for organizations without a plan, and was not announced.
    pub notices_passed_over: u64,
    /// What failed. The next run does it again, but for new reminders of credentials that cannot be read.
    pub expiry_failures: u64,
    /// 1 when all that was due was done, and all new reminders.
    pub expiry_finished: u64,
    /// When the run began. Milliseconds.
    #[serde(skip)]
    began_at: i64,
    /// The function that ran.
    #[serde(skip)]
    function: String,
}

impl Counts {
    pub(crate) fn add(&self, done: Done) {
        let count = match done {
            Done::Announced(notice, is_late) => {
                self.late.fetch_add(u64::from(is_late), Ordering::Relaxed);
                match notice {
                    Notice::Expired => &self.expired,
                    Notice::Expiring(_) => &self.expiring,
                }
            }
            Done::Repeated => &self.repeated,
            Done::MovedOn => &self.moved_on,
            Done::PassedOver => &self.passed_over,
            Done::Failed => &self.failures,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn report(&self, finished: bool, began_at: Timestamp, function: &str) -> Report {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Report {
            notices_expired: of(&self.expired),
            notices_expiring: of(&self.expiring),
            notices_late: of(&self.late),
            notices_repeated: of(&self.repeated),
            notices_moved_on: of(&self.moved_on),
            notices_passed_over: of(&self.passed_over),
            expiry_failures: of(&self.failures),
            expiry_finished: u64::from(finished),
            began_at: began_at.as_millisecond(),
            function: function.to_owned(),
        }
    }
}

impl Report {
    /// Whether there was nothing to do, and nothing failed.
    pub(crate) fn is_idle(&self) -> bool {
        let finished = Self {
            expiry_finished: 1,
            began_at: self.began_at,
            function: self.function.clone(),
            ..Self::default()
        };
        *self == finished
    }

    /// One line in CloudWatch's embedded metric format.
    pub fn metrics(&self) -> String {
        embedded(self, &self.function, self.began_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_done_is_counted_where_it_belongs() {
        let counts = Counts::default();
        let at = Timestamp::UNIX_EPOCH;
        assert!(counts.report(true, at, "f").is_idle());
        assert!(!counts.report(false, at, "f").is_idle());
        for done in [
            Done::Announced(Notice::Expired, false),
            Done::Announced(Notice::Expired, true),
            Done::Announced(Notice::from(7), true),
            Done::Repeated,
            Done::MovedOn,
            Done::PassedOver,
            Done::Failed,
        ] {
            counts.add(done);
        }
        let report = counts.report(true, at, "f");
        let expected = Report {
            notices_expired: 2,
            notices_expiring: 1,
            notices_late: 2,
            notices_repeated: 1,
            notices_moved_on: 1,
            notices_passed_over: 1,
            expiry_failures: 1,
            expiry_finished: 1,
            began_at: 0,
            function: "f".to_owned(),
        };
        assert_eq!(report, expected);
        assert!(report.metrics().contains("\"expiry_finished\":1"));
    }
}
