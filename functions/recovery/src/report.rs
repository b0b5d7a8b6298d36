//! What a run did: the answer of the invocation, and its metrics.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use state::metrics::embedded;

/// How late something is, in milliseconds; what is early is not late.
pub(crate) fn lateness(behind: SignedDuration) -> i64 {
    i64::try_from(behind.as_millis()).unwrap_or(0).max(0)
}

/// What a run did. Each number is a metric of its name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Deliveries of accepted events that were looked up.
    pub audit_checked: u64,
    /// Lost wake-ups that were made again.
    pub audit_resent: u64,
    /// Deliveries without a wake-up for which none was made: given up, left for the next run, or not readable.
    pub audit_unaccounted: u64,
    /// How far the audit is behind the minute it should look at.
    pub audit_lag_ms: i64,
    /// Deliveries that were given up, by this run or an earlier one, and are not sent again yet.
    pub deliveries_stuck: u64,
    /// Wake-ups of retries that became due.
    pub sweep_sent: u64,
    /// How long what was due waited for this run, beyond the minute between two runs.
    pub sweep_lag_ms: i64,
    /// How long ago the last beat was sent that came through the queue: a minute when all is well.
    pub queue_age_ms: i64,
    /// Organizations whose access was another than the one that was told.
    pub access_changed: u64,
    /// Stripe customers that were heard of a quarter of an hour ago and of whom nobody has said whose they are.
    pub parked_customers: u64,
    /// Organizations of which Stripe should have been asked a day ago, because what it said leaves something open.
    pub doubted_organizations: u64,
    /// Rows that erasures removed, or took from what they said.
    pub erased: u64,
    /// Deliveries that replays sent.
    pub replayed: u64,
    /// Parts of the run that failed. The next run does them again.
    pub recovery_failures: u64,
    /// When the run began. Milliseconds.
    #[serde(skip)]
    began_at: i64,
    /// Whether it says how recovery does: it was a run of the schedule, and no other was at work.
    #[serde(skip)]
    pub(crate) is_measured: bool,
    /// The function that ran.
    #[serde(skip)]
    function: String,
}

impl Report {
    /// A run of this function that begins.
    pub(crate) fn new(now: Timestamp, function: &str) -> Self {
        Self {
            began_at: now.as_millisecond(),
            function: function.to_owned(),
            ..Self::default()
        }
    }

    /// Whether there was nothing to do, and nothing failed.
    pub(crate) fn is_idle(&self) -> bool {
        let Self {
            audit_resent,
            audit_unaccounted,
            sweep_sent,
            access_changed,
            erased,
            replayed,
            recovery_failures,
            ..
        } = self;
        let done = [
            audit_resent,
            audit_unaccounted,
            sweep_sent,
            access_changed,
            erased,
            replayed,
            recovery_failures,
        ];
        done.into_iter().all(|&count| count == 0)
    }

    /// One line in CloudWatch's embedded metric format, for a run that says how recovery does.
    pub fn metrics(&self) -> Option<String> {
        if !self.is_measured {
            return None;
        }
        Some(embedded(self, &self.function, self.began_at))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn every_number_is_a_metric_with_its_unit() {
        let report = Report {
            audit_checked: 7,
            sweep_lag_ms: 1_200,
            is_measured: true,
            ..Report::new(
                Timestamp::from_second(1_795_000_000).unwrap(),
                "certhooks-Recovery",
            )
        };
        assert_eq!(Report::default().metrics(), None);
        let line = report.metrics().unwrap();
        assert!(!line.contains('\n'));
        let line: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(
            (&line["audit_checked"], &line["sweep_lag_ms"]),
            (&json!(7), &json!(1_200))
        );
        assert_eq!(line["FunctionName"], "certhooks-Recovery");
        assert_eq!(line["_aws"]["Timestamp"], json!(1_795_000_000_000_i64));
        let metrics = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(metrics["Dimensions"], json!([["FunctionName"]]));
        for metric in metrics["Metrics"].as_array().unwrap() {
            let name = metric["Name"].as_str().unwrap();
            assert!(line[name].is_i64(), "{name}");
            let unit = if name.ends_with("_ms") {
                "Milliseconds"
            } else {
                "Count"
            };
            assert_eq!(metric["Unit"], unit);
        }
        let numbers = line.as_object().unwrap().values().filter(|it| it.is_i64());
        assert_eq!(
            metrics["Metrics"].as_array().unwrap().len(),
            numbers.count()
        );
    }
}
