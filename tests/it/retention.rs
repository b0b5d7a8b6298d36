//! How long an organization's events are kept, by its own retention: enforced when reading.

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::SignedDuration;
use payload::id::{EventId, OrganizationId};
use serde_json::{Value, json};

use crate::faults::Faults;
use crate::receiver::{Receiver, Reply, Webhook};
use crate::recovery::recover;
use crate::samples::issued;
use crate::source::now;
use crate::stack::{Endpoint, Organization, Stack, until};

/// One organization with an endpoint.
struct World {
    stack: Stack,
    faults: Faults,
    college: Organization,
    endpoint: Endpoint,
    receiver: Receiver,
}

fn value(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

impl World {
    async fn start(replies: impl IntoIterator<Item = Reply>) -> Self {
        let (stack, faults) = Faults::start(&["--environments", "1"]).await;
        let college = stack.create_organization().await;
        let receiver = Receiver::start(replies).await;
        let members = json!({"retry_schedule": [1_200]});
        let endpoint = college.subscribe_with(&receiver.url, members).await;
        let world = Self {
            stack,
            faults,
            college,
            endpoint,
            receiver,
        };
        world.move_organization().await;
        world
    }

    /// Sets how long events are kept; nothing: as long as the deployment does.
    async fn keep(&self, days: Option<u8>) {
        let path = format!("organizations/{}", self.college.id);
        let settings = json!({"name": "College", "time_zone": "UTC", "retention_days": days});
        let set = self.college.api.put(&path, settings).await.expect(200);
        assert_eq!(set["retention_days"], json!(days));
    }

    /// The organization was made half a year ago: its lists go back as far as it does.
    async fn move_organization(&self) {
        let id: OrganizationId = self.college.id.parse().unwrap();
        let long_ago = now() - SignedDuration::from_hours(24 * 180);
        let client = self.faults.client();
        client
            .update_item()
            .table_name("local-AccountsTable")
            .key("pk", value(format!("org#{id}")))
            .key("sk", value("org"))
            .update_expression("SET created_at = :then")
            .expression_attribute_values(":then", value(long_ago.to_string()))
            .send()
            .await
            .unwrap();
        // What the functions remember of it is older than three seconds by then.
        tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    }

    /// Makes an event and its delivery so many days older, behind the product's back; its id then. Their rows
    /// are to be deleted when they were.
    async fn age(&self, event: &str, days: i64) -> String {
        let id: EventId = event.parse().unwrap();
        let aged = EventId::new(
            now() - SignedDuration::from_hours(24 * days),
            &mut rand::rng(),
        );
        let month = |id: EventId| value(format!("org#{}#{}", self.college.id, id.month()));
        let client = self.faults.client();
        for (table, sk) in [
            ("local-EventsTable", event.to_owned()),
            (
                "local-DeliveriesTable",
                format!("{event}#{}", self.endpoint.id),
            ),
        ] {
            let key = [("pk".to_owned(), month(id)), ("sk".to_owned(), value(&sk))];
            let taken = client
                .delete_item()
                .table_name(table)
                .set_key(Some(key.into()))
                .return_values(aws_sdk_dynamodb::types::ReturnValue::AllOld);
            let mut row = taken.send().await.unwrap().attributes.expect("a row");
            row.insert("pk".to_owned(), month(aged));
            row.insert("sk".to_owned(), value(sk.replace(event, &aged.to_string())));
            if row.contains_key("event_id") {
                row.insert("event_id".to_owned(), value(aged.to_string()));
            }
            let put = client.put_item().table_name(table).set_item(Some(row));
            put.send().await.unwrap();
        }
        aged.to_string()
    }

    /// What the lists show.
    async fn listed(&self) -> [usize; 3] {
        let api = &self.college.api;
        let followed = api.get("events?after=").await.expect(200);
        [
            api.pages("events", 100).await.len(),
            api.pages("deliveries", 100).await.len(),
            followed["data"].as_array().unwrap().len(),
        ]
    }

    async fn until_listed(&self, count: usize) {
        until("every environment knows the settings", async || {
            let listed = self.listed().await;
            if listed == [count; 3] {
                Ok(())
            } else {
                Err(listed)
            }
        })
        .await;
    }
}

#[tokio::test]
async fn a_shorter_retention_counts_at_once_and_a_longer_one_shows_what_is_still_there() {
    let world = World::start([Reply::Status(204)]).await;
    let api = &world.college.api;
    let event = world.college.post_event(&issued("a")).await;
    world
        .college
        .delivery_in(&event, &world.endpoint, "delivered")
        .await;
    let event = world.age(&event, 5).await;
    world.until_listed(1).await;
    let path = format!("events/{event}");
    api.get(&path).await.expect(200);

    world.keep(Some(3)).await;
    world.until_listed(0).await;
    let delivery = format!("{path}/deliveries/{}", world.endpoint.id);
    for path in [path.clone(), format!("{path}/deliveries"), delivery.clone()] {
        api.get(&path).await.refusal(404, "not_found");
    }
    for path in [format!("{path}/replay"), format!("{delivery}/retry")] {
        api.post(&path, json!({})).await.refusal(404, "not_found");
    }
    let everything = json!({"statuses": ["delivered"], "dry_run": true});
    let replay = format!("endpoints/{}/replay", world.endpoint.id);
    let replay = api.post(&replay, everything).await.expect(202);
    assert_eq!(
        (&replay["examined"], &replay["state"]),
        (&json!(0), &json!("done"))
    );
    let credential = api.get("credentials/a").await.expect(200);
    assert_eq!(credential["events"], json!([]));

    // Its row is to be deleted when it was.
    world.keep(Some(90)).await;
    world.until_listed(1).await;
    world.keep(None).await;
    world.until_listed(1).await;
    assert_eq!(world.receiver.count(), 1);
}

#[tokio::test]
async fn a_delivery_that_waits_for_longer_than_its_event_is_kept_is_given_up_and_told_of() {
    let world = World::start([Reply::Status(500), Reply::Status(204)]).await;
    let watcher = Receiver::content().await;
    let wish = json!({"event_types": ["endpoint.*", "delivery.*"]});
    world.college.subscribe_with(&watcher.url, wish).await;
    let event = world.college.post_event(&issued("a")).await;
    world
        .college
        .delivery_in(&event, &world.endpoint, "retrying")
        .await;
    let event = world.age(&event, 2).await;
    world.keep(Some(1)).await;
    world.until_listed(0).await;
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    recover(&world.stack, 25).await;
    let id: EventId = event.parse().unwrap();
    let (pk, sk) = (
        format!("org#{}#{}", world.college.id, id.month()),
        format!("{event}#{}", world.endpoint.id),
    );
    let row = until("it is given up", async || {
        let row = world.faults.row("DeliveriesTable", &pk, &sk).await;
        if row["status"]["S"] == "exhausted" {
            Ok(row)
        } else {
            Err(row)
        }
    })
    .await;
    assert_eq!(row["attempts"]["N"], "1", "{row:#}");
    assert_eq!(world.receiver.count(), 1);
    // It is the first delivery that is given up: the endpoint fails.
    let heard = watcher.requests(2).await;
    let told = |webhook: &Webhook| -> Value { serde_json::from_slice(&webhook.body).unwrap() };
    let told: Vec<Value> = heard.iter().map(told).collect();
    for kind in ["delivery.exhausted", "endpoint.failing"] {
        let said = told.iter().find(|said| said["type"] == kind);
        let about = &said.unwrap_or_else(|| panic!("no {kind} in {told:#?}"))["data"]["endpoint"];
        assert_eq!(about["id"], world.endpoint.id.as_str());
        let failures = &about["failures"];
        assert!(failures.is_null() || *failures == 1, "one attempt was made");
    }
}

#[tokio::test]
async fn rows_are_written_to_be_deleted_when_the_retention_of_their_organization_ends() {
    let world = World::start([Reply::Status(204)]).await;
    let days = |row: &Value, id: EventId| {
        let ttl: i64 = row["ttl"]["N"].as_str().unwrap().parse().unwrap();
        (ttl - id.created_at().as_second()) / (24 * 3_600)
    };
    for (retention, expected) in [(None, 30), (Some(7), 7), (Some(90), 90)] {
        world.keep(retention).await;
        tokio::time::sleep(std::time::Duration::from_secs(3)).await;
        let event = world
            .college
            .post_event(&issued(&expected.to_string()))
            .await;
        world
            .college
            .delivery_in(&event, &world.endpoint, "delivered")
            .await;
        let id: EventId = event.parse().unwrap();
        let pk = format!("org#{}#{}", world.college.id, id.month());
        let row = world.faults.row("EventsTable", &pk, &event).await;
        assert_eq!(days(&row, id), expected);
        let sk = format!("{event}#{}", world.endpoint.id);
        let row = world.faults.row("DeliveriesTable", &pk, &sk).await;
        assert_eq!(days(&row, id), expected);
    }
}
