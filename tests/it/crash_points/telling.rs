//! Whoever tells of an endpoint or a delivery crashes: it is told once, whichever step it died at.

use serde_json::{Value, json};

use crate::crash_points::VISIBILITY_TIMEOUT;
use crate::faults::{Fault, Faults, Request, Rule};
use crate::receiver::{Receiver, Reply};
use crate::samples::issued;
use crate::stack::{Endpoint, Organization, Stack, text, until};

type Step = fn(&Request) -> bool;

/// The steps of telling, after what there is to tell of.
const STEPS: [Step; 3] = [
    Request::claims_a_key,
    Request::writes_an_event,
    Request::sends,
];

/// An organization with an endpoint that there is something to tell of, and one that hears of it.
struct Told {
    college: Organization,
    about: Endpoint,
    listener: Receiver,
}

impl Told {
    /// The endpoint of which it is told answers everything with this status, and is asked once.
    async fn begin(stack: &Stack, status: u16) -> Self {
        let college = stack.create_organization().await;
        let failing = Receiver::start([Reply::Status(status)]).await;
        let once = json!({"retry_schedule": []});
        let about = college.subscribe_with(&failing.url, once).await;
        let listener = Receiver::content().await;
        let hears = json!({"event_types": ["endpoint.*", "delivery.*"]});
        college.subscribe_with(&listener.url, hears).await;
        Self {
            college,
            about,
            listener,
        }
    }

    /// What was told is these, each once and delivered.
    async fn expect(&self, stack: &Stack, expected: &[&str]) {
        self.listener.requests(expected.len()).await;
        until("nothing is on its way", async || {
            match stack.backlog().await {
                0 => Ok(()),
                left => Err(left),
            }
        })
        .await;
        let events = self.college.api.pages("events", 10).await;
        let mut told: Vec<&Value> = events.iter().map(|event| &event["type"]).collect();
        told.retain(|name| *name != "credential.issued");
        told.sort_by_key(|name| name.to_string());
        assert_eq!(told, expected);
        for event in events {
            let path = format!("events/{}/deliveries", text(&event, "id"));
            for delivery in self.college.api.pages(&path, 10).await {
                let is_about = delivery["endpoint_id"] == self.about.id.as_str();
                assert!(
                    is_about || delivery["status"] == "delivered",
                    "{delivery:#}"
                );
            }
        }
    }
}

/// Kills delivery after each of these steps, `first` and those of telling each thing, when the endpoint
/// answered with this status.
async fn check(status: u16, first: Step, expected: &[&str]) {
    let arguments = ["--environments", "1", "--parameter", VISIBILITY_TIMEOUT];
    let (stack, faults) = Faults::start(&arguments).await;
    let each = (0..expected.len()).flat_map(|passing| STEPS.map(|step| (step, passing)));
    for (step, passing) in [(first, 0)].into_iter().chain(each) {
        let told = Told::begin(&stack, status).await;
        let kill = Rule::new(Fault::KillAfter, "delivery", step).after(passing);
        let killed = faults.inject(kill);
        told.college.post_event(&issued("a")).await;
        killed.happened(1).await;
        told.expect(&stack, expected).await;
    }
}

#[tokio::test]
async fn a_delivery_that_was_given_up_is_told_of_by_the_message_that_comes_back() {
    let expected = ["delivery.exhausted", "endpoint.failing"];
    check(500, |request| request.records_as("exhausted"), &expected).await;
}

#[tokio::test]
async fn an_endpoint_that_is_gone_is_told_of_by_the_message_that_comes_back() {
    check(410, Request::writes_an_endpoint, &["endpoint.disabled"]).await;
}

#[tokio::test]
async fn an_endpoint_that_its_owner_disables_is_told_of_when_the_request_is_repeated() {
    let (stack, faults) = Faults::start(&["--environments", "1"]).await;
    for step in [Request::writes_an_endpoint as Step]
        .into_iter()
        .chain(STEPS)
    {
        let told = Told::begin(&stack, 204).await;
        let path = format!("endpoints/{}", told.about.id);
        let disable = || told.college.api.patch(&path, json!({"enabled": false}));
        let killed = faults.inject(Rule::new(Fault::KillAfter, "api", step));
        disable().await.expect(500);
        killed.happened(1).await;
        disable().await.expect(200);
        told.expect(&stack, &["endpoint.disabled"]).await;
    }
}
