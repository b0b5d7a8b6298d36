//! One run of the schedule: Stripe is asked where what it said left something open, although no event came.
//! A renewal of which the word was lost is found here.

use std::time::{Duration, SystemTime};

use futures::stream::{StreamExt, iter};
use jiff::Timestamp;
use lambda_http::{Body, Request, RequestExt as _, Response};
use payload::id::OrganizationId;
use reply::Problem;
use serde_json::json;
use state::Chain;
use tokio::time::Instant;
use tracing::{error, info};

use crate::handler::Stripe;
use crate::hear::ASKING;

/// Where the schedule's request goes. No route of API Gateway leads here.
pub(crate) const PATH: &str = "/schedules/doubts";
/// Organizations of which Stripe is asked side by side. <https://docs.stripe.com/rate-limits>
const AT_ONCE: usize = 8;
/// What is left of the function's time for what has begun: the wait for Stripe, and some writes.
const MARGIN: Duration = Duration::from_secs(5).saturating_add(ASKING);

impl Stripe {
    /// Asks about all organizations that are in doubt by now, those that wait for longest first. What is left,
    /// because the time is over or Stripe did not answer, is asked by the next run.
    pub(crate) async fn settle_doubts(
        &self,
        request: &Request,
        now: Timestamp,
    ) -> Result<Response<Body>, Problem> {
        if self.api.is_none() {
            return Ok(reply::json(200, &json!({"settled": 0, "left": 0})));
        }
        let deadline = request.lambda_context().deadline();
        let time = deadline.duration_since(SystemTime::from(now));
        let ends = Instant::now() + time.unwrap_or_default().saturating_sub(MARGIN);
        let (mut settled, mut left) = (0_u32, 0_u32);
        let mut after: Option<String> = None;
        loop {
            let page = self.accounts.entitlements_doubted(now, after.as_deref());
            let page = page.await?;
            let asked = page.items.into_iter();
            let asked = asked.map(|organization| self.settle_doubt(organization, ends, now));
            let mut asked = iter(asked).buffer_unordered(AT_ONCE);
            while let Some(is_settled) = asked.next().await {
                settled += u32::from(is_settled);
                left += u32::from(!is_settled);
            }
            after = page.next;
            if after.is_none() || Instant::now() > ends {
                break;
            }
        }
        if settled + left > 0 {
            info!(
                settled,
                left,
                "asked Stripe about {} organizations",
                settled + left
            );
        }
        Ok(reply::json(200, &json!({"settled": settled, "left": left})))
    }

    /// Whether nothing is doubtful any more. After `ends` nothing is begun.
    async fn settle_doubt(
        &self,
        organization: OrganizationId,
        ends: Instant,
        now: Timestamp,
    ) -> bool {
        if Instant::now() > ends {
            return false;
        }
        match self
            .derive(organization, Instant::now() + ASKING, now)
            .await
        {
            Ok(is_doubtful) => !is_doubtful.unwrap_or(false),
            Err(error) => {
                error!(organization.id = %organization, error = %Chain(&error), "a doubt waits for the next run");
                false
            }
        }
    }
}
