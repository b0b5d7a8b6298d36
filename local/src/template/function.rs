//! Functions and what triggers them, as the template describes them.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{
    ignored,
    parameters::text_of,
    permissions::{Permissions, Policy},
    read, without,
};

/// A Lambda function.
#[derive(Clone, Debug)]
pub(crate) struct Function {
    /// The name of its resource in the template.
    pub(crate) logical_id: String,
    /// The function's name.
    pub(crate) name: String,
    /// The binary it runs: the last folder of `CodeUri`.
    pub(crate) binary: String,
    /// How long one invocation may take.
    pub(crate) timeout: Duration,
    /// In megabytes. Told to the function, not enforced.
    pub(crate) memory_size: u32,
    /// Its environment variables.
    pub(crate) environment: BTreeMap<String, String>,
    /// What it may do.
    pub(crate) permissions: Permissions,
    /// The HTTP routes that lead to it.
    pub(crate) routes: Vec<Route>,
    /// The queues it is fed from.
    pub(crate) queues: Vec<QueueMapping>,
    /// The schedules that fire it.
    pub(crate) schedules: Vec<Schedule>,
}

impl Function {
    /// Its Amazon Resource Name.
    pub(crate) fn arn(&self) -> String {
        format!(
            "arn:aws:lambda:{}:{}:function:{}",
            super::REGION,
            super::ACCOUNT,
            self.name
        )
    }
}

/// A route of the HTTP API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    /// `None` is `ANY`.
    pub(crate) method: Option<String>,
    /// For example `/api/v1/{proxy+}`; `$default` catches everything.
    pub(crate) path: String,
}

/// A queue that feeds a function.
#[derive(Clone, Debug)]
pub(crate) struct QueueMapping {
    /// The queue's Amazon Resource Name.
    pub(crate) queue_arn: String,
    /// How many messages one invocation gets at most.
    pub(crate) batch_size: u8,
    /// Whether the function's answer says which messages failed.
    pub(crate) reports_item_failures: bool,
    /// How many invocations may run side by side.
    pub(crate) maximum_concurrency: Option<usize>,
}

/// Something that fires a function regularly.
#[derive(Clone, Debug)]
pub(crate) struct Schedule {
    /// Its name in the function's `Events`.
    pub(crate) name: String,
    /// The time between two invocations.
    pub(crate) every: Duration,
    /// What the function gets instead of the standard scheduled event.
    pub(crate) input: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Properties {
    code_uri: String,
    #[serde(default = "default_timeout")]
    timeout: u32,
    #[serde(default = "default_memory_size")]
    memory_size: u32,
    #[serde(default)]
    environment: Environment,
    #[serde(default)]
    events: BTreeMap<String, EventSource>,
    #[serde(default)]
    policies: Vec<Policy>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Environment {
    #[serde(default)]
    variables: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct EventSource {
    r#type: String,
    #[serde(default)]
    properties: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct HttpApiEvent {
    #[serde(default = "any")]
    method: String,
    #[serde(default = "default_route")]
    path: String,
    #[serde(rename = "ApiId")]
    _api_id: Option<String>,
    payload_format_version: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct SqsEvent {
    queue: String,
    #[serde(default = "default_batch_size")]
    batch_size: u8,
    #[serde(default = "enabled")]
    enabled: bool,
    #[serde(default)]
    function_response_types: Vec<String>,
    #[serde(default)]
    scaling_config: ScalingConfig,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct ScalingConfig {
    maximum_concurrency: Option<usize>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct ScheduleEvent {
    #[serde(alias = "ScheduleExpression")]
    schedule: String,
    input: Option<String>,
    #[serde(default = "enabled")]
    enabled: bool,
    state: Option<String>,
}

/// Builds a function from its resolved properties.
pub(super) fn function(
    logical_id: &str,
    name: String,
    properties: Map<String, Value>,
) -> Result<Function> {
    let properties: Properties = read(logical_id, properties)?;
    let binary = properties
        .code_uri
        .trim_end_matches('/')
        .rsplit('/')
        .next()
        .unwrap_or_default();
    ensure!(!binary.is_empty(), "{logical_id}.CodeUri names no folder");
    let variables = properties.environment.variables;
    let mut function = Function {
        logical_id: logical_id.to_owned(),
        name,
        binary: binary.to_owned(),
        timeout: Duration::from_secs(properties.timeout.into()),
        memory_size: properties.memory_size,
        environment: variables
            .into_iter()
            .map(|(name, value)| (name, text_of(&value)))
            .collect(),
        permissions: Permissions::of(properties.policies, &format!("{logical_id}.Policies"))?,
        routes: Vec::new(),
        queues: Vec::new(),
        schedules: Vec::new(),
    };
    for (event_name, event) in properties.events {
        let at = format!("{logical_id}.Events.{event_name}");
        add_event(&mut function, &at, &event_name, event)?;
    }
    Ok(function)
}

fn add_event(function: &mut Function, at: &str, name: &str, event: EventSource) -> Result<()> {
    match event.r#type.as_str() {
        "HttpApi" => {
            let event: HttpApiEvent = read(at, event.properties)?;
            let version = event.payload_format_version.as_deref().unwrap_or("2.0");
            ensure!(
                version == "2.0",
                "{at}.PayloadFormatVersion: only 2.0 is supported locally"
            );
            let method = event.method.to_ascii_uppercase();
            function.routes.push(Route {
                method: (method != "ANY" && method != "X-AMAZON-APIGATEWAY-ANY-METHOD")
                    .then_some(method),
                path: event.path,
            });
        }
        "SQS" => {
            let event: SqsEvent = read(at, event.properties)?;
            ensure!(
                (1..=10).contains(&event.batch_size),
                "{at}.BatchSize: 1 to 10 is supported locally, not {}",
                event.batch_size
            );
            if event.enabled {
                function.queues.push(QueueMapping {
                    queue_arn: event.queue,
                    batch_size: event.batch_size,
                    reports_item_failures: event
                        .function_response_types
                        .iter()
                        .any(|kind| kind == "ReportBatchItemFailures"),
                    maximum_concurrency: event.scaling_config.maximum_concurrency,
                });
            }
        }
        "Schedule" | "ScheduleV2" => {
            let properties = without(&event.properties, ignored::SCHEDULE);
            let event: ScheduleEvent = read(at, properties)?;
            if event.enabled && event.state.as_deref() != Some("DISABLED") {
                function.schedules.push(Schedule {
                    name: name.to_owned(),
                    every: rate(&event.schedule).with_context(|| at.to_owned())?,
                    input: event.input,
                });
            }
        }
        other => bail!("{at}.Type: {other} is not supported locally"),
    }
    Ok(())
}

/// The period of a `rate(…)` expression.
fn rate(expression: &str) -> Result<Duration> {
    let inner = expression
        .strip_prefix("rate(")
        .and_then(|rest| rest.strip_suffix(')'));
    let parts = inner.and_then(|inner| inner.trim().split_once(' '));
    let Some((count, unit)) = parts else {
        bail!("only rate(…) schedules are supported locally, not {expression}");
    };
    let count: u64 = count
        .parse()
        .with_context(|| format!("{expression} has no whole number"))?;
    ensure!(count > 0, "{expression} would never fire");
    let seconds = match unit.trim().trim_end_matches('s') {
        "minute" => 60,
        "hour" => 3_600,
        "day" => 86_400,
        other => bail!("{other} is not a unit of rate(…)"),
    };
    Ok(Duration::from_secs(count.saturating_mul(seconds)))
}

fn default_timeout() -> u32 {
    3
}

fn default_memory_size() -> u32 {
    128
}

fn default_batch_size() -> u8 {
    10
}

fn any() -> String {
    "ANY".to_owned()
}

fn default_route() -> String {
    "$default".to_owned()
}

fn enabled() -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_number_and_a_unit() {
        assert_eq!(rate("rate(1 minute)").unwrap(), Duration::from_secs(60));
        assert_eq!(rate("rate(2 hours)").unwrap(), Duration::from_secs(7_200));
        for bad in [
            "cron(0 9 * * ? *)",
            "rate(0 minutes)",
            "rate(1 week)",
            "rate(minute)",
        ] {
            assert!(rate(bad).is_err(), "{bad}");
        }
    }
}
