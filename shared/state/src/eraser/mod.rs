//! The work on an erasure: looking for what is about a person, and removing it.

mod answers;
mod credentials;
mod events;
mod quarantine;

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use jiff::{SignedDuration, Timestamp};
use payload::email::Sought;
use tracing::{error, info};

use crate::accounts::Accounts;
use crate::clock::Clock;
use crate::credentials::Credentials;
use crate::deliveries::Deliveries;
use crate::erasure::{Erasure, ErasureState, Found, Step};
use crate::error::{Chain, StateError};
use crate::events::{Events, month_of};
use crate::keyspace::{self, SK};
use crate::organization::Organization;
use crate::rows::{Item, key, page_end, sort_key, text};

/// Rows of one page.
const PAGE: i32 = 100;
/// How often a delivery is written again on top of what somebody else wrote in between.
const MAX_TRIES: usize = 16;
/// Rows that are removed side by side.
const REMOVED_AT_ONCE: usize = 10;

/// What working on erasures needs.
#[derive(Debug, Clone, Copy)]
pub struct Eraser<'a> {
    /// The table of organizations.
    pub accounts: &'a Accounts,
    /// The table of credentials.
    pub credentials: &'a Credentials,
    /// The table of events.
    pub events: &'a Events,
    /// The table of deliveries.
    pub deliveries: &'a Deliveries,
    /// How long deliveries are kept where their organization does not say.
    pub retention: SignedDuration,
}

/// One page of an erasure.
struct Looking<'a> {
    erasure: &'a Erasure,
    organization: &'a Organization,
    sought: Sought,
}

impl Looking<'_> {
    /// What came from then on came after the erasure was asked for.
    fn until(&self) -> Timestamp {
        self.erasure.asked_until()
    }

    /// What was accepted from then on was completed with nothing of what was there.
    fn completed_until(&self) -> Timestamp {
        self.erasure.completed_until().max(self.until())
    }
}

impl Eraser<'_> {
    /// Removes what is about the person in the next page; `false` when there is nothing more to do: it is over,
    /// somebody else works on it, or it waits for events that are being written. `as_of` is what it waits by.
    ///
    /// # Errors
    /// Something was not read or written. The next call does it again.
    pub async fn advance(
        &self,
        erasure: &mut Erasure,
        as_of: Timestamp,
        clock: Clock,
    ) -> Result<bool, StateError> {
        let now = clock.read();
        let Some(sought) = erasure.sought().filter(|_| !erasure.is_early(as_of)) else {
            return Ok(false);
        };
        let account = self.accounts.account(erasure.organization_id, now).await?;
        let account = account.ok_or_else(|| StateError::unreadable("find an organization"))?;
        let organization = &account.organization;
        if erasure.in_hand.is_empty() {
            let looking = Looking {
                erasure,
                organization,
                sought,
            };
            let found = self.look(&looking).await?;
            let has_found = !found.theirs.is_empty();
            erasure.take(found);
            // Before anything is removed: what is gone would not be found, or counted, again.
            if has_found && !self.deliveries.save_erasure(erasure, now).await? {
                return Ok(false);
            }
        }
        self.remove(erasure, organization, now).await?;
        erasure.move_on(clock.now());
        let is_over = erasure.state == ErasureState::Done;
        if is_over {
            self.accounts.log(&erasure.completed()).await?;
        }
        let is_saved = self.deliveries.save_erasure(erasure, now).await?;
        if is_saved && is_over {
            let erased = &erasure.erased;
            info!(erasure.id = %erasure.id, organization.id = %erasure.organization_id,
                recipients = erased.recipients, credentials = erased.credentials, events = erased.events,
                deliveries = erased.deliveries, answers = erased.answers, quarantined = erased.quarantined,
                unreadable = erasure.unreadable, "erased a person");
        }
        Ok(is_saved && !is_over)
    }

    async fn look(&self, looking: &Looking<'_>) -> Result<Found, StateError> {
        match looking.erasure.step {
            Step::Recipients => self.look_for_recipients(looking).await,
            Step::Credentials => self.look_for_credentials(looking).await,
            Step::Series => self.look_for_series(looking).await,
            Step::Events => self.look_for_events(looking).await,
            Step::Answers => self.look_for_answers(looking).await,
            Step::Quarantine => self.look_for_quarantined(looking).await,
        }
    }

    /// The next rows of Events or Deliveries, and where they go on: a month after the other, from the last one that
    /// is covered back to the one in which the organization was made, each from its beginning.
    async fn rows_of_month(
        &self,
        table: &str,
        looking: &Looking<'_>,
    ) -> Result<(Vec<Item>, Option<String>), StateError> {
        let Looking {
            erasure,
            organization,
            ..
        } = looking;
        let newest = || month_of(looking.completed_until());
        let place = erasure.place.clone().unwrap_or_else(newest);
        let (month, after) = match place.split_once('/') {
            Some((month, after)) => (month, Some(after)),
            None => (place.as_str(), None),
        };
        let partition = keyspace::month(organization.id, month);
        let answer = self
            .events
            .client
            .query()
            .table_name(table)
            .consistent_read(true)
            .key_condition_expression("pk = :partition")
            .expression_attribute_values(":partition", text(&partition))
            .set_exclusive_start_key(after.map(|after| key(&partition, after)))
            .limit(PAGE)
            .send()
            .await
            .map_err(StateError::while_doing("go through what is to be erased"))?;
        let last = page_end(answer.last_evaluated_key, SK);
        let earlier = || {
            let month = keyspace::previous_month(month);
            month.filter(|month| *month >= month_of(organization.created_at))
        };
        let next = last.map(|last| format!("{month}/{last}")).or_else(earlier);
        Ok((answer.items.unwrap_or_default(), next))
    }

    /// Removes all that is in hand, whatever of it is gone already.
    async fn remove(
        &self,
        erasure: &mut Erasure,
        organization: &Organization,
        now: Timestamp,
    ) -> Result<(), StateError> {
        let step = erasure.step;
        let until = erasure.asked_until();
        let removing: Vec<_> = erasure
            .in_hand
            .iter()
            .map(async |id| match step {
                Step::Recipients => self.remove_recipient(organization.id, id).await,
                Step::Credentials => self.remove_credential(organization.id, id, until).await,
                Step::Series => self.remove_series(organization.id, id).await,
                Step::Events => self.remove_event(organization, id, now).await,
                Step::Answers => self.remove_answer(organization, id, now).await,
                Step::Quarantine => self.remove_quarantined(organization.id, id).await,
            })
            .collect();
        let removed = stream::iter(removing).buffer_unordered(REMOVED_AT_ONCE);
        let deliveries: Vec<u64> = removed.try_collect().await?;
        erasure.erased.deliveries += deliveries.into_iter().sum::<u64>();
        Ok(())
    }
}

/// What a page holds of the person.
fn found(
    items: Vec<Item>,
    last: Option<Item>,
    mut is_theirs: impl FnMut(Item) -> Result<Option<String>, StateError>,
) -> Found {
    let mut found = Found {
        next: page_end(last, SK),
        ..Found::default()
    };
    for item in items {
        found.examined += 1;
        let key = sort_key(&item).unwrap_or_default();
        // Of a row in Credentials the key may be somebody's: of it only the kind is told.
        let kind = key.split(['#', '_']).next().unwrap_or_default().to_owned();
        match is_theirs(item) {
            Ok(theirs) => found.theirs.extend(theirs),
            Err(error) => {
                error!(row = kind, error = %Chain(&error), "whose a row is cannot be read: it is not erased");
                found.unreadable += 1;
            }
        }
    }
    found
}
