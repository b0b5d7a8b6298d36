//! Messages in the delivery queue that are none, or come too often.
//!
//! The tests put messages into the queue themselves. Where it is, `local` tells its functions only:
//! the tests read it from the environment of a running function, which Linux shows in `/proc`.

use std::fs;

use serde_json::{Value, json};

use crate::receiver::Receiver;
use crate::samples::issued;
use crate::stack::{Stack, text, until};

/// The delivery queue of a stack whose functions are processes.
struct Queue {
    http: reqwest::Client,
    endpoint: String,
    url: String,
}

impl Queue {
    async fn of(stack: &Stack) -> Self {
        let environments = until("a delivery process runs", async || {
            let environments = stack.environments("delivery").await;
            if environments.is_empty() {
                Err(())
            } else {
                Ok(environments)
            }
        })
        .await;
        let path = format!("/proc/{}/environ", environments[0]);
        let environment =
            fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let variable = |name: &str| {
            let found = environment
                .split('\0')
                .find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
            found
                .unwrap_or_else(|| panic!("{path} has no {name}"))
                .to_owned()
        };
        Self {
            http: reqwest::Client::new(),
            endpoint: variable("AWS_ENDPOINT_URL_SQS"),
            url: variable("DELIVERY_QUEUE_URL"),
        }
    }

    /// One call of the SQS API, in its JSON protocol.
    async fn call(&self, operation: &str, body: Value) -> Value {
        let request = self
            .http
            .post(&self.endpoint)
            .header("content-type", "application/x-amz-json-1.0")
            .header("x-amz-target", format!("AmazonSQS.{operation}"))
            .body(body.to_string());
        let answer = request.send().await.expect("the queue answers");
        let status = answer.status();
        let text = answer.text().await.expect("a text");
        assert!(status.is_success(), "{operation}: {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }

    async fn send(&self, message: &str) {
        let body = json!({"QueueUrl": self.url, "MessageBody": message});
        self.call("SendMessage", body).await;
    }

    /// How many messages a queue holds, waiting or being worked on.
    async fn length(&self, url: &str) -> u64 {
        let names = [
            "ApproximateNumberOfMessages",
            "ApproximateNumberOfMessagesNotVisible",
            "ApproximateNumberOfMessagesDelayed",
        ];
        let body = json!({"QueueUrl": url, "AttributeNames": names});
        let answer = self.call("GetQueueAttributes", body).await;
        let count = |name: &str| {
            text(&answer["Attributes"], name)
                .parse::<u64>()
                .expect("a number")
        };
        names.into_iter().map(count).sum()
    }

    /// The address of the queue's dead-letter queue.
    async fn dead_letter_url(&self) -> String {
        let queues = self.call("ListQueues", json!({})).await;
        let urls: Vec<&str> = queues["QueueUrls"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(Value::as_str)
            .collect();
        let found = urls.iter().find(|url| url.contains("DeadLetter"));
        (*found.unwrap_or_else(|| panic!("no dead-letter queue in {urls:?}"))).to_owned()
    }
}

async fn start() -> Stack {
    Stack::start_with(&[
        "--processes",
        "--environments",
        "1",
        "--parameter",
        "DeliveryVisibilityTimeout=1",
    ])
    .await
}

#[tokio::test]
async fn a_message_that_is_no_wake_up_ends_in_the_dead_letter_queue() {
    let stack = start().await;
    let college = stack.create_organization().await;
    let receiver = Receiver::content().await;
    let endpoint = college.subscribe(&receiver.url).await;
    let queue = Queue::of(&stack).await;
    let dead_letters = queue.dead_letter_url().await;
    let bad = [
        "not a wake-up",
        "{}",
        "[]",
        r#"{"v": 1, "organization": "org_1"}"#,
    ];
    for message in bad {
        queue.send(message).await;
    }
    let event = college.post_event(&issued("a")).await;
    college.delivery_in(&event, &endpoint, "delivered").await;
    until("the messages are dead letters", async || {
        match queue.length(&dead_letters).await {
            4 => Ok(()),
            other => Err(other),
        }
    })
    .await;
    let body = json!({"QueueUrl": dead_letters, "MaxNumberOfMessages": 10});
    let received = queue.call("ReceiveMessage", body).await;
    let mut bodies: Vec<String> = received["Messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| text(message, "Body"))
        .collect();
    bodies.sort();
    let mut expected = bad;
    expected.sort_unstable();
    assert_eq!(bodies, expected);
    assert_eq!(queue.length(&queue.url).await, 0);
    // The wake-up that came with them was neither lost nor repeated.
    assert_eq!(receiver.count(), 1);
}

#[tokio::test]
async fn wake_ups_for_what_is_done_or_unknown_do_nothing() {
    let stack = start().await;
    let college = stack.create_organization().await;
    let receiver = Receiver::content().await;
    let endpoint = college.subscribe(&receiver.url).await;
    let event = college.post_event(&issued("a")).await;
    college.delivery_in(&event, &endpoint, "delivered").await;
    let queue = Queue::of(&stack).await;
    let unknown = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
    let wake_up = |event: &str, endpoint: &str, attempt: u32| json!({"v": 1, "organization": college.id, "event": event, "endpoint": endpoint, "attempt": attempt});
    for attempt in 1..=20 {
        queue
            .send(&wake_up(&event, &endpoint.id, attempt).to_string())
            .await;
        let unknown = wake_up(&format!("evt_{unknown}"), &endpoint.id, attempt);
        queue.send(&unknown.to_string()).await;
    }
    until("the queue is empty", async || {
        match queue.length(&queue.url).await {
            0 => Ok(()),
            other => Err(other),
        }
    })
    .await;
    assert_eq!(receiver.count(), 1);
    let delivery = college.delivery_in(&event, &endpoint, "delivered").await;
    assert_eq!(delivery["attempts"], 1);
    assert_eq!(queue.length(&queue.dead_letter_url().await).await, 0);
}

#[tokio::test]
async fn a_wake_up_for_an_endpoint_the_event_was_not_accepted_for_reaches_nobody_elses_endpoint() {
    let stack = start().await;
    let (college, school) = (
        stack.create_organization().await,
        stack.create_organization().await,
    );
    let (mine, theirs) = (Receiver::content().await, Receiver::content().await);
    let endpoint = college.subscribe(&mine.url).await;
    let foreign = school.subscribe(&theirs.url).await;
    let event = college.post_event(&issued("a")).await;
    college.delivery_in(&event, &endpoint, "delivered").await;
    let queue = Queue::of(&stack).await;
    for organization in [&college.id, &school.id] {
        let wake_up = json!({"v": 1, "organization": organization, "event": event, "endpoint": foreign.id, "attempt": 1});
        queue.send(&wake_up.to_string()).await;
    }
    until("the queue is empty", async || {
        match queue.length(&queue.url).await {
            0 => Ok(()),
            other => Err(other),
        }
    })
    .await;
    assert_eq!((mine.count(), theirs.count()), (1, 0));
}
