//! The AWS clients: two that every function uses, and one for those that open secrets.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::environment::{
    EnvironmentVariableCredentialsProvider, EnvironmentVariableRegionProvider,
};
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;

/// Clients of DynamoDB and SQS. Cheap to clone; one per environment, so connections are reused.
#[derive(Debug, Clone)]
pub struct Aws {
    /// For the tables.
    pub dynamodb: aws_sdk_dynamodb::Client,
    /// For the queue.
    pub sqs: aws_sdk_sqs::Client,
}

impl Aws {
    /// Takes region, credentials and endpoints from the environment variables that Lambda sets, and
    /// looks nowhere else: the SDK's chain of other places costs time at every cold start.
    ///
    /// A hanging request is given up after two seconds and repeated by the SDK, twice at most.
    pub async fn from_environment() -> Self {
        let config = sdk_config().await;
        Self {
            dynamodb: aws_sdk_dynamodb::Client::new(&config),
            sqs: aws_sdk_sqs::Client::new(&config),
        }
    }

    /// The client of Secrets Manager, configured in the same way.
    pub async fn secrets_from_environment() -> aws_sdk_secretsmanager::Client {
        aws_sdk_secretsmanager::Client::new(&sdk_config().await)
    }
}

async fn sdk_config() -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(1))
        .operation_attempt_timeout(Duration::from_secs(2))
        .build();
    aws_config::from_env()
        .region(EnvironmentVariableRegionProvider::new())
        .credentials_provider(EnvironmentVariableCredentialsProvider::new())
        .timeout_config(timeouts)
        // Answers are small; the timeout of an attempt covers one that stalls.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .load()
        .await
}
