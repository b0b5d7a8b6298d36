//! Erasures: their rows in Deliveries, beside those of replays.

use jiff::{SignedDuration, Timestamp};
use payload::id::{ErasureId, OrganizationId};
use serde::Serialize;

use crate::audit_log::Logging;
use crate::deliveries::Deliveries;
use crate::erasure::{Erasure, ErasureState};
use crate::error::StateError;
use crate::jobs::Slot;
use crate::keyspace::{self, PK, SK};
use crate::rows::{self, Item, Page, from_item, key, page_end, text, to_item};

/// How long it is kept how far an erasure got.
const KEPT_FOR: SignedDuration = SignedDuration::from_hours(24 * 90);

#[derive(Serialize)]
struct ErasureRow<'a> {
    #[serde(flatten)]
    erasure: &'a Erasure,
    /// Keys of the index `due`, as long as it goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    due: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    due_at: Option<ErasureId>,
    ttl: i64,
}

/// The row of an erasure as it is written next.
fn next_row(erasure: &mut Erasure, now: Timestamp) -> Result<Item, StateError> {
    erasure.revision += 1;
    erasure.updated_at = now;
    let is_active = erasure.state == ErasureState::Running;
    let mut row = to_item(&ErasureRow {
        erasure,
        due: is_active.then_some(keyspace::ACTIVE_ERASURES),
        due_at: is_active.then_some(erasure.id),
        ttl: (erasure.created_at + KEPT_FOR).as_second(),
    })?;
    let partition = keyspace::erasures(erasure.organization_id);
    row.extend(key(partition, erasure.id.to_string()));
    Ok(row)
}

impl Deliveries {
    /// Writes a new erasure; `false` when another one began since its slot was looked for.
    ///
    /// # Errors
    /// DynamoDB did not answer.
    pub async fn begin_erasure(
        &self,
        erasure: &Erasure,
        slot: Slot,
        line: Logging,
        now: Timestamp,
    ) -> Result<bool, StateError> {
        let row = next_row(&mut erasure.clone(), now)?;
        self.begin(row, slot, line, now, "begin an erasure").await
    }

    /// Keeps how far an erasure got; `false` when somebody else works on it.
    ///
    /// # Errors
    /// DynamoDB did not answer.
    pub async fn save_erasure(
        &self,
        erasure: &mut Erasure,
        now: Timestamp,
    ) -> Result<bool, StateError> {
        let read = erasure.revision;
        let row = next_row(erasure, now)?;
        // UnchangedSinceRead. read (revision n) → [another run takes the page in hand: n + 1] → this write:
        // only on n, so that two do not count the same page.
        let doing = "keep how far an erasure got";
        rows::put_on_revision(&self.client, &self.table, row, read, doing).await
    }

    /// An erasure of an organization.
    ///
    /// # Errors
    /// DynamoDB did not answer.
    pub async fn erasure(
        &self,
        organization: OrganizationId,
        id: ErasureId,
    ) -> Result<Option<Erasure>, StateError> {
        let key = key(keyspace::erasures(organization), id.to_string());
        rows::get(&self.client, &self.table, key, "read an erasure").await
    }

    /// Erasures of an organization, newest first, before `before`.
    ///
    /// # Errors
    /// DynamoDB did not answer.
    pub async fn erasures(
        &self,
        organization: OrganizationId,
        before: Option<ErasureId>,
        limit: i32,
    ) -> Result<Page<Erasure>, StateError> {
        let before = before.map_or_else(|| "ers_~".to_owned(), |id| id.to_string());
        let answer = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("#pk = :erasures AND #sk < :before")
            .expression_attribute_names("#pk", PK)
            .expression_attribute_names("#sk", SK)
            .expression_attribute_values(":erasures", text(keyspace::erasures(organization)))
            .expression_attribute_values(":before", text(before))
            .scan_index_forward(false)
            .limit(limit)
            .send()
            .await
            .map_err(StateError::while_doing("list erasures"))?;
        let next = page_end(answer.last_evaluated_key, SK);
        let items = answer.items.unwrap_or_default();
        let items = items.into_iter().map(from_item).collect::<Result<_, _>>()?;
        Ok(Page { items, next })
    }

    /// Erasures that go on, of all organizations, oldest first, after the place at which an earlier page ended.
    ///
    /// # Errors
    /// DynamoDB did not answer.
    pub async fn active_erasures(
        &self,
        after: Option<&str>,
    ) -> Result<Page<(OrganizationId, ErasureId)>, StateError> {
        self.active(keyspace::ACTIVE_ERASURES, after, "list active erasures")
            .await
    }
}
