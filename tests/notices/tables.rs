//! The tables of the template.

use serde_json::{Value, json};

use crate::resources::{resources, template};

pub(crate) const ACCOUNTS: &str = "AccountsTable";
pub(crate) const CREDENTIALS: &str = "CredentialsTable";
pub(crate) const DELIVERIES: &str = "DeliveriesTable";
pub(crate) const EVENTS: &str = "EventsTable";

/// What makes each table, called as the template calls it.
pub(crate) fn create_requests() -> Vec<Value> {
    let tables = resources(&template(), "AWS::DynamoDB::Table").into_iter();
    let requests = tables.map(|(name, properties)| {
        let mut request = json!({"TableName": name});
        for property in [
            "AttributeDefinitions",
            "BillingMode",
            "GlobalSecondaryIndexes",
            "KeySchema",
        ] {
            if let Some(value) = properties.get(property) {
                request[property] = value.clone();
            }
        }
        request
    });
    let requests: Vec<Value> = requests.collect();
    for table in [ACCOUNTS, CREDENTIALS, DELIVERIES, EVENTS] {
        assert!(
            requests.iter().any(|it| it["TableName"] == table),
            "{table}"
        );
    }
    requests
}
