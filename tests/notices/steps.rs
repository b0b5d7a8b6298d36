//! What happens to credentials, their organizations and the checker, at random.

use jiff::Timestamp;
use proptest::prelude::*;

use crate::life::Death;

pub(crate) const ORGANIZATIONS: usize = 2;
pub(crate) const CREDENTIALS: usize = 3;
pub(crate) const DAY: i64 = 86_400;

/// A credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Who {
    pub(crate) organization: usize,
    pub(crate) credential: usize,
}

/// When a validity ends.
#[derive(Debug, Clone, Copy)]
pub(crate) enum End {
    /// So many seconds from now, or ago, and so many microseconds.
    In(i64, i64),
    At(Timestamp),
    /// On the day on which it ends already, at this second of it.
    OnItsDay(i64),
}

/// What an event says of a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Issued,
    Accepted,
    Declined,
    Revoked,
    /// In its own place, or in that of another credential of the organization.
    Renewed(Option<usize>),
    Expired,
    Expiring(u16),
}

/// An event of a platform.
#[derive(Debug, Clone)]
pub(crate) struct Telling {
    pub(crate) who: Who,
    pub(crate) kind: Kind,
    pub(crate) end: Option<End>,
    /// Seconds since it happened.
    pub(crate) age: i64,
    /// Whether it is accepted by who read the organization before its last change, if that is possible.
    pub(crate) is_stale: bool,
}

/// A run of the checker.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Visit {
    /// In which of two environments.
    pub(crate) environment: usize,
    pub(crate) death: Option<Death>,
}

#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// An event is accepted.
    Tell(Telling),
    /// An event is begun, and its sender not answered.
    Begin(Telling, Death),
    /// Who was not answered sends it again.
    Finish,
    /// An event comes again that was accepted before.
    Again(usize),
    /// Somebody sets by hand when a credential ends.
    Set(Who, Option<End>),
    /// An organization wants other reminders; or only begins to say so.
    Remind(usize, Vec<u16>, bool),
    Run(Visit),
    /// Two runs at once, the second so many seconds later, and an event beside them.
    Overlap(Visit, Visit, i64, Option<Telling>),
}

/// How long it is quiet before a step.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Gap {
    Seconds(i64),
    /// Until so many days before the end of this credential, and so many seconds more, if that is to come.
    ToNotice(Who, u16, i64),
}

const REMINDERS: [u16; 12] = [1, 2, 7, 29, 30, 31, 60, 90, 365, 366, 400, 3_650];
/// Days of a platform's own reminders: also on the day of the end, which certhooks has none for.
const OWN_REMINDERS: [u16; 6] = [0, 1, 7, 30, 60, 366];

/// Ends that calendars and clocks make trouble with: leap days, ends of months and of years, midnights in zones
/// whose clocks are changed that night, and the end of time.
const LANDMARKS: [&str; 18] = [
    "2028-01-31T23:59:59.999999Z",
    "2028-02-29T00:00:00Z",
    "2028-02-29T23:59:59.999Z",
    "2028-03-01T00:00:00Z",
    "2028-03-31T00:00:00Z",
    "2027-12-31T23:59:59Z",
    "2028-01-01T00:00:00Z",
    "2032-02-29T12:00:00Z",
    // Lisbon, on both sides of 26 March 2028.
    "2028-03-26T00:00:00+00:00",
    "2028-03-27T00:00:00+01:00",
    // New York, on both sides of 12 March 2028.
    "2028-03-12T00:00:00-05:00",
    "2028-03-13T00:00:00-04:00",
    // Lord Howe, whose clocks are changed by half an hour, and Chatham.
    "2028-04-02T00:00:00+11:00",
    "2028-04-03T00:00:00+10:30",
    "2028-04-02T00:00:00+13:45",
    // Troll, by two hours.
    "2028-03-26T00:00:00+00:00",
    "2028-10-29T00:00:00+02:00",
    "9999-12-30T21:59:59.999999Z",
];

fn who() -> impl Strategy<Value = Who> {
    let organization = prop_oneof![3 => Just(0), 1 => 1..ORGANIZATIONS];
    (organization, 0..CREDENTIALS).prop_map(|(organization, credential)| Who {
        organization,
        credential,
    })
}

fn end() -> impl Strategy<Value = End> {
    let landmark = prop::sample::select(LANDMARKS.as_slice());
    let micros = || prop::sample::select(vec![0, 0, 0, 1, 999, 1_000, 123_456, 999_999]);
    let within =
        |seconds| (seconds, micros()).prop_map(|(seconds, micros)| End::In(seconds, micros));
    prop_oneof![
        6 => within(0..45 * DAY),
        2 => (0..400_i64).prop_map(|days| End::In(days * DAY, 0)),
        1 => within(-400 * DAY..0),
        1 => (3..40_i64).prop_map(|years| End::In(years * 365 * DAY, 0)),
        4 => landmark.prop_map(|text| End::At(text.parse().unwrap())),
        2 => (0..DAY).prop_map(End::OnItsDay),
    ]
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        8 => Just(Kind::Issued),
        3 => Just(Kind::Accepted),
        1 => Just(Kind::Declined),
        1 => Just(Kind::Revoked),
        4 => Just(Kind::Renewed(None)),
        2 => (0..CREDENTIALS).prop_map(|other| Kind::Renewed(Some(other))),
        3 => Just(Kind::Expired),
        2 => prop::sample::select(OWN_REMINDERS.as_slice()).prop_map(Kind::Expiring),
    ]
}

fn telling() -> impl Strategy<Value = Telling> {
    let age = prop_oneof![4 => Just(0), 1 => 0..600_i64, 2 => 0..40 * DAY];
    let parts = (
        who(),
        kind(),
        prop::option::weighted(0.6, end()),
        age,
        any::<bool>(),
    );
    parts.prop_map(|(who, kind, end, age, is_stale)| Telling {
        who,
        kind,
        end,
        age,
        is_stale,
    })
}

fn death() -> impl Strategy<Value = Death> {
    prop_oneof![
        3 => (0..12_usize).prop_map(Death::Before),
        2 => (0..12_usize).prop_map(Death::After),
        1 => (0..12_usize).prop_map(Death::CutOff),
    ]
}

fn visit() -> impl Strategy<Value = Visit> {
    let parts = (0..2_usize, prop::option::weighted(0.35, death()));
    parts.prop_map(|(environment, death)| Visit { environment, death })
}

fn step() -> impl Strategy<Value = Step> {
    let days = prop::collection::vec(prop::sample::select(REMINDERS.as_slice()), 0..5);
    let beside = prop::option::of(telling());
    prop_oneof![
        5 => telling().prop_map(Step::Tell),
        2 => (telling(), death()).prop_map(|(telling, death)| Step::Begin(telling, death)),
        1 => Just(Step::Finish),
        1 => (0..20_usize).prop_map(Step::Again),
        2 => (who(), prop::option::weighted(0.8, end())).prop_map(|(who, end)| Step::Set(who, end)),
        1 => (0..ORGANIZATIONS, days, prop::bool::weighted(0.9))
            .prop_map(|(organization, days, is_done)| Step::Remind(organization, days, is_done)),
        6 => visit().prop_map(Step::Run),
        3 => (visit(), visit(), 0..20_i64, beside)
            .prop_map(|(one, other, later, beside)| Step::Overlap(one, other, later, beside)),
    ]
}

fn gap() -> impl Strategy<Value = Gap> {
    let near = prop_oneof![
        3 => Just(0_i64),
        2 => prop::sample::select(vec![-1, 1, 3_600, DAY, 25 * 3_600, 25 * 3_600 + 1]),
        1 => -DAY..2 * DAY,
    ];
    let days = prop_oneof![2 => Just(0_u16), 3 => prop::sample::select(REMINDERS.as_slice())];
    prop_oneof![
        3 => (1..3_i64).prop_map(Gap::Seconds),
        2 => (3..120_i64).prop_map(Gap::Seconds),
        2 => (120..30 * 3_600_i64).prop_map(Gap::Seconds),
        2 => (DAY..10 * DAY).prop_map(Gap::Seconds),
        1 => (20 * DAY..100 * DAY).prop_map(Gap::Seconds),
        4 => (who(), days, near).prop_map(|(who, days, near)| Gap::ToNotice(who, days, near)),
    ]
}

/// A few steps, each after a while, and how requests that are made at once take turns.
pub(crate) fn story() -> impl Strategy<Value = (Vec<(Gap, Step)>, u64)> {
    (prop::collection::vec((gap(), step()), 3..24), any::<u64>())
}
