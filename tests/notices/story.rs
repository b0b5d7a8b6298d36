//! A story as it is told: each step is done, and put down in the model.

use std::collections::BTreeSet;

use dynoxide::Database;
use jiff::{SignedDuration, Timestamp};
use payload::id::EventId;
use proptest::test_runner::TestCaseError;
use serde_json::json;

use crate::model::{Fact, Model, Reminders, What, day, due};
use crate::steps::{DAY, End, Gap, Kind, ORGANIZATIONS, Step, Telling, Visit, Who};
use crate::world::{Sent, World, id};

/// When each story begins: two months before a leap day.
const BEGINS: &str = "2027-12-20T09:30:00Z";
/// A story is over before a key is free again that was claimed in it.
const LASTS: SignedDuration = SignedDuration::from_secs(390 * DAY);
/// Days for which some organizations keep their events.
const KEPT_FOR: u8 = 7;
/// A note is not gone by before this.
pub(crate) const NOTED: SignedDuration = SignedDuration::from_mins(1);

/// What is told, and what is to be made of it.
pub(crate) struct Story {
    began_at: Timestamp,
    pub(crate) world: World,
    pub(crate) model: Model,
    told: Vec<Sent>,
    /// What was begun, and its sender not answered.
    unanswered: Option<(Sent, Vec<Fact>)>,
    numbers: i64,
    /// How long events are kept, if any story lasts longer: then what is over is gone at once.
    kept_for: Option<SignedDuration>,
    pub(crate) known: BTreeSet<String>,
}

/// A run, as it ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) at: Timestamp,
    /// Whether it did all there was to do.
    pub(crate) is_finished: bool,
}

/// Fails the story unless this holds.
pub(crate) fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), TestCaseError> {
    if holds {
        return Ok(());
    }
    Err(TestCaseError::fail(otherwise()))
}

impl Story {
    pub(crate) async fn begin(seed: u64) -> Self {
        let now = BEGINS.parse().unwrap();
        let database = Database::memory().unwrap();
        let mut world = World::start(database, ORGANIZATIONS, now, seed).await;
        let kept_for = seed.is_multiple_of(3).then_some(KEPT_FOR);
        if let Some(days) = kept_for {
            world.keep_for(days);
        }
        let reminders = || Reminders {
            days: vec![30, 7, 1],
            ..Reminders::default()
        };
        let model = Model {
            reminders: (0..ORGANIZATIONS).map(|_| reminders()).collect(),
            ..Model::default()
        };
        Self {
            began_at: now,
            world,
            model,
            told: Vec::new(),
            unanswered: None,
            numbers: 0,
            kept_for: kept_for.map(|days| SignedDuration::from_secs(DAY * i64::from(days))),
            known: BTreeSet::new(),
        }
    }

    pub(crate) fn wait(&mut self, gap: Gap) {
        let now = self.world.now;
        let next = now + SignedDuration::from_secs(1);
        let at = match gap {
            Gap::Seconds(seconds) => Some(now + SignedDuration::from_secs(seconds)),
            Gap::ToNotice(who, days, seconds) => {
                let end = self.model.end(who).map(|end| due(end, days));
                let at = end.map(|at| at.saturating_add(SignedDuration::from_secs(seconds)));
                at.and_then(Result::ok)
            }
        };
        let at = at.filter(|at| at.duration_since(self.began_at) < LASTS);
        self.world.now = at.unwrap_or(next).max(next);
        if self.kept_for.is_some() {
            self.world.forget();
        }
    }

    /// Whether an event is no longer kept. What its credential does not remember may be announced once more then:
    /// it had another date since, or the run died before it remembered.
    pub(crate) fn is_forgotten(&self, event: &str) -> bool {
        let event: EventId = event.parse().unwrap();
        (self.kept_for).is_some_and(|kept_for| event.created_at() + kept_for <= self.world.now)
    }

    fn end(&self, who: Who, end: End) -> Timestamp {
        let now = self.world.now;
        match end {
            End::In(seconds, micros) => {
                let micros = SignedDuration::from_micros(micros);
                now + SignedDuration::from_secs(seconds) + micros
            }
            End::At(at) => at,
            End::OnItsDay(second) => {
                let before = self.model.end(who).unwrap_or(now);
                let midnight = before.as_second().div_euclid(DAY) * DAY;
                Timestamp::from_second(midnight + second).unwrap_or(before)
            }
        }
    }

    /// An event, and what it says.
    fn event(&mut self, telling: &Telling) -> (Sent, Vec<Fact>) {
        let Telling { who, kind, age, .. } = *telling;
        self.numbers += 1;
        // No two events happened at the same time: which of them counts would be a matter of chance.
        let moment = SignedDuration::from_micros(self.numbers);
        let at = self.world.now - SignedDuration::from_secs(age) - moment;
        let end = telling.end.map(|end| self.end(who, end));
        let mut credential = json!({"id": id(who), "expires_at": end.map(|end| end.to_string())});
        let name = match kind {
            Kind::Issued => "issued",
            Kind::Accepted => "accepted",
            Kind::Declined => "declined",
            Kind::Revoked => "revoked",
            Kind::Expired => "expired",
            Kind::Renewed(of) => {
                let of = of.map(|credential| id(Who { credential, ..who }));
                credential["supersedes"] = json!(of);
                "renewed"
            }
            Kind::Expiring(days) => {
                credential["days_before"] = json!(days);
                "expiring"
            }
        };
        let body = json!({
            "id": format!("n{}", self.numbers), "type": format!("credential.{name}"),
            "timestamp": at.to_string(), "data": {"credential": credential},
        });
        let mut organization = self.world.organizations[who.organization].clone();
        let reminders = &self.model.reminders[who.organization];
        if telling.is_stale {
            let days = reminders.possible(self.world.now)[0].iter();
            let days: Vec<u64> = days.map(|days| u64::from(*days)).collect();
            organization.reminder_days = days.try_into().unwrap();
        }
        let body = body.to_string().into_bytes();
        let what = What::Told(kind, end);
        (Sent { organization, body }, vec![Fact { who, at, what }])
    }

    /// What an event says is certain.
    fn settle(&mut self, sent: Sent, facts: Vec<Fact>) {
        for fact in &facts {
            let What::Told(kind, end) = fact.what else {
                continue;
            };
            let days = match kind {
                Kind::Expired => 0,
                // One of no days says that it will end, and so nothing of the end itself.
                Kind::Expiring(days) => days.max(1),
                _ => continue,
            };
            if let Some(end) = end {
                self.model.reminded.insert((fact.who, day(end), days));
            }
        }
        self.model.facts.extend(facts);
        self.told.push(sent);
    }

    /// An event comes again, to who has read its organization as it is.
    async fn repeat(&self, sent: &Sent) -> Result<(), TestCaseError> {
        let mut organizations = self.world.organizations.iter();
        let organization = organizations.find(|it| it.id == sent.organization.id);
        let sent = Sent {
            organization: organization.cloned().unwrap(),
            ..sent.clone()
        };
        let is_accepted = self.world.accept(&sent, None).await;
        ensure(is_accepted, || "a repetition is not accepted".to_owned())
    }

    /// The sender of what was not answered sends it again.
    async fn finish(&mut self) -> Result<(), TestCaseError> {
        let Some((sent, facts)) = self.unanswered.take() else {
            return Ok(());
        };
        self.repeat(&sent).await?;
        self.model.doubtful.clear();
        self.settle(sent, facts);
        Ok(())
    }

    pub(crate) async fn step(&mut self, step: &Step) -> Result<(), TestCaseError> {
        match step {
            Step::Tell(telling) => {
                let (sent, facts) = self.event(telling);
                let is_accepted = self.world.accept(&sent, None).await;
                ensure(is_accepted, || "an event is not accepted".to_owned())?;
                self.settle(sent, facts);
            }
            Step::Begin(telling, death) => {
                self.finish().await?;
                let (sent, facts) = self.event(telling);
                if self.world.accept(&sent, Some(*death)).await {
                    self.settle(sent, facts);
                } else {
                    self.model.doubtful.clone_from(&facts);
                    self.unanswered = Some((sent, facts));
                }
            }
            Step::Finish => self.finish().await?,
            Step::Again(number) => {
                if let Some(sent) = self.told.get(*number) {
                    self.repeat(sent).await?;
                }
            }
            Step::Set(who, end) => {
                let (who, at) = (*who, self.world.now);
                let end = end.map(|end| self.end(who, end));
                if self.world.set(who, end).await {
                    let what = What::Set(end);
                    self.model.facts.push(Fact { who, at, what });
                } else {
                    let is_heard_of = self.model.is_heard_of(who);
                    ensure(!is_heard_of, || format!("{who:?} is unknown"))?;
                }
            }
            Step::Remind(organization, days, is_done) => {
                self.remind(*organization, days, *is_done).await;
            }
            Step::Run(visit) => self.runs(&[(*visit, 0)], None).await?,
            Step::Overlap(one, other, later, beside) => {
                // An environment has one run at a time.
                let environment = 1 - one.environment;
                let other = Visit {
                    environment,
                    ..*other
                };
                self.runs(&[(*one, 0), (other, *later)], beside.as_ref())
                    .await?;
                self.world.now += SignedDuration::from_secs(*later);
            }
        }
        self.look(&[], true).await
    }

    async fn remind(&mut self, organization: usize, days: &[u16], is_done: bool) {
        let now = self.world.now;
        let reminders = &mut self.model.reminders[organization];
        reminders.noted_at = Some(now);
        if is_done {
            let before = std::mem::replace(&mut reminders.days, days.to_vec());
            reminders.unsettled.push(before.clone());
            reminders.before = Some((before, now));
        }
        self.world.remind(organization, days, is_done).await;
    }

    /// Runs at once, each so many seconds later than now, and perhaps an event beside them.
    async fn runs(
        &mut self,
        visits: &[(Visit, i64)],
        beside: Option<&Telling>,
    ) -> Result<(), TestCaseError> {
        let beside = beside.map(|telling| self.event(telling));
        let doubtful = self.model.doubtful.clone();
        if let Some((_, facts)) = &beside {
            self.model.doubtful.extend(facts.clone());
        }
        let world = &self.world;
        let runs = visits.iter().map(|(visit, later)| {
            world.run(
                visit.environment,
                visit.death,
                SignedDuration::from_secs(*later),
            )
        });
        let accept = async {
            match &beside {
                Some((sent, _)) => world.accept(sent, None).await,
                None => true,
            }
        };
        let (reports, is_accepted) = futures::join!(futures::future::join_all(runs), accept);
        ensure(is_accepted, || "an event is not accepted".to_owned())?;
        let mut ended = Vec::new();
        for ((visit, later), report) in visits.iter().zip(&reports) {
            let at = self.world.now + SignedDuration::from_secs(*later);
            if report.is_none() {
                self.world.replace(visit.environment);
            }
            let is_calm = visit.death.is_none();
            ensure(!is_calm || report.is_some(), || "a run is gone".to_owned())?;
            let is_finished = report
                .as_ref()
                .is_some_and(|report| report.expiry_finished == 1 && report.expiry_failures == 0);
            ensure(!is_calm || is_finished, || format!("{report:?}"))?;
            ended.push(Ended { at, is_finished });
        }
        let is_calm = visits.iter().all(|(visit, _)| visit.death.is_none());
        self.look(&ended, is_calm).await?;
        if let Some((sent, facts)) = beside {
            self.settle(sent, facts);
        }
        self.model.doubtful = doubtful;
        Ok(())
    }

    /// Everything comes to its end, and then to rest.
    pub(crate) async fn end_all(&mut self) -> Result<(), TestCaseError> {
        let calm = Visit {
            environment: 0,
            death: None,
        };
        self.finish().await?;
        for _ in 0..2 {
            self.world.now += NOTED + NOTED;
            self.runs(&[(calm, 0)], None).await?;
        }
        let before = self.world.backend.seen().write_units;
        self.world.now += SignedDuration::from_secs(1);
        self.runs(&[(calm, 0)], None).await?;
        let after = self.world.backend.seen().write_units;
        ensure(before.total_cmp(&after).is_eq(), || {
            format!("a run with nothing to do wrote: {before}, {after}")
        })
    }
}
