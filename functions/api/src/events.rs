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
use state::{EventFilter, Organization, Position, StoredEvent};

use crate::handler::{Api, Call};
use crate::page;

/// An event in a list.
#[derive(Serialize)]
pub(crate) struct View<'e> {
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
    /// When what it said was erased.
    #[serde(
        serialize_with = "timestamp::option::serialize",
        skip_serializing_if = "Option::is_none"
    )]
    erased_at: Option<Timestamp>,
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
    pub(crate) fn new(event: &'e StoredEvent) -> Self {
        Self {
            id: event.id,
            event_type: event.event_type,
            timestamp: event.timestamp,
            accepted_at: event.id.created_at(),
            dialect: event.dialect,
            credential_id: event.credential_id.as_deref(),
            endpoints: &event.endpoint_ids,
            erased_at: event.erased_at,
        }
    }
}

/// A page of the list that is followed.
#[derive(Serialize)]
struct FollowedList<'e> {
    data: Vec<View<'e>>,
    /// The next page, if there is more.
    next_cursor: Option<String>,
    /// The same, also at the end: what is accepted later comes after it.
    watermark: Option<String>,
}

/// `GET /events?type=&credential_id=`, newest first; with `after=`, the others and oldest first.
pub(crate) async fn list(api: &Api, call: &Call<'_>) -> Result<Response<Body>, Problem> {
    if call
        .request
        .query_string_parameters()
        .first("after")
        .is_some()
    {
        return follow(api, call).await;
    }
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
            api.keeping(organization, call.now),
            limit,
        )
        .await?;
    let views: Vec<View<'_>> = found.items.iter().map(View::new).collect();
    Ok(page::answer(&views, found.next))
}

/// `GET /events?after=&type=&credential_id=`: what was accepted after this event, or all where none is named, oldest first,
/// none missed and none twice. A cursor is further than the event with which the list began.
async fn follow(api: &Api, call: &Call<'_>) -> Result<Response<Body>, Problem> {
    let account = call.recent_account(api).await?;
    let allowance = call.allowance(api).await?;
    let organization = &account.organization;
    let limit = page::limit(call.request)?;
    let filter = filter(call.request)?;
    let after = match page::cursor(call.request)? {
        Some(place) => Some(place),
        None => after(api, call.request, organization.id).await?,
    };
    let keeping = api.keeping(organization, call.now);
    let found = api
        .events
        .follow(organization.id, after, &filter, (keeping, limit), call.now);
    let found = found.await?;
    let watermark = found.place.as_ref().map(page::encode);
    let answer = FollowedList {
        data: found.items.iter().map(View::new).collect(),
        next_cursor: watermark.clone().filter(|_| found.has_more),
        watermark,
    };
    let mut response = reply::json(200, &answer);
    allowance.tell(&mut response);
    Ok(response)
}

/// The place of the event that is named, which need not be kept any more.
async fn after(
    api: &Api,
    request: &Request,
    organization: OrganizationId,
) -> Result<Option<EventId>, Problem> {
    let Some(id) = page::text(request, "after") else {
        return Ok(None);
    };
    let Ok(id) = id.parse() else {
        return Err(page::fault("after", "must be the id of an event"));
    };
    let event = api.events.get(organization, id).await?;
    Ok(Some(event.map_or(id, |event| event.place())))
}

fn filter(request: &Request) -> Result<EventFilter, Problem> {
    Ok(EventFilter {
        event_type: page::parameter(request, "type", "must be a canonical event type")?,
        credential_id: page::text(request, "credential_id"),
    })
}

/// `GET /events/{id}`.
pub(crate) async fn get(api: &Api, call: &Call<'_>, id: &str) -> Result<Response<Body>, Problem> {
    let account = call.recent_account(api).await?;
    let event = find(api, &account.organization, id, call.now).await?;
    if let Some(at) = event.erased_at {
        return Err(erased(at));
    }
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
    organization: &Organization,
    id: &str,
    now: Timestamp,
) -> Result<StoredEvent, Problem> {
    let Ok(id) = id.parse() else {
        return Err(Problem::not_found("event"));
    };
    let event = api.events.get(organization.id, id).await?;
    let keeping = api.keeping(organization, now);
    let kept = event.filter(|event| event.is_kept(keeping));
    kept.ok_or_else(|| Problem::not_found("event"))
}

/// The refusal of what an event said, which was erased.
pub(crate) fn erased(at: Timestamp) -> Problem {
    let at = timestamp::canonical(at);
    let message = format!("what the event said was erased at {at}; the lists still have it");
    Problem::new(410, "event_erased", message)
}
