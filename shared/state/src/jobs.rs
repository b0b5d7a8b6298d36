//! Jobs that go on for long: the erasures of an organization, and its replays of ranges. Which those of all are,
//! and that an organization has no more of them at once than it may.
//!
//! A row of the organization lists its jobs. Whoever begins one writes both, and its line of the audit log, in one
//! transaction:
//!
//! ```text
//! the list is read (revision n), and the jobs it names ── [another one begins: n + 1] ── list and job are written, only on n
//! ```
//!
//! Nobody takes a job that is over out of the list: the next one that begins finds it so. So what stops halfway
//! leaves nothing behind that counts.

use std::str::FromStr;

use aws_sdk_dynamodb::types::{Put, TransactWriteItem};
use jiff::{SignedDuration, Timestamp};
use payload::id::OrganizationId;
use serde::{Deserialize, Serialize};

use crate::audit_log::Logging;
use crate::batch_get::{Consistency, batch_get};
use crate::deliveries::Deliveries;
use crate::erasure::Erasure;
use crate::error::StateError;
use crate::keyspace::{self, PK};
use crate::replay::Replay;
use crate::rows::{self, Item, Page, from_item, key, number, page_end, sort_key, text, to_item};
use crate::transaction::{Logged, cancelled_as};

/// Most erasures of one organization at once.
pub const MAX_ERASURES: usize = 100;
/// Most replays of one organization at once that somebody has asked for. What it is released, when its access
/// returns, is not counted.
pub const MAX_REPLAYS: usize = 20;
/// How long a list is kept that nobody writes any more: as long as its jobs.
const KEPT_FOR: SignedDuration = SignedDuration::from_hours(24 * 90);
/// Most jobs of all organizations that are listed at once.
const PAGE: i32 = 1_000;

/// Whether an erasure may begin.
#[derive(Debug)]
pub enum Opening {
    /// It may, as long as no other one begins.
    Free(Slot),
    /// This one is of the same address, and goes on.
    Same(Box<Erasure>),
    /// There are as many as there may be.
    Full,
}

/// Room for one more job: the list as it was read, without those that are over.
#[derive(Debug)]
pub struct Slot {
    row: Item,
    jobs: Vec<String>,
    revision: u64,
}

/// A list as it is stored.
#[derive(Debug, Default, Serialize, Deserialize)]
struct List {
    jobs: Vec<String>,
    revision: u64,
    ttl: i64,
}

impl Deliveries {
    /// Whether an erasure may begin.
    ///
    /// # Errors
    /// DynamoDB did not answer.
    pub async fn opening_for_erasure(&self, erasure: &Erasure) -> Result<Opening, StateError> {
        let organization = erasure.organization_id;
        let list = key(keyspace::active(organization), keyspace::ACTIVE_ERASURES);
        let partition = keyspace::erasures(organization);
        let (slot, running) = self.slot(list, &partition, "read erasures").await?;
        let digest = |row: &Item| Some(row.get("digest")?.as_s().ok()?.clone());
        let is_same = |row: &Item| digest(row).as_deref() == erasure.digest();
        match running.into_iter().find(is_same) {
            Some(row) => Ok(Opening::Same(Box::new(from_item(row)?))),
            None => Ok(slot
                .within(MAX_ERASURES)
                .map_or(Opening::Full, Opening::Free)),
        }
    }

    /// Where a replay may begin; nowhere when there are as many as there may be.
    ///
    /// # Errors
    /// DynamoDB did not answer.
    pub async fn slot_for_replay(&self, replay: &Replay) -> Result<Option<Slot>, StateError> {
        let organization = replay.organization_id;
        let list = key(keyspace::active(organization), keyspace::ACTIVE_REPLAYS);
        let partition = keyspace::replays(organization);
        let (slot, _) = self.slot(list, &partition, "read replays").await?;
        Ok(slot.within(MAX_REPLAYS))
    }

    /// The list in this row without those of its jobs that are over, and the rows of the others.
    async fn slot(
        &self,
        row: Item,
        partition: &str,
        doing: &'static str,
    ) -> Result<(Slot, Vec<Item>), StateError> {
        let read = rows::get(&self.client, &self.table, row.clone(), doing).await?;
        let List { jobs, revision, .. } = read.unwrap_or_default();
        let named = jobs
            .into_iter()
            .map(|job| (&self.table, key(partition, job)));
        let named: Vec<(&String, Item)> = named.collect();
        let read = batch_get(&self.client, &named, Consistency::Strong, doing).await?;
        let goes_on = |row: &Item| row.contains_key("due");
        let running: Vec<Item> = read
            .into_iter()
            .map(|(_, row)| row)
            .filter(goes_on)
            .collect();
        let jobs = running.iter().filter_map(sort_key).map(str::to_owned);
        let slot = Slot {
            row,
            jobs: jobs.collect(),
            revision,
        };
        Ok((slot, running))
    }

    /// Writes a job that begins, and the line of the audit log that says so; `false` when another one began since
    /// its slot was looked for.
    pub(crate) async fn begin(
        &self,
        row: Item,
        slot: Slot,
        line: Logging,
        now: Timestamp,
        doing: &'static str,
    ) -> Result<bool, StateError> {
        let Slot {
            row: list,
            mut jobs,
            revision: read,
        } = slot;
        jobs.extend(sort_key(&row).map(str::to_owned));
        let mut listed = to_item(&List {
            jobs,
            revision: read + 1,
            ttl: (now + KEPT_FOR).as_second(),
        })?;
        listed.extend(list);
        let put = || Put::builder().table_name(&self.table);
        // NoOtherBegan. the list is read (revision n) → [another job begins: n + 1] → this write: only on n, so
        // that two do not take the last slot, or begin the same.
        let list = put()
            .set_item(Some(listed))
            .condition_expression(
                "(attribute_not_exists(pk) AND :read = :none) OR revision = :read",
            )
            .expression_attribute_values(":read", number(&read))
            .expression_attribute_values(":none", number(&0));
        // Nowhere. Its id is new.
        let job = put()
            .set_item(Some(row))
            .condition_expression("attribute_not_exists(pk)");
        let writes = [list, job].map(|put| {
            let put = put.build().expect("table and item are set");
            TransactWriteItem::builder().put(put).build()
        });
        let writes = writes.into_iter().chain([line.0]).collect();
        let transaction = self.client.transact_write_items();
        let written = transaction.set_transact_items(Some(writes)).send();
        Ok(cancelled_as(written.await, doing)? == Logged::Written)
    }

    /// Whose jobs and which a partition of the index `due` lists, oldest first, after the place at which an
    /// earlier page ended.
    pub(crate) async fn active<I: FromStr>(
        &self,
        partition: &str,
        after: Option<&str>,
        doing: &'static str,
    ) -> Result<Page<(OrganizationId, I)>, StateError> {
        let answer = self
            .client
            .query()
            .table_name(&self.table)
            .index_name("due")
            .key_condition_expression("due = :partition AND due_at > :after")
            .expression_attribute_values(":partition", text(partition))
            // Nothing sorts before a space.
            .expression_attribute_values(":after", text(after.unwrap_or(" ")))
            .limit(PAGE)
            .send()
            .await
            .map_err(StateError::while_doing(doing))?;
        let next = page_end(answer.last_evaluated_key, "due_at");
        let items = answer.items.unwrap_or_default();
        let items = items.iter().filter_map(|item| {
            let partition = item.get(PK)?.as_s().ok()?;
            Some((
                keyspace::organization_of(partition)?,
                sort_key(item)?.parse().ok()?,
            ))
        });
        Ok(Page {
            items: items.collect(),
            next,
        })
    }
}

impl Slot {
    fn within(self, most: usize) -> Option<Self> {
        (self.jobs.len() < most).then_some(self)
    }
}
