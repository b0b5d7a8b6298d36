//! What must hold of every `Retry-After`.

use std::time::Duration;

use jiff::Timestamp;
use payload::retry::{Failed, RetrySchedule};
use payload::retry_after::parse;

/// The longest wait of the standard schedule, spread.
const LONGEST: Duration = Duration::from_secs(24 * 3_600 * 6 / 5);

/// Reads a header at a time, and asks each schedule what it makes of it.
///
/// # Panics
/// Something does not hold that must.
pub fn check(header: &str, second: i64) {
    let (first, last) = (Timestamp::MIN.as_second(), Timestamp::MAX.as_second());
    let now = Timestamp::from_second(second.clamp(first, last)).expect("a time within bounds");
    let asked = parse(header, now);
    let trimmed = header.trim();
    assert_eq!(parse(trimmed, now), asked);
    let is_number = !trimmed.is_empty() && trimmed.bytes().all(|byte| byte.is_ascii_digit());
    if is_number {
        assert!(asked.is_some(), "{header:?} is a number of seconds");
    }
    for schedule in [
        RetrySchedule::Standard,
        RetrySchedule::Burst,
        RetrySchedule::Short,
    ] {
        for number in [1, 3, 9] {
            let wait = schedule.wait_after(Failed {
                number,
                elapsed: Duration::ZERO,
                overloaded: true,
                retry_after: asked,
                spread: 1.0,
            });
            // Twice the own wait is more than it spread.
            assert!(
                wait.unwrap_or_default() <= 2 * LONGEST,
                "{header:?}: {wait:?}"
            );
        }
    }
}
