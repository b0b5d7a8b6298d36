//! How many requests are open at an endpoint: leases of its places, each of one holder and with an end.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Flow;
use crate::error::StateError;
use crate::rows::{Item, from_item};

/// What the attribute of a lease starts with; its holder follows.
pub(super) const LEASE_PREFIX: &str = "lease_";

/// Whoever holds places, one batch of wake-ups: a random text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Holder(pub(super) String);

impl Holder {
    /// One that nobody else is.
    pub fn new(random: u64) -> Self {
        Self(format!("{LEASE_PREFIX}{random:016x}"))
    }
}

/// Places that somebody holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Lease {
    pub(super) places: u32,
    /// Milliseconds. When they were taken.
    pub(super) since: i64,
    /// Milliseconds. From then on nobody holds them: whoever did has died.
    pub(super) until: i64,
}

/// The row of an endpoint's limits, as far as it decides something.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places {
    leases: BTreeMap<String, Lease>,
    /// Counts the leases that were ever taken.
    pub(super) revision: u64,
    /// How long a request took of late, in milliseconds.
    took: Option<u32>,
    /// Milliseconds. Until then its requests are counted, whether its owner asked for that or not.
    crowded_until: i64,
    /// Until when tokens were given out, in microseconds.
    requests: i64,
    returns: i64,
}

/// The attributes with a name of their own.
#[derive(Deserialize)]
struct Named {
    #[serde(default)]
    leased: u64,
    took_ms: Option<u32>,
    #[serde(default)]
    crowded_until: i64,
    #[serde(default)]
    requests: i64,
    #[serde(default)]
    returns: i64,
}

impl Places {
    /// Reads the row.
    pub(crate) fn read(item: Item) -> Result<Self, StateError> {
        let is_lease = |name: &str| name.starts_with(LEASE_PREFIX);
        let (leases, named): (Item, Item) = item.into_iter().partition(|(name, _)| is_lease(name));
        let Named {
            leased,
            took_ms,
            crowded_until,
            requests,
            returns,
        } = from_item(named)?;
        let lease = |(holder, value)| match value {
            AttributeValue::M(lease) => Ok((holder, from_item(lease)?)),
            _ => Err(StateError::unreadable("read the places of an endpoint")),
        };
        Ok(Self {
            leases: leases.into_iter().map(lease).collect::<Result<_, _>>()?,
            revision: leased,
            took: took_ms,
            crowded_until,
            requests,
            returns,
        })
    }

    /// How many of `all` places nobody holds.
    pub fn free(&self, all: u32, now: Timestamp) -> u32 {
        let held = self.leases.values().filter(|lease| lease.is_held(now));
        all.saturating_sub(held.map(|lease| lease.places).sum())
    }

    /// The holders that have died.
    pub(super) fn dead(&self, now: Timestamp) -> impl Iterator<Item = &String> {
        let leases = self.leases.iter();
        leases
            .filter(move |(_, lease)| !lease.is_held(now))
            .map(|(holder, _)| holder)
    }

    /// Until when tokens of a flow were given out, at least: it only moves on.
    pub(super) fn tat(&self, flow: Flow) -> i64 {
        match flow {
            Flow::Events | Flow::Tests | Flow::News | Flow::Reads => 0,
            Flow::Requests => self.requests,
            Flow::Returns => self.returns,
        }
    }

    /// Whether this holder has places.
    pub(super) fn is_held_by(&self, holder: &Holder) -> bool {
        self.leases.contains_key(&holder.0)
    }

    /// Whether its requests are counted although nobody asked for that: of late they took long.
    pub fn is_crowded(&self, now: Timestamp) -> bool {
        self.crowded_until > now.as_millisecond()
    }

    /// How long a request took of late.
    pub fn took(&self) -> Option<Duration> {
        let took = self.took?;
        Some(Duration::from_millis(took.into()))
    }

    /// How long one takes now, at least: where nobody has begun for long, those under way take longer.
    pub fn takes(&self, now: Timestamp) -> Duration {
        let held = self.leases.values().filter(|lease| lease.is_held(now));
        let last_begun = held.map(|lease| lease.since).max();
        let idle = last_begun.map_or(0, |begun| now.as_millisecond() - begun);
        let idle = Duration::from_millis(u64::try_from(idle).unwrap_or(0));
        self.took().unwrap_or_default().max(idle)
    }
}

impl Lease {
    fn is_held(self, now: Timestamp) -> bool {
        self.until > now.as_millisecond()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::rows::to_item;

    fn at(milliseconds: i64) -> Timestamp {
        Timestamp::from_millisecond(milliseconds).unwrap()
    }

    #[test]
    fn a_place_is_free_again_when_its_holder_should_have_given_it_back() {
        let row = json!({
            "pk": "limit#ep_x", "sk": "limit", "ttl": 5, "requests": 1, "returns": 2, "leased": 7, "took_ms": 40,
            "lease_a": {"places": 2, "since": 100, "until": 1_000},
            "lease_b": {"places": 3, "since": 900, "until": 2_000},
        });
        let places = Places::read(to_item(&row).unwrap()).unwrap();
        let free = [999, 1_000, 1_999, 2_000].map(|now| places.free(6, at(now)));
        assert_eq!(free, [1, 3, 3, 6]);
        assert_eq!(places.free(2, at(0)), 0);
        let dead: Vec<_> = places.dead(at(1_500)).collect();
        assert_eq!(dead, ["lease_a"]);
        assert_eq!(places.revision, 7);
        assert_eq!(
            [Flow::Requests, Flow::Returns].map(|flow| places.tat(flow)),
            [1, 2]
        );
        assert_eq!(places.took(), Some(Duration::from_millis(40)));
        let takes = [910, 940, 941, 1_900, 2_000].map(|now| places.takes(at(now)).as_millis());
        assert_eq!(takes, [40, 40, 41, 1_000, 40]);
    }

    #[test]
    fn an_endpoint_without_a_row_has_all_its_places() {
        let places = Places::read(Item::new()).unwrap();
        assert_eq!(places, Places::default());
        assert_eq!(places.free(5, at(0)), 5);
        assert!(!places.is_crowded(at(0)) && places.took().is_none());
    }
}
