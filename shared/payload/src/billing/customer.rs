//! All that is known of one Stripe customer.

use std::collections::{BTreeMap, BTreeSet};

use super::claim::{Claim, Source};
use super::invoice::Invoice;
use super::stripe_id::StripeId;
use super::subscription::Subscription;
use crate::id::OrganizationId;

/// What is known of a Stripe customer. Each value of a map is a row that is merged by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Customer {
    /// Its id.
    pub id: StripeId,
    /// Whose it is, as each source says of each organization.
    pub claims: BTreeMap<(OrganizationId, Source), Claim>,
    /// Its subscriptions.
    pub subscriptions: BTreeMap<StripeId, Subscription>,
    /// The invoices of its subscriptions.
    pub invoices: BTreeMap<StripeId, Invoice>,
}

/// What one event says of a customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// Whose it is.
    Claim(Claim),
    /// What became of a subscription.
    Subscription(Subscription),
    /// What became of an invoice.
    Invoice(Invoice),
}

impl Customer {
    /// One of whom nothing is known.
    pub fn new(id: StripeId) -> Self {
        Self {
            id,
            claims: BTreeMap::new(),
            subscriptions: BTreeMap::new(),
            invoices: BTreeMap::new(),
        }
    }

    /// Adds a fact. In which order, and how often, makes no difference.
    pub fn learn(&mut self, fact: Fact) {
        match fact {
            Fact::Claim(claim) => {
                let key = (claim.organization_id, claim.source);
                put(&mut self.claims, key, claim, Claim::merge);
            }
            Fact::Subscription(subscription) => {
                let key = subscription.id.clone();
                put(
                    &mut self.subscriptions,
                    key,
                    subscription,
                    Subscription::merge,
                );
            }
            Fact::Invoice(invoice) => {
                let key = invoice.id.clone();
                put(&mut self.invoices, key, invoice, Invoice::merge);
            }
        }
    }

    /// The claim that is believed; `None`: nobody knows whose customer this is.
    pub fn claim(&self) -> Option<&Claim> {
        self.claims.values().min_by(|a, b| a.precedence(b))
    }

    /// All organizations that it was ever named for. What each of them has depends on whose it is believed to be.
    pub fn organizations(&self) -> BTreeSet<OrganizationId> {
        let claims = self.claims.values();
        claims.map(|claim| claim.organization_id).collect()
    }

    /// Whether claims name several organizations, and no operator decided.
    pub fn is_contested(&self) -> bool {
        let Some(believed) = self.claim() else {
            return false;
        };
        let others = |claim: &Claim| claim.organization_id != believed.organization_id;
        believed.source != Source::Operator && self.claims.values().any(others)
    }
}

fn put<K: Ord, V>(rows: &mut BTreeMap<K, V>, key: K, value: V, merge: fn(V, V) -> V) {
    let merged = match rows.remove(&key) {
        Some(known) => merge(known, value),
        None => value,
    };
    rows.insert(key, merged);
}
