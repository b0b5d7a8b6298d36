//! Reading events.

use jiff::Timestamp;
use lambda_http::{Body, Request, RequestExt, Response};
use payload::dialect::Dialect;
use payload::event_type::EventType;
use payload::id::{EndpointId, EventId, OrganizationId};
use payload::timestamp;
use reply::Problem;
use serde::Serialize;
use serde_json::value::RawValue;
use state::{EventFilter, Position, StoredEvent};

use crate::handler::{Api, Call};
use crate::page;

/// An event in a list.
#[derive(Serialize)]
struct View<'e> {
    id: EventId,
    #[serde(rename = "type")]
    event_type: EventType,
    #[serde(serialize_with = "timestamp::serialize")]
    timestamp: Timestamp,
    #[serde(serialize_with = "timestamp::serialize")]
    accepted_at: Timestamp,
    dialect: Dialect,
    credential_id: Option<&'e str>,
    endpoints: &'e [EndpointId],
}

/// An event alone, with its bodies.
#[derive(Serialize)]
struct FullView<'e> {
    #[serde(flatten)]
    view: View<'e>,
    /// As text, byte for byte.
    received: &'e str,
    canonical: &'e RawValue,
}

impl<'e> View<'e> {
    fn new(event: &'e StoredEvent) -> Self {
        Self {
            id: event.id,
            event_type: event.event_type,
            timestamp: event.timestamp,
            accepted_at: event.id.created_at(),
            dialect: event.dialect,
            credential_id: event.credential_id.as_deref(),
            endpoints: &event.endpoint_ids,
        }
    }
}

/// `GET /events?type=&credential_id=`, newest first.
pub(crate) async fn list(api: &Api, call: &Call<'_>) -> Result<Response<Body>, Problem> {
    let account = call.recent_account(api).await?;
    let filter = filter(call.request)?;
    let limit = page::limit(call.request)?;
    let start = page::cursor(call.request)?.unwrap_or_else(|| Position::newest(call.now));
    let organization = &account.organization;
    let found = api
        .events
        .list(
            organization.id,
            &filter,
            start,
            api.oldest(organization, call.now),
            limit,
        )
        .await?;
    let views: Vec<View<'_>> = found.items.iter().map(View::new).collect();
    Ok(page::answer(&views, found.next))
}

fn filter(request: &Request) -> Result<EventFilter, Problem> {
    Ok(EventFilter {
        event_type: page::parameter(request, "type", "must be a canonical event type")?,
        credential_id: request
            .query_string_parameters()
            .first("credential_id")
            .map(str::to_owned),
    })
}

/// `GET /events/{id}`.
pub(crate) async fn get(api: &Api, call: &Call<'_>, id: &str) -> Result<Response<Body>, Problem> {
    let account = call.recent_account(api).await?;
    let event = find(api, account.organization.id, id, call.now).await?;
    let texts = (
        std::str::from_utf8(&event.body),
        serde_json::from_slice(event.canonical()),
    );
    let (Ok(received), Ok(canonical)) = texts else {
        tracing::error!(event.id = %event.id, "a stored event is not the JSON it was when it was accepted");
        return Err(Problem::new(500, "internal", "the event cannot be read"));
    };
    Ok(reply::json(
        200,
        &FullView {
            view: View::new(&event),
            received,
            canonical,
        },
    ))
}

/// The event named in the path.
pub(crate) async fn find(
    api: &Api,
    organization: OrganizationId,
    id: &str,
    now: Timestamp,
) -> Result<StoredEvent, Problem> {
    let Ok(id) = id.parse() else {
        return Err(Problem::not_found("event"));
    };
    let event = api.events.get(organization, id).await?;
    let kept = event.filter(|event| event.is_kept(now));
    kept.ok_or_else(|| Problem::not_found("event"))
}
