//! The agenda of recovery: the index `due` of Deliveries.
//!
//! Every delivery with a row that is to be attempted is in it, under the time at which recovery has to
//! look at it. What waits for longer than the queue can keep a message is woken up from here; what has
//! a message in the queue is found here when that message was lost.

use jiff::{SignedDuration, Timestamp};

use crate::bucket::Bucket;
use crate::deliveries::Deliveries;
use crate::delivery::Delivery;
use crate::delivery_key::DeliveryKey;
use crate::error::StateError;
use crate::keyspace;
use crate::queue::WakeUp;
use crate::rows::{Item, Page, count_in, page_end, text};

/// A delivery that is this long overdue has lost its wake-up.
pub const OVERDUE_AFTER: SignedDuration = SignedDuration::from_mins(5);
/// How long recovery waits for what a wake-up that it made again leads to: for the first, the second,
/// the third. Together with [`OVERDUE_AFTER`] it looks after 30 minutes, 3 hours and 24 hours.
const PATIENCE: [SignedDuration; 3] = [
    SignedDuration::from_mins(25),
    SignedDuration::from_mins(150),
    SignedDuration::from_hours(21),
];
/// How often a lost wake-up is made again.
pub const MAX_RECOVERIES: u8 = 3;

impl Delivery {
    /// When recovery has to look at it; [`OVERDUE_AFTER`] later it is overdue. `None` when nothing is to be
    /// attempted.
    pub fn look_at(&self) -> Option<Timestamp> {
        if !self.status.is_scheduled() {
            return None;
        }
        let Some(recovered) = self.recovered else {
            return self.next_attempt_at;
        };
        let index = usize::from(recovered.times.saturating_sub(1)).min(PATIENCE.len() - 1);
        let wait = PATIENCE[index] - OVERDUE_AFTER;
        Some(recovered.at.checked_add(wait).unwrap_or(Timestamp::MAX))
    }
}

/// A delivery in the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// Which.
    pub delivery: DeliveryKey,
    /// When recovery is to look at it.
    pub at: Timestamp,
    /// Attempts made so far.
    pub attempts: u32,
    /// Whether a message in the queue wakes it up.
    pub queued: bool,
}

impl Due {
    /// The wake-up that its next attempt needs.
    pub fn wake_up(&self) -> WakeUp {
        WakeUp::new(self.delivery, self.attempts + 1)
    }

    fn read(item: &Item) -> Option<Self> {
        let (at, _) = item.get("due_at")?.as_s().ok()?.split_once('#')?;
        let attempts = item.get("attempts")?.as_n().ok()?;
        let queued = item.get("queued").and_then(|queued| queued.as_bool().ok());
        Some(Self {
            delivery: DeliveryKey::read(item)?,
            at: Timestamp::from_millisecond(at.parse().ok()?).ok()?,
            attempts: attempts.parse().ok()?,
            queued: queued.copied().unwrap_or_default(),
        })
    }
}

/// Most deliveries of one page.
const PAGE: i32 = 1_000;

impl Deliveries {
    /// How many deliveries are stuck now.
    ///
    /// # Errors
    /// DynamoDB did not answer.
    pub async fn count_stuck(&self) -> Result<u64, StateError> {
        count_in(&self.client, &self.table, "due", keyspace::STUCK).await
    }

    /// Deliveries of a bucket whose time is before `until`, in the order of time, after the place at which
    /// an earlier page ended. A page holds at most 1,000.
    ///
    /// # Errors
    /// DynamoDB did not answer.
    pub async fn due(
        &self,
        bucket: Bucket,
        after: Option<&str>,
        until: Timestamp,
    ) -> Result<Page<Due>, StateError> {
        // Nothing sorts between a place and the same with a space behind it, and nothing before a space.
        let from = after.unwrap_or_default().to_owned() + " ";
        let answer = self
            .client
            .query()
            .table_name(&self.table)
            .index_name("due")
            .key_condition_expression("due = :bucket AND due_at BETWEEN :from AND :until")
            .expression_attribute_values(":bucket", text(bucket.to_string()))
            .expression_attribute_values(":from", text(from))
            .expression_attribute_values(":until", text(keyspace::due_from(until)))
            .limit(PAGE)
            .send()
            .await
            .map_err(StateError::while_doing("read what is due"))?;
        let next = page_end(answer.last_evaluated_key, "due_at");
        let items = answer.items.unwrap_or_default();
        let items = items.iter().filter_map(Due::read).collect();
        Ok(Page { items, next })
    }
}

#[cfg(test)]
mod tests {
    use payload::event_type::EventType;

    use super::*;
    use crate::delivery::Recovered;
    use crate::delivery_status::DeliveryStatus;

    #[test]
    fn recovery_looks_when_a_delivery_is_due_and_ever_later_after_each_lost_wake_up() {
        let at: Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();
        let mut delivery = Delivery::pending(DeliveryKey::NONE, EventType::CredentialIssued);
        assert_eq!(delivery.look_at(), None);
        delivery.next_attempt_at = Some(at);
        assert_eq!(delivery.look_at(), Some(at));
        let mut now = at + OVERDUE_AFTER;
        let mut looks = Vec::new();
        for times in 1..=MAX_RECOVERIES {
            delivery.recovered = Some(Recovered { times, at: now });
            now = delivery.look_at().unwrap() + OVERDUE_AFTER;
            looks.push(now.duration_since(at).as_mins());
        }
        assert_eq!(looks, [30, 180, 24 * 60]);
        delivery.status = DeliveryStatus::Stuck;
        assert_eq!(delivery.look_at(), None);
    }
}
