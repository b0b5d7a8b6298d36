//! Identifiers that Stripe makes: `cus_…`, `sub_…`, `in_…`, `evt_…`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Longest identifier that Stripe makes.
const MAX_LENGTH: usize = 255;

/// The identifier of something at Stripe. It can stand in a table's key: visible ASCII without `#`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StripeId(String);

/// The text is no identifier of Stripe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to 255 visible ASCII characters without `#`")]
pub struct MalformedStripeId;

impl StripeId {
    /// As Stripe writes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for StripeId {
    type Error = MalformedStripeId;

    fn try_from(text: String) -> Result<Self, MalformedStripeId> {
        let may_stand = |byte: u8| byte.is_ascii_graphic() && byte != b'#';
        if (1..=MAX_LENGTH).contains(&text.len()) && text.bytes().all(may_stand) {
            Ok(Self(text))
        } else {
            Err(MalformedStripeId)
        }
    }
}

impl FromStr for StripeId {
    type Err = MalformedStripeId;

    fn from_str(text: &str) -> Result<Self, MalformedStripeId> {
        text.to_owned().try_into()
    }
}

impl From<StripeId> for String {
    fn from(id: StripeId) -> Self {
        id.0
    }
}

impl fmt::Display for StripeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for StripeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_stand_in_a_key_is_no_id() {
        for good in ["cus_TQ4mWx8Zb2LrVn", "a", &"x".repeat(255)] {
            assert_eq!(good.parse::<StripeId>().unwrap().as_str(), good);
        }
        for bad in ["", "cus#1", "cus 1", "cus\n", "cüs", &"x".repeat(256)] {
            assert_eq!(bad.parse::<StripeId>(), Err(MalformedStripeId), "{bad}");
        }
    }
}
