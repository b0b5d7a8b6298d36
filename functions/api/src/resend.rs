//! Sending again: one delivery, or all of one event. Ranges are in `replays`.

use std::time::Duration;

use futures::future::join_all;
use jiff::Timestamp;
use lambda_http::{Body, Response};
use payload::fields::{Fields, read_strictly};
use payload::id::EndpointId;
use reply::Problem;
use serde::Serialize;
use serde_json::json;
use state::{Account, Action, Changes, Delivery, Organization, Restart, StateError, StoredEvent};

use crate::deliveries::{self, View};
use crate::handler::{Api, Call};
use crate::{endpoints, events};

/// What became of sending an event again.
#[derive(Serialize)]
struct Resent<'d> {
    /// Deliveries that are attempted again.
    data: Vec<View<'d>>,
    /// Endpoints that get nothing: they are disabled or gone, or the event was not accepted for them.
    left_out: Vec<EndpointId>,
}

/// `POST /events/{id}/deliveries/{endpoint}/retry {"even_if_disabled"?}`: attempts it again, now, whatever
/// became of it, with the schedule from its start.
pub(crate) async fn delivery(
    api: &Api,
    call: &Call<'_>,
    id: &str,
    endpoint: &str,
) -> Result<Response<Body>, Problem> {
    let account = call.entitled_account(api).await?;
    let even_if_disabled = read(call, read_even_if_disabled)?;
    if !endpoints::find(&account, endpoint)?.enabled && !even_if_disabled {
        return Err(disabled());
    }
    let organization = &account.organization;
    sendable(api, organization, id, call.now).await?;
    let found = deliveries::find(api, organization, (id, endpoint), call.now);
    let delivery = found.await?;
    let asked = Changes::given(&json!({"even_if_disabled": even_if_disabled}));
    let target = format!("{}/{}", delivery.event_id, delivery.endpoint_id);
    let (organization, action) = (account.organization.id, Action::DeliveryRetried);
    call.log(api, organization, action, &target, asked).await?;
    let delivery = send(api, call, &account, delivery, even_if_disabled).await?;
    Ok(reply::json(202, &View::new(&delivery)))
}

/// `POST /events/{id}/replay {"endpoints"?, "even_if_disabled"?}`: the same for all deliveries of an event,
/// or those to the endpoints named.
pub(crate) async fn event(api: &Api, call: &Call<'_>, id: &str) -> Result<Response<Body>, Problem> {
    let account = call.entitled_account(api).await?;
    let (named, even_if_disabled) = read(call, |fields| {
        (
            read_endpoints(fields, &account),
            read_even_if_disabled(fields),
        )
    })?;
    let event = sendable(api, &account.organization, id, call.now).await?;
    let rows = api
        .deliveries
        .between(event.organization_id, event.id, event.id)
        .await?;
    let event_id = event.id;
    let deliveries = deliveries::of_events(&[event], &rows);
    let has = |id: &EndpointId| {
        deliveries
            .iter()
            .any(|delivery| delivery.endpoint_id == *id)
    };
    let mut left_out: Vec<EndpointId> = named.iter().flatten().copied().collect();
    left_out.retain(|id| !has(id));
    let mut chosen = Vec::new();
    for delivery in deliveries {
        let id = delivery.endpoint_id;
        if named.as_ref().is_some_and(|named| !named.contains(&id)) {
            continue;
        }
        match account.endpoint(id) {
            Some(endpoint) if endpoint.enabled || even_if_disabled => chosen.push(delivery),
            _ => left_out.push(id),
        }
    }
    let asked = Changes::given(&json!({
        "endpoints": chosen.iter().map(|it| it.endpoint_id).collect::<Vec<_>>(),
        "even_if_disabled": even_if_disabled,
    }));
    let (organization, action) = (account.organization.id, Action::EventReplayed);
    call.log(api, organization, action, &event_id, asked)
        .await?;
    let sending: Vec<_> = chosen
        .into_iter()
        .map(|delivery| send(api, call, &account, delivery, even_if_disabled))
        .collect();
    // All are tried, also when one fails: the caller repeats the request.
    let sent: Result<Vec<Delivery>, StateError> = join_all(sending).await.into_iter().collect();
    let sent = sent?;
    let data = sent.iter().map(View::new).collect();
    Ok(reply::json(202, &Resent { data, left_out }))
}

/// Writes the row of a delivery that is to be attempted again, then sends its wake-up. Not sent, it is
/// answered 503: the caller repeats the request, or recovery finds the row.
async fn send(
    api: &Api,
    call: &Call<'_>,
    account: &Account,
    delivery: Delivery,
    even_if_disabled: bool,
) -> Result<Delivery, StateError> {
    let restart = Restart {
        at: call.now,
        by: None,
        even_if_disabled,
    };
    let retention = account.organization.retention(api.retention);
    let restarted = api
        .deliveries
        .restart(delivery, restart, |_| true, retention, call.now);
    let delivery = restarted.await?;
    let delivery = delivery.ok_or_else(|| StateError::contended("start a delivery again"))?;
    let wake_up = (delivery.wake_up(), Duration::ZERO);
    api.queue.send(&[wake_up]).await?;
    Ok(delivery)
}

/// The event named in the path, if there is something to send of it.
async fn sendable(
    api: &Api,
    organization: &Organization,
    id: &str,
    now: Timestamp,
) -> Result<StoredEvent, Problem> {
    let event = events::find(api, organization, id, now).await?;
    match event.erased_at {
        Some(at) => Err(events::erased(at)),
        None => Ok(event),
    }
}

/// The refusal of what would be held at once.
pub(crate) fn disabled() -> Problem {
    Problem::new(
        409,
        "endpoint_disabled",
        "enable the endpoint first, or send `even_if_disabled`: its deliveries are held",
    )
}

/// Whether to send although the endpoint is disabled, which is one attempt.
pub(crate) fn read_even_if_disabled(fields: &mut Fields<'_>) -> bool {
    fields.boolean("even_if_disabled").unwrap_or_default()
}

fn read<T>(call: &Call<'_>, read: impl FnOnce(&mut Fields<'_>) -> T) -> Result<T, Problem> {
    read_strictly(reply::read_options(call.request)?, read).map_err(Problem::invalid)
}

fn read_endpoints(fields: &mut Fields<'_>, account: &Account) -> Option<Vec<EndpointId>> {
    let named = fields.texts("endpoints")?;
    let found = |id: &String| {
        endpoints::find(account, id)
            .ok()
            .map(|endpoint| endpoint.id)
    };
    let ids: Option<Vec<EndpointId>> = named.iter().map(found).collect();
    if ids.is_none() {
        fields.fault("endpoints", "must be ids of the organization's endpoints");
    }
    ids
}
