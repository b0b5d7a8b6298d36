//! The later looks: whether the indexes that the audit went through were complete.
//!
//! An index of DynamoDB follows its table a moment later, in bad times minutes. So each bucket's events are
//! counted again half an hour, three hours and a day later; where there are more than were audited, the
//! bucket is audited again. And what is still due in it has lost its wake-up.

use futures::future::{try_join, try_join_all};
use jiff::SignedDuration;
use state::{Audit, Bucket, StateError};
use tracing::warn;

use crate::handler::{BUCKETS_AT_ONCE, Recovery, Run};

/// How old a bucket is when it is counted again.
pub(crate) const LOOKS: [SignedDuration; 3] = [
    SignedDuration::from_mins(30),
    SignedDuration::from_hours(3),
    SignedDuration::from_hours(24),
];
/// The share of a run's time, in percent, after which counting stops.
const SHARE: u32 = 80;

impl Run<'_> {
    /// Looks at every bucket again that is old enough for the next look at it, and was audited.
    pub(crate) async fn look_late(
        &mut self,
        looks: &mut Vec<Bucket>,
        audited: Bucket,
    ) -> Result<(), StateError> {
        looks.resize(LOOKS.len(), audited);
        for (bucket, age) in looks.iter_mut().zip(LOOKS) {
            let end = Bucket::first(self.clock.now() - age).min(audited);
            while *bucket < end {
                if !self.clock.has_time(SHARE) || !self.count_some(bucket, end).await? {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Looks at the next buckets again; whether that was all of them.
    async fn count_some(&mut self, bucket: &mut Bucket, end: Bucket) -> Result<bool, StateError> {
        let Recovery {
            deliveries, events, ..
        } = self.recovery;
        let buckets: Vec<Bucket> = bucket.until(end).take(BUCKETS_AT_ONCE).collect();
        let found: Vec<_> = buckets
            .iter()
            .map(|&bucket| {
                let due = deliveries.due(bucket, None, bucket.ends());
                try_join(events.count_accepted_in(bucket), due)
            })
            .collect();
        let audited = deliveries.audited(&buckets);
        let (found, audited) = try_join(try_join_all(found), audited).await?;
        for (next, (count, due)) in buckets.into_iter().zip(found) {
            *bucket = next;
            if !self.overdue(next, due).await? {
                return Ok(false);
            }
            let audited = audited.get(&next).copied().unwrap_or_default();
            if count != audited && !self.audit_again(next, count, audited).await? {
                return Ok(false);
            }
            *bucket = next.next();
        }
        Ok(true)
    }

    /// Audits the events of a bucket from its beginning; whether that was all.
    async fn audit_again(
        &mut self,
        bucket: Bucket,
        events: u64,
        audited: u64,
    ) -> Result<bool, StateError> {
        warn!(%bucket, events, audited, "the index has other events than were audited");
        let recovery = self.recovery;
        let page = recovery.events.accepted_in(bucket, None).await?;
        let mut audit = Audit::at(bucket);
        let is_done = self.accepted(&mut audit, page).await?;
        if is_done {
            let kept = recovery.deliveries.keep_audited(bucket, audit.events);
            kept.await?;
        }
        Ok(is_done)
    }
}
