//! Erasures go on, a page of each in turn.

use std::time::{Duration, Instant};

use state::{Clock, Erased, Eraser, Erasure, StateError};
use tokio::time::timeout;

use crate::handler::Run;

/// The share of a run's time, in percent, after which erasures wait for the next run, and how long they take at
/// most: replays come after them.
const SHARE: u32 = 90;
const BUDGET: Duration = Duration::from_secs(20);

impl Run<'_> {
    /// A page of each erasure in turn, until all are over.
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
        let mut active: Vec<Erasure> = Vec::new();
        for (organization, id) in recovery.deliveries.active_erasures().await? {
            let erasure = recovery.deliveries.erasure(organization, id).await;
            active.extend(self.heed("read an erasure", erasure).flatten());
        }
        let started = Instant::now();
        while !active.is_empty() && self.clock.has_time(SHARE) && started.elapsed() < BUDGET {
            let mut going_on = Vec::with_capacity(active.len());
            for mut erasure in active {
                let before = sum(erasure.erased);
                let clock = Clock::starting(self.clock.true_now());
                let advanced = eraser.advance(&mut erasure, self.clock.now(), clock);
                // A page that does not end in time is gone on with by the next run.
                let Ok(advanced) = timeout(self.clock.left(SHARE), advanced).await else {
                    return Ok(());
                };
                self.report.erased += sum(erasure.erased).saturating_sub(before);
                if self.heed("go on with an erasure", advanced) == Some(true) {
                    going_on.push(erasure);
                }
            }
            active = going_on;
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
