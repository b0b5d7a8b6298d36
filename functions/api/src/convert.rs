//! A dry run: what a body would become in another dialect. Nothing is stored or sent.

use std::collections::BTreeMap;

use lambda_http::{Body, RequestExt, Response};
use payload::convert::{Fallback, Rendered, Stored, Surrogate, Target, render};
use payload::dialect::{Dialect, Hints, Recognised, UnknownDialect, Warning, parse};
use payload::event::Event;
use payload::event_type::EventType;
use payload::fault::Faults;
use payload::id::{EndpointId, EventId};
use payload::secret::Secret;
use payload::unmappable::OnUnmappable;
use payload::webhook::{Signers, Webhook};
use reply::{Problem, check_size, named_dialect, named_event};
use serde::Serialize;
use serde_json::value::RawValue;
use state::{Account, Endpoint, Skipped};

use crate::handler::{Api, Call};
use crate::{endpoints, page};

/// What a dry run is signed with, so that a receiver can try its check.
const SAMPLE_SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX";

#[derive(Serialize)]
struct Answer {
    #[serde(rename = "type")]
    event_type: EventType,
    from: From,
    to: Dialect,
    /// Whether the event can be said in the dialect.
    representable: bool,
    /// Why not.
    #[serde(flatten)]
    why: Option<Skipped>,
    /// What the endpoint may be given instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    alternatives: Option<[OnUnmappable; 2]>,
    /// What is sent, if anything.
    #[serde(flatten)]
    sent: Option<Sent>,
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
struct Sent {
    event: &'static str,
    headers: BTreeMap<&'static str, String>,
    body: Box<RawValue>,
    surrogates: Vec<Surrogate>,
    fallbacks: Vec<Fallback>,
    /// The secret of the signatures. Never the endpoint's: what is signed here was not accepted, and
    /// must not pass for a webhook.
    signed_with: &'static str,
}

/// `POST /convert?to=` or `?endpoint=`, with `?dialect=` and `?event=` as for an event.
pub(crate) async fn convert(api: &Api, call: &Call<'_>) -> Result<Response<Body>, Problem> {
    let account = call.recent_account(api).await?;
    let organization = &account.organization;
    let endpoint = target(call, &account)?;
    let time_zone = organization.zone();
    let received = call.request.body().as_ref();
    check_size(received)?;
    let event_name = named_event(call.request)?;
    let hints = Hints {
        dialect: named_dialect(call.request)?,
        event: event_name.as_deref(),
        time_zone: &time_zone,
        received_at: call.now,
    };
    let mut parsed = parse(received, hints)?;
    let facts = &mut parsed.facts;
    api.credentials.resolve(organization.id, facts).await?;
    let completed =
        (api.credentials).complete(organization.id, parsed.event_type, &mut parsed.facts, None);
    completed.await?;

    let recognised = parsed.recognised;
    let warnings = std::mem::take(&mut parsed.warnings);
    let event = parsed.into_event(EventId::new(call.now, &mut rand::rng()), organization.id);
    let event_type = event.event_type;
    let vocabulary = endpoint.vocabulary();
    let target = Target {
        vocabulary,
        endpoint: endpoint.id,
        time_zone: &time_zone,
        surrogate_ids: endpoint.surrogate_ids,
    };
    let canonical = serde_json::to_vec(&event).expect("an event has text keys only");
    let facts = &event.data.facts;
    let is_as_received = facts.source.dialect == Dialect::Canonical;
    let stored = Stored {
        event_type,
        dialect: facts.source.dialect,
        received,
        canonical: if is_as_received { received } else { &canonical },
    };
    let rendered = match stored.rendered_in(endpoint.dialect) {
        Some(rendered) => Ok(rendered),
        None => render(&event, target),
    };
    let representable = rendered.is_ok();
    let why = rendered.as_ref().err().map(Skipped::from);
    let sent = rendered.or_else(|why| stored.instead(endpoint.on_unmappable, why));
    let sent = sent
        .ok()
        .map(|rendered| sent_as(call, &endpoint, &event, rendered));
    let sent = sent.transpose()?;
    let facts = event.data.facts;
    let answer = Answer {
        event_type,
        from: From {
            dialect: facts.source.dialect,
            recognised,
            event: facts.source.event,
        },
        to: vocabulary.dialect,
        representable,
        alternatives: why.as_ref().map(|_| OnUnmappable::ALTERNATIVES),
        why,
        sent,
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
            let id = EndpointId::new(call.now, &mut rand::rng());
            let blank = Endpoint::blank(id, account.organization.id, call.now);
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

/// What a receiver would get, but for the endpoint's own headers.
fn sent_as(
    call: &Call<'_>,
    endpoint: &Endpoint,
    event: &Event,
    rendered: Rendered,
) -> Result<Sent, Problem> {
    let credential = event.data.facts.credential.as_ref();
    let secret = Secret::parse(SAMPLE_SECRET).expect("the sample is a secret");
    let webhook = Webhook {
        organization: event.data.organization_id,
        event: event.id,
        event_type: event.event_type,
        timestamp: event.timestamp,
        credential_id: credential.and_then(|it| it.id.as_deref()),
        endpoint: endpoint.id,
        signers: Signers::one(&secret),
        rendered: &rendered,
        cloudevents: endpoint.cloudevents,
        at: call.now,
    };
    Ok(Sent {
        event: rendered.event,
        headers: webhook.headers().into_iter().collect(),
        body: serde_json::from_slice(&rendered.body)
            .map_err(|_| Problem::new(500, "internal_error", "what was rendered is not JSON"))?,
        surrogates: rendered.surrogates,
        fallbacks: rendered.fallbacks,
        signed_with: SAMPLE_SECRET,
    })
}
