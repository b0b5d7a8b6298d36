//! Where webhooks may go on a stack that lets them go to public targets only, as where it is deployed.

use serde_json::json;

use crate::receiver::Receiver;
use crate::samples::issued;
use crate::stack::{Organization, Stack, text};

#[tokio::test]
async fn only_a_public_host_on_an_allowed_port_is_a_target() {
    let stack = Stack::start_with(&["--public-endpoints"]).await;
    let college = stack.create_organization().await;
    for (url, reason) in [
        ("http://hooks.example.com/", "must be an https URL"),
        (
            "https://u:p@hooks.example.com/",
            "must not contain a user name or password",
        ),
        (
            "https://hooks.example.com/#a",
            "must not contain a fragment",
        ),
        (
            "https://hooks.example.com:9001/",
            "must use port 443 or 8443",
        ),
        (
            "https://hooks.exam\nple.com/",
            "must not contain spaces, control characters or backslashes",
        ),
        (
            "https://127.0.0.1/",
            "must name its host, not give an address",
        ),
        (
            "https://0x7f.1:9001/",
            "must name its host, not give an address",
        ),
        (
            "https://[::ffff:169.254.169.254]/",
            "must name its host, not give an address",
        ),
        (
            "https://8.8.8.8/",
            "must name its host, not give an address",
        ),
        ("https://localhost/", "must point to a public host"),
        ("https://LocalHost./", "must point to a public host"),
        ("https://db.internal/", "must point to a public host"),
        ("https://printer/", "must point to a public host"),
    ] {
        let body = json!({"url": url, "event_types": ["*"]});
        let refused = college.api.post("endpoints", body).await;
        assert_eq!(
            refused.expect(422)["details"],
            json!({"/url": reason}),
            "{url}"
        );
    }
    // A name that has no address yet.
    let taken = "https://Hooks.Nobody.example:443/a/../b?c=d";
    let endpoint = college.subscribe(taken).await;
    let path = format!("endpoints/{}", endpoint.id);
    let shown = college.api.get(&path).await.expect(200);
    assert_eq!(shown["url"], "https://hooks.nobody.example/b?c=d");
    let worse = college
        .api
        .patch(&path, json!({"url": "https://10.0.0.1/"}))
        .await;
    worse.refusal(422, "validation_error");
    let event = college.post_event(&issued("a")).await;
    let delivery = college.delivery_in(&event, &endpoint, "retrying").await;
    assert_eq!(delivery["history"][0]["error"], "unknown_host");
}

#[tokio::test]
async fn the_ports_are_those_of_the_parameter() {
    let more = [
        "--public-endpoints",
        "--parameter",
        "EndpointPorts=443,10443",
    ];
    let stack = Stack::start_with(&more).await;
    let college = stack.create_organization().await;
    college
        .subscribe("https://hooks.nobody.example:10443/")
        .await;
    let body = json!({"url": "https://hooks.nobody.example:8443/", "event_types": ["*"]});
    let refused = college.api.post("endpoints", body).await;
    let refused = refused.expect(422);
    assert_eq!(refused["details"]["/url"], "must use port 443 or 10443");
}

#[tokio::test]
async fn an_endpoint_from_before_the_policy_became_stricter_gets_nothing() {
    let data = tempfile::tempdir().unwrap();
    let receiver = Receiver::content().await;
    let lenient = Stack::start_on(data.path()).await;
    let college = lenient.create_organization().await;
    let endpoint = college.subscribe(&receiver.url).await;
    drop(lenient);

    let data = data.path().to_str().expect("the folder has a plain name");
    let strict = Stack::launch(&["--data", data, "--public-endpoints"]).await;
    let key = strict.create_key(&college.id, json!({})).await;
    let college = Organization {
        api: strict.caller(Some(&text(&key, "key"))),
        ..college
    };
    let event = college.post_event(&issued("a")).await;
    let delivery = college.delivery_in(&event, &endpoint, "retrying").await;
    assert_eq!(delivery["history"][0]["error"], "blocked_target");
    assert_eq!(receiver.count(), 0);
    // What has nothing to do with its target can be changed all the same.
    let path = format!("endpoints/{}", endpoint.id);
    let named = json!({"name": "Old"});
    college.api.patch(&path, named).await.expect(200);
}
