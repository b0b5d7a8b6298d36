//! Other ids of credentials: the short one of its source, and those that subscribers of other dialects get.
//!
//! Each leads to its credential by a row of its own. Until somebody says whose a short id is, what is said under it
//! stands in a row of a credential that has no other; then it moves:
//!
//! ```text
//! who says whose it is:  the row of the id ── what stands under it is read ── added ── deleted
//! who names it alone:    what stands under it is written ── the row of the id is read
//! ```
//!
//! Whoever of the two writes first, the other reads it, and moves it.

use std::collections::BTreeSet;

use payload::event::Facts;
use payload::expiry::ReminderDays;
use payload::id::OrganizationId;
use serde::{Deserialize, Serialize};

use crate::clock::Clock;
use crate::credential_row::{Addition, CredentialRow};
use crate::credentials::{Credentials, MAX_TRIES};
use crate::error::StateError;
use crate::keyspace;
use crate::rows::{self, from_item, key, number, put, to_item};

/// What has another id too, under that id.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct AliasRow {
    pub(crate) credential_id: String,
}

impl Credentials {
    /// Says of an event that names its credential by a short id alone which one that is, if anybody has said so.
    /// Others cost nothing.
    ///
    /// # Errors
    /// DynamoDB did not answer.
    pub async fn resolve(
        &self,
        organization: OrganizationId,
        facts: &mut Facts,
    ) -> Result<(), StateError> {
        let named = facts.credential.as_mut();
        let Some(named) = named.filter(|it| it.id.is_some() && it.id == it.short_id) else {
            return Ok(());
        };
        let short_id = named.short_id.as_deref().unwrap_or_default();
        if let Some(id) = self.led_to(organization, short_id).await? {
            named.id = Some(id);
            facts.enriched.push("credential.id".to_owned());
        }
        Ok(())
    }

    /// The credential that has this id beside its own.
    pub(crate) async fn led_to(
        &self,
        organization: OrganizationId,
        alias: &str,
    ) -> Result<Option<String>, StateError> {
        let sort_keys = [keyspace::alias(alias)];
        let row = self.read(organization, sort_keys.into_iter()).await?.pop();
        let row: Option<AliasRow> = row.map(from_item).transpose()?;
        Ok(row.map(|row| row.credential_id))
    }

    /// Writes under which other ids a credential is found.
    pub(crate) async fn put_aliases(
        &self,
        of: &Addition<'_>,
        aliases: impl Iterator<Item = &str>,
    ) -> Result<(), StateError> {
        const DOING: &str = "remember another id of a credential";
        for alias in aliases {
            let mut row = to_item(&AliasRow {
                credential_id: of.id.to_owned(),
            })?;
            row.extend(key(
                keyspace::organization(of.organization),
                keyspace::alias(alias),
            ));
            put(&self.client, &self.table, row, DOING).await?;
        }
        Ok(())
    }

    /// Moves what was written under an id alone, where somebody has said since whose short id it is.
    pub(crate) async fn move_to_its_credential(
        &self,
        organization: OrganizationId,
        id: &str,
        by: (&ReminderDays, Clock),
    ) -> Result<(), StateError> {
        match self.led_to(organization, id).await? {
            Some(credential) => {
                let ids = (&*credential, id);
                self.take_over(organization, ids, None, by).await
            }
            None => Ok(()),
        }
    }

    /// Moves what stands under a short id to the credential that has it, on top of what was read of that.
    pub(crate) async fn take_over(
        &self,
        organization: OrganizationId,
        (id, short_id): (&str, &str),
        mut read: Option<CredentialRow>,
        (reminders, clock): (&ReminderDays, Clock),
    ) -> Result<(), StateError> {
        const DOING: &str = "move what was said under another id of a credential";
        let sort_key = keyspace::credential(short_id);
        for _ in 0..MAX_TRIES {
            let other = self.read(organization, [sort_key.clone()].into_iter());
            let other: Option<CredentialRow> = other.await?.pop().map(from_item).transpose()?;
            let Some(other) = other.filter(|row| row.is_of_short_id(short_id)) else {
                return Ok(());
            };
            let added = Addition {
                organization,
                id,
                known: other.is_heard_of().then_some(&other.known),
                lifecycle: other.lifecycle.clone(),
                announces: other.announced,
                told_in: &BTreeSet::new(),
                moves: Some(&other),
                reminders,
            };
            self.add(&added, read.take(), clock).await?;
            // UnchangedSinceRead. read (revision n) → [an event adds to it: n + 1] → this delete: only of n, which
            // is in the other by now.
            let place = key(keyspace::organization(organization), sort_key.clone());
            let unchanged = Some(("revision", number(&other.revision)));
            if rows::delete(&self.client, &self.table, place, unchanged, DOING).await? {
                return Ok(());
            }
        }
        Err(StateError::contended(DOING))
    }
}
