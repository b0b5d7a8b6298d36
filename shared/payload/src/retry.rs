//! When the next attempt of a delivery is due.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How attempts are spread over time, chosen per endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetrySchedule {
    /// Ten attempts over 75.6 hours.
    #[default]
    Standard,
}

/// Waits before each attempt of [`RetrySchedule::Standard`].
const STANDARD: [Duration; 10] = [
    Duration::ZERO,
    Duration::from_secs(5),
    Duration::from_mins(5),
    Duration::from_mins(30),
    Duration::from_hours(2),
    Duration::from_hours(5),
    Duration::from_hours(10),
    Duration::from_hours(14),
    Duration::from_hours(20),
    Duration::from_hours(24),
];

/// A wait is spread this far to both sides, so that what failed together does not return together.
const JITTER: f64 = 0.2;

impl RetrySchedule {
    /// How many attempts there are, with the first.
    pub fn attempts(self) -> u32 {
        u32::try_from(self.waits().len()).expect("a schedule has a few attempts")
    }

    /// The wait after `made` failed attempts until the next, or `None` when the schedule is at its
    /// end. `spread` is a random number in 0..=1; one half is the middle.
    pub fn wait_after(self, made: u32, spread: f64) -> Option<Duration> {
        let wait = self.waits().get(usize::try_from(made).ok()?)?;
        let factor = 1.0 + JITTER * (2.0 * spread.clamp(0.0, 1.0) - 1.0);
        Some(wait.mul_f64(factor))
    }

    fn waits(self) -> &'static [Duration] {
        match self {
            Self::Standard => &STANDARD,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standard_schedule_is_ten_attempts_over_three_days() {
        let schedule = RetrySchedule::Standard;
        assert_eq!(schedule.attempts(), 10);
        let seconds: Vec<u64> = (0..10)
            .filter_map(|made| schedule.wait_after(made, 0.5))
            .map(|wait| wait.as_secs())
            .collect();
        assert_eq!(
            seconds,
            [
                0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400
            ]
        );
        assert_eq!(seconds.iter().sum::<u64>(), 272_105); // 75.6 hours
        assert_eq!(schedule.wait_after(10, 0.5), None);
        assert_eq!(schedule.wait_after(u32::MAX, 0.5), None);
    }

    #[test]
    fn a_wait_is_spread_by_a_fifth_to_both_sides() {
        let schedule = RetrySchedule::Standard;
        assert_eq!(schedule.wait_after(2, 0.0), Some(Duration::from_secs(240)));
        assert_eq!(schedule.wait_after(2, 1.0), Some(Duration::from_secs(360)));
        assert_eq!(schedule.wait_after(2, 7.0), Some(Duration::from_secs(360)));
        assert_eq!(schedule.wait_after(0, 1.0), Some(Duration::ZERO));
    }
}
