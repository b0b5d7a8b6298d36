//! The table Credentials: what is known of each credential and what became of it, and the organization's
//! directory of recipients and achievements.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::ProvideErrorMetadata as _;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use jiff::Timestamp;
use payload::dialect::Dialect;
use payload::event::Facts;
use payload::event_type::EventType;
use payload::expiry::ReminderDays;
use payload::id::OrganizationId;
use payload::known::{Known, Said, known_credential, unknown_achievement, unknown_recipient};

use crate::aliases::AliasRow;
use crate::batch_get::{Consistency, batch_get};
use crate::clock::Clock;
use crate::credential_row::{Addition, CredentialRow, said_of};
use crate::directory::Entry;
use crate::error::StateError;
use crate::keyspace;
use crate::rows::{Item, from_item, key, number, row_in_the_way, sort_key, to_item};
use crate::series::SeriesRow;
use crate::settled::{WRITTEN_WITHIN, stamp, was_given_up, within};

/// How often a row is written again on top of what another event wrote in between.
pub(crate) const MAX_TRIES: usize = 16;

/// The table.
#[derive(Debug, Clone)]
pub struct Credentials {
    pub(crate) client: Client,
    pub(crate) table: String,
}

/// The rows that were found of what an event is about.
#[derive(Debug, Default)]
pub struct Recalled {
    credential: Option<CredentialRow>,
    series: Option<SeriesRow>,
    /// The credential that is superseded, where the event names it by another of its ids.
    superseded: Option<String>,
    /// How long a credential of this achievement is valid.
    validity_days: Option<u16>,
}

/// What an event of a credential says, for whom.
#[derive(Debug, Clone, Copy)]
pub struct Accepting<'a> {
    /// What it says.
    pub said: &'a Said,
    /// Whether it is accepted for the first time.
    pub is_first: bool,
    /// The dialects in which it is told.
    pub told_in: &'a BTreeSet<Dialect>,
    /// How long before the end of validity there are reminders.
    pub reminders: &'a ReminderDays,
}

/// What became of a write.
pub(crate) enum Written {
    Made,
    /// Somebody else wrote in between: this is what stands there instead.
    InTheWay(Box<CredentialRow>),
    /// It was deleted in between: its person was erased.
    Gone,
    /// Nobody knows.
    GivenUp,
}

impl Credentials {
    /// The table of this name.
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }

    /// Fills in what an event leaves out: from the directory, which names things by their ids, then from
    /// earlier events of the credential, then from the directory by the ids that those gave. Without a
    /// request where the event says all itself, and no rule of the directory can say more.
    ///
    /// `told`: when the event is being accepted, and what it says is to be remembered.
    ///
    /// # Errors
    /// DynamoDB did not answer.
    pub async fn complete(
        &self,
        organization: OrganizationId,
        event_type: EventType,
        facts: &mut Facts,
        told: Option<Accepting<'_>>,
    ) -> Result<Recalled, StateError> {
        let said = told.map(|told| told.said);
        let enriches = known_credential(event_type, facts).map(keyspace::credential);
        // What is written for the first time is written without having been read, unless what a rule says of it
        // depends on what was said before.
        let is_repeat = told.is_some_and(|told| !told.is_first);
        let own = said.filter(|said| is_repeat || said.ruled_by.is_some());
        let own = own.and_then(|said| said.credential.as_deref());
        let of_credential = enriches.clone().or(own.map(keyspace::credential));
        let of_series = (said.and_then(|it| it.series.as_deref())).map(keyspace::series);
        let of_rule = (said.and_then(|it| it.ruled_by.as_deref())).map(keyspace::achievement);
        let superseded = said.and_then(|it| it.lifecycle.supersedes());
        let of_superseded = superseded.map(keyspace::alias);
        let of_directory = directory_keys(facts);
        let mut sort_keys = of_directory.clone();
        // No key may be named twice: a rule is in the line that names its achievement.
        sort_keys.extend(of_rule.clone().filter(|it| !of_directory.contains(it)));
        sort_keys.extend(of_credential.clone());
        sort_keys.extend(of_series.clone());
        sort_keys.extend(of_superseded.clone());
        let found = self.read(organization, sort_keys.into_iter());
        let mut recalled = Recalled::default();
        for item in found.await? {
            let sort_key = sort_key(&item).map(str::to_owned);
            if sort_key == of_credential {
                recalled.credential = Some(from_item(item)?);
            } else if sort_key == of_series {
                recalled.series = Some(from_item(item)?);
            } else if sort_key == of_superseded {
                let alias: AliasRow = from_item(item)?;
                recalled.superseded = Some(alias.credential_id);
            } else {
                let entry: Entry = from_item(item)?;
                if sort_key == of_rule {
                    recalled.validity_days = entry.validity_days;
                }
                if sort_key.is_some_and(|it| of_directory.contains(&it)) {
                    entry.known.enrich(event_type, facts);
                }
            }
        }
        if let Some(row) = recalled.credential.as_ref().filter(|_| enriches.is_some()) {
            row.completes().enrich(event_type, facts);
        }
        let more = directory_keys(facts).into_iter();
        let more = more.filter(|sort_key| !of_directory.contains(sort_key));
        for item in self.read(organization, more).await? {
            let entry: Entry = from_item(item)?;
            entry.known.enrich(event_type, facts);
        }
        if let Some(ends) = recalled.ruled(said) {
            // A renewal takes no date from what was known before, and this is none of that.
            let known = Known::default().expiring(Some(ends));
            known.enrich(EventType::CredentialIssued, facts);
        }
        if let Some(row) = &recalled.series {
            let id = facts.credential.as_ref().and_then(|it| it.id.as_ref());
            facts.source.possible_repeat = row.has_another(id);
        }
        Ok(recalled)
    }

    pub(crate) async fn read(
        &self,
        organization: OrganizationId,
        sort_keys: impl Iterator<Item = String>,
    ) -> Result<Vec<Item>, StateError> {
        let keys = sort_keys.map(|sk| (&self.table, key(keyspace::organization(organization), sk)));
        let keys: Vec<(&String, Item)> = keys.collect();
        let found = batch_get(
            &self.client,
            &keys,
            Consistency::Strong,
            "read what is known of a credential",
        )
        .await?;
        Ok(found.into_iter().map(|(_, item)| item).collect())
    }

    /// Keeps what an event says about its credential, on top of what was recalled. An event that comes again
    /// writes nothing.
    ///
    /// # Errors
    /// DynamoDB did not take it. The sender's retry does.
    pub async fn remember(
        &self,
        organization: OrganizationId,
        told: Accepting<'_>,
        recalled: Recalled,
        clock: Clock,
    ) -> Result<(), StateError> {
        let Accepting {
            said,
            told_in,
            reminders,
            is_first,
        } = told;
        let Some(credential) = &said.credential else {
            return Ok(());
        };
        // What is derived of a credential makes none: it was erased in between.
        if said.is_derived() && recalled.credential.is_none() {
            return Ok(());
        }
        if let Some(series) = &said.series {
            let place = (organization, series.as_str());
            self.remember_series(place, credential, recalled.series.clone(), clock.read())
                .await?;
        }
        let mut added = said_of(organization, credential, said, told_in, reminders);
        if let Some(ends) = recalled.by_rule(Some(said)) {
            let known = recalled.credential.as_ref().map(|row| &row.lifecycle);
            added.lifecycle = added.lifecycle.with_rule(ends, known);
        }
        let had = recalled.credential.as_ref().map(|row| row.known_as.clone());
        let row = self.add(&added, recalled.credential, clock).await?;
        let by = (reminders, clock);
        if let Some(short_id) = said.known.short_id.as_deref() {
            if short_id == credential {
                self.move_to_its_credential(organization, short_id, by)
                    .await?;
            } else if !is_first || had.is_none_or(|had| !had.contains(short_id)) {
                let ids = (&**credential, short_id);
                self.take_over(organization, ids, Some(row), by).await?;
            }
        }
        // Its row is written without being read: who is superseded was usually heard of long ago, and then one
        // write fails first.
        if let Some(named) = said.lifecycle.supersedes() {
            let superseded = Addition {
                organization,
                id: recalled.superseded.as_deref().unwrap_or(named),
                known: None,
                lifecycle: said.lifecycle.superseded(credential),
                announces: None,
                told_in: &BTreeSet::new(),
                moves: None,
                reminders,
            };
            self.add(&superseded, None, clock).await?;
            if recalled.superseded.is_none() {
                self.move_to_its_credential(organization, named, by).await?;
            }
        }
        Ok(())
    }

    /// Adds to a credential, on top of what was read of it; what it is then.
    pub(crate) async fn add(
        &self,
        added: &Addition<'_>,
        mut read: Option<CredentialRow>,
        clock: Clock,
    ) -> Result<CredentialRow, StateError> {
        let key = key(
            keyspace::organization(added.organization),
            keyspace::credential(added.id),
        );
        for _ in 0..MAX_TRIES {
            let row = CredentialRow::after(read.as_ref(), added, stamp(clock));
            if read.as_ref().is_some_and(|read| read.says_the_same(&row)) {
                return Ok(row);
            }
            let before = read.as_ref().map(|read| &read.known_as);
            let aliases = row.known_as.iter();
            let aliases = aliases.filter(|it| before.is_none_or(|before| !before.contains(*it)));
            // Before the row: who adds to it later sees in it which there are.
            self.put_aliases(added, aliases.map(String::as_str)).await?;
            match self.write(&row, &key).await? {
                Written::Made => return Ok(row),
                Written::InTheWay(current) => read = Some(*current),
                // An event makes it anew, of what it says itself; a date that was set is of nothing.
                Written::Gone if added.known.is_some() => read = None,
                Written::Gone => break,
                Written::GivenUp => {}
            }
        }
        Err(StateError::contended("remember a credential"))
    }

    /// Writes a row in place of the one that was read, if there was one.
    pub(crate) async fn write(
        &self,
        row: &CredentialRow,
        key: &Item,
    ) -> Result<Written, StateError> {
        let mut item = to_item(row)?;
        item.extend(key.clone());
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let put = if row.revision == 1 {
            // FirstHeardOf. [another event of the credential writes] → this write: not over it.
            put.condition_expression("attribute_not_exists(pk)")
        } else {
            // UnchangedSinceRead. read (revision n) → [another event writes n + 1] → this write: only on n.
            put.condition_expression("revision = :read")
                .expression_attribute_values(":read", number(&(row.revision - 1)))
        };
        match put
            .customize()
            .config_override(within(WRITTEN_WITHIN))
            .send()
            .await
        {
            Ok(_) => Ok(Written::Made),
            Err(error) if was_given_up(&error) => Ok(Written::GivenUp),
            Err(error) => {
                let doing = "remember a credential";
                let is_refused = error.code() == Some("ConditionalCheckFailedException");
                match row_in_the_way(error, doing) {
                    Ok(current) => Ok(Written::InTheWay(Box::new(from_item(current)?))),
                    Err(_) if is_refused && row.revision > 1 => Ok(Written::Gone),
                    Err(error) => Err(error),
                }
            }
        }
    }
}

impl Recalled {
    /// The end of validity that a rule of the directory gives what an event says.
    fn by_rule(&self, said: Option<&Said>) -> Option<Timestamp> {
        said?.valid_for(self.validity_days?)
    }

    /// The same, if it is what counts: nobody is told a date that is not kept.
    fn ruled(&self, said: Option<&Said>) -> Option<Timestamp> {
        let known = self.credential.as_ref().map(|row| &row.lifecycle);
        said?.lifecycle.ruled(self.by_rule(said)?, known)
    }
}

/// The lines of the directory that say more of what an event is about.
fn directory_keys(facts: &Facts) -> Vec<String> {
    let recipient = unknown_recipient(facts).map(keyspace::recipient);
    let achievement = unknown_achievement(facts).map(keyspace::achievement);
    recipient.into_iter().chain(achievement).collect()
}
