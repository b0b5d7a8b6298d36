//! What an organization has, from all that is known of its customers at Stripe.

use std::cmp::Reverse;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::access::{Access, Entitlement, Step};
use super::claim::Source;
use super::customer::Customer;
use super::judgement::Judgement;
use super::plans::Plans;
use super::snapshot::Status;
use super::stripe_id::StripeId;
use crate::id::OrganizationId;
use crate::timestamp;

/// How long after a checkout its subscription may take to be heard of.
const UNSEEN_AFTER: SignedDuration = SignedDuration::from_mins(15);

/// What an organization has. Derived from facts and from nothing else: not from when they were heard,
/// nor from what was derived before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Whose it is.
    pub organization_id: OrganizationId,
    /// Its access over time: the best over its subscriptions.
    pub entitlement: Entitlement,
    /// The subscription that counts, if there is one.
    pub subscription: Option<Counted>,
    /// What Stripe should be asked about.
    pub doubts: Vec<Doubt>,
    /// Whether a subscription has a status that is not known here: it does not send until somebody looks.
    pub has_unknown_status: bool,
    /// Whether one of its customers, or one that it could have, is claimed for another organization too.
    pub has_conflicting_claims: bool,
}

/// The subscription that counts among an organization's: the one that gives most.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// Its id.
    pub id: StripeId,
    /// The customer that has it.
    pub customer: StripeId,
    /// What is subscribed to, as the parameter `EnterprisePlans` writes it; `None`: nothing with webhooks.
    pub plan: Option<String>,
    /// Its status at Stripe.
    pub status: Status,
    /// When what is paid for, or is to be paid for, ends.
    #[serde(serialize_with = "timestamp::option::serialize")]
    pub period_end: Option<Timestamp>,
    /// When it ends because somebody asked for that.
    #[serde(serialize_with = "timestamp::option::serialize")]
    pub cancel_at: Option<Timestamp>,
    /// Until when a failed payment can be made up for.
    #[serde(serialize_with = "timestamp::option::serialize")]
    pub grace_until: Option<Timestamp>,
    /// Until when invoices are paid.
    #[serde(serialize_with = "timestamp::option::serialize")]
    pub paid_through: Option<Timestamp>,
    /// The last invoice that was paid.
    pub last_payment: Option<Payment>,
    /// The last invoice that failed and still is to be paid.
    pub failed_payment: Option<FailedPayment>,
}

/// An invoice that was paid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// Its id.
    pub invoice: StripeId,
    /// When.
    #[serde(serialize_with = "timestamp::serialize")]
    pub at: Timestamp,
}

/// An invoice that could not be collected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedPayment {
    /// Its id.
    pub invoice: StripeId,
    /// When it first failed.
    #[serde(serialize_with = "timestamp::serialize")]
    pub since: Timestamp,
    /// How many attempts there were.
    pub attempt_count: u64,
    /// When it is tried again; `None`: not at all.
    #[serde(serialize_with = "timestamp::option::serialize")]
    pub next_attempt_at: Option<Timestamp>,
}

/// A reason to ask Stripe what a subscription is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Doubt {
    /// Which one.
    pub subscription: StripeId,
    /// From when on it is a reason.
    #[serde(serialize_with = "timestamp::serialize")]
    pub from: Timestamp,
    /// Why.
    pub reason: Reason,
}

/// Why Stripe should be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Events of the same seconds say different things, and none says which was the last.
    Order,
    /// Its period ended days ago, and nothing was heard since; or nothing says when it ends.
    Overdue,
    /// It was bought, and nothing was heard of it.
    Unseen,
}

impl Record {
    /// What an organization has. `customers` are those for which any claim names it; what is believed to
    /// be another's is not counted.
    pub fn of(organization_id: OrganizationId, customers: &[Customer], plans: &Plans) -> Self {
        let mut has_conflicting_claims = false;
        let mut checkouts = Vec::new();
        let mut judgements = Vec::new();
        for customer in customers {
            let is_claimed = |id: &(OrganizationId, Source)| id.0 == organization_id;
            has_conflicting_claims |=
                customer.is_contested() && customer.claims.keys().any(is_claimed);
            if customer.claim().map(|claim| claim.organization_id) == Some(organization_id) {
                let session = customer.claims.get(&(organization_id, Source::Session));
                checkouts.extend(session.map(|session| (customer, session)));
                let subscriptions = customer.subscriptions.values();
                judgements
                    .extend(subscriptions.filter_map(|it| Judgement::of(it, customer, plans)));
            }
        }
        let mut entitlements: Vec<Entitlement> =
            judgements.iter().map(Judgement::entitlement).collect();
        let mut doubts: Vec<Doubt> = judgements
            .iter()
            .filter_map(|it| it.doubt.clone())
            .collect();
        for (customer, session) in checkouts {
            // Shown, no more: what was bought is what the subscription says.
            if judgements.is_empty() {
                let (from, access) = (session.at, Access::Pending);
                entitlements.push(Entitlement::new([Step { from, access }]));
            }
            let is_unseen = |id: &StripeId| !customer.subscriptions.contains_key(id);
            let unseen = session.bought.iter().filter(|(id, _)| is_unseen(id));
            doubts.extend(unseen.map(|(id, at)| Doubt {
                subscription: id.clone(),
                from: at.saturating_add(UNSEEN_AFTER).unwrap_or(*at),
                reason: Reason::Unseen,
            }));
        }
        doubts.sort();
        let place = |it: &&Judgement<'_>| {
            let counted = &it.counted;
            (it.access, Reverse(counted.period_end), counted.id.clone())
        };
        let counted = judgements.iter().min_by_key(place);
        Self {
            organization_id,
            entitlement: Entitlement::best(&entitlements),
            subscription: counted.map(|it| it.counted.clone()),
            doubts,
            has_unknown_status: judgements.iter().any(Judgement::has_unknown_status),
            has_conflicting_claims,
        }
    }

    /// What it has at `now`.
    pub fn access(&self, now: Timestamp) -> Access {
        self.entitlement.access(now)
    }

    /// Whether Stripe should be asked at `now`.
    pub fn needs_reconcile(&self, now: Timestamp) -> bool {
        self.doubts.iter().any(|doubt| doubt.from <= now)
    }
}
