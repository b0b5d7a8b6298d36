//! Counters of an endpoint, by day.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use payload::id::{EndpointId, OrganizationId};
use serde::{Deserialize, Serialize};

use crate::accounts::Accounts;
use crate::error::StateError;
use crate::keyspace;
use crate::rows::{from_item, key, number, text};

/// How long a day's counters are kept.
const KEPT_SECONDS: i64 = 400 * 86_400;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// A delivery that was not sent: the event cannot be said in the endpoint's dialect.
    Skipped,
}

impl Count {
    const fn attribute(self) -> &'static str {
        match self {
            Self::Skipped => "skipped",
        }
    }
}

/// The counters of one endpoint on one day, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayStats {
    /// The day.
    pub day: Date,
    /// Deliveries that were not sent: the event cannot be said in the endpoint's dialect.
    #[serde(default)]
    pub skipped: u64,
}

impl Accounts {
    /// Counts one.
    ///
    /// # Errors
    /// DynamoDB did not take it.
    pub async fn count(
        &self,
        organization: OrganizationId,
        endpoint: EndpointId,
        what: Count,
        now: Timestamp,
    ) -> Result<(), StateError> {
        let day = now.to_zoned(TimeZone::UTC).date();
        self.client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key(
                keyspace::organization(organization),
                keyspace::stats(endpoint, day),
            )))
            .update_expression("SET #day = :day, #ttl = :ttl ADD #count :one")
            .expression_attribute_names("#day", "day")
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_names("#count", what.attribute())
            .expression_attribute_values(":day", text(day.to_string()))
            .expression_attribute_values(":ttl", number(&(now.as_second() + KEPT_SECONDS)))
            .expression_attribute_values(":one", number(&1))
            .send()
            .await
            .map_err(StateError::while_doing("count"))?;
        Ok(())
    }

    /// The counters of an endpoint, newest day first, at most `limit` days. A day on which nothing was
    /// counted is not there.
    ///
    /// # Errors
    /// DynamoDB did not answer.
    pub async fn stats(
        &self,
        organization: OrganizationId,
        endpoint: EndpointId,
        limit: i32,
    ) -> Result<Vec<DayStats>, StateError> {
        let answer = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :organization AND begins_with(sk, :endpoint)")
            .expression_attribute_values(
                ":organization",
                text(keyspace::organization(organization)),
            )
            .expression_attribute_values(":endpoint", text(keyspace::stats_of(endpoint)))
            .scan_index_forward(false)
            .limit(limit)
            .send()
            .await
            .map_err(StateError::while_doing("read counters"))?;
        let items = answer.items.unwrap_or_default();
        items.into_iter().map(from_item).collect()
    }
}
