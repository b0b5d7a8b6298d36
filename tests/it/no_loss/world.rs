//! The stack of a test with its organizations, and recovery over all the time that it has.

use std::collections::HashMap;
use std::time::Duration;

use jiff::SignedDuration;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::faults::Faults;
use crate::later::recover;
use crate::no_loss::receivers::{BROKEN, DISABLED, INTERRUPTED, Receivers};
use crate::stack::{Endpoint, Organization, Stack, text};

/// How far ahead recovery looks at last: past the audit and each of its late looks.
const AHEAD: [SignedDuration; 4] = [
    SignedDuration::from_mins(7),
    SignedDuration::from_mins(40),
    SignedDuration::from_hours(4),
    SignedDuration::from_hours(27),
];
/// Most runs for one of them: a run sends only so many wake-ups again.
const RUNS: usize = 20;
/// How long the queue may take to run empty.
const DRAINED_WITHIN: Duration = Duration::from_mins(10);

/// How many attempts each endpoint's schedule has.
pub(crate) const ATTEMPTS: u32 = 4;

/// What a wake-up could still change.
const OPEN: [&str; 2] = ["pending", "retrying"];

/// The status of every delivery, by event and endpoint.
pub(crate) type Log = HashMap<(String, String), String>;

/// An organization, and its endpoints by the path of their receivers.
pub(crate) struct College {
    pub(crate) organization: Organization,
    pub(crate) endpoints: Vec<(&'static str, Endpoint)>,
}

/// Everything that runs.
pub(crate) struct World {
    pub(crate) stack: Stack,
    pub(crate) faults: Faults,
    pub(crate) receivers: Receivers,
    pub(crate) colleges: Vec<College>,
}

impl World {
    /// Starts it, without faults, and with so many processes of each function.
    pub(crate) async fn start(seed: u64, environments: &str) -> Self {
        let arguments = [
            "--environments",
            environments,
            "--parameter",
            "DeliveryVisibilityTimeout=3",
            "--parameter",
            "OrganizationEventsPerSecond=0",
        ];
        let (stack, faults) = Faults::start(&arguments).await;
        let receivers = Receivers::start(seed).await;
        let mut colleges = Vec::new();
        for paths in [&["/a", "/b"][..], &[INTERRUPTED], &[BROKEN, DISABLED]] {
            let organization = stack.create_organization().await;
            let mut endpoints = Vec::new();
            for path in paths {
                let members = json!({
                    "enabled": *path != DISABLED,
                    "retry_schedule": vec![1; ATTEMPTS as usize - 1],
                    "timeout_seconds": 1,
                });
                let url = receivers.url(path);
                endpoints.push((*path, organization.subscribe_with(&url, members).await));
            }
            colleges.push(College {
                organization,
                endpoints,
            });
        }
        Self {
            stack,
            faults,
            receivers,
            colleges,
        }
    }

    /// Which college event number `number` is of: most of the first, few of the one that takes nothing.
    pub(crate) fn college_of(&self, number: usize) -> &College {
        let place = match number % 10 {
            0..6 => 0,
            6..9 => 1,
            _ => 2,
        };
        &self.colleges[place]
    }

    /// Runs recovery until nothing is open, or there is nothing left that it could do. Answers the log, and
    /// how many wake-ups the audit made again.
    pub(crate) async fn settle(&self) -> (Log, u64) {
        let mut late = 0;
        let mut log = Log::new();
        self.drain().await;
        for ahead in AHEAD {
            for _ in 0..RUNS {
                let report = recover(&self.stack, ahead).await;
                late += count(&report, "audit_resent");
                self.drain().await;
                if count(&report, "audit_resent") + count(&report, "sweep_sent") == 0 {
                    break;
                }
            }
            log = self.log().await;
            if log.values().all(|status| !OPEN.contains(&&**status)) {
                break;
            }
        }
        (log, late)
    }

    /// The status of every delivery, by event and endpoint.
    async fn log(&self) -> Log {
        let mut log = Log::new();
        for college in &self.colleges {
            for row in college.organization.api.pages("deliveries", 100).await {
                let key = (text(&row, "event_id"), text(&row, "endpoint_id"));
                log.insert(key, text(&row, "status"));
            }
        }
        log
    }

    /// Waits until no message is left in the queue.
    async fn drain(&self) {
        let deadline = Instant::now() + DRAINED_WITHIN;
        loop {
            let length = self.stack.backlog().await;
            if length == 0 {
                return;
            }
            assert!(Instant::now() < deadline, "{length} messages are left");
            sleep(Duration::from_millis(200)).await;
        }
    }
}

/// A number of a report.
pub(crate) fn count(report: &Value, member: &str) -> u64 {
    let count = report[member].as_u64();
    count.unwrap_or_else(|| panic!("no number `{member}` in {report:#}"))
}
