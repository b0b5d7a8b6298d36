//! Rows of the stack's tables, changed behind its back: how time passes for what waits for days.

use aws_credential_types::Credentials;
use aws_sdk_dynamodb::config::{BehaviorVersion, Region};
use aws_sdk_dynamodb::{Client, Config};
use axum::body::to_bytes;
use axum::http::{HeaderMap, HeaderValue};
use serde_json::{Value, json};

use super::forward::Forwarded;
use super::{BODY_LIMIT, Faults};

/// A request to the stack's DynamoDB, to be asked as its sender was.
pub(super) struct Asked {
    pub(super) url: String,
    pub(super) headers: HeaderMap,
}

impl Faults {
    /// A row of a table of the template; null when there is none.
    pub(crate) async fn row(&self, table: &str, pk: &str, sk: &str) -> Value {
        let key = json!({"pk": {"S": pk}, "sk": {"S": sk}});
        let body =
            json!({"TableName": format!("local-{table}"), "Key": key, "ConsistentRead": true});
        self.dynamodb("GetItem", body).await["Item"].take()
    }

    /// Writes a row in place of the one with the revision before its own.
    pub(crate) async fn put_row(&self, table: &str, mut row: Value) {
        let read = row["revision"]["N"].clone();
        let next = read.as_str().and_then(|read| read.parse::<u64>().ok());
        let next = next.unwrap_or_else(|| panic!("no revision in {row:#}")) + 1;
        row["revision"] = json!({"N": next.to_string()});
        let body = json!({
            "TableName": format!("local-{table}"),
            "Item": row,
            "ConditionExpression": "revision = :read",
            "ExpressionAttributeValues": {":read": {"N": read}},
        });
        self.dynamodb("PutItem", body).await;
    }

    /// A client of the stack's DynamoDB, as a function has it that is not there. Nothing happens to its
    /// requests. A function must have asked before.
    pub(crate) fn client(&self) -> Client {
        let asked = self.0.asked.get().expect("a function has asked DynamoDB");
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("us-east-1"))
            .credentials_provider(Credentials::from_keys("local", "local", None))
            .endpoint_url(&asked.url);
        Client::from_conf(config.build())
    }

    /// Asks the stack's DynamoDB. A function must have asked it before.
    async fn dynamodb(&self, operation: &str, body: Value) -> Value {
        let asked = self.0.asked.get().expect("a function has asked DynamoDB");
        let mut headers = asked.headers.clone();
        let target = format!("DynamoDB_20120810.{operation}");
        headers.insert(
            "x-amz-target",
            HeaderValue::try_from(target).expect("a name"),
        );
        let forwarded = Forwarded {
            http: &self.0.http,
            url: asked.url.clone(),
            headers: &headers,
            body: body.to_string().into(),
        };
        let answer = forwarded.send().await;
        let status = answer.status();
        let bytes = to_bytes(answer.into_body(), BODY_LIMIT).await;
        let answer: Value = serde_json::from_slice(&bytes.expect("a body")).unwrap_or_default();
        assert!(status.is_success(), "{operation}: {status} {answer:#}");
        answer
    }
}
