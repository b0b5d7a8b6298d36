//! The command line.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand};
use jiff::Timestamp;

/// The whole certhooks stack on this machine, from template.yaml.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
pub struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) serve: Serve,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Post every sample event, wait for the deliveries, print what happened and end.
    Demo(Stack),
    /// Print a new platform key and its SHA-256, for the template's `PlatformKeyHash`.
    Key,
    /// Move the messages of the dead-letter queues of the running stack back to the queues they came from.
    Redrive(Redrive),
}

/// Which stack to speak to.
#[derive(Clone, Debug, Args)]
pub(crate) struct Redrive {
    /// Where the stack answers.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:3000")]
    pub(crate) url: String,
}

/// Serve until Ctrl-C.
#[derive(Clone, Debug, Args)]
pub(crate) struct Serve {
    #[command(flatten)]
    pub(crate) stack: Stack,
    /// The port to answer on; 0 takes a free one.
    #[arg(long, default_value_t = 3000)]
    pub(crate) port: u16,
    /// Where state is kept.
    #[arg(
        long,
        value_name = "DIR",
        default_value = ".local",
        conflicts_with = "memory"
    )]
    pub(crate) data: PathBuf,
    /// Keep no state.
    #[arg(long)]
    pub(crate) memory: bool,
    /// Let webhooks go to public targets only, as where it is deployed; so to none of the inbox.
    #[arg(long)]
    pub(crate) public_endpoints: bool,
    /// Print one JSON object when everything answers, and nothing else on standard output.
    #[arg(long)]
    pub(crate) json: bool,
}

/// What is run, and how.
#[derive(Clone, Debug, Args)]
pub(crate) struct Stack {
    /// The template; by default the nearest template.yaml from here upward.
    #[arg(long, value_name = "FILE")]
    pub(crate) template: Option<PathBuf>,
    /// A value for a parameter of the template. May be repeated.
    #[arg(long = "parameter", value_name = "NAME=VALUE", value_parser = parameter)]
    pub(crate) parameters: Vec<(String, String)>,
    /// What time it is at start, not before this machine's: 2027-01-01T00:00:00Z. Time passes from there, and does
    /// not go back on kept state.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) now: Option<Timestamp>,
    /// Sell webhooks to whoever has paid, as Stripe says in events signed with this secret. Without it every
    /// organization may use them.
    #[arg(long, value_name = "whsec_…")]
    pub(crate) stripe_secret: Option<String>,
    /// Where Stripe's API is asked, for tests that stand in for it.
    #[arg(long, value_name = "URL", requires = "stripe_secret")]
    pub(crate) stripe_api: Option<String>,
    /// The platform key. By default one is made, and kept with the state.
    #[arg(long, value_name = "KEY")]
    pub(crate) platform_key: Option<String>,
    /// Run the functions' binaries as on Lambda instead of calling them in this process.
    #[arg(long)]
    pub(crate) processes: bool,
    /// How many processes each function has.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=100), requires = "processes")]
    pub(crate) environments: u16,
    /// Refuse a function what the template does not allow it in the tables, as AWS does. Each of its requests to them
    /// takes a step more for that.
    #[arg(long)]
    pub(crate) permissions: bool,
    /// Send the functions' requests to DynamoDB and SQS to URL/{function}/{host:port}, for tests that inject faults.
    #[arg(long, value_name = "URL", requires = "processes")]
    pub(crate) intercept: Option<String>,
}

impl Stack {
    pub(crate) fn parameters(&self) -> BTreeMap<String, String> {
        let stripe = self.stripe_secret.iter().flat_map(|secret| {
            let selling = [("Billing", "on"), ("StripeSigningSecret", secret)];
            selling.map(|(name, value)| (name.to_owned(), value.to_owned()))
        });
        stripe.chain(self.parameters.iter().cloned()).collect()
    }

    /// The template to run: the given one, else the nearest `template.yaml` from here upward, else this workspace's.
    pub(crate) fn template(&self) -> Result<PathBuf> {
        if let Some(file) = &self.template {
            return Ok(file.clone());
        }
        let here = std::env::current_dir().context("the current directory is gone")?;
        let upward = here.ancestors().map(|folder| folder.join("template.yaml"));
        let own = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("template.yaml");
        let found = upward.chain([own]).find(|file| file.is_file());
        found.context("there is no template.yaml from here upward: name one with --template")
    }
}

fn parameter(text: &str) -> std::result::Result<(String, String), String> {
    let parts = text.split_once('=').filter(|(name, _)| !name.is_empty());
    let (name, value) = parts.ok_or_else(|| format!("`{text}` is not NAME=VALUE"))?;
    Ok((name.to_owned(), value.to_owned()))
}

fn time(text: &str) -> std::result::Result<Timestamp, &'static str> {
    let fault = "not a time with its offset from UTC, such as 2027-01-01T00:00:00Z";
    payload::timestamp::parse(text).ok_or(fault)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn parameters_may_be_repeated_and_hold_equals_signs() {
        let cli = Cli::parse_from([
            "local",
            "demo",
            "--parameter",
            "A=1",
            "--parameter",
            "B=x=y",
        ]);
        let Some(Command::Demo(stack)) = cli.command else {
            panic!("demo")
        };
        let expected =
            [("A", "1"), ("B", "x=y")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(stack.parameters(), BTreeMap::from(expected));
        assert!(Cli::try_parse_from(["local", "--parameter", "=1"]).is_err());
    }

    #[test]
    fn the_time_is_read_with_its_offset() {
        let now = |text| Cli::try_parse_from(["local", "--now", text]).map(|it| it.serve.stack.now);
        let expected = "2027-01-01T00:00:00Z".parse().unwrap();
        for text in ["2027-01-01T00:00:00Z", "2026-12-31T21:00:00.000-03:00"] {
            assert_eq!(now(text).unwrap(), Some(expected), "{text}");
        }
        for bad in ["tomorrow", "2027-01-01", "2027-01-01T00:00:00", ""] {
            let error = now(bad).unwrap_err().to_string();
            assert!(error.contains("such as 2027-01-01T00:00:00Z"), "{error}");
        }
    }

    #[test]
    fn with_a_secret_of_stripe_webhooks_are_sold() {
        let cli = Cli::parse_from(["local", "--stripe-secret", "whsec_a,whsec_b"]);
        let parameters = cli.serve.stack.parameters();
        assert_eq!(parameters["Billing"], "on");
        assert_eq!(parameters["StripeSigningSecret"], "whsec_a,whsec_b");
        let without = Cli::parse_from(["local"]).serve.stack.parameters();
        assert!(without.is_empty(), "{without:?}");
    }

    #[test]
    fn only_functions_that_are_processes_can_be_intercepted() {
        let intercept = ["local", "--intercept", "http://127.0.0.1:1"];
        assert!(Cli::try_parse_from(intercept).is_err());
        assert!(Cli::try_parse_from(intercept.into_iter().chain(["--processes"])).is_ok());
    }
}
