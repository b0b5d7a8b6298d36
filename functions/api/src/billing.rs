//! What an organization has paid for: its record, and the facts and events that made it.

use jiff::Timestamp;
use lambda_http::{Body, Response};
use payload::billing::access::{Access, Step};
use payload::billing::claim::Claim;
use payload::billing::customer::{Customer, Fact};
use payload::billing::invoice::Invoice;
use payload::billing::record::Record;
use payload::billing::stripe_id::StripeId;
use payload::billing::subscription::Subscription;
use payload::fields::read_strictly;
use payload::id::OrganizationId;
use payload::timestamp;
use reply::Problem;
use serde::Serialize;
use serde_json::{Map, Value, json};
use state::{Action, Billing, Caller, Changes, Deriver, Heard, Settler, Teller};

use crate::handler::{Api, Call};
use crate::organizations::{find, own_account};
use crate::page;

/// Events of each customer that are shown.
const EVENTS: i32 = 50;

#[derive(Serialize)]
struct View<'a> {
    organization_id: OrganizationId,
    access: Access,
    /// Since when; null: it never had any other.
    #[serde(serialize_with = "timestamp::option::serialize")]
    since: Option<Timestamp>,
    /// What it becomes by itself.
    next: Option<Step>,
    /// Whether Stripe should be asked, because what it said leaves something open.
    needs_reconcile: bool,
    /// As it stands in the table.
    record: Option<Value>,
    customers: Vec<CustomerView<'a>>,
    events: Vec<Heard>,
}

#[derive(Serialize)]
struct CustomerView<'a> {
    id: &'a StripeId,
    mode: &'static str,
    claims: Vec<&'a Claim>,
    subscriptions: Vec<&'a Subscription>,
    invoices: Vec<&'a Invoice>,
}

/// `GET /organizations/{id}/billing`.
pub(crate) async fn get(api: &Api, call: &Call<'_>, id: &str) -> Result<Response<Body>, Problem> {
    let account = own_account(api, call, id).await?;
    view(api, call, account.organization.id).await
}

/// `GET /billing/parked`: customers of whom nobody has said whose they are.
pub(crate) async fn parked(api: &Api, call: &Call<'_>) -> Result<Response<Body>, Problem> {
    call.require_platform()?;
    let limit = i32::try_from(page::limit(call.request)?).unwrap_or(i32::MAX);
    let after: Option<StripeId> = page::cursor(call.request)?;
    let after = after.as_ref().map(StripeId::as_str);
    let found = api.ledger.parked(after, limit).await?;
    Ok(page::answer(&found.items, found.next))
}

/// `POST /organizations/{id}/billing/link {"customer"}`: says whose a customer is. An operator's word counts
/// more than what Stripe says, and the last one counts.
pub(crate) async fn link(api: &Api, call: &Call<'_>, id: &str) -> Result<Response<Body>, Problem> {
    let organization = find(api, call, id).await?.id;
    let body = reply::read_object(call.request)?;
    if api.billing == Billing::Off {
        return Err(Problem::new(
            409,
            "billing_off",
            "webhooks are not sold here: every organization has them",
        ));
    }
    let customer = read_strictly(body, |fields| {
        let text = fields.required_text("customer");
        let id = text.parse::<StripeId>().ok();
        let id = id.filter(|id| id.as_str().starts_with("cus_"));
        if id.is_none() && !text.is_empty() {
            fields.fault("customer", "must be the id of a Stripe customer, cus_…");
        }
        id
    });
    let Some(customer) = customer.map_err(Problem::invalid)? else {
        return Err(Problem::not_found("customer"));
    };
    let before = api.ledger.customer(&customer).await?;
    let owner = before.claim().map(|claim| claim.organization_id);
    let of = |owner| Map::from_iter([("organization_id".to_owned(), json!(owner))]);
    let changes = Changes::between(of(owner), of(Some(organization)));
    let action = Action::BillingLinked;
    call.log(api, organization, action, customer.as_str(), changes)
        .await?;
    let claim = Claim::by_operator(organization, call.now);
    api.ledger.learn(&customer, Fact::Claim(claim)).await?;
    // Whoever had it has it no more: also who was named a moment ago, and derived before this was heard.
    let known = api.ledger.customer(&customer).await?;
    for owner in known.organizations() {
        deriver(api).derive(owner, call.now).await?;
    }
    api.ledger.unpark(&customer).await?;
    view(api, call, organization).await
}

async fn view(
    api: &Api,
    call: &Call<'_>,
    organization: OrganizationId,
) -> Result<Response<Body>, Problem> {
    let entitled = api.accounts.entitlement(organization).await?;
    let mut customers = api.ledger.customers_of(organization).await?;
    let record = Record::of(organization, &customers, &api.plans);
    if matches!(call.caller, Caller::Organization { .. }) {
        customers.retain_mut(|customer| is_shown_to(organization, customer));
    }
    let mut events = Vec::new();
    for customer in &customers {
        events.extend(api.ledger.heard(&customer.id, EVENTS).await?);
    }
    events.sort_by_key(|heard| std::cmp::Reverse(heard.created));
    let entitlement = entitled.as_ref().map(|entitled| &entitled.entitlement);
    let mode = api.ledger.mode().name();
    let view = View {
        organization_id: organization,
        access: api.billing.access_of(entitled.as_ref(), call.now),
        since: entitlement.and_then(|it| it.since(call.now)),
        next: entitlement.and_then(|it| it.next(call.now)),
        needs_reconcile: record.needs_reconcile(call.now),
        record: entitled.as_ref().map(|entitled| in_order(&entitled.record)),
        customers: customers
            .iter()
            .map(|it| CustomerView::new(it, mode))
            .collect(),
        events,
    };
    Ok(reply::json(200, &view))
}

/// Leaves of a customer what the organization may see of it, if that is anything: one that was named for it once
/// and is another's is none of its business, nor is who else was named.
fn is_shown_to(organization: OrganizationId, customer: &mut Customer) -> bool {
    let owner = customer.claim().map(|claim| claim.organization_id);
    customer
        .claims
        .retain(|(named, _), _| *named == organization);
    owner == Some(organization)
}

/// A map of a table has its members in another order each time.
fn in_order(record: &Value) -> Value {
    let mut record = record.clone();
    record.sort_all_objects();
    record
}

impl<'a> CustomerView<'a> {
    fn new(customer: &'a Customer, mode: &'static str) -> Self {
        Self {
            id: &customer.id,
            mode,
            claims: customer.claims.values().collect(),
            subscriptions: customer.subscriptions.values().collect(),
            invoices: customer.invoices.values().collect(),
        }
    }
}

fn deriver(api: &Api) -> Deriver<'_> {
    Deriver {
        ledger: &api.ledger,
        plans: &api.plans,
        settler: Settler {
            billing: api.billing,
            accounts: &api.accounts,
            deliveries: &api.deliveries,
            teller: Teller {
                events: &api.events,
                queue: &api.queue,
                limits: &api.limits,
                retention: api.retention,
            },
        },
    }
}
