//! The Lambda binary: clock and settings from the environment, Stripe's secrets, then the handler.

use billing::{Config, Secrets, Stripe};
use lambda_http::{Error, service_fn, tracing};
use state::{Aws, SecretTexts, clock, settings};

#[tokio::main]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    clock::set(settings::environment)?;
    let config = Config::read(settings::environment)?;
    let secrets = SecretTexts::new(Aws::secrets_from_environment().await);
    let secrets = Secrets::read(&secrets, &config).await?;
    let stripe = Stripe::new(config, Aws::from_environment().await, secrets)?;
    lambda_http::run(service_fn(|request| stripe.handle(request))).await
}
