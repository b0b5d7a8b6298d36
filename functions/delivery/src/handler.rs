//! One batch of wake-ups: read what they are about, act on all of them at once, answer for each.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use lambda_runtime::{Error, LambdaEvent};
use payload::id::OrganizationId;
use state::{
    Account, Accounts, Aws, Chain, Deliveries, DeliveryKey, DeliveryQueue, DeliveryStatus,
    Endpoint, Recorded, StateError, StoredEvent, WakeUp,
};
use tracing::{error, info, warn};

use crate::attempt::Sender;
use crate::config::Config;
use crate::outcome::{Answer, apply, fits_the_queue};
use crate::plan::{Plan, plan};

/// How often a row is written again on top of what somebody else wrote in between.
const MAX_RECORD_TRIES: usize = 5;

/// The function, with its connections.
#[derive(Debug)]
pub struct Delivery {
    accounts: Accounts,
    deliveries: Deliveries,
    queue: DeliveryQueue,
    sender: Sender,
    retention: SignedDuration,
}

/// A wake-up with the message that brought it.
struct Received {
    message_id: String,
    wake_up: WakeUp,
    redelivered: bool,
}

/// What the wake-ups of a batch are about.
struct Known {
    rows: HashMap<DeliveryKey, state::Delivery>,
    events: HashMap<payload::id::EventId, StoredEvent>,
    accounts: HashMap<OrganizationId, Arc<Account>>,
}

impl Delivery {
    /// Connects to the tables, the queue and, later, the receivers.
    ///
    /// # Errors
    /// No TLS could be set up.
    pub fn new(config: Config, aws: Aws) -> Result<Self, Error> {
        let Config {
            resources,
            retention,
            target_policy,
        } = config;
        Ok(Self {
            accounts: Accounts::new(aws.dynamodb.clone(), resources.accounts_table),
            deliveries: Deliveries::new(
                aws.dynamodb,
                resources.deliveries_table,
                resources.events_table,
            ),
            queue: DeliveryQueue::new(aws.sqs, resources.delivery_queue_url),
            sender: Sender::new(target_policy)?,
            retention,
        })
    }

    /// Handles one batch. Messages that could not be handled are named in the answer and come back.
    ///
    /// # Errors
    /// Nothing of the batch could be handled: the tables did not answer.
    pub async fn handle(&self, event: LambdaEvent<SqsEvent>) -> Result<SqsBatchResponse, Error> {
        #[expect(
            clippy::disallowed_methods,
            reason = "the clock is read here, once per batch"
        )]
        let now = Timestamp::now();
        let mut response = SqsBatchResponse::default();
        let mut batch = Vec::with_capacity(event.payload.records.len());
        for message in event.payload.records {
            let message_id = message.message_id.clone().unwrap_or_default();
            match read(message) {
                Some(received) => batch.push(received),
                None => {
                    // Nobody can read it; as a failure it ends in the dead-letter queue, where people look.
                    error!(message.id = %message_id, "the message is no wake-up");
                    response.add_failure(message_id);
                }
            }
        }

        let known = self
            .know(&batch, now)
            .await
            .inspect_err(|error| error!(error = %Chain(error), "the batch comes back"))?;
        let acted = join_all(batch.iter().map(|received| self.act(received, &known, now))).await;
        let mut wake_ups = Vec::new();
        let mut waking = Vec::new();
        for (received, acted) in batch.iter().zip(acted) {
            match acted {
                Ok(None) => {}
                Ok(Some(wake_up)) => {
                    wake_ups.push(wake_up);
                    waking.push(&received.message_id);
                }
                Err(error) => {
                    warn!(error = %Chain(&error), event.id = %received.wake_up.delivery().event, "the wake-up comes back");
                    response.add_failure(&received.message_id);
                }
            }
        }
        // Acknowledged only when the next wake-up is in the queue: else this message comes back and sends it.
        if let Err(error) = self.queue.send(&wake_ups).await {
            warn!(error = %Chain(&error), "the wake-ups come back");
            waking
                .into_iter()
                .for_each(|message_id| response.add_failure(message_id));
        }
        Ok(response)
    }

    /// Reads everything the batch is about: one request for rows and events, one per organization not known yet.
    async fn know(&self, batch: &[Received], now: Timestamp) -> Result<Known, StateError> {
        let keys: Vec<DeliveryKey> = batch
            .iter()
            .map(|received| received.wake_up.delivery())
            .collect();
        // A delivery that begins has no row. Should the queue have duplicated its first message, the
        // condition of the write finds out: one request too many, which is what at-least-once allows.
        let begun = |received: &&Received| received.redelivered || !received.wake_up.first;
        let (rows, events) = self
            .deliveries
            .read(
                batch
                    .iter()
                    .filter(begun)
                    .map(|received| received.wake_up.delivery()),
                keys.iter().map(|key| (key.organization, key.event)),
            )
            .await?;
        let mut accounts = HashMap::new();
        for key in keys {
            if accounts.contains_key(&key.organization) {
                continue;
            }
            if let Some(account) = self.accounts.account(key.organization, now).await? {
                accounts.insert(key.organization, account);
            }
        }
        let mut known = Known {
            rows,
            events,
            accounts,
        };
        self.look_again(batch, &mut known, now).await?;
        Ok(known)
    }

    /// Reads the accounts anew in which an endpoint is missing or disabled: what was read seconds ago may
    /// be older than the endpoint, and holding its deliveries would be for good.
    async fn look_again(
        &self,
        batch: &[Received],
        known: &mut Known,
        now: Timestamp,
    ) -> Result<(), StateError> {
        let mut doubtful = HashSet::new();
        for received in batch {
            let key = received.wake_up.delivery();
            let account = known.accounts.get(&key.organization);
            let endpoint = account.and_then(|account| account.endpoint(key.endpoint));
            if !endpoint.is_some_and(|endpoint| endpoint.enabled) {
                doubtful.insert(key.organization);
            }
        }
        for organization in doubtful {
            match self.accounts.refresh(organization, now).await? {
                Some(account) => known.accounts.insert(organization, account),
                None => known.accounts.remove(&organization),
            };
        }
        Ok(())
    }

    /// Does what one wake-up asks for; returns the next wake-up of its delivery, if there is to be one.
    async fn act(
        &self,
        received: &Received,
        known: &Known,
        now: Timestamp,
    ) -> Result<Option<(WakeUp, Duration)>, StateError> {
        let Received {
            wake_up,
            redelivered,
            ..
        } = received;
        let key = wake_up.delivery();
        let event = known.events.get(&key.event);
        let account = known.accounts.get(&key.organization).map(Arc::as_ref);
        match plan(wake_up, *redelivered, known.rows.get(&key), event, account) {
            Plan::Done(reason) => {
                tracing::debug!(event.id = %key.event, endpoint.id = %key.endpoint, "nothing to do: {reason}");
                Ok(None)
            }
            Plan::WakeAgain(row) => Ok(next_wake_up(row, now)),
            Plan::Hold(mut held) => {
                info!(event.id = %key.event, endpoint.id = %key.endpoint, "held: the endpoint is disabled or gone");
                // If somebody else wrote in between, their state is newer than what this was decided from.
                self.deliveries
                    .record(&mut held, false, self.retention, now)
                    .await?;
                Ok(None)
            }
            Plan::Attempt(delivery, endpoint) => {
                let body = event
                    .map(|event| event.body_for(endpoint.dialect).to_vec())
                    .unwrap_or_default();
                let answer = self.sender.attempt(endpoint, key.event, body, now).await;
                let after = now + SignedDuration::try_from(answer.took).unwrap_or_default();
                let recorded = self.record(delivery, &answer, endpoint, after).await?;
                Ok(recorded.and_then(|delivery| {
                    log(&delivery, &answer);
                    next_wake_up(&delivery, after)
                }))
            }
        }
    }

    /// Writes what the answer makes of the delivery; `None` when the record of a duplicate stands instead,
    /// whose own message sees to the next wake-up.
    async fn record(
        &self,
        read: state::Delivery,
        answer: &Answer,
        endpoint: &Endpoint,
        now: Timestamp,
    ) -> Result<Option<state::Delivery>, StateError> {
        let number = read.attempts + 1;
        let mut base = read;
        for _ in 0..MAX_RECORD_TRIES {
            let mut delivery = apply(base, answer, endpoint.retry_schedule, now, rand::random());
            let sweep = !fits_the_queue(&delivery, now);
            match self
                .deliveries
                .record(&mut delivery, sweep, self.retention, now)
                .await?
            {
                Recorded::Written => return Ok(Some(delivery)),
                Recorded::Superseded(current) => {
                    // A duplicate message made the same attempt. Its record stands, unless this one
                    // succeeded: a receiver that has the webhook is not sent it again.
                    let news =
                        answer.failure.is_none() && current.status != DeliveryStatus::Delivered;
                    if !news && current.attempts >= number {
                        return Ok(None);
                    }
                    base = *current;
                }
            }
        }
        Err(StateError::contended("record an attempt"))
    }
}

/// Reads a message of the queue, if it is a wake-up.
fn read(message: SqsMessage) -> Option<Received> {
    let wake_up = serde_json::from_str(message.body.as_deref()?).ok()?;
    let receives = message
        .attributes
        .get("ApproximateReceiveCount")
        .and_then(|count| count.parse::<u32>().ok());
    Some(Received {
        message_id: message.message_id?,
        wake_up,
        redelivered: receives.is_some_and(|count| count > 1),
    })
}

/// The message that wakes the next attempt up, unless the sweep does.
fn next_wake_up(delivery: &state::Delivery, now: Timestamp) -> Option<(WakeUp, Duration)> {
    let waits = delivery.status == DeliveryStatus::Retrying && fits_the_queue(delivery, now);
    waits.then(|| {
        (
            WakeUp::new(delivery.key(), delivery.attempts + 1),
            delivery.wait(now),
        )
    })
}

/// One line per attempt.
fn log(delivery: &state::Delivery, answer: &Answer) {
    let state::Delivery {
        event_id,
        endpoint_id,
        attempts,
        status,
        ..
    } = delivery;
    let next = match delivery.next_attempt_at {
        Some(at) => format!(", next attempt at {}", payload::timestamp::canonical(at)),
        None => String::new(),
    };
    info!(
        event.id = %event_id,
        event.r#type = %delivery.event_type,
        endpoint.id = %endpoint_id,
        delivery.attempt = attempts,
        http.status = answer.status,
        error = answer.failure.map(|failure| failure.name()),
        duration_ms = u64::try_from(answer.took.as_millis()).unwrap_or(u64::MAX),
        "{status} {event_id}{next}",
    );
}
