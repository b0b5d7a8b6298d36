//! The rows of endpoints that fail, in Accounts beside the endpoints: they are read with them.
//!
//! Many environments attempt deliveries to an endpoint at once. Each writes on the revision that it knows,
//! and decides again on top of what stands there when that is another.

use std::time::Duration;

use jiff::Timestamp;

use crate::accounts::Accounts;
use crate::endpoints::Endpoint;
use crate::error::StateError;
use crate::health::{Breaker, Gate, Health, Outcome};
use crate::keyspace;
use crate::rows::{Item, get, is_written, key, number, to_item};

/// How often a row is decided on again on top of what somebody else wrote in between.
const MAX_TRIES: usize = 3;
const READING: &str = "read how an endpoint is doing";
const WRITING: &str = "write how an endpoint is doing";

/// How an endpoint was doing, and is after what was written. `None`: it is well.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the two are said above")]
pub struct HealthChange {
    pub before: Option<Health>,
    pub after: Option<Health>,
}

/// What became of writing a row.
enum Written {
    /// It stands there.
    Stands(Option<Health>),
    /// Somebody else wrote since it was read; this is what stands there.
    Superseded(Option<Health>),
}

impl Accounts {
    /// Writes down what these attempts say of an endpoint; `known` is what was read of it. While others
    /// write the row again and again, what they wrote stands.
    ///
    /// # Errors
    /// DynamoDB did not answer.
    pub async fn note(
        &self,
        endpoint: &Endpoint,
        mut known: Option<Health>,
        outcomes: &[Outcome],
        breaker: Breaker,
        now: Timestamp,
    ) -> Result<HealthChange, StateError> {
        for _ in 0..MAX_TRIES {
            let before = known.clone();
            let judged = breaker.judge(known.clone(), outcomes, now);
            match self.write_health(endpoint, known, judged).await? {
                Written::Stands(after) => return Ok(HealthChange { before, after }),
                Written::Superseded(current) => known = current,
            }
        }
        Ok(HealthChange {
            before: known.clone(),
            after: known,
        })
    }

    /// Asks whether an endpoint may be sent something; what is known of it then. [`Gate::Probe`] is answered
    /// to one who asks, and to the next when that one has had time to make an attempt, which takes at most
    /// `takes`.
    ///
    /// # Errors
    /// DynamoDB did not answer.
    pub async fn admit(
        &self,
        endpoint: &Endpoint,
        mut known: Option<Health>,
        takes: Duration,
        breaker: Breaker,
        now: Timestamp,
    ) -> Result<(Gate, Option<Health>), StateError> {
        for _ in 0..MAX_TRIES {
            let gate = breaker.gate(known.as_ref(), now);
            let (Gate::Probe, Some(health)) = (gate, known.clone()) else {
                return Ok((gate, known));
            };
            let probed = Some(health.probed(takes, now));
            match self.write_health(endpoint, known, probed).await? {
                Written::Stands(health) => return Ok((gate, health)),
                Written::Superseded(current) => known = current,
            }
        }
        Ok((Gate::Wait(takes), known))
    }

    /// How an endpoint is doing, as it stands in its row; `None`: it is well.
    ///
    /// # Errors
    /// DynamoDB did not answer, or the row cannot be read.
    pub async fn health(&self, endpoint: &Endpoint) -> Result<Option<Health>, StateError> {
        get(&self.client, &self.table, health_key(endpoint), READING).await
    }

    /// Forgets how an endpoint was doing, because it is another one from now on.
    ///
    /// # Errors
    /// DynamoDB did not answer.
    pub async fn forget_health(&self, endpoint: &Endpoint) -> Result<(), StateError> {
        let delete = self.client.delete_item().table_name(&self.table);
        let deleted = delete.set_key(Some(health_key(endpoint))).send().await;
        deleted.map_err(StateError::while_doing("forget how an endpoint was doing"))?;
        self.remember_health(endpoint, None);
        Ok(())
    }

    /// Writes a row in place of the one that is known, if it is worth it.
    async fn write_health(
        &self,
        endpoint: &Endpoint,
        known: Option<Health>,
        health: Option<Health>,
    ) -> Result<Written, StateError> {
        let (is_written, mut health) = match (known, health) {
            (None, None) => return Ok(Written::Stands(None)),
            (Some(known), Some(health)) if !health.is_news(&known) => {
                return Ok(Written::Stands(Some(known)));
            }
            (Some(known), None) => (self.delete_health(endpoint, &known).await?, None),
            (known, Some(mut health)) => {
                health.revision = known.map_or(0, |known| known.revision) + 1;
                (self.put_health(endpoint, &health).await?, Some(health))
            }
        };
        if !is_written {
            let current = self.health(endpoint).await?;
            // The SDK repeats a request whose answer was lost: then the row in the way is this one, compared
            // as it is stored, with times cut to milliseconds.
            let stored = health.as_ref().map(to_item).transpose()?;
            let is_own = current.as_ref().map(to_item).transpose()? == stored;
            if !is_own {
                self.remember_health(endpoint, current.as_ref());
                return Ok(Written::Superseded(current));
            }
            health = current;
        }
        self.remember_health(endpoint, health.as_ref());
        Ok(Written::Stands(health))
    }

    async fn put_health(&self, endpoint: &Endpoint, health: &Health) -> Result<bool, StateError> {
        let mut row = to_item(health)?;
        row.extend(health_key(endpoint));
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(row));
        let put = match health.revision.saturating_sub(1) {
            // FirstOfItsStreak. nothing read → [another environment writes of its failure] → this write: not
            // over it. It is decided again, on top of it.
            0 => put.condition_expression("attribute_not_exists(pk)"),
            // UnchangedSinceRead. read (revision n) → [another environment writes n + 1, or a success or the
            // owner removes it] → this write: only on n. So no failure is counted on top of what a success
            // ended, and one of all who ask makes the probe.
            read => put
                .condition_expression("revision = :read")
                .expression_attribute_values(":read", number(&read)),
        };
        is_written(put.send().await, WRITING)
    }

    async fn delete_health(&self, endpoint: &Endpoint, known: &Health) -> Result<bool, StateError> {
        // UnchangedSinceRead. read (revision n) → [another environment writes n + 1 of a later failure] →
        // this removal: only of n. It is decided again, by the times of both.
        let deleted = self
            .client
            .delete_item()
            .table_name(&self.table)
            .set_key(Some(health_key(endpoint)))
            .condition_expression("revision = :read")
            .expression_attribute_values(":read", number(&known.revision))
            .send()
            .await;
        is_written(deleted, WRITING)
    }
}

fn health_key(endpoint: &Endpoint) -> Item {
    key(
        keyspace::organization(endpoint.organization_id),
        keyspace::health(endpoint.id),
    )
}
