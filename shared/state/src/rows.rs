//! Rows as items, and pages of them.

use std::collections::HashMap;
use std::error::Error;
use std::fmt::Debug;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{AttributeValue, Select};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::StateError;
use crate::keyspace::{PK, SK};

pub(crate) type Item = HashMap<String, AttributeValue>;

/// One page of a list, and where the next one starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// In the order of the list.
    pub items: Vec<T>,
    /// The place after the last item; `None` at the end of the list.
    pub next: Option<String>,
}

pub(crate) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

pub(crate) fn number(value: &impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

pub(crate) fn key(pk: impl Into<String>, sk: impl Into<String>) -> Item {
    HashMap::from([(PK.to_owned(), text(pk)), (SK.to_owned(), text(sk))])
}

pub(crate) fn to_item(row: &impl Serialize) -> Result<Item, StateError> {
    serde_dynamo::to_item(row).map_err(StateError::while_doing("write a row as an item"))
}

pub(crate) fn from_item<T: DeserializeOwned>(item: Item) -> Result<T, StateError> {
    serde_dynamo::from_item(item).map_err(StateError::while_doing("read a row"))
}

pub(crate) fn sort_key(item: &Item) -> Option<&str> {
    item.get(SK)?.as_s().ok().map(String::as_str)
}

/// Reads one row as it is now.
pub(crate) async fn get<T: DeserializeOwned>(
    client: &Client,
    table: &str,
    key: Item,
    doing: &'static str,
) -> Result<Option<T>, StateError> {
    let get = client.get_item().table_name(table).set_key(Some(key));
    let answer = get.consistent_read(true).send().await;
    let item = answer.map_err(StateError::while_doing(doing))?.item;
    item.map(from_item).transpose()
}

/// The place in the order of `attribute` at which a page ended; `None` at the end of all.
pub(crate) fn page_end(last_evaluated_key: Option<Item>, attribute: &str) -> Option<String> {
    Some(last_evaluated_key?.get(attribute)?.as_s().ok()?.clone())
}

/// How many rows an index has in a partition.
pub(crate) async fn count_in(
    client: &Client,
    table: &str,
    index: &str,
    partition: &str,
) -> Result<u64, StateError> {
    // The key of each index is called like the index.
    let mut pages = client
        .query()
        .table_name(table)
        .index_name(index)
        .select(Select::Count)
        .key_condition_expression("#key = :partition")
        .expression_attribute_names("#key", index)
        .expression_attribute_values(":partition", text(partition))
        .into_paginator()
        .send();
    let mut count = 0;
    while let Some(page) = pages.next().await {
        let page = page.map_err(StateError::while_doing("count rows"))?;
        count += u64::try_from(page.count).unwrap_or_default();
    }
    Ok(count)
}

/// Writes a row, whatever stands in its place: the last one wins.
pub(crate) async fn put(
    client: &Client,
    table: &str,
    row: Item,
    doing: &'static str,
) -> Result<(), StateError> {
    let put = client.put_item().table_name(table).set_item(Some(row));
    put.send().await.map_err(StateError::while_doing(doing))?;
    Ok(())
}

/// Deletes a row, where one is given only while an attribute of it is as it was read; `false` when it is another
/// one by then, or gone.
pub(crate) async fn delete(
    client: &Client,
    table: &str,
    place: Item,
    read: Option<(&str, AttributeValue)>,
    doing: &'static str,
) -> Result<bool, StateError> {
    let delete = client.delete_item().table_name(table).set_key(Some(place));
    let delete = match read {
        Some((attribute, value)) => delete
            .condition_expression(format!("{attribute} = :read"))
            .expression_attribute_values(":read", value),
        None => delete,
    };
    is_written(delete.send().await, doing)
}

/// The row because of which a conditional write did not happen; any other failure is an error.
pub(crate) fn row_in_the_way<R>(
    error: SdkError<PutItemError, R>,
    doing: &'static str,
) -> Result<Item, StateError>
where
    R: Debug + Send + Sync + 'static,
{
    let row = error.as_service_error().and_then(|error| match error {
        PutItemError::ConditionalCheckFailedException(failed) => failed.item.clone(),
        _ => None,
    });
    row.ok_or_else(|| StateError::while_doing(doing)(error))
}

/// Writes a row that counts its writes in `revision` in place of the one that was read, which was at `read`;
/// `false` when somebody else has written since.
pub(crate) async fn put_on_revision(
    client: &Client,
    table: &str,
    row: Item,
    read: u64,
    doing: &'static str,
) -> Result<bool, StateError> {
    let put = client
        .put_item()
        .table_name(table)
        .set_item(Some(row))
        .condition_expression("attribute_not_exists(pk) OR revision = :read")
        .expression_attribute_values(":read", number(&read));
    is_written(put.send().await, doing)
}

/// Whether a conditional write was made; that its condition did not hold is no error.
pub(crate) fn is_written<T, E, R>(
    write: Result<T, SdkError<E, R>>,
    doing: &'static str,
) -> Result<bool, StateError>
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    R: Debug + Send + Sync + 'static,
{
    match write {
        Ok(_) => Ok(true),
        Err(error) if error.code() == Some("ConditionalCheckFailedException") => Ok(false),
        Err(error) => Err(StateError::while_doing(doing)(error)),
    }
}
