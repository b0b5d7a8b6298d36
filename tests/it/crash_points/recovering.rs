//! Recovery crashes, or does not run.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::crash_points::{AFTER_THE_AUDIT, FAILS_ONCE, World};
use crate::faults::{Fault, Request, Rule};
use crate::later::{as_of, recover};
use crate::receiver::Reply;
use crate::samples::issued;
use crate::stack::text;

const RECOVERY: &str = "recovery";

/// A schedule whose wait is too long for the queue: the sweep sends the wake-up.
fn swept() -> Value {
    json!({"retry_schedule": [1_200]})
}

impl World {
    /// Posts the event and waits until its first attempt has failed.
    async fn failed(&self) -> String {
        let event = text(&self.post().await.expect(202), "id");
        self.college
            .delivery_in(&event, &self.endpoint, "retrying")
            .await;
        event
    }

    /// How long until its next attempt has been due for a minute: the audit does not miss it yet.
    #[expect(
        clippy::disallowed_methods,
        reason = "that is counted from the real time"
    )]
    async fn until_swept(&self, event: &str) -> SignedDuration {
        let failed = self.college.delivery(event, &self.endpoint, |_| true).await;
        let due: Timestamp = text(&failed, "next_attempt_at").parse().unwrap();
        due.duration_since(Timestamp::now()) + SignedDuration::from_mins(1)
    }

    /// Runs recovery as if it were so much later; it dies on its way.
    async fn dying_recovery(&self, ahead: SignedDuration) {
        let run = self.stack.try_invoke("RecoveryFunction", as_of(ahead));
        run.await.expect_err("it dies");
    }
}

#[tokio::test]
async fn wake_ups_of_a_sweep_that_died_before_its_watermark_are_sent_again_and_stale() {
    // Long enough for the next run to find the delivery where the first one found it.
    let slow = Reply::Late(Duration::from_secs(5));
    let world = World::start_with([Reply::Status(500), slow], swept()).await;
    let event = world.failed().await;
    let killed = Rule::new(Fault::KillAfter, RECOVERY, Request::sends);
    let killed = world.faults.inject(killed);
    let ahead = world.until_swept(&event).await;
    world.dying_recovery(ahead).await;
    killed.happened(1).await;

    let again = world.faults.inject(Rule::note(RECOVERY, Request::sends));
    recover(&world.stack, ahead).await;
    again.happened(1).await;
    let delivery = world.expect_delivered(&event, 2..=2).await;
    assert_eq!(delivery["attempts"], 2);
}

#[tokio::test]
async fn what_became_due_while_the_sweep_was_down_for_hours_is_sent_by_its_next_run() {
    let world = World::start_with(FAILS_ONCE, swept()).await;
    let event = world.failed().await;
    let report = recover(&world.stack, SignedDuration::from_hours(5)).await;
    assert_eq!(report["sweep_sent"], 1);
    assert_eq!(report["audit_resent"], 0);
    let delivery = world.expect_delivered(&event, 2..=2).await;
    assert_eq!(delivery["attempts"], 2);
}

#[tokio::test]
async fn a_sweep_that_dies_before_it_sends_is_made_up_for_by_the_next_one() {
    let world = World::start_with(FAILS_ONCE, swept()).await;
    let event = world.failed().await;
    let killed = Rule::new(Fault::KillBefore, RECOVERY, Request::sends);
    let killed = world.faults.inject(killed);
    let ahead = world.until_swept(&event).await;
    world.dying_recovery(ahead).await;
    killed.happened(1).await;
    recover(&world.stack, ahead).await;
    world.expect_delivered(&event, 2..=2).await;
}

#[tokio::test]
async fn a_wake_up_that_the_audit_died_before_sending_is_sent_after_its_next_look() {
    let world = World::start([Reply::Status(204)]).await;
    let lost = Rule::new(Fault::LoseMessages, "ingest", Request::sends);
    let _lost = world.faults.inject(lost);
    let event = text(&world.post().await.expect(202), "id");
    let killed = Rule::new(Fault::KillBefore, RECOVERY, Request::sends);
    let killed = world.faults.inject(killed);
    world.dying_recovery(AFTER_THE_AUDIT).await;
    killed.happened(1).await;
    world.expect_pending(&event).await;

    recover(&world.stack, SignedDuration::from_mins(40)).await;
    world.expect_delivered(&event, 1..=1).await;
}

#[tokio::test]
async fn an_event_that_the_index_shows_late_is_found_by_a_later_look() {
    let world = World::start([Reply::Status(204)]).await;
    let lost = Rule::new(Fault::LoseMessages, "ingest", Request::sends);
    let _lost = world.faults.inject(lost);
    let event = text(&world.post().await.expect(202), "id");
    let accepted = world.college.api.get(&format!("events/{event}")).await;
    let accepted: Timestamp = text(&accepted.expect(200), "accepted_at").parse().unwrap();
    let late = world.faults.inject(shown_late(accepted));
    let report = recover(&world.stack, AFTER_THE_AUDIT).await;
    assert_eq!(report["audit_resent"], 0, "{report:#}");
    assert_eq!(late.count(), 8);
    world.expect_pending(&event).await;
    let late = world.faults.inject(shown_late(accepted));
    let report = recover(&world.stack, SignedDuration::from_mins(40)).await;
    assert_eq!(report["audit_resent"], 1, "{report:#}");
    assert_eq!(late.count(), 8);
    world.expect_delivered(&event, 1..=1).await;
}

/// What the audit reads of a minute, in each of its shards, is empty. What is read after it was counted is not.
fn shown_late(minute: Timestamp) -> Rule {
    let minute = minute.strftime("%Y%m%d%H%M").to_string();
    let shards = 8;
    let late = Rule::new(Fault::FindNothing, RECOVERY, move |request| {
        request.audits(&minute)
    });
    late.times(shards)
}

#[tokio::test]
async fn a_replay_that_dies_between_its_rows_and_its_wake_ups_sends_each_webhook_once() {
    const EVENTS: usize = 5;
    let world = World::start([Reply::Status(204)]).await;
    let path = format!("endpoints/{}", world.endpoint.id);
    let enabled = async |enabled: bool| {
        let body = json!({"enabled": enabled});
        world.college.api.patch(&path, body).await.expect(200);
    };
    enabled(false).await;
    let mut events = Vec::new();
    for number in 0..EVENTS {
        let event = world
            .college
            .post_event(&issued(&format!("{number}")))
            .await;
        world
            .college
            .delivery_in(&event, &world.endpoint, "held")
            .await;
        events.push(event);
    }
    enabled(true).await;
    let killed = Rule::new(Fault::KillBefore, "api", Request::sends);
    let killed = world.faults.inject(killed);
    let replay = format!("{path}/replay");
    let replay = world.college.api.post(&replay, json!({}));
    assert!(replay.await.status >= 500, "the function died");
    killed.happened(1).await;
    assert_eq!(world.receiver.count(), 0);

    // The next run finds that the page was begun.
    recover(&world.stack, SignedDuration::ZERO).await;
    for event in &events {
        let delivery = world
            .college
            .delivery_in(event, &world.endpoint, "delivered")
            .await;
        assert_eq!(
            (&delivery["attempts"], &delivery["replays"]),
            (&json!(1), &json!(1))
        );
    }
    assert_eq!(world.receiver.count(), EVENTS);
    let replays = world
        .college
        .api
        .pages(&format!("{path}/replays"), 10)
        .await;
    assert_eq!((replays.len(), &replays[0]["state"]), (1, &json!("done")));
    assert_eq!(replays[0]["replayed"], EVENTS);
}
