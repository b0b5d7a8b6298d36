//! No event that was answered with success is lost, whatever fails.
//!
//! Clients post, receivers fail, processes die and requests between the functions, DynamoDB and SQS go
//! wrong, all at random out of one seed, which a failure shows. Then the faults stop, recovery gets the
//! time it needs, and each event must be accounted for at each endpoint.

mod clients;
mod receivers;
mod result;
mod world;

use std::time::Duration;

use jiff::SignedDuration;
use tokio::time::{Instant, sleep};

use crate::faults::{Chances, Fault, Rule, seed};
use crate::later::as_of;
use crate::no_loss::clients::{post_all, repeat, with_own_id};
use crate::no_loss::result::Result;
use crate::no_loss::world::{World, count};

/// What happens to the requests of ingest and delivery, per million.
const AT_WORK: &[(Fault, u32)] = &[
    (Fault::Throttle, 6_000),
    (Fault::Fail, 3_000),
    (Fault::DropAnswer, 3_000),
    (Fault::TimeOut, 300),
    (Fault::KillBefore, 200),
    (Fault::KillAfter, 200),
    (Fault::LoseMessage, 10_000),
    (Fault::DuplicateMessages, 10_000),
];
/// The same of recovery, whose runs are few.
const IN_RECOVERY: &[(Fault, u32)] = &[
    (Fault::Throttle, 10_000),
    (Fault::DropAnswer, 5_000),
    (Fault::KillBefore, 3_000),
    (Fault::KillAfter, 3_000),
    (Fault::LoseMessage, 50_000),
    (Fault::DuplicateMessages, 50_000),
];
/// Recovery looks this far ahead while events are posted: so it takes for lost what is half a minute old,
/// not only what is five minutes old.
const AHEAD: SignedDuration = SignedDuration::from_secs(4 * 60 + 30);
/// From one of its runs to the next.
const PERIOD: Duration = Duration::from_secs(4);

#[tokio::test(flavor = "multi_thread")]
async fn of_5_000_events_none_is_lost() {
    check(5_000).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes the better part of an hour"]
async fn of_100_000_events_none_is_lost() {
    check(100_000).await;
}

async fn check(count: usize) {
    let started = Instant::now();
    let seed = seed();
    let world = World::start(seed, "6").await;
    // One receiver does not work for a while: what is due for it then is deferred.
    let _deferred = world
        .faults
        .inject(Rule::note("delivery", |request| request.defers()));
    let functions: &[&str] = &["ingest", "delivery"];
    for (functions, per_million) in [(functions, AT_WORK), (&["recovery"], IN_RECOVERY)] {
        world.faults.roll(Chances {
            seed,
            functions,
            per_million,
        });
    }

    let mut result = Result::of(seed);
    let api = |number: usize| &world.college_of(number).organization.api;
    let posted = tokio::select! {
        posted = post_all(count, api) => posted,
        () = recover_again_and_again(&world, &mut result.late) => unreachable!("it never ends"),
    };
    world.faults.stop();
    let (log, late) = world.settle().await;
    result.late += late;

    for college in &world.colleges {
        let of_college = |number: &usize| std::ptr::eq(world.college_of(*number), college);
        let own = (0..count).filter(of_college).map(|number| &*posted[number]);
        let own: Vec<&str> = own.collect();
        result.add(&world, college, &own, &log).await;
    }
    result.finish(&world, started);
    assert_eq!(result.accepted, count);
    assert!(result.delivered > count && result.exhausted > 0 && result.held > 0);
    assert!(result.faults.len() >= 7, "not every fault happened");
}

/// Runs recovery, which may die each time, and counts what its runs report.
async fn recover_again_and_again(world: &World, resent: &mut u64) {
    loop {
        sleep(PERIOD).await;
        let run = world.stack.try_invoke("RecoveryFunction", as_of(AHEAD));
        if let Ok(report) = run.await {
            *resent += count(&report, "audit_resent");
        }
    }
}

/// How many clients have an id of their own.
const OWN_IDS: usize = 200;
/// What happens to ingest meanwhile, whose processes all die with one request in seventeen.
const KILLED_ALL_THE_TIME: &[(Fault, u32)] =
    &[(Fault::KillBefore, 30_000), (Fault::KillAfter, 30_000)];

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_repeat_their_own_event_ids_while_ingest_is_killed_have_each_event_once() {
    let started = Instant::now();
    let seed = seed();
    let world = World::start(seed, "2").await;
    world.faults.roll(Chances {
        seed,
        functions: &["ingest"],
        per_million: KILLED_ALL_THE_TIME,
    });
    let college = &world.colleges[0];
    let mut posted = Vec::new();
    for number in 0..OWN_IDS {
        posted.push(repeat(&college.organization.api, &with_own_id(number)).await);
    }
    world.faults.stop();
    let (log, late) = world.settle().await;
    let mut result = Result::of(seed);
    result.late = late;
    let posted: Vec<&str> = posted.iter().map(String::as_str).collect();
    result.add(&world, college, &posted, &log).await;
    result.finish(&world, started);
    let kills: usize = result.faults.values().sum();
    assert!(kills >= OWN_IDS / 10, "only {kills} kills");
}
