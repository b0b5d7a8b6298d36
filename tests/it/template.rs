//! What must hold of `template.yaml` beyond what running it shows.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::resources::{resources, template};
use crate::workspace;

/// The functions: crate and properties.
fn functions(template: &Value) -> Vec<(String, Value)> {
    resources(template, "AWS::Serverless::Function")
        .into_iter()
        .map(|(name, properties)| {
            let uri = properties["CodeUri"].as_str().expect("a CodeUri");
            let built = uri
                .strip_prefix("target/lambda/")
                .and_then(|uri| uri.strip_suffix('/'));
            let built =
                built.unwrap_or_else(|| panic!("{name} is not target/lambda/<name>/: {uri}"));
            (built.to_owned(), properties)
        })
        .collect()
}

/// The events of a function that come from queues.
fn queue_mappings(function: &Value) -> Vec<&Value> {
    let events = function["Events"]
        .as_object()
        .into_iter()
        .flat_map(Map::values);
    events
        .filter(|event| event["Type"] == "SQS")
        .map(|event| &event["Properties"])
        .collect()
}

/// A number, or the default of the parameter it refers to.
fn number(template: &Value, value: &Value) -> u64 {
    let value = match value["!Ref"].as_str() {
        Some(parameter) => &template["Parameters"][parameter]["Default"],
        None => value,
    };
    value
        .as_u64()
        .unwrap_or_else(|| panic!("not a number: {value}"))
}

/// The names of environment variables that stand as texts in a source.
fn variables(source: &str) -> BTreeSet<String> {
    let is_name = |text: &&str| {
        text.len() > 2
            && text.starts_with(|first: char| first.is_ascii_uppercase())
            && text
                .chars()
                .all(|char| char.is_ascii_uppercase() || char.is_ascii_digit() || char == '_')
    };
    source
        .split('"')
        .skip(1)
        .step_by(2)
        .filter(is_name)
        .map(str::to_owned)
        .collect()
}

/// What a test sets for a function, and the template never does.
const OF_TESTS: &str = "STRIPE_API";

/// The variables every function reads for its tables and queues.
fn resource_variables() -> BTreeSet<String> {
    let settings = workspace::read("shared/state/src/settings.rs");
    let (_, from) = settings
        .split_once("pub fn resources")
        .expect("Settings::resources");
    let (body, _) = from.split_once("pub fn ").expect("a function after it");
    let variables = variables(body);
    assert!(variables.contains("DELIVERY_QUEUE_URL"), "{variables:?}");
    variables
}

#[test]
fn every_function_is_in_the_template_and_nothing_else() {
    let mut built: Vec<String> = functions(&template())
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    built.sort();
    assert_eq!(built, workspace::folders("functions"));
}

#[test]
fn every_variable_a_function_reads_is_set_and_none_is_left_over() {
    let template = template();
    let names = |variables: &Value| -> BTreeSet<String> {
        let variables = variables["Environment"]["Variables"].as_object();
        variables.into_iter().flat_map(Map::keys).cloned().collect()
    };
    let global = names(&template["Globals"]["Function"]);
    for (function, properties) in functions(&template) {
        let config = workspace::read(&format!("functions/{function}/src/config.rs"));
        let mut read = variables(&config);
        if config.contains(".resources()") {
            read.extend(resource_variables());
        }
        read.remove(OF_TESTS);
        let mut set = names(&properties);
        set.extend(global.iter().cloned());
        assert_eq!(read, set, "read and set for {function}");
    }
}

#[test]
fn private_endpoints_another_stripe_and_another_time_are_never_set_by_the_template() {
    for variable in ["ALLOW_PRIVATE_ENDPOINTS", "CLOCK_AHEAD_SECONDS", OF_TESTS] {
        assert!(!workspace::read("template.yaml").contains(variable));
    }
}

#[test]
fn a_secret_that_a_parameter_gives_is_never_shown() {
    let template = template();
    let mut given = 0;
    for (name, secret) in resources(&template, "AWS::SecretsManager::Secret") {
        let text = &secret["SecretString"];
        let Some(parameter) = text["!If"].get(1).unwrap_or(text)["!Ref"].as_str() else {
            assert!(text.is_null(), "{name}: {text}");
            continue;
        };
        assert_eq!(template["Parameters"][parameter]["NoEcho"], true, "{name}");
        given += 1;
    }
    assert!(given > 0);
}

#[test]
fn every_queue_mapping_reports_which_messages_failed() {
    let template = template();
    let mut mappings = 0;
    for (function, properties) in functions(&template) {
        for mapping in queue_mappings(&properties) {
            assert_eq!(
                mapping["FunctionResponseTypes"],
                json!(["ReportBatchItemFailures"]),
                "{function}"
            );
            mappings += 1;
        }
    }
    assert!(mappings > 0);
}

#[test]
fn a_queue_never_asks_for_more_than_its_functions_reserved_concurrency() {
    let template = template();
    let mut mappings = 0;
    for (function, properties) in functions(&template) {
        for mapping in queue_mappings(&properties) {
            let reserved = &properties["ReservedConcurrentExecutions"]["!If"];
            let asked = &mapping["ScalingConfig"]["!If"];
            assert_eq!(asked[0], reserved[0], "{function}");
            assert_eq!(asked[1]["MaximumConcurrency"], reserved[1], "{function}");
            assert!(reserved[1]["!Ref"].is_string(), "{function}");
            mappings += 1;
        }
    }
    assert!(mappings > 0);
}

#[test]
fn a_consumed_queue_outlasts_its_function_and_has_a_dead_letter_queue() {
    let template = template();
    let queues = resources(&template, "AWS::SQS::Queue");
    let queue = |arn: &Value| {
        let path = arn["!GetAtt"]
            .as_str()
            .and_then(|path| path.strip_suffix(".Arn"));
        let name = path.unwrap_or_else(|| panic!("not the ARN of a queue: {arn}"));
        let found = queues.iter().find(|(queue, _)| queue == name);
        &found.unwrap_or_else(|| panic!("no queue {name}")).1
    };
    for (function, properties) in functions(&template) {
        for mapping in queue_mappings(&properties) {
            let consumed = queue(&mapping["Queue"]);
            let visibility = number(&template, &consumed["VisibilityTimeout"]);
            let timeout = number(&template, &properties["Timeout"]);
            assert!(
                visibility >= 6 * timeout,
                "{function}: {visibility} s for {timeout} s"
            );
            let redrive = &consumed["RedrivePolicy"];
            assert!(
                number(&template, &redrive["maxReceiveCount"]) >= 3,
                "{function}"
            );
            let dead_letters = queue(&redrive["deadLetterTargetArn"]);
            assert_eq!(dead_letters["MessageRetentionPeriod"], 1_209_600);
        }
    }
    assert!(
        queues
            .iter()
            .all(|(_, queue)| queue["SqsManagedSseEnabled"] == true)
    );
}

#[test]
fn every_table_can_be_restored_and_survives_the_stack() {
    let template = template();
    for (name, table) in resources(&template, "AWS::DynamoDB::Table") {
        let recovery = &table["PointInTimeRecoverySpecification"];
        assert_eq!(recovery["PointInTimeRecoveryEnabled"], true, "{name}");
        assert_eq!(table["SSESpecification"]["SSEEnabled"], true, "{name}");
        assert_eq!(table["BillingMode"], "PAY_PER_REQUEST", "{name}");
        for policy in ["DeletionPolicy", "UpdateReplacePolicy"] {
            assert_eq!(template["Resources"][&name][policy], "Retain", "{name}");
        }
    }
}

#[test]
fn every_permission_names_its_actions_and_its_resource() {
    let template = template();
    // Their reference is their ARN.
    let secrets = resources(&template, "AWS::SecretsManager::Secret");
    let secrets: Vec<String> = secrets.into_iter().map(|(name, _)| name).collect();
    for (function, properties) in functions(&template) {
        let policies = properties["Policies"].as_array().expect("policies");
        let statements: Vec<&Value> = policies
            .iter()
            .flat_map(|policy| policy["Statement"].as_array().expect("statements"))
            .collect();
        assert!(!statements.is_empty(), "{function}");
        for statement in statements {
            assert_eq!(statement["Effect"], "Allow", "{function}");
            let actions = match &statement["Action"] {
                Value::Array(actions) => actions.clone(),
                action => vec![action.clone()],
            };
            for action in actions {
                let action = action.as_str().expect("the name of an action");
                assert!(
                    action.contains(':') && !action.contains('*'),
                    "{function}: {action}"
                );
            }
            let resource = &statement["Resource"];
            let resources = match resource {
                Value::Array(resources) => resources.iter().collect(),
                one => vec![one],
            };
            for resource in resources {
                // One that is not there without its condition.
                let named = resource["!If"].get(1).unwrap_or(resource);
                let by_reference = named["!Ref"].as_str();
                let is_secret =
                    by_reference.is_some_and(|name| secrets.iter().any(|it| it == name));
                let is_named = named["!GetAtt"].is_string() || named["!Sub"].is_string();
                assert!(is_secret || is_named, "{function}: {resource}");
            }
        }
    }
}
