//! Times that Toolzz writes without a zone: read and written in the organization's.

use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::caller::Caller;
use crate::receiver::Receiver;
use crate::samples;
use crate::source::now;
use crate::stack::{Stack, text};

const SAMPLE: &str = "toolzz.activities.certificate.issued";

/// Calls for an organization in this zone.
async fn college_in(stack: &Stack, zone: &str) -> Caller {
    let body = json!({"name": zone, "time_zone": zone});
    let made = stack.platform().post("organizations", body).await;
    let made = made.expect(201);
    assert_eq!(made["time_zone"], zone);
    stack.platform().acting_for(&text(&made, "id"))
}

/// The sample, certified at this local time.
fn certified_at(local: &str) -> String {
    let mut body: Value = serde_json::from_str(&samples::named(SAMPLE).body).unwrap();
    body["data"]["certified"]["certified_at"] = json!(local);
    body.to_string()
}

#[tokio::test]
async fn a_local_time_is_the_instant_of_the_organizations_zone() {
    let stack = Stack::start().await;
    for (zone, certified, concluded, sent) in [
        ("America/Sao_Paulo", "23:47:31", "23:47:20", "23:47:31"),
        // Summer time.
        ("Europe/Lisbon", "19:47:31", "19:47:20", "19:47:31"),
        ("Asia/Kolkata", "15:17:31", "15:17:20", "15:17:31"),
    ] {
        let college = college_in(&stack, zone).await;
        let accepted = college
            .post_text("events", &samples::named(SAMPLE).body)
            .await;
        let accepted = accepted.expect(202);
        let on = |time: &str| json!(format!("2023-08-28T{time}.000Z"));
        assert_eq!(accepted["timestamp"], on(certified), "{zone}");
        let path = format!("events/{}", text(&accepted, "id"));
        let shown = college.get(&path).await.expect(200);
        let data = &shown["canonical"]["data"];
        assert_eq!(data["credential"]["issued_at"], on(certified), "{zone}");
        assert_eq!(data["activity"]["completed_at"], on(concluded), "{zone}");
        assert_eq!(data["source"]["sent_at"], on(sent), "{zone}");
        assert_eq!(data["source"]["time_assumed"], true);
    }
}

#[tokio::test]
async fn an_hour_that_occurs_twice_is_the_first_and_one_that_is_skipped_the_next() {
    let stack = Stack::start().await;
    let college = college_in(&stack, "America/Sao_Paulo").await;
    for (local, instant) in [
        // On 2018-11-04 the clocks went from 00:00 to 01:00.
        ("2018-11-03 23:59:59", "2018-11-04T02:59:59.000Z"),
        ("2018-11-04 00:30:00", "2018-11-04T03:30:00.000Z"),
        ("2018-11-04 01:00:00", "2018-11-04T03:00:00.000Z"),
        // On 2019-02-17 they went back from 00:00 to 23:00.
        ("2019-02-16 22:59:59", "2019-02-17T00:59:59.000Z"),
        ("2019-02-16 23:30:00", "2019-02-17T01:30:00.000Z"),
        ("2019-02-17 00:00:00", "2019-02-17T03:00:00.000Z"),
    ] {
        let accepted = college.post_text("events", &certified_at(local)).await;
        assert_eq!(accepted.expect(202)["timestamp"], instant, "{local}");
    }
    // A zone without summer time has every hour once.
    let kolkata = college_in(&stack, "Asia/Kolkata").await;
    let body = certified_at("2018-11-04 00:30:00");
    let accepted = kolkata.post_text("events", &body).await.expect(202);
    assert_eq!(accepted["timestamp"], "2018-11-03T19:00:00.000Z");
}

/// A canonical event that knows all that Toolzz asks for, issued then.
fn course(issued_at: &str) -> Value {
    json!({
        "type": "credential.issued", "timestamp": issued_at,
        "data": {
            "source": {"sent_at": "2026-05-04T14:00:05Z"},
            "credential": {"id": issued_at, "kind": "participation"},
            "activity": {
                "id": "7", "name": "Course", "workload": "10h", "pass_threshold": 70,
                "started_at": "2026-05-01T02:30:00Z", "completed_at": "2026-05-04T13:00:00Z",
            },
            "recipient": {
                "id": "12", "email": "ana@example.com", "name": "Ana",
                "national_id": {"type": "cpf", "value": "XXX.XXX.XXX-XX"},
            },
            "issuer": {"id": 3},
            "school": {"id": 1, "name": "Unit", "managers": [{"id": 2, "name": "M"}]},
        },
    })
}

#[tokio::test]
async fn an_endpoint_of_toolzz_gets_the_local_times_of_the_zone() {
    let stack = Stack::start().await;
    for (zone, issued_at, certified, enrolled, sent) in [
        (
            "America/Sao_Paulo",
            "2026-05-04T14:00:00Z",
            "2026-05-04 11:00:00",
            "2026-04-30 23:30:00",
            "2026-05-04 11:00:05",
        ),
        (
            "Europe/Lisbon",
            "2026-01-04T14:00:00Z",
            "2026-01-04 14:00:00",
            "2026-05-01 03:30:00",
            "2026-05-04 15:00:05",
        ),
        (
            "Asia/Kolkata",
            "2026-05-04T20:00:00Z",
            "2026-05-05 01:30:00",
            "2026-05-01 08:00:00",
            "2026-05-04 19:30:05",
        ),
        // Both halves of the hour that occurs twice.
        (
            "America/Sao_Paulo",
            "2019-02-17T01:30:00Z",
            "2019-02-16 23:30:00",
            "2026-04-30 23:30:00",
            "2026-05-04 11:00:05",
        ),
        (
            "America/Sao_Paulo",
            "2019-02-17T02:30:00Z",
            "2019-02-16 23:30:00",
            "2026-04-30 23:30:00",
            "2026-05-04 11:00:05",
        ),
    ] {
        let college = college_in(&stack, zone).await;
        let receiver = Receiver::content().await;
        let body = json!({"url": receiver.url, "event_types": ["*"], "dialect": "toolzz"});
        college.post("endpoints", body).await.expect(201);
        college.post("events", course(issued_at)).await.expect(202);
        let webhook = &receiver.requests(1).await[0];
        let told: Value = serde_json::from_slice(&webhook.body).unwrap();
        assert_eq!(
            told["data"]["certified"]["certified_at"], certified,
            "{zone}"
        );
        assert_eq!(told["data"]["course"]["enrolled_at"], enrolled, "{zone}");
        assert_eq!(told["event"]["send_at"], sent, "{zone}");

        // Read again in the same zone it is the same instant, but for the second half of that hour.
        let again = college.post("convert?to=canonical", told).await.expect(200);
        let heard = &again["body"]["data"]["activity"]["started_at"];
        assert_eq!(heard, "2026-05-01T02:30:00.000Z");
        if !issued_at.contains("T02:30") {
            let heard: jiff::Timestamp = text(&again["body"], "timestamp").parse().unwrap();
            assert_eq!(heard, issued_at.parse().unwrap(), "{zone}");
        }
    }
}

#[tokio::test]
async fn a_time_of_sending_that_is_far_from_receipt_is_warned_of() {
    let stack = Stack::start().await;
    let sao_paulo = TimeZone::get("America/Sao_Paulo").unwrap();
    let sent_at = now().to_zoned(sao_paulo);
    let sent_at = sent_at.strftime("%Y-%m-%d %H:%M:%S").to_string();
    let mut body: Value = serde_json::from_str(&samples::named(SAMPLE).body).unwrap();
    body["event"]["send_at"] = json!(sent_at);
    let warnings = async |zone: &str| {
        let college = college_in(&stack, zone).await;
        let accepted = college.post("events", body.clone()).await.expect(202);
        let tried = college.post("convert?to=canonical", body.clone()).await;
        let warnings = tried.expect(200)["warnings"].clone();
        match accepted.get("warnings") {
            Some(told) => assert_eq!(*told, warnings),
            None => assert_eq!(warnings, json!([])),
        }
        warnings
    };
    assert_eq!(warnings("America/Sao_Paulo").await, json!([]));
    let far = warnings("Asia/Kolkata").await;
    assert_eq!(far.as_array().unwrap().len(), 1);
    assert_eq!(far[0]["pointer"], "/event/send_at");
    let message = text(&far[0], "message");
    // Eight hours and a half lie between the two, all the year.
    for part in ["8h 30m", "before", "Asia/Kolkata"] {
        assert!(message.contains(part), "{message}");
    }
}
