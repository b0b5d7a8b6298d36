//! What earlier events and the directory said, and filling it in where an event leaves it out.
//!
//! A later event of a credential often names little more than its id. What an earlier one said about
//! the same credential is still true, and is marked: its path stands in
//! [`crate::event::Facts::enriched`]. What was said of another badge, course or person than the event
//! names is not.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::dialect::Dialect;
use crate::event::Facts;
use crate::event_type::{EventType, Subject};
use crate::expiry::{Announced, Notice};
use crate::idempotency::IdempotencyKey;
use crate::lifecycle::{Lifecycle, Moment};
use crate::timestamp;

/// Longest text that is remembered, bytes: what is known of a credential must fit into a row.
pub(crate) const MAX_TEXT: usize = 2 * 1024;

/// What can be remembered.
trait Fact: Clone {
    fn is_short(&self) -> bool;
}

impl Fact for String {
    fn is_short(&self) -> bool {
        self.len() <= MAX_TEXT
    }
}

impl Fact for Timestamp {
    fn is_short(&self) -> bool {
        true
    }
}

/// Makes [`Known`] out of the list of members that are remembered, each `name: type = part.member`.
macro_rules! known {
    ($($name:ident: $type:ty = $part:ident.$member:ident,)*) => {
        /// Facts that stay true beyond the event that said them.
        #[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
        #[expect(missing_docs, reason = "each is the fact of this name in an event")]
        pub struct Known {
            /// The dialect in which it was first said.
            #[serde(skip_serializing_if = "Option::is_none", default)]
            pub dialect: Option<Dialect>,
            $(
                #[serde(skip_serializing_if = "Option::is_none", default)]
                pub $name: Option<$type>,
            )*
        }

        impl Known {
            /// What an event says.
            pub fn of(facts: &Facts) -> Self {
                Self {
                    dialect: Some(facts.source.dialect),
                    $($name: facts.$part.as_ref()
                        .and_then(|part| part.$member.clone())
                        .filter(Fact::is_short),)*
                }
            }

            /// These facts, and the others where these say nothing.
            fn over(self, others: Self) -> Self {
                Self {
                    dialect: others.dialect.or(self.dialect),
                    $($name: self.$name.or(others.$name),)*
                }
            }

            /// Fills in what the event leaves out, and says so in it.
            fn fill(&self, facts: &mut Facts) {
                $(
                    let said = facts.$part.as_ref().and_then(|part| part.$member.as_ref());
                    if let (None, Some(known)) = (said, &self.$name) {
                        let part = facts.$part.get_or_insert_default();
                        part.$member = Some(known.clone());
                        let path = concat!(stringify!($part), ".", stringify!($member));
                        facts.enriched.push(path.to_owned());
                    }
                )*
            }
        }
    };
}

known! {
    short_id: String = credential.short_id,
    title: String = credential.title,
    kind: String = credential.kind,
    issued_at: Timestamp = credential.issued_at,
    expires_at: Timestamp = credential.expires_at,
    url: String = credential.url,
    hash: String = credential.hash,
    achievement_id: String = achievement.id,
    achievement_name: String = achievement.name,
    activity_id: String = activity.id,
    activity_name: String = activity.name,
    recipient_id: String = recipient.id,
    recipient_email: String = recipient.email,
    recipient_name: String = recipient.name,
    issuer_id: String = issuer.id,
}

impl Known {
    /// What was known with what is said now; the newer wins. An older event, that arrives late, fills
    /// gaps only.
    #[must_use]
    pub fn learn(self, said: Self, is_newer: bool) -> Self {
        if is_newer {
            let before = self.of_the_same(&said);
            said.over(before)
        } else {
            let late = said.of_the_same(&self);
            self.over(late)
        }
    }

    /// Fills in what the event leaves out, and says so in it. A renewed credential keeps nothing of the
    /// dates and places of the old one.
    pub fn enrich(&self, event_type: EventType, facts: &mut Facts) {
        let mut known = self.clone().of_the_same(&Self::of(facts));
        if event_type == EventType::CredentialRenewed {
            known = Self {
                issued_at: None,
                expires_at: None,
                url: None,
                hash: None,
                ..known
            };
        }
        facts.source.origin = known.dialect.or(facts.source.origin);
        known.fill(facts);
    }

    /// These facts, with the end of validity that is known otherwise.
    #[must_use]
    pub fn expiring(self, expires_at: Option<Timestamp>) -> Self {
        Self { expires_at, ..self }
    }

    /// Without what is about another achievement, activity or person than `named`.
    fn of_the_same(mut self, named: &Self) -> Self {
        let differ = |mine: &Option<String>, theirs: &Option<String>| {
            mine.is_some() && theirs.is_some() && mine != theirs
        };
        if differ(&self.achievement_id, &named.achievement_id) {
            (self.achievement_id, self.achievement_name) = (None, None);
        }
        if differ(&self.activity_id, &named.activity_id) {
            (self.activity_id, self.activity_name) = (None, None);
        }
        // A person is the same by id or by address.
        if differ(&self.recipient_id, &named.recipient_id)
            || differ(&self.recipient_email, &named.recipient_email)
        {
            (self.recipient_id, self.recipient_email, self.recipient_name) = (None, None, None);
        }
        self
    }
}

/// People's data.
impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Known").finish_non_exhaustive()
    }
}

/// What an event adds to what is known.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    /// The credential it is about.
    pub credential: Option<String>,
    /// What it says that stays true.
    pub known: Known,
    /// What it says of the credential's life.
    pub lifecycle: Lifecycle,
    /// What its certificate has in common with another that the recipient asked for again.
    pub series: Option<String>,
    /// The achievement whose rule says how long it is valid, when it was issued, and the event does not.
    pub ruled_by: Option<String>,
    /// What it announces of the end of the credential's validity.
    pub announces: Option<Announced>,
}

impl Said {
    /// What an event says, before anything is filled in. The event of its issue says when a credential
    /// was issued, also where the body has no date for it.
    pub fn of(event_type: EventType, moment: Moment, facts: &Facts) -> Self {
        let credential = facts.credential.as_ref();
        let credential = credential.filter(|_| event_type.subject() == Subject::Credential);
        let mut known = Known::of(facts);
        if event_type == EventType::CredentialIssued {
            known.issued_at.get_or_insert(moment.at);
        }
        Self {
            credential: credential.and_then(|it| it.id.clone()),
            known,
            lifecycle: Lifecycle::of(event_type, moment, facts),
            series: series(event_type, facts),
            ruled_by: ruled_by(event_type, facts),
            announces: announces(event_type, facts),
        }
    }

    /// Whether no source says it, but a date that has come: then it tells nothing that was not known.
    pub fn is_derived(&self) -> bool {
        self.lifecycle.first().is_none()
    }

    /// When the credential's validity ends, if it is so many days from its issue, or from its renewal.
    /// A day is 24 hours.
    pub fn valid_for(&self, days: u16) -> Option<Timestamp> {
        let moment = self.lifecycle.last()?.moment;
        let from = self.known.issued_at.unwrap_or(moment.at);
        let days = SignedDuration::from_hours(24 * i64::from(days));
        timestamp::writable(from.checked_add(days).ok()?)
    }
}

/// The achievement of a credential that begins to be valid, where nobody says until when. Of Toolzz that is
/// the course.
fn ruled_by(event_type: EventType, facts: &Facts) -> Option<String> {
    let begins = matches!(
        event_type,
        EventType::CredentialIssued | EventType::CredentialRenewed
    );
    let expires_at = facts.credential.as_ref().and_then(|it| it.expires_at);
    if !begins || expires_at.is_some() {
        return None;
    }
    let achievement = facts.achievement.as_ref().and_then(|it| it.id.clone());
    achievement.or_else(|| facts.activity.as_ref()?.id.clone())
}

/// What an event announces of the end of validity: whoever sends a reminder of its own needs none of ours.
fn announces(event_type: EventType, facts: &Facts) -> Option<Announced> {
    let credential = facts.credential.as_ref()?;
    let notice = match event_type {
        EventType::CredentialExpired => Notice::Expired,
        EventType::CredentialExpiring => Notice::of_reminder(credential.days_before?)?,
        _ => return None,
    };
    let expires_at = credential.expires_at?;
    Some(Announced { expires_at, notice })
}

/// Institution, user and course of a certificate of Toolzz, as one text of fixed length. Each click on
/// "View Certificate" may make an event with a time of its own.
fn series(event_type: EventType, facts: &Facts) -> Option<String> {
    if facts.source.dialect != Dialect::Toolzz || event_type != EventType::CredentialIssued {
        return None;
    }
    let parts = [
        facts.issuer.as_ref()?.id.clone()?,
        facts.recipient.as_ref()?.id.clone()?,
        facts.activity.as_ref()?.id.clone()?,
    ];
    Some(IdempotencyKey::Natural(Dialect::Toolzz, parts.into()).digest())
}

/// The credential that earlier events may have told of. Its issue is the first that is heard of it.
pub fn known_credential(event_type: EventType, facts: &Facts) -> Option<&str> {
    let follows =
        event_type.subject() == Subject::Credential && event_type != EventType::CredentialIssued;
    let credential = facts.credential.as_ref().filter(|_| follows);
    credential.and_then(|it| it.id.as_deref())
}

/// The recipient of whom the event has no e-mail address.
pub fn unknown_recipient(facts: &Facts) -> Option<&str> {
    let recipient = facts.recipient.as_ref().filter(|it| it.email.is_none());
    recipient.and_then(|it| it.id.as_deref())
}

/// The achievement of which the event has no name.
pub fn unknown_achievement(facts: &Facts) -> Option<&str> {
    let achievement = facts.achievement.as_ref().filter(|it| it.name.is_none());
    achievement.and_then(|it| it.id.as_deref())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Achievement, Activity, Credential, Issuer, Recipient, Source};
    use crate::id::EventId;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn moment(at: Timestamp) -> Moment {
        let event = EventId::NIL;
        Moment { at, event }
    }

    fn facts(dialect: Dialect) -> Facts {
        Facts::new(Source::new(
            dialect,
            "certificate.expired".to_owned(),
            at("2026-11-21T10:00:00Z"),
        ))
    }

    fn achievement(id: Option<&str>, name: Option<&str>) -> Facts {
        Facts {
            achievement: Some(Achievement {
                id: id.map(str::to_owned),
                name: name.map(str::to_owned),
                rule: None,
            }),
            ..facts(Dialect::Thatsme)
        }
    }

    fn name_of(facts: &Facts) -> Option<&str> {
        facts.achievement.as_ref()?.name.as_deref()
    }

    #[test]
    fn what_an_event_leaves_out_is_filled_in_and_marked() {
        let mut issued = achievement(Some("b1"), Some("English"));
        issued.credential = Some(Credential {
            id: Some("inv_1".to_owned()),
            ..Credential::default()
        });
        let issued_at = at("2026-03-18T10:30:00Z");
        let said = Said::of(EventType::CredentialIssued, moment(issued_at), &issued);
        assert_eq!(said.credential.as_deref(), Some("inv_1"));
        let mut expired = facts(Dialect::Canonical);
        said.known
            .enrich(EventType::CredentialExpired, &mut expired);
        assert_eq!(
            expired.enriched,
            ["credential.issued_at", "achievement.id", "achievement.name"]
        );
        assert_eq!(name_of(&expired), Some("English"));
        assert_eq!(expired.source.origin, Some(Dialect::Thatsme));
        let credential = expired.credential.unwrap();
        assert_eq!(credential.id, None, "an identity is never filled in");
        assert_eq!(credential.issued_at, Some(issued_at));
    }

    #[test]
    fn what_an_event_says_stays_and_what_is_of_another_thing_is_not_taken() {
        let level_1 = Known::of(&achievement(Some("b1"), Some("Level 1")));
        let mut same = achievement(Some("b1"), Some("Level One"));
        level_1.enrich(EventType::CredentialExpired, &mut same);
        assert_eq!(name_of(&same), Some("Level One"));
        let mut other = achievement(Some("b2"), None);
        level_1.enrich(EventType::CredentialRenewed, &mut other);
        assert_eq!(name_of(&other), None);
        assert!(other.enriched.is_empty());

        let level_2 = Known::of(&achievement(Some("b2"), None));
        let learned = level_1.learn(level_2, true);
        assert_eq!(learned.achievement_id.as_deref(), Some("b2"));
        assert_eq!(learned.achievement_name, None);
    }

    #[test]
    fn a_renewal_inherits_no_dates() {
        let mut issued = achievement(Some("b1"), Some("English"));
        issued.credential = Some(Credential {
            expires_at: Some(at("2027-01-01T00:00:00Z")),
            url: Some("https://example.com/".to_owned()),
            title: Some("English 1".to_owned()),
            ..Credential::default()
        });
        let mut renewed = facts(Dialect::Canonical);
        Known::of(&issued).enrich(EventType::CredentialRenewed, &mut renewed);
        assert_eq!(
            renewed.enriched,
            ["credential.title", "achievement.id", "achievement.name"]
        );
    }

    #[test]
    fn the_newest_word_counts_however_late_an_older_one_comes() {
        let name = |name| Known::of(&achievement(Some("b1"), name));
        let learned = name(Some("English")).learn(name(Some("Portuguese")), true);
        assert_eq!(learned.achievement_name.as_deref(), Some("Portuguese"));
        assert!(learned.clone().learn(name(None), true) == learned);
        assert!(learned.clone().learn(name(Some("English")), false) == learned);
        let filled = name(None).learn(name(Some("English")), false);
        assert_eq!(filled.achievement_name.as_deref(), Some("English"));
        assert_eq!(format!("{learned:?}"), "Known { .. }");
    }

    #[test]
    fn what_is_too_long_for_a_row_is_not_remembered() {
        let long = "x".repeat(MAX_TEXT + 1);
        assert_eq!(
            Known::of(&achievement(None, Some(&long))).achievement_name,
            None
        );
        let fits = &long[1..];
        assert!(
            Known::of(&achievement(None, Some(fits)))
                .achievement_name
                .is_some()
        );
    }

    #[test]
    fn certificates_of_toolzz_for_one_user_and_course_are_one_series() {
        let series = |dialect, user: &str| {
            let mut facts = facts(dialect);
            let id = |id: &str| Some(id.to_owned());
            facts.issuer = Some(Issuer { id: id("1") });
            facts.recipient = Some(Recipient {
                id: id(user),
                ..Recipient::default()
            });
            facts.activity = Some(Activity {
                id: id("3"),
                ..Activity::default()
            });
            Said::of(
                EventType::CredentialIssued,
                moment(Timestamp::UNIX_EPOCH),
                &facts,
            )
            .series
        };
        assert_eq!(series(Dialect::Toolzz, "2"), series(Dialect::Toolzz, "2"));
        assert_ne!(series(Dialect::Toolzz, "2"), series(Dialect::Toolzz, "4"));
        assert_eq!(series(Dialect::Beedeez, "2"), None);
    }

    #[test]
    fn only_what_an_event_does_not_say_is_looked_up() {
        let mut event = achievement(Some("b1"), Some("English"));
        event.credential = Some(Credential {
            id: Some("inv_1".to_owned()),
            ..Credential::default()
        });
        assert_eq!(known_credential(EventType::CredentialIssued, &event), None);
        assert_eq!(
            known_credential(EventType::RecipientRegistered, &event),
            None
        );
        assert_eq!(
            known_credential(EventType::CredentialExpired, &event),
            Some("inv_1")
        );
        assert_eq!(unknown_achievement(&event), None);
        assert_eq!(
            unknown_achievement(&achievement(Some("b1"), None)),
            Some("b1")
        );
        event.recipient = Some(Recipient {
            id: Some("user_1".to_owned()),
            ..Recipient::default()
        });
        assert_eq!(unknown_recipient(&event), Some("user_1"));
        event.recipient.as_mut().unwrap().email = Some("a@example.com".to_owned());
        assert_eq!(unknown_recipient(&event), None);
    }

    #[test]
    fn a_rule_counts_days_from_the_issue_where_the_event_names_no_end() {
        let mut issued = achievement(Some("b1"), Some("English"));
        issued.credential = Some(Credential {
            id: Some("inv_1".to_owned()),
            issued_at: Some(at("2027-02-28T10:00:00Z")),
            ..Credential::default()
        });
        let happened = moment(at("2027-03-01T00:00:00Z"));
        let said = Said::of(EventType::CredentialIssued, happened, &issued);
        assert_eq!(said.ruled_by.as_deref(), Some("b1"));
        for (days, ends) in [(1, "2027-03-01T10:00:00Z"), (366, "2028-02-29T10:00:00Z")] {
            assert_eq!(said.valid_for(days), Some(at(ends)));
        }
        let accepted = Said::of(EventType::CredentialAccepted, happened, &issued);
        assert_eq!(accepted.ruled_by, None);
        issued.credential.as_mut().unwrap().expires_at = Some(at("2028-01-01T00:00:00Z"));
        let dated = Said::of(EventType::CredentialIssued, happened, &issued);
        assert_eq!(dated.ruled_by, None);
        // A course stands for the certificate where there is no badge.
        let mut course = facts(Dialect::Toolzz);
        course.activity = Some(Activity {
            id: Some("7".to_owned()),
            ..Activity::default()
        });
        let said = Said::of(EventType::CredentialIssued, happened, &course);
        assert_eq!(said.ruled_by.as_deref(), Some("7"));
        let late = moment(at("9999-12-30T00:00:00Z"));
        let said = Said::of(EventType::CredentialIssued, late, &course);
        assert_eq!(said.valid_for(u16::MAX), None);
    }
}
