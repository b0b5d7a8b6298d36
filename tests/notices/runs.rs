//! What a run says that could not do everything.

use std::time::Duration;

use dynoxide::Database;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::order::{days, told};
use crate::tables;
use crate::world::World;

const ENDS: &str = "2028-02-29T00:00:00Z";
/// More than one page of any shard takes long.
const MANY: usize = 300;

#[tokio::test]
async fn what_a_run_has_no_time_for_the_next_ones_do_once() {
    let end: Timestamp = ENDS.parse().unwrap();
    let mut world = World::start(Database::memory().unwrap(), 1, end - days(1), 0).await;
    for number in 0..MANY {
        world.issue(&format!("c{number}"), end).await;
    }
    world.now = end;
    let mut budget = Duration::ZERO;
    let (mut announced, mut in_part) = (0, 0);
    loop {
        let run = world.run_for(budget, 0, None, SignedDuration::ZERO);
        let report = run.await.unwrap();
        assert_eq!(report.expiry_failures, 0, "{report:?}");
        announced += usize::try_from(report.notices_expired).unwrap();
        assert_eq!(told(&world), [announced, 0], "{report:?}");
        if report.expiry_finished == 1 {
            break;
        }
        assert!(budget > Duration::ZERO || report.notices_expired == 0);
        in_part += usize::from(report.notices_expired > 0);
        // However slow the machine is, one of these does some of it and not all.
        budget = (2 * budget).max(Duration::from_millis(2));
    }
    assert_eq!(announced, MANY);
    assert!(in_part > 0);
    let (seen, _) = world.cost().await;
    assert_eq!(seen.write_units, 0.0);
}

#[tokio::test]
async fn new_reminders_that_there_is_no_time_for_are_not_done() {
    let end: Timestamp = ENDS.parse().unwrap();
    let mut world = World::start(Database::memory().unwrap(), 1, end - days(90), 0).await;
    world.issue("c0", end).await;
    world.remind(0, &[60], true).await;
    world.now += days(1);
    let run = world.run_for(Duration::ZERO, 0, None, SignedDuration::ZERO);
    assert_eq!(run.await.unwrap().expiry_finished, 0);
    let (_, report) = world.cost().await;
    assert_eq!(report.notices_moved_on, 1);
}

#[tokio::test]
async fn a_credential_that_cannot_be_read_keeps_no_other_from_its_new_reminders() {
    let end: Timestamp = ENDS.parse().unwrap();
    let mut world = World::start(Database::memory().unwrap(), 1, end - days(90), 0).await;
    for credential in ["c0", "c1", "c2"] {
        world.issue(credential, end).await;
    }
    let rows = world.backend.rows(tables::CREDENTIALS);
    let is_second = |row: &&Value| row["sk"]["S"] == "credential#c1";
    let mut broken = rows.iter().find(is_second).expect("a row").clone();
    broken["lifecycle"] = json!({"S": "of another commit"});
    world.backend.put(tables::CREDENTIALS, &broken);
    world.remind(0, &[60], true).await;
    world.now += days(1);
    let run = world.run(0, None, SignedDuration::ZERO);
    let report = run.await.unwrap();
    let done = (
        report.notices_moved_on,
        report.expiry_failures,
        report.expiry_finished,
    );
    assert_eq!(done, (2, 1, 1));
    // It is over, and the next run begins nothing of it.
    let (seen, report) = world.cost().await;
    assert_eq!((seen.write_units, report.notices_moved_on), (0.0, 0));
    world.now = end - days(60);
    let run = world.run(0, None, SignedDuration::ZERO);
    assert_eq!(run.await.unwrap().notices_expiring, 2);
}
