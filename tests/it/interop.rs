//! What we sign, the public libraries of Standard Webhooks accept, and the other way round.
//!
//! The programs in `tests/interop` speak for the libraries. They need what `.ci/run` installs, so these
//! tests run only when asked for: `cargo test -p tests -- --ignored interop`.

use std::io::Write as _;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::Timestamp;
use payload::secret::Secret;
use payload::signature::{ID_HEADER, STANDARD, Signed, TIMESTAMP_HEADER, TOLERANCE};
use serde_json::{Value, json};

use crate::receiver::Receiver;
use crate::stack::Stack;
use crate::{samples, workspace};

const ID: &str = "evt_01ARZ3NDEKTSV4RRFFQ69G5FAV";
/// The secret that a receiver has already and gives to its endpoint.
const OWN_SECRET: &str = "a-secret/of+the-receiver_itself!";

/// The interpreters, and the end of the names of their programs.
const LIBRARIES: [(&str, &str); 2] = [(".venv/bin/python", "py"), ("node", "mjs")];

/// Runs a program of every library on these lines; answers the lines that each printed.
#[track_caller]
pub(crate) fn run(program: &str, lines: &[Value]) -> [Vec<String>; 2] {
    let input: String = lines.iter().map(|line| format!("{line}\n")).collect();
    LIBRARIES.map(|(interpreter, end)| {
        let mut child = Command::new(interpreter)
            .arg(format!("tests/interop/{program}.{end}"))
            .current_dir(workspace::root())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{interpreter} is needed: {error}"));
        let mut stdin = child.stdin.take().unwrap();
        // A program that has ended says why by its exit.
        stdin.write_all(input.as_bytes()).ok();
        drop(stdin);
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{program}.{end} failed");
        let printed: Vec<String> = String::from_utf8(output.stdout)
            .unwrap()
            .lines()
            .map(str::to_owned)
            .collect();
        assert_eq!(printed.len(), lines.len(), "{program}.{end}");
        printed
    })
}

#[track_caller]
fn assert_all(expected: &str, webhooks: &[Value]) {
    assert!(!webhooks.is_empty());
    for (answers, (_, end)) in run("verify", webhooks).iter().zip(LIBRARIES) {
        for (answer, webhook) in answers.iter().zip(webhooks) {
            assert_eq!(answer, expected, "verify.{end} of {webhook}");
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the libraries read the clock themselves"
)]
fn now() -> Timestamp {
    Timestamp::now()
}

/// A secret as the libraries take it: in one form only.
fn for_libraries(secret: &str) -> String {
    match secret.strip_prefix("whsec_") {
        Some(_) => secret.to_owned(),
        None => format!("whsec_{}", BASE64.encode(secret)),
    }
}

fn secrets() -> [String; 3] {
    let generated = [0; 2].map(|_| Secret::generate(&mut rand::rng()).expose().to_owned());
    let [first, second] = generated;
    [first, second, OWN_SECRET.to_owned()]
}

/// The samples, and what is likely to be read otherwise by others.
fn bodies() -> Vec<String> {
    let mut bodies: Vec<String> = samples::all().into_iter().map(|it| it.body).collect();
    bodies.push("{}".to_owned());
    bodies.push(" {\"a\": 1.0,\t\"b\":\r\n 1e3}\n".to_owned());
    bodies.push(r#"{"name": "Zoë 🎓 \ud83c\udf93 ação", "nul": "\u0000"}"#.to_owned());
    bodies.push(json!({"name": "\u{feff}\u{2028}\u{2029}\u{7f}\u{1f393}\u{10ffff}"}).to_string());
    bodies.push(json!({"text": "ã".repeat(128 * 1024)}).to_string());
    bodies
}

/// A webhook as a receiver hands it to its library.
fn webhook(secret: &str, id: &str, at: Timestamp, body: &str) -> Value {
    let secret_of_ours = Secret::parse(secret).unwrap();
    json!({
        "secret": for_libraries(secret),
        "headers": {
            ID_HEADER: id,
            TIMESTAMP_HEADER: at.as_second().to_string(),
            STANDARD.header: STANDARD.sign(&secret_of_ours, id, at, body.as_bytes()),
        },
        "body": body,
    })
}

#[test]
#[ignore = "needs the libraries that .ci/run installs"]
fn what_we_sign_is_accepted() {
    let mut webhooks = Vec::new();
    for secret in secrets() {
        for body in bodies() {
            webhooks.push(webhook(&secret, ID, now(), &body));
        }
    }
    assert_all("ok", &webhooks);
}

#[test]
#[ignore = "needs the libraries that .ci/run installs"]
fn what_was_changed_or_is_old_is_refused() {
    let mut webhooks = Vec::new();
    for secret in secrets() {
        for body in bodies() {
            let good = webhook(&secret, ID, now(), &body);
            let changed = |pointer: &str, value: &str| {
                let mut webhook = good.clone();
                *webhook.pointer_mut(pointer).unwrap() = value.into();
                webhook
            };
            let [another, ..] = secrets();
            let later = now().as_second() + 1;
            let longer = format!("{body} ");
            webhooks.extend([
                changed("/body", &longer),
                changed("/body", &body.replacen('{', "{ ", 1)),
                changed("/secret", &another),
                changed("/headers/webhook-id", "evt_01ARZ3NDEKTSV4RRFFQ69G5FAW"),
                changed("/headers/webhook-timestamp", &later.to_string()),
            ]);
            for minutes in [-6, 6] {
                let at = now() + jiff::SignedDuration::from_mins(minutes);
                webhooks.push(webhook(&secret, ID, at, &body));
            }
        }
    }
    assert_all("refused", &webhooks);
}

#[test]
#[ignore = "needs the libraries that .ci/run installs"]
fn what_the_libraries_sign_we_accept() {
    let at = now();
    let timestamp = at.as_second();
    for secret in secrets() {
        let ours = Secret::parse(&secret).unwrap();
        let secret = for_libraries(&secret);
        let bodies = bodies();
        let lines: Vec<Value> = bodies
            .iter()
            .map(|body| json!({"secret": secret, "id": ID, "timestamp": timestamp, "body": body}))
            .collect();
        for signatures in run("sign", &lines) {
            for (body, signature) in bodies.iter().zip(signatures) {
                let signed = Signed {
                    id: ID,
                    timestamp: &timestamp.to_string(),
                    signature: &signature,
                    body: body.as_bytes(),
                };
                let verified = STANDARD.verify(&ours, signed, at, TOLERANCE);
                assert_eq!(verified, Ok(()), "{signature} of {body}");
            }
        }
    }
}

#[tokio::test]
#[ignore = "needs the libraries that .ci/run installs"]
async fn what_the_stack_delivers_is_accepted() {
    let stack = Stack::start().await;
    let college = stack.create_organization().await;
    let samples = samples::all();
    let mut subscribers = Vec::new();
    for options in [json!({}), json!({"secret": OWN_SECRET})] {
        let receiver = Receiver::content().await;
        let endpoint = college.subscribe_with(&receiver.url, options).await;
        subscribers.push((receiver, endpoint));
    }
    for (number, sample) in samples.iter().enumerate() {
        let keyed = college.api.with("idempotency-key", &number.to_string());
        keyed
            .post_text(&sample.path, &sample.body)
            .await
            .expect(202);
    }
    for (receiver, endpoint) in subscribers {
        let received = receiver.requests(samples.len()).await;
        let webhooks: Vec<Value> = received
            .iter()
            .map(|webhook| {
                let headers = webhook.headers.iter();
                let headers = headers.map(|(name, value)| (name.as_str(), value.to_str().unwrap()));
                json!({
                    "secret": for_libraries(&endpoint.secret),
                    "headers": Value::from_iter(headers),
                    "body": std::str::from_utf8(&webhook.body).unwrap(),
                })
            })
            .collect();
        assert_all("ok", &webhooks);
    }
}
