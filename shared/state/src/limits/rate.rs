//! A rate, and who may go when: the generic cell rate algorithm, all arithmetic and no table.
//!
//! All that is kept is one time, the *theoretical arrival time*: the end of what was given out. Each token
//! moves it on by an interval; when it lies too far ahead, there are no more tokens for now.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// Tokens in a steady flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Microseconds from one token to the next.
    interval: i64,
    /// How far ahead of now what is given out may end, in microseconds.
    window: i64,
}

/// Tokens that were given out: one at `start`, and one more each interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tokens {
    start: i64,
    interval: i64,
    /// How many there are.
    pub count: u32,
}

/// What a rate gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// These, all that were asked for or fewer.
    Tokens(Tokens),
    /// Not so much as was asked for at least; it will be there after this time.
    Wait(Duration),
}

impl Tokens {
    /// When the last of them is over, and with it all that was given out.
    pub fn end(&self) -> Timestamp {
        self.time(self.count)
    }

    /// The time of one of them, counted from 0. It may be over.
    pub fn time(&self, place: u32) -> Timestamp {
        at(self.start + i64::from(place) * self.interval)
    }
}

impl Rate {
    /// So many tokens per second (at least 1), and `burst` of them at once after a pause.
    pub fn bursting(per_second: u32, burst: u32) -> Self {
        let interval = 1_000_000 / i64::from(per_second.max(1));
        Self {
            interval,
            window: interval * i64::from(burst),
        }
    }

    /// One token each interval, told up to `ahead` before its time.
    pub fn paced(interval: Duration, ahead: Duration) -> Self {
        let interval = micros(interval).max(1);
        Self {
            interval,
            window: micros(ahead) + interval,
        }
    }

    /// How many tokens there still are when what was given out ends then.
    pub fn left(self, end: Timestamp, now: Timestamp) -> u32 {
        let now = micros_of(now);
        let room = (now + self.window - micros_of(end).max(now)) / self.interval;
        u32::try_from(room.max(0)).unwrap_or(u32::MAX)
    }

    /// Tokens from this time on, whoever else has some.
    #[cfg(any(test, feature = "testing"))]
    pub fn tokens(self, from: Timestamp, count: u32) -> Tokens {
        self.ending(micros_of(from) + self.cost(count), count)
    }

    /// The time that so many tokens take.
    pub(super) fn cost(self, count: u32) -> i64 {
        self.interval * i64::from(count)
    }

    /// The latest time at which what was given out may end before so many more are given out.
    pub(super) fn latest(self, count: u32, now: i64) -> i64 {
        now + self.window - self.cost(count)
    }

    /// The tokens whose end is `tat`.
    pub(super) fn ending(self, tat: i64, count: u32) -> Tokens {
        Tokens {
            start: tat - self.cost(count),
            interval: self.interval,
            count,
        }
    }

    /// What there is for who wants at least `least` and at most `most` tokens, when what was given out ends
    /// at `tat`.
    pub(super) fn offer(self, tat: i64, least: u32, most: u32, now: i64) -> Taken {
        let start = tat.max(now);
        let room = (now + self.window - start) / self.interval;
        let room = u32::try_from(room.max(0)).unwrap_or(u32::MAX);
        if room >= least {
            let count = most.min(room);
            return Taken::Tokens(self.ending(start + self.cost(count), count));
        }
        let wait = start - self.latest(least, now);
        Taken::Wait(Duration::from_micros(u64::try_from(wait).unwrap_or(0)))
    }
}

/// A time in microseconds, as it stands in a row.
pub(super) fn micros_of(at: Timestamp) -> i64 {
    at.as_microsecond()
}

fn at(micros: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH
        .checked_add(SignedDuration::from_micros(micros))
        .unwrap_or(Timestamp::MAX)
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX / 4)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Takes, and answers the tokens with the row as it then is.
    fn take(rate: Rate, tat: &mut i64, least: u32, most: u32, now: i64) -> Option<Tokens> {
        match rate.offer(*tat, least, most, now) {
            Taken::Tokens(tokens) => {
                *tat = (*tat).max(now) + rate.cost(tokens.count);
                assert_eq!(rate.ending(*tat, tokens.count), tokens);
                Some(tokens)
            }
            Taken::Wait(_) => None,
        }
    }

    #[test]
    fn after_a_pause_there_is_a_burst_and_then_the_rate() {
        let rate = Rate::bursting(10, 20);
        let mut tat = 0;
        let now = 1_000_000_000;
        assert!(take(rate, &mut tat, 21, 21, now).is_none());
        assert_eq!(take(rate, &mut tat, 20, 20, now).unwrap().count, 20);
        assert_eq!(
            rate.offer(tat, 5, 5, now),
            Taken::Wait(Duration::from_millis(500))
        );
        assert!(take(rate, &mut tat, 5, 5, now + 499_999).is_none());
        assert!(take(rate, &mut tat, 5, 5, now + 500_000).is_some());
    }

    #[test]
    fn it_is_known_how_many_are_left_and_when_all_are_there_again() {
        let rate = Rate::bursting(10, 20);
        let (mut tat, now) = (0, 1_000_000_000);
        let tokens = take(rate, &mut tat, 5, 5, now).unwrap();
        assert_eq!(rate.left(tokens.end(), at(now)), 15);
        assert_eq!(tokens.end(), at(now + 500_000));
        assert_eq!(rate.left(tokens.end(), at(now + 200_000)), 17);
        assert_eq!(rate.left(tokens.end(), at(now + 900_000)), 20);
    }

    #[test]
    fn paced_tokens_have_their_times_and_as_many_as_fit_are_given() {
        let rate = Rate::paced(Duration::from_millis(100), Duration::from_secs(1));
        let mut tat = 0;
        let now = 1_000_000_000;
        let tokens = take(rate, &mut tat, 1, 50, now).unwrap();
        assert_eq!(tokens.count, 11);
        assert_eq!(tokens.time(0), at(now));
        assert_eq!(tokens.time(10), at(now + 1_000_000));
        assert_eq!(
            rate.offer(tat, 1, 50, now),
            Taken::Wait(Duration::from_millis(100))
        );
    }

    /// Who asks when: microseconds since the last, at least and at most how many.
    fn requests() -> impl Strategy<Value = Vec<(i64, u32, u32)>> {
        let request = (0i64..2_000_000, 1u32..40, 0u32..40)
            .prop_map(|(after, least, more)| (after, least, least + more));
        prop::collection::vec(request, 1..60)
    }

    proptest! {
        #[test]
        fn no_span_of_time_has_more_than_the_burst_and_the_rate(
            per_second in 1u32..2_000,
            burst in 1u32..3_000,
            requests in requests(),
        ) {
            let rate = Rate::bursting(per_second, burst);
            let (mut now, mut tat) = (1_000_000_000_000i64, 0);
            let mut given: Vec<(i64, u32)> = Vec::new();
            for (after, least, most) in requests {
                now += after;
                match rate.offer(tat, least, most, now) {
                    Taken::Tokens(tokens) => {
                        prop_assert!((least..=most).contains(&tokens.count));
                        tat = tat.max(now) + rate.cost(tokens.count);
                        given.push((now, tokens.count));
                    }
                    Taken::Wait(wait) if least <= burst => {
                        // It is said exactly how long: not a microsecond less, and not more.
                        let wait = micros(wait);
                        prop_assert!(matches!(rate.offer(tat, least, most, now + wait), Taken::Tokens(_)));
                        prop_assert!(matches!(rate.offer(tat, least, most, now + wait - 1), Taken::Wait(_)));
                    }
                    Taken::Wait(_) => {}
                }
            }
            for (from, (begin, _)) in given.iter().enumerate() {
                let mut sum = 0i64;
                for (end, count) in &given[from..] {
                    sum += i64::from(*count);
                    let most = i64::from(burst) + (end - begin) / rate.interval + 1;
                    prop_assert!(sum <= most, "{sum} within {} us", end - begin);
                }
            }
        }

        #[test]
        fn paced_tokens_never_come_closer_than_their_interval(
            interval in 1u64..3_000,
            ahead in 0u64..5_000,
            requests in requests(),
        ) {
            let rate = Rate::paced(Duration::from_millis(interval), Duration::from_millis(ahead));
            let (mut now, mut tat) = (1_000_000_000_000i64, 0);
            let mut last = None;
            for (after, _, most) in requests {
                now += after;
                let Some(tokens) = take(rate, &mut tat, 1, most, now) else { continue };
                for place in 0..tokens.count {
                    let time = micros_of(tokens.time(place));
                    prop_assert!(time >= now && time <= now + micros(Duration::from_millis(ahead)));
                    if let Some(last) = last {
                        prop_assert!(time - last >= micros(Duration::from_millis(interval)));
                    }
                    last = Some(time);
                }
            }
        }
    }
}
