//! What an organization has at most: endpoints and relays, and erasures and replays at once.

use futures::future::join_all;
use serde_json::json;

use crate::caller::Answer;
use crate::limits::post;
use crate::receiver::Receiver;
use crate::recovery::recover;
use crate::stack::{Organization, Stack, text, until};

/// How many of these answers say that it was done; all others must be refused like this.
fn done(answers: Vec<Answer>, status: u16, refusal: &str) -> usize {
    let (done, refused): (Vec<_>, Vec<_>) = answers
        .into_iter()
        .partition(|answer| answer.status == status);
    for answer in refused {
        answer.refusal(409, refusal);
    }
    done.len()
}

#[tokio::test]
async fn many_who_make_the_last_endpoint_at_once_make_one() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let body = json!({"url": "https://api.example.com/webhooks", "event_types": ["*"]});
    let create = || college.api.post("endpoints", body.clone());
    for _ in 0..99 {
        create().await.expect(201);
    }
    let answers = join_all((0..30).map(|_| create())).await;
    assert_eq!(done(answers, 201, "too_many_endpoints"), 1);
    let all = college.api.get("endpoints").await.expect(200);
    let all = all["data"].as_array().unwrap();
    assert_eq!(all.len(), 100);
    // Room is made for one more.
    let path = format!("endpoints/{}", text(&all[42], "id"));
    college.api.delete(&path).await.expect(204);
    let answers = join_all((0..5).map(|_| create())).await;
    assert_eq!(done(answers, 201, "too_many_endpoints"), 1);
}

#[tokio::test]
async fn many_who_make_relays_at_once_make_as_many_as_there_may_be() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let create = || college.api.post("relays", json!({"dialect": "toolzz"}));
    let answers = join_all((0..30).map(|_| create())).await;
    assert_eq!(done(answers, 201, "too_many_relays"), 20);
    assert_eq!(college.api.pages("relays", 100).await.len(), 20);
}

#[tokio::test]
async fn an_organization_has_at_most_100_erasures_at_once_and_one_of_each_person() {
    let stack = Stack::start().await;
    let (college, school) = (
        stack.create_organization().await,
        stack.create_organization().await,
    );
    let erase = async |of: &Organization, number: usize| {
        let path = format!("recipients/person{number}@example.com");
        of.api.delete(&path).await
    };
    let first = erase(&college, 0).await.expect(202);
    let same = join_all((0..5).map(|_| erase(&college, 0))).await;
    for answer in same {
        assert_eq!(answer.expect(202)["id"], first["id"]);
    }
    for number in 1..95 {
        erase(&college, number).await.expect(202);
    }
    let answers = join_all((95..105).map(|number| erase(&college, number))).await;
    assert_eq!(done(answers, 202, "too_many_erasures"), 5);
    // What goes on is answered, and what was refused was not asked for.
    assert_eq!(erase(&college, 0).await.expect(202)["id"], first["id"]);
    erase(&school, 0).await.expect(202);
    let asked = college.api.pages("audit", 100).await;
    let asked = asked.iter().filter(|it| it["action"] == "erasure.created");
    assert_eq!(asked.count(), 100);
    assert_eq!(college.api.pages("erasures", 100).await.len(), 100);

    // All are over in a while, also the one of the other organization, and others may begin.
    for of in [&college, &school] {
        until("all are over", async || {
            recover(&stack, 0).await;
            let all = of.api.pages("erasures", 100).await;
            match all.iter().filter(|it| it["state"] == "running").count() {
                0 => Ok(()),
                left => Err(left),
            }
        })
        .await;
    }
    let again = erase(&college, 0).await.expect(202);
    assert_ne!(again["id"], first["id"]);
}

#[tokio::test]
async fn an_organization_has_at_most_20_replays_at_once_until_one_is_stopped() {
    const EVENTS: usize = 300;
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let receiver = Receiver::content().await;
    let endpoint = college.subscribe(&receiver.url).await;
    let path = format!("endpoints/{}", endpoint.id);
    let enable = async |enabled: bool| {
        let body = json!({"enabled": enabled});
        college.api.patch(&path, body).await.expect(200);
    };
    enable(false).await;
    post(&college, "a", EVENTS).await;
    let held = format!("{path}/deliveries?status=held");
    until("all are held", async || {
        match college.api.pages(&held, 100).await.len() {
            EVENTS => Ok(()),
            held => Err(held),
        }
    })
    .await;
    enable(true).await;

    let replay = format!("{path}/replay");
    // The first page of it is enough for more than a minute.
    let begin = || college.api.post(&replay, json!({"rate_per_second": 1}));
    let mut begun = Vec::new();
    for _ in 0..18 {
        begun.push(begin().await.expect(202));
    }
    assert!(
        begun.iter().all(|it| it["state"] == "running"),
        "{begun:#?}"
    );
    let answers = join_all((0..6).map(|_| begin())).await;
    assert_eq!(done(answers, 202, "too_many_replays"), 2);
    let one = format!("{path}/replays/{}", text(&begun[7], "id"));
    college.api.delete(&one).await.expect(200);
    begin().await.expect(202);
    begin().await.refusal(409, "too_many_replays");
}
