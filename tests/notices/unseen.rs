//! Credentials that expire without an announcement: who follows the list of changes sees it all the same.

use dynoxide::Database;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::order::{days, event, told};
use crate::steps::Who;
use crate::tables;
use crate::world::{Sent, World};

const ENDS: &str = "2028-02-29T10:00:00Z";
const C0: Who = Who {
    organization: 0,
    credential: 0,
};

/// Its `updatedAt`.
fn updated(world: &World) -> (Timestamp, String) {
    let rows = world.backend.rows(tables::CREDENTIALS);
    let mut rows = rows.iter();
    let row = rows.find(|row| row["sk"]["S"] == "credential#c0");
    let of = |member: &str| row.expect("a row")[member]["S"].as_str().unwrap();
    (of("updated_at").parse().unwrap(), of("updated").to_owned())
}

/// The first run after it expires changes it, and no other does.
async fn is_seen(world: &mut World, end: Timestamp, events: [usize; 2]) {
    world.now = end - SignedDuration::from_secs(1);
    world.cost().await;
    let before = updated(world);
    let (seen, _) = world.cost().await;
    assert_eq!(seen.write_units, 0.0);
    assert!(before.0 < end);
    world.now = end;
    let (_, report) = world.cost().await;
    assert_eq!(report.notices_moved_on, 1, "{report:?}");
    let (at, place) = updated(world);
    assert!(
        at >= end && at < end + SignedDuration::from_mins(10),
        "{at}"
    );
    assert_eq!(place, format!("{at:.3}#c0"));
    assert_eq!(told(world), events);
    world.now = end + days(1);
    let (seen, _) = world.cost().await;
    assert_eq!(seen.write_units, 0.0);
}

#[tokio::test]
async fn one_that_was_superseded_changes_when_it_expires_and_nothing_is_announced() {
    let end: Timestamp = ENDS.parse().unwrap();
    let mut world = World::start(Database::memory().unwrap(), 1, end - days(90), 0).await;
    let issued = event(&world, "credential.issued", Some(end));
    assert!(world.accept(&issued, None).await);
    let renewed = json!({
        "type": "credential.renewed", "timestamp": world.now.to_string(),
        "data": {"credential": {"id": "c1", "supersedes": "c0"}},
    });
    let renewed = Sent {
        body: renewed.to_string().into_bytes(),
        ..issued
    };
    assert!(world.accept(&renewed, None).await);
    is_seen(&mut world, end, [0, 0]).await;
}

#[tokio::test]
async fn one_that_ends_twice_on_a_day_changes_twice_and_is_announced_once() {
    let end: Timestamp = ENDS.parse().unwrap();
    let mut world = World::start(Database::memory().unwrap(), 1, end - days(1), 0).await;
    let issued = event(&world, "credential.issued", Some(end));
    assert!(world.accept(&issued, None).await);
    world.now = end;
    world.cost().await;
    assert_eq!(told(&world), [1, 0]);
    let later = end + SignedDuration::from_hours(5);
    world.now += SignedDuration::from_hours(1);
    assert!(world.set(C0, Some(later)).await);
    is_seen(&mut world, later, [1, 0]).await;
}

#[tokio::test]
async fn one_that_was_revoked_changes_no_more() {
    let end: Timestamp = ENDS.parse().unwrap();
    let mut world = World::start(Database::memory().unwrap(), 1, end - days(90), 0).await;
    for name in ["credential.issued", "credential.revoked"] {
        let sent = event(&world, name, Some(end));
        assert!(world.accept(&sent, None).await);
    }
    let before = updated(&world);
    world.now = end + days(1);
    let (seen, _) = world.cost().await;
    assert_eq!((seen.write_units, updated(&world)), (0.0, before));
}
