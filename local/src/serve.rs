//! `local`: the stack served until it is told to stop, with a demo organization to play with.

use std::fs;

use anyhow::{Context, Result};
use serde_json::json;

use crate::{
    cli::{self, Serve},
    clock,
    environments::Processes,
    seed::{self, Demo, Wanted},
    stack::{Mode, Options, Stack},
};

const ENDPOINTS: &[Wanted] = &[Wanted {
    name: "demo",
    dialect: "canonical",
    event_types: &["*"],
}];

/// Serves until it is dropped.
pub(crate) async fn run(arguments: &Serve, processes: &Processes) -> Result<()> {
    let data = (!arguments.memory).then_some(arguments.data.as_path());
    let kept = match data {
        None => None,
        Some(data) => {
            fs::create_dir_all(data)
                .with_context(|| format!("{} cannot be created", data.display()))?;
            seed::kept(data)?
        }
    };
    clock::set(arguments.stack.now, data)?;
    let platform_key = arguments
        .stack
        .platform_key
        .clone()
        .or_else(|| kept.as_ref().map(|demo| demo.platform_key.clone()))
        .unwrap_or_else(|| seed::new_platform_key().expose().to_owned());
    let options = Options {
        allow_private: !arguments.public_endpoints,
        ..options(&arguments.stack, &platform_key, data, arguments.port)?
    };
    let stack = Stack::start(&options, processes).await?;
    let endpoints = if options.allow_private {
        ENDPOINTS
    } else {
        &[]
    };
    let mut demo = match kept {
        // Its endpoints are at the inbox, where they cannot be moved along.
        Some(demo) if !options.allow_private => demo,
        Some(demo) => seed::resume(&stack, demo).await?,
        None => seed::create(&stack, &platform_key, endpoints).await?,
    };
    demo.platform_key = platform_key;
    if let Some(data) = data {
        seed::keep(data, &demo)?;
    }
    match arguments.json {
        true => println!("{}", machine_readable(&stack.url, &demo)),
        false => println!("{}", welcome(&stack.url, &demo)),
    }
    match data {
        Some(data) => clock::keep_on(data).await,
        None => std::future::pending().await,
    }
}

/// What a start needs, with the platform key as the template's parameter.
pub(crate) fn options(
    arguments: &cli::Stack,
    platform_key: &str,
    data: Option<&std::path::Path>,
    port: u16,
) -> Result<Options> {
    let mut parameters = arguments.parameters();
    let hash = payload::token::sha256(platform_key);
    parameters
        .entry("PlatformKeyHash".to_owned())
        .or_insert(hash);
    Ok(Options {
        template: arguments.template()?,
        parameters,
        data: data.map(Into::into),
        port,
        mode: match arguments.processes {
            true => Mode::Processes(arguments.environments.into()),
            false => Mode::InProcess,
        },
        allow_private: true,
        intercept: arguments.intercept.clone(),
        stripe_api: arguments.stripe_api.clone(),
        permissions: arguments.permissions,
    })
}

fn machine_readable(url: &str, demo: &Demo) -> String {
    let Demo {
        platform_key,
        organization_id,
        organization_key,
        ..
    } = demo;
    json!({
        "url": url,
        "platform_key": platform_key,
        "organization_id": organization_id,
        "organization_key": organization_key,
    })
    .to_string()
}

fn welcome(url: &str, demo: &Demo) -> String {
    let Demo {
        platform_key,
        organization_id,
        organization_key,
        ..
    } = demo;
    let time = match clock::ahead() {
        0 => String::new(),
        _ => format!(
            "\n  time              {:.0}, ahead of this machine's",
            clock::now()
        ),
    };
    format!(
        r#"
certhooks answers at {url}

  platform key      {platform_key}
  organization      {organization_id}
  organization key  {organization_key}
  inbox             {url}/inbox{time}

Post an event:

  curl -sS {url}/api/v1/events \
    -H 'Authorization: Bearer {organization_key}' \
    -H 'Content-Type: application/json' \
    -d '{{"event":"certificate.issued","created_at":"2026-03-18T10:30:00Z","data":{{"invitation_id":"inv_'"$(date +%s)"'","event_id":"evt_xyz789","event_name":"English Level 2","badge_id":"badge_def456","badge_name":"English Level 2 Certificate","recipient_email":"leonardo@email.com","recipient_name":"Leonardo Silva","certificate_url":null,"certificate_hash":null,"issued_at":"2026-03-18T10:30:00Z"}}}}'

See it arrive at {url}/inbox, and its attempts with

  curl -sS {url}/api/v1/events/EVENT_ID/deliveries -H 'Authorization: Bearer {organization_key}'

Ctrl-C stops everything.
"#
    )
}
