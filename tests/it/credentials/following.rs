//! Events, followed oldest first: none missed, none twice.

use serde_json::{Value, json};

use crate::faults::{Fault, Faults, Request, Rule};
use crate::routes::items;
use crate::samples::{event_of, issued};
use crate::stack::{Organization, Stack, text, until};

fn ids(list: &[Value]) -> Vec<String> {
    list.iter().map(|event| text(event, "id")).collect()
}

/// Follows the list from a place until it shows so many more events; they, and the place after them.
async fn follow(college: &Organization, from: &str, count: usize) -> (Vec<Value>, String) {
    until("so many events are settled", async || {
        let page = college.api.get(&format!("events?{from}")).await.expect(200);
        if items(&page).len() == count {
            let place = format!("after=&cursor={}", text(&page, "watermark"));
            Ok((items(&page).to_vec(), place))
        } else {
            Err(page)
        }
    })
    .await
}

#[tokio::test]
async fn events_are_followed_from_one_of_them_or_from_the_first() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let mut posted = Vec::new();
    for number in 0..5 {
        posted.push(college.post_event(&issued(&format!("c{number}"))).await);
    }
    let (all, end) = follow(&college, "after=", 5).await;
    assert_eq!(ids(&all), posted);
    let after = college
        .api
        .get(&format!("events?after={}", posted[2]))
        .await
        .expect(200);
    assert_eq!(ids(items(&after)), posted[3..]);
    let pages = college.api.pages("events?after=", 2).await;
    assert_eq!(ids(&pages), posted);
    let page = college.api.get("events?after=&limit=2").await.expect(200);
    assert_eq!(page["watermark"], page["next_cursor"]);

    let revoked = college
        .post_event(&event_of("credential.revoked", "c0"))
        .await;
    let (more, _) = follow(&college, &end, 1).await;
    assert_eq!(ids(&more), [&*revoked]);
    let of_type = college
        .api
        .pages("events?after=&type=credential.revoked", 2)
        .await;
    assert_eq!(ids(&of_type), [revoked]);
    // Newest first, as without it.
    assert_eq!(college.api.pages("events", 2).await.len(), 6);
    let other = stack.create_organization().await;
    let theirs = other
        .api
        .get(&format!("events?after={}", posted[0]))
        .await
        .expect(200);
    assert_eq!(
        (items(&theirs).len(), &theirs["next_cursor"]),
        (0, &json!(null))
    );
    let refused = other.api.get("events?after=x").await;
    assert_eq!(refused.refusal(422, "validation_error"), ["?after"]);
}

/// What was begun, and is finished by its sender after others have passed its place, is shown after them.
#[tokio::test]
async fn an_event_that_is_finished_late_is_not_behind_who_follows() {
    let (stack, faults) = Faults::start(&["--environments", "1"]).await;
    let college = stack.create_organization().await;
    let first = college.post_event(&issued("first")).await;
    let killed = Rule::new(Fault::KillAfter, "ingest", Request::claims_a_key);
    let killed = faults.inject(killed);
    college
        .api
        .post_text("events", &issued("begun"))
        .await
        .expect(500);
    let begun = killed.happened(1).await[0].put("event_id");
    let second = college.post_event(&issued("second")).await;
    assert!(begun < second);
    let (seen, place) = follow(&college, "after=", 2).await;
    assert_eq!(ids(&seen), [first.clone(), second.clone()]);

    let finished = college
        .api
        .post_text("events", &issued("begun"))
        .await
        .expect(200);
    assert_eq!(finished["id"], begun);
    let (late, end) = follow(&college, &place, 1).await;
    assert_eq!(ids(&late), [&*begun]);
    let (all, _) = follow(&college, "after=", 3).await;
    assert_eq!(ids(&all), [first, second, begun.clone()]);
    // Named by its id it is where it was shown.
    let third = college.post_event(&issued("third")).await;
    let (rest, _) = follow(&college, &format!("after={begun}"), 1).await;
    assert_eq!(ids(&rest), [&*third]);
    assert_eq!(ids(&follow(&college, &end, 1).await.0), [third]);
}
