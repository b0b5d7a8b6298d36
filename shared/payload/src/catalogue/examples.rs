//! One example of every type, as the system that has it documents it; of operational events one of ours.

use jiff::SignedDuration;
use jiff::tz::TimeZone;
use serde::Deserialize;

use crate::billing::access::Access;
use crate::dialect::{Dialect, Hints, parse};
use crate::event::Event;
use crate::event_type::EventType;
use crate::id::{EndpointId, EventId, OrganizationId};
use crate::operational::{About, AccessChanged, Data, GivenUp, Operational, Source};

/// The zone in which the example of Toolzz is read and written.
pub(super) const TIME_ZONE: &str = "America/Sao_Paulo";

/// A sample invocation of ingest: what `sam local invoke` posts is what the catalogue shows.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Invocation {
    body: String,
    query_string_parameters: Option<Query>,
}

#[derive(Deserialize)]
struct Query {
    event: Option<String>,
}

macro_rules! invocation {
    ($name:literal) => {
        include_str!(concat!("../../../../events/ingest/", $name, ".json"))
    };
}

/// The file of the example of a dialect's event.
const fn file(dialect: Dialect, event_type: EventType) -> Option<&'static str> {
    use EventType as T;
    Some(match (dialect, event_type) {
        (Dialect::Thatsme, T::CredentialIssued) => invocation!("thatsme.certificate.issued"),
        (Dialect::Thatsme, T::CredentialAccepted) => invocation!("thatsme.certificate.accepted"),
        (Dialect::Thatsme, T::CredentialDeclined) => invocation!("thatsme.certificate.rejected"),
        (Dialect::Thatsme, T::CredentialExpired) => invocation!("thatsme.certificate.expired"),
        (Dialect::Thatsme, T::RecipientRegistered) => invocation!("thatsme.recipient.registered"),
        (Dialect::Toolzz, T::CredentialIssued) => {
            invocation!("toolzz.activities.certificate.issued")
        }
        (Dialect::Vec, T::CredentialIssued) => invocation!("vec.certificate_application.approved"),
        (Dialect::Vec, T::ApplicationCreated) => invocation!("vec.certificate_application.created"),
        (Dialect::Vec, T::ApplicationProcessing) => {
            invocation!("vec.certificate_application.processing")
        }
        (Dialect::Vec, T::ApplicationRejected) => {
            invocation!("vec.certificate_application.rejected")
        }
        (Dialect::Vec, T::ApplicationFailed) => invocation!("vec.certificate_application.failed"),
        (Dialect::Vec, T::ApplicationRetried) => invocation!("vec.certificate_application.retried"),
        (Dialect::Certdirectory, T::CredentialAccepted) => {
            invocation!("certdirectory.credential.claimed")
        }
        (Dialect::Certdirectory, T::CredentialRevoked) => {
            invocation!("certdirectory.credential.revoked")
        }
        (Dialect::Certdirectory, T::CredentialExpired) => {
            invocation!("certdirectory.credential.expired")
        }
        (Dialect::Certdirectory, T::CredentialRenewed) => {
            invocation!("certdirectory.credential.renewed")
        }
        (Dialect::Certdirectory, T::IssuanceBatchCompleted) => {
            invocation!("certdirectory.bulk_issuance.completed")
        }
        (Dialect::Beedeez, T::CredentialIssued) => invocation!("beedeez.certificate_completed"),
        (Dialect::Beedeez, T::CredentialExpired) => invocation!("beedeez.certificate_expired"),
        (Dialect::Canonical, T::CredentialExpiring) => {
            invocation!("canonical.credential.expiring")
        }
        _ => return None,
    })
}

/// Their own example of this one has placeholders for identifiers.
const CERTDIRECTORY_ISSUED: &str = include_str!("certdirectory.credential.issued.json");

/// The example of a dialect's event in canonical form.
pub(super) fn event(dialect: Dialect, event_type: EventType) -> Option<Event> {
    if let (Dialect::Certdirectory, EventType::CredentialIssued) = (dialect, event_type) {
        return Some(read(CERTDIRECTORY_ISSUED, None));
    }
    let invocation: Invocation =
        serde_json::from_str(file(dialect, event_type)?).expect("a sample is an invocation");
    let name = invocation.query_string_parameters.and_then(|it| it.event);
    Some(read(&invocation.body, name.as_deref()))
}

fn read(body: &str, name: Option<&str>) -> Event {
    let time_zone = TimeZone::get(TIME_ZONE).unwrap_or(TimeZone::UTC);
    let hints = |received_at| Hints {
        dialect: None,
        event: name,
        time_zone: &time_zone,
        received_at,
    };
    let read = |at| parse(body.as_bytes(), hints(at)).expect("a sample is valid");
    let sent_at = read(jiff::Timestamp::UNIX_EPOCH);
    let sent_at = sent_at.facts.source.sent_at.unwrap_or(sent_at.timestamp);
    let parsed = read(sent_at + SignedDuration::from_secs(1));
    parsed.into_event(event_id(), organization())
}

fn event_id() -> EventId {
    "evt_01KM0Q4Z9GD2XK7W8N5T3R6YBE".parse().expect("an id")
}

fn organization() -> OrganizationId {
    "org_01KJX3V5C8Q4M2H9P6T7Y1WZRA".parse().expect("an id")
}

/// The endpoint that the examples are for or about.
pub(super) fn endpoint() -> EndpointId {
    "ep_51PB1X9SFPF28AQKFF28T5CY4G".parse().expect("an id")
}

/// The example of an operational event.
pub(super) fn operational(event_type: EventType) -> Operational {
    let is_failing = event_type == EventType::EndpointFailing;
    let failing_since = "2026-03-15T06:54:21.118Z".parse().expect("a time");
    let about = About {
        id: endpoint(),
        name: "HR system".to_owned(),
        reason: (event_type == EventType::EndpointDisabled).then_some("gone"),
        failing_since: is_failing.then_some(failing_since),
        failures: is_failing.then_some(34),
    };
    let given_up = GivenUp {
        event_id: "evt_01KKRN3V8Z6T2C9W4M7Q5X1YHD".parse().expect("an id"),
        event_type: EventType::CredentialIssued,
        attempts: 10,
        last_error: Some("server_error".to_owned()),
        last_status: Some(503),
    };
    let access = AccessChanged {
        from: Access::Grace,
        to: Access::Suspended,
        since: Some("2026-03-18T10:29:12.000Z".parse().expect("a time")),
        plan: Some("enterprise".to_owned()),
    };
    let is_given_up = event_type == EventType::DeliveryExhausted;
    let is_access = event_type == EventType::BillingAccessChanged;
    Operational {
        id: event_id(),
        event_type,
        timestamp: "2026-03-18T10:30:00.000Z".parse().expect("a time"),
        data: Data {
            organization_id: organization(),
            source: Source::CERTHOOKS,
            endpoint: (!is_access).then_some(about),
            delivery: is_given_up.then_some(given_up),
            access: is_access.then_some(access),
            sample: None,
        },
    }
}
