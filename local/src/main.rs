//! `cargo run -p local`: see the crate's documentation and `--help`.

use std::process::ExitCode;

use clap::Parser;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
#[expect(clippy::print_stderr, reason = "the message of a start that failed")]
async fn main() -> ExitCode {
    match local::run(local::cli::Cli::parse()).await {
        Ok(code) => code,
        Err(error) => {
            // What went wrong and why, without the backtrace that a `Result` from `main` would print.
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
