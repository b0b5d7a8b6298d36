//! Customers of whom nobody has said whose they are. What Stripe says of them is kept, and counts as soon as
//! somebody does.

use jiff::Timestamp;
use payload::billing::stripe_id::StripeId;
use payload::timestamp;
use serde::{Deserialize, Serialize};

use crate::billing::ledger::Ledger;
use crate::error::StateError;
use crate::keyspace;
use crate::rows::{Page, from_item, is_written, key, page_end, text, to_item};

/// A customer without an organization.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parked {
    /// Which one.
    pub customer: StripeId,
    /// Since when it is known.
    #[serde(serialize_with = "timestamp::serialize")]
    pub since: Timestamp,
}

impl Ledger {
    /// Lists a customer that nobody has claimed; whether it was not listed before.
    ///
    /// # Errors
    /// DynamoDB did not answer.
    pub async fn park(&self, customer: &StripeId, now: Timestamp) -> Result<bool, StateError> {
        let mut row = to_item(&Parked {
            customer: customer.clone(),
            since: now,
        })?;
        row.extend(key(keyspace::parked(self.mode), customer.as_str()));
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(row))
            // FirstTime. It is parked since its first event, not since its last.
            .condition_expression("attribute_not_exists(pk)");
        is_written(put.send().await, "park a customer")
    }

    /// Takes a customer off the list, whether it is on it or not.
    ///
    /// # Errors
    /// DynamoDB did not answer.
    pub async fn unpark(&self, customer: &StripeId) -> Result<(), StateError> {
        let delete = self.client.delete_item().table_name(&self.table);
        let place = key(keyspace::parked(self.mode), customer.as_str());
        let deleted = delete.set_key(Some(place)).send().await;
        deleted.map_err(StateError::while_doing("take a customer off the list"))?;
        Ok(())
    }

    /// Customers without an organization, by their ids, after `after`.
    ///
    /// # Errors
    /// DynamoDB did not answer.
    pub async fn parked(
        &self,
        after: Option<&str>,
        limit: i32,
    ) -> Result<Page<Parked>, StateError> {
        let answer = self
            .client
            .query()
            .table_name(&self.table)
            .consistent_read(true)
            .key_condition_expression("pk = :parked AND sk > :after")
            .expression_attribute_values(":parked", text(keyspace::parked(self.mode)))
            .expression_attribute_values(":after", text(after.unwrap_or(" ")))
            .limit(limit)
            .send()
            .await
            .map_err(StateError::while_doing("list parked customers"))?;
        let next = page_end(answer.last_evaluated_key, keyspace::SK);
        let items = answer.items.unwrap_or_default().into_iter().map(from_item);
        Ok(Page {
            items: items.collect::<Result<_, _>>()?,
            next,
        })
    }
}
