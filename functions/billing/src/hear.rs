//! What an event of Stripe does.
//!
//! The facts are written, then the records of the organizations are derived, then the event is kept. Who dies
//! in between is sent the event again: the facts are known then, the records are derived all the same.

use std::collections::BTreeSet;

use jiff::Timestamp;
use payload::billing::customer::Fact;
use payload::billing::stripe_event::{Facts, Said, StripeEvent};
use payload::billing::stripe_id::StripeId;
use payload::id::OrganizationId;
use state::{Heard, HeardAs, StateError};
use tracing::{error, info, warn};

use crate::handler::Stripe;

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
        // All that were ever named: one of them may have lost the customer to another.
        let organizations: BTreeSet<OrganizationId> =
            known.claims.values().map(|it| it.organization_id).collect();
        if organizations.is_empty() {
            if self.ledger.park(customer, now).await? {
                warn!(
                    stripe.customer = customer.as_str(),
                    "parked: nobody has said whose customer this is"
                );
            }
            return Ok(HeardAs::Parked);
        }
        if known.is_contested() {
            warn!(
                stripe.customer = customer.as_str(),
                "claimed for several organizations: the first one is believed"
            );
        }
        for organization in organizations {
            self.derive(organization, now).await?;
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

    /// Derives what an organization has; where that is doubtful and Stripe can be asked, once more with its
    /// answer.
    async fn derive(&self, organization: OrganizationId, now: Timestamp) -> Result<(), StateError> {
        let record = self.deriver().derive(organization, now).await?;
        if record.has_unknown_status {
            error!(organization.id = %organization, "a subscription has a status that is not known here");
        }
        let doubted = record.doubts.iter().filter(|doubt| doubt.from <= now);
        let doubted: BTreeSet<StripeId> = doubted.map(|it| it.subscription.clone()).collect();
        let Some(api) = self.api.as_ref().filter(|_| !doubted.is_empty()) else {
            return Ok(());
        };
        let mut is_news = false;
        for subscription in doubted {
            if let Some((customer, fact)) = api.fetch(&subscription, self.mode, now).await {
                is_news |= self.ledger.learn(&customer, fact).await?;
            }
        }
        if is_news {
            self.deriver().derive(organization, now).await?;
        }
        Ok(())
    }
}
