//! The sweep: wake-ups for retries that wait for longer than the queue keeps a message.

use std::time::Duration;

use futures::future::try_join_all;
use jiff::SignedDuration;
use state::{Bucket, Due, StateError, Sweep, WakeUp};

use crate::handler::{BUCKETS_AT_ONCE, Run};
use crate::report::lateness;

/// What becomes due within this time is sent now, with its exact delay: the next run is a minute away.
const AHEAD: SignedDuration = SignedDuration::from_secs(60);
/// The share of a run's time, in percent, that the sweep may use.
const SHARE: u32 = 50;

impl Run<'_> {
    /// Completes the pass that an earlier run began, then makes one up to now.
    pub(crate) async fn sweep(&mut self, pass: &mut Sweep) -> Result<(), StateError> {
        let behind = self.clock.now().duration_since(pass.until);
        self.report.sweep_lag_ms = lateness(behind);
        if !self.pass(pass).await? {
            return Ok(());
        }
        let until = self.clock.now() + AHEAD;
        if until > pass.until {
            *pass = Sweep::over(pass.until, until);
            self.pass(pass).await?;
        }
        Ok(())
    }

    /// Goes on with a pass; whether it is over.
    async fn pass(&mut self, pass: &mut Sweep) -> Result<bool, StateError> {
        let deliveries = &self.recovery.deliveries;
        let end = Bucket::first(pass.until + SignedDuration::from_secs(60));
        while pass.bucket < end {
            if !self.clock.has_time(SHARE) {
                return Ok(false);
            }
            let after = pass.after.clone();
            let (buckets, pages): (Vec<Bucket>, Vec<_>) = pass
                .bucket
                .until(end)
                .take(BUCKETS_AT_ONCE)
                .map(|bucket| {
                    let after = after.as_deref().filter(|_| bucket == pass.bucket);
                    (bucket, deliveries.due(bucket, after, pass.until))
                })
                .unzip();
            for (bucket, mut page) in buckets.into_iter().zip(try_join_all(pages).await?) {
                pass.bucket = bucket;
                self.send(pass, &page.items).await?;
                while page.next.is_some() {
                    pass.after = page.next;
                    if !self.clock.has_time(SHARE) {
                        return Ok(false);
                    }
                    let next = deliveries.due(bucket, pass.after.as_deref(), pass.until);
                    page = next.await?;
                    self.send(pass, &page.items).await?;
                }
                pass.after = None;
                pass.bucket = bucket.next();
            }
        }
        Ok(true)
    }

    async fn send(&mut self, pass: &Sweep, due: &[Due]) -> Result<(), StateError> {
        // What is queued has its message, and what is before the span was swept with the last one.
        let due = due.iter().filter(|due| !due.queued && due.at >= pass.from);
        let due: Vec<&Due> = due.collect();
        let wake_ups: Vec<_> = due.iter().map(|due| self.wake_up(due)).collect();
        self.recovery.queue.send(&wake_ups).await?;
        self.swept.extend(due.iter().map(|due| due.delivery));
        self.report.sweep_sent += wake_ups.len() as u64;
        Ok(())
    }

    fn wake_up(&self, due: &Due) -> (WakeUp, Duration) {
        let wait = due.at.duration_since(self.clock.now());
        (due.wake_up(), Duration::try_from(wait).unwrap_or_default())
    }
}
