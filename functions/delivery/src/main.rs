//! The Lambda binary: settings from the environment, then the handler.

use delivery::{Config, Delivery};
use lambda_runtime::{Error, service_fn, tracing};
use state::{Aws, settings};

#[tokio::main]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let delivery = Delivery::new(
        Config::read(settings::environment)?,
        Aws::from_environment().await,
    )?;
    lambda_runtime::run(service_fn(|event| delivery.handle(event))).await
}
