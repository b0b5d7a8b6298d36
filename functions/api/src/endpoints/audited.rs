//! What the audit log says of a change of an endpoint.

use jiff::Timestamp;
use payload::billing::access::Access;
use payload::secret::Secret;
use serde_json::{Map, Value};
use state::{Changes, Endpoint, EndpointSecrets};

use super::change::Configured;
use super::view::View;

/// Members of the view that are not the owner's settings, or follow from others, or are secret in part.
const LEFT_OUT: [&str; 8] = [
    "id",
    "created_at",
    "updated_at",
    "disabled",
    "suspended_by",
    "health",
    "not_representable",
    "auth",
];

/// What is different, without what is secret: of secrets, headers, authentication and the query of the URL
/// no more than that they are others.
pub(super) fn changes(before: Option<&Configured>, after: &Configured, now: Timestamp) -> Changes {
    let shown_before = before.map(|before| shown(before, now));
    let mut changes = Changes::between(shown_before.unwrap_or_default(), shown(after, now));
    let Some(before) = before else {
        return changes;
    };
    for (member, is_another) in [
        ("headers", before.secrets.headers != after.secrets.headers),
        ("auth", before.secrets.auth != after.secrets.auth),
        ("secret", before.secrets.secret != after.secrets.secret),
    ] {
        if is_another {
            changes = changes.hiding(member);
        }
    }
    let (old, new) = (&before.endpoint.url, &after.endpoint.url);
    if old != new && without_query(old) == without_query(new) {
        changes = changes.hiding("url");
    }
    changes
}

/// What is lost with an endpoint. Nothing is opened for it: what cannot be opened can be deleted.
pub(super) fn deletion(endpoint: &Endpoint, now: Timestamp) -> Changes {
    let unopened = Configured {
        endpoint: endpoint.clone(),
        secrets: EndpointSecrets::new(Secret::generate(&mut rand::rng())),
        health: None,
        access: Access::Active,
    };
    let mut members = shown(&unopened, now);
    members.shift_remove("header_names");
    Changes::between(members, Map::new())
}

fn shown(configured: &Configured, now: Timestamp) -> Map<String, Value> {
    let Ok(Value::Object(mut members)) = serde_json::to_value(View::new(configured, now)) else {
        return Map::new();
    };
    members.retain(|name, _| !LEFT_OUT.contains(&name.as_str()));
    let url = without_query(&configured.endpoint.url);
    members.insert("url".to_owned(), url.into());
    members
}

/// A query may carry a token of the receiver's.
fn without_query(url: &str) -> String {
    match url.split_once(['?', '#']) {
        Some((before, _)) => format!("{before}?…"),
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use payload::custom_headers::CustomHeaders;
    use payload::receiver_auth::ReceiverAuth;
    use serde_json::json;

    use super::*;

    fn now() -> Timestamp {
        "2026-11-21T10:00:00Z".parse().unwrap()
    }

    fn configured() -> Configured {
        let mut endpoint = Endpoint::blank(
            "ep_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap(),
            "org_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap(),
            now(),
        );
        endpoint.url = "https://example.com/hook?token=zq".to_owned();
        let mut secrets = EndpointSecrets::new(Secret::generate(&mut rand::rng()));
        let (token, header) = ("zq".to_owned(), json!({"X-College": "zq"}));
        secrets.auth = ReceiverAuth::BearerToken { token };
        secrets.headers = serde_json::from_value(header).unwrap();
        Configured {
            endpoint,
            secrets,
            health: None,
            access: Access::Active,
        }
    }

    #[track_caller]
    fn check(change: impl FnOnce(&mut Configured), expected: &Value) {
        let before = configured();
        let mut after = before.clone();
        change(&mut after);
        after.endpoint.revision += 1;
        let changes = serde_json::to_value(changes(Some(&before), &after, now())).unwrap();
        assert_eq!(changes, *expected);
    }

    #[test]
    fn what_changed_is_shown_and_what_is_secret_only_named() {
        check(|_| (), &json!({}));
        check(
            |it| it.endpoint.timeout_seconds = 7,
            &json!({"timeout_seconds": [15, 7]}),
        );
        check(
            |it| it.endpoint.url = "https://example.com/hook?token=qz".to_owned(),
            &json!({"url": "changed"}),
        );
        check(
            |it| it.endpoint.url = "https://example.org/".to_owned(),
            &json!({"url": ["https://example.com/hook?…", "https://example.org/"]}),
        );
        check(
            |it| it.secrets.auth = ReceiverAuth::None,
            &json!({"auth": "changed"}),
        );
        check(
            |it| it.secrets.headers = CustomHeaders::default(),
            &json!({"headers": "changed", "header_names": [["X-College"], []]}),
        );
        check(
            |it| {
                let secret = Secret::generate(&mut rand::rng());
                let overlap = SignedDuration::from_hours(1);
                it.secrets.rotate(secret, overlap, now()).unwrap();
            },
            &json!({
                "secret": "changed",
                "older_secret_valid_until": [null, "2026-11-21T11:00:00.000Z"],
            }),
        );
    }

    #[test]
    fn what_is_made_or_deleted_is_shown_whole_without_a_secret() {
        let configured = configured();
        for changes in [
            changes(None, &configured, now()),
            deletion(&configured.endpoint, now()),
        ] {
            let changes = serde_json::to_value(changes).unwrap();
            let text = changes.to_string();
            assert!(!text.contains("zq") && !text.contains("whsec_"), "{text}");
            let members: Vec<_> = changes.as_object().unwrap().keys().collect();
            assert!(members.len() >= 10, "{members:?}");
        }
    }
}
