//! The whole stack on one machine, read from `template.yaml`.
//!
//! An embedded DynamoDB and SQS answer their real wire protocols on loopback; this crate plays API Gateway, Lambda, the
//! queue mapping and the schedules between them and the functions. What runs here is what is deployed: the template is
//! the only description, and a construct that is not understood is an error.
#![expect(
    clippy::print_stdout,
    reason = "a command line program: standard output is its answer, the log is on standard error"
)]

mod binaries;
pub mod cli;
mod client;
mod clock;
mod control;
mod demo;
mod emulators;
mod environments;
mod event_source;
mod functions;
mod gateway;
mod guard;
mod inbox;
mod invoke;
mod payload_v2;
mod queues;
mod redrive;
mod routes;
mod runtime_api;
mod schedules;
mod secrets;
mod seed;
mod serve;
mod stack;
mod template;
#[cfg(test)]
mod testing;

use std::{io::IsTerminal, process::ExitCode};

use anyhow::Result;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::{
    cli::{Cli, Command},
    environments::Processes,
    stack::Stack,
};

/// Does what the command line says, until it is done or told to stop by Ctrl-C or SIGTERM.
///
/// # Errors
/// The stack cannot start; the message says what to change.
pub async fn run(cli: Cli) -> Result<ExitCode> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let processes = Processes::default();
    let result = tokio::select! {
        result = act(cli, &processes) => result,
        _ = interrupt.recv() => Ok(ExitCode::SUCCESS),
        _ = terminate.recv() => Ok(ExitCode::SUCCESS),
    };
    processes.end().await;
    result
}

async fn act(cli: Cli, processes: &Processes) -> Result<ExitCode> {
    match cli.command {
        None => {
            log_to_standard_error("info");
            serve::run(&cli.serve, processes).await?;
        }
        Some(Command::Key) => {
            let key = seed::new_platform_key();
            println!(
                "platform key     {}\nPlatformKeyHash  {}",
                key.expose(),
                key.sha256()
            );
        }
        Some(Command::Redrive(arguments)) => print!("{}", redrive::run(&arguments.url).await?),
        Some(Command::Demo(arguments)) => {
            log_to_standard_error("warn");
            return demonstrate(&arguments, processes).await;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn demonstrate(arguments: &cli::Stack, processes: &Processes) -> Result<ExitCode> {
    let platform_key = match &arguments.platform_key {
        Some(key) => key.clone(),
        None => seed::new_platform_key().expose().to_owned(),
    };
    let options = serve::options(arguments, &platform_key, None, 0)?;
    clock::set(arguments.now, None)?;
    let samples = options.template.with_file_name("events").join("ingest");
    let stack = Stack::start(&options, processes).await?;
    let report = demo::run(&stack, &platform_key, &samples).await?;
    print!("{}", report.text);
    Ok(if report.is_good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// One readable line per event. `RUST_LOG` replaces the default.
fn log_to_standard_error(level: &str) {
    // The emulator warns of each condition that does not hold, which is how a repeat is found.
    let quiet = "aws=warn,dynoxide=error,hyper=warn,lambda=warn,reqwest=warn,rustack=warn";
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new(format!("{level},{quiet}")));
    tracing_subscriber::fmt()
        .compact()
        .with_target(false)
        .with_ansi(std::io::stderr().is_terminal())
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
}
