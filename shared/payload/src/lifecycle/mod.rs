//! What became of a credential: a fold over what its events say.
//!
//! What one event says is a [`Lifecycle`], and two are merged into one. Merging is commutative, associative
//! and idempotent: events may come late, twice and in any order, and the same set of them always ends in the
//! same state. Each member is therefore the least or the greatest of what was said, never the last to arrive.
//! Where events contradict each other the newer one counts, by the time when it happened; of two that happened
//! at the same time, the one that was accepted later.
//!
//! The names and texts of a credential are elsewhere ([`crate::known`]). There the order matters in one case:
//! of two events that both come after a newer one, and say different things about what that one leaves open,
//! the first to arrive counts. To decide it by time, each text would have to carry its own.

mod end;
mod word;

use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::event::{Credential, CredentialStatus, Facts};
use crate::event_type::EventType;
use crate::id::EventId;
use crate::known::MAX_TEXT;

pub use self::word::Moment;
use self::word::{Revocation, Word};

/// The events of a credential that are remembered by their ids: the last ones that were accepted.
pub const REMEMBERED_EVENTS: usize = 10;

/// What an event says of a credential's life, or what all of them say.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Lifecycle {
    /// The weightiest status that was said, but for `expired`, which a new date and a renewal undo.
    reached: CredentialStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    accepted_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    declined_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked: Option<Revocation>,
    /// The date of the newest event that said it was over.
    #[serde(skip_serializing_if = "Option::is_none")]
    expired: Option<Word<Timestamp>>,
    /// When its validity last began anew.
    #[serde(skip_serializing_if = "Option::is_none")]
    renewed_at: Option<Timestamp>,
    /// The newest word on the end of its validity: a date, or that there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<Word<Option<Timestamp>>>,
    /// The end of its validity by a rule of the organization's, for want of a word.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_by_rule: Option<Word<Timestamp>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    supersedes: Option<Word<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    superseded_by: Option<Word<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last: Option<Word<EventType>>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    events: BTreeSet<EventId>,
}

/// The last event of a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastEvent {
    /// When it happened, and its id.
    pub moment: Moment,
    /// What happened.
    pub event_type: EventType,
}

/// The lesser of what there is.
fn earliest<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
    one.into_iter().chain(other).min()
}

impl Lifecycle {
    /// What an event says.
    pub fn of(event_type: EventType, moment: Moment, facts: &Facts) -> Self {
        let blank = Credential::default();
        let said = facts.credential.as_ref().unwrap_or(&blank);
        let word = |id: &Option<String>| {
            // Nothing supersedes itself: that is a renewal in its place.
            let other = id
                .clone()
                .filter(|_| *id != said.id && *id != said.short_id);
            other.map(|said| Word { moment, said })
        };
        // What certhooks derives tells no date of its own: it repeats one that was said, and may be replaced by now.
        let is_said = !facts.source.derived;
        let mut lifecycle = Self {
            reached: reached(event_type, said),
            accepted_at: said.accepted_at,
            declined_at: said.declined_at,
            expires: (is_said && said.expires_at.is_some()).then_some(Word {
                moment,
                said: said.expires_at,
            }),
            supersedes: word(&said.supersedes),
            superseded_by: word(&said.superseded_by),
            first: is_said.then_some(moment),
            last: Some(Word {
                moment,
                said: event_type,
            }),
            events: BTreeSet::from([moment.event]),
            ..Self::default()
        };
        match event_type {
            EventType::CredentialAccepted => {
                lifecycle.accepted_at.get_or_insert(moment.at);
            }
            EventType::CredentialDeclined => {
                lifecycle.declined_at.get_or_insert(moment.at);
            }
            // What is derived from a date is said by that date, as long as it counts.
            EventType::CredentialExpired if is_said => {
                let said = said.expired_at.unwrap_or(moment.at);
                lifecycle.expired = Some(Word { moment, said });
            }
            EventType::CredentialRevoked => {
                let reason = said.revocation_reason.clone();
                lifecycle.revoked = Some(Revocation {
                    at: said.revoked_at.unwrap_or(moment.at),
                    reason: reason.filter(|reason| reason.len() <= MAX_TEXT),
                });
            }
            EventType::CredentialRenewed => lifecycle.renewed_at = Some(moment.at),
            _ => {}
        }
        lifecycle
    }

    /// That this one credential supersedes another, as that one is to remember it.
    #[must_use]
    pub fn superseded(&self, by: &str) -> Self {
        let superseded_by = self.supersedes.as_ref().map(|word| Word {
            moment: word.moment,
            said: by.to_owned(),
        });
        Self {
            superseded_by,
            ..Self::default()
        }
    }

    /// What both say.
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        let revoked = match (self.revoked, other.revoked) {
            (Some(one), Some(other)) => Some(one.first(other)),
            (one, other) => one.or(other),
        };
        let mut events = self.events;
        events.extend(other.events);
        while events.len() > REMEMBERED_EVENTS {
            events.pop_first();
        }
        Self {
            reached: self.reached.max(other.reached),
            accepted_at: earliest(self.accepted_at, other.accepted_at),
            declined_at: earliest(self.declined_at, other.declined_at),
            revoked,
            expired: self.expired.max(other.expired),
            renewed_at: self.renewed_at.max(other.renewed_at),
            expires: self.expires.max(other.expires),
            expires_by_rule: self.expires_by_rule.max(other.expires_by_rule),
            supersedes: self.supersedes.max(other.supersedes),
            superseded_by: self.superseded_by.max(other.superseded_by),
            first: earliest(self.first, other.first),
            last: self.last.max(other.last),
            events,
        }
    }

    /// The status at a time. What has expired by its date is `expired`, also when nobody said so.
    pub fn status(&self, now: Timestamp) -> CredentialStatus {
        let is_over = self.expires_at().is_some_and(|at| at <= now) || self.was_expired();
        let by_time = if is_over {
            CredentialStatus::Expired
        } else {
            CredentialStatus::Pending
        };
        self.reached.max(by_time)
    }

    /// Whether an event said that it was over, and its validity has not begun anew since.
    fn was_expired(&self) -> bool {
        let renewed_at = self.renewed_at.unwrap_or(Timestamp::MIN);
        (self.expired.as_ref()).is_some_and(|word| word.moment.at >= renewed_at)
    }

    /// When it was accepted.
    pub fn accepted_at(&self) -> Option<Timestamp> {
        self.accepted_at
    }

    /// When it was declined.
    pub fn declined_at(&self) -> Option<Timestamp> {
        self.declined_at
    }

    /// When it was over, as an event said.
    pub fn expired_at(&self) -> Option<Timestamp> {
        let expired = self.expired.as_ref().filter(|_| self.was_expired());
        expired.map(|word| word.said)
    }

    /// When it was revoked. Unknown where a source shows it by a flag only.
    pub fn revoked_at(&self) -> Option<Timestamp> {
        self.revoked.as_ref().map(|revoked| revoked.at)
    }

    /// Why it was revoked.
    pub fn revocation_reason(&self) -> Option<&str> {
        self.revoked.as_ref()?.reason.as_deref()
    }

    /// The credential in whose place it came.
    pub fn supersedes(&self) -> Option<&str> {
        self.supersedes.as_ref().map(|word| word.said.as_str())
    }

    /// The credential that came in its place.
    pub fn superseded_by(&self) -> Option<&str> {
        self.superseded_by.as_ref().map(|word| word.said.as_str())
    }

    /// Its event that happened first; none where only another credential named it.
    pub fn first(&self) -> Option<Moment> {
        self.first
    }

    /// Its event that happened last.
    pub fn last(&self) -> Option<LastEvent> {
        self.last.as_ref().map(|last| LastEvent {
            moment: last.moment,
            event_type: last.said,
        })
    }

    /// Its events that were accepted last, oldest first, at most [`REMEMBERED_EVENTS`].
    pub fn events(&self) -> impl DoubleEndedIterator<Item = EventId> {
        self.events.iter().copied()
    }
}

/// Reasons are people's data.
impl fmt::Debug for Lifecycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lifecycle")
            .field("reached", &self.reached)
            .field("expires_at", &self.expires_at())
            .field("renewed_at", &self.renewed_at)
            .field("last", &self.last)
            .finish_non_exhaustive()
    }
}

/// What an event makes of a credential, but for `expired`. An issue says itself whether it waits for the
/// recipient.
fn reached(event_type: EventType, said: &Credential) -> CredentialStatus {
    // Of Beedeez' revocations nothing else tells.
    if said.disabled == Some(true) {
        return CredentialStatus::Revoked;
    }
    match event_type {
        EventType::CredentialIssued | EventType::CredentialRenewed => match said.status {
            Some(CredentialStatus::Pending) => CredentialStatus::Pending,
            _ => CredentialStatus::Valid,
        },
        EventType::CredentialAccepted => CredentialStatus::Valid,
        EventType::CredentialDeclined => CredentialStatus::Declined,
        EventType::CredentialRevoked => CredentialStatus::Revoked,
        // That its end is near says nothing about whether anyone accepted it.
        _ => CredentialStatus::Pending,
    }
}

#[cfg(test)]
mod tests;
