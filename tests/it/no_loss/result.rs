//! What became of every event, out of the log and the receivers.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::no_loss::receivers::DISABLED;
use crate::no_loss::world::{ATTEMPTS, College, Log, World};

/// The result of a test, as a table.
#[derive(Debug, Default)]
pub(crate) struct Result {
    seed: u64,
    pub(crate) accepted: usize,
    pub(crate) delivered: usize,
    pub(crate) exhausted: usize,
    pub(crate) held: usize,
    /// Webhooks that a receiver took once more.
    pub(crate) duplicates: usize,
    /// Wake-ups that the audit made again, as far as its runs lived to report them.
    pub(crate) late: u64,
    /// Deliveries of accepted events that are none of the above, and why.
    lost: Vec<String>,
    pub(crate) faults: BTreeMap<&'static str, usize>,
}

impl Result {
    /// Nothing yet.
    pub(crate) fn of(seed: u64) -> Self {
        Self {
            seed,
            ..Self::default()
        }
    }

    /// Adds what became of the events that the clients of a college have answers for.
    pub(crate) async fn add(
        &mut self,
        world: &World,
        college: &College,
        events: &[&str],
        log: &Log,
    ) {
        self.accepted += events.len();
        // No client has made more than one event, however often it repeated its request.
        let kept = college.organization.api.pages("events", 100).await;
        if kept.len() != events.len() {
            let (kept, posted) = (kept.len(), events.len());
            self.lost
                .push(format!("{kept} events are kept of {posted}"));
        }
        for event in events {
            for (path, endpoint) in &college.endpoints {
                let key = ((*event).to_owned(), endpoint.id.clone());
                let status = log.get(&key).map_or("not in the log", String::as_str);
                let seen = world.receivers.seen(path, event);
                self.duplicates += seen.taken.saturating_sub(1);
                match status {
                    "delivered" if seen.taken > 0 && !seen.differed => self.delivered += 1,
                    "exhausted" if seen.requests >= ATTEMPTS => self.exhausted += 1,
                    "held" if *path == DISABLED => self.held += 1,
                    _ => self
                        .lost
                        .push(format!("{event} for {path}: {status}, {seen:?}")),
                }
            }
        }
    }

    /// Shows it, and fails when anything was lost.
    pub(crate) fn finish(&mut self, world: &World, started: Instant) {
        self.faults = world.faults.injected();
        self.print(started.elapsed());
        assert!(self.lost.is_empty(), "{:#?}", self.lost);
    }

    #[expect(clippy::print_stdout, reason = "the result is for people")]
    fn print(&self, took: Duration) {
        let rows = [
            ("events accepted", self.accepted),
            ("deliveries delivered", self.delivered),
            ("deliveries exhausted", self.exhausted),
            ("deliveries held", self.held),
            ("duplicates", self.duplicates),
            (
                "late (sent again by the audit)",
                usize::try_from(self.late).unwrap_or(usize::MAX),
            ),
            ("lost", self.lost.len()),
        ];
        println!("FAULTS_SEED={}, {:.0} s", self.seed, took.as_secs_f64());
        let injected = self.faults.iter().map(|(name, count)| (*name, *count));
        for (name, count) in rows.into_iter().chain(injected) {
            println!("{name:<32} {count:>8}");
        }
    }
}
