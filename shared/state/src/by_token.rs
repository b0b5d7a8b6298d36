//! Records of tokens: each is found by the SHA-256 of its token and listed by its organization, so
//! it has two rows, written and deleted together.

use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{Put, TransactWriteItem};
use payload::id::OrganizationId;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::accounts::Accounts;
use crate::audit_log::AuditLine;
use crate::error::StateError;
use crate::keyspace;
use crate::rows::{Item, from_item, text, to_item};
use crate::transaction::Logged;

impl Accounts {
    /// Writes a new record at both of its places.
    pub(crate) async fn create_both(
        &self,
        record: &impl Serialize,
        places: [Item; 2],
        line: &AuditLine,
        doing: &'static str,
    ) -> Result<(), StateError> {
        let rows = places.map(|place| {
            let mut row = to_item(record)?;
            row.extend(place);
            Ok(self.put_in_transaction(row))
        });
        let writes = rows.into_iter().collect::<Result<Vec<_>, StateError>>()?;
        match self.write_logged(writes, line, doing).await? {
            Logged::Written => Ok(()),
            Logged::Refused | Logged::Contended => Err(StateError::contended(doing)),
        }
    }

    /// Writes a changed record at both of its places; `false` when it was deleted in between.
    pub(crate) async fn replace_both(
        &self,
        record: &impl Serialize,
        places: [Item; 2],
        doing: &'static str,
    ) -> Result<bool, StateError> {
        // StillThere. read → [somebody deletes the record] → this write: not again, it was revoked.
        let writes = places.map(|place| {
            let mut row = to_item(record)?;
            row.extend(place);
            let put = Put::builder()
                .table_name(&self.table)
                .set_item(Some(row))
                .condition_expression("attribute_exists(pk)")
                .build();
            let put = put.map_err(StateError::while_doing(doing))?;
            Ok(TransactWriteItem::builder().put(put).build())
        });
        let writes = writes.into_iter().collect::<Result<_, StateError>>()?;
        let replaced = self
            .client
            .transact_write_items()
            .set_transact_items(Some(writes))
            .send()
            .await;
        let is_gone = |error: &TransactWriteItemsError| {
            matches!(error, TransactWriteItemsError::TransactionCanceledException(canceled)
                if canceled.cancellation_reasons().iter().any(|reason| reason.code() == Some("ConditionalCheckFailed")))
        };
        match replaced {
            Ok(_) => Ok(true),
            Err(error) if error.as_service_error().is_some_and(is_gone) => Ok(false),
            Err(error) => Err(StateError::while_doing(doing)(error)),
        }
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
        match self.write_logged(deletes, line, doing).await? {
            Logged::Written | Logged::Refused => Ok(()),
            Logged::Contended => Err(StateError::contended(doing)),
        }
    }
}
