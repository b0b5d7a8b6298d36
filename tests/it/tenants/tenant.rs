//! An organization that has one of everything, each thing marked as its own.

use std::collections::HashMap;

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::later;
use crate::receiver::Receiver;
use crate::routes::items;
use crate::source::now;
use crate::stack::{Organization, Stack, text, until};
use crate::stripe::Customer;

/// An organization with what it has.
pub(super) struct Tenant {
    pub(super) organization: Organization,
    receiver: Receiver,
    /// Its ids by the name they have in a route, `{endpoint}`.
    pub(super) ids: HashMap<&'static str, Vec<String>>,
    /// The token of a relay: who has it may send to the relay.
    pub(super) token: String,
    /// What nobody else may see: its ids, its secrets, and the word that stands in all its texts.
    own: Vec<String>,
}

/// A canonical event with a word of its tenant in it.
fn event(credential: &str, word: &str) -> Value {
    json!({
        "type": "credential.issued",
        "timestamp": "2026-03-18T10:30:00Z",
        "data": {
            "credential": {"id": credential, "title": format!("Course of {word}")},
            "recipient": {"id": "42", "name": format!("Ana of {word}"), "email": format!("ana@{word}.example")},
            "ext": {"note": word},
        },
    })
}

impl Tenant {
    /// Makes it, and waits until nothing of it changes by itself.
    pub(super) async fn create(stack: &Stack, word: &str, number: u32) -> Self {
        let organization = stack.create_organization().await;
        let customer = Customer::of(&organization.id, number, now());
        let paid = customer.event("dahlia/03_customer.subscription.updated.activated");
        stack.stripe(&paid).await.expect(200);
        let api = &organization.api;
        let receiver = Receiver::content().await;
        let (mut ids, mut own) = (HashMap::new(), vec![word.to_owned()]);
        let mut keep = |kind: &'static str, id: String| {
            own.push(id.clone());
            ids.entry(kind).or_insert_with(Vec::new).push(id);
        };
        keep("{organization}", organization.id.clone());
        keep("{customer}", customer.id());
        keep("{subscription}", customer.subscription());
        let key = stack
            .create_key(&organization.id, json!({"name": word}))
            .await;
        keep("{key}", text(&key, "id"));
        let options = json!({
            "name": word, "headers": {"X-College": word},
            "auth": {"authType": "bearer_token", "token": word},
        });
        let url = format!("{}?of={word}", receiver.url);
        let endpoint = organization.subscribe_with(&url, options).await;
        let disabled = json!({"name": word, "enabled": false});
        let disabled = organization.subscribe_with(&url, disabled).await;
        for number in 0..4 {
            // The same credentials as everybody else's.
            let body = event(&format!("credential {number}"), word).to_string();
            let keyed = api.with("idempotency-key", &format!("key {number}"));
            let event = text(&keyed.post_text("events", &body).await.expect(202), "id");
            organization
                .delivery_in(&event, &endpoint, "delivered")
                .await;
            organization.delivery_in(&event, &disabled, "held").await;
            keep("{event}", event);
        }
        let path = format!("endpoints/{}/replay", endpoint.id);
        let replay = api.post(&path, json!({"dry_run": true})).await.expect(202);
        assert_eq!(replay["state"], "done", "{replay:#}");
        keep("{replay}", text(&replay, "id"));
        for id in [endpoint.id, disabled.id] {
            keep("{endpoint}", id);
        }
        let relay = json!({"name": word, "dialect": "toolzz"});
        let relay = api.post("relays", relay).await.expect(201);
        keep("{relay}", text(&relay, "id"));
        let token = text(&relay, "url_path");
        let token = token.rsplit('/').next().expect("a token").to_owned();
        let source = stack.caller(None);
        for _ in 0..2 {
            let sent = source
                .post(&format!("relay/{token}"), json!({"x": word}))
                .await;
            keep("{quarantine}", text(&sent.expect(202), "id"));
        }
        for of in ["recipients", "achievements"] {
            let body = match of {
                "recipients" => json!({"name": word, "email": format!("ana@{word}.example")}),
                _ => json!({"name": word}),
            };
            api.put(&format!("{of}/42"), body).await.expect(200);
        }
        let erasure = api.delete("recipients/nobody@example.com").await;
        let erasure = text(&erasure.expect(202), "id");
        until("nothing is erased any more", async || {
            later::recover(stack, SignedDuration::ZERO).await;
            let erasure = api.get(&format!("erasures/{erasure}")).await.expect(200);
            (erasure["state"] == "done").then_some(()).ok_or(erasure)
        })
        .await;
        keep("{erasure}", erasure);
        let audit = api.get("audit").await.expect(200);
        for line in items(&audit) {
            keep("{line}", text(line, "id"));
        }
        own.extend([
            endpoint.secret,
            disabled.secret,
            text(&key, "key"),
            token.clone(),
        ]);
        Self {
            organization,
            receiver,
            ids,
            token,
            own,
        }
    }

    /// What of its own stands in an answer.
    pub(super) fn shown_in(&self, answer: &str) -> Option<&str> {
        let own = self.own.iter().map(String::as_str);
        own.into_iter().find(|own| answer.contains(own))
    }

    /// All that it has, as it reads it itself, and what its receiver got.
    pub(super) async fn everything(&self, stack: &Stack) -> String {
        let own = &self.organization.api;
        let platform = stack.platform();
        let organization = format!("organizations/{}", self.organization.id);
        let mut all = Vec::new();
        for path in [
            organization.clone(),
            format!("{organization}/keys"),
            format!("{organization}/billing"),
        ] {
            let answer = platform.get(&path).await;
            all.push(json!([path, answer.status, answer.body]));
        }
        let mut paths: Vec<String> = [
            "endpoints",
            "events",
            "deliveries",
            "relays",
            "quarantine",
            "audit",
            "erasures",
            "recipients/42",
            "achievements/42",
            "credentials/credential 0",
        ]
        .map(str::to_owned)
        .into();
        let of = |kind: &str| self.ids[kind].iter();
        for endpoint in of("{endpoint}") {
            let within = ["deliveries", "stats", "replays"];
            paths.extend(within.map(|within| format!("endpoints/{endpoint}/{within}")));
        }
        paths.extend(of("{event}").map(|event| format!("events/{event}")));
        paths.extend(of("{quarantine}").map(|id| format!("quarantine/{id}")));
        for path in paths {
            let answer = own.get(&path).await;
            all.push(json!([path, answer.status, answer.body]));
        }
        format!("{} webhooks, {}", self.receiver.count(), Value::from(all))
    }
}
