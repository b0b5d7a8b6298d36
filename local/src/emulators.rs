//! DynamoDB, SQS and Secrets Manager on loopback, each behind its real wire protocol.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use aws_credential_types::Credentials;
use aws_sdk_dynamodb::config::StalledStreamProtectionConfig;
use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, Response},
    serve::ListenerExt,
};
use dynoxide::Database;
use rustack_sqs_core::{config::SqsConfig, handler::RustackSqsHandler, provider::RustackSqs};
use rustack_sqs_http::{
    dispatch::dispatch_operation, response::error_to_response, router::resolve_operation,
};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};

use crate::{
    secrets::{self, Secrets},
    template::{ACCOUNT, Queue, REGION, Table},
};

/// The variable by which the SDK finds DynamoDB.
pub(crate) const DYNAMODB_URL: &str = "AWS_ENDPOINT_URL_DYNAMODB";
/// How often expired rows are deleted. On AWS it takes up to days. Those that expire by a clock that is ahead stay
/// until they do by this machine's.
const TTL_SWEEP: Duration = Duration::from_secs(60);

/// The running emulators. They stop when this is dropped.
pub(crate) struct Emulators {
    /// Where DynamoDB answers.
    pub(crate) dynamodb_url: String,
    /// Where SQS answers.
    pub(crate) sqs_url: String,
    /// Where Secrets Manager answers.
    pub(crate) secrets_url: String,
    database: Database,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Emulators {
    /// Starts the first two. With `data`, the tables are kept in that directory; queues are always in memory,
    /// which the product tolerates, because a message is only a wake-up.
    pub(crate) async fn start(data: Option<&Path>) -> Result<Self> {
        let database = match data {
            None => Database::memory(),
            Some(directory) => {
                let file = directory.join("dynamodb.sqlite");
                Database::new(
                    file.to_str()
                        .context("the data directory's name is not UTF-8")?,
                )
            }
        };
        let database = database.context("cannot open the DynamoDB emulator's database")?;
        let (dynamodb, dynamodb_address) = listen(0).await?;
        let (sqs, sqs_address) = listen(0).await?;
        let provider = Arc::new(RustackSqs::new(SqsConfig {
            default_region: REGION.to_owned(),
            account_id: ACCOUNT.to_owned(),
            host: sqs_address.ip().to_string(),
            port: sqs_address.port(),
            ..SqsConfig::default()
        }));
        let served = database.clone();
        let swept = database.clone();
        Ok(Self {
            dynamodb_url: format!("http://{dynamodb_address}"),
            sqs_url: format!("http://{sqs_address}"),
            secrets_url: String::new(),
            database,
            tasks: vec![
                tokio::spawn(dynoxide::server::serve_on(dynamodb, served)),
                tokio::spawn(serve_sqs(sqs, provider)),
                tokio::spawn(sweep_expired(swept)),
            ],
        })
    }

    /// Creates what is missing of the tables. A kept table that differs from the template is an error.
    pub(crate) fn create_tables(&self, tables: &[Table]) -> Result<()> {
        for table in tables {
            let name = &table.table_name;
            self.create_table(table)
                .with_context(|| format!("table {name}"))?;
        }
        Ok(())
    }

    fn create_table(&self, table: &Table) -> Result<()> {
        let wanted = table.create_request();
        let named = json!({"TableName": table.table_name});
        if let Ok(kept) = self
            .database
            .describe_table(serde_json::from_value(named.clone())?)
        {
            let kept = serde_json::to_value(kept.table)?;
            ensure!(
                shape(&kept) == shape(&wanted),
                "the kept table differs from the template: move the data directory away, or run with --memory"
            );
        } else {
            self.database
                .create_table(serde_json::from_value(wanted)?)?;
        }
        let kept = self
            .database
            .describe_time_to_live(serde_json::from_value(named.clone())?)?;
        let kept = serde_json::to_value(kept)?;
        let is_enabled =
            kept.pointer("/TimeToLiveDescription/TimeToLiveStatus") == Some(&json!("ENABLED"));
        if let Some(ttl) = table
            .time_to_live_specification
            .as_ref()
            .filter(|ttl| ttl.enabled && !is_enabled)
        {
            let mut request = named;
            request["TimeToLiveSpecification"] = json!(ttl);
            self.database
                .update_time_to_live(serde_json::from_value(request)?)?;
        }
        Ok(())
    }

    /// Creates the queues, in the given order.
    pub(crate) async fn create_queues(&self, queues: &[Queue]) -> Result<()> {
        let sqs = self.sqs();
        for queue in queues {
            let mut request = sqs.create_queue().queue_name(&queue.queue_name);
            for (name, value) in queue.attributes() {
                request = request.attributes(name.as_str().into(), value);
            }
            request
                .send()
                .await
                .with_context(|| format!("queue {} cannot be created", queue.queue_name))?;
        }
        Ok(())
    }

    /// Serves these secrets.
    pub(crate) async fn serve_secrets(&mut self, secrets: Secrets) -> Result<()> {
        let (listener, address) = listen(0).await?;
        self.secrets_url = format!("http://{address}");
        let served = serve(listener, secrets::router(secrets));
        self.tasks.push(tokio::spawn(served));
        Ok(())
    }

    /// A client for the Secrets Manager emulator.
    pub(crate) fn secrets(&self) -> aws_sdk_secretsmanager::Client {
        let config = aws_sdk_secretsmanager::Config::builder()
            .behavior_version(aws_sdk_secretsmanager::config::BehaviorVersion::latest())
            .region(aws_sdk_secretsmanager::config::Region::from_static(REGION))
            .credentials_provider(credentials())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .endpoint_url(&self.secrets_url);
        aws_sdk_secretsmanager::Client::from_conf(config.build())
    }

    /// The address of a queue.
    pub(crate) fn queue_url(&self, queue_arn: &str) -> String {
        let name = queue_arn.rsplit(':').next().unwrap_or(queue_arn);
        format!("{}/{ACCOUNT}/{name}", self.sqs_url)
    }

    /// A client for the DynamoDB emulator.
    pub(crate) fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        dynamodb_at(&self.dynamodb_url)
    }

    /// A client for the SQS emulator.
    pub(crate) fn sqs(&self) -> aws_sdk_sqs::Client {
        let config = aws_sdk_sqs::Config::builder()
            .behavior_version(aws_sdk_sqs::config::BehaviorVersion::latest())
            .region(aws_sdk_sqs::config::Region::from_static(REGION))
            .credentials_provider(credentials())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .endpoint_url(&self.sqs_url);
        aws_sdk_sqs::Client::from_conf(config.build())
    }
}

impl Drop for Emulators {
    fn drop(&mut self) {
        self.tasks.iter().for_each(tokio::task::JoinHandle::abort);
    }
}

/// A client for DynamoDB at this address.
pub(crate) fn dynamodb_at(url: &str) -> aws_sdk_dynamodb::Client {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(aws_sdk_dynamodb::config::BehaviorVersion::latest())
        .region(aws_sdk_dynamodb::config::Region::from_static(REGION))
        .credentials_provider(credentials())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .endpoint_url(url);
    aws_sdk_dynamodb::Client::from_conf(config.build())
}

/// A listener on loopback; port 0 takes a free one.
pub(crate) async fn listen(port: u16) -> Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
    let listener = listener.with_context(|| {
        format!("port {port} is taken or not allowed: choose another with --port")
    })?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// Serves a router with small answers sent at once.
pub(crate) async fn serve(listener: TcpListener, router: Router) {
    let listener = listener.tap_io(send_at_once);
    if let Err(error) = axum::serve(listener, router).await {
        tracing::error!(%error, "a local server ended");
    }
}

/// Turns off Nagle's algorithm, which would hold small answers back.
pub(crate) fn send_at_once(connection: &mut TcpStream) {
    if let Err(error) = connection.set_nodelay(true) {
        tracing::debug!(%error, "cannot set TCP_NODELAY");
    }
}

async fn serve_sqs(listener: TcpListener, provider: Arc<RustackSqs>) {
    let handler = Arc::new(RustackSqsHandler::new(provider));
    serve(
        listener,
        Router::new().fallback(answer_sqs).with_state(handler),
    )
    .await;
}

async fn answer_sqs(
    State(handler): State<Arc<RustackSqsHandler>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let answer = match resolve_operation(&headers) {
        Ok(operation) => {
            dispatch_operation(handler.as_ref(), operation, without_groups(body)).await
        }
        Err(error) => Err(error),
    };
    answer
        .unwrap_or_else(|error| error_to_response(&error, "local"))
        .map(Body::new)
}

/// Takes the groups out of messages that are sent to standard queues. There SQS is fair between them, and what
/// it promises holds without; the emulator refuses them.
fn without_groups(body: Bytes) -> Bytes {
    const GROUP: &str = "MessageGroupId";
    if !body
        .windows(GROUP.len())
        .any(|part| part == GROUP.as_bytes())
    {
        return body;
    }
    let Ok(mut request) = serde_json::from_slice::<Value>(&body) else {
        return body;
    };
    if request["QueueUrl"]
        .as_str()
        .is_none_or(|url| url.ends_with(".fifo"))
    {
        return body;
    }
    let entries = request.get_mut("Entries").and_then(Value::as_array_mut);
    let entries = entries
        .into_iter()
        .flatten()
        .filter_map(Value::as_object_mut);
    for entry in entries {
        entry.remove(GROUP);
    }
    if let Some(message) = request.as_object_mut() {
        message.remove(GROUP);
    }
    request.to_string().into()
}

async fn sweep_expired(database: Database) {
    let mut ticks = tokio::time::interval(TTL_SWEEP);
    loop {
        ticks.tick().await;
        let database = database.clone();
        let swept = tokio::task::spawn_blocking(move || database.sweep_ttl()).await;
        match swept {
            Ok(Ok(0)) => {}
            Ok(Ok(rows)) => tracing::debug!(rows, "expired rows deleted"),
            Ok(Err(error)) => tracing::warn!(%error, "expired rows could not be deleted"),
            Err(error) => tracing::warn!(%error, "expired rows could not be deleted"),
        }
    }
}

fn credentials() -> Credentials {
    Credentials::from_keys("local", "local", None)
}

/// What makes two descriptions the same table: keys and indexes, whatever their order.
fn shape(table: &Value) -> Value {
    let mut attributes = table["AttributeDefinitions"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    attributes.sort_by_key(|attribute| attribute["AttributeName"].to_string());
    let indexes = ["GlobalSecondaryIndexes", "LocalSecondaryIndexes"].map(|kind| {
        let indexes = table[kind].as_array().cloned().unwrap_or_default();
        let mut indexes: Vec<Value> = indexes
            .iter()
            .map(|index| json!([index["IndexName"], index["KeySchema"], index["Projection"]]))
            .collect();
        indexes.sort_by_key(|index| index[0].to_string());
        indexes
    });
    json!([attributes, table["KeySchema"], indexes])
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::template::Template;

    const TEMPLATE: &str = "
Resources:
  Events:
    Type: AWS::DynamoDB::Table
    Properties:
      AttributeDefinitions: [{AttributeName: pk, AttributeType: S}, {AttributeName: due, AttributeType: S}]
      KeySchema: [{AttributeName: pk, KeyType: HASH}]
      GlobalSecondaryIndexes:
        - IndexName: due
          KeySchema: [{AttributeName: due, KeyType: HASH}]
          Projection: {ProjectionType: INCLUDE, NonKeyAttributes: [ids]}
      TimeToLiveSpecification: {AttributeName: ttl, Enabled: true}
  Dead: {Type: AWS::SQS::Queue}
  Queue:
    Type: AWS::SQS::Queue
    Properties: {RedrivePolicy: {deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 3}}
";

    async fn start(directory: &Path, template: &str) -> Result<Emulators> {
        let emulators = Emulators::start(Some(directory)).await?;
        let template = Template::parse(template, &BTreeMap::new(), &emulators.sqs_url)?;
        emulators.create_tables(&template.tables)?;
        emulators.create_queues(&template.queues).await?;
        Ok(emulators)
    }

    #[tokio::test]
    async fn rows_outlive_a_restart_and_queues_answer_at_their_reference() {
        let directory = tempfile::tempdir().unwrap();
        let emulators = start(directory.path(), TEMPLATE).await.unwrap();
        let row = [(
            "pk".to_owned(),
            aws_sdk_dynamodb::types::AttributeValue::S("a".into()),
        )];
        let put = emulators
            .dynamodb()
            .put_item()
            .table_name("local-Events")
            .set_item(Some(row.into()));
        put.send().await.unwrap();
        drop(emulators);

        let emulators = start(directory.path(), TEMPLATE).await.unwrap();
        let rows = emulators
            .dynamodb()
            .scan()
            .table_name("local-Events")
            .send()
            .await
            .unwrap();
        assert_eq!(rows.count(), 1);
        let url = format!("{}/{ACCOUNT}/local-Queue", emulators.sqs_url);
        emulators
            .sqs()
            .send_message()
            .queue_url(url)
            .message_body("x")
            .send()
            .await
            .unwrap();
    }

    #[test]
    fn only_messages_to_standard_queues_lose_their_group() {
        let stripped = |request: Value| {
            let body = without_groups(request.to_string().into());
            serde_json::from_slice::<Value>(&body).unwrap()
        };
        let batch =
            json!({"QueueUrl": "http://x/q", "Entries": [{"Id": "0", "MessageGroupId": "g"}]});
        let expected = json!({"QueueUrl": "http://x/q", "Entries": [{"Id": "0"}]});
        assert_eq!(stripped(batch), expected);
        let single = json!({"QueueUrl": "http://x/q", "MessageBody": "x", "MessageGroupId": "g"});
        let expected = json!({"QueueUrl": "http://x/q", "MessageBody": "x"});
        assert_eq!(stripped(single), expected);
        for kept in [
            json!({"QueueUrl": "http://x/q.fifo", "Entries": [{"Id": "0", "MessageGroupId": "g"}]}),
            json!({"QueueUrl": "http://x/q", "MessageBody": "MessageGroupId"}),
        ] {
            assert_eq!(stripped(kept.clone()), kept);
        }
    }

    #[tokio::test]
    async fn a_kept_table_that_differs_from_the_template_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        drop(start(directory.path(), TEMPLATE).await.unwrap());
        let changed = TEMPLATE.replace("INCLUDE, NonKeyAttributes: [ids]", "ALL");
        let error = start(directory.path(), &changed).await.err().unwrap();
        assert!(format!("{error:#}").contains("local-Events"), "{error:#}");
    }
}
