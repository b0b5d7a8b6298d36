//! Answers of receivers that name a person although the event that they answer is about nobody, or about
//! somebody else. Nothing but the answer goes.

use jiff::Timestamp;

use super::{Eraser, Looking, MAX_TRIES, found};
use crate::deliveries::Recorded;
use crate::delivery::Delivery;
use crate::delivery_key::DeliveryKey;
use crate::erasure::Found;
use crate::error::StateError;
use crate::organization::Organization;
use crate::rows::{Item, from_item, sort_key};

impl Looking<'_> {
    fn is_answer(&self, item: Item) -> Result<Option<String>, StateError> {
        let sort_key = sort_key(&item).map(str::to_owned);
        let row: Delivery = from_item(item)?;
        let was_there = row.event_id.created_at() < self.until();
        let names = |answer: String| self.sought.is_named_in(answer.as_bytes());
        let is_theirs = was_there && row.response.is_some_and(names);
        Ok(sort_key.filter(|_| is_theirs))
    }
}

impl Eraser<'_> {
    pub(super) async fn look_for_answers(
        &self,
        looking: &Looking<'_>,
    ) -> Result<Found, StateError> {
        let table = &self.deliveries.table;
        let (items, next) = self.rows_of_month(table, looking).await?;
        let found = found(items, None, |item| looking.is_answer(item));
        Ok(Found { next, ..found })
    }

    /// Removes the last answer of a delivery.
    pub(super) async fn remove_answer(
        &self,
        organization: &Organization,
        id: &str,
        now: Timestamp,
    ) -> Result<u64, StateError> {
        let key = DeliveryKey::of(organization.id, id);
        let key = key.ok_or_else(|| StateError::unreadable("read the ids of a delivery"))?;
        let retention = organization.retention(self.retention);
        let mut row = self.deliveries.get(key).await?;
        for _ in 0..MAX_TRIES {
            let Some(mut delivery) = row.filter(|row| row.response.is_some()) else {
                return Ok(0);
            };
            delivery.response = None;
            match self
                .deliveries
                .record(&mut delivery, retention, now)
                .await?
            {
                Recorded::Written => return Ok(0),
                Recorded::Superseded(current) => row = Some(*current),
            }
        }
        Err(StateError::contended("erase what a delivery was answered"))
    }
}
