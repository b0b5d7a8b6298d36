use std::time::Duration;

use super::*;

fn parse(text: &str) -> Result<Template> {
    Template::parse(text, &BTreeMap::new(), "http://127.0.0.1:1")
}

fn refusal(resources: &str) -> String {
    format!(
        "{:#}",
        parse(&format!("Resources:\n{resources}")).unwrap_err()
    )
}

#[test]
fn the_products_template_is_understood() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../template.yaml");
    let given = BTreeMap::from([("PlatformKeyHash".to_owned(), "0".repeat(64))]);
    let template = Template::load(Path::new(file), &given, "http://127.0.0.1:1").unwrap();
    assert!(template.tables.len() >= 3);
    assert!(
        template
            .functions
            .iter()
            .any(|function| !function.routes.is_empty())
    );
    assert!(
        template
            .functions
            .iter()
            .any(|function| !function.queues.is_empty())
    );
}

#[test]
fn what_sells_webhooks_is_there_only_where_they_are_sold() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../template.yaml");
    let there = |parameters: &[(&str, &str)]| {
        let given = [("PlatformKeyHash", &*"0".repeat(64))];
        let given = given.iter().chain(parameters);
        let given = given.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let template = Template::load(Path::new(file), &given.collect(), "http://127.0.0.1:1");
        let template = template.unwrap();
        let billing = template
            .functions
            .into_iter()
            .find(|it| it.binary == "billing");
        let texts = template.secrets.into_iter();
        let texts: Vec<String> = texts.filter_map(|it| it.secret_string).collect();
        (
            billing.map(|it| it.environment["STRIPE_READ_KEY"].clone()),
            texts,
        )
    };
    assert_eq!(there(&[]), (None, vec![]));
    let selling = [("Billing", "on"), ("StripeSigningSecret", "whsec_a")];
    let (read_key, texts) = there(&selling);
    assert_eq!(
        (read_key.as_deref(), texts),
        (Some(""), vec!["whsec_a".to_owned()])
    );
    let (read_key, mut texts) = there(&[&selling[..], &[("StripeReadKey", "rk_a")]].concat());
    assert!(read_key.is_some_and(|arn| arn.ends_with("StripeReadKeySecret")));
    texts.sort();
    assert_eq!(texts, ["rk_a", "whsec_a"]);
}

#[test]
fn parameters_that_a_rule_forbids_are_refused_with_its_words() {
    let rule = |condition: &str| {
        format!(
            "
Parameters: {{Sells: {{Type: String, Default: off}}, Secret: {{Type: String, Default: ''}}}}
Rules:
  NeedsSecret:
    {condition}
    Assertions:
      - {{Assert: !Not [!Equals [!Ref Secret, '']], AssertDescription: a secret is needed}}
"
        )
    };
    for (condition, refusal) in [
        ("RuleCondition: !Equals [!Ref Sells, on]", None),
        (
            "RuleCondition: !Equals [!Ref Sells, off]",
            Some("a secret is needed"),
        ),
        (
            "RuleCondition: !Equals [!Ref Unknown, off]",
            Some("Unknown"),
        ),
        ("", Some("a secret is needed")),
    ] {
        let refused = parse(&rule(condition))
            .err()
            .map(|error| format!("{error:#}"));
        match (&refused, refusal) {
            (Some(refused), Some(refusal)) => assert!(refused.contains(refusal), "{refused}"),
            (refused, refusal) => assert_eq!(refused.as_deref(), refusal, "{condition}"),
        }
    }
}

#[test]
fn globals_are_merged_and_references_resolved() {
    let template = parse(
        "
Globals:
  Function:
    Timeout: 7
    Environment: {Variables: {QUEUE_URL: !Ref Queue, STAGE: global}}
Resources:
  Dead: {Type: AWS::SQS::Queue}
  Queue:
    Type: AWS::SQS::Queue
    Properties: {VisibilityTimeout: 9, RedrivePolicy: {deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 3}}
  Worker:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: target/lambda/worker/
      Environment: {Variables: {STAGE: own, DAYS: 90}}
      Events:
        Queue: {Type: SQS, Properties: {Queue: !GetAtt Queue.Arn, BatchSize: 5, FunctionResponseTypes: [ReportBatchItemFailures]}}
        Tick: {Type: ScheduleV2, Properties: {ScheduleExpression: rate(1 minute)}}
",
    )
    .unwrap();
    let worker = &template.functions[0];
    assert_eq!(worker.binary, "worker");
    assert_eq!(worker.timeout, Duration::from_secs(7));
    let variables: Vec<(&str, &str)> = worker
        .environment
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let url = "http://127.0.0.1:1/000000000000/local-Queue";
    assert_eq!(
        variables,
        [("DAYS", "90"), ("QUEUE_URL", url), ("STAGE", "own")]
    );
    assert_eq!(
        worker.queues[0].queue_arn,
        "arn:aws:sqs:us-east-1:000000000000:local-Queue"
    );
    assert_eq!(worker.schedules[0].every, Duration::from_secs(60));
    assert_eq!(template.queues[0].queue_name, "local-Dead");
    let redrive = r#"{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:local-Dead","maxReceiveCount":3}"#;
    assert!(
        template.queues[1]
            .attributes()
            .contains(&("RedrivePolicy".to_owned(), redrive.to_owned()))
    );
}

#[test]
fn a_resource_whose_condition_is_false_does_not_exist() {
    let template = parse(
        "
Parameters: {Billing: {Type: String, Default: off}}
Conditions: {Sells: !Equals [!Ref Billing, on]}
Resources:
  Queue: {Type: AWS::SQS::Queue, Condition: Sells}
",
    )
    .unwrap();
    assert!(template.queues.is_empty());
}

#[test]
fn an_unknown_type_is_refused_by_name() {
    assert!(
        refusal("  Bus: {Type: AWS::Events::EventBus}")
            .contains("Bus: the type AWS::Events::EventBus")
    );
}

#[test]
fn an_unknown_property_is_refused_with_its_resource() {
    let message = refusal(
        "  Queue: {Type: AWS::SQS::Queue, Properties: {RedrivePolicy: {maxReceiveCont: 3}}}",
    );
    assert!(message.contains("Queue.RedrivePolicy"), "{message}");
    assert!(message.contains("maxReceiveCont"), "{message}");
}

#[test]
fn an_unknown_event_of_a_function_is_refused_with_its_name() {
    let message = refusal(
        "  Worker: {Type: AWS::Serverless::Function, Properties: {CodeUri: a/b/, Events: {Odd: {Type: Kinesis}}}}",
    );
    assert!(
        message.contains("Worker.Events.Odd.Type: Kinesis"),
        "{message}"
    );
}

#[test]
fn alarms_are_left_out() {
    assert!(parse("Resources:\n  Alarm: {Type: AWS::CloudWatch::Alarm, Properties: {Anything: !GetAtt Topic.X}}").is_ok());
}
