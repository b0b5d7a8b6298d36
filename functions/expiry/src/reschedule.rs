//! Organizations whose reminders were changed: their credentials get new places in the index.

use futures::stream::{StreamExt, iter};
use state::{Rescheduling, StateError, Watched};

use crate::announce::Done;
use crate::handler::{CREDENTIALS_AT_ONCE, Run};

impl Run<'_> {
    /// Goes on with all of them, as long as there is time. What fails is gone through again by the next run.
    pub(crate) async fn reschedule_all(self) {
        let noted = self
            .expiry
            .credentials
            .reschedulings(self.time.began_at())
            .await;
        let noted = self.heed("list new reminders", noted).unwrap_or_default();
        for rescheduling in noted {
            let rescheduled = self.reschedule(rescheduling).await;
            self.heed("give credentials new reminders", rescheduled);
        }
    }

    /// Goes through the credentials of one organization.
    async fn reschedule(self, mut rescheduling: Rescheduling) -> Result<(), StateError> {
        let credentials = &self.expiry.credentials;
        while self.time.is_left() {
            let (page, next) = credentials.to_reschedule(&rescheduling).await?;
            let moved = iter(page).map(|watched| self.move_on(watched));
            let moved = moved.buffer_unordered(CREDENTIALS_AT_ONCE);
            // Nothing is kept of a page that was not done: it is gone through again.
            let moved: Vec<Result<bool, StateError>> = moved.collect().await;
            for moved in moved {
                if moved? {
                    self.counts.add(Done::MovedOn);
                }
            }
            match credentials.keep_rescheduling(&rescheduling, next).await? {
                Some(next) => rescheduling = next,
                None => return Ok(()),
            }
        }
        Ok(())
    }

    async fn move_on(self, watched: Result<Watched, StateError>) -> Result<bool, StateError> {
        let watched = watched?;
        let Some(account) = self.account(&watched).await? else {
            return Ok(false);
        };
        let reminders = &account.organization.reminder_days;
        self.expiry
            .credentials
            .move_on(&watched, None, reminders)
            .await
    }
}
