//! Replays: their rows in Deliveries, and the work on them.
//!
//! A replay goes over its events, oldest first, a page at a time: it writes each chosen delivery's row,
//! sends the wake-ups, keeps how far it got. A crash in between repeats the page, and what the page has
//! done already shows in the rows.

use std::collections::HashMap;
use std::time::Duration;

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use jiff::{SignedDuration, Timestamp};
use payload::id::{EndpointId, OrganizationId, ReplayId};
use serde::Serialize;
use tracing::error;

use crate::accepted_event::AcceptedEvent;
use crate::accounts::{Account, Accounts};
use crate::audit_log::Logging;
use crate::billing::Billing;
use crate::deliveries::Deliveries;
use crate::delivery::Delivery;
use crate::delivery_key::DeliveryKey;
use crate::endpoints::Endpoint;
use crate::error::{Chain, StateError};
use crate::events::Events;
use crate::jobs::Slot;
use crate::keyspace::{self, PK, SK};
use crate::queue::{DeliveryQueue, WakeUp};
use crate::replay::{Replay, ReplayState};
use crate::restart::Restart;
use crate::rows::{self, Item, Page, from_item, key, page_end, text, to_item};

/// Events of one page.
const PAGE: usize = 100;
/// Rows that are written side by side.
const WRITES_AT_ONCE: usize = 10;
/// How long it is kept how far a replay got.
const KEPT_FOR: SignedDuration = SignedDuration::from_hours(24 * 90);

/// What working on replays needs.
#[derive(Debug, Clone, Copy)]
pub struct Replayer<'a> {
    /// Whether access is sold.
    pub billing: Billing,
    /// The table of organizations.
    pub accounts: &'a Accounts,
    /// The table of events.
    pub events: &'a Events,
    /// The table of deliveries.
    pub deliveries: &'a Deliveries,
    /// The queue.
    pub queue: &'a DeliveryQueue,
    /// How long deliveries are kept where their organization does not say.
    pub retention: SignedDuration,
}

#[derive(Serialize)]
struct ReplayRow<'a> {
    #[serde(flatten)]
    replay: &'a Replay,
    /// Keys of the index `due`, as long as it goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    due: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    due_at: Option<ReplayId>,
    ttl: i64,
}

impl Replayer<'_> {
    /// The endpoint that a replay goes to, as long as it may. While the access is suspended it may, but for a
    /// release: what it sends is held.
    fn target<'a>(
        &self,
        replay: &Replay,
        account: Option<&'a Account>,
        now: Timestamp,
    ) -> Option<&'a Endpoint> {
        let account = account?;
        let endpoint = account.endpoint(replay.endpoint_id)?;
        let access = self.billing.access(account, now);
        let has_access = match replay.is_release {
            true => access.sends(),
            false => access.records(),
        };
        let may_be_sent = has_access && (endpoint.enabled || replay.even_if_disabled);
        (may_be_sent || replay.dry_run).then_some(endpoint)
    }

    /// Sends the next page of a replay; `false` when there is nothing more to do for now: it is over, far
    /// enough ahead, or somebody else works on it.
    ///
    /// # Errors
    /// Something was not read, written or sent. The next call does it again.
    pub async fn advance(&self, replay: &mut Replay, now: Timestamp) -> Result<bool, StateError> {
        if !replay.may_go_on(now) {
            return Ok(false);
        }
        let organization = replay.organization_id;
        let mut account = self.accounts.account(organization, now).await?;
        if self.target(replay, account.as_deref(), now).is_none() {
            // What was read seconds ago may be older than the endpoint, or the payment.
            account = self.accounts.refresh(organization, now).await?;
        }
        let target = self.target(replay, account.as_deref(), now);
        let Some((account, endpoint)) = account.as_deref().zip(target) else {
            replay.state = ReplayState::Stopped;
            self.deliveries.save_replay(replay, now).await?;
            return Ok(false);
        };
        let retention = account.organization.retention(self.retention);
        if replay.is_release {
            return self.release_some(replay, retention, now).await;
        }
        // What was kept when the replay began may not be kept any more.
        let oldest = account.organization.keeping(self.retention, now).oldest();
        let since = replay.since.max(oldest).min(replay.until);
        let after = replay.after.filter(|after| after.created_at() >= since);
        let page = self.events.accepted_between(
            replay.organization_id,
            after,
            (since, replay.until),
            PAGE,
        );
        let page = page.await?;
        let wanted: Vec<&AcceptedEvent> = page
            .items
            .iter()
            .filter(|event| replay.wants(event, endpoint))
            .collect();
        let keys = wanted.iter().map(|event| event.delivery(endpoint.id));
        let rows = self.deliveries.recent_rows(keys).await?;
        self.send_page(replay, &wanted, rows, retention, now)
            .await?;

        replay.examined += page.items.len() as u64;
        match page.next {
            Some(next) => replay.after = next.parse().ok(),
            None => replay.state = ReplayState::Done,
        }
        let is_saved = self.deliveries.save_replay(replay, now).await?;
        Ok(is_saved && replay.state == ReplayState::Running)
    }

    async fn send_page(
        &self,
        replay: &mut Replay,
        wanted: &[&AcceptedEvent],
        mut rows: HashMap<DeliveryKey, Result<Delivery, StateError>>,
        retention: SignedDuration,
        now: Timestamp,
    ) -> Result<(), StateError> {
        let mut chosen = Vec::new();
        let mut wake_ups = Vec::new();
        for event in wanted {
            let key = event.delivery(replay.endpoint_id);
            let delivery = match rows.remove(&key) {
                // Its first wake-up is on its way.
                None if event.is_new_to(replay.endpoint_id, now) => continue,
                None => Delivery::pending(key, event.event_type),
                Some(Ok(row)) => row,
                Some(Err(error)) => {
                    error!(delivery = ?key, error = %Chain(&error), "a delivery cannot be replayed");
                    continue;
                }
            };
            if replay.chooses(&delivery) {
                *replay.found.entry(delivery.status).or_default() += 1;
                if !replay.dry_run {
                    chosen.push((delivery, replay.take_turn(now)));
                }
            } else if replay.has_begun(&delivery) {
                wake_ups.push((delivery.wake_up(), delivery.wait(now)));
            }
        }
        self.send_chosen(replay, chosen, wake_ups, retention, now)
            .await
    }

    /// Starts these deliveries again, each at its time, and sends their wake-ups beside others.
    pub(crate) async fn send_chosen(
        &self,
        replay: &mut Replay,
        chosen: Vec<(Delivery, Timestamp)>,
        mut wake_ups: Vec<(WakeUp, Duration)>,
        retention: SignedDuration,
        now: Timestamp,
    ) -> Result<(), StateError> {
        let this = &*replay;
        let writes: Vec<_> = chosen
            .into_iter()
            .map(|(delivery, at)| {
                let restart = Restart {
                    at,
                    by: Some(this.id),
                    even_if_disabled: this.even_if_disabled,
                };
                let chooses = |current: &Delivery| this.chooses(current);
                self.deliveries
                    .restart(delivery, restart, chooses, retention, now)
            })
            .collect();
        let written = stream::iter(writes).buffered(WRITES_AT_ONCE);
        let written: Vec<Option<Delivery>> = written.try_collect().await?;
        let written = written.iter().flatten();
        wake_ups.extend(written.map(|row| (row.wake_up(), row.wait(now))));
        self.queue.send(&wake_ups).await?;
        replay.replayed += wake_ups.len() as u64;
        Ok(())
    }
}

/// The row of a replay as it is written next.
fn next_row(replay: &mut Replay, now: Timestamp) -> Result<Item, StateError> {
    replay.revision += 1;
    replay.updated_at = now;
    let is_active = replay.state == ReplayState::Running;
    let mut row = to_item(&ReplayRow {
        replay,
        due: is_active.then_some(keyspace::ACTIVE_REPLAYS),
        due_at: is_active.then_some(replay.id),
        ttl: (replay.created_at + KEPT_FOR).as_second(),
    })?;
    let partition = keyspace::replays(replay.organization_id);
    row.extend(key(partition, replay.id.to_string()));
    Ok(row)
}

impl Deliveries {
    /// Writes a new replay that nobody has asked for.
    ///
    /// # Errors
    /// DynamoDB did not take it.
    pub(crate) async fn create_replay(&self, replay: &mut Replay) -> Result<(), StateError> {
        // The id is new: a row in the way is this one, written by a request whose answer was lost.
        self.save_replay(replay, replay.created_at).await.map(drop)
    }

    /// Writes a new replay that somebody has asked for; `false` when another one began since its slot was looked
    /// for.
    ///
    /// # Errors
    /// DynamoDB did not answer.
    pub async fn begin_replay(
        &self,
        replay: &mut Replay,
        slot: Slot,
        line: Logging,
    ) -> Result<bool, StateError> {
        let mut begun = replay.clone();
        let row = next_row(&mut begun, replay.created_at)?;
        let doing = "begin a replay";
        let is_written = self
            .begin(row, slot, line, replay.created_at, doing)
            .await?;
        if is_written {
            *replay = begun;
        }
        Ok(is_written)
    }

    /// Keeps how far a replay got; `false` when somebody else works on it, or stopped it.
    ///
    /// # Errors
    /// DynamoDB did not answer.
    pub async fn save_replay(
        &self,
        replay: &mut Replay,
        now: Timestamp,
    ) -> Result<bool, StateError> {
        let read = replay.revision;
        let row = next_row(replay, now)?;
        // UnchangedSinceRead. read (revision n) → [recovery gets further, or someone cancels: n + 1] → this
        // write: only on n, so that two do not count the same page and a cancelled replay stays so.
        let doing = "keep how far a replay got";
        rows::put_on_revision(&self.client, &self.table, row, read, doing).await
    }

    /// A replay of an organization.
    ///
    /// # Errors
    /// DynamoDB did not answer.
    pub async fn replay(
        &self,
        organization: OrganizationId,
        id: ReplayId,
    ) -> Result<Option<Replay>, StateError> {
        let key = key(keyspace::replays(organization), id.to_string());
        rows::get(&self.client, &self.table, key, "read a replay").await
    }

    /// Replays of an endpoint, newest first, before `before`. A page may hold fewer than `limit`.
    ///
    /// # Errors
    /// DynamoDB did not answer.
    pub async fn replays(
        &self,
        organization: OrganizationId,
        endpoint: EndpointId,
        before: Option<ReplayId>,
        limit: i32,
    ) -> Result<Page<Replay>, StateError> {
        let before = before.map_or_else(|| "rpl_~".to_owned(), |id| id.to_string());
        let answer = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("#pk = :replays AND #sk < :before")
            .filter_expression("endpoint_id = :endpoint")
            .expression_attribute_names("#pk", PK)
            .expression_attribute_names("#sk", SK)
            .expression_attribute_values(":replays", text(keyspace::replays(organization)))
            .expression_attribute_values(":before", text(before))
            .expression_attribute_values(":endpoint", text(endpoint.to_string()))
            .scan_index_forward(false)
            .limit(limit)
            .send()
            .await
            .map_err(StateError::while_doing("list replays"))?;
        let next = page_end(answer.last_evaluated_key, SK);
        let items = answer.items.unwrap_or_default();
        let items = items.into_iter().map(from_item).collect::<Result<_, _>>()?;
        Ok(Page { items, next })
    }

    /// Replays that go on, of all organizations, oldest first, after the place at which an earlier page ended.
    ///
    /// # Errors
    /// DynamoDB did not answer.
    pub async fn active_replays(
        &self,
        after: Option<&str>,
    ) -> Result<Page<(OrganizationId, ReplayId)>, StateError> {
        self.active(keyspace::ACTIVE_REPLAYS, after, "list active replays")
            .await
    }
}
