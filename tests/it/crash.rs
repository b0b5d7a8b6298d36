//! Processes that die: the functions run as on Lambda, and are killed at work.

use std::collections::HashMap;
use std::time::Duration;

use futures::stream::{self, StreamExt as _};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use crate::control::kill;
use crate::receiver::{Receiver, Reply};
use crate::samples::issued;
use crate::stack::{DEADLINE, Stack, text, until};

const EVENTS: usize = 500;
const CONNECTIONS: usize = 8;
/// How often every process of the delivery function is killed.
const ROUNDS: usize = 5;
/// Events that are posted while the function that accepts them is killed.
const POSTED: usize = 40;

async fn start() -> Stack {
    Stack::start_with(&[
        "--processes",
        "--environments",
        "2",
        "--parameter",
        "DeliveryVisibilityTimeout=2",
    ])
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn killing_the_delivery_function_in_the_middle_of_500_events_loses_none() {
    let stack = start().await;
    let college = stack.create_organization().await;
    // Slow enough that a killed process is in the middle of requests.
    let receiver = Receiver::start([Reply::Late(Duration::from_millis(40))]).await;
    college.subscribe(&receiver.url).await;

    let post_all = async {
        let posts = (0..EVENTS).map(|number| {
            let api = college.api.clone();
            async move {
                let event = issued(&format!("{number}"));
                text(&api.post_text("events", &event).await.expect(202), "id")
            }
        });
        let posts = stream::iter(posts).buffer_unordered(CONNECTIONS);
        posts.collect::<Vec<String>>().await
    };
    let kill_in_the_middle = async {
        let mut killed = 0;
        for round in 0..ROUNDS {
            // Each time some more have arrived, and far from all.
            receiver
                .requests_within((round + 1) * EVENTS / 10, DEADLINE)
                .await;
            for environment in stack.environments("delivery").await {
                kill(environment);
                killed += 1;
            }
        }
        let arrived = receiver.count();
        assert!(
            arrived < EVENTS,
            "the last kill was not in the middle: {arrived} had arrived"
        );
        killed
    };
    let (posted, killed) = tokio::join!(post_all, kill_in_the_middle);
    assert!(killed >= ROUNDS, "only {killed} processes were killed");

    let arrivals = |receiver: &Receiver| {
        let mut arrivals: HashMap<String, usize> = HashMap::new();
        for webhook in receiver.received() {
            *arrivals.entry(webhook.id().to_owned()).or_default() += 1;
        }
        arrivals
    };
    let deadline = Instant::now() + DEADLINE;
    loop {
        let arrived = arrivals(&receiver);
        let lost = posted
            .iter()
            .filter(|event| !arrived.contains_key(*event))
            .count();
        if lost == 0 {
            break;
        }
        let duplicates = receiver.count() - arrived.len();
        assert!(
            Instant::now() < deadline,
            "{lost} of {EVENTS} events are lost after {killed} kills, with {duplicates} duplicates"
        );
        sleep(Duration::from_millis(100)).await;
    }
    until("every delivery reads delivered", async || {
        let deliveries = college.api.pages("deliveries", 100).await;
        assert_eq!(deliveries.len(), EVENTS);
        let open = deliveries
            .iter()
            .filter(|delivery| delivery["status"] != "delivered");
        let open: Vec<_> = open.cloned().collect();
        let duplicates = receiver.count() - EVENTS;
        if open.is_empty() {
            Ok(())
        } else {
            Err(format!(
                "{} are open, with {duplicates} duplicates: {:#}",
                open.len(),
                open[0]
            ))
        }
    })
    .await;
    // A process dies with at most one batch of ten, and each of them may be sent once more.
    let duplicates = receiver.count() - EVENTS;
    assert!(
        duplicates <= killed * 10,
        "{duplicates} duplicates after {killed} kills"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_accepted_event_is_kept_when_its_ingest_process_is_killed() {
    let stack = start().await;
    let college = stack.create_organization().await;
    let receiver = Receiver::content().await;
    let endpoint = college.subscribe(&receiver.url).await;
    let (progress, made) = watch::channel(0);
    let post_all = async {
        let mut accepted = Vec::new();
        for number in 0..POSTED {
            let event = issued(&format!("{number}"));
            // A sender repeats what was not answered with success.
            let id = until("the event is accepted", async || {
                let answer = college.api.post_text("events", &event).await;
                match answer.status {
                    200 | 202 => Ok(text(&answer.body, "id")),
                    500 => Err(answer.body),
                    _ => panic!("{answer:?}"),
                }
            })
            .await;
            accepted.push(id);
            progress.send_replace(accepted.len());
        }
        accepted
    };
    let kill_often = async {
        for round in 1..POSTED {
            made.clone().wait_for(|made| *made >= round).await.unwrap();
            // From one kill to the next a little later in the request that is on its way by now.
            sleep(Duration::from_millis(round as u64 % 12)).await;
            for environment in stack.environments("ingest").await {
                kill(environment);
            }
        }
    };
    let (accepted, ()) = tokio::join!(post_all, kill_often);
    for event in &accepted {
        college.delivery_in(event, &endpoint, "delivered").await;
    }
    assert_eq!(college.api.pages("events", 100).await.len(), accepted.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_whose_process_dies_before_the_answer_is_made_again_with_the_same_id() {
    let stack = start().await;
    let college = stack.create_organization().await;
    let receiver = Receiver::start([Reply::Hang, Reply::Status(204)]).await;
    let endpoint = college.subscribe(&receiver.url).await;
    let event = college.post_event(&issued("a")).await;
    receiver.requests(1).await;
    for environment in stack.environments("delivery").await {
        kill(environment);
    }
    let received = receiver.requests(2).await;
    assert_eq!((received[0].id(), received[1].id()), (&*event, &*event));
    assert_eq!(received[0].body, received[1].body);
    let delivery = college.delivery_in(&event, &endpoint, "delivered").await;
    // The attempt that died was not recorded: what is counted is what is known.
    assert_eq!(delivery["attempts"], 1);
}
