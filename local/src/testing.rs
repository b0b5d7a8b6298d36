//! Tiny functions for the tests of the machinery.

use std::{collections::BTreeMap, future::Future, sync::Arc, time::Duration};

use bytes::Bytes;
use futures::FutureExt;

use crate::{
    invoke::{Invocable, InvokeError, Runner},
    template::{Function, Permissions, Route},
};

/// What the template would say about a function called `worker` with a timeout of three seconds.
pub(crate) fn function() -> Function {
    Function {
        logical_id: "WorkerFunction".into(),
        name: "local-WorkerFunction".into(),
        binary: "worker".into(),
        timeout: Duration::from_secs(3),
        memory_size: 128,
        environment: BTreeMap::new(),
        permissions: Permissions::default(),
        routes: Vec::new(),
        queues: Vec::new(),
        schedules: Vec::new(),
    }
}

/// A function in this process.
pub(crate) fn invocable<F, Fut>(handler: F) -> Invocable
where
    F: Fn(Bytes) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Bytes, InvokeError>> + Send + 'static,
{
    let handler = Arc::new(move |payload, _| handler(payload).boxed());
    Invocable {
        function: function(),
        runner: Runner::InProcess(handler),
    }
}

/// A route from its words in the template, such as `POST /a/{id}`.
pub(crate) fn route(text: &str) -> Route {
    let (method, path) = text.split_once(' ').unwrap_or(("ANY", text));
    Route {
        method: (method != "ANY").then(|| method.to_owned()),
        path: path.to_owned(),
    }
}
