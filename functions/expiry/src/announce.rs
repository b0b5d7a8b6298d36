//! One credential that is due.

use std::sync::Arc;

use payload::expiry::{Announced, Notice, announcement};
use payload::idempotency::IdempotencyKey;
use state::{Acceptance, Account, StateError, Submission, Watched};
use tracing::info;

use crate::handler::Run;

/// What became of a credential that was due, or of something else that was tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Done {
    /// Its end was announced by a new event, which may be late.
    Announced(Notice, bool),
    /// It was announced before.
    Repeated,
    /// Nothing is to be announced: it was announced, revoked, renewed or superseded, or its reminders are others.
    MovedOn,
    /// Its organization has no plan: nothing is recorded for it.
    PassedOver,
    Failed,
}

impl Run<'_> {
    /// Announces the nearest of what is due of a credential.
    pub(crate) async fn announce(self, watched: &Watched) -> Result<Done, StateError> {
        let expiry = self.expiry;
        let now = self.time.began_at();
        let account = self.account(watched).await?;
        let Some(account) = account else {
            return Err(StateError::unreadable("read whose credential is due"));
        };
        let reminders = &account.organization.reminder_days;
        let end = watched.expiry(reminders);
        let due = end.and_then(|end| Some((end.at, end.due(now)?)));
        let Some((expires_at, notice)) = due else {
            let moved = expiry
                .credentials
                .move_on(watched, None, reminders, self.time.clock);
            moved.await?;
            return Ok(Done::MovedOn);
        };
        if !expiry.billing.access(&account, now).records() {
            let announced = Some(Announced { expires_at, notice });
            let moved = expiry
                .credentials
                .move_on(watched, announced, reminders, self.time.clock);
            moved.await?;
            return Ok(Done::PassedOver);
        }
        let submission = self.submission(watched, &account, Announced { expires_at, notice });
        let accepted = expiry.events.accept(
            &expiry.queue,
            &expiry.credentials,
            submission,
            self.time.clock,
        );
        Ok(match accepted.await? {
            Acceptance::Accepted(receipt) => {
                let is_late = notice.is_late(expires_at, now);
                info!(
                    event.id = %receipt.id,
                    event.r#type = %receipt.event_type,
                    organization.id = %watched.organization,
                    endpoints = receipt.endpoints.len(),
                    late = is_late,
                    "announced {}", receipt.id,
                );
                Done::Announced(notice, is_late)
            }
            Acceptance::Repeated(_) | Acceptance::Conflict(_) => Done::Repeated,
        })
    }

    /// Whose credential it is, as it is by now and not as it was when the run began: a long run that went by old
    /// reminders would undo what another one did for new ones.
    pub(crate) async fn account(
        self,
        watched: &Watched,
    ) -> Result<Option<Arc<Account>>, StateError> {
        let now = self.time.clock.now();
        let account = self.expiry.accounts.account(watched.organization, now);
        account.await
    }

    fn submission<'a>(
        self,
        watched: &Watched,
        account: &'a Account,
        Announced { expires_at, notice }: Announced,
    ) -> Submission<'a> {
        let credential = &watched.credential;
        let now = self.time.clock.now();
        let parsed = announcement(credential, expires_at, notice, now);
        let endpoints = account.subscribers(parsed.event_type);
        let subscribed = endpoints.iter().filter_map(|id| account.endpoint(*id));
        let told_in = subscribed.map(|endpoint| endpoint.dialect).collect();
        Submission {
            organization: &account.organization,
            parsed,
            body: None,
            key: IdempotencyKey::of_notice(credential, expires_at, notice),
            endpoints,
            told_in,
            retention: self.expiry.retention,
        }
    }
}
