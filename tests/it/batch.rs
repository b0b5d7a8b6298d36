//! `POST /api/v1/events/batch`: every form of it, each item answered for itself.

use serde_json::{Value, json};

use crate::receiver::Receiver;
use crate::samples::{self, issued};
use crate::stack::{Organization, Stack, text};
use crate::workspace;

/// What became of each item of a batch that was taken.
async fn results(college: &Organization, path: &str, body: &str) -> Vec<Value> {
    let mut answer = college.api.post_text(path, body).await.expect(200);
    match answer["results"].take() {
        Value::Array(results) => results,
        other => panic!("the results are {other:#}"),
    }
}

fn statuses(results: &[Value]) -> Vec<u64> {
    let status = |result: &Value| result["status"].as_u64().expect("a status");
    results.iter().map(status).collect()
}

#[tokio::test]
async fn a_list_is_taken_bare_or_under_events() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let bare = format!("[{}, {}]", issued("a"), issued("b"));
    let first = results(&college, "events/batch", &bare).await;
    assert_eq!(statuses(&first), [202, 202]);
    let again = results(
        &college,
        "events/batch",
        &format!(r#"{{"events": {bare}}}"#),
    )
    .await;
    assert_eq!(statuses(&again), [200, 200]);
    for (first, again) in first.iter().zip(&again) {
        assert_eq!(first["id"], again["id"]);
        assert_eq!(again["duplicate"], true);
    }
}

#[tokio::test]
async fn the_mixed_sample_is_accepted_item_by_item() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let sample: Value =
        serde_json::from_str(&workspace::read("events/ingest/batch.mixed.json")).unwrap();
    let results = results(&college, "events/batch", sample["body"].as_str().unwrap()).await;
    assert_eq!(statuses(&results), [202, 202, 202]);
    let dialects: Vec<&Value> = results.iter().map(|result| &result["dialect"]).collect();
    assert_eq!(dialects, ["thatsme", "vec", "beedeez"]);
}

#[tokio::test]
async fn bad_items_do_not_hold_up_good_ones() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let receiver = Receiver::content().await;
    college.subscribe(&receiver.url).await;
    let invalid = json!({"event": "certificate.issued", "created_at": "no", "data": {}});
    let padding = format!(r#"{{"padding": "{}", "#, "x".repeat(256 * 1024));
    let large = issued("large").replacen('{', &padding, 1);
    let document = samples::named("beedeez.certificate_completed").body;
    let items = [
        issued("first"),
        "7".to_owned(),
        "{}".to_owned(),
        invalid.to_string(),
        large,
        document.clone(),
        json!({"payload": {}, "dialect": "morse"}).to_string(),
        format!(
            r#"{{"payload": {document}, "event": "certificate_completed", "idempotency_key": ""}}"#
        ),
        format!(r#"{{"payload": {document}, "event": "certificate_completed"}}"#),
        issued("last"),
    ];
    let body = format!("[{}]", items.join(","));
    let results = results(&college, "events/batch", &body).await;
    assert_eq!(
        statuses(&results),
        [202, 400, 422, 422, 413, 422, 422, 422, 202, 202]
    );
    let codes: Vec<&str> = results[1..8]
        .iter()
        .map(|result| result["error"].as_str().expect("a code"))
        .collect();
    assert_eq!(
        codes,
        [
            "unreadable_json",
            "unknown_dialect",
            "validation_error",
            "body_too_large",
            "event_type_required",
            "unknown_dialect",
            "validation_error"
        ]
    );
    assert!(results[3]["details"]["/created_at"].is_string());

    let accepted = [&results[0], &results[8], &results[9]].map(|result| text(result, "id"));
    let received = receiver.requests(3).await;
    for id in accepted {
        assert!(received.iter().any(|webhook| webhook.id() == id), "{id}");
    }
    assert_eq!(college.api.pages("events", 100).await.len(), 3);
}

#[tokio::test]
async fn one_event_twice_in_a_batch_is_one_event() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let body = format!("[{}]", vec![issued("same"); 20].join(","));
    let results = results(&college, "events/batch", &body).await;
    let mut statuses = statuses(&results);
    statuses.sort_unstable();
    assert_eq!(statuses[18..], [200, 202]);
    assert!(
        results
            .iter()
            .all(|result| result["id"] == results[0]["id"])
    );
    assert_eq!(college.api.pages("events", 100).await.len(), 1);
}

#[tokio::test]
async fn an_item_may_carry_its_own_idempotency_key() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let item = |credential: &str| {
        format!(
            r#"{{"payload": {}, "idempotency_key": "award-1"}}"#,
            issued(credential)
        )
    };
    for (credential, status) in [("a", 202), ("a", 200), ("b", 409)] {
        let body = format!("[{}]", item(credential));
        let results = results(&college, "events/batch", &body).await;
        assert_eq!(statuses(&results), [status]);
    }
    // The header is for one event; a batch of several does not have one key.
    let keyed = college.api.with("idempotency-key", "award-1");
    let body = format!("[{}, {}]", issued("c"), issued("d"));
    let answer = keyed.post_text("events/batch", &body).await.expect(422);
    assert!(answer["details"]["Idempotency-Key"].is_string(), "{answer}");
}

#[tokio::test]
async fn an_event_with_a_member_called_payload_is_taken_as_it_is() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let event = issued("a").replacen('{', r#"{"payload": {"extra": 1}, "#, 1);
    let results = results(&college, "events/batch", &format!("[{event}]")).await;
    assert_eq!(statuses(&results), [202], "{results:#?}");
    let path = format!("events/{}", text(&results[0], "id"));
    let kept = college.api.get(&path).await.expect(200);
    assert_eq!(kept["received"], event);
}

#[tokio::test]
async fn what_the_query_says_is_for_items_that_do_not_say_it() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let completed = samples::named("beedeez.certificate_completed").body;
    let expired = completed.replace("badge_user_id", "another");
    let body = format!(
        r#"[{completed}, {{"payload": {expired}, "event": "certificate_expired"}}, {{"payload": {}, "dialect": "canonical"}}]"#,
        issued("a")
    );
    let path = "events/batch?dialect=beedeez&event=certificate_completed";
    let results = results(&college, path, &body).await;
    assert_eq!(statuses(&results), [202, 202, 202]);
    let types: Vec<&Value> = results.iter().map(|result| &result["type"]).collect();
    assert_eq!(
        types,
        [
            "credential.issued",
            "credential.expired",
            "credential.issued"
        ]
    );
}

#[tokio::test]
async fn the_bytes_of_an_item_are_kept_as_they_stand_in_the_batch() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let plain = r#"{ "type":"credential.issued" , "timestamp": "2026-03-18T10:30:00Z","data": {"credential": {"id": "\u0061"}}, "n": 1.50 }"#;
    let wrapped = plain.replace("\\u0061", "b");
    let body = format!(r#"[  {plain} ,{{"payload":   {wrapped}  }}]"#);
    let results = results(&college, "events/batch", &body).await;
    for (result, expected) in results.iter().zip([plain, &wrapped]) {
        let path = format!("events/{}", text(result, "id"));
        let event = college.api.get(&path).await.expect(200);
        assert_eq!(event["received"], *expected);
    }
}

#[tokio::test]
async fn what_is_no_batch_is_refused_as_a_whole() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let post = async |body: &str| college.api.post_text("events/batch", body).await;
    for unreadable in ["", "[", r#"{"events": ["#] {
        post(unreadable).await.refusal(400, "unreadable_json");
    }
    let too_many = format!("[{}]", vec![issued("a"); 101].join(","));
    for no_batch in [
        "{}",
        "7",
        "[]",
        r#"{"events": {}}"#,
        &issued("a"),
        &too_many,
    ] {
        let refused = post(no_batch).await;
        assert_eq!(refused.refusal(422, "validation_error"), ["/events"]);
    }
    assert!(college.api.pages("events", 10).await.is_empty());
}

#[tokio::test]
async fn a_hundred_events_are_accepted_at_once() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let receiver = Receiver::content().await;
    college.subscribe(&receiver.url).await;
    let events: Vec<String> = (0..100)
        .map(|number| issued(&format!("{number}")))
        .collect();
    let results = results(&college, "events/batch", &format!("[{}]", events.join(","))).await;
    assert_eq!(statuses(&results), [202; 100]);
    let received = receiver.requests(100).await;
    for (event, result) in events.iter().zip(&results) {
        let id = text(result, "id");
        let webhook = received.iter().find(|webhook| webhook.id() == id);
        assert_eq!(
            webhook.expect("a webhook of each event").body,
            event.as_bytes()
        );
    }
}
