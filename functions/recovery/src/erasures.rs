//! Erasures go on, a page of one of each organization in turn.

use std::time::{Duration, Instant};

use state::{Clock, Erased, Eraser, StateError};
use tokio::time::timeout;

use crate::handler::Run;
use crate::turns::Turns;

/// The share of a run's time, in percent, after which erasures wait for the next run, and how long they take at
/// most: replays come after them.
const SHARE: u32 = 90;
const BUDGET: Duration = Duration::from_secs(20);

impl Run<'_> {
    /// A page of one erasure of each organization in turn, until all are over.
    ///
    /// By the true time, also in a run by hand: what is removed has been removed. Such a run only does not wait for
    /// events that are being written while that time is over as of its own.
    pub(crate) async fn erase(&mut self) -> Result<(), StateError> {
        let recovery = self.recovery;
        let eraser = Eraser {
            accounts: &recovery.accounts,
            credentials: &recovery.credentials,
            events: &recovery.events,
            deliveries: &recovery.deliveries,
            retention: recovery.retention,
        };
        let started = Instant::now();
        let mut turns = Turns::default();
        let mut after: Option<String> = None;
        // What is not listed in half of the time is younger, and its turn comes with a later run.
        while started.elapsed() < self.clock.left(SHARE) {
            let page = recovery.deliveries.active_erasures(after.as_deref());
            let page = page.await?;
            turns.extend(page.items);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        while self.clock.has_time(SHARE) && started.elapsed() < BUDGET {
            let Some((organization, id)) = turns.take() else {
                break;
            };
            let erasure = recovery.deliveries.erasure(organization, id).await;
            let Some(mut erasure) = self.heed("read an erasure", erasure).flatten() else {
                continue;
            };
            let before = sum(erasure.erased);
            let clock = Clock::starting(self.clock.true_now());
            let advanced = eraser.advance(&mut erasure, self.clock.now(), clock);
            // A page that does not end in time is gone on with by the next run.
            let Ok(advanced) = timeout(self.clock.left(SHARE), advanced).await else {
                break;
            };
            self.report.erased += sum(erasure.erased).saturating_sub(before);
            if self.heed("go on with an erasure", advanced) == Some(true) {
                turns.add(organization, id);
            }
        }
        Ok(())
    }
}

/// Rows that were removed, or lost what they said.
fn sum(erased: Erased) -> u64 {
    let Erased {
        recipients,
        credentials,
        events,
        deliveries,
        answers,
        quarantined,
    } = erased;
    recipients + credentials + events + deliveries + answers + quarantined
}
