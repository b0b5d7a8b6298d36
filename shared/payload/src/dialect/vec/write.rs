//! Writing a body of the dialect.

use crate::convert::surrogate::Kind;
use crate::convert::{Identity, Retelling};
use crate::dialect::{json, schema_of};
use crate::event_type::EventType;
use crate::timestamp::Seconds;
use schemars::{JsonSchema, Schema};
use serde::Serialize;

#[derive(Serialize, JsonSchema)]
struct Body<'e> {
    /// What happened.
    event: &'static str,
    /// The endpoint, not the event.
    webhook_id: String,
    timestamp: Seconds,
    application_id: u64,
    /// The certificate or the application for it.
    uuid: String,
    certificate_title: &'e str,
    applicant_email: &'e str,
    /// `vault` or `customer`; absent when rejected.
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'e str>,
    /// `single_upload`, `bulk_upload` or `customer_submission`; when created.
    #[serde(skip_serializing_if = "Option::is_none")]
    trigger_context: Option<&'e str>,
    /// When rejected.
    #[serde(skip_serializing_if = "Option::is_none")]
    rejection_reason: Option<&'e str>,
    /// When failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'e str>,
}

pub(in crate::dialect) fn write(event: &mut Retelling<'_>) -> Vec<u8> {
    let application = event.facts().application.as_ref();
    let reason = (event.facts().failure.as_ref()).and_then(|it| it.reason.as_deref());
    let identity = event.application_identity();
    let uuid = application.and_then(|it| it.uuid.as_deref());
    let uuid = uuid.map(|uuid| Identity::new(Kind::Application, uuid));
    let uuid = uuid
        .or_else(|| event.credential_identity())
        .or_else(|| identity.clone());
    let email = event.recipient().and_then(|it| it.email.as_deref());
    let said = application.and_then(|it| it.source.as_deref());
    let told_as = event.told_as;
    let source = match told_as {
        EventType::ApplicationRejected => None,
        EventType::ApplicationProcessing => Some(said.unwrap_or("customer")),
        // What comes from elsewhere was issued by an institution.
        EventType::CredentialIssued => Some(event.neutral("/source", said, "vault")),
        _ => Some(event.need("application.source", said)),
    };
    let is = |event_type| told_as == event_type;
    let reason = (is(EventType::ApplicationRejected) || is(EventType::ApplicationFailed))
        .then(|| event.need("failure.reason", reason));
    let trigger = application.and_then(|it| it.trigger.as_deref());
    let body = Body {
        event: event.name,
        webhook_id: event.target.endpoint_uuid().to_string(),
        timestamp: Seconds(event.event.timestamp),
        application_id: event.integer("/application_id", "application.id", identity),
        uuid: event.uuid("/uuid", "credential.id", uuid),
        certificate_title: event.title("/certificate_title"),
        applicant_email: event.need("recipient.email", email),
        source,
        trigger_context: is(EventType::ApplicationCreated)
            .then(|| event.need("application.trigger", trigger)),
        rejection_reason: reason.filter(|_| is(EventType::ApplicationRejected)),
        error: reason.filter(|_| is(EventType::ApplicationFailed)),
    };
    json(&body)
}

pub(in crate::dialect) fn schema() -> Schema {
    schema_of::<Body<'_>>()
}
