//! A run that is killed before or after each write of a notice.

use dynoxide::Database;
use jiff::{SignedDuration, Timestamp};

use crate::life::Death;
use crate::steps::DAY;
use crate::tables;
use crate::world::World;

/// The claim, the event, the credential, the wake-up.
const WRITES: usize = 4;

/// Ways in which requests that are made at once take turns.
const TURNS: u64 = 8;

/// The events of this type.
fn events(world: &World, name: &str) -> usize {
    let rows = world.backend.rows(tables::EVENTS);
    rows.iter().filter(|row| row["type"]["S"] == name).count()
}

#[tokio::test]
async fn whatever_a_run_was_killed_before_the_next_one_does() {
    let deaths = (0..WRITES).flat_map(|write| [Death::Before(write), Death::After(write)]);
    for death in deaths {
        for turns in 0..TURNS {
            kill(death, turns).await;
        }
    }
}

async fn kill(death: Death, turns: u64) {
    let now: Timestamp = "2028-02-28T12:00:00Z".parse().unwrap();
    let end = now + SignedDuration::from_secs(DAY);
    let mut world = World::start(Database::memory().unwrap(), 1, now, turns).await;
    world.issue("c0", end).await;
    world.now = end;
    let killed = world.run(0, Some(death), SignedDuration::ZERO).await;
    assert!(killed.is_none(), "{death:?}");
    world.replace(0);
    world.now += SignedDuration::from_secs(3_600);
    world.cost().await;
    let told = ["credential.expired", "credential.expiring"].map(|name| events(&world, name));
    assert_eq!(told, [1, 0], "{death:?}, {turns}");
    // Once its credential has moved on, what was not sent is found by recovery.
    let is_sent = world.backend.seen().woken.len() == 1;
    let has_moved_on = matches!(death, Death::After(2) | Death::Before(3));
    assert_eq!(is_sent, !has_moved_on, "{death:?}, {turns}");
    let (seen, _) = world.cost().await;
    assert_eq!(seen.write_units, 0.0, "{death:?}, {turns}");
}
