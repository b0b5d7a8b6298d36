//! One run: what is due, shard by shard, then new reminders.

use std::time::{Duration, SystemTime};

use futures::stream::{StreamExt, iter};
use jiff::{SignedDuration, Timestamp};
use lambda_runtime::Context;
use state::{
    Accounts, Aws, Billing, Chain, Credentials, DeliveryQueue, Events, NOTICE_SHARDS, NoticePlace,
    StateError, Watched,
};
use tracing::{debug, error, info};

use crate::announce::Done;
use crate::clock::RunTime;
use crate::config::Config;
use crate::report::{Counts, Report};

/// Shards that are read side by side, and credentials of each that are announced side by side.
const SHARDS_AT_ONCE: usize = 4;
pub(crate) const CREDENTIALS_AT_ONCE: usize = 8;
/// What is left of the function's time for what has begun.
const MARGIN: Duration = Duration::from_secs(10);

/// The function, with its connections.
#[derive(Debug)]
pub struct Expiry {
    pub(crate) accounts: Accounts,
    pub(crate) credentials: Credentials,
    pub(crate) events: Events,
    pub(crate) queue: DeliveryQueue,
    pub(crate) retention: SignedDuration,
    pub(crate) billing: Billing,
}

/// One run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run<'r> {
    pub(crate) expiry: &'r Expiry,
    pub(crate) time: RunTime,
    pub(crate) counts: &'r Counts,
}

impl Expiry {
    /// Connects to the tables and the queue.
    pub fn new(config: Config, aws: Aws) -> Self {
        let Config {
            resources,
            credentials_table,
            retention,
            billing,
        } = config;
        let dynamodb = aws.dynamodb;
        Self {
            accounts: Accounts::new(dynamodb.clone(), resources.accounts_table),
            credentials: Credentials::new(dynamodb.clone(), credentials_table),
            events: Events::new(dynamodb, resources.events_table),
            queue: DeliveryQueue::new(aws.sqs, resources.delivery_queue_url),
            retention,
            billing,
        }
    }

    /// Announces what is due. What fails is in the report.
    pub async fn handle(&self, context: &Context) -> Report {
        let now = state::clock::now();
        let budget = context.deadline().duration_since(SystemTime::from(now));
        let budget = budget.unwrap_or_default().saturating_sub(MARGIN);
        self.run(now, budget, &context.env_config.function_name)
            .await
    }

    /// Announces what is due at `now`, and begins nothing after `budget`. `function` is for the metrics.
    pub async fn run(&self, now: Timestamp, budget: Duration, function: &str) -> Report {
        let counts = Counts::default();
        let run = Run {
            expiry: self,
            time: RunTime::starting(now, budget),
            counts: &counts,
        };
        let finished = run.announce_all().await;
        let finished = run.reschedule_all().await && finished;
        let report = counts.report(finished, now, function);
        if report.is_idle() {
            debug!(?report, "nothing to announce");
        } else {
            info!(?report, "announced");
        }
        report
    }
}

impl Run<'_> {
    /// Announces what is due in all shards; whether all of it was looked at, and nothing failed.
    async fn announce_all(self) -> bool {
        let shards = iter(0..NOTICE_SHARDS).map(|shard| self.announce_shard(shard));
        let finished = shards.buffer_unordered(SHARDS_AT_ONCE);
        finished.fold(true, async |all, one| all && one).await
    }

    async fn announce_shard(self, shard: u8) -> bool {
        let mut from: Option<NoticePlace> = None;
        let mut is_done = true;
        loop {
            if !self.time.is_left() {
                return false;
            }
            let due = self
                .expiry
                .credentials
                .due(shard, self.time.began_at(), from);
            let Some(page) = self.heed("list what is due", due.await) else {
                return false;
            };
            let announced = iter(page.items).map(|watched| self.announce_one(watched));
            let announced = announced.buffer_unordered(CREDENTIALS_AT_ONCE);
            is_done &= announced.fold(true, async |all, one| all && one).await;
            from = page.next;
            if from.is_none() {
                return is_done;
            }
        }
    }

    /// Announces what is due of one credential; whether that was done. One that fails stops no other.
    async fn announce_one(self, watched: Result<Watched, StateError>) -> bool {
        if !self.time.is_left() {
            return false;
        }
        let done = match watched {
            Ok(watched) => self.announce(&watched).await,
            Err(error) => Err(error),
        };
        let done = self.heed("announce what is due of a credential", done);
        if let Some(done) = done {
            self.counts.add(done);
        }
        done.is_some()
    }

    /// The value, or nothing and one more failure in the report.
    pub(crate) fn heed<T>(self, doing: &str, result: Result<T, StateError>) -> Option<T> {
        result
            .inspect_err(|error| {
                error!(error = %Chain(error), "could not {doing}");
                self.counts.add(Done::Failed);
            })
            .ok()
    }
}
