//! Credentials: what becomes of each by its events, in every dialect; the lists that are polled, while others
//! write.

mod counted;
mod following;
mod limited;
mod list;
mod one;
mod rules;
mod short_ids;
mod state;
mod superseding;
mod writers;

use serde_json::{Value, json};

use crate::samples;
use crate::stack::{Organization, text};

/// Posts a sample, changed, and answers the event's id.
async fn post_sample(college: &Organization, name: &str, change: impl Fn(&mut Value)) -> String {
    let sample = samples::named(name);
    let mut body: Value = serde_json::from_str(&sample.body).expect("JSON");
    change(&mut body);
    let accepted = college.api.post_text(&sample.path, &body.to_string()).await;
    text(&accepted.expect(202), "id")
}

/// Posts a canonical event about a credential, with more of it, and answers the event's id.
async fn post(
    college: &Organization,
    event_type: &str,
    (credential, at): (&str, &str),
    more: Value,
) -> String {
    let mut about = json!({"id": credential});
    merge(&mut about, more);
    let event = json!({"type": event_type, "timestamp": at, "data": {"credential": about}});
    college.post_event(&event.to_string()).await
}

fn merge(object: &mut Value, more: Value) {
    let (Value::Object(object), Value::Object(more)) = (object, more) else {
        panic!("members of an object")
    };
    object.extend(more);
}

/// A credential as it is shown.
async fn shown(college: &Organization, id: &str) -> Value {
    let path = format!("credentials/{id}");
    college.api.get(&path).await.expect(200)
}
