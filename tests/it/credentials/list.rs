//! The list that is polled: its shape, its filters and its pages.

use serde_json::{Value, json};

use super::post;
use crate::routes::items;
use crate::stack::{Organization, Stack, text, until};

/// The list, once it shows so many: what is younger than two seconds is not there yet.
async fn listed(college: &Organization, count: usize) -> Vec<Value> {
    until("all of it is settled", async || {
        let all = college.api.pages("credentials", 100).await;
        if all.len() == count {
            Ok(all)
        } else {
            Err(all.len())
        }
    })
    .await
}

fn ids(list: &Value) -> Vec<&str> {
    items(list)
        .iter()
        .map(|it| it["id"].as_str().expect("an id"))
        .collect()
}

async fn college_with(stack: &Stack, count: usize) -> Organization {
    let college = stack.create_organization().await;
    for number in 0..count {
        let at = (&*format!("c{number}"), "2026-01-01T00:00:00Z");
        post(&college, "credential.issued", at, json!({})).await;
    }
    college
}

#[tokio::test]
async fn it_is_in_the_order_of_changes_and_a_change_moves_what_is_old() {
    let stack = Stack::start().await;
    let college = college_with(&stack, 5).await;
    listed(&college, 5).await;
    let first = college.api.get("credentials?limit=3").await.expect(200);
    assert_eq!(ids(&first), ["c0", "c1", "c2"]);
    assert_eq!(
        first["pagination"],
        json!({"limit": 3, "offset": 0, "total": 4})
    );
    let next = text(&first, "next_cursor");
    assert_eq!(first["watermark"], next);
    let last = college
        .api
        .get(&format!("credentials?limit=3&cursor={next}"))
        .await
        .expect(200);
    assert_eq!(
        (ids(&last), &last["next_cursor"]),
        (vec!["c3", "c4"], &json!(null))
    );
    assert_eq!(last["pagination"]["total"], 2);
    let watermark = text(&last, "watermark");
    let poll = format!("credentials?cursor={watermark}");
    let nothing = college.api.get(&poll).await.expect(200);
    assert_eq!(
        (items(&nothing).len(), &nothing["watermark"]),
        (0, &json!(watermark))
    );

    let at = ("c1", "2026-02-01T00:00:00Z");
    post(&college, "credential.revoked", at, json!({})).await;
    // Not shown while another may still be written before it.
    let early = college.api.get(&poll).await.expect(200);
    assert_eq!(items(&early).len(), 0);
    let changed = until("the revocation is settled", async || {
        let page = college.api.get(&poll).await.expect(200);
        if items(&page).is_empty() {
            Err(page)
        } else {
            Ok(page)
        }
    })
    .await;
    assert_eq!(ids(&changed), ["c1"]);
    assert_eq!(changed["data"][0]["status"], "revoked");
    // The time is inclusive.
    let since = text(&changed["data"][0], "updatedAt");
    let again = college
        .api
        .get(&format!("credentials?updated_since={since}"))
        .await
        .expect(200);
    assert_eq!(ids(&again), ["c1"]);
}

#[tokio::test]
async fn offsets_count_and_total_says_whether_there_is_more() {
    let stack = Stack::start().await;
    let college = college_with(&stack, 5).await;
    listed(&college, 5).await;
    let mut seen = Vec::new();
    let mut offset = 0;
    loop {
        let path = format!("credentials?limit=2&offset={offset}");
        let page = college.api.get(&path).await.expect(200);
        seen.extend(ids(&page).into_iter().map(str::to_owned));
        offset += 2;
        // As clients of CertDirectory do it.
        if page["pagination"]["total"].as_u64().expect("a number") <= offset {
            break;
        }
    }
    assert_eq!(seen, ["c0", "c1", "c2", "c3", "c4"]);
}

#[tokio::test]
async fn it_is_filtered_by_what_is_so_at_the_time_of_reading() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let credential = |id: &str, badge: &str, email: &str, expires: Value| {
        json!({
            "type": "credential.issued", "timestamp": "2026-01-01T00:00:00Z",
            "data": {
                "credential": {"id": id, "expires_at": expires},
                "achievement": {"id": badge, "name": "A badge"},
                "recipient": {"email": email},
            },
        })
        .to_string()
    };
    for (id, badge, email, expires) in [
        ("a", "b1", "Ana@Example.com", json!("2026-02-01T00:00:00Z")),
        ("b", "b1", "bia@example.com", json!("2099-02-01T00:00:00Z")),
        ("c", "b2", "ana@example.com", json!(null)),
    ] {
        college
            .post_event(&credential(id, badge, email, expires))
            .await;
    }
    let at = ("c", "2026-02-01T00:00:00Z");
    post(&college, "credential.revoked", at, json!({})).await;
    listed(&college, 3).await;
    for (query, expected) in [
        ("status=valid", vec!["b"]),
        ("status=expired", vec!["a"]),
        ("status=revoked", vec!["c"]),
        ("status=pending", vec![]),
        ("badgeId=b1", vec!["a", "b"]),
        ("recipientEmail=ana@example.com", vec!["a", "c"]),
        ("expires_before=2099-02-01T00:00:00Z", vec!["a"]),
        ("expires_before=2099-02-01T00:00:00.001Z", vec!["a", "b"]),
        ("status=expired&badgeId=b2", vec![]),
        ("badgeId=b1&limit=1&offset=1", vec!["b"]),
    ] {
        let page = college
            .api
            .get(&format!("credentials?{query}"))
            .await
            .expect(200);
        assert_eq!(ids(&page), expected, "{query}");
        assert!(page["watermark"].is_string(), "{query}");
    }
    for (query, place) in [
        ("status=gone", "?status"),
        ("limit=0", "?limit"),
        ("offset=1001", "?offset"),
        ("updated_since=2026-01-01", "?updated_since"),
        ("expires_before=soon", "?expires_before"),
        ("cursor=abc", "?cursor"),
    ] {
        let refused = college.api.get(&format!("credentials?{query}")).await;
        assert_eq!(refused.refusal(422, "validation_error"), [place], "{query}");
    }
}
