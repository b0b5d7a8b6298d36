//! Reading credentials: one of them, and those that changed.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use payload::event::CredentialStatus;
use payload::expiry::ReminderDays;
use payload::id::OrganizationId;
use payload::lifecycle::Lifecycle;
use payload::timestamp;
use tracing::error;

use crate::aliases::AliasRow;
use crate::clock::Clock;
use crate::credential_row::{Addition, Credential};
use crate::credentials::Credentials;
use crate::error::{Chain, StateError};
use crate::keyspace::{self, PK};
use crate::rows::{Item, from_item, key, sort_key, text};
use crate::settled::settled;

/// The index of changes, and its key.
const UPDATED: &str = "updated";
/// Requests that a page of a list makes at most where it goes on from a place: where a filter matches little, it
/// ends early, and who reads on does it from another.
const MAX_REQUESTS: usize = 4;
/// The same of a page that begins at no place, as every one does of who counts: to be full it reads up to 64 MB,
/// fifty thousand credentials and more.
const MAX_REQUESTS_FROM_THE_BEGINNING: usize = 64;

/// Which credentials a list holds. E-mail addresses are compared without regard to case.
#[derive(Clone, Default)]
pub struct CredentialFilter {
    /// Only with this status at the time of reading.
    pub status: Option<CredentialStatus>,
    /// Only of this achievement.
    pub achievement_id: Option<String>,
    /// Only of this recipient.
    pub recipient_email: Option<String>,
    /// Only what expires before this time, or has expired.
    pub expires_before: Option<Timestamp>,
}

impl CredentialFilter {
    fn is_empty(&self) -> bool {
        self.status.is_none()
            && self.achievement_id.is_none()
            && self.recipient_email.is_none()
            && self.expires_before.is_none()
    }

    fn includes(&self, credential: &Credential, now: Timestamp) -> bool {
        let known = &credential.known;
        let is_status = |status| credential.lifecycle.status(now) == status;
        let is_of = |id: &String| known.achievement_id.as_ref() == Some(id);
        let is_to = |email: &String| {
            let theirs = known.recipient_email.as_ref();
            theirs.is_some_and(|theirs| theirs.eq_ignore_ascii_case(email))
        };
        let ends_before = |time| {
            credential
                .lifecycle
                .expires_at()
                .is_some_and(|at| at < time)
        };
        self.status.is_none_or(is_status)
            && self.achievement_id.as_ref().is_none_or(is_of)
            && self.recipient_email.as_ref().is_none_or(is_to)
            && self.expires_before.is_none_or(ends_before)
    }
}

/// An address is people's data.
impl fmt::Debug for CredentialFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CredentialFilter").finish_non_exhaustive()
    }
}

/// Where in the order of changes a list begins: by the time of the last change, then by id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Since {
    /// With what changed at this time.
    At(Timestamp),
    /// After a credential as it was then.
    After(CredentialPlace),
}

/// A credential's place in the order of changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialPlace {
    at: Timestamp,
    id: String,
}

impl CredentialPlace {
    fn key(&self) -> String {
        keyspace::updated(self.at, &self.id)
    }
}

impl fmt::Display for CredentialPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.key())
    }
}

impl FromStr for CredentialPlace {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (at, id) = text.split_once('#').ok_or(())?;
        let at = timestamp::parse(at).ok_or(())?;
        let change = Self {
            at,
            id: id.to_owned(),
        };
        (change.key() == text).then_some(change).ok_or(())
    }
}

/// A page of a list of changes.
#[derive(Debug)]
pub struct Changed {
    /// In the order of the list.
    pub items: Vec<Credential>,
    /// Whether there may be more.
    pub has_more: bool,
    /// The last place that was looked at, from which the list goes on, now or later.
    pub place: Option<CredentialPlace>,
}

impl Credentials {
    /// A credential, by any of its ids.
    ///
    /// # Errors
    /// DynamoDB did not answer, or the row cannot be read.
    pub async fn find(
        &self,
        organization: OrganizationId,
        id: &str,
    ) -> Result<Option<Credential>, StateError> {
        let direct = keyspace::credential(id);
        let sort_keys = [direct.clone(), keyspace::alias(id)];
        let (mut found, mut alias) = (None, None);
        for item in self.read(organization, sort_keys.into_iter()).await? {
            if sort_key(&item) == Some(&*direct) {
                found = Credential::read(item)?;
            } else {
                alias = Some(from_item::<AliasRow>(item)?);
            }
        }
        if let (None, Some(alias)) = (&found, alias) {
            let named = [keyspace::credential(&alias.credential_id)];
            let items = self.read(organization, named.into_iter()).await?;
            let item = items.into_iter().next();
            return item.map_or(Ok(None), Credential::read);
        }
        Ok(found)
    }

    /// Sets when a credential expires, or that it never does; what it is then. `None`: there is no such
    /// credential.
    ///
    /// # Errors
    /// DynamoDB did not take it.
    pub async fn set_expiry(
        &self,
        organization: OrganizationId,
        credential: &Credential,
        expires_at: Option<Timestamp>,
        reminders: &ReminderDays,
        clock: Clock,
    ) -> Result<Credential, StateError> {
        let added = Addition {
            organization,
            id: &credential.id,
            known: None,
            lifecycle: Lifecycle::expiring_by_hand(expires_at, clock.read()),
            announces: None,
            told_in: &BTreeSet::new(),
            moves: None,
            reminders,
        };
        let sort_keys = [keyspace::credential(&credential.id)];
        let items = self.read(organization, sort_keys.into_iter()).await?;
        let read = items.into_iter().next().map(from_item).transpose()?;
        let row = self.add(&added, read, clock).await?;
        Ok(row.credential(credential.id.clone()))
    }

    /// Credentials of an organization in the order of their changes, `skipped` of those that match left out.
    ///
    /// What changed less than two seconds ago is not there yet: see [`crate::SETTLED_AFTER`]. A page may hold
    /// fewer than `limit` credentials, even none, and there may be more all the same.
    ///
    /// # Errors
    /// DynamoDB did not answer. A row that cannot be read is passed over, with an error in the log.
    pub async fn changed(
        &self,
        organization: OrganizationId,
        filter: &CredentialFilter,
        since: Since,
        (mut skipped, limit): (usize, usize),
        now: Timestamp,
    ) -> Result<Changed, StateError> {
        let until = keyspace::updated_from(settled(now));
        let mut items = Vec::new();
        let (from, mut place) = match since {
            Since::At(at) => (keyspace::updated_from(at), None),
            Since::After(change) => (change.key(), Some(change)),
        };
        let max_requests = match place {
            Some(_) => MAX_REQUESTS,
            None => MAX_REQUESTS_FROM_THE_BEGINNING,
        };
        for _ in 0..max_requests {
            let begins = place
                .as_ref()
                .map_or_else(|| from.clone(), CredentialPlace::key);
            // DynamoDB refuses a range that ends before it begins. Another environment's clock may be ahead.
            if begins > until {
                let has_more = false;
                return Ok(Changed {
                    items,
                    has_more,
                    place,
                });
            }
            let wanted = (filter.is_empty()).then(|| skipped + limit - items.len());
            let answer = self
                .client
                .query()
                .table_name(&self.table)
                .index_name(UPDATED)
                .key_condition_expression("#pk = :partition AND updated BETWEEN :from AND :until")
                .expression_attribute_names("#pk", PK)
                .expression_attribute_values(
                    ":partition",
                    text(keyspace::organization(organization)),
                )
                .expression_attribute_values(":from", text(begins))
                .expression_attribute_values(":until", text(&until))
                .set_exclusive_start_key(place.as_ref().map(|it| start(organization, it)))
                // A filter runs after the limit: read on in larger steps.
                .set_limit(wanted.and_then(|wanted| i32::try_from(wanted).ok()))
                .send()
                .await
                .map_err(StateError::while_doing("list credentials"))?;
            let is_last = answer.last_evaluated_key.is_none();
            let found = answer.items.unwrap_or_default();
            let count = found.len();
            for (number, item) in found.into_iter().enumerate() {
                place = place_of(&item).or(place);
                let Some(credential) = read_or_report(item) else {
                    continue;
                };
                if !filter.includes(&credential, now) {
                    continue;
                }
                if skipped > 0 {
                    skipped -= 1;
                    continue;
                }
                items.push(credential);
                if items.len() == limit {
                    let has_more = !is_last || number + 1 < count;
                    return Ok(Changed {
                        items,
                        has_more,
                        place,
                    });
                }
            }
            if is_last {
                let has_more = false;
                return Ok(Changed {
                    items,
                    has_more,
                    place,
                });
            }
        }
        let has_more = true;
        Ok(Changed {
            items,
            has_more,
            place,
        })
    }
}

/// The place of a row, also of one that cannot be read.
fn place_of(item: &Item) -> Option<CredentialPlace> {
    item.get(UPDATED)?.as_s().ok()?.parse().ok()
}

/// Where a query of the index goes on after a place.
fn start(organization: OrganizationId, place: &CredentialPlace) -> Item {
    let mut start = key(
        keyspace::organization(organization),
        keyspace::credential(&place.id),
    );
    start.insert(UPDATED.to_owned(), text(place.key()));
    start
}

/// A credential, or nothing and an error in the log: one row that cannot be read hides no other.
fn read_or_report(item: Item) -> Option<Credential> {
    Credential::read(item)
        .inspect_err(|error| error!(error = %Chain(error), "a credential cannot be read"))
        .ok()
        .flatten()
}
