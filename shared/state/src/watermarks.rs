//! How far recovery got, which run is at work, and how long the queue takes.

use jiff::Timestamp;
use payload::id::EventId;
use payload::timestamp;
use serde::{Deserialize, Serialize};

use crate::bucket::Bucket;
use crate::deliveries::Deliveries;
use crate::error::StateError;
use crate::keyspace;
use crate::rows::{self, is_written, key, number, to_item};

const WATERMARKS: &str = "watermarks";
const BEAT: &str = "beat";

/// How far recovery got.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watermarks {
    /// The sweep.
    pub sweep: Sweep,
    /// The audit.
    pub audit: Audit,
    /// It waits until then, when the sweep had to make up for runs that were missed.
    #[serde(
        serialize_with = "timestamp::option::serialize",
        skip_serializing_if = "Option::is_none",
        default
    )]
    pub audit_waits_until: Option<Timestamp>,
    /// The later looks at how many events there were.
    pub late: Vec<Bucket>,
    /// Until when a run has it. Milliseconds.
    leased_until: i64,
    /// Counts the writes.
    revision: u64,
}

/// One pass of the sweep over what is due in a span of time; it may be halfway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sweep {
    /// Where the span begins. All before it was swept.
    #[serde(serialize_with = "timestamp::serialize")]
    pub from: Timestamp,
    /// Where it ends.
    #[serde(serialize_with = "timestamp::serialize")]
    pub until: Timestamp,
    /// The bucket that comes next.
    pub bucket: Bucket,
    /// The place in it that was reached.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub after: Option<String>,
}

impl Sweep {
    /// A pass that has not begun.
    pub fn over(from: Timestamp, until: Timestamp) -> Self {
        Self {
            from,
            until,
            bucket: Bucket::first(from),
            after: None,
        }
    }
}

/// How far the audit got.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audit {
    /// The bucket that comes next.
    pub bucket: Bucket,
    /// The event in it that was reached.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub after: Option<EventId>,
    /// How many events of the bucket were audited.
    pub events: u64,
}

impl Audit {
    /// Before everything in a bucket.
    pub fn at(bucket: Bucket) -> Self {
        Self {
            bucket,
            after: None,
            events: 0,
        }
    }
}

impl Watermarks {
    /// Those of a run that looks at everything from `start` on, for so many later looks.
    pub fn starting(start: Timestamp, looks: usize) -> Self {
        let bucket = Bucket::first(start);
        Self {
            sweep: Sweep::over(start, start),
            audit: Audit::at(bucket),
            audit_waits_until: None,
            late: vec![bucket; looks],
            leased_until: 0,
            revision: 0,
        }
    }
}

impl Deliveries {
    /// How far recovery got; `None` before its first run.
    ///
    /// # Errors
    /// DynamoDB did not answer.
    pub async fn watermarks(&self) -> Result<Option<Watermarks>, StateError> {
        let key = key(keyspace::RECOVERY, WATERMARKS);
        rows::get(&self.client, &self.table, key, "read how far recovery got").await
    }

    /// Takes the lease for a run, or not: another one is at work.
    ///
    /// # Errors
    /// DynamoDB did not answer.
    pub async fn lease(
        &self,
        watermarks: &mut Watermarks,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<bool, StateError> {
        if now.as_millisecond() < watermarks.leased_until {
            return Ok(false);
        }
        watermarks.leased_until = until.as_millisecond();
        self.save(watermarks).await
    }

    /// Keeps how far the run got; `false` when another one has taken over.
    ///
    /// # Errors
    /// DynamoDB did not answer.
    pub async fn save(&self, watermarks: &mut Watermarks) -> Result<bool, StateError> {
        let read = watermarks.revision;
        watermarks.revision += 1;
        let mut row = to_item(watermarks)?;
        row.extend(key(keyspace::RECOVERY, WATERMARKS));
        // UnchangedSinceRead. run A reads (revision n), stalls ─ its lease ends ─ run B takes it (n + 1) ─
        // A saves: not over what B has reached. A watermark never goes back.
        let doing = "keep how far recovery got";
        rows::put_on_revision(&self.client, &self.table, row, read, doing).await
    }

    /// Keeps how far the run got, and gives the lease back.
    ///
    /// # Errors
    /// DynamoDB did not answer.
    pub async fn release(&self, watermarks: &mut Watermarks) -> Result<bool, StateError> {
        watermarks.leased_until = 0;
        self.save(watermarks).await
    }

    /// When the last beat that came back was sent.
    ///
    /// # Errors
    /// DynamoDB did not answer.
    pub async fn last_beat(&self) -> Result<Option<Timestamp>, StateError> {
        let key = key(keyspace::RECOVERY, BEAT);
        let row: Option<BeatRow> =
            rows::get(&self.client, &self.table, key, "read the last beat").await?;
        Ok(row.and_then(|row| Timestamp::from_millisecond(row.sent_at).ok()))
    }

    /// A beat has come through the queue.
    ///
    /// # Errors
    /// DynamoDB did not answer.
    pub async fn keep_beat(&self, sent_at: Timestamp) -> Result<(), StateError> {
        let sent_at = sent_at.as_millisecond();
        let mut row = to_item(&BeatRow { sent_at })?;
        row.extend(key(keyspace::RECOVERY, BEAT));
        // IsNewer. The queue reorders and repeats: beat 2 ─ beat 1: the row stays at 2.
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(row))
            .condition_expression("attribute_not_exists(pk) OR sent_at < :sent")
            .expression_attribute_values(":sent", number(&sent_at));
        is_written(put.send().await, "keep a beat").map(drop)
    }
}

/// Milliseconds.
#[derive(Serialize, Deserialize)]
struct BeatRow {
    sent_at: i64,
}
