//! Reading many rows with few requests.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::KeysAndAttributes;

use crate::error::StateError;
use crate::rows::Item;

/// Keys of one `BatchGetItem`.
const BATCH: usize = 100;
/// Pauses before what DynamoDB left out of an answer is asked for again.
const PAUSES: [Duration; 5] = [
    Duration::ZERO,
    Duration::from_millis(20),
    Duration::from_millis(100),
    Duration::from_millis(500),
    Duration::from_secs(1),
];

/// Which state of a row is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Consistency {
    /// The last one.
    Strong,
    /// One that was the last a moment ago, for half the price.
    Eventual,
}

/// The rows with these keys, each with the name of its table, in no order; what does not exist is not
/// there. No key may be named twice.
pub(crate) async fn batch_get(
    client: &Client,
    keys: &[(&String, Item)],
    consistency: Consistency,
    doing: &'static str,
) -> Result<Vec<(String, Item)>, StateError> {
    let mut found = Vec::with_capacity(keys.len());
    for batch in keys.chunks(BATCH) {
        read_batch(client, batch, consistency, doing, &mut found).await?;
    }
    Ok(found)
}

async fn read_batch(
    client: &Client,
    batch: &[(&String, Item)],
    consistency: Consistency,
    doing: &'static str,
    found: &mut Vec<(String, Item)>,
) -> Result<(), StateError> {
    let mut by_table: HashMap<&String, Vec<Item>> = HashMap::new();
    for (table, key) in batch {
        by_table.entry(table).or_default().push(key.clone());
    }
    let mut request: HashMap<String, KeysAndAttributes> = HashMap::new();
    for (table, keys) in by_table {
        let keys = KeysAndAttributes::builder().set_keys(Some(keys));
        let keys = keys
            .consistent_read(consistency == Consistency::Strong)
            .build();
        request.insert(table.clone(), keys.expect("keys are set"));
    }
    for pause in PAUSES {
        let answer = client
            .batch_get_item()
            .set_request_items(Some(request))
            .send()
            .await
            .map_err(StateError::while_doing(doing))?;
        for (table, items) in answer.responses.unwrap_or_default() {
            found.extend(items.into_iter().map(|item| (table.clone(), item)));
        }
        // Large answers come in parts, and under throttling too.
        request = answer.unprocessed_keys.unwrap_or_default();
        if request.is_empty() {
            return Ok(());
        }
        tokio::time::sleep(pause).await;
    }
    Err(StateError::contended(doing))
}
