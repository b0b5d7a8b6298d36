//! Reading a body of the dialect.

use crate::dialect::{Dialect, Draft, Hints, source};
use crate::event::{Achievement, Activity, Credential, CredentialStatus, Facts, Issuer, Recipient};
use crate::event_type::EventType;
use crate::fields::Fields;
use crate::timestamp::{self};

pub(in crate::dialect) fn read(
    mut root: Fields<'_>,
    event: &str,
    hints: Hints<'_>,
) -> Option<Draft> {
    let event_type = EventType::from_native(Dialect::Beedeez, event);
    let id = root.required_identifier("_id");
    let created_at = root.required_timestamp("creationDate");
    let expires = root.timestamp("expires");
    let updated_at = root.required_timestamp("updatedAt");

    let mut credential = Credential {
        id: Some(id.clone()),
        issued_at: Some(created_at),
        expires_at: expires,
        disabled: Some(root.required_boolean("disabled")),
        reminder_sent: Some(root.required_boolean("expiryReminderSent")),
        ..Credential::default()
    };
    let timestamp = if event_type == Some(EventType::CredentialExpired) {
        if expires.is_none() {
            root.fault("expires", "required for certificate_expired");
        }
        credential.status = Some(CredentialStatus::Expired);
        credential.expired_at = expires;
        expires.unwrap_or_default()
    } else {
        credential.status = Some(CredentialStatus::Valid);
        created_at
    };

    let mut facts = Facts::new(source(
        Dialect::Beedeez,
        event.to_owned(),
        Some(updated_at),
        hints,
    ));
    facts.credential = Some(credential);
    facts.recipient = Some(Recipient {
        id: Some(root.required_identifier("_userId")),
        ..Recipient::default()
    });
    facts.issuer = Some(Issuer {
        id: Some(root.required_identifier("_ownerId")),
    });
    let badge_id = root.required_identifier("_badgeId");
    let rule = root.map("ruleData");
    if rule.is_none() {
        root.fault("ruleData", "required");
    }
    let name = rule
        .as_ref()
        .and_then(|rule| rule.get("name")?.as_str())
        .map(str::to_owned);
    facts.achievement = Some(Achievement {
        id: Some(badge_id),
        name,
        rule,
    });
    let evidence_ids = root.identifiers("_lessonActiveIds");
    if evidence_ids.is_none() {
        root.fault("_lessonActiveIds", "required");
    }
    facts.activity = Some(Activity {
        evidence_ids,
        ..Activity::default()
    });
    // The document's own dates have no canonical place; `createdAt` stays readable in `ext`.
    facts.ext.insert(
        "createdAt".to_owned(),
        timestamp::canonical(root.required_timestamp("createdAt")).into(),
    );
    facts.ext.extend(root.rest());

    let natural_key = vec![event.to_owned(), id, timestamp::canonical(updated_at)];
    Some(Draft {
        event_type: event_type?,
        timestamp,
        natural_key,
        facts,
        warnings: Vec::new(),
    })
}
