//! The row of a credential: what is known of it, and what became of it.

use std::collections::BTreeSet;

use jiff::Timestamp;
use payload::convert::surrogate::{Origin, credential_in};
use payload::dialect::Dialect;
use payload::expiry::{Announced, Expiry, ReminderDays};
use payload::id::OrganizationId;
use payload::known::{Known, Said};
use payload::lifecycle::Lifecycle;
use payload::timestamp;
use serde::{Deserialize, Serialize};

use crate::error::StateError;
use crate::keyspace;
use crate::notices::shard;
use crate::rows::{Item, from_item, sort_key};

/// A credential, as all its events together tell of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Credential {
    /// The id that its source gave it, or that was made of what its source says.
    pub id: String,
    /// Its names and texts.
    pub known: Known,
    /// What became of it.
    pub lifecycle: Lifecycle,
    /// Other ids by which it is found.
    pub known_as: BTreeSet<String>,
    /// When it was first heard of here.
    pub created_at: Timestamp,
    /// When something of it last changed here.
    pub updated_at: Timestamp,
}

impl Credential {
    pub(crate) fn read(item: Item) -> Result<Option<Self>, StateError> {
        let sort_key = sort_key(&item).and_then(keyspace::credential_of);
        let id = sort_key.map(str::to_owned);
        let row: CredentialRow = from_item(item)?;
        let id = id.ok_or_else(|| StateError::unreadable("read whose row a credential's is"))?;
        Ok(row.is_heard_of().then(|| row.credential(id)))
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct CredentialRow {
    pub(crate) known: Known,
    pub(crate) lifecycle: Lifecycle,
    #[serde(skip_serializing_if = "BTreeSet::is_empty", default)]
    pub(crate) known_as: BTreeSet<String>,
    #[serde(serialize_with = "timestamp::serialize")]
    pub(crate) created_at: Timestamp,
    #[serde(serialize_with = "timestamp::serialize")]
    pub(crate) updated_at: Timestamp,
    /// Key of the index `updated`. Not there while nothing but the credential that supersedes it is known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) updated: Option<String>,
    /// What was last announced of the end of its validity.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) announced: Option<Announced>,
    /// Key of the index `notice`. Not there while nobody has to look at it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) notice: Option<String>,
    /// When somebody has to look at it next, in milliseconds: the next notice is due, or it expires.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) notice_at: Option<i64>,
    /// Counts the writes, so that two events do not undo each other.
    pub(crate) revision: u64,
}

/// What is to be added to a credential.
#[derive(Debug, Clone)]
pub(crate) struct Addition<'a> {
    pub(crate) organization: OrganizationId,
    pub(crate) id: &'a str,
    /// Where an event of its own says it.
    pub(crate) known: Option<&'a Known>,
    pub(crate) lifecycle: Lifecycle,
    /// What it announces of the end of validity.
    pub(crate) announces: Option<Announced>,
    /// In which dialects it is told.
    pub(crate) told_in: &'a BTreeSet<Dialect>,
    /// The row of the same credential under its short id, where that is what is added.
    pub(crate) moves: Option<&'a CredentialRow>,
    /// How long before the end there are reminders.
    pub(crate) reminders: &'a ReminderDays,
}

impl CredentialRow {
    /// Whether what stands under a short id was said of nothing but that: by events that name their credential by
    /// it alone, or by another credential that supersedes it.
    pub(crate) fn is_of_short_id(&self, short_id: &str) -> bool {
        !self.is_heard_of() || self.known.short_id.as_deref() == Some(short_id)
    }

    /// Whether any event of its own has come.
    pub(crate) fn is_heard_of(&self) -> bool {
        self.lifecycle.last().is_some()
    }

    /// The row after what is added, on top of the one before. Its `updated_at` is `at`, or after the one before.
    pub(crate) fn after(before: Option<&Self>, added: &Addition<'_>, at: Timestamp) -> Self {
        let Addition { id, reminders, .. } = *added;
        let blank = || (Known::default(), Lifecycle::default(), BTreeSet::new());
        let (mut known, lifecycle, mut known_as) = before.map_or_else(blank, |row| {
            (
                row.known.clone(),
                row.lifecycle.clone(),
                row.known_as.clone(),
            )
        });
        if let (Some(said), Some(last), Some(first)) =
            (added.known, added.lifecycle.last(), added.lifecycle.first())
        {
            let is_newest = lifecycle.last().is_none_or(|it| last.moment >= it.moment);
            let is_first = lifecycle.first().is_none_or(|it| first <= it);
            let origin = if is_first {
                said.dialect
            } else {
                known.dialect
            };
            known = known.learn(said.clone(), is_newest);
            known.dialect = origin;
            // Its end is a matter of the lifecycle.
            known.expires_at = None;
        }
        let lifecycle = lifecycle.merge(added.lifecycle.clone());
        known_as.extend(other_ids(added, &known));
        let updated_at = before.map_or(at, |row| at.max(row.updated_at));
        let rows = before.into_iter().chain(added.moves);
        let created_at = rows.map(|row| row.created_at).min();
        let is_heard_of = lifecycle.last().is_some();
        let before_that = before.and_then(|row| row.announced);
        let row = Self {
            updated: is_heard_of.then(|| keyspace::updated(updated_at, id)),
            announced: announced(before_that, added.announces, lifecycle.expires_at()),
            notice: None,
            notice_at: None,
            known,
            lifecycle,
            known_as,
            created_at: created_at.unwrap_or(updated_at),
            updated_at,
            revision: before.map_or(0, |row| row.revision) + 1,
        };
        row.noticed(added.organization, id, reminders)
    }

    /// The same with its place among what somebody has to look at, by the reminders of its organization.
    pub(crate) fn noticed(
        mut self,
        organization: OrganizationId,
        id: &str,
        reminders: &ReminderDays,
    ) -> Self {
        let look_at = self.expiry(reminders).and_then(|expiry| expiry.look_at());
        let look_at = look_at.or_else(|| self.expires_unseen_at());
        self.notice = look_at.map(|_| keyspace::notice(shard(organization, id)));
        self.notice_at = look_at.map(Timestamp::as_millisecond);
        self
    }

    /// When it expires, if it was not written since: who follows the list of changes has not seen that.
    fn expires_unseen_at(&self) -> Option<Timestamp> {
        let end = self.lifecycle.expires_by_itself_at()?;
        let is_unseen = self.updated_at.as_millisecond() < end.as_millisecond();
        Some(end).filter(|_| is_unseen && self.is_heard_of())
    }

    /// The same, changed at `at` if it has expired by then and was not written since.
    pub(crate) fn seen_expired(mut self, id: &str, at: Timestamp) -> Self {
        let end = self.expires_unseen_at();
        if end.is_some_and(|end| end.as_millisecond() <= at.as_millisecond()) {
            self.updated_at = at;
            self.updated = Some(keyspace::updated(at, id));
        }
        self
    }

    /// The end of its validity, if that is to be announced.
    pub(crate) fn expiry<'r>(&self, reminders: &'r ReminderDays) -> Option<Expiry<'r>> {
        let at = self
            .lifecycle
            .end_to_announce()
            .filter(|_| self.is_heard_of())?;
        Some(Expiry {
            at,
            reminders,
            announced: self.announced,
        })
    }

    /// Whether two rows say the same, whenever they were written.
    pub(crate) fn says_the_same(&self, other: &Self) -> bool {
        self.known == other.known
            && self.lifecycle == other.lifecycle
            && self.known_as == other.known_as
            && self.announced == other.announced
            && self.notice_at == other.notice_at
    }

    /// Fills in what an event leaves out.
    pub(crate) fn completes(&self) -> Known {
        self.known.clone().expiring(self.lifecycle.expires_at())
    }

    /// What others see of it.
    pub(crate) fn credential(self, id: String) -> Credential {
        Credential {
            id,
            known: self.known,
            lifecycle: self.lifecycle,
            known_as: self.known_as,
            created_at: self.created_at,
            updated_at: self.updated_at,
        }
    }
}

/// What was announced last. Of the same end the nearer notice is the later one; that of the end which counts is
/// kept, whatever comes late about another.
fn announced(
    before: Option<Announced>,
    added: Option<Announced>,
    end: Option<Timestamp>,
) -> Option<Announced> {
    match (before, added) {
        (Some(before), Some(added)) if before.is_of(added.expires_at) => Some(Announced {
            notice: before.notice.min(added.notice),
            ..before
        }),
        (Some(before), Some(_)) if end.is_some_and(|end| before.is_of(end)) => Some(before),
        (before, added) => added.or(before),
    }
}

/// The source's other id of a credential, and those that subscribers get in its place.
fn other_ids(added: &Addition<'_>, known: &Known) -> BTreeSet<String> {
    let origin = known.dialect.map(|dialect| Origin {
        organization: added.organization,
        dialect,
    });
    let told = added.told_in.iter();
    let mut ids: BTreeSet<String> = told
        .filter_map(|dialect| credential_in(*dialect, origin?, added.id))
        .collect();
    ids.extend(known.short_id.clone());
    let moved = added.moves.map(|row| row.known_as.iter().cloned());
    ids.extend(moved.into_iter().flatten());
    ids.remove(added.id);
    ids
}

/// What an event adds to its credential.
pub(crate) fn said_of<'a>(
    organization: OrganizationId,
    id: &'a str,
    said: &'a Said,
    told_in: &'a BTreeSet<Dialect>,
    reminders: &'a ReminderDays,
) -> Addition<'a> {
    Addition {
        organization,
        id,
        known: (!said.is_derived()).then_some(&said.known),
        lifecycle: said.lifecycle.clone(),
        announces: said.announces,
        told_in,
        moves: None,
        reminders,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::sync::LazyLock;

    use aws_sdk_dynamodb::types::AttributeValue;
    use jiff::tz::TimeZone;
    use payload::dialect::{Hints, parse};
    use payload::event_type::Subject;
    use payload::id::EventId;
    use payload::lifecycle::Moment;
    use serde_json::Value;

    use super::*;
    use crate::rows::{key, to_item};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_795_000_000 + second).unwrap()
    }

    fn event(number: u8) -> EventId {
        EventId::made_of(at(0), [number; 16])
    }

    /// What the samples of events say of credentials.
    fn samples() -> Vec<(String, Said)> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events/ingest");
        let mut said = Vec::new();
        for file in fs::read_dir(folder).unwrap() {
            let file = file.unwrap();
            let invocation: Value =
                serde_json::from_slice(&fs::read(file.path()).unwrap()).unwrap();
            if invocation["rawPath"] != "/api/v1/events" {
                continue;
            }
            let hints = Hints {
                dialect: None,
                event: invocation["queryStringParameters"]["event"].as_str(),
                time_zone: &TimeZone::UTC,
                received_at: at(0),
            };
            let body = invocation["body"].as_str().unwrap();
            let parsed = parse(body.as_bytes(), hints).unwrap();
            let moment = Moment {
                at: parsed.timestamp,
                event: event(1),
            };
            let name = file.file_name().to_string_lossy().into_owned();
            if parsed.event_type.subject() == Subject::Credential {
                said.push((name, Said::of(parsed.event_type, moment, &parsed.facts)));
            }
        }
        assert!(said.len() > 12, "only {}", said.len());
        said
    }

    static REMINDERS: LazyLock<ReminderDays> = LazyLock::new(ReminderDays::default);

    fn added<'a>(said: &'a Said, told_in: &'a BTreeSet<Dialect>) -> Addition<'a> {
        let id = said.credential.as_deref().unwrap();
        said_of(OrganizationId::NIL, id, said, told_in, &REMINDERS)
    }

    /// As DynamoDB counts it, a little more.
    fn bytes(value: &AttributeValue) -> usize {
        match value {
            AttributeValue::S(text) => text.len(),
            AttributeValue::N(number) => number.len(),
            AttributeValue::L(list) => 3 + list.iter().map(|it| 1 + bytes(it)).sum::<usize>(),
            AttributeValue::M(map) => {
                3 + map
                    .iter()
                    .map(|(name, it)| 1 + name.len() + bytes(it))
                    .sum::<usize>()
            }
            _ => 1,
        }
    }

    #[test]
    fn a_credential_of_every_sample_fits_into_one_write_unit() {
        let everyone = BTreeSet::from(Dialect::ALL);
        for (name, said) in samples() {
            let added = added(&said, &everyone);
            let first = CredentialRow::after(None, &added, at(0));
            // Heard of again, with dates.
            let again = Addition {
                lifecycle: Lifecycle::expiring_by_hand(Some(at(9)), at(5)),
                known: None,
                ..added.clone()
            };
            let row = CredentialRow::after(Some(&first), &again, at(5));
            let mut item = to_item(&row).unwrap();
            let organization = keyspace::organization(OrganizationId::NIL);
            item.extend(key(organization, keyspace::credential(added.id)));
            let size = item
                .iter()
                .map(|(name, it)| name.len() + bytes(it))
                .sum::<usize>();
            assert!(size <= 1024, "{name}: {size}");
        }
    }

    #[test]
    fn a_row_reads_back_and_the_same_event_again_changes_nothing() {
        for (name, said) in samples() {
            let nobody = BTreeSet::new();
            let added = added(&said, &nobody);
            let row = CredentialRow::after(None, &added, at(0));
            let mut item = to_item(&row).unwrap();
            assert_eq!(
                from_item::<CredentialRow>(item.clone()).unwrap(),
                row,
                "{name}"
            );
            let again = CredentialRow::after(Some(&row), &added, at(7));
            assert!(again.says_the_same(&row), "{name}");
            item.extend(key("org#x", keyspace::credential(added.id)));
            let credential = Credential::read(item).unwrap().unwrap();
            assert_eq!(credential.id, added.id);
            assert_eq!(credential.created_at, at(0));
        }
    }

    #[test]
    fn events_of_two_dialects_make_the_same_row_in_any_order_and_however_often() {
        let (_, first) = samples()
            .into_iter()
            .find(|(name, _)| name.starts_with("thatsme"))
            .unwrap();
        let mut second = first.clone();
        second.known.dialect = Some(Dialect::Canonical);
        second.known.recipient_name = Some("Somebody".to_owned());
        let later = Moment {
            at: Timestamp::MAX,
            event: event(2),
        };
        let facts = payload::event::Facts::new(payload::event::Source::new(
            Dialect::Canonical,
            String::new(),
            at(0),
        ));
        let accepted = payload::event_type::EventType::CredentialAccepted;
        second.lifecycle = Lifecycle::of(accepted, later, &facts);
        let told = BTreeSet::from([Dialect::Beedeez]);
        let fold = |order: &[&Said]| {
            let mut row: Option<CredentialRow> = None;
            for said in order {
                row = Some(CredentialRow::after(
                    row.as_ref(),
                    &added(said, &told),
                    at(0),
                ));
            }
            let row = row.unwrap();
            assert_eq!(row.known.dialect, Some(Dialect::Thatsme));
            assert_eq!(row.known.recipient_name.as_deref(), Some("Somebody"));
            row
        };
        let one = fold(&[&first, &second]);
        let other = fold(&[&first, &second, &first, &second, &second, &first]);
        assert!(one.says_the_same(&other));
    }

    #[test]
    fn what_is_moved_from_a_short_id_brings_its_age_and_its_ids_and_only_what_is_of_that_id() {
        let (_, said) = samples()
            .into_iter()
            .find(|(name, _)| name.contains("certdirectory.credential.issued"))
            .unwrap();
        let (nobody, everyone) = (BTreeSet::new(), BTreeSet::from(Dialect::ALL));
        let short_id = said.known.short_id.clone().unwrap();
        let by_short_id = Said {
            credential: Some(short_id.clone()),
            ..said.clone()
        };
        let other = CredentialRow::after(None, &added(&by_short_id, &everyone), at(0));
        assert!(other.is_of_short_id(&short_id));
        let row = CredentialRow::after(None, &added(&said, &nobody), at(5));
        let moved = Addition {
            known: Some(&other.known),
            lifecycle: other.lifecycle.clone(),
            moves: Some(&other),
            ..added(&said, &nobody)
        };
        let row = CredentialRow::after(Some(&row), &moved, at(9));
        assert_eq!((row.created_at, row.updated_at), (at(0), at(9)));
        assert!(row.known_as.is_superset(&other.known_as) && row.known_as.contains(&short_id));
        // Another's: its own events give it another short id, or none.
        assert!(!other.is_of_short_id("CRD-OTHER"));
        let own = Said {
            known: Known {
                short_id: None,
                ..said.known.clone()
            },
            ..by_short_id
        };
        let own = CredentialRow::after(None, &added(&own, &nobody), at(0));
        assert!(!own.is_of_short_id(&short_id));
    }

    #[test]
    fn a_credential_that_only_its_successor_names_is_in_no_list() {
        let (_, said) = samples()
            .into_iter()
            .find(|(name, _)| name.contains("renewed"))
            .unwrap();
        let nobody = BTreeSet::new();
        let superseded = Addition {
            known: None,
            lifecycle: said.lifecycle.superseded("new"),
            ..added(&said, &nobody)
        };
        let row = CredentialRow::after(None, &superseded, at(0));
        assert!(!row.is_heard_of() && row.updated.is_none());
        let heard_of = CredentialRow::after(Some(&row), &added(&said, &nobody), at(1));
        assert!(heard_of.updated.is_some());
        assert_eq!(
            heard_of.lifecycle.superseded_by(),
            said.lifecycle.supersedes().map(|_| "new")
        );
    }
}
