use serde_json::json;

use super::*;

fn event(answer: &Value) -> Accepted {
    accepted_events("sample", answer, Timestamp::UNIX_EPOCH).remove(0)
}

fn arrival(verified: bool) -> Received {
    Received {
        at: Timestamp::from_millisecond(12).unwrap(),
        endpoint: "canonical".into(),
        event_id: "evt_1".into(),
        r#type: "credential.issued".into(),
        verified,
        reason: (!verified).then(|| "no signature matches".into()),
        body: String::new(),
    }
}

#[track_caller]
fn check(rows: &Value, received: &[Received], expected_good: bool) {
    let event = event(
        &json!({"id": "evt_1", "type": "credential.issued", "dialect": "canonical", "endpoints": ["ep_1"]}),
    );
    let names = HashMap::from([("ep_1".to_owned(), "canonical".to_owned())]);
    let outcomes = judge(&event, rows.as_array().unwrap(), received, &names);
    assert_eq!(
        report(&outcomes).is_good,
        expected_good,
        "{}",
        report(&outcomes).text
    );
}

#[test]
fn an_event_is_good_when_it_was_delivered_and_verified() {
    let delivered = json!([{"endpoint_id": "ep_1", "status": "delivered", "attempts": 1}]);
    check(&delivered, &[arrival(true)], true);
    check(&delivered, &[arrival(false)], false);
    check(&delivered, &[], false);
    check(
        &json!([{"endpoint_id": "ep_1", "status": "retrying"}]),
        &[arrival(true)],
        false,
    );
    check(
        &json!([{"endpoint_id": "ep_1", "status": "skipped"}]),
        &[],
        false,
    );
    check(&json!([]), &[], false);
}

#[test]
fn an_event_is_settled_when_nothing_is_under_way() {
    let event = event(&json!({"id": "evt_1", "endpoints": ["ep_1"]}));
    for (status, expected) in [
        ("pending", false),
        ("retrying", false),
        ("delivered", true),
        ("skipped", true),
    ] {
        assert_eq!(
            is_settled(&event, &[json!({"endpoint_id": "ep_1", "status": status})]),
            expected,
            "{status}"
        );
    }
    assert!(!is_settled(&event, &[]));
}

#[test]
fn the_events_of_a_batch_are_found_in_its_answer() {
    let answer = json!({"results": [{"id": "evt_1", "endpoints": []}, {"error": "INVALID"}, {"id": "evt_2", "endpoints": ["ep_1"]}]});
    let ids: Vec<String> = accepted_events("batch", &answer, Timestamp::UNIX_EPOCH)
        .into_iter()
        .map(|event| event.id)
        .collect();
    assert_eq!(ids, ["evt_1", "evt_2"]);
    assert!(
        accepted_events(
            "refused",
            &json!({"error": "INVALID"}),
            Timestamp::UNIX_EPOCH
        )
        .is_empty()
    );
}

#[test]
fn every_sample_of_the_product_can_be_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../events/ingest");
    assert!(!samples(&folder).unwrap().is_empty());
}
