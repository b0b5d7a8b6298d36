//! Writing a body of the dialect.

use schemars::{JsonSchema, Schema};
use serde::Serialize;

use crate::convert::{Conversion, said};
use crate::dialect::{json, schema_of};
use crate::event_type::EventType;
use crate::timestamp::Seconds;

/// What every event of That's Me is wrapped in.
#[derive(Serialize, JsonSchema)]
struct Envelope<D> {
    /// What happened.
    event: &'static str,
    /// When the event was generated.
    created_at: Seconds,
    data: D,
}

#[derive(Serialize, JsonSchema)]
struct Issued<'e> {
    /// The certificate, pending until it is accepted.
    invitation_id: String,
    /// The course or occasion, not this event.
    event_id: String,
    event_name: &'e str,
    badge_id: String,
    badge_name: &'e str,
    recipient_email: &'e str,
    recipient_name: &'e str,
    /// Null until the recipient accepts.
    certificate_url: Option<&'e str>,
    /// Null until the recipient accepts.
    certificate_hash: Option<&'e str>,
    issued_at: Seconds,
}

#[derive(Serialize, JsonSchema)]
struct Accepted<'e> {
    #[serde(flatten)]
    issued: Issued<'e>,
    accepted_at: Seconds,
}

#[derive(Serialize, JsonSchema)]
struct Rejected<'e> {
    invitation_id: String,
    /// The course or occasion, not this event.
    event_id: String,
    recipient_email: &'e str,
    rejected_at: Seconds,
}

#[derive(Serialize, JsonSchema)]
struct Expired<'e> {
    invitation_id: String,
    /// The course or occasion, not this event.
    event_id: String,
    event_name: &'e str,
    recipient_email: &'e str,
    expired_at: Seconds,
}

#[derive(Serialize, JsonSchema)]
struct Registered<'e> {
    recipient_email: &'e str,
    recipient_name: &'e str,
    profile_url: &'e str,
    registered_at: Seconds,
    /// How many waiting certificates were added to the profile.
    pending_certificates_resolved: u64,
}

pub(in crate::dialect) fn write(event: &mut Conversion<'_>) -> Vec<u8> {
    match event.as_type {
        EventType::RecipientRegistered => {
            let data = registered(event);
            envelope(event, data)
        }
        EventType::CredentialAccepted => {
            let data = accepted(event);
            envelope(event, data)
        }
        EventType::CredentialDeclined => {
            let data = rejected(event);
            envelope(event, data)
        }
        EventType::CredentialExpired => {
            let data = expired(event);
            envelope(event, data)
        }
        _ => {
            let data = issued(event);
            envelope(event, data)
        }
    }
}

pub(in crate::dialect) fn schema(event_type: EventType) -> Schema {
    match event_type {
        EventType::RecipientRegistered => schema_of::<Envelope<Registered<'_>>>(),
        EventType::CredentialAccepted => schema_of::<Envelope<Accepted<'_>>>(),
        EventType::CredentialDeclined => schema_of::<Envelope<Rejected<'_>>>(),
        EventType::CredentialExpired => schema_of::<Envelope<Expired<'_>>>(),
        _ => schema_of::<Envelope<Issued<'_>>>(),
    }
}

fn envelope(event: &Conversion<'_>, data: impl Serialize) -> Vec<u8> {
    json(&Envelope {
        event: event.name,
        created_at: Seconds(event.sent_at()),
        data,
    })
}

fn issued<'e>(event: &mut Conversion<'e>) -> Issued<'e> {
    let credential = event.credential();
    let url = credential.and_then(|it| it.url.as_deref());
    let hash = credential.and_then(|it| it.hash.as_deref());
    Issued {
        invitation_id: invitation_id(event),
        event_id: event_id(event),
        event_name: event_name(event),
        badge_id: badge_id(event),
        badge_name: event.achievement_name("/data/badge_name"),
        recipient_email: recipient_email(event),
        recipient_name: recipient_name(event),
        certificate_url: url,
        certificate_hash: hash,
        issued_at: Seconds(event.issued_at("/data/issued_at")),
    }
}

fn accepted<'e>(event: &mut Conversion<'e>) -> Accepted<'e> {
    let accepted_at = event.credential().and_then(|it| it.accepted_at);
    let issued = issued(event);
    event.need_of_others("credential.url", said(issued.certificate_url));
    event.need_of_others("credential.hash", said(issued.certificate_hash));
    Accepted {
        issued,
        accepted_at: Seconds(accepted_at.unwrap_or(event.event.timestamp)),
    }
}

fn rejected<'e>(event: &mut Conversion<'e>) -> Rejected<'e> {
    let rejected_at = event.credential().and_then(|it| it.declined_at);
    Rejected {
        invitation_id: invitation_id(event),
        event_id: event_id(event),
        recipient_email: recipient_email(event),
        rejected_at: Seconds(rejected_at.unwrap_or(event.event.timestamp)),
    }
}

fn expired<'e>(event: &mut Conversion<'e>) -> Expired<'e> {
    let expired_at = event.credential().and_then(|it| it.expired_at);
    Expired {
        invitation_id: invitation_id(event),
        event_id: event_id(event),
        event_name: event_name(event),
        recipient_email: recipient_email(event),
        expired_at: Seconds(expired_at.unwrap_or(event.event.timestamp)),
    }
}

fn registered<'e>(event: &mut Conversion<'e>) -> Registered<'e> {
    let recipient = event.recipient();
    let profile_url = recipient.and_then(|it| it.profile_url.as_deref());
    let registered_at = recipient.and_then(|it| it.registered_at);
    let resolved = recipient.and_then(|it| it.pending_resolved);
    Registered {
        recipient_email: recipient_email(event),
        recipient_name: recipient_name(event),
        profile_url: event.need_text("recipient.profile_url", profile_url),
        registered_at: Seconds(registered_at.unwrap_or(event.event.timestamp)),
        pending_certificates_resolved: event.need("recipient.pending_resolved", resolved),
    }
}

fn invitation_id(event: &mut Conversion<'_>) -> String {
    let identity = event.credential_identity();
    event.text_id("/data/invitation_id", "credential.id", identity)
}

fn event_id(event: &mut Conversion<'_>) -> String {
    let identity = event.activity_identity();
    event.text_id("/data/event_id", "activity.id", identity)
}

fn badge_id(event: &mut Conversion<'_>) -> String {
    let identity = event.achievement_identity();
    event.text_id("/data/badge_id", "achievement.id", identity)
}

fn event_name<'e>(event: &mut Conversion<'e>) -> &'e str {
    let name = event.activity().and_then(|it| it.name.as_deref());
    event.need_text("activity.name", name)
}

fn recipient_email<'e>(event: &mut Conversion<'e>) -> &'e str {
    let email = event.recipient().and_then(|it| it.email.as_deref());
    event.need_text("recipient.email", email)
}

fn recipient_name<'e>(event: &mut Conversion<'e>) -> &'e str {
    let name = event.recipient().and_then(|it| it.name.as_deref());
    event.need_text("recipient.name", name)
}
