//! The mapping of a queue to a function: receive, invoke, delete what succeeded.
//!
//! Like Lambda's, it starts with a few loops and adds more while messages wait and none is free, and for each that is
//! held up, so that one endpoint that hangs never holds up the rest. What a function does not finish comes back by its visibility timeout.

mod load;

use std::{
    collections::{BTreeMap, HashSet},
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use aws_sdk_sqs::{
    Client,
    types::{
        DeleteMessageBatchRequestEntry, Message, MessageSystemAttributeName, QueueAttributeName,
    },
};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::{task::JoinSet, time::MissedTickBehavior};

use self::load::{Load, loops_to_add, loops_to_spare};
use crate::{
    invoke::Invocable,
    template::{QueueMapping, REGION},
};

/// Loops that always run. Few keep the batches full; more come as soon as none is free.
const LOOPS_AT_LEAST: usize = 2;
/// How long all loops must have been at work before there are more of them.
const PATIENCE: Duration = Duration::from_millis(100);
/// How often that is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// How long an additional loop waits for a message before it ends.
const LINGER_SECONDS: i32 = 2;
/// How long a standing loop waits for a message before it asks again.
const LONG_POLL_SECONDS: i32 = 20;

/// A queue that feeds a function.
pub(crate) struct EventSource {
    /// The function.
    pub(crate) target: Arc<Invocable>,
    /// What the template says about the mapping.
    pub(crate) mapping: QueueMapping,
    /// The queue's address.
    pub(crate) queue_url: String,
    /// A client for the queue.
    pub(crate) sqs: Client,
    /// How many loops there are at most.
    pub(crate) loops_at_most: usize,
}

/// How long a loop lives.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Loop {
    /// For good.
    Standing,
    /// Until there is nothing to do.
    Additional,
}

impl EventSource {
    /// Feeds the function until the returned future is dropped.
    pub(crate) async fn run(self) {
        let source = Arc::new(self);
        let load = Arc::new(Load::default());
        let most = source.loops_at_most.max(1);
        let mut loops = JoinSet::new();
        let add = |loops: &mut JoinSet<()>, kind: Loop| {
            load.loops.fetch_add(1, Ordering::Relaxed);
            loops.spawn(feed(Arc::clone(&source), Arc::clone(&load), kind));
        };
        for _ in 0..most.min(LOOPS_AT_LEAST) {
            add(&mut loops, Loop::Standing);
        }
        let mut looks = tokio::time::interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut looked_at = Instant::now();
        let mut finished_before = 0;
        let mut was_saturated = false;
        loop {
            looks.tick().await;
            while loops.try_join_next().is_some() {}
            let running = load.loops.load(Ordering::Relaxed);
            for _ in 0..loops_to_spare(running, most, load.held_up()) {
                add(&mut loops, Loop::Additional);
            }
            if looked_at.elapsed() < PATIENCE {
                continue;
            }
            looked_at = Instant::now();
            let finished = load.finished.load(Ordering::Relaxed);
            let is_stuck = finished == std::mem::replace(&mut finished_before, finished);
            let running = load.loops.load(Ordering::Relaxed);
            let is_saturated = load.busy() >= running;
            if is_saturated && was_saturated && running < most {
                let backlog = source.waiting_batches().await;
                for _ in 0..loops_to_add(running, most, backlog, is_stuck) {
                    add(&mut loops, Loop::Additional);
                }
            }
            was_saturated = is_saturated;
        }
    }

    /// How many full batches wait in the queue, rounded up.
    async fn waiting_batches(&self) -> usize {
        let name = QueueAttributeName::ApproximateNumberOfMessages;
        let request = self
            .sqs
            .get_queue_attributes()
            .queue_url(&self.queue_url)
            .attribute_names(name.clone());
        let Ok(answer) = request.send().await else {
            return 0;
        };
        let waiting = answer
            .attributes()
            .and_then(|attributes| attributes.get(&name));
        let waiting: usize = waiting
            .and_then(|count| count.parse().ok())
            .unwrap_or_default();
        waiting.div_ceil(self.mapping.batch_size.into())
    }

    async fn receive(&self, kind: Loop) -> Vec<Message> {
        let wait = match kind {
            Loop::Standing => LONG_POLL_SECONDS,
            Loop::Additional => LINGER_SECONDS,
        };
        let request = self
            .sqs
            .receive_message()
            .queue_url(&self.queue_url)
            .max_number_of_messages(self.mapping.batch_size.into())
            .wait_time_seconds(wait)
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .message_attribute_names("All");
        match request.send().await {
            Ok(answer) => answer.messages.unwrap_or_default(),
            Err(error) => {
                tracing::warn!(error = %error.into_service_error(), "messages cannot be received");
                tokio::time::sleep(Duration::from_secs(1)).await;
                Vec::new()
            }
        }
    }

    async fn delete(&self, messages: &[Message], failures: &HashSet<&str>) {
        let succeeded = messages
            .iter()
            .filter(|message| !failures.contains(id(message)));
        let entries: Vec<_> = succeeded
            .enumerate()
            .filter_map(|(index, message)| {
                let entry = DeleteMessageBatchRequestEntry::builder().id(index.to_string());
                entry.receipt_handle(message.receipt_handle()?).build().ok()
            })
            .collect();
        if entries.is_empty() {
            return;
        }
        let request = self
            .sqs
            .delete_message_batch()
            .queue_url(&self.queue_url)
            .set_entries(Some(entries));
        if let Err(error) = request.send().await {
            tracing::warn!(error = %error.into_service_error(), "messages cannot be deleted and will come back");
        }
    }
}

async fn feed(source: Arc<EventSource>, load: Arc<Load>, kind: Loop) {
    loop {
        let messages = source.receive(kind).await;
        if messages.is_empty() {
            match kind {
                Loop::Standing => continue,
                Loop::Additional => break,
            }
        }
        let work = load.begin();
        let event = sqs_event(&messages, &source.mapping.queue_arn);
        // A failed invocation deletes nothing: the visibility timeout brings the messages back.
        if let Ok(answer) = source.target.invoke(event).await
            && let Some(failures) =
                failures(&answer, &messages, source.mapping.reports_item_failures)
        {
            source.delete(&messages, &failures).await;
        }
        load.end(work);
        if kind == Loop::Additional && load.has_idle_enough() {
            break;
        }
    }
    load.loops.fetch_sub(1, Ordering::Relaxed);
}

/// Which messages stay in the queue. `None` is all of them: the answer is no answer, or names a stranger.
fn failures<'a>(answer: &'a [u8], messages: &[Message], reports: bool) -> Option<HashSet<&'a str>> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Answer<'a> {
        #[serde(default, borrow)]
        batch_item_failures: Option<Vec<Failure<'a>>>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Failure<'a> {
        item_identifier: &'a str,
    }
    if !reports || answer.is_empty() || answer == b"null" {
        return Some(HashSet::new());
    }
    let answer: Answer<'_> = serde_json::from_slice(answer).ok()?;
    let failures = answer.batch_item_failures.unwrap_or_default();
    let failures: HashSet<&str> = failures
        .into_iter()
        .map(|failure| failure.item_identifier)
        .collect();
    let known: HashSet<&str> = messages.iter().map(id).collect();
    failures.is_subset(&known).then_some(failures)
}

fn id(message: &Message) -> &str {
    message.message_id().unwrap_or_default()
}

/// The event as Lambda sends it.
fn sqs_event(messages: &[Message], queue_arn: &str) -> Bytes {
    #[derive(Serialize)]
    struct Event<'a> {
        #[serde(rename = "Records")]
        records: Vec<Record<'a>>,
    }
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Record<'a> {
        message_id: &'a str,
        receipt_handle: &'a str,
        body: &'a str,
        attributes: BTreeMap<&'a str, &'a str>,
        message_attributes: BTreeMap<&'a str, Attribute<'a>>,
        md5_of_body: &'a str,
        event_source: &'a str,
        #[serde(rename = "eventSourceARN")]
        event_source_arn: &'a str,
        aws_region: &'a str,
    }
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Attribute<'a> {
        #[serde(skip_serializing_if = "Option::is_none")]
        string_value: Option<&'a str>,
        string_list_values: [&'a str; 0],
        binary_list_values: [&'a str; 0],
        data_type: &'a str,
    }
    let records = messages.iter().map(|message| Record {
        message_id: id(message),
        receipt_handle: message.receipt_handle().unwrap_or_default(),
        body: message.body().unwrap_or_default(),
        attributes: message
            .attributes()
            .into_iter()
            .flatten()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect(),
        message_attributes: message
            .message_attributes()
            .into_iter()
            .flatten()
            .map(|(name, value)| {
                let attribute = Attribute {
                    string_value: value.string_value(),
                    string_list_values: [],
                    binary_list_values: [],
                    data_type: value.data_type(),
                };
                (name.as_str(), attribute)
            })
            .collect(),
        md5_of_body: message.md5_of_body().unwrap_or_default(),
        event_source: "aws:sqs",
        event_source_arn: queue_arn,
        aws_region: REGION,
    });
    let event = Event {
        records: records.collect(),
    };
    serde_json::to_vec(&event)
        .expect("the event holds only strings")
        .into()
}

#[cfg(test)]
mod tests;
