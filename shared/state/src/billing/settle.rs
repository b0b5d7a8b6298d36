//! Settling: what follows from an organization's access is told and done, and then written down.
//!
//! announce (one event, by its key) → start the releases (one each, by its id) → write the row on the
//! revision that was read. Who dies in between leaves the row on the agenda as it was: the next run of
//! recovery, or the next event of Stripe's, does the same again, and it is still one event and one release.

use jiff::Timestamp;
use payload::id::OrganizationId;
use tracing::info;

use crate::accounts::{Account, Accounts};
use crate::billing::Billing;
use crate::billing::settlement::{Change, Release, Settlement, settlement};
use crate::deliveries::Deliveries;
use crate::error::StateError;
use crate::operational::{News, Teller};
use crate::replay::Replay;

/// How often it is tried again on top of what somebody else wrote.
const MAX_TRIES: usize = 3;

/// What settling needs.
#[derive(Debug, Clone, Copy)]
pub struct Settler<'a> {
    /// Whether there is anything to settle.
    pub billing: Billing,
    /// The table of organizations.
    pub accounts: &'a Accounts,
    /// The table of deliveries.
    pub deliveries: &'a Deliveries,
    /// Who tells.
    pub teller: Teller<'a>,
}

impl Settler<'_> {
    /// Tells of an organization's access and releases what was held, if that was not done; the change, if
    /// there was one.
    ///
    /// # Errors
    /// Something was not read, written or sent. The next call does it again.
    pub async fn settle(
        &self,
        organization: OrganizationId,
        now: Timestamp,
    ) -> Result<Option<Change>, StateError> {
        if self.billing == Billing::Off {
            return Ok(None);
        }
        for _ in 0..MAX_TRIES {
            let Some(account) = self.accounts.read_account(organization).await? else {
                return Ok(None);
            };
            let Some(read) = account.entitlement.clone() else {
                return Ok(None);
            };
            let Some(Settlement {
                change,
                release,
                next,
            }) = settlement(&read, now)
            else {
                return Ok(None);
            };
            self.carry_out(&account, change.as_ref(), release, now)
                .await?;
            let written = self
                .accounts
                .replace_entitlement(organization, Some(&read), &next);
            if written.await? {
                log(organization, change.as_ref(), release);
                return Ok(change);
            }
        }
        Err(StateError::contended("settle an entitlement"))
    }

    /// Tells of the change and starts the release.
    async fn carry_out(
        &self,
        account: &Account,
        change: Option<&Change>,
        release: Option<Release>,
        now: Timestamp,
    ) -> Result<(), StateError> {
        if let Some(change) = change {
            let news = News::AccessChanged(change);
            self.teller.tell(account, news, now).await?;
        }
        match release {
            Some(release) => self.start(account, release, now).await,
            None => Ok(()),
        }
    }

    /// One replay for each endpoint that may be sent something. What was held for a disabled one stays held.
    async fn start(
        &self,
        account: &Account,
        release: Release,
        now: Timestamp,
    ) -> Result<(), StateError> {
        for endpoint in account.endpoints.iter().filter(|it| it.enabled) {
            let mut replay = Replay::of_release(&account.organization, endpoint, release, now);
            self.deliveries.create_replay(&mut replay).await?;
        }
        Ok(())
    }
}

fn log(organization: OrganizationId, change: Option<&Change>, release: Option<Release>) {
    let releases = release.is_some();
    match change {
        Some(Change { from, to, .. }) => {
            info!(organization.id = %organization, access.from = %from, access.to = %to, releases, "access changed: {from} → {to}");
        }
        None if releases => {
            info!(organization.id = %organization, "what was held is released")
        }
        None => {}
    }
}
