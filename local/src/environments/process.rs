//! One child process: its environment variables, and the lines it writes.

use std::{ffi::OsString, io::IsTerminal, path::Path, process::Stdio};

use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    process::{Child, Command},
};

use crate::template::{Function, REGION};

/// Starts `binary` with the function's own environment and the Runtime API at `runtime_api`. It is killed when dropped.
pub(super) fn spawn(
    function: &Function,
    binary: &Path,
    runtime_api: &str,
    name: &str,
) -> std::io::Result<Child> {
    let Function {
        name: function_name,
        environment,
        memory_size,
        ..
    } = function;
    Command::new(binary)
        .env_clear()
        .envs(inherited())
        .envs(environment)
        .envs([
            (
                "AWS_LAMBDA_RUNTIME_API",
                format!("http://{runtime_api}/{name}"),
            ),
            ("AWS_LAMBDA_FUNCTION_NAME", function_name.clone()),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", memory_size.to_string()),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
            ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".to_owned()),
            (
                "AWS_LAMBDA_LOG_GROUP_NAME",
                format!("/aws/lambda/{function_name}"),
            ),
            ("AWS_LAMBDA_LOG_STREAM_NAME", name.to_owned()),
            ("AWS_REGION", REGION.to_owned()),
            ("AWS_ACCESS_KEY_ID", "local".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "local".to_owned()),
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // Ctrl-C in a terminal is for this program, which then ends its processes itself.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
}

/// The few variables of this process that a function gets too: where programs are, and how to log.
#[expect(
    clippy::disallowed_methods,
    reason = "passed on to processes that start from a cleared environment, not read here"
)]
fn inherited() -> Vec<(&'static str, OsString)> {
    let kept = ["PATH", "RUST_LOG"].map(|name| Some((name, std::env::var_os(name)?)));
    let plain = (!std::io::stderr().is_terminal()).then(|| ("NO_COLOR", OsString::from("1")));
    kept.into_iter().chain([plain]).flatten().collect()
}

/// Copies what a function writes to standard error, line by line, with its name in front.
pub(super) fn forward_lines(
    function: &str,
    output: Option<impl AsyncRead + Unpin + Send + 'static>,
) {
    let Some(output) = output else { return };
    let prefix = format!("{function:>8} | ");
    tokio::spawn(async move {
        let mut lines = BufReader::new(output).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            #[expect(
                clippy::print_stderr,
                reason = "a function's own log lines, passed on as they are"
            )]
            {
                eprintln!("{prefix}{line}");
            }
        }
    });
}
