//! One event: read it, accept it, say what became of it.

use jiff::Timestamp;
use lambda_http::{Body, Request, Response};
use payload::dialect::{self, Dialect, Hints, ParseError, Parsed, Recognised, Warning};
use payload::event_type::EventType;
use payload::fault::Faults;
use payload::id::{EndpointId, EventId};
use payload::idempotency::{IdempotencyKey, MAX_KEY_LENGTH};
use payload::timestamp;
use reply::{Problem, check_size, header, named_dialect, named_event};
use serde::Serialize;
use state::{Acceptance, StoredEvent, Submission};
use tracing::{info, warn};

use crate::handler::{Context, Ingest};

/// What a sender said about a body outside of it.
#[derive(Clone, Default)]
pub(crate) struct Options {
    pub(crate) dialect: Option<Dialect>,
    pub(crate) event: Option<String>,
    pub(crate) idempotency_key: Option<String>,
}

/// The answer to an accepted event.
#[derive(Debug, Serialize)]
pub(crate) struct Answer {
    pub(crate) id: EventId,
    #[serde(rename = "type")]
    event_type: EventType,
    #[serde(serialize_with = "timestamp::serialize")]
    timestamp: Timestamp,
    dialect: Dialect,
    recognised: Recognised,
    /// The endpoints it is delivered to.
    endpoints: Vec<EndpointId>,
    /// True when the event was accepted before, and this is the answer of then.
    duplicate: bool,
    /// What is odd about the body, though it was taken.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<Warning>,
}

impl Answer {
    /// About an event that was accepted before, in a dialect that was named.
    pub(crate) fn again(event: StoredEvent) -> Self {
        Self {
            id: event.id,
            event_type: event.event_type,
            timestamp: event.timestamp,
            dialect: event.dialect,
            recognised: Recognised::Named,
            endpoints: event.endpoint_ids,
            duplicate: true,
            warnings: Vec::new(),
        }
    }

    pub(crate) fn status(&self) -> u16 {
        if self.duplicate { 200 } else { 202 }
    }
}

/// `POST /api/v1/events`.
pub(crate) async fn one(
    ingest: &Ingest,
    request: &Request,
    context: &Context,
) -> Result<Response<Body>, Problem> {
    ingest.admit(1, context).await?;
    let mut options = query_options(request)?;
    options.idempotency_key = header(request, "idempotency-key")?.map(str::to_owned);
    let body = request.body().as_ref();
    let parsed = check(body, &options, context)?;
    let answer = accept(ingest, body, parsed, options.idempotency_key, context).await?;
    Ok(reply::json(answer.status(), &answer))
}

/// What the query says: `?dialect=` and `?event=`, the latter also as the header `X-Webhook-Event`.
pub(crate) fn query_options(request: &Request) -> Result<Options, Problem> {
    Ok(Options {
        dialect: named_dialect(request)?,
        event: named_event(request)?,
        idempotency_key: None,
    })
}

/// Checks and reads a body that arrived now.
pub(crate) fn check(body: &[u8], options: &Options, context: &Context) -> Result<Parsed, Problem> {
    check_size(body)?;
    if options
        .idempotency_key
        .as_ref()
        .is_some_and(|key| key.is_empty() || key.len() > MAX_KEY_LENGTH)
    {
        let reason = format!("must have 1 to {MAX_KEY_LENGTH} characters");
        return Err(Problem::invalid(Faults::one("Idempotency-Key", reason)));
    }
    Ok(read(body, options, context.now, context)?)
}

/// Reads a body that arrived then, for the organization of the request.
pub(crate) fn read(
    body: &[u8],
    options: &Options,
    received_at: Timestamp,
    context: &Context,
) -> Result<Parsed, ParseError> {
    let organization = &context.account.organization;
    let time_zone = organization.zone();
    let hints = Hints {
        dialect: options.dialect,
        event: options.event.as_deref(),
        time_zone: &time_zone,
        received_at,
    };
    dialect::parse(body, hints)
}

/// Accepts a body that was read.
pub(crate) async fn accept(
    ingest: &Ingest,
    body: &[u8],
    mut parsed: Parsed,
    idempotency_key: Option<String>,
    context: &Context,
) -> Result<Answer, Problem> {
    context.require_plan()?;
    let organization = &context.account.organization;
    let recognised = parsed.recognised;
    let warnings = std::mem::take(&mut parsed.warnings);
    for Warning { pointer, message } in &warnings {
        warn!(organization.id = %organization.id, pointer, "taken, but its member {message}");
    }
    let endpoints = context.account.subscribers(parsed.event_type);
    let subscribed = endpoints
        .iter()
        .filter_map(|id| context.account.endpoint(*id));
    let told_in = subscribed.map(|endpoint| endpoint.dialect).collect();
    let natural_key = || {
        let dialect = parsed.facts.source.dialect;
        IdempotencyKey::Natural(dialect, parsed.natural_key.clone())
    };
    let key = idempotency_key.map_or_else(natural_key, IdempotencyKey::Explicit);
    let submission = Submission {
        organization,
        parsed,
        body: Some(body),
        key,
        endpoints,
        told_in,
        retention: ingest.retention,
    };
    let accepted = ingest
        .events
        .accept(
            &ingest.queue,
            &ingest.credentials,
            submission,
            context.clock,
        )
        .await?;
    let (receipt, duplicate) = match accepted {
        Acceptance::Accepted(receipt) => (receipt, false),
        // What was accepted then, even where this body says something else under the same natural key.
        Acceptance::Repeated(receipt) => (receipt, true),
        Acceptance::Conflict(first) => {
            let message =
                format!("this Idempotency-Key belongs to {first}, which has another body");
            return Err(Problem::new(409, "idempotency_conflict", message));
        }
    };
    let answer = Answer {
        id: receipt.id,
        event_type: receipt.event_type,
        timestamp: receipt.timestamp,
        dialect: receipt.dialect,
        recognised,
        endpoints: receipt.endpoints,
        duplicate,
        warnings,
    };
    info!(
        event.id = %answer.id,
        event.r#type = %answer.event_type,
        dialect = %answer.dialect,
        organization.id = %organization.id,
        endpoints = answer.endpoints.len(),
        duplicate = answer.duplicate,
        "accepted {}", answer.id,
    );
    Ok(answer)
}
