//! One HTTP request: who calls, and which route.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use lambda_http::{Body, Error, Request, RequestExt, Response};
use outbound::Resolver;
use payload::billing::plans::Plans;
use payload::id::OrganizationId;
use payload::target::TargetPolicy;
use reply::{Problem, authorization, header};
use state::{
    Access, AccessError, Account, Accounts, Aws, Billing, Caller, Credentials, Deliveries,
    DeliveryQueue, Directory, Events, Keeping, Keyring, Ledger, Limits, Organization, clock,
};

use crate::config::Config;
use crate::{
    audit, billing, convert, credentials, deliveries, directory, endpoints, erasures, event_types,
    events, keys, organizations, quarantine, relays, replays, reseal, resend, signing_keys,
};

const BASE: &str = "/api/v1/";

/// The function, with its connections.
#[derive(Debug)]
pub struct Api {
    access: Access,
    pub(crate) keyring: Keyring,
    pub(crate) accounts: Accounts,
    pub(crate) credentials: Credentials,
    pub(crate) events: Events,
    pub(crate) deliveries: Deliveries,
    pub(crate) queue: DeliveryQueue,
    pub(crate) limits: Limits,
    pub(crate) retention: SignedDuration,
    pub(crate) target_policy: TargetPolicy,
    pub(crate) billing: Billing,
    pub(crate) ledger: Ledger,
    pub(crate) plans: Plans,
    pub(crate) resolver: Resolver,
}

/// A request of a known caller.
pub(crate) struct Call<'r> {
    pub(crate) request: &'r Request,
    pub(crate) caller: Caller,
    pub(crate) now: Timestamp,
}

impl Api {
    /// Connects to the tables and the queue; opens and seals secrets with `keyring`.
    pub fn new(config: Config, aws: Aws, keyring: Keyring) -> Self {
        let Config {
            resources,
            platform_key_hash,
            retention,
            target_policy,
            billing,
            billing_table,
            stripe_mode,
            plans,
            ..
        } = config;
        let dynamodb = aws.dynamodb;
        Self {
            ledger: Ledger::new(dynamodb.clone(), billing_table, stripe_mode),
            plans,
            access: Access::new(platform_key_hash),
            keyring,
            limits: Limits::new(dynamodb.clone(), resources.accounts_table.clone()),
            accounts: Accounts::new(dynamodb.clone(), resources.accounts_table),
            credentials: Credentials::new(dynamodb.clone(), resources.credentials_table),
            events: Events::new(dynamodb.clone(), resources.events_table.clone()),
            deliveries: Deliveries::new(
                dynamodb,
                resources.deliveries_table,
                resources.events_table,
            ),
            queue: DeliveryQueue::new(aws.sqs, resources.delivery_queue_url),
            retention,
            resolver: Resolver::new(target_policy.clone()),
            target_policy,
            billing,
        }
    }

    /// What of an organization is still shown and sent.
    pub(crate) fn keeping(&self, organization: &Organization, now: Timestamp) -> Keeping {
        organization.keeping(self.retention, now)
    }

    /// Answers one request. Every refusal and every trouble of ours is an answer, never an `Err`.
    ///
    /// # Errors
    /// None; the type is the runtime's.
    pub async fn handle(&self, request: Request) -> Result<Response<Body>, Error> {
        let now = clock::now();
        Ok(self
            .answer(&request, now)
            .await
            .unwrap_or_else(|problem| problem.response()))
    }

    async fn answer(&self, request: &Request, now: Timestamp) -> Result<Response<Body>, Problem> {
        let path = request
            .raw_http_path()
            .strip_prefix(BASE)
            .unwrap_or_default();
        let path: Vec<&str> = path.split('/').collect();
        match (path.as_slice(), request.method().as_str()) {
            (["event-types"], "GET") => return Ok(event_types::list()),
            (["event-types", name], "GET") => return event_types::get(name),
            (["organizations", id, "jwks.json"], "GET") => {
                return signing_keys::published(self, id, now).await;
            }
            (["event-types"] | ["event-types", _] | ["organizations", _, "jwks.json"], _) => {
                return Err(method_not_allowed());
            }
            _ => {}
        }
        let caller = self
            .access
            .authenticate(&self.accounts, authorization(request)?, now)
            .await?;
        let call = Call {
            request,
            caller,
            now,
        };
        match (path.as_slice(), request.method().as_str()) {
            (["organizations"], "POST") => organizations::create(self, &call).await,
            (["organizations"], "GET") => organizations::list(self, &call).await,
            (["organizations", id], "GET") => organizations::get(self, &call, id).await,
            (["organizations", id], "PUT") => organizations::update(self, &call, id).await,
            (["organizations", id, "keys"], "POST") => keys::create(self, &call, id).await,
            (["organizations", id, "keys"], "GET") => keys::list(self, &call, id).await,
            (["organizations", id, "keys", key], "DELETE") => {
                keys::revoke(self, &call, id, key).await
            }
            (["organizations", id, "signing-keys"], "GET") => {
                signing_keys::list(self, &call, id).await
            }
            (["organizations", id, "signing-keys", "rotate"], "POST") => {
                signing_keys::rotate(self, &call, id).await
            }
            (["organizations", id, "billing"], "GET") => billing::get(self, &call, id).await,
            (["organizations", id, "billing", "link"], "POST") => {
                billing::link(self, &call, id).await
            }
            (["billing", "parked"], "GET") => billing::parked(self, &call).await,
            (["organizations", id, "reseal"], "POST") => reseal::all(self, &call, id).await,
            (["endpoints"], "POST") => endpoints::create(self, &call).await,
            (["endpoints"], "GET") => endpoints::list(self, &call).await,
            (["endpoints", id], "GET") => endpoints::get(self, &call, id).await,
            (["endpoints", id], "PATCH") => endpoints::update(self, &call, id).await,
            (["endpoints", id], "DELETE") => endpoints::delete(self, &call, id).await,
            (["endpoints", id, "rotate-secret"], "POST") => {
                endpoints::rotate_secret(self, &call, id).await
            }
            (["endpoints", id, "deliveries"], "GET") => {
                deliveries::of_endpoint(self, &call, id).await
            }
            (["events"], "GET") => events::list(self, &call).await,
            (["events", id], "GET") => events::get(self, &call, id).await,
            (["events", id, "deliveries"], "GET") => deliveries::of_event(self, &call, id).await,
            (["events", id, "deliveries", endpoint], "GET") => {
                deliveries::get(self, &call, id, endpoint).await
            }
            (["events", id, "deliveries", endpoint, "retry"], "POST") => {
                resend::delivery(self, &call, id, endpoint).await
            }
            (["events", id, "replay"], "POST") => resend::event(self, &call, id).await,
            (["endpoints", id, "replay"], "POST") => replays::create(self, &call, id).await,
            (["endpoints", id, "replays"], "GET") => replays::list(self, &call, id).await,
            (["endpoints", id, "replays", replay], "GET") => {
                replays::get(self, &call, id, replay).await
            }
            (["endpoints", id, "replays", replay], "DELETE") => {
                replays::cancel(self, &call, id, replay).await
            }
            (["endpoints", id, "test"], "POST") => endpoints::test(self, &call, id).await,
            (["deliveries"], "GET") => deliveries::list(self, &call).await,
            (["endpoints", id, "stats"], "GET") => endpoints::stats(self, &call, id).await,
            (["audit"], "GET") => audit::list(self, &call).await,
            (["credentials"], "GET") => credentials::list(self, &call).await,
            (["credentials", id @ ..], "GET") => credentials::get(self, &call, id).await,
            (["credentials", id @ ..], "PATCH") => credentials::update(self, &call, id).await,
            (["convert"], "POST") => convert::convert(self, &call).await,
            ([of @ ("recipients" | "achievements"), id @ ..], method) => {
                let of = match *of {
                    "recipients" => Directory::Recipients,
                    _ => Directory::Achievements,
                };
                match method {
                    "PUT" => directory::put(self, &call, of, id).await,
                    "GET" => directory::get(self, &call, of, id).await,
                    "DELETE" => directory::delete(self, &call, of, id).await,
                    _ => Err(method_not_allowed()),
                }
            }
            (["erasures"], "GET") => erasures::list(self, &call).await,
            (["erasures", id], "GET") => erasures::get(self, &call, id).await,
            (["relays"], "POST") => relays::create(self, &call).await,
            (["relays"], "GET") => relays::list(self, &call).await,
            (["relays", id], "DELETE") => relays::delete(self, &call, id).await,
            (["quarantine"], "GET") => quarantine::list(self, &call).await,
            (["quarantine", id], "GET") => quarantine::get(self, &call, id).await,
            (["quarantine", id], "DELETE") => quarantine::delete(self, &call, id).await,
            (
                [
                    "organizations" | "endpoints" | "events" | "deliveries" | "convert" | "relays"
                    | "quarantine" | "audit" | "erasures",
                ]
                | [
                    "organizations" | "endpoints" | "events" | "relays" | "quarantine" | "erasures",
                    _,
                ]
                | [
                    "endpoints",
                    _,
                    "rotate-secret" | "stats" | "replay" | "replays" | "test",
                ]
                | ["endpoints", _, "replays", _]
                | ["events" | "quarantine", _, "replay"]
                | [
                    "organizations",
                    _,
                    "keys" | "signing-keys" | "reseal" | "billing",
                ]
                | ["organizations", _, "billing", "link"]
                | ["billing", "parked"]
                | ["organizations", _, "signing-keys", "rotate"]
                | ["organizations", _, "keys", _]
                | ["endpoints" | "events", _, "deliveries"]
                | ["events", _, "deliveries", _]
                | ["events", _, "deliveries", _, "retry"]
                | ["credentials", ..],
                _,
            ) => Err(method_not_allowed()),
            _ => Err(Problem::not_found("route")),
        }
    }
}

fn method_not_allowed() -> Problem {
    Problem::new(
        405,
        "method_not_allowed",
        "this route does not have this method",
    )
}

impl Call<'_> {
    /// Refuses everyone but the platform.
    pub(crate) fn require_platform(&self) -> Result<(), Problem> {
        match self.caller {
            Caller::Platform => Ok(()),
            Caller::Organization { .. } => Err(AccessError::Forbidden.into()),
        }
    }

    /// The organization the call is for.
    pub(crate) fn organization(&self) -> Result<OrganizationId, Problem> {
        let named = header(self.request, "x-organization-id")?;
        Ok(self.caller.organization(named)?)
    }

    /// The account the call is for, as it is now.
    pub(crate) async fn account(&self, api: &Api) -> Result<Account, Problem> {
        let account = api.accounts.read_account(self.organization()?).await?;
        account.ok_or_else(|| Problem::not_found("organization"))
    }

    /// The same for what only an organization with a plan may do.
    pub(crate) async fn entitled_account(&self, api: &Api) -> Result<Account, Problem> {
        let account = self.account(api).await?;
        Problem::unless_recorded(api.billing.access(&account, self.now))?;
        Ok(account)
    }

    /// The account the call is for, possibly a few seconds old.
    pub(crate) async fn recent_account(&self, api: &Api) -> Result<Arc<Account>, Problem> {
        let account = api.accounts.account(self.organization()?, self.now);
        let account = account.await?;
        account.ok_or_else(|| Problem::not_found("organization"))
    }
}
