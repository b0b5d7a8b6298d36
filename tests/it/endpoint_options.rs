//! Options of an endpoint: what they add to a webhook, what is refused, and that secrets stay secret.

use serde_json::{Value, json};

use crate::receiver::{Receiver, Reply, Webhook};
use crate::samples::issued;
use crate::stack::{Stack, text, until};

const URL: &str = "https://api.example.com/webhooks";

/// The first webhook for an endpoint with these members, of an organization that has no other.
async fn webhook_with(stack: &Stack, members: Value) -> Webhook {
    let college = stack.create_organization().await;
    let receiver = Receiver::content().await;
    let endpoint = college.subscribe_with(&receiver.url, members).await;
    college.post_event(&issued(&endpoint.id)).await;
    let webhook = receiver.requests(1).await.remove(0);
    webhook.verify(&endpoint.secret);
    webhook
}

#[tokio::test]
async fn custom_headers_and_every_authentication_arrive_at_the_receiver() {
    let stack = Stack::start().await;
    for (auth, name, value) in [
        (
            json!({"authType": "bearer_token", "token": "t-1"}),
            "authorization",
            "Bearer t-1",
        ),
        (
            json!({"authType": "basic_auth", "username": "hr", "password": "p:1"}),
            "authorization",
            "Basic aHI6cDox",
        ),
        (
            json!({"authType": "api_key", "key": "k-1"}),
            "x-api-key",
            "k-1",
        ),
        (
            json!({"type": "api_key", "header": "X-College", "key": "k-1"}),
            "x-college",
            "k-1",
        ),
    ] {
        let headers = json!({"X-Environment": "production, for now", "Accept": "text/plain"});
        let members = json!({"headers": headers, "auth": auth});
        let webhook = webhook_with(&stack, members).await;
        assert_eq!(webhook.header(name), value);
        assert_eq!(webhook.header("x-environment"), "production, for now");
        for name in [name, "accept", "content-type", "user-agent"] {
            assert_eq!(webhook.headers.get_all(name).iter().count(), 1, "{name}");
        }
    }
    let webhook = webhook_with(&stack, json!({"auth": {"authType": "none"}})).await;
    assert!(!webhook.headers.contains_key("authorization"));
}

#[tokio::test]
async fn secrets_are_in_no_answer_and_in_no_log_and_go_to_no_other_host() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let elsewhere = Receiver::content().await;
    let receiver = Receiver::start([Reply::Redirect(307, elsewhere.url.clone())]).await;
    let members = |auth: Value| json!({"headers": {"X-College": "hush-1"}, "auth": auth});
    for (auth, shown) in [
        (
            json!({"authType": "bearer_token", "token": "hush-2"}),
            json!({"authType": "bearer_token"}),
        ),
        (
            json!({"authType": "basic_auth", "username": "hr", "password": "hush-3"}),
            json!({"authType": "basic_auth", "username": "hr"}),
        ),
        (
            json!({"authType": "api_key", "header": "X-Key", "key": "hush-4"}),
            json!({"authType": "api_key", "header": "X-Key"}),
        ),
    ] {
        let mut body = members(auth.clone());
        body["url"] = json!(receiver.url);
        body["event_types"] = json!(["*"]);
        let made = college.api.post("endpoints", body).await.expect(201);
        let path = format!("endpoints/{}", text(&made, "id"));
        for answer in [
            college.api.patch(&path, members(auth)).await.expect(200),
            college.api.get(&path).await.expect(200),
            made,
        ] {
            assert_eq!(answer["auth"], shown);
            assert_eq!(answer["header_names"], json!(["X-College"]));
            assert!(answer.get("headers").is_none());
            assert!(!answer.to_string().contains("hush"), "{answer:#}");
        }
    }
    let faulty = json!({"url": URL, "event_types": ["*"], "headers": {"Host": "hush-5"}, "auth": {"authType": "hush-6"}});
    let refused = college.api.post("endpoints", faulty).await;
    assert!(!refused.body.to_string().contains("hush"));
    let places = refused.refusal(422, "validation_error");
    assert_eq!(places, ["/auth/authType", "/headers/Host"]);

    let event = college.post_event(&issued("a")).await;
    receiver.requests(3).await;
    let path = format!("events/{event}/deliveries");
    for path in ["endpoints", "deliveries", "events", &path] {
        let answer = college.api.get(path).await.expect(200);
        assert!(!answer.to_string().contains("hush"), "{answer:#}");
    }
    assert_eq!(elsewhere.count(), 0);
    // One line for the event and one for each attempt.
    let log = until("the attempts are logged", async || {
        let log = stack.log();
        let told = log.iter().filter(|line| line.contains(&event)).count();
        if told > 3 { Ok(log) } else { Err(told) }
    })
    .await;
    for secret in ["hush", "aHI6aHVzaC0z"] {
        let told = log.iter().find(|line| line.contains(secret));
        assert!(told.is_none(), "{told:?}");
    }
}

#[tokio::test]
async fn reserved_names_and_too_many_headers_are_refused() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let many = |count: usize| {
        let headers = (0..count).map(|number| (format!("X-{number}"), json!("v")));
        Value::Object(headers.collect())
    };
    for (headers, pointers) in [
        (
            json!({"Host": "v", "Authorization": "v", "webhook-id": "v", "X-Fine": "v"}),
            vec![
                "/headers/Authorization",
                "/headers/Host",
                "/headers/webhook-id",
            ],
        ),
        (
            json!({"X-TM-Event": "v", "ce-id": "v", "X-Amzn-Trace-Id": "v"}),
            vec![
                "/headers/X-Amzn-Trace-Id",
                "/headers/X-TM-Event",
                "/headers/ce-id",
            ],
        ),
        (json!({"X-A": "v", "x-a": "v"}), vec!["/headers/x-a"]),
        (
            json!({"X-A": "a\r\nHost: b", "X B": "v"}),
            vec!["/headers/X B", "/headers/X-A"],
        ),
        (many(21), vec!["/headers"]),
        (json!({"X-A": "v".repeat(4_094)}), vec!["/headers"]),
    ] {
        let body = json!({"url": URL, "event_types": ["*"], "headers": headers});
        let refused = college.api.post("endpoints", body).await;
        assert_eq!(refused.refusal(422, "validation_error"), pointers);
    }
    for headers in [many(20), json!({"X-A": "v".repeat(4_093)})] {
        college
            .subscribe_with(URL, json!({"headers": headers}))
            .await;
    }
}

#[tokio::test]
async fn event_types_the_dialect_has_no_name_for_are_refused_with_the_way_out() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let body = json!({"url": URL, "dialect": "beedeez", "eventTypes": ["credential.revoked", "certificate_completed"]});
    let refused = college.api.post("endpoints", body.clone()).await;
    assert_eq!(refused.body["types"], json!(["credential.revoked"]));
    assert_eq!(refused.body["alternatives"], json!(["canonical", "native"]));
    assert_eq!(refused.body["dialect"], "beedeez");
    let places = refused.refusal(422, "unrepresentable_event_type");
    assert_eq!(places, ["/eventTypes/0"]);

    let mut body = body;
    body["on_unmappable"] = json!("canonical");
    let made = college.api.post("endpoints", body).await.expect(201);
    assert_eq!(made["not_representable"], json!(["credential.revoked"]));
    assert_eq!(made["on_unmappable"], "canonical");
    let path = format!("endpoints/{}", text(&made, "id"));
    let moved = college
        .api
        .patch(&path, json!({"on_unmappable": "skip"}))
        .await;
    let places = moved.refusal(422, "unrepresentable_event_type");
    assert_eq!(places, ["/event_types/0"]);
    let moved = json!({"on_unmappable": "skip", "dialect": "certdirectory"});
    let moved = college.api.patch(&path, moved).await.expect(200);
    assert_eq!(moved["not_representable"], json!([]));

    let everything = json!({"url": URL, "dialect": "toolzz", "event_types": ["*"]});
    let made = college.api.post("endpoints", everything).await.expect(201);
    assert_eq!(made["not_representable"].as_array().unwrap().len(), 13);
    let path = format!("endpoints/{}", text(&made, "id"));
    let read = college
        .api
        .patch(&path, json!({"downcast_renewed": true}))
        .await
        .expect(200);
    assert_eq!(read["not_representable"].as_array().unwrap().len(), 12);
}

#[tokio::test]
async fn the_whole_configuration_of_beedeez_is_taken_and_an_endpoint_without_options_has_their_defaults()
 {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let body = json!({
        "name": "Production Certificate Notifications",
        "url": URL,
        "eventTypes": ["certificate_completed", "certificate_expired"],
        "enabled": true,
        "timeout": 5500,
        "headers": {"X-Custom-ID": "your-identifier", "X-Environment": "production"},
        "auth": {"authType": "bearer_token", "token": "your-secret-bearer-token"},
    });
    let made = college
        .api
        .post("endpoints", body.clone())
        .await
        .expect(201);
    assert_eq!(made["dialect"], "beedeez");
    assert_eq!(made["timeout_seconds"], 6);
    assert_eq!(
        made["header_names"],
        json!(["X-Custom-ID", "X-Environment"])
    );
    assert_eq!(made["auth"], json!({"authType": "bearer_token"}));
    assert_eq!(made["not_representable"], json!([]));
    let path = format!("endpoints/{}", text(&made, "id"));
    let cleared = json!({"headers": null, "auth": {"authType": "none"}});
    college.api.patch(&path, cleared).await.expect(200);
    let read = college.api.get(&path).await.expect(200);
    for (member, default) in [
        ("on_unmappable", json!("skip")),
        ("cloudevents", json!(false)),
        ("surrogate_ids", json!(true)),
        ("downcast_renewed", json!(false)),
        ("header_names", json!([])),
        ("auth", json!({"authType": "none"})),
    ] {
        assert_eq!(read[member], default, "{member}");
    }
    let options = json!({"on_unmappable": "native", "cloudevents": true, "surrogate_ids": false, "downcast_renewed": true});
    college.api.patch(&path, options.clone()).await.expect(200);
    let read = college.api.get(&path).await.expect(200);
    for (member, value) in options.as_object().unwrap() {
        assert_eq!(&read[member], value, "{member}");
    }

    let mut short = body;
    short["timeout"] = json!(500);
    let refused = college.api.post("endpoints", short).await;
    assert_eq!(refused.refusal(422, "validation_error"), ["/timeout"]);
}
