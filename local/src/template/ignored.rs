//! What of a template has no effect on one machine. It is named here, so that nothing is skipped by accident.

/// Resource types without effect on one machine. They cannot be referred to by what runs here.
pub(super) const TYPES: &[&str] = &[
    "AWS::ApiGatewayV2::ApiMapping",
    "AWS::ApiGatewayV2::DomainName",
    "AWS::CloudWatch::Alarm",
    "AWS::CloudWatch::CompositeAlarm",
    "AWS::CloudWatch::Dashboard",
    "AWS::IAM::ManagedPolicy",
    "AWS::IAM::Policy",
    "AWS::IAM::Role",
    "AWS::Lambda::Permission",
    "AWS::Logs::LogGroup",
    "AWS::Logs::MetricFilter",
    "AWS::SNS::Subscription",
    "AWS::SNS::Topic",
    "AWS::SNS::TopicPolicy",
    "AWS::SQS::QueuePolicy",
];

/// Properties of `AWS::DynamoDB::Table` without effect on one machine.
pub(super) const TABLE: &[&str] = &[
    "BillingMode",
    "ContributorInsightsSpecification",
    "DeletionProtectionEnabled",
    "OnDemandThroughput",
    "PointInTimeRecoverySpecification",
    "ProvisionedThroughput",
    "SSESpecification",
    "TableClass",
    "TableName",
    "Tags",
];

/// Properties of `AWS::SQS::Queue` without effect on one machine.
pub(super) const QUEUE: &[&str] = &[
    "KmsDataKeyReusePeriodSeconds",
    "KmsMasterKeyId",
    "QueueName",
    "RedriveAllowPolicy",
    "SqsManagedSseEnabled",
    "Tags",
];

/// Properties of `AWS::SecretsManager::Secret` without effect on one machine.
pub(super) const SECRET: &[&str] = &["Description", "KmsKeyId", "Name", "Tags"];

/// Properties of `AWS::Serverless::Function` without effect on one machine.
pub(super) const FUNCTION: &[&str] = &[
    "Architectures",
    "AutoPublishAlias",
    "DeploymentPreference",
    "Description",
    "EphemeralStorage",
    "EventInvokeConfig",
    "FunctionName",
    "Handler",
    "LoggingConfig",
    "PermissionsBoundary",
    "RecursiveLoop",
    "ReservedConcurrentExecutions",
    "Role",
    "Runtime",
    "Tags",
    "Tracing",
];

/// Properties of `AWS::Serverless::HttpApi` without effect on one machine.
pub(super) const HTTP_API: &[&str] = &[
    "AccessLogSettings",
    "DefaultRouteSettings",
    "Description",
    "DisableExecuteApiEndpoint",
    "Domain",
    "Name",
    "PropagateTags",
    "RouteSettings",
    "StageName",
    "Tags",
];

/// Properties of a `Schedule` or `ScheduleV2` event without effect on one machine.
pub(super) const SCHEDULE: &[&str] = &[
    "DeadLetterConfig",
    "Description",
    "FlexibleTimeWindow",
    "Name",
    "RetryPolicy",
    "ScheduleExpressionTimezone",
];
