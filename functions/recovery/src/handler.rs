//! One run: a beat, the sweep, the audit, the later looks, the entitlements, the erasures, the replays.

use std::collections::HashSet;
use std::time::{Duration, SystemTime};

use jiff::{SignedDuration, Timestamp};
use lambda_runtime::LambdaEvent;
use serde::Deserialize;
use state::{
    Accounts, Aws, Billing, Chain, Credentials, Deliveries, DeliveryKey, DeliveryQueue, Events,
    Ledger, Limits, OVERDUE_AFTER, StateError, Watermarks,
};
use tracing::{debug, error, info, warn};

use crate::clock::Clock;
use crate::config::Config;
use crate::late::LOOKS;
use crate::report::{Report, lateness};

/// Buckets that are read side by side: most are empty, and after a long pause there are many.
pub(crate) const BUCKETS_AT_ONCE: usize = 16;
/// When the queue takes longer, wake-ups are late, not lost: making more of them would only add to it.
const QUEUE_TOO_SLOW: SignedDuration = SignedDuration::from_mins(15);
/// The sweep comes too late by more than this when runs were missed.
const SWEEP_TOO_LATE_MS: i64 = 120_000;
/// What is left of the function's time for keeping how far the run got.
const MARGIN: Duration = Duration::from_secs(5);

/// What the schedule sends, of which nothing counts, or a person.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub struct Request {
    /// Act as if it were this time; one that is over is now.
    #[serde(default)]
    pub as_of: Option<Timestamp>,
    /// Look at everything from this time on, as if no run had.
    #[serde(default)]
    pub since: Option<Timestamp>,
}

impl Request {
    /// Whether a person asks: what such a run finds is no measure of how recovery does.
    fn is_by_hand(self) -> bool {
        self.as_of.is_some() || self.since.is_some()
    }
}

/// The function, with its connections.
#[derive(Debug)]
pub struct Recovery {
    pub(crate) accounts: Accounts,
    pub(crate) credentials: Credentials,
    pub(crate) events: Events,
    pub(crate) deliveries: Deliveries,
    pub(crate) queue: DeliveryQueue,
    pub(crate) ledger: Ledger,
    pub(crate) limits: Limits,
    pub(crate) retention: SignedDuration,
    pub(crate) billing: Billing,
}

/// One run, with what it has done so far.
pub(crate) struct Run<'r> {
    pub(crate) recovery: &'r Recovery,
    pub(crate) clock: Clock,
    pub(crate) report: Report,
    /// What the sweep has just woken up: not overdue yet, however long it was due.
    pub(crate) swept: HashSet<DeliveryKey>,
    /// How long a wake-up may take until it counts as lost.
    pub(crate) patience: SignedDuration,
}

impl Recovery {
    /// Connects to the tables and the queue.
    pub fn new(config: Config, aws: Aws) -> Self {
        let Config {
            resources,
            retention,
            billing,
            billing_table,
            stripe_mode,
        } = config;
        let dynamodb = aws.dynamodb;
        Self {
            ledger: Ledger::new(dynamodb.clone(), billing_table, stripe_mode),
            limits: Limits::new(dynamodb.clone(), resources.accounts_table.clone()),
            accounts: Accounts::new(dynamodb.clone(), resources.accounts_table),
            credentials: Credentials::new(dynamodb.clone(), resources.credentials_table),
            events: Events::new(dynamodb.clone(), resources.events_table.clone()),
            deliveries: Deliveries::new(
                dynamodb,
                resources.deliveries_table,
                resources.events_table,
            ),
            queue: DeliveryQueue::new(aws.sqs, resources.delivery_queue_url),
            retention,
            billing,
        }
    }

    /// Does what is due. What fails is in the report.
    pub async fn handle(&self, event: LambdaEvent<Request>) -> Report {
        let now = state::clock::now();
        let deadline = event.context.deadline();
        let budget = deadline.duration_since(SystemTime::from(now));
        let budget = budget.unwrap_or_default().saturating_sub(MARGIN);
        let mut run = Run {
            recovery: self,
            clock: Clock::new(now, event.payload.as_of, budget),
            report: Report::new(now, &event.context.env_config.function_name),
            swept: HashSet::new(),
            patience: OVERDUE_AFTER,
        };
        let until = Timestamp::try_from(deadline).unwrap_or(now);
        let done = run.begin(event.payload, now, until).await;
        run.heed("begin or keep how far it got", done);
        if run.report.is_idle() {
            debug!(report = ?run.report, "nothing to recover");
        } else {
            info!(report = ?run.report, "recovered");
        }
        run.report
    }

    /// How far back the first run looks: to when there was nobody to accept events for.
    async fn beginning(&self, now: Timestamp) -> Result<Timestamp, StateError> {
        let oldest = self.accounts.list_organizations(None, 1).await?.items;
        Ok(oldest.first().map_or(now, |oldest| oldest.created_at))
    }
}

impl Run<'_> {
    async fn begin(
        &mut self,
        request: Request,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<(), StateError> {
        let Recovery { deliveries, .. } = self.recovery;
        let kept = deliveries.watermarks().await?;
        let starting = |at| Watermarks::starting(at, LOOKS.len());
        let mut watermarks = match (request.since, kept) {
            (None, Some(watermarks)) => watermarks,
            (None, None) => starting(self.recovery.beginning(now).await?),
            (Some(since), _) => starting(since),
        };
        if request.is_by_hand() {
            self.find(&mut watermarks, true).await;
            self.go_on().await;
            return Ok(());
        }
        if !deliveries.lease(&mut watermarks, now, until).await? {
            info!("another run is at work");
            return Ok(());
        }
        self.report.is_measured = true;
        self.find(&mut watermarks, false).await;
        // Kept before the replays, which may take all the time there is.
        if deliveries.save(&mut watermarks).await? {
            self.go_on().await;
            deliveries.release(&mut watermarks).await?;
        }
        Ok(())
    }

    /// Finds what is due and what was lost; each part whatever becomes of the others.
    async fn find(&mut self, watermarks: &mut Watermarks, is_by_hand: bool) {
        let age = self.beat().await;
        let age = self.heed("ask how long the queue takes", age);
        let swept = self.sweep(&mut watermarks.sweep).await;
        let has_swept = self.heed("sweep", swept).is_some() && self.report.sweep_sent > 0;
        // What the sweep makes up for only now is not overdue yet, for the next runs too.
        if has_swept && self.report.sweep_lag_ms > SWEEP_TOO_LATE_MS {
            watermarks.audit_waits_until = Some(self.clock.now() + OVERDUE_AFTER);
        }
        let now = self.clock.now();
        let behind = now.duration_since(watermarks.audit.bucket.begins()) - OVERDUE_AFTER;
        self.report.audit_lag_ms = lateness(behind);
        let waits = watermarks
            .audit_waits_until
            .is_some_and(|until| now < until);
        let Some(age) = age.filter(|age| *age <= QUEUE_TOO_SLOW) else {
            warn!("the audit waits: the queue takes too long, or does not say how long it takes");
            return;
        };
        if waits && !is_by_hand {
            return;
        }
        self.patience = OVERDUE_AFTER.max(age * 2);
        let audited = self.audit(&mut watermarks.audit).await;
        self.heed("audit", audited);
        let looked = self.look_late(&mut watermarks.late, watermarks.audit.bucket);
        let looked = looked.await;
        self.heed("look late", looked);
    }

    /// Counts what is stuck, settles entitlements, and goes on with erasures and with replays, those too that this starts.
    async fn go_on(&mut self) {
        let stuck = self.recovery.deliveries.count_stuck().await;
        let stuck = self.heed("count what is stuck", stuck);
        self.report.deliveries_stuck = stuck.unwrap_or_default();
        let settled = self.settle().await;
        self.heed("settle entitlements", settled);
        let parked = self.count_parked().await;
        self.heed("count parked customers", parked);
        let doubted = self.count_doubted().await;
        self.heed("count doubted organizations", doubted);
        let erased = self.erase().await;
        self.heed("erase", erased);
        let replayed = self.replay().await;
        self.heed("replay", replayed);
    }

    /// Sends a beat through the queue; answers how long ago the last one was sent that came back.
    async fn beat(&mut self) -> Result<SignedDuration, StateError> {
        let now = self.clock.true_now();
        let sent = self.recovery.queue.send_beat(now).await;
        self.heed("send a beat", sent);
        let last = self.recovery.deliveries.last_beat().await?;
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
