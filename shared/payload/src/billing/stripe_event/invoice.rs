//! An invoice: what was paid, what could not be collected, and until when it pays.

use jiff::Timestamp;

use super::members::{Named, check_object, id, required_id, seconds};
use super::{Facts, Ignored, Origin};
use crate::billing::claim::Source;
use crate::billing::customer::Fact;
use crate::billing::invoice::{Invoice, InvoiceStatus, Saying};
use crate::billing::stripe_id::StripeId;
use crate::fields::Fields;

/// Reads an invoice. `status` is the one that its event stands for.
///
/// Since `2025-03-31.basil` what an invoice is for stands in `parent`, of the invoice and of its lines.
pub(super) fn read(
    object: &mut Fields<'_>,
    origin: &Origin,
    event_type: &str,
    status: InvoiceStatus,
) -> Result<Option<Facts>, Ignored> {
    check_object(object, "invoice");
    let mut parent = object.object("parent");
    let mut details = parent
        .as_mut()
        .and_then(|it| it.object("subscription_details"));
    let mut older_details = object.object("subscription_details");
    let older_subscription = id(object, "subscription");
    let lines = read_lines(object);
    let of_lines = lines.iter().find_map(|line| line.subscription.clone());
    let subscription = (details.as_mut().and_then(|it| id(it, "subscription")))
        .or(older_subscription)
        .or(of_lines)
        .ok_or(Ignored::OneOffInvoice)?;

    let named = [details.as_mut(), older_details.as_mut()];
    let named = named.into_iter().flatten().map(Named::in_metadata);
    let named = (named.reduce(|newer, older| match newer {
        Named::Nobody => older,
        named => named,
    }))
    .unwrap_or(Named::Nobody);

    let status = object
        .text("status")
        .map_or(status, |name| InvoiceStatus::named(&name));
    let mut transitions = object.object("status_transitions");
    let said = Saying {
        status,
        attempt_count: object.count("attempt_count").unwrap_or_default(),
        at: origin.created,
        event: origin.event.clone(),
        next_attempt_at: seconds(object, "next_payment_attempt"),
        paid_at: transitions.as_mut().and_then(|it| seconds(it, "paid_at")),
        pays_through: pays_through(&lines, &subscription),
        subscription,
    };
    let is_failure = event_type == "invoice.payment_failed";
    let invoice = required_id(object, "id").map(|id| Invoice::of(id, said, is_failure));
    let claim = named.claim(Source::Metadata, origin);
    let customer = required_id(object, "customer");
    Ok(customer.zip(invoice).map(|(customer, invoice)| {
        Facts::new(customer, &named, claim, Some(Fact::Invoice(invoice)))
    }))
}

struct Line {
    subscription: Option<StripeId>,
    period_end: Option<Timestamp>,
}

fn read_lines(object: &mut Fields<'_>) -> Vec<Line> {
    let lines = object
        .object("lines")
        .map(|mut lines| lines.objects("data"));
    let lines = lines.into_iter().flatten().map(|mut line| {
        let mut parent = line.object("parent");
        let mut details = parent
            .as_mut()
            .and_then(|it| it.object("subscription_item_details"));
        let newer = details.as_mut().and_then(|it| id(it, "subscription"));
        let older = id(&mut line, "subscription");
        let mut period = line.object("period");
        Line {
            subscription: newer.or(older),
            period_end: period.as_mut().and_then(|it| seconds(it, "end")),
        }
    });
    lines.collect()
}

/// The end of the last period among the subscription's lines. The invoice's own period is the one before,
/// and of a first invoice none.
fn pays_through(lines: &[Line], subscription: &StripeId) -> Option<Timestamp> {
    let is_of_it = |line: &&Line| {
        line.subscription
            .as_ref()
            .is_none_or(|id| id == subscription)
    };
    lines
        .iter()
        .filter(is_of_it)
        .filter_map(|line| line.period_end)
        .max()
}
