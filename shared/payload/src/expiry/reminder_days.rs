//! How long before the end of validity reminders are sent.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Most reminders of one credential.
pub const MAX_REMINDERS: usize = 10;
/// Most days before the end.
pub const MAX_DAYS: u16 = 3_650;

/// Days before the end of validity on which there is a reminder: furthest first, none twice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "Vec<u64>", into = "Vec<u16>")]
#[schemars(with = "Vec<u16>")]
pub struct ReminderDays(Vec<u16>);

/// These are no days of reminders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be at most {MAX_REMINDERS} numbers of days from 1 to {MAX_DAYS}")]
pub struct InvalidReminderDays;

impl ReminderDays {
    /// The days, furthest first.
    pub fn days(&self) -> &[u16] {
        &self.0
    }
}

/// A month, a week and a day.
impl Default for ReminderDays {
    fn default() -> Self {
        Self(vec![30, 7, 1])
    }
}

impl TryFrom<Vec<u64>> for ReminderDays {
    type Error = InvalidReminderDays;

    /// In any order; a day that is named twice counts once.
    fn try_from(days: Vec<u64>) -> Result<Self, InvalidReminderDays> {
        let days = days.into_iter().map(|days| {
            let days = u16::try_from(days).ok();
            days.filter(|days| (1..=MAX_DAYS).contains(days))
                .ok_or(InvalidReminderDays)
        });
        let mut days = days.collect::<Result<Vec<u16>, _>>()?;
        days.sort_unstable_by(|one, other| other.cmp(one));
        days.dedup();
        if days.len() > MAX_REMINDERS {
            return Err(InvalidReminderDays);
        }
        Ok(Self(days))
    }
}

impl From<ReminderDays> for Vec<u16> {
    fn from(days: ReminderDays) -> Self {
        days.0
    }
}
