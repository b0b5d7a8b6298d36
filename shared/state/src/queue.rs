//! The delivery queue. A message in it is a wake-up: it says which delivery to look at.

use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use futures::stream::{self, StreamExt as _};
use jiff::Timestamp;
use payload::id::{EndpointId, EventId, OrganizationId};
use serde::{Deserialize, Serialize};

use crate::delivery_key::DeliveryKey;
use crate::error::StateError;

/// The longest wait SQS keeps for us.
pub const MAX_DELAY: Duration = Duration::from_mins(15);
/// Most messages of one request.
const BATCH: usize = 10;
/// Requests that are made side by side.
const BATCHES_AT_ONCE: usize = 16;

/// Parts of an organization's endpoints that the queue treats as different senders.
const GROUPS: u32 = 8;

/// Look at this delivery: attempt number `attempt` may be due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WakeUp {
    /// Version of this message, for deploys with messages in flight.
    v: u8,
    organization: OrganizationId,
    event: EventId,
    endpoint: EndpointId,
    /// Which attempt is due, counted from 1. A row that has made it already is not attempted again.
    pub attempt: u32,
    /// True for the one wake-up with which a delivery begins: there is no row yet to look for.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub first: bool,
}

impl WakeUp {
    /// With which a delivery begins.
    pub fn first(delivery: DeliveryKey) -> Self {
        Self {
            first: true,
            ..Self::new(delivery, 1)
        }
    }

    /// For attempt number `attempt` of a delivery that has begun, or may have.
    pub fn new(delivery: DeliveryKey, attempt: u32) -> Self {
        let DeliveryKey {
            organization,
            event,
            endpoint,
        } = delivery;
        Self {
            v: 1,
            organization,
            event,
            endpoint,
            attempt,
            first: false,
        }
    }

    /// The delivery to look at.
    pub fn delivery(&self) -> DeliveryKey {
        DeliveryKey {
            organization: self.organization,
            event: self.event,
            endpoint: self.endpoint,
        }
    }
}

/// What is in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message {
    /// A delivery is to be looked at.
    WakeUp(WakeUp),
    /// Recovery asks how long the queue takes: it was sent at this time.
    Beat(Timestamp),
}

/// A message as it is written. A beat names a delivery that does not exist, so that the version before
/// beats were there acknowledges it as a wake-up for something that is no longer kept.
#[derive(Serialize, Deserialize)]
struct Written {
    #[serde(flatten)]
    wake_up: WakeUp,
    /// Milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    beat: Option<i64>,
}

impl Message {
    /// Reads the body of a message. Members of a later version do not disturb; `None` when it is none of ours.
    pub fn read(body: &str) -> Option<Self> {
        let Written { wake_up, beat } = serde_json::from_str(body).ok()?;
        match beat {
            None => Some(Self::WakeUp(wake_up)),
            Some(sent_at) => Timestamp::from_millisecond(sent_at).ok().map(Self::Beat),
        }
    }

    /// Whose it is, for the queue: it hands out messages of a sender with few of them before those of one with
    /// many. An organization is eight senders, so that an endpoint with a backlog holds up an eighth of the
    /// organization's others, and nobody else's.
    fn group(self) -> String {
        match self {
            Self::WakeUp(wake_up) => {
                // The last characters of a ULID are random.
                let text = wake_up.endpoint.to_string();
                let random: u32 = text.bytes().rev().take(2).map(u32::from).sum();
                format!("{}:{}", wake_up.organization, random % GROUPS)
            }
            Self::Beat(_) => "beat".to_owned(),
        }
    }

    fn body(self) -> String {
        let (wake_up, beat) = match self {
            Self::WakeUp(wake_up) => (wake_up, None),
            Self::Beat(sent_at) => (
                WakeUp::new(DeliveryKey::NONE, 1),
                Some(sent_at.as_millisecond()),
            ),
        };
        let text = serde_json::to_string(&Written { wake_up, beat });
        text.expect("a message is plain text and numbers")
    }
}

/// The queue.
#[derive(Debug, Clone)]
pub struct DeliveryQueue {
    client: Client,
    url: String,
}

impl DeliveryQueue {
    /// The queue at this URL.
    pub fn new(client: Client, url: String) -> Self {
        Self { client, url }
    }

    /// Sends wake-ups, each to arrive after its delay (whole seconds, rounded up, at most [`MAX_DELAY`]).
    ///
    /// # Errors
    /// At least one was not taken; all others were tried. Sending all again is harmless.
    pub async fn send(&self, wake_ups: &[(WakeUp, Duration)]) -> Result<(), StateError> {
        let messages = wake_ups
            .iter()
            .map(|(wake_up, delay)| (Message::WakeUp(*wake_up), *delay));
        let messages: Vec<(Message, Duration)> = messages.collect();
        let batches: Vec<_> = messages
            .chunks(BATCH)
            .map(|batch| self.send_batch(batch))
            .collect();
        let sent = stream::iter(batches).buffer_unordered(BATCHES_AT_ONCE);
        let sent: Vec<Result<(), StateError>> = sent.collect().await;
        sent.into_iter().collect()
    }

    /// Sends a beat.
    ///
    /// # Errors
    /// It was not taken.
    pub async fn send_beat(&self, now: Timestamp) -> Result<(), StateError> {
        self.send_batch(&[(Message::Beat(now), Duration::ZERO)])
            .await
    }

    async fn send_batch(&self, batch: &[(Message, Duration)]) -> Result<(), StateError> {
        let entries = batch.iter().enumerate().map(|(index, (message, delay))| {
            SendMessageBatchRequestEntry::builder()
                .id(index.to_string())
                .message_body(message.body())
                .message_group_id(message.group())
                .delay_seconds(delay_seconds(*delay))
                .build()
                .expect("id and body are set")
        });
        let answer = self
            .client
            .send_message_batch()
            .queue_url(&self.url)
            .set_entries(Some(entries.collect()))
            .send()
            .await
            .map_err(StateError::while_doing("send wake-ups"))?;
        match answer.failed.first() {
            None => Ok(()),
            Some(failed) => Err(StateError::while_doing("send a wake-up")(
                failed.code.clone(),
            )),
        }
    }
}

fn delay_seconds(delay: Duration) -> i32 {
    let seconds = delay.min(MAX_DELAY).as_millis().div_ceil(1_000);
    i32::try_from(seconds).expect("at most 900")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delay_is_whole_seconds_and_at_most_what_sqs_takes() {
        let seconds = [0, 1, 1_000, 4_001, 900_000, 900_001, u64::MAX]
            .map(|ms| delay_seconds(Duration::from_millis(ms)));
        assert_eq!(seconds, [0, 1, 1, 5, 900, 900, 900]);
    }

    const V1: &str = r#"{"v":1,"organization":"org_01ARZ3NDEKTSV4RRFFQ69G5FAV","event":"evt_01ARZ3NDEKTSV4RRFFQ69G5FAV","endpoint":"ep_01ARZ3NDEKTSV4RRFFQ69G5FAV","attempt":3}"#;

    fn wake_up(body: &str) -> WakeUp {
        match Message::read(body) {
            Some(Message::WakeUp(wake_up)) => wake_up,
            other => panic!("{body} is {other:?}"),
        }
    }

    #[test]
    fn a_message_of_another_version_is_read_and_what_it_adds_does_not_disturb() {
        let known = wake_up(V1);
        assert_eq!((known.attempt, known.first), (3, false));
        assert_eq!(Message::WakeUp(known).body(), V1);
        let later = V1.replace("\"v\":1", "\"v\":2,\"later\":{\"a\":[1]}");
        assert_eq!(wake_up(&later).delivery(), known.delivery());
        let first = Message::WakeUp(WakeUp::first(known.delivery())).body();
        assert!(wake_up(&first).first);
        for bad in [
            "",
            "{}",
            "[]",
            "beat",
            r#"{"v":1,"beat":1}"#,
            &V1.replace("evt_", "org_"),
        ] {
            assert_eq!(Message::read(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_queue_knows_an_organization_as_eight_senders() {
        let known = wake_up(V1);
        let mut groups = std::collections::BTreeSet::new();
        for _ in 0..500 {
            let endpoint = EndpointId::new(Timestamp::UNIX_EPOCH, &mut rand::rng());
            let group = Message::WakeUp(WakeUp { endpoint, ..known }).group();
            assert_eq!(
                group,
                Message::WakeUp(WakeUp {
                    endpoint,
                    attempt: 9,
                    ..known
                })
                .group()
            );
            groups.insert(group);
        }
        let expected = (0..8).map(|number| format!("{}:{number}", known.organization));
        assert!(groups.into_iter().eq(expected));
        assert_eq!(Message::Beat(Timestamp::UNIX_EPOCH).group(), "beat");
    }

    #[test]
    fn the_version_before_reads_every_message_as_a_wake_up() {
        /// What it reads, in its own words.
        #[derive(Deserialize)]
        struct Before {
            v: u8,
            organization: OrganizationId,
            event: EventId,
            endpoint: EndpointId,
            attempt: u32,
            #[serde(default)]
            first: bool,
        }
        let known = wake_up(V1);
        let now = Timestamp::from_millisecond(1_795_000_000_123).unwrap();
        for (message, delivery, attempt, is_first) in [
            (Message::WakeUp(known), known.delivery(), 3, false),
            (
                Message::WakeUp(WakeUp::first(known.delivery())),
                known.delivery(),
                1,
                true,
            ),
            (Message::Beat(now), DeliveryKey::NONE, 1, false),
        ] {
            let before: Before = serde_json::from_str(&message.body()).unwrap();
            let key = DeliveryKey {
                organization: before.organization,
                event: before.event,
                endpoint: before.endpoint,
            };
            assert_eq!(
                (before.v, key, before.attempt, before.first),
                (1, delivery, attempt, is_first)
            );
            assert_eq!(Message::read(&message.body()), Some(message));
        }
    }
}
