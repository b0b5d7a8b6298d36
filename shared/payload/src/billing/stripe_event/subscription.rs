//! A subscription: as an event shows it, or as it was fetched.

use std::cell::RefCell;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::members::{MAX_NAME, Named, check_object, id, name, required_id, seconds};
use super::{Facts, Ignored, Mode, Origin, Said};
use crate::billing::claim::Source;
use crate::billing::customer::Fact;
use crate::billing::fingerprint::Fingerprint;
use crate::billing::snapshot::{Item, Kind, Snapshot, Standing};
use crate::billing::stripe_id::StripeId;
use crate::billing::subscription::Subscription;
use crate::fault::Faults;
use crate::fields::Fields;

/// Longest value of a price's metadata that could be the name of a plan, bytes.
const MAX_NOTE: usize = 100;
/// Most members of metadata: as many as Stripe has. <https://docs.stripe.com/metadata>
const MAX_NOTES: usize = 50;

/// Reads a subscription out of an event. `raw` is the whole object, `before` what was otherwise before.
pub(super) fn read(
    object: &mut Fields<'_>,
    origin: &Origin,
    kind: Kind,
    raw: Option<&Map<String, Value>>,
    before: &Map<String, Value>,
) -> Result<Option<Facts>, Ignored> {
    // Stripe may tell of other things under such a name.
    match object.text("object").as_deref() {
        Some("subscription") => {}
        Some(_) => return Err(Ignored::UnknownType),
        None => object.fault("object", "required"),
    }
    let read = Read::of(object, raw);
    let prices_before = before.get("items").map(prices);
    let changes_items = prices_before.is_some_and(|prices| prices != read.prices());
    let changes_status = before.contains_key("status");
    let changes_pause = before.contains_key("pause_collection");
    let claim = read.named.claim(Source::Metadata, origin);
    let snapshot = Snapshot {
        at: origin.created,
        kind,
        changes_status,
        event: Some(origin.event.clone()),
        turns: kind == Kind::Created || changes_status || changes_pause || changes_items,
        object: raw.map(Fingerprint::of).unwrap_or_default(),
        before: Fingerprint::of_changes(before),
        standing: read.standing,
    };
    Ok(read.ids.map(|(id, customer)| {
        let fact = Fact::Subscription(Subscription::of(id, snapshot));
        Facts::new(customer, &read.named, claim, Some(fact))
    }))
}

/// Reads the answer to `GET /v1/subscriptions/{id}`, asked for at `asked_at`: it wins over all that was
/// said before that. It makes no claim, since it names no event.
///
/// `asked_at` is when the request began, not when it was answered: what happens in between is news.
pub fn read_fetched(body: &[u8], mode: Mode, asked_at: Timestamp) -> Said {
    let Ok(Value::Object(raw)) = serde_json::from_slice(body) else {
        return Said::Unparsed(Faults::one("", "must be a JSON object"));
    };
    let faults = RefCell::default();
    let mut object = Fields::root(raw.clone(), &faults);
    match object.boolean("livemode") {
        Some(is_live) if is_live != (mode == Mode::Live) => {
            return Said::Ignored(Ignored::OtherMode);
        }
        _ => {}
    }
    check_object(&mut object, "subscription");
    let read = Read::of(&mut object, Some(&raw));
    let snapshot = Snapshot {
        // Events have whole seconds.
        at: Timestamp::from_second(asked_at.as_second()).unwrap_or(asked_at),
        kind: Kind::Fetched,
        changes_status: false,
        event: None,
        turns: false,
        object: Fingerprint::of(&raw),
        before: Fingerprint::default(),
        standing: read.standing,
    };
    match (read.ids, faults.into_inner()) {
        (Some((id, customer)), faults) if faults.is_empty() => {
            let fact = Fact::Subscription(Subscription::of(id, snapshot));
            Said::Facts(Facts::new(customer, &read.named, None, Some(fact)))
        }
        (_, faults) => Said::Unparsed(faults),
    }
}

/// What is in a subscription.
struct Read {
    /// Its own and its customer's.
    ids: Option<(StripeId, StripeId)>,
    named: Named,
    standing: Standing,
}

impl Read {
    fn of(object: &mut Fields<'_>, raw: Option<&Map<String, Value>>) -> Self {
        let ids = required_id(object, "id").zip(required_id(object, "customer"));
        // Until `2025-03-31.basil` all items had one period.
        let period = (
            seconds(object, "current_period_start"),
            seconds(object, "current_period_end"),
        );
        let status = object.required_text("status");
        object.check_length("status", &status, MAX_NAME);
        let standing = Standing {
            status: status.into(),
            is_collection_paused: object.take("pause_collection").is_some(),
            items: read_items(object, raw, period),
            cancel_at: seconds(object, "cancel_at"),
            cancels_at_period_end: object.boolean("cancel_at_period_end").unwrap_or_default(),
            ended_at: seconds(object, "ended_at"),
            latest_invoice: id(object, "latest_invoice"),
        };
        Self {
            ids,
            named: Named::in_metadata(object),
            standing,
        }
    }

    fn prices(&self) -> Vec<&str> {
        let mut prices: Vec<&str> = (self.standing.items.iter())
            .map(|item| &*item.price)
            .collect();
        prices.sort_unstable();
        prices
    }
}

fn read_items(
    object: &mut Fields<'_>,
    raw: Option<&Map<String, Value>>,
    period: (Option<Timestamp>, Option<Timestamp>),
) -> Vec<Item> {
    let list = raw.and_then(|raw| raw.get("items")?.get("data")?.as_array());
    if list.is_none() {
        // Without items it would be a subscription to nothing, which ends all access.
        object.fault_within("items", "data", "must be a list");
    }
    let list = object.object("items").map(|mut list| list.objects("data"));
    let items = list.into_iter().flatten().map(|mut item| {
        let (start, end) = period;
        let period_start = seconds(&mut item, "current_period_start").or(start);
        let period_end = seconds(&mut item, "current_period_end").or(end);
        // Before there were prices there were plans, with the same ids.
        let plan = item.object("plan");
        let mut price = match item.object("price").or(plan) {
            Some(price) => price,
            None => item.required_object("price"),
        };
        let notes = price.map("metadata").unwrap_or_default();
        Item {
            price: price.required_text("id"),
            lookup_key: name(&mut price, "lookup_key"),
            // The seller may have chosen it.
            product: id(&mut price, "product"),
            metadata: notes.iter().filter_map(note).take(MAX_NOTES).collect(),
            period_start,
            period_end,
        }
    });
    let mut items: Vec<Item> = items.collect();
    items.sort();
    items
}

/// What could be the name of a plan.
fn note((name, value): (&String, &Value)) -> Option<(String, String)> {
    let value = value.as_str().filter(|value| value.len() <= MAX_NOTE)?;
    Some((name.clone(), value.to_owned()))
}

/// The prices of items as they were before, sorted.
fn prices(items: &Value) -> Vec<&str> {
    fn price(item: &Value) -> Option<&str> {
        let named = |name: &str| item.get(name)?.get("id")?.as_str();
        named("price").or_else(|| named("plan"))
    }
    let items = items["data"].as_array().into_iter().flatten();
    let mut prices: Vec<&str> = items.filter_map(price).collect();
    prices.sort_unstable();
    prices
}
