//! What a run does among many credentials of which it has nothing to say.
//!
//! `cargo test --release -p tests --test notices -- --ignored --nocapture`

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use dynoxide::{Database, ImportOptions};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::steps::DAY;
use crate::tables;
use crate::world::World;

const DUE: usize = 1_000;
const SIZES: [usize; 3] = [10_000, 100_000, 1_000_000];
/// Rows that are written at once.
const BATCH: usize = 10_000;

/// Rows like one that the product wrote, each of a credential of its own, in all shards, due on days to come.
fn others(row: &Value, shards: &[String], numbers: std::ops::Range<usize>) -> Vec<Value> {
    let look_at: i64 = row["notice_at"]["N"].as_str().unwrap().parse().unwrap();
    let updated = row["updated"]["S"].as_str().unwrap();
    let (updated, _) = updated.split_once('#').expect("a time before the id");
    let other = |number: usize| {
        let id = format!("other-{number}");
        let later = i64::try_from(number % 1_000).unwrap() * DAY * 1_000;
        let mut row = row.clone();
        row["sk"] = json!({"S": format!("credential#{id}")});
        row["updated"] = json!({"S": format!("{updated}#{id}")});
        row["notice"] = json!({"S": shards[number % shards.len()]});
        row["notice_at"] = json!({"N": (look_at + later).to_string()});
        row
    };
    numbers.map(other).collect()
}

/// What a run asks, and the seconds that it takes.
async fn run_among(size: usize) -> (BTreeMap<String, u64>, f64) {
    let now: Timestamp = "2028-01-30T00:00:00Z".parse().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tables");
    let database = Database::new(file.to_str().unwrap()).unwrap();
    database.enable_bulk_loading().unwrap();
    let mut world = World::start(database.clone(), 1, now, 0).await;
    let end = now + SignedDuration::from_secs(31 * DAY);
    for number in 0..DUE {
        world.issue(&format!("due-{number}"), end).await;
    }
    let other = "other";
    world
        .issue(other, end + SignedDuration::from_secs(365 * DAY))
        .await;
    let rows = world.backend.rows(tables::CREDENTIALS);
    let shards = rows.iter().filter_map(|row| row["notice"]["S"].as_str());
    let shards: BTreeSet<String> = shards.map(str::to_owned).collect();
    let shards: Vec<String> = shards.into_iter().collect();
    assert_eq!(shards.len(), usize::from(state::NOTICE_SHARDS));
    let is_other = |row: &&Value| row["sk"]["S"] == format!("credential#{other}");
    let row = rows.iter().find(is_other).expect("a row that was written");
    let mut written = DUE + 1;
    while written < size {
        let numbers = written..size.min(written + BATCH);
        written = numbers.end;
        let rows = others(row, &shards, numbers).into_iter();
        let rows = rows
            .map(|row| serde_json::from_value(row).unwrap())
            .collect();
        let imported = database.import_items(tables::CREDENTIALS, rows, ImportOptions::default());
        imported.unwrap();
    }
    database.disable_bulk_loading().unwrap();
    world.now += SignedDuration::from_secs(DAY);
    let began = Instant::now();
    let (seen, report) = world.cost().await;
    let seconds = began.elapsed().as_secs_f64();
    assert_eq!(report.notices_expiring, u64::try_from(DUE).unwrap());
    (seen.requests, seconds)
}

#[expect(clippy::print_stdout, reason = "the result is for people")]
#[ignore = "a measurement, of minutes"]
#[test]
fn a_run_asks_as_much_among_a_million_as_among_ten_thousand() {
    let measure = || {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_time().build().unwrap();
        SIZES.map(|size| {
            let (requests, seconds) = runtime.block_on(run_among(size));
            println!("{DUE} due among {size}: {seconds:.2} s, {requests:?}");
            requests
        })
    };
    let thread = std::thread::Builder::new().stack_size(64 << 20);
    let mut requests = thread.spawn(measure).unwrap().join().unwrap();
    // Who an organization is, is read once in three seconds, and by all that begin at once.
    for requests in &mut requests {
        let read = requests.remove("Query AccountsTable").unwrap();
        assert!(read < 200, "{read}");
    }
    assert_eq!(requests[0], requests[1]);
    assert_eq!(requests[1], requests[2]);
}
