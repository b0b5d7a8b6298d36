//! Certificates that may be the same one, asked for again: those of a source that gives them no id.

use std::collections::BTreeSet;

use jiff::Timestamp;
use payload::id::OrganizationId;
use payload::timestamp;
use serde::{Deserialize, Serialize};

use crate::credentials::Credentials;
use crate::error::StateError;
use crate::keyspace;
use crate::rows::{key, put, to_item};

/// The last two certificates of a series.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct SeriesRow {
    credential_id: String,
    /// Still known when the event of the last one is begun again after a crash.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    previous: Option<String>,
    #[serde(serialize_with = "timestamp::serialize")]
    updated_at: Timestamp,
}

impl SeriesRow {
    /// Whether one of these credentials is the last certificate of the series, or the one before.
    pub(crate) fn is_of_any(&self, credentials: &BTreeSet<String>) -> bool {
        let mut of_series = [Some(&self.credential_id), self.previous.as_ref()].into_iter();
        of_series.any(|it| it.is_some_and(|it| credentials.contains(it)))
    }

    /// Whether there was a certificate of the series beside this one.
    pub(crate) fn has_another(&self, credential: Option<&String>) -> bool {
        let mut of_series = [Some(&self.credential_id), self.previous.as_ref()].into_iter();
        of_series.any(|other| other.is_some() && other != credential)
    }
}

impl Credentials {
    /// The last one wins: it only has to be known that there was another.
    pub(crate) async fn remember_series(
        &self,
        (organization, series): (OrganizationId, &str),
        credential: &str,
        recalled: Option<SeriesRow>,
        now: Timestamp,
    ) -> Result<(), StateError> {
        if recalled
            .as_ref()
            .is_some_and(|row| row.credential_id == credential)
        {
            return Ok(());
        }
        let mut row = to_item(&SeriesRow {
            credential_id: credential.to_owned(),
            previous: recalled.map(|row| row.credential_id),
            updated_at: now,
        })?;
        row.extend(key(
            keyspace::organization(organization),
            keyspace::series(series),
        ));
        let doing = "remember a certificate of a series";
        put(&self.client, &self.table, row, doing).await
    }
}
