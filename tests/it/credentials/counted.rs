//! The list by offsets, where a filter matches little of much: nobody loses a row.

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};

use crate::faults::Faults;
use crate::routes::items;
use crate::samples::issued;
use crate::stack::{Organization, Stack, text, until};

/// Rows of a tenth of a megabyte: a request of DynamoDB reads ten of them.
const ROWS: usize = 60;
const PADDING: usize = 100 * 1024;
const REVOKED: [usize; 3] = [2, 49, 55];

fn id(number: usize) -> String {
    format!("c{number:03}")
}

/// Writes credentials behind the stack's back, all as the first one but for their ids, and some of them revoked.
async fn write(faults: &Faults, college: &Organization) {
    let (table, partition) = ("local-CredentialsTable", format!("org#{}", college.id));
    let client = faults.client();
    let text = |text: String| AttributeValue::S(text);
    let first = client
        .get_item()
        .table_name(table)
        .key("pk", text(partition))
        .key("sk", text(format!("credential#{}", id(0))))
        .send();
    let first = first.await.expect("an answer").item.expect("a row");
    let updated = first["updated"].as_s().expect("a text");
    let (at, _) = updated.split_once('#').expect("a time and an id");
    for number in 0..ROWS {
        let mut row = first.clone();
        row.insert("sk".to_owned(), text(format!("credential#{}", id(number))));
        row.insert("updated".to_owned(), text(format!("{at}#{}", id(number))));
        row.insert("padding".to_owned(), text("x".repeat(PADDING)));
        if REVOKED.contains(&number) {
            let lifecycle = row.get_mut("lifecycle").expect("a lifecycle");
            let AttributeValue::M(lifecycle) = lifecycle else {
                panic!("members of a lifecycle")
            };
            lifecycle.insert("reached".to_owned(), text("revoked".to_owned()));
        }
        let put = client.put_item().table_name(table).set_item(Some(row));
        put.send().await.expect("a row is put");
    }
}

fn ids(page: &Value) -> Vec<String> {
    items(page).iter().map(|it| text(it, "id")).collect()
}

#[tokio::test]
async fn a_loop_over_offsets_finds_what_a_filter_matches_however_far_it_lies_apart() {
    let (stack, faults) = Faults::start(&[]).await;
    let college = stack.create_organization().await;
    college.post_event(&issued(&id(0))).await;
    write(&faults, &college).await;
    let api = &college.api;
    let first = until("they are settled", async || {
        let page = api.get("credentials?limit=1").await.expect(200);
        (items(&page).len() == 1).then_some(page).ok_or(())
    })
    .await;
    let expected = REVOKED.map(id);
    for limit in [1, 2, 100] {
        let (mut seen, mut offset) = (Vec::new(), 0);
        loop {
            let path = format!("credentials?status=revoked&limit={limit}&offset={offset}");
            let page = api.get(&path).await.expect(200);
            seen.extend(ids(&page));
            offset += limit;
            if page["pagination"]["total"].as_u64().expect("a number") <= offset {
                break;
            }
        }
        assert_eq!(seen, expected, "{limit} at a time");
    }
    // By cursors a page may be cut short, and the next one goes on.
    let mut seen = Vec::new();
    let (mut cursor, mut cut) = (text(&first, "next_cursor"), 0);
    loop {
        let path = format!("credentials?status=revoked&limit=100&cursor={cursor}");
        let page = api.get(&path).await.expect(200);
        seen.extend(ids(&page));
        let Some(next) = page["next_cursor"].as_str() else {
            break;
        };
        assert_eq!(page["pagination"]["total"], 101, "{page:#}");
        next.clone_into(&mut cursor);
        cut += 1;
    }
    assert_eq!(seen, expected);
    assert!(cut > 0, "pages are of a few megabytes");
}

#[tokio::test]
async fn an_empty_parameter_is_as_good_as_none() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let event = college.post_event(&issued("a")).await;
    college.post_event(&issued("b")).await;
    // As a client writes it that names all there are.
    let path = "credentials?limit=100&status=&badgeId=&recipientEmail=&expires_before=&updated_since=&cursor=&offset=";
    until("both are settled", async || {
        let page = college.api.get(path).await.expect(200);
        (ids(&page) == ["a", "b"]).then_some(()).ok_or(page)
    })
    .await;
    let events = "events?limit=&type=&credential_id=&cursor=";
    let page = college.api.get(events).await.expect(200);
    assert_eq!(items(&page).len(), 2, "{page:#}");
    // Of one credential, oldest first as well.
    let follow = "events?after=&type=&credential_id=a&cursor=";
    let page = until("they are settled", async || {
        let page = college.api.get(follow).await.expect(200);
        (!items(&page).is_empty()).then_some(page).ok_or(())
    })
    .await;
    assert_eq!(ids(&page), [event]);
    assert_eq!(page["data"][0]["credential_id"], json!("a"));
}
