//! Credentials as they are shown: in the words of `CertDirectory`, whose lists of them clients know
//! (<https://docs.credentials.certdirectory.io/api/credentials/>), with what it lacks.

use std::collections::BTreeSet;

use jiff::Timestamp;
use payload::dialect::Dialect;
use payload::event::CredentialStatus;
use payload::event_type::EventType;
use payload::id::EventId;
use payload::timestamp;
use serde::Serialize;
use state::Credential;

use crate::{deliveries, events};

/// A credential in a list.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct View<'c> {
    id: &'c str,
    /// The short id of `CertDirectory`.
    credential_id: Option<&'c str>,
    /// Other ids by which it is found.
    also_known_as: &'c BTreeSet<String>,
    status: CredentialStatus,
    title: Option<&'c str>,
    kind: Option<&'c str>,
    badge_id: Option<&'c str>,
    badge_name: Option<&'c str>,
    activity_id: Option<&'c str>,
    activity_name: Option<&'c str>,
    recipient_id: Option<&'c str>,
    recipient_email: Option<&'c str>,
    recipient_name: Option<&'c str>,
    issuer_id: Option<&'c str>,
    #[serde(serialize_with = "timestamp::option::serialize")]
    issuance_date: Option<Timestamp>,
    #[serde(serialize_with = "timestamp::option::serialize")]
    expiration_date: Option<Timestamp>,
    #[serde(serialize_with = "timestamp::option::serialize")]
    claimed_at: Option<Timestamp>,
    #[serde(serialize_with = "timestamp::option::serialize")]
    declined_at: Option<Timestamp>,
    /// As an event said it. `status` needs no event.
    #[serde(serialize_with = "timestamp::option::serialize")]
    expired_at: Option<Timestamp>,
    #[serde(serialize_with = "timestamp::option::serialize")]
    revoked_at: Option<Timestamp>,
    revocation_reason: Option<&'c str>,
    verification_url: Option<&'c str>,
    hash: Option<&'c str>,
    supersedes_credential_id: Option<&'c str>,
    superseded_by_credential_id: Option<&'c str>,
    /// The dialect in which it was first named.
    dialect: Option<Dialect>,
    last_event: Option<LastEvent>,
    #[serde(serialize_with = "timestamp::serialize")]
    created_at: Timestamp,
    #[serde(serialize_with = "timestamp::serialize")]
    updated_at: Timestamp,
}

/// Its event that happened last.
#[derive(Serialize)]
struct LastEvent {
    id: EventId,
    #[serde(rename = "type")]
    event_type: EventType,
    #[serde(serialize_with = "timestamp::serialize")]
    timestamp: Timestamp,
}

/// A credential alone, with its events and what became of each.
#[derive(Serialize)]
pub(super) struct FullView<'c> {
    #[serde(flatten)]
    pub(super) view: View<'c>,
    pub(super) events: Vec<EventView<'c>>,
}

/// One of its events.
#[derive(Serialize)]
pub(super) struct EventView<'c> {
    #[serde(flatten)]
    pub(super) event: events::View<'c>,
    pub(super) deliveries: Vec<deliveries::View<'c>>,
}

impl<'c> View<'c> {
    /// As it is at this time.
    pub(super) fn new(credential: &'c Credential, now: Timestamp) -> Self {
        let Credential {
            known, lifecycle, ..
        } = credential;
        Self {
            id: &credential.id,
            credential_id: known.short_id.as_deref(),
            also_known_as: &credential.known_as,
            status: lifecycle.status(now),
            title: known.title.as_deref(),
            kind: known.kind.as_deref(),
            badge_id: known.achievement_id.as_deref(),
            badge_name: known.achievement_name.as_deref(),
            activity_id: known.activity_id.as_deref(),
            activity_name: known.activity_name.as_deref(),
            recipient_id: known.recipient_id.as_deref(),
            recipient_email: known.recipient_email.as_deref(),
            recipient_name: known.recipient_name.as_deref(),
            issuer_id: known.issuer_id.as_deref(),
            issuance_date: known.issued_at,
            expiration_date: lifecycle.expires_at(),
            claimed_at: lifecycle.accepted_at(),
            declined_at: lifecycle.declined_at(),
            expired_at: lifecycle.expired_at(),
            revoked_at: lifecycle.revoked_at(),
            revocation_reason: lifecycle.revocation_reason(),
            verification_url: known.url.as_deref(),
            hash: known.hash.as_deref(),
            supersedes_credential_id: lifecycle.supersedes(),
            superseded_by_credential_id: lifecycle.superseded_by(),
            dialect: known.dialect,
            last_event: lifecycle.last().map(|last| LastEvent {
                id: last.moment.event,
                event_type: last.event_type,
                timestamp: last.moment.at,
            }),
            created_at: credential.created_at,
            updated_at: credential.updated_at,
        }
    }
}
