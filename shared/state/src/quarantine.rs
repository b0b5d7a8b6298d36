//! Quarantine: webhooks that came through a relay and could not be read, kept as they came until
//! they can. Rows of the table Events.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use payload::dialect::Dialect;
use payload::fault::Faults;
use payload::id::{EventId, OrganizationId, QuarantineId, RelayId};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use tracing::error;

use crate::bodies;
use crate::error::{Chain, StateError};
use crate::events::Events;
use crate::keyspace;
use crate::organization::Keeping;
use crate::relays::Relay;
use crate::rows::{Item, Page, from_item, key, page_end, sort_key, text, to_item};

/// A webhook that cannot be read, to be kept. Without `Debug`: it holds people's data.
pub struct Unreadable<'a> {
    /// The relay it came through.
    pub relay: &'a Relay,
    /// The event's name, where the request named it beside the body.
    pub event: Option<String>,
    /// Why it cannot be read, for programs.
    pub error: String,
    /// The same for people.
    pub message: String,
    /// Where it is wrong.
    pub faults: Faults,
    /// The bytes that came.
    pub body: &'a [u8],
    /// How long it is kept.
    pub retention: SignedDuration,
}

/// A webhook that could not be read when it came.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quarantined {
    /// Its id, which holds when it came.
    #[serde(rename = "sk")]
    pub id: QuarantineId,
    /// The relay it came through.
    pub relay_id: RelayId,
    /// What it was read as.
    pub dialect: Dialect,
    /// The event's name, where the request named it beside the body.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub event: Option<String>,
    /// Why it could not be read, for programs.
    pub error: String,
    /// The same for people.
    pub message: String,
    /// Where it is wrong.
    pub faults: Faults,
    /// The event it became when it was replayed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub replayed_as: Option<EventId>,
    /// See [`bodies`].
    body: ByteBuf,
    body_length: usize,
    ttl: i64,
}

/// Without the body and the name of the event, which are the sender's.
impl fmt::Debug for Quarantined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Quarantined")
            .field("id", &self.id)
            .field("relay_id", &self.relay_id)
            .field("error", &self.error)
            .finish_non_exhaustive()
    }
}

impl Quarantined {
    fn new(unreadable: Unreadable<'_>, now: Timestamp) -> Self {
        let Unreadable {
            relay,
            event,
            error,
            message,
            faults,
            body,
            retention,
        } = unreadable;
        Self {
            id: QuarantineId::new(now, &mut rand::rng()),
            relay_id: relay.id,
            dialect: relay.dialect,
            event,
            error,
            message,
            faults,
            replayed_as: None,
            body: ByteBuf::from(bodies::compress(body, b"")),
            body_length: body.len(),
            ttl: (now + retention).as_second(),
        }
    }

    /// The bytes that came.
    ///
    /// # Errors
    /// The row was damaged.
    pub fn body(&self) -> Result<Vec<u8>, StateError> {
        let bodies = bodies::decompress(&self.body, self.body_length);
        let (body, _) = bodies.map_err(StateError::while_doing("read a quarantined body"))?;
        Ok(body)
    }

    /// Bytes of the body.
    pub fn body_length(&self) -> usize {
        self.body_length
    }

    /// Whether it is still to be shown and replayed.
    pub fn is_kept(&self, keeping: Keeping) -> bool {
        let until = Timestamp::from_second(self.ttl).unwrap_or(Timestamp::MAX);
        keeping.keeps(self.id.created_at(), until)
    }
}

impl Events {
    /// Keeps a webhook that cannot be read, and answers by what id.
    ///
    /// # Errors
    /// DynamoDB did not take it.
    pub async fn quarantine(
        &self,
        unreadable: Unreadable<'_>,
        now: Timestamp,
    ) -> Result<QuarantineId, StateError> {
        let organization = unreadable.relay.organization_id;
        let webhook = Quarantined::new(unreadable, now);
        let mut row = to_item(&webhook)?;
        row.extend(place(organization, webhook.id));
        self.client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(row))
            .send()
            .await
            .map_err(StateError::while_doing("quarantine a webhook"))?;
        Ok(webhook.id)
    }

    /// One of an organization's quarantined webhooks.
    ///
    /// # Errors
    /// DynamoDB did not answer.
    pub async fn quarantined(
        &self,
        organization: OrganizationId,
        id: QuarantineId,
        keeping: Keeping,
    ) -> Result<Option<Quarantined>, StateError> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(place(organization, id)))
            .consistent_read(true)
            .send()
            .await
            .map_err(StateError::while_doing("read a quarantined webhook"))?;
        let webhook: Option<Quarantined> = answer.item.map(from_item).transpose()?;
        Ok(webhook.filter(|webhook| webhook.is_kept(keeping)))
    }

    /// Quarantined webhooks, newest first, from before `before`. A page may hold fewer than `limit`.
    ///
    /// # Errors
    /// DynamoDB did not answer.
    pub async fn list_quarantined(
        &self,
        organization: OrganizationId,
        before: Option<QuarantineId>,
        limit: usize,
        keeping: Keeping,
    ) -> Result<Page<Quarantined>, StateError> {
        let before = before.map_or_else(|| "qrt_~".to_owned(), |id| id.to_string());
        let answer = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :quarantine AND sk < :before")
            .expression_attribute_values(":quarantine", text(keyspace::quarantine(organization)))
            .expression_attribute_values(":before", text(before))
            .scan_index_forward(false)
            .set_limit(i32::try_from(limit).ok())
            .send()
            .await
            .map_err(StateError::while_doing("list quarantined webhooks"))?;
        let next = page_end(answer.last_evaluated_key, keyspace::SK);
        let items = answer.items.unwrap_or_default().into_iter();
        let items = items.filter_map(read_or_report);
        Ok(Page {
            items: items.filter(|webhook| webhook.is_kept(keeping)).collect(),
            next,
        })
    }

    /// Notes which event a quarantined webhook became.
    ///
    /// # Errors
    /// DynamoDB did not answer.
    pub async fn record_replay(
        &self,
        organization: OrganizationId,
        id: QuarantineId,
        event: EventId,
    ) -> Result<(), StateError> {
        // NotYetReplayed. read (not replayed) → accept → [another replay records its event, or somebody
        // deletes the row] → this write: not over the other's event, and no deleted row comes back.
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(place(organization, id)))
            .update_expression("SET replayed_as = :event")
            .condition_expression("attribute_exists(pk) AND attribute_not_exists(replayed_as)")
            .expression_attribute_values(":event", text(event.to_string()))
            .send()
            .await;
        match update {
            Err(error)
                if !error
                    .as_service_error()
                    .is_some_and(|error| error.is_conditional_check_failed_exception()) =>
            {
                Err(StateError::while_doing("record a replay")(error))
            }
            _ => Ok(()),
        }
    }

    /// Deletes a quarantined webhook; deleting what is gone is no error.
    ///
    /// # Errors
    /// DynamoDB did not answer.
    pub async fn delete_quarantined(
        &self,
        organization: OrganizationId,
        id: QuarantineId,
    ) -> Result<(), StateError> {
        self.client
            .delete_item()
            .table_name(&self.table)
            .set_key(Some(place(organization, id)))
            .send()
            .await
            .map_err(StateError::while_doing("delete a quarantined webhook"))?;
        Ok(())
    }
}

fn place(organization: OrganizationId, id: QuarantineId) -> Item {
    key(keyspace::quarantine(organization), id.to_string())
}

/// A webhook, or nothing and an error in the log: one row that cannot be read hides no other.
fn read_or_report(item: Item) -> Option<Quarantined> {
    let id = sort_key(&item).unwrap_or_default().to_owned();
    from_item(item)
        .inspect_err(|error| {
            error!(quarantine.id = id, error = %Chain(error), "a quarantined webhook cannot be read");
        })
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = b"\xff ana@example.com";

    fn relay() -> Relay {
        Relay {
            id: "rly_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap(),
            organization_id: "org_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap(),
            name: String::new(),
            dialect: Dialect::Vec,
            sealed: None,
            hint: String::new(),
            sha256: String::new(),
            created_at: now(),
        }
    }

    fn webhook() -> Quarantined {
        let unreadable = Unreadable {
            relay: &relay(),
            event: Some("ana@example.com".to_owned()),
            error: "unreadable_json".to_owned(),
            message: "the body is not valid JSON".to_owned(),
            faults: Faults::one("/uuid", "required"),
            body: BODY,
            retention: SignedDuration::from_hours(24),
        };
        Quarantined::new(unreadable, now())
    }

    fn now() -> Timestamp {
        "2026-11-21T10:00:00Z".parse().unwrap()
    }

    #[test]
    fn a_webhook_comes_back_as_it_was_kept() {
        let webhook = webhook();
        let mut row = to_item(&webhook).unwrap();
        row.extend(place(relay().organization_id, webhook.id));
        let read: Quarantined = from_item(row).unwrap();
        assert_eq!(read, webhook);
        assert_eq!(read.body().unwrap(), BODY);
        assert_eq!(read.body_length(), BODY.len());
    }

    #[test]
    fn the_clock_decides_until_when_it_is_kept() {
        let webhook = webhook();
        let end = now() + SignedDuration::from_hours(24);
        let year = SignedDuration::from_hours(24 * 365);
        let is_kept = |retention, now| webhook.is_kept(Keeping::all(retention, now));
        assert!(is_kept(year, end - SignedDuration::from_secs(1)));
        assert!(!is_kept(year, end));
        assert!(!is_kept(
            SignedDuration::from_hours(1),
            now() + SignedDuration::from_hours(1)
        ));
    }

    #[test]
    fn nothing_of_the_body_is_shown() {
        assert!(!format!("{:?}", webhook()).contains("ana"));
    }
}
