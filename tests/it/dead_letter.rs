//! Messages in the delivery queue that are none, or come too often; and dead letters on their way back.

use serde_json::{Value, json};

use crate::control::kill;
use crate::receiver::{Receiver, Reply};
use crate::samples::issued;
use crate::stack::{Stack, redrive, text, until};

/// A queue of a running stack. The tests put messages into it themselves.
struct Queue<'a> {
    stack: &'a Stack,
    http: reqwest::Client,
    name: &'static str,
    url: String,
}

impl<'a> Queue<'a> {
    async fn of(stack: &'a Stack, name: &'static str) -> Self {
        let mut queue = Self {
            stack,
            http: reqwest::Client::new(),
            name,
            url: String::new(),
        };
        queue.url = text(&queue.status().await, "url");
        queue
    }

    /// The queue of the wake-ups.
    async fn wake_ups(stack: &'a Stack) -> Self {
        Self::of(stack, "local-DeliveryQueue").await
    }

    async fn dead_letters(stack: &'a Stack) -> Self {
        Self::of(stack, "local-DeliveryDeadLetterQueue").await
    }

    async fn status(&self) -> Value {
        let queues = self.stack.queues().await;
        let found = queues.iter().find(|queue| queue["name"] == self.name);
        found
            .unwrap_or_else(|| panic!("no {} in {queues:#?}", self.name))
            .clone()
    }

    /// One call of the SQS API, in its JSON protocol.
    async fn call(&self, operation: &str, mut body: Value) -> Value {
        body["QueueUrl"] = json!(self.url);
        let request = self
            .http
            .post(&self.url)
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
        self.call("SendMessage", json!({"MessageBody": message}))
            .await;
    }

    /// What waits in the queue, in the order of the alphabet. It stays there.
    async fn bodies(&self) -> Vec<String> {
        let body = json!({"MaxNumberOfMessages": 10, "VisibilityTimeout": 0});
        let received = self.call("ReceiveMessage", body).await;
        let messages = received["Messages"].as_array().expect("messages");
        let mut bodies: Vec<String> = messages
            .iter()
            .map(|message| text(message, "Body"))
            .collect();
        bodies.sort();
        bodies
    }

    /// How many messages the queue holds, waiting, in flight or delayed.
    async fn length(&self) -> u64 {
        let status = self.status().await;
        let count = |name: &str| status[name].as_u64().expect("a number");
        count("waiting") + count("in_flight") + count("delayed")
    }

    /// Waits until so many messages can be received.
    async fn waits(&self, expected: u64) {
        let what = format!("{expected} messages wait in {}", self.name);
        until(&what, async || match self.status().await {
            status if status["waiting"] == expected => Ok(()),
            other => Err(other),
        })
        .await;
    }

    /// Waits until the queue holds no message.
    async fn is_empty(&self) {
        let what = format!("{} is empty", self.name);
        until(&what, async || match self.length().await {
            0 => Ok(()),
            other => Err(other),
        })
        .await;
    }
}

/// A message that nobody deleted can be received again after a second.
const VISIBILITY: [&str; 2] = ["--parameter", "DeliveryVisibilityTimeout=1"];

async fn start() -> Stack {
    Stack::start_with(&VISIBILITY).await
}

#[tokio::test]
async fn a_message_that_is_no_wake_up_ends_in_the_dead_letter_queue() {
    let stack = start().await;
    let college = stack.create_organization().await;
    let receiver = Receiver::content().await;
    let endpoint = college.subscribe(&receiver.url).await;
    let queue = Queue::wake_ups(&stack).await;
    let dead_letters = Queue::dead_letters(&stack).await;
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
    dead_letters.waits(4).await;
    let mut expected = bad;
    expected.sort_unstable();
    assert_eq!(dead_letters.bodies().await, expected);
    dead_letters.waits(4).await;
    let said = redrive(&stack.url).await;
    assert!(
        said.starts_with(
            "4 messages were moved from local-DeliveryDeadLetterQueue back to local-DeliveryQueue.\n"
        ),
        "{said}"
    );
    assert_eq!(dead_letters.length().await, 0);
    assert_eq!(queue.length().await, 4);
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
    let queue = Queue::wake_ups(&stack).await;
    let unknown = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
    let wake_up = |event: &str, endpoint: &str, attempt: u32| json!({"v": 1, "organization": college.id, "event": event, "endpoint": endpoint, "attempt": attempt});
    for attempt in 1..=20 {
        queue
            .send(&wake_up(&event, &endpoint.id, attempt).to_string())
            .await;
        let unknown = wake_up(&format!("evt_{unknown}"), &endpoint.id, attempt);
        queue.send(&unknown.to_string()).await;
    }
    queue.is_empty().await;
    assert_eq!(receiver.count(), 1);
    let delivery = college.delivery_in(&event, &endpoint, "delivered").await;
    assert_eq!(delivery["attempts"], 1);
    assert_eq!(Queue::dead_letters(&stack).await.length().await, 0);
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
    let queue = Queue::wake_ups(&stack).await;
    for organization in [&college.id, &school.id] {
        let wake_up = json!({"v": 1, "organization": organization, "event": event, "endpoint": foreign.id, "attempt": 1});
        queue.send(&wake_up.to_string()).await;
    }
    queue.is_empty().await;
    assert_eq!((mine.count(), theirs.count()), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wake_up_that_kept_crashing_the_function_is_redriven_and_delivered() {
    let arguments = ["--processes", "--environments", "1"];
    let stack = Stack::start_with(&[&arguments[..], &VISIBILITY].concat()).await;
    let college = stack.create_organization().await;
    let fatal = Receiver::start([Reply::Hang]).await;
    let endpoint = college.subscribe(&fatal.url).await;
    let event = college.post_event(&issued("a")).await;
    let dead_letters = Queue::dead_letters(&stack).await;
    let crash_each_time = async {
        for time in 1.. {
            fatal.requests(time).await;
            for environment in stack.environments("delivery").await {
                kill(environment);
            }
        }
    };
    tokio::select! {
        () = crash_each_time => {}
        () = dead_letters.waits(1) => {}
    }
    assert!(fatal.count() > 1, "it crashed {} times", fatal.count());
    college.delivery_in(&event, &endpoint, "pending").await;

    let receiver = Receiver::content().await;
    let path = format!("endpoints/{}", endpoint.id);
    let moved = json!({"url": receiver.url});
    college.api.patch(&path, moved).await.expect(200);
    let said = redrive(&stack.url).await;
    assert!(said.starts_with("1 message was moved"), "{said}");
    let delivery = college.delivery_in(&event, &endpoint, "delivered").await;
    assert_eq!((receiver.count(), &delivery["attempts"]), (1, &json!(1)));

    Queue::wake_ups(&stack).await.is_empty().await;
    let said = redrive(&stack.url).await;
    assert_eq!(
        said,
        "local-DeliveryDeadLetterQueue has no message for local-DeliveryQueue.\n\
         local-DeliveryDeadLetterQueue: 0 waiting, 0 in flight, 0 delayed\n\
         local-DeliveryQueue: 0 waiting, 0 in flight, 0 delayed\n"
    );
}
