//! Giving the credentials of an organization the places in the index `notice` that other reminders ask for.
//!
//! Reminders that are taken away need none of this: a credential that is looked at in vain moves on. One that is
//! added may be due before the place where its credential is looked at next.
//!
//!   the change is noted ── the organization is written ── a minute: nobody goes by what it was any more ──
//!   its credentials are gone through, in pages ── the note is deleted, if it is still the same one

use jiff::{SignedDuration, Timestamp};
use payload::id::OrganizationId;
use payload::timestamp;
use serde::{Deserialize, Serialize};

use crate::credentials::Credentials;
use crate::error::StateError;
use crate::keyspace::{self, CREDENTIAL_PREFIX, RESCHEDULINGS, SK};
use crate::notices::Watched;
use crate::rows::{Item, from_item, is_written, key, number, page_end, put, text, to_item};

/// When it begins: what was read of an organization is seconds old, and a request takes half a minute at most.
const BEGINS_AFTER: SignedDuration = SignedDuration::from_mins(1);
/// Credentials of one page.
const PAGE: i32 = 200;

/// An organization whose credentials are to be gone through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rescheduling {
    /// Whose they are.
    #[serde(rename = "sk")]
    pub organization: OrganizationId,
    /// When its reminders were changed.
    #[serde(serialize_with = "timestamp::serialize")]
    noted_at: Timestamp,
    /// The credential that was reached.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    after: Option<String>,
    /// Counts the writes.
    revision: u64,
}

impl Rescheduling {
    fn row(&self) -> Result<Item, StateError> {
        let mut row = to_item(self)?;
        row.extend(key(RESCHEDULINGS, self.organization.to_string()));
        Ok(row)
    }
}

impl Credentials {
    /// Notes that the reminders of an organization are to be changed. Noted for nothing, it changes nothing.
    ///
    /// # Errors
    /// DynamoDB did not take it.
    pub async fn note_rescheduling(
        &self,
        organization: OrganizationId,
        now: Timestamp,
    ) -> Result<(), StateError> {
        let rescheduling = Rescheduling {
            organization,
            noted_at: now,
            after: None,
            // No two notes have the same.
            revision: u64::try_from(now.as_microsecond()).unwrap_or_default(),
        };
        let row = rescheduling.row()?;
        put(&self.client, &self.table, row, "note new reminders").await
    }

    /// The organizations whose credentials can be gone through.
    ///
    /// # Errors
    /// DynamoDB did not answer.
    pub async fn reschedulings(&self, now: Timestamp) -> Result<Vec<Rescheduling>, StateError> {
        let answer = self
            .client
            .query()
            .table_name(&self.table)
            .consistent_read(true)
            .key_condition_expression("pk = :all")
            .expression_attribute_values(":all", text(RESCHEDULINGS))
            .send()
            .await
            .map_err(StateError::while_doing("list new reminders"))?;
        let noted = answer.items.unwrap_or_default().into_iter().map(from_item);
        let noted: Vec<Rescheduling> = noted.collect::<Result<_, _>>()?;
        let begins = |it: &Rescheduling| now.duration_since(it.noted_at) >= BEGINS_AFTER;
        Ok(noted.into_iter().filter(begins).collect())
    }

    /// The next credentials of an organization that is gone through, each as it is now or why it cannot be read, and
    /// how far that is; `None`: these are the last.
    ///
    /// # Errors
    /// DynamoDB did not answer.
    pub async fn to_reschedule(
        &self,
        rescheduling: &Rescheduling,
    ) -> Result<(Vec<Result<Watched, StateError>>, Option<Rescheduling>), StateError> {
        let organization = keyspace::organization(rescheduling.organization);
        let start = rescheduling.after.as_ref();
        let answer = self
            .client
            .query()
            .table_name(&self.table)
            .consistent_read(true)
            .key_condition_expression("pk = :organization AND begins_with(sk, :credential)")
            .expression_attribute_values(":organization", text(&organization))
            .expression_attribute_values(":credential", text(CREDENTIAL_PREFIX))
            .set_exclusive_start_key(start.map(|after| key(&organization, after)))
            .limit(PAGE)
            .send()
            .await
            .map_err(StateError::while_doing(
                "list credentials for new reminders",
            ))?;
        let items = answer.items.unwrap_or_default();
        let after = page_end(answer.last_evaluated_key, SK);
        let next = after.map(|after| Rescheduling {
            after: Some(after),
            ..rescheduling.clone()
        });
        Ok((items.into_iter().map(Watched::read).collect(), next))
    }

    /// Keeps how far it is; `None` to end it. `false`: somebody else went on, or the reminders were changed again.
    ///
    /// # Errors
    /// DynamoDB did not take it. The same credentials are gone through again.
    pub async fn keep_rescheduling(
        &self,
        read: &Rescheduling,
        next: Option<Rescheduling>,
    ) -> Result<Option<Rescheduling>, StateError> {
        const DOING: &str = "keep how far new reminders got";
        // UnchangedSinceRead. read (revision n) → [the reminders are changed again: another note] → this write:
        // only on n, so that the new note stands and its pass begins anew.
        const UNCHANGED: &str = "revision = :read";
        let read_revision = number(&read.revision);
        let Some(next) = next else {
            let organization = read.organization.to_string();
            let delete = self
                .client
                .delete_item()
                .table_name(&self.table)
                .set_key(Some(key(RESCHEDULINGS, organization)))
                .condition_expression(UNCHANGED)
                .expression_attribute_values(":read", read_revision);
            is_written(delete.send().await, DOING)?;
            return Ok(None);
        };
        let next = Rescheduling {
            revision: read.revision + 1,
            ..next
        };
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(next.row()?))
            .condition_expression(UNCHANGED)
            .expression_attribute_values(":read", read_revision);
        let is_kept = is_written(put.send().await, DOING)?;
        Ok(Some(next).filter(|_| is_kept))
    }
}
