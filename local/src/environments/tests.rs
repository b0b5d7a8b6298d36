use serde_json::Value;
use tokio::task::JoinHandle;

use super::*;
use crate::{binaries, emulators, runtime_api, testing};

struct Rig {
    environments: Environments,
    registry: Registry,
    processes: Processes,
    runtime_api: JoinHandle<()>,
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.runtime_api.abort();
    }
}

/// Environments of the example `obedient`, which `cargo test` builds.
async fn rig(count: usize, timeout: Duration) -> Rig {
    let binary = binaries::path("examples/obedient").unwrap();
    assert!(
        binary.exists(),
        "run all of `cargo test -p local`: {} is missing",
        binary.display()
    );
    rig_of(binary, count, timeout).await
}

async fn rig_of(binary: PathBuf, count: usize, timeout: Duration) -> Rig {
    let (listener, address) = emulators::listen(0).await.unwrap();
    let registry = Registry::default();
    let processes = Processes::default();
    let runtime_api = tokio::spawn(emulators::serve(
        listener,
        runtime_api::router(registry.clone()),
    ));
    let function = Function {
        timeout,
        ..testing::function()
    };
    let environments = Environments::start(
        &function,
        binary,
        count,
        &address.to_string(),
        &registry,
        &processes,
    );
    Rig {
        environments,
        registry,
        processes,
        runtime_api,
    }
}

impl Rig {
    async fn invoke(&self, payload: &'static str) -> Result<Value, InvokeError> {
        let answer = self
            .environments
            .invoke(Bytes::from_static(payload.as_bytes()))
            .await?;
        Ok(serde_json::from_slice(&answer).unwrap())
    }

    /// Invokes and answers the process that did the work.
    async fn pid(&self) -> u64 {
        self.invoke("1").await.unwrap()["pid"].as_u64().unwrap()
    }
}

const LONG: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_process_answers_invocations_one_after_another() {
    let rig = rig(1, LONG).await;
    assert_eq!(rig.pid().await, rig.pid().await);
    let error = rig.invoke("\"fail\"").await.unwrap_err();
    assert!(error.to_string().contains("told to fail"), "{error}");
    let list = rig.registry.list();
    assert_eq!((list.len(), list[0].invocations), (1, 3));
    assert_eq!(u64::from(list[0].pid), rig.pid().await);
}

#[tokio::test]
async fn a_process_that_dies_fails_its_invocation_and_is_started_again() {
    let rig = rig(1, LONG).await;
    let before = rig.pid().await;
    let error = rig.invoke("\"die\"").await.unwrap_err();
    assert!(
        error.to_string().starts_with("Runtime.ExitError"),
        "{error}"
    );
    assert_ne!(rig.pid().await, before);
}

#[tokio::test]
async fn a_process_past_its_timeout_is_killed() {
    let rig = rig(1, Duration::from_millis(500)).await;
    let before = rig.pid().await;
    let error = rig.invoke("\"hang\"").await.unwrap_err();
    assert_eq!(error.to_string(), "Task timed out after 0.50 seconds");
    assert_ne!(rig.pid().await, before);
}

#[tokio::test]
async fn several_processes_work_side_by_side() {
    let rig = rig(2, LONG).await;
    let hanging = rig.invoke("\"hang\"");
    tokio::pin!(hanging);
    tokio::select! {
        _ = &mut hanging => panic!("it hangs"),
        pid = rig.pid() => assert!(pid > 0),
    }
}

#[tokio::test]
async fn no_process_is_left_when_they_are_ended() {
    let rig = rig(2, LONG).await;
    let process = format!("/proc/{}", rig.pid().await);
    rig.processes.end().await;
    assert!(!std::path::Path::new(&process).exists());
    assert!(rig.registry.list().is_empty());
}

#[tokio::test]
async fn a_binary_that_cannot_start_fails_what_waits_for_it() {
    let rig = rig_of(PathBuf::from("/nonexistent"), 1, LONG).await;
    let error = rig.invoke("1").await.unwrap_err();
    assert!(
        error.to_string().starts_with("Runtime.InvalidEntrypoint"),
        "{error}"
    );
}
