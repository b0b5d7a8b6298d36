//! Entitlements that the clock has changed, or that whoever changed them did not settle.

use state::{Billing, Settler, StateError, Teller};

use crate::handler::Run;

/// The share of a run's time, in percent, after which entitlements wait for the next run.
const SHARE: u32 = 85;

impl Run<'_> {
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
