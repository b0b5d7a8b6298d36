//! The table Billing: what Stripe said, by customer.
//!
//! A row for each subscription, invoice and claim of a customer. Each holds all that was ever said of it,
//! merged, so that the order in which events come, and how often, makes no difference. What an organization
//! has is derived from these rows and never changes them. Rows of test mode lie beside those of live mode and
//! never meet them.

use aws_sdk_dynamodb::Client;
use payload::billing::claim::Claim;
use payload::billing::customer::{Customer, Fact};
use payload::billing::invoice::Invoice;
use payload::billing::stripe_event::Mode;
use payload::billing::stripe_id::StripeId;
use payload::billing::subscription::Subscription;
use payload::id::OrganizationId;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::StateError;
use crate::keyspace;
use crate::rows::{self, Item, from_item, key, put_on_revision, sort_key, text, to_item};

/// How often a row is merged again with what another event wrote in between.
const MAX_TRIES: usize = 8;
const LEARNING: &str = "write what Stripe said";
const RECALLING: &str = "read what Stripe said";

/// The table, of one mode.
#[derive(Debug, Clone)]
pub struct Ledger {
    pub(crate) client: Client,
    pub(crate) table: String,
    pub(crate) mode: Mode,
}

/// All that was said of one thing.
#[derive(Serialize, Deserialize)]
struct FactRow<F> {
    fact: F,
    /// Counts the writes.
    revision: u64,
}

impl Ledger {
    /// The table of this name.
    pub fn new(client: Client, table: String, mode: Mode) -> Self {
        Self {
            client,
            table,
            mode,
        }
    }

    /// Which of Stripe's two worlds it is about.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Adds what was said of a customer; whether that was news. Two requests for news, four for a claim, one for
    /// what was known.
    ///
    /// # Errors
    /// DynamoDB did not answer, or others wrote the row each time. What was added stays, and adding it again
    /// changes nothing.
    pub async fn learn(&self, customer: &StripeId, fact: Fact) -> Result<bool, StateError> {
        let of = |sort: String| key(keyspace::stripe_customer(self.mode, customer), sort);
        match fact {
            Fact::Claim(claim) => {
                let place = of(keyspace::claim(claim.organization_id, claim.source));
                if !self.is_news(&place, &claim, Claim::merge).await? {
                    return Ok(false);
                }
                // Before the claim: who finds the claim known, finds this done.
                self.list_customer(claim.organization_id, customer).await?;
                self.merge(place, claim, Claim::merge).await
            }
            Fact::Subscription(it) => {
                let place = of(keyspace::subscription(&it.id));
                self.merge(place, it, Subscription::merge).await
            }
            Fact::Invoice(it) => {
                let place = of(keyspace::invoice(&it.id));
                self.merge(place, it, Invoice::merge).await
            }
        }
    }

    /// All that is known of a customer, as it is now.
    ///
    /// # Errors
    /// DynamoDB did not answer, or a row cannot be read.
    pub async fn customer(&self, id: &StripeId) -> Result<Customer, StateError> {
        let mut customer = Customer::new(id.clone());
        for item in self.query(keyspace::stripe_customer(self.mode, id)).await? {
            let fact = match sort_key(&item).and_then(|sk| sk.split('#').next()) {
                Some("claim") => Fact::Claim(fact(item)?),
                Some("invoice") => Fact::Invoice(fact(item)?),
                Some("subscription") => Fact::Subscription(fact(item)?),
                _ => continue,
            };
            customer.learn(fact);
        }
        Ok(customer)
    }

    /// The customers that were ever claimed for an organization.
    ///
    /// # Errors
    /// DynamoDB did not answer.
    pub async fn customers_of(
        &self,
        organization: OrganizationId,
    ) -> Result<Vec<Customer>, StateError> {
        let partition = keyspace::customers_of(self.mode, organization);
        let items = self.query(partition).await?;
        let ids = items.iter().filter_map(|item| sort_key(item)?.parse().ok());
        let mut customers = Vec::with_capacity(items.len());
        for id in ids {
            customers.push(self.customer(&id).await?);
        }
        Ok(customers)
    }

    /// All rows of a partition, as they are now.
    pub(crate) async fn query(&self, partition: String) -> Result<Vec<Item>, StateError> {
        let mut pages = self
            .client
            .query()
            .table_name(&self.table)
            .consistent_read(true)
            .key_condition_expression("pk = :partition")
            .expression_attribute_values(":partition", text(partition))
            .into_paginator()
            .send();
        let mut items = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(StateError::while_doing(RECALLING))?;
            items.extend(page.items.unwrap_or_default());
        }
        Ok(items)
    }

    /// Has an organization's customers listed with this one among them.
    async fn list_customer(
        &self,
        organization: OrganizationId,
        customer: &StripeId,
    ) -> Result<(), StateError> {
        let partition = keyspace::customers_of(self.mode, organization);
        let row = key(partition, customer.as_str());
        rows::put(&self.client, &self.table, row, LEARNING).await
    }

    async fn read<F: DeserializeOwned>(
        &self,
        place: &Item,
    ) -> Result<Option<FactRow<F>>, StateError> {
        rows::get(&self.client, &self.table, place.clone(), RECALLING).await
    }

    async fn is_news<F>(
        &self,
        place: &Item,
        said: &F,
        merge: fn(F, F) -> F,
    ) -> Result<bool, StateError>
    where
        F: DeserializeOwned + Clone + PartialEq,
    {
        let known: Option<FactRow<F>> = self.read(place).await?;
        let is_known = |known: FactRow<F>| merge(known.fact.clone(), said.clone()) == known.fact;
        Ok(!known.is_some_and(is_known))
    }

    /// Merges what was said into its row.
    async fn merge<F>(&self, place: Item, said: F, merge: fn(F, F) -> F) -> Result<bool, StateError>
    where
        F: Serialize + DeserializeOwned + Clone + PartialEq,
    {
        for _ in 0..MAX_TRIES {
            let known: Option<FactRow<F>> = self.read(&place).await?;
            let revision = known.as_ref().map_or(0, |known| known.revision);
            let fact = match &known {
                Some(known) => merge(known.fact.clone(), said.clone()),
                None => said.clone(),
            };
            if known.is_some_and(|known| known.fact == fact) {
                return Ok(false);
            }
            let mut row = to_item(&FactRow {
                fact,
                revision: revision + 1,
            })?;
            row.extend(place.clone());
            // UnchangedSinceRead. read (revision n) → [another event of the same thing writes n + 1] → this
            // write: only on n, else it is merged again. So no event undoes what another one said.
            let written =
                put_on_revision(&self.client, &self.table, row, revision, LEARNING).await?;
            if written {
                return Ok(true);
            }
        }
        Err(StateError::contended(LEARNING))
    }
}

fn fact<F: DeserializeOwned>(item: Item) -> Result<F, StateError> {
    from_item::<FactRow<F>>(item).map(|row| row.fact)
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;
    use std::fs;
    use std::path::Path;

    use payload::billing::stripe_event::{Said, StripeEvent};

    use super::*;

    fn assert_comes_back<F>(said: &F)
    where
        F: Serialize + DeserializeOwned + PartialEq + Debug,
    {
        let row = FactRow {
            fact: said,
            revision: 7,
        };
        let item = to_item(&row).unwrap();
        assert_eq!(&fact::<F>(item).unwrap(), said);
    }

    #[test]
    fn every_fact_of_the_sample_events_comes_back_from_its_row_as_it_was() {
        let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events/billing/stripe");
        let mut facts = 0;
        for version in ["basil", "dahlia", "edge"] {
            for sample in fs::read_dir(samples.join(version)).unwrap() {
                let path = sample.unwrap().path();
                if path.is_dir() {
                    continue;
                }
                let body = fs::read(&path).unwrap();
                let read = |mode| match StripeEvent::read(&body, mode).said {
                    Said::Facts(said) => said.facts,
                    Said::Ignored(_) | Said::Unparsed(_) => Vec::new(),
                };
                for fact in [Mode::Live, Mode::Test].into_iter().flat_map(read) {
                    facts += 1;
                    match fact {
                        Fact::Claim(claim) => assert_comes_back(&claim),
                        Fact::Subscription(subscription) => assert_comes_back(&subscription),
                        Fact::Invoice(invoice) => assert_comes_back(&invoice),
                    }
                }
            }
        }
        assert!(facts > 40, "{facts} facts");
    }
}
