//! The Lambda binary: clock and settings from the environment, the root key, then the handler.

use ingest::{Config, Ingest};
use lambda_http::{Error, service_fn, tracing};
use state::{Aws, Keyring, clock, settings};

#[tokio::main]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    clock::set(settings::environment)?;
    let config = Config::read(settings::environment)?;
    let secrets = Aws::secrets_from_environment().await;
    let keyring = Keyring::read(secrets, config.root_key_secret.clone()).await?;
    let ingest = Ingest::new(config, Aws::from_environment().await, keyring);
    lambda_http::run(service_fn(|request| ingest.handle(request))).await
}
