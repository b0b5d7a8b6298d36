//! One request of a function to DynamoDB or SQS, and by what a test tells it from others.

use axum::body::Bytes;
use axum::http::HeaderMap;
use serde_json::Value;

/// A request as the function sent it.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// The binary of the function.
    pub(crate) function: String,
    /// `PutItem`, `SendMessageBatch`, …
    pub(crate) operation: String,
    /// True when SQS is asked, else DynamoDB.
    pub(super) is_for_queue: bool,
    pub(super) body: Bytes,
}

impl Request {
    pub(super) fn new(function: &str, headers: &HeaderMap, body: Bytes) -> Self {
        let target = headers.get("x-amz-target");
        let target = target.and_then(|target| target.to_str().ok());
        let (service, operation) = target.and_then(|t| t.split_once('.')).unwrap_or_default();
        Self {
            function: function.to_owned(),
            operation: operation.to_owned(),
            is_for_queue: service == "AmazonSQS",
            body,
        }
    }

    /// The body; null when it is no JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// A text of the row that is put; empty when there is none.
    pub(crate) fn put(&self, attribute: &str) -> String {
        let value = &self.json()["Item"][attribute]["S"];
        value.as_str().unwrap_or_default().to_owned()
    }

    /// Whether a row goes into this table of the template.
    fn puts_into(&self, table: &str) -> bool {
        let is_put = self.operation == "PutItem";
        is_put && self.json()["TableName"].as_str() == Some(&format!("local-{table}"))
    }

    /// Fixes the id of an event by its idempotency key.
    pub(crate) fn claims_a_key(&self) -> bool {
        self.puts_into("EventsTable") && self.put("pk").starts_with("idem#")
    }

    /// Makes an event durable.
    pub(crate) fn writes_an_event(&self) -> bool {
        let is_place = self.put("pk").ends_with("#late");
        self.puts_into("EventsTable") && self.put("sk").starts_with("evt_") && !is_place
    }

    /// Changes the configuration of an endpoint.
    pub(crate) fn writes_an_endpoint(&self) -> bool {
        let is_write = ["PutItem", "TransactWriteItems"].contains(&self.operation.as_str());
        let body = String::from_utf8_lossy(&self.body);
        is_write && body.contains("\"sk\":{\"S\":\"endpoint#")
    }

    /// Writes what was made of an organization's entitlement.
    pub(crate) fn writes_an_entitlement(&self) -> bool {
        let is_write = ["PutItem", "TransactWriteItems"].contains(&self.operation.as_str());
        let body = String::from_utf8_lossy(&self.body);
        is_write && body.contains("\"sk\":{\"S\":\"entitlement\"}")
    }

    /// Writes how far a replay got, or that there is one.
    pub(crate) fn writes_a_replay(&self) -> bool {
        self.puts_into("DeliveriesTable") && self.put("sk").starts_with("rpl_")
    }

    /// Sends messages of any kind.
    pub(super) fn has_messages(&self) -> bool {
        self.operation == "SendMessageBatch"
    }

    /// How many wake-ups it sends. A beat of recovery is none.
    pub(crate) fn wake_ups(&self) -> usize {
        let body = self.json();
        let messages = body["Entries"].as_array().into_iter().flatten();
        let texts = messages.filter_map(|message| message["MessageBody"].as_str());
        let is_wake_up = |text: &&str| text.contains("\"attempt\"") && !text.contains("\"beat\"");
        texts.filter(is_wake_up).count()
    }

    /// Sends wake-ups.
    pub(crate) fn sends(&self) -> bool {
        self.has_messages() && self.wake_ups() > 0
    }

    /// Reads the accepted events of a minute, and does not only count them.
    pub(crate) fn audits(&self, minute: &str) -> bool {
        let body = self.json();
        let bucket = &body["ExpressionAttributeValues"][":bucket"]["S"];
        body["IndexName"] == "audit"
            && body["Select"] != "COUNT"
            && bucket
                .as_str()
                .is_some_and(|bucket| bucket.starts_with(minute))
    }

    /// Reads what a batch of wake-ups is about: events, and rows where there may be any.
    pub(crate) fn reads_a_batch(&self) -> bool {
        self.operation == "BatchGetItem"
            && self.json()["RequestItems"]["local-EventsTable"].is_object()
    }

    /// Writes or removes what is known of endpoints.
    pub(crate) fn writes_an_account(&self) -> bool {
        let is_write = ["PutItem", "UpdateItem", "DeleteItem"].contains(&self.operation.as_str());
        is_write && self.json()["TableName"] == "local-AccountsTable"
    }

    /// Records what an attempt came to.
    pub(crate) fn records(&self) -> bool {
        self.puts_into("DeliveriesTable")
    }

    /// Records that an attempt is deferred.
    pub(crate) fn defers(&self) -> bool {
        self.records() && self.json()["Item"]["deferred"].is_object()
    }

    /// Records an attempt after which the delivery has this status.
    pub(crate) fn records_as(&self, status: &str) -> bool {
        self.records() && self.put("status") == status
    }

    /// The code with which its service refuses too many requests.
    pub(super) fn throttling(&self) -> &'static str {
        if self.is_for_queue {
            "RequestThrottled"
        } else {
            "ProvisionedThroughputExceededException"
        }
    }
}
