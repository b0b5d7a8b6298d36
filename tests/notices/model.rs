//! What is to be announced, said once more and differently: a list of everything that was said of a credential,
//! gone through from the beginning for each question.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::steps::{DAY, Kind, Who};

/// A notice that comes later than this is late.
const LATE: SignedDuration = SignedDuration::from_hours(25);
/// How long an environment goes by what it read of an organization.
const STALE: SignedDuration = SignedDuration::from_secs(3);

/// Something that was said of a credential.
#[derive(Debug, Clone)]
pub(crate) struct Fact {
    pub(crate) who: Who,
    /// When it happened.
    pub(crate) at: Timestamp,
    pub(crate) what: What,
}

#[derive(Debug, Clone)]
pub(crate) enum What {
    /// By an event, with the end that it names.
    Told(Kind, Option<Timestamp>),
    /// By hand.
    Set(Option<Timestamp>),
}

/// The reminders of an organization.
#[derive(Debug, Default)]
pub(crate) struct Reminders {
    pub(crate) days: Vec<u16>,
    /// What they were, and until when.
    pub(crate) before: Option<(Vec<u16>, Timestamp)>,
    /// What they were since all credentials had the places in the index that those asked for.
    pub(crate) unsettled: Vec<Vec<u16>>,
    /// When it was last noted that they change, until that was done.
    pub(crate) noted_at: Option<Timestamp>,
}

/// A notice: of whose end, on which day, how many days before.
pub(crate) type Notice = (Who, Date, u16);

/// Everything.
#[derive(Debug, Default)]
pub(crate) struct Model {
    pub(crate) facts: Vec<Fact>,
    /// Of these nobody knows whether they have been taken in.
    pub(crate) doubtful: Vec<Fact>,
    pub(crate) reminders: Vec<Reminders>,
    /// What was announced, by which event.
    pub(crate) announced: BTreeMap<Notice, String>,
    /// What a source announced itself.
    pub(crate) reminded: BTreeSet<Notice>,
}

/// The day in UTC.
pub(crate) fn day(at: Timestamp) -> Date {
    at.to_zoned(TimeZone::UTC).date()
}

/// When a notice is due.
pub(crate) fn due(end: Timestamp, days: u16) -> Timestamp {
    end - SignedDuration::from_secs(DAY * i64::from(days))
}

/// Whether a notice that comes at this time is late.
pub(crate) fn is_late(end: Timestamp, days: u16, at: Timestamp) -> bool {
    at.duration_since(due(end, days)) > LATE
}

/// The nearest of these that is due.
pub(crate) fn nearest(end: Timestamp, reminders: &[u16], at: Timestamp) -> Option<u16> {
    let all = reminders.iter().copied().chain([0]);
    all.filter(|days| due(end, *days) <= at).min()
}

impl Reminders {
    /// By which of them somebody may go.
    pub(crate) fn possible(&self, at: Timestamp) -> Vec<&[u16]> {
        let before = self.before.as_ref();
        let before = before.filter(|(_, until)| at.duration_since(*until) <= STALE);
        let before = before.map(|(days, _)| days.as_slice());
        before.into_iter().chain([self.days.as_slice()]).collect()
    }

    /// Those that every credential's place in the index goes by.
    pub(crate) fn sure(&self) -> Vec<u16> {
        let everywhere = |day: &u16| self.unsettled.iter().all(|days| days.contains(day));
        self.days.iter().copied().filter(everywhere).collect()
    }
}

impl Model {
    /// Whether the product must have heard of a credential.
    pub(crate) fn is_heard_of(&self, who: Who) -> bool {
        let told = |fact: &Fact| fact.who == who && matches!(fact.what, What::Told(..));
        self.facts.iter().any(told)
    }

    /// The end that is to be announced of a credential, by all that is certain.
    pub(crate) fn end(&self, who: Who) -> Option<Timestamp> {
        end(who, &self.facts.iter().collect::<Vec<_>>())
    }

    /// The same, by all that is certain and any of what is not.
    pub(crate) fn ends(&self, who: Who) -> BTreeSet<Option<Timestamp>> {
        let mut ends = BTreeSet::new();
        for chosen in 0..1_usize << self.doubtful.len() {
            let doubtful = self.doubtful.iter().enumerate();
            let doubtful = doubtful.filter(|(index, _)| chosen >> index & 1 == 1);
            let facts = self.facts.iter().chain(doubtful.map(|(_, fact)| fact));
            ends.insert(end(who, &facts.collect::<Vec<_>>()));
        }
        ends
    }

    /// Whether something as near as this was announced of an end, by us or by its source.
    pub(crate) fn is_announced(&self, who: Who, end: Timestamp, days: u16) -> bool {
        let near = |(of, on, before): &Notice| *of == who && *on == day(end) && *before <= days;
        self.announced.keys().any(near) || self.reminded.iter().any(near)
    }
}

/// The end of validity that is to be announced, if there is one.
fn end(who: Who, facts: &[&Fact]) -> Option<Timestamp> {
    let own = || facts.iter().filter(|fact| fact.who == who);
    let told = |kind: Kind| own().any(|it| matches!(it.what, What::Told(said, _) if said == kind));
    let is_superseded = facts.iter().any(|it| {
        let of_the_same = it.who.organization == who.organization && it.who != who;
        let renewed = Kind::Renewed(Some(who.credential));
        of_the_same && matches!(it.what, What::Told(kind, _) if kind == renewed)
    });
    if told(Kind::Revoked) || told(Kind::Declined) || is_superseded {
        return None;
    }
    let begins_anew = |fact: &&&Fact| match fact.what {
        What::Told(kind, _) => matches!(kind, Kind::Renewed(_)),
        What::Set(end) => end.is_none_or(|end| end > fact.at),
    };
    let began = own().filter(begins_anew).map(|it| it.at).max();
    let began = began.unwrap_or(Timestamp::MIN);
    // Who issued it has said that it is over.
    if own().any(|it| matches!(it.what, What::Told(Kind::Expired, _)) && it.at >= began) {
        return None;
    }
    let dated = own().filter_map(|it| match it.what {
        What::Told(_, end) => Some((it.at, Some(end?))),
        What::Set(end) => Some((it.at, end)),
    });
    let (said_at, end) = dated.max_by_key(|(at, _)| *at)?;
    // What was over before it began anew is history.
    end.filter(|end| *end > began || said_at >= began)
}
