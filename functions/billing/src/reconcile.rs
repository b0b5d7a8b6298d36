//! Asking Stripe what a subscription is, where its events leave that open.

use std::fmt;

use jiff::Timestamp;
use lambda_http::Error;
use payload::billing::customer::Fact;
use payload::billing::stripe_event::{Facts, Mode, Said, read_fetched};
use payload::billing::stripe_id::StripeId;
use reqwest::{Client, redirect};
use tracing::warn;

use crate::hear::ASKING;

/// The version in which Stripe is to answer. Any is understood; this one is what the tests have.
const VERSION: &str = "2025-03-31.basil";

/// Stripe's API, with a key that may read subscriptions.
pub(crate) struct StripeApi {
    client: Client,
    base: String,
    key: String,
}

impl fmt::Debug for StripeApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StripeApi")
            .field("base", &self.base)
            .finish_non_exhaustive()
    }
}

impl StripeApi {
    pub(crate) fn new(base: String, key: String) -> Result<Self, Error> {
        let client = Client::builder()
            .redirect(redirect::Policy::none())
            .no_proxy()
            .timeout(ASKING);
        Ok(Self {
            client: client.build()?,
            base,
            key,
        })
    }

    /// What a subscription is, and whose; nothing where Stripe does not say it: then what is known stands, and
    /// the next event asks again.
    ///
    /// <https://docs.stripe.com/api/subscriptions/retrieve>
    pub(crate) async fn fetch(
        &self,
        subscription: &StripeId,
        mode: Mode,
        now: Timestamp,
    ) -> Option<(StripeId, Fact)> {
        let url = format!("{}/v1/subscriptions/{subscription}", self.base);
        let request = self.client.get(url).bearer_auth(&self.key);
        let answer = request.header("stripe-version", VERSION).send().await;
        let body = match answer.and_then(reqwest::Response::error_for_status) {
            Ok(answer) => answer.bytes().await,
            Err(error) => Err(error),
        };
        let body = match body {
            Ok(body) => body,
            Err(error) => {
                let error = error.without_url();
                warn!(stripe.subscription = subscription.as_str(), error = %error, "Stripe does not say what a subscription is");
                return None;
            }
        };
        match read_fetched(&body, mode, now) {
            Said::Facts(Facts {
                customer, facts, ..
            }) => Some((customer, facts.into_iter().next()?)),
            Said::Ignored(why) => {
                warn!(stripe.subscription = subscription.as_str(), reason = %why, "what Stripe says of a subscription does not count");
                None
            }
            Said::Unparsed(faults) => {
                warn!(stripe.subscription = subscription.as_str(), faults = %faults, "what Stripe says of a subscription cannot be read");
                None
            }
        }
    }
}
