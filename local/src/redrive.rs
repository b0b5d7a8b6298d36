//! `local redrive`: asks the running stack to move its dead letters back, and says what became of them.

use std::fmt::Write as _;

use anyhow::{Context, Result, ensure};
use reqwest::{Client, RequestBuilder};
use serde::de::DeserializeOwned;

use crate::queues::{QueueStatus, Redrive};

/// Moves the dead letters of the stack at `url` back and answers what to print.
///
/// # Errors
/// No stack answers there, or it could not do it.
pub(crate) async fn run(url: &str) -> Result<String> {
    let url = url.trim_end_matches('/');
    let http = Client::new();
    let redrives: Vec<Redrive> = ask(url, http.post(format!("{url}/_local/redrive"))).await?;
    let queues: Vec<QueueStatus> = ask(url, http.get(format!("{url}/_local/queues"))).await?;
    Ok(text(&redrives, &queues))
}

async fn ask<T: DeserializeOwned>(url: &str, request: RequestBuilder) -> Result<T> {
    let answer = request.send().await.with_context(|| {
        format!("no local stack answers at {url}: start it with `cargo run -p local`, or say with --url where it is")
    })?;
    let (status, path) = (answer.status(), answer.url().path().to_owned());
    let body = answer.text().await?;
    ensure!(
        status.is_success(),
        "{url} answered {status} to {path}: {body}"
    );
    serde_json::from_str(&body)
        .with_context(|| format!("what answers at {url} is no local stack of certhooks"))
}

/// A sentence for each dead-letter queue, and a line for what each queue holds now.
fn text(redrives: &[Redrive], queues: &[QueueStatus]) -> String {
    let mut text = String::new();
    if redrives.is_empty() {
        text.push_str("No queue of the template has a dead-letter queue.\n");
    }
    for Redrive { from, to, moved } in redrives {
        let sentence = match moved {
            0 => format!("{from} has no message for {to}."),
            1 => format!("1 message was moved from {from} back to {to}."),
            _ => format!("{moved} messages were moved from {from} back to {to}."),
        };
        text.push_str(&sentence);
        text.push('\n');
    }
    for queue in queues {
        let QueueStatus {
            name,
            waiting,
            in_flight,
            delayed,
            ..
        } = queue;
        writeln!(
            text,
            "{name}: {waiting} waiting, {in_flight} in flight, {delayed} delayed"
        )
        .expect("a text takes every text");
    }
    text
}

#[cfg(test)]
mod tests {
    use axum::{Json, Router, routing::post};
    use serde_json::json;

    use super::*;
    use crate::emulators;

    fn redrive(moved: u64) -> Redrive {
        Redrive {
            from: "dead".into(),
            to: "live".into(),
            moved,
        }
    }

    #[test]
    fn each_queue_gets_a_sentence_and_a_line() {
        let queue = QueueStatus {
            name: "live".into(),
            url: "http://127.0.0.1:1/0/live".into(),
            waiting: 3,
            in_flight: 2,
            delayed: 1,
        };
        assert_eq!(
            text(&[redrive(0), redrive(1), redrive(12)], &[queue]),
            "dead has no message for live.\n\
             1 message was moved from dead back to live.\n\
             12 messages were moved from dead back to live.\n\
             live: 3 waiting, 2 in flight, 1 delayed\n"
        );
        assert_eq!(
            text(&[], &[]),
            "No queue of the template has a dead-letter queue.\n"
        );
    }

    #[tokio::test]
    async fn where_no_stack_answers_the_way_out_is_said() {
        let (listener, address) = emulators::listen(0).await.unwrap();
        drop(listener);
        let url = format!("http://{address}/");
        let error = run(&url).await.unwrap_err().to_string();
        assert!(error.contains(&address.to_string()), "{error}");
        assert!(error.contains("cargo run -p local"), "{error}");
        assert!(error.contains("--url"), "{error}");
    }

    #[tokio::test]
    async fn what_answers_and_is_no_local_stack_is_said() {
        let strange = Router::new().route("/odd/_local/redrive", post(async || Json(json!("odd"))));
        let (listener, address) = emulators::listen(0).await.unwrap();
        tokio::spawn(emulators::serve(listener, strange));
        let error = run(&format!("http://{address}")).await.unwrap_err();
        assert!(error.to_string().contains("404"), "{error}");
        let error = run(&format!("http://{address}/odd")).await.unwrap_err();
        assert!(error.to_string().contains("no local stack"), "{error}");
    }
}
