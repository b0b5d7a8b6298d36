//! The interceptor itself, between a client and an upstream that remembers what it got.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{Chances, Fault, Faults, Request, Rule, random::Dice};

type Bodies = Arc<Mutex<Vec<String>>>;

/// An interceptor and the upstream behind it.
struct Between {
    faults: Faults,
    url: String,
    forwarded: Bodies,
    http: reqwest::Client,
}

impl Between {
    async fn start() -> Self {
        let forwarded = Bodies::default();
        let router = Router::new()
            .fallback(
                async |State(bodies): State<Bodies>, uri: Uri, body: String| {
                    bodies.lock().unwrap().push(body);
                    (
                        StatusCode::CREATED,
                        [("x-path", uri.path().to_owned())],
                        "made",
                    )
                },
            )
            .with_state(Arc::clone(&forwarded));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let upstream = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        let (faults, url) = Faults::listen().await;
        Self {
            faults,
            url: format!("{url}/ingest/{upstream}/"),
            forwarded,
            http: reqwest::Client::new(),
        }
    }

    async fn send(&self, target: &str, body: Value) -> reqwest::Result<reqwest::Response> {
        let request = self.http.post(&self.url).header("x-amz-target", target);
        request.body(body.to_string()).send().await
    }

    /// Sends messages with these ids.
    async fn send_messages(&self, ids: &[&str]) -> Value {
        let entries: Vec<Value> = ids.iter().map(|id| json!({"Id": id})).collect();
        let body = json!({"Entries": entries});
        let answer = self.send("AmazonSQS.SendMessageBatch", body).await;
        serde_json::from_str(&answer.unwrap().text().await.unwrap()).unwrap_or_default()
    }

    fn forwarded(&self) -> Vec<String> {
        self.forwarded.lock().unwrap().clone()
    }
}

const PUT: &str = "DynamoDB_20120810.PutItem";

fn is_put(request: &Request) -> bool {
    request.operation == "PutItem"
}

#[tokio::test]
async fn without_a_fault_a_request_and_its_answer_pass_as_they_are() {
    let between = Between::start().await;
    let answer = between.send(PUT, json!({"a": 1})).await.unwrap();
    assert_eq!(answer.status(), 201);
    assert_eq!(answer.headers()["x-path"], "/");
    assert_eq!(answer.text().await.unwrap(), "made");
    assert_eq!(between.forwarded(), [r#"{"a":1}"#]);
}

#[tokio::test]
async fn a_refused_request_is_not_forwarded_and_only_those_meant_are_refused() {
    let between = Between::start().await;
    let rule = Rule::new(Fault::Throttle, "ingest", is_put);
    let throttled = between.faults.inject(rule.after(1).times(2));
    let mut statuses = Vec::new();
    for _ in 0..4 {
        let answer = between.send(PUT, json!({})).await.unwrap();
        statuses.push(answer.status().as_u16());
    }
    between
        .send("DynamoDB_20120810.Query", json!({}))
        .await
        .unwrap();
    assert_eq!(statuses, [201, 400, 400, 201]);
    assert_eq!(between.forwarded().len(), 3);
    assert_eq!(throttled.count(), 2);
    assert_eq!(between.faults.injected()["throttled"], 2);
}

#[tokio::test]
async fn a_dropped_answer_is_of_a_request_that_was_forwarded() {
    let between = Between::start().await;
    let rule = Rule::new(Fault::DropAnswer, "ingest", is_put);
    let dropped = between.faults.inject(rule);
    between.send(PUT, json!({})).await.unwrap_err();
    assert_eq!(between.forwarded().len(), 1);
    dropped.happened(1).await;
}

#[tokio::test]
async fn messages_are_lost_and_duplicated_behind_the_functions_back() {
    let between = Between::start().await;
    let lost = Rule::new(Fault::LoseMessage, "ingest", Request::sends);
    let lost = between.faults.inject(lost);
    let answer = between.send_messages(&["0", "1"]).await;
    let ids: Vec<&Value> = answer["Successful"]
        .as_array()
        .unwrap()
        .iter()
        .map(|sent| &sent["Id"])
        .collect();
    assert_eq!(ids, ["0", "1"]);
    assert_eq!(between.forwarded(), [r#"{"Entries":[{"Id":"1"}]}"#]);

    let twice = Rule::new(Fault::DuplicateMessages, "ingest", Request::sends);
    let twice = between.faults.inject(twice);
    between.send_messages(&["2"]).await;
    assert_eq!(between.forwarded()[1..], [r#"{"Entries":[{"Id":"2"}]}"#; 2]);

    let all = Rule::new(Fault::LoseMessages, "ingest", Request::sends);
    let all = between.faults.inject(all);
    between.send_messages(&["3", "4"]).await;
    assert_eq!(between.forwarded().len(), 3);
    assert_eq!(
        [lost, twice, all].map(|injected| injected.count()),
        [1, 1, 1]
    );
}

#[tokio::test]
#[should_panic(expected = "KillAfter of delivery never happened")]
async fn a_test_whose_fault_never_happened_fails() {
    let between = Between::start().await;
    let rule = Rule::new(Fault::KillAfter, "delivery", is_put);
    let _killed = between.faults.inject(rule);
    between.send(PUT, json!({})).await.unwrap();
}

#[test]
fn a_seed_means_the_same_faults_again_and_another_one_others() {
    let request = |function: &str, target: &str| {
        let headers = [("x-amz-target", target)]
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        Request::new(function, &headers.into_iter().collect(), "{}".into())
    };
    let fates = |seed: u64| {
        let mut dice = Dice::new(Chances {
            seed,
            functions: &["ingest"],
            per_million: &[(Fault::LoseMessage, 500_000), (Fault::Throttle, 250_000)],
        });
        // What others ask in between changes nothing.
        let fates = (0..1_000).map(|_| {
            assert_eq!(dice.fault(&request("delivery", PUT)), None);
            dice.fault(&request("ingest", PUT))
        });
        fates.collect::<Vec<_>>()
    };
    assert_eq!(fates(1), fates(1));
    assert_ne!(fates(1), fates(2));
    // A request without messages cannot lose any.
    let hit: Vec<Fault> = fates(1).into_iter().flatten().collect();
    assert!((200..300).contains(&hit.len()), "{}", hit.len());
    assert!(hit.iter().all(|fault| *fault == Fault::Throttle));
}
