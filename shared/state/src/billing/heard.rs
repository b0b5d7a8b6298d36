//! The events of Stripe that made a record, and those that could not be read, as they came.
//!
//! Written when an event is done with: an event that is here was dealt with, and one that is not comes again.

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::{SignedDuration, Timestamp};
use payload::billing::stripe_id::StripeId;
use payload::timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::billing::ledger::Ledger;
use crate::bodies::compress;
use crate::error::StateError;
use crate::keyspace;
use crate::rows::{from_item, is_written, key, number, text, to_item};

/// How long they are kept: Stripe itself keeps them for 30 days.
const KEPT_FOR: SignedDuration = SignedDuration::from_hours(90 * 24);

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeardAs {
    /// It said something new.
    Applied,
    /// Something newer, or the same, was known.
    Stale,
    /// It is about a customer of whom nobody has said whose it is.
    Parked,
    /// It could not be read.
    Unparsed,
}

/// An event of Stripe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heard {
    /// Its id, if it could be read.
    pub id: Option<StripeId>,
    /// Its type.
    #[serde(rename = "type")]
    pub event_type: Option<String>,
    /// When it happened.
    #[serde(serialize_with = "timestamp::option::serialize")]
    pub created: Option<Timestamp>,
    /// When it came.
    #[serde(serialize_with = "timestamp::serialize")]
    pub received_at: Timestamp,
    /// The version in which it is written.
    pub api_version: Option<String>,
    /// Whom it is about.
    pub customer: Option<StripeId>,
    /// What became of it.
    pub outcome: HeardAs,
}

impl Ledger {
    /// Keeps an event with its body; whether it was not kept before.
    ///
    /// # Errors
    /// DynamoDB did not answer.
    pub async fn keep(&self, heard: &Heard, body: &[u8]) -> Result<bool, StateError> {
        let at = heard.created.unwrap_or(heard.received_at);
        // One without an id is known by its bytes: Stripe repeats them.
        let id = match &heard.id {
            Some(id) => id.to_string(),
            None => base16ct::lower::encode_string(&Sha256::digest(body)),
        };
        let partition = keyspace::heard(self.mode, heard.customer.as_ref());
        let mut row = to_item(heard)?;
        row.extend(key(partition, keyspace::heard_at(at, &id)));
        row.insert(
            "body".to_owned(),
            AttributeValue::B(Blob::new(compress(body, b""))),
        );
        row.insert("size".to_owned(), number(&body.len()));
        let ends_at = heard.received_at + KEPT_FOR;
        row.insert("ttl".to_owned(), number(&ends_at.as_second()));
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(row))
            // FirstTime. What became of it the first time is what it did; repeated, it does nothing.
            .condition_expression("attribute_not_exists(pk)");
        is_written(put.send().await, "keep an event of Stripe")
    }

    /// The last events of a customer, newest first, without their bodies.
    ///
    /// # Errors
    /// DynamoDB did not answer.
    pub async fn heard(&self, customer: &StripeId, limit: i32) -> Result<Vec<Heard>, StateError> {
        let answer = self
            .client
            .query()
            .table_name(&self.table)
            .consistent_read(true)
            .key_condition_expression("pk = :partition")
            .expression_attribute_values(
                ":partition",
                text(keyspace::heard(self.mode, Some(customer))),
            )
            .projection_expression(
                "id, #type, created, received_at, api_version, customer, outcome",
            )
            .expression_attribute_names("#type", "type")
            .scan_index_forward(false)
            .limit(limit)
            .send()
            .await
            .map_err(StateError::while_doing("list events of Stripe"))?;
        let items = answer.items.unwrap_or_default();
        items.into_iter().map(from_item).collect()
    }
}
