//! All that is known of one invoice of a subscription.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::stripe_id::StripeId;
use crate::timestamp;

/// What is known of an invoice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invoice {
    /// Its id.
    pub id: StripeId,
    /// What the event says that is furthest on.
    pub said: Saying,
    /// When a payment of it first failed.
    #[serde(serialize_with = "timestamp::option::serialize")]
    pub first_failed_at: Option<Timestamp>,
}

/// What one event says of an invoice.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Saying {
    /// Its status.
    pub status: InvoiceStatus,
    /// How many attempts were made to collect it.
    pub attempt_count: u64,
    /// `created` of the event.
    #[serde(serialize_with = "timestamp::serialize")]
    pub at: Timestamp,
    /// The event.
    pub event: StripeId,
    /// What is paid by it.
    pub subscription: StripeId,
    /// When it is tried again; `None`: not at all.
    #[serde(serialize_with = "timestamp::option::serialize")]
    pub next_attempt_at: Option<Timestamp>,
    /// When it was paid.
    #[serde(serialize_with = "timestamp::option::serialize")]
    pub paid_at: Option<Timestamp>,
    /// Until when it pays for the subscription.
    #[serde(serialize_with = "timestamp::option::serialize")]
    pub pays_through: Option<Timestamp>,
}

/// The status of an invoice. Source: <https://docs.stripe.com/api/invoices/object#invoice_object-status>.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each is Stripe's status of this name")]
pub enum InvoiceStatus {
    /// Also a draft, and what Stripe adds: not paid.
    Open,
    Uncollectible,
    Void,
    Paid,
}

impl InvoiceStatus {
    /// What Stripe calls so.
    pub fn named(name: &str) -> Self {
        match name {
            "paid" => Self::Paid,
            "void" => Self::Void,
            "uncollectible" => Self::Uncollectible,
            _ => Self::Open,
        }
    }

    /// How far on it is: an invoice never goes back.
    const fn rank(self) -> u8 {
        match self {
            Self::Open => 0,
            Self::Uncollectible => 1,
            Self::Void | Self::Paid => 2,
        }
    }
}

impl Saying {
    fn is_further_on(&self, other: &Self) -> bool {
        let place = |it: &Self| (it.status.rank(), it.attempt_count, it.at);
        let places = (place(self), &self.event).cmp(&(place(other), &other.event));
        // The rest is the same for the same event; it is compared so that the order is total.
        places.then_with(|| self.cmp(other)).is_gt()
    }
}

impl Invoice {
    /// What one event says.
    pub fn of(id: StripeId, said: Saying, is_failure: bool) -> Self {
        let first_failed_at = is_failure.then_some(said.at);
        Self {
            id,
            said,
            first_failed_at,
        }
    }

    /// What both know of the same invoice: associative, commutative, idempotent. A failure that is heard
    /// of after the payment does not undo it.
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        let failures = [self.first_failed_at, other.first_failed_at];
        let is_other = other.said.is_further_on(&self.said);
        Self {
            id: self.id,
            said: if is_other { other.said } else { self.said },
            first_failed_at: failures.into_iter().flatten().min(),
        }
    }

    /// When it was paid, if it was.
    pub fn paid_at(&self) -> Option<Timestamp> {
        let is_paid = self.said.status == InvoiceStatus::Paid;
        is_paid.then(|| self.said.paid_at.unwrap_or(self.said.at))
    }

    /// When a payment of it first failed, if it still is to be paid.
    pub fn failing_since(&self) -> Option<Timestamp> {
        let is_settled = self.said.status.rank() == InvoiceStatus::Paid.rank();
        self.first_failed_at.filter(|_| !is_settled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(status: InvoiceStatus, attempt_count: u64, second: i64) -> Invoice {
        let at = Timestamp::from_second(second).unwrap();
        let said = Saying {
            status,
            attempt_count,
            at,
            event: format!("evt_{second}").parse().unwrap(),
            subscription: "sub_1".parse().unwrap(),
            next_attempt_at: None,
            paid_at: None,
            pays_through: None,
        };
        let is_failure = status != InvoiceStatus::Paid && attempt_count > 0;
        Invoice::of("in_1".parse().unwrap(), said, is_failure)
    }

    #[test]
    fn what_is_furthest_on_counts_and_the_first_failure_is_remembered() {
        use InvoiceStatus::{Open, Paid, Uncollectible, Void};
        let in_order = [
            said(Open, 1, 50),
            said(Open, 2, 20),
            said(Open, 2, 30),
            said(Uncollectible, 1, 10),
            said(Void, 1, 60),
            said(Paid, 2, 5),
        ];
        for (at, later) in in_order.iter().enumerate() {
            for earlier in &in_order[..=at] {
                for merged in [
                    earlier.clone().merge(later.clone()),
                    later.clone().merge(earlier.clone()),
                ] {
                    assert_eq!(merged.said, later.said);
                }
            }
        }
        let all = in_order.into_iter().reduce(Invoice::merge).unwrap();
        assert_eq!(all.first_failed_at.unwrap().as_second(), 10);
        assert_eq!(all.failing_since(), None);
        assert_eq!(all.paid_at().unwrap().as_second(), 5);
    }
}
