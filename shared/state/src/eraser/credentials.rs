//! Lines of the directory, credentials and series of a person.

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use payload::id::OrganizationId;

use super::{Eraser, Looking, MAX_TRIES, PAGE, found};
use crate::credential_row::CredentialRow;
use crate::credentials::Credentials;
use crate::directory::{Directory, Entry};
use crate::erasure::Found;
use crate::error::StateError;
use crate::keyspace::{self, CREDENTIAL_PREFIX, RECIPIENT_PREFIX, SERIES_PREFIX};
use crate::rows::{self, Item, from_item, key, number, sort_key, text};
use crate::series::SeriesRow;

const REMOVING: &str = "erase what is known of a credential";

impl Looking<'_> {
    /// Whether something was there when the erasure was asked for.
    fn was_there(&self, since: Timestamp) -> bool {
        since < self.until()
    }

    fn is_recipient(&self, item: Item) -> Result<Option<String>, StateError> {
        let id = id_of(&item, RECIPIENT_PREFIX)?;
        let entry: Entry = from_item(item)?;
        let email = entry.known.recipient_email.as_ref();
        let is_theirs = self.sought.is(&id) || email.is_some_and(|it| self.sought.is(it));
        Ok((is_theirs && self.was_there(entry.updated_at)).then_some(id))
    }

    /// Whether a credential is the person's; its short id, if it is, goes to the others.
    fn is_credential(
        &self,
        item: Item,
        short_ids: &mut Vec<String>,
    ) -> Result<Option<String>, StateError> {
        let id = id_of(&item, CREDENTIAL_PREFIX)?;
        let row: CredentialRow = from_item(item)?;
        let (email, recipient) = (row.known.recipient_email, row.known.recipient_id);
        let has_id = |id: &String| self.erasure.recipient_ids.contains(id) || self.sought.is(id);
        let is_theirs =
            email.is_some_and(|it| self.sought.is(&it)) || recipient.as_ref().is_some_and(has_id);
        if !is_theirs || !self.was_there(row.created_at) {
            return Ok(None);
        }
        short_ids.extend(row.known.short_id);
        Ok(Some(id))
    }

    fn is_series(&self, item: Item) -> Result<Option<String>, StateError> {
        let id = id_of(&item, SERIES_PREFIX)?;
        let row: SeriesRow = from_item(item)?;
        Ok(row.is_of_any(&self.erasure.credential_ids).then_some(id))
    }
}

/// What a row of the table is called, without its kind.
fn id_of(item: &Item, prefix: &str) -> Result<String, StateError> {
    let id = sort_key(item).and_then(|sk| sk.strip_prefix(prefix));
    id.map(str::to_owned)
        .ok_or_else(|| StateError::unreadable("read the key of a row"))
}

impl Eraser<'_> {
    pub(super) async fn look_for_recipients(
        &self,
        looking: &Looking<'_>,
    ) -> Result<Found, StateError> {
        let (items, last) = self.rows_of(looking, RECIPIENT_PREFIX).await?;
        Ok(found(items, last, |item| looking.is_recipient(item)))
    }

    pub(super) async fn look_for_credentials(
        &self,
        looking: &Looking<'_>,
    ) -> Result<Found, StateError> {
        let (items, last) = self.rows_of(looking, CREDENTIAL_PREFIX).await?;
        let mut short_ids = Vec::new();
        let found = found(items, last, |item| {
            looking.is_credential(item, &mut short_ids)
        });
        Ok(Found { short_ids, ..found })
    }

    pub(super) async fn look_for_series(&self, looking: &Looking<'_>) -> Result<Found, StateError> {
        let (items, last) = self.rows_of(looking, SERIES_PREFIX).await?;
        Ok(found(items, last, |item| looking.is_series(item)))
    }

    /// The next rows of a kind in Credentials, and where they go on.
    async fn rows_of(
        &self,
        looking: &Looking<'_>,
        prefix: &str,
    ) -> Result<(Vec<Item>, Option<Item>), StateError> {
        let Credentials { client, table } = self.credentials;
        let partition = keyspace::organization(looking.organization.id);
        let place = looking.erasure.place.as_ref();
        let answer = client
            .query()
            .table_name(table)
            .consistent_read(true)
            .key_condition_expression("pk = :partition AND begins_with(sk, :prefix)")
            .expression_attribute_values(":partition", text(&partition))
            .expression_attribute_values(":prefix", text(prefix))
            .set_exclusive_start_key(place.map(|place| key(&partition, place)))
            .limit(PAGE)
            .send()
            .await
            .map_err(StateError::while_doing("look for what is to be erased"))?;
        Ok((answer.items.unwrap_or_default(), answer.last_evaluated_key))
    }

    pub(super) async fn remove_recipient(
        &self,
        organization: OrganizationId,
        id: &str,
    ) -> Result<u64, StateError> {
        let recipients = Directory::Recipients;
        let deleted = self.credentials.delete_entry(organization, recipients, id);
        deleted.await.map(|()| 0)
    }

    /// Deletes a credential, and before it the other ids under which it is found: they stand in its row. One that
    /// was made anew since then stays.
    pub(super) async fn remove_credential(
        &self,
        organization: OrganizationId,
        id: &str,
        until: Timestamp,
    ) -> Result<u64, StateError> {
        let sort_key = keyspace::credential(id);
        let partition = keyspace::organization(organization);
        for _ in 0..MAX_TRIES {
            let read = [sort_key.clone()].into_iter();
            let read = self.credentials.read(organization, read).await?.pop();
            let row: Option<CredentialRow> = read.map(from_item).transpose()?;
            let Some(row) = row.filter(|row| row.created_at < until) else {
                return Ok(0);
            };
            for alias in &row.known_as {
                // StillOfTheirs. the credential's row is read (its ids) → [another credential gets this id] →
                // this delete: not of the other's.
                let place = key(&partition, keyspace::alias(alias));
                let read = ("credential_id", text(id));
                self.delete_row(place, Some(read)).await?;
            }
            // UnchangedSinceRead. read (revision n) → [an event adds to it, with an id of which a row is made:
            // n + 1] → this delete: only of n, so that the row of that id is removed too.
            let place = key(&partition, sort_key.clone());
            let read = ("revision", number(&row.revision));
            if self.delete_row(place, Some(read)).await? {
                return Ok(0);
            }
        }
        Err(StateError::contended(REMOVING))
    }

    pub(super) async fn remove_series(
        &self,
        organization: OrganizationId,
        digest: &str,
    ) -> Result<u64, StateError> {
        let place = key(
            keyspace::organization(organization),
            keyspace::series(digest),
        );
        self.delete_row(place, None).await.map(|_| 0)
    }

    async fn delete_row(
        &self,
        place: Item,
        read: Option<(&str, AttributeValue)>,
    ) -> Result<bool, StateError> {
        let Credentials { client, table } = self.credentials;
        rows::delete(client, table, place, read, REMOVING).await
    }
}
