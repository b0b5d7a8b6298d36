//! An erasure: what is known of a person is removed, and how far that got.
//!
//! It goes over everything of the organization in steps, a page at a time, and finds what is about the person:
//! by a digest of the address, which is all that is kept of it, and by the ids that were found with it. What it
//! found in a page it has *in hand*: that is written down, and counted, before the first of it is removed. So
//! whoever goes on after a crash removes the same, and counts nothing twice.
//!
//! ```text
//! a page is read ── in hand (written) ── removed ── moved on (written)
//!                        └─ crash: removed again ──────┘
//! ```
//!
//! Until the directory and the credentials are through, certhooks itself fills what they say of the person into
//! events. So those are looked for too, up to when it was removed, and not before the last of them is written:
//!
//! ```text
//! accepting:  the row is read ─── at most 10 s ─── the event is written ─┐
//! erasure:           └─ the row is removed ─────── 15 s ─────────────────┴─ events are looked for
//! ```
//!
//! Ids that events are looked for by are collected up to [`MAX_IDS`]; of someone with more credentials the
//! events are gone through several times.

use std::collections::BTreeSet;
use std::fmt;

use jiff::{SignedDuration, Timestamp};
use payload::email::{AddressDigest, Sought};
use payload::id::{AuditId, ErasureId, OrganizationId};
use payload::timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::audit_log::{Action, Actor, AuditLine, Changes};

/// Ids that are looked for at once: with those of one more page they fit into the row.
const MAX_IDS: usize = 100;

/// How long after the removal of what is known of a person an event may be written that was completed with it:
/// as long as accepting one may take, and some time to spare.
const UNDER_WAY: SignedDuration = SignedDuration::from_secs(15);
/// How far two environments' clocks are apart at most.
const APART: SignedDuration = SignedDuration::from_secs(1);

/// Whether an erasure goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErasureState {
    /// It does.
    Running,
    /// It is over.
    Done,
}

/// What an erasure goes over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Step {
    /// The directory, which says what ids a person has.
    Recipients,
    /// The credentials of these and of the address.
    Credentials,
    /// What is remembered of series of certificates.
    Series,
    /// The events of these credentials and those that name the address, with their deliveries.
    Events,
    /// What receivers answered to other events.
    Answers,
    /// Webhooks that could not be read.
    Quarantine,
}

/// What was removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erased {
    /// Lines of the directory.
    pub recipients: u64,
    /// Credentials.
    pub credentials: u64,
    /// Bodies of events.
    pub events: u64,
    /// Deliveries of these events, which keep no answer.
    pub deliveries: u64,
    /// Answers of receivers to events of others.
    pub answers: u64,
    /// Webhooks in quarantine.
    pub quarantined: u64,
}

/// An erasure and how far it got.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erasure {
    /// Its id.
    pub id: ErasureId,
    /// Whose it is.
    pub organization_id: OrganizationId,
    /// Whether it goes on.
    pub state: ErasureState,
    /// What stands for the address, as long as it is needed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    digest: Option<String>,
    pub(crate) step: Step,
    /// Where the step goes on; at its beginning where there is none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) place: Option<String>,
    /// What is to be removed before it goes on.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub(crate) in_hand: Vec<String>,
    /// Where it goes on then; none at the end of the step.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    next: Option<String>,
    /// The source's ids of the person.
    #[serde(skip_serializing_if = "BTreeSet::is_empty", default)]
    pub(crate) recipient_ids: BTreeSet<String>,
    /// The person's credentials.
    #[serde(skip_serializing_if = "BTreeSet::is_empty", default)]
    pub(crate) credential_ids: BTreeSet<String>,
    /// Where the directory and the credentials go on after the events of those that were found.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    more_recipients: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    more_credentials: Option<String>,
    /// When what was known of the person was removed, in this round.
    #[serde(
        serialize_with = "timestamp::option::serialize",
        skip_serializing_if = "Option::is_none",
        default
    )]
    removed_at: Option<Timestamp>,
    /// Rows that were looked at.
    pub examined: u64,
    /// What was removed.
    pub erased: Erased,
    /// Rows that could not be read: whether they are about the person is not known.
    pub unreadable: u64,
    /// When it was asked for. What came later is not looked at, but for what was completed with what was there.
    #[serde(serialize_with = "timestamp::serialize")]
    pub created_at: Timestamp,
    /// When it last got further.
    #[serde(serialize_with = "timestamp::serialize")]
    pub updated_at: Timestamp,
    /// Counts the writes.
    pub revision: u64,
}

/// Without what it looks for.
impl fmt::Debug for Erasure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Erasure")
            .field("id", &self.id)
            .field("state", &self.state)
            .field("step", &self.step)
            .field("erased", &self.erased)
            .finish_non_exhaustive()
    }
}

/// What was found in a page of a step.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// What is about the person: an id in the step.
    pub(crate) theirs: Vec<String>,
    /// Ids by which events name these beside.
    pub(crate) short_ids: Vec<String>,
    pub(crate) examined: u64,
    pub(crate) unreadable: u64,
    /// Where the step goes on; none at its end.
    pub(crate) next: Option<String>,
}

impl Erasure {
    /// One that begins.
    pub fn new(organization: OrganizationId, address: &str, now: Timestamp) -> Self {
        let digest = AddressDigest::of(organization, address);
        Self {
            id: ErasureId::new(now, &mut rand::rng()),
            organization_id: organization,
            state: ErasureState::Running,
            digest: Some(digest.as_str().to_owned()),
            step: Step::Recipients,
            place: None,
            in_hand: Vec::new(),
            next: None,
            recipient_ids: BTreeSet::new(),
            credential_ids: BTreeSet::new(),
            more_recipients: None,
            more_credentials: None,
            removed_at: None,
            examined: 0,
            erased: Erased::default(),
            unreadable: 0,
            created_at: now,
            updated_at: now,
            revision: 0,
        }
    }

    /// What stands for the address it is about, as long as it goes on.
    pub(crate) fn digest(&self) -> Option<&str> {
        self.digest.as_deref()
    }

    /// What it looks for; nothing when it is over.
    pub(crate) fn sought(&self) -> Option<Sought> {
        let digest = AddressDigest::kept(self.digest.clone()?);
        Some(Sought::new(self.organization_id, digest))
    }

    /// What came before this time was there when it was asked for.
    pub(crate) fn asked_until(&self) -> Timestamp {
        self.created_at + SignedDuration::from_millis(1)
    }

    /// What was completed before this time may have been completed with what was there.
    pub(crate) fn completed_until(&self) -> Timestamp {
        let removed = self.removed_at.map(|at| at + APART);
        removed.unwrap_or(self.created_at)
    }

    /// Whether events that were completed with what is removed by now may still be written.
    pub(crate) fn is_early(&self, now: Timestamp) -> bool {
        let begins = self.step == Step::Events && self.place.is_none() && self.in_hand.is_empty();
        begins && self.removed_at.is_some_and(|at| now < at + UNDER_WAY)
    }

    /// Takes what was found in a page in hand, and counts it.
    pub(crate) fn take(&mut self, found: Found) {
        self.examined += found.examined;
        self.unreadable += found.unreadable;
        self.next = found.next;
        let count = found.theirs.len() as u64;
        let ids = found.theirs.iter().cloned();
        match self.step {
            Step::Recipients => {
                self.erased.recipients += count;
                self.recipient_ids.extend(ids);
            }
            Step::Credentials => {
                self.erased.credentials += count;
                self.credential_ids.extend(ids);
                self.credential_ids.extend(found.short_ids);
            }
            Step::Series => {}
            Step::Events => self.erased.events += count,
            Step::Answers => self.erased.answers += count,
            Step::Quarantine => self.erased.quarantined += count,
        }
        self.in_hand = found.theirs;
    }

    /// Moves on when what it had in hand is removed, which is now.
    pub(crate) fn move_on(&mut self, now: Timestamp) {
        self.in_hand.clear();
        self.place = self.next.take();
        let is_full = match self.step {
            Step::Recipients => self.recipient_ids.len() >= MAX_IDS,
            Step::Credentials => self.credential_ids.len() >= MAX_IDS,
            Step::Series | Step::Events | Step::Answers | Step::Quarantine => false,
        };
        if self.place.is_some() && !is_full {
            return;
        }
        let rest = self.place.take();
        match self.step {
            Step::Recipients => {
                self.more_recipients = rest;
                self.step = Step::Credentials;
            }
            Step::Credentials => {
                self.more_credentials = rest;
                let was_known = !self.recipient_ids.is_empty() || !self.credential_ids.is_empty();
                self.removed_at = was_known.then_some(now);
                // Of nobody's credentials there is no series.
                self.step = match self.credential_ids.is_empty() {
                    true => Step::Events,
                    false => Step::Series,
                };
            }
            Step::Series => self.step = Step::Events,
            Step::Events => {
                self.credential_ids.clear();
                if let Some(place) = self.more_credentials.take() {
                    (self.step, self.place) = (Step::Credentials, Some(place));
                } else if let Some(place) = self.more_recipients.take() {
                    self.recipient_ids.clear();
                    (self.step, self.place) = (Step::Recipients, Some(place));
                } else {
                    self.recipient_ids.clear();
                    self.step = Step::Answers;
                }
            }
            Step::Answers => self.step = Step::Quarantine,
            Step::Quarantine => {
                self.state = ErasureState::Done;
                self.digest = None;
            }
        }
    }

    /// The line of the audit log that says that it is over: the same whenever it is made of the same state.
    pub(crate) fn completed(&self) -> AuditLine {
        let digest = Sha256::digest(self.id.to_string());
        let mut seed = [0; 16];
        seed.copy_from_slice(&digest[..16]);
        AuditLine {
            id: AuditId::made_of(self.updated_at, seed),
            organization_id: self.organization_id,
            actor: Actor::Certhooks,
            action: Action::ErasureCompleted,
            target: self.id.to_string(),
            changes: Changes::given(&self.erased),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::event_write::RECALLED_WITHIN;
    use crate::late::WRITTEN_WITHIN;
    use crate::rows::{from_item, to_item};

    fn now() -> Timestamp {
        "2026-11-21T10:00:00Z".parse().unwrap()
    }

    fn erasure() -> Erasure {
        Erasure::new(OrganizationId::NIL, "ana@example.com", now())
    }

    /// Rows of a step as numbers: those that are divisible by `every` are the person's.
    #[derive(Debug, Clone, Copy)]
    struct Rows {
        count: usize,
        every: usize,
    }

    impl Rows {
        fn page(self, place: Option<&String>, limit: usize) -> Found {
            let begins = place.map_or(0, |place| place.parse::<usize>().unwrap());
            let ends = (begins + limit).min(self.count);
            let theirs = (begins..ends).filter(|row| row % self.every == 0);
            Found {
                theirs: theirs.map(|row| row.to_string()).collect(),
                examined: (ends - begins) as u64,
                next: (ends < self.count).then(|| ends.to_string()),
                ..Found::default()
            }
        }

        fn theirs(self) -> BTreeSet<String> {
            (0..self.count)
                .filter(|row| row % self.every == 0)
                .map(|row| row.to_string())
                .collect()
        }
    }

    /// As it is written and read again.
    fn kept(erasure: &Erasure) -> Erasure {
        from_item(to_item(erasure).unwrap()).unwrap()
    }

    fn rows() -> impl Strategy<Value = Rows> {
        (0_usize..260, 1_usize..4).prop_map(|(count, every)| Rows { count, every })
    }

    proptest! {
        /// Runs that die anywhere: each row of the person is removed, in whatever number of rounds, each
        /// credential's events are looked for, and what is counted is what there was.
        #[test]
        fn everything_is_removed_and_counted_once_wherever_a_run_dies(
            (recipients, credentials, quarantine) in (rows(), rows(), rows()),
            crashes in prop::collection::vec(0_u8..4, 0..400),
        ) {
            let mut crashes = crashes.into_iter();
            let mut dies = |at| crashes.next() == Some(at);
            let mut saved = erasure();
            let (mut removed, mut looked_for) = (vec![BTreeSet::new(); 3], BTreeSet::new());
            let mut steps = 0;
            while saved.state == ErasureState::Running {
                steps += 1;
                prop_assert!(steps < 5_000);
                let mut erasure = kept(&saved);
                if erasure.in_hand.is_empty() {
                    let nothing = Rows { count: 0, every: 1 };
                    let rows = match erasure.step {
                        Step::Recipients => recipients,
                        Step::Credentials => credentials,
                        Step::Quarantine => quarantine,
                        Step::Series | Step::Answers => nothing,
                        Step::Events => {
                            looked_for.extend(erasure.credential_ids.clone());
                            prop_assert!(erasure.credential_ids.len() < 2 * MAX_IDS);
                            nothing
                        }
                    };
                    erasure.take(rows.page(erasure.place.as_ref(), 100));
                    if dies(0) {
                        continue;
                    }
                    saved = kept(&erasure);
                }
                let of = match erasure.step {
                    Step::Recipients => 0,
                    Step::Credentials => 1,
                    _ => 2,
                };
                for row in &erasure.in_hand {
                    removed[of].insert(row.clone());
                    if dies(1) {
                        break;
                    }
                }
                if removed[of].iter().filter(|row| erasure.in_hand.contains(row)).count() < erasure.in_hand.len() || dies(2) {
                    continue;
                }
                erasure.move_on(now());
                saved = erasure;
            }
            // Of the directory more is gone through once for each hundred lines, the credentials again each time.
            prop_assert_eq!(&removed[0], &recipients.theirs());
            prop_assert_eq!(&removed[1], &credentials.theirs());
            prop_assert_eq!(&removed[2], &quarantine.theirs());
            prop_assert_eq!(&looked_for, &credentials.theirs());
            prop_assert_eq!(saved.erased.recipients, recipients.theirs().len() as u64);
            prop_assert_eq!(saved.erased.quarantined, quarantine.theirs().len() as u64);
            prop_assert!(saved.sought().is_none() && saved.credential_ids.is_empty() && saved.recipient_ids.is_empty());
        }
    }

    #[test]
    fn nothing_of_the_address_is_in_the_row_and_nothing_of_the_digest_when_it_is_over() {
        let mut erasure = erasure();
        assert!(!serde_json::to_string(&erasure).unwrap().contains("ana"));
        assert!(erasure.sought().unwrap().is("Ana@Example.com"));
        let digest = erasure.digest.clone().unwrap();
        assert!(!format!("{erasure:?}").contains(&digest));
        while erasure.state == ErasureState::Running {
            erasure.take(Found::default());
            erasure.move_on(now());
        }
        assert!(!serde_json::to_string(&erasure).unwrap().contains(&digest));
    }

    #[test]
    fn events_are_looked_for_when_none_is_written_any_more_that_was_completed_with_what_is_gone() {
        let spare = |late: Duration| SignedDuration::try_from(late).unwrap() + APART;
        assert!(UNDER_WAY >= RECALLED_WITHIN + spare(WRITTEN_WITHIN));
        let through = |recipients: &[&str], credentials: &[&str]| {
            let mut erasure = erasure();
            for theirs in [recipients, credentials] {
                let theirs = theirs.iter().map(ToString::to_string).collect();
                erasure.take(Found {
                    theirs,
                    ..Found::default()
                });
                erasure.move_on(now());
            }
            if erasure.step == Step::Series {
                assert!(!erasure.is_early(now()));
                erasure.move_on(now());
            }
            erasure
        };
        for (recipients, credentials) in [(&["1"][..], &[][..]), (&[], &["c"])] {
            let mut erasure = through(recipients, credentials);
            assert!(erasure.is_early(now()));
            assert!(!erasure.is_early(now() + UNDER_WAY));
            assert!(erasure.completed_until() > now());
            erasure.next = Some("202611/evt".to_owned());
            erasure.move_on(now());
            assert!(!erasure.is_early(now()), "it has begun");
        }
        // Nobody fills in what nobody knows.
        let unknown = through(&[], &[]);
        assert!(!unknown.is_early(now()));
        assert_eq!(unknown.completed_until(), now());
    }

    #[test]
    fn that_it_is_over_is_one_line_however_often_it_is_said() {
        let mut erasure = erasure();
        erasure.erased.events = 3;
        let line = erasure.completed();
        assert_eq!(line, erasure.completed());
        let shown = serde_json::to_value(&line).unwrap();
        assert_eq!(shown["action"], "erasure.completed");
        assert_eq!(shown["changes"]["events"], serde_json::json!([null, 3]));
    }
}
