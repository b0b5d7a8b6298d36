//! What is to be announced of credentials: the index `notice` of Credentials.
//!
//! Only credentials with something to announce are in it, and those that will expire without an announcement, each
//! under the time at which somebody has to look at it next, and whoever looks at it moves it on. So the index itself is how far the checker got: who reads each
//! shard from its beginning up to now reads what is due, and nothing that was done before. Many credentials are
//! issued together and end together: shards spread their writes.

use std::fmt;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use payload::expiry::{Announced, Expiry, ReminderDays};
use payload::id::OrganizationId;
use sha2::{Digest, Sha256};

use crate::batch_get::{Consistency, batch_get};
use crate::clock::Clock;
use crate::credential_row::CredentialRow;
use crate::credentials::Credentials;
use crate::error::StateError;
use crate::keyspace::{self, PK, SK};
use crate::rows::{Item, from_item, key, number, sort_key, text};
use crate::settled::stamp;

/// The index.
const NOTICE: &str = "notice";
/// How many shards it has. Another number would hide what is in the shards that were.
pub const NOTICE_SHARDS: u8 = 16;
/// Credentials of one page: as many as one `BatchGetItem` takes.
const PAGE: i32 = 100;

/// A credential that somebody has to look at.
#[derive(Clone)]
pub struct Watched {
    /// Whose it is.
    pub organization: OrganizationId,
    /// Its id.
    pub credential: String,
    row: CredentialRow,
}

impl Watched {
    pub(crate) fn read(item: Item) -> Result<Self, StateError> {
        const DOING: &str = "read whose credential is to be announced";
        let partition = item.get(PK).and_then(|it| it.as_s().ok());
        let organization = partition.and_then(|it| keyspace::organization_of(it));
        let credential = sort_key(&item).and_then(keyspace::credential_of);
        let (Some(organization), Some(credential)) = (organization, credential) else {
            return Err(StateError::unreadable(DOING));
        };
        let credential = credential.to_owned();
        Ok(Self {
            organization,
            credential,
            row: from_item(item)?,
        })
    }

    /// The end of its validity, if that is to be announced.
    pub fn expiry<'r>(&self, reminders: &'r ReminderDays) -> Option<Expiry<'r>> {
        self.row.expiry(reminders)
    }
}

/// What is known of it is people's data.
impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watched").finish_non_exhaustive()
    }
}

/// Where a shard is read on.
#[derive(Debug, Clone)]
pub struct NoticePlace(Item);

/// A page of a shard.
#[derive(Debug)]
pub struct DuePage {
    /// Each credential as it is now, or why it cannot be read.
    pub items: Vec<Result<Watched, StateError>>,
    /// Where the next page begins, if there is more.
    pub next: Option<NoticePlace>,
}

/// The shard of a credential.
pub(crate) fn shard(organization: OrganizationId, credential: &str) -> u8 {
    let digest = Sha256::digest(format!("{organization}#{credential}"));
    digest.first().map_or(0, |byte| byte % NOTICE_SHARDS)
}

impl Credentials {
    /// Credentials of a shard that are due until then, what waits for longest first.
    ///
    /// The index is a moment behind: what was announced just now may be there still, and is shown as it is now.
    ///
    /// # Errors
    /// DynamoDB did not answer.
    pub async fn due(
        &self,
        shard: u8,
        until: Timestamp,
        from: Option<NoticePlace>,
    ) -> Result<DuePage, StateError> {
        const DOING: &str = "list what is to be announced";
        let answer = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(NOTICE)
            .key_condition_expression("notice = :shard AND notice_at <= :until")
            .expression_attribute_values(":shard", text(keyspace::notice(shard)))
            .expression_attribute_values(":until", number(&until.as_millisecond()))
            .set_exclusive_start_key(from.map(|from| from.0))
            .limit(PAGE)
            .send()
            .await
            .map_err(StateError::while_doing(DOING))?;
        let found = answer.items.unwrap_or_default();
        let keys: Vec<(&String, Item)> = found
            .into_iter()
            .filter_map(|mut item| {
                Some((
                    &self.table,
                    [(PK, item.remove(PK)?), (SK, item.remove(SK)?)],
                ))
            })
            .map(|(table, key)| (table, Item::from(key.map(owned))))
            .collect();
        let rows = batch_get(&self.client, &keys, Consistency::Strong, DOING).await?;
        Ok(DuePage {
            items: rows
                .into_iter()
                .map(|(_, item)| Watched::read(item))
                .collect(),
            next: answer.last_evaluated_key.map(NoticePlace),
        })
    }

    /// Moves a credential on to where it is due next, by the reminders of its organization. `announced`: what needs
    /// no announcement any more. One that has expired since it was written has changed: what follows the list of
    /// changes sees it.
    ///
    /// # Errors
    /// DynamoDB did not take it. It is due again then.
    pub async fn move_on(
        &self,
        watched: &Watched,
        announced: Option<Announced>,
        reminders: &ReminderDays,
        clock: Clock,
    ) -> Result<bool, StateError> {
        let Watched {
            organization,
            credential,
            row: before,
        } = watched;
        let row = CredentialRow {
            announced: announced.or(before.announced),
            ..before.clone()
        };
        let row = row.seen_expired(credential, stamp(clock));
        let row = row.noticed(*organization, credential, reminders);
        if row.says_the_same(before) {
            return Ok(false);
        }
        let row = CredentialRow {
            revision: before.revision + 1,
            ..row
        };
        let key = key(
            keyspace::organization(*organization),
            keyspace::credential(credential),
        );
        // Whoever wrote in between has found its place anew; if not with these reminders, it is due again.
        self.write(&row, &key).await?;
        Ok(true)
    }

    /// When the validity of a credential ends, as far as that is known.
    pub(crate) async fn end_of(
        &self,
        organization: OrganizationId,
        credential: &str,
    ) -> Result<Option<Timestamp>, StateError> {
        let sort_keys = [keyspace::credential(credential)];
        let items = self.read(organization, sort_keys.into_iter()).await?;
        let row: Option<CredentialRow> = items.into_iter().next().map(from_item).transpose()?;
        Ok(row.and_then(|row| row.lifecycle.expires_at()))
    }
}

fn owned((name, value): (&str, AttributeValue)) -> (String, AttributeValue) {
    (name.to_owned(), value)
}
