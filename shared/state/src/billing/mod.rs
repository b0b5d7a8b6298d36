//! What organizations have paid for: what it says of them at this moment, and what follows from a change.

mod derive;
mod due;
mod entitlements;
mod heard;
mod lapse;
mod ledger;
mod parked;
mod release;
mod settle;
mod settlement;

use std::str::FromStr;

use jiff::Timestamp;
use payload::billing::access::Access;

use crate::accounts::Account;

pub use derive::Deriver;
pub use entitlements::{Entitled, Told};
pub use heard::{Heard, HeardAs};
pub use lapse::Lapse;
pub use ledger::Ledger;
pub use parked::Parked;
pub use settle::Settler;
pub use settlement::Change;

/// Whether whoever runs the stack sells webhooks: its parameter `Billing`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Billing {
    /// Every organization is entitled to them.
    #[default]
    Off,
    /// Those are that have paid.
    On,
}

impl Billing {
    /// What an organization may do at `now`, as far as it was read.
    pub fn access(self, account: &Account, now: Timestamp) -> Access {
        self.access_of(account.entitlement.as_ref(), now)
    }

    /// The same by its entitlement alone; one without was never entitled to anything.
    pub fn access_of(self, entitled: Option<&Entitled>, now: Timestamp) -> Access {
        match self {
            Self::Off => Access::Active,
            Self::On => entitled.map_or(Access::None, |entitled| entitled.entitlement.access(now)),
        }
    }
}

impl FromStr for Billing {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "off" => Ok(Self::Off),
            "on" => Ok(Self::On),
            _ => Err(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::delivery_key::DeliveryKey;
    use crate::testing;

    #[test]
    fn where_nothing_is_sold_everyone_is_entitled_and_elsewhere_who_has_paid() {
        let now = "2026-11-21T10:00:00Z".parse().unwrap();
        let mut account = testing::account(DeliveryKey::NONE);
        let access = |account: &Account| {
            [Billing::Off, Billing::On].map(|billing| billing.access(account, now))
        };
        assert_eq!(access(&account), [Access::Active, Access::None]);
        let grace = testing::entitlement(&[(now, Access::Grace)]);
        account.entitlement = Some(Entitled::written(None, grace, Value::Null, now));
        assert_eq!(access(&account), [Access::Active, Access::Grace]);
    }

    #[test]
    fn the_parameter_is_on_or_off_and_nothing_else() {
        assert_eq!("off".parse(), Ok(Billing::Off));
        assert_eq!("on".parse(), Ok(Billing::On));
        for other in ["", "On", "true", "yes"] {
            assert_eq!(other.parse::<Billing>(), Err(()), "{other}");
        }
    }
}
