//! The log: what became of every event for every endpoint, with the last attempts of each.
//!
//! A delivery without a row is pending. So a list goes over the events, each with the endpoints it
//! was accepted for, and looks up the rows.

use std::collections::{BTreeSet, HashMap};
use std::str::FromStr;

use jiff::Timestamp;
use lambda_http::{Body, Response};
use payload::event_type::EventType;
use payload::id::{EndpointId, EventId};
use payload::timestamp;
use reply::Problem;
use serde::Serialize;
use state::{
    Attempt, Cancelled, Deferral, Delivery, DeliveryKey, DeliveryStatus, EventFilter, Held,
    Organization, Position, Skipped, StoredEvent,
};

use crate::handler::{Api, Call};
use crate::{endpoints, events, page};

/// Events that are looked at with one request.
const EVENTS_AT_ONCE: usize = 50;
/// Most rounds of that for one page of a list: where a filter matches little, a page ends early.
const MAX_ROUNDS: usize = 6;
/// A delivery as it is shown.
#[derive(Serialize)]
pub(crate) struct View<'d> {
    event_id: EventId,
    endpoint_id: EndpointId,
    event_type: EventType,
    status: DeliveryStatus,
    /// How many attempts were made.
    attempts: u32,
    /// The last of them, oldest first.
    history: &'d [Attempt],
    /// The start of the last answer's body.
    response: Option<&'d str>,
    /// Why it was not sent, when it was skipped.
    #[serde(skip_serializing_if = "Option::is_none")]
    skipped: Option<&'d Skipped>,
    /// Why it is kept, when it is held.
    #[serde(skip_serializing_if = "Option::is_none")]
    held: Option<Held>,
    /// Why it is not sent, when it was cancelled.
    #[serde(skip_serializing_if = "Option::is_none")]
    cancelled: Option<Cancelled>,
    /// When what its event said was erased, and with it the answers.
    #[serde(
        serialize_with = "timestamp::option::serialize",
        skip_serializing_if = "Option::is_none"
    )]
    erased_at: Option<Timestamp>,
    #[serde(serialize_with = "timestamp::option::serialize")]
    next_attempt_at: Option<Timestamp>,
    /// That its next attempt was due and may not be made yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    deferred: Option<Deferral>,
    /// When it was first answered with 2xx.
    #[serde(serialize_with = "timestamp::option::serialize")]
    delivered_at: Option<Timestamp>,
    /// How often it was replayed.
    replays: u32,
    #[serde(serialize_with = "timestamp::serialize")]
    updated_at: Timestamp,
}

impl<'d> View<'d> {
    pub(crate) fn new(delivery: &'d Delivery) -> Self {
        Self {
            event_id: delivery.event_id,
            endpoint_id: delivery.endpoint_id,
            event_type: delivery.event_type,
            status: delivery.status,
            attempts: delivery.attempts,
            history: &delivery.history,
            response: delivery.response.as_deref(),
            skipped: delivery.skipped.as_ref(),
            held: delivery.held,
            cancelled: delivery.cancelled,
            erased_at: delivery.erased_at,
            next_attempt_at: delivery.next_attempt_at,
            deferred: delivery.deferred,
            delivered_at: delivery.delivered_at,
            replays: delivery.replays,
            updated_at: delivery.updated_at,
        }
    }
}

/// Which deliveries a list holds.
#[derive(Debug, Clone, Copy, Default)]
struct Filter {
    endpoint: Option<EndpointId>,
    status: Option<DeliveryStatus>,
}

impl Filter {
    fn includes(self, delivery: &Delivery) -> bool {
        self.endpoint
            .is_none_or(|endpoint| endpoint == delivery.endpoint_id)
            && self.status.is_none_or(|status| status == delivery.status)
    }
}

/// How far a list of deliveries got: between events, or within the deliveries of one.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Events(Position),
    After(EventId, EndpointId),
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Events(position) => write!(f, "{position}"),
            Self::After(event, endpoint) => write!(f, "{event}#{endpoint}"),
        }
    }
}

impl FromStr for Place {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text.split_once('#') {
            None => Ok(Self::Events(text.parse()?)),
            Some((event, endpoint)) => Ok(Self::After(
                event.parse().map_err(|_| ())?,
                endpoint.parse().map_err(|_| ())?,
            )),
        }
    }
}

/// `GET /deliveries?status=&endpoint_id=`, those of the newest event first.
pub(crate) async fn list(api: &Api, call: &Call<'_>) -> Result<Response<Body>, Problem> {
    let account = call.recent_account(api).await?;
    let endpoint = page::parameter(call.request, "endpoint_id", "must be the id of an endpoint")?;
    page_of(api, call, &account.organization, endpoint).await
}

/// `GET /endpoints/{id}/deliveries?status=`.
pub(crate) async fn of_endpoint(
    api: &Api,
    call: &Call<'_>,
    id: &str,
) -> Result<Response<Body>, Problem> {
    let account = call.account(api).await?;
    let endpoint = endpoints::find(&account, id)?.id;
    page_of(api, call, &account.organization, Some(endpoint)).await
}

/// `GET /events/{id}/deliveries`.
pub(crate) async fn of_event(
    api: &Api,
    call: &Call<'_>,
    id: &str,
) -> Result<Response<Body>, Problem> {
    let account = call.recent_account(api).await?;
    let event = events::find(api, &account.organization, id, call.now).await?;
    let rows = api
        .deliveries
        .between(event.organization_id, event.id, event.id)
        .await?;
    let deliveries = of_events(&[event], &rows);
    let views: Vec<View<'_>> = deliveries.iter().map(View::new).collect();
    Ok(page::answer(&views, None))
}

/// `GET /events/{id}/deliveries/{endpoint}`.
pub(crate) async fn get(
    api: &Api,
    call: &Call<'_>,
    id: &str,
    endpoint: &str,
) -> Result<Response<Body>, Problem> {
    let account = call.recent_account(api).await?;
    let delivery = find(api, &account.organization, (id, endpoint), call.now).await?;
    Ok(reply::json(200, &View::new(&delivery)))
}

/// The delivery named in the path, pending where it has no row.
pub(crate) async fn find(
    api: &Api,
    organization: &Organization,
    (event, endpoint): (&str, &str),
    now: Timestamp,
) -> Result<Delivery, Problem> {
    let event = events::find(api, organization, event, now).await?;
    let Ok(endpoint) = endpoint.parse() else {
        return Err(Problem::not_found("delivery"));
    };
    let key = DeliveryKey {
        organization: organization.id,
        event: event.id,
        endpoint,
    };
    match api.deliveries.get(key).await? {
        Some(row) => Ok(row),
        None if event.endpoint_ids.contains(&endpoint) => {
            Ok(Delivery::pending(key, event.event_type))
        }
        None => Err(Problem::not_found("delivery")),
    }
}

/// Every status, for people.
pub(crate) fn status_names() -> String {
    DeliveryStatus::ALL.map(DeliveryStatus::name).join(", ")
}

async fn page_of(
    api: &Api,
    call: &Call<'_>,
    organization: &Organization,
    endpoint: Option<EndpointId>,
) -> Result<Response<Body>, Problem> {
    let expected = format!("must be one of: {}", status_names());
    let filter = Filter {
        endpoint,
        status: page::parameter(call.request, "status", &expected)?,
    };
    let limit = page::limit(call.request)?;
    let keeping = api.keeping(organization, call.now);
    let start =
        page::cursor(call.request)?.unwrap_or_else(|| Place::Events(Position::newest(call.now)));

    let mut deliveries = Vec::new();
    let mut position = match start {
        Place::Events(position) => Some(position),
        Place::After(event, endpoint) => {
            let found = api.events.get(organization.id, event).await?;
            if let Some(event) = found.filter(|event| event.is_kept(keeping)) {
                let rest = rows_of(api, &[event]).await?;
                deliveries.extend(
                    rest.into_iter()
                        .filter(|delivery| delivery.endpoint_id > endpoint),
                );
            }
            Some(Position::after(event))
        }
    };
    deliveries.retain(|delivery| filter.includes(delivery));
    for _ in 0..MAX_ROUNDS {
        let Some(from) = position.take_if(|_| deliveries.len() <= limit) else {
            break;
        };
        let everything = EventFilter::default();
        let found = api
            .events
            .list(organization.id, &everything, from, keeping, EVENTS_AT_ONCE)
            .await?;
        let rows = rows_of(api, &found.items).await?;
        deliveries.extend(
            rows.into_iter()
                .filter(|delivery| filter.includes(delivery)),
        );
        position = found.next.and_then(|next| next.parse().ok());
    }
    let next = if deliveries.len() > limit {
        deliveries.truncate(limit);
        deliveries
            .last()
            .map(|last| Place::After(last.event_id, last.endpoint_id).to_string())
    } else {
        position.map(|position| Place::Events(position).to_string())
    };
    let views: Vec<View<'_>> = deliveries.iter().map(View::new).collect();
    Ok(page::answer(&views, next))
}

/// The deliveries of events that are in order, newest first.
async fn rows_of(api: &Api, events: &[StoredEvent]) -> Result<Vec<Delivery>, Problem> {
    let mut deliveries = Vec::new();
    for month in events.chunk_by(|a, b| a.id.month() == b.id.month()) {
        if let [newest, ..] = month
            && let [.., oldest] = month
        {
            let rows = api
                .deliveries
                .between(newest.organization_id, oldest.id, newest.id)
                .await?;
            deliveries.extend(of_events(month, &rows));
        }
    }
    Ok(deliveries)
}

/// Every delivery of these events: its row, or pending. An endpoint that a replay has sent an event of
/// before its time has a row too.
pub(crate) fn of_events(
    events: &[StoredEvent],
    rows: &HashMap<DeliveryKey, Delivery>,
) -> Vec<Delivery> {
    let mut deliveries = Vec::new();
    let mut endpoints_of: HashMap<EventId, BTreeSet<EndpointId>> = HashMap::new();
    for key in rows.keys() {
        endpoints_of
            .entry(key.event)
            .or_default()
            .insert(key.endpoint);
    }
    for event in events {
        let mut endpoints = endpoints_of.remove(&event.id).unwrap_or_default();
        endpoints.extend(&event.endpoint_ids);
        deliveries.extend(endpoints.into_iter().map(|endpoint| {
            let key = DeliveryKey {
                organization: event.organization_id,
                event: event.id,
                endpoint,
            };
            rows.get(&key)
                .cloned()
                .unwrap_or_else(|| Delivery::pending(key, event.event_type))
        }));
    }
    deliveries
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_in_the_list_reads_back() {
        for text in [
            "202611",
            "evt_01ARZ3NDEKTSV4RRFFQ69G5FAV",
            "evt_01ARZ3NDEKTSV4RRFFQ69G5FAV#ep_01ARZ3NDEKTSV4RRFFQ69G5FAV",
        ] {
            assert_eq!(
                text.parse::<Place>()
                    .map(|place| place.to_string())
                    .as_deref(),
                Ok(text)
            );
        }
        for bad in ["", "2026", "evt_x", "evt_01ARZ3NDEKTSV4RRFFQ69G5FAV#", "#"] {
            assert_eq!(bad.parse::<Place>(), Err(()), "{bad}");
        }
    }
}
