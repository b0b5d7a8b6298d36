//! The running stack: emulators, functions, gateway, queue mappings and schedules, wired as the template says.

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, sync::Arc};

use anyhow::{Context, Result};
use axum::{Router, serve::ListenerExt};
use jiff::Timestamp;
use payload::billing::access::{Access, Entitlement, Step};
use serde_json::json;
use state::Accounts;
use tokio::{net::TcpListener, task::JoinSet};

use crate::{
    binaries, clock, control,
    emulators::{self, DYNAMODB_URL, Emulators},
    environments::{Environments, Processes, Registry},
    event_source::EventSource,
    functions,
    gateway::{self, Gateway},
    guard::{self, Guard},
    inbox::{self, Inbox},
    invoke::{Functions, Invocable, Runner},
    queues::Queues,
    runtime_api, schedules, secrets,
    template::{Function, Template},
};

/// What the template's table of organizations is called here.
const ACCOUNTS: &str = "local-AccountsTable";
/// How many invocations a queue may start side by side when functions run in this process.
const CONCURRENCY_IN_PROCESS: usize = 200;

/// What to run.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// The template.
    pub(crate) template: PathBuf,
    /// Values for its parameters.
    pub(crate) parameters: BTreeMap<String, String>,
    /// Where to keep the tables; `None` keeps them in memory.
    pub(crate) data: Option<PathBuf>,
    /// The port to answer on; 0 takes a free one.
    pub(crate) port: u16,
    /// How the functions run.
    pub(crate) mode: Mode,
    /// Whether webhooks may go to this machine and its network.
    pub(crate) allow_private: bool,
    /// Where the functions' requests to the emulators go instead, when they are processes.
    pub(crate) intercept: Option<String>,
    /// Where Stripe's API is asked instead.
    pub(crate) stripe_api: Option<String>,
    /// Whether a function is refused what the template does not allow it in the tables.
    pub(crate) permissions: bool,
}

/// The two ways to run the functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// In this process.
    InProcess,
    /// As processes, so many per function.
    Processes(usize),
}

/// The running stack. Everything stops when it is dropped.
pub(crate) struct Stack {
    /// Where it answers, without a slash at the end.
    pub(crate) url: String,
    /// What endpoints at `/inbox/{name}` have received.
    pub(crate) inbox: Arc<Inbox>,
    _tasks: JoinSet<()>,
    emulators: Emulators,
}

impl Stack {
    /// Starts everything. The returned stack answers. Processes it starts are among `processes`.
    pub(crate) async fn start(options: &Options, processes: &Processes) -> Result<Self> {
        let (listener, address) = emulators::listen(options.port).await?;
        let mut emulators = Emulators::start(options.data.as_deref()).await?;
        let template = Template::load(&options.template, &options.parameters, &emulators.sqs_url)?;
        emulators.create_tables(&template.tables)?;
        let secrets = secrets::provide(&template.secrets, options.data.as_deref())?;
        emulators.serve_secrets(secrets).await?;
        emulators.create_queues(&template.queues).await?;
        let queues = Queues::new(&emulators, &template.queues);

        let mut tasks = JoinSet::new();
        let guard = if options.permissions {
            let guard = Guard::new(&emulators.dynamodb_url, template.functions.iter())?;
            let (guarded, address) = emulators::listen(0).await?;
            tasks.spawn(emulators::serve(guarded, guard::router(guard)));
            Some(address)
        } else {
            None
        };
        let registry = Registry::default();
        let described = template
            .functions
            .into_iter()
            .map(|function| with_local_settings(function, guard, &emulators, options));
        let functions = match options.mode {
            Mode::InProcess => in_process(described, &emulators).await?,
            Mode::Processes(count) => {
                let (listener, address) = emulators::listen(0).await?;
                tasks.spawn(emulators::serve(
                    listener,
                    runtime_api::router(registry.clone()),
                ));
                in_processes(described.collect(), count, address, &registry, processes).await?
            }
        };
        for target in functions.iter() {
            start_triggers(target, &emulators, options.mode, &mut tasks);
        }
        let inbox = Arc::new(Inbox::default());
        let gateway = Router::new()
            .fallback(gateway::answer)
            .with_state(Arc::new(Gateway::new(&functions)));
        let router = gateway
            .merge(control::router(functions, registry, queues))
            .merge(inbox::router(Arc::clone(&inbox)));
        tasks.spawn(serve(listener, router));
        Ok(Self {
            url: format!("http://{address}"),
            inbox,
            _tasks: tasks,
            emulators,
        })
    }

    /// Gives an organization what it would pay for, where the stack sells it: no Stripe is near.
    pub(crate) async fn entitle(&self, organization: &str) -> Result<()> {
        let accounts = Accounts::new(self.emulators.dynamodb(), ACCOUNTS.to_owned());
        let step = Step {
            from: Timestamp::UNIX_EPOCH,
            access: Access::Active,
        };
        let record = json!({"plan": "local"});
        let (id, now) = (organization.parse()?, clock::now());
        let entitlement = Entitlement::new([step]);
        accounts
            .write_entitlement(id, &entitlement, (record, None), None, now)
            .await
            .context("the organization cannot be entitled")?;
        Ok(())
    }
}

/// What `local` adds to every function's environment, and the template never says.
fn with_local_settings(
    mut function: Function,
    guard: Option<SocketAddr>,
    emulators: &Emulators,
    options: &Options,
) -> Function {
    let address = |url: &str| reached_by(&function.binary, url, options.intercept.as_deref());
    let settings = [
        ("ALLOW_PRIVATE_ENDPOINTS", options.allow_private.to_string()),
        ("CLOCK_AHEAD_SECONDS", clock::ahead().to_string()),
        (
            DYNAMODB_URL,
            address(&guard.map_or_else(
                || emulators.dynamodb_url.clone(),
                |guard| format!("http://{guard}/{}", function.binary),
            )),
        ),
        ("AWS_ENDPOINT_URL_SQS", address(&emulators.sqs_url)),
        (
            "AWS_ENDPOINT_URL_SECRETS_MANAGER",
            emulators.secrets_url.clone(),
        ),
    ];
    let stripe_api = options.stripe_api.clone().map(|url| ("STRIPE_API", url));
    let settings = settings.into_iter().chain(stripe_api);
    function
        .environment
        .extend(settings.map(|(name, value)| (name.to_owned(), value)));
    function
}

/// The address at which a function reaches an emulator. An interceptor learns from the path who asks whom.
fn reached_by(binary: &str, emulator: &str, intercept: Option<&str>) -> String {
    let Some(interceptor) = intercept else {
        return emulator.to_owned();
    };
    let host = emulator.trim_start_matches("http://");
    format!("{}/{binary}/{host}", interceptor.trim_end_matches('/'))
}

async fn in_process(
    described: impl Iterator<Item = Function>,
    emulators: &Emulators,
) -> Result<Functions> {
    let mut invocables = Vec::new();
    for function in described {
        let handler = functions::handler(&function.binary, &function.environment, emulators)
            .await
            .with_context(|| format!("{} cannot start", function.logical_id))?;
        invocables.push(Invocable {
            function,
            runner: Runner::InProcess(handler),
        });
    }
    Ok(Functions::new(invocables))
}

async fn in_processes(
    described: Vec<Function>,
    count: usize,
    runtime_api: SocketAddr,
    registry: &Registry,
    processes: &Processes,
) -> Result<Functions> {
    let names: Vec<&str> = described
        .iter()
        .map(|function| function.binary.as_str())
        .collect();
    binaries::build(&names).await?;
    let invocables = described.into_iter().map(|function| {
        let binary = binaries::path(&function.binary)?;
        let environments = Environments::start(
            &function,
            binary,
            count,
            &runtime_api.to_string(),
            registry,
            processes,
        );
        Ok(Invocable {
            function,
            runner: Runner::Processes(environments),
        })
    });
    invocables.collect::<Result<_>>().map(Functions::new)
}

fn start_triggers(
    target: &Arc<Invocable>,
    emulators: &Emulators,
    mode: Mode,
    tasks: &mut JoinSet<()>,
) {
    for mapping in &target.function.queues {
        let most = match mode {
            Mode::InProcess => CONCURRENCY_IN_PROCESS,
            Mode::Processes(count) => count,
        };
        let source = EventSource {
            target: Arc::clone(target),
            queue_url: emulators.queue_url(&mapping.queue_arn),
            mapping: mapping.clone(),
            sqs: emulators.sqs(),
            loops_at_most: mapping
                .maximum_concurrency
                .map_or(most, |limit| limit.min(most)),
        };
        tasks.spawn(source.run());
    }
    for schedule in &target.function.schedules {
        tasks.spawn(schedules::run(Arc::clone(target), schedule.clone()));
    }
}

/// Serves the public address, where handlers learn who asks.
async fn serve(listener: TcpListener, router: Router) {
    let listener = listener.tap_io(emulators::send_at_once);
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    if let Err(error) = axum::serve(listener, service).await {
        tracing::error!(%error, "the HTTP server ended");
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn options(template: &std::path::Path, port: u16) -> Options {
        Options {
            template: template.to_owned(),
            parameters: BTreeMap::new(),
            data: None,
            port,
            mode: Mode::InProcess,
            allow_private: true,
            intercept: None,
            stripe_api: None,
            permissions: true,
        }
    }

    #[test]
    fn an_interceptor_is_told_in_the_path_who_asks_whom() {
        let address = |intercept| reached_by("ingest", "http://127.0.0.1:8000", intercept);
        assert_eq!(address(None), "http://127.0.0.1:8000");
        assert_eq!(
            address(Some("http://127.0.0.1:9/")),
            "http://127.0.0.1:9/ingest/127.0.0.1:8000"
        );
    }

    #[tokio::test]
    async fn a_stack_answers_as_the_gateway_as_lambda_and_for_itself() {
        let directory = tempfile::tempdir().unwrap();
        let template = directory.path().join("template.yaml");
        std::fs::write(&template, "Resources: {}").unwrap();
        let stack = Stack::start(&options(&template, 0), &Processes::default())
            .await
            .unwrap();
        let http = reqwest::Client::new();
        for (method, path, status, body) in [
            ("GET", "/nowhere", 404, r#"{"message":"Not Found"}"#),
            ("GET", "/_local/environments", 200, "[]"),
            ("GET", "/_local/queues", 200, "[]"),
            ("POST", "/_local/redrive", 200, "[]"),
            ("POST", "/inbox/demo", 204, ""),
            (
                "POST",
                "/2015-03-31/functions/other/invocations",
                404,
                r#"{"Type":"User","Message":"Function not found: other"}"#,
            ),
        ] {
            let request = http.request(method.parse().unwrap(), format!("{}{path}", stack.url));
            let answer = request.send().await.unwrap();
            assert_eq!(answer.status(), status, "{path}");
            assert_eq!(answer.text().await.unwrap(), body, "{path}");
        }
        let inbox: Value = http
            .get(format!("{}/inbox.json", stack.url))
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        assert_eq!(inbox[0]["endpoint"], "demo");
        let page = http
            .get(format!("{}/inbox", stack.url))
            .send()
            .await
            .unwrap();
        assert!(
            page.headers()["content-type"]
                .to_str()
                .unwrap()
                .starts_with("text/html")
        );
    }

    #[tokio::test]
    async fn a_taken_port_is_said_with_the_way_out() {
        let (_listener, address) = emulators::listen(0).await.unwrap();
        let error = Stack::start(
            &options(std::path::Path::new("none"), address.port()),
            &Processes::default(),
        )
        .await
        .err()
        .unwrap();
        assert!(error.to_string().contains("--port"), "{error}");
    }

    #[tokio::test]
    async fn a_function_that_this_program_does_not_contain_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let template = directory.path().join("template.yaml");
        let text = "Resources: {Odd: {Type: AWS::Serverless::Function, Properties: {CodeUri: target/lambda/odd/}}}";
        std::fs::write(&template, text).unwrap();
        let error = Stack::start(&options(&template, 0), &Processes::default())
            .await
            .err()
            .unwrap();
        assert!(
            format!("{error:#}").contains("Odd cannot start"),
            "{error:#}"
        );
    }
}
