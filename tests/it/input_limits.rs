//! What no route takes: bodies that are too large or too deep, members that nobody knows, and text that
//! would be more than text in a header or a log.

use reqwest::Method;
use serde_json::{Value, json};

use crate::receiver::Receiver;
use crate::routes::ROUTES;
use crate::samples::{self, issued};
use crate::stack::{Organization, Stack, text, until};

const URL: &str = "https://api.example.com/webhooks";

/// Largest body, bytes.
const MAX_BODY: usize = 256 * 1024;
/// Most objects and lists within each other.
const MAX_DEPTH: usize = 64;

/// An object that is nested so deep.
fn nested(depth: usize) -> String {
    let lists = depth - 1;
    format!(r#"{{"x": {}{}}}"#, "[".repeat(lists), "]".repeat(lists))
}

/// What the routes need to be called.
struct College {
    organization: Organization,
    key: String,
    endpoint: String,
    event: String,
    replay: String,
    relay: String,
    erasure: String,
    quarantined: String,
    token: String,
}

impl College {
    async fn create(stack: &Stack) -> Self {
        let organization = stack.create_organization().await;
        let api = &organization.api;
        let receiver = Receiver::content().await;
        let endpoint = organization.subscribe(&receiver.url).await;
        let event = organization.post_event(&issued("a")).await;
        organization
            .delivery_in(&event, &endpoint, "delivered")
            .await;
        let path = format!("endpoints/{}/replay", endpoint.id);
        let replay = api.post(&path, json!({"dry_run": true})).await.expect(202);
        let erasure = api.delete("recipients/nobody@example.com").await;
        let erasure = erasure.expect(202);
        let relay = api.post("relays", json!({"dialect": "toolzz"})).await;
        let relay = relay.expect(201);
        let url_path = text(&relay, "url_path");
        let token = url_path.rsplit('/').next().expect("a token").to_owned();
        let source = stack.caller(None);
        let sent = source
            .post(&format!("relay/{token}"), json!({"x": 1}))
            .await;
        let quarantined = text(&sent.expect(202), "id");
        let keys = format!("organizations/{}/keys", organization.id);
        let keys = stack.platform().get(&keys).await.expect(200);
        Self {
            key: text(&keys["data"][0], "id"),
            endpoint: endpoint.id,
            event,
            replay: text(&replay, "id"),
            relay: text(&relay, "id"),
            erasure: text(&erasure, "id"),
            quarantined,
            token,
            organization,
        }
    }

    /// A route with one's own ids in it.
    fn path(&self, route: &str) -> String {
        let ids = [
            ("{organization}", &*self.organization.id),
            ("{key}", &self.key),
            ("{endpoint}", &self.endpoint),
            ("{event}", &self.event),
            ("{replay}", &self.replay),
            ("{relay}", &self.relay),
            ("{erasure}", &self.erasure),
            ("{quarantine}", &self.quarantined),
            ("{token}", &self.token),
            ("{name}", "activities.certificate.issued"),
            ("{recipient}", "42"),
            ("{achievement}", "42"),
            ("{credential}", "a"),
            ("{type}", "credential.issued"),
        ];
        let path = ids
            .iter()
            .fold(route.to_owned(), |path, (name, id)| path.replace(name, id));
        assert!(!path.contains('{'), "{path}");
        match route {
            "convert" => format!("{path}?to=vec"),
            _ => path,
        }
    }
}

#[tokio::test]
async fn no_route_takes_a_body_that_is_too_deep_or_too_large() {
    let stack = Stack::start().await;
    let college = College::create(&stack).await;
    let mut tried = 0;
    for route in ROUTES {
        let method = route.method();
        if [Method::GET, Method::DELETE].contains(&method) {
            continue;
        }
        let path = college.path(route.path);
        let caller = if path.starts_with("organizations") {
            stack.platform()
        } else {
            college.organization.api.clone()
        };
        let send = async |body: String| {
            let answer = caller.send(method.clone(), &path, Some(body.into_bytes()));
            let answer = answer.await;
            let error = answer.body["error"].as_str().unwrap_or_default().to_owned();
            (answer.status, error)
        };
        let large = format!(r#"{{"x": "{}"}}"#, "x".repeat(MAX_BODY));
        let (deep_status, large_status) = match route.path {
            // Each item is judged for itself: see the next test.
            "events/batch" => continue,
            // A source system would repeat what is refused; it is kept.
            "relay/{token}" | "relay/{token}/{name}" => (202, 413),
            "quarantine/{quarantine}/replay" => (422, 413),
            _ => (400, 413),
        };
        let too_deep = (deep_status, "too_deep".to_owned());
        assert_eq!(send(nested(MAX_DEPTH + 1)).await, too_deep, "{path}");
        assert_eq!(send("[".repeat(100_000)).await, too_deep, "{path}");
        let too_large = (large_status, "body_too_large".to_owned());
        assert_eq!(send(large).await, too_large, "{path}");
        tried += 1;
    }
    assert!(tried >= 14, "{tried} routes");
}

#[tokio::test]
async fn an_item_of_a_batch_that_is_too_deep_is_refused_for_itself() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let deepest = |depth| issued("a").replacen('{', &format!(r#"{{"y": {}, "#, nested(depth)), 1);
    let items = [
        deepest(60),
        deepest(61),
        nested(MAX_DEPTH + 1),
        "[".repeat(70) + &"]".repeat(70),
        format!(r#"{{"payload": {}}}"#, nested(MAX_DEPTH + 1)),
        issued("b"),
    ];
    let body = format!("[{}]", items.join(","));
    let answer = college
        .api
        .post_text("events/batch", &body)
        .await
        .expect(200);
    let results = answer["results"].as_array().expect("results");
    let of_each: Vec<(u64, &str)> = results
        .iter()
        .map(|result| {
            let status = result["status"].as_u64().expect("a status");
            (status, result["error"].as_str().unwrap_or_default())
        })
        .collect();
    let too_deep = (400, "too_deep");
    let (taken, kept_too_deep) = ((202, ""), (422, "validation_error"));
    assert_eq!(
        of_each,
        [taken, kept_too_deep, too_deep, too_deep, too_deep, taken]
    );
    let unknown = json!({"events": [], "x/y": 1, "event": {}});
    let refused = college.api.post("events/batch", unknown).await;
    assert_eq!(
        refused.refusal(422, "validation_error"),
        ["/event", "/x~1y"]
    );
}

#[tokio::test]
async fn a_header_that_would_be_two_is_refused_wherever_it_is_configured() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    for (member, value, pointer) in [
        ("headers", json!({"X-A": "a\r\nX-B: b"}), "/headers/X-A"),
        ("headers", json!({"X-A": "a\nb"}), "/headers/X-A"),
        ("headers", json!({"X-A\r\nX-B": "b"}), "/headers/X-A\r\nX-B"),
        (
            "auth",
            json!({"authType": "bearer_token", "token": "a\r\nX-B: b"}),
            "/auth/token",
        ),
        (
            "auth",
            json!({"authType": "api_key", "header": "X-A\r\nX-B", "key": "b"}),
            "/auth/header",
        ),
        (
            "auth",
            json!({"authType": "api_key", "header": "X-A", "key": "b\r\n"}),
            "/auth/key",
        ),
    ] {
        let mut body = json!({"url": URL, "event_types": ["*"]});
        body[member] = value;
        let refused = college.api.post("endpoints", body).await;
        assert_eq!(refused.refusal(422, "validation_error"), [pointer]);
    }
    // What comes out of an event into a header is not a second one either.
    let receiver = Receiver::content().await;
    college
        .subscribe_with(&receiver.url, json!({"cloudevents": true}))
        .await;
    college.post_event(&issued("a\r\nX-Injected: yes")).await;
    let webhook = &receiver.requests(1).await[0];
    assert!(!webhook.headers.contains_key("x-injected"), "{webhook:?}");
}

#[tokio::test]
async fn nothing_that_is_sent_becomes_a_line_of_the_log() {
    const PLANTED: &str =
        "planted\n{\"level\":\"ERROR\",\"message\":\"planted\"}\r\u{1b}[31m planted";
    const IN_A_PATH: &str = "planted%0A%7B%22planted%22%7D%0D%1B%5B31mplanted";
    let stack = Stack::start().await;
    let college = College::create(&stack).await;
    let api = &college.organization.api;
    let bodies: Vec<Value> = samples::all()
        .iter()
        .map(|sample| everywhere(serde_json::from_str(&sample.body).unwrap(), PLANTED))
        .collect();
    for body in &bodies {
        for path in [
            "events",
            "events/batch",
            &college.path("relay/{token}"),
            "convert?to=vec",
        ] {
            api.post(path, body.clone()).await;
        }
    }
    let named =
        json!({"name": PLANTED, "url": format!("{URL}?{PLANTED}"), "event_types": [PLANTED]});
    for route in ROUTES {
        let planted = college.path(&route.path.replace("{name}", IN_A_PATH));
        let foreign = route
            .path
            .split('/')
            .map(|segment| match segment.strip_prefix('{') {
                Some(_) => IN_A_PATH,
                None => segment,
            });
        let foreign: Vec<&str> = foreign.collect();
        for path in [planted.split('?').next().unwrap(), &foreign.join("/")] {
            let query = [
                "dialect", "event", "cursor", "limit", "status", "type", "to", "endpoint",
            ]
            .map(|name| format!("{name}={IN_A_PATH}"))
            .join("&");
            let path = format!("{path}?{query}");
            let body = (route.method() != Method::GET).then(|| named.to_string().into_bytes());
            // Deleting would leave less to try the rest with.
            if route.method() != Method::DELETE {
                api.send(route.method(), &path, body).await;
            }
        }
    }
    // Something is logged after all that, so that all that was logged before.
    let event = college.organization.post_event(&issued("last")).await;
    until("the last event is in the log", async || {
        let log = stack.log();
        match log.iter().any(|line| line.contains(&event)) {
            true => Ok(()),
            false => Err(log.len()),
        }
    })
    .await;
    let log = stack.log();
    let planted: Vec<&String> = log.iter().filter(|line| line.contains("planted")).collect();
    assert!(planted.is_empty(), "{planted:#?}");
}

/// A body with a text at the end of each of its texts that is no date.
fn everywhere(body: Value, planted: &str) -> Value {
    let within = |value| everywhere(value, planted);
    match body {
        Value::String(text) if text.parse::<jiff::Timestamp>().is_err() && text.contains(' ') => {
            Value::String(text + planted)
        }
        Value::Array(items) => items.into_iter().map(within).collect(),
        Value::Object(members) => {
            let members = members.into_iter();
            members.map(|(name, value)| (name, within(value))).collect()
        }
        other => other,
    }
}

#[tokio::test]
async fn the_search_of_the_log_finds_what_is_planted() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    // The id of an organization may be logged, and is: only so can the search be shown to work.
    let (start, end) = college.id.split_at(8);
    stack.canaries().plant(&format!("{start}{}", &end[..12]));
    college.post_event(&issued("a")).await;
    let found = until("the id is found in the log", async || {
        let found = stack.canaries().take_found();
        if found.is_empty() { Err(()) } else { Ok(found) }
    })
    .await;
    assert!(found[0].contains(&college.id), "{found:#?}");
}
