//! Tables, queues and secrets as the template describes them.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{ACCOUNT, REGION};

/// A DynamoDB table. Serializes to the body of DynamoDB's `CreateTable`, whose words the template uses.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct Table {
    /// The table's name.
    #[serde(default)]
    pub(crate) table_name: String,
    /// The attributes that keys are made of.
    pub(crate) attribute_definitions: Vec<AttributeDefinition>,
    /// Partition key, then sort key.
    pub(crate) key_schema: Vec<KeyElement>,
    /// Global secondary indexes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) global_secondary_indexes: Vec<Index>,
    /// Local secondary indexes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) local_secondary_indexes: Vec<Index>,
    /// Which attribute says when a row may be deleted.
    #[serde(skip_serializing)]
    pub(crate) time_to_live_specification: Option<TimeToLive>,
}

/// One attribute that a key uses.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct AttributeDefinition {
    /// Its name.
    pub(crate) attribute_name: String,
    /// `S`, `N` or `B`.
    pub(crate) attribute_type: String,
}

/// One part of a key.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct KeyElement {
    /// The attribute's name.
    pub(crate) attribute_name: String,
    /// `HASH` or `RANGE`.
    pub(crate) key_type: String,
}

/// A secondary index.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct Index {
    /// Its name.
    pub(crate) index_name: String,
    /// Its key.
    pub(crate) key_schema: Vec<KeyElement>,
    /// What its rows hold beside the keys.
    pub(crate) projection: Projection,
}

/// What the rows of an index hold.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct Projection {
    /// `ALL`, `KEYS_ONLY` or `INCLUDE`.
    pub(crate) projection_type: String,
    /// The attributes of `INCLUDE`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) non_key_attributes: Vec<String>,
}

/// A table's expiry attribute.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct TimeToLive {
    /// Holds the epoch second after which a row may go.
    pub(crate) attribute_name: String,
    /// Whether rows go at all.
    pub(crate) enabled: bool,
}

impl Table {
    /// The body of DynamoDB's `CreateTable`.
    pub(crate) fn create_request(&self) -> Value {
        let mut request = json!(self);
        request["BillingMode"] = json!("PAY_PER_REQUEST");
        request
    }
}

/// A secret of Secrets Manager.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct Secret {
    /// The secret's name.
    #[serde(default)]
    pub(crate) name: String,
    /// How its first text is made, if it is not given.
    pub(crate) generate_secret_string: Option<GenerateSecretString>,
    /// Its text, if a parameter gives it.
    pub(crate) secret_string: Option<String>,
}

/// How the text of a secret is made: a JSON object with a random member.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct GenerateSecretString {
    /// The other members.
    pub(crate) secret_string_template: String,
    /// The name of the random one.
    pub(crate) generate_string_key: String,
    /// Its length.
    pub(crate) password_length: usize,
    /// Locally it always has only letters and digits.
    #[serde(rename = "ExcludePunctuation")]
    pub(crate) _exclude_punctuation: bool,
}

impl Secret {
    /// Its Amazon Resource Name, by which `Ref` names it.
    pub(crate) fn arn(&self) -> String {
        format!(
            "arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{}",
            self.name
        )
    }
}

/// An SQS queue. Serializes to the attributes of SQS's `CreateQueue`, whose words the template uses.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct Queue {
    /// The queue's name.
    #[serde(default, skip_serializing)]
    pub(crate) queue_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    delay_seconds: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    maximum_message_size: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_retention_period: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    receive_message_wait_time_seconds: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    visibility_timeout: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    redrive_policy: Option<RedrivePolicy>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RedrivePolicy {
    dead_letter_target_arn: String,
    max_receive_count: u32,
}

impl Queue {
    /// Its Amazon Resource Name.
    pub(crate) fn arn(&self) -> String {
        format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{}", self.queue_name)
    }

    /// The queue that gets the messages which nobody could handle.
    pub(crate) fn dead_letter_queue_arn(&self) -> Option<&str> {
        let policy = self.redrive_policy.as_ref()?;
        Some(&policy.dead_letter_target_arn)
    }

    /// The attributes of SQS's `CreateQueue`, which are all strings.
    pub(crate) fn attributes(&self) -> Vec<(String, String)> {
        let Value::Object(attributes) = json!(self) else {
            return Vec::new();
        };
        attributes
            .into_iter()
            .map(|(name, value)| (name, value.to_string()))
            .collect()
    }
}
