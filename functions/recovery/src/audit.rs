//! The audit: what has lost its wake-up gets another one.
//!
//! A bucket is looked at when it is old enough: what is still in the index `due` is overdue, and an event
//! of the index `audit` that a delivery has no row for was never attempted.

use std::time::Duration;

use futures::future::{try_join, try_join_all};
use futures::stream::{self, StreamExt as _};
use jiff::SignedDuration;
use payload::id::OrganizationId;
use state::{
    AcceptedEvent, Audit, Bucket, Chain, Delivery, DeliveryKey, Due, Keys, Page, Recorded,
    StateError, WakeUp,
};
use tracing::{error, warn};

use crate::handler::{BUCKETS_AT_ONCE, Recovery, Run};
use crate::verdict::{Times, Verdict, judge, without_row};

/// Most wake-ups that one run makes again.
const MAX_RESENT: u64 = 5_000;
/// Rows that are written side by side.
const WRITES_AT_ONCE: usize = 10;
/// The share of a run's time, in percent, after which the audit stops.
const SHARE: u32 = 75;

impl Run<'_> {
    /// Looks at every bucket that is old enough and was not looked at yet.
    pub(crate) async fn audit(&mut self, audit: &mut Audit) -> Result<(), StateError> {
        let end = Bucket::first(self.clock.now() - self.patience);
        while audit.bucket < end {
            if !self.audit_some(audit, end).await? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Looks at the next buckets; whether that was all of them.
    async fn audit_some(&mut self, audit: &mut Audit, end: Bucket) -> Result<bool, StateError> {
        let Recovery {
            deliveries, events, ..
        } = self.recovery;
        let (buckets, pages): (Vec<Bucket>, Vec<_>) = audit
            .bucket
            .until(end)
            .take(BUCKETS_AT_ONCE)
            .map(|bucket| {
                let after = audit.after.filter(|_| bucket == audit.bucket);
                let due = deliveries.due(bucket, None, bucket.ends());
                (bucket, try_join(due, events.accepted_in(bucket, after)))
            })
            .unzip();
        for (bucket, (due, accepted)) in buckets.into_iter().zip(try_join_all(pages).await?) {
            if bucket != audit.bucket {
                *audit = Audit::at(bucket);
            }
            if !self.overdue(bucket, due).await? || !self.accepted(audit, accepted).await? {
                return Ok(false);
            }
            if audit.events > 0 {
                deliveries.keep_audited(bucket, audit.events).await?;
            }
            *audit = Audit::at(bucket.next());
        }
        Ok(true)
    }

    /// Wakes up what is overdue in a bucket, from its first page on; whether that was all. What was woken up
    /// is in another bucket.
    pub(crate) async fn overdue(
        &mut self,
        bucket: Bucket,
        mut page: Page<Due>,
    ) -> Result<bool, StateError> {
        let deliveries = &self.recovery.deliveries;
        loop {
            if !self.may_go_on() {
                return Ok(false);
            }
            let keys = page.items.iter().map(|due| due.delivery);
            let keys = keys.filter(|key| !self.swept.contains(key));
            let found = deliveries
                .read(keys, std::iter::empty(), Keys::default())
                .await?;
            let verdicts = found.rows.values().map(|row| self.judge(row)).collect();
            self.report.audit_unaccounted += found.unreadable.len() as u64;
            if !self.carry_out(verdicts).await? {
                return Ok(false);
            }
            let Some(after) = page.next else {
                return Ok(true);
            };
            page = deliveries.due(bucket, Some(&after), bucket.ends()).await?;
        }
    }

    /// Compares the events of a bucket with their deliveries, from the page that follows on what was audited
    /// of it; whether that was all.
    pub(crate) async fn accepted(
        &mut self,
        audit: &mut Audit,
        mut page: Page<Result<AcceptedEvent, StateError>>,
    ) -> Result<bool, StateError> {
        loop {
            if !self.may_go_on() {
                return Ok(false);
            }
            let read = page.items.len() as u64;
            let verdicts = self.compare(page.items).await?;
            if !self.carry_out(verdicts).await? {
                return Ok(false);
            }
            audit.events += read;
            let Some(next) = page.next.and_then(|next| next.parse().ok()) else {
                return Ok(true);
            };
            audit.after = Some(next);
            let events = &self.recovery.events;
            page = events.accepted_in(audit.bucket, audit.after).await?;
        }
    }

    /// What becomes of the deliveries of these events. A row that cannot be read stops no other.
    async fn compare(
        &mut self,
        events: Vec<Result<AcceptedEvent, StateError>>,
    ) -> Result<Vec<Verdict>, StateError> {
        let readable = |event: Result<AcceptedEvent, StateError>| match event {
            Ok(event) => Some(event),
            Err(error) => {
                error!(error = %Chain(&error), "an accepted event cannot be read");
                self.report.audit_unaccounted += 1;
                None
            }
        };
        let events: Vec<AcceptedEvent> = events.into_iter().filter_map(readable).collect();
        let keys = events.iter().flat_map(AcceptedEvent::deliveries);
        let rows = self.recovery.deliveries.recent_rows(keys).await?;
        let mut verdicts = Vec::new();
        for event in &events {
            for key in event.deliveries() {
                self.report.audit_checked += 1;
                verdicts.push(match rows.get(&key) {
                    None => {
                        let row = without_row(key, event.event_type, self.clock.true_now());
                        Verdict::Lost(row)
                    }
                    Some(Ok(row)) => self.judge(row),
                    Some(Err(error)) => {
                        error!(delivery = ?key, error = %Chain(error), "a delivery cannot be read");
                        self.report.audit_unaccounted += 1;
                        Verdict::Fine
                    }
                });
            }
        }
        Ok(verdicts)
    }

    fn judge(&self, row: &Delivery) -> Verdict {
        let times = Times {
            now: self.clock.now(),
            written: self.clock.true_now(),
            patience: self.patience,
        };
        judge(row, times)
    }

    /// Writes what was decided, then sends the wake-ups; whether that was all that a run may send.
    async fn carry_out(&mut self, verdicts: Vec<Verdict>) -> Result<bool, StateError> {
        let mut lost = Vec::new();
        let mut given_up = Vec::new();
        for verdict in verdicts {
            let (row, of) = match verdict {
                Verdict::Fine => continue,
                Verdict::Lost(row) => (row, &mut lost),
                Verdict::GivenUp(row) => (row, &mut given_up),
            };
            if self.is_kept(&row).await {
                of.push(row);
            }
        }
        let (stuck, failed) = self.write(given_up).await;
        for key in stuck.iter().map(Delivery::key) {
            error!(organization.id = %key.organization, event.id = %key.event, endpoint.id = %key.endpoint, "stuck: its wake-ups are lost each time");
        }
        let left = MAX_RESENT.saturating_sub(self.report.audit_resent);
        let left = usize::try_from(left).unwrap_or(usize::MAX);
        let is_all = lost.len() <= left;
        let over = lost.len().saturating_sub(left);
        self.report.audit_unaccounted += (stuck.len() + over) as u64;
        lost.truncate(left);
        // The row first: so a run that dies in between has counted what it may not have sent, and three times
        // stay three times.
        let (written, failed_too) = self.write(lost).await;
        let wake_ups: Vec<(WakeUp, Duration)> = written
            .iter()
            .map(|row| (row.wake_up(), Duration::ZERO))
            .collect();
        self.recovery.queue.send(&wake_ups).await?;
        for DeliveryKey {
            organization,
            event,
            endpoint,
        } in written.iter().map(Delivery::key)
        {
            warn!(organization.id = %organization, event.id = %event, endpoint.id = %endpoint, "a wake-up was lost and is made again");
        }
        self.report.audit_resent += wake_ups.len() as u64;
        match failed.or(failed_too) {
            Some(error) => Err(error),
            None => Ok(is_all),
        }
    }

    /// Writes rows in place of those that were read; answers those that were written, and why not all of them
    /// could be. What somebody else wrote in between shows that the delivery goes on.
    async fn write(&self, rows: Vec<Delivery>) -> (Vec<Delivery>, Option<StateError>) {
        let writes: Vec<_> = rows.into_iter().map(|row| self.write_one(row)).collect();
        let results = stream::iter(writes).buffer_unordered(WRITES_AT_ONCE);
        let results: Vec<Result<_, StateError>> = results.collect().await;
        let (mut written, mut failed) = (Vec::new(), None);
        for result in results {
            match result {
                Ok(row) => written.extend(row),
                Err(error) => failed = Some(error),
            }
        }
        (written, failed)
    }

    async fn write_one(&self, mut row: Delivery) -> Result<Option<Delivery>, StateError> {
        let deliveries = &self.recovery.deliveries;
        let retention = self.retention(row.organization_id).await;
        let recorded = deliveries.record(&mut row, retention, self.clock.true_now());
        Ok((recorded.await? == Recorded::Written).then_some(row))
    }

    /// Whether the event of a delivery is kept: nobody misses what is not.
    async fn is_kept(&self, row: &Delivery) -> bool {
        let retention = self.retention(row.organization_id).await;
        self.clock.now().duration_since(row.event_id.created_at()) < retention
    }

    /// How long what an organization has is kept. One that cannot be read stops no other.
    async fn retention(&self, organization: OrganizationId) -> SignedDuration {
        let Recovery {
            accounts,
            retention,
            ..
        } = self.recovery;
        let account = accounts.account(organization, self.clock.true_now()).await;
        match account {
            Ok(Some(account)) => account.organization.retention(*retention),
            Ok(None) => *retention,
            Err(error) => {
                warn!(organization.id = %organization, error = %Chain(&error), "how long it keeps things is not known");
                *retention
            }
        }
    }

    fn may_go_on(&self) -> bool {
        self.clock.has_time(SHARE) && self.report.audit_resent < MAX_RESENT
    }
}
