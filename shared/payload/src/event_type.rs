//! Event types, the names each dialect has for them, and subscriptions to them.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::dialect::Dialect;

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
}

use EventType::{
    ApplicationCreated, ApplicationFailed, ApplicationProcessing, ApplicationRejected,
    ApplicationRetried, CredentialAccepted, CredentialDeclined, CredentialExpired,
    CredentialExpiring, CredentialIssued, CredentialRenewed, CredentialRevoked,
    IssuanceBatchCompleted, RecipientRegistered,
};

/// The source systems' own names: the 20 outbound events they document.
const NATIVE_NAMES: [(Dialect, EventType, &str); 20] = [
    (Dialect::Thatsme, CredentialIssued, "certificate.issued"),
    (Dialect::Thatsme, CredentialAccepted, "certificate.accepted"),
    (Dialect::Thatsme, CredentialDeclined, "certificate.rejected"),
    (Dialect::Thatsme, CredentialExpired, "certificate.expired"),
    (
        Dialect::Thatsme,
        RecipientRegistered,
        "recipient.registered",
    ),
    (
        Dialect::Toolzz,
        CredentialIssued,
        "activities.certificate.issued",
    ),
    (
        Dialect::Vec,
        CredentialIssued,
        "certificate_application.approved",
    ),
    (
        Dialect::Vec,
        ApplicationCreated,
        "certificate_application.created",
    ),
    (
        Dialect::Vec,
        ApplicationProcessing,
        "certificate_application.processing",
    ),
    (
        Dialect::Vec,
        ApplicationRejected,
        "certificate_application.rejected",
    ),
    (
        Dialect::Vec,
        ApplicationFailed,
        "certificate_application.failed",
    ),
    (
        Dialect::Vec,
        ApplicationRetried,
        "certificate_application.retried",
    ),
    (
        Dialect::Certdirectory,
        CredentialIssued,
        "credential.issued",
    ),
    (
        Dialect::Certdirectory,
        CredentialAccepted,
        "credential.claimed",
    ),
    (
        Dialect::Certdirectory,
        CredentialRevoked,
        "credential.revoked",
    ),
    (
        Dialect::Certdirectory,
        CredentialExpired,
        "credential.expired",
    ),
    (
        Dialect::Certdirectory,
        CredentialRenewed,
        "credential.renewed",
    ),
    (
        Dialect::Certdirectory,
        IssuanceBatchCompleted,
        "bulk_issuance.completed",
    ),
    (Dialect::Beedeez, CredentialIssued, "certificate_completed"),
    (Dialect::Beedeez, CredentialExpired, "certificate_expired"),
];

impl EventType {
    /// Every type, in the order of the catalogue.
    pub const ALL: [Self; 14] = [
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
        }
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

/// What `dialect` calls events of this type, if it has them.
pub fn native_name(dialect: Dialect, event_type: EventType) -> Option<&'static str> {
    match dialect {
        Dialect::Canonical => Some(event_type.name()),
        _ => native_names(dialect)
            .find(|(of, _)| *of == event_type)
            .map(|(_, name)| name),
    }
}

/// The types that `dialect` has, with its names for them.
pub fn native_names(dialect: Dialect) -> impl Iterator<Item = (EventType, &'static str)> {
    NATIVE_NAMES
        .into_iter()
        .filter(move |(of, ..)| *of == dialect)
        .map(|(_, event_type, name)| (event_type, name))
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

/// The event types an endpoint wants: `*`, a group such as `credential.*`, or single types.
///
/// Kept as canonical patterns, so that a type added later to a group reaches the endpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Subscription(Vec<String>);

impl Subscription {
    /// Reads patterns written with canonical names or with the names of the endpoint's dialect.
    ///
    /// # Errors
    /// The positions of the patterns that match nothing.
    pub fn parse(dialect: Dialect, patterns: &[String]) -> Result<Self, Vec<usize>> {
        let mut canonical: Vec<String> = Vec::new();
        let mut unknown = Vec::new();
        for (index, pattern) in patterns.iter().enumerate() {
            let names = canonical_patterns(dialect, pattern);
            if names.is_empty() {
                unknown.push(index);
            }
            for name in names {
                if !canonical.contains(&name) {
                    canonical.push(name);
                }
            }
        }
        if unknown.is_empty() {
            Ok(Self(canonical))
        } else {
            Err(unknown)
        }
    }

    /// Whether events of this type are wanted.
    pub fn includes(&self, event_type: EventType) -> bool {
        self.0
            .iter()
            .any(|pattern| matches(pattern, event_type.name()))
    }

    /// The canonical patterns.
    pub fn patterns(&self) -> &[String] {
        &self.0
    }
}

fn canonical_patterns(dialect: Dialect, pattern: &str) -> Vec<String> {
    if EventType::ALL
        .iter()
        .any(|event_type| matches(pattern, event_type.name()))
    {
        return vec![pattern.to_owned()];
    }
    native_names(dialect)
        .filter(|(_, native)| matches(pattern, native))
        .map(|(event_type, _)| event_type.name().to_owned())
        .collect()
}

/// `*` is everything, `credential.*` everything in the group, anything else itself.
fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some("") => true,
        Some(group) => group.ends_with('.') && name.starts_with(group),
        None => pattern == name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subscribe(dialect: Dialect, patterns: &[&str]) -> Result<Subscription, Vec<usize>> {
        let patterns: Vec<String> = patterns
            .iter()
            .map(|pattern| (*pattern).to_owned())
            .collect();
        Subscription::parse(dialect, &patterns)
    }

    #[test]
    fn every_type_reads_back_from_its_name() {
        for event_type in EventType::ALL {
            assert_eq!(event_type.name().parse(), Ok(event_type));
        }
    }

    #[test]
    fn a_group_takes_its_types_and_no_other() {
        let credentials = subscribe(Dialect::Canonical, &["credential.*"]).unwrap();
        assert!(credentials.includes(EventType::CredentialRevoked));
        assert!(!credentials.includes(EventType::ApplicationCreated));
        let everything = subscribe(Dialect::Canonical, &["*"]).unwrap();
        assert!(
            EventType::ALL
                .into_iter()
                .all(|event_type| everything.includes(event_type))
        );
    }

    #[test]
    fn native_names_of_the_dialect_are_mapped() {
        let beedeez = subscribe(
            Dialect::Beedeez,
            &["certificate_completed", "certificate_expired"],
        )
        .unwrap();
        assert_eq!(
            beedeez.patterns(),
            ["credential.issued", "credential.expired"]
        );
        let vec = subscribe(Dialect::Vec, &["certificate_application.*"]).unwrap();
        assert_eq!(vec.patterns().len(), 6);
        let certdirectory = subscribe(
            Dialect::Certdirectory,
            &["credential.claimed", "credential.accepted"],
        )
        .unwrap();
        assert_eq!(certdirectory.patterns(), ["credential.accepted"]);
    }

    #[test]
    fn a_pattern_that_matches_nothing_is_named_by_its_place() {
        assert_eq!(
            subscribe(
                Dialect::Thatsme,
                &["certificate.issued", "certificate_completed"]
            ),
            Err(vec![1])
        );
        assert_eq!(
            subscribe(
                Dialect::Canonical,
                &["cred*", "credential.", "", "nothing.*"]
            ),
            Err(vec![0, 1, 2, 3])
        );
    }
}
