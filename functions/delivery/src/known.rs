//! What a batch of wake-ups is about, read with as few requests as possible.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use payload::id::{EventId, OrganizationId};
use state::{
    Account, Billing, Chain, Delivery as Row, DeliveryKey, Endpoint, Found, Health, Keeping,
    Limited, Places, StateError, StoredEvent,
};
use tracing::error;

use crate::handler::{Delivery, Received};
use crate::plan::{Plan, may_have_begun, plan};

/// Rows, events and accounts of a batch.
pub(crate) struct Known {
    rows: HashMap<DeliveryKey, Row>,
    /// Events with a row that cannot be read.
    unreadable: HashSet<EventId>,
    events: HashMap<EventId, StoredEvent>,
    places: HashMap<Limited, Places>,
    accounts: HashMap<OrganizationId, Arc<Account>>,
    /// Organizations that could not be read. What is another one's does not wait for them.
    unread: HashSet<OrganizationId>,
    billing: Billing,
    retention: SignedDuration,
}

impl Known {
    /// One request for rows, events and what is known of the endpoints' limits, one for each organization that is not remembered.
    pub(crate) async fn read(
        delivery: &Delivery,
        batch: &[Received],
        now: Timestamp,
    ) -> Result<Self, StateError> {
        let key = |received: &Received| received.wake_up.delivery();
        let begun = batch
            .iter()
            .filter(|received| may_have_begun(&received.wake_up, received.redelivered, now));
        let events = batch
            .iter()
            .map(key)
            .map(|key| (key.organization, key.event));
        let limited = batch.iter().map(key).flat_map(|key| {
            [
                Limited::Endpoint(key.endpoint),
                Limited::Organization(key.organization),
            ]
        });
        let places = delivery.limits.keys(limited);
        let found = delivery.deliveries.read(begun.map(key), events, places);
        let Found {
            rows,
            events,
            unreadable,
            places,
        } = found.await?;

        let mut known = Self {
            rows,
            unreadable,
            events,
            places,
            accounts: HashMap::new(),
            unread: HashSet::new(),
            billing: delivery.billing,
            retention: delivery.retention,
        };
        let mut doubtful = HashSet::new();
        for DeliveryKey {
            organization,
            endpoint,
            ..
        } in batch.iter().map(key)
        {
            if !known.accounts.contains_key(&organization) && !known.unread.contains(&organization)
            {
                let account = delivery.accounts.account(organization, now).await;
                known.take(organization, account);
            }
            let account = known.account(organization);
            let endpoint = account.and_then(|account| account.endpoint(endpoint));
            let sends = |account| delivery.billing.access(account, now).sends();
            if !endpoint.is_some_and(|endpoint| endpoint.enabled) || !account.is_some_and(sends) {
                doubtful.insert(organization);
            }
        }
        // What was read seconds ago may be older than the endpoint or the payment, and holding its deliveries
        // or cancelling them would be for good: so an endpoint that is missing or disabled is looked at again,
        // and so is an organization without access.
        for organization in doubtful.difference(&known.unread.clone()) {
            let account = delivery.accounts.refresh(*organization, now).await;
            known.take(*organization, account);
        }
        Ok(known)
    }

    fn take(
        &mut self,
        organization: OrganizationId,
        account: Result<Option<Arc<Account>>, StateError>,
    ) {
        self.accounts.remove(&organization);
        match account {
            Ok(account) => self
                .accounts
                .extend(account.map(|account| (organization, account))),
            Err(error) => {
                error!(organization.id = %organization, error = %Chain(&error), "its wake-ups come back");
                self.unread.insert(organization);
            }
        }
    }

    /// What a wake-up leads to.
    ///
    /// # Errors
    /// Its event or its organization cannot be read.
    pub(crate) fn plan(&self, received: &Received, now: Timestamp) -> Result<Plan<'_>, StateError> {
        let key = received.wake_up.delivery();
        if self.unreadable.contains(&key.event) || self.unread.contains(&key.organization) {
            return Err(StateError::unreadable("read what the wake-up is about"));
        }
        let event = self.events.get(&key.event);
        let (row, account) = (self.rows.get(&key), self.account(key.organization));
        let keeping = account.map_or_else(
            || Keeping::all(self.retention, now),
            |account| account.organization.keeping(self.retention, now),
        );
        let event = event.filter(|event| event.is_kept(keeping));
        let account = account.map(|account| (account, self.billing.access(account, now)));
        Ok(plan(received, row, event, account, now))
    }

    /// How many requests are open, as far as they are counted.
    pub(crate) fn places(&self, of: Limited) -> Places {
        self.places.get(&of).cloned().unwrap_or_default()
    }

    /// The endpoint of a wake-up.
    pub(crate) fn endpoint(&self, received: &Received) -> Option<&Endpoint> {
        let key = received.wake_up.delivery();
        self.account(key.organization)?.endpoint(key.endpoint)
    }

    /// How an endpoint is doing; `None`: it is well.
    pub(crate) fn health(&self, endpoint: &Endpoint) -> Option<&Health> {
        let account = self.account(endpoint.organization_id)?;
        account.health.get(&endpoint.id)
    }

    /// The account of an organization.
    pub(crate) fn account(&self, organization: OrganizationId) -> Option<&Account> {
        self.accounts.get(&organization).map(Arc::as_ref)
    }
}
