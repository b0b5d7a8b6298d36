//! What is announced about the end of a credential's validity, and when.
//!
//! A reminder is due so many days before the end, as the organization chose, and the end itself when it
//! comes. A day is 24 hours: neither a change of clocks nor the length of a month moves a notice. Of several
//! that are due and were not announced only the nearest is: who hears that a credential ends tomorrow need
//! not hear that it ends within a month. What was announced of one end says nothing of another, but ends on one
//! day in UTC are the same: their notices are.

mod announcement;
mod reminder_days;

use std::num::NonZeroU16;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

pub use self::announcement::announcement;
pub use self::reminder_days::{InvalidReminderDays, MAX_DAYS, MAX_REMINDERS, ReminderDays};

/// A notice that comes this long after its time is late: a checker that runs once a day has missed it.
const LATE_AFTER: SignedDuration = SignedDuration::from_hours(25);

/// A notice about the end of a credential's validity. The nearer one is the lesser one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "u16", into = "u16")]
pub enum Notice {
    /// It has ended: `credential.expired`.
    Expired,
    /// It ends in so many days: `credential.expiring`. None is of no days: that it ends today is no word of its end.
    Expiring(NonZeroU16),
}

impl From<u16> for Notice {
    fn from(days_before: u16) -> Self {
        NonZeroU16::new(days_before).map_or(Self::Expired, Self::Expiring)
    }
}

impl From<Notice> for u16 {
    fn from(notice: Notice) -> Self {
        match notice {
            Notice::Expired => 0,
            Notice::Expiring(days) => days.get(),
        }
    }
}

impl Notice {
    /// What a source's own reminder stands for. One of no days is none of the end, and nearer than all others: it
    /// stands for the nearest that there can be. `None`: nobody reminds so early.
    pub fn of_reminder(days_before: u64) -> Option<Self> {
        let days = u16::try_from(days_before).ok()?;
        Some(Self::Expiring(
            NonZeroU16::new(days).unwrap_or(NonZeroU16::MIN),
        ))
    }

    /// When it is due.
    pub fn due_at(self, expires_at: Timestamp) -> Timestamp {
        let before = SignedDuration::from_hours(24 * i64::from(u16::from(self)));
        // Before the first year that can be written there is nothing to announce.
        expires_at.checked_sub(before).unwrap_or(Timestamp::MIN)
    }

    /// Whether it comes late.
    pub fn is_late(self, expires_at: Timestamp, now: Timestamp) -> bool {
        now.duration_since(self.due_at(expires_at)) > LATE_AFTER
    }
}

/// What was announced last, and of which end. Everything nearer is still to be announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announced {
    /// The end that it was about.
    pub expires_at: Timestamp,
    /// In how many days it was then: the notice.
    #[serde(rename = "days_before")]
    pub notice: Notice,
}

impl Announced {
    /// Whether it was about this end: all ends of a day are the same, as in the key of a notice.
    pub fn is_of(&self, end: Timestamp) -> bool {
        self.is_on(end.to_zoned(TimeZone::UTC).date())
    }

    /// Whether it was about an end on this day in UTC.
    pub fn is_on(&self, day: Date) -> bool {
        self.expires_at.to_zoned(TimeZone::UTC).date() == day
    }
}

/// An end of validity that is announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expiry<'a> {
    /// When it is.
    pub at: Timestamp,
    /// How long before it there are reminders.
    pub reminders: &'a ReminderDays,
    /// What was announced last.
    pub announced: Option<Announced>,
}

impl Expiry<'_> {
    /// What is still to be announced, furthest first.
    fn notices(&self) -> impl Iterator<Item = Notice> {
        let announced = self.announced.filter(|it| it.is_of(self.at));
        let reminders = self.reminders.days().iter().copied().map(Notice::from);
        let all = reminders.chain([Notice::Expired]);
        all.filter(move |notice| announced.is_none_or(|it| *notice < it.notice))
    }

    /// When somebody has to look at it next: when the furthest of what is to be announced is due, which may be
    /// over. `None`: all was announced.
    pub fn look_at(&self) -> Option<Timestamp> {
        self.notices().next().map(|notice| notice.due_at(self.at))
    }

    /// What is to be announced at `now`: the nearest of what is due.
    pub fn due(&self, now: Timestamp) -> Option<Notice> {
        let is_due = |notice: &Notice| notice.due_at(self.at) <= now;
        self.notices().filter(is_due).last()
    }
}

#[cfg(test)]
mod tests;
