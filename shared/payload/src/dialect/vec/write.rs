//! Writing a body of the dialect.

use schemars::{JsonSchema, Schema};
use serde::Serialize;

use crate::convert::surrogate::Kind;
use crate::convert::{Conversion, Identity};
use crate::dialect::vec::{SOURCES, TRIGGERS};
use crate::dialect::{json, schema_of};
use crate::event_type::EventType;
use crate::timestamp::Seconds;

/// Characters of a title and of an e-mail address.
const MAX_TEXT: usize = 255;

/// What every event has, and `rest`, which differs.
#[derive(Serialize, JsonSchema)]
struct Body<'e, R> {
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
    #[serde(flatten)]
    rest: R,
}

#[derive(Serialize, JsonSchema)]
struct Sourced<'e> {
    /// `vault` or `customer`.
    source: &'e str,
}

#[derive(Serialize, JsonSchema)]
struct Created<'e> {
    /// `vault` or `customer`.
    source: &'e str,
    /// `single_upload`, `bulk_upload` or `customer_submission`.
    trigger_context: &'e str,
}

#[derive(Serialize, JsonSchema)]
struct Rejected<'e> {
    rejection_reason: &'e str,
}

#[derive(Serialize, JsonSchema)]
struct Failed<'e> {
    /// `vault` or `customer`.
    source: &'e str,
    error: &'e str,
}

pub(in crate::dialect) fn write(event: &mut Conversion<'_>) -> Vec<u8> {
    let application = event.facts().application.as_ref();
    let said = application
        .and_then(|it| it.source.as_deref())
        .filter(|source| SOURCES.contains(source));
    match event.as_type {
        EventType::ApplicationCreated => {
            let trigger = application
                .and_then(|it| it.trigger.as_deref())
                .filter(|trigger| TRIGGERS.contains(trigger));
            let rest = Created {
                source: event.need("application.source", said),
                trigger_context: event.need("application.trigger", trigger),
            };
            body(event, rest)
        }
        // Only a customer's application is processed or rejected.
        EventType::ApplicationProcessing => {
            let source = said.unwrap_or("customer");
            body(event, Sourced { source })
        }
        EventType::ApplicationRejected => {
            let rejection_reason = reason(event);
            body(event, Rejected { rejection_reason })
        }
        EventType::ApplicationFailed => {
            let source = event.need("application.source", said);
            let error = reason(event);
            body(event, Failed { source, error })
        }
        EventType::ApplicationRetried => {
            let source = event.need("application.source", said);
            body(event, Sourced { source })
        }
        // What comes from elsewhere was issued by an institution.
        _ => {
            let source = event.neutral("/source", said, "vault");
            body(event, Sourced { source })
        }
    }
}

pub(in crate::dialect) fn schema(event_type: EventType) -> Schema {
    match event_type {
        EventType::ApplicationCreated => schema_of::<Body<'_, Created<'_>>>(),
        EventType::ApplicationRejected => schema_of::<Body<'_, Rejected<'_>>>(),
        EventType::ApplicationFailed => schema_of::<Body<'_, Failed<'_>>>(),
        _ => schema_of::<Body<'_, Sourced<'_>>>(),
    }
}

fn body(event: &mut Conversion<'_>, rest: impl Serialize) -> Vec<u8> {
    let application = event.facts().application.as_ref();
    let identity = event.application_identity();
    let uuid = application.and_then(|it| it.uuid.as_deref());
    let uuid = uuid
        .map(|uuid| Identity::new(Kind::Application, uuid))
        .or_else(|| event.credential_identity())
        .or_else(|| identity.clone());
    let email = event.recipient().and_then(|it| it.email.as_deref());
    let title = event.title("/certificate_title");
    let body = Body {
        event: event.name,
        webhook_id: event.target.endpoint_uuid().to_string(),
        timestamp: Seconds(event.event.timestamp),
        application_id: event.integer("/application_id", "application.id", identity),
        uuid: event.uuid("/uuid", "credential.id", uuid),
        certificate_title: event.need("credential.title", Some(title).filter(fits)),
        applicant_email: event.need_text("recipient.email", email.filter(fits)),
        rest,
    };
    json(&body)
}

/// VEC's own limit. To cut a name would make another of it.
fn fits(text: &&str) -> bool {
    text.chars().count() <= MAX_TEXT
}

fn reason<'e>(event: &mut Conversion<'e>) -> &'e str {
    let failure = event.facts().failure.as_ref();
    let reason = failure.and_then(|it| it.reason.as_deref());
    event.need_text("failure.reason", reason)
}
