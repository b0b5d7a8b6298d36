//! Facts as the tables have them.

use std::collections::BTreeMap;

use super::{ORGANIZATIONS, plans};
use crate::billing::customer::Customer;
use crate::billing::record::Record;
use crate::billing::stripe_event::Facts;
use crate::billing::stripe_id::StripeId;
use crate::id::OrganizationId;

/// All that is known of all customers.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in crate::billing) struct Books(pub(in crate::billing) BTreeMap<StripeId, Customer>);

impl Books {
    pub(in crate::billing) fn of<'f>(facts: impl IntoIterator<Item = &'f Facts>) -> Self {
        let mut books = Self::default();
        for said in facts {
            let customer = books.customer(&said.customer);
            said.facts
                .iter()
                .cloned()
                .for_each(|fact| customer.learn(fact));
        }
        books
    }

    pub(in crate::billing) fn customer(&mut self, id: &StripeId) -> &mut Customer {
        self.0
            .entry(id.clone())
            .or_insert_with(|| Customer::new(id.clone()))
    }

    pub(in crate::billing) fn record(&self, organization: usize) -> Record {
        let id: OrganizationId = ORGANIZATIONS[organization].parse().unwrap();
        let of_it = |it: &&Customer| it.claims.keys().any(|(claimed, _)| *claimed == id);
        let customers: Vec<Customer> = self.0.values().filter(of_it).cloned().collect();
        Record::of(id, &customers, &plans())
    }

    pub(in crate::billing) fn records(&self) -> [Record; 2] {
        [0, 1].map(|organization| self.record(organization))
    }
}
