//! Lines of the directory, credentials and series of a person.

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use payload::id::OrganizationId;

use super::{Eraser, Looking, PAGE, found};
use crate::credential_row::CredentialRow;
use crate::credentials::Credentials;
use crate::directory::{Directory, Entry};
use crate::erasure::Found;
use crate::error::StateError;
use crate::keyspace::{self, CREDENTIAL_PREFIX, RECIPIENT_PREFIX, SERIES_PREFIX};
use crate::rows::{Item, from_item, is_written, key, sort_key, text};
use crate::series::SeriesRow;

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

    fn is_credential(&self, item: Item) -> Result<Option<String>, StateError> {
        let id = id_of(&item, CREDENTIAL_PREFIX)?;
        let row: CredentialRow = from_item(item)?;
        let (email, recipient) = (row.known.recipient_email, row.known.recipient_id);
        let has_id = |id: &String| self.erasure.recipient_ids.contains(id) || self.sought.is(id);
        let is_theirs =
            email.is_some_and(|it| self.sought.is(&it)) || recipient.as_ref().is_some_and(has_id);
        Ok((is_theirs && self.was_there(row.created_at)).then_some(id))
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
        Ok(found(items, last, |item| looking.is_credential(item)))
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

    /// Deletes a credential, and before it the other ids under which it is found: they stand in its row.
    pub(super) async fn remove_credential(
        &self,
        organization: OrganizationId,
        id: &str,
    ) -> Result<u64, StateError> {
        let sort_key = keyspace::credential(id);
        let rows = self
            .credentials
            .read(organization, [sort_key.clone()].into_iter());
        let Some(row) = rows.await?.pop() else {
            return Ok(0);
        };
        let row: CredentialRow = from_item(row)?;
        let partition = keyspace::organization(organization);
        for alias in &row.known_as {
            let place = key(&partition, keyspace::alias(alias));
            self.credentials.remove(place, Some(id)).await?;
        }
        self.credentials
            .remove(key(&partition, sort_key), None)
            .await?;
        Ok(0)
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
        self.credentials.remove(place, None).await.map(|()| 0)
    }
}

impl Credentials {
    /// Deletes a row; one that is gone is no error. With `of`, only as long as it leads to that credential.
    async fn remove(&self, place: Item, of: Option<&str>) -> Result<(), StateError> {
        // StillOfTheirs. the credential's row is read (its ids) → [another credential gets this id] → this
        // delete: not of the other's.
        let condition = of.map(|_| "credential_id = :credential".to_owned());
        let value = |id: &str| (":credential".to_owned(), AttributeValue::S(id.to_owned()));
        let deleted = self
            .client
            .delete_item()
            .table_name(&self.table)
            .set_key(Some(place))
            .set_condition_expression(condition)
            .set_expression_attribute_values(of.map(|id| [value(id)].into()))
            .send()
            .await;
        is_written(deleted, "erase what is known of a credential").map(drop)
    }
}
