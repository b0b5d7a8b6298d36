//! Replays of ranges go on, each at its rate.

use state::{Replay, Replayer, StateError};
use tokio::time::timeout;

use crate::handler::Run;

/// The share of a run's time, in percent, after which replays wait for the next run.
const SHARE: u32 = 95;

impl Run<'_> {
    /// A page of each replay in turn, until all are far enough ahead.
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
        let mut active: Vec<Replay> = Vec::new();
        for (organization, id) in recovery.deliveries.active_replays().await? {
            let replay = recovery.deliveries.replay(organization, id).await;
            active.extend(self.heed("read a replay", replay).flatten());
        }
        while !active.is_empty() && self.clock.has_time(SHARE) {
            let mut going_on = Vec::with_capacity(active.len());
            for mut replay in active {
                let before = replay.replayed;
                // By the true time, also in a run by hand: a replay keeps to its rate.
                let now = self.clock.true_now();
                let advanced = replayer.advance(&mut replay, now);
                // A page that does not end in time is begun again by the next run.
                let Ok(advanced) = timeout(self.clock.left(SHARE), advanced).await else {
                    return Ok(());
                };
                self.report.replayed += replay.replayed - before;
                if self.heed("go on with a replay", advanced) == Some(true) {
                    going_on.push(replay);
                }
            }
            active = going_on;
        }
        Ok(())
    }
}
