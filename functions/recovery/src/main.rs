//! The Lambda binary: composition only. What it does is in the library's documentation.

use lambda_runtime::{Error, LambdaEvent, run, service_fn, tracing};
use recovery::{Config, Recovery, Request};
use state::settings::environment;
use state::{Aws, clock};

#[tokio::main]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    clock::set(environment)?;
    let config = Config::read(environment)?;
    let recovery = &Recovery::new(config, Aws::from_environment().await);
    run(service_fn(async move |event: LambdaEvent<Request>| {
        let report = recovery.handle(event).await;
        if let Some(line) = report.metrics() {
            print_metrics(&line);
        }
        Ok::<_, Error>(report)
    }))
    .await
}

/// CloudWatch reads metrics in its embedded format from standard output.
#[expect(clippy::print_stdout, reason = "this is where CloudWatch reads them")]
fn print_metrics(line: &str) {
    println!("{line}");
}
