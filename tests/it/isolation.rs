//! Nothing of one organization is visible to another, on any route.

use reqwest::Method;
use serde_json::{Value, json};

use crate::receiver::Receiver;
use crate::samples::{self, issued};
use crate::stack::{Endpoint, Organization, Stack, text};

/// An organization with a delivered event.
struct Tenant {
    organization: Organization,
    receiver: Receiver,
    endpoint: Endpoint,
    event: String,
}

impl Tenant {
    async fn create(stack: &Stack) -> Self {
        let organization = stack.create_organization().await;
        let receiver = Receiver::content().await;
        let endpoint = organization.subscribe(&receiver.url).await;
        let event = organization
            .post_event(&issued("the same credential"))
            .await;
        organization
            .delivery_in(&event, &endpoint, "delivered")
            .await;
        Self {
            organization,
            receiver,
            endpoint,
            event,
        }
    }

    /// Every route that names an endpoint or an event, with a body where one is expected.
    fn routes(event: &str, endpoint: &str) -> Vec<(Method, String, Option<Value>)> {
        vec![
            (Method::GET, format!("endpoints/{endpoint}"), None),
            (
                Method::PATCH,
                format!("endpoints/{endpoint}"),
                Some(json!({"enabled": false})),
            ),
            (Method::DELETE, format!("endpoints/{endpoint}"), None),
            (
                Method::GET,
                format!("endpoints/{endpoint}/deliveries"),
                None,
            ),
            (Method::GET, format!("events/{event}"), None),
            (Method::GET, format!("events/{event}/deliveries"), None),
            (
                Method::GET,
                format!("events/{event}/deliveries/{endpoint}"),
                None,
            ),
            (
                Method::POST,
                format!("events/{event}/deliveries/{endpoint}/retry"),
                Some(json!({})),
            ),
        ]
    }
}

/// Every route that names nothing.
const LISTS: [(Method, &str); 5] = [
    (Method::GET, "endpoints"),
    (Method::GET, "events"),
    (Method::GET, "deliveries"),
    (Method::POST, "events"),
    (Method::POST, "endpoints"),
];

fn bytes(body: Option<Value>) -> Option<Vec<u8>> {
    body.map(|body| body.to_string().into_bytes())
}

#[tokio::test]
async fn what_belongs_to_another_organization_does_not_exist() {
    let stack = Stack::start().await;
    let (mine, theirs) = (Tenant::create(&stack).await, Tenant::create(&stack).await);
    let api = &mine.organization.api;
    let unknown = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
    let nobodys = Tenant::routes(&format!("evt_{unknown}"), &format!("ep_{unknown}"));
    let others = Tenant::routes(&theirs.event, &theirs.endpoint.id);
    for ((method, path, body), (_, nobodys, _)) in others.into_iter().zip(nobodys) {
        let answer = api.send(method.clone(), &path, bytes(body.clone())).await;
        // Not even that it exists is told: the answer is the one about what does not.
        let missing = api.send(method, &nobodys, bytes(body)).await;
        assert_eq!(
            (answer.status, &answer.body),
            (404, &missing.body),
            "{path}"
        );
    }
    // With one's own event and the other's endpoint, and the other way round.
    for (event, endpoint) in [
        (&mine.event, &theirs.endpoint.id),
        (&theirs.event, &mine.endpoint.id),
    ] {
        for (method, suffix) in [(Method::GET, ""), (Method::POST, "/retry")] {
            let path = format!("events/{event}/deliveries/{endpoint}{suffix}");
            api.send(method, &path, None)
                .await
                .refusal(404, "not_found");
        }
    }
    // Nothing that was tried had an effect.
    let path = format!("endpoints/{}", theirs.endpoint.id);
    let endpoint = theirs.organization.api.get(&path).await.expect(200);
    assert_eq!(endpoint["enabled"], true);
    assert_eq!((mine.receiver.count(), theirs.receiver.count()), (1, 1));
}

#[tokio::test]
async fn lists_hold_only_what_is_ones_own() {
    let stack = Stack::start().await;
    let (mine, theirs) = (Tenant::create(&stack).await, Tenant::create(&stack).await);
    let api = &mine.organization.api;
    for path in [
        "endpoints",
        "events",
        "deliveries",
        "deliveries?status=delivered",
    ] {
        let list = api.get(path).await.expect(200);
        assert_eq!(list["data"].as_array().unwrap().len(), 1, "{path}");
        for foreign in [&theirs.organization.id, &theirs.endpoint.id, &theirs.event] {
            assert!(
                !list.to_string().contains(foreign.as_str()),
                "{path}: {list:#}"
            );
        }
    }
    let path = format!("deliveries?endpoint_id={}", theirs.endpoint.id);
    assert_eq!(api.get(&path).await.expect(200)["data"], json!([]));
    let by_credential = api
        .get("events?credential_id=the%20same%20credential")
        .await
        .expect(200);
    assert_eq!(by_credential["data"][0]["id"], mine.event);
    assert_eq!(by_credential["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_cursor_of_another_organization_shows_nothing_of_it() {
    let stack = Stack::start().await;
    let (mine, theirs) = (Tenant::create(&stack).await, Tenant::create(&stack).await);
    for number in 0..3 {
        let event = issued(&format!("{number}"));
        mine.organization.post_event(&event).await;
        theirs.organization.post_event(&event).await;
    }
    for list in ["events", "deliveries"] {
        let page = theirs
            .organization
            .api
            .get(&format!("{list}?limit=1"))
            .await
            .expect(200);
        let path = format!("{list}?cursor={}", text(&page, "next_cursor"));
        let answer = mine
            .organization
            .api
            .get(&path)
            .await
            .expect(200)
            .to_string();
        for foreign in [&theirs.organization.id, &theirs.endpoint.id, &theirs.event] {
            assert!(!answer.contains(foreign.as_str()), "{answer}");
        }
    }
}

#[tokio::test]
async fn a_key_acts_for_its_own_organization_only() {
    let stack = Stack::start().await;
    let (mine, theirs) = (Tenant::create(&stack).await, Tenant::create(&stack).await);
    let naming = |organization: &str| mine.organization.api.acting_for(organization);
    let named = Tenant::routes(&theirs.event, &theirs.endpoint.id);
    let lists = LISTS.map(|(method, path)| {
        let body = (method == Method::POST).then(|| json!({"url": "https://example.com/"}));
        (method, path.to_owned(), body)
    });
    let batch = (Method::POST, "events/batch".to_owned(), Some(json!([])));
    for (method, path, body) in named.into_iter().chain(lists).chain([batch]) {
        for organization in [
            &theirs.organization.id,
            "org_01ARZ3NDEKTSV4RRFFQ69G5FAV",
            "org_1",
        ] {
            let answer = naming(organization)
                .send(method.clone(), &path, bytes(body.clone()))
                .await;
            answer.refusal(403, "forbidden");
        }
    }
    naming(&mine.organization.id)
        .get("endpoints")
        .await
        .expect(200);
}

#[tokio::test]
async fn the_platform_sees_one_organization_at_a_time() {
    let stack = Stack::start().await;
    let (mine, theirs) = (Tenant::create(&stack).await, Tenant::create(&stack).await);
    let acting = stack.platform().acting_for(&mine.organization.id);
    for (method, path, body) in Tenant::routes(&theirs.event, &theirs.endpoint.id) {
        acting
            .send(method, &path, bytes(body))
            .await
            .refusal(404, "not_found");
    }
    let events = acting.get("events").await.expect(200);
    assert_eq!(events["data"][0]["id"], mine.event);
    assert_eq!(events["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn events_reach_the_endpoints_of_their_own_organization_only() {
    let stack = Stack::start().await;
    let (mine, theirs) = (Tenant::create(&stack).await, Tenant::create(&stack).await);
    let mut posted = vec![mine.event.clone()];
    for sample in samples::all() {
        let answer = mine
            .organization
            .api
            .post_text(&sample.path, &sample.body)
            .await;
        let accepted = answer.expect(202);
        assert_eq!(accepted["endpoints"], json!([mine.endpoint.id]));
        posted.push(text(&accepted, "id"));
    }
    for event in &posted {
        mine.organization
            .delivery_in(event, &mine.endpoint, "delivered")
            .await;
    }
    assert_eq!(mine.receiver.count(), posted.len());
    let received = theirs.receiver.received();
    assert_eq!(received.len(), 1);
    assert_eq!(received[0].id(), theirs.event);
}
