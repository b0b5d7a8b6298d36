//! The Lambda binary: settings from the environment, then the handler.

use ingest::{Config, Ingest};
use lambda_http::{Error, service_fn, tracing};
use state::{Aws, settings};

#[tokio::main]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let ingest = Ingest::new(
        Config::read(settings::environment)?,
        Aws::from_environment().await,
    );
    lambda_http::run(service_fn(|request| ingest.handle(request))).await
}
