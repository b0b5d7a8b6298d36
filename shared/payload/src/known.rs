//! What earlier events and the directory said, and filling it in where an event leaves it out.
//!
//! A later event of a credential often names little more than its id. What an earlier one said about
//! the same credential is still true, and is marked: its path stands in
//! [`crate::event::Facts::enriched`].

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::dialect::Dialect;
use crate::event::Facts;
use crate::event_type::{EventType, Subject};
use crate::idempotency::IdempotencyKey;

/// Makes [`Known`] out of the list of members that are remembered, each `name: type = part.member`.
macro_rules! known {
    ($($name:ident: $type:ty = $part:ident.$member:ident,)*) => {
        /// Facts that stay true beyond the event that said them.
        #[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
        #[expect(missing_docs, reason = "each is the fact of this name in an event")]
        pub struct Known {
            $(
                #[serde(skip_serializing_if = "Option::is_none", default)]
                pub $name: Option<$type>,
            )*
        }

        impl Known {
            /// What an event says.
            pub fn of(facts: &Facts) -> Self {
                Self {
                    $($name: facts.$part.as_ref().and_then(|part| part.$member.clone()),)*
                }
            }

            /// What was known with what is said now; the latter wins.
            #[must_use]
            pub fn learn(self, said: &Self) -> Self {
                Self {
                    $($name: said.$name.clone().or(self.$name),)*
                }
            }

            /// Fills in what the event leaves out, and says so in it.
            pub fn enrich(&self, facts: &mut Facts) {
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

/// People's data.
impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Known").finish_non_exhaustive()
    }
}

/// What an event adds to what is known.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Said {
    /// The credential it is about.
    pub credential: Option<String>,
    /// What it says that stays true.
    pub known: Known,
    /// What its certificate has in common with another that the recipient asked for again.
    pub series: Option<String>,
}

impl Said {
    /// What an event says, before anything is filled in.
    pub fn of(event_type: EventType, facts: &Facts) -> Self {
        let credential = facts.credential.as_ref();
        let credential = credential.filter(|_| event_type.subject() == Subject::Credential);
        Self {
            credential: credential.and_then(|it| it.id.clone()),
            known: Known::of(facts),
            series: series(event_type, facts),
        }
    }
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

/// The identifiers under which something may be known that an event leaves out.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Unknown<'e> {
    /// The credential, of which earlier events told.
    pub credential: Option<&'e str>,
    /// The recipient, who has no e-mail address in the event.
    pub recipient: Option<&'e str>,
    /// The achievement, which has no name in the event.
    pub achievement: Option<&'e str>,
}

impl<'e> Unknown<'e> {
    /// What to look up for an event. The issue of a credential is the first that is heard of it.
    pub fn of(event_type: EventType, facts: &'e Facts) -> Self {
        let follows = event_type.subject() == Subject::Credential
            && event_type != EventType::CredentialIssued;
        let credential = facts.credential.as_ref().filter(|_| follows);
        let recipient = facts.recipient.as_ref().filter(|it| it.email.is_none());
        let achievement = facts.achievement.as_ref().filter(|it| it.name.is_none());
        Self {
            credential: credential.and_then(|it| it.id.as_deref()),
            recipient: recipient.and_then(|it| it.id.as_deref()),
            achievement: achievement.and_then(|it| it.id.as_deref()),
        }
    }

    /// Whether there is nothing to look up.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Achievement, Activity, Credential, Issuer, Recipient, Source};

    fn facts() -> Facts {
        Facts::new(Source {
            dialect: Dialect::Thatsme,
            event: "certificate.expired".to_owned(),
            event_label: None,
            native_id: None,
            sent_at: None,
            received_at: "2026-11-21T10:00:00Z".parse().unwrap(),
            time_assumed: false,
            possible_repeat: false,
        })
    }

    fn named(name: &str) -> Facts {
        Facts {
            achievement: Some(Achievement {
                name: Some(name.to_owned()),
                ..Achievement::default()
            }),
            ..facts()
        }
    }

    #[test]
    fn what_an_event_leaves_out_is_filled_in_and_marked() {
        let mut issued = named("English");
        issued.credential = Some(Credential {
            id: Some("inv_1".to_owned()),
            issued_at: Some("2026-03-18T10:30:00Z".parse().unwrap()),
            ..Credential::default()
        });
        let known = Known::of(&issued);
        let mut expired = facts();
        known.enrich(&mut expired);
        assert_eq!(
            expired.enriched,
            ["credential.issued_at", "achievement.name"]
        );
        assert!(expired.achievement == issued.achievement);
        let credential = expired.credential.unwrap();
        assert_eq!(credential.id, None, "an identity is never filled in");
        assert_eq!(credential.issued_at, issued.credential.unwrap().issued_at);
    }

    #[test]
    fn what_an_event_says_stays_as_it_is() {
        let mut event = named("Portuguese");
        Known::of(&named("English")).enrich(&mut event);
        assert!(event == named("Portuguese"));
    }

    #[test]
    fn the_last_word_counts_and_silence_forgets_nothing() {
        let english = Known::of(&named("English"));
        let learned = english.clone().learn(&Known::of(&named("Portuguese")));
        assert_eq!(learned.achievement_name.as_deref(), Some("Portuguese"));
        assert!(learned.clone().learn(&Known::default()) == learned);
        assert_eq!(format!("{learned:?}"), "Known { .. }");
    }

    #[test]
    fn certificates_of_toolzz_for_one_user_and_course_are_one_series() {
        let series = |dialect, user: &str| {
            let mut facts = facts();
            facts.source.dialect = dialect;
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
            Said::of(EventType::CredentialIssued, &facts).series
        };
        assert_eq!(series(Dialect::Toolzz, "2"), series(Dialect::Toolzz, "2"));
        assert_ne!(series(Dialect::Toolzz, "2"), series(Dialect::Toolzz, "4"));
        assert_eq!(series(Dialect::Beedeez, "2"), None);
    }

    #[test]
    fn an_event_that_says_all_looks_nothing_up() {
        let mut event = named("English");
        event.credential = Some(Credential {
            id: Some("inv_1".to_owned()),
            ..Credential::default()
        });
        assert!(Unknown::of(EventType::CredentialIssued, &event).is_empty());
        let unknown = Unknown::of(EventType::CredentialExpired, &event);
        assert_eq!(unknown.credential, Some("inv_1"));
        event.achievement = Some(Achievement {
            id: Some("badge_1".to_owned()),
            ..Achievement::default()
        });
        event.recipient = Some(Recipient {
            id: Some("user_1".to_owned()),
            ..Recipient::default()
        });
        let unknown = Unknown::of(EventType::CredentialIssued, &event);
        assert_eq!(unknown.credential, None);
        assert_eq!(unknown.recipient, Some("user_1"));
        assert_eq!(unknown.achievement, Some("badge_1"));
    }
}
