//! What an organization has a bounded number of: its endpoints, and its relays.
//!
//! Their rows are counted, and a row of the organization counts how often one was ever made:
//!
//! ```text
//! read how often (n) ── count the rows ── [somebody makes one: n + 1] ── write the new one, and n + 1: only on n
//! ```
//!
//! So of two who find room for one more, one looks again. What is counted is what there is: no number can be wrong
//! after a crash, and whoever deletes one has nothing more to write.

use aws_sdk_dynamodb::types::{Select, TransactWriteItem};
use payload::id::OrganizationId;
use serde::{Deserialize, Serialize};

use crate::accounts::Accounts;
use crate::audit_log::AuditLine;
use crate::endpoints::MAX_ENDPOINTS;
use crate::error::StateError;
use crate::give_way::{MAX_TRIES, give_way};
use crate::keyspace::{self, ENDPOINT_PREFIX, PK, RELAY_PREFIX, SK};
use crate::relays::MAX_RELAYS;
use crate::rows::{self, Item, key, text, to_item};
use crate::transaction::Logged;

/// What there is a bounded number of.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Bounded {
    Endpoints,
    Relays,
}

/// How often one was made.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Made {
    revision: u64,
}

impl Bounded {
    const fn most(self) -> usize {
        match self {
            Self::Endpoints => MAX_ENDPOINTS,
            Self::Relays => MAX_RELAYS,
        }
    }

    /// What the sort keys of the rows begin with.
    const fn prefix(self) -> &'static str {
        match self {
            Self::Endpoints => ENDPOINT_PREFIX,
            Self::Relays => RELAY_PREFIX,
        }
    }
}

impl Accounts {
    /// Writes the rows of one more, with its line of the audit log; `false` when there are as many as there may
    /// be.
    ///
    /// # Errors
    /// DynamoDB did not take it.
    pub(crate) async fn create_within(
        &self,
        organization: OrganizationId,
        bounded: Bounded,
        writes: &[TransactWriteItem],
        line: &AuditLine,
        doing: &'static str,
    ) -> Result<bool, StateError> {
        let place = key(
            keyspace::organization(organization),
            keyspace::made(bounded.prefix()),
        );
        for tries in 0..MAX_TRIES {
            let made = rows::get(&self.client, &self.table, place.clone(), doing);
            let Made { revision } = made.await?.unwrap_or_default();
            if self.count_of(organization, bounded, doing).await? >= bounded.most() {
                return Ok(false);
            }
            let mut row: Item = to_item(&Made {
                revision: revision + 1,
            })?;
            row.extend(place.clone());
            // NoOtherMade. As above: the first one finds no row.
            let made = match revision {
                0 => self.put_new(row),
                read => self.put_on_read(row, read),
            };
            let writes = writes.iter().cloned().chain([made]);
            match self.write_logged(writes, line, doing).await? {
                Logged::Written => return Ok(true),
                Logged::Refused | Logged::Contended => give_way(tries).await,
            }
        }
        Err(StateError::contended(doing))
    }

    /// How many there are.
    async fn count_of(
        &self,
        organization: OrganizationId,
        bounded: Bounded,
        doing: &'static str,
    ) -> Result<usize, StateError> {
        let mut pages = self
            .client
            .query()
            .table_name(&self.table)
            .consistent_read(true)
            .select(Select::Count)
            .key_condition_expression("#pk = :organization AND begins_with(#sk, :prefix)")
            .expression_attribute_names("#pk", PK)
            .expression_attribute_names("#sk", SK)
            .expression_attribute_values(
                ":organization",
                text(keyspace::organization(organization)),
            )
            .expression_attribute_values(":prefix", text(bounded.prefix()))
            .into_paginator()
            .send();
        let mut count = 0;
        while let Some(page) = pages.next().await {
            let page = page.map_err(StateError::while_doing(doing))?;
            count += usize::try_from(page.count).unwrap_or_default();
        }
        Ok(count)
    }
}
