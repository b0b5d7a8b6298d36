//! The row of an organization's entitlement in Accounts, and the agenda of what is to be done about them.
//!
//! The row is read with the organization's endpoints, by the one query that all functions make. What it
//! gives at some moment follows from it and the clock: nobody writes when a period of grace ends. But
//! somebody must tell, and start what waits: so each row has at most one line on the agenda, under the next
//! moment at which there is something to do, which is written in one transaction with it. So it is with the
//! moment from which on Stripe is to be asked.

use std::fmt;

use aws_sdk_dynamodb::types::{Delete, Put, TransactWriteItem};
use jiff::Timestamp;
use payload::billing::access::{Access, Entitlement};
use payload::id::OrganizationId;
use payload::timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::accounts::Accounts;
use crate::billing::due::lines;
use crate::billing::lapse::Lapse;
use crate::error::StateError;
use crate::keyspace::{self, ENTITLEMENT};
use crate::rows::{self, Item, key, number, to_item};
use crate::transaction::Logged;

/// What an organization is entitled to, and what was made of it so far.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entitled {
    /// Access over time.
    pub entitlement: Entitlement,
    /// What the billing function derived it from, as it wrote it. Its member `plan` is told, if it is a text.
    pub record: Value,
    /// The access that was last told. Nothing: it has had none so far.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub told: Option<Told>,
    /// What is held while the access is not there, and what of it is released when it is back.
    #[serde(flatten)]
    pub lapse: Lapse,
    /// Where it stands on the agenda.
    #[serde(
        serialize_with = "timestamp::option::serialize",
        skip_serializing_if = "Option::is_none",
        default
    )]
    pub due_at: Option<Timestamp>,
    /// From when on Stripe is to be asked, because what it said leaves something open.
    #[serde(
        serialize_with = "timestamp::option::serialize",
        skip_serializing_if = "Option::is_none",
        default
    )]
    pub doubted_from: Option<Timestamp>,
    /// When the row was last written.
    #[serde(serialize_with = "timestamp::serialize")]
    pub updated_at: Timestamp,
    /// Counts the writes of the row.
    pub revision: u64,
}

/// What was told of an organization's access.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// What it was.
    pub access: Access,
    /// Since when.
    #[serde(
        serialize_with = "timestamp::option::serialize",
        skip_serializing_if = "Option::is_none",
        default
    )]
    pub since: Option<Timestamp>,
    /// When that was settled.
    #[serde(serialize_with = "timestamp::serialize")]
    pub at: Timestamp,
}

/// Without the record, which is the billing function's.
impl fmt::Debug for Entitled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entitled")
            .field("entitlement", &self.entitlement)
            .field("told", &self.told)
            .field("lapse", &self.lapse)
            .field("revision", &self.revision)
            .finish_non_exhaustive()
    }
}

impl Entitled {
    /// The row with a new entitlement in place of the one that was read.
    pub(crate) fn written(
        read: Option<&Self>,
        entitlement: Entitlement,
        record: Value,
        now: Timestamp,
    ) -> Self {
        let mut next = Self {
            entitlement,
            record,
            told: read.and_then(|read| read.told),
            lapse: read.map_or_else(Lapse::default, |read| read.lapse_until(now)),
            due_at: None,
            doubted_from: None,
            updated_at: now,
            revision: read.map_or(0, |read| read.revision) + 1,
        };
        next.lapse = next.lapse_until(now);
        next.due_at = next.due(now);
        next
    }

    /// The plan, where the record says it.
    pub fn plan(&self) -> Option<&str> {
        self.record.get("plan")?.as_str()
    }

    /// What is held, counting what the clock did since the row was written.
    pub(crate) fn lapse_until(&self, now: Timestamp) -> Lapse {
        self.lapse.after(&self.entitlement, (self.updated_at, now))
    }

    /// When next something is to be done about it: at once, or when the clock changes the access.
    pub(crate) fn due(&self, now: Timestamp) -> Option<Timestamp> {
        let access = self.entitlement.access(now);
        let is_told = self.told.map_or(Access::None, |told| told.access) == access;
        let waits = access.sends() && self.lapse.lapsed_since.is_some();
        if !is_told || waits {
            return Some(now);
        }
        self.entitlement.next(now).map(|step| step.from)
    }
}

impl Accounts {
    /// What an organization is entitled to, as it stands in the table.
    ///
    /// # Errors
    /// DynamoDB did not answer.
    pub async fn entitlement(
        &self,
        organization: OrganizationId,
    ) -> Result<Option<Entitled>, StateError> {
        let key = key(keyspace::organization(organization), ENTITLEMENT);
        rows::get(&self.client, &self.table, key, "read an entitlement").await
    }

    /// Writes what an organization is entitled to in place of what was read, with the record that it was
    /// derived from, and from when on that is doubtful; `false` when somebody else has written since: read again and derive again. What says the
    /// same is not written. The caller settles it after that, or recovery does within a minute.
    ///
    /// Costs one write unit (for each KiB of the row), and three to nine more when an agenda changes: then it is a
    /// transaction of two to five rows.
    ///
    /// # Errors
    /// DynamoDB did not answer.
    pub async fn write_entitlement(
        &self,
        organization: OrganizationId,
        entitlement: &Entitlement,
        (record, doubted_from): (Value, Option<Timestamp>),
        read: Option<&Entitled>,
        now: Timestamp,
    ) -> Result<bool, StateError> {
        if read.is_some_and(|read| read.entitlement == *entitlement && read.record == record) {
            return Ok(true);
        }
        let next = Entitled {
            doubted_from,
            ..Entitled::written(read, entitlement.clone(), record, now)
        };
        self.replace_entitlement(organization, read, &next).await
    }

    /// Writes a row in place of the one that was read, and moves its line on the agenda.
    pub(crate) async fn replace_entitlement(
        &self,
        organization: OrganizationId,
        read: Option<&Entitled>,
        next: &Entitled,
    ) -> Result<bool, StateError> {
        let doing = "write an entitlement";
        let mut row = to_item(next)?;
        row.extend(key(keyspace::organization(organization), ENTITLEMENT));
        let revision = read.map_or(0, |read| read.revision);
        let before = read.map_or_else(Vec::new, |read| lines(organization, read));
        let after = lines(organization, next);
        // UnchangedSinceRead. read (revision n) → [another event of Stripe's or a run of recovery writes n + 1]
        // → this write: only on n. So nothing that was derived from fewer facts stands over what was derived
        // from more, and what was told is told from what is there.
        let is_written = if before == after {
            rows::put_on_revision(&self.client, &self.table, row, revision, doing).await?
        } else {
            let mut writes = vec![self.put_if_unchanged(row, revision)];
            let gone = before.iter().filter(|line| !after.contains(line));
            writes.extend(gone.map(|line| self.delete_line(line.clone())));
            let come = after.iter().filter(|line| !before.contains(line));
            writes.extend(come.map(|line| self.put_line(line.clone())));
            // Whoever writes the row at the same moment has the same reason.
            self.write_all(writes, doing).await? == Logged::Written
        };
        self.forget_account(organization);
        Ok(is_written)
    }

    fn put_if_unchanged(&self, row: Item, read: u64) -> TransactWriteItem {
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(row))
            .condition_expression("attribute_not_exists(pk) OR revision = :read")
            .expression_attribute_values(":read", number(&read))
            .build();
        TransactWriteItem::builder()
            .put(put.expect("table and item are set"))
            .build()
    }

    /// Writes a line of the agenda, whatever stands in its place: it says the same.
    fn put_line(&self, line: Item) -> TransactWriteItem {
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(line))
            .build();
        TransactWriteItem::builder()
            .put(put.expect("table and item are set"))
            .build()
    }

    /// Deletes a line of the agenda, whether it is there or not.
    fn delete_line(&self, place: Item) -> TransactWriteItem {
        let delete = Delete::builder()
            .table_name(&self.table)
            .set_key(Some(place))
            .build();
        TransactWriteItem::builder()
            .delete(delete.expect("table and key are set"))
            .build()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::rows::from_item;
    use crate::testing::entitlement;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_795_000_000 + second).unwrap()
    }

    #[test]
    fn a_row_comes_back_as_it_was_written_and_shows_no_record() {
        let steps = entitlement(&[(at(1), Access::Active), (at(9), Access::Suspended)]);
        let record = json!({"plan": "enterprise", "customer": "cus_zq", "periods": [1, 2]});
        let mut entitled = Entitled::written(None, steps, record, at(2));
        entitled.told = Some(Told {
            access: Access::Active,
            since: Some(at(1)),
            at: at(3),
        });
        let again: Entitled = from_item(to_item(&entitled).unwrap()).unwrap();
        assert_eq!(again, entitled);
        assert_eq!(again.plan(), Some("enterprise"));
        assert!(!format!("{again:?}").contains("zq"));
    }

    #[test]
    fn what_is_not_told_is_due_at_once_and_else_at_the_next_step() {
        let steps = entitlement(&[(at(1), Access::Active), (at(9), Access::Suspended)]);
        let mut entitled = Entitled::written(None, steps, Value::Null, at(2));
        assert_eq!(entitled.due_at, Some(at(2)));
        let told = |access| Told {
            access,
            since: None,
            at: at(2),
        };
        entitled.told = Some(told(Access::Active));
        assert_eq!(entitled.due(at(2)), Some(at(9)));
        assert_eq!(entitled.due(at(9)), Some(at(9)));
        entitled.told = Some(told(Access::Suspended));
        assert_eq!(entitled.due(at(10)), None);
        // What waits is released, though the access is the one that was told.
        entitled.told = Some(told(Access::Active));
        entitled.lapse.lapsed_since = Some(at(1));
        assert_eq!(entitled.due(at(3)), Some(at(3)));
    }

    #[test]
    fn a_lapse_that_nobody_settled_is_kept_by_whoever_writes_next() {
        let first = entitlement(&[
            (at(1), Access::Active),
            (at(9), Access::Suspended),
            (at(20), Access::Ended),
        ]);
        let read = Entitled::written(None, first, Value::Null, at(2));
        let paid = || entitlement(&[(at(1), Access::Active)]);
        let lapse = |now| {
            Entitled::written(Some(&read), paid(), Value::Null, now)
                .lapse
                .lapsed_since
        };
        assert_eq!(lapse(at(8)), None);
        assert_eq!(lapse(at(9)), Some(at(9)));
        assert_eq!(lapse(at(30)), Some(at(9)));
        let next = Entitled::written(Some(&read), paid(), Value::Null, at(12));
        let again = Entitled::written(Some(&next), paid(), json!({}), at(40));
        assert_eq!((again.lapse.lapsed_since, again.revision), (Some(at(9)), 3));
    }
}
