//! The later looks: whether the index that the audit went through was complete.
//!
//! An index of DynamoDB follows its table a moment later, in bad times minutes. So each bucket's events are
//! counted again half an hour, three hours and a day later; where there are more than were audited, the
//! bucket is audited again.

use jiff::SignedDuration;
use state::{Audit, Bucket, StateError};
use tracing::warn;

use crate::handler::Run;

/// How old a bucket is when it is counted again.
pub(crate) const LOOKS: [SignedDuration; 3] = [
    SignedDuration::from_mins(30),
    SignedDuration::from_hours(3),
    SignedDuration::from_hours(24),
];
/// The share of a run's time, in percent, after which counting stops.
const SHARE: u32 = 80;

impl Run<'_> {
    /// Counts every bucket again that is old enough for the next look at it, and was audited.
    pub(crate) async fn look_late(
        &mut self,
        looks: &mut Vec<Bucket>,
        audited: Bucket,
    ) -> Result<(), StateError> {
        looks.resize(LOOKS.len(), audited);
        for (bucket, age) in looks.iter_mut().zip(LOOKS) {
            let end = Bucket::first(self.clock.now() - age).min(audited);
            while *bucket < end {
                if !self.clock.has_time(SHARE) || !self.count_again(*bucket).await? {
                    return Ok(());
                }
                *bucket = bucket.next();
            }
        }
        Ok(())
    }

    /// Whether a bucket is done with.
    async fn count_again(&mut self, bucket: Bucket) -> Result<bool, StateError> {
        let recovery = self.recovery;
        let events = recovery.events.count_accepted_in(bucket).await?;
        let audited = recovery.deliveries.audited(bucket).await?;
        if events == audited {
            return Ok(true);
        }
        warn!(%bucket, events, audited, "the index has other events than were audited");
        let mut audit = Audit::at(bucket);
        let is_done = self.accepted(&mut audit).await?;
        if is_done {
            let kept = recovery.deliveries.keep_audited(bucket, audit.events);
            kept.await?;
        }
        Ok(is_done)
    }
}
