//! Relays of an organization: URLs to which source systems send their own webhooks unchanged.

use jiff::Timestamp;
use lambda_http::{Body, Response};
use payload::dialect::Dialect;
use payload::fields::{Fields, MAX_NAME, read_strictly};
use payload::id::RelayId;
use payload::secret::Secret;
use payload::signature::Scheme;
use payload::timestamp;
use payload::token::RelayToken;
use reply::Problem;
use serde::Serialize;
use serde_json::json;
use state::{Action, Changes, MAX_RELAYS, Relay};

use crate::handler::{Api, Call};
use crate::page;

/// A relay as it is shown: with its URL only in the answer that made it, and never with its secret.
#[derive(Serialize)]
struct View<'r> {
    id: RelayId,
    name: &'r str,
    dialect: Dialect,
    hint: &'r str,
    #[serde(skip_serializing_if = "Option::is_none")]
    url_path: Option<String>,
    #[serde(serialize_with = "timestamp::serialize")]
    created_at: Timestamp,
}

impl<'r> View<'r> {
    fn new(relay: &'r Relay) -> Self {
        Self {
            id: relay.id,
            name: &relay.name,
            dialect: relay.dialect,
            hint: &relay.hint,
            url_path: None,
            created_at: relay.created_at,
        }
    }
}

/// What a new relay is asked to be. Without `Debug`: it holds a secret.
#[derive(Default)]
struct Wanted {
    name: String,
    dialect: Dialect,
    secret: Option<Secret>,
}

/// `POST /relays {"name"?, "dialect", "secret"?}`: the answer shows the URL, once.
pub(crate) async fn create(api: &Api, call: &Call<'_>) -> Result<Response<Body>, Problem> {
    let account = call.entitled_account(api).await?;
    let organization = account.organization.id;
    let wanted = read_strictly(reply::read_object(call.request)?, read);
    let wanted = wanted.map_err(Problem::invalid)?;
    let token = RelayToken::generate(&mut rand::rng());
    let mut relay = Relay {
        id: RelayId::new(call.now, &mut rand::rng()),
        organization_id: organization,
        name: wanted.name,
        dialect: wanted.dialect,
        sealed: None,
        hint: token.hint(),
        sha256: token.sha256(),
        created_at: call.now,
    };
    if let Some(secret) = &wanted.secret {
        relay.seal(&api.keyring, secret);
    }
    let given = Changes::given(&json!({
        "name": relay.name,
        "dialect": relay.dialect,
        "hint": relay.hint,
    }));
    let line = call.line(organization, Action::RelayCreated, &relay.id, given);
    if !api.accounts.create_relay(&relay, &line).await? {
        let message = format!("an organization has at most {MAX_RELAYS} relays");
        return Err(Problem::new(409, "too_many_relays", message));
    }
    let view = View {
        url_path: Some(format!("/api/v1/relay/{}", token.expose())),
        ..View::new(&relay)
    };
    Ok(reply::json(201, &view))
}

fn read(fields: &mut Fields<'_>) -> Wanted {
    let name = fields.text("name").unwrap_or_default();
    fields.check_length("name", &name, MAX_NAME);
    let dialect = fields.required_text("dialect");
    let secret = fields.text("secret");
    let dialect: Dialect = match dialect.parse() {
        Ok(dialect) => dialect,
        Err(error) => {
            fields.fault("dialect", &format!("{error}"));
            return Wanted::default();
        }
    };
    Wanted {
        name,
        dialect,
        secret: read_secret(fields, dialect, secret.as_deref()),
    }
}

/// The secret of a dialect that signs; there it is required, elsewhere nothing is checked with it.
fn read_secret(fields: &Fields<'_>, dialect: Dialect, given: Option<&str>) -> Option<Secret> {
    let fault = |reason: &str| fields.fault("secret", reason);
    match (Scheme::of(dialect), given) {
        (Some(_), Some(text)) => {
            let secret = Secret::of_source(text);
            if secret.is_none() {
                fault("must have 1 to 256 bytes and not be blank");
            }
            secret
        }
        (Some(scheme), None) => {
            let header = scheme.header;
            fault(&format!(
                "required: the secret by which {dialect} makes {header}"
            ));
            None
        }
        (None, Some(_)) => {
            fault(&format!(
                "{dialect} does not sign: the URL of the relay is the secret"
            ));
            None
        }
        (None, None) => None,
    }
}

/// `GET /relays`: all of them, there are at most 20.
pub(crate) async fn list(api: &Api, call: &Call<'_>) -> Result<Response<Body>, Problem> {
    let account = call.recent_account(api).await?;
    let relays = api.accounts.list_relays(account.organization.id).await?;
    let views: Vec<View<'_>> = relays.iter().map(View::new).collect();
    Ok(page::answer(&views, None))
}

/// `DELETE /relays/{id}`.
pub(crate) async fn delete(
    api: &Api,
    call: &Call<'_>,
    id: &str,
) -> Result<Response<Body>, Problem> {
    let account = call.recent_account(api).await?;
    let relays = api.accounts.list_relays(account.organization.id).await?;
    let relay = relays.iter().find(|relay| relay.id.to_string() == id);
    let relay = relay.ok_or_else(|| Problem::not_found("relay"))?;
    let (organization, nothing) = (account.organization.id, Changes::default());
    let line = call.line(organization, Action::RelayDeleted, &relay.id, nothing);
    api.accounts.delete_relay(relay, &line).await?;
    Ok(reply::no_content())
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn wanted(body: Value) -> Result<Wanted, Vec<String>> {
        let Value::Object(body) = body else {
            panic!("an object")
        };
        read_strictly(body, read).map_err(|faults| {
            let pointers = faults.iter().map(|(pointer, _)| pointer.to_owned());
            pointers.collect()
        })
    }

    #[track_caller]
    fn refused(body: Value, pointers: &[&str]) {
        let faults = wanted(body).err().unwrap_or_default();
        assert_eq!(faults, pointers);
    }

    #[test]
    fn a_dialect_that_signs_needs_its_secret_and_any_other_refuses_one() {
        for dialect in Dialect::ALL {
            let with = json!({"dialect": dialect, "secret": "abc"});
            let without = json!({"dialect": dialect});
            if Scheme::of(dialect).is_some() {
                let secret = wanted(with).ok().unwrap().secret.unwrap();
                assert_eq!(secret.expose(), "abc", "{dialect}");
                refused(without, &["/secret"]);
            } else {
                refused(with, &["/secret"]);
                assert!(wanted(without).ok().unwrap().secret.is_none(), "{dialect}");
            }
        }
    }

    #[test]
    fn every_fault_is_named() {
        refused(json!({}), &["/dialect"]);
        let all = json!({"dialect": "morse", "name": "n".repeat(256), "secret": 7, "url": ""});
        refused(all, &["/dialect", "/name", "/secret", "/url"]);
        for secret in [" ", "", &"x".repeat(257)] {
            refused(json!({"dialect": "vec", "secret": secret}), &["/secret"]);
        }
    }
}
