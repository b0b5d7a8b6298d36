//! The demo organization: made on the first start, kept with the state, used again on the next.

use std::{fs, io::Write, os::unix::fs::OpenOptionsExt, path::Path};

use anyhow::{Context, Result};
use payload::{secret::Secret, token::ApiKey};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{client::Client, stack::Stack};

const FILE: &str = "demo.json";

/// What a person needs to use a local stack. Secrets in the clear: only ever for a stack on this machine.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Demo {
    /// Manages organizations.
    pub(crate) platform_key: String,
    /// The demo organization.
    pub(crate) organization_id: String,
    /// The demo organization's own key.
    pub(crate) organization_key: String,
    /// Its endpoints at the inbox.
    pub(crate) endpoints: Vec<Endpoint>,
}

/// An endpoint at the inbox.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Endpoint {
    /// Its name, also in its URL: `/inbox/{name}`.
    pub(crate) name: String,
    /// Its id.
    pub(crate) id: String,
    /// Its URL.
    pub(crate) url: String,
    /// Its signing secret.
    pub(crate) secret: String,
}

/// An endpoint to be made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    /// Its name, also in its URL.
    pub(crate) name: &'static str,
    /// Its wire format.
    pub(crate) dialect: &'static str,
    /// What it subscribes to.
    pub(crate) event_types: &'static [&'static str],
}

/// A new platform key.
pub(crate) fn new_platform_key() -> ApiKey {
    ApiKey::generate(&mut rand::rng())
}

/// What an earlier start kept in `data`.
pub(crate) fn kept(data: &Path) -> Result<Option<Demo>> {
    let file = data.join(FILE);
    match fs::read(&file) {
        Ok(bytes) => {
            let demo = serde_json::from_slice(&bytes);
            demo.map(Some).with_context(|| {
                format!(
                    "{} cannot be read: remove the data directory",
                    file.display()
                )
            })
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("{} cannot be read", file.display())),
    }
}

/// Keeps a demo for the next start, readable by its owner only.
pub(crate) fn keep(data: &Path, demo: &Demo) -> Result<()> {
    let file = data.join(FILE);
    let mut options = fs::OpenOptions::new();
    let opened = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&file);
    let written = opened.and_then(|mut file| file.write_all(&serde_json::to_vec_pretty(demo)?));
    written.with_context(|| format!("{} cannot be written", file.display()))
}

/// Makes an organization with a key and endpoints at the inbox of the stack.
pub(crate) async fn create(stack: &Stack, platform_key: &str, wanted: &[Wanted]) -> Result<Demo> {
    let platform = Client::new(&stack.url, platform_key);
    let organization_id = platform.create_organization("Demo").await?;
    stack.entitle(&organization_id).await?;
    let organization_key = platform.create_key(&organization_id, "Demo").await?;
    let organization = Client::new(&stack.url, &organization_key);
    let mut endpoints = Vec::new();
    for Wanted {
        name,
        dialect,
        event_types,
    } in wanted
    {
        let url = inbox_url(stack, name);
        let endpoint =
            json!({"name": name, "url": url, "eventTypes": event_types, "dialect": dialect});
        let (id, secret) = organization.create_endpoint(endpoint).await?;
        endpoints.push(Endpoint {
            name: (*name).to_owned(),
            id,
            url,
            secret,
        });
    }
    let demo = Demo {
        platform_key: platform_key.to_owned(),
        organization_id,
        organization_key,
        endpoints,
    };
    introduce(stack, &demo)?;
    Ok(demo)
}

/// Uses a kept demo with the stack, which may answer on another port than before.
pub(crate) async fn resume(stack: &Stack, mut demo: Demo) -> Result<Demo> {
    let organization = Client::new(&stack.url, &demo.organization_key);
    for endpoint in &mut demo.endpoints {
        let url = inbox_url(stack, &endpoint.name);
        if endpoint.url != url {
            organization.move_endpoint(&endpoint.id, &url).await?;
            endpoint.url = url;
        }
    }
    introduce(stack, &demo)?;
    Ok(demo)
}

/// Tells the inbox the secrets of its endpoints.
fn introduce(stack: &Stack, demo: &Demo) -> Result<()> {
    for endpoint in &demo.endpoints {
        let secret = Secret::parse(&endpoint.secret);
        let secret =
            secret.with_context(|| format!("the secret of the endpoint {}", endpoint.name))?;
        stack.inbox.expect(&endpoint.name, secret);
    }
    Ok(())
}

fn inbox_url(stack: &Stack, name: &str) -> String {
    format!("{}/inbox/{name}", stack.url)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn what_is_kept_is_read_again_and_is_nobody_elses_business() {
        let directory = tempfile::tempdir().unwrap();
        assert!(kept(directory.path()).unwrap().is_none());
        let demo = Demo {
            platform_key: "p".into(),
            organization_id: "org_1".into(),
            organization_key: "k".into(),
            endpoints: Vec::new(),
        };
        keep(directory.path(), &demo).unwrap();
        assert_eq!(
            kept(directory.path()).unwrap().unwrap().organization_id,
            "org_1"
        );
        let mode = fs::metadata(directory.path().join(FILE))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
