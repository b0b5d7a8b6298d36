//! A dry run: what a body would become in another dialect. Nothing is stored or sent.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use lambda_http::{Body, Request, RequestExt, Response};
use payload::convert::{Fallback, Rendered, Surrogate, Target, Unmappable, render};
use payload::dialect::{Dialect, Hints, Parsed, Recognised, UnknownDialect, Warning, parse};
use payload::event::{Event, EventData};
use payload::event_type::{EventType, native_name};
use payload::fault::Faults;
use payload::id::{EndpointId, EventId};
use payload::known::Said;
use payload::secret::Secret;
use payload::unmappable::OnUnmappable;
use payload::webhook::Webhook;
use reply::{Problem, header};
use serde::Serialize;
use serde_json::value::RawValue;
use state::{Account, Endpoint, Skipped};

use crate::handler::{Api, Call};
use crate::{endpoints, page};

/// What a dry run for no endpoint is signed with, so that a receiver can try its check.
const SAMPLE_SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX";

#[derive(Serialize)]
struct Answer {
    #[serde(rename = "type")]
    event_type: EventType,
    from: From,
    to: Dialect,
    representable: bool,
    #[serde(flatten)]
    outcome: Outcome,
    /// Canonical paths that earlier events or the directory filled in.
    enriched: Vec<String>,
    warnings: Vec<Warning>,
}

#[derive(Serialize)]
struct From {
    dialect: Dialect,
    recognised: Recognised,
    event: String,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Outcome {
    Representable {
        event: &'static str,
        headers: BTreeMap<&'static str, String>,
        body: Box<RawValue>,
        surrogates: Vec<Surrogate>,
        fallbacks: Vec<Fallback>,
        /// The secret of the signatures, where it is not the endpoint's.
        #[serde(skip_serializing_if = "Option::is_none")]
        signed_with: Option<&'static str>,
    },
    Unrepresentable {
        #[serde(flatten)]
        why: Skipped,
        alternatives: [OnUnmappable; 2],
    },
}

/// `POST /convert?to=` or `?endpoint=`, with `?dialect=` and `?event=` as for an event.
pub(crate) async fn convert(api: &Api, call: &Call<'_>) -> Result<Response<Body>, Problem> {
    let account = call.recent_account(api).await?;
    let organization = &account.organization;
    let endpoint = target(call, &account)?;
    let time_zone = TimeZone::get(&organization.time_zone).unwrap_or(TimeZone::UTC);
    let received = call.request.body().as_ref();
    let mut parsed = parse(received, hints(call, &time_zone)?)?;
    let said = Said::of(parsed.event_type, &parsed.facts);
    let recalled = api
        .credentials
        .recall(organization.id, parsed.event_type, &parsed.facts, &said);
    recalled.await?.enrich(&mut parsed.facts);

    let Parsed {
        event_type,
        timestamp,
        recognised,
        facts,
        warnings,
        ..
    } = parsed;
    let event = Event {
        id: EventId::new(call.now, &mut rand::rng()),
        event_type,
        timestamp,
        data: EventData {
            organization_id: organization.id,
            facts,
        },
    };
    let vocabulary = endpoint.vocabulary();
    let target = Target {
        vocabulary,
        endpoint: endpoint.id,
        time_zone: &time_zone,
        surrogate_ids: endpoint.surrogate_ids,
    };
    let outcome = match say(&event, target, received) {
        Ok(rendered) => told(call, &endpoint, &event, rendered)?,
        Err(why) => Outcome::Unrepresentable {
            why: (&why).into(),
            alternatives: OnUnmappable::ALTERNATIVES,
        },
    };
    let facts = event.data.facts;
    let answer = Answer {
        event_type,
        from: From {
            dialect: facts.source.dialect,
            recognised,
            event: facts.source.event,
        },
        to: vocabulary.dialect,
        representable: matches!(outcome, Outcome::Representable { .. }),
        outcome,
        enriched: facts.enriched,
        warnings,
    };
    Ok(reply::json(200, &answer))
}

/// The endpoint it is tried for, or one that nobody has.
fn target(call: &Call<'_>, account: &Account) -> Result<Endpoint, Problem> {
    let query = call.request.query_string_parameters();
    let expected = UnknownDialect.to_string();
    let to: Option<Dialect> = page::parameter(call.request, "to", &expected)?;
    match (query.first("endpoint"), to) {
        (Some(id), None) => endpoints::find(account, id).cloned(),
        (None, Some(dialect)) => {
            let secret = Secret::parse(SAMPLE_SECRET).expect("the sample is a secret");
            let id = EndpointId::new(call.now, &mut rand::rng());
            let blank = Endpoint::blank(id, account.organization.id, secret, call.now);
            Ok(Endpoint { dialect, ..blank })
        }
        (Some(_), Some(_)) => Err(fault(
            "must not be named beside ?endpoint=, which has its own",
        )),
        (None, None) => Err(fault("required, or ?endpoint=")),
    }
}

fn fault(reason: &str) -> Problem {
    Problem::invalid(Faults::one("?to", reason))
}

fn hints<'h>(call: &'h Call<'_>, time_zone: &'h TimeZone) -> Result<Hints<'h>, Problem> {
    let expected = UnknownDialect.to_string();
    Ok(Hints {
        dialect: page::parameter(call.request, "dialect", &expected)?,
        event: event_name(call.request)?,
        time_zone,
        received_at: call.now,
    })
}

/// The native event name that the body does not say.
fn event_name(request: &Request) -> Result<Option<&str>, Problem> {
    match request.query_string_parameters_ref() {
        Some(query) if query.first("event").is_some() => Ok(query.first("event")),
        _ => header(request, "x-webhook-event"),
    }
}

/// The received bytes where they are in the dialect already, as at delivery.
fn say(event: &Event, target: Target<'_>, received: &[u8]) -> Result<Rendered, Unmappable> {
    let dialect = target.vocabulary.dialect;
    match native_name(dialect, event.event_type) {
        Some(name) if event.data.facts.source.dialect == dialect => Ok(Rendered {
            body: received.to_vec(),
            event: name,
            surrogates: Vec::new(),
            fallbacks: Vec::new(),
        }),
        _ => render(event, target),
    }
}

fn told(
    call: &Call<'_>,
    endpoint: &Endpoint,
    event: &Event,
    rendered: Rendered,
) -> Result<Outcome, Problem> {
    let credential = event.data.facts.credential.as_ref();
    let webhook = Webhook {
        organization: event.data.organization_id,
        event: event.id,
        event_type: event.event_type,
        timestamp: event.timestamp,
        credential_id: credential.and_then(|it| it.id.as_deref()),
        endpoint: endpoint.id,
        secret: &endpoint.secret,
        dialect: endpoint.dialect,
        name: rendered.event,
        is_substitute: false,
        surrogates: &rendered.surrogates,
        cloudevents: endpoint.cloudevents,
        body: &rendered.body,
        at: call.now,
    };
    let headers = webhook.headers().into_iter().collect();
    let is_sample = endpoint.secret.expose() == SAMPLE_SECRET;
    Ok(Outcome::Representable {
        event: rendered.event,
        headers,
        body: serde_json::from_slice(&rendered.body)
            .map_err(|_| Problem::new(500, "internal_error", "what was rendered is not JSON"))?,
        surrogates: rendered.surrogates,
        fallbacks: rendered.fallbacks,
        signed_with: is_sample.then_some(SAMPLE_SECRET),
    })
}
