//! Minutes, cut into shards: the partitions of the indexes that recovery goes through.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use payload::id::EventId;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Shards of a minute: a partition takes 1,000 writes per second.
const SHARDS: u8 = 8;
const FORMAT: &str = "%Y%m%d%H%M";

/// One shard of a minute: a partition of the indexes `audit` and `due`. They are in the order of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bucket {
    /// Minutes since 1970.
    minute: i64,
    shard: u8,
}

impl Bucket {
    /// Where what has to do with an event at some time is found.
    pub fn of(event: EventId, at: Timestamp) -> Self {
        // The last characters of a ULID are random.
        let text = event.to_string();
        let random: u32 = text.bytes().rev().take(2).map(u32::from).sum();
        let shard = random % u32::from(SHARDS);
        Self {
            shard: u8::try_from(shard).expect("less than the number of shards"),
            ..Self::first(at)
        }
    }

    /// The first bucket of the minute that `at` is in.
    pub fn first(at: Timestamp) -> Self {
        Self {
            minute: at.as_second().div_euclid(60),
            shard: 0,
        }
    }

    /// When its minute begins.
    pub fn begins(self) -> Timestamp {
        Timestamp::from_second(self.minute.saturating_mul(60)).unwrap_or(Timestamp::MAX)
    }

    /// When its minute is over.
    pub fn ends(self) -> Timestamp {
        Self {
            minute: self.minute + 1,
            ..self
        }
        .begins()
    }

    /// The one after it.
    pub fn next(self) -> Self {
        match self.shard + 1 {
            SHARDS => Self {
                minute: self.minute + 1,
                shard: 0,
            },
            shard => Self { shard, ..self },
        }
    }

    /// This one and all that follow, without `end`.
    pub fn until(self, end: Self) -> impl Iterator<Item = Self> {
        std::iter::successors(Some(self), |bucket| Some(bucket.next()))
            .take_while(move |bucket| *bucket < end)
    }
}

/// `202611211005#3`, as in the partition key.
impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let minute = self.begins().to_zoned(TimeZone::UTC);
        write!(f, "{}#{}", minute.strftime(FORMAT), self.shard)
    }
}

impl FromStr for Bucket {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (minute, shard) = text.split_once('#').ok_or(())?;
        let minute = DateTime::strptime(FORMAT, minute).map_err(drop)?;
        let minute = minute.to_zoned(TimeZone::UTC).map_err(drop)?;
        let shard = shard.parse().ok().filter(|shard| *shard < SHARDS);
        Ok(Self {
            shard: shard.ok_or(())?,
            ..Self::first(minute.timestamp())
        })
    }
}

impl Serialize for Bucket {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Bucket {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bucket = text.parse();
        bucket.map_err(|()| de::Error::custom("expected a minute and a shard"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_bucket_is_written_as_its_minute_and_shard() {
        let id: EventId = "evt_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap();
        let bucket = Bucket::of(id, at("2026-12-31T23:59:59.999Z"));
        assert_eq!(bucket.to_string(), "202612312359#7");
        assert_eq!(bucket.to_string().parse(), Ok(bucket));
        assert_eq!(bucket.next().to_string(), "202701010000#0");
        for bad in [
            "",
            "202612312359",
            "202612312359#8",
            "202613312359#0",
            "x#0",
        ] {
            assert_eq!(bad.parse::<Bucket>(), Err(()), "{bad}");
        }
    }

    #[test]
    fn every_shard_of_every_minute_is_gone_through_once() {
        let first = Bucket::first(at("2026-11-21T10:00:30Z"));
        let end = Bucket::first(at("2026-11-21T10:03:00Z"));
        let buckets: Vec<Bucket> = first.until(end).collect();
        assert_eq!(buckets.len(), 3 * usize::from(SHARDS));
        assert!(buckets.is_sorted());
        assert_eq!(buckets[0].begins(), at("2026-11-21T10:00:00Z"));
        assert_eq!(end.until(first).count(), 0);
    }
}
