//! When the next attempt of a delivery is due.

use std::time::Duration;

use serde::{Deserialize, Serialize};

const MINUTE: u32 = 60;
const HOUR: u32 = 60 * MINUTE;

/// Waits between the attempts of [`RetrySchedule::Standard`], in seconds.
const STANDARD: [u32; 9] = [
    5,
    5 * MINUTE,
    30 * MINUTE,
    2 * HOUR,
    5 * HOUR,
    10 * HOUR,
    14 * HOUR,
    20 * HOUR,
    24 * HOUR,
];
/// The same of [`RetrySchedule::Short`].
const SHORT: [u32; 3] = [MINUTE, 5 * MINUTE, 30 * MINUTE];
/// The first waits of [`RetrySchedule::Burst`]; all others are [`BURST_WAIT`].
const BURST: [u32; 3] = [1, 2, 4];
const BURST_WAIT: u32 = 6;
const BURST_ATTEMPTS: u32 = 100;
const BURST_WINDOW: Duration = Duration::from_mins(10);

/// Most waits of a schedule of one's own.
pub const MAX_WAITS: usize = 20;
/// Most seconds that they may add up to: seven days.
pub const MAX_SECONDS: u32 = 7 * 24 * HOUR;

/// A wait is spread this far to both sides, so that what failed together does not return together.
const JITTER: f64 = 0.2;
/// What an overloaded receiver is given at least in [`RetrySchedule::Standard`].
const OVERLOAD_WAIT: Duration = Duration::from_secs(60);
/// As long a `Retry-After` is followed, also where the schedule's own wait is shorter.
const RETRY_AFTER_LIMIT: Duration = Duration::from_hours(1);

/// How attempts are spread over time, chosen per endpoint. The first attempt is always made at once.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "Form", into = "Form")]
pub enum RetrySchedule {
    /// Ten attempts over 75.6 hours.
    #[default]
    Standard,
    /// Up to 100 attempts within ten minutes, for receivers that must have it now or never.
    Burst,
    /// Four attempts over 36 minutes.
    Short,
    /// The endpoint's own waits between attempts.
    Custom(Waits),
}

/// Waits between attempts, in seconds: at most [`MAX_WAITS`], each at least 1, [`MAX_SECONDS`] in all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waits(Vec<u32>);

/// What is wrong with a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// There are too many waits.
    #[error("must have at most 20 waits")]
    TooMany,
    /// A wait is 0: the first attempt needs none, and no receiver recovers in no time.
    #[error("must have waits of at least 1 second; the first attempt is made at once")]
    NoWait,
    /// They add up to more than seven days.
    #[error("must not add up to more than 604800 seconds, which is seven days")]
    TooLong,
}

impl TryFrom<Vec<u32>> for Waits {
    type Error = ScheduleError;

    fn try_from(waits: Vec<u32>) -> Result<Self, ScheduleError> {
        let total: u64 = waits.iter().copied().map(u64::from).sum();
        if waits.len() > MAX_WAITS {
            Err(ScheduleError::TooMany)
        } else if waits.contains(&0) {
            Err(ScheduleError::NoWait)
        } else if total > MAX_SECONDS.into() {
            Err(ScheduleError::TooLong)
        } else {
            Ok(Self(waits))
        }
    }
}

/// A schedule as it is written: a name, or a list of seconds.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Form {
    Named(Named),
    Waits(Vec<u32>),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Named {
    Standard,
    Burst,
    Short,
}

impl TryFrom<Form> for RetrySchedule {
    type Error = ScheduleError;

    fn try_from(form: Form) -> Result<Self, ScheduleError> {
        Ok(match form {
            Form::Named(Named::Standard) => Self::Standard,
            Form::Named(Named::Burst) => Self::Burst,
            Form::Named(Named::Short) => Self::Short,
            Form::Waits(waits) => Self::Custom(waits.try_into()?),
        })
    }
}

impl From<RetrySchedule> for Form {
    fn from(schedule: RetrySchedule) -> Self {
        match schedule {
            RetrySchedule::Standard => Self::Named(Named::Standard),
            RetrySchedule::Burst => Self::Named(Named::Burst),
            RetrySchedule::Short => Self::Named(Named::Short),
            RetrySchedule::Custom(Waits(waits)) => Self::Waits(waits),
        }
    }
}

/// An attempt that failed, as far as the next one depends on it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Failed {
    /// Which attempt of the schedule it was, from 1.
    pub number: u32,
    /// How long ago the schedule's first attempt was made.
    pub elapsed: Duration,
    /// Whether the receiver has too much to do, by its answer or by giving none in time.
    pub overloaded: bool,
    /// For how long the receiver asked to be left alone, where that is to be followed.
    pub retry_after: Option<Duration>,
    /// A random number in 0..=1; one half is the middle.
    pub spread: f64,
}

impl RetrySchedule {
    /// How many attempts there are, with the first.
    pub fn attempts(&self) -> u32 {
        match self {
            Self::Burst => BURST_ATTEMPTS,
            Self::Standard | Self::Short | Self::Custom(_) => {
                let waits = self.waits().len();
                1 + u32::try_from(waits).expect("a schedule has a few waits")
            }
        }
    }

    /// How long it takes, without jitter, when all attempts fail at once.
    pub fn window(&self) -> Duration {
        match self {
            Self::Burst => BURST_WINDOW,
            Self::Standard | Self::Short | Self::Custom(_) => {
                Duration::from_secs(self.waits().iter().copied().map(u64::from).sum())
            }
        }
    }

    /// The wait after a failed attempt until the next, or `None` when there is to be no other.
    ///
    /// A `Retry-After` counts between the schedule's own wait and twice that, or an hour where that is
    /// more, and not beyond the schedule's end.
    pub fn wait_after(&self, failed: Failed) -> Option<Duration> {
        let base = self.base(failed.number)?;
        let mut wait = self.spread(base, failed.spread);
        if *self == Self::Standard && failed.overloaded {
            wait = wait.max(OVERLOAD_WAIT);
        }
        if let Some(asked) = failed.retry_after {
            let limit = RETRY_AFTER_LIMIT.max(base * 2);
            let remaining = self.window().saturating_sub(failed.elapsed);
            wait = wait.max(asked.min(limit).min(remaining));
        }
        // A burst is over when its time is, however many attempts that were.
        let is_late = *self == Self::Burst && failed.elapsed + wait > BURST_WINDOW;
        (!is_late).then_some(wait)
    }

    fn base(&self, number: u32) -> Option<Duration> {
        let index = usize::try_from(number.checked_sub(1)?).ok()?;
        let seconds = match self {
            Self::Burst if number >= BURST_ATTEMPTS => None,
            Self::Burst => Some(BURST.get(index).copied().unwrap_or(BURST_WAIT)),
            Self::Standard | Self::Short | Self::Custom(_) => self.waits().get(index).copied(),
        };
        seconds.map(u64::from).map(Duration::from_secs)
    }

    fn spread(&self, base: Duration, spread: f64) -> Duration {
        match self {
            Self::Burst => base,
            Self::Standard | Self::Short | Self::Custom(_) => {
                base.mul_f64(1.0 + JITTER * (2.0 * spread.clamp(0.0, 1.0) - 1.0))
            }
        }
    }

    fn waits(&self) -> &[u32] {
        match self {
            Self::Standard => &STANDARD,
            Self::Burst => &BURST,
            Self::Short => &SHORT,
            Self::Custom(Waits(waits)) => waits,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn schedule(form: Value) -> RetrySchedule {
        serde_json::from_value(form).unwrap()
    }

    fn failed(number: u32) -> Failed {
        Failed {
            number,
            elapsed: Duration::ZERO,
            overloaded: false,
            retry_after: None,
            spread: 0.5,
        }
    }

    /// The waits when every attempt fails at once, in seconds.
    fn waits(schedule: &RetrySchedule) -> Vec<u64> {
        let mut elapsed = Duration::ZERO;
        let mut waits = Vec::new();
        while let Some(wait) = schedule.wait_after(Failed {
            elapsed,
            ..failed(u32::try_from(waits.len()).unwrap() + 1)
        }) {
            elapsed += wait;
            waits.push(wait.as_secs());
        }
        waits
    }

    #[test]
    fn each_schedule_has_its_waits() {
        let standard = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];
        assert_eq!(waits(&RetrySchedule::Standard), standard);
        assert_eq!(standard.iter().sum::<u64>(), 272_105); // 75.6 hours
        assert_eq!(waits(&RetrySchedule::Short), [60, 300, 1_800]);
        assert_eq!(waits(&schedule(json!([1, 1, 2]))), [1, 1, 2]);
        assert_eq!(waits(&schedule(json!([]))), [0; 0]);
        let burst = waits(&RetrySchedule::Burst);
        assert_eq!((burst.len(), &burst[..5]), (99, &[1, 2, 4, 6, 6][..]));
        assert_eq!(burst.iter().sum::<u64>(), 583);
        for (schedule, attempts, seconds) in [
            (RetrySchedule::Standard, 10, 272_105),
            (RetrySchedule::Burst, 100, 600),
            (RetrySchedule::Short, 4, 2_160),
            (schedule(json!([1, 1, 2])), 4, 4),
        ] {
            assert_eq!(schedule.attempts(), attempts);
            assert_eq!(schedule.window(), Duration::from_secs(seconds));
        }
    }

    #[test]
    fn a_burst_ends_with_its_ten_minutes() {
        let late = |seconds| Failed {
            elapsed: Duration::from_secs(seconds),
            ..failed(40)
        };
        let burst = RetrySchedule::Burst;
        assert_eq!(burst.wait_after(late(594)), Some(Duration::from_secs(6)));
        assert_eq!(burst.wait_after(late(595)), None);
    }

    #[test]
    fn a_wait_is_spread_by_a_fifth_to_both_sides_except_in_a_burst() {
        let at = |spread| Failed {
            spread,
            ..failed(2)
        };
        for (schedule, spread, seconds) in [
            (RetrySchedule::Standard, 0.0, 240),
            (RetrySchedule::Standard, 1.0, 360),
            (RetrySchedule::Standard, 7.0, 360),
            (RetrySchedule::Short, 0.0, 240),
            (schedule(json!([1, 100])), 1.0, 120),
            (RetrySchedule::Burst, 1.0, 2),
        ] {
            let wait = schedule.wait_after(at(spread));
            assert_eq!(wait, Some(Duration::from_secs(seconds)), "{schedule:?}");
        }
    }

    #[test]
    fn an_overloaded_receiver_is_left_alone_for_a_minute_by_the_standard_schedule() {
        let overloaded = |number| Failed {
            overloaded: true,
            ..failed(number)
        };
        for (schedule, number, seconds) in [
            (RetrySchedule::Standard, 1, 60),
            (RetrySchedule::Standard, 2, 300),
            (RetrySchedule::Burst, 1, 1),
            (schedule(json!([5])), 1, 5),
        ] {
            let wait = schedule.wait_after(overloaded(number));
            assert_eq!(wait, Some(Duration::from_secs(seconds)), "{schedule:?}");
        }
    }

    #[test]
    fn a_retry_after_counts_within_its_bounds() {
        let minutes = |minutes: u64| minutes * 60;
        let hours = |hours: u64| hours * 3_600;
        for (schedule, number, elapsed, asked, seconds) in [
            // Less than the schedule's own wait does not count,
            (RetrySchedule::Standard, 2, 5, 10, minutes(5)),
            // more does, up to an hour
            (RetrySchedule::Standard, 2, 5, minutes(40), minutes(40)),
            (RetrySchedule::Standard, 2, 5, hours(9), hours(1)),
            // or twice the own wait.
            (RetrySchedule::Standard, 4, 2_105, hours(3), hours(3)),
            (RetrySchedule::Standard, 4, 2_105, hours(9), hours(4)),
            // The schedule's end is not moved.
            (RetrySchedule::Short, 3, 360, hours(1), minutes(30)),
            (RetrySchedule::Short, 2, 60, hours(1), minutes(35)),
            (RetrySchedule::Burst, 1, 0, hours(1), minutes(10)),
            (RetrySchedule::Burst, 9, 60, minutes(2), minutes(2)),
        ] {
            let wait = schedule.wait_after(Failed {
                elapsed: Duration::from_secs(elapsed),
                retry_after: Some(Duration::from_secs(asked)),
                ..failed(number)
            });
            assert_eq!(
                wait,
                Some(Duration::from_secs(seconds)),
                "{schedule:?} {asked}"
            );
        }
    }

    #[test]
    fn a_schedule_is_written_as_its_name_or_its_waits() {
        for form in [
            json!("standard"),
            json!("burst"),
            json!("short"),
            json!([60, 3_600]),
        ] {
            assert_eq!(serde_json::to_value(schedule(form.clone())).unwrap(), form);
        }
        for (form, reason) in [
            (json!([0, 60]), "at least 1 second"),
            (json!(vec![1; 21]), "at most 20"),
            (json!([604_800, 1]), "seven days"),
        ] {
            let error = serde_json::from_value::<RetrySchedule>(form).unwrap_err();
            assert!(error.to_string().contains(reason), "{error}");
        }
        for form in [
            json!("never"),
            json!([-1]),
            json!([1.5]),
            json!({}),
            json!(null),
        ] {
            assert!(serde_json::from_value::<RetrySchedule>(form).is_err());
        }
    }

    fn any_schedule() -> impl Strategy<Value = RetrySchedule> {
        let own = prop::collection::vec(1..30_000_u32, 0..=MAX_WAITS)
            .prop_map(|waits| RetrySchedule::Custom(waits.try_into().unwrap()));
        prop_oneof![
            Just(RetrySchedule::Standard),
            Just(RetrySchedule::Burst),
            Just(RetrySchedule::Short),
            own
        ]
    }

    proptest! {
        #[test]
        fn a_wait_is_never_shorter_than_four_fifths_of_the_schedules_nor_beyond_the_bounds(
            schedule in any_schedule(),
            number in 0..120_u32,
            elapsed in 0..700_000_u64,
            overloaded: bool,
            asked in prop::option::of(any::<u64>()),
            spread in -1.0..2.0,
        ) {
            let base = schedule.base(number);
            let wait = schedule.wait_after(Failed {
                number,
                elapsed: Duration::from_secs(elapsed),
                overloaded,
                retry_after: asked.map(Duration::from_secs),
                spread,
            });
            prop_assert_eq!(base.is_some(), (1..schedule.attempts()).contains(&number));
            let Some((wait, base)) = wait.zip(base) else {
                prop_assert!(base.is_none() || schedule == RetrySchedule::Burst);
                return Ok(());
            };
            prop_assert!(wait >= base.mul_f64(0.799));
            prop_assert!(wait <= RETRY_AFTER_LIMIT.max(base * 2));
        }
    }
}
