//! Starting a delivery again, for a person or for a replay.

use jiff::{SignedDuration, Timestamp};
use payload::id::ReplayId;

use crate::deliveries::{Deliveries, Recorded};
use crate::delivery::Delivery;
use crate::delivery_status::DeliveryStatus;
use crate::error::StateError;

/// How often a row is written again on top of an attempt that was just recorded.
const MAX_TRIES: usize = 3;

/// How a delivery is started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Restart {
    /// When its next attempt is due.
    pub at: Timestamp,
    /// The replay that does it, if it is one of a range; else a person asked for this one delivery.
    pub by: Option<ReplayId>,
    /// Whether one attempt is made although the endpoint is disabled.
    pub even_if_disabled: bool,
}

impl Delivery {
    /// Starts the retry schedule anew, with an attempt that a message in the queue wakes up.
    pub fn restart(&mut self, restart: Restart) {
        self.status = DeliveryStatus::waiting_after(self.attempts);
        self.attempts_before = self.attempts;
        self.schedule_started_at = None;
        self.deferred_ms = 0;
        self.next_attempt_at = Some(restart.at);
        self.queued = true;
        self.recovered = None;
        self.deferred = None;
        self.skipped = None;
        self.held = None;
        self.cancelled = None;
        self.replays += 1;
        self.replayed_by = restart.by.or(self.replayed_by);
        self.even_if_disabled = restart.even_if_disabled;
        self.by_hand = restart.by.is_none();
    }
}

impl Deliveries {
    /// Writes the row of a delivery that is started again; the caller sends its wake-up. `None` when somebody
    /// wrote it in between and it is no longer wanted.
    ///
    /// # Errors
    /// DynamoDB did not answer, or others wrote the row each time.
    pub async fn restart(
        &self,
        mut delivery: Delivery,
        restart: Restart,
        is_wanted: impl Fn(&Delivery) -> bool,
        retention: SignedDuration,
        now: Timestamp,
    ) -> Result<Option<Delivery>, StateError> {
        for _ in 0..MAX_TRIES {
            delivery.restart(restart);
            match self.record(&mut delivery, retention, now).await? {
                Recorded::Written => return Ok(Some(delivery)),
                Recorded::Superseded(current) if is_wanted(&current) => delivery = *current,
                Recorded::Superseded(_) => return Ok(None),
            }
        }
        Err(StateError::contended("start a delivery again"))
    }
}
