//! Execution environments: each function's binary as child processes that take invocations one at a time.
//!
//! An environment that dies is started again; one that is still at work at its function's timeout is killed.
//! Either way its invocation fails, as on Lambda, and no other invocation notices.

mod process;

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use serde::Serialize;
use tokio::{
    process::Child,
    sync::{mpsc, oneshot, watch},
    time::Instant,
};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};
use ulid::Ulid;

use crate::{invoke::InvokeError, template::Function};

/// How long to wait before starting an environment again that never asked for an invocation.
const PAUSE_AFTER_FAILED_START: Duration = Duration::from_secs(1);

/// One invocation on its way through an environment.
pub(crate) struct Invocation {
    pub(crate) id: String,
    pub(crate) payload: Bytes,
    reply: oneshot::Sender<Result<Bytes, InvokeError>>,
}

/// The environments of one function. They end when this is dropped.
pub(crate) struct Environments {
    invocations: mpsc::UnboundedSender<Invocation>,
    _stop: DropGuard,
}

/// All processes that were started, so that they can be ended together.
#[derive(Clone, Default)]
pub(crate) struct Processes {
    supervisors: TaskTracker,
    stop: CancellationToken,
}

impl Processes {
    /// Kills what still runs and waits until it is gone.
    pub(crate) async fn end(&self) {
        self.stop.cancel();
        self.supervisors.close();
        self.supervisors.wait().await;
    }
}

impl Environments {
    /// Starts `count` environments that talk to the Runtime API at `runtime_api` (host and port).
    pub(crate) fn start(
        function: &Function,
        binary: PathBuf,
        count: usize,
        runtime_api: &str,
        registry: &Registry,
        processes: &Processes,
    ) -> Self {
        let stop = processes.stop.child_token();
        let (invocations, waiting) = mpsc::unbounded_channel();
        let pool = Arc::new(Pool {
            function: function.clone(),
            binary,
            runtime_api: runtime_api.to_owned(),
            waiting: tokio::sync::Mutex::new(waiting),
            again: invocations.clone(),
            stop: stop.clone(),
        });
        for _ in 0..count {
            let supervisor = supervise(Arc::clone(&pool), registry.clone());
            processes.supervisors.spawn(supervisor);
        }
        Self {
            invocations,
            _stop: stop.drop_guard(),
        }
    }

    /// Hands an invocation to the next free environment and waits for the answer.
    pub(crate) async fn invoke(&self, payload: Bytes) -> Result<Bytes, InvokeError> {
        let (reply, answer) = oneshot::channel();
        let invocation = Invocation {
            id: Ulid::generate().to_string(),
            payload,
            reply,
        };
        let is_over = |_| InvokeError::failed("Runtime.Exited", "the local stack is stopping");
        self.invocations.send(invocation).map_err(|_| is_over(()))?;
        answer.await.unwrap_or_else(|_| Err(is_over(())))
    }
}

struct Pool {
    function: Function,
    binary: PathBuf,
    runtime_api: String,
    waiting: tokio::sync::Mutex<mpsc::UnboundedReceiver<Invocation>>,
    again: mpsc::UnboundedSender<Invocation>,
    stop: CancellationToken,
}

impl Pool {
    /// Fails a waiting invocation, as Lambda does when an environment does not come up for it.
    fn fail_one(&self, reason: InvokeError) {
        // Another environment that is waiting holds the lock, and will take the invocation.
        if let Ok(mut waiting) = self.waiting.try_lock()
            && let Ok(invocation) = waiting.try_recv()
        {
            invocation.reply.send(Err(reason)).ok();
        }
    }
}

/// One child process, from its start to its end.
pub(crate) struct Environment {
    pool: Arc<Pool>,
    pid: OnceLock<u32>,
    has_started: AtomicBool,
    invocations: AtomicU64,
    work: Mutex<Work>,
    busy_since: watch::Sender<Option<Instant>>,
}

enum Work {
    Idle,
    Busy(String, oneshot::Sender<Result<Bytes, InvokeError>>),
    Gone,
}

impl Environment {
    pub(crate) fn function(&self) -> &Function {
        &self.pool.function
    }

    /// Waits for the next invocation and takes it on. `None` when there will be no more.
    pub(crate) async fn next(&self) -> Option<(String, Bytes)> {
        self.has_started.store(true, Ordering::Relaxed);
        let invocation = self.pool.waiting.lock().await.recv().await?;
        let mut work = self.work();
        if matches!(*work, Work::Gone) {
            // The process died while it waited: the invocation belongs to another one.
            drop(work);
            return self.pool.again.send(invocation).ok().and(None);
        }
        *work = Work::Busy(invocation.id.clone(), invocation.reply);
        self.invocations.fetch_add(1, Ordering::Relaxed);
        self.busy_since.send_replace(Some(Instant::now()));
        Some((invocation.id, invocation.payload))
    }

    /// Ends the invocation `id` with what the function made of it. False when it is not this one's.
    pub(crate) fn complete(&self, id: &str, result: Result<Bytes, InvokeError>) -> bool {
        let mut work = self.work();
        match std::mem::replace(&mut *work, Work::Idle) {
            Work::Busy(current, reply) if current == id => {
                self.busy_since.send_replace(None);
                // The caller may have gone; the invocation counts all the same.
                reply.send(result).ok();
                true
            }
            other => {
                *work = other;
                false
            }
        }
    }

    /// Fails the invocation at work, if any, and takes no more.
    fn end(&self, error: InvokeError) {
        if let Work::Busy(_, reply) = std::mem::replace(&mut *self.work(), Work::Gone) {
            reply.send(Err(error)).ok();
        }
    }

    /// Returns when an invocation is still at work at the function's timeout.
    async fn overdue(&self) {
        let mut busy_since = self.busy_since.subscribe();
        loop {
            let since = *busy_since.borrow_and_update();
            let Some(since) = since else {
                if busy_since.changed().await.is_err() {
                    return std::future::pending().await;
                }
                continue;
            };
            tokio::select! {
                () = tokio::time::sleep_until(since + self.pool.function.timeout) => return,
                _ = busy_since.changed() => {}
            }
        }
    }

    fn work(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The running environments of all functions, by the name in their Runtime API address.
#[derive(Clone, Default)]
pub(crate) struct Registry(Arc<Mutex<HashMap<String, Arc<Environment>>>>);

/// What `GET /_local/environments` says about one environment.
#[derive(Debug, Serialize)]
pub(crate) struct EnvironmentStatus {
    /// The function's binary.
    pub(crate) function: String,
    /// The process.
    pub(crate) pid: u32,
    /// How many invocations it has taken.
    pub(crate) invocations: u64,
}

impl Registry {
    pub(crate) fn find(&self, name: &str) -> Option<Arc<Environment>> {
        self.entries().get(name).cloned()
    }

    /// The running environments, by function and process.
    pub(crate) fn list(&self) -> Vec<EnvironmentStatus> {
        let mut list: Vec<EnvironmentStatus> = self
            .entries()
            .values()
            .filter_map(|environment| {
                Some(EnvironmentStatus {
                    function: environment.function().binary.clone(),
                    pid: *environment.pid.get()?,
                    invocations: environment.invocations.load(Ordering::Relaxed),
                })
            })
            .collect();
        list.sort_by(|a, b| (&a.function, a.pid).cmp(&(&b.function, b.pid)));
        list
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<String, Arc<Environment>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps one environment running until it is told to stop.
async fn supervise(pool: Arc<Pool>, registry: Registry) {
    while !pool.stop.is_cancelled() {
        let name = Ulid::generate().to_string();
        let environment = Arc::new(Environment {
            pool: Arc::clone(&pool),
            pid: OnceLock::new(),
            has_started: AtomicBool::new(false),
            invocations: AtomicU64::new(0),
            work: Mutex::new(Work::Idle),
            busy_since: watch::Sender::new(None),
        });
        registry
            .entries()
            .insert(name.clone(), Arc::clone(&environment));
        let reason = run(&pool, &name, &environment).await;
        registry.entries().remove(&name);
        environment.end(reason.clone());
        if pool.stop.is_cancelled() {
            return;
        }
        tracing::warn!(function = pool.function.binary, %reason, "an environment ended and is started again");
        if !environment.has_started.load(Ordering::Relaxed) {
            pool.fail_one(reason);
            let pause = tokio::time::sleep(PAUSE_AFTER_FAILED_START);
            pool.stop.run_until_cancelled(pause).await;
        }
    }
}

/// Runs one process to its end and says why it ended.
async fn run(pool: &Pool, name: &str, environment: &Environment) -> InvokeError {
    let mut child = match process::spawn(&pool.function, &pool.binary, &pool.runtime_api, name) {
        Ok(child) => child,
        Err(error) => {
            let message = format!("{} cannot be started: {error}", pool.binary.display());
            return InvokeError::failed("Runtime.InvalidEntrypoint", message);
        }
    };
    if let Some(pid) = child.id() {
        tracing::debug!(
            function = pool.function.binary,
            pid,
            "an environment started"
        );
        environment.pid.set(pid).ok();
    }
    process::forward_lines(&pool.function.binary, child.stdout.take());
    process::forward_lines(&pool.function.binary, child.stderr.take());
    tokio::select! {
        status = child.wait() => match status {
            Ok(status) => InvokeError::failed("Runtime.ExitError", format!("the process ended: {status}")),
            Err(error) => InvokeError::failed("Runtime.ExitError", error.to_string()),
        },
        () = environment.overdue() => {
            kill(&mut child).await;
            InvokeError::TimedOut(pool.function.timeout)
        }
        () = pool.stop.cancelled() => {
            kill(&mut child).await;
            InvokeError::failed("Runtime.Exited", "the local stack is stopping")
        }
    }
}

/// Kills a process and waits until it is gone.
async fn kill(child: &mut Child) {
    if let Err(error) = child.kill().await {
        tracing::warn!(%error, "a process could not be killed");
    }
}

#[cfg(test)]
mod tests;
