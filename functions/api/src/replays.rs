//! Replays: a range of events is sent to an endpoint again, or for the first time.
//!
//! The first pages are sent with the request; recovery goes on with the rest each minute.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use lambda_http::{Body, Response};
use payload::event_type::EventType;
use payload::fields::{Fields, read_strictly};
use payload::id::{EndpointId, ReplayId};
use payload::timestamp;
use reply::Problem;
use serde::Serialize;
use serde_json::json;
use state::{
    Action, Changes, DeliveryStatus, MAX_REPLAYS, MAX_TRIES, Replay, ReplayState, Replayer,
    give_way,
};

use crate::deliveries::status_names;
use crate::handler::{Api, Call};
use crate::resend::{disabled, read_even_if_disabled};
use crate::{endpoints, page};

/// What is replayed when nothing is said: everything the endpoint has not got, and nobody tries to send.
const UNSENT: [DeliveryStatus; 4] = [
    DeliveryStatus::Pending,
    DeliveryStatus::Exhausted,
    DeliveryStatus::Held,
    DeliveryStatus::Stuck,
];
const DEFAULT_RATE: u32 = 20;
const MAX_RATE: u64 = 500;
/// How long the request itself works on a replay.
const BUDGET: Duration = Duration::from_secs(5);
/// How often a cancellation is tried again when the replay just got further.
const MAX_CANCEL_TRIES: usize = 5;

/// A replay as it is shown.
#[derive(Serialize)]
struct View<'r> {
    id: ReplayId,
    endpoint_id: EndpointId,
    state: ReplayState,
    #[serde(serialize_with = "timestamp::serialize")]
    since: Timestamp,
    #[serde(serialize_with = "timestamp::serialize")]
    until: Timestamp,
    statuses: &'r [DeliveryStatus],
    types: &'r [EventType],
    backfill: bool,
    even_if_disabled: bool,
    dry_run: bool,
    /// Whether it sends what was held while the access was suspended, instead of a range.
    #[serde(rename = "release")]
    is_release: bool,
    rate_per_second: u32,
    /// Events looked at.
    examined: u64,
    /// Deliveries found, by how they stood.
    found: &'r BTreeMap<DeliveryStatus, u64>,
    /// Deliveries sent.
    replayed: u64,
    #[serde(serialize_with = "timestamp::serialize")]
    created_at: Timestamp,
    #[serde(serialize_with = "timestamp::serialize")]
    updated_at: Timestamp,
}

impl<'r> View<'r> {
    fn new(replay: &'r Replay) -> Self {
        Self {
            id: replay.id,
            endpoint_id: replay.endpoint_id,
            state: replay.state,
            since: replay.since,
            until: replay.until,
            statuses: &replay.statuses,
            types: &replay.types,
            backfill: replay.backfill,
            even_if_disabled: replay.even_if_disabled,
            dry_run: replay.dry_run,
            is_release: replay.is_release,
            rate_per_second: replay.rate_per_second,
            examined: replay.examined,
            found: &replay.found,
            replayed: replay.replayed,
            created_at: replay.created_at,
            updated_at: replay.updated_at,
        }
    }
}

/// `POST /endpoints/{id}/replay`, all members optional: `since`, `until`, `statuses`, `types`, `backfill`,
/// `even_if_disabled`, `dry_run`, `rate_per_second`.
pub(crate) async fn create(
    api: &Api,
    call: &Call<'_>,
    endpoint: &str,
) -> Result<Response<Body>, Problem> {
    let account = call.entitled_account(api).await?;
    let endpoint = endpoints::find(&account, endpoint)?;
    let oldest = api.keeping(&account.organization, call.now).oldest();
    let blank = Replay {
        id: ReplayId::new(call.now, &mut rand::rng()),
        organization_id: account.organization.id,
        endpoint_id: endpoint.id,
        since: oldest,
        until: call.now,
        statuses: UNSENT.to_vec(),
        types: Vec::new(),
        backfill: false,
        even_if_disabled: false,
        dry_run: false,
        is_release: false,
        rate_per_second: DEFAULT_RATE,
        state: ReplayState::Running,
        after: None,
        next_at: call.now,
        examined: 0,
        found: BTreeMap::new(),
        replayed: 0,
        created_at: call.now,
        updated_at: call.now,
        revision: 0,
    };
    let body = reply::read_options(call.request)?;
    let replay = read_strictly(body, |fields| read(blank, fields));
    let mut replay = replay.map_err(Problem::invalid)?;
    // What is older is not kept, and what is to come is not there: to look for it would only take time.
    replay.until = replay.until.min(call.now);
    replay.since = replay.since.max(oldest).min(replay.until);
    if !endpoint.enabled && !replay.even_if_disabled && !replay.dry_run {
        return Err(disabled());
    }
    let asked = Changes::given(&json!({
        "endpoint_id": replay.endpoint_id,
        "since": timestamp::canonical(replay.since),
        "until": timestamp::canonical(replay.until),
        "statuses": replay.statuses,
        "types": replay.types,
        "backfill": replay.backfill,
        "even_if_disabled": replay.even_if_disabled,
        "dry_run": replay.dry_run,
        "rate_per_second": replay.rate_per_second,
    }));
    let (organization, id) = (replay.organization_id, replay.id);
    let line = call.line(organization, Action::ReplayCreated, &id, asked);
    for tries in 0..MAX_TRIES {
        let slot = api.deliveries.slot_for_replay(&replay).await?;
        let slot = slot.ok_or_else(too_many)?;
        let line = api.accounts.logging(&line)?;
        let begun = api.deliveries.begin_replay(&mut replay, slot, line);
        if begun.await? {
            begin(api, &mut replay, call.now).await;
            return Ok(reply::json(202, &View::new(&replay)));
        }
        give_way(tries).await;
    }
    let message = "others begin replays right now; try again";
    Err(Problem::new(409, "conflict", message))
}

fn too_many() -> Problem {
    let message = format!("at most {MAX_REPLAYS} replays of an organization go on at once");
    Problem::new(409, "too_many_replays", message)
}

/// Sends the first pages. What fails here recovery does, as it does the rest: the replay is written.
async fn begin(api: &Api, replay: &mut Replay, now: Timestamp) {
    let replayer = Replayer {
        billing: api.billing,
        accounts: &api.accounts,
        events: &api.events,
        deliveries: &api.deliveries,
        queue: &api.queue,
        retention: api.retention,
    };
    let started = Instant::now();
    while started.elapsed() < BUDGET {
        match replayer.advance(replay, now).await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => {
                tracing::warn!(replay.id = %replay.id, error = %state::Chain(&error), "recovery goes on with the replay");
                return;
            }
        }
    }
}

fn read(blank: Replay, fields: &mut Fields<'_>) -> Replay {
    let mut replay = blank;
    replay.since = fields.timestamp("since").unwrap_or(replay.since);
    replay.until = fields.timestamp("until").unwrap_or(replay.until);
    if replay.since >= replay.until {
        fields.fault("until", "must be later than since");
    }
    if let Some(names) = fields.texts("statuses") {
        let statuses: Result<Vec<_>, ()> = names.iter().map(|name| name.parse()).collect();
        match statuses {
            Ok(statuses) if !statuses.is_empty() => replay.statuses = statuses,
            _ => fields.fault(
                "statuses",
                &format!("must hold some of: {}", status_names()),
            ),
        }
    }
    if let Some(names) = fields.texts("types") {
        let types: Result<Vec<EventType>, _> = names.iter().map(|name| name.parse()).collect();
        match types {
            Ok(types) => replay.types = types,
            Err(_) => fields.fault("types", "must hold canonical event types"),
        }
    }
    replay.backfill = fields.boolean("backfill").unwrap_or_default();
    replay.dry_run = fields.boolean("dry_run").unwrap_or_default();
    replay.even_if_disabled = read_even_if_disabled(fields);
    match fields.count("rate_per_second") {
        None => {}
        Some(rate @ 1..=MAX_RATE) => {
            replay.rate_per_second = u32::try_from(rate).unwrap_or(DEFAULT_RATE);
        }
        Some(_) => fields.fault("rate_per_second", "must be from 1 to 500"),
    }
    replay
}

/// `GET /endpoints/{id}/replays`, newest first.
pub(crate) async fn list(
    api: &Api,
    call: &Call<'_>,
    endpoint: &str,
) -> Result<Response<Body>, Problem> {
    let account = call.account(api).await?;
    let endpoint = endpoints::find(&account, endpoint)?.id;
    let limit = i32::try_from(page::limit(call.request)?).unwrap_or(i32::MAX);
    let before = page::cursor(call.request)?;
    let found = api
        .deliveries
        .replays(account.organization.id, endpoint, before, limit);
    let found = found.await?;
    let views: Vec<View<'_>> = found.items.iter().map(View::new).collect();
    Ok(page::answer(&views, found.next))
}

/// `GET /endpoints/{id}/replays/{replay}`: how far it got.
pub(crate) async fn get(
    api: &Api,
    call: &Call<'_>,
    endpoint: &str,
    id: &str,
) -> Result<Response<Body>, Problem> {
    let replay = find(api, call, endpoint, id).await?;
    Ok(reply::json(200, &View::new(&replay)))
}

/// `DELETE /endpoints/{id}/replays/{replay}`: stops it. What is on its way is sent.
pub(crate) async fn cancel(
    api: &Api,
    call: &Call<'_>,
    endpoint: &str,
    id: &str,
) -> Result<Response<Body>, Problem> {
    let mut is_logged = false;
    for _ in 0..MAX_CANCEL_TRIES {
        let mut replay = find(api, call, endpoint, id).await?;
        if replay.state != ReplayState::Running {
            return Ok(reply::json(200, &View::new(&replay)));
        }
        if !is_logged {
            let (action, nothing) = (Action::ReplayCancelled, Changes::default());
            call.log(api, replay.organization_id, action, &replay.id, nothing)
                .await?;
            is_logged = true;
        }
        replay.state = ReplayState::Cancelled;
        if api.deliveries.save_replay(&mut replay, call.now).await? {
            return Ok(reply::json(200, &View::new(&replay)));
        }
    }
    Err(Problem::new(
        409,
        "conflict",
        "the replay is getting further right now; try again",
    ))
}

/// The replay named in the path.
async fn find(api: &Api, call: &Call<'_>, endpoint: &str, id: &str) -> Result<Replay, Problem> {
    let account = call.account(api).await?;
    let endpoint = endpoints::find(&account, endpoint)?.id;
    let Ok(id) = id.parse() else {
        return Err(Problem::not_found("replay"));
    };
    let replay = api.deliveries.replay(account.organization.id, id).await?;
    let replay = replay.filter(|replay| replay.endpoint_id == endpoint);
    replay.ok_or_else(|| Problem::not_found("replay"))
}
