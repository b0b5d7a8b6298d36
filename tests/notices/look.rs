//! After each step: whether what was announced is what was due, and what was due was announced.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use proptest::test_runner::TestCaseError;
use serde_json::Value;

use crate::model::{Notice, day, is_late, nearest};
use crate::steps::{CREDENTIALS, ORGANIZATIONS, Who};
use crate::story::{Ended, NOTED, Story, ensure};
use crate::tables;
use crate::world::id;

/// What a run may take in truth, in which a clock goes on.
const REAL: SignedDuration = SignedDuration::from_secs(60);

fn everyone() -> impl Iterator<Item = Who> {
    let credentials = |organization| {
        (0..CREDENTIALS).map(move |credential| Who {
            organization,
            credential,
        })
    };
    (0..ORGANIZATIONS).flat_map(credentials)
}

impl Story {
    /// Looks at what is there that was not, and at what is not there and should be. `is_calm`: nobody was killed.
    pub(crate) async fn look(
        &mut self,
        ended: &[Ended],
        is_calm: bool,
    ) -> Result<(), TestCaseError> {
        let rows = self.world.backend.rows(tables::EVENTS);
        let is_event = |row: &&Value| !row["type"].is_null();
        let ids = rows
            .iter()
            .filter(is_event)
            .map(|row| row["sk"]["S"].as_str());
        let ids: Vec<String> = ids.map(|id| id.unwrap().to_owned()).collect();
        for id in ids {
            if self.known.insert(id.clone()) {
                let is_ours = self.look_at(&id, ended).await?;
                let is_woken = self.world.backend.seen().woken.contains(&id);
                let must = is_ours && is_calm;
                ensure(is_woken || !must, || format!("{id} is not sent"))?;
            }
        }
        if let Some(last) = ended
            .iter()
            .filter(|it| it.is_finished)
            .map(|it| it.at)
            .min()
        {
            self.is_complete(last)?;
            self.is_behind(last)?;
        }
        self.is_settled(ended, is_calm)
    }

    /// Looks at an event; whether it is ours.
    async fn look_at(&mut self, id: &str, ended: &[Ended]) -> Result<bool, TestCaseError> {
        let (organization, stored) = self.world.event(id.parse().unwrap()).await;
        let event = stored.event().unwrap();
        let credential = event.data.facts.credential.as_ref().unwrap();
        let number = credential.id.as_ref().unwrap().trim_start_matches('c');
        let who = Who {
            organization,
            credential: number.parse().unwrap(),
        };
        let is_derived = event.data.facts.source.derived;
        let name = event.event_type.name();
        let days = match (name, credential.days_before) {
            ("credential.expired", _) => 0,
            ("credential.expiring", Some(days)) if is_derived => u16::try_from(days).unwrap(),
            _ => {
                ensure(!is_derived, || format!("{event:?} is ours"))?;
                return Ok(false);
            }
        };
        // What a source says that names no end says nothing of any day.
        let Some(end) = credential.expires_at else {
            ensure(!is_derived, || format!("{event:?} has no end"))?;
            return Ok(false);
        };
        let notice: Notice = (who, day(end), days);
        let before = self.model.announced.insert(notice, id.to_owned());
        let is_once = before.is_none_or(|before| self.is_forgotten(&before));
        ensure(is_once, || format!("{notice:?} comes twice"))?;
        if !is_derived {
            return Ok(false);
        }
        let is_late_said = event.data.facts.source.late;
        let is_due = |run: &Ended| {
            let is_its_end = |it: &&Option<Timestamp>| {
                it.is_some_and(|it| it.as_millisecond() == end.as_millisecond())
            };
            let ends = self.model.ends(who);
            let Some(Some(end)) = ends.iter().find(is_its_end) else {
                return false;
            };
            let reminders = self.model.reminders[organization].possible(run.at);
            let is_nearest = |it: &&[u16]| nearest(*end, it, run.at) == Some(days);
            let late = [run.at, run.at + REAL].map(|at| is_late(*end, days, at));
            let (from, until) = match days {
                0 => (*end, *end),
                _ => (run.at, run.at + REAL),
            };
            let said_at = stored.timestamp.as_millisecond();
            reminders.iter().any(is_nearest)
                && late.contains(&is_late_said)
                && (from.as_millisecond()..=until.as_millisecond()).contains(&said_at)
        };
        let ends = self.model.ends(who);
        ensure(ended.iter().any(is_due), || {
            let at = stored.timestamp;
            let late = is_late_said;
            format!("{notice:?} late: {late}, said at {at}, is not due of {ends:?}: {ended:?}")
        })?;
        Ok(true)
    }

    /// What is due of each credential was announced.
    fn is_complete(&self, at: Timestamp) -> Result<(), TestCaseError> {
        for who in everyone() {
            let ends: Vec<_> = self.model.ends(who).into_iter().collect();
            let [Some(end)] = ends[..] else {
                continue;
            };
            let sure = self.model.reminders[who.organization].sure();
            let Some(days) = nearest(end, &sure, at) else {
                continue;
            };
            ensure(self.model.is_announced(who, end, days), || {
                format!("{who:?} ends {end}, and that was not announced {days} days before")
            })?;
        }
        Ok(())
    }

    /// Nothing that was due is in the index.
    fn is_behind(&self, at: Timestamp) -> Result<(), TestCaseError> {
        let rows = self.world.backend.rows(tables::CREDENTIALS);
        for who in everyone() {
            // A pass that is made in the end gives places that are over, and so does what comes beside a run.
            let has_reminders = self.model.reminders[who.organization].noted_at.is_none();
            if !has_reminders || self.model.ends(who).len() > 1 {
                continue;
            }
            let partition = format!("org#{}", self.world.organizations[who.organization].id);
            let sort = format!("credential#{}", id(who));
            let mut rows = rows.iter();
            let row = rows.find(|row| row["pk"]["S"] == partition && row["sk"]["S"] == sort);
            let look_at = row.and_then(|row| row["notice_at"]["N"].as_str());
            let look_at: Option<i64> = look_at.map(|text| text.parse().unwrap());
            let is_due = look_at.is_some_and(|look_at| look_at < at.as_millisecond());
            ensure(!is_due, || format!("{who:?} is still due: {row:?}"))?;
        }
        Ok(())
    }

    /// What was noted of new reminders is done by the first run that can.
    fn is_settled(&mut self, ended: &[Ended], is_calm: bool) -> Result<(), TestCaseError> {
        let rows = self.world.backend.rows(tables::CREDENTIALS);
        let noted = rows.iter().filter(|row| row["pk"]["S"] == "reschedulings");
        let noted: BTreeSet<&str> = noted.map(|row| row["sk"]["S"].as_str().unwrap()).collect();
        for (index, reminders) in self.model.reminders.iter_mut().enumerate() {
            let Some(noted_at) = reminders.noted_at else {
                continue;
            };
            let id = self.world.organizations[index].id.to_string();
            let is_done = !noted.contains(id.as_str());
            let must = is_calm && ended.iter().any(|it| it.at - NOTED >= noted_at);
            ensure(is_done || !must, || {
                format!("{index} has its old reminders")
            })?;
            if is_done {
                reminders.noted_at = None;
                reminders.unsettled.clear();
            }
        }
        Ok(())
    }
}
