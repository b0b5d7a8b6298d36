//! A function for the tests of `--processes`: it does what its payload says.

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::{Value, json};

#[tokio::main]
async fn main() -> Result<(), Error> {
    run(service_fn(obey)).await
}

#[expect(
    clippy::exit,
    reason = "dying in the middle of an invocation is the point"
)]
async fn obey(event: LambdaEvent<Value>) -> Result<Value, Error> {
    match event.payload.as_str() {
        Some("die") => std::process::exit(7),
        Some("hang") => std::future::pending().await,
        Some("fail") => Err("told to fail".into()),
        _ => Ok(json!({"payload": event.payload, "pid": std::process::id()})),
    }
}
