//! An organization with its settings, and which of its events are still kept by them.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use payload::expiry::ReminderDays;
use payload::id::OrganizationId;
use payload::timestamp;
use serde::{Deserialize, Serialize};

use crate::accounts::Accounts;
use crate::audit_log::AuditLine;
use crate::error::StateError;
use crate::keyspace::{self, ORGANIZATION, ORGANIZATIONS};
use crate::rows::{Page, from_item, key, text, to_item};
use crate::transaction::Logged;

/// A customer of the platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Organization {
    /// Its id.
    pub id: OrganizationId,
    /// For people.
    pub name: String,
    /// IANA name of the zone of times that come without one.
    pub time_zone: String,
    /// How long before the end of a credential's validity it is reminded of it.
    #[serde(default)]
    pub reminder_days: ReminderDays,
    /// For how many days its events are kept; `None`: for as long as the deployment says.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub retention_days: Option<u8>,
    /// When it was made.
    #[serde(serialize_with = "timestamp::serialize")]
    pub created_at: Timestamp,
    /// Counts the changes of its settings.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub revision: u64,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes fields by reference"
)]
fn is_zero(revision: &u64) -> bool {
    *revision == 0
}

impl Organization {
    /// Its time zone. It was checked when it was set; one that vanished from the database since is UTC.
    pub fn zone(&self) -> TimeZone {
        TimeZone::get(&self.time_zone).unwrap_or(TimeZone::UTC)
    }

    /// How long its events are kept, from when they were accepted; `default` where it has not said.
    pub fn retention(&self, default: SignedDuration) -> SignedDuration {
        let days = self.retention_days.map(i64::from);
        days.map_or(default, |days| SignedDuration::from_hours(24 * days))
    }

    /// What of it is still kept.
    pub fn keeping(&self, default: SignedDuration, now: Timestamp) -> Keeping {
        Keeping {
            began_at: self.created_at,
            ..Keeping::all(self.retention(default), now)
        }
    }
}

/// What of an organization is still shown and sent at some time.
///
/// That is what is younger than its retention at that time, and was not to be deleted before. A shorter
/// retention counts at once for what is there; a longer one does not bring back what an earlier one let go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keeping {
    began_at: Timestamp,
    since: Timestamp,
    now: Timestamp,
}

impl Keeping {
    /// For an organization of which nothing else is known.
    pub fn all(retention: SignedDuration, now: Timestamp) -> Self {
        Self {
            began_at: Timestamp::MIN,
            since: now.checked_sub(retention).unwrap_or(Timestamp::MIN),
            now,
        }
    }

    /// Whether something is kept that came then, in a row that is deleted after `until`: the clock decides,
    /// not the deletion, which may come days late.
    pub fn keeps(&self, came_at: Timestamp, until: Timestamp) -> bool {
        self.since < came_at && self.now < until
    }

    /// Where lists end: nothing is older than its organization, or kept for longer than its retention.
    pub fn oldest(&self) -> Timestamp {
        self.began_at.max(self.since)
    }
}

impl Accounts {
    /// Writes a new organization and its line in the list of all.
    ///
    /// # Errors
    /// DynamoDB did not take it.
    pub async fn create_organization(
        &self,
        organization: &Organization,
        line: &AuditLine,
    ) -> Result<(), StateError> {
        let mut row = to_item(organization)?;
        row.extend(key(keyspace::organization(organization.id), ORGANIZATION));
        let mut listed = to_item(organization)?;
        listed.extend(key(ORGANIZATIONS, organization.id.to_string()));
        let rows = [row, listed].map(|row| self.put_new(row));
        let doing = "create an organization";
        self.write_logged(rows, line, doing).await?.written(doing)
    }

    /// Writes the changed settings of an organization, in both places; `false` when somebody else changed them
    /// since they were read.
    ///
    /// # Errors
    /// DynamoDB did not answer.
    pub async fn update_organization(
        &self,
        organization: &Organization,
        line: &AuditLine,
    ) -> Result<bool, StateError> {
        let mut row = to_item(organization)?;
        row.extend(key(keyspace::organization(organization.id), ORGANIZATION));
        let mut listed = to_item(organization)?;
        listed.extend(key(ORGANIZATIONS, organization.id.to_string()));
        let writes = match organization.revision.saturating_sub(1) {
            0 => [row, listed].map(|row| self.put_on_first(row)),
            read => [row, listed].map(|row| self.put_on_read(row, read)),
        };
        let doing = "change an organization";
        let logged = self.write_logged(writes, line, doing).await;
        self.forget_account(organization.id);
        Ok(logged? == Logged::Written)
    }

    /// All organizations, oldest first, after `after`.
    ///
    /// # Errors
    /// DynamoDB did not answer.
    pub async fn list_organizations(
        &self,
        after: Option<OrganizationId>,
        limit: i32,
    ) -> Result<Page<Organization>, StateError> {
        let answer = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :all AND sk > :after")
            .expression_attribute_values(":all", text(ORGANIZATIONS))
            .expression_attribute_values(
                ":after",
                text(after.map_or_else(String::new, |id| id.to_string()) + " "),
            )
            .limit(limit)
            .send()
            .await
            .map_err(StateError::while_doing("list the organizations"))?;
        let more = answer.last_evaluated_key.is_some();
        let items: Vec<Organization> = answer
            .items
            .unwrap_or_default()
            .into_iter()
            .map(from_item)
            .collect::<Result<_, _>>()?;
        let next = items
            .last()
            .filter(|_| more)
            .map(|last| last.id.to_string());
        Ok(Page { items, next })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: SignedDuration = SignedDuration::from_hours(24);

    fn at(hours: i64) -> Timestamp {
        Timestamp::from_second(1_795_000_000 + 3_600 * hours).unwrap()
    }

    fn organization(retention_days: Option<u8>) -> Organization {
        Organization {
            id: OrganizationId::NIL,
            name: String::new(),
            time_zone: "UTC".to_owned(),
            reminder_days: ReminderDays::default(),
            retention_days,
            created_at: at(0),
            revision: 0,
        }
    }

    #[test]
    fn its_own_retention_counts_before_that_of_the_deployment() {
        assert_eq!(organization(None).retention(30 * DAY), 30 * DAY);
        assert_eq!(organization(Some(2)).retention(30 * DAY), 2 * DAY);
        assert_eq!(organization(Some(90)).retention(30 * DAY), 90 * DAY);
    }

    #[test]
    fn a_shorter_retention_counts_at_once_and_a_longer_one_brings_nothing_back() {
        let came_at = at(0);
        let until = came_at + 2 * DAY;
        let keeps = |days, hours| {
            let keeping = organization(Some(days)).keeping(30 * DAY, at(hours));
            keeping.keeps(came_at, until)
        };
        assert!(keeps(2, 47) && !keeps(2, 48));
        assert!(keeps(1, 23) && !keeps(1, 24));
        assert!(keeps(90, 47) && !keeps(90, 48));
    }

    #[test]
    fn a_list_ends_where_the_organization_began_or_its_retention_ends() {
        let oldest = |hours| organization(Some(1)).keeping(30 * DAY, at(hours)).oldest();
        assert_eq!(oldest(5), at(0));
        assert_eq!(oldest(25), at(1));
        let anybody = Keeping::all(DAY, at(24));
        assert_eq!(anybody.oldest(), at(0));
        assert!(!anybody.keeps(at(0), Timestamp::MAX));
    }

    #[test]
    fn a_row_of_before_there_were_settings_reads_and_reads_back() {
        let plain = organization(None);
        let row = to_item(&plain).unwrap();
        assert!(!row.contains_key("revision") && !row.contains_key("retention_days"));
        assert_eq!(from_item::<Organization>(row).unwrap(), plain);
        let mut set = organization(Some(7));
        set.revision = 3;
        let row = to_item(&set).unwrap();
        assert_eq!(from_item::<Organization>(row).unwrap(), set);
    }
}
