//! The alarms of `template.yaml`: what must have one, and that each says what to do.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::resources::{resources, template};
use crate::workspace;

/// Where an alarm's description sends its reader.
const GUIDE: &str = "docs/operations.md";

/// The functions that report on themselves, and where their reports are: each field that is sent is a metric of its
/// name.
const REPORTS: [(&str, &str); 2] = [
    ("RecoveryFunction", "functions/recovery/src/report.rs"),
    ("ExpiryFunction", "functions/expiry/src/report.rs"),
];
/// Where they are written for CloudWatch.
const METRICS: &str = "shared/state/src/metrics.rs";

/// The metrics in the source of the report.
fn metrics(report: &str) -> BTreeSet<&str> {
    let (_, fields) = report.split_once("pub struct Report {").expect("Report");
    let (fields, _) = fields.split_once("\n}").expect("the end of Report");
    let (sent, _) = fields.split_once("#[serde(skip)]").unwrap_or((fields, ""));
    let names = sent.lines().filter_map(|line| {
        let (name, _) = line.trim().strip_prefix("pub ")?.split_once(':')?;
        Some(name)
    });
    names.collect()
}

/// The alarms: name and properties.
fn alarms(template: &Value) -> Vec<(String, Value)> {
    resources(template, "AWS::CloudWatch::Alarm")
}

/// A metric that counts lines of a function's log.
struct Filter {
    metric: String,
    /// How the lines begin that it counts.
    start: String,
    /// The crate of the function.
    function: String,
    /// Whether it is counted by what the line says, and no alarm watches it.
    is_divided: bool,
}

/// The filters of logs.
fn filters(template: &Value) -> Vec<Filter> {
    let groups = resources(template, "AWS::Logs::LogGroup");
    let filters = resources(template, "AWS::Logs::MetricFilter").into_iter();
    let filter = |(name, filter): (String, Value)| {
        let group = filter["LogGroupName"]["!Ref"].as_str();
        let group = groups.iter().find(|(name, _)| Some(&**name) == group);
        let (_, group) = group.unwrap_or_else(|| panic!("{name} is of no log"));
        let path = group["LogGroupName"]["!Sub"].as_str().expect("a name");
        let function = path.strip_prefix("/aws/lambda/${").expect("a function's");
        let function = function.strip_suffix("Function}").expect("a function's");
        let pattern = filter["FilterPattern"].as_str().expect("a pattern");
        let start = pattern.strip_prefix("{ $.fields.message = \"");
        let start = start.and_then(|rest| rest.strip_suffix("*\" }"));
        let [metric] = &filter["MetricTransformations"].as_array().expect("metrics")[..] else {
            panic!("{name} counts one thing")
        };
        assert_eq!(metric["MetricNamespace"], "certhooks", "{name}");
        Filter {
            metric: metric["MetricName"].as_str().expect("a name").to_owned(),
            start: start
                .unwrap_or_else(|| panic!("{name}: {pattern}"))
                .to_owned(),
            function: function.to_lowercase(),
            is_divided: !metric["Dimensions"].is_null(),
        }
    };
    filters.map(filter).collect()
}

/// Whether an alarm watches this metric of the resource that its dimension names in this way.
fn watches(alarm: &Value, metric: &str, resource: &Value) -> bool {
    alarm["MetricName"] == metric && alarm["Dimensions"][0]["Value"] == *resource
}

/// Whether an event of a function is a schedule.
fn is_schedule(event: &Value) -> bool {
    let kind = event["Type"].as_str();
    kind.is_some_and(|kind| kind.starts_with("Schedule"))
}

/// The headings of a document.
fn headings(path: &str) -> BTreeSet<String> {
    let text = workspace::read(path);
    let mut is_code = false;
    let headings = text.lines().filter(|line| {
        is_code ^= line.trim_start().starts_with("```");
        !is_code && line.starts_with('#')
    });
    headings
        .map(|line| line.trim_start_matches('#').trim().to_owned())
        .collect()
}

#[test]
fn each_alarm_says_what_to_do_under_a_heading_that_exists() {
    let headings = headings(GUIDE);
    for (name, alarm) in alarms(&template()) {
        let description = alarm["AlarmDescription"].as_str().unwrap_or_default();
        let named = description.split_once(&format!("{GUIDE}: "));
        let (_, heading) = named.unwrap_or_else(|| panic!("{name} names no {GUIDE}"));
        assert!(headings.contains(heading.trim()), "{name}: {heading}");
    }
}

#[test]
fn the_guide_names_every_alarm_and_no_other() {
    let guide = workspace::read(GUIDE);
    let words = guide.split(|char: char| !char.is_ascii_alphanumeric());
    let named: BTreeSet<&str> = words
        .filter(|word| word.len() > "Alarm".len() && word.ends_with("Alarm"))
        .collect();
    let alarms = alarms(&template());
    let there: BTreeSet<&str> = alarms.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(named, there);
}

#[test]
fn every_alarm_notifies_the_topic_when_there_is_one() {
    let template = template();
    let actions =
        json!({"!If": ["HasAlarmTopic", [{"!Ref": "AlarmTopicArn"}], {"!Ref": "AWS::NoValue"}]});
    for (name, alarm) in alarms(&template) {
        assert_eq!(alarm["AlarmActions"], actions, "{name}");
    }
    assert_eq!(template["Parameters"]["AlarmTopicArn"]["Default"], "");
}

#[test]
fn every_queue_with_a_dead_letter_queue_has_an_alarm_on_it_and_on_its_own_age() {
    let template = template();
    let alarms = alarms(&template);
    let mut found = 0;
    for (name, queue) in resources(&template, "AWS::SQS::Queue") {
        let Some(arn) = queue["RedrivePolicy"]["deadLetterTargetArn"]["!GetAtt"].as_str() else {
            continue;
        };
        let dead_letters = arn.strip_suffix(".Arn").expect("the ARN of a queue");
        for (queue, metric) in [
            (dead_letters, "ApproximateNumberOfMessagesVisible"),
            (&*name, "ApproximateAgeOfOldestMessage"),
        ] {
            let resource = json!({"!GetAtt": format!("{queue}.QueueName")});
            let alarm = alarms
                .iter()
                .find(|(_, alarm)| watches(alarm, metric, &resource));
            assert!(alarm.is_some(), "no alarm on {metric} of {queue}");
        }
        found += 1;
    }
    assert!(found > 0);
}

#[test]
fn every_function_that_requests_or_messages_reach_has_an_alarm_on_its_errors() {
    let template = template();
    let alarms = alarms(&template);
    let mut found = 0;
    for (name, properties) in resources(&template, "AWS::Serverless::Function") {
        let events = properties["Events"].as_object().expect("events");
        // One on a schedule is missed when it reports nothing, whatever the reason.
        if events.values().all(is_schedule) {
            continue;
        }
        let resource = json!({"!Ref": name});
        let alarm = alarms
            .iter()
            .find(|(_, alarm)| watches(alarm, "Errors", &resource));
        assert!(alarm.is_some(), "no alarm on the errors of {name}");
        found += 1;
    }
    assert!(found > 0);
}

#[test]
fn every_alarm_on_our_own_metrics_watches_one_that_a_function_reports_or_a_log_counts() {
    let template = template();
    let reports = REPORTS.map(|(function, path)| (function, workspace::read(path)));
    let counted = filters(&template).into_iter();
    let watched = counted.filter(|it| !it.is_divided);
    let counted: Vec<String> = watched.map(|it| it.metric).collect();
    let (mut reported, mut logged) = (0, 0);
    for (name, alarm) in alarms(&template) {
        if alarm["Namespace"] != "certhooks" {
            continue;
        }
        let metric = alarm["MetricName"].as_str().expect("a metric");
        if alarm["Dimensions"].is_null() {
            assert!(counted.iter().any(|it| it == metric), "{name}: {metric}");
            logged += 1;
        } else {
            let (function, _) = reports
                .iter()
                .find(|(_, report)| metrics(report).contains(metric))
                .unwrap_or_else(|| panic!("{name}: {metric}"));
            let function = json!([{"Name": "FunctionName", "Value": {"!Ref": function}}]);
            assert_eq!(alarm["Dimensions"], function, "{name}");
            reported += 1;
        }
    }
    assert_eq!(logged, counted.len());
    assert!(reported > 0);
    let report = workspace::read(METRICS);
    for declared in [
        r#""certhooks""#,
        r#"line["FunctionName"]"#,
        r#"[["FunctionName"]]"#,
    ] {
        assert!(report.contains(declared), "no {declared}");
    }
}

#[test]
fn the_guide_explains_every_metric_that_a_function_reports() {
    let guide = workspace::read(GUIDE);
    for (_, report) in REPORTS {
        for metric in metrics(&workspace::read(report)) {
            assert!(guide.contains(&format!("\n| `{metric}` |")), "{metric}");
        }
    }
}

#[test]
fn every_line_that_a_metric_counts_is_logged_by_its_function_and_explained() {
    let guide = workspace::read(GUIDE);
    let filters = filters(&template());
    for Filter {
        metric,
        start,
        function,
        ..
    } in filters
    {
        let files = workspace::files(&format!("functions/{function}/src"));
        let line = format!("\"{start}{{");
        let logs = |path: &String| workspace::read(path).contains(&line);
        assert!(files.iter().any(logs), "{function} logs no {start}");
        assert!(guide.contains(&format!("`{metric}`")), "{metric}");
    }
}
