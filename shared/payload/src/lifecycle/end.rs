//! When the validity of a credential ends: by what its events say, by hand, and by a rule.

use jiff::Timestamp;

use super::Lifecycle;
use super::word::{Moment, Word};
use crate::event::CredentialStatus;

impl Lifecycle {
    /// What somebody says by hand: that its validity ends then, or never. A date that is to come begins the
    /// validity anew.
    pub fn expiring_by_hand(at: Option<Timestamp>, now: Timestamp) -> Self {
        let moment = Moment::by_hand(now);
        Self {
            expires: Some(Word { moment, said: at }),
            renewed_at: at.is_none_or(|at| at > now).then_some(now),
            ..Self::default()
        }
    }

    /// Whether it ends then, or never, because somebody said so by hand, so that to say it again at `now` changes
    /// nothing.
    pub fn is_set_by_hand(&self, at: Option<Timestamp>, now: Timestamp) -> bool {
        let word = self.expires.as_ref().filter(|word| word.said == at);
        let is_by_hand = word.is_some_and(|it| it.moment == Moment::by_hand(it.moment.at));
        let again = self.clone().merge(Self::expiring_by_hand(at, now));
        is_by_hand
            && again.status(now) == self.status(now)
            && again.expires_at() == self.expires_at()
    }

    /// With the end of validity that a rule gives, where this event says none. `known`: what was made of the
    /// event before, if it comes again: the rule may have changed since.
    #[must_use]
    pub fn with_rule(mut self, expires_at: Timestamp, known: Option<&Self>) -> Self {
        let Some(moment) = self.last.as_ref().map(|last| last.moment) else {
            return self;
        };
        let before = known.and_then(|known| known.expires_by_rule.clone());
        let before = before.filter(|word| word.moment == moment);
        self.expires_by_rule = before.or(Some(Word {
            moment,
            said: expires_at,
        }));
        self
    }

    /// When its validity ends: as was said last since it began anew, else as a rule has it since then. What is
    /// from before that counts for want of those only, and a date that was over then is history.
    pub fn expires_at(&self) -> Option<Timestamp> {
        let began = self.renewed_at.unwrap_or(Timestamp::MIN);
        let is_of_this = |(moment, _): &(Moment, Timestamp)| moment.at >= began;
        let is_to_come = |(_, at): &(Moment, Timestamp)| *at > began;
        let word = self.expires.as_ref();
        let said = word.and_then(|word| Some((word.moment, word.said?)));
        // That it never ends is a word too, which only a newer rule outweighs.
        let rule = self
            .expires_by_rule
            .as_ref()
            .filter(|rule| said.is_some() || word.is_none_or(|word| rule.moment >= word.moment));
        let rule = rule.map(|rule| (rule.moment, rule.said));
        let of_this = said.filter(is_of_this).or(rule.filter(is_of_this));
        let before = said.or(rule).filter(is_to_come);
        of_this.or(before).map(|(_, at)| at)
    }

    /// The end of its validity by a rule, if that is what counts for a credential of which `known` was said before
    /// this event.
    pub fn ruled(&self, expires_at: Timestamp, known: Option<&Self>) -> Option<Timestamp> {
        let said = self.clone().with_rule(expires_at, known);
        let all = known.cloned().unwrap_or_default().merge(said);
        all.expires_at().filter(|at| *at == expires_at)
    }

    /// The end of its validity, if that is to be announced: not once it was announced by who issued it, nor of
    /// what was taken back or declined, or has another credential in its place.
    pub fn end_to_announce(&self) -> Option<Timestamp> {
        let is_settled = self.reached >= CredentialStatus::Declined
            || self.superseded_by.is_some()
            || self.was_expired();
        self.expires_at().filter(|_| !is_settled)
    }

    /// When its date alone makes it `expired`, now or in time. Nothing is said then, and what it is changes.
    pub fn expires_by_itself_at(&self) -> Option<Timestamp> {
        let outweighs = self.reached >= CredentialStatus::Expired || self.was_expired();
        self.expires_at().filter(|_| !outweighs)
    }
}
