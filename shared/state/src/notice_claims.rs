//! Which event announces something of the end of a credential's validity.
//!
//! The claim of a notice fixes its event for as long as anybody could say the same again. That is longer than
//! events are kept, and who claims may die before the event is written. So a claim holds as long as somebody may
//! still write its event, and from then on only if it was written:
//!
//! ```text
//! claim (event a) ── [crash] ── 20 minutes: nobody is about to write a ── another claim: event b
//! claim (event a) ── a ── its credential remembers ── a is no longer kept ── announced all the same
//! ```
//!
//! Only who dies between the last two, with no run until `a` is gone, has it announced once more.

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use payload::event_type::EventType;
use payload::expiry::Notice;
use payload::id::{EventId, OrganizationId};
use payload::idempotency::IdempotencyKey;

use crate::accept::{IdempotencyRow, Submission, valid_for};
use crate::credential_row::CredentialRow;
use crate::credentials::Credentials;
use crate::error::StateError;
use crate::event_row::event_key;
use crate::events::Events;
use crate::keyspace;
use crate::rows::{from_item, text};

/// How long after its claim somebody may still write an event: longer than any function runs.
const ABANDONED_AFTER: SignedDuration = SignedDuration::from_mins(20);

/// Who claims a key.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Claiming<'a> {
    pub(crate) organization: OrganizationId,
    pub(crate) credentials: &'a Credentials,
    /// An id that was made for this request, for an event that nobody has begun.
    pub(crate) fresh: EventId,
    /// How long events of the organization are kept.
    pub(crate) retention: SignedDuration,
    pub(crate) now: Timestamp,
}

impl Events {
    /// Claims the key for an event id; returns the claim that holds. That of a notice is taken over where its event
    /// was never written.
    pub(crate) async fn claim_event(
        &self,
        claiming: Claiming<'_>,
        idempotency_key: &IdempotencyKey,
        claim: &IdempotencyRow,
    ) -> Result<IdempotencyRow, StateError> {
        let Claiming {
            organization, now, ..
        } = claiming;
        let held = self.claim(organization, idempotency_key, claim, now);
        let held = held.await?;
        let IdempotencyKey::Notice(credential, day, notice) = idempotency_key else {
            return Ok(held);
        };
        let made_at = held.event_id.created_at();
        if now.duration_since(made_at) < ABANDONED_AFTER
            || self.is_written(organization, held.event_id).await?
        {
            return Ok(held);
        }
        if made_at + claiming.retention <= now {
            let announced = claiming.credentials.is_announced(
                (organization, credential.as_str()),
                *day,
                *notice,
            );
            if announced.await? {
                return Ok(held);
            }
        }
        let valid_for = valid_for(idempotency_key);
        let next = IdempotencyRow::new(held.fingerprint.clone(), valid_for, now);
        let next = next.of(claiming.fresh);
        self.take_over(organization, idempotency_key, &held, &next)
            .await
    }

    /// Whether the row of an event is there.
    async fn is_written(
        &self,
        organization: OrganizationId,
        event: EventId,
    ) -> Result<bool, StateError> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(event_key(organization, event)))
            .projection_expression("sk")
            .consistent_read(true)
            .send()
            .await
            .map_err(StateError::while_doing(
                "look for an event that was claimed",
            ))?;
        Ok(answer.item.is_some())
    }

    /// Claims a key anew whose event was never written; returns the claim that holds.
    async fn take_over(
        &self,
        organization: OrganizationId,
        idempotency_key: &IdempotencyKey,
        abandoned: &IdempotencyRow,
        next: &IdempotencyRow,
    ) -> Result<IdempotencyRow, StateError> {
        // StillAbandoned. read (event a) → [another run takes it over: event b] → this write: only on a.
        let abandoned = text(abandoned.event_id.to_string());
        let condition = ("event_id = :value", abandoned);
        self.put_claim(organization, idempotency_key, next, condition)
            .await
    }

    /// The event that announced the end of validity which a submission says has come: this one, with the id
    /// `id`, unless it was announced before. A source and the clock may both say it.
    pub(crate) async fn announced_by(
        &self,
        claiming: Claiming<'_>,
        submission: &Submission<'_>,
        id: EventId,
    ) -> Result<EventId, StateError> {
        let parsed = &submission.parsed;
        let credential = parsed.facts.credential.as_ref();
        let is_over = parsed.event_type == EventType::CredentialExpired;
        let credential = credential.filter(|_| is_over && submission.body.is_some());
        let Some((credential, named)) = credential.and_then(|it| Some((it, it.id.as_deref()?)))
        else {
            return Ok(id);
        };
        let Claiming {
            organization,
            credentials,
            now,
            ..
        } = claiming;
        let expires_at = match credential.expires_at {
            None => credentials.end_of(organization, named).await?,
            said => said,
        };
        let Some(expires_at) = expires_at else {
            return Ok(id);
        };
        let key = IdempotencyKey::of_notice(named, expires_at, Notice::Expired);
        let claim = IdempotencyRow::new(String::new(), valid_for(&key), now).of(id);
        let held = self.claim_event(claiming, &key, &claim);
        Ok(held.await?.event_id)
    }
}

impl Credentials {
    /// Whether a credential remembers that this notice of an end on this day, or a nearer one, was announced.
    async fn is_announced(
        &self,
        (organization, credential): (OrganizationId, &str),
        day: Date,
        notice: Notice,
    ) -> Result<bool, StateError> {
        let sort_keys = [keyspace::credential(credential)];
        let items = self.read(organization, sort_keys.into_iter()).await?;
        let row: Option<CredentialRow> = items.into_iter().next().map(from_item).transpose()?;
        Ok(row.is_some_and(|row| {
            let announced = row.announced.filter(|it| it.is_on(day));
            // Whoever says without a date that it is over is remembered by that.
            announced.is_some_and(|it| it.notice <= notice) || row.lifecycle.expired_at().is_some()
        }))
    }
}
