//! All that is known of one subscription, in whatever order it was heard.
//!
//! Stripe's events come in any order and more than once, and `created` has whole seconds: it tells
//! hours apart, not the events of one checkout. So the newest snapshots are kept, and which of them is
//! the last is told from what each says it changed. <https://docs.stripe.com/webhooks#event-ordering>

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::snapshot::{Snapshot, Status};
use super::stripe_id::StripeId;
use crate::timestamp;

/// How far the clocks are trusted of Stripe's servers, that give events their times: an event that is
/// newer than another by more than that came after it.
const WINDOW: SignedDuration = SignedDuration::from_secs(2);
/// Most snapshots that are kept.
const CAP: usize = 10;

/// What is known of a subscription.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    /// Its id.
    pub id: StripeId,
    /// How it ended. Nothing else is kept then.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    ended: Option<Snapshot>,
    /// The newest snapshots: those within [`WINDOW`] of the newest, and at most [`CAP`] of those.
    #[serde(skip_serializing_if = "BTreeSet::is_empty", default)]
    recent: BTreeSet<Snapshot>,
    /// The newest change of what access depends on.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    turn: Option<Turn>,
    /// When it was last heard to be paid for or tried.
    #[serde(
        serialize_with = "timestamp::option::serialize",
        skip_serializing_if = "Option::is_none",
        default
    )]
    paid_for_at: Option<Timestamp>,
}

/// When the standing became what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Turn {
    #[serde(serialize_with = "timestamp::serialize")]
    at: Timestamp,
    likeness: u32,
}

/// What a subscription is, as far as that can be told.
#[derive(Debug, Clone, Copy)]
pub struct Latest<'s> {
    /// The snapshot after which there is none.
    pub snapshot: &'s Snapshot,
    /// Since when it is what access depends on.
    pub since: Timestamp,
    /// Whether there could be another one after it, that says something else: then Stripe should be
    /// asked.
    pub is_doubtful: bool,
}

impl Subscription {
    /// What one snapshot says.
    pub fn of(id: StripeId, snapshot: Snapshot) -> Self {
        let empty = Self {
            id,
            ended: None,
            recent: BTreeSet::new(),
            turn: None,
            paid_for_at: None,
        };
        if snapshot.is_last() {
            let ended = Some(snapshot.without_place());
            return Self { ended, ..empty };
        }
        let turn = snapshot.turns.then(|| Turn {
            at: snapshot.at,
            likeness: snapshot.standing.likeness(),
        });
        let is_paid_for = matches!(snapshot.standing.status, Status::Active | Status::Trialing);
        let paid_for_at = is_paid_for.then_some(snapshot.at);
        let recent = BTreeSet::from([snapshot]);
        Self {
            recent,
            turn,
            paid_for_at,
            ..empty
        }
    }

    /// What both know of the same subscription: associative, commutative, idempotent.
    ///
    /// The window and the cap keep it so, since both keep the greatest of a total order that begins with
    /// the time. Whatever is among the greatest of all is among the greatest of every part that it is
    /// in, so no part forgets what the whole would keep; and what decides how far the window reaches is
    /// the greatest of all itself.
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        let id = self.id;
        let ended = self.ended.max(other.ended);
        if ended.is_some() {
            return Self {
                id,
                ended,
                recent: BTreeSet::new(),
                turn: None,
                paid_for_at: None,
            };
        }
        let mut recent = self.recent;
        recent.extend(other.recent);
        if let Some(newest) = recent.last().map(|newest| newest.at) {
            recent.retain(|snapshot| newest.duration_since(snapshot.at) <= WINDOW);
        }
        while recent.len() > CAP {
            recent.pop_first();
        }
        Self {
            id,
            ended,
            recent,
            turn: self.turn.max(other.turn),
            paid_for_at: self.paid_for_at.max(other.paid_for_at),
        }
    }

    /// Whether something happened before it was last heard to be paid for, or tried, and so is no reason for
    /// what it is since.
    pub(super) fn was_paid_for_after(&self, at: Timestamp) -> bool {
        self.paid_for_at
            .is_some_and(|paid_for_at| paid_for_at.duration_since(at) > WINDOW)
    }

    /// What it is. `None` only for one that was not made by [`Self::of`] and merging.
    pub fn latest(&self) -> Option<Latest<'_>> {
        if let Some(snapshot) = &self.ended {
            return Some(Latest {
                snapshot,
                since: snapshot.standing.ended_at.unwrap_or(snapshot.at),
                is_doubtful: false,
            });
        }
        let all = &self.recent;
        let is_last = |one: &&Snapshot| !all.iter().any(|other| other.follows(one));
        let mut last: Vec<&Snapshot> = all.iter().filter(is_last).collect();
        // What went there and back may have come after each other; what nothing began with was the end.
        let is_end = |one: &&Snapshot| !all.iter().any(|other| other.began_with(one));
        if last.iter().any(is_end) {
            last.retain(is_end);
        }
        // Where each follows another, all are as good, and the total order decides.
        let snapshot = last.last().copied().or_else(|| all.last())?;
        let agrees = |other: &&Snapshot| other.standing == snapshot.standing;
        let was_fetched_later = |other: &Snapshot| other.event.is_none() && other.at > snapshot.at;
        let is_doubtful = last.is_empty()
            || !last.iter().all(agrees)
            || all
                .iter()
                .any(|other| was_fetched_later(other) && !agrees(&other));
        Some(Latest {
            snapshot,
            since: self.since(snapshot),
            is_doubtful,
        })
    }

    /// A later event that changes nothing of it does not make it younger. When the change itself was not
    /// heard of, the first that is known of it counts.
    fn since(&self, snapshot: &Snapshot) -> Timestamp {
        let likeness = snapshot.standing.likeness();
        let turn = self.turn.filter(|turn| turn.likeness == likeness);
        turn.map_or(snapshot.at, |turn| turn.at.min(snapshot.at))
    }

    /// Whether it is over.
    pub fn is_over(&self) -> bool {
        self.ended.is_some()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, Value, json};

    use super::*;
    use crate::billing::fingerprint::Fingerprint;
    use crate::billing::snapshot::{Kind, Standing};

    /// An event of a second that found `before` and left `after`.
    fn snapshot(event: u32, second: i64, kind: Kind, before: &Value, after: &Value) -> Snapshot {
        let members = |value: &Value| -> Map<String, Value> { value.as_object().unwrap().clone() };
        let status = after["status"].as_str().unwrap().to_owned();
        Snapshot {
            at: Timestamp::from_second(second).unwrap(),
            kind,
            changes_status: before.get("status").is_some(),
            event: (kind != Kind::Fetched).then(|| format!("evt_{event}").parse().unwrap()),
            standing: Standing {
                status: status.into(),
                is_collection_paused: false,
                items: Vec::new(),
                cancel_at: None,
                cancels_at_period_end: false,
                ended_at: None,
                latest_invoice: None,
            },
            turns: before.get("status").is_some(),
            object: Fingerprint::of(&members(after)),
            before: Fingerprint::of_changes(&members(before)),
        }
    }

    fn merged<'s>(snapshots: impl IntoIterator<Item = &'s Snapshot>) -> Option<Subscription> {
        let id: StripeId = "sub_1".parse().unwrap();
        let each = snapshots
            .into_iter()
            .map(|it| Subscription::of(id.clone(), it.clone()));
        each.reduce(Subscription::merge)
    }

    /// What is told of the last of some snapshots, in both orders: its status, and whether it is doubtful.
    #[track_caller]
    fn check(snapshots: &[Snapshot], status: &str, is_doubtful: bool) {
        let forth = merged(snapshots).unwrap();
        let back = merged(snapshots.iter().rev()).unwrap();
        assert_eq!(forth, back);
        let latest = forth.latest().unwrap();
        assert_eq!(latest.snapshot.standing.status.name(), status);
        assert_eq!(latest.is_doubtful, is_doubtful);
    }

    fn is(status: &str) -> Value {
        json!({"status": status})
    }

    #[test]
    fn what_an_event_found_tells_its_place_within_two_seconds_and_the_time_beyond() {
        let pay = |second| snapshot(1, second, Kind::Changed, &is("incomplete"), &is("active"));
        let fail = |second| snapshot(2, second, Kind::Changed, &is("active"), &is("past_due"));
        // The clocks of two servers: the later event has the earlier time.
        check(&[pay(12), fail(12)], "past_due", false);
        check(&[pay(14), fail(12)], "past_due", false);
        check(&[pay(15), fail(12)], "active", false);
        // An event that was created before everything says so.
        let created = snapshot(9, 13, Kind::Created, &json!({}), &is("incomplete"));
        check(&[pay(12), created], "active", false);
    }

    #[test]
    fn where_nothing_tells_the_last_the_time_decides_and_it_is_doubted() {
        let there = snapshot(1, 12, Kind::Changed, &is("active"), &is("past_due"));
        let back = |second| snapshot(2, second, Kind::Changed, &is("past_due"), &is("active"));
        check(&[there.clone(), back(13)], "active", true);
        check(&[there.clone(), back(11)], "past_due", true);
        // There, back and elsewhere: nothing began with where it is now.
        let elsewhere = snapshot(5, 12, Kind::Changed, &is("active"), &is("unpaid"));
        for id in [4, 9] {
            let back = snapshot(id, 12, Kind::Changed, &is("past_due"), &is("active"));
            check(&[there.clone(), back, elsewhere.clone()], "unpaid", false);
        }
        // Two events of one change say the same.
        let again = snapshot(3, 12, Kind::Changed, &is("active"), &is("past_due"));
        check(&[there.clone(), again], "past_due", false);
        // Of those that could be the last, not of all: what was surely not the last may be newer.
        let before = snapshot(4, 13, Kind::Notice, &json!({}), &is("active"));
        let earlier_id = snapshot(0, 12, Kind::Changed, &is("past_due"), &is("active"));
        check(&[there.clone(), earlier_id, before], "past_due", true);
        let notice = snapshot(4, 12, Kind::Notice, &json!({}), &is("active"));
        check(&[there, notice], "past_due", false);
    }

    #[test]
    fn what_was_fetched_counts_until_an_event_begins_with_it() {
        let fetched = |second, status| snapshot(0, second, Kind::Fetched, &json!({}), &is(status));
        let fail = |second| snapshot(2, second, Kind::Changed, &is("active"), &is("past_due"));
        check(&[fail(11), fetched(12, "past_due")], "past_due", false);
        check(&[fail(12), fetched(12, "unpaid")], "unpaid", false);
        check(&[fail(12), fetched(12, "active")], "past_due", false);
        check(&[fail(15), fetched(12, "unpaid")], "past_due", false);
        // It may have happened before, and been undone, or the clocks differ.
        check(&[fail(11), fetched(12, "active")], "past_due", true);
        check(&[fail(9), fetched(12, "active")], "active", false);
        check(
            &[fetched(12, "unpaid"), fetched(13, "active")],
            "active",
            false,
        );
        // Later than what was fetched, and not begun with it: something is missing in between.
        check(&[fail(13), fetched(12, "unpaid")], "past_due", true);
    }

    #[test]
    fn the_end_absorbs_whatever_the_times_say() {
        let deleted = snapshot(1, 10, Kind::Deleted, &json!({}), &is("canceled"));
        let expired = snapshot(
            1,
            10,
            Kind::Changed,
            &is("incomplete"),
            &is("incomplete_expired"),
        );
        let fetched = snapshot(0, 99, Kind::Fetched, &json!({}), &is("active"));
        check(&[deleted, fetched.clone()], "canceled", false);
        check(&[expired, fetched], "incomplete_expired", false);
    }

    #[test]
    fn what_changes_nothing_does_not_make_a_standing_younger() {
        let turn = snapshot(1, 10, Kind::Changed, &is("incomplete"), &is("active"));
        let note = |second| snapshot(2, second, Kind::Changed, &json!({"note": 1}), &is("active"));
        let since = |snapshots: &[Snapshot]| {
            merged(snapshots)
                .unwrap()
                .latest()
                .unwrap()
                .since
                .as_second()
        };
        assert_eq!(since(&[turn.clone(), note(500)]), 10);
        assert_eq!(since(&[note(500), turn.clone()]), 10);
        assert_eq!(since(&[note(500)]), 500);
        let between = snapshot(3, 200, Kind::Changed, &is("active"), &is("past_due"));
        assert_eq!(since(&[turn, between, note(500)]), 500);
    }

    fn snapshots() -> impl Strategy<Value = Vec<Snapshot>> {
        let kinds = [Kind::Created, Kind::Notice, Kind::Changed, Kind::Fetched];
        let status = prop::sample::select(&["incomplete", "active", "past_due"][..]);
        let one = (
            0..5_i64,
            prop::sample::select(kinds.to_vec()),
            status.clone(),
            status,
        );
        prop::collection::vec(one, 1..40).prop_map(|all| {
            let numbered = (0..).zip(all);
            let snapshots = numbered.map(|(number, (second, kind, before, after))| {
                snapshot(number, second, kind, &is(before), &is(after))
            });
            snapshots.collect()
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn the_cap_and_the_window_forget_the_same_however_it_is_merged(
            snapshots in snapshots(), at in any::<prop::sample::Index>(), seed in any::<usize>(),
        ) {
            let all = merged(&snapshots).unwrap();
            prop_assert!(all.recent.len() <= CAP);
            let mut turned = snapshots.clone();
            turned.rotate_left(seed % snapshots.len());
            turned.reverse();
            prop_assert_eq!(&merged(&turned).unwrap(), &all);
            let (left, right) = turned.split_at(at.index(turned.len()));
            if let (Some(left), Some(right)) = (merged(left), merged(right)) {
                prop_assert_eq!(&left.clone().merge(right.clone()), &all);
                prop_assert_eq!(&right.merge(all.clone()).merge(left), &all);
            }
        }
    }
}
