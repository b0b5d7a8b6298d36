//! One run: a beat, the sweep, the audit, the later looks, the replays.

use std::time::{Duration, SystemTime};

use jiff::{SignedDuration, Timestamp};
use lambda_runtime::LambdaEvent;
use serde::Deserialize;
use state::{
    Accounts, Aws, Chain, Deliveries, DeliveryQueue, Events, OVERDUE_AFTER, StateError, Watermarks,
};
use tracing::{debug, error, info};

use crate::clock::Clock;
use crate::config::Config;
use crate::late::LOOKS;
use crate::report::Report;

/// Buckets that are read side by side: most are empty, and after a long pause there are many.
pub(crate) const BUCKETS_AT_ONCE: usize = 16;
/// The sweep comes too late by more than this when runs were missed.
const SWEEP_TOO_LATE_MS: i64 = 120_000;
/// How far back the very first run looks.
const FIRST_LOOK: SignedDuration = SignedDuration::from_mins(10);
/// What is left of the function's time for keeping how far the run got.
const MARGIN: Duration = Duration::from_secs(5);

/// What the schedule sends, of which nothing counts, or a person.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub struct Request {
    /// Act as if it were this time.
    #[serde(default)]
    pub as_of: Option<Timestamp>,
    /// Look at everything from this time on, as if no run had.
    #[serde(default)]
    pub since: Option<Timestamp>,
}

impl Request {
    /// Whether a person asks: what such a run finds is no measure of how recovery does.
    pub fn is_by_hand(self) -> bool {
        self.as_of.is_some() || self.since.is_some()
    }
}

/// The function, with its connections.
#[derive(Debug)]
pub struct Recovery {
    pub(crate) accounts: Accounts,
    pub(crate) events: Events,
    pub(crate) deliveries: Deliveries,
    pub(crate) queue: DeliveryQueue,
    pub(crate) retention: SignedDuration,
}

/// One run, with what it has done so far.
pub(crate) struct Run<'r> {
    pub(crate) recovery: &'r Recovery,
    pub(crate) clock: Clock,
    pub(crate) report: Report,
}

impl Recovery {
    /// Connects to the tables and the queue.
    pub fn new(config: Config, aws: Aws) -> Self {
        let Config {
            resources,
            retention,
        } = config;
        let dynamodb = aws.dynamodb;
        Self {
            accounts: Accounts::new(dynamodb.clone(), resources.accounts_table),
            events: Events::new(dynamodb.clone(), resources.events_table.clone()),
            deliveries: Deliveries::new(
                dynamodb,
                resources.deliveries_table,
                resources.events_table,
            ),
            queue: DeliveryQueue::new(aws.sqs, resources.delivery_queue_url),
            retention,
        }
    }

    /// Does what is due. What fails is in the report.
    pub async fn handle(&self, event: LambdaEvent<Request>) -> Report {
        #[expect(
            clippy::disallowed_methods,
            reason = "the clock is read here, once per run"
        )]
        let now = Timestamp::now();
        let request = event.payload;
        let deadline = event.context.deadline();
        let budget = deadline.duration_since(SystemTime::from(now));
        let budget = budget.unwrap_or_default().saturating_sub(MARGIN);
        let mut run = Run {
            recovery: self,
            clock: Clock::new(now, request.as_of, budget),
            report: Report::new(now, &event.context.env_config.function_name),
        };
        let watermarks = self.deliveries.watermarks().await;
        let Some(watermarks) = run.heed("read how far recovery got", watermarks) else {
            return run.report;
        };
        let mut watermarks = match (request.since, watermarks) {
            (None, Some(watermarks)) => watermarks,
            (since, _) => Watermarks::starting(since.unwrap_or(now - FIRST_LOOK), LOOKS.len()),
        };
        if request.is_by_hand() {
            run.all(&mut watermarks, true).await;
        } else {
            let until = Timestamp::try_from(deadline).unwrap_or(now);
            let leased = self.deliveries.lease(&mut watermarks, now, until).await;
            match run.heed("begin", leased) {
                Some(true) => {
                    run.all(&mut watermarks, false).await;
                    let saved = self.deliveries.release(&mut watermarks).await;
                    run.heed("keep how far the run got", saved);
                }
                Some(false) => info!("another run is at work"),
                None => {}
            }
        }
        if run.report.is_idle() {
            debug!(report = ?run.report, "nothing to recover");
        } else {
            info!(report = ?run.report, "recovered");
        }
        run.report
    }
}

impl Run<'_> {
    /// Every part, whatever becomes of the others.
    async fn all(&mut self, watermarks: &mut Watermarks, is_by_hand: bool) {
        let age = self.beat().await;
        let age = self.heed("send a beat", age).unwrap_or_default();
        let swept = self.sweep(&mut watermarks.sweep).await;
        self.heed("sweep", swept);
        // What the sweep makes up for only now is not overdue yet.
        if self.report.sweep_lag_ms > SWEEP_TOO_LATE_MS {
            watermarks.audit_waits_until = Some(self.clock.now() + OVERDUE_AFTER);
        }
        let now = self.clock.now();
        let may_audit = watermarks
            .audit_waits_until
            .is_none_or(|until| until <= now);
        if may_audit || is_by_hand {
            let audited = self.audit(&mut watermarks.audit, age).await;
            self.heed("audit", audited);
        }
        let looked = self.look_late(&mut watermarks.late, watermarks.audit.bucket);
        let looked = looked.await;
        self.heed("look late", looked);
        let replayed = self.replay().await;
        self.heed("replay", replayed);
    }

    /// Sends a beat through the queue; answers how long the last one took.
    async fn beat(&mut self) -> Result<SignedDuration, StateError> {
        let now = self.clock.true_now();
        let last = self.recovery.deliveries.last_beat().await?;
        self.recovery.queue.send_beat(now).await?;
        // Before the first beat nothing is known.
        let age = last.map_or(SignedDuration::ZERO, |sent_at| now.duration_since(sent_at));
        self.report.queue_age_ms = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
        Ok(age)
    }

    /// The value, or nothing and one more failure in the report.
    pub(crate) fn heed<T>(&mut self, doing: &str, result: Result<T, StateError>) -> Option<T> {
        result
            .inspect_err(|error| {
                error!(error = %Chain(error), "recovery could not {doing}: the next run does it");
                self.report.recovery_failures += 1;
            })
            .ok()
    }
}
