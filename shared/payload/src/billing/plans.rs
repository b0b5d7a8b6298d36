//! Which subscriptions have webhooks in them: the parameter `EnterprisePlans`.

use std::str::FromStr;

use super::snapshot::Item;

/// The member of a price's metadata that names its plan.
const PLAN: &str = "plan";

/// What one has to subscribe to.
///
/// Written as a list with commas. An entry `enterprise_monthly` means a price with this `lookup_key`, this id or
/// this `metadata.plan`, or the product with this id; an entry `tier=gold` means a price with this member of
/// its metadata.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plans(Vec<Plan>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Plan {
    Named(String),
    Noted {
        entry: String,
        name: String,
        value: String,
    },
}

/// The text is no list of plans.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be lookup keys, product ids, price ids or `key=value` of a price's metadata, separated by commas"
)]
pub struct MalformedPlans;

impl FromStr for Plans {
    type Err = MalformedPlans;

    fn from_str(text: &str) -> Result<Self, MalformedPlans> {
        let plans = text.split(',').map(|entry| entry.trim().parse());
        plans.collect::<Result<_, _>>().map(Self)
    }
}

impl FromStr for Plan {
    type Err = MalformedPlans;

    fn from_str(entry: &str) -> Result<Self, MalformedPlans> {
        match entry.split_once('=') {
            None if entry.is_empty() => Err(MalformedPlans),
            None => Ok(Self::Named(entry.to_owned())),
            Some((name, value)) => match (name.trim(), value.trim()) {
                ("", _) | (_, "") => Err(MalformedPlans),
                (name, value) => Ok(Self::Noted {
                    entry: entry.to_owned(),
                    name: name.to_owned(),
                    value: value.to_owned(),
                }),
            },
        }
    }
}

impl Plan {
    fn has(&self, item: &Item) -> bool {
        let noted = |name: &str| item.metadata.get(name).map(String::as_str);
        match self {
            Self::Named(name) => {
                let name = Some(&**name);
                name == item.lookup_key.as_deref()
                    || name == item.product.as_deref()
                    || name == Some(&*item.price)
                    || name == noted(PLAN)
            }
            Self::Noted { name, value, .. } => noted(name) == Some(&**value),
        }
    }

    fn entry(&self) -> &str {
        match self {
            Self::Named(entry) | Self::Noted { entry, .. } => entry,
        }
    }
}

impl Plans {
    /// The entry that an item is of, as it is written in the parameter.
    pub fn of(&self, item: &Item) -> Option<&str> {
        let plan = self.0.iter().find(|plan| plan.has(item));
        plan.map(Plan::entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item() -> Item {
        let noted = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        Item {
            price: "price_1".into(),
            lookup_key: Some("enterprise_monthly".into()),
            product: Some("prod_1".into()),
            metadata: [("plan", "enterprise"), ("tier", "gold")].map(noted).into(),
            period_start: None,
            period_end: None,
        }
    }

    #[test]
    fn an_item_is_of_a_plan_by_any_of_its_names() {
        for (plans, expected) in [
            ("enterprise_monthly", Some("enterprise_monthly")),
            ("prod_1", Some("prod_1")),
            ("price_1", Some("price_1")),
            ("enterprise", Some("enterprise")),
            ("tier=gold", Some("tier=gold")),
            ("basic, tier = gold ,prod_1", Some("tier = gold")),
            ("gold", None),
            ("tier=silver", None),
            ("plan=basic,prod_2", None),
            ("Enterprise", None),
        ] {
            let plans: Plans = plans.parse().unwrap();
            assert_eq!(plans.of(&item()), expected, "{plans:?}");
        }
        let bare = Item {
            lookup_key: None,
            product: None,
            ..item()
        };
        assert_eq!("prod_1".parse::<Plans>().unwrap().of(&bare), None);
    }

    #[test]
    fn a_list_without_a_plan_or_with_half_a_one_is_refused() {
        for bad in ["", " ", ",", "a,", "a,,b", "=", "tier=", "=gold"] {
            assert_eq!(bad.parse::<Plans>(), Err(MalformedPlans), "{bad:?}");
        }
    }
}
