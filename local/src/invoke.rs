//! One way to invoke a function, with two ways behind it: in this process, or in processes of its own.

use std::{collections::HashMap, sync::Arc, time::Duration};

use bytes::Bytes;
use futures::future::BoxFuture;
use lambda_runtime::Context;
use serde::Serialize;
use ulid::Ulid;

use crate::{environments::Environments, template::Function};

/// A function's handler in this process: the bytes of an event to the bytes of its answer.
pub(crate) type Handler =
    Arc<dyn Fn(Bytes, Context) -> BoxFuture<'static, Result<Bytes, InvokeError>> + Send + Sync>;

/// Why an invocation gave no answer.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum InvokeError {
    /// The function answered with an error, panicked or exited.
    #[error("{kind}: {message}")]
    Failed {
        /// The error's type, as the function named it.
        kind: String,
        /// What it said.
        message: String,
    },
    /// The function was still at work when its time was over.
    #[error("Task timed out after {:.2} seconds", .0.as_secs_f64())]
    TimedOut(Duration),
}

impl InvokeError {
    /// An error of the given type.
    pub(crate) fn failed(kind: &str, message: impl Into<String>) -> Self {
        Self::Failed {
            kind: kind.to_owned(),
            message: message.into(),
        }
    }

    /// The JSON that the Lambda Invoke API answers for it.
    pub(crate) fn to_json(&self) -> Bytes {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Answer<'a> {
            error_type: &'a str,
            error_message: &'a str,
        }
        let message = self.to_string();
        let answer = match self {
            Self::Failed { kind, message } => Answer {
                error_type: kind,
                error_message: message,
            },
            Self::TimedOut(_) => Answer {
                error_type: "Sandbox.Timedout",
                error_message: &message,
            },
        };
        serde_json::to_vec(&answer)
            .expect("two strings are always JSON")
            .into()
    }
}

/// A function that can be invoked.
pub(crate) struct Invocable {
    /// What the template says about it.
    pub(crate) function: Function,
    /// What runs it.
    pub(crate) runner: Runner,
}

/// The two ways to run a function.
pub(crate) enum Runner {
    /// A call in this process.
    InProcess(Handler),
    /// The function's binary, behind the Lambda Runtime API.
    Processes(Environments),
}

impl Invocable {
    /// Runs the function once. It runs to its end, or its timeout, even when the caller goes away.
    ///
    /// # Errors
    /// A panic and a timeout are errors of this invocation only.
    pub(crate) async fn invoke(&self, payload: Bytes) -> Result<Bytes, InvokeError> {
        let result = match &self.runner {
            Runner::InProcess(handler) => self.call(handler, payload).await,
            Runner::Processes(environments) => environments.invoke(payload).await,
        };
        if let Err(error) = &result {
            tracing::error!(function = self.function.binary, %error, "the invocation failed");
        }
        result
    }

    async fn call(&self, handler: &Handler, payload: Bytes) -> Result<Bytes, InvokeError> {
        let timeout = self.function.timeout;
        let mut context = Context::default();
        context.request_id = Ulid::generate().to_string();
        context.deadline = deadline_ms(timeout);
        context.invoked_function_arn = self.function.arn();
        let invocation = tokio::time::timeout(timeout, handler(payload, context));
        match tokio::spawn(invocation).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(InvokeError::TimedOut(timeout)),
            Err(error) => Err(InvokeError::failed("Runtime.Panic", panic_message(error))),
        }
    }
}

/// All functions of the stack.
#[derive(Clone)]
pub(crate) struct Functions {
    by_name: HashMap<String, Arc<Invocable>>,
    all: Vec<Arc<Invocable>>,
}

impl Functions {
    /// Makes each function findable by its name, its logical id and its binary.
    pub(crate) fn new(functions: Vec<Invocable>) -> Self {
        let all: Vec<Arc<Invocable>> = functions.into_iter().map(Arc::new).collect();
        let names = |invocable: &Arc<Invocable>| {
            let Function {
                name,
                logical_id,
                binary,
                ..
            } = &invocable.function;
            [name.clone(), logical_id.clone(), binary.clone()]
                .map(|name| (name, Arc::clone(invocable)))
        };
        Self {
            by_name: all.iter().flat_map(names).collect(),
            all,
        }
    }

    /// Finds a function by name, logical id, binary or Amazon Resource Name.
    pub(crate) fn find(&self, name: &str) -> Option<&Arc<Invocable>> {
        self.by_name
            .get(name.rsplit(":function:").next().unwrap_or(name))
    }

    /// Every function.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Invocable>> {
        self.all.iter()
    }
}

/// When an invocation that starts now must have ended, in milliseconds since the epoch, by the clock of the stack:
/// functions hold it against theirs.
pub(crate) fn deadline_ms(timeout: Duration) -> u64 {
    let now = u64::try_from(crate::clock::now().as_millisecond()).unwrap_or_default();
    now.saturating_add(u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX))
}

fn panic_message(error: tokio::task::JoinError) -> String {
    let Ok(panic) = error.try_into_panic() else {
        return "the invocation was cancelled".to_owned();
    };
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("panic")
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::invocable;

    #[tokio::test]
    async fn a_panic_is_an_error_of_one_invocation() {
        let function = invocable(|payload| async move {
            assert!(payload != "bad", "cannot do this");
            Ok(payload)
        });
        let error = function.invoke("bad".into()).await.unwrap_err();
        assert_eq!(error.to_string(), "Runtime.Panic: cannot do this");
        assert_eq!(function.invoke("good".into()).await.unwrap(), "good");
    }

    #[tokio::test(start_paused = true)]
    async fn an_invocation_ends_at_the_functions_timeout() {
        let function = invocable(|_| std::future::pending());
        let error = function.invoke(Bytes::new()).await.unwrap_err();
        assert_eq!(error.to_string(), "Task timed out after 3.00 seconds");
    }

    #[tokio::test]
    async fn a_function_answers_to_each_of_its_names() {
        let functions = Functions::new(vec![invocable(|payload| async { Ok(payload) })]);
        for name in ["worker", "WorkerFunction", "local-WorkerFunction"] {
            assert!(functions.find(name).is_some(), "{name}");
        }
        assert!(functions.find(&functions.all[0].function.arn()).is_some());
        assert!(functions.find("other").is_none());
    }
}
