//! Nothing is sent unsigned: without the secrets of an endpoint there is no request.

use std::time::Duration;

use serde_json::Value;

use crate::faults::Faults;
use crate::receiver::Receiver;
use crate::samples::issued;
use crate::stack::{Endpoint, Organization, until};

/// Until every environment has read what was changed.
const CACHED_FOR: Duration = Duration::from_millis(3_100);

/// Gives each of two endpoints what the other one has sealed, which opens at its own place only.
async fn swap(faults: &Faults, college: &Organization, endpoints: [&Endpoint; 2]) {
    let pk = format!("org#{}", college.id);
    let row = async |endpoint: &Endpoint| -> Value {
        let sk = format!("endpoint#{}", endpoint.id);
        faults.row("AccountsTable", &pk, &sk).await
    };
    let (mut one, mut two) = (row(endpoints[0]).await, row(endpoints[1]).await);
    let sealed = one["sealed"].take();
    assert!(
        sealed["S"].is_string() || sealed["B"].is_string(),
        "{sealed}"
    );
    one["sealed"] = two["sealed"].take();
    two["sealed"] = sealed;
    for row in [one, two] {
        faults.put_row("AccountsTable", row).await;
    }
    tokio::time::sleep(CACHED_FOR).await;
}

#[tokio::test]
async fn an_endpoint_whose_secrets_do_not_open_is_sent_nothing_until_they_do() {
    // A message comes back after seven seconds: long before the tenth time the fault is removed.
    let (stack, faults) = Faults::start(&["--parameter", "DeliveryVisibilityTimeout=7"]).await;
    let college = stack.create_organization().await;
    let receivers = [Receiver::content().await, Receiver::content().await];
    let one = college.subscribe(&receivers[0].url).await;
    let two = college.subscribe(&receivers[1].url).await;
    swap(&faults, &college, [&one, &two]).await;

    let event = college.post_event(&issued("a")).await;
    let comes_back = |line: &&String| {
        line.contains(&event) && line.contains("the wake-up comes back") && line.contains("WARN")
    };
    let said = until("both wake-ups come back twice", async || {
        let log = stack.log();
        let said: Vec<String> = log.iter().filter(comes_back).cloned().collect();
        if said.len() >= 4 { Ok(said) } else { Err(said) }
    })
    .await;
    assert!(
        said.iter()
            .all(|line| line.contains("could not open a sealed secret")),
        "{said:#?}"
    );
    for (receiver, endpoint) in receivers.iter().zip([&one, &two]) {
        assert_eq!(receiver.count(), 0);
        let delivery = college.delivery_in(&event, endpoint, "pending").await;
        assert_eq!(delivery["attempts"], 0, "{delivery:#}");
    }

    // It was a fault of ours: nothing is lost by it.
    swap(&faults, &college, [&one, &two]).await;
    for (receiver, endpoint) in receivers.iter().zip([&one, &two]) {
        college.delivery_in(&event, endpoint, "delivered").await;
        let received = receiver.received();
        assert_eq!(received.len(), 1);
        received[0].verify(&endpoint.secret);
    }
}
