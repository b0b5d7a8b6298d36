//! Events to post: the samples in `events/ingest`, and as many small ones as a test needs.

use serde_json::{Value, json};

use crate::workspace;

/// A sample of `events/ingest`: one event as its source sends it.
pub(crate) struct Sample {
    /// The file's name without its end: the dialect, a dot, the event's name there.
    pub(crate) name: String,
    /// Where it is posted: `events`, with what the body does not say.
    pub(crate) path: String,
    pub(crate) body: String,
}

impl Sample {
    /// The dialect it is written in.
    pub(crate) fn dialect(&self) -> &str {
        self.name.split('.').next().unwrap_or_default()
    }

    /// Where it is tried for `target`, which is `to=…` or `endpoint=…`.
    pub(crate) fn dry_run(&self, target: &str) -> String {
        match self.path.split_once('?') {
            Some((_, query)) => format!("convert?{target}&{query}"),
            None => format!("convert?{target}"),
        }
    }
}

/// Every sample of a single event.
pub(crate) fn all() -> Vec<Sample> {
    let samples: Vec<Sample> = workspace::files("events/ingest")
        .iter()
        .filter_map(|path| read(path))
        .collect();
    assert!(samples.len() >= 26, "only {} samples", samples.len());
    samples
}

/// The sample of this name.
pub(crate) fn named(name: &str) -> Sample {
    let path = format!("events/ingest/{name}.json");
    read(&path).unwrap_or_else(|| panic!("{path} is no sample of a single event"))
}

fn read(path: &str) -> Option<Sample> {
    let invocation: Value = serde_json::from_str(&workspace::read(path)).expect("JSON");
    if invocation["rawPath"] != "/api/v1/events" {
        return None;
    }
    let query = invocation["rawQueryString"].as_str().unwrap_or_default();
    let name = path.rsplit('/').next()?.strip_suffix(".json")?;
    Some(Sample {
        name: name.to_owned(),
        path: match query {
            "" => "events".to_owned(),
            query => format!("events?{query}"),
        },
        body: invocation["body"].as_str().expect("a body").to_owned(),
    })
}

/// A canonical event of this type about the credential of this name.
pub(crate) fn event_of(event_type: &str, credential: &str) -> String {
    json!({
        "type": event_type,
        "timestamp": "2026-03-18T10:30:00Z",
        "data": {"credential": {"id": credential}},
    })
    .to_string()
}

/// The issue of the credential of this name.
pub(crate) fn issued(credential: &str) -> String {
    event_of("credential.issued", credential)
}
