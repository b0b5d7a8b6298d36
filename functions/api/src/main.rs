//! The Lambda binary: clock and settings from the environment, the root key, then the handler.

use api::{Api, Config};
use lambda_http::{Error, service_fn, tracing};
use state::{Aws, Keyring, clock, settings};

#[tokio::main]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    clock::set(settings::environment)?;
    let config = Config::read(settings::environment)?;
    let secrets = Aws::secrets_from_environment().await;
    let keyring = Keyring::read(secrets, config.root_key_secret.clone()).await?;
    let api = Api::new(config, Aws::from_environment().await, keyring);
    lambda_http::run(service_fn(|request| api.handle(request))).await
}
