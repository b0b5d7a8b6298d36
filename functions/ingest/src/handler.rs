//! One HTTP request: which route, who calls, and for whom.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use lambda_http::{Body, Error, Request, RequestExt, Response};
use payload::billing::access::Access;
use payload::id::OrganizationId;
use reply::{Problem, authorization, header};
use state::{
    Account, Accounts, Aws, Billing, Caller, Clock, Credentials, DeliveryQueue, Events, Keyring,
    Limits, clock,
};

use crate::config::Config;
use crate::rate_limit::RateLimit;
use crate::{batch, relay, replay, submit};

const BASE: &str = "/api/v1/";

/// The function, with its connections.
#[derive(Debug)]
pub struct Ingest {
    access: state::Access,
    pub(crate) keyring: Keyring,
    pub(crate) accounts: Accounts,
    pub(crate) credentials: Credentials,
    pub(crate) events: Events,
    pub(crate) queue: DeliveryQueue,
    pub(crate) retention: SignedDuration,
    rate_limit: RateLimit,
    billing: Billing,
}

/// Whom a request is for, what they may do, and when it came.
#[derive(Debug, Clone)]
pub(crate) struct Context {
    pub(crate) account: Arc<Account>,
    pub(crate) access: Access,
    pub(crate) now: Timestamp,
    /// What time it is while it is handled.
    pub(crate) clock: Clock,
}

impl Context {
    /// Refuses what is not recorded.
    pub(crate) fn require_plan(&self) -> Result<(), Problem> {
        Problem::unless_recorded(self.access)
    }
}

impl Ingest {
    /// Connects to the tables and the queue; opens and seals secrets with `keyring`.
    pub fn new(config: Config, aws: Aws, keyring: Keyring) -> Self {
        let Config {
            resources,
            platform_key_hash,
            retention,
            events_per_second,
            billing,
            ..
        } = config;
        let limits = Limits::new(aws.dynamodb.clone(), resources.accounts_table.clone());
        Self {
            access: state::Access::new(platform_key_hash),
            keyring,
            accounts: Accounts::new(aws.dynamodb.clone(), resources.accounts_table),
            credentials: Credentials::new(aws.dynamodb.clone(), resources.credentials_table),
            events: Events::new(aws.dynamodb, resources.events_table),
            queue: DeliveryQueue::new(aws.sqs, resources.delivery_queue_url),
            retention,
            rate_limit: RateLimit::new(limits, events_per_second),
            billing,
        }
    }

    /// Answers one request. Every refusal and every trouble of ours is an answer, never an `Err`.
    ///
    /// # Errors
    /// None; the type is the runtime's.
    pub async fn handle(&self, request: Request) -> Result<Response<Body>, Error> {
        Ok(self
            .answer(&request, Clock::starting(clock::now()))
            .await
            .unwrap_or_else(|problem| problem.response()))
    }

    async fn answer(&self, request: &Request, clock: Clock) -> Result<Response<Body>, Problem> {
        let path = request.raw_http_path();
        let path = path.strip_prefix(BASE).unwrap_or_default();
        let path: Vec<&str> = path.split('/').collect();
        match path.as_slice() {
            // A source system has no key of ours: its relay's token says for whom it is.
            ["relay", token] => relay::receive(self, request, token, None, clock).await,
            ["relay", token, event] => {
                relay::receive(self, request, token, Some(event), clock).await
            }
            ["events"] => submit::one(self, request, &self.context(request, clock).await?).await,
            ["events", "batch"] => {
                batch::each(self, request, &self.context(request, clock).await?).await
            }
            ["quarantine", id, "replay"] => {
                let caller = self.caller(request, clock.read()).await?;
                let context = self.context_of(caller, request, clock).await?;
                replay::again(self, request, &context, caller, id).await
            }
            _ => Err(Problem::not_found("route")),
        }
    }

    /// Lets so many events of the request pass, or refuses all of them with 429.
    pub(crate) async fn admit(&self, events: usize, context: &Context) -> Result<(), Problem> {
        let organization = context.account.organization.id;
        self.rate_limit
            .admit(organization, events, context.now)
            .await
    }

    /// Who calls, by the key of the request, and for whom.
    async fn context(&self, request: &Request, clock: Clock) -> Result<Context, Problem> {
        let caller = self.caller(request, clock.read()).await?;
        self.context_of(caller, request, clock).await
    }

    async fn caller(&self, request: &Request, now: Timestamp) -> Result<Caller, Problem> {
        let caller = (self.access).authenticate(&self.accounts, authorization(request)?, now);
        Ok(caller.await?)
    }

    async fn context_of(
        &self,
        caller: Caller,
        request: &Request,
        clock: Clock,
    ) -> Result<Context, Problem> {
        let organization = caller.organization(header(request, "x-organization-id")?)?;
        let context = self.context_for(organization, clock).await?;
        context.ok_or_else(|| Problem::not_found("organization"))
    }

    /// A request for this organization, if there is such a one.
    pub(crate) async fn context_for(
        &self,
        organization: OrganizationId,
        clock: Clock,
    ) -> Result<Option<Context>, Problem> {
        let now = clock.read();
        let mut account = self.accounts.account(organization, now).await?;
        let access = |account: &Arc<Account>| self.billing.access(account, now);
        // What was read seconds ago may be older than the payment, and a sender need not repeat what is
        // refused.
        if account
            .as_ref()
            .is_some_and(|account| !access(account).records())
        {
            account = self.accounts.refresh(organization, now).await?;
        }
        Ok(account.map(|account| Context {
            access: access(&account),
            account,
            now,
            clock,
        }))
    }
}
