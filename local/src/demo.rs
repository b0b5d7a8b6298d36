//! `local demo`: every sample event posted for real, delivered, verified and shown in one table.

mod report;

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    path::Path,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use tokio::time::{Instant, timeout};

use self::report::{Outcome, Report, report};
use crate::{
    client::Client,
    clock,
    inbox::Received,
    seed::{self, Wanted},
    stack::Stack,
};

/// How long all deliveries together may take.
const DEADLINE: Duration = Duration::from_secs(30);
/// How long to wait for an arrival before asking for the deliveries' state again.
const PATIENCE: Duration = Duration::from_millis(100);

/// The endpoints of the demo: one that gets everything, one in the words of a source system.
const ENDPOINTS: &[Wanted] = &[
    Wanted {
        name: "canonical",
        dialect: "canonical",
        event_types: &["*"],
    },
    Wanted {
        name: "thatsme",
        dialect: "thatsme",
        event_types: &["certificate.issued", "certificate.accepted"],
    },
];

/// A file of `events/ingest/`: an invocation by API Gateway.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sample {
    raw_path: String,
    #[serde(default)]
    raw_query_string: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: Option<String>,
    request_context: RequestContext,
}

#[derive(Deserialize)]
struct RequestContext {
    http: Http,
}

#[derive(Deserialize)]
struct Http {
    method: String,
}

/// An event that the stack accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Accepted {
    file: String,
    id: String,
    r#type: String,
    dialect: String,
    endpoints: Vec<String>,
    at: Timestamp,
}

/// What the samples are posted to. Others need a relay, which the demo has not.
const EVENTS: &str = "/api/v1/events";

/// Posts the samples in `folder` to the stack and reports what became of them.
pub(crate) async fn run(stack: &Stack, platform_key: &str, folder: &Path) -> Result<Report> {
    let samples = samples(folder)?;
    let demo = seed::create(stack, platform_key, ENDPOINTS).await?;
    let client = Client::new(&stack.url, &demo.organization_key);
    let names: HashMap<String, String> = demo
        .endpoints
        .into_iter()
        .map(|one| (one.id, one.name))
        .collect();
    let mut accepted = Vec::new();
    let mut outcomes = Vec::new();
    for (file, sample) in samples {
        let (status, answer) = post(&client, &sample).await?;
        let events = accepted_events(&file, &answer, clock::now());
        if events.is_empty() || status >= 300 {
            outcomes.push(refused(&file, status, &answer));
        }
        accepted.extend(events);
    }
    let deliveries = await_deliveries(stack, &client, &accepted).await?;
    let received = stack.inbox.list();
    for (event, rows) in accepted.iter().zip(&deliveries) {
        outcomes.extend(judge(event, rows, &received, &names));
    }
    Ok(report(&outcomes))
}

fn samples(folder: &Path) -> Result<Vec<(String, Sample)>> {
    let entries =
        fs::read_dir(folder).with_context(|| format!("{} cannot be read", folder.display()))?;
    let mut samples = Vec::new();
    for entry in entries {
        let file = entry?.path();
        if file
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            let sample = fs::read(&file).map_err(anyhow::Error::from);
            let sample = sample.and_then(|bytes| Ok(serde_json::from_slice(&bytes)?));
            let sample: Sample =
                sample.with_context(|| format!("{} is no sample", file.display()))?;
            if !sample.raw_path.starts_with(EVENTS) {
                continue;
            }
            let name = file
                .file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            samples.push((name, sample));
        }
    }
    ensure!(!samples.is_empty(), "{} holds no sample", folder.display());
    samples.sort_by(|left, right| left.0.cmp(&right.0));
    Ok(samples)
}

/// Replays a sample with the demo's own key.
async fn post(client: &Client, sample: &Sample) -> Result<(u16, Value)> {
    const NOT_REPLAYED: &[&str] = &[
        "authorization",
        "content-length",
        "host",
        "x-organization-id",
    ];
    let headers = sample
        .headers
        .iter()
        .filter(|(name, _)| !NOT_REPLAYED.contains(&name.to_ascii_lowercase().as_str()));
    let headers: Vec<(String, String)> = headers
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let path = match sample.raw_query_string.as_str() {
        "" => sample.raw_path.clone(),
        query => format!("{}?{query}", sample.raw_path),
    };
    let body = sample.body.clone().unwrap_or_default();
    client
        .raw(&sample.request_context.http.method, &path, &headers, body)
        .await
}

/// The events an answer speaks of: itself, or for a batch the items of its lists.
fn accepted_events(file: &str, answer: &Value, at: Timestamp) -> Vec<Accepted> {
    let text = |event: &Value, field: &str| event[field].as_str().unwrap_or_default().to_owned();
    let one = |event: &Value| {
        Some(Accepted {
            file: file.to_owned(),
            id: event["id"].as_str()?.to_owned(),
            r#type: text(event, "type"),
            dialect: text(event, "dialect"),
            endpoints: event["endpoints"]
                .as_array()?
                .iter()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect(),
            at,
        })
    };
    if let Some(event) = one(answer) {
        return vec![event];
    }
    let lists = answer
        .as_object()
        .into_iter()
        .flat_map(|object| object.values().filter_map(Value::as_array));
    lists.flatten().filter_map(one).collect()
}

fn refused(file: &str, status: u16, answer: &Value) -> Outcome {
    Outcome {
        file: file.to_owned(),
        r#type: String::new(),
        dialect: String::new(),
        endpoint: String::new(),
        status: format!("refused {status}"),
        attempts: 0,
        elapsed_ms: None,
        fault: Some(answer.to_string()),
    }
}

/// Waits until nothing is under way any more, at most until the deadline, and answers the deliveries of each event.
async fn await_deliveries(
    stack: &Stack,
    client: &Client,
    events: &[Accepted],
) -> Result<Vec<Vec<Value>>> {
    let deadline = Instant::now() + DEADLINE;
    let mut arrivals = stack.inbox.arrivals();
    let mut deliveries = vec![Vec::new(); events.len()];
    loop {
        for (event, rows) in events.iter().zip(&mut deliveries) {
            if !is_settled(event, rows) {
                *rows = client.deliveries(&event.id).await?;
            }
        }
        let is_over = events
            .iter()
            .zip(&deliveries)
            .all(|(event, rows)| is_settled(event, rows));
        if is_over || Instant::now() >= deadline {
            return Ok(deliveries);
        }
        // The row is written a moment after the arrival, so an elapsed wait is as good a reason to look again.
        timeout(PATIENCE, arrivals.changed()).await.ok();
    }
}

fn is_settled(event: &Accepted, rows: &[Value]) -> bool {
    let is_terminal = |endpoint: &String| {
        let row = rows.iter().find(|row| row["endpoint_id"] == **endpoint);
        row.is_some_and(|row| {
            !matches!(row["status"].as_str(), None | Some("pending" | "retrying"))
        })
    };
    event.endpoints.iter().all(is_terminal)
}

/// What became of an event, one line per endpoint. Held against it: what did not arrive, or not with a good signature.
fn judge(
    event: &Accepted,
    rows: &[Value],
    received: &[Received],
    names: &HashMap<String, String>,
) -> Vec<Outcome> {
    let outcome = |endpoint: &String| {
        let row = rows
            .iter()
            .find(|row| row["endpoint_id"] == **endpoint)
            .unwrap_or(&Value::Null);
        let name = names.get(endpoint).unwrap_or(endpoint);
        let arrival = received
            .iter()
            .find(|one| one.event_id == event.id && one.endpoint == *name);
        let status = row["status"].as_str().unwrap_or("pending");
        let fault = match (status, arrival) {
            // The event cannot be said in this endpoint's dialect, and nobody pretended it could.
            ("skipped", None) => None,
            ("delivered", Some(arrival)) => arrival.reason.clone(),
            ("delivered", None) => Some("it never arrived in the inbox".to_owned()),
            _ => {
                let last = row["history"].as_array().and_then(|history| history.last());
                let reason = last.map_or("it was not attempted".to_owned(), |attempt| {
                    format!("the last attempt: {attempt}")
                });
                Some(reason)
            }
        };
        Outcome {
            file: event.file.clone(),
            r#type: event.r#type.clone(),
            dialect: event.dialect.clone(),
            endpoint: name.clone(),
            status: status.to_owned(),
            attempts: row["attempts"].as_u64().unwrap_or_default(),
            elapsed_ms: arrival
                .map(|arrival| arrival.at.duration_since(event.at).as_millis().max(0) as i64),
            fault,
        }
    };
    let mut outcomes: Vec<Outcome> = event.endpoints.iter().map(outcome).collect();
    if !outcomes
        .iter()
        .any(|outcome| outcome.status == "delivered" || outcome.fault.is_some())
    {
        let mut nowhere = refused(&event.file, 202, &Value::from("no endpoint got this event"));
        nowhere.status = "undelivered".to_owned();
        outcomes.push(nowhere);
    }
    outcomes
}

#[cfg(test)]
mod tests;
