//! One subscription as one event showed it, and which of two showed it later.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::fingerprint::Fingerprint;
use super::stripe_id::StripeId;
use crate::timestamp;

/// A subscription at a moment, with what tells its place among others.
///
/// Ordered by time, then by what is less likely to be undone by the other, then by id: a total order
/// that has no meaning beyond seconds. What has one is `follows`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Snapshot {
    /// `created` of the event, which has whole seconds, or when it was fetched.
    #[serde(serialize_with = "timestamp::serialize")]
    pub at: Timestamp,
    /// What showed it.
    pub kind: Kind,
    /// Whether the event says that the status changed.
    pub changes_status: bool,
    /// The event, unless it was fetched.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub event: Option<StripeId>,
    /// What it is.
    pub standing: Standing,
    /// Whether the event says that something changed on which access depends: it begins what the
    /// standing is since.
    pub(super) turns: bool,
    /// All of the object.
    pub(super) object: Fingerprint,
    /// What was otherwise before, in the words of the event.
    pub(super) before: Fingerprint,
}

/// What showed a snapshot. Of two at the same second the greater counts, if nothing else decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// `customer.subscription.created`: before all others.
    Created,
    /// An event that tells of something to come, or of something beside the subscription.
    Notice,
    /// `updated`, `paused`, `resumed`, and what Stripe adds to them.
    Changed,
    /// `customer.subscription.deleted`.
    Deleted,
    /// Stripe was asked.
    Fetched,
}

/// What a subscription is, as far as access depends on it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Standing {
    /// Its status.
    pub status: Status,
    /// Whether its invoices are not collected: the status stays `active` then.
    pub is_collection_paused: bool,
    /// What is subscribed to.
    pub items: Vec<Item>,
    /// When it ends or ended by request, if that was asked for.
    #[serde(serialize_with = "timestamp::option::serialize")]
    pub cancel_at: Option<Timestamp>,
    /// Whether it ends with its period.
    pub cancels_at_period_end: bool,
    /// When it ended.
    #[serde(serialize_with = "timestamp::option::serialize")]
    pub ended_at: Option<Timestamp>,
    /// Its last invoice.
    pub latest_invoice: Option<StripeId>,
}

/// One thing that is subscribed to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Item {
    /// The id of its price.
    pub price: String,
    /// The name of the price that can be given to another price.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub lookup_key: Option<String>,
    /// The id of its product.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub product: Option<String>,
    /// What the seller noted at the price.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub metadata: BTreeMap<String, String>,
    /// When its period began.
    #[serde(serialize_with = "timestamp::option::serialize")]
    pub period_start: Option<Timestamp>,
    /// When its period ends.
    #[serde(serialize_with = "timestamp::option::serialize")]
    pub period_end: Option<Timestamp>,
}

/// The status of a subscription. Source: <https://docs.stripe.com/api/subscriptions/object#subscription_object-status>.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
#[expect(missing_docs, reason = "each is Stripe's status of this name")]
pub enum Status {
    Trialing,
    Active,
    PastDue,
    Unpaid,
    Paused,
    Incomplete,
    IncompleteExpired,
    Canceled,
    /// One that Stripe did not have when this was written.
    Other(String),
}

impl Status {
    /// As Stripe writes it.
    pub fn name(&self) -> &str {
        match self {
            Self::Trialing => "trialing",
            Self::Active => "active",
            Self::PastDue => "past_due",
            Self::Unpaid => "unpaid",
            Self::Paused => "paused",
            Self::Incomplete => "incomplete",
            Self::IncompleteExpired => "incomplete_expired",
            Self::Canceled => "canceled",
            Self::Other(name) => name,
        }
    }

    /// Whether a subscription never has another one after it.
    pub const fn is_last(&self) -> bool {
        matches!(self, Self::Canceled | Self::IncompleteExpired)
    }
}

impl From<String> for Status {
    fn from(name: String) -> Self {
        match &*name {
            "trialing" => Self::Trialing,
            "active" => Self::Active,
            "past_due" => Self::PastDue,
            "unpaid" => Self::Unpaid,
            "paused" => Self::Paused,
            "incomplete" => Self::Incomplete,
            "incomplete_expired" => Self::IncompleteExpired,
            "canceled" => Self::Canceled,
            _ => Self::Other(name),
        }
    }
}

impl From<Status> for String {
    fn from(status: Status) -> Self {
        match status {
            Status::Other(name) => name,
            known => known.name().to_owned(),
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Standing {
    /// A check sum of what its access depends on, but for the clock.
    pub(super) fn likeness(&self) -> u32 {
        let mut prices: Vec<&str> = self.items.iter().map(|item| &*item.price).collect();
        prices.sort_unstable();
        let parts = [
            self.status.name(),
            ["collected", "paused"][usize::from(self.is_collection_paused)],
        ];
        crc32fast::hash([&parts[..], &prices].concat().join("\n").as_bytes())
    }
}

impl Snapshot {
    /// Whether the subscription is over: nothing that Stripe says of it later changes that.
    pub fn is_last(&self) -> bool {
        self.kind == Kind::Deleted || self.standing.status.is_last()
    }

    /// Whether this one shows the subscription after a change that `other` does not show.
    ///
    /// `created` of events has whole seconds and is no order within them. But an event says what was
    /// otherwise before it: where another object holds all of that, the event came after that object.
    pub(super) fn follows(&self, other: &Self) -> bool {
        match (self.kind, other.kind) {
            (Kind::Created, _) => false,
            (_, Kind::Created) => true,
            (Kind::Fetched, Kind::Fetched) => self.at > other.at,
            // What was fetched holds all that happened before, unless it is what another began with.
            (Kind::Fetched, _) => other.at <= self.at && !other.began_with(self),
            (_, Kind::Fetched) => self.began_with(other),
            _ => self.began_with(other) && !other.began_with(self),
        }
    }

    /// Whether `other` shows all that this one found otherwise: it could have come right after it.
    pub(super) fn began_with(&self, other: &Self) -> bool {
        // Who says nothing of before could have begun with anything.
        !self.before.is_empty() && self.before.is_held_by(&other.object)
    }

    /// Without what tells its place, when it needs none any more.
    pub(super) fn without_place(self) -> Self {
        Self {
            object: Fingerprint::default(),
            before: Fingerprint::default(),
            ..self
        }
    }
}
