//! Releasing: what was held while an organization's access was suspended is sent when it returns.
//!
//! A release is a replay, one for each endpoint, that goes over what is held instead of over events. Such
//! deliveries have a partition of their own in the index `due`, in the order of their events: so all of them
//! are found and nothing else is read, however old they are.
//!
//! ```text
//! the billing function: write ACTIVE ── settle ── release reads the index … for five minutes
//! delivery:   read SUSPENDED ── write held ── read the entitlement again
//! ```
//!
//! Either delivery reads after the write of ACTIVE, and wakes up what it held; or what it held was written
//! before that, and so before the release began. The index follows its table a moment later, and a delivery
//! that died before it read again lived for a minute at most: a release goes on looking for longer than both.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use payload::id::{EndpointId, EventId, OrganizationId};
use tracing::error;

use crate::billing::settlement::Release;
use crate::deliveries::Deliveries;
use crate::delivery_key::DeliveryKey;
use crate::delivery_status::DeliveryStatus;
use crate::endpoints::Endpoint;
use crate::error::{Chain, StateError};
use crate::keyspace;
use crate::organization::Organization;
use crate::replay::{Replay, ReplayState};
use crate::replays::Replayer;
use crate::rows::text;

/// Deliveries of one page.
const PAGE: i32 = 100;
/// At most so many are released per second and endpoint, on top of what comes in.
const RELEASED_PER_SECOND: u32 = 10;
/// For so long a release looks for what the index shows late.
const LOOKS_FOR: SignedDuration = SignedDuration::from_mins(5);

impl Replay {
    /// The replay of what is held for an endpoint whose organization has access again.
    pub(crate) fn of_release(
        organization: &Organization,
        endpoint: &Endpoint,
        release: Release,
        now: Timestamp,
    ) -> Self {
        let own_rate = endpoint.rate_per_second.map_or(u32::MAX, u32::from);
        Self {
            id: release.replay(endpoint.id),
            organization_id: organization.id,
            endpoint_id: endpoint.id,
            since: release.held_from.unwrap_or(organization.created_at),
            until: now,
            statuses: vec![DeliveryStatus::Held],
            types: Vec::new(),
            backfill: false,
            even_if_disabled: false,
            dry_run: false,
            is_release: true,
            rate_per_second: RELEASED_PER_SECOND.min(own_rate),
            state: ReplayState::Running,
            after: None,
            next_at: now,
            examined: 0,
            found: BTreeMap::new(),
            replayed: 0,
            created_at: now,
            updated_at: now,
            revision: 0,
        }
    }
}

impl Replayer<'_> {
    /// Releases the next page of what is held; whether there is another one by now.
    pub(crate) async fn release_some(
        &self,
        replay: &mut Replay,
        retention: SignedDuration,
        now: Timestamp,
    ) -> Result<bool, StateError> {
        let page =
            self.deliveries
                .suspended(replay.organization_id, replay.endpoint_id, replay.after);
        let page = page.await?;
        let keys = page.items.iter().copied();
        let mut rows = self.deliveries.recent_rows(keys).await?;
        let mut chosen = Vec::new();
        for key in &page.items {
            match rows.remove(key) {
                Some(Ok(row)) if replay.chooses(&row) => {
                    *replay.found.entry(row.status).or_default() += 1;
                    chosen.push((row, replay.take_turn(now)));
                }
                Some(Err(error)) => {
                    error!(delivery = ?key, error = %Chain(&error), "a delivery cannot be released");
                }
                // Someone was faster, and the index shows it later.
                Some(Ok(_)) | None => {}
            }
        }
        self.send_chosen(replay, chosen, Vec::new(), retention, now)
            .await?;
        replay.examined += page.items.len() as u64;
        replay.after = page.next;
        if replay.after.is_none() && now >= replay.created_at + LOOKS_FOR {
            replay.state = ReplayState::Done;
        }
        let is_saved = self.deliveries.save_replay(replay, now).await?;
        Ok(is_saved && replay.after.is_some())
    }
}

impl Deliveries {
    /// What is held for an endpoint while its organization's access is suspended, oldest event first, after
    /// the one at which an earlier page ended; possibly as it was a moment ago.
    async fn suspended(
        &self,
        organization: OrganizationId,
        endpoint: EndpointId,
        after: Option<EventId>,
    ) -> Result<HeldPage, StateError> {
        let after = after.map(|event| keyspace::due_at(event.created_at(), event, endpoint));
        let answer = self
            .client
            .query()
            .table_name(&self.table)
            .index_name("due")
            .key_condition_expression("due = :suspended AND due_at > :after")
            .expression_attribute_values(
                ":suspended",
                text(keyspace::suspended(organization, endpoint)),
            )
            .expression_attribute_values(":after", text(after.unwrap_or_else(|| " ".to_owned())))
            .limit(PAGE)
            .send()
            .await
            .map_err(StateError::while_doing("list what is held"))?;
        let has_more = answer.last_evaluated_key.is_some();
        let items = answer.items.unwrap_or_default();
        let items: Vec<DeliveryKey> = items.iter().filter_map(DeliveryKey::read).collect();
        let next = items.last().filter(|_| has_more).map(|last| last.event);
        Ok(HeldPage { items, next })
    }
}

struct HeldPage {
    items: Vec<DeliveryKey>,
    next: Option<EventId>,
}
