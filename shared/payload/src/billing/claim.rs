//! Whose a Stripe customer is, and who says so.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::stripe_id::StripeId;
use crate::id::OrganizationId;
use crate::timestamp;

/// A word that a customer is an organization's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Claim {
    /// Who says so.
    pub source: Source,
    /// Whose it is.
    pub organization_id: OrganizationId,
    /// `created` of the event, or when an operator said it.
    #[serde(serialize_with = "timestamp::serialize")]
    pub at: Timestamp,
    /// The event, unless an operator said it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub event: Option<StripeId>,
    /// What was bought in checkouts, and when.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub bought: BTreeMap<StripeId, Timestamp>,
}

/// Who says whose a customer is. The smaller one is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// An operator of the platform, or the platform when it made the customer.
    Operator,
    /// The checkout session.
    Session,
    /// The metadata of a subscription, also where an invoice repeats them.
    Metadata,
}

impl Source {
    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Session => "session",
            Self::Metadata => "metadata",
        }
    }
}

impl Claim {
    /// What an operator says at `now`.
    pub fn by_operator(organization_id: OrganizationId, now: Timestamp) -> Self {
        // What is finer is not stored, and a claim read back is the same claim.
        let at = Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now);
        Self {
            source: Source::Operator,
            organization_id,
            at,
            event: None,
            bought: BTreeMap::new(),
        }
    }

    /// How it compares to another claim of the same customer: the smaller one is believed.
    ///
    /// The first word of Stripe stands, so that nobody changes hands unseen. An operator decides, and
    /// the operator's last word counts.
    pub fn precedence(&self, other: &Self) -> Ordering {
        let by_time = match self.source {
            Source::Operator => other.at.cmp(&self.at),
            Source::Session | Source::Metadata => self.at.cmp(&other.at),
        };
        let by_source = self.source.cmp(&other.source);
        by_source.then(by_time).then_with(|| self.cmp(other))
    }

    /// What is kept of two claims for one organization from one source: associative, commutative,
    /// idempotent. What was bought is kept of both.
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        let (mut believed, also) = if other.precedence(&self).is_lt() {
            (other, self)
        } else {
            (self, other)
        };
        for (subscription, at) in also.bought {
            let known = believed.bought.entry(subscription).or_insert(at);
            *known = at.min(*known);
        }
        believed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "org_01K9XW3M7ZQ4T8V2B6N0C5R1YD";
    const B: &str = "org_01K9XW3M7ZQ4T8V2B6N0C5R1YE";

    fn claim(source: Source, organization: &str, second: i64) -> Claim {
        let at = Timestamp::from_second(second).unwrap();
        Claim {
            source,
            ..Claim::by_operator(organization.parse().unwrap(), at)
        }
    }

    #[test]
    fn the_operators_last_word_counts_and_otherwise_the_first_word() {
        use Source::{Metadata, Operator, Session};
        for (believed, other) in [
            (claim(Operator, B, 9), claim(Operator, A, 8)),
            (claim(Operator, B, 9), claim(Session, A, 1)),
            (claim(Session, B, 9), claim(Metadata, A, 1)),
            (claim(Session, B, 1), claim(Session, A, 2)),
            (claim(Session, A, 1), claim(Session, B, 1)),
            (claim(Metadata, B, 1), claim(Metadata, A, 2)),
        ] {
            assert!(
                believed.precedence(&other).is_lt(),
                "{believed:?} {other:?}"
            );
            assert!(other.precedence(&believed).is_gt());
            assert_eq!(believed.clone().merge(other.clone()), believed);
            assert_eq!(other.merge(believed.clone()), believed);
        }
    }
}
