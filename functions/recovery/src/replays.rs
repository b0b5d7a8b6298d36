//! Replays of ranges go on, each at its rate.

use std::time::Instant;

use state::{Replayer, StateError};
use tokio::time::timeout;

use crate::handler::Run;
use crate::turns::Turns;

/// The share of a run's time, in percent, after which replays wait for the next run.
const SHARE: u32 = 95;

impl Run<'_> {
    /// A page of one replay of each organization in turn, until all are far enough ahead.
    pub(crate) async fn replay(&mut self) -> Result<(), StateError> {
        let recovery = self.recovery;
        let replayer = Replayer {
            billing: recovery.billing,
            accounts: &recovery.accounts,
            events: &recovery.events,
            deliveries: &recovery.deliveries,
            queue: &recovery.queue,
            retention: recovery.retention,
        };
        let started = Instant::now();
        let mut turns = Turns::default();
        let mut after: Option<String> = None;
        // What is not listed in half of the time is younger, and its turn comes with a later run.
        while started.elapsed() < self.clock.left(SHARE) {
            let page = recovery.deliveries.active_replays(after.as_deref());
            let page = page.await?;
            turns.extend(page.items);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        while self.clock.has_time(SHARE) {
            let Some((organization, id)) = turns.take() else {
                break;
            };
            let replay = recovery.deliveries.replay(organization, id).await;
            let Some(mut replay) = self.heed("read a replay", replay).flatten() else {
                continue;
            };
            let before = replay.replayed;
            // By the true time, also in a run by hand: a replay keeps to its rate.
            let now = self.clock.true_now();
            let advanced = replayer.advance(&mut replay, now);
            // A page that does not end in time is begun again by the next run.
            let Ok(advanced) = timeout(self.clock.left(SHARE), advanced).await else {
                break;
            };
            self.report.replayed += replay.replayed - before;
            if self.heed("go on with a replay", advanced) == Some(true) {
                turns.add(organization, id);
            }
        }
        Ok(())
    }
}
