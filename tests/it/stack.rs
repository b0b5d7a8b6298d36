//! A running stack: the program `local` as a user starts it, on a free port and without kept state.

use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use rustix::process::{Signal, kill_process, kill_process_group};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout};

use crate::caller::Caller;
use crate::canaries::Canaries;
use crate::control::{environments, list, pid};
use crate::logged::Logged;
use crate::{stripe, workspace};

/// A start with `--processes` may have to compile the functions first.
const START_DEADLINE: Duration = Duration::from_secs(600);
/// How long anything that must happen may take.
pub(crate) const DEADLINE: Duration = Duration::from_mins(6);

/// A running stack. It ends, with all its processes, when it is dropped.
pub(crate) struct Stack {
    pub(crate) url: String,
    pub(crate) platform_key: String,
    http: reqwest::Client,
    child: Child,
    log: Logged,
    organizations: AtomicU32,
}

/// An organization with a key of its own, by which it is spoken for.
pub(crate) struct Organization {
    pub(crate) id: String,
    pub(crate) api: Caller,
}

/// A subscribed endpoint.
pub(crate) struct Endpoint {
    pub(crate) id: String,
    pub(crate) secret: String,
}

impl Stack {
    /// Starts with the functions in the process of `local`.
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// Starts with further arguments of the command line.
    pub(crate) async fn start_with(arguments: &[&str]) -> Self {
        Self::launch(&[&["--memory"], arguments].concat()).await
    }

    /// Starts on the state in this folder.
    pub(crate) async fn start_on(data: &Path) -> Self {
        let data = data.to_str().expect("the folder has a plain name");
        Self::launch(&["--data", data]).await
    }

    /// Starts with arguments that say where its state is.
    pub(crate) async fn launch(arguments: &[&str]) -> Self {
        let mut child = Command::new(LOCAL.as_path())
            .args(["--json", "--port", "0", "--permissions"])
            .args(arguments)
            .current_dir(workspace::root())
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("local can be started");
        let stderr = child.stderr.take().expect("stderr is piped");
        let stdout = child.stdout.take().expect("stdout is piped");
        let log = Logged::from(stderr);
        let (says, said) = oneshot::channel();
        std::thread::spawn(move || {
            let mut line = String::new();
            BufReader::new(stdout).read_line(&mut line).ok();
            says.send(line).ok();
        });
        // From here on a failure shows the log.
        let mut stack = Self {
            url: String::new(),
            platform_key: String::new(),
            http: reqwest::Client::new(),
            child,
            log,
            organizations: AtomicU32::new(0),
        };
        let line = timeout(START_DEADLINE, said)
            .await
            .expect("local says in time where it answers")
            .expect("the reader of its output says what it read");
        let start: Value = serde_json::from_str(&line)
            .unwrap_or_else(|error| panic!("local did not start: {error}, it said {line:?}"));
        stack.url = text(&start, "url");
        stack.platform_key = text(&start, "platform_key");
        stack
    }

    /// Calls with a key, or with none.
    pub(crate) fn caller(&self, key: Option<&str>) -> Caller {
        let (http, url) = (self.http.clone(), self.url.clone());
        Caller::new(
            http,
            url,
            key.map(str::to_owned),
            Arc::clone(&self.log.canaries),
        )
    }

    /// Calls with the platform key, for no organization.
    pub(crate) fn platform(&self) -> Caller {
        self.caller(Some(&self.platform_key))
    }

    /// Makes an organization with a key.
    pub(crate) async fn create_organization(&self) -> Organization {
        let number = self.organizations.fetch_add(1, Ordering::Relaxed);
        let name = format!("College {number}");
        let platform = self.platform();
        let made = platform.post("organizations", json!({"name": name})).await;
        let id = text(&made.expect(201), "id");
        let key = self.create_key(&id, json!({})).await;
        Organization {
            api: self.caller(Some(&text(&key, "key"))),
            id,
        }
    }

    /// Makes a key of an organization; the answer holds it.
    pub(crate) async fn create_key(&self, organization: &str, options: Value) -> Value {
        let path = format!("organizations/{organization}/keys");
        self.platform().post(&path, options).await.expect(201)
    }

    /// What an invocation carries of a request's body must not come up in the log.
    fn plant_invocation(&self, payload: &[u8]) {
        let invocation: Option<Value> = serde_json::from_slice(payload).ok();
        let body = invocation.as_ref().and_then(|it| it["body"].as_str());
        let body = body.unwrap_or_default().as_bytes();
        match invocation.as_ref().and_then(|it| it["rawPath"].as_str()) {
            Some(stripe::PATH) => self.canaries().plant_people(body),
            _ => self.canaries().plant_body(body),
        }
    }

    /// Invokes a function by its name in the template, as `aws lambda invoke` does.
    pub(crate) async fn invoke(&self, function: &str, payload: Vec<u8>) -> Value {
        let invoked = self.try_invoke(function, payload).await;
        invoked.unwrap_or_else(|error| panic!("{function} failed: {error}"))
    }

    /// The same; the error is what Lambda says of a function that failed.
    pub(crate) async fn try_invoke(
        &self,
        function: &str,
        payload: Vec<u8>,
    ) -> Result<Value, Value> {
        let url = format!("{}/2015-03-31/functions/{function}/invocations", self.url);
        self.plant_invocation(&payload);
        let answer = self.http.post(url).body(payload).send().await;
        let answer = answer.expect("the Invoke API answers");
        assert_eq!(answer.status(), 200);
        let has_failed = answer.headers().contains_key("x-amz-function-error");
        let body = answer.json().await.expect("an invocation answers JSON");
        if has_failed { Err(body) } else { Ok(body) }
    }

    /// What must not come up in the log.
    pub(crate) fn canaries(&self) -> &Canaries {
        &self.log.canaries
    }

    /// What the stack has logged so far.
    pub(crate) fn log(&self) -> Vec<String> {
        self.log.lines()
    }

    /// The processes of a function, while functions are processes.
    pub(crate) async fn environments(&self, function: &str) -> Vec<u32> {
        environments(&self.http, &self.url, function).await
    }

    /// The queues with what they hold.
    pub(crate) async fn queues(&self) -> Vec<Value> {
        list(&self.http, &self.url, "queues").await
    }

    /// How many wake-ups are in the queue, waiting, in flight or delayed.
    pub(crate) async fn backlog(&self) -> u64 {
        let queues = self.queues().await;
        let queue = queues
            .iter()
            .find(|queue| queue["name"] == "local-DeliveryQueue");
        let queue = queue.expect("the queue of the wake-ups");
        let count = |name: &str| queue[name].as_u64().expect("a number");
        count("waiting") + count("in_flight") + count("delayed")
    }
}

impl Organization {
    /// Subscribes a URL to everything, with further members of the configuration.
    pub(crate) async fn subscribe_with(&self, url: &str, members: Value) -> Endpoint {
        let mut body = json!({"url": url, "event_types": ["*"]});
        let (Value::Object(all), Value::Object(members)) = (&mut body, members) else {
            panic!("members of an object")
        };
        all.extend(members);
        let endpoint = self.api.post("endpoints", body).await.expect(201);
        Endpoint {
            id: text(&endpoint, "id"),
            secret: text(&endpoint, "secret"),
        }
    }

    /// Subscribes a URL to everything.
    pub(crate) async fn subscribe(&self, url: &str) -> Endpoint {
        self.subscribe_with(url, json!({})).await
    }

    /// Posts an event that must be new, and answers its id.
    pub(crate) async fn post_event(&self, event: &str) -> String {
        text(&self.api.post_text("events", event).await.expect(202), "id")
    }

    /// The one delivery of an event to an endpoint, once `is_there` holds for it.
    pub(crate) async fn delivery(
        &self,
        event: &str,
        endpoint: &Endpoint,
        is_there: impl Fn(&Value) -> bool,
    ) -> Value {
        let path = format!("events/{event}/deliveries/{}", endpoint.id);
        until(&path, async || {
            let delivery = self.api.get(&path).await.expect(200);
            if is_there(&delivery) {
                Ok(delivery)
            } else {
                Err(delivery)
            }
        })
        .await
    }

    /// The delivery of an event to an endpoint, once it has this status.
    pub(crate) async fn delivery_in(
        &self,
        event: &str,
        endpoint: &Endpoint,
        status: &str,
    ) -> Value {
        self.delivery(event, endpoint, |delivery| delivery["status"] == status)
            .await
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        let group = pid(self.child.id());
        // Asked to end, `local` ends its processes; what is left of the group is killed.
        kill_process(group, Signal::TERM).ok();
        let ended = (0..100).any(|_| {
            std::thread::sleep(Duration::from_millis(10));
            !matches!(self.child.try_wait(), Ok(None))
        });
        kill_process_group(group, Signal::KILL).ok();
        if !ended {
            self.child.wait().ok();
        }
        self.log.end();
    }
}

/// Runs `local` to its end.
pub(crate) async fn run_local(arguments: &[&str]) -> Output {
    let mut command = Command::new(LOCAL.as_path());
    command.args(arguments).current_dir(workspace::root());
    let output = tokio::task::spawn_blocking(move || command.output()).await;
    output.expect("no panic").expect("local can be started")
}

/// What `local redrive` says about the stack at `url`.
pub(crate) async fn redrive(url: &str) -> String {
    let output = run_local(&["redrive", "--url", url]).await;
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("a text")
}

/// Asks again and again until the answer is `Ok`; past the deadline the test fails with the last `Err`.
pub(crate) async fn until<T, E: std::fmt::Debug>(
    what: &str,
    ask: impl AsyncFn() -> Result<T, E>,
) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        match ask().await {
            Ok(answer) => return answer,
            Err(last) if Instant::now() > deadline => {
                panic!("not within {DEADLINE:?}: {what}; the last answer was {last:#?}")
            }
            Err(_) => sleep(Duration::from_millis(50)).await,
        }
    }
}

/// A member that must be a text.
#[track_caller]
pub(crate) fn text(object: &Value, member: &str) -> String {
    let text = object[member].as_str();
    text.unwrap_or_else(|| panic!("no text `{member}` in {object:#}"))
        .to_owned()
}

/// Builds `local` with the profile of the tests, once, and answers where it is.
static LOCAL: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = workspace::artifacts();
    let profile = match folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(name) => name,
    };
    let built = Command::new(workspace::cargo())
        .args(["build", "--quiet", "--locked", "--package", "local"])
        .args(["--profile", profile])
        .arg("--target-dir")
        .arg(
            folder
                .parent()
                .expect("a profile's folder is in the target folder"),
        )
        .current_dir(workspace::root())
        .stdin(Stdio::null())
        .status()
        .expect("cargo can be started");
    assert!(built.success(), "local cannot be built");
    folder.join("local")
});
