//! The names that each dialect has for event types.

use crate::dialect::Dialect;
use crate::event_type::EventType::{
    self, ApplicationCreated, ApplicationFailed, ApplicationProcessing, ApplicationRejected,
    ApplicationRetried, CredentialAccepted, CredentialDeclined, CredentialExpired,
    CredentialIssued, CredentialRenewed, CredentialRevoked, IssuanceBatchCompleted,
    RecipientRegistered, WebhookTest,
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

/// What `dialect` calls events of this type, if it has them. A test has our name in each.
pub fn native_name(dialect: Dialect, event_type: EventType) -> Option<&'static str> {
    match dialect {
        Dialect::Canonical => Some(event_type.name()),
        _ if event_type == WebhookTest => Some(event_type.name()),
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
