//! A checkout that was completed: whose the customer is.

use super::members::{Named, check_object, id, required_id};
use super::{Facts, Ignored, Origin};
use crate::billing::claim::{Claim, Source};
use crate::fields::Fields;

/// Reads a session. What was bought is not in it: the events of the subscription say that.
pub(super) fn read(object: &mut Fields<'_>, origin: &Origin) -> Result<Option<Facts>, Ignored> {
    check_object(object, "checkout.session");
    if object.required_text("mode") != "subscription" {
        // Where the mode is missing, that is noted and counts more.
        return Err(Ignored::NotASubscription);
    }
    let is_payment_link = object.take("payment_link").is_some();
    let mut named = Named::in_metadata(object);
    // In the URL of a payment link the buyer says what it is.
    if matches!(named, Named::Nobody) && !is_payment_link {
        named = Named::by(object, "client_reference_id");
    }
    let subscription = id(object, "subscription");
    let claim = named.claim(Source::Session, origin).map(|claim| Claim {
        bought: subscription.map(|id| (id, claim.at)).into_iter().collect(),
        ..claim
    });
    let customer = required_id(object, "customer");
    Ok(customer.map(|customer| Facts::new(customer, &named, claim, None)))
}
