//! Event types, the names each dialect has for them, and subscriptions to them.

mod native;
mod subscription;

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::dialect::Dialect;

pub use native::{native_name, native_names};
pub use subscription::Subscription;

/// What happened, by its canonical name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventType {
    /// A credential was issued to a recipient.
    CredentialIssued,
    /// The recipient accepted (claimed) it.
    CredentialAccepted,
    /// The recipient declined it.
    CredentialDeclined,
    /// Its validity ended.
    CredentialExpired,
    /// Its validity will end soon.
    CredentialExpiring,
    /// The issuer took it back.
    CredentialRevoked,
    /// A new credential supersedes an older one.
    CredentialRenewed,
    /// An application for a certificate came into being.
    ApplicationCreated,
    /// The institution approved it; the certificate is being made.
    ApplicationProcessing,
    /// The institution rejected it.
    ApplicationRejected,
    /// Making the certificate failed.
    ApplicationFailed,
    /// Making the certificate was started again after a failure.
    ApplicationRetried,
    /// A bulk job has ended.
    IssuanceBatchCompleted,
    /// A recipient with waiting certificates made an account.
    RecipientRegistered,
    /// A delivery to an endpoint was given up, the first since it last succeeded.
    EndpointFailing,
    /// An endpoint was disabled, by its owner or by us.
    EndpointDisabled,
    /// An endpoint was enabled again.
    EndpointEnabled,
    /// Every attempt of a delivery failed.
    DeliveryExhausted,
    /// What the organization has paid for has changed, or has run out.
    BillingAccessChanged,
    /// Somebody asked for a test of an endpoint.
    WebhookTest,
}

/// What an event is about: the kind of thing whose id a canonical event must carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// `data.credential.id`
    Credential,
    /// `data.application.id`
    Application,
    /// `data.batch.id`
    Batch,
    /// `data.recipient.email`
    Recipient,
    /// `data.endpoint.id`: what certhooks tells of itself.
    Endpoint,
    /// `data.organization_id`: what certhooks tells of the organization as a whole.
    Organization,
}

use EventType::{
    ApplicationCreated, ApplicationFailed, ApplicationProcessing, ApplicationRejected,
    ApplicationRetried, BillingAccessChanged, CredentialAccepted, CredentialDeclined,
    CredentialExpired, CredentialExpiring, CredentialIssued, CredentialRenewed, CredentialRevoked,
    DeliveryExhausted, EndpointDisabled, EndpointEnabled, EndpointFailing, IssuanceBatchCompleted,
    RecipientRegistered, WebhookTest,
};

impl EventType {
    /// Every type, in the order of the catalogue.
    pub const ALL: [Self; 20] = [
        CredentialIssued,
        CredentialAccepted,
        CredentialDeclined,
        CredentialExpired,
        CredentialExpiring,
        CredentialRevoked,
        CredentialRenewed,
        ApplicationCreated,
        ApplicationProcessing,
        ApplicationRejected,
        ApplicationFailed,
        ApplicationRetried,
        IssuanceBatchCompleted,
        RecipientRegistered,
        EndpointFailing,
        EndpointDisabled,
        EndpointEnabled,
        DeliveryExhausted,
        BillingAccessChanged,
        WebhookTest,
    ];

    /// The canonical name.
    pub const fn name(self) -> &'static str {
        match self {
            CredentialIssued => "credential.issued",
            CredentialAccepted => "credential.accepted",
            CredentialDeclined => "credential.declined",
            CredentialExpired => "credential.expired",
            CredentialExpiring => "credential.expiring",
            CredentialRevoked => "credential.revoked",
            CredentialRenewed => "credential.renewed",
            ApplicationCreated => "application.created",
            ApplicationProcessing => "application.processing",
            ApplicationRejected => "application.rejected",
            ApplicationFailed => "application.failed",
            ApplicationRetried => "application.retried",
            IssuanceBatchCompleted => "issuance_batch.completed",
            RecipientRegistered => "recipient.registered",
            EndpointFailing => "endpoint.failing",
            EndpointDisabled => "endpoint.disabled",
            EndpointEnabled => "endpoint.enabled",
            DeliveryExhausted => "delivery.exhausted",
            BillingAccessChanged => "billing.access_changed",
            WebhookTest => "webhook.test",
        }
    }

    /// What an event of this type is about.
    pub const fn subject(self) -> Subject {
        match self {
            CredentialIssued | CredentialAccepted | CredentialDeclined | CredentialExpired
            | CredentialExpiring | CredentialRevoked | CredentialRenewed => Subject::Credential,
            ApplicationCreated
            | ApplicationProcessing
            | ApplicationRejected
            | ApplicationFailed
            | ApplicationRetried => Subject::Application,
            IssuanceBatchCompleted => Subject::Batch,
            RecipientRegistered => Subject::Recipient,
            EndpointFailing | EndpointDisabled | EndpointEnabled | DeliveryExhausted
            | WebhookTest => Subject::Endpoint,
            BillingAccessChanged => Subject::Organization,
        }
    }

    /// Whether it is about the delivery of events, or what pays for it. Such an event is made here and taken from nobody.
    pub const fn is_operational(self) -> bool {
        matches!(self.subject(), Subject::Endpoint | Subject::Organization)
    }

    /// The types that are posted, in the order of the catalogue.
    pub fn posted() -> impl Iterator<Item = Self> {
        (Self::ALL.into_iter()).filter(|event_type| !event_type.is_operational())
    }

    /// The type that `dialect` calls `name`.
    pub fn from_native(dialect: Dialect, name: &str) -> Option<Self> {
        match dialect {
            Dialect::Canonical => name.parse().ok(),
            _ => native_names(dialect)
                .find(|(_, native)| *native == name)
                .map(|(event_type, _)| event_type),
        }
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The text is no canonical event type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("unknown event type")]
pub struct UnknownEventType;

impl FromStr for EventType {
    type Err = UnknownEventType;

    fn from_str(name: &str) -> Result<Self, UnknownEventType> {
        Self::ALL
            .into_iter()
            .find(|event_type| event_type.name() == name)
            .ok_or(UnknownEventType)
    }
}

impl JsonSchema for EventType {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "EventType".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "enum": Self::ALL})
    }
}

impl Serialize for EventType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for EventType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_reads_back_from_its_name() {
        for event_type in EventType::ALL {
            assert_eq!(event_type.name().parse(), Ok(event_type));
        }
    }

    #[test]
    fn what_is_about_endpoints_or_plans_is_posted_by_nobody() {
        let ours = EventType::ALL.into_iter().filter(|it| it.is_operational());
        assert_eq!(ours.count(), 6);
        assert_eq!(EventType::posted().count(), 14);
    }
}
