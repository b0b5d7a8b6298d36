//! The delivery queue. A message in it is a wake-up: it says which delivery to look at.

use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use futures::future::try_join_all;
use payload::id::{EndpointId, EventId, OrganizationId};
use serde::{Deserialize, Serialize};

use crate::delivery::DeliveryKey;
use crate::error::StateError;

/// The longest wait SQS keeps for us.
pub const MAX_DELAY: Duration = Duration::from_mins(15);
/// Most messages of one request.
const BATCH: usize = 10;

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
    /// At least one was not taken. Others may have been: sending all again is harmless.
    pub async fn send(&self, wake_ups: &[(WakeUp, Duration)]) -> Result<(), StateError> {
        try_join_all(wake_ups.chunks(BATCH).map(|batch| self.send_batch(batch))).await?;
        Ok(())
    }

    async fn send_batch(&self, batch: &[(WakeUp, Duration)]) -> Result<(), StateError> {
        let entries = batch.iter().enumerate().map(|(index, (wake_up, delay))| {
            let body = serde_json::to_string(wake_up).expect("a wake-up is plain text and numbers");
            SendMessageBatchRequestEntry::builder()
                .id(index.to_string())
                .message_body(body)
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

    #[test]
    fn a_wake_up_reads_back_and_new_members_do_not_disturb_it() {
        let text = r#"{"v":1,"organization":"org_01ARZ3NDEKTSV4RRFFQ69G5FAV","event":"evt_01ARZ3NDEKTSV4RRFFQ69G5FAV",
            "endpoint":"ep_01ARZ3NDEKTSV4RRFFQ69G5FAV","attempt":3,"later":true}"#;
        let wake_up: WakeUp = serde_json::from_str(text).unwrap();
        assert_eq!(wake_up, WakeUp::new(wake_up.delivery(), 3));
        let written = serde_json::to_string(&wake_up).unwrap();
        assert_eq!(serde_json::from_str::<WakeUp>(&written).unwrap(), wake_up);
        let first = serde_json::to_string(&WakeUp::first(wake_up.delivery())).unwrap();
        assert!(serde_json::from_str::<WakeUp>(&first).unwrap().first);
    }
}
