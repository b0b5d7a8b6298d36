//! Entitlements that the clock has changed, or that whoever changed them did not settle.

use jiff::SignedDuration;
use state::{Billing, Parked, Settler, StateError, Teller};

use crate::handler::Run;

/// The share of a run's time, in percent, after which entitlements wait for the next run.
const SHARE: u32 = 85;

/// For so long a customer may be unknown: a checkout's events come in any order.
const PARKED_FOR: SignedDuration = SignedDuration::from_mins(15);
/// For so long an organization may be in doubt: each hour Stripe is asked, if there is a key.
const DOUBTED_FOR: SignedDuration = SignedDuration::from_hours(24);
/// Customers of one page, and most pages that are looked at: nobody needs to know how many more there are.
const PAGE: i32 = 100;
const MAX_PAGES: usize = 10;

impl Run<'_> {
    /// Counts the customers of whom nobody says whose they are.
    pub(crate) async fn count_parked(&mut self) -> Result<(), StateError> {
        let recovery = self.recovery;
        if recovery.billing == Billing::Off {
            return Ok(());
        }
        let now = self.clock.true_now();
        let is_old = |parked: &&Parked| now.duration_since(parked.since) >= PARKED_FOR;
        let mut after: Option<String> = None;
        for _ in 0..MAX_PAGES {
            let page = recovery.ledger.parked(after.as_deref(), PAGE).await?;
            let old = page.items.iter().filter(is_old).count();
            self.report.parked_customers += u64::try_from(old).unwrap_or(u64::MAX);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        Ok(())
    }

    /// Counts the organizations that have been in doubt for long: asking Stripe did not settle it, or it is not
    /// asked.
    pub(crate) async fn count_doubted(&mut self) -> Result<(), StateError> {
        let recovery = self.recovery;
        if recovery.billing == Billing::Off {
            return Ok(());
        }
        let until = self.clock.true_now() - DOUBTED_FOR;
        let mut after: Option<String> = None;
        for _ in 0..MAX_PAGES {
            let page = recovery
                .accounts
                .entitlements_doubted(until, after.as_deref());
            let page = page.await?;
            self.report.doubted_organizations += page.items.len() as u64;
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        Ok(())
    }

    /// Settles what is due on the agenda, what waits for longest first. One that fails is due again, and stops
    /// no other.
    ///
    /// By the true time, also in a run by hand: what is told has happened.
    pub(crate) async fn settle(&mut self) -> Result<(), StateError> {
        let recovery = self.recovery;
        if recovery.billing == Billing::Off {
            return Ok(());
        }
        let settler = Settler {
            billing: recovery.billing,
            accounts: &recovery.accounts,
            deliveries: &recovery.deliveries,
            teller: Teller {
                events: &recovery.events,
                queue: &recovery.queue,
                limits: &recovery.limits,
                retention: recovery.retention,
            },
        };
        let until = self.clock.true_now();
        let mut after: Option<String> = None;
        loop {
            let page = recovery.accounts.entitlements_due(until, after.as_deref());
            let page = page.await?;
            for organization in page.items {
                if !self.clock.has_time(SHARE) {
                    return Ok(());
                }
                let settled = settler.settle(organization, self.clock.true_now()).await;
                let change = self.heed("settle an entitlement", settled).flatten();
                self.report.access_changed += u64::from(change.is_some());
            }
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(()),
            }
        }
    }
}
