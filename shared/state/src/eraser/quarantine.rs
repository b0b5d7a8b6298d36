//! Webhooks in quarantine that name a person. What they are about nobody could read: one that names the
//! person by anything but the address is not found.

use payload::id::{OrganizationId, QuarantineId};

use super::{Eraser, Looking, PAGE, found};
use crate::erasure::Found;
use crate::error::StateError;
use crate::keyspace;
use crate::quarantine::Quarantined;
use crate::rows::{Item, from_item, key, text};

impl Looking<'_> {
    fn is_quarantined(&self, item: Item) -> Result<Option<String>, StateError> {
        let webhook: Quarantined = from_item(item)?;
        let said = [webhook.event.as_deref(), Some(&webhook.message)];
        let mut said = said.into_iter().flatten();
        let is_theirs = self.sought.is_named_in(&webhook.body()?)
            || said.any(|text| self.sought.is_named_in(text.as_bytes()));
        Ok(is_theirs.then(|| webhook.id.to_string()))
    }
}

impl Eraser<'_> {
    /// Oldest first, up to the last webhook before the erasure was asked for.
    pub(super) async fn look_for_quarantined(
        &self,
        looking: &Looking<'_>,
    ) -> Result<Found, StateError> {
        let partition = keyspace::quarantine(looking.organization.id);
        let place = looking.erasure.place.as_ref();
        let until = QuarantineId::greatest_before(looking.until());
        let answer = self
            .events
            .client
            .query()
            .table_name(&self.events.table)
            .consistent_read(true)
            .key_condition_expression("pk = :quarantine AND sk <= :until")
            .expression_attribute_values(":quarantine", text(&partition))
            .expression_attribute_values(":until", text(until.to_string()))
            .set_exclusive_start_key(place.map(|place| key(&partition, place)))
            .limit(PAGE)
            .send()
            .await
            .map_err(StateError::while_doing("look for quarantined webhooks"))?;
        let (items, last) = (answer.items.unwrap_or_default(), answer.last_evaluated_key);
        Ok(found(items, last, |item| looking.is_quarantined(item)))
    }

    pub(super) async fn remove_quarantined(
        &self,
        organization: OrganizationId,
        id: &str,
    ) -> Result<u64, StateError> {
        let unreadable = |_| StateError::unreadable("read the id of a quarantined webhook");
        let id = id.parse().map_err(unreadable)?;
        let deleted = self.events.delete_quarantined(organization, id);
        deleted.await.map(|()| 0)
    }
}
