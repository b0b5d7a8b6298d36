//! Orders of things that chance finds rarely.

use dynoxide::Database;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::steps::DAY;
use crate::tables;
use crate::world::{Sent, World};

const ENDS: &str = "2028-02-29T00:00:00Z";

pub(crate) fn days(days: i64) -> SignedDuration {
    SignedDuration::from_secs(days * DAY)
}

/// An event of the first organization's credential.
pub(crate) fn event(world: &World, name: &str, end: Option<Timestamp>) -> Sent {
    let (at, end) = (world.now.to_string(), end.map(|end| end.to_string()));
    let credential = json!({"id": "c0", "expires_at": end});
    let body = json!({"type": name, "timestamp": at, "data": {"credential": credential}});
    Sent {
        organization: world.organizations[0].clone(),
        body: body.to_string().into_bytes(),
    }
}

/// How many events say that it has ended, and how many that it will.
pub(crate) fn told(world: &World) -> [usize; 2] {
    let rows = world.backend.rows(tables::EVENTS);
    let is = |row: &Value, name: &str| row["type"]["S"] == name;
    ["credential.expired", "credential.expiring"]
        .map(|name| rows.iter().filter(|row| is(row, name)).count())
}

#[tokio::test]
async fn a_platform_that_says_it_is_over_is_heard_before_us_and_after_us() {
    for is_before in [true, false] {
        let end: Timestamp = ENDS.parse().unwrap();
        let mut world = World::start(Database::memory().unwrap(), 1, end - days(1), 0).await;
        let issued = event(&world, "credential.issued", Some(end));
        assert!(world.accept(&issued, None).await);
        world.now = end + SignedDuration::from_secs(1);
        let over = event(&world, "credential.expired", None);
        if is_before {
            assert!(world.accept(&over, None).await);
        }
        world.cost().await;
        assert_eq!(told(&world), [1, 0]);
        if !is_before {
            assert!(world.accept(&over, None).await);
        }
        // Another date renews nothing that its platform has said to be over.
        world.now = end + days(1);
        let dated = event(&world, "credential.accepted", Some(end + days(90)));
        assert!(world.accept(&dated, None).await);
        world.now = end + days(91);
        world.cost().await;
        assert_eq!(told(&world), [1, 0], "before: {is_before}");
        let renewed = event(&world, "credential.renewed", Some(end + days(120)));
        assert!(world.accept(&renewed, None).await);
        world.cost().await;
        assert_eq!(told(&world), [1, 1], "before: {is_before}");
    }
}

#[tokio::test]
async fn who_still_goes_by_old_reminders_is_over_before_all_get_their_places_by_new_ones() {
    let end: Timestamp = ENDS.parse().unwrap();
    let mut world = World::start(Database::memory().unwrap(), 1, end - days(90), 0).await;
    let issued = event(&world, "credential.issued", None);
    assert!(world.accept(&issued, None).await);
    let stale = event(&world, "credential.accepted", Some(end));
    world.remind(0, &[60], true).await;
    let pause = SignedDuration::from_secs(1);
    world.now += pause;
    world.cost().await;
    world.now += pause;
    assert!(world.accept(&stale, None).await);
    world.now += days(1);
    world.cost().await;
    world.now = end - days(60);
    world.cost().await;
    assert_eq!(told(&world), [0, 1]);
}

#[tokio::test]
async fn what_was_announced_of_one_who_was_erased_is_not_due_for_ever_when_it_is_issued_again() {
    let end: Timestamp = ENDS.parse().unwrap();
    let mut world = World::start(Database::memory().unwrap(), 1, end - days(30), 0).await;
    world.issue("c0", end).await;
    world.cost().await;
    assert_eq!(told(&world), [0, 1]);
    world.now += days(1);
    world.erase("someone@example.com").await;
    world.now += days(1);
    world.issue("c0", end).await;
    world.cost().await;
    let (seen, _) = world.cost().await;
    assert_eq!(seen.write_units, 0.0, "{seen:?}");
    assert_eq!(told(&world), [0, 1]);
}
