//! Writing a body of the dialect.

use jiff::Timestamp;
use schemars::{JsonSchema, Schema};
use serde::Serialize;

use crate::convert::Conversion;
use crate::dialect::{json, schema_of};
use crate::event::CredentialStatus;
use crate::event_type::EventType;
use crate::timestamp::Milliseconds;

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Envelope<'e, D> {
    /// The event.
    id: String,
    /// What happened.
    r#type: &'e str,
    created_at: Milliseconds,
    data: D,
}

/// The example's four members, then those of the REST API, where they are known.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct CredentialData<'e> {
    /// The short id, `CRD-` and 8 characters where `CertDirectory` made it.
    credential_id: &'e str,
    credential_uuid: String,
    badge_id: String,
    recipient_email: &'e str,
    #[serde(skip_serializing_if = "Option::is_none")]
    recipient_name: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    badge_name: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    issuance_date: Option<Milliseconds>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expiration_date: Option<Milliseconds>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verification_url: Option<&'e str>,
    /// When issued or renewed, and not waiting to be claimed.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<CredentialStatus>,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_public: Option<bool>,
    /// When claimed.
    #[serde(skip_serializing_if = "Option::is_none")]
    claimed_at: Option<Milliseconds>,
    /// When revoked.
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked_at: Option<Milliseconds>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revocation_reason: Option<&'e str>,
    /// When renewed.
    #[serde(skip_serializing_if = "Option::is_none")]
    supersedes_credential_id: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    superseded_by_credential_id: Option<&'e str>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct BatchData<'e> {
    #[serde(skip_serializing_if = "Option::is_none")]
    job_id: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    badge_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    successful: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failed: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    skipped: Option<u64>,
}

pub(in crate::dialect) fn write(event: &mut Conversion<'_>) -> Vec<u8> {
    if event.as_type == EventType::IssuanceBatchCompleted {
        let data = batch(event);
        envelope(event, data)
    } else {
        let data = credential(event);
        envelope(event, data)
    }
}

pub(in crate::dialect) fn schema(event_type: EventType) -> Schema {
    match event_type {
        EventType::IssuanceBatchCompleted => schema_of::<Envelope<'_, BatchData<'_>>>(),
        _ => schema_of::<Envelope<'_, CredentialData<'_>>>(),
    }
}

fn envelope(event: &Conversion<'_>, data: impl Serialize) -> Vec<u8> {
    // The id by which the system itself knows the event, else ours.
    let own = Some(&event.facts().source).filter(|_| event.is_own());
    let native_id = own.and_then(|source| source.native_id.clone());
    let created_at = match own {
        Some(source) => source.sent_at.unwrap_or(event.event.timestamp),
        None => event.event.timestamp,
    };
    json(&Envelope {
        id: native_id.unwrap_or_else(|| event.event.id.to_string()),
        r#type: event.name,
        created_at: Milliseconds(created_at),
        data,
    })
}

fn credential<'e>(event: &mut Conversion<'e>) -> CredentialData<'e> {
    let known = event.credential();
    let short_id = known.and_then(|it| it.short_id.as_deref().or(it.id.as_deref()));
    let email = event.recipient().and_then(|it| it.email.as_deref());
    let credential_identity = event.credential_identity();
    let achievement_identity = event.achievement_identity();
    let expires_at = known.and_then(|it| it.expires_at);
    let is = |event_type| event.as_type == event_type;
    let expired_at =
        known.and_then(|it| it.expired_at.filter(|_| is(EventType::CredentialExpired)));
    let is_new = is(EventType::CredentialIssued) || is(EventType::CredentialRenewed);
    let status = known.and_then(|it| it.status).filter(|_| is_new);
    let claimed = is(EventType::CredentialAccepted);
    let revoked = is(EventType::CredentialRevoked);
    let at = |at: Option<Timestamp>| Milliseconds(at.unwrap_or(event.event.timestamp));
    let claimed_at = claimed.then(|| at(known.and_then(|it| it.accepted_at)));
    let revoked_at = revoked.then(|| at(known.and_then(|it| it.revoked_at)));
    let nearest = [("credential.expired_at", expired_at)];
    CredentialData {
        credential_id: event.need("credential.id", short_id),
        credential_uuid: event.uuid("/data/credentialUuid", "credential.id", credential_identity),
        badge_id: event.uuid("/data/badgeId", "achievement.id", achievement_identity),
        recipient_email: event.need_text("recipient.email", email),
        recipient_name: event.recipient().and_then(|it| it.name.as_deref()),
        badge_name: event.achievement().and_then(|it| it.name.as_deref()),
        issuance_date: known.and_then(|it| it.issued_at).map(Milliseconds),
        expiration_date: event
            .nearest("/data/expirationDate", expires_at, nearest)
            .map(Milliseconds),
        verification_url: known.and_then(|it| it.url.as_deref()),
        status: status.filter(|status| *status == CredentialStatus::Valid),
        is_public: known.and_then(|it| it.public),
        claimed_at,
        revoked_at,
        revocation_reason: known.and_then(|it| it.revocation_reason.as_deref()),
        supersedes_credential_id: known.and_then(|it| it.supersedes.as_deref()),
        superseded_by_credential_id: known.and_then(|it| it.superseded_by.as_deref()),
    }
}

fn batch<'e>(event: &mut Conversion<'e>) -> BatchData<'e> {
    let known = event.facts().batch.as_ref();
    let achievement = event.achievement_identity();
    BatchData {
        job_id: known.and_then(|it| it.id.as_deref()),
        badge_id: achievement
            .map(|identity| event.uuid("/data/badgeId", "achievement.id", Some(identity))),
        total: known.and_then(|it| it.total),
        successful: known.and_then(|it| it.successful),
        failed: known.and_then(|it| it.failed),
        skipped: known.and_then(|it| it.skipped),
    }
}
