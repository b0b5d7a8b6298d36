//! Numbers of a run for CloudWatch.

use serde::Serialize;
use serde_json::{Value, json};

/// The namespace of the metrics in CloudWatch.
const NAMESPACE: &str = "certhooks";

/// One line in CloudWatch's embedded metric format, with each number of `report` as a metric of its name.
///
/// Those that end with `_ms` are milliseconds, the others counts. `at` is in milliseconds.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>
///
/// # Panics
/// If `report` has keys that are no text.
pub fn embedded(report: &impl Serialize, function: &str, at: i64) -> String {
    let mut line = serde_json::to_value(report).expect("a report is numbers by name");
    let members = line.as_object().into_iter().flatten();
    let numbers = members.filter(|(_, value)| value.is_number());
    let metrics: Vec<Value> = numbers
        .map(|(name, _)| {
            let unit = if name.ends_with("_ms") {
                "Milliseconds"
            } else {
                "Count"
            };
            json!({"Name": name, "Unit": unit})
        })
        .collect();
    line["FunctionName"] = json!(function);
    line["_aws"] = json!({
        "Timestamp": at,
        "CloudWatchMetrics": [{
            "Namespace": NAMESPACE,
            "Dimensions": [["FunctionName"]],
            "Metrics": metrics,
        }],
    });
    line.to_string()
}
