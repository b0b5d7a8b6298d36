//! What `local` says of itself under `/_local/`, and the end of its processes.

use reqwest::Client;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// A list that the stack at this URL gives of itself.
pub(crate) async fn list(http: &Client, stack: &str, what: &str) -> Vec<Value> {
    let url = format!("{stack}/_local/{what}");
    let answer = http.get(url).send().await.expect("local answers");
    answer.json().await.expect("a list")
}

/// Fires a function of the stack at this URL as its schedule would: what it answers.
pub(crate) async fn fire(stack: &str, function: &str) -> Value {
    let url = format!("{stack}/_local/schedules/{function}");
    let answer = Client::new().post(url).send().await.expect("local answers");
    answer.json().await.expect("JSON")
}

/// The processes of a function of the stack at this URL, while functions are processes.
pub(crate) async fn environments(http: &Client, stack: &str, function: &str) -> Vec<u32> {
    let all = list(http, stack, "environments").await;
    all.iter()
        .filter(|environment| environment["function"] == function)
        .filter_map(|environment| environment["pid"].as_u64()?.try_into().ok())
        .collect()
}

/// Kills a process as a crash does: it gets no chance to do anything about it.
pub(crate) fn kill(process: u32) {
    // One that is gone already is as good as killed.
    kill_process(pid(process), Signal::KILL).ok();
}

/// A process by its number.
pub(crate) fn pid(id: u32) -> Pid {
    let id = i32::try_from(id).ok().and_then(Pid::from_raw);
    id.expect("the id of a process")
}
