use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::load::SPARE;
use super::*;
use crate::{emulators::Emulators, invoke::InvokeError, template::Template, testing::invocable};

fn messages(ids: &[&str]) -> Vec<Message> {
    ids.iter()
        .map(|id| Message::builder().message_id(*id).body("{}").build())
        .collect()
}

#[test]
fn only_the_reported_messages_stay() {
    let batch = messages(&["a", "b"]);
    let failed = |answer: &'static str| failures(answer.as_bytes(), &batch, true);
    assert_eq!(
        failed(r#"{"batchItemFailures":[{"itemIdentifier":"b"}]}"#),
        Some(HashSet::from(["b"]))
    );
    for none in [
        r#"{"batchItemFailures":[]}"#,
        r#"{"batchItemFailures":null}"#,
        "{}",
        "null",
        "",
    ] {
        assert_eq!(failed(none), Some(HashSet::new()), "{none}");
    }
    for all in [
        r#"{"batchItemFailures":[{"itemIdentifier":"x"}]}"#,
        r#"{"batchItemFailures":[{}]}"#,
        "oops",
    ] {
        assert_eq!(failed(all), None, "{all}");
    }
    assert_eq!(failures(b"oops", &batch, false), Some(HashSet::new()));
}

#[test]
fn loops_are_added_for_what_waits_and_no_more() {
    assert_eq!(loops_to_add(5, 200, 1, true), 1);
    assert_eq!(loops_to_add(5, 200, 100, true), 5);
    assert_eq!(loops_to_add(5, 200, 5, false), 0);
    assert_eq!(loops_to_add(5, 200, 8, false), 3);
    assert_eq!(loops_to_add(198, 200, 1_000, false), 2);
}

#[test]
fn for_each_loop_that_is_held_up_another_one_is_there_and_some_more() {
    assert_eq!(loops_to_spare(2, 200, 0), 0);
    assert_eq!(loops_to_spare(2, 200, 1), 1 + SPARE - 2);
    assert_eq!(loops_to_spare(20, 200, 30), 30 + SPARE - 20);
    assert_eq!(loops_to_spare(1 + SPARE, 200, 1), 0);
    assert_eq!(loops_to_spare(2, 3, 2), 1);
}

struct Rig {
    sqs: Client,
    url: String,
    batches: mpsc::UnboundedReceiver<Value>,
    _emulators: Emulators,
    _loops: JoinSet<()>,
}

/// A queue with a visibility timeout of one second that feeds `answer`.
async fn rig(answer: fn(&Value) -> Result<Value, InvokeError>, hangs_on: &'static str) -> Rig {
    let emulators = Emulators::start(None).await.unwrap();
    let text = "Resources: {Queue: {Type: AWS::SQS::Queue, Properties: {VisibilityTimeout: 1}}}";
    let template = Template::parse(text, &BTreeMap::new(), &emulators.sqs_url).unwrap();
    emulators.create_queues(&template.queues).await.unwrap();
    let (seen, batches) = mpsc::unbounded_channel();
    let target = invocable(move |event: Bytes| {
        let event: Value = serde_json::from_slice(&event).unwrap();
        let seen = seen.clone();
        async move {
            if event["Records"][0]["body"] == hangs_on {
                std::future::pending::<()>().await;
            }
            let answer = answer(&event);
            seen.send(event).unwrap();
            answer.map(|answer| answer.to_string().into())
        }
    });
    let url = format!("{}/000000000000/local-Queue", emulators.sqs_url);
    let source = EventSource {
        target: Arc::new(target),
        mapping: QueueMapping {
            queue_arn: "arn:aws:sqs:us-east-1:000000000000:local-Queue".into(),
            batch_size: 1,
            reports_item_failures: true,
            maximum_concurrency: None,
        },
        queue_url: url.clone(),
        sqs: emulators.sqs(),
        loops_at_most: 20,
    };
    let mut loops = JoinSet::new();
    loops.spawn(source.run());
    Rig {
        sqs: emulators.sqs(),
        url,
        batches,
        _emulators: emulators,
        _loops: loops,
    }
}

impl Rig {
    async fn send(&self, body: &str) {
        self.sqs
            .send_message()
            .queue_url(&self.url)
            .message_body(body)
            .send()
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_message_arrives_as_lambda_sends_it() {
    let mut rig = rig(|_| Ok(json!({"batchItemFailures": []})), "never").await;
    rig.send("hello").await;
    let event = rig.batches.recv().await.unwrap();
    let record = &event["Records"][0];
    assert_eq!(record["body"], "hello");
    assert_eq!(record["md5OfBody"], "5d41402abc4b2a76b9719d911017c592");
    assert_eq!(record["eventSource"], "aws:sqs");
    assert_eq!(
        record["eventSourceARN"],
        "arn:aws:sqs:us-east-1:000000000000:local-Queue"
    );
    assert_eq!(record["attributes"]["ApproximateReceiveCount"], "1");
    for attribute in [
        "SentTimestamp",
        "SenderId",
        "ApproximateFirstReceiveTimestamp",
    ] {
        assert!(
            record["attributes"][attribute].is_string(),
            "{attribute}: {record}"
        );
    }
}

#[tokio::test]
async fn a_reported_message_comes_back_and_a_finished_one_does_not() {
    let fail_the_first_time = |event: &Value| {
        let record = &event["Records"][0];
        let is_first =
            record["attributes"]["ApproximateReceiveCount"] == "1" && record["body"] == "again";
        let failures = if is_first {
            json!([{"itemIdentifier": record["messageId"]}])
        } else {
            json!([])
        };
        Ok(json!({"batchItemFailures": failures}))
    };
    let mut rig = rig(fail_the_first_time, "never").await;
    rig.send("once").await;
    rig.send("again").await;
    let mut bodies = Vec::new();
    for _ in 0..3 {
        bodies.push(rig.batches.recv().await.unwrap()["Records"][0]["body"].clone());
    }
    bodies[..2].sort_by_key(Value::to_string);
    assert_eq!(bodies, ["again", "once", "again"]);
}

#[tokio::test]
async fn invocations_that_hang_do_not_hold_up_the_rest() {
    let mut rig = rig(|_| Ok(Value::Null), "hang").await;
    for _ in 0..LOOPS_AT_LEAST {
        rig.send("hang").await;
    }
    rig.send("free").await;
    assert_eq!(
        rig.batches.recv().await.unwrap()["Records"][0]["body"],
        "free"
    );
}
