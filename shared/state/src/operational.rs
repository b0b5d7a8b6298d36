//! Telling an organization what became of its endpoints and deliveries, through its other endpoints.
//!
//! An operational event is an event like any other: a claim of its key fixes its id, its row makes it
//! durable, wake-ups get it going. Whoever tells tells again after a crash: the key makes it one event.
//!
//! An endpoint hears nothing about itself, and that the delivery of an operational event was given up is
//! not told, so that nothing goes round. That an endpoint was disabled is told whatever it was disabled
//! for: it stays so until a person enables it.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use payload::dialect::{Dialect, Parsed, Recognised};
use payload::event::{Facts, Source};
use payload::event_type::EventType;
use payload::id::{EndpointId, OrganizationId};
use payload::idempotency::IdempotencyKey;
use payload::operational::{About, AccessChanged, Data, GivenUp, Operational, Source as Certhooks};
use serde_json::Value;
use tracing::{info, warn};

use crate::accept::{IdempotencyRow, Receipt, Submission, wake};
use crate::accounts::Account;
use crate::billing::Change;
use crate::clock::Clock;
use crate::delivery::Delivery;
use crate::endpoints::Endpoint;
use crate::error::StateError;
use crate::events::Events;
use crate::limits::{Flow, Limited, Limits, Rate, Taken};
use crate::organization::Organization;
use crate::queue::DeliveryQueue;

/// How long something that was told is not told again: longer than a message comes back.
const TOLD_FOR: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Deliveries of such events, all endpoints counted: an organization of which everything fails, and of which
/// every endpoint wants to hear of every other, would be sent thousands for each event. What is not told is
/// in the log of deliveries.
const TOLD_PER_SECOND: u32 = 10;
const TOLD_AT_ONCE: u32 = 1_000;

/// What there is to tell.
#[derive(Debug, Clone)]
pub enum News<'a> {
    /// Every attempt of this delivery failed.
    Exhausted(&'a Delivery),
    /// A delivery to this endpoint was given up, the first since something last reached it.
    Failing(&'a Endpoint, Failing),
    /// This endpoint was enabled or disabled, and is as it is since then.
    Switched(&'a Endpoint),
    /// The organization's access has changed.
    AccessChanged(&'a Change),
    /// Somebody asked for a test of this endpoint, with this sample of a body.
    Test(&'a Endpoint, Option<Value>),
}

/// How long and how often an endpoint has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failing {
    /// Since when nothing has succeeded.
    pub since: Timestamp,
    /// How many attempts have failed since.
    pub failures: u32,
    /// When the first delivery was given up.
    pub at: Timestamp,
}

/// News as an event, before it has an id.
struct Told {
    event_type: EventType,
    timestamp: Timestamp,
    /// What makes it one event beside its type and its endpoint. A test is a new event each time.
    key: Option<Vec<String>>,
    data: Data,
    endpoints: Vec<EndpointId>,
}

impl News<'_> {
    /// The event, if anyone is to be told.
    fn told(self, account: &Account, now: Timestamp) -> Option<Told> {
        match self {
            News::Exhausted(delivery) => exhausted(account, delivery),
            News::Failing(endpoint, failing) => {
                let about = About {
                    failing_since: Some(failing.since),
                    failures: Some(failing.failures),
                    ..about(endpoint)
                };
                let told = Told::new(EventType::EndpointFailing, failing.at, account, about);
                told.with_key(vec![failing.since.as_millisecond().to_string()])
            }
            News::Switched(endpoint) => {
                let at = endpoint.switched_at?;
                let event_type = if endpoint.enabled {
                    EventType::EndpointEnabled
                } else {
                    EventType::EndpointDisabled
                };
                let reason = || endpoint.disabled.map_or("owner", |it| it.reason.name());
                let about = About {
                    reason: (!endpoint.enabled).then(reason),
                    ..about(endpoint)
                };
                let told = Told::new(event_type, at, account, about);
                told.with_key(vec![at.as_millisecond().to_string()])
            }
            News::AccessChanged(change) => access_changed(account, change, now),
            News::Test(endpoint, sample) => {
                let mut told = Told::new(EventType::WebhookTest, now, account, about(endpoint));
                told.endpoints = vec![endpoint.id];
                told.data.sample = sample;
                Some(told)
            }
        }
    }
}

fn exhausted(account: &Account, delivery: &Delivery) -> Option<Told> {
    if !delivery.is_given_up() {
        return None;
    }
    let about = about(account.endpoint(delivery.endpoint_id)?);
    let event_type = EventType::DeliveryExhausted;
    let mut told = Told::new(event_type, delivery.updated_at, account, about);
    let last = delivery.history.last();
    told.data.delivery = Some(GivenUp {
        event_id: delivery.event_id,
        event_type: delivery.event_type,
        attempts: delivery.attempts,
        last_error: last.and_then(|attempt| attempt.error.clone()),
        last_status: last.and_then(|attempt| attempt.status),
    });
    told.with_key(vec![
        delivery.event_id.to_string(),
        delivery.replays.to_string(),
    ])
}

/// To all who subscribe to it: it is about none of them.
fn access_changed(account: &Account, change: &Change, now: Timestamp) -> Option<Told> {
    let event_type = EventType::BillingAccessChanged;
    let time = |at: Option<Timestamp>| at.map_or(0, Timestamp::as_millisecond).to_string();
    let mut told = Told {
        event_type,
        timestamp: change.since.unwrap_or(now),
        key: None,
        data: data(account),
        endpoints: account.subscribers(event_type),
    };
    told.data.access = Some(AccessChanged {
        from: change.from,
        to: change.to,
        since: change.since,
        plan: change.plan.clone(),
    });
    told.with_key(vec![
        time(change.told_at),
        change.to.to_string(),
        time(change.since),
    ])
}

/// What all news have in common.
fn data(account: &Account) -> Data {
    Data {
        organization_id: account.organization.id,
        source: Certhooks::CERTHOOKS,
        endpoint: None,
        delivery: None,
        access: None,
        sample: None,
    }
}

fn about(endpoint: &Endpoint) -> About {
    About {
        id: endpoint.id,
        name: endpoint.name.clone(),
        reason: None,
        failing_since: None,
        failures: None,
    }
}

impl Told {
    /// To all who subscribe to it but the endpoint it is about.
    fn new(event_type: EventType, timestamp: Timestamp, account: &Account, about: About) -> Self {
        let mut endpoints = account.subscribers(event_type);
        endpoints.retain(|id| *id != about.id);
        Self {
            event_type,
            timestamp,
            key: None,
            data: Data {
                endpoint: Some(about),
                ..data(account)
            },
            endpoints,
        }
    }

    /// One event for this key, if anyone hears it.
    fn with_key(mut self, key: Vec<String>) -> Option<Self> {
        let about = self
            .data
            .endpoint
            .as_ref()
            .map(|about| about.id.to_string());
        let whole = [self.event_type.to_string()].into_iter().chain(about);
        self.key = Some(whole.chain(key).collect());
        (!self.endpoints.is_empty()).then_some(self)
    }
}

/// What telling needs.
#[derive(Debug, Clone, Copy)]
pub struct Teller<'a> {
    /// The table of events.
    pub events: &'a Events,
    /// The queue.
    pub queue: &'a DeliveryQueue,
    /// How much an organization is told.
    pub limits: &'a Limits,
    /// How long events are kept where their organization does not say.
    pub retention: SignedDuration,
}

impl Teller<'_> {
    /// Makes an operational event and wakes its deliveries up; nothing where nobody is to be told, or the
    /// organization was told too much of late. Told again, it is the event that it was.
    ///
    /// # Errors
    /// Something was not written or sent. Whoever tells again continues here.
    pub async fn tell(
        &self,
        account: &Account,
        news: News<'_>,
        now: Timestamp,
    ) -> Result<Option<Receipt>, StateError> {
        let Some(told) = news.told(account, now) else {
            return Ok(None);
        };
        let organization = account.organization.id;
        let event_type = told.event_type;
        // Tests have a limit of their own, and what is paid for changes rarely and must be heard of.
        let is_limited = told.key.is_some() && event_type != EventType::BillingAccessChanged;
        if is_limited && !self.has_room(organization, &told, now).await? {
            warn!(event.r#type = %event_type, organization.id = %organization,
                "not told: the organization has been told too much");
            return Ok(None);
        }
        let write = self
            .events
            .write_told(&account.organization, told, self.retention, now);
        let (receipt, written) = write.await?;
        wake(self.queue, organization, &receipt, written).await?;
        info!(event.id = %receipt.id, event.r#type = %event_type, organization.id = %organization,
            endpoints = receipt.endpoints.len(), "told {}", receipt.id);
        Ok(Some(receipt))
    }

    /// Whether the deliveries of such news are within the limit of the organization.
    async fn has_room(
        &self,
        organization: OrganizationId,
        told: &Told,
        now: Timestamp,
    ) -> Result<bool, StateError> {
        let count = u32::try_from(told.endpoints.len()).unwrap_or(u32::MAX);
        let rate = Rate::bursting(TOLD_PER_SECOND, TOLD_AT_ONCE);
        let of = Limited::Organization(organization);
        let taken = self
            .limits
            .take(of, Flow::News, rate, (count, count), None, now);
        Ok(matches!(taken.await?, Taken::Tokens(_)))
    }
}

impl Events {
    /// Makes the event durable.
    async fn write_told(
        &self,
        organization: &Organization,
        told: Told,
        retention: SignedDuration,
        now: Timestamp,
    ) -> Result<(Receipt, bool), StateError> {
        let mut claim = IdempotencyRow::new(String::new(), TOLD_FOR, now);
        if let Some(key) = told.key {
            let key = IdempotencyKey::Operational(key);
            claim = self.claim(organization.id, &key, &claim, now).await?;
        }
        let event = Operational {
            id: claim.event_id,
            event_type: told.event_type,
            timestamp: told.timestamp,
            data: told.data,
        };
        let submission = Submission {
            organization,
            parsed: without_facts(&event, now),
            body: Some(&event.body()),
            key: IdempotencyKey::Operational(Vec::new()),
            endpoints: told.endpoints,
            told_in: BTreeSet::new(),
            retention,
        };
        let clock = Clock::starting(now);
        self.write(event.id, submission, now, clock).await
    }
}

/// What the row of an event needs beside its body. An operational event says nothing of credentials.
fn without_facts(event: &Operational, now: Timestamp) -> Parsed {
    let source = Source::new(Dialect::Canonical, event.event_type.to_string(), now);
    Parsed {
        event_type: event.event_type,
        timestamp: event.timestamp,
        recognised: Recognised::Named,
        natural_key: Vec::new(),
        facts: Facts::new(source),
        warnings: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use payload::billing::access::Access;
    use payload::event_type::Subscription;
    use payload::expiry::ReminderDays;
    use payload::id::EventId;
    use serde_json::{Value, json};

    use super::*;
    use crate::delivery::Attempt;
    use crate::delivery_key::DeliveryKey;
    use crate::delivery_status::DeliveryStatus;
    use crate::endpoints::{Disabled, DisabledReason};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_795_000_000 + second).unwrap()
    }

    fn id(last: char) -> EndpointId {
        format!("ep_01ARZ3NDEKTSV4RRFFQ69G5FA{last}")
            .parse()
            .unwrap()
    }

    fn endpoint(last: char, patterns: &[&str]) -> Endpoint {
        let patterns: Vec<String> = patterns.iter().map(ToString::to_string).collect();
        Endpoint {
            name: format!("Endpoint {last}"),
            event_types: Subscription::parse(Dialect::Canonical, &patterns).unwrap(),
            ..Endpoint::blank(id(last), OrganizationId::NIL, at(0))
        }
    }

    /// `A` and `B` want all there is, `C` certificates only.
    fn account() -> Account {
        let all = ["*", "endpoint.*", "delivery.*"];
        Account {
            organization: Organization {
                id: OrganizationId::NIL,
                name: String::new(),
                time_zone: "UTC".to_owned(),
                reminder_days: ReminderDays::default(),
                retention_days: None,
                created_at: at(0),
                revision: 0,
            },
            endpoints: vec![
                endpoint('A', &all),
                endpoint('B', &all),
                endpoint('C', &["*"]),
            ],
            signing_keys: Vec::new(),
            health: std::collections::HashMap::new(),
            entitlement: None,
        }
    }

    /// A delivery to `C` or another that was given up.
    fn exhausted(to: char, event_type: EventType) -> Delivery {
        let key = DeliveryKey {
            endpoint: id(to),
            ..DeliveryKey::NONE
        };
        Delivery {
            status: DeliveryStatus::Exhausted,
            attempts: 4,
            history: vec![Attempt {
                number: 4,
                at: at(8),
                status: Some(503),
                error: Some("server_error".to_owned()),
                duration_ms: 1,
                replay: false,
            }],
            updated_at: at(9),
            ..Delivery::pending(key, event_type)
        }
    }

    fn data(told: &Told) -> Value {
        serde_json::to_value(&told.data).unwrap()
    }

    #[test]
    fn those_who_subscribe_hear_of_a_delivery_that_was_given_up() {
        let delivery = exhausted('C', EventType::CredentialIssued);
        let told = News::Exhausted(&delivery).told(&account(), at(10)).unwrap();
        assert_eq!(told.event_type, EventType::DeliveryExhausted);
        assert_eq!(
            (told.timestamp, told.endpoints.as_slice()),
            (at(9), &[id('A'), id('B')][..])
        );
        let expected = json!({
            "event_id": delivery.event_id, "event_type": "credential.issued",
            "attempts": 4, "last_error": "server_error", "last_status": 503,
        });
        assert_eq!(data(&told)["delivery"], expected);
        assert_eq!(data(&told)["endpoint"]["name"], "Endpoint C");
    }

    #[test]
    fn nobody_hears_about_himself_and_what_nobody_hears_is_nothing() {
        let mut account = account();
        let delivery = exhausted('A', EventType::CredentialIssued);
        let told = News::Exhausted(&delivery).told(&account, at(10)).unwrap();
        assert_eq!(told.endpoints, [id('B')]);
        account.endpoints.remove(1);
        assert!(News::Exhausted(&delivery).told(&account, at(10)).is_none());
        // The endpoint itself is gone.
        let delivery = exhausted('B', EventType::CredentialIssued);
        assert!(News::Exhausted(&delivery).told(&account, at(10)).is_none());
    }

    #[test]
    fn that_an_operational_event_was_given_up_is_not_told() {
        for event_type in EventType::ALL {
            let delivery = exhausted('C', event_type);
            let told = News::Exhausted(&delivery).told(&account(), at(10));
            assert_eq!(told.is_some(), !event_type.is_operational(), "{event_type}");
        }
    }

    #[test]
    fn an_endpoint_that_fails_is_told_of_with_how_long_and_how_often() {
        let failing = Failing {
            since: at(1),
            failures: 7,
            at: at(8),
        };
        let told = News::Failing(&endpoint('C', &["*"]), failing).told(&account(), at(10));
        let told = told.unwrap();
        assert_eq!(
            (told.event_type, told.timestamp),
            (EventType::EndpointFailing, at(8))
        );
        let about = &data(&told)["endpoint"];
        assert_eq!(about["failing_since"], payload::timestamp::canonical(at(1)));
        assert_eq!(about["failures"], 7);
    }

    #[test]
    fn a_delivery_that_is_not_given_up_is_no_news() {
        let mut delivery = exhausted('C', EventType::CredentialIssued);
        delivery.status = DeliveryStatus::Retrying;
        assert!(
            News::Exhausted(&delivery)
                .told(&account(), at(10))
                .is_none()
        );
    }

    #[test]
    fn what_is_told_again_has_the_same_key_and_what_is_another_thing_has_another() {
        let key = |news: News<'_>, now| news.told(&account(), now).unwrap().key.unwrap();
        let delivery = exhausted('C', EventType::CredentialIssued);
        let replayed = Delivery {
            replays: 1,
            ..delivery.clone()
        };
        let elsewhere = exhausted('B', EventType::CredentialIssued);
        let since = |second| Failing {
            since: at(second),
            failures: 3,
            at: at(9),
        };
        let (mine, theirs) = (endpoint('C', &["*"]), endpoint('B', &["*"]));
        let disabled = Endpoint {
            enabled: false,
            switched_at: Some(at(5)),
            ..endpoint('C', &["*"])
        };
        let enabled = Endpoint {
            enabled: true,
            ..disabled.clone()
        };
        let later = Endpoint {
            switched_at: Some(at(6)),
            ..disabled.clone()
        };
        let all = |now| {
            [
                key(News::Exhausted(&delivery), now),
                key(News::Exhausted(&replayed), now),
                key(News::Exhausted(&elsewhere), now),
                key(News::Failing(&mine, since(1)), now),
                key(News::Failing(&mine, since(2)), now),
                key(News::Failing(&theirs, since(1)), now),
                key(News::Switched(&disabled), now),
                key(News::Switched(&enabled), now),
                key(News::Switched(&later), now),
            ]
        };
        let keys = all(at(10));
        assert_eq!(keys, all(at(1_000)));
        for (place, key) in keys.iter().enumerate() {
            assert!(!keys[..place].contains(key), "{key:?}");
        }
    }

    #[test]
    fn an_endpoint_is_disabled_by_its_owner_unless_we_say_why() {
        let mut changed = endpoint('C', &["*"]);
        assert!(
            News::Switched(&changed).told(&account(), at(10)).is_none(),
            "it never was"
        );
        changed.switched_at = Some(at(5));
        changed.enabled = false;
        let reason = |endpoint: &Endpoint| {
            let told = News::Switched(endpoint).told(&account(), at(10)).unwrap();
            data(&told)["endpoint"]["reason"].clone()
        };
        assert_eq!(reason(&changed), "owner");
        let why = DisabledReason::Gone;
        changed.disabled = Some(Disabled {
            reason: why,
            at: at(5),
        });
        assert_eq!(reason(&changed), "gone");
        changed.enabled = true;
        assert_eq!(reason(&changed), Value::Null);
    }

    #[test]
    fn who_subscribes_hears_of_the_access_whoever_else_is_disabled() {
        let mut account = account();
        account.endpoints = vec![
            endpoint('A', &["*", "billing.*"]),
            endpoint('B', &["billing.access_changed"]),
            endpoint('C', &["*"]),
        ];
        account.endpoints[1].enabled = false;
        let change = Change {
            from: Access::Grace,
            to: Access::Suspended,
            since: Some(at(5)),
            plan: Some("enterprise".to_owned()),
            told_at: Some(at(1)),
        };
        let told = News::AccessChanged(&change).told(&account, at(10)).unwrap();
        assert_eq!(told.endpoints, [id('A'), id('B')]);
        assert_eq!(told.timestamp, at(5));
        let expected = json!({
            "from": "GRACE", "to": "SUSPENDED", "plan": "enterprise",
            "since": payload::timestamp::canonical(at(5)),
        });
        let data = data(&told);
        assert_eq!(
            (&data["access"], &data["endpoint"]),
            (&expected, &Value::Null)
        );
        let again = Change {
            told_at: Some(at(2)),
            ..change.clone()
        };
        let key = |change: &Change| {
            let told = News::AccessChanged(change).told(&account, at(99));
            told.unwrap().key
        };
        assert_eq!(told.key, key(&change));
        assert_ne!(told.key, key(&again));
    }

    #[test]
    fn a_test_goes_to_its_endpoint_only_whatever_that_subscribes_to() {
        let endpoint = endpoint('C', &["*"]);
        let told = News::Test(&endpoint, Some(json!({"a": 1}))).told(&account(), at(10));
        let told = told.unwrap();
        assert_eq!(
            (told.endpoints.as_slice(), told.timestamp),
            (&[id('C')][..], at(10))
        );
        assert!(told.key.is_none());
        assert_eq!(data(&told)["sample"], json!({"a": 1}));
        assert!(!event_of(told).body().is_empty());
    }

    fn event_of(told: Told) -> Operational {
        Operational {
            id: EventId::NIL,
            event_type: told.event_type,
            timestamp: told.timestamp,
            data: told.data,
        }
    }
}
