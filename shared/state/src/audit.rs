//! The audit: every accepted event against its deliveries.
//!
//! The index `audit` of Events lists what was written in a minute. How many events were seen in a bucket
//! is kept for two days, so that a later look finds out with one number whether the index was complete.

use std::collections::HashMap;

use jiff::SignedDuration;
use payload::id::EventId;
use serde::{Deserialize, Serialize};

use crate::accepted_event::AcceptedEvent;
use crate::batch_get::{Consistency, batch_get};
use crate::bucket::Bucket;
use crate::deliveries::Deliveries;
use crate::error::StateError;
use crate::events::Events;
use crate::keyspace::{self, SK};
use crate::rows::{Item, Page, count_in, from_item, key, page_end, put, text, to_item};

/// Most events of one page: each may have a hundred deliveries.
const PAGE: i32 = 100;
/// How long it is kept how many events there were: the last look is after a day.
const COUNT_KEPT_FOR: SignedDuration = SignedDuration::from_hours(48);

/// How many events of a bucket were audited.
#[derive(Serialize, Deserialize)]
struct CountRow {
    bucket: Bucket,
    events: u64,
    ttl: i64,
}

impl Events {
    /// Accepted events of a bucket in the order of their ids, after the one at which an earlier page
    /// ended. A page holds at most 100; a row that cannot be read is an error of its own.
    ///
    /// # Errors
    /// DynamoDB did not answer.
    pub async fn accepted_in(
        &self,
        bucket: Bucket,
        after: Option<EventId>,
    ) -> Result<Page<Result<AcceptedEvent, StateError>>, StateError> {
        let after = after.map_or_else(|| " ".to_owned(), |event| event.to_string());
        let answer = self
            .client
            .query()
            .table_name(&self.table)
            .index_name("audit")
            .key_condition_expression("#audit = :bucket AND #sk > :after")
            .expression_attribute_names("#audit", "audit")
            .expression_attribute_names("#sk", SK)
            .expression_attribute_values(":bucket", text(bucket.to_string()))
            .expression_attribute_values(":after", text(after))
            .limit(PAGE)
            .send()
            .await
            .map_err(StateError::while_doing("read what was accepted"))?;
        let next = page_end(answer.last_evaluated_key, SK);
        let items = answer.items.unwrap_or_default();
        let items = items.into_iter().map(AcceptedEvent::read).collect();
        Ok(Page { items, next })
    }

    /// How many accepted events the index has in a bucket now.
    ///
    /// # Errors
    /// DynamoDB did not answer.
    pub async fn count_accepted_in(&self, bucket: Bucket) -> Result<u64, StateError> {
        count_in(&self.client, &self.table, "audit", &bucket.to_string()).await
    }
}

impl Deliveries {
    /// Keeps how many events of a bucket were audited.
    ///
    /// # Errors
    /// DynamoDB did not take it.
    pub async fn keep_audited(&self, bucket: Bucket, events: u64) -> Result<(), StateError> {
        let ttl = (bucket.begins() + COUNT_KEPT_FOR).as_second();
        let mut row = to_item(&CountRow {
            bucket,
            events,
            ttl,
        })?;
        row.extend(key(keyspace::RECOVERY, keyspace::audited(bucket)));
        put(&self.client, &self.table, row, "keep how many were audited").await
    }

    /// How many events of these buckets were audited, at most 100; a bucket without any is missing.
    ///
    /// # Errors
    /// DynamoDB did not answer.
    pub async fn audited(&self, buckets: &[Bucket]) -> Result<HashMap<Bucket, u64>, StateError> {
        let keys: Vec<(&String, Item)> = buckets
            .iter()
            .map(|&bucket| {
                (
                    &self.table,
                    key(keyspace::RECOVERY, keyspace::audited(bucket)),
                )
            })
            .collect();
        let doing = "read how many were audited";
        let rows = batch_get(&self.client, &keys, Consistency::Eventual, doing).await?;
        let rows = rows.into_iter().map(|(_, item)| {
            let row: CountRow = from_item(item)?;
            Ok((row.bucket, row.events))
        });
        rows.collect()
    }
}
