//! Endpoints of an organization.
//!
//! The configuration `{"name", "url", "eventTypes", "enabled"?}` is that of Beedeez
//! (<https://doc.developers.beedeez.com/docs/next/webhooks/configuration>) and taken as it is;
//! `event_types` means the same.

use jiff::Timestamp;
use lambda_http::{Body, Response};
use payload::dialect::Dialect;
use payload::event_type::Subscription;
use payload::fault::Faults;
use payload::fields::{Fields, read_strictly};
use payload::id::EndpointId;
use payload::retry::RetrySchedule;
use payload::secret::Secret;
use payload::target::TargetPolicy;
use payload::timestamp;
use reply::Problem;
use serde::Serialize;
use serde_json::{Map, Value};
use state::{Account, Endpoint, MAX_ENDPOINTS};

use crate::handler::{Api, Call};
use crate::page;

const DEFAULT_TIMEOUT_SECONDS: u8 = 15;
const MAX_TIMEOUT_SECONDS: u64 = 30;
const MAX_NAME: usize = 255;
/// How often a change is tried again on top of somebody else's.
const MAX_UPDATE_TRIES: usize = 3;

/// An endpoint as it is shown: with its secret only in the answer that made it.
#[derive(Serialize)]
struct View<'e> {
    id: EndpointId,
    name: &'e str,
    url: &'e str,
    event_types: &'e Subscription,
    dialect: Dialect,
    enabled: bool,
    retry_schedule: RetrySchedule,
    timeout_seconds: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
    #[serde(serialize_with = "timestamp::serialize")]
    created_at: Timestamp,
    #[serde(serialize_with = "timestamp::serialize")]
    updated_at: Timestamp,
}

impl<'e> View<'e> {
    fn new(endpoint: &'e Endpoint) -> Self {
        Self {
            id: endpoint.id,
            name: &endpoint.name,
            url: &endpoint.url,
            event_types: &endpoint.event_types,
            dialect: endpoint.dialect,
            enabled: endpoint.enabled,
            retry_schedule: endpoint.retry_schedule,
            timeout_seconds: endpoint.timeout_seconds,
            secret: None,
            created_at: endpoint.created_at,
            updated_at: endpoint.updated_at,
        }
    }

    fn with_secret(endpoint: &'e Endpoint) -> Self {
        Self {
            secret: Some(endpoint.secret.expose().to_owned()),
            ..Self::new(endpoint)
        }
    }
}

/// `POST /endpoints`: the answer shows the secret, once.
pub(crate) async fn create(api: &Api, call: &Call<'_>) -> Result<Response<Body>, Problem> {
    let account = call.account(api).await?;
    let mut body = reply::read_object(call.request)?;
    let secret = match body.remove("secret") {
        None | Some(Value::Null) => Ok(Secret::generate(&mut rand::rng())),
        Some(given) => Secret::parse(given.as_str().unwrap_or_default()),
    };
    let blank = Endpoint {
        id: EndpointId::new(call.now, &mut rand::rng()),
        organization_id: account.organization.id,
        name: String::new(),
        url: String::new(),
        event_types: Subscription::default(),
        dialect: Dialect::default(),
        enabled: true,
        secret: secret
            .map_err(|error| Problem::invalid(Faults::one("/secret", error.to_string())))?,
        retry_schedule: RetrySchedule::default(),
        timeout_seconds: DEFAULT_TIMEOUT_SECONDS,
        created_at: call.now,
        updated_at: call.now,
        revision: 1,
    };
    let endpoint = change(blank, body, api.target_policy).map_err(Problem::invalid)?;
    if account.endpoints.len() >= MAX_ENDPOINTS {
        let message = format!("an organization has at most {MAX_ENDPOINTS} endpoints");
        return Err(Problem::new(409, "too_many_endpoints", message));
    }
    api.accounts.create_endpoint(&endpoint).await?;
    Ok(reply::json(201, &View::with_secret(&endpoint)))
}

/// `GET /endpoints`: all of them, there are at most 100.
pub(crate) async fn list(api: &Api, call: &Call<'_>) -> Result<Response<Body>, Problem> {
    let account = call.account(api).await?;
    let views: Vec<View<'_>> = account.endpoints.iter().map(View::new).collect();
    Ok(page::answer(&views, None))
}

/// `GET /endpoints/{id}`.
pub(crate) async fn get(api: &Api, call: &Call<'_>, id: &str) -> Result<Response<Body>, Problem> {
    let account = call.account(api).await?;
    Ok(reply::json(200, &View::new(find(&account, id)?)))
}

/// `PATCH /endpoints/{id}` with the members to change.
pub(crate) async fn update(
    api: &Api,
    call: &Call<'_>,
    id: &str,
) -> Result<Response<Body>, Problem> {
    let body = reply::read_object(call.request)?;
    for _ in 0..MAX_UPDATE_TRIES {
        let account = call.account(api).await?;
        let current = find(&account, id)?;
        let mut endpoint =
            change(current.clone(), body.clone(), api.target_policy).map_err(Problem::invalid)?;
        endpoint.updated_at = call.now;
        endpoint.revision += 1;
        if api.accounts.update_endpoint(&endpoint).await? {
            return Ok(reply::json(200, &View::new(&endpoint)));
        }
    }
    Err(Problem::new(
        409,
        "conflict",
        "the endpoint is being changed by others; try again",
    ))
}

/// `DELETE /endpoints/{id}`. Deliveries of it that are still open become held.
pub(crate) async fn delete(
    api: &Api,
    call: &Call<'_>,
    id: &str,
) -> Result<Response<Body>, Problem> {
    let account = call.account(api).await?;
    let endpoint = find(&account, id)?;
    api.accounts
        .delete_endpoint(endpoint.organization_id, endpoint.id)
        .await?;
    Ok(reply::no_content())
}

/// The endpoint named in the path.
pub(crate) fn find<'a>(account: &'a Account, id: &str) -> Result<&'a Endpoint, Problem> {
    let id = id.parse().ok();
    id.and_then(|id| account.endpoint(id))
        .ok_or_else(|| Problem::not_found("endpoint"))
}

/// The endpoint with the members of a body in place of its own.
fn change(
    mut endpoint: Endpoint,
    body: Map<String, Value>,
    target_policy: TargetPolicy,
) -> Result<Endpoint, Faults> {
    read_strictly(body, |fields| {
        change_members(&mut endpoint, fields, target_policy)
    })?;
    Ok(endpoint)
}

fn change_members(endpoint: &mut Endpoint, fields: &mut Fields<'_>, target_policy: TargetPolicy) {
    let dialect = fields.text("dialect");
    let dialect_is_named = dialect.is_some();
    if let Some(dialect) = dialect {
        match dialect.parse() {
            Ok(dialect) => endpoint.dialect = dialect,
            Err(error) => fields.fault("dialect", &format!("{error}")),
        }
    }
    let is_new = endpoint.event_types.patterns().is_empty();
    let patterns = (fields.texts("event_types"), fields.texts("eventTypes"));
    if let (Some(patterns), _) | (_, Some(patterns)) = &patterns
        && is_new
        && !dialect_is_named
    {
        endpoint.dialect = dialect_of(patterns);
    }
    match patterns {
        (Some(patterns), None) => subscribe(endpoint, &patterns, "event_types", fields),
        (None, Some(patterns)) => subscribe(endpoint, &patterns, "eventTypes", fields),
        (Some(_), Some(_)) => {
            fields.fault("eventTypes", "is the same as event_types: send one of them")
        }
        (None, None) if is_new => fields.fault("event_types", "required"),
        (None, None) => {}
    }
    if let Some(url) = fields.text("url") {
        match target_policy.parse(&url) {
            Ok(_) => url.trim().clone_into(&mut endpoint.url),
            Err(error) => fields.fault("url", &error.to_string()),
        }
    } else if endpoint.url.is_empty() {
        fields.fault("url", "required");
    }
    if let Some(name) = fields.text("name") {
        if name.len() > MAX_NAME {
            fields.fault("name", "must have at most 255 bytes");
        }
        endpoint.name = name;
    }
    // Beedeez' own setting, in milliseconds.
    let milliseconds = fields
        .count("timeout")
        .map(|timeout| ("timeout", timeout.div_ceil(1_000)));
    let seconds = fields
        .count("timeout_seconds")
        .map(|timeout| ("timeout_seconds", timeout));
    if let Some((member, seconds)) = seconds.or(milliseconds) {
        match u8::try_from(seconds) {
            Ok(seconds) if (1..=MAX_TIMEOUT_SECONDS).contains(&seconds.into()) => {
                endpoint.timeout_seconds = seconds
            }
            _ => fields.fault(member, "must be from 1 to 30 seconds"),
        }
    }
    if let Some(enabled) = fields.boolean("enabled") {
        endpoint.enabled = enabled;
    }
}

/// The dialect in whose words these patterns are written, where nobody named it: canonical if they can be
/// read so, else the one source system that has them all. The configuration of Beedeez names no dialect.
fn dialect_of(patterns: &[String]) -> Dialect {
    let reads = |dialect: &Dialect| Subscription::parse(*dialect, patterns).is_ok();
    Dialect::ALL.into_iter().find(reads).unwrap_or_default()
}

fn subscribe(endpoint: &mut Endpoint, patterns: &[String], member: &str, fields: &Fields<'_>) {
    if patterns.is_empty() {
        fields.fault(member, "must name at least one event type, or *");
    }
    match Subscription::parse(endpoint.dialect, patterns) {
        Ok(subscription) => endpoint.event_types = subscription,
        Err(unknown) => {
            for index in unknown {
                let reason = match endpoint.dialect {
                    Dialect::Canonical => "matches no event type".to_owned(),
                    dialect => {
                        format!("matches no event type, by its canonical or its {dialect} name")
                    }
                };
                fields.fault_within(member, &index.to_string(), &reason);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn blank() -> Endpoint {
        let created_at: Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();
        Endpoint {
            id: "ep_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap(),
            organization_id: "org_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap(),
            name: String::new(),
            url: String::new(),
            event_types: Subscription::default(),
            dialect: Dialect::Canonical,
            enabled: true,
            secret: Secret::generate(&mut rand::rng()),
            retry_schedule: RetrySchedule::Standard,
            timeout_seconds: 15,
            created_at,
            updated_at: created_at,
            revision: 1,
        }
    }

    fn changed(endpoint: Endpoint, body: Value) -> Result<Endpoint, Vec<String>> {
        let Value::Object(body) = body else {
            panic!("an object")
        };
        change(endpoint, body, TargetPolicy::Public).map_err(|faults| {
            faults
                .iter()
                .map(|(pointer, _)| pointer.to_owned())
                .collect()
        })
    }

    #[test]
    fn the_configuration_of_beedeez_is_taken_as_documented() {
        let body = json!({
            "name": "Certificate Notifications",
            "url": "https://api.yourcompany.com/webhooks/certificates",
            "eventTypes": ["certificate_completed", "certificate_expired"]
        });
        let endpoint = changed(blank(), body).unwrap();
        assert_eq!(endpoint.dialect, Dialect::Beedeez);
        assert!(endpoint.enabled);
        assert_eq!(
            endpoint.event_types.patterns(),
            ["credential.issued", "credential.expired"]
        );
    }

    #[test]
    fn the_dialect_follows_from_the_names_unless_it_is_named() {
        let dialect = |event_types: Value| {
            let body = json!({"url": "https://example.com/", "event_types": event_types});
            changed(blank(), body).map(|endpoint| endpoint.dialect)
        };
        assert_eq!(dialect(json!(["*"])), Ok(Dialect::Canonical));
        assert_eq!(
            dialect(json!(["credential.issued"])),
            Ok(Dialect::Canonical)
        );
        assert_eq!(dialect(json!(["certificate.*"])), Ok(Dialect::Thatsme));
        assert_eq!(
            dialect(json!(["credential.claimed"])),
            Ok(Dialect::Certdirectory)
        );
        assert!(dialect(json!(["certificate_completed", "certificate.issued"])).is_err());
        let timeout = changed(
            blank(),
            json!({"url": "https://example.com/", "event_types": ["*"], "timeout": 5_000}),
        );
        assert_eq!(timeout.map(|endpoint| endpoint.timeout_seconds), Ok(5));
    }

    #[test]
    fn every_fault_of_a_configuration_is_named() {
        let faults = changed(
            blank(),
            json!({"url": "http://10.0.0.1/", "event_types": ["*", "nothing.*"], "enabled": "yes", "timeout_seconds": 31,
                "dialect": "morse", "retries": 3}),
        );
        assert_eq!(
            faults.unwrap_err(),
            [
                "/dialect",
                "/enabled",
                "/event_types/1",
                "/retries",
                "/timeout_seconds",
                "/url"
            ]
        );
        assert_eq!(
            changed(blank(), json!({})).unwrap_err(),
            ["/event_types", "/url"]
        );
    }

    #[test]
    fn a_change_leaves_what_it_does_not_name() {
        let endpoint = changed(
            blank(),
            json!({"url": "https://example.com/", "event_types": ["*"]}),
        )
        .unwrap();
        let disabled = changed(endpoint.clone(), json!({"enabled": false})).unwrap();
        assert_eq!(
            disabled,
            Endpoint {
                enabled: false,
                ..endpoint
            }
        );
    }
}
