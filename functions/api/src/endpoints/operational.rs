//! What is told of an endpoint because somebody asked for it: that it was enabled or disabled, and tests.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use lambda_http::{Body, Response};
use payload::catalogue;
use payload::dialect::Dialect;
use payload::event_type::EventType;
use payload::fields::{Fields, read_strictly};
use payload::id::{EndpointId, EventId};
use payload::timestamp;
use reply::Problem;
use serde::Serialize;
use serde_json::Value;
use state::{Account, Endpoint, Flow, Limited, News, Rate, Receipt, StateError, Taken, Teller};

use super::find;
use crate::handler::{Api, Call};

/// For so long a repeated request tells again, should the first one have died without telling.
const TOLD_WITHIN: SignedDuration = SignedDuration::from_hours(1);

/// The answer to the wish for a test.
#[derive(Serialize)]
struct Answer {
    id: EventId,
    #[serde(rename = "type")]
    event_type: EventType,
    #[serde(serialize_with = "timestamp::serialize")]
    timestamp: Timestamp,
    endpoints: Vec<EndpointId>,
}

/// `POST /endpoints/{id}/test {"event_type"?}`: sends `webhook.test` to the endpoint, also to a disabled one,
/// by the way that every event goes. With an event type the body that such an event would have is in it.
pub(crate) async fn test(api: &Api, call: &Call<'_>, id: &str) -> Result<Response<Body>, Problem> {
    let account = call.entitled_account(api).await?;
    let endpoint = find(&account, id)?;
    let body = reply::read_options(call.request)?;
    let sample = read_strictly(body, |fields| read_sample(endpoint.dialect, fields));
    let sample = sample.map_err(Problem::invalid)?;
    limit_tests(api, endpoint, call.now).await?;
    let told = announce(api, &account, News::Test(endpoint, sample), call.now).await?;
    let Some(event) = told else {
        return Err(Problem::not_found("endpoint"));
    };
    let answer = Answer {
        id: event.id,
        event_type: event.event_type,
        timestamp: event.timestamp,
        endpoints: event.endpoints,
    };
    Ok(reply::json(202, &answer))
}

/// Lets five tests of an endpoint pass at once, and then one each 12 seconds: at most ten in any minute, as
/// That's Me allows. The URL may be a stranger's.
async fn limit_tests(api: &Api, endpoint: &Endpoint, now: Timestamp) -> Result<(), Problem> {
    let rate = Rate::paced(Duration::from_secs(12), Duration::from_secs(48));
    let of = Limited::Endpoint(endpoint.id);
    match api
        .limits
        .take(of, Flow::Tests, rate, (1, 1), None, now)
        .await?
    {
        Taken::Tokens(_) => Ok(()),
        Taken::Wait(wait) => {
            let message = "an endpoint is tested at most ten times per minute";
            Err(Problem::rate_limited(message, wait))
        }
    }
}

/// The example of the type that is named, as the dialect writes it.
fn read_sample(dialect: Dialect, fields: &mut Fields<'_>) -> Option<Value> {
    const MEMBER: &str = "event_type";
    let name = fields.text(MEMBER)?;
    let event_type = name.parse().ok();
    let event_type = event_type.or_else(|| EventType::from_native(dialect, &name));
    let Some(event_type) = event_type.filter(|it| !it.is_operational()) else {
        fields.fault(MEMBER, "must be an event type that is posted");
        return None;
    };
    let sample = sample(dialect, event_type);
    if sample.is_none() {
        fields.fault(
            MEMBER,
            &format!("{dialect} has no name for this event type"),
        );
    }
    sample
}

fn sample(dialect: Dialect, event_type: EventType) -> Option<Value> {
    let entry = catalogue::entry(event_type);
    if dialect == Dialect::Canonical {
        return Some(entry.example);
    }
    let mut dialects = entry.dialects.into_iter();
    dialects
        .find(|it| it.dialect == dialect)
        .map(|it| it.example)
}

/// Tells that an endpoint was enabled or disabled, after a request that asked for it. Repeated, the request
/// changes nothing, and what was told is not told twice.
pub(super) async fn announce_switched(
    api: &Api,
    account: &Account,
    endpoint: &Endpoint,
    now: Timestamp,
) -> Result<(), StateError> {
    let switched_at = endpoint.switched_at;
    if switched_at.is_some_and(|at| now.duration_since(at) < TOLD_WITHIN) {
        announce(api, account, News::Switched(endpoint), now).await?;
    }
    Ok(())
}

async fn announce(
    api: &Api,
    account: &Account,
    news: News<'_>,
    now: Timestamp,
) -> Result<Option<Receipt>, StateError> {
    let teller = Teller {
        events: &api.events,
        queue: &api.queue,
        limits: &api.limits,
        retention: api.retention,
    };
    teller.tell(account, news, now).await
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::*;

    fn read(dialect: Dialect, name: &str) -> Result<Option<Value>, ()> {
        let body = Map::from_iter([("event_type".to_owned(), json!(name))]);
        read_strictly(body, |fields| read_sample(dialect, fields)).map_err(drop)
    }

    #[test]
    fn a_sample_is_in_the_dialect_of_the_endpoint_by_either_name_of_its_type() {
        let sample = read(Dialect::Thatsme, "certificate.issued")
            .unwrap()
            .unwrap();
        assert_eq!(sample["event"], "certificate.issued");
        assert_eq!(
            read(Dialect::Thatsme, "credential.issued"),
            Ok(Some(sample))
        );
        let sample = read(Dialect::Canonical, "credential.issued")
            .unwrap()
            .unwrap();
        assert_eq!(sample["type"], "credential.issued");
    }

    #[test]
    fn what_the_dialect_cannot_say_or_nobody_posts_has_no_sample() {
        assert_eq!(read(Dialect::Beedeez, "credential.revoked"), Err(()));
        assert_eq!(read(Dialect::Canonical, "endpoint.failing"), Err(()));
        assert_eq!(read(Dialect::Beedeez, "webhook.test"), Err(()));
        assert_eq!(read(Dialect::Canonical, "nothing"), Err(()));
    }
}
