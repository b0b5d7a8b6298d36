//! Whose turn it is: a page of one job of each organization, round after round. So nobody waits for how many
//! jobs another organization has.

use std::collections::VecDeque;

use payload::id::OrganizationId;

/// The jobs that go on, by their organizations, in the order of their next turns.
#[derive(Debug)]
pub(crate) struct Turns<J>(VecDeque<(OrganizationId, VecDeque<J>)>);

impl<J> Default for Turns<J> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<J> Turns<J> {
    /// Adds jobs behind those of their organizations.
    pub(crate) fn extend(&mut self, jobs: impl IntoIterator<Item = (OrganizationId, J)>) {
        for (organization, job) in jobs {
            self.add(organization, job);
        }
    }

    /// Adds a job behind the others of its organization: one that is new, or has had its turn and goes on.
    pub(crate) fn add(&mut self, organization: OrganizationId, job: J) {
        // Whoever had the last turn is at the end.
        let known = self.0.iter_mut().rev().find(|(of, _)| *of == organization);
        match known {
            Some((_, jobs)) => jobs.push_back(job),
            None => self.0.push_back((organization, VecDeque::from([job]))),
        }
    }

    /// The job whose turn it is. Its organization has its next one after all others.
    pub(crate) fn take(&mut self) -> Option<(OrganizationId, J)> {
        loop {
            let (organization, mut jobs) = self.0.pop_front()?;
            if let Some(job) = jobs.pop_front() {
                self.0.push_back((organization, jobs));
                return Some((organization, job));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_job_of_each_organization_has_its_turn_in_a_round_however_many_another_has() {
        let many = OrganizationId::NIL;
        let one = "org_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap();
        let mut turns = Turns::default();
        turns.extend((0..1_000).map(|job| (many, job)));
        turns.extend([(one, 1_000)]);
        let mut had = Vec::new();
        for _ in 0..8 {
            let (organization, job) = turns.take().unwrap();
            had.push(job);
            // The other one's is over after three pages.
            if organization == many || had.len() < 6 {
                turns.add(organization, job);
            }
        }
        assert_eq!(had, [0, 1_000, 1, 1_000, 2, 1_000, 3, 4]);
    }

    #[test]
    fn jobs_of_an_organization_take_turns_until_all_are_over() {
        let of = OrganizationId::NIL;
        let mut turns = Turns::default();
        turns.extend([(of, 'a'), (of, 'b')]);
        let mut take = |goes_on: bool| {
            let (_, job) = turns.take()?;
            if goes_on {
                turns.add(of, job);
            }
            Some(job)
        };
        let had = [true, true, false, true, false].map(|goes_on| take(goes_on).unwrap());
        assert_eq!(had, ['a', 'b', 'a', 'b', 'b']);
        assert_eq!(take(true), None);
    }
}
