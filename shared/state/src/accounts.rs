//! The table Accounts: organizations with their endpoints, keys and relays.

use std::collections::HashMap;
use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use jiff::Timestamp;
use payload::event_type::EventType;
use payload::id::{EndpointId, OrganizationId};

use crate::audit_log::{Action, Actor, AuditLine, Changes};
use crate::billing::Entitled;
use crate::bounded::Bounded;
use crate::cache::Cache;
use crate::endpoints::{DisabledReason, Endpoint};
use crate::error::StateError;
use crate::health::Health;
use crate::keys::KeyRecord;
use crate::keyspace::{self, ENDPOINT_PREFIX, ENTITLEMENT, ORGANIZATION, SIGNING_KEY_PREFIX};
use crate::organization::Organization;
use crate::relays::Relay;
use crate::rows::{Item, from_item, key, sort_key, text, to_item};
use crate::signing_keys::SigningKey;
use crate::transaction::Logged;

/// An organization with its endpoints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The organization.
    pub organization: Organization,
    /// All its endpoints, oldest first.
    pub endpoints: Vec<Endpoint>,
    /// Its key pairs, oldest first, those that were replaced too.
    pub signing_keys: Vec<SigningKey>,
    /// How those of them are doing that fail.
    pub health: HashMap<EndpointId, Health>,
    /// What it is entitled to, if it ever was to anything.
    pub entitlement: Option<Entitled>,
}

impl Account {
    /// The endpoint with this id.
    pub fn endpoint(&self, id: EndpointId) -> Option<&Endpoint> {
        self.endpoints.iter().find(|endpoint| endpoint.id == id)
    }

    /// The endpoints that want events of this type. Disabled ones too: their deliveries are held.
    pub fn subscribers(&self, event_type: EventType) -> Vec<EndpointId> {
        let wants = |endpoint: &&Endpoint| endpoint.event_types.includes(event_type);
        self.endpoints
            .iter()
            .filter(wants)
            .map(|endpoint| endpoint.id)
            .collect()
    }
}

/// The table, with what was read from it in the last seconds.
#[derive(Debug)]
pub struct Accounts {
    pub(crate) client: Client,
    pub(crate) table: String,
    accounts: Cache<OrganizationId, Arc<Account>>,
    pub(crate) keys: Cache<String, KeyRecord>,
    pub(crate) relays: Cache<String, Relay>,
}

impl Accounts {
    /// The table of this name.
    pub fn new(client: Client, table: String) -> Self {
        Self {
            client,
            table,
            accounts: Cache::default(),
            keys: Cache::default(),
            relays: Cache::default(),
        }
    }

    /// An organization with its endpoints, possibly a few seconds old.
    ///
    /// # Errors
    /// DynamoDB did not answer.
    pub async fn account(
        &self,
        id: OrganizationId,
        now: Timestamp,
    ) -> Result<Option<Arc<Account>>, StateError> {
        if let Some(account) = self.accounts.get(&id, now) {
            return Ok(Some(account));
        }
        self.refresh(id, now).await
    }

    /// The same as it is now, remembered for those who ask next.
    ///
    /// # Errors
    /// DynamoDB did not answer.
    pub async fn refresh(
        &self,
        id: OrganizationId,
        now: Timestamp,
    ) -> Result<Option<Arc<Account>>, StateError> {
        let account = self.read_account(id).await?.map(Arc::new);
        match &account {
            Some(account) => self.accounts.put(id, Arc::clone(account), now),
            None => self.accounts.forget(&id),
        }
        Ok(account)
    }

    /// What was read of an organization is old.
    pub(crate) fn forget_account(&self, id: OrganizationId) {
        self.accounts.forget(&id);
    }

    /// Remembers how an endpoint is doing for those who ask next; `None`: it is well.
    pub(crate) fn remember_health(&self, endpoint: &Endpoint, health: Option<&Health>) {
        self.accounts.update(&endpoint.organization_id, |account| {
            let known = &mut Arc::make_mut(account).health;
            match health {
                Some(health) => known.insert(endpoint.id, health.clone()),
                None => known.remove(&endpoint.id),
            };
        });
    }

    /// An organization with its endpoints, as it is now.
    ///
    /// # Errors
    /// DynamoDB did not answer.
    pub async fn read_account(&self, id: OrganizationId) -> Result<Option<Account>, StateError> {
        let mut pages = self
            .client
            .query()
            .table_name(&self.table)
            .consistent_read(true)
            .key_condition_expression("pk = :organization AND sk BETWEEN :first AND :last")
            .expression_attribute_values(":organization", text(keyspace::organization(id)))
            .expression_attribute_values(":first", text(ENDPOINT_PREFIX))
            .expression_attribute_values(":last", text(ORGANIZATION))
            .into_paginator()
            .send();
        let mut organization = None;
        let mut endpoints = Vec::new();
        let mut signing_keys = Vec::new();
        let mut health = HashMap::new();
        let mut entitlement = None;
        while let Some(page) = pages.next().await {
            for item in page
                .map_err(StateError::while_doing("read an organization"))?
                .items
                .unwrap_or_default()
            {
                match sort_key(&item) {
                    Some(ORGANIZATION) => organization = Some(from_item(item)?),
                    Some(ENTITLEMENT) => entitlement = Some(from_item(item)?),
                    Some(sk) if sk.starts_with(ENDPOINT_PREFIX) => endpoints.push(from_item(item)?),
                    Some(sk) if sk.starts_with(SIGNING_KEY_PREFIX) => {
                        signing_keys.push(from_item(item)?);
                    }
                    Some(sk) => {
                        if let Some(endpoint) = keyspace::health_of(sk) {
                            health.insert(endpoint, from_item(item)?);
                        }
                    }
                    None => {}
                }
            }
        }
        Ok(organization.map(|organization| Account {
            organization,
            endpoints,
            signing_keys,
            health,
            entitlement,
        }))
    }

    /// Writes a new endpoint; `false` when its organization has as many as it may.
    ///
    /// # Errors
    /// DynamoDB did not take it.
    pub async fn create_endpoint(
        &self,
        endpoint: &Endpoint,
        line: &AuditLine,
    ) -> Result<bool, StateError> {
        let (organization, doing) = (endpoint.organization_id, "create an endpoint");
        let put = [self.put_new(self.endpoint_row(endpoint)?)];
        let created = self.create_within(organization, Bounded::Endpoints, &put, line, doing);
        let created = created.await;
        self.accounts.forget(&organization);
        created
    }

    /// Writes a changed endpoint; `false` when someone else changed or deleted it in between.
    ///
    /// # Errors
    /// DynamoDB did not answer.
    pub async fn update_endpoint(
        &self,
        endpoint: &Endpoint,
        line: &AuditLine,
    ) -> Result<bool, StateError> {
        let row = self.endpoint_row(endpoint)?;
        let put = self.put_on_read(row, endpoint.revision.saturating_sub(1));
        let logged = self.write_logged([put], line, "change an endpoint").await;
        self.accounts.forget(&endpoint.organization_id);
        Ok(logged? == Logged::Written)
    }

    /// Disables an endpoint, and answers with what it is then; nothing when someone changed it since it was
    /// read: what spoke against it was about what it was before.
    ///
    /// # Errors
    /// DynamoDB did not answer.
    pub async fn disable_endpoint(
        &self,
        endpoint: &Endpoint,
        reason: DisabledReason,
        now: Timestamp,
    ) -> Result<Option<Endpoint>, StateError> {
        let disabled = endpoint.switched_off(reason, now);
        let (actor, action) = (Actor::Certhooks, Action::EndpointDisabled);
        let changes = Changes::of_disabling(reason);
        let organization = endpoint.organization_id;
        let line = AuditLine::new(organization, actor, action, &endpoint.id, changes, now);
        let is_written = self.update_endpoint(&disabled, &line).await?;
        Ok(is_written.then_some(disabled))
    }

    /// Deletes an endpoint; deleting what is gone is no error.
    ///
    /// # Errors
    /// DynamoDB did not answer.
    pub async fn delete_endpoint(
        &self,
        organization: OrganizationId,
        id: EndpointId,
        line: &AuditLine,
    ) -> Result<(), StateError> {
        let doing = "delete an endpoint";
        let place = key(keyspace::organization(organization), keyspace::endpoint(id));
        let delete = self.delete_in_transaction(place);
        let logged = self.write_logged([delete], line, doing).await?;
        self.accounts.forget(&organization);
        logged.unless_refused(doing).map(drop)
    }

    fn endpoint_row(&self, endpoint: &Endpoint) -> Result<Item, StateError> {
        let mut row = to_item(endpoint)?;
        row.extend(key(
            keyspace::organization(endpoint.organization_id),
            keyspace::endpoint(endpoint.id),
        ));
        Ok(row)
    }
}
