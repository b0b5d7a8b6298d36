//! Records of tokens: each is found by the SHA-256 of its token and listed by its organization, so
//! it has two rows, written and deleted together.

use aws_sdk_dynamodb::types::TransactWriteItem;
use payload::id::OrganizationId;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::accounts::Accounts;
use crate::audit_log::AuditLine;
use crate::error::StateError;
use crate::keyspace;
use crate::rows::{Item, from_item, text, to_item};

impl Accounts {
    /// Writes a new record at both of its places.
    pub(crate) async fn create_both(
        &self,
        record: &impl Serialize,
        places: [Item; 2],
        line: &AuditLine,
        doing: &'static str,
    ) -> Result<(), StateError> {
        let writes = self.put_both(record, places)?;
        self.write_logged(writes, line, doing).await?.written(doing)
    }

    /// The writes of a new record at both of its places.
    pub(crate) fn put_both(
        &self,
        record: &impl Serialize,
        places: [Item; 2],
    ) -> Result<Vec<TransactWriteItem>, StateError> {
        let rows = places.map(|place| {
            let mut row = to_item(record)?;
            row.extend(place);
            Ok(self.put_new(row))
        });
        rows.into_iter().collect()
    }

    /// Writes a changed record at both of its places; `false` when it was deleted in between.
    pub(crate) async fn replace_both(
        &self,
        record: &impl Serialize,
        places: [Item; 2],
        doing: &'static str,
    ) -> Result<bool, StateError> {
        let rows = places.map(|place| {
            let mut row = to_item(record)?;
            row.extend(place);
            Ok(self.put_if_there(row))
        });
        let writes = rows.into_iter().collect::<Result<_, StateError>>()?;
        self.write_all(writes, doing).await?.unless_refused(doing)
    }

    /// The record at its place by digest.
    pub(crate) async fn find_by_digest<T: DeserializeOwned>(
        &self,
        place: Item,
        doing: &'static str,
    ) -> Result<Option<T>, StateError> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(place))
            // A token works as soon as it is made, and what is remembered of it is never older than its end.
            .consistent_read(true)
            .send()
            .await
            .map_err(StateError::while_doing(doing))?;
        answer.item.map(from_item).transpose()
    }

    /// All records of an organization whose sort keys start with `prefix`, oldest first.
    pub(crate) async fn list_by_organization<T: DeserializeOwned>(
        &self,
        organization: OrganizationId,
        prefix: &str,
        doing: &'static str,
    ) -> Result<Vec<T>, StateError> {
        let mut pages = self
            .client
            .query()
            .table_name(&self.table)
            .consistent_read(true)
            .key_condition_expression("pk = :organization AND begins_with(sk, :prefix)")
            .expression_attribute_values(
                ":organization",
                text(keyspace::organization(organization)),
            )
            .expression_attribute_values(":prefix", text(prefix))
            .into_paginator()
            .send();
        let mut records = Vec::new();
        while let Some(page) = pages.next().await {
            for item in page
                .map_err(StateError::while_doing(doing))?
                .items
                .unwrap_or_default()
            {
                records.push(from_item(item)?);
            }
        }
        Ok(records)
    }

    /// Deletes a record from both of its places; deleting what is gone is no error, and is not logged.
    pub(crate) async fn delete_both(
        &self,
        places: [Item; 2],
        line: &AuditLine,
        doing: &'static str,
    ) -> Result<(), StateError> {
        let deletes = places.map(|place| self.delete_in_transaction(place));
        let logged = self.write_logged(deletes, line, doing).await?;
        logged.unless_refused(doing).map(drop)
    }
}
