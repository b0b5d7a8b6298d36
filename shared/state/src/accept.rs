//! Accepting an event: the writes that make it durable, and the wake-ups that get it going.
//!
//! First the idempotency row fixes the event's id, then the event is written under that id and, side
//! by side, what it says of its credential; then a wake-up per endpoint is sent. A crash in between loses nothing
//! that was answered: the sender's retry finds the idempotency row, continues with the same id and does what is
//! missing. What certhooks derives has no sender: the checker does it again as long as the credential is due, so
//! the event is written before its credential moves on.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use futures::future::try_join;
use jiff::{SignedDuration, Timestamp};
use payload::dialect::{Dialect, Parsed};
use payload::event_type::EventType;
use payload::id::{EndpointId, EventId, OrganizationId};
use payload::idempotency::{IdempotencyKey, fingerprint};
use payload::known::Said;
use payload::lifecycle::Moment;
use serde::{Deserialize, Serialize};

use crate::clock::Clock;
use crate::credentials::{Accepting, Credentials};
use crate::delivery_key::DeliveryKey;
use crate::error::StateError;
use crate::events::Events;
use crate::keyspace;
use crate::notice_claims::Claiming;
use crate::organization::Organization;
use crate::queue::{DeliveryQueue, WakeUp};
use crate::rows::{from_item, key, number, row_in_the_way, to_item};

/// How long a sender's key means the same event.
const KEY_VALID_FOR: SignedDuration = SignedDuration::from_hours(24);
/// How long the claim of something that is announced of a credential stands: as long as anybody could still say so.
const ANNOUNCED_FOR: SignedDuration = SignedDuration::from_hours(400 * 24);
/// The wake-ups of a repeated event wait this long: by then the first ones are usually done, and a
/// wake-up that finds its delivery done costs the receiver nothing.
const REPEATED_AFTER: Duration = Duration::from_secs(10);
/// Sort key of an idempotency row.
const IDEMPOTENCY: &str = "idem";

/// An event that was understood, to be accepted. Without `Debug`: it holds people's data.
pub struct Submission<'a> {
    /// Whose it is.
    pub organization: &'a Organization,
    /// What it says.
    pub parsed: Parsed,
    /// The bytes that say it. None where certhooks derived it: then its canonical form is all there is.
    pub body: Option<&'a [u8]>,
    /// What makes it one event.
    pub key: IdempotencyKey,
    /// The endpoints that want it.
    pub endpoints: Vec<EndpointId>,
    /// The dialects of those endpoints.
    pub told_in: BTreeSet<Dialect>,
    /// How long it is kept where its organization does not say.
    pub retention: SignedDuration,
}

impl Submission<'_> {
    /// What must be equal for two submissions to be the same.
    fn fingerprint(&self) -> String {
        let body = self.body.unwrap_or_default();
        fingerprint(&self.parsed.facts.source.event, body)
    }
}

/// How long a key means the same event.
pub(crate) fn valid_for(key: &IdempotencyKey) -> SignedDuration {
    match key {
        IdempotencyKey::Notice(..) => ANNOUNCED_FOR,
        _ => KEY_VALID_FOR,
    }
}

/// What became of a submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Acceptance {
    /// It is a new event.
    Accepted(Receipt),
    /// It was accepted before; this is what was accepted then.
    Repeated(Receipt),
    /// The sender used the same key for another body; this event has the key.
    Conflict(EventId),
}

/// An event as it stands in the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Its id.
    pub id: EventId,
    /// What happened.
    pub event_type: EventType,
    /// When it happened.
    pub timestamp: Timestamp,
    /// The dialect it arrived in.
    pub dialect: Dialect,
    /// The endpoints it goes to.
    pub endpoints: Vec<EndpointId>,
    /// Whether what it said was erased since.
    pub is_erased: bool,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct IdempotencyRow {
    pub(crate) event_id: EventId,
    pub(crate) fingerprint: String,
    /// Milliseconds. The clock decides, not the deletion by `ttl`, which may come days late.
    valid_until: i64,
    ttl: i64,
}

impl IdempotencyRow {
    /// A claim for a new event.
    pub(crate) fn new(fingerprint: String, valid_for: SignedDuration, now: Timestamp) -> Self {
        Self {
            event_id: EventId::new(now, &mut rand::rng()),
            fingerprint,
            valid_until: (now + valid_for).as_millisecond(),
            ttl: (now + valid_for).as_second(),
        }
    }

    /// The same claim for this event.
    pub(crate) fn of(self, event_id: EventId) -> Self {
        Self { event_id, ..self }
    }
}

impl Events {
    /// Makes an event durable and wakes its deliveries up. What the event leaves out and earlier ones
    /// or the directory said is filled in.
    ///
    /// # Errors
    /// Something was not written or sent. The sender's retry, with the same key, continues here.
    pub async fn accept(
        &self,
        queue: &DeliveryQueue,
        credentials: &Credentials,
        mut submission: Submission<'_>,
        clock: Clock,
    ) -> Result<Acceptance, StateError> {
        let organization = submission.organization.id;
        let now = clock.now();
        let said = submission.fingerprint();
        let claim = IdempotencyRow::new(said, valid_for(&submission.key), now);
        let claiming = Claiming {
            organization,
            credentials,
            fresh: claim.event_id,
            retention: submission.organization.retention(submission.retention),
            now,
        };
        let first = self.claim_event(claiming, &submission.key, &claim).await?;
        let is_same = first.fingerprint == claim.fingerprint;
        if submission.key.is_explicit() && !is_same {
            return Ok(Acceptance::Conflict(first.event_id));
        }
        let facts = &mut submission.parsed.facts;
        credentials.resolve(organization, facts).await?;
        let id = self.announced_by(claiming, &submission, first.event_id);
        let id = id.await?;
        let is_first = id == claim.event_id;
        let answer = |receipt| {
            if is_first {
                Acceptance::Accepted(receipt)
            } else {
                Acceptance::Repeated(receipt)
            }
        };

        let is_derived = submission.body.is_none();
        let as_derived = is_derived.then(|| submission.parsed.facts.clone());
        let (event_type, timestamp) = (submission.parsed.event_type, submission.parsed.timestamp);
        let moment = |at| Moment { at, event: id };
        let facts = &mut submission.parsed.facts;
        let said = Said::of(event_type, moment(timestamp), facts);
        let told_in = std::mem::take(&mut submission.told_in);
        let accepting = Accepting {
            said: &said,
            is_first,
            told_in: &told_in,
            reminders: &submission.organization.reminder_days,
        };
        let recalled_at = clock.now();
        let recalled = credentials.complete(organization, event_type, facts, Some(accepting));
        let recalled = recalled.await?;
        if id.created_at() + claiming.retention <= now {
            // Announced, and no longer kept.
            let dialect = submission.parsed.facts.source.dialect;
            credentials
                .remember(organization, accepting, recalled, clock)
                .await?;
            return Ok(answer(Receipt {
                id,
                event_type,
                timestamp,
                dialect,
                endpoints: Vec::new(),
                is_erased: false,
            }));
        }
        let write = self.write(id, submission, recalled_at, clock);
        let remember = |accepting| credentials.remember(organization, accepting, recalled, clock);
        // WrittenBeforeMovedOn. What is derived is begun again because its credential is due:
        //   event ── [crash: still due, the same id] ── credential moves on
        let (receipt, written) = if is_first && !is_derived {
            try_join(write, remember(accepting)).await?.0
        } else {
            let (receipt, written) = write.await?;
            // The same event in other words: the first words count, unless they were never written. But that a
            // platform says of an end what was announced before counts for its credential. And what was erased
            // is not remembered again because its sender repeats it.
            let is_said = !is_derived && (is_same || id != first.event_id);
            if written || (is_said && !receipt.is_erased) {
                remember(accepting).await?;
            } else if let Some(facts) = as_derived {
                // What was written says when it happened. Nothing of a person is in it: a credential that was
                // erased and issued again moves on too.
                let said = &Said::of(event_type, moment(receipt.timestamp), &facts);
                remember(Accepting { said, ..accepting }).await?;
            }
            (receipt, written)
        };
        wake(queue, organization, &receipt, written).await?;
        Ok(answer(receipt))
    }

    /// Claims the key for an event id; returns the claim that holds, this one or an earlier.
    pub(crate) async fn claim(
        &self,
        organization: OrganizationId,
        idempotency_key: &IdempotencyKey,
        claim: &IdempotencyRow,
        now: Timestamp,
    ) -> Result<IdempotencyRow, StateError> {
        // KeyIsUnused:  no request had this key.
        // KeyHasExpired: one had it, too long ago (a sender's: 24 h); it means a new event now.
        //
        //   first request ── the same key is the same event ──┤ valid_until: the key is free again
        //
        // Two requests at once: one write wins, the other reads the winner's id.
        let unused = "attribute_not_exists(pk) OR valid_until <= :value";
        let condition = (unused, number(&now.as_millisecond()));
        self.put_claim(organization, idempotency_key, claim, condition)
            .await
    }

    /// Writes a claim of a key where a condition on what is there holds, which is said with a `:value`; returns the
    /// claim that holds then.
    pub(crate) async fn put_claim(
        &self,
        organization: OrganizationId,
        idempotency_key: &IdempotencyKey,
        claim: &IdempotencyRow,
        (condition, value): (&str, AttributeValue),
    ) -> Result<IdempotencyRow, StateError> {
        let mut row = to_item(claim)?;
        row.extend(key(
            keyspace::idempotency(organization, &idempotency_key.digest()),
            IDEMPOTENCY,
        ));
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(row))
            .condition_expression(condition)
            .expression_attribute_values(":value", value)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match put {
            Ok(_) => Ok(IdempotencyRow {
                fingerprint: claim.fingerprint.clone(),
                ..*claim
            }),
            Err(error) => from_item(row_in_the_way(error, "claim an idempotency key")?),
        }
    }
}

/// Sends the wake-ups of an event, which was written just now or before.
pub(crate) async fn wake(
    queue: &DeliveryQueue,
    organization: OrganizationId,
    receipt: &Receipt,
    written: bool,
) -> Result<(), StateError> {
    let wake_up = |endpoint| {
        let delivery = DeliveryKey {
            organization,
            event: receipt.id,
            endpoint,
        };
        if written {
            (WakeUp::first(delivery), Duration::ZERO)
        } else {
            (WakeUp::new(delivery, 1), REPEATED_AFTER)
        }
    };
    let wake_ups: Vec<_> = receipt.endpoints.iter().copied().map(wake_up).collect();
    queue.send(&wake_ups).await
}
