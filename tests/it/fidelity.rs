//! A subscriber of the dialect an event was sent in gets exactly the bytes that were sent, and one of the
//! canonical dialect the canonical form.

use std::collections::HashMap;
use std::fmt::Write as _;

use payload::dialect::Dialect;
use serde_json::{Value, json};

use crate::receiver::Receiver;
use crate::samples;
use crate::stack::{Organization, Stack, text};

/// A member no dialect has, with what parsers like to change: number forms, escapes, emoji, order.
const UNKNOWN: &str =
    r#""z_éxtra \u00e9": {"b": [1.0, 1e3, -0, 12345678901234567890], "a": "🎓 \ud83c\udf93 \/ ü"}"#;

/// The same JSON, written as few writers would.
fn rewrite(value: &Value, text: &mut String) {
    match value {
        Value::Object(members) => {
            text.push_str("{\n\t ");
            for (index, (name, value)) in members.iter().rev().enumerate() {
                if index > 0 {
                    text.push_str(" ,\r\n");
                }
                write!(text, "{} :\t", json!(name)).unwrap();
                rewrite(value, text);
            }
            text.push_str(" }");
        }
        Value::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                text.push_str(if index > 0 { "  ,  " } else { " " });
                rewrite(item, text);
            }
            text.push(']');
        }
        Value::String(content) => {
            let escaped = json!(content).to_string().replace('e', "\\u0065");
            text.push_str(&escaped);
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => write!(text, "{value}").unwrap(),
    }
}

/// The forms in which a body is posted.
fn forms(body: &str) -> Vec<String> {
    let value: Value = serde_json::from_str(body).unwrap();
    let mut rewritten = String::new();
    rewrite(&value, &mut rewritten);
    let end = body.rfind('}').unwrap();
    let start = body.find('{').unwrap() + 1;
    vec![
        body.to_owned(),
        value.to_string(),
        rewritten,
        format!("{}, {UNKNOWN} }}\n", body[..end].trim_end()),
        format!(" {{ {UNKNOWN} ,{}", &body[start..]),
    ]
}

/// The end of a credential is one event however it is written: each form is about a credential of its own.
fn ended_by_itself(body: &str, number: usize) -> String {
    let credentials = ["badge_user_id", "7d9f2a34-6b1e-4c58-9a0d-3e5f7b8c9d01"];
    credentials.into_iter().fold(body.to_owned(), |body, id| {
        let other = format!("{}{number}", &id[..id.len() - 1]);
        body.replace(id, &other)
    })
}

/// Posts every form of every sample, each as an event of its own; answers body and dialect by id.
async fn post_all(college: &Organization) -> HashMap<String, (String, String)> {
    let mut posted = HashMap::new();
    for sample in samples::all() {
        for number in 0..forms(&sample.body).len() {
            let body = forms(&ended_by_itself(&sample.body, number)).swap_remove(number);
            let key = format!("{} {number}", sample.name);
            let keyed = college.api.with("idempotency-key", &key);
            let accepted = keyed.post_text(&sample.path, &body).await.expect(202);
            assert_eq!(accepted["dialect"], sample.dialect(), "{key}");
            posted.insert(text(&accepted, "id"), (sample.dialect().to_owned(), body));
        }
    }
    posted
}

#[tokio::test]
async fn an_event_reaches_its_own_dialect_byte_for_byte_and_the_canonical_one_in_canonical_form() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let mut subscribers = Vec::new();
    for dialect in Dialect::ALL {
        let receiver = Receiver::content().await;
        // What the dialect cannot say comes in canonical form, so that every event comes.
        let members = json!({"dialect": dialect.name(), "on_unmappable": "canonical"});
        let endpoint = college.subscribe_with(&receiver.url, members).await;
        subscribers.push((dialect, receiver, endpoint));
    }
    let posted = post_all(&college).await;
    let mut canonical = HashMap::new();
    for (id, (_, body)) in &posted {
        let event = college.api.get(&format!("events/{id}")).await.expect(200);
        assert_eq!(text(&event, "received"), *body);
        canonical.insert(id.clone(), event["canonical"].clone());
    }
    for (dialect, receiver, endpoint) in subscribers {
        let received = receiver.requests(posted.len()).await;
        assert_eq!(received.len(), posted.len(), "{dialect}");
        let mut own_bytes = 0;
        for webhook in received {
            webhook.verify(&endpoint.secret);
            let (own, body) = &posted[webhook.id()];
            let substitute = webhook.headers.get("x-dialect");
            if *own == dialect.name() {
                assert_eq!(webhook.body, body.as_bytes(), "{body}");
                assert!(substitute.is_none(), "{dialect}");
                own_bytes += 1;
                continue;
            }
            let got: Value = serde_json::from_slice(&webhook.body).unwrap();
            if own == "canonical" && substitute.is_some() {
                assert_eq!(webhook.body, body.as_bytes(), "{dialect}");
            } else if dialect == Dialect::Canonical || substitute.is_some() {
                assert_eq!(got, canonical[webhook.id()], "{dialect} of {own}");
                assert_eq!(got["id"], webhook.id());
            } else {
                assert_ne!(got, canonical[webhook.id()], "{dialect} of {own}");
            }
        }
        assert!(own_bytes > 0, "{dialect}");
    }
}
