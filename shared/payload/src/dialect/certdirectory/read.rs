//! Reading a body of the dialect.

use jiff::Timestamp;

use crate::dialect::{Dialect, Draft, Hints, Warning, read_event_type, source};
use crate::event::{Achievement, Batch, Credential, CredentialStatus, Facts, Recipient};
use crate::event_type::EventType;
use crate::fields::Fields;
use crate::timestamp::{self};

const PLACEHOLDER: &str = "...";

pub(in crate::dialect) fn read(mut root: Fields<'_>, hints: Hints<'_>) -> Option<Draft> {
    let event = read_event_type(&mut root, "type", Dialect::Certdirectory);
    let id = root.required_identifier("id");
    let created_at = root.required_timestamp("createdAt");
    let mut data = root.required_object("data");
    let placeholder = data.take(PLACEHOLDER).map(|_| Warning {
        pointer: format!("/data/{PLACEHOLDER}"),
        message: "is a placeholder of the documentation; it was dropped".to_owned(),
    });
    let (native, event_type) = event?;

    let mut facts = Facts::new(source(
        Dialect::Certdirectory,
        native,
        Some(created_at),
        hints,
    ));
    facts.source.native_id = Some(id.clone());
    let achievement = Achievement {
        id: data.identifier("badgeId"),
        name: data.text("badgeName"),
        rule: None,
    };
    facts.achievement = (achievement != Achievement::default()).then_some(achievement);
    if event_type == EventType::IssuanceBatchCompleted {
        facts.batch = Some(read_batch(&mut data));
    } else {
        facts.credential = Some(read_credential(&mut data, event_type, created_at));
        facts.recipient = Some(Recipient {
            email: data.text("recipientEmail"),
            name: data.text("recipientName"),
            ..Recipient::default()
        });
    }

    data.keep_rest("data", &mut facts.ext);
    facts.ext.extend(root.rest());
    Some(Draft {
        event_type,
        timestamp: created_at,
        natural_key: vec![id],
        facts,
        warnings: Vec::from_iter(placeholder),
    })
}

fn read_credential(
    data: &mut Fields<'_>,
    event_type: EventType,
    created_at: Timestamp,
) -> Credential {
    let short_id = data.identifier("credentialId");
    let uuid = data.identifier("credentialUuid");
    if short_id.is_none() && uuid.is_none() {
        data.fault("credentialUuid", "required, or credentialId");
    }
    let mut credential = Credential {
        id: uuid.or_else(|| short_id.clone()),
        short_id,
        issued_at: read_date(data, "issuanceDate"),
        expires_at: read_date(data, "expirationDate"),
        accepted_at: read_date(data, "claimedAt"),
        revoked_at: read_date(data, "revokedAt"),
        revocation_reason: data
            .text("revocationReason")
            .or_else(|| data.text("reason")),
        supersedes: data.identifier("supersedesCredentialId"),
        superseded_by: data.identifier("supersededByCredentialId"),
        public: data.boolean("isPublic"),
        url: data.text("verificationUrl"),
        ..Credential::default()
    };
    let said = data.one_of("status", &["valid", "pending", "expired", "revoked"]);
    // Where the body gives no date of its own, the event's time is when it happened.
    credential.status = Some(match event_type {
        EventType::CredentialAccepted => {
            credential.accepted_at.get_or_insert(created_at);
            CredentialStatus::Valid
        }
        EventType::CredentialRevoked => {
            credential.revoked_at.get_or_insert(created_at);
            CredentialStatus::Revoked
        }
        EventType::CredentialExpired => {
            credential.expired_at = credential.expires_at.or(Some(created_at));
            CredentialStatus::Expired
        }
        // A public credential is valid before anyone claims it.
        _ if said.as_deref() == Some("valid") => CredentialStatus::Valid,
        _ => CredentialStatus::Pending,
    });
    credential
}

/// The members of a finished bulk job are documented nowhere: the likely names are read.
fn read_batch(data: &mut Fields<'_>) -> Batch {
    Batch {
        id: ["jobId", "bulkJobId", "batchId", "id"]
            .iter()
            .find_map(|name| data.identifier(name)),
        total: data.count("total"),
        successful: data.count("successful"),
        failed: data.count("failed"),
        skipped: data.count("skipped"),
    }
}

/// A date-time, or a bare date as its midnight in UTC.
fn read_date(data: &mut Fields<'_>, name: &str) -> Option<Timestamp> {
    data.timestamp_by(name, "must be an RFC 3339 date-time or a date", |text| {
        timestamp::parse(text).or_else(|| timestamp::parse_date(text))
    })
}
