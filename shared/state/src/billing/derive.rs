//! Deriving what an organization has from what Stripe said, and settling what follows.

use jiff::Timestamp;
use payload::billing::plans::Plans;
use payload::billing::record::Record;
use payload::id::OrganizationId;
use serde_json::{Value, json};

use crate::billing::ledger::Ledger;
use crate::billing::settle::Settler;
use crate::error::StateError;

/// How often it is derived again on top of what another event wrote.
const MAX_TRIES: usize = 8;
const DERIVING: &str = "derive what an organization has";

/// What deriving needs.
#[derive(Debug, Clone, Copy)]
pub struct Deriver<'a> {
    /// What Stripe said.
    pub ledger: &'a Ledger,
    /// What one has to subscribe to.
    pub plans: &'a Plans,
    /// What follows.
    pub settler: Settler<'a>,
}

impl Deriver<'_> {
    /// Derives an organization's record, writes it where it is another one, and settles what follows. Nothing
    /// for one that does not exist: Stripe may name any.
    ///
    /// # Errors
    /// Something was not read, written or sent. The next call does it again, and for what was written and not
    /// settled, recovery.
    pub async fn derive(
        &self,
        organization: OrganizationId,
        now: Timestamp,
    ) -> Result<Option<Record>, StateError> {
        let accounts = self.settler.accounts;
        for _ in 0..MAX_TRIES {
            // Before the facts: whoever writes in between was derived from no more than what is read below, and
            // then this is derived again.
            let Some(account) = accounts.read_account(organization).await? else {
                return Ok(None);
            };
            let read = account.entitlement;
            let customers = self.ledger.customers_of(organization).await?;
            let record = Record::of(organization, &customers, self.plans);
            let entitlement = &record.entitlement;
            let stored = stored(&record)?;
            let doubted_from = record.doubts.iter().map(|doubt| doubt.from).min();
            let derived = (stored, doubted_from);
            let written = accounts
                .write_entitlement(organization, entitlement, derived, read.as_ref(), now)
                .await?;
            if written {
                self.settler.settle(organization, now).await?;
                return Ok(Some(record));
            }
        }
        Err(StateError::contended(DERIVING))
    }
}

/// The record as it stands in the row, with the plan where whoever tells of it looks for it.
fn stored(record: &Record) -> Result<Value, StateError> {
    let mut stored = serde_json::to_value(record).map_err(StateError::while_doing(DERIVING))?;
    let plan = record.subscription.as_ref().and_then(|it| it.plan.as_ref());
    stored["plan"] = json!(plan);
    // It stands beside the record.
    if let Some(members) = stored.as_object_mut() {
        members.remove("entitlement");
    }
    Ok(stored)
}
