//! An endpoint as it is shown.

use jiff::Timestamp;
use payload::billing::access::Access;
use payload::dialect::Dialect;
use payload::event_type::{EventType, Subscription};
use payload::id::EndpointId;
use payload::receiver_auth::ReceiverAuth;
use payload::retry::RetrySchedule;
use payload::timestamp;
use payload::unmappable::OnUnmappable;
use serde::Serialize;
use state::{Disabled, Health};

use super::change::Configured;

/// With its signing secret only in the answer that made it, and never with what else is secret.
#[derive(Serialize)]
pub(super) struct View<'e> {
    id: EndpointId,
    name: &'e str,
    url: &'e str,
    event_types: &'e Subscription,
    dialect: Dialect,
    not_representable: Vec<EventType>,
    on_unmappable: OnUnmappable,
    downcast_renewed: bool,
    surrogate_ids: bool,
    cloudevents: bool,
    ed25519_signature: bool,
    enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    disabled: Option<Disabled>,
    /// Why it is sent nothing although it is enabled, as long as the organization's access is not such.
    #[serde(skip_serializing_if = "Option::is_none")]
    suspended_by: Option<&'static str>,
    /// While it fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    health: Option<ShownHealth>,
    retry_schedule: &'e RetrySchedule,
    timeout_seconds: u8,
    max_concurrency: u8,
    rate_per_second: Option<u16>,
    header_names: Vec<&'e str>,
    auth: ShownAuth<'e>,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
    /// Until when the secret before this one signs too.
    #[serde(
        serialize_with = "timestamp::option::serialize",
        skip_serializing_if = "Option::is_none"
    )]
    older_secret_valid_until: Option<Timestamp>,
    #[serde(serialize_with = "timestamp::serialize")]
    created_at: Timestamp,
    #[serde(serialize_with = "timestamp::serialize")]
    updated_at: Timestamp,
}

/// What happened since its last success.
#[derive(Serialize)]
struct ShownHealth {
    #[serde(serialize_with = "timestamp::serialize")]
    failing_since: Timestamp,
    failures: u32,
    #[serde(serialize_with = "timestamp::serialize")]
    last_failure_at: Timestamp,
    circuit: ShownCircuit,
    #[serde(
        serialize_with = "timestamp::option::serialize",
        skip_serializing_if = "Option::is_none"
    )]
    open_until: Option<Timestamp>,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum ShownCircuit {
    Closed,
    Open,
    /// One attempt may be made, to find out.
    HalfOpen,
}

/// How we authenticate ourselves, without what is secret about it.
#[derive(Serialize)]
#[serde(tag = "authType", rename_all = "snake_case")]
enum ShownAuth<'e> {
    None,
    BearerToken,
    BasicAuth { username: &'e str },
    ApiKey { header: &'e str },
}

impl<'e> View<'e> {
    pub(super) fn new(configured: &'e Configured, now: Timestamp) -> Self {
        let Configured {
            endpoint,
            secrets,
            health,
            access,
        } = configured;
        Self {
            id: endpoint.id,
            name: &endpoint.name,
            url: &endpoint.url,
            event_types: &endpoint.event_types,
            dialect: endpoint.dialect,
            not_representable: endpoint.vocabulary().missing_of(&endpoint.event_types),
            on_unmappable: endpoint.on_unmappable,
            downcast_renewed: endpoint.downcast_renewed,
            surrogate_ids: endpoint.surrogate_ids,
            cloudevents: endpoint.cloudevents,
            ed25519_signature: endpoint.ed25519_signature,
            enabled: endpoint.enabled,
            disabled: endpoint.disabled,
            suspended_by: suspended_by(*access),
            health: health.as_ref().map(|health| ShownHealth::new(health, now)),
            retry_schedule: &endpoint.retry_schedule,
            timeout_seconds: endpoint.timeout_seconds,
            max_concurrency: endpoint.max_concurrency(),
            rate_per_second: endpoint.rate_per_second,
            header_names: secrets.headers.names().collect(),
            auth: ShownAuth::new(&secrets.auth),
            secret: None,
            older_secret_valid_until: secrets.older_valid_until(now),
            created_at: endpoint.created_at,
            updated_at: endpoint.updated_at,
        }
    }

    pub(super) fn with_secret(configured: &'e Configured, now: Timestamp) -> Self {
        Self {
            secret: Some(configured.secrets.secret.expose().to_owned()),
            ..Self::new(configured, now)
        }
    }
}

/// Why an organization's endpoints are sent nothing. Nobody writes it into their rows: when the access returns
/// they are what their owner made of them.
const fn suspended_by(access: Access) -> Option<&'static str> {
    match access {
        Access::Active | Access::Grace => None,
        Access::Suspended => Some("plan_suspended"),
        Access::Pending => Some("plan_pending"),
        Access::Ended => Some("plan_ended"),
        Access::None => Some("no_plan"),
    }
}

impl ShownHealth {
    fn new(health: &Health, now: Timestamp) -> Self {
        let open_until = health.circuit.map(|circuit| circuit.open_until);
        Self {
            failing_since: health.failing_since,
            failures: health.failures,
            last_failure_at: health.last_failure_at,
            circuit: match open_until {
                None => ShownCircuit::Closed,
                Some(until) if now < until => ShownCircuit::Open,
                Some(_) => ShownCircuit::HalfOpen,
            },
            open_until,
        }
    }
}

impl<'e> ShownAuth<'e> {
    fn new(auth: &'e ReceiverAuth) -> Self {
        match auth {
            ReceiverAuth::None => Self::None,
            ReceiverAuth::BearerToken { .. } => Self::BearerToken,
            ReceiverAuth::BasicAuth { username, .. } => Self::BasicAuth { username },
            ReceiverAuth::ApiKey { header, .. } => Self::ApiKey { header },
        }
    }
}

#[cfg(test)]
mod tests {
    use payload::custom_headers::CustomHeaders;
    use payload::id::OrganizationId;
    use payload::secret::Secret;
    use serde_json::{Value, json};
    use state::{Endpoint, EndpointSecrets};

    use super::*;

    fn configured() -> Configured {
        let now = "2026-11-21T10:00:00Z".parse().unwrap();
        Configured {
            endpoint: Endpoint::blank(EndpointId::NIL, OrganizationId::NIL, now),
            secrets: EndpointSecrets::new(Secret::generate(&mut rand::rng())),
            health: None,
            access: Access::Active,
        }
    }

    #[test]
    fn an_endpoint_that_fails_shows_since_when_and_whether_it_is_left_alone() {
        let mut configured = configured();
        let shown = |configured: &Configured, at: &str| {
            let view = View::new(configured, at.parse().unwrap());
            serde_json::to_value(view).unwrap()["health"].take()
        };
        assert!(shown(&configured, "2026-11-21T10:00:29Z").is_null());
        let row = json!({
            "failing_since": "2026-11-21T09:00:00Z",
            "failures": 7,
            "last_failure_at": "2026-11-21T10:00:00Z",
            "outages": 5,
            "circuit": {"open_until": "2026-11-21T10:00:30Z", "times": 1},
            "revision": 7,
        });
        let mut health: Health = serde_json::from_value(row).unwrap();
        configured.health = Some(health.clone());
        let expected = json!({
            "failing_since": "2026-11-21T09:00:00.000Z",
            "failures": 7,
            "last_failure_at": "2026-11-21T10:00:00.000Z",
            "circuit": "open",
            "open_until": "2026-11-21T10:00:30.000Z",
        });
        assert_eq!(shown(&configured, "2026-11-21T10:00:29Z"), expected);
        let half_open = shown(&configured, "2026-11-21T10:00:30Z");
        assert_eq!(half_open["circuit"], "half_open");
        health.circuit = None;
        configured.health = Some(health);
        let closed = shown(&configured, "2026-11-21T10:00:29Z");
        assert_eq!(closed["circuit"], "closed");
        assert!(closed.get("open_until").is_none());
    }

    #[test]
    fn what_is_secret_is_not_shown() {
        let now = "2026-11-21T10:00:00Z".parse().unwrap();
        let mut configured = configured();
        let Value::Object(headers) = json!({"X-College": "zq"}) else {
            panic!("an object")
        };
        configured.secrets.headers = CustomHeaders::parse(headers).unwrap();
        let (token, password, key) = ("zq".to_owned(), "zq".to_owned(), "zq".to_owned());
        let (username, header) = ("hr".to_owned(), "X-Key".to_owned());
        for (auth, shown) in [
            (ReceiverAuth::None, json!({"authType": "none"})),
            (
                ReceiverAuth::BearerToken { token },
                json!({"authType": "bearer_token"}),
            ),
            (
                ReceiverAuth::BasicAuth { username, password },
                json!({"authType": "basic_auth", "username": "hr"}),
            ),
            (
                ReceiverAuth::ApiKey { header, key },
                json!({"authType": "api_key", "header": "X-Key"}),
            ),
        ] {
            configured.secrets.auth = auth;
            let view = serde_json::to_value(View::new(&configured, now)).unwrap();
            assert_eq!(view["auth"], shown);
            assert_eq!(view["header_names"], json!(["X-College"]));
            assert!(!view.to_string().contains("zq"), "{view:#}");
            assert!(view.get("secret").is_none());
        }
    }
}
