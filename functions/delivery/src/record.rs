//! What is written about a delivery, and the wake-up that follows on it.

use std::borrow::Cow;

use jiff::{SignedDuration, Timestamp};
use payload::billing::access::Access;
use payload::convert::Unmappable;
use state::{
    Account, Answered, Cancelled, Chain, Count, Deferred, DeliveryStatus, DisabledReason, Endpoint,
    Held, Later, News, Outcome, Recorded, StateError,
};
use tracing::{debug, info, warn};

use crate::announce::unnoted;
use crate::failure::Failure;
use crate::handler::{Delivery, Time};
use crate::outcome::{Answer, apply};

/// How often a row is written again on top of what somebody else wrote in between.
const MAX_RECORD_TRIES: usize = 3;

impl Delivery {
    /// Disables an endpoint that answered 410 and tells so, before that is recorded: a crash in between comes
    /// back, and finds the endpoint disabled. The endpoint as it is then.
    pub(crate) async fn heed_gone<'e>(
        &self,
        endpoint: &'e Endpoint,
        answer: &Answer,
        account: &Account,
        now: Timestamp,
    ) -> Result<Cow<'e, Endpoint>, StateError> {
        let is_gone = answer.failure == Some(Failure::Gone) && endpoint.enabled;
        if !is_gone {
            return Ok(Cow::Borrowed(endpoint));
        }
        let reason = DisabledReason::Gone;
        let disabled = self.accounts.disable_endpoint(endpoint, reason, now);
        let Some(disabled) = disabled.await? else {
            // Another answer of 410 was faster, or its owner changed it: it counts as it is by now.
            let account = self.accounts.refresh(endpoint.organization_id, now).await?;
            let current = account.and_then(|account| account.endpoint(endpoint.id).cloned());
            return Ok(current.map_or(Cow::Borrowed(endpoint), Cow::Owned));
        };
        warn!(endpoint.id = %endpoint.id, "disabled: the endpoint answered 410");
        self.announce(account, News::Switched(&disabled), now)
            .await?;
        Ok(Cow::Owned(disabled))
    }

    /// Keeps the delivery for as long as this is so.
    pub(crate) async fn hold(
        &self,
        mut delivery: state::Delivery,
        why: Held,
        retention: SignedDuration,
        time: Time,
    ) -> Result<(), StateError> {
        let key = delivery.key();
        info!(event.id = %key.event, endpoint.id = %key.endpoint, "held: {}", why.why());
        delivery.hold(why);
        // If somebody else wrote in between, their state is newer than what this was decided from, and
        // open only with a wake-up of its own.
        let recorded = self.deliveries.record(&mut delivery, retention, time.now());
        if recorded.await? == Recorded::Written && why == Held::Suspended {
            return self.wake_if_paid(delivery, retention, time).await;
        }
        Ok(())
    }

    /// Wakes up what was held a moment ago if the access is back by now.
    ///
    /// this function:  reads SUSPENDED ─── writes held ─── reads the entitlement again
    /// the payment:                 writes ACTIVE ─── releases what the index shows as held
    ///
    /// A release that has passed does not find what is held after it. But then ACTIVE was written before the
    /// hold, and this read, which is consistent, sees it. So one of the two finds the delivery, or both: then
    /// one of them writes its row first, and the other one leaves it.
    async fn wake_if_paid(
        &self,
        mut delivery: state::Delivery,
        retention: SignedDuration,
        time: Time,
    ) -> Result<(), StateError> {
        let key = delivery.key();
        let entitled = self.accounts.entitlement(key.organization).await?;
        // What counts is the access after the write, however long that took.
        let now = time.now();
        if !self.billing.access_of(entitled.as_ref(), now).sends() {
            return Ok(());
        }
        info!(event.id = %key.event, endpoint.id = %key.endpoint, "held no longer: the access is back");
        delivery.resume(now);
        let recorded = self.deliveries.record(&mut delivery, retention, now);
        match recorded.await? {
            Recorded::Written => self.wake_next(&delivery, now).await,
            Recorded::Superseded(_) => Ok(()),
        }
    }

    /// Sends the delivery never: the organization has no access, and nobody may ask for it as long as that is
    /// so.
    pub(crate) async fn cancel(
        &self,
        mut delivery: state::Delivery,
        access: Access,
        retention: SignedDuration,
        now: Timestamp,
    ) -> Result<(), StateError> {
        let key = delivery.key();
        info!(event.id = %key.event, endpoint.id = %key.endpoint, "cancelled: the organization's access is {access}");
        delivery.cancel(Cancelled::AccessEnded);
        // As in `hold`.
        let recorded = self.deliveries.record(&mut delivery, retention, now);
        recorded.await.map(drop)
    }

    /// Sends the delivery never: what its event said was erased.
    pub(crate) async fn erase(
        &self,
        mut delivery: state::Delivery,
        erased_at: Timestamp,
        retention: SignedDuration,
        now: Timestamp,
    ) -> Result<(), StateError> {
        let key = delivery.key();
        info!(event.id = %key.event, endpoint.id = %key.endpoint, "cancelled: what the event said was erased");
        delivery.erase(erased_at);
        // Superseded: the erasure did the same, or someone asked for it again, with a wake-up of its own.
        let recorded = self.deliveries.record(&mut delivery, retention, now);
        recorded.await.map(drop)
    }

    /// Gives a delivery up that has waited for longer than its event is kept, and tells so; what that says of its
    /// endpoint.
    pub(crate) async fn give_up(
        &self,
        mut delivery: state::Delivery,
        account: Option<&Account>,
        retention: SignedDuration,
        now: Timestamp,
    ) -> Result<Option<Outcome>, StateError> {
        let key = delivery.key();
        delivery.settle(DeliveryStatus::Exhausted);
        let recorded = self.deliveries.record(&mut delivery, retention, now);
        // As in `hold`.
        if recorded.await? != Recorded::Written {
            return Ok(None);
        }
        warn!(event.id = %key.event, endpoint.id = %key.endpoint, attempts = delivery.attempts,
            "given up: its event is no longer kept");
        let Some(account) = account else {
            return Ok(None);
        };
        self.announce(account, News::Exhausted(&delivery), now)
            .await?;
        let says = |outcome| Outcome {
            answered: Answered::Nothing,
            ..outcome
        };
        Ok(unnoted(&delivery, account, now).map(says))
    }

    /// Puts an attempt off that is due and may not be made yet. Called for a wake-up of this very attempt:
    /// its successor is in the queue, or on the agenda of the sweep, when this returns `Ok`.
    pub(crate) async fn defer(
        &self,
        mut delivery: state::Delivery,
        reason: Deferred,
        later: Later,
        retention: SignedDuration,
        now: Timestamp,
    ) -> Result<(), StateError> {
        delivery.defer(reason, later, rand::random(), now);
        let recorded = self.deliveries.record(&mut delivery, retention, now);
        match recorded.await? {
            Recorded::Written => {
                let key = delivery.key();
                debug!(event.id = %key.event, endpoint.id = %key.endpoint,
                    wait_s = delivery.wait(now).as_secs(), "deferred: {reason:?}");
                self.wake_next(&delivery, now).await
            }
            // As in `hold`.
            Recorded::Superseded(_) => Ok(()),
        }
    }

    /// Records that the event cannot be said in the endpoint's dialect, and counts it.
    pub(crate) async fn skip(
        &self,
        mut delivery: state::Delivery,
        why: &Unmappable,
        retention: SignedDuration,
        now: Timestamp,
    ) -> Result<(), StateError> {
        delivery.settle(DeliveryStatus::Skipped);
        delivery.skipped = Some(why.into());
        let recorded = self.deliveries.record(&mut delivery, retention, now);
        // Superseded: a duplicate message did the same, and counted it.
        if recorded.await? == Recorded::Written {
            let key = delivery.key();
            info!(event.id = %key.event, event.r#type = %delivery.event_type, endpoint.id = %key.endpoint,
                missing = why.missing().join(" "), "skipped: {why}");
            let counted = self
                .accounts
                .count(key.organization, key.endpoint, Count::Skipped, now);
            // The row is what counts: nobody would count again when the message came back.
            if let Err(error) = counted.await {
                warn!(endpoint.id = %key.endpoint, error = %Chain(&error), "a skipped delivery is not counted");
            }
        }
        Ok(())
    }

    /// Sends the message that wakes the next attempt up, unless there is none or the sweep does.
    pub(crate) async fn wake_next(
        &self,
        delivery: &state::Delivery,
        now: Timestamp,
    ) -> Result<(), StateError> {
        if !delivery.queued {
            return Ok(());
        }
        let wake_up = (delivery.wake_up(), delivery.wait(now));
        self.queue.send(&[wake_up]).await
    }

    /// Writes what the answer makes of the delivery; `None` when the record of a duplicate stands instead,
    /// whose own message sees to the next wake-up.
    pub(crate) async fn record(
        &self,
        read: state::Delivery,
        answer: &Answer,
        endpoint: &Endpoint,
        retention: SignedDuration,
        now: Timestamp,
    ) -> Result<Option<state::Delivery>, StateError> {
        let (number, replays) = (read.attempts + 1, read.replays);
        let mut base = read;
        for _ in 0..MAX_RECORD_TRIES {
            let mut delivery = apply(base, answer, endpoint, now, rand::random());
            let recorded = self.deliveries.record(&mut delivery, retention, now);
            match recorded.await? {
                Recorded::Written => return Ok(Some(delivery)),
                Recorded::Superseded(current) => {
                    // A duplicate message made the same attempt or held the delivery, or someone started it
                    // again, with a wake-up of its own. That stands, unless this attempt succeeded: a
                    // receiver that has the webhook is not sent it again.
                    let news =
                        answer.failure.is_none() && current.status != DeliveryStatus::Delivered;
                    let is_settled = !current.status.is_open()
                        || current.attempts >= number
                        || current.replays > replays;
                    if !news && is_settled {
                        return Ok(None);
                    }
                    base = *current;
                }
            }
        }
        Err(StateError::contended("record an attempt"))
    }
}

/// One line per attempt.
pub(crate) fn log(delivery: &state::Delivery, answer: &Answer) {
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
