//! DynamoDB and SQS inside of the test: the SDK's clients are the real ones, what they send is answered here.
//!
//! Each client belongs to somebody who can be killed before or after any of its writes, and between any two
//! requests others may come first, by a sequence of numbers that is the same for the same test.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex};

use aws_credential_types::Credentials;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::{
    BehaviorVersion, HttpClient, Region, RuntimeComponents, StalledStreamProtectionConfig,
};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use dynoxide::{Database, DynoxideError};
use serde_json::{Value, json};
use state::Aws;

use crate::life::{Fate, Life};
use crate::tables;

/// Most times that somebody else's requests come before one.
const MOST_TURNS: u64 = 4;

/// The tables and the queue.
#[derive(Clone)]
pub(crate) struct Backend(Arc<Inner>);

struct Inner {
    database: Database,
    seen: Mutex<Seen>,
    turns: Mutex<u64>,
}

/// What was asked.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Seen {
    /// How often, by operation and table.
    pub(crate) requests: BTreeMap<String, u64>,
    /// What all writes cost, those whose condition did not hold too.
    pub(crate) write_units: f64,
    /// What all reads cost.
    pub(crate) read_units: f64,
    /// Events with a wake-up.
    pub(crate) woken: BTreeSet<String>,
}

impl Seen {
    /// What was asked since then.
    pub(crate) fn since(mut self, before: &Self) -> Self {
        for (request, count) in &before.requests {
            if let Some(all) = self.requests.get_mut(request) {
                *all -= count;
            }
        }
        self.requests.retain(|_, count| *count > 0);
        self.write_units -= before.write_units;
        self.read_units -= before.read_units;
        self
    }
}

impl Backend {
    /// Empty tables, as the template describes them. The same `seed` makes the same sequence of turns.
    pub(crate) fn start(database: Database, seed: u64) -> Self {
        for request in tables::create_requests() {
            let request = serde_json::from_value(request).unwrap();
            database.create_table(request).unwrap();
        }
        Self(Arc::new(Inner {
            database,
            seen: Mutex::default(),
            turns: Mutex::new(seed),
        }))
    }

    /// Clients for somebody.
    pub(crate) fn clients(&self, life: &Life) -> Aws {
        let client = Client {
            backend: self.clone(),
            life: life.clone(),
        };
        let dynamodb = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("us-east-1"))
            .credentials_provider(Credentials::from_keys("test", "test", None))
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .retry_config(RetryConfig::disabled())
            .endpoint_url("http://dynamodb.test")
            .http_client(client.clone());
        let sqs = aws_sdk_sqs::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("us-east-1"))
            .credentials_provider(Credentials::from_keys("test", "test", None))
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .retry_config(RetryConfig::disabled())
            .endpoint_url("http://sqs.test")
            .http_client(client);
        Aws {
            dynamodb: aws_sdk_dynamodb::Client::from_conf(dynamodb.build()),
            sqs: aws_sdk_sqs::Client::from_conf(sqs.build()),
        }
    }

    /// What was asked so far.
    pub(crate) fn seen(&self) -> Seen {
        self.0.seen.lock().unwrap().clone()
    }

    /// All rows of a table, as JSON of DynamoDB.
    pub(crate) fn rows(&self, table: &str) -> Vec<Value> {
        let request = json!({"TableName": table});
        let found = self
            .0
            .database
            .scan(serde_json::from_value(request).unwrap());
        let found = serde_json::to_value(found.unwrap()).unwrap();
        assert!(found["LastEvaluatedKey"].is_null(), "more than a page");
        found["Items"].as_array().unwrap().clone()
    }

    /// Changes the row with this key.
    pub(crate) fn put(&self, table: &str, row: &Value) {
        let request = json!({"TableName": table, "Item": row});
        let request = serde_json::from_value(request).unwrap();
        self.0.database.put_item(request).unwrap();
    }

    /// Deletes this row.
    pub(crate) fn delete(&self, table: &str, row: &Value) {
        let key = json!({"pk": row["pk"], "sk": row["sk"]});
        let request = json!({"TableName": table, "Key": key});
        let request = serde_json::from_value(request).unwrap();
        self.0.database.delete_item(request).unwrap();
    }

    /// Lets others go first, a few times or not at all.
    async fn take_turns(&self) {
        let turns = {
            let mut state = self.0.turns.lock().unwrap();
            // The generator of Knuth's MMIX; its upper bits are good enough to shuffle.
            *state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (*state >> 33) % MOST_TURNS
        };
        for _ in 0..turns {
            tokio::task::yield_now().await;
        }
    }

    async fn answer(&self, life: &Life, target: &str, body: &[u8]) -> HttpResponse {
        let (_, operation) = target.split_once('.').expect("a service and an operation");
        let mut request: Value = serde_json::from_slice(body).unwrap();
        self.take_turns().await;
        let is_write = !matches!(operation, "GetItem" | "BatchGetItem" | "Query");
        let fate = if is_write { life.fate() } else { Fate::Made };
        match fate {
            Fate::Made => {}
            Fate::Hangs => return life.end().await,
            Fate::MadeAndHangs => {
                self.execute(operation, &mut request, is_write);
                return life.end().await;
            }
            Fate::Refused => {
                let error = json!({"__type": "InternalServerError", "message": "cut off"});
                return response(500, &error);
            }
        }
        let answer = self.execute(operation, &mut request, is_write);
        self.take_turns().await;
        answer
    }

    fn execute(&self, operation: &str, request: &mut Value, is_write: bool) -> HttpResponse {
        let mut seen = self.0.seen.lock().unwrap();
        *seen.requests.entry(named(operation, request)).or_default() += 1;
        if operation == "SendMessageBatch" {
            return response(200, &take_messages(request, &mut seen.woken));
        }
        request["ReturnConsumedCapacity"] = json!("TOTAL");
        match dispatch(&self.0.database, operation, request.clone()) {
            Ok(answer) => {
                let units = units(&answer["ConsumedCapacity"]);
                if is_write {
                    seen.write_units += units;
                } else {
                    seen.read_units += units;
                }
                response(200, &answer)
            }
            Err(error) => {
                // Of rows of at most a kilobyte, which all of these are.
                seen.write_units += 1.0;
                let text = error.to_json();
                let body = serde_json::from_str(&text).unwrap();
                response(error.status_code(), &body)
            }
        }
    }
}

/// An operation and its table, if it has one.
fn named(operation: &str, request: &Value) -> String {
    let of_several = request["RequestItems"].as_object();
    let of_several = of_several.and_then(|tables| tables.keys().next());
    let table = request["TableName"].as_str();
    match table.or(of_several.map(String::as_str)) {
        Some(table) => format!("{operation} {table}"),
        None => operation.to_owned(),
    }
}

/// Of one table or of several.
fn units(consumed: &Value) -> f64 {
    let of = |table: &Value| table["CapacityUnits"].as_f64().expect("units");
    match consumed {
        Value::Array(tables) => tables.iter().map(of).sum(),
        table => of(table),
    }
}

fn take_messages(request: &Value, woken: &mut BTreeSet<String>) -> Value {
    let entries = request["Entries"].as_array().expect("messages");
    let taken = entries.iter().map(|entry| {
        let body: Value = serde_json::from_str(entry["MessageBody"].as_str().unwrap()).unwrap();
        woken.insert(body["event"].as_str().expect("an event").to_owned());
        json!({"Id": entry["Id"], "MessageId": "0", "MD5OfMessageBody": "0"})
    });
    json!({"Successful": taken.collect::<Vec<_>>(), "Failed": []})
}

fn dispatch(database: &Database, operation: &str, request: Value) -> Result<Value, DynoxideError> {
    macro_rules! call {
        ($operation:ident) => {{
            let request = serde_json::from_value(request).expect("a request of the SDK");
            serde_json::to_value(database.$operation(request)?)
        }};
    }
    let answer = match operation {
        "BatchGetItem" => call!(batch_get_item),
        "DeleteItem" => call!(delete_item),
        "PutItem" => call!(put_item),
        "Query" => call!(query),
        "TransactWriteItems" => call!(transact_write_items),
        "GetItem" => call!(get_item),
        "UpdateItem" => call!(update_item),
        other => panic!("{other} is not answered here"),
    };
    Ok(answer.expect("an answer"))
}

fn response(status: u16, body: &Value) -> HttpResponse {
    let status = status.try_into().expect("a status");
    let mut response = HttpResponse::new(status, SdkBody::from(body.to_string()));
    let headers = response.headers_mut();
    headers.insert("content-type", "application/x-amz-json-1.0");
    response
}

/// Takes the requests of one SDK client.
#[derive(Clone)]
struct Client {
    backend: Backend,
    life: Life,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

impl HttpClient for Client {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Client {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let Self { backend, life } = self.clone();
        HttpConnectorFuture::new(async move {
            let target = request.headers().get("x-amz-target").expect("a target");
            let body = request.body().bytes().expect("a body in memory");
            Ok(backend.answer(&life, target, body).await)
        })
    }
}
