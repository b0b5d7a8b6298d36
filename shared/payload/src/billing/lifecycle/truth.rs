//! A subscription as Stripe has it, and how it writes it.

use serde_json::{Map, Value, json};

use super::ORGANIZATIONS;

/// How Stripe writes: by version, and as it writes to accounts of old versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::billing) enum Shape {
    /// Before there were prices.
    Oldest,
    Acacia,
    Basil,
    Dahlia,
    /// Old and new at once, with expanded objects.
    Hybrid,
}

impl Shape {
    pub(in crate::billing) const ALL: [Self; 5] = [
        Self::Oldest,
        Self::Acacia,
        Self::Basil,
        Self::Dahlia,
        Self::Hybrid,
    ];

    fn is_old(self) -> bool {
        matches!(self, Self::Oldest | Self::Acacia | Self::Hybrid)
    }

    fn is_new(self) -> bool {
        !matches!(self, Self::Oldest | Self::Acacia)
    }
}

/// A subscription as Stripe has it.
#[derive(Debug, Clone)]
pub(in crate::billing) struct Truth {
    pub(in crate::billing) id: String,
    pub(in crate::billing) customer: String,
    pub(in crate::billing) status: &'static str,
    pub(in crate::billing) is_enterprise: bool,
    pub(in crate::billing) organization: Option<usize>,
    pub(in crate::billing) period: (i64, i64),
    pub(in crate::billing) cancel_at: Option<i64>,
    pub(in crate::billing) ended_at: Option<i64>,
    pub(in crate::billing) is_paused: bool,
    pub(in crate::billing) invoice: usize,
    pub(in crate::billing) attempts: u64,
    pub(in crate::billing) notes: usize,
    pub(in crate::billing) card: usize,
}

impl Truth {
    pub(in crate::billing) fn is_over(&self) -> bool {
        matches!(self.status, "canceled" | "incomplete_expired")
    }

    fn invoice_id(&self) -> String {
        format!("in_{}_{}", self.id, self.invoice)
    }

    fn metadata(&self) -> Value {
        let mut metadata = json!({});
        if let Some(organization) = self.organization {
            metadata["org_id"] = ORGANIZATIONS[organization].into();
        }
        if self.notes > 0 {
            metadata["seats"] = self.notes.to_string().into();
        }
        metadata
    }

    pub(super) fn write(&self, shape: Shape) -> Value {
        let product = ["prod_basic", "prod_enterprise"][usize::from(self.is_enterprise)];
        let (start, end) = self.period;
        let mut item = json!({"id": "si_1", "object": "subscription_item", "metadata": {}});
        let price =
            json!({"id": format!("price_of_{product}"), "product": product, "metadata": {}});
        let price_name = if shape == Shape::Oldest {
            "plan"
        } else {
            "price"
        };
        item[price_name] = price;
        let mut written = json!({
            "id": self.id,
            "object": "subscription",
            "customer": self.customer,
            "status": self.status,
            "cancel_at": self.cancel_at,
            "cancel_at_period_end": shape.is_old() && self.cancel_at.is_some(),
            "ended_at": self.ended_at,
            "pause_collection": self.is_paused.then(|| json!({"behavior": "void", "resumes_at": null})),
            "latest_invoice": self.invoice_id(),
            "default_payment_method": (self.card > 0).then(|| format!("pm_{}", self.card)),
            "metadata": self.metadata(),
        });
        if shape.is_old() {
            written["current_period_start"] = start.into();
            written["current_period_end"] = end.into();
        }
        if shape.is_new() {
            item["current_period_start"] = start.into();
            item["current_period_end"] = end.into();
        }
        if shape == Shape::Hybrid {
            written["customer"] = json!({"id": self.customer, "object": "customer"});
        }
        written["items"] = json!({"object": "list", "data": [item]});
        written
    }

    pub(super) fn write_invoice(&self, shape: Shape, status: &str, paid_at: Option<i64>) -> Value {
        let (start, end) = self.period;
        let mut line = json!({"id": "il_1", "period": {"start": start, "end": end}});
        let mut written = json!({
            "id": self.invoice_id(),
            "object": "invoice",
            "customer": self.customer,
            "status": status,
            "attempt_count": self.attempts,
            "next_payment_attempt": null,
            "period_start": start,
            "period_end": start,
            "status_transitions": {"paid_at": paid_at},
        });
        let details = json!({"metadata": self.metadata(), "subscription": self.id});
        if shape.is_old() {
            written["subscription"] = self.id.clone().into();
            written["subscription_details"] = json!({"metadata": self.metadata()});
            line["subscription"] = self.id.clone().into();
        }
        if shape.is_new() {
            written["parent"] = json!({"subscription_details": details});
            line["parent"] = json!({"subscription_item_details": {"subscription": self.id}});
        }
        written["lines"] = json!({"object": "list", "data": [line]});
        written
    }
}

/// What was otherwise before, as Stripe says it: objects in part, lists whole.
pub(super) fn difference(before: &Value, after: &Value) -> Value {
    let (Value::Object(before), Value::Object(after)) = (before, after) else {
        return before.clone();
    };
    let mut difference = Map::new();
    for name in before.keys().chain(after.keys()) {
        let (old, new) = (&before.get(name), &after.get(name));
        if old != new {
            let (old, new) = (old.unwrap_or(&Value::Null), new.unwrap_or(&Value::Null));
            difference.insert(name.clone(), self::difference(old, new));
        }
    }
    difference.into()
}
