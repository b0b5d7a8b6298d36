//! One HTTP request: of the schedule, or of Stripe; whether it is Stripe's, then what it says.

use jiff::{SignedDuration, Timestamp};
use lambda_http::{Body, Error, Request, Response};
use payload::billing::plans::Plans;
use payload::billing::stripe_event::{Mode, StripeEvent};
use payload::billing::stripe_signature::HEADER;
use reply::Problem;
use serde_json::json;
use state::{
    Accounts, Aws, Billing, Deliveries, DeliveryQueue, Deriver, Events, Ledger, Limits, Settler,
    Teller, clock,
};
use tracing::warn;

use crate::config::Config;
use crate::doubts;
use crate::reconcile::StripeApi;
use crate::secrets::Secrets;

/// Most bytes of a body. Stripe's events have a few KiB.
const MAX_BODY: usize = 256 * 1024;

/// The function, with its connections.
#[derive(Debug)]
pub struct Stripe {
    secrets: Secrets,
    pub(crate) mode: Mode,
    pub(crate) plans: Plans,
    pub(crate) ledger: Ledger,
    pub(crate) api: Option<StripeApi>,
    billing: Billing,
    pub(crate) accounts: Accounts,
    deliveries: Deliveries,
    events: Events,
    queue: DeliveryQueue,
    limits: Limits,
    retention: SignedDuration,
}

impl Stripe {
    /// Connects to the tables and the queue, and to Stripe if there is a key for that.
    ///
    /// # Errors
    /// No TLS could be set up.
    pub fn new(config: Config, aws: Aws, secrets: Secrets) -> Result<Self, Error> {
        let Config {
            resources,
            billing_table,
            stripe_api,
            mode,
            plans,
            retention,
            billing,
            ..
        } = config;
        let dynamodb = aws.dynamodb;
        let api = secrets.read_key.clone();
        Ok(Self {
            api: api.map(|key| StripeApi::new(stripe_api, key)).transpose()?,
            secrets,
            mode,
            plans,
            ledger: Ledger::new(dynamodb.clone(), billing_table, mode),
            billing,
            limits: Limits::new(dynamodb.clone(), resources.accounts_table.clone()),
            accounts: Accounts::new(dynamodb.clone(), resources.accounts_table),
            events: Events::new(dynamodb.clone(), resources.events_table.clone()),
            deliveries: Deliveries::new(
                dynamodb,
                resources.deliveries_table,
                resources.events_table,
            ),
            queue: DeliveryQueue::new(aws.sqs, resources.delivery_queue_url),
            retention,
        })
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
        if request.uri().path() == doubts::PATH {
            return self.settle_doubts(request, now).await;
        }
        // As bytes: what API Gateway sent in base64 is decoded by now.
        let body = request.body().as_ref();
        if body.len() > MAX_BODY {
            return Err(Problem::new(413, "body_too_large", "the body is too large"));
        }
        let headers = request.headers().get_all(HEADER);
        let headers: Vec<&[u8]> = headers.iter().map(|value| value.as_bytes()).collect();
        if let Err(refusal) = self.secrets.webhook.verify(&headers, body, now) {
            warn!(reason = %refusal, "refused: {refusal}");
            // One answer for every reason: whoever guesses learns nothing.
            return Err(Problem::new(400, "bad_request", "the request is not valid"));
        }
        let event = StripeEvent::read(body, self.mode);
        self.hear(event, body, now).await?;
        Ok(reply::json(200, &json!({"received": true})))
    }

    /// Who derives what an organization has.
    pub(crate) fn deriver(&self) -> Deriver<'_> {
        Deriver {
            ledger: &self.ledger,
            plans: &self.plans,
            settler: Settler {
                billing: self.billing,
                accounts: &self.accounts,
                deliveries: &self.deliveries,
                teller: Teller {
                    events: &self.events,
                    queue: &self.queue,
                    limits: &self.limits,
                    retention: self.retention,
                },
            },
        }
    }
}
