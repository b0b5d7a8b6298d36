//! What an event of Stripe does.
//!
//! The facts are written, then the records of the organizations are derived, then the event is kept. Who dies
//! in between is sent the event again: the facts are known then, the records are derived all the same.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::future::join_all;
use jiff::Timestamp;
use payload::billing::customer::{Customer, Fact};
use payload::billing::stripe_event::{Facts, Said, StripeEvent};
use payload::billing::stripe_id::StripeId;
use payload::id::OrganizationId;
use state::{Heard, HeardAs, StateError};
use tokio::time::{Instant, timeout_at};
use tracing::{error, info, warn};

use crate::handler::Stripe;

/// How long Stripe is waited for. The event that asks is answered after that.
pub(crate) const ASKING: Duration = Duration::from_secs(5);

impl Stripe {
    /// Does what an event says.
    ///
    /// # Errors
    /// Something was not read, written or sent. Stripe sends the event again.
    pub(crate) async fn hear(
        &self,
        event: StripeEvent,
        body: &[u8],
        now: Timestamp,
    ) -> Result<(), StateError> {
        let StripeEvent {
            id,
            event_type,
            created,
            api_version,
            said,
        } = event;
        let id_text = id.as_ref().map(StripeId::as_str).unwrap_or_default();
        let type_text = event_type.as_deref().unwrap_or_default();
        let (customer, outcome) = match said {
            Said::Ignored(why) => {
                info!(stripe.event = id_text, stripe.event.r#type = type_text, reason = %why, "ignored: {why}");
                return Ok(());
            }
            Said::Unparsed(faults) => {
                // The places, not what stands there.
                error!(stripe.event = id_text, stripe.event.r#type = type_text, faults = %faults, "unparsed: {faults}");
                (None, HeardAs::Unparsed)
            }
            Said::Facts(Facts {
                customer,
                facts,
                names_no_organization,
            }) => {
                if names_no_organization {
                    warn!(
                        stripe.event = id_text,
                        stripe.customer = customer.as_str(),
                        "what the event names as its organization is none"
                    );
                }
                let outcome = self.learn(&customer, facts, now).await?;
                (Some(customer), outcome)
            }
        };
        let heard = Heard {
            id: id.clone(),
            event_type: event_type.clone(),
            created,
            received_at: now,
            api_version,
            customer,
            outcome,
        };
        let is_first = self.ledger.keep(&heard, body).await?;
        let customer = heard.customer.as_ref().map(StripeId::as_str);
        info!(stripe.event = id_text, stripe.event.r#type = type_text,
            stripe.customer = customer, outcome = ?outcome, repeated = !is_first, "heard {id_text}");
        Ok(())
    }

    /// Adds facts to what is known of a customer, and derives anew whatever follows.
    async fn learn(
        &self,
        customer: &StripeId,
        facts: Vec<Fact>,
        now: Timestamp,
    ) -> Result<HeardAs, StateError> {
        let mut is_news = false;
        let mut is_claimed = false;
        for fact in facts {
            is_claimed |= matches!(fact, Fact::Claim(_));
            is_news |= self.ledger.learn(customer, fact).await?;
        }
        let known = self.ledger.customer(customer).await?;
        if !self.derive_all(&known, now).await? {
            if self.ledger.park(customer, now).await? {
                warn!(
                    stripe.customer = customer.as_str(),
                    "parked: nobody has said whose customer this is"
                );
            }
            // Whoever claims it takes it off the list after that. So either they come after this line of it, or
            // the claim is seen here.
            let again = self.ledger.customer(customer).await?;
            if again.claims == known.claims || !self.derive_all(&again, now).await? {
                return Ok(HeardAs::Parked);
            }
            is_claimed = true;
        }
        if is_claimed {
            self.ledger.unpark(customer).await?;
        }
        Ok(if is_news {
            HeardAs::Applied
        } else {
            HeardAs::Stale
        })
    }

    /// Derives what each organization has that a customer was ever named for: one of them may have lost it to
    /// another. Whether the one that is believed to have it is there.
    async fn derive_all(&self, known: &Customer, now: Timestamp) -> Result<bool, StateError> {
        if known.is_contested() {
            let customer = &known.id;
            error!(
                stripe.customer = customer.as_str(),
                "contested: {customer} is claimed for several organizations, the first one is believed"
            );
        }
        let owner = known.claim().map(|claim| claim.organization_id);
        let asking_ends = Instant::now() + ASKING;
        let mut is_owned = false;
        for organization in known.organizations() {
            let derived = self.derive(organization, asking_ends, now).await?;
            is_owned |= owner == Some(organization) && derived.is_some();
        }
        Ok(is_owned)
    }

    /// Derives what an organization has; where that is doubtful and Stripe can be asked, once more with its
    /// answer, if it comes in time. Whether it is doubtful after that; nothing for an organization that does not
    /// exist.
    pub(crate) async fn derive(
        &self,
        organization: OrganizationId,
        asking_ends: Instant,
        now: Timestamp,
    ) -> Result<Option<bool>, StateError> {
        let Some(record) = self.deriver().derive(organization, now).await? else {
            return Ok(None);
        };
        if record.has_unknown_status {
            error!(organization.id = %organization, "unknown status: {organization} has a subscription that is what nobody knows here, and does not send");
        }
        let doubted = record.doubts.iter().filter(|doubt| doubt.from <= now);
        let doubted: BTreeSet<&StripeId> = doubted.map(|it| &it.subscription).collect();
        let Some(api) = self.api.as_ref().filter(|_| !doubted.is_empty()) else {
            return Ok(Some(!doubted.is_empty()));
        };
        let asked = doubted
            .into_iter()
            .map(|subscription| timeout_at(asking_ends, api.fetch(subscription, self.mode, now)));
        let mut is_news = false;
        for (customer, fact) in join_all(asked).await.into_iter().flatten().flatten() {
            is_news |= self.ledger.learn(&customer, fact).await?;
        }
        if !is_news {
            return Ok(Some(true));
        }
        let record = self.deriver().derive(organization, now).await?;
        Ok(record.map(|record| record.needs_reconcile(now)))
    }
}
