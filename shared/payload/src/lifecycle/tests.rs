use proptest::prelude::*;

use super::*;
use crate::dialect::Dialect;
use crate::event::Source;
use crate::id::OrganizationId;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_795_000_000 + second).unwrap()
}

fn moment(second: i64, number: u8) -> Moment {
    Moment {
        at: at(second),
        event: EventId::made_of(at(0), [number; 16]),
    }
}

fn facts(credential: Credential) -> Facts {
    Facts {
        credential: Some(credential),
        ..Facts::new(Source::new(
            Dialect::Canonical,
            "credential.issued".to_owned(),
            at(0),
        ))
    }
}

/// An event of the credential `c`, which happened at this second, with this of it.
fn event(event_type: EventType, second: i64, said: Credential) -> Lifecycle {
    let said = Credential {
        id: Some("c".to_owned()),
        ..said
    };
    let number = u8::try_from(second.rem_euclid(200)).unwrap();
    Lifecycle::of(event_type, moment(second, number), &facts(said))
}

fn plain(event_type: EventType, second: i64) -> Lifecycle {
    event(event_type, second, Credential::default())
}

fn expiring(event_type: EventType, second: i64, expires: i64) -> Lifecycle {
    let said = Credential {
        expires_at: Some(at(expires)),
        ..Credential::default()
    };
    event(event_type, second, said)
}

fn pending(second: i64) -> Lifecycle {
    let said = Credential {
        status: Some(CredentialStatus::Pending),
        ..Credential::default()
    };
    event(EventType::CredentialIssued, second, said)
}

fn fold(events: impl IntoIterator<Item = Lifecycle>) -> Lifecycle {
    events
        .into_iter()
        .fold(Lifecycle::default(), Lifecycle::merge)
}

use CredentialStatus::{Declined, Expired, Pending, Revoked, Valid};
use EventType::{
    CredentialAccepted, CredentialDeclined, CredentialExpired, CredentialExpiring,
    CredentialIssued, CredentialRenewed, CredentialRevoked,
};

#[test]
fn each_event_makes_of_a_credential_what_it_says() {
    assert_eq!(pending(0).status(at(9)), Pending);
    for (event_type, status) in [
        (CredentialIssued, Valid),
        (CredentialAccepted, Valid),
        (CredentialDeclined, Declined),
        (CredentialExpired, Expired),
        (CredentialRevoked, Revoked),
        (CredentialRenewed, Valid),
    ] {
        let after = pending(0).merge(plain(event_type, 1));
        assert_eq!(after.status(at(9)), status, "{event_type}");
        // That it will end soon makes nothing of it.
        let after = after.merge(plain(CredentialExpiring, 2));
        assert_eq!(after.status(at(9)), status, "{event_type}");
    }
}

#[test]
fn a_late_event_never_moves_a_terminal_status_back() {
    let terminal = [CredentialExpired, CredentialDeclined, CredentialRevoked];
    for (weight, heavier) in terminal.iter().enumerate() {
        let over = plain(*heavier, 5).status(at(9));
        for lighter in [CredentialIssued, CredentialAccepted]
            .iter()
            .chain(&terminal[..weight])
        {
            for second in [1, 5, 8] {
                let both = plain(*heavier, 5).merge(plain(*lighter, second));
                assert_eq!(both.status(at(9)), over, "{lighter} after {heavier}");
            }
        }
    }
}

#[test]
fn it_is_expired_by_its_date_whether_or_not_anyone_says_so() {
    let issued = expiring(CredentialIssued, 0, 100);
    assert_eq!(issued.status(at(99)), Valid);
    assert_eq!(issued.status(at(100)), Expired);
    assert_eq!(issued.expired_at(), None);
    let said = issued.merge(expiring(CredentialExpired, 100, 100));
    assert_eq!(said.expired_at(), Some(at(100)));
}

#[test]
fn the_newest_word_on_a_date_counts_however_late_an_older_one_comes() {
    let newer = expiring(CredentialAccepted, 5, 300);
    let older = expiring(CredentialIssued, 0, 100);
    let silent = plain(CredentialAccepted, 7);
    assert_eq!(fold([newer, older, silent]).expires_at(), Some(at(300)));
}

#[test]
fn a_renewal_ends_an_expiry_from_before_it_and_nothing_else() {
    let over = expiring(CredentialIssued, 0, 100).merge(expiring(CredentialExpired, 100, 100));
    let renewed = over.clone().merge(plain(CredentialRenewed, 200));
    assert_eq!(renewed.status(at(250)), Valid);
    assert_eq!((renewed.expires_at(), renewed.expired_at()), (None, None));
    let dated = over.merge(expiring(CredentialRenewed, 200, 400));
    assert_eq!(dated.status(at(399)), Valid);
    assert_eq!(dated.status(at(400)), Expired);
    // An event of its new life counts, one of its old life does not, whenever it comes.
    let again = dated.merge(expiring(CredentialExpired, 100, 100));
    assert_eq!(again.status(at(399)), Valid);
    let again = again.merge(plain(CredentialExpired, 300));
    assert_eq!(again.status(at(399)), Expired);
    for event_type in [CredentialRevoked, CredentialDeclined] {
        let over = plain(event_type, 5);
        let status = over.status(at(9));
        let renewed = over.merge(plain(CredentialRenewed, 6));
        assert_eq!(renewed.status(at(9)), status, "{event_type}");
    }
    // Told beside an issue that has a date, a renewal takes nothing away.
    let issued = expiring(CredentialIssued, 0, 100).merge(plain(CredentialRenewed, 1));
    assert_eq!(issued.expires_at(), Some(at(100)));
}

#[test]
fn an_expiry_that_was_derived_from_a_date_ends_with_it() {
    let issued = expiring(CredentialIssued, 0, 100);
    let mut derived = facts(Credential {
        expires_at: Some(at(100)),
        ..Credential::default()
    });
    derived.source.derived = true;
    let over = issued.merge(Lifecycle::of(CredentialExpired, moment(100, 1), &derived));
    assert_eq!(over.status(at(100)), Expired);
    // Its platform says another date, after that one or only told after it.
    for later in [
        expiring(CredentialAccepted, 150, 400),
        expiring(CredentialRenewed, 50, 400),
    ] {
        let later = over.clone().merge(later);
        assert_eq!(later.status(at(399)), Valid);
        assert_eq!(later.end_to_announce(), Some(at(400)));
    }
}

#[test]
fn a_date_by_hand_counts_from_when_it_is_set() {
    let over = expiring(CredentialIssued, 0, 100).merge(plain(CredentialExpired, 100));
    let later = over
        .clone()
        .merge(Lifecycle::expiring_by_hand(Some(at(500)), at(200)));
    assert_eq!(later.expires_at(), Some(at(500)));
    assert_eq!(later.status(at(300)), Valid);
    assert_eq!(later.status(at(500)), Expired);
    let never = over
        .clone()
        .merge(Lifecycle::expiring_by_hand(None, at(200)));
    assert_eq!((never.expires_at(), never.status(at(900))), (None, Valid));
    let earlier = over.merge(Lifecycle::expiring_by_hand(Some(at(50)), at(200)));
    assert_eq!(earlier.status(at(300)), Expired);
    assert_eq!(earlier.expires_at(), Some(at(50)));
    // What the platform says after that counts again.
    let said = later.merge(expiring(CredentialAccepted, 250, 600));
    assert_eq!(said.expires_at(), Some(at(600)));
}

#[test]
fn a_rule_gives_a_date_only_where_nobody_says_one_and_stays_as_it_was_applied() {
    let ruled = plain(CredentialIssued, 0).with_rule(at(100), None);
    assert_eq!(ruled.expires_at(), Some(at(100)));
    for second in [-5, 5] {
        let said = ruled.clone();
        let said = said.merge(expiring(CredentialAccepted, second, 300));
        assert_eq!(said.expires_at(), Some(at(300)));
    }
    let repeated = plain(CredentialIssued, 0).with_rule(at(200), Some(&ruled));
    assert_eq!(ruled.clone().merge(repeated), ruled);
    let never = ruled.merge(Lifecycle::expiring_by_hand(None, at(10)));
    assert_eq!(never.expires_at(), None);
}

#[test]
fn a_rule_of_a_renewal_outweighs_what_was_said_before_it_and_only_what_counts_is_told() {
    let issued = expiring(CredentialIssued, 0, 100);
    let ruled = plain(CredentialIssued, 0).with_rule(at(100), None);
    let by_hand = |end: Option<i64>, second| Lifecycle::expiring_by_hand(end.map(at), at(second));
    let renewed = plain(CredentialRenewed, 50);
    for (what, known, event, end) in [
        ("early", issued.clone(), renewed.clone(), 400),
        ("late", issued.clone(), plain(CredentialRenewed, 150), 400),
        ("of a rule", ruled.clone(), renewed.clone(), 400),
        ("to an earlier end", issued.clone(), renewed.clone(), 80),
        ("to nothing", Lifecycle::default(), renewed.clone(), 400),
        ("after never", by_hand(None, 40), renewed.clone(), 400),
        (
            "after a date by hand",
            by_hand(Some(90), 40),
            renewed.clone(),
            400,
        ),
    ] {
        assert_eq!(event.ruled(at(end), Some(&known)), Some(at(end)), "{what}");
        let kept = known.merge(event.with_rule(at(end), None));
        assert_eq!(kept.expires_at(), Some(at(end)), "{what}");
    }
    let said_later = expiring(CredentialAccepted, 60, 300);
    let issue = || plain(CredentialIssued, 0);
    for (what, known, event, kept) in [
        (
            "said after it",
            said_later.clone(),
            renewed.clone(),
            Some(300),
        ),
        ("said of an issue", said_later, issue(), Some(300)),
        ("by hand after it", by_hand(Some(90), 60), renewed, Some(90)),
        ("never, by hand after it", by_hand(None, 60), issue(), None),
    ] {
        assert_eq!(event.ruled(at(400), Some(&known)), None, "{what}");
        let all = known.merge(event.with_rule(at(400), None));
        assert_eq!(all.expires_at(), kept.map(at), "{what}");
    }
    // What was replaced by a date does not come back when that is history.
    let history = ruled.merge(expiring(CredentialAccepted, 5, 20));
    let renewed = history.merge(plain(CredentialRenewed, 50));
    assert_eq!(renewed.expires_at(), None);
}

#[test]
fn what_is_said_by_hand_changes_something_unless_it_was_said_by_hand_and_counts() {
    let over = plain(CredentialIssued, 0).merge(plain(CredentialExpired, 10));
    let dated = expiring(CredentialIssued, 0, 100);
    let never = |second| Lifecycle::expiring_by_hand(None, at(second));
    let set = |end, second| Lifecycle::expiring_by_hand(Some(at(end)), at(second));
    for (what, life, end, is_set) in [
        (
            "of one that nobody dated",
            plain(CredentialIssued, 0),
            None,
            false,
        ),
        ("of one that is over", over.clone(), None, false),
        ("what its platform said", dated.clone(), Some(100), false),
        (
            "another date",
            dated.clone().merge(set(50, 10)),
            Some(60),
            false,
        ),
        (
            "the same again",
            dated.clone().merge(set(100, 10)),
            Some(100),
            true,
        ),
        ("never again", over.clone().merge(never(11)), None, true),
        (
            "before it was over",
            over.clone().merge(never(9)),
            None,
            false,
        ),
        (
            "a date that is over again",
            over.merge(set(15, 16)),
            Some(15),
            true,
        ),
        ("before another word", dated.merge(never(-5)), None, false),
    ] {
        assert_eq!(life.is_set_by_hand(end.map(at), at(20)), is_set, "{what}");
        let again = life.merge(Lifecycle::expiring_by_hand(end.map(at), at(20)));
        assert!(again.is_set_by_hand(end.map(at), at(30)), "{what}");
        let kept = serde_json::to_string(&again).unwrap();
        let again: Lifecycle = serde_json::from_str(&kept).unwrap();
        assert!(again.is_set_by_hand(end.map(at), at(30)), "{what}");
    }
}

#[test]
fn the_first_date_of_an_acceptance_and_of_a_revocation_counts() {
    let reason = |reason: Option<&str>| Credential {
        revocation_reason: reason.map(str::to_owned),
        ..Credential::default()
    };
    let life = fold([
        plain(CredentialAccepted, 7),
        plain(CredentialAccepted, 3),
        event(CredentialRevoked, 9, reason(Some("late"))),
        event(CredentialRevoked, 8, reason(None)),
        event(CredentialRevoked, 8, reason(Some("first"))),
    ]);
    assert_eq!(life.accepted_at(), Some(at(3)));
    assert_eq!(life.revoked_at(), Some(at(8)));
    assert_eq!(life.revocation_reason(), Some("first"));
    assert!(!format!("{life:?}").contains("first"));
}

#[test]
fn a_credential_that_its_source_calls_disabled_is_revoked() {
    let said = Credential {
        disabled: Some(true),
        ..Credential::default()
    };
    let life = event(CredentialIssued, 0, said);
    assert_eq!(life.status(at(1)), Revoked);
    assert_eq!(life.revoked_at(), None);
}

#[test]
fn one_credential_supersedes_another_and_none_itself() {
    let of = |id: &str| Credential {
        supersedes: Some(id.to_owned()),
        ..Credential::default()
    };
    let renewed = event(CredentialRenewed, 5, of("old"));
    assert_eq!(renewed.supersedes(), Some("old"));
    let old = plain(CredentialIssued, 0).merge(renewed.superseded("c"));
    assert_eq!(old.superseded_by(), Some("c"));
    assert_eq!(old.last().unwrap().event_type, CredentialIssued);
    assert_eq!(event(CredentialRenewed, 5, of("c")).supersedes(), None);
    let named_only = renewed.superseded("c");
    assert_eq!((named_only.first(), named_only.last()), (None, None));
}

#[test]
fn a_lifecycle_reads_back_from_what_is_kept_of_it() {
    let life = expiring(CredentialRenewed, 0, 100).with_rule(at(7), None);
    let kept = serde_json::to_string(&life).unwrap();
    assert_eq!(serde_json::from_str::<Lifecycle>(&kept).unwrap(), life);
    let organization = OrganizationId::NIL.to_string();
    assert!(!kept.contains(&organization));
}

/// Any event of the credential.
fn events() -> impl Strategy<Value = Vec<Lifecycle>> {
    let types = [
        CredentialIssued,
        CredentialAccepted,
        CredentialDeclined,
        CredentialExpired,
        CredentialExpiring,
        CredentialRevoked,
        CredentialRenewed,
    ];
    let date = || prop::option::weighted(0.4, 0i64..40);
    let said = (
        date(),
        date(),
        date(),
        prop::option::of("[abc]"),
        any::<bool>(),
    );
    let event = (
        prop::sample::select(types.to_vec()),
        -20i64..20,
        0u8..6,
        said,
    )
        .prop_map(
            |(event_type, second, number, (expires, accepted, revoked, other, is_pending))| {
                let said = Credential {
                    id: Some("c".to_owned()),
                    status: is_pending.then_some(Pending),
                    expires_at: expires.map(at),
                    accepted_at: accepted.map(at),
                    revoked_at: revoked.map(at),
                    revocation_reason: other.clone(),
                    supersedes: other,
                    ..Credential::default()
                };
                Lifecycle::of(event_type, moment(second, number), &facts(said))
            },
        );
    let by_hand = (date(), -20i64..20)
        .prop_map(|(date, now)| Lifecycle::expiring_by_hand(date.map(at), at(now)));
    prop::collection::vec(prop_oneof![9 => event, 1 => by_hand], 1..16)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn any_order_and_any_repetition_of_the_same_events_is_the_same_life(
        (events, shuffled) in events().prop_flat_map(|events| {
            let twice: Vec<Lifecycle> = events.iter().chain(&events).cloned().collect();
            (Just(events), Just(twice).prop_shuffle())
        })
    ) {
        prop_assert_eq!(fold(shuffled), fold(events));
    }

    #[test]
    fn events_may_be_folded_in_groups(events in events(), cut in 0usize..16) {
        let (left, right) = events.split_at(cut.min(events.len()));
        let grouped = fold(left.to_vec()).merge(fold(right.to_vec()));
        prop_assert_eq!(grouped, fold(events));
    }

    #[test]
    fn without_renewals_no_event_ever_moves_a_status_back(events in events(), now in 0i64..60) {
        let mut life = Lifecycle::default();
        let renews = |it: &Lifecycle| it.renewed_at.is_some() || it.expires.is_some();
        for event in events.into_iter().filter(|it| !renews(it)) {
            let before = life.status(at(now));
            life = life.merge(event);
            prop_assert!(life.status(at(now)) >= before);
        }
    }

    #[test]
    fn declined_and_revoked_are_for_ever(events in events(), now in 0i64..60) {
        let mut life = Lifecycle::default();
        for event in events {
            let before = life.status(at(now));
            life = life.merge(event);
            if before >= Declined {
                prop_assert!(life.status(at(now)) >= before);
            }
        }
    }

    #[test]
    fn time_alone_only_ever_expires(events in events(), now in -20i64..60, later in 0i64..60) {
        let life = fold(events);
        let (before, after) = (life.status(at(now)), life.status(at(now + later)));
        prop_assert!(after == before || (before < Expired && after == Expired));
        let is_between = |end: Timestamp| at(now) < end && end <= at(now + later);
        prop_assert_eq!(after != before, life.expires_by_itself_at().is_some_and(is_between));
    }
}
