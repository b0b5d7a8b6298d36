//! Reading a body of the dialect.

use crate::dialect::{Dialect, Draft, Hints, read_event_type, source};
use crate::event::{Achievement, Activity, Credential, CredentialStatus, Facts, Recipient};
use crate::event_type::EventType;
use crate::fields::Fields;
use crate::timestamp::{self};

pub(in crate::dialect) fn read(mut root: Fields<'_>, hints: Hints<'_>) -> Option<Draft> {
    let event = read_event_type(&mut root, "event", Dialect::Thatsme);
    let created_at = root.required_timestamp("created_at");
    let mut data = root.required_object("data");
    let email = data.required_text("recipient_email");
    let (native, event_type) = event?;

    let mut facts = Facts::new(source(
        Dialect::Thatsme,
        native.clone(),
        Some(created_at),
        hints,
    ));
    let mut recipient = Recipient {
        email: Some(email.clone()),
        ..Recipient::default()
    };

    let (timestamp, natural_key) = if event_type == EventType::RecipientRegistered {
        let registered_at = data.required_timestamp("registered_at");
        recipient.name = Some(data.required_text("recipient_name"));
        recipient.profile_url = Some(data.required_text("profile_url"));
        recipient.registered_at = Some(registered_at);
        recipient.pending_resolved = Some(data.required_count("pending_certificates_resolved"));
        (
            registered_at,
            vec![native, email, timestamp::canonical(registered_at)],
        )
    } else {
        let invitation_id = data.required_identifier("invitation_id");
        let mut credential = Credential {
            id: Some(invitation_id.clone()),
            ..Credential::default()
        };
        let mut activity = Activity {
            id: Some(data.required_identifier("event_id")),
            ..Activity::default()
        };
        if matches!(
            event_type,
            EventType::CredentialIssued | EventType::CredentialAccepted
        ) {
            activity.name = Some(data.required_text("event_name"));
            recipient.name = Some(data.required_text("recipient_name"));
            facts.achievement = Some(Achievement {
                id: Some(data.required_identifier("badge_id")),
                name: Some(data.required_text("badge_name")),
                rule: None,
            });
            credential.issued_at = Some(data.required_timestamp("issued_at"));
            credential.url = data.text("certificate_url");
            credential.hash = data.text("certificate_hash");
        } else {
            activity.name = data.text("event_name");
            recipient.name = data.text("recipient_name");
            credential.issued_at = data.timestamp("issued_at");
            let achievement = Achievement {
                id: data.identifier("badge_id"),
                name: data.text("badge_name"),
                rule: None,
            };
            facts.achievement = (achievement != Achievement::default()).then_some(achievement);
        }
        let timestamp = match event_type {
            EventType::CredentialAccepted => {
                credential.status = Some(CredentialStatus::Valid);
                *credential
                    .accepted_at
                    .insert(data.required_timestamp("accepted_at"))
            }
            EventType::CredentialDeclined => {
                credential.status = Some(CredentialStatus::Declined);
                *credential
                    .declined_at
                    .insert(data.required_timestamp("rejected_at"))
            }
            EventType::CredentialExpired => {
                credential.status = Some(CredentialStatus::Expired);
                *credential
                    .expired_at
                    .insert(data.required_timestamp("expired_at"))
            }
            _ => {
                credential.status = Some(CredentialStatus::Pending);
                credential.issued_at.unwrap_or_default()
            }
        };
        facts.credential = Some(credential);
        facts.activity = Some(activity);
        (
            timestamp,
            vec![native, invitation_id, timestamp::canonical(created_at)],
        )
    };

    facts.recipient = Some(recipient);
    data.keep_rest("data", &mut facts.ext);
    facts.ext.extend(root.rest());
    Some(Draft {
        event_type,
        timestamp,
        natural_key,
        facts,
        warnings: Vec::new(),
    })
}
