//! What becomes of notices when their events are no longer kept.

use dynoxide::Database;
use jiff::{SignedDuration, Timestamp};
use payload::id::EventId;

use crate::life::Death;
use crate::order::{days, event, told};
use crate::tables;
use crate::world::World;

const ENDS: &str = "2028-02-29T00:00:00Z";
const KEPT_FOR: u8 = 7;

/// A world whose credential `c0` has just ended, after a run that ended so.
async fn ended(death: Option<Death>) -> World {
    let end: Timestamp = ENDS.parse().unwrap();
    let mut world = World::start(Database::memory().unwrap(), 1, end - days(1), 0).await;
    world.keep_for(KEPT_FOR);
    let issued = event(&world, "credential.issued", Some(end));
    assert!(world.accept(&issued, None).await);
    world.now = end;
    let report = world.run(0, death, SignedDuration::ZERO).await;
    assert_eq!(report.is_some(), death.is_none());
    world.replace(0);
    world
}

#[tokio::test]
async fn what_was_claimed_and_never_written_is_announced_by_an_event_that_is_kept_as_long_as_others()
 {
    for death in [Death::Before(0), Death::After(0), Death::Before(1)] {
        // An hour, almost as long as events are kept, and longer.
        for hours in [1, 24 * 7 - 1, 24 * 8] {
            let mut world = ended(Some(death)).await;
            world.now += SignedDuration::from_hours(hours);
            world.forget();
            let (_, report) = world.cost().await;
            assert_eq!(report.notices_expired, 1, "{death:?}, {hours}");
            let rows = world.backend.rows(tables::EVENTS).into_iter();
            let mut rows = rows.filter(|row| row["type"]["S"] == "credential.expired");
            let row = rows.next().expect("an event");
            let id: EventId = row["sk"]["S"].as_str().unwrap().parse().unwrap();
            assert!(id.created_at() >= world.now, "{death:?}, {hours}");
            assert!(rows.next().is_none());
            let (seen, _) = world.cost().await;
            assert_eq!(seen.write_units, 0.0, "{death:?}, {hours}");
        }
    }
}

#[tokio::test]
async fn who_may_still_write_an_event_that_was_claimed_keeps_its_claim() {
    let mut world = ended(Some(Death::After(0))).await;
    let began_at = world.now;
    world.now += SignedDuration::from_mins(19);
    let (_, report) = world.cost().await;
    assert_eq!(report.notices_repeated, 1, "{report:?}");
    let rows = world.backend.rows(tables::EVENTS).into_iter();
    let mut rows = rows.filter(|row| row["type"]["S"] == "credential.expired");
    let row = rows.next().expect("an event");
    let id: EventId = row["sk"]["S"].as_str().unwrap().parse().unwrap();
    assert!(id.created_at() < began_at + SignedDuration::from_mins(1));
}

#[tokio::test]
async fn what_was_announced_stays_so_when_its_event_is_gone() {
    for death in [None, Some(Death::After(2))] {
        for is_dated in [true, false] {
            let mut world = ended(death).await;
            world.now += days(8);
            world.forget();
            assert_eq!(told(&world), [0, 0]);
            let end = is_dated.then(|| ENDS.parse().unwrap());
            for _ in 0..2 {
                world.cost().await;
                assert_eq!(told(&world), [0, 0], "{death:?}, {is_dated}");
                // Its platform says it too, in its own time.
                let over = event(&world, "credential.expired", end);
                assert!(world.accept(&over, None).await);
                world.now += days(1);
            }
        }
    }
    // Before DynamoDB deletes it, its row tells.
    let mut world = ended(Some(Death::After(1))).await;
    world.now += days(8);
    let (_, report) = world.cost().await;
    assert_eq!((report.notices_repeated, told(&world)), (1, [1, 0]));
}
