//! An endpoint with the members of a body in place of its own.

use payload::billing::access::Access;
use payload::custom_headers::CustomHeaders;
use payload::event_type::EventType;
use payload::fields::{Fields, MAX_NAME, read_strictly};
use payload::receiver_auth::ReceiverAuth;
use payload::retry::{RetrySchedule, Waits};
use payload::secret::{MalformedSecret, Secret};
use payload::target::TargetPolicy;
use reply::Problem;
use serde_json::{Map, Value};
use state::{Endpoint, EndpointSecrets, Health};

use super::subscription::{self, Unrepresentable};

const MAX_TIMEOUT_SECONDS: u64 = 30;
const MAX_CONCURRENCY: u8 = 100;
const MAX_RATE: u16 = 1_000;

/// An endpoint, what is secret about it, how it is doing while it fails, and whether it is paid for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Configured {
    pub(super) endpoint: Endpoint,
    pub(super) secrets: EndpointSecrets,
    pub(super) health: Option<Health>,
    pub(super) access: Access,
}

/// The endpoint with the members of a body in place of its own.
pub(super) fn change(
    current: &Configured,
    body: Map<String, Value>,
    target_policy: &TargetPolicy,
) -> Result<Configured, Problem> {
    let Configured {
        mut endpoint,
        mut secrets,
        health,
        access,
    } = current.clone();
    let current = &current.endpoint;
    let mut named = None;
    let read = read_strictly(body, |fields| {
        // Who has no subscription yet is being made, and may bring a secret.
        if current.event_types.patterns().is_empty()
            && let Some(secret) = read_secret(fields)
        {
            secrets.secret = secret;
        }
        named = subscription::read(&mut endpoint, fields);
        read_target(&mut endpoint, fields, target_policy);
        read_timeout(&mut endpoint, fields);
        read_limits(&mut endpoint, fields);
        read_schedule(&mut endpoint, fields);
        read_options(&mut endpoint, fields);
        read_headers(&mut secrets, fields);
    });
    let unrepresentable = subscription::unrepresentable(current, &endpoint, named.as_ref());
    let is_read = read.is_ok();
    let mut faults = read.err().unwrap_or_default();
    let mut types: Vec<EventType> = Vec::new();
    for Unrepresentable {
        pointer,
        event_type,
    } in unrepresentable
    {
        let reason = format!("{} has no name for this event type", endpoint.dialect);
        faults.add(pointer, reason);
        if !types.contains(&event_type) {
            types.push(event_type);
        }
    }
    match (is_read, types.is_empty()) {
        (true, true) => Ok(Configured {
            endpoint,
            secrets,
            health,
            access,
        }),
        (true, false) => Err(Problem::unrepresentable(endpoint.dialect, types, faults)),
        (false, _) => Err(Problem::invalid(faults)),
    }
}

/// A secret that the receiver has already.
pub(super) fn read_secret(fields: &mut Fields<'_>) -> Option<Secret> {
    let given = fields.take("secret")?;
    let secret = Secret::parse(given.as_str().unwrap_or_default());
    let fault = |error: &MalformedSecret| fields.fault("secret", &error.to_string());
    secret.inspect_err(fault).ok()
}

fn read_target(endpoint: &mut Endpoint, fields: &mut Fields<'_>, target_policy: &TargetPolicy) {
    if let Some(url) = fields.text("url") {
        match target_policy.parse(&url) {
            Ok(url) => endpoint.url = url.into(),
            Err(error) => fields.fault("url", &error.to_string()),
        }
    } else if endpoint.url.is_empty() {
        fields.fault("url", "required");
    }
    if let Some(name) = fields.text("name") {
        fields.check_length("name", &name, MAX_NAME);
        endpoint.name = name;
    }
    if let Some(enabled) = fields.boolean("enabled") {
        endpoint.enabled = enabled;
        // From now on it is the owner's decision.
        endpoint.disabled = None;
    }
}

fn read_timeout(endpoint: &mut Endpoint, fields: &mut Fields<'_>) {
    let seconds = fields.count("timeout_seconds");
    // Beedeez' own setting.
    let milliseconds = fields.count("timeout");
    let (member, expected, seconds) = match (seconds, milliseconds) {
        (Some(_), Some(_)) => {
            fields.fault(
                "timeout",
                "is the same as timeout_seconds: send one of them",
            );
            return;
        }
        (Some(seconds), None) => ("timeout_seconds", "must be from 1 to 30 seconds", seconds),
        (None, Some(milliseconds)) => {
            // Rounding up would make a second of what is less.
            let seconds = if milliseconds < 1_000 {
                0
            } else {
                milliseconds.div_ceil(1_000)
            };
            (
                "timeout",
                "must be from 1000 to 30000 milliseconds",
                seconds,
            )
        }
        (None, None) => return,
    };
    match u8::try_from(seconds) {
        Ok(seconds) if (1..=MAX_TIMEOUT_SECONDS).contains(&seconds.into()) => {
            endpoint.timeout_seconds = seconds;
        }
        _ => fields.fault(member, expected),
    }
}

/// Takes the limits of requests. `null` removes.
fn read_limits(endpoint: &mut Endpoint, fields: &mut Fields<'_>) {
    if fields.is_null("max_concurrency") {
        endpoint.max_concurrency = None;
    }
    if let Some(requests) = fields.count("max_concurrency") {
        match u8::try_from(requests) {
            Ok(requests @ 1..=MAX_CONCURRENCY) => endpoint.max_concurrency = Some(requests),
            _ => fields.fault("max_concurrency", "must be from 1 to 100 requests"),
        }
    }
    if fields.is_null("rate_per_second") {
        endpoint.rate_per_second = None;
    }
    if let Some(requests) = fields.count("rate_per_second") {
        match u16::try_from(requests) {
            Ok(requests @ 1..=MAX_RATE) => endpoint.rate_per_second = Some(requests),
            _ => fields.fault("rate_per_second", "must be from 1 to 1000 requests"),
        }
    }
}

fn read_schedule(endpoint: &mut Endpoint, fields: &mut Fields<'_>) {
    let Some(given) = fields.take("retry_schedule") else {
        return;
    };
    let schedule = match given {
        Value::Array(_) => match serde_json::from_value::<Vec<u32>>(given) {
            Ok(waits) => Waits::try_from(waits)
                .map(RetrySchedule::Custom)
                .map_err(|error| error.to_string()),
            Err(_) => Err("must hold whole numbers of seconds".to_owned()),
        },
        named => serde_json::from_value(named).map_err(|_| {
            "must be standard, burst, short, or a list of seconds between attempts".to_owned()
        }),
    };
    match schedule {
        Ok(schedule) => endpoint.retry_schedule = schedule,
        Err(reason) => fields.fault("retry_schedule", &reason),
    }
}

fn read_options(endpoint: &mut Endpoint, fields: &mut Fields<'_>) {
    if let Some(choice) = fields.text("on_unmappable") {
        match choice.parse() {
            Ok(choice) => endpoint.on_unmappable = choice,
            Err(error) => fields.fault("on_unmappable", &format!("{error}")),
        }
    }
    for (name, option) in [
        ("cloudevents", &mut endpoint.cloudevents),
        ("surrogate_ids", &mut endpoint.surrogate_ids),
        ("downcast_renewed", &mut endpoint.downcast_renewed),
        ("ed25519_signature", &mut endpoint.ed25519_signature),
    ] {
        if let Some(wanted) = fields.boolean(name) {
            *option = wanted;
        }
    }
}

/// Takes the custom headers and the authentication, which share the names of headers. `null` removes.
fn read_headers(secrets: &mut EndpointSecrets, fields: &mut Fields<'_>) {
    if fields.is_null("headers") {
        secrets.headers = CustomHeaders::default();
    }
    if let Some(headers) = fields.parsed("headers", CustomHeaders::parse) {
        secrets.headers = headers;
    }
    if fields.is_null("auth") {
        secrets.auth = ReceiverAuth::None;
    }
    let auth = fields.parsed("auth", ReceiverAuth::parse);
    let auth_is_named = auth.is_some();
    if let Some(auth) = auth {
        secrets.auth = auth;
    }
    let ReceiverAuth::ApiKey { header, .. } = &secrets.auth else {
        return;
    };
    match secrets.headers.same_as(header) {
        Some(_) if auth_is_named => {
            fields.fault_within("auth", "header", "is one of the custom headers too");
        }
        Some(custom) => fields.fault_within("headers", custom, "is the header of auth already"),
        None => {}
    }
}
