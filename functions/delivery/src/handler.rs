//! One batch of wake-ups: read what they are about, act on all of them at once, answer for each.

use std::collections::HashMap;
use std::time::Instant;

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use lambda_runtime::{Error, LambdaEvent};
use payload::id::{EndpointId, OrganizationId};
use state::{
    Accounts, Aws, Billing, Breaker, Chain, Credentials, Deferred, Deliveries, DeliveryKey,
    DeliveryQueue, DeliveryStatus, Events, Keyring, Later, Limited, Limits, Message, News, Outcome,
    StateError, WakeUp, clock,
};
use tracing::{debug, error, warn};

use crate::announce::unnoted;
use crate::attempt::Sender;
use crate::config::Config;
use crate::group::Successes;
use crate::known::Known;
use crate::limits::{Admission, Limit, Share, Shares};
use crate::plan::{Attempted, Plan, Turn};
use crate::record::log;
use crate::rendering::rendering;
use crate::signing::Signing;

/// The function, with its connections.
#[derive(Debug)]
pub struct Delivery {
    pub(crate) accounts: Accounts,
    credentials: Credentials,
    pub(crate) events: Events,
    pub(crate) deliveries: Deliveries,
    pub(crate) queue: DeliveryQueue,
    keyring: Keyring,
    pub(crate) limits: Limits,
    organization_concurrency: u32,
    sender: Sender,
    pub(crate) retention: SignedDuration,
    pub(crate) breaker: Breaker,
    pub(crate) billing: Billing,
    pub(crate) successes: Successes,
}

/// A wake-up with the message that brought it.
pub(crate) struct Received {
    pub(crate) message_id: String,
    pub(crate) wake_up: WakeUp,
    /// Whether the queue has handed this message out before, so whoever had it may have stopped halfway.
    pub(crate) redelivered: bool,
}

/// The time, read once from the clock and since then counted.
#[derive(Clone, Copy)]
pub(crate) struct Time {
    read: Timestamp,
    since: Instant,
}

impl Time {
    pub(crate) fn now(self) -> Timestamp {
        self.read + SignedDuration::try_from(self.since.elapsed()).unwrap_or_default()
    }
}

impl Delivery {
    /// Connects to the tables, the queue and, later, the receivers; opens secrets with `keyring`.
    ///
    /// # Errors
    /// No TLS could be set up.
    pub fn new(config: Config, aws: Aws, keyring: Keyring) -> Result<Self, Error> {
        let Config {
            resources,
            retention,
            target_policy,
            breaker,
            organization_concurrency,
            billing,
            ..
        } = config;
        Ok(Self {
            limits: Limits::new(aws.dynamodb.clone(), resources.accounts_table.clone()),
            accounts: Accounts::new(aws.dynamodb.clone(), resources.accounts_table),
            credentials: Credentials::new(aws.dynamodb.clone(), resources.credentials_table),
            events: Events::new(aws.dynamodb.clone(), resources.events_table.clone()),
            deliveries: Deliveries::new(
                aws.dynamodb,
                resources.deliveries_table,
                resources.events_table,
            ),
            queue: DeliveryQueue::new(aws.sqs, resources.delivery_queue_url),
            keyring,
            organization_concurrency,
            sender: Sender::new(target_policy)?,
            retention,
            breaker,
            billing,
            successes: Successes::default(),
        })
    }

    /// Handles one batch. Messages that could not be handled are named in the answer and come back.
    ///
    /// # Errors
    /// Nothing of the batch could be handled: the tables did not answer.
    pub async fn handle(&self, event: LambdaEvent<SqsEvent>) -> Result<SqsBatchResponse, Error> {
        let time = Time {
            read: clock::now(),
            since: Instant::now(),
        };
        let mut response = SqsBatchResponse::default();
        let mut batch: Vec<Received> = Vec::with_capacity(event.payload.records.len());
        for message in event.payload.records {
            let message_id = message.message_id.clone().unwrap_or_default();
            match read(message) {
                Some((Message::WakeUp(wake_up), redelivered)) => {
                    let received = Received {
                        message_id,
                        wake_up,
                        redelivered,
                    };
                    add(&mut batch, received);
                }
                Some((Message::Beat(sent_at), _)) => {
                    if let Err(error) = self.deliveries.keep_beat(sent_at).await {
                        warn!(error = %Chain(&error), "the beat comes back");
                        response.add_failure(message_id);
                    }
                }
                None => {
                    // Nobody can read it; as a failure it ends in the dead-letter queue, where people look.
                    error!(message.id = %message_id, "the message is no wake-up");
                    response.add_failure(message_id);
                }
            }
        }

        let known = Known::read(self, &batch, time.now())
            .await
            .inspect_err(|error| error!(error = %Chain(error), "the batch comes back"))?;
        let groups = groups(&batch);
        let shares = self.organizations(&batch, &known);
        let attending = groups.iter().map(|group| {
            let organization = group.first().map(|received| received.wake_up.delivery());
            let share = organization.and_then(|key| shares.get(&key.organization));
            self.attend(group, &known, share, time)
        });
        let acted = join_all(attending).await;
        join_all(shares.values().map(|share| share.give_back(time.now()))).await;
        for (received, acted) in groups.iter().flatten().zip(acted.into_iter().flatten()) {
            if let Err(error) = acted {
                let event = received.wake_up.delivery().event;
                warn!(event.id = %event, error = %Chain(&error), "the wake-up comes back");
                response.add_failure(&received.message_id);
            }
        }
        Ok(response)
    }

    /// What the batch takes of the limits of its organizations; nothing where there are none.
    fn organizations(
        &self,
        batch: &[Received],
        known: &Known,
    ) -> HashMap<OrganizationId, Share<'_>> {
        let mut wanted: HashMap<OrganizationId, usize> = HashMap::new();
        for received in batch {
            let organization = received.wake_up.delivery().organization;
            *wanted.entry(organization).or_default() += 1;
        }
        let at_once = self.organization_concurrency;
        let limited = wanted.into_iter().filter(|_| at_once > 0);
        let share = |(id, wanted)| {
            let places = known.places(Limited::Organization(id));
            let limit = Limit::of_organization(id, at_once);
            (id, Share::new(&self.limits, limit, places, wanted))
        };
        limited.map(share).collect()
    }

    /// Does what one wake-up asks for; what an attempt says of the endpoint. A message is acknowledged only
    /// when the next wake-up of its delivery is in the queue: else it comes back and sends it.
    pub(crate) async fn act(
        &self,
        plan: Plan<'_>,
        turn: Turn,
        shares: Option<Shares<'_>>,
        retention: SignedDuration,
        time: Time,
    ) -> Result<Option<Outcome>, StateError> {
        let (delivery, attempted) = match (plan, turn) {
            (Plan::Done(delivery, reason), _) => {
                let DeliveryKey {
                    event, endpoint, ..
                } = delivery;
                debug!(event.id = %event, endpoint.id = %endpoint, "nothing to do: {reason}");
                return Ok(None);
            }
            (Plan::WakeAgain(row), _) => {
                self.wake_next(row, time.now()).await?;
                return Ok(None);
            }
            (Plan::TellAgain(row, account), _) => {
                let now = time.now();
                self.announce(account, News::Exhausted(row), now).await?;
                return Ok(unnoted(row, account, now));
            }
            (Plan::Hold(delivery, why), _) => {
                self.hold(delivery, why, retention, time).await?;
                return Ok(None);
            }
            (Plan::Cancel(delivery, access), _) => {
                self.cancel(delivery, access, retention, time.now()).await?;
                return Ok(None);
            }
            (Plan::Erase(delivery, erased_at), _) => {
                self.erase(delivery, erased_at, retention, time.now())
                    .await?;
                return Ok(None);
            }
            (Plan::GiveUp(delivery, account), _) => {
                return self.give_up(delivery, account, retention, time.now()).await;
            }
            (Plan::Attempt(delivery, _), Turn::Wait(wait)) => {
                let reason = Deferred::CircuitOpen;
                let later = Later::AtLeast(wait);
                self.defer(delivery, reason, later, retention, time.now())
                    .await?;
                return Ok(None);
            }
            (Plan::Attempt(delivery, attempted), Turn::Go | Turn::Probe) => (delivery, attempted),
        };
        let rendered = match rendering(attempted, &self.credentials).await? {
            Ok(rendered) => rendered,
            Err(why) => {
                self.skip(delivery, &why, retention, time.now()).await?;
                return Ok(None);
            }
        };
        let Attempted {
            event,
            endpoint,
            account,
        } = attempted;
        // Without its secrets nothing is sent: it would not be signed.
        let signing = Signing::open(&self.keyring, attempted, time.now()).await?;
        let Some(shares) = shares else {
            return Err(StateError::unreadable("find the limits of an endpoint"));
        };
        let places = match shares.admit(time).await? {
            Admission::Go(places) => places,
            // A probe too. Others wait until it could have been over; then the first that comes is the probe.
            Admission::Later(reason, later) => {
                self.defer(delivery, reason, later, retention, time.now())
                    .await?;
                return Ok(None);
            }
        };
        let sent = self
            .sender
            .attempt(endpoint, event, rendered, &signing, time.now());
        let answer = shares.watch(sent, time).await;
        drop(places);
        let now = time.now();
        let endpoint = self.heed_gone(endpoint, &answer, account, now).await?;
        let recorded = self.record(delivery, &answer, &endpoint, retention, now);
        let recorded = recorded.await?;
        if let Some(delivery) = &recorded {
            log(delivery, &answer);
            if delivery.status == DeliveryStatus::Exhausted {
                self.announce(account, News::Exhausted(delivery), now)
                    .await?;
            }
            self.wake_next(delivery, now).await?;
        }
        Ok(Some(Outcome {
            at: now,
            answered: answer.answered(),
            is_probe: turn == Turn::Probe,
            exhausts: recorded.is_some_and(|delivery| delivery.is_given_up()),
        }))
    }
}

/// Reads a message of the queue, and whether it was handed out before.
fn read(message: SqsMessage) -> Option<(Message, bool)> {
    let receives = message
        .attributes
        .get("ApproximateReceiveCount")
        .and_then(|count| count.parse::<u32>().ok());
    let redelivered = receives.is_some_and(|count| count > 1);
    Some((Message::read(&message.body?)?, redelivered))
}

/// A batch by endpoint, in the order in which its first wake-ups came.
fn groups(batch: &[Received]) -> Vec<Vec<&Received>> {
    let mut groups: Vec<(EndpointId, Vec<&Received>)> = Vec::new();
    for received in batch {
        let endpoint = received.wake_up.delivery().endpoint;
        match groups.iter_mut().find(|(of, _)| *of == endpoint) {
            Some((_, group)) => group.push(received),
            None => groups.push((endpoint, vec![received])),
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

/// Adds a wake-up to a batch, once: twice it would be attempted twice. One comes back when it fails.
fn add(batch: &mut Vec<Received>, received: Received) {
    let attempt = |received: &Received| (received.wake_up.delivery(), received.wake_up.attempt);
    let same = |known: &&mut Received| attempt(known) == attempt(&received);
    match batch.iter_mut().find(same) {
        Some(known) => {
            known.redelivered |= received.redelivered;
            known.wake_up.first &= received.wake_up.first;
        }
        None => batch.push(received),
    }
}
