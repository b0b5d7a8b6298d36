//! The Lambda binary: settings from the environment, then the handler.

use api::{Api, Config};
use lambda_http::{Error, service_fn, tracing};
use state::{Aws, settings};

#[tokio::main]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let api = Api::new(
        Config::read(settings::environment)?,
        Aws::from_environment().await,
    );
    lambda_http::run(service_fn(|request| api.handle(request))).await
}
