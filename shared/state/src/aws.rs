//! The two AWS clients every function uses.

use std::time::Duration;

use aws_config::retry::RetryConfig;
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
    /// Takes region, credentials and endpoints from where the SDK finds them on Lambda.
    ///
    /// A hanging connection is given up after two seconds: the SDK tries three times, and all of it
    /// must fit into a function's timeout.
    pub async fn from_environment() -> Self {
        let config = aws_config::from_env()
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(Duration::from_secs(1))
                    .operation_attempt_timeout(Duration::from_secs(2))
                    .build(),
            )
            .retry_config(RetryConfig::standard())
            .load()
            .await;
        Self {
            dynamodb: aws_sdk_dynamodb::Client::new(&config),
            sqs: aws_sdk_sqs::Client::new(&config),
        }
    }
}
