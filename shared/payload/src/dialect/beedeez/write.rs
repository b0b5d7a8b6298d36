//! Writing a body of the dialect.

use schemars::{JsonSchema, Schema};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::convert::surrogate::Kind;
use crate::convert::{Conversion, Identity};
use crate::dialect::{json, schema_of};
use crate::event_type::EventType;
use crate::timestamp::{self, Milliseconds};

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct BadgeUser<'e> {
    /// The certificate.
    #[serde(rename = "_id")]
    id: String,
    /// The user who earned it.
    #[serde(rename = "_userId")]
    user_id: String,
    /// The organization.
    #[serde(rename = "_ownerId")]
    owner_id: String,
    /// The badge definition.
    #[serde(rename = "_badgeId")]
    badge_id: String,
    /// When the requirements were met.
    creation_date: Milliseconds,
    /// When it stops being valid; null for never.
    expires: Option<Milliseconds>,
    /// Whether it was revoked.
    disabled: bool,
    expiry_reminder_sent: bool,
    /// The lesson activities that earned it.
    #[serde(rename = "_lessonActiveIds")]
    lesson_active_ids: Vec<String>,
    /// The rule by which it was earned.
    rule_data: Map<String, Value>,
    /// When this document was made.
    created_at: Milliseconds,
    /// When this document was last changed.
    updated_at: Milliseconds,
    #[serde(rename = "__v", skip_serializing_if = "Option::is_none")]
    version: Option<&'e Value>,
}

pub(in crate::dialect) fn write(event: &mut Conversion<'_>) -> Vec<u8> {
    let known = event.credential();
    let credential = event.credential_identity();
    let recipient = event.recipient_identity();
    let issuer = event.issuer_identity();
    let achievement = event.achievement_identity();
    let expires_at = known.and_then(|it| it.expires_at);
    let is_expired = event.as_type == EventType::CredentialExpired;
    let expired_at = known.and_then(|it| it.expired_at.filter(|_| is_expired));
    let disabled = known.and_then(|it| it.disabled);
    let reminder_sent = known.and_then(|it| it.reminder_sent);
    let evidence_ids = event.activity().and_then(|it| it.evidence_ids.as_deref());
    let evidence_ids = evidence_ids.map(|ids| {
        let ids = ids.iter().enumerate();
        ids.map(|(place, id)| lesson(event, place, id)).collect()
    });
    let rule = event.achievement().and_then(|it| it.rule.clone());
    let name = event.achievement().and_then(|it| it.name.clone());
    // A document of our own was made when the event was received.
    let received_at = event.facts().source.received_at;
    let own_ext = Some(&event.facts().ext).filter(|_| event.is_own());
    let created_at = own_ext.and_then(|ext| timestamp::parse(ext.get("createdAt")?.as_str()?));
    let mut expires = event.nearest(
        "/expires",
        expires_at,
        [("credential.expired_at", expired_at)],
    );
    if is_expired {
        expires = Some(event.need("credential.expires_at", expires));
    }
    let document = BadgeUser {
        id: event.object_id("/_id", "credential.id", credential),
        user_id: event.object_id("/_userId", "recipient.id", recipient),
        owner_id: event.object_id("/_ownerId", "issuer.id", Some(issuer)),
        badge_id: event.object_id("/_badgeId", "achievement.id", achievement),
        creation_date: Milliseconds(event.issued_at("/creationDate")),
        expires: expires.map(Milliseconds),
        disabled: event.neutral("/disabled", disabled, false),
        expiry_reminder_sent: event.neutral("/expiryReminderSent", reminder_sent, false),
        lesson_active_ids: event.neutral("/_lessonActiveIds", evidence_ids, Vec::new()),
        rule_data: match (rule, name) {
            (None, Some(name)) => Map::from_iter([("name".to_owned(), name.into())]),
            (rule, _) => event.neutral("/ruleData", rule, Map::new()),
        },
        created_at: Milliseconds(created_at.unwrap_or(received_at)),
        updated_at: Milliseconds(event.facts().source.sent_at.unwrap_or(received_at)),
        version: own_ext.and_then(|ext| ext.get("__v")),
    };
    json(&document)
}

fn lesson<'e>(event: &mut Conversion<'e>, place: usize, id: &'e str) -> String {
    let identity = Identity::new(Kind::Evidence, id);
    let pointer = format!("/_lessonActiveIds/{place}");
    event.object_id(pointer, "activity.evidence_ids", Some(identity))
}

pub(in crate::dialect) fn schema() -> Schema {
    schema_of::<BadgeUser<'_>>()
}
