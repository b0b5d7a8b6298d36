//! What Stripe's own libraries sign for tests is accepted.

use serde_json::{Value, json};

use crate::interop::run;
use crate::source::now;
use crate::stack::Stack;
use crate::stripe::{SECRET, SELLING};
use crate::workspace;

/// Every sample, and bodies that are likely to be signed otherwise.
fn bodies() -> Vec<String> {
    let samples = workspace::files("events/billing/stripe");
    let mut bodies: Vec<String> = samples.iter().map(|path| workspace::read(path)).collect();
    assert!(bodies.len() > 30);
    bodies.push(r#"{"name": "Zoë 🎓 \ud83c\udf93 ação"}"#.to_owned());
    bodies.push(" {\"a\": 1.0,\t\"b\":\r\n 1e3}\n".to_owned());
    bodies
}

#[tokio::test]
#[ignore = "needs the libraries that .ci/run installs"]
async fn a_body_that_stripes_libraries_signed_is_accepted_and_with_a_byte_changed_refused() {
    let stack = Stack::start_with(&SELLING).await;
    let timestamp = now().as_second();
    let bodies = bodies();
    let lines: Vec<Value> = bodies
        .iter()
        .map(|body| json!({"secret": SECRET, "timestamp": timestamp, "body": body}))
        .collect();
    for headers in run("sign_stripe", &lines) {
        for (place, (body, header)) in bodies.iter().zip(headers).enumerate() {
            let answer = stack.stripe_signed(&[&header], body.as_bytes()).await;
            assert_eq!(answer.status, 200, "{header}: {answer:?}");
            let mut changed = body.clone().into_bytes();
            let byte = (place * 997) % changed.len();
            changed[byte] ^= 1;
            let answer = stack.stripe_signed(&[&header], &changed).await;
            assert_eq!(answer.status, 400, "{header}: {answer:?}");
        }
    }
}
