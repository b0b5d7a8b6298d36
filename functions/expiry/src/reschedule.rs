//! Organizations whose reminders were changed: their credentials get new places in the index.

use futures::stream::{StreamExt, iter};
use state::{Rescheduling, StateError, Watched};

use crate::announce::Done;
use crate::handler::{CREDENTIALS_AT_ONCE, Run};

impl Run<'_> {
    /// Goes on with all of them, as long as there is time; whether all of it was done. What fails is gone through
    /// again by the next run.
    pub(crate) async fn reschedule_all(self) -> bool {
        let noted = self
            .expiry
            .credentials
            .reschedulings(self.time.began_at())
            .await;
        let Some(noted) = self.heed("list new reminders", noted) else {
            return false;
        };
        let mut is_done = true;
        for rescheduling in noted {
            let rescheduled = self.reschedule(rescheduling).await;
            let rescheduled = self.heed("give credentials new reminders", rescheduled);
            is_done &= rescheduled == Some(true);
        }
        is_done
    }

    /// Goes through the credentials of one organization; whether there was time for all. One that cannot be read is
    /// passed: no run could, and it would keep the others from their places.
    async fn reschedule(self, mut rescheduling: Rescheduling) -> Result<bool, StateError> {
        let credentials = &self.expiry.credentials;
        while self.time.is_left() {
            let (page, next) = credentials.to_reschedule(&rescheduling).await?;
            let read = page.into_iter();
            let read = read.filter_map(|watched| self.heed("read a credential", watched));
            let moved = iter(read).map(|watched| self.move_on(watched));
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
                None => return Ok(true),
            }
        }
        Ok(false)
    }

    async fn move_on(self, watched: Watched) -> Result<bool, StateError> {
        let Some(account) = self.account(&watched).await? else {
            return Ok(false);
        };
        let reminders = &account.organization.reminder_days;
        self.expiry
            .credentials
            .move_on(&watched, None, reminders, self.time.clock)
            .await
    }
}
