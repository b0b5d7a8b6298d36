//! Instants as the dialects write them.
//!
//! Every instant is kept in UTC with microseconds and written as RFC 3339 with milliseconds and
//! `Z` in the canonical form.

use std::fmt;

use jiff::civil::{Date, DateTime};
use jiff::fmt::temporal::DateTimePrinter;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Unit};
use schemars::JsonSchema;
use serde::{Serialize, Serializer};

/// Reads RFC 3339 with any offset and any number of fraction digits.
pub fn parse(text: &str) -> Option<Timestamp> {
    // RFC 3339 asks for the offset in numbers or `Z`; a bare civil time must not pass as UTC.
    let timestamp: Timestamp = text.trim().parse().ok()?;
    writable(timestamp.round(Unit::Microsecond).ok()?)
}

/// Reads a local time of `zone` written as `format` says. An hour that occurs twice is its first
/// occurrence; one that is skipped is moved forward by the gap.
pub fn parse_local(format: &str, text: &str, zone: &TimeZone) -> Option<Timestamp> {
    let local = DateTime::strptime(format, text.trim()).ok()?;
    writable(zone.to_ambiguous_timestamp(local).compatible().ok()?)
}

/// Reads `yyyy-MM-dd` as its midnight in UTC.
pub fn parse_date(text: &str) -> Option<Timestamp> {
    let date: Date = text.trim().parse().ok()?;
    writable(date.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

/// RFC 3339 writes years of four digits: an instant outside of them could be read, but not written.
pub(crate) fn writable(timestamp: Timestamp) -> Option<Timestamp> {
    let year = timestamp.to_zoned(TimeZone::UTC).year();
    (0..=9999).contains(&year).then_some(timestamp)
}

const WITH_MILLISECONDS: DateTimePrinter = DateTimePrinter::new().precision(Some(3));
const IN_SECONDS: DateTimePrinter = DateTimePrinter::new().precision(Some(0));

/// Writes `2026-03-18T10:30:00.000Z`.
pub fn canonical(timestamp: Timestamp) -> String {
    WITH_MILLISECONDS.timestamp_to_string(&timestamp)
}

/// An instant written with milliseconds: `2026-01-15T10:00:00.000Z`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, JsonSchema)]
pub struct Milliseconds(pub Timestamp);

impl Serialize for Milliseconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&canonical(self.0))
    }
}

/// An instant written in whole seconds: `2026-03-18T10:30:00Z`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, JsonSchema)]
pub struct Seconds(pub Timestamp);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&IN_SECONDS.timestamp_to_string(&self.0))
    }
}

impl Serialize for Seconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&IN_SECONDS.timestamp_to_string(&self.0))
    }
}

/// `serialize_with` for a member that is an instant.
pub fn serialize<S: Serializer>(timestamp: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&canonical(*timestamp))
}

/// `serialize_with` for a member that is an instant or `null`.
pub mod option {
    use super::{Serializer, Timestamp, canonical};

    /// Writes the instant or `null`.
    pub fn serialize<S: Serializer>(
        timestamp: &Option<Timestamp>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match timestamp {
            Some(timestamp) => serializer.serialize_str(&canonical(*timestamp)),
            None => serializer.serialize_none(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(
            parse(text).map(canonical).as_deref(),
            Some(expected),
            "{text}"
        );
    }

    #[test]
    fn any_offset_and_fraction_is_read() {
        check("2026-03-18T10:30:00Z", "2026-03-18T10:30:00.000Z");
        check("2026-03-18T07:30:00-03:00", "2026-03-18T10:30:00.000Z");
        check("2026-01-15T10:00:00.000Z", "2026-01-15T10:00:00.000Z");
        check("2026-01-15T10:00:00.123456789Z", "2026-01-15T10:00:00.123Z");
    }

    #[test]
    fn a_time_without_a_zone_is_not_an_instant() {
        for text in [
            "2026-03-18T10:30:00",
            "2026-03-18",
            "2026-03-18 10:30:00",
            "",
            "soon",
            "2026-13-01T00:00:00Z",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn whatever_is_read_can_be_written_and_read_again() {
        for text in [
            "-000001-01-01T00:00:00Z",
            "-009999-01-02T00:00:00Z",
            "9999-12-31T23:59:59-12:00",
            "0000-01-01T00:00:00+01:00",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
        for text in ["0000-01-01T00:00:00Z", "9999-12-30T21:59:59.999999Z"] {
            let written = canonical(parse(text).unwrap());
            assert_eq!(parse(&written).map(canonical), Some(written));
        }
    }

    #[test]
    fn a_local_time_is_read_in_its_zone() {
        let zone = TimeZone::get("America/Sao_Paulo").unwrap();
        let read = |text| parse_local("%Y-%m-%d %H:%M:%S", text, &zone).map(canonical);
        assert_eq!(
            read("2023-08-28 20:47:31").as_deref(),
            Some("2023-08-28T23:47:31.000Z")
        );
        assert_eq!(read("2023-08-28T20:47:31"), None);
        assert_eq!(read("28/08/2023 20:47:31"), None);
        // The clock went back at midnight of 2019-02-17: 23:30 of the 16th occurred twice.
        assert_eq!(
            read("2019-02-16 23:30:00").as_deref(),
            Some("2019-02-17T01:30:00.000Z")
        );
        // It went forward at midnight of 2018-11-04: 00:30 did not occur.
        assert_eq!(
            read("2018-11-04 00:30:00").as_deref(),
            Some("2018-11-04T03:30:00.000Z")
        );
    }
}
