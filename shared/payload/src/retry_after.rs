//! The header by which a receiver says for how long it wants to be left alone (RFC 9110, section 10.2.3).

use std::time::Duration;

use jiff::Timestamp;

/// Reads a `Retry-After`: seconds, or a date in any of the three forms of HTTP. `None` when it is neither.
///
/// A date that is over is no wait. How long a wait may be is for the schedule to say.
pub fn parse(header: &str, now: Timestamp) -> Option<Duration> {
    let header = header.trim();
    if !header.is_empty() && header.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than fit are a very long wait all the same.
        return Some(Duration::from_secs(header.parse().unwrap_or(u64::MAX)));
    }
    let date = httpdate::parse_http_date(header).ok()?;
    let date = Timestamp::try_from(date).ok()?;
    Some(Duration::try_from(date.duration_since(now)).unwrap_or(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn now() -> Timestamp {
        "2026-11-21T10:00:00Z".parse().unwrap()
    }

    #[test]
    fn seconds_and_dates_are_read() {
        for (header, seconds) in [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("99999999999999999999999", Some(u64::MAX)),
            ("Sat, 21 Nov 2026 10:02:00 GMT", Some(120)),
            ("Saturday, 21-Nov-26 10:02:00 GMT", Some(120)),
            ("Sat Nov 21 10:02:00 2026", Some(120)),
            ("Sat, 21 Nov 2026 09:00:00 GMT", Some(0)),
            ("", None),
            ("-5", None),
            ("1.5", None),
            ("+5", None),
            ("soon", None),
            ("2026-11-21T10:02:00Z", None),
            ("Sat, 21 Nov 2026", None),
        ] {
            let expected = seconds.map(Duration::from_secs);
            assert_eq!(parse(header, now()), expected, "{header:?}");
        }
    }

    proptest! {
        #[test]
        fn nothing_a_receiver_writes_makes_it_panic(header in ".*", second in -10_000_000_000_i64..200_000_000_000) {
            parse(&header, Timestamp::from_second(second).unwrap());
        }

        #[test]
        fn every_date_is_as_far_away_as_it_says(seconds in 0..4_000_000_000_u64) {
            let date = std::time::SystemTime::from(now()) + Duration::from_secs(seconds);
            let header = httpdate::fmt_http_date(date);
            prop_assert_eq!(parse(&header, now()), Some(Duration::from_secs(seconds)));
        }
    }
}
