//! EventBridge's part: functions that are fired regularly.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::json;
use tokio::time::{Instant, MissedTickBehavior};
use ulid::Ulid;

use crate::{
    clock,
    invoke::Invocable,
    template::{ACCOUNT, REGION, Schedule},
};

/// Fires a schedule for good. The first time is one period from now, as on AWS.
pub(crate) async fn run(target: Arc<Invocable>, schedule: Schedule) {
    let mut ticks = tokio::time::interval_at(Instant::now() + schedule.every, schedule.every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        // A failed run is logged where it fails, and the next one comes.
        target.invoke(event(&schedule, clock::now())).await.ok();
    }
}

/// What the function gets: the schedule's own input, else the standard scheduled event.
pub(crate) fn event(schedule: &Schedule, now: Timestamp) -> Bytes {
    let name = &schedule.name;
    let seconds = Timestamp::from_second(now.as_second()).unwrap_or(now);
    schedule.input.clone().map_or_else(
        || {
            let event = json!({
                "version": "0",
                "id": Ulid::generate().to_string(),
                "detail-type": "Scheduled Event",
                "source": "aws.scheduler",
                "account": ACCOUNT,
                "time": seconds.to_string(),
                "region": REGION,
                "resources": [format!("arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule/default/{name}")],
                "detail": "{}",
            });
            event.to_string().into()
        },
        Bytes::from,
    )
}

/// A schedule to fire by hand when a function has none.
pub(crate) fn by_hand() -> Schedule {
    Schedule {
        name: "by-hand".to_owned(),
        every: Duration::MAX,
        input: None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use tokio::sync::mpsc;

    use super::*;
    use crate::testing::invocable;

    #[tokio::test(start_paused = true)]
    async fn a_schedule_fires_after_each_period() {
        let (fired, mut firings) = mpsc::unbounded_channel();
        let target = invocable(move |event| {
            fired.send(event).unwrap();
            async { Ok(Bytes::new()) }
        });
        let schedule = Schedule {
            name: "Tick".into(),
            every: Duration::from_secs(60),
            input: None,
        };
        let started = Instant::now();
        let running = tokio::spawn(run(Arc::new(target), schedule));
        let event: Value = serde_json::from_slice(&firings.recv().await.unwrap()).unwrap();
        assert_eq!(event["detail-type"], "Scheduled Event");
        firings.recv().await.unwrap();
        assert_eq!(started.elapsed().as_secs(), 120);
        running.abort();
    }
}
